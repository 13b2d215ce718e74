// SPDX-License-Identifier: BSD-3-Clause

// What a command does for the room it needs: writes evict, no more than they must when a limit was
// lowered, and reads wait for nothing.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/memory.h"
#include "support/command_runner.h"

namespace gyre::commands {
namespace {

using engine::EvictionPolicy;

class LimitsTest : public testing::Test {
protected:
    static constexpr int64_t kKeys = 3000;
    LimitsTest() {
        runner_.dataset().settings.policy = EvictionPolicy::allkeys_lru;
        for (int64_t index = 0; index < kKeys; ++index) set("old:" + std::to_string(index));
        runner_.eviction_step_us = 1000;  // one look at the clock is more than a slice
    }
    std::string set(const std::string& key) { return runner_.run({"SET", key, "value"}); }
    int64_t keys() {
        return static_cast<int64_t>(runner_.dataset().keys_total(runner_.executor()));
    }

    test::CommandRunner runner_;
};

TEST_F(LimitsTest, a_write_above_a_lowered_maxkeys_brings_it_nearer) {
    runner_.dataset().set_maxkeys(100, runner_.executor());
    EXPECT_EQ(set("new"), "+OK\r\n");
    EXPECT_TRUE(runner_.find("new") != nullptr);
    EXPECT_LE(keys(), kKeys) << "no further from the limit";
    EXPECT_GT(keys(), kKeys - 100) << "and no more than a slice";
    const int64_t before = keys();
    EXPECT_EQ(runner_.run({"MSET", "a", "1", "b", "2", "c", "3"}), "+OK\r\n");
    EXPECT_LE(keys(), before);
    for (int round = 0; round < 1000 && keys() > 100; ++round) set("x" + std::to_string(round));
    EXPECT_EQ(keys(), 100);
    EXPECT_EQ(set("y"), "+OK\r\n");
    EXPECT_EQ(keys(), 100) << "from here on the limit is kept";
    EXPECT_EQ(runner_.dataset().keys_reserved(), 100);
}

TEST_F(LimitsTest, more_new_keys_than_maxkeys_are_refused_without_evicting) {
    runner_.dataset().set_maxkeys(kKeys, runner_.executor());
    std::vector<std::string> words{"MSET"};
    for (int64_t index = 0; index <= kKeys; ++index) {
        words.push_back("new:" + std::to_string(index));
        words.push_back("v");
    }
    EXPECT_EQ(runner_.run(words).substr(0, 4), "-OOM");
    EXPECT_EQ(keys(), kKeys);
    words.resize(words.size() - 2);
    EXPECT_EQ(runner_.run(words), "+OK\r\n");
    EXPECT_EQ(keys(), kKeys);
    EXPECT_TRUE(runner_.find("old:7") == nullptr);
}

TEST_F(LimitsTest, writes_pay_for_lowered_memory_in_slices_and_reads_do_not) {
    runner_.dataset().settings.maxmemory_bytes = base::used_estimate_here() - 50'000;
    EXPECT_EQ(runner_.run({"GET", "old:1"}), test::bulk("value"));
    EXPECT_EQ(keys(), kKeys);
    EXPECT_EQ(set("new"), "+OK\r\n");
    EXPECT_LT(keys(), kKeys);
    EXPECT_GT(keys(), kKeys - 100);
    runner_.dataset().settings.policy = EvictionPolicy::volatile_lru;
    EXPECT_EQ(set("old:1").substr(0, 4), "-OOM");
    EXPECT_EQ(set("old:1").substr(0, 4), "-OOM");
    EXPECT_TRUE(runner_.run({"EXPIRE", "new", "100"}) == ":1\r\n");
    set("old:1");
    EXPECT_TRUE(runner_.find("new") == nullptr) << "one was allowed to go";
}

}  // namespace
}  // namespace gyre::commands
