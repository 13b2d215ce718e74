// SPDX-License-Identifier: BSD-3-Clause
#include "ring/thread_use.h"

#include <sys/resource.h>

namespace gyre::ring {

ThreadUse thread_use() noexcept {
    rusage used{};
    if (::getrusage(RUSAGE_THREAD, &used) != 0) return {};
    const auto us = [](const timeval& time) {
        return static_cast<int64_t>(time.tv_sec) * 1'000'000 + time.tv_usec;
    };
    return {.cpu_us = us(used.ru_utime) + us(used.ru_stime),
            .sleeps = static_cast<uint64_t>(used.ru_nvcsw),
            .preemptions = static_cast<uint64_t>(used.ru_nivcsw)};
}

}  // namespace gyre::ring
