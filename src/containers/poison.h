// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Tells AddressSanitizer which bytes of memory we manage ourselves are not to be touched; nothing
// in other builds.
//
// Threads: any.

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define GYRE_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GYRE_ADDRESS_SANITIZER 1
#endif
#endif
#ifdef GYRE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace gyre::containers {

#ifdef GYRE_ADDRESS_SANITIZER
inline constexpr bool kPoisons = true;
inline void poison(const void* begin, size_t bytes) { __asan_poison_memory_region(begin, bytes); }
inline void unpoison(const void* begin, size_t bytes) {
    __asan_unpoison_memory_region(begin, bytes);
}
inline bool is_poisoned(const void* address) { return __asan_address_is_poisoned(address) != 0; }
#else
inline constexpr bool kPoisons = false;
inline void poison(const void*, size_t) {}
inline void unpoison(const void*, size_t) {}
inline bool is_poisoned(const void*) { return false; }
#endif

}  // namespace gyre::containers
