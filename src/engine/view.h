// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What one open transaction (BEGIN ... COMMIT) sees of the data: the entries it has written, which
// lie in a shard of its own, and the rest as it found it. A Keyspace over a view looks in that
// shard first; what is not there the view looks for in the shared one, and leaves a mark on the
// name, as WATCH does, whether there is such a key or not. So the handlers of commands are the same
// ones, and a read copies nothing.
//
// A key of a command that writes it is copied when it is looked up, and is then found in the own
// shard. Nothing is told of changes but to the view: effects, events and messages are kept.
//
// Whoever changes a marked key says so to the mark. A command that comes upon a mark which was
// touched is in conflict, and so is a transaction that wants to commit with one; a commit also asks
// whether anything has changed in the parts of databases that were gone through
// (store/change_counters.h). Both under the locks of all these shards, under which the result is
// put in place. So what a transaction has seen is as it was at
// one moment, that of its commit, or it has come to nothing.
//
// Time stands still at what the transaction began with, for the deadlines that it sets and for
// those of what it has written; whether a shared key is due is asked of the clock, at its first
// touch and at the commit.
//
// Ownership: belongs to a session, which no thread is bound to; each statement brings the executor
// of the thread it runs on. Marks are taken back (leave()) before it goes.
// Threads: one at a time; marks and shared entries under the locks of their shards.
// Complexity: O(1) for each touched key; a collection is copied when it is first written.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/counted.h"
#include "base/shared_bytes.h"
#include "engine/dataset.h"
#include "engine/effects.h"
#include "engine/keyspace.h"

namespace gyre::engine {

/// What a command is about to do with the keys it names.
struct Statement {
    size_t database = 0;
    /// Keys it may write; they are copied when it looks them up.
    std::span<const store::Key> written;
    bool writes_all = false;  ///< all that it looks up it may write
    /// Values that it writes are written whole: of a collection nothing is copied.
    bool overwrites = false;
};

class View {
public:
    View(Dataset& dataset, int64_t begin_ms);
    ~View();
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

    /// The time its statements run at.
    int64_t begin_ms() const { return begin_ms_; }
    const ShardTable& table() const { return own_; }
    /// What handlers leave effects and their like with.
    Executor& executor() { return executor_; }

    // --- a statement ----------------------------------------------------------------------------
    /// Before its handler, with the locks of `keys`: false: one of them, touched before, has
    /// changed.
    bool begin(const Statement& statement, std::span<const store::Key> keys, Executor& home,
               int64_t now_ms);
    /// Behind it, where it named keys: what it has counted is counted in `shard`, which is locked.
    void end(store::Shard& shard);
    /// A lookup has come upon a key that changed after it was touched: the statement counts for
    /// nothing, and the transaction can only end.
    bool has_conflict() const { return has_conflict_; }
    void set_conflict() { has_conflict_ = true; }

    // --- told by the Keyspace and the Dataset
    // ------------------------------------------------------
    /// A key that is not in the own shard, whose shared one is locked. The entry may be shared: it
    /// is only looked at.
    store::Entry* find(size_t database, const store::Key& key);
    void note_changed(size_t database, const store::Key& key);
    /// What there is of the key lies in the own shard.
    bool owns(size_t database, const store::Key& key);
    /// It has emptied the database: what is shared there it does not see.
    bool has_flushed(size_t database) const { return flushed_.has(database); }
    /// `name` is a literal.
    void record_event(uint32_t classes, std::string_view name, size_t database,
                      const store::Key& key);
    /// A database, nullopt: all, is emptied with the commit, and has nothing but what is written
    /// from here on. What it holds until then does not matter.
    void flush(std::optional<size_t> database);
    /// A message to be published with the commit.
    void record_message(TopicKind kind, std::string_view channel, std::string_view payload,
                        base::SharedBytes* block);

    // --- going through a database, with all shards locked
    // ------------------------------------------
    /// Remembers what state the database is in; the transaction is in conflict when that was
    /// another before.
    void note_scan(size_t database);
    /// The same of the chain that Dataset::scan() visits at `cursor` before it gives `next`, for
    /// which the chain's shard is enough.
    void note_chain(size_t database, uint64_t cursor, uint64_t next);
    /// By which a shared key is due or not.
    int64_t now_ms() const { return now_ms_; }
    /// Of the thread the statement runs on, for locks of shared shards.
    Executor& home() { return *home_; }
    /// The shared entry is one it sees: it has not written that key.
    bool sees(size_t database, const store::Entry& entry);
    /// The entries it has written itself.
    void for_each_own(size_t database, const std::function<void(const store::Entry&)>& visit);
    /// Keys that the database has more for it than for others, those past their deadline counted.
    int64_t surplus(size_t database);

    // --- batches: all of it or nothing -----------------------------------------------------------
    /// What is written from here on can be taken back, until end_batch().
    void begin_batch();
    void end_batch();
    void undo_batch();

