// SPDX-License-Identifier: BSD-3-Clause
#include "server/crowd.h"

namespace gyre::server {

bool Crowd::review(int64_t now_us, const ring::ThreadUse& use) noexcept {
    const int64_t passed_us = now_us - began_us_;
    const bool has_others = turns_ > 0 && others_ >= kOthersMin * turns_;
    const bool has_slept = (use.sleeps - began_use_.sleeps) * kTurnsPerSleep > turns_;
    const bool was_busy =
        passed_us <= kLastsUs && (use.cpu_us - began_use_.cpu_us) * 100 >= kBusyPercent * passed_us;
    const auto preemptions = static_cast<int64_t>(use.preemptions - began_use_.preemptions);
    const bool has_shared = preemptions * kUsPerPreemption >= passed_us - kWindowUs / 2;
    began_us_ = now_us;
    began_use_ = use;
    turns_ = others_ = 0;
    return has_others && !has_slept && was_busy && has_shared && preemptions > 0;
}

}  // namespace gyre::server
