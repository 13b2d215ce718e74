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

TEST_F(LimitsTest, a_command_of_thousands_of_keys_leaves_nothing_behind) {
    if (!base::kOperatorNewIsCounted) GTEST_SKIP() << "nothing is counted as other here";
    for (const char* name : {"EXISTS", "MGET"}) {
        std::vector<std::string> words{name};
        for (int index = 0; index < 50'000; ++index) words.push_back("k");
        runner_.run({"EXISTS", "k"});
        const int64_t before = base::used(base::Purpose::other);
        runner_.run(words);
        EXPECT_LT(base::used(base::Purpose::other), before + 300'000) << name;
    }
}

// Only once a command has run it is known whether it creates a key.
TEST(MaxkeysTest, what_creates_no_key_evicts_none) {
    using Words = std::vector<std::string>;
    const std::vector<Words> refused = {{"SET", "b", "1", "EX", "0"},
                                        {"SETEX", "b", "0", "1"},
                                        {"PSETEX", "b", "-1", "1"},
                                        {"INCRBY", "b", "x"},
                                        {"INCRBYFLOAT", "b", "x"},
                                        {"DECRBY", "b", "x"},
                                        {"SETBIT", "b", "-1", "1"},
                                        {"SETRANGE", "b", "-1", "x"},
                                        {"PUT", "b", "1", "0"},
                                        {"BITOP", "NOT", "b", "a", "a"},
                                        {"MSETEX", "1", "b", "1", "EX", "0"},
                                        {"SET_WITH_TTL", "b", "1", "0"},
                                        {"BITFIELD", "b", "SET", "u99", "0", "1"},
                                        {"SETBIT", "b", "0", "2"}};
    const std::vector<Words> creating_none = {{"INCREX", "b", "UBOUND", "0"},
                                              {"SET", "b", "1", "PXAT", "1"},
                                              {"SET", "b", "1", "XX"},
                                              {"BITOP", "AND", "b", "c", "d"}};
    for (const auto policy : {EvictionPolicy::allkeys_lru, EvictionPolicy::allkeys_random,
                              EvictionPolicy::allkeys_s3fifo}) {
        SCOPED_TRACE(engine::policy_name(policy));
        test::CommandRunner runner;
        runner.dataset().set_policy(policy, runner.executor());
        runner.run({"SET", "a", "1"});
        runner.dataset().set_maxkeys(1, runner.executor());
        for (const Words& words : refused) {
            EXPECT_EQ(runner.run(words)[0], '-') << words[0];
            EXPECT_TRUE(runner.find("a") != nullptr) << words[0];
        }
        for (const Words& words : creating_none) {
            EXPECT_NE(runner.run(words)[0], '-') << words[0];
            EXPECT_TRUE(runner.find("a") != nullptr) << words[0];
        }
        EXPECT_EQ(runner.dataset().keys_reserved(), 1);
        EXPECT_EQ(runner.dataset().owed_evictions(), 0);
        EXPECT_EQ(runner.run({"SET", "b", "1"}), "+OK\r\n");
        EXPECT_TRUE(runner.find("a") == nullptr) << "and what creates one does";
        EXPECT_TRUE(runner.find("b") != nullptr);
    }
}

TEST(MaxkeysTest, a_command_evicts_none_of_its_own_keys) {
    for (const auto policy :
         {EvictionPolicy::allkeys_lru, EvictionPolicy::allkeys_lfu, EvictionPolicy::allkeys_random,
          EvictionPolicy::allkeys_s3fifo, EvictionPolicy::volatile_ttl}) {
        SCOPED_TRACE(engine::policy_name(policy));
        test::CommandRunner runner;
        runner.dataset().set_policy(policy, runner.executor());
        runner.dataset().set_maxkeys(3, runner.executor());
        for (const char* key : {"a", "b", "c"}) runner.run({"SET", key, "1", "EX", "100"});
        EXPECT_EQ(runner.run({"MSET", "a", "2", "x", "2", "b", "2"}), "+OK\r\n");
        EXPECT_TRUE(runner.find("c") == nullptr) << "the only one that is not named";
        EXPECT_EQ(runner.run({"MSET", "a", "3", "x", "3", "b", "3", "y", "3"}).substr(0, 4), "-OOM")
            << "its own keys are more than there may be";
        EXPECT_EQ(runner.run({"MGET", "a", "x", "b", "y"}),
                  "*4\r\n$1\r\n2\r\n$1\r\n2\r\n$1\r\n2\r\n$-1\r\n");
    }
}

TEST(MaxkeysTest, where_nothing_may_go_a_command_changes_nothing) {
    test::CommandRunner runner;
    runner.dataset().set_policy(EvictionPolicy::volatile_lru, runner.executor());
    runner.dataset().set_maxkeys(3, runner.executor());
    runner.run({"MSET", "a", "1", "b", "1"});
    runner.run({"SET", "c", "1", "EX", "100"});
    EXPECT_EQ(runner.run({"MSET", "x", "1", "y", "1"}).substr(0, 4), "-OOM") << "one may go";
    EXPECT_EQ(runner.run({"MSET", "c", "2", "x", "1"}).substr(0, 4), "-OOM") << "its own";
    EXPECT_EQ(runner.run({"GET", "c"}), test::bulk("1"));
    EXPECT_EQ(runner.run({"SET", "x", "1"}), "+OK\r\n");
    EXPECT_TRUE(runner.find("c") == nullptr);
    EXPECT_EQ(runner.run({"SET", "y", "1"}).substr(0, 4), "-OOM");
    EXPECT_EQ(runner.run({"SET", "y", "1"}).substr(0, 4), "-OOM");
    runner.run({"EXPIRE", "a", "100"});
    EXPECT_EQ(runner.run({"SET", "y", "1"}), "+OK\r\n");
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
