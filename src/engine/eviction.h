// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Makes room: removes keys by maxmemory-policy when memory is over `maxmemory`, or when a write
// needs places under `maxkeys`. The algorithm is Redis' (evict.c): sample some keys, keep the best
// candidates in a small pool between rounds, evict the best of the pool. Shards are sampled one at
// a time under their own lock.
//
// Ownership: one Evictor for each reactor, with a pool of its own. Threads: home thread; takes
// shard locks one at a time, so none may be held by the caller.

#include <array>
#include <cstdint>
#include <string>

#include "engine/dataset.h"

namespace gyre::engine {

class Evictor {
public:
    static constexpr size_t kPoolEntries = 16;
    static constexpr size_t kNoShard = SIZE_MAX;
    /// Random entries looked at for each candidate wanted, where few keys have a deadline.
    static constexpr size_t kAttemptsPerSample = 16;
    /// Flushed entries freed between two looks at the memory used.
    static constexpr size_t kDrainEntries = 256;

    Evictor(Dataset& dataset, Executor& executor, uint64_t seed)
        : dataset_(dataset), executor_(executor), random_(seed) {}

    /// True when memory counted against maxmemory is above it.
    bool is_over_memory() const;
    /// Evicts until memory is within maxmemory. False when the policy leaves nothing to evict: the
    /// caller answers -OOM to a command that would use more.
    bool make_memory(int64_t now_ms);
    /// Evicts one key, from `preferred` if it has at least maxmemory-samples candidates. False:
    /// none.
    bool evict_one(int64_t now_ms, size_t preferred = kNoShard);

private:
    struct Candidate {
        uint64_t score = 0;  ///< higher goes first
        size_t shard = 0;
        size_t database = 0;
        std::string key;
    };
    uint64_t score(const store::Entry& entry, int64_t now_ms, EvictionPolicy policy) const;
    /// Samples one shard into the pool; returns how many candidates it saw.
    size_t sample_shard(size_t shard, int64_t now_ms, EvictionPolicy policy);
    size_t sample_partition(store::Partition& partition, size_t shard, size_t database,
                            int64_t now_ms, EvictionPolicy policy);
    size_t sample_volatile(store::Partition& partition, size_t wanted, store::EntryRef* found);
    void offer(uint64_t score, size_t shard, size_t database, std::string_view key);
    bool fill_pool(int64_t now_ms, EvictionPolicy policy, size_t preferred);
    bool evict_best(int64_t now_ms, size_t preferred);
    bool drain_some();

    Dataset& dataset_;
    Executor& executor_;
    base::Random random_;
    std::array<Candidate, kPoolEntries> pool_;
    size_t pool_size_ = 0;
    size_t drained_flushes_ = 0;  // Dataset::flushes() when nothing was left to drain
    EvictionPolicy pool_policy_ = EvictionPolicy::noeviction;
};

}  // namespace gyre::engine
