// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The generator's clock: the one Ring::wait() takes its deadlines from, in nanoseconds, because a
// request on one machine takes 15 us and a thousandth of a millisecond would be too coarse.
//
// Threads: any.

#include <cstdint>
#include <ctime>

namespace gyre::load {

inline int64_t monotonic_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

/// For loops that wait without sleeping: leaves the core to its other hardware thread for a moment.
inline void pause_processor() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// User and system time of this process.
inline double process_cpu_seconds() noexcept {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace gyre::load
