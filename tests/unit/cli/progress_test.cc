// SPDX-License-Identifier: BSD-3-Clause

// The line that says how far a dump or a load has come.

#include "cli/progress.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

TEST(Progress, IsJudgedByKeysWhereTheirNumberIsKnown) {
    const ProgressState state{.keys = 250, .keys_total = 1000, .bytes = 1'500'000};
    EXPECT_EQ(progress_line(state, 2, 200),
              "[####............]  25%  250 of 1000 keys  1.5 MB  0:06 left  125/s");
}

TEST(Progress, IsJudgedByBytesElse) {
    const ProgressState state{.keys = 7, .bytes = 500, .bytes_total = 1000};
    EXPECT_EQ(progress_line(state, 10, 200),
              "[########........]  50%  7 keys  500 bytes of 1.0 kB  0:10 left  1/s");
}

TEST(Progress, SaysNothingThatIsNotKnown) {
    EXPECT_EQ(progress_line({.keys = 3, .bytes = 20}, 0.1, 200), "3 keys  20 bytes");
    EXPECT_EQ(progress_line({.keys_total = 10}, 9, 200),
              "[................]   0%  0 of 10 keys  0 bytes  0/s");
}

TEST(Progress, NeverSaysMoreThanAll) {
    // Keys that were made meanwhile.
    const ProgressState state{.keys = 15, .keys_total = 10};
    EXPECT_EQ(progress_line(state, 1, 200),
              "[################] 100%  15 of 10 keys  0 bytes  0:00 left  15/s");
}

TEST(Progress, LeavesOutWhatDoesNotFit) {
    const ProgressState state{.keys = 250, .keys_total = 1000, .bytes = 1'500'000};
    EXPECT_EQ(progress_line(state, 2, 55), "[####............]  25%  250 of 1000 keys  1.5 MB");
    EXPECT_EQ(progress_line(state, 2, 10), "");
}

TEST(Progress, ShowsAmounts) {
    EXPECT_EQ(shown_bytes(999), "999 bytes");
    EXPECT_EQ(shown_bytes(1000), "1.0 kB");
    EXPECT_EQ(shown_bytes(999'960), "1.0 MB");
    EXPECT_EQ(shown_bytes(5'000'000'000'000'000), "5000.0 TB");
    EXPECT_EQ(shown_duration(59.9), "0:59");
    EXPECT_EQ(shown_duration(3723), "1:02:03");
    EXPECT_EQ(shown_duration(1e300), "99:00:00");
}

}  // namespace
}  // namespace gyre::cli
