// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// CPU time of the calling thread: what others do on the machine is not in it, but for what they
// take of its caches and of its memory's bandwidth.

#include <ctime>

namespace gyre::micro {

inline double thread_cpu_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

}  // namespace gyre::micro
