// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Makes room: removes keys by maxmemory-policy when memory is over `maxmemory`, or when a write
// needs places under `maxkeys`. The algorithm is Redis' (evict.c): sample some keys, keep the best
// candidates in a small pool between rounds, evict the best of the pool. A key goes from the shard
// that is written, which has a pool of its own; from all shards, sampled one at a time under their
// own lock into the Evictor's pool, where that one has fewer than maxmemory-samples candidates or
// none is named. A random policy needs no pool: it takes a key where it looks. Nor does s3fifo,
// whose queues each shard keeps for itself (store/s3fifo.h).
//
// Nobody waits for all of it. A write evicts what it adds itself, and beyond that at most a slice
// (maxmemory-eviction-tenacity) for each turn of the loop; what is over the limit then, because the
// limit was lowered, goes in slices between the turns (run_slice()), and the write is allowed.
//
// Keys past their deadline go before any that can be seen, from all shards, and also while active
// expiry is off.
//
// Under maxkeys a write is executed first: whether a key comes into being is known only then.
// Before, owe() sees to it that as many keys may go as the write can bring above the limit; after
// it, evict_keys() takes them, none of them the write's own.
//
// Ownership: one Evictor for each reactor, with a pool for all shards. Threads: home thread; takes
// shard locks one at a time, so none may be held by the caller.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/dataset.h"
#include "engine/eviction_pool.h"

namespace gyre::engine {

/// What came of making room.
enum class Room : uint8_t {
    made,     ///< within the limit
    ongoing,  ///< still above a limit, which is being approached: the write is allowed
    none,     ///< above the limit, and the policy leaves nothing to evict
};

class Evictor {
public:
    using Clock = std::function<int64_t()>;  // monotonic microseconds

    static constexpr size_t kNoShard = SIZE_MAX;
    /// maxmemory-samples above this count as this.
    static constexpr size_t kSamplesMax = 64;
    /// Flushed entries freed between two looks at the memory used.
    static constexpr size_t kDrainEntries = 256;
    /// Keys evicted between two looks at the clock.
    static constexpr size_t kKeysPerLook = 16;
    /// Commands of more keys than this look their own up by hash.
    static constexpr size_t kSparedKeysScan = 4;
    /// Searches for a key that is not the command's own, before all keys are gone through for one.
    static constexpr size_t kSparedSearches = 64;
    /// Wheel work for one hold of a shard's lock, when keys that are due make room.
    static constexpr size_t kExpireBatch = 64;

    Evictor(Dataset& dataset, Executor& executor, uint64_t seed, Clock clock)
        : dataset_(dataset), executor_(executor), random_(seed), clock_(std::move(clock)) {}

    /// True when memory counted against maxmemory is above it.
    bool is_over_memory() const;
    /// True when there are more keys than maxkeys allows, and more than writes under way will
    /// evict: it was lowered.
    bool is_over_keys() const;

    /// Between turns: notes since when memory is above the limit, for INFO.
    void note_excess() { dataset_.excess().note(is_over_memory(), clock_()); }
    /// A turn of the loop begins: writes have a slice between them for what is over the limit.
    void begin_turn() { turn_spent_us_ = 0; }
    /// For a write, when is_over_memory(): evicts until memory is within maxmemory, for at most a
    /// slice; once the turn's slice is spent only until memory is where the last call left it.
    /// `preferred` is the shard that is to take the new key, if one is known.
    Room make_memory(int64_t now_ms, size_t preferred = kNoShard);

    /// Removes keys that are due until there is room for `wanted` new ones under `maxkeys`, others'
    /// promises counted. False: there is too little. Where the limit was lowered, so that it may be
    /// a long way, it takes at most a slice.
    bool expire_for_keys(int64_t wanted, int64_t maxkeys, int64_t now_ms, size_t preferred);
    /// True when `count` keys may be evicted besides those that other writes owe already, and
    /// besides `own_victims` that the command names itself. They are owed until evict_keys() or
    /// forgive().
    bool owe(int64_t count, int64_t own_victims, size_t preferred);
    void forgive(int64_t owed) { dataset_.settle_evictions(owed); }
    /// Evicts up to `count` keys, which are owed, while there are more than `maxkeys`; none of
    /// `own` as long as there is another. Where the limit was lowered, more of them while the
    /// turn's slice lasts.
    void evict_keys(int64_t count, int64_t maxkeys, std::span<const store::Key> own, int64_t now_ms,
                    size_t preferred);
    /// True when the policy could take this key.
    bool may_go(const store::Entry& entry) const {
        return may_go(entry, dataset_.settings.policy.load(std::memory_order_relaxed));
    }

