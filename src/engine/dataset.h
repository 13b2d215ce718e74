// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The running data set: the shards with their locks, and what concerns all of them. Any thread
// executes any command: it locks the shards of the command's keys in ascending order, runs to the
// end, unlocks.
//
// Ownership: the Dataset owns its shards and outlives all reactors.
// Threads: any. Functions that say so take locks themselves; none may be held when they are called.
// Suspends: never.

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/effects.h"
#include "engine/events.h"
#include "engine/eviction_pool.h"
#include "engine/pubsub.h"
#include "engine/settings.h"
#include "engine/shard_table.h"
#include "engine/tracking.h"
#include "store/shard.h"

namespace gyre::engine {

/// A set of shards, to be locked together.
class ShardSet {
public:
    static constexpr size_t kShardsMax = 1024;
    void add(size_t shard) { words_[shard / 64] |= uint64_t{1} << (shard % 64); }
    bool has(size_t shard) const { return (words_[shard / 64] >> (shard % 64) & 1) != 0; }
    void add_all(size_t shards) {
        for (size_t shard = 0; shard < shards; ++shard) add(shard);
    }
    /// Calls `f(shard)` in ascending order.
    template <class F>
    void for_each(F&& f) const {
        for (size_t word = 0; word < words_.size(); ++word) {
            for (uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
                f(word * 64 + static_cast<size_t>(std::countr_zero(bits)));
            }
        }
    }

private:
    std::array<uint64_t, kShardsMax / 64> words_{};
};

struct DatasetOptions {
    size_t threads = 1;  ///< reactors that will use it; 1 elides the locks
    size_t databases = 16;
    size_t shards = 0;  ///< a power of two up to 1024; 0: 16, with several threads 64 and more
    uint64_t seed = 0;  ///< of the shards' random generators
};

/// Serves those who wait for keys; the commands room knows how.
class WaitServer {
public:
    virtual ~WaitServer() = default;
    /// Of the set's shards, all locked, some have touched keys.
    virtual void serve(const ShardSet& locked) = 0;
};

class View;

/// By whom a key is changed.
enum class Cause : uint8_t {
    command,   ///< the running one, whose client may want to hear nothing of it
    server,    ///< for want of room, or because fields of a hash were due
    deadline,  ///< it was due
};

/// What the thread that runs commands brings along to the shards it locks. One for each reactor.
struct Executor {
    store::Reclaimer reclaimer;
    uint32_t initial_access_word =
        0;  ///< for new keys; set once a turn from the policy and the clock
    /// Where this thread publishes from, and the reactors that it has to wake for it.
    Pubsub::Origin origin;
    /// What the running command changes, for the log.
    Effects effects;
    /// What db-updates tells of it, until the effects have their place in the log.
    std::vector<std::string> updates;
    /// For clients that track keys.
    TrackingNotes tracking;
    /// The timestamp that what is executed gives its keys at least; only when a log is loaded.
    int64_t stamp_ms = store::kNoTimestamp;
    /// A log is loaded: what is executed happened long ago, and nothing is added to it.
    bool is_replaying = false;
    /// Keys that the running handler may still create in the room reserve_keys() gave it.
    int64_t promised_keys = 0;
    WaitServer* wait_server = nullptr;  ///< null: nobody waits here
    View* view = nullptr;               ///< whose executor it is; null: a reactor's
    /// Shards where this thread has removed keys, for their time or for want of room, that somebody
    /// waits for: served at the end of the turn.
    std::vector<size_t> shards_to_serve;
    void serve_later(size_t shard) {
        if (shards_to_serve.empty() || shards_to_serve.back() != shard)
            shards_to_serve.push_back(shard);
    }
};

/// What became of transactions begun with BEGIN, since the start or CONFIG RESETSTAT. Any thread.
struct TransactionFigures {
    std::atomic<int64_t> committed{0};
    std::atomic<int64_t> conflicts{0};
    std::atomic<int64_t> aborted{0};  ///< past a bound
    std::atomic<int64_t> rolled_back{0};
    void reset() {
        for (std::atomic<int64_t>* one : {&committed, &conflicts, &aborted, &rolled_back}) {
            one->store(0, std::memory_order_relaxed);
        }
    }
};

/// For how long memory has been above maxmemory. Any thread; no lock.
class ExcessTime {
public:
    /// What a thread sees when it looks; monotonic microseconds.
    void note(bool is_over, int64_t now_us) {
        if (is_over == (since_us_.load(std::memory_order_relaxed) != 0)) [[likely]]
            return;
        if (is_over) {
            int64_t expected = 0;
            since_us_.compare_exchange_strong(expected, std::max<int64_t>(now_us, 1));
        } else if (const int64_t since_us = since_us_.exchange(0); since_us != 0) {
            past_us_.fetch_add(std::max<int64_t>(now_us - since_us, 0));
        }
    }
    bool is_on() const { return since_us_.load(std::memory_order_relaxed) != 0; }
    int64_t current_us(int64_t now_us) const {
        const int64_t since_us = since_us_.load(std::memory_order_relaxed);
        return since_us == 0 ? 0 : std::max<int64_t>(now_us - since_us, 0);
    }
    int64_t total_us(int64_t now_us) const {
        return past_us_.load(std::memory_order_relaxed) + current_us(now_us);
    }
    /// CONFIG RESETSTAT: where memory is still above the limit the time begins anew.
    void reset() {
        since_us_.store(0, std::memory_order_relaxed);
        past_us_.store(0, std::memory_order_relaxed);
    }

private:
    std::atomic<int64_t> since_us_{0};  // 0: memory is within the limit
    std::atomic<int64_t> past_us_{0};
};

class Dataset {
public:
    explicit Dataset(const DatasetOptions& options);

