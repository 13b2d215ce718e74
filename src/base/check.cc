// SPDX-License-Identifier: BSD-3-Clause

#include "base/check.h"

#include <cstdio>
#include <cstdlib>

#include "base/log.h"

namespace gyre::base {

void check_failed(const char* condition, const char* file, int line) {
    // stderr is unbuffered; the C library formats this without allocating.
    std::fprintf(stderr, "gyre: check failed: %s (%s:%d)\n", condition, file, line);
    std::fflush(stderr);
    // Whoever keeps the log in a file looks there.
    if (has_log_writer()) log(Level::warning, "Check failed: {} ({}:{})", condition, file, line);
    std::abort();
}

}  // namespace gyre::base
