// SPDX-License-Identifier: BSD-3-Clause
#include "base/ticks.h"

namespace gyre::base {
namespace {

/// Long enough for an error below a thousandth, short enough not to be felt at start.
constexpr uint64_t kCalibrationNs = 3'000'000;

uint64_t monotonic_ns() noexcept {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

uint64_t ns_per_mebitick() noexcept {
    const uint64_t start_ns = monotonic_ns();
    const uint64_t start_ticks = ticks();
    uint64_t now_ns = start_ns;
    while (now_ns - start_ns < kCalibrationNs) now_ns = monotonic_ns();
    const uint64_t elapsed = ticks() - start_ticks;
    return elapsed == 0 ? 0 : ((now_ns - start_ns) << 20) / elapsed;
}

}  // namespace gyre::base
