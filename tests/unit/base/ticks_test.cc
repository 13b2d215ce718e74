// SPDX-License-Identifier: BSD-3-Clause

// The clock for durations of commands: it goes forward at the rate of the monotonic clock.

#include "base/ticks.h"

#include <gtest/gtest.h>

namespace gyre::base {
namespace {

TEST(Ticks, agree_with_the_monotonic_clock) {
    calibrate_ticks();
    // Bounds that hold wherever the thread loses its processor.
    const uint64_t before_ns = monotonic_ns();
    const uint64_t start = ticks();
    const uint64_t started_ns = monotonic_ns();
    uint64_t ending_ns = started_ns;
    while (ending_ns - started_ns < 5'000'000) ending_ns = monotonic_ns();
    const uint64_t elapsed_ns = ticks_to_ns(ticks() - start);
    const uint64_t after_ns = monotonic_ns();
    const auto bound = [](uint64_t ns, double factor) { return static_cast<double>(ns) * factor; };
    EXPECT_GE(static_cast<double>(elapsed_ns), bound(ending_ns - started_ns, 0.98));
    EXPECT_LE(static_cast<double>(elapsed_ns), bound(after_ns - before_ns, 1.02));
}

TEST(Ticks, time_that_went_back_is_no_time) {
    EXPECT_EQ(ticks_to_ns(0), 0U);
    EXPECT_EQ(ticks_to_ns(static_cast<uint64_t>(-1)), 0U);
    EXPECT_EQ(ticks_to_ns(uint64_t{1} << 63), 0U);
    EXPECT_GT(ticks_to_ns(uint64_t{1} << 40), 0U);
}

}  // namespace
}  // namespace gyre::base
