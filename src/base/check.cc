// SPDX-License-Identifier: BSD-3-Clause

#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace gyre::base {

void check_failed(const char* condition, const char* file, int line) {
    // stderr is unbuffered; the C library formats this without allocating.
    std::fprintf(stderr, "gyre: check failed: %s (%s:%d)\n", condition, file, line);
    std::fflush(stderr);
    std::abort();
}

}  // namespace gyre::base
