// SPDX-License-Identifier: BSD-3-Clause

// SORT: what the differential tests do not see: which shards it locks, what becomes of keys that
// are due, the form of what it stores, and the limit on keys.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "commands/registry.h"
#include "commands/transaction.h"
#include "engine/memory_check.h"
#include "support/command_runner.h"

namespace gyre::test {
namespace {

class SortCommandTest : public testing::TestWithParam<size_t> {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    static std::string array(const std::vector<std::string>& texts) {
        std::string reply = "*" + std::to_string(texts.size()) + "\r\n";
        for (const std::string& text : texts) reply += bulk(text);
        return reply;
    }
    /// What the row adds to the shards of the keys.
    bool leads_to(const std::vector<std::string>& words, engine::ShardSet& set) {
        std::vector<resp::Argument> arguments;
        for (const std::string& word : words) arguments.push_back({word, nullptr});
        const commands::CommandSpec* spec = commands::find_command("sort");
        EXPECT_EQ(spec->leads_on(arguments),
                  words.size() > 2 && words.back().find('*') != std::string::npos);
        const std::vector<store::Key> keys{store::Key::of(words[1])};
        resp::ReplyWriter reply(output_, resp::Protocol::resp2);
        commands::Context context{
            .session = runner_.session(),
            .spec = *spec,
            .arguments = arguments,
            .keys = keys,
            .reply = reply,
            .keyspace =
                engine::Keyspace(runner_.dataset(), runner_.executor(), 0, runner_.now_ms(), false),
            .services = runner_.services(),
        };
        return spec->lead_on(context, set);
    }

