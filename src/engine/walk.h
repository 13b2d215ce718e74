// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Walks the keys of one database in small steps, each under the lock of one shard, with writes of
// all kinds going on between them. A key that is there from the first step to the last is given
// exactly once; one that comes or goes meanwhile, at most once.
//
// Nothing is remembered for that: the index is walked in the order of its reversed hashes, which
// grows and shrinks of the table do not change, so a key's own hash says whether it was given
// already (containers/bucket_table.h). Only when a partition changes its hash function, as it does
// once when it meets an attack, the order is void: the step answers `again`, what the shard gave is
// to be forgotten, and the shard starts over.
//
// Ownership: borrows the data set. Threads: the executor's; takes one lock at a time, so none may
// be held. Suspends: never; the caller may, between steps. Complexity: a step visits one chain,
// about seven entries.

#include <cstddef>
#include <cstdint>

#include "containers/timer_wheel.h"
#include "engine/dataset.h"

namespace gyre::engine {

class Walk {
public:
    enum class Step : uint8_t {
        more,   ///< a chain was visited
        shard,  ///< the shard is done
        again,  ///< what this shard gave is void, and it starts over
    };

    Walk(Dataset& dataset, size_t database) : dataset_(dataset), database_(database) {}

    bool is_done() const { return shard_ == dataset_.shards(); }
    /// visit(entry) for the keys of the next chain whose deadline has not passed. Not when
    /// is_done().
    template <class F>
    Step step(Executor& executor, int64_t now_ms, F&& visit) {
        dataset_.lock(shard_, executor);
        const store::Partition* partition = dataset_.shard(shard_).find_database(database_);
        const bool defended = partition != nullptr && partition->is_defended();
        const bool is_void = cursor_ != 0 && defended != defended_;
        defended_ = defended;
        cursor_ = partition == nullptr || is_void
                      ? 0
                      : partition->scan_once(cursor_, [&](const store::Entry& entry) {
                            if (!entry.is_expired(now_ms)) visit(entry);
                        });
        dataset_.unlock(shard_);
        if (is_void) return Step::again;
        if (cursor_ != 0) return Step::more;
        ++shard_;
        return Step::shard;
    }
    /// At the beginning of a shard: adds the number of its live keys to `keys` and passes over it,
    /// when that number is known without looking at them.
    bool count_shard(Executor& executor, int64_t now_ms, size_t& keys) {
        if (cursor_ != 0) return false;
        dataset_.lock(shard_, executor);
        const store::Partition* partition = dataset_.shard(shard_).find_database(database_);
        // The wheel is late by up to a tick: only when it has nothing before then is no deadline
        // past.
        const bool is_known = partition == nullptr || partition->with_expiry() == 0 ||
                              partition->next_due_ms() > now_ms + containers::TimerWheel::kTickMs;
        if (is_known && partition != nullptr) keys += partition->size();
        dataset_.unlock(shard_);
        if (is_known) ++shard_;
        return is_known;
    }

private:
    Dataset& dataset_;
    const size_t database_;
    size_t shard_ = 0;
    uint64_t cursor_ = 0;  // within the shard; 0: at its beginning
    bool defended_ = false;
};

}  // namespace gyre::engine
