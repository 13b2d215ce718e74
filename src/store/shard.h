// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One shard of the keyspace: the keys whose hash falls here, of all databases, and the slab their
// entries come from. Everything in it is under one lock, which stands in engine/shard_lock.h.
//
// Ownership: a Shard owns its partitions; the Reclaimer belongs to the thread that holds the lock
// and is set each time the lock is taken. Threads: caller holds the shard lock.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/shared_bytes.h"
#include "containers/slab.h"
#include "store/access.h"
#include "store/change_counters.h"
#include "store/entry_saver.h"
#include "store/partition.h"
#include "store/track.h"
#include "store/wait.h"
#include "store/watch.h"

namespace gyre::store {

/// Takes what is too slow to free under a lock and frees it when told, outside of it: what one call
/// each can free at the next run(), large collections in slices.
///
/// Threads: one, but for pending_objects().
class Reclaimer {
public:
    /// Freeing less than this takes less time than deferring it.
    static constexpr size_t kDeferBytes = 64 * 1024;
    /// The same for the elements of a collection.
    static constexpr size_t kDeferElements = 64;
    Reclaimer() = default;
    Reclaimer(const Reclaimer&) = delete;
    Reclaimer& operator=(const Reclaimer&) = delete;
    ~Reclaimer();

    void add(base::SharedBytes* block) { blocks_.push_back(block); }
    /// Memory from base::allocate(Purpose::keyspace): entries with a very long key.
    void add(Entry* entry) { entries_.push_back(entry); }
    /// Takes over a collection.
    void add(types::Object* object);
    /// Nothing to do for run().
    bool empty() const { return blocks_.empty() && entries_.empty(); }
    size_t pending() const { return blocks_.size() + entries_.size(); }
    /// Drops the references held and frees the rest but collections. No shard lock may be held.
    void run();

    /// Collections wait to be drained.
    bool has_objects() const { return !objects_.empty(); }
    /// Frees about `budget` elements of them; true when none is left. No shard lock may be held.
    bool drain(size_t budget);
    /// Collections that wait in all threads, and those freed since the start or forget_freed().
    static size_t pending_objects() { return pending_objects_.load(std::memory_order_relaxed); }
    static size_t freed_objects() { return freed_objects_.load(std::memory_order_relaxed); }

    static void forget_freed() { freed_objects_.store(0, std::memory_order_relaxed); }

private:
    std::vector<base::SharedBytes*> blocks_;
    std::vector<Entry*> entries_;
    std::vector<types::Object*> objects_;
    static inline std::atomic<size_t> pending_objects_{0};
    static inline std::atomic<size_t> freed_objects_{0};
};

/// Event counters of a shard; summed over shards for INFO.
struct ShardStatistics {
    uint64_t keyspace_hits = 0;
    uint64_t changes = 0;  ///< writes, as `rdb_changes_since_last_save` counts them
    uint64_t keyspace_misses = 0;
    uint64_t expired_lazily = 0;
    uint64_t expired_actively = 0;
    uint64_t evicted = 0;
    uint64_t index_defences = 0;  ///< partitions that changed to SipHash
};

/// Which keys take part in the queues of an s3fifo policy.
enum class FifoMode : uint8_t { off, all_keys, expiring };

class Shard {
    // What each command touches comes first: with the lock in front it is one cache line.
    std::unique_ptr<std::unique_ptr<Partition>[]> databases_;

public:
    /// From the beginning to the counters of hits and of changes.
    static constexpr size_t kHotBytes = 48;

    Reclaimer* reclaimer = nullptr;
    /// Earliest deadline added since it was last set: when the wheels next want a look. One that is
    /// further away than this counts as this, so that a timer may count it in microseconds.
    static constexpr int64_t kHintLatestMs = int64_t{1} << 53;
    int64_t next_due_hint_ms = INT64_MAX;
    /// Access word a new entry starts with; set with the lock from the policy in force.
    uint32_t initial_access_word = 0;

private:
    // Who wants to know of changes: all that a write looks at.
    static constexpr uint32_t kWatched = 1;     // there are marks in watches_
    static constexpr uint32_t kAwaited = 2;     // somebody waits, in waits_
    static constexpr uint32_t kTouched = 4;     // a key that is waited for was changed
    static constexpr uint32_t kTracked = 8;     // somebody has read a key of tracks_
    static constexpr uint32_t kBroadcast = 16;  // somebody wants to know of all keys with a prefix
    static constexpr uint32_t kPrivate = 32;    // it belongs to one transaction
    static constexpr uint32_t kCounted = 64;    // somebody has gone through it, in counters_
    static constexpr uint32_t kObservers = 127;
    uint32_t database_count_ : 17;
    uint32_t observers_ : 7 = 0;
    uint32_t is_marked_ : 1 = 0;              // see save_mark()
    FifoMode fifo_mode_ : 7 = FifoMode::off;  // looked at for each new key

public:
    ShardStatistics statistics;
    /// A time before which no key of the shard is past its deadline. Written under the lock, read
    /// by whoever wants to know whether a look is worth the lock; so it may lie with those of other
    /// shards.
    std::atomic<int64_t>* due_from_ms = &own_due_from_ms_;