    /// Between turns: evicts for a slice while a limit is exceeded; true when more is to be done at
    /// once.
    bool run_slice(int64_t now_ms);

    /// Evicts one key, from `preferred` if that has at least maxmemory-samples candidates. False:
    /// there is none.
    bool evict_one(int64_t now_ms, size_t preferred = kNoShard);

private:
    enum class Found : uint8_t { key, no_key_this_time, nothing };

    int64_t slice_us() const;
    int64_t used_bytes() const;
    size_t samples() const;
    uint64_t score(const store::Entry& entry, int64_t now_ms, EvictionPolicy policy) const;
    void sample_shard(EvictionPool& pool, size_t shard, int64_t now_ms, EvictionPolicy policy);
    /// Keys the policy may take in a shard. The lock is held.
    size_t candidates(size_t shard, EvictionPolicy policy);
    static size_t candidates(const store::Partition& partition, EvictionPolicy policy);
    Found fill_pool(int64_t now_ms, EvictionPolicy policy);
    bool evict_candidate(EvictionPool& pool, EvictionPool::Candidate candidate, int64_t now_ms,
                         EvictionPolicy policy);
    /// One that is due if there is any, else one that the policy chooses. False: there is none.
    bool remove_one(int64_t now_ms, size_t preferred, int64_t until_us);
    /// The same between the turns. False as well when others are removing all that is too much.
    bool remove_superfluous(int64_t now_ms, int64_t until_us);
    bool is_spared(const store::Entry& entry) const;
    static bool may_go(const store::Entry& entry, EvictionPolicy policy) {
        return !is_volatile(policy) || entry.has_expiry();
    }
    void remember_if_nothing_may_go(EvictionPolicy policy);
    Found evict_any(int64_t now_ms, EvictionPolicy policy);
    bool has_candidates(int64_t needed, size_t preferred, EvictionPolicy policy);
    bool evict_best(int64_t now_ms, EvictionPolicy policy);
    Found evict_sampled(int64_t now_ms, EvictionPolicy policy, size_t preferred);
    Found evict_sampled_in(size_t shard, int64_t now_ms, EvictionPolicy policy);
    Found evict_random(int64_t now_ms, EvictionPolicy policy, size_t preferred);
    Found evict_random_in(size_t shard, int64_t now_ms, EvictionPolicy policy,
                          size_t candidates_min);
    Found evict_fifo(int64_t now_ms, EvictionPolicy policy, size_t preferred);
    Found evict_fifo_in(size_t shard, int64_t now_ms, EvictionPolicy policy, size_t candidates_min);
    size_t count_candidates(size_t shard, EvictionPolicy policy);
    Found search(int64_t now_ms, EvictionPolicy policy, size_t preferred);
    /// Removes an entry and counts it. The lock is held.
    void remove(size_t shard, store::Partition& partition, const store::Key& key,
                store::Entry* entry, int64_t now_ms);
    bool drain_some();
    /// Removes some keys that are due, from `preferred` if it has any. False: none was found, or
    /// not before `until_us`.
    bool expire_some(int64_t now_ms, size_t preferred, int64_t until_us);
    bool expire_in(size_t shard, int64_t now_ms, int64_t until_us);

    Dataset& dataset_;
    Executor& executor_;
    base::Random random_;
    Clock clock_;
    EvictionPool pool_;
    std::span<const store::Key> spared_;   // may not go; while evict_keys() runs
    std::vector<uint64_t> spared_hashes_;  // of these, sorted, when there are many
    size_t drained_flushes_ = 0;           // Dataset::flushes() when nothing was left to drain
    int64_t turn_spent_us_ = 0;            // by writes, since begin_turn()
    int64_t floor_bytes_ = 0;              // memory used when make_memory() last returned
};

}  // namespace gyre::engine
