// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The best candidates for eviction met so far (Redis' eviction pool, evict.c): a few samples for
// each key evicted come close to the true order when the best of earlier samples are kept. One pool
// belongs to each shard, for keys evicted where another is written, and one to each Evictor, for
// those compared over all shards.
//
// A candidate is a name, not a reference: its key may be gone or used when its turn comes.
//
// Threads: a shard's pool is used under the shard's lock, an Evictor's by its own thread.

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/settings.h"

namespace gyre::engine {

class EvictionPool {
public:
    static constexpr size_t kCapacity = 16;

    struct Candidate {
        uint64_t score = 0;  ///< higher goes first
        uint64_t token = 0;  ///< store::Partition::token_of() of its key
        uint32_t shard = 0;
        uint32_t database = 0;
    };

    bool empty() const { return size_ == 0; }
    /// Empties the pool when it was filled for another policy, whose scores mean something else.
    void use_for(EvictionPolicy policy);
    /// Keeps the candidate if it is among the best; one that is there already gets the new score.
    /// Time: O(kCapacity).
    void offer(const Candidate& candidate);
    /// The one with the highest score; the pool must not be empty.
    const Candidate& best() const { return candidates_[size_ - 1]; }
    Candidate take_best() { return candidates_[--size_]; }

private:
    std::array<Candidate, kCapacity> candidates_{};  // by rising score
    size_t size_ = 0;
    EvictionPolicy policy_ = EvictionPolicy::noeviction;
};

}  // namespace gyre::engine