    // --- the end --------------------------------------------------------------------------------
    size_t keys() const { return marks_.size(); }
    /// Bytes of what it has written and of its marks.
    size_t bytes() const;
    void add_shards(ShardSet& set) const;
    std::vector<store::Key> changed_keys() const;
    /// With all shards of add_shards() locked by `home`, and the clock at `now_ms`: nothing it has
    /// seen has changed.
    bool is_valid(Executor& home, int64_t now_ms);
    /// The entries that are there now under the keys it has changed, but for databases that it
    /// empties. With the same locks.
    void for_each_replaced(const std::function<void(const store::Entry&)>& visit) const;
    /// Keys there will be more; negative: fewer.
    int64_t growth(int64_t now_ms);
    /// With the same locks, once is_valid(): takes back the marks and puts all in place; effects
    /// go to those of `home`. Nothing is left here.
    void install(Executor& home, int64_t now_ms);
    /// Takes back all marks, with no lock held but those of a transaction that holds all it needs.
    void leave(Executor& home);

private:
    /// A key that was touched.
    struct Mark : store::Watch {
        using store::Watch::Watch;
        bool is_own = false;      // what there is of it, if anything, is in the own shard
        bool is_changed = false;  // and is not what it was
        uint32_t batch = 0;       // in which it was last kept for undo_batch()
    };
    using Text = base::CountedString<base::Purpose::clients>;
    /// What is published with the commit.
    struct Notice {
        std::optional<TopicKind> kind;  // of a message; nullopt: it is an event
        bool is_flush = false;          // of `database`
        uint32_t classes = 0;
        std::string_view name;
        std::optional<size_t> database;
        Text channel;  // or key
        Text payload;
        base::SharedBytesRef block;
        KeyState state;
    };
    /// How a mark was when a batch first wrote its key.
    struct Kept {
        Mark* mark;
        bool was_own;
        bool was_changed;
        bool was_there;  // in the own shard; its entry is in kept_
    };
    /// A part of a database that was gone through, and its state then.
    struct Scanned {
        size_t database = 0;
        size_t shard = 0;
        store::Regions regions;
        uint64_t changes = 0;
        // Keys that went because of their deadline, and those that are past it and still there:
        // that one of these goes changes nothing.
        uint64_t due = 0;

        bool is_in(size_t other_database, size_t other_shard) const {
            return database == other_database && shard == other_shard;
        }
        friend bool operator==(const Scanned&, const Scanned&) = default;
    };

    /// Databases that it has emptied.
    struct Flushed {
        bool all = false;
        std::vector<size_t> databases;  // but not after all
        bool has(size_t database) const {
            return all || std::ranges::find(databases, database) != databases.end();
        }
        bool empty() const { return !all && databases.empty(); }
    };

    store::Shard& own() const { return own_[0].data; }
    Mark* find_mark(size_t database, const store::Key& key);
    Mark& add_mark(size_t database, const store::Key& key);
    bool may_write(const store::Key& key) const;
    void keep(Mark& mark);
    store::Entry* adopt(Mark& mark, const store::Key& key, store::Entry* entry);
    store::Entry* find_shared(size_t database, const store::Key& key, Executor& home);
    Scanned scanned_now(size_t database, size_t shard, store::Regions regions);
    bool is_as_it_was(const Scanned& part);
    void note_regions(size_t database, size_t shard, store::Regions regions);
    void install(Mark& mark, Executor& home, int64_t now_ms);
    void publish(const Notice& notice, Executor& home, int64_t now_ms);
    void publish(Executor& home, int64_t now_ms);
    void empty();

    Dataset& dataset_;
    const int64_t begin_ms_;
    ShardTable own_;
    std::unique_ptr<store::Shard> kept_shard_;  // entries as they were before the batch
    Executor executor_;
    store::Watcher watcher_{store::Change::beside};
    std::deque<Mark, base::CountedAllocator<Mark, base::Purpose::clients>> marks_;
    std::vector<size_t> databases_;  // in which it has written
    size_t name_bytes_ = 0;
    std::vector<Notice> notices_;
    size_t notice_bytes_ = 0;
    base::CountedVector<Scanned, base::Purpose::clients> scanned_;  // in order; none meets another
    ShardSet counting_;  // shards whose changes are counted for it
    Flushed flushed_;
    std::vector<Kept> kept_;
    std::vector<Mark*> stand_ins_;  // adopted by the statement without their values
    Effects::Checkpoint checkpoint_;
    size_t kept_notices_ = 0;
    size_t kept_notice_bytes_ = 0;
    Flushed kept_flushed_;
    uint32_t batches_ = 0;
    bool is_in_batch_ = false;
    bool has_conflict_ = false;
    // of the statement
    Statement statement_;
    Executor* home_ = nullptr;
    int64_t now_ms_ = 0;
};

}  // namespace gyre::engine
