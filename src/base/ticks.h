// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A clock cheap enough to be read twice per command: the processor's time stamp counter where CPUID
// says that it runs at a constant rate and never stops, the monotonic clock elsewhere. For
// durations on one thread only.
//
// Threads: any. The rate is measured once, at first use of ticks_to_ns(): whoever serves clients
// calls calibrate_ticks() before.

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace gyre::base {

uint64_t monotonic_ns() noexcept;

#if defined(__x86_64__)
/// Asked of the processor once, before main().
extern const bool kTimeStampCounterIsSteady;
inline uint64_t ticks() noexcept { return kTimeStampCounterIsSteady ? __rdtsc() : monotonic_ns(); }
#else
inline uint64_t ticks() noexcept { return monotonic_ns(); }
#endif

/// Nanoseconds in 2^20 ticks, measured against the monotonic clock over some milliseconds.
uint64_t ns_per_mebitick() noexcept;

/// A thread that moves to a processor whose counter lags may see time go back: that is none.
inline uint64_t ticks_to_ns(uint64_t elapsed) noexcept {
    static const uint64_t rate = ns_per_mebitick();
    if (static_cast<int64_t>(elapsed) < 0) [[unlikely]]
        return 0;
    // Durations of commands stay far below 2^43 ticks; the product fits in 128 bits anyway.
    __extension__ using wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<wide>(elapsed) * rate) >> 20);
}

/// Measures the rate, which takes some milliseconds, unless that has been done.
inline void calibrate_ticks() noexcept { ticks_to_ns(0); }

}  // namespace gyre::base
