// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Brings a cache line in before it is needed. Not __builtin_prefetch: g++ takes a function that
// does nothing but prefetch for one without effect and drops the calls to it (seen with 12.2 at -O2
// and -O3).
//
// Threads: any; the address need not be valid.

namespace gyre::base {

inline void prefetch(const void* address) noexcept {
#if defined(__x86_64__)
    asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(address)));
#elif defined(__aarch64__)
    asm volatile("prfm pldl1keep, %0" : : "Q"(*static_cast<const char*>(address)));
#else
    __builtin_prefetch(address);
#endif
}

/// The same of a line that is about to be written.
inline void prefetch_for_writing(const void* address) noexcept {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#elif defined(__aarch64__)
    asm volatile("prfm pstl1keep, %0" : : "Q"(*static_cast<const char*>(address)));
#else
    __builtin_prefetch(address, 1);
#endif
}

}  // namespace gyre::base
