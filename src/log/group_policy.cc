// SPDX-License-Identifier: BSD-3-Clause
#include "log/group_policy.h"

#include <algorithm>
#include <utility>

namespace gyre::log {

void GroupPolicy::note_synced(uint64_t bytes, uint64_t waiting, int64_t took_us,
                              int64_t now_us) noexcept {
    wanted_ = 0;
    has_held_ = false;
    if (paused_ > 0) {
        --paused_;
        return;
    }
    waited_ = waiting;
    wanted_ = waiting + bytes * kReturnPercent / 100;
    until_us_ = now_us + std::min(2 * took_us, kHoldUsMax);
}

bool GroupPolicy::holds(uint64_t waiting, int64_t now_us) noexcept {
    if (waiting >= wanted_ || now_us >= until_us_) return false;
    if (has_held_ && now_us < idle_us_) return true;
    if (has_held_ && waiting == seen_) return false;
    if (!std::exchange(has_held_, true)) first_ = waiting;
    seen_ = waiting;
    idle_us_ = now_us + kIdleUs;
    return true;
}

bool GroupPolicy::note_begun(uint64_t bytes) noexcept {
    const uint64_t wanted = std::exchange(wanted_, 0);
    if (!std::exchange(has_held_, false)) return false;
    const uint64_t came = bytes - std::min(bytes, waited_);
    const bool is_in_vain = 2 * came < wanted - waited_ || bytes <= first_;
    pause_ = is_in_vain ? std::clamp(2 * pause_, 1U, kPauseMax) : 0;
    paused_ = pause_;
    return true;
}

}  // namespace gyre::log
