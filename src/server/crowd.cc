// SPDX-License-Identifier: BSD-3-Clause
#include "server/crowd.h"

namespace gyre::server {

bool Crowd::review(int64_t now_us, uint64_t sleeps) noexcept {
    const bool has_paused = now_us - began_us_ > kLastsUs;
    const bool has_others = turns_ > 0 && others_ >= kOthersMin * turns_;
    const bool has_slept = (sleeps - began_sleeps_) * kTurnsPerSleep > turns_;
    began_us_ = now_us;
    began_sleeps_ = sleeps;
    turns_ = others_ = 0;
    return has_others && !has_slept && !has_paused;
}

}  // namespace gyre::server
