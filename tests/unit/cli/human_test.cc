// SPDX-License-Identifier: BSD-3-Clause
#include "cli/human.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

TEST(Human, CountsAreExactWhileTheyAreSmall) {
    EXPECT_EQ(human_count(0), "0");
    EXPECT_EQ(human_count(0.5), "0.5");
    EXPECT_EQ(human_count(7), "7");
    EXPECT_EQ(human_count(9.97), "10");
    EXPECT_EQ(human_count(999), "999");
    EXPECT_EQ(human_count(12345), "12,345");
    EXPECT_EQ(human_count(99'999), "99,999");
    EXPECT_EQ(human_count(123'456), "123k");
    EXPECT_EQ(human_count(999'600), "1.00M");
    EXPECT_EQ(human_count(1'234'567), "1.23M");
    EXPECT_EQ(human_count(45.6e9), "45.6G");
    EXPECT_EQ(human_count(2e16), "20,000T") << "there is no larger unit";
    EXPECT_EQ(human_count(-1500), "-1,500");
}

TEST(Human, TimesOfWork) {
    EXPECT_EQ(human_microseconds(0.85), "850 ns");
    EXPECT_EQ(human_microseconds(2.06), "2.1 \xc2\xb5s");
    EXPECT_EQ(human_microseconds(66), "66 \xc2\xb5s");
    EXPECT_EQ(human_microseconds(999.7), "1.00 ms");
    EXPECT_EQ(human_microseconds(1500), "1.50 ms");
    EXPECT_EQ(human_microseconds(250'000), "250 ms");
    EXPECT_EQ(human_microseconds(3.2e6), "3.20 s");
}

TEST(Human, SpansAreNeverToldLongerThanTheyAre) {
    EXPECT_EQ(human_duration(0), "0 ms");
    EXPECT_EQ(human_duration(999), "999 ms");
    EXPECT_EQ(human_duration(9'899), "9.8 s");
    EXPECT_EQ(human_duration(59'999), "59.9 s");
    EXPECT_EQ(human_duration(60'000), "1 min");
    EXPECT_EQ(human_duration(250'999), "4 min 10 s");
    EXPECT_EQ(human_duration(3'600'000), "1 h");
    EXPECT_EQ(human_duration(11'160'000), "3 h 6 min");
    EXPECT_EQ(human_duration(int64_t{12} * 86'400'000 + 4 * 3'600'000), "12 d 4 h");
}

}  // namespace
}  // namespace gyre::cli
