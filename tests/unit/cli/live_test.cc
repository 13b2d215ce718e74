// SPDX-License-Identifier: BSD-3-Clause

// Numbers out of INFO, and how they are told.

#include "cli/live.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

TEST(Live, ReadsFieldsOfInfo) {
    constexpr std::string_view kInfo =
        "# Clients\r\nconnected_clients:12\r\nused_memory:2048\r\nused_memory_rss:9\r\n"
        "# Keyspace\r\ndb0:keys=5,expires=1,avg_ttl=0\r\ndb3:keys=2,expires=0\r\nx:keys=9\r\n";
    EXPECT_EQ(info_number(kInfo, "connected_clients"), 12);
    EXPECT_EQ(info_number(kInfo, "used_memory"), 2048);
    EXPECT_EQ(info_number(kInfo, "nothing"), 0);
    EXPECT_EQ(info_keys(kInfo), 7);
    EXPECT_EQ(info_keys(""), 0);
}

TEST(Live, LooksAsOftenAsItWasAsked) {
    EXPECT_EQ(rounds_of({}), std::nullopt);
    EXPECT_EQ(rounds_of({.repeat = 1, .has_repeat = true}), 1);
    EXPECT_EQ(rounds_of({.repeat = -1, .has_repeat = true}), std::nullopt);
}

TEST(Live, AveragesMicroseconds) {
    using std::chrono::microseconds;
    LatencySamples samples;
    EXPECT_EQ(samples.average_ms(), 0);
    samples.add(microseconds(700));
    samples.add(microseconds(900));
    EXPECT_DOUBLE_EQ(samples.average_ms(), 0.8);
    EXPECT_EQ(samples.least_ms(), 0);
    EXPECT_EQ(samples.most_ms(), 0);
    samples.add(microseconds(2600));
    EXPECT_DOUBLE_EQ(samples.average_ms(), 1.4);
    EXPECT_EQ(samples.most_ms(), 2);
    EXPECT_EQ(samples.count(), 3);
}

TEST(Live, TellsBytesToPeople) {
    EXPECT_EQ(human_bytes(512), "512B");
    EXPECT_EQ(human_bytes(1536), "1.50K");
    EXPECT_EQ(human_bytes(int64_t{3} << 30), "3.00G");
}

}  // namespace
}  // namespace gyre::cli
