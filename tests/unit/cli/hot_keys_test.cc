// SPDX-License-Identifier: BSD-3-Clause
#include "cli/hot_keys.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

TEST(HotKeys, keeps_the_hottest_in_order) {
    HotKeys keys;
    EXPECT_FALSE(keys.add({"unused", 0}));
    for (int counter = 1; counter <= 20; ++counter) {
        EXPECT_TRUE(keys.add({"k" + std::to_string(counter), counter}));
    }
    ASSERT_EQ(keys.keys().size(), HotKeys::kShown);
    EXPECT_EQ(keys.keys().front().name, "k20");
    EXPECT_EQ(keys.keys().back().name, "k5");
    EXPECT_FALSE(keys.add({"late", 5})) << "no hotter than the last";
    EXPECT_TRUE(keys.add({"between", 10}));
    EXPECT_EQ(keys.keys()[11].name, "between") << "behind its equal";
    EXPECT_EQ(keys.keys().back().name, "k6");
}

TEST(HotKeys, the_summary_quotes_names) {
    HotKeys keys;
    keys.add({"a\n", 3});
    keys.add({"b", 0});
    EXPECT_EQ(keys.summary(),
              "\n-------- summary -------\n\nSampled 2 keys in the keyspace!\n"
              "hot key found with counter: 3\tkeyname: \"a\\n\"\n");
}

}  // namespace
}  // namespace gyre::cli
