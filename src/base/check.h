// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Assertions about our own mistakes. CHECK is always on; DCHECK is for the insides of hot loops and
// vanishes in release builds. What the outside world can cause is a Result, never a CHECK.
//
// Threads: any.

namespace gyre::base {

/// Prints the failed condition with its place and ends the process (SIGABRT).
[[noreturn, gnu::cold]] void check_failed(const char* condition, const char* file, int line);

}  // namespace gyre::base

#define CHECK(condition)                                  \
    (__builtin_expect(static_cast<bool>(condition), true) \
         ? static_cast<void>(0)                           \
         : ::gyre::base::check_failed(#condition, __FILE__, __LINE__))

#ifdef GYRE_DEBUG_CHECKS
#define DCHECK(condition) CHECK(condition)
#else
#define DCHECK(condition) static_cast<void>(0)
#endif
