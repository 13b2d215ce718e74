// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What commands that go through a database show of it, behind BEGIN and elsewhere.
//
// Ownership: borrows the context, and the transaction's view. Threads: home reactor; behind BEGIN
// all shards are held.

#include "commands/context.h"
#include "commands/slice.h"
#include "engine/view.h"

namespace gyre::commands {

/// The keys of the database that the client sees: all, or in a transaction its own in the place of
/// those it has written.
class Sight {
public:
    explicit Sight(Context& context)
        : context_(context),
          view_(context.keyspace.view()),
          database_(context.keyspace.database()) {}

    bool is_plain() const { return view_ == nullptr; }
    /// What it goes through is part of what a transaction has seen: the whole database,
    void note_database() const {
        if (view_ != nullptr) view_->note_scan(database_);
    }
    /// or the chain that Dataset::scan() visited at `cursor`.
    void note_chain(uint64_t cursor, uint64_t next) const {
        if (view_ != nullptr) view_->note_chain(database_, cursor, next);
    }
    /// With the locks of shared shards.
    engine::Executor& executor() const {
        return view_ != nullptr ? view_->home() : context_.services.executor;
    }
    /// A transaction that has emptied the database sees nothing of what is shared.
    bool sees_shared() const { return view_ == nullptr || !view_->has_flushed(database_); }
    /// Only in a transaction.
    int64_t now_ms() const { return view_->now_ms(); }
    int64_t now_ms(const Slice& slice) const {
        return view_ != nullptr ? view_->now_ms() : slice.now_ms(context_.now_ms());
    }
    /// Of an entry in a shared shard.
    bool has(const store::Entry& entry) const {
        return view_ == nullptr || view_->sees(database_, entry);
    }
    template <class F>
    void for_each_own(const F& visit) const {
        if (view_ != nullptr) view_->for_each_own(database_, visit);
    }
    /// Keys that are there for nobody else.
    int64_t surplus() const { return view_ == nullptr ? 0 : view_->surplus(database_); }

private:
    Context& context_;
    engine::View* view_;
    const size_t database_;
};

}  // namespace gyre::commands
