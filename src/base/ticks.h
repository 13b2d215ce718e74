// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A clock cheap enough to be read twice per command: the processor's time stamp counter where it
// runs at a constant rate, the monotonic clock elsewhere. For durations on one thread only.
//
// Threads: any; the rate is measured once, at first use of ticks_to_ns().

#include <cstdint>
#include <ctime>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace gyre::base {

inline uint64_t ticks() noexcept {
#if defined(__x86_64__)
    return __rdtsc();
#else
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
#endif
}

/// Nanoseconds in 2^20 ticks, measured against the monotonic clock over some milliseconds at first
/// use.
uint64_t ns_per_mebitick() noexcept;

inline uint64_t ticks_to_ns(uint64_t elapsed) noexcept {
    static const uint64_t rate = ns_per_mebitick();
    // Durations of commands stay far below 2^43 ticks; the product fits in 128 bits anyway.
    __extension__ using wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<wide>(elapsed) * rate) >> 20);
}

}  // namespace gyre::base
