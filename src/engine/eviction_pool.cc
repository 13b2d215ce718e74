// SPDX-License-Identifier: BSD-3-Clause
#include "engine/eviction_pool.h"

#include <algorithm>

namespace gyre::engine {

void EvictionPool::use_for(EvictionPolicy policy) {
    if (policy != policy_) size_ = 0;
    policy_ = policy;
}

void EvictionPool::offer(const Candidate& candidate) {
    const auto begin = candidates_.begin();
    auto end = begin + static_cast<ptrdiff_t>(size_);
    const auto present = std::find_if(begin, end, [&](const Candidate& one) {
        return one.token == candidate.token && one.shard == candidate.shard &&
               one.database == candidate.database;
    });
    if (present != end) {
        end = std::move(present + 1, end, present);
    } else if (size_ == kCapacity) {
        if (candidate.score <= begin->score) return;
        end = std::move(begin + 1, end, begin);  // the worst makes room
    }
    const auto place = std::find_if(
        begin, end, [&](const Candidate& one) { return one.score >= candidate.score; });
    std::move_backward(place, end, end + 1);
    *place = candidate;
    size_ = static_cast<size_t>(end - begin) + 1;
}

}  // namespace gyre::engine
