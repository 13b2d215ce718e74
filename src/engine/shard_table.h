// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Shards with their locks, and which of them the keys of a hash are in. A data set has one, and so
// has each open transaction, of a single shard that holds what it has written (engine/view.h): a
// keyspace over either finds its way by the same two loads.
//
// Ownership: owns the shards. Threads: any; a shard's data under its lock.

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "engine/eviction_pool.h"
#include "engine/shard_lock.h"
#include "store/shard.h"

namespace gyre::engine {

/// What a plain command touches of a shard lies on one cache line: the lock, the time next to the
/// hint it is compared with at each unlock, and the first part of the shard.
struct alignas(128) LockedShard {
    LockedShard(size_t databases, uint64_t seed) : data(databases, seed) {}
    ShardLock lock;
    std::atomic<int64_t> next_due_ms{INT64_MAX};  ///< written with the lock held
    store::Shard data;
    std::unique_ptr<EvictionPool> pool;
    std::atomic<std::thread::id> holder{};  ///< the thread whose transaction holds the lock
};
static_assert(sizeof(ShardLock) + sizeof(std::atomic<int64_t>) + store::Shard::kHotBytes <= 64);

class ShardTable {
public:
    /// For `count` shards, a power of two, which are added next.
    explicit ShardTable(size_t count)
        : shift_(64U - static_cast<unsigned>(std::countr_zero(count))) {}
    void add(std::unique_ptr<LockedShard> shard) { shards_.push_back(std::move(shard)); }

    size_t size() const { return shards_.size(); }
    size_t index_of(uint64_t hash) const { return shift_ == 64 ? 0 : hash >> shift_; }
    LockedShard& operator[](size_t index) const { return *shards_[index]; }
    store::Shard& shard_of(uint64_t hash) const { return shards_[index_of(hash)]->data; }

private:
    unsigned shift_;
    std::vector<std::unique_ptr<LockedShard>> shards_;
};

}  // namespace gyre::engine