    /// Of the wheels of its partitions; set before the first of them is made.
    int64_t wheel_phase_ms = 0;

    Shard(size_t databases, uint64_t seed);
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    /// The partition of a database, made at its first use.
    Partition& database(size_t index, int64_t now_ms);
    /// The same, null when nothing was ever stored there.
    Partition* find_database(size_t index) const { return databases_[index].get(); }
    size_t databases() const { return database_count_; }
    /// Where find_database() will look; for prefetching without the lock.
    const void* database_slot(size_t index) const { return &databases_[index]; }
    void swap_databases(size_t first, size_t second);
    /// Takes a database's partition out of the keyspace; it is drained in slices by drain().
    void detach_database(size_t index);
    /// Frees about `budget` entries, or chunks of wheels, of detached partitions; true when none is
    /// left.
    bool drain(size_t budget);
    size_t detached_entries() const;
    size_t detached_wheel_bytes() const;
    size_t detached_eviction_bytes() const;

    /// Partition::expire_due() for all databases, within one budget. Each call begins with the
    /// database behind the one where the last ended, so that none waits for another's backlog.
    size_t expire_due(int64_t now_ms, size_t budget,
                      const std::function<void(const Entry&)>& on_expired,
                      const OnFieldDue& on_field_due = nullptr);
    /// Partition::hint_due() for the database that expire_due() begins with.
    void hint_due(int64_t now_ms, DueHint hint) const {
        if (!timed_.empty()) timed_[next_timed_ % timed_.size()]->hint_due(now_ms, hint);
    }
    /// Partition::expire_in_tick() for all databases. Afterwards due_from_ms is exact, but for a
    /// wheel that is being rebuilt or has too many tokens in the tick.
    void expire_in_tick(int64_t now_ms, const std::function<void(const Entry&)>& on_expired,
                        const OnFieldDue& on_field_due = nullptr);
    /// The database of the partition whose keys go: within the callbacks of expire_due() and
    /// expire_in_tick(), and after set_current(). O(databases), as it is rarely asked for.
    size_t current_database() const;
    void set_current(const Partition& partition) { current_ = &partition; }
    /// A key is past its deadline at `ms` at the earliest.
    void lower_due_from(int64_t ms) {
        if (ms < due_from_ms->load(std::memory_order_relaxed)) {
            due_from_ms->store(ms, std::memory_order_relaxed);
        }
    }
    /// A partition's word that it has got its first wheel.
    void add_timed(Partition& partition);

    /// A key is written, removed or put in another's place: tells who watches it, and notes it
    /// when somebody waits for it.
    void note_touched(size_t database, const Key& key, Change change = Change::value) {
        if (observers_ != 0) [[unlikely]]
            tell_observers(database, key, change);
    }
    /// The same of a change that can make nothing ready: for those who watch.
    void note_touched_unready(size_t database, const Key& key, Change change = Change::value) {
        if (observers_ != 0) [[unlikely]]
            tell_watchers(database, key, change);
    }
    /// Somebody watches, waits, tracks or counts, or it is private.
    bool is_observed() const { return observers_ != 0; }

    /// It is no part of the keyspace but holds what one transaction has written, which is told of
    /// each change.
    bool is_private() const { return (observers_ & kPrivate) != 0; }
    void set_private() { observe(kPrivate, true); }

    // --- who tracks keys (store/track.h); engine/tracking.h tells them ---
    bool is_tracked() const { return (observers_ & kTracked) != 0; }
    TrackTable::Added add_track(const Key& key, uint64_t client);
    /// Only where is_tracked(), as the next two.
    std::optional<TrackTable::Tracked> take_track(const Key& key);
    TrackTable::Tracked take_any_track();
    std::unique_ptr<TrackTable> take_tracks();
    bool is_broadcast() const { return (observers_ & kBroadcast) != 0; }
    void set_broadcast(bool is_on) { observe(kBroadcast, is_on); }

    // --- who waits for keys (store/wait.h) ---
    bool is_awaited() const { return (observers_ & kAwaited) != 0; }
    /// A key that somebody waits for was changed since begin_service() gave the last one.
    bool has_touched() const { return (observers_ & kTouched) != 0; }
    /// Only where is_awaited().
    WaitTable& waits() { return *waits_; }
    void add_wait(Wait& wait);
    void remove_wait(Wait& wait);
    WaitQueue& begin_service();
    void end_service(WaitQueue& queue);

