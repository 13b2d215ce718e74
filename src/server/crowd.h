// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Whether a worker has no rest, of many clients that do not wait for the log, and the log needs the
// processor that they need. The log's thread then takes its time (log/group_policy.h,
// aof-commit-delay).
//
// The kernel has counted what it takes to know: a thread without a rest seldom goes to sleep, and
// one that shares its processor is preempted again and again. Its processor time alone says
// neither.
//
// Threads: one. Time and counts: given, so that tests need none.

#include <cstddef>
#include <cstdint>

#include "ring/thread_use.h"

namespace gyre::server {

class Crowd {
public:
    static constexpr int64_t kWindowUs = 4000;
    /// How long what was seen is taken to last. A window that was longer had pauses in it.
    static constexpr int64_t kLastsUs = 5 * kWindowUs;
    /// So many of them at least are answered in a turn, in the mean.
    static constexpr uint64_t kOthersMin = 8;
    /// Turns for each time that the thread went to sleep, at least.
    static constexpr uint64_t kTurnsPerSleep = 8;
    /// Of the window it had the processor for so much, at least,
    static constexpr int64_t kBusyPercent = 50;
    /// and once in so long another had it.
    static constexpr int64_t kUsPerPreemption = 4000;

    /// A turn in which so many are answered that do not wait for the log.
    void note_turn(size_t others) noexcept {
        ++turns_;
        others_ += others;
    }
    /// The window is over: to be asked after each turn that was noted.
    bool is_due(int64_t now_us) const noexcept { return now_us - began_us_ >= kWindowUs; }
    /// True: there was no rest in it. `use`: of the thread, by now. The next one begins.
    bool review(int64_t now_us, const ring::ThreadUse& use) noexcept;

private:
    int64_t began_us_ = 0;
    ring::ThreadUse began_use_;
    uint64_t turns_ = 0;
    uint64_t others_ = 0;
};

}  // namespace gyre::server