    size_t shards() const { return shards_.size(); }
    size_t databases() const { return options_.databases; }
    size_t threads() const { return options_.threads; }
    size_t shard_of(uint64_t hash) const { return shards_.index_of(hash); }
    const ShardTable& table() const { return shards_; }
    /// The shard itself; its lock must be held for all but prefetching with one thread.
    store::Shard& shard(size_t index) { return shards_[index].data; }

    void lock(size_t shard, Executor& executor) {
        if (!shards_[shard].lock.lock_if_free()) [[unlikely]]
            lock_slow(shard);
        enter(shard, executor);
    }
    bool try_lock(size_t shard, Executor& executor) {
        if (!shards_[shard].lock.try_lock()) return false;
        enter(shard, executor);
        return true;
    }
    void unlock(size_t shard) {
        if (shards_[shard].lock.leave_again()) [[unlikely]]
            return;
        if (release(shard)) [[unlikely]]
            tell_owner(shard);
    }
    /// With the locks of all that changed, while there is a log: the effects' place in it
    /// (Effects::reserve()), and what db-updates tells of them, in the same order.
    log::Position reserve(Executor& executor) {
        return executor.updates.empty() ? executor.effects.reserve() : reserve_updated(executor);
    }
    /// Where keys may have gone: reserves their place in the log, unlocks, and writes.
    void unlock_logged(size_t shard, Executor& executor) {
        if (executor.effects.is_on()) static_cast<void>(reserve(executor));
        unlock(shard);
        executor.effects.write();
    }
    void lock(const ShardSet& set, Executor& executor);
    /// Wakes nobody before the last lock is released: waking is a system call.
    void unlock(const ShardSet& set);
    /// Locks the set for a transaction: until let_go() this thread may lock its shards, and no
    /// others, as often as it likes, through any executor.
    void hold(const ShardSet& set, Executor& executor);
    void let_go(const ShardSet& set);

    /// With the set locked, before it is unlocked: whoever waits for a key that was changed is
    /// served.
    void serve_waiters(const ShardSet& locked, Executor& executor);

