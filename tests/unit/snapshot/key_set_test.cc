// SPDX-License-Identifier: BSD-3-Clause

#include "snapshot/key_set.h"

#include <gtest/gtest.h>

#include <string>

namespace gyre::snapshot {
namespace {

TEST(KeySet, knows_each_key_of_each_database_once_through_growth) {
    KeySet set;
    for (size_t database : {0U, 1U, 7U}) {
        for (int number = 0; number < 5000; ++number) {
            ASSERT_TRUE(set.insert(database, std::to_string(number)));
        }
    }
    EXPECT_EQ(set.size(), 15'000U);
    for (size_t database : {0U, 1U, 7U}) {
        for (int number = 0; number < 5000; ++number) {
            ASSERT_FALSE(set.insert(database, std::to_string(number)));
        }
    }
    EXPECT_EQ(set.size(), 15'000U);
}

TEST(KeySet, keys_are_bytes) {
    KeySet set;
    EXPECT_TRUE(set.insert(0, ""));
    EXPECT_TRUE(set.insert(0, std::string(1, '\0')));
    EXPECT_TRUE(set.insert(0, std::string(2, '\0')));
    EXPECT_FALSE(set.insert(0, ""));
    EXPECT_TRUE(set.insert(1, ""));
}

}  // namespace
}  // namespace gyre::snapshot
