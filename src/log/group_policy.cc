// SPDX-License-Identifier: BSD-3-Clause
#include "log/group_policy.h"

#include <algorithm>
#include <utility>

namespace gyre::log {
namespace {

/// Weight of what was before in a mean, and one more.
constexpr int64_t kMeanOf = 8;

}  // namespace

void GroupPolicy::note_synced(uint64_t bytes, uint64_t waiting, int64_t took_us,
                              int64_t now_us) noexcept {
    sync_us_ += (took_us - sync_us_) / kMeanOf;
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

bool GroupPolicy::delays(uint64_t waiting, int64_t now_us, int64_t delay_us_max) noexcept {
    delayed_until_us_ = begun_us_ + std::min(kDelaySyncs * sync_us_, delay_us_max);
    is_delaying_ = waiting < kDelayedBytesMax && now_us < delayed_until_us_;
    was_delayed_ = was_delayed_ || is_delaying_;
    return is_delaying_;
}

GroupPolicy::Begun GroupPolicy::note_begun(uint64_t bytes, int64_t now_us) noexcept {
    begun_us_ = now_us;
    is_delaying_ = false;
    Begun begun;
    begun.was_delayed = std::exchange(was_delayed_, false);
    const uint64_t wanted = std::exchange(wanted_, 0);
    begun.was_held = std::exchange(has_held_, false);
    if (!begun.was_held) return begun;
    const uint64_t came = bytes - std::min(bytes, waited_);
    const bool is_in_vain = 2 * came < wanted - waited_ || bytes <= first_;
    pause_ = is_in_vain ? std::clamp(2 * pause_, 1U, kPauseMax) : 0;
    paused_ = pause_;
    return begun;
}

}  // namespace gyre::log