    /// Time at which the shard's wheels may have work. No lock needed.
    int64_t next_due_ms(size_t shard) const {
        return shards_[shard].next_due_ms.load(std::memory_order_relaxed);
    }
    /// A time before which no key of the shard is past its deadline. No lock needed.
    int64_t due_from_ms(size_t shard) const {
        return due_from_ms_[shard].load(std::memory_order_relaxed);
    }
    /// With the lock held, after expiring: sets it anew.
    void refresh_next_due(size_t shard);
    /// The earliest next_due_ms() of the shards that a reactor looks after (every n-th), or a time
    /// before it: others lower it, refresh_soonest_due() raises it.
    int64_t soonest_due_ms(size_t reactor) const {
        return reactors_[reactor].soonest_due_ms.load(std::memory_order_relaxed);
    }
    /// On the reactor's own thread, after expiring: looks at its shards and returns the time.
    int64_t refresh_soonest_due(size_t reactor);

    // --- the sleep of reactors that expire -------------------------------------------------------
    // With several reactors one may set a deadline in a shard that another looks after and sleeps.
    /// Called for the reactor that must look at its shards sooner than it meant to. Set once,
    /// before the reactors run; any thread calls it, without a lock.
    void set_waker(std::function<void(size_t reactor)> wake) { wake_ = std::move(wake); }
    /// Has every reactor look at its shards: removal by time was switched on. Any thread.
    void wake_all();
    /// The reactor will sleep until `until_ms` (Unix time). Afterwards it looks at
    /// soonest_due_ms() once more: a deadline set before that is its own business.
    void announce_sleep(size_t reactor, int64_t until_ms) {
        reactors_[reactor].sleeps_until_ms.store(until_ms, std::memory_order_relaxed);
        // The counterpart of the one in tell_owner(): either the look that follows sees the
        // deadline, or whoever set it sees the sleep. The store alone, even sequentially
        // consistent, would not order that look behind it.
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    /// Wakes the reactors that got messages to deliver. No lock may be held.
    void wake_asleep(Executor& executor) {
        if (!executor.origin.asleep.empty()) [[unlikely]]
            wake_origin(executor.origin);
    }
    void announce_awake(size_t reactor) {
        reactors_[reactor].sleeps_until_ms.store(INT64_MIN, std::memory_order_relaxed);
    }

    // --- over all shards; these take the locks one after another ---------------------------------
    size_t keys(size_t database, Executor& executor);
    size_t keys_total(Executor& executor);
    struct DatabaseFigures {
        size_t keys = 0;
        size_t with_expiry = 0;
        double deadline_sum_ms = 0;
    };
    DatabaseFigures figures(size_t database, Executor& executor);
    store::ShardStatistics statistics(Executor& executor);
    void reset_statistics(Executor& executor);
    /// Runs `visit` for every shard under its lock.
    void for_each_shard(Executor& executor, const std::function<void(store::Shard&)>& visit);

    /// Empties a database, or all. The entries are freed later in slices (drain()).
    void flush(size_t database, Executor& executor, int64_t now_ms = 0);
    void flush_all(Executor& executor, int64_t now_ms = 0);
    /// Of keys that are watched, those past their deadline go first.
    void swap(size_t first, size_t second, Executor& executor, int64_t now_ms = INT64_MIN);
    /// With all shards locked: takes out the keys of a database, nullopt: of all, and tells who
    /// watches, waits or tracks; the log, who subscribes and the count of keys are the caller's.
    /// Returns how many there were. Their memory is for drain().
    int64_t empty(std::optional<size_t> database, Executor& executor);
    /// Keys of a database, nullopt: of all, with all shards locked.
    int64_t resident(std::optional<size_t> database);
    /// Frees up to `budget` detached entries of shards `first`, `first + step`, ...; true when none
    /// is left.
    bool drain(size_t first, size_t step, size_t budget, Executor& executor);
    /// Grows with each flush: whoever drains compares it with what it saw last.
    size_t flushes() const { return flushes_.load(std::memory_order_relaxed); }
    size_t detached_entries(Executor& executor);
    /// Freed by drain() since the start or reset_statistics(). Any thread.
    uint64_t drained_entries() const { return drained_entries_.load(std::memory_order_relaxed); }

    /// What a cursor of scan() says.
    struct ScanPlace {
        size_t shard = 0;
        uint64_t inner = 0;  ///< where in the shard; 0: at its beginning
        bool is_defended = false;
    };
    ScanPlace scan_place(uint64_t cursor) const;
    /// One step of SCAN: visits at least one bucket and returns the next cursor, 0 at the end. Keys
    /// past their deadline are visited too. Takes one lock.
    uint64_t scan(size_t database, uint64_t cursor, Executor& executor,
                  const std::function<void(const store::Entry&)>& visit);

    // --- transactions (engine/view.h) ------------------------------------------------------------
    /// One more is open, or one less. Any thread; while there is one, memory that is counted as the
    /// keyspace's may lie in a shard that is no part of it (engine/memory_check.h).
    void note_view(int64_t change) { views_.fetch_add(change, std::memory_order_relaxed); }
    /// For the random choices of one.
    uint64_t take_view_seed() {
        return options_.seed + view_seeds_.fetch_add(1, std::memory_order_relaxed);
    }
    /// Transactions that are open.
    int64_t views() const { return views_.load(std::memory_order_relaxed); }
    TransactionFigures& transactions() { return transactions_; }

    // --- maxkeys ---------------------------------------------------------------------------------
    /// Keys there are, plus those promised by reserve(); kept only while maxkeys is set.
    int64_t keys_reserved() const { return keys_count_.load(std::memory_order_relaxed); }
    /// Promises room for `count` new keys under `maxkeys`; false, and nothing is promised, when
    /// there is not enough.
    bool reserve_keys(int64_t count, int64_t maxkeys);
    /// A key came into being: in the room promised to the executor while there is any of it.
    void note_created(Executor& executor) {
        if (executor.promised_keys > 0) {
            --executor.promised_keys;
        } else {
            keys_count_.fetch_add(1, std::memory_order_relaxed);
        }
    }
    /// Gives back what is left of the executor's promise.
    void settle_promise(Executor& executor) {
        unreserve_keys(std::exchange(executor.promised_keys, 0));
    }
    void unreserve_keys(int64_t count) { keys_count_.fetch_sub(count, std::memory_order_relaxed); }
    /// Evictions that commands under way will make up for with, those now promised included.
    int64_t owe_evictions(int64_t count) {
        return owed_evictions_.fetch_add(count, std::memory_order_relaxed) + count;
    }
    int64_t owed_evictions() const { return owed_evictions_.load(std::memory_order_relaxed); }
    void settle_evictions(int64_t count) {
        owed_evictions_.fetch_sub(count, std::memory_order_relaxed);
    }
    bool counts_keys() const { return counts_keys_.load(std::memory_order_relaxed); }
    /// Sets the limit and begins or ends the exact count. Locks all shards.
    void set_maxkeys(int64_t maxkeys, Executor& executor);

    // --- nothing that may go -------------------------------------------------------------------
    // Under a volatile policy a fruitless search of all shards is remembered until a key gets a
    // deadline. Whoever searched supposes first, searches once more and then concludes; a deadline
    // set meanwhile, under a shard's lock, is seen by that search or spoils the conclusion.
    bool lacks_deadlines() const {
        return deadlines_.load(std::memory_order_relaxed) == Deadlines::none;
    }
    void suppose_no_deadlines() {
        deadlines_.store(Deadlines::searched, std::memory_order_relaxed);
    }
    void conclude_no_deadlines() {
        Deadlines expected = Deadlines::searched;
        deadlines_.compare_exchange_strong(expected, Deadlines::none, std::memory_order_relaxed);
    }
    /// A key has a deadline that it had not before. The shard's lock is held.
    void note_deadline() {
        if (deadlines_.load(std::memory_order_relaxed) == Deadlines::unknown) [[likely]]
            return;
        deadlines_.store(Deadlines::unknown, std::memory_order_relaxed);
    }

    /// Makes the policy the one in force, and begins or ends what it has to remember. Takes the
    /// locks one after another.
    void set_policy(EvictionPolicy policy, Executor& executor);
    /// Candidates of the shard, whose lock is held. Made at its first use, gone when the policy
    /// changes.
    EvictionPool& eviction_pool(size_t shard) {
        std::unique_ptr<EvictionPool>& pool = shards_[shard].pool;
        if (!pool) pool = std::make_unique<EvictionPool>();
        return *pool;
    }

    // --- messages --------------------------------------------------------------------------------
    Pubsub& pubsub() { return pubsub_; }
    Tracking& tracking() { return tracking_; }
    /// A key is written, removed or put in another's place, and its shard is locked: for who
    /// watches it, waits for it, tracks it or has gone through its database.
    void note_touched(store::Shard& data, size_t database, const store::Key& key,
                      Executor& executor, Cause cause) {
        if (data.is_observed()) [[unlikely]]
            tell_observers(data, database, key, executor, cause);
    }
    /// The same of a change that can make nothing ready for those who wait.
    void note_touched_unready(store::Shard& data, size_t database, const store::Key& key,
                              Executor& executor) {
        if (data.is_observed()) [[unlikely]]
            tell_observers_unready(data, database, key, executor);
    }
    /// The same of a change beside the value, which nobody is told of who watches or tracks the
    /// key.
    void note_touched_beside(store::Shard& data, size_t database, const store::Key& key,
                             Executor& executor, bool is_awaited) {
        if (data.is_observed()) [[unlikely]]
            tell_observers_beside(data, database, key, executor, is_awaited);
    }
    /// Whether somebody may want to know of events of these classes.
    bool notifies(uint32_t classes) const {
        return (settings.notified_events.load(std::memory_order_relaxed) & asked_by(classes)) != 0;
    }
    /// What is told of a key that lies, or does not, in a partition (null: none does).
    static KeyState state_of(const store::Partition* partition, const store::Key& key);
    /// Tells of an event of a key, whose shard is locked. Only when notifies().
    void publish_event(const KeyEvent& event, Executor& executor);

    /// An entry goes because of its deadline or for want of room: for the log, for who watches it
    /// and for who listens. The shard is locked and its current_database() is the entry's.
    void tell_of_removal(uint32_t event_class, std::string_view name, size_t shard_index,
                         const store::Entry& entry, int64_t now_ms, Executor& executor) {
        if (executor.effects.is_on()) [[unlikely]] {
            executor.effects.removed(shard(shard_index).current_database(),
                                     store::Key::of(entry.key()).hash, entry.key());
        }
        tell_of_change({event_class, name, entry.key(), 0, now_ms, true}, shard_index, executor);
    }
    /// The same for what goes because of a deadline: the key's own, or those of all its fields.
    void tell_of_due(size_t shard_index, const store::Entry& entry, int64_t now_ms,
                     Executor& executor);
    /// Fields of a hash go because of their deadlines.
    void tell_of_fields(size_t shard_index, const store::Entry& entry, int64_t now_ms,
                        Executor& executor);

    /// The same of a field of a hash that goes because of its deadline, for the log alone.
    void tell_of_field(size_t shard_index, const store::Entry& entry, std::string_view name,
                       Executor& executor) {
        if (!executor.effects.is_on()) [[likely]]
            return;
        const std::string_view key = entry.key();
        executor.effects.removed_field(shard(shard_index).current_database(),
                                       store::Key::of(key).hash, key, name);
    }

    /// db-updates of whole databases, whose shards are all locked. Without a database: of all.
    void publish_update(std::string_view operation, std::optional<size_t> database, int64_t now_ms,
                        Executor& executor);

    ExcessTime& excess() { return excess_; }

    Settings settings;

private:
    bool wants_updates(const Executor& executor) const;
    void publish_update(const KeyEvent& event, Executor& executor);
    void publish_update(const Update& update, Executor& executor);
    log::Position reserve_updated(Executor& executor);
    enum class Deadlines : uint8_t { unknown, searched, none };
    /// What others must know of a reactor.
    struct alignas(64) Reactor {
        std::atomic<int64_t> sleeps_until_ms{INT64_MIN};  // INT64_MIN: awake
        std::atomic<int64_t> soonest_due_ms{INT64_MAX};
    };
    /// In the shard's current_database().
    void tell_of_change(KeyEvent event, size_t shard_index, Executor& executor) {
        store::Shard& data = shard(shard_index);
        event.database = data.current_database();
        if (data.is_observed()) [[unlikely]] {
            // What is told of fields of a hash is that it has changed.
            const bool is_due = event.is_gone && (event.classes & event::expired) != 0;
            note_touched(data, event.database, store::Key::of(event.key), executor,
                         is_due ? Cause::deadline : Cause::server);
            if (data.has_touched()) executor.serve_later(shard_index);
        }
        if (!notifies(event.classes)) [[likely]]
            return;
        publish_event(event, executor);
    }
    void tell_observers(store::Shard& data, size_t database, const store::Key& key,
                        Executor& executor, Cause cause);
    void tell_observers_unready(store::Shard& data, size_t database, const store::Key& key,
                                Executor& executor);
    static void tell_observers_beside(store::Shard& data, size_t database, const store::Key& key,
                                      Executor& executor, bool is_awaited);
    void tell_trackers(store::Shard& data, const store::Key& key, Executor& executor, Cause cause);
    void lock_slow(size_t shard);
    void enter(size_t shard, Executor& executor) {
        store::Shard& data = shards_[shard].data;
        data.reclaimer = &executor.reclaimer;
        data.initial_access_word = executor.initial_access_word;
    }

    /// Gives the lock up; true when a deadline was set that is nearer than all before it.
    bool release(size_t index) {
        LockedShard& shard = shards_[index];
        const int64_t hint_ms = shard.data.next_due_hint_ms;
        const bool is_sooner = hint_ms < shard.next_due_ms.load(std::memory_order_relaxed);
        if (is_sooner) [[unlikely]]
            shard.next_due_ms.store(hint_ms, std::memory_order_relaxed);
        shard.lock.unlock();
        return is_sooner;
    }
    void tell_owner(size_t shard);
    void expire_watched(store::Shard& data, size_t database, size_t other, int64_t now_ms,
                        Executor& executor);
    void wake_origin(Pubsub::Origin& origin);
    void finish_change(const ShardSet& all, size_t database, const log::Effect& effect,
                       Executor& executor);
    void flush_tracked(Executor& executor);
    void detach(size_t database, Executor& executor, int64_t now_ms);
    void detach_all(Executor& executor, int64_t now_ms);
    void exchange(size_t first, size_t second, Executor& executor, int64_t now_ms);
    void lower_soonest_due(size_t reactor, int64_t due_ms);
    void wake(size_t reactor, int64_t due_ms);

    DatasetOptions options_;
    // Of the shards, side by side: who evicts goes through all of them for each key.
    std::unique_ptr<std::atomic<int64_t>[]> due_from_ms_;
    ShardTable shards_;
    std::unique_ptr<Reactor[]> reactors_;
    std::function<void(size_t)> wake_;
    Pubsub pubsub_;
    Tracking tracking_{pubsub_};
    std::mutex updates_order_;  // the last of all that are taken under a shard's lock but pubsub's
    std::atomic<size_t> flushes_{0};
    std::atomic<int64_t> views_{0};
    std::atomic<uint64_t> view_seeds_{1};
    TransactionFigures transactions_;
    std::atomic<uint64_t> drained_entries_{0};
    std::atomic<Deadlines> deadlines_{Deadlines::unknown};
    std::atomic<bool> counts_keys_{false};
    std::atomic<int64_t> keys_count_{0};
    std::atomic<int64_t> owed_evictions_{0};
    ExcessTime excess_;
};

/// Holds the locks of a set of shards for a scope.
class ShardGuard {
public:
    ShardGuard(Dataset& dataset, const ShardSet& set, Executor& executor)
        : dataset_(dataset), set_(set) {
        dataset_.lock(set_, executor);
    }
    ~ShardGuard() { dataset_.unlock(set_); }
    ShardGuard(const ShardGuard&) = delete;
    ShardGuard& operator=(const ShardGuard&) = delete;

private:
    Dataset& dataset_;
    const ShardSet set_;
};

}  // namespace gyre::engine