    // --- marks of watchers (store/watch.h) ---
    bool is_watched() const { return (observers_ & kWatched) != 0; }
    /// Marks a key for the watcher, unless it has a mark already; the mark is added to its list.
    void add_watch(Watcher& watcher, size_t database, const Key& key);
    void remove_watch(const Watch& watch);
    /// A mark that its owner keeps; the key has none of the same watcher yet.
    void attach_watch(Watch& watch);
    /// The mark of the watcher on the key; null: none.
    Watch* find_watch(const Watcher& watcher, size_t database, const Key& key) const {
        return watches_ ? watches_->find(watcher, database, key) : nullptr;
    }
    /// The database is about to be emptied: touches the marked keys that it has; with
    /// `replacement`, about to change places with that one: those that either has. Keys past their
    /// deadline are for the caller to remove first. Of keys that are waited for all are touched.
    void touch_database(size_t database, const Partition* replacement = nullptr);
    /// The marked keys of a database.
    std::vector<std::string> watched_keys(size_t database) const;

    // --- who has gone through it (store/change_counters.h) ---
    /// From here on changes are counted, until an end_counting() for each begin.
    void begin_counting();
    void end_counting();
    /// Only between the two.
    ChangeCounters& counters() { return *counters_; }

    // --- snapshots ------------------------------------------------------------------------------
    // Each entry carries a mark. When no snapshot runs, all have the shard's own; a snapshot begins
    // by turning that round, which makes every entry one that is yet to be saved, and every new one
    // saved. So a write finds out with one comparison, and an entry that moves, is split off with
    // its chain or leaves with its database takes along whether it was saved.
    /// The present state of all databases is to be told to `saver`. Not while another one is.
    void begin_snapshot(EntrySaver& saver);
    /// Saves the next chain; false when all is saved, and `saver` is told of no more entries.
    bool continue_snapshot();
    bool is_saving() const { return is_saving_; }
    /// Entry::save_mark, or 0: the mark of what needs no saving.
    uint8_t save_mark() const { return static_cast<uint8_t>(is_marked_ << 7); }
    /// Before `entry` of `partition` is changed or removed; for those whose mark is another.
    void save(const Partition& partition, Entry& entry);
    /// An object that is being saved comes from another shard.
    void receive(types::ObjectSaver& saver) { saver_->receive(saver); }

    FifoMode fifo_mode() const { return fifo_mode_; }
    /// Another mode begins with empty queues; without one there are none.
    void set_fifo_mode(FifoMode mode);
    struct Victim {
        Partition* partition = nullptr;
        Entry* entry = nullptr;  ///< to be erased by the caller
    };
    /// The key an s3fifo policy evicts next: over all databases from the small queues while these
    /// hold their share of the keys, else from the main ones, by lot according to their length.
    /// Null: none, or none found with bounded work. The policy says whether only keys with a
    /// deadline may go; the mode follows it a moment later when it changes.
    Victim fifo_victim(bool expiring_only);

    containers::Slab& slab() { return slab_; }
    const containers::Slab& slab() const { return slab_; }
    base::Random& random() { return random_; }

    /// Earliest time at which a wheel of this shard has work.
    int64_t next_due_ms() const;
    size_t keys() const;

private:
    void check_layout();
    void tell_observers(size_t database, const Key& key, Change change);
    void tell_watchers(size_t database, const Key& key, Change change);
    void observe(uint32_t bit, bool is_on) {
        observers_ = (is_on ? observers_ | bit : observers_ & ~bit) & kObservers;
    }
    std::span<const std::unique_ptr<Partition>> all_databases() const {
        return {databases_.get(), database_count_};
    }
    void remove_timed(Partition& partition);
    Partition* next_to_save();
    static constexpr size_t kFifoAttempts = 3;
    Victim fifo_victim_of(bool is_small, bool expiring_only, size_t total);

    std::atomic<int64_t> own_due_from_ms_{INT64_MAX};
    containers::Slab slab_;
    std::vector<std::unique_ptr<Partition>> detached_;
    // Those of databases_ that have a wheel: there may be 65,536 databases, and few have one.
    std::vector<Partition*> timed_;
    size_t next_timed_ = 0;
    const Partition* current_ = nullptr;  // see current_database()
    std::unique_ptr<WatchTable> watches_;
    std::unique_ptr<WaitTable> waits_;
    std::unique_ptr<TrackTable> tracks_;
    std::unique_ptr<ChangeCounters> counters_;
    base::Random random_;
    EntrySaver* saver_ = nullptr;  // of the last snapshot
    bool is_saving_ = false;       // that one has not saved all
    size_t save_database_ = 0;     // those before it are saved
};

inline void Partition::will_change(Entry& entry) {
    if (((entry.flags() ^ shard_.save_mark()) & Entry::save_mark) != 0) [[unlikely]]
        shard_.save(*this, entry);
}

}  // namespace gyre::store
