// SPDX-License-Identifier: BSD-3-Clause

// How --dump paces itself, and what it reads out of INFO.

#include "cli/dump.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

TEST(Dump, AsksForMoreKeysAtATimeWhileTheirValuesAreSmall) {
    size_t keys = 0;
    std::vector<size_t> windows;
    for (int i = 0; i < 9; ++i) windows.push_back(keys = keys_at_a_time(keys, 100));
    EXPECT_EQ(windows, (std::vector<size_t>{1, 2, 4, 8, 16, 32, 64, 128, 128}));
}

TEST(Dump, AsksForFewerLargeOnes) {
    EXPECT_EQ(keys_at_a_time(128, size_t{1} << 20), 4U);
    EXPECT_EQ(keys_at_a_time(128, size_t{1} << 30), 1U);
    EXPECT_EQ(keys_at_a_time(1, 0), 2U);
}

TEST(Dump, ReadsTheDatabasesOfInfo) {
    const auto databases = databases_of(
        "# Keyspace\r\ndb0:keys=12,expires=3,avg_ttl=0\r\ndb15:keys=1,expires=0,avg_ttl=0\r\n");
    ASSERT_EQ(databases.size(), 2U);
    EXPECT_EQ(databases[0].number, 0);
    EXPECT_EQ(databases[0].keys, 12U);
    EXPECT_EQ(databases[1].number, 15);
    EXPECT_EQ(databases[1].keys, 1U);
    EXPECT_TRUE(databases_of("# Keyspace\r\n").empty());
    EXPECT_TRUE(databases_of("dbx:keys=1\ndb1:keys=\nother:keys=3").empty());
}

}  // namespace
}  // namespace gyre::cli