    CommandRunner runner_{RunnerOptions{.threads = GetParam(), .shards = 1024}};
    base::ChunkPool chunks_;
    base::OutputBuffer output_{chunks_};
};

TEST_P(SortCommandTest, PatternsLeadToTheShardsOfTheirKeysAlone) {
    run({"RPUSH", "l", "1", "2", "3"});
    engine::Dataset& dataset = runner_.dataset();
    engine::ShardSet set;
    EXPECT_TRUE(leads_to({"sort", "l", "BY", "w_*"}, set));
    engine::ShardSet expected;
    for (const char* key : {"w_1", "w_2", "w_3"}) {
        expected.add(dataset.shard_of(store::Key::of(key).hash));
    }
    for (size_t shard = 0; shard < dataset.shards(); ++shard) {
        EXPECT_EQ(set.has(shard), expected.has(shard)) << shard;
    }
    EXPECT_FALSE(leads_to({"sort", "l", "BY", "w_*"}, set));
    EXPECT_TRUE(leads_to({"sort", "l", "BY", "w_*", "GET", "h_*->f"}, set));
}

TEST_P(SortCommandTest, WhereNoPatternNamesAKeyNothingIsAdded) {
    run({"RPUSH", "l", "1", "2", "3"});
    engine::ShardSet set;
    EXPECT_FALSE(leads_to({"sort", "l"}, set));
    EXPECT_FALSE(leads_to({"sort", "l", "BY", "nosort"}, set));
    EXPECT_FALSE(leads_to({"sort", "l", "GET", "#"}, set));
    EXPECT_FALSE(leads_to({"sort", "none", "BY", "w_*"}, set));
}

TEST_P(SortCommandTest, OfAListThatIsNotSortedOnlyTheRangeCounts) {
    for (int i = 0; i < 5000; ++i) run({"RPUSH", "l", std::to_string(i)});
    engine::ShardSet set;
    EXPECT_TRUE(leads_to({"sort", "l", "BY", "x", "LIMIT", "7", "1", "GET", "d_*"}, set));
    EXPECT_TRUE(set.has(runner_.dataset().shard_of(store::Key::of("d_7").hash)));
    size_t count = 0;
    for (size_t shard = 0; shard < 1024; ++shard) count += set.has(shard) ? 1 : 0;
    EXPECT_EQ(count, 1U);
    // All of so many elements may lead anywhere.
    EXPECT_TRUE(leads_to({"sort", "l", "BY", "w_*"}, set));
    for (size_t shard = 0; shard < 1024; ++shard) EXPECT_TRUE(set.has(shard));
}

TEST_P(SortCommandTest, PatternsAreReadWithinATransactionToo) {
    run({"RPUSH", "l", "1", "2"});
    run({"MSET", "w_1", "5", "w_2", "4"});
    run({"MULTI"});
    run({"RPUSH", "l", "3"});
    run({"SORT", "l", "BY", "w_*", "GET", "#", "GET", "w_*"});
    EXPECT_EQ(run({"EXEC"}), "*2\r\n:3\r\n*6\r\n" + bulk("3") + "$-1\r\n" + bulk("2") + bulk("4") +
                                 bulk("1") + bulk("5"));
}

TEST_P(SortCommandTest, WhatIsDueIsNotThere) {
    run({"RPUSH", "l", "1", "2", "3"});
    run({"SET", "w_1", "9", "PX", "100"});
    run({"SET", "w_2", "-1"});
    run({"HSET", "h_3", "f", "x"});
    run({"HPEXPIRE", "h_3", "100", "FIELDS", "1", "f"});
    EXPECT_EQ(run({"SORT", "l", "BY", "w_*"}), array({"2", "3", "1"}));
    EXPECT_EQ(run({"SORT", "l", "GET", "h_*->f"}), "*3\r\n$-1\r\n$-1\r\n" + bulk("x"));
    runner_.advance_ms(101);
    EXPECT_EQ(run({"SORT", "l", "BY", "w_*"}), array({"2", "1", "3"}));
    EXPECT_EQ(run({"SORT", "l", "GET", "h_*->f"}), "*3\r\n$-1\r\n$-1\r\n$-1\r\n");
    EXPECT_EQ(runner_.find("w_1"), nullptr);
    EXPECT_EQ(runner_.find("h_3"), nullptr);
    run({"PEXPIRE", "l", "1"});
    runner_.advance_ms(2);
    EXPECT_EQ(run({"SORT", "l", "STORE", "w_2"}), ":0\r\n");
    EXPECT_EQ(run({"EXISTS", "w_2", "l"}), ":0\r\n");
}

TEST_P(SortCommandTest, WhatIsStoredHasTheFormOfItsSize) {
    for (int i = 0; i < 3000; ++i) run({"SADD", "s", "member:" + std::to_string(i)});
    EXPECT_EQ(run({"SORT", "s", "ALPHA", "LIMIT", "0", "5", "STORE", "d"}), ":5\r\n");
    EXPECT_EQ(run({"OBJECT", "ENCODING", "d"}), bulk("listpack"));
    EXPECT_EQ(run({"SORT", "s", "ALPHA", "STORE", "d"}), ":3000\r\n");
    EXPECT_EQ(run({"OBJECT", "ENCODING", "d"}), bulk("quicklist"));
    EXPECT_EQ(run({"LRANGE", "d", "0", "1"}), array({"member:0", "member:1"}));
    engine::MemoryCheck check(runner_.dataset());
    for (size_t shard = 0; shard < runner_.dataset().shards(); ++shard) {
        check.visit(shard, runner_.executor());
    }
    for (const std::string& difference : check.conclude(0)) ADD_FAILURE() << difference;
    // In place of what it was made of.
    EXPECT_EQ(run({"SORT", "d", "ALPHA", "DESC", "LIMIT", "0", "2", "STORE", "d"}), ":2\r\n");
    EXPECT_EQ(run({"LRANGE", "d", "0", "-1"}), array({"member:999", "member:998"}));
}

TEST_P(SortCommandTest, TiesKeepTheirOrder) {
    std::vector<std::string> words{"RPUSH", "l"};
    for (int i = 0; i < 20'000; ++i) words.push_back(i % 2 == 0 ? "b" : "a");
    runner_.run(words);
    run({"SET", "w_a", "same"});
    run({"SET", "w_b", "same"});
    EXPECT_EQ(run({"SORT", "l", "BY", "w_*", "ALPHA", "LIMIT", "9998", "4"}),
              array({"b", "a", "b", "a"}));
    EXPECT_EQ(run({"SORT", "l", "ALPHA", "DESC", "LIMIT", "9999", "2"}), array({"b", "a"}));
}

TEST_P(SortCommandTest, TheTargetCountsAgainstMaxkeys) {
    run({"RPUSH", "l", "2", "1"});
    runner_.dataset().set_maxkeys(1, runner_.executor());
    EXPECT_EQ(run({"SORT", "l", "STORE", "d"}).substr(0, 4), "-OOM");
    EXPECT_EQ(run({"SORT", "none", "STORE", "d"}), ":0\r\n");
    EXPECT_EQ(run({"SORT", "l", "BY", "w_*", "STORE", "l"}), ":2\r\n");
    EXPECT_EQ(run({"LRANGE", "l", "0", "-1"}), array({"1", "2"}));
}

TEST_P(SortCommandTest, MissingValuesAreNullInResp3) {
    run({"RPUSH", "l", "1"});
    runner_.use_resp3();
    EXPECT_EQ(run({"SORT", "l", "GET", "none_*", "GET", "#"}), "*2\r\n_\r\n" + bulk("1"));
}

// With one thread the locks do nothing; with two the set of shards matters.
INSTANTIATE_TEST_SUITE_P(Threads, SortCommandTest, testing::Values(1, 2));

}  // namespace
}  // namespace gyre::test
