// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the sanitizers have to be told, because they do not see the kernel: memory lent to it is
// poisoned until it comes back, and a wake through an eventfd orders the two threads it connects.
// Without a sanitizer each of these is nothing.
//
// Threads: any.

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define GYRE_RING_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GYRE_RING_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define GYRE_RING_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GYRE_RING_TSAN 1
#endif
#endif

#ifdef GYRE_RING_ASAN
#include <sanitizer/asan_interface.h>
#endif
#ifdef GYRE_RING_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace gyre::ring {

/// Nobody but the kernel may touch these bytes until allow_access().
inline void forbid_access([[maybe_unused]] const void* bytes, [[maybe_unused]] size_t count) {
#ifdef GYRE_RING_ASAN
    __asan_poison_memory_region(bytes, count);
#endif
}

inline void allow_access([[maybe_unused]] const void* bytes, [[maybe_unused]] size_t count) {
#ifdef GYRE_RING_ASAN
    __asan_unpoison_memory_region(bytes, count);
#endif
}

/// What this thread did so far happens before what follows observe_handover(tag) on another.
inline void announce_handover([[maybe_unused]] void* tag) {
#ifdef GYRE_RING_TSAN
    __tsan_release(tag);
#endif
}

inline void observe_handover([[maybe_unused]] void* tag) {
#ifdef GYRE_RING_TSAN
    __tsan_acquire(tag);
#endif
}

}  // namespace gyre::ring
