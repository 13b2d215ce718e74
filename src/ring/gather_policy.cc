// SPDX-License-Identifier: BSD-3-Clause
#include "ring/gather_policy.h"

namespace gyre::ring {

bool GatherPolicy::review(int64_t now_us, int64_t cpu_us) noexcept {
    const int64_t passed_us = now_us - began_us_;
    if (passed_us < kWindowUs) return false;
    const int64_t busy_percent = (cpu_us - began_cpu_us_) * 100 / passed_us;
    const int64_t peers = active_ * 1000 / passed_us;
    const bool is_gathering = gathering_.completions > 1;
    const bool is_busy = busy_percent >= (is_gathering ? kIdlePercent : kBusyPercent);
    const int64_t completions = peers / kPeersShare;
    gathering_ = {};
    if (gather_us_ > 0 && is_busy && completions >= kCompletionsMin) {
        gathering_ = {.completions = static_cast<uint32_t>(completions), .us = gather_us_};
    }
    active_ = 0;
    began_us_ = now_us;
    began_cpu_us_ = cpu_us;
    return true;
}

}  // namespace gyre::ring
