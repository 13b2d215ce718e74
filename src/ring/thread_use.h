// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the kernel has counted for a thread since it began. Threads: each for itself.

#include <cstdint>

namespace gyre::ring {

struct ThreadUse {
    int64_t cpu_us = 0;
    uint64_t sleeps = 0;       ///< it had nothing to do
    uint64_t preemptions = 0;  ///< another needed its processor
};

/// Of the calling thread; zeros where the kernel does not say. One system call.
ThreadUse thread_use() noexcept;

}  // namespace gyre::ring
