// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Whether a worker has no rest, of many clients that do not wait for the log. The log's thread then
// takes its time (log/group_policy.h, aof-commit-delay).
//
// How busy a thread is, its processor time does not say where the log and the kernel need the same
// processor. But a thread that has no rest does not go to sleep, and the kernel counts how often
// one does.
//
// Threads: one. Time and count: given, so that tests need neither.

#include <cstddef>
#include <cstdint>

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

    /// A turn in which so many are answered that do not wait for the log.
    void note_turn(size_t others) noexcept {
        ++turns_;
        others_ += others;
    }
    /// The window is over: to be asked after each turn that was noted.
    bool is_due(int64_t now_us) const noexcept { return now_us - began_us_ >= kWindowUs; }
    /// True: there was no rest in it. `sleeps`: of the thread, since it began. The next one begins.
    bool review(int64_t now_us, uint64_t sleeps) noexcept;

private:
    int64_t began_us_ = 0;
    uint64_t began_sleeps_ = 0;
    uint64_t turns_ = 0;
    uint64_t others_ = 0;
};

}  // namespace gyre::server
