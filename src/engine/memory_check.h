// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Proves that the memory counters tell the truth. Three independent counts are compared: what the
// code says it handed out for each purpose, what was obtained from malloc and mmap, and what a walk
// over all entries finds. They agree only at rest: while other threads work, or replies that hold
// large values are still being sent, a difference may be what is under way, so the caller repeats
// the check.
//
// Ownership: borrows the data set. Threads: any; takes the shards' locks one after another.
// Suspends: never; the caller may, between shards. Complexity: O(entries).

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/dataset.h"

namespace gyre::engine {

class MemoryCheck {
public:
    explicit MemoryCheck(Dataset& dataset) : dataset_(dataset) {}

    /// Walks one shard under its lock. Each shard once.
    void visit(size_t shard, Executor& executor);
    /// After the last shard: what does not add up, one sentence each; empty: all is well.
    /// `mapped_bytes` is what others mapped without counting it as used (the buffers of the rings).
    std::vector<std::string> conclude(int64_t mapped_bytes);

private:
    void visit_partition(const store::Partition& partition, size_t shard, size_t database);
    void expect_equal(const std::string& what, int64_t counted, int64_t found);

    Dataset& dataset_;
    int64_t keyspace_bytes_ = 0;
    int64_t index_bytes_ = 0;
    int64_t wheel_bytes_ = 0;
    int64_t eviction_bytes_ = 0;
    int64_t slab_slack_bytes_ = 0;
    size_t detached_entries_ = 0;
    std::unordered_set<const base::SharedBytes*>
        blocks_;  // counted once, though keys may share them
    std::vector<std::string> differences_;
};

/// Gives what is obtained and not in use back to the kernel: empty pages of the slabs, spare
/// arenas, and the allocator's free memory. Takes the locks one after another.
void purge_memory(Dataset& dataset, Executor& executor);
/// Bytes obtained for slabs and tables and not handed out: what fragmentation costs.
int64_t memory_slack(Dataset& dataset, Executor& executor);

}  // namespace gyre::engine
