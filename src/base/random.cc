// SPDX-License-Identifier: BSD-3-Clause

#include "base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace gyre::base {

uint64_t entropy() noexcept {
    uint64_t bits = 0;
    ssize_t got = 0;
    do {
        got = ::getrandom(&bits, sizeof(bits), 0);
    } while (got < 0 && errno == EINTR);
    // Up to 256 bytes come whole or not at all (getrandom(2)).
    CHECK(got == static_cast<ssize_t>(sizeof(bits)));
    return bits;
}

}  // namespace gyre::base
