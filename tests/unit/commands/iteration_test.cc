// SPDX-License-Identifier: BSD-3-Clause

// Commands that go through a database. What happens between the slices of a walk is tested in
// engine/walk_test.cc.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/command_runner.h"

namespace {

using gyre::test::bulk;
using gyre::test::CommandRunner;

/// The bulk strings of a flat reply; no other kind may be in it.
std::vector<std::string> strings_of(std::string_view reply) {
    std::vector<std::string> strings;
    size_t at = reply.find("\r\n") + 2;
    while (at < reply.size()) {
        EXPECT_EQ(reply[at], '$');
        const size_t line_end = reply.find("\r\n", at);
        const size_t bytes = std::stoul(std::string(reply.substr(at + 1, line_end - at - 1)));
        strings.emplace_back(reply.substr(line_end + 2, bytes));
        at = line_end + 2 + bytes + 2;
    }
    return strings;
}

std::multiset<std::string> sorted(const std::vector<std::string>& strings) {
    return {strings.begin(), strings.end()};
}

struct Page {
    std::string cursor;
    std::vector<std::string> keys;
};

Page page_of(std::string_view reply) {
    EXPECT_TRUE(reply.starts_with("*2\r\n$"));
    const size_t cursor_at = reply.find("\r\n", 4) + 2;
    const size_t cursor_end = reply.find("\r\n", cursor_at);
    return {std::string(reply.substr(cursor_at, cursor_end - cursor_at)),
            strings_of(reply.substr(cursor_end + 2))};
}

class IterationTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    void fill(std::string_view prefix, int count) {
        for (int index = 0; index < count; ++index) {
            run({"SET", std::string(prefix) + std::to_string(index), std::to_string(index)});
        }
    }
    CommandRunner runner_;
};

TEST_F(IterationTest, keys_lists_what_matches_and_alone_lists_all) {
    run({"MSET", "one", "1", "two", "2", "three", "3"});
    const auto all = std::multiset<std::string>{"one", "two", "three"};
    EXPECT_EQ(sorted(strings_of(run({"KEYS", "*"}))), all);
    EXPECT_EQ(sorted(strings_of(run({"KEYS"}))), all);
    EXPECT_EQ(sorted(strings_of(run({"KEYS", "t*"}))),
              (std::multiset<std::string>{"two", "three"}));
    EXPECT_EQ(run({"KEYS", "one"}), "*1\r\n$3\r\none\r\n");
    EXPECT_EQ(run({"KEYS", "x?"}), "*0\r\n");
    EXPECT_EQ(run({"KEYS", "a", "b"}), "-ERR wrong number of arguments for 'keys' command\r\n");
}

TEST_F(IterationTest, keys_gives_each_of_many_keys_once) {
    fill("key:", 5000);
    const auto keys = strings_of(run({"KEYS", "*"}));
    EXPECT_EQ(keys.size(), 5000U);
    EXPECT_EQ(sorted(keys).size(), std::set<std::string>(keys.begin(), keys.end()).size());
}

TEST_F(IterationTest, nothing_shows_a_key_past_its_deadline) {
    run({"SET", "lives", "1"});
    run({"SET", "due", "2", "PX", "10"});
    runner_.advance_ms(11);
    EXPECT_EQ(run({"SIZE"}), ":1\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":2\r\n");
    EXPECT_EQ(run({"KEYS"}), "*1\r\n$5\r\nlives\r\n");
    EXPECT_EQ(run({"VALUES"}), "*1\r\n$1\r\n1\r\n");
    EXPECT_EQ(run({"ITEMS"}), "*2\r\n$5\r\nlives\r\n$1\r\n1\r\n");
    EXPECT_EQ(run({"SCAN", "0"}), "*2\r\n$1\r\n0\r\n*1\r\n$5\r\nlives\r\n");
    for (int draw = 0; draw < 20; ++draw) EXPECT_EQ(run({"RANDOMKEY"}), "$5\r\nlives\r\n");
}

TEST_F(IterationTest, values_and_items_give_every_encoding) {
    const std::string large(20'000, 'x');
    run({"SET", "int", "-5"});
    run({"SET", "large", large});
    const auto values = run({"VALUES"});
    EXPECT_EQ(values.size(), 4 + bulk("-5").size() + bulk(large).size());
    EXPECT_NE(values.find(bulk("-5")), std::string::npos);
    EXPECT_NE(values.find(bulk(large)), std::string::npos);
    EXPECT_TRUE(run({"ITEMS"}).starts_with("*4\r\n"));
    runner_.use_resp3();
    const auto items = run({"ITEMS"});
    EXPECT_TRUE(items.starts_with("%2\r\n"));
    EXPECT_NE(items.find(bulk("int") + bulk("-5")), std::string::npos);
    EXPECT_NE(items.find(bulk("large") + bulk(large)), std::string::npos);
}

TEST_F(IterationTest, an_empty_database_is_an_empty_reply) {
    EXPECT_EQ(run({"KEYS"}), "*0\r\n");
    EXPECT_EQ(run({"VALUES"}), "*0\r\n");
    EXPECT_EQ(run({"ITEMS"}), "*0\r\n");
    EXPECT_EQ(run({"SIZE"}), ":0\r\n");
    EXPECT_EQ(run({"RANDOMKEY"}), "$-1\r\n");
    EXPECT_EQ(run({"SCAN", "0"}), "*2\r\n$1\r\n0\r\n*0\r\n");
    runner_.use_resp3();
    EXPECT_EQ(run({"RANDOMKEY"}), "_\r\n");
    EXPECT_EQ(run({"ITEMS"}), "%0\r\n");
}

TEST_F(IterationTest, looks_at_the_selected_database_only) {
    run({"SET", "a", "1"});
    runner_.session().database = 3;
    run({"SET", "b", "2"});
    EXPECT_EQ(run({"KEYS"}), "*1\r\n$1\r\nb\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":1\r\n");
    EXPECT_EQ(run({"RANDOMKEY"}), "$1\r\nb\r\n");
}

TEST_F(IterationTest, scan_reads_cursors_as_strtoul_does) {
    const std::string_view empty = "*2\r\n$1\r\n0\r\n*0\r\n";
    const std::string_view invalid = "-ERR invalid cursor\r\n";
    for (const std::string_view cursor : {"", "0", "-1", "+1", "18446744073709551615"}) {
        EXPECT_EQ(run({"SCAN", cursor, "COUNT", "100"}), empty) << cursor;
    }
    for (const std::string_view cursor :
         {"x", " 1", "1 ", "-", "+", "18446744073709551616", "1x", "--1"}) {
        EXPECT_EQ(run({"SCAN", cursor}), invalid) << cursor;
    }
    EXPECT_EQ(run({"SCAN", "x", "FOO"}), invalid);
}

TEST_F(IterationTest, scan_checks_its_options_in_order) {
    const std::string_view syntax = "-ERR syntax error\r\n";
    const std::string_view number = "-ERR value is not an integer or out of range\r\n";
    EXPECT_EQ(run({"SCAN", "0", "COUNT"}), syntax);
    EXPECT_EQ(run({"SCAN", "0", "COUNT", "0"}), syntax);
    EXPECT_EQ(run({"SCAN", "0", "COUNT", "x", "FOO", "bar"}), number);
    EXPECT_EQ(run({"SCAN", "0", "COUNT", "9223372036854775808"}), number);
    EXPECT_EQ(run({"SCAN", "0", "MATCH"}), syntax);
    EXPECT_EQ(run({"SCAN", "0", "TYPE"}), syntax);
    EXPECT_EQ(run({"SCAN", "0", "FOO", "bar"}), syntax);
    EXPECT_EQ(run({"SCAN", "0", "COUNT", "9223372036854775807"}), "*2\r\n$1\r\n0\r\n*0\r\n");
}

TEST_F(IterationTest, scan_comes_round_and_gives_every_key) {
    fill("key:", 1000);
    for (const std::string_view count : {"1", "10", "333", "100000"}) {
        std::set<std::string> seen;
        Page page{.cursor = "0", .keys = {}};
        size_t calls = 0;
        do {
            page = page_of(run({"SCAN", page.cursor, "COUNT", count}));
            seen.insert(page.keys.begin(), page.keys.end());
            ASSERT_LT(++calls, 3000U);
        } while (page.cursor != "0");
        EXPECT_EQ(seen.size(), 1000U) << count;
        EXPECT_GE(calls, 1000 / std::stoul(std::string(count)) / 20) << count;
    }
    EXPECT_EQ(page_of(run({"SCAN", "0", "COUNT", "100000"})).keys.size(), 1000U);
}

TEST_F(IterationTest, scan_budget_goes_on_over_empty_shards) {
    run({"SET", "only", "1"});
    EXPECT_EQ(run({"SCAN", "0", "COUNT", "5"}), "*2\r\n$1\r\n0\r\n*1\r\n$4\r\nonly\r\n");
}

TEST_F(IterationTest, scan_filters_by_pattern_and_type) {
    run({"MSET", "one", "1", "two", "2"});
    EXPECT_EQ(page_of(run({"SCAN", "0", "COUNT", "1000", "MATCH", "o*"})).keys,
              std::vector<std::string>{"one"});
    EXPECT_EQ(page_of(run({"SCAN", "0", "COUNT", "1000", "TYPE", "STRING"})).keys.size(), 2U);
    EXPECT_EQ(page_of(run({"SCAN", "0", "COUNT", "1000", "TYPE", "list"})).keys.size(), 0U);
    EXPECT_EQ(page_of(run({"SCAN", "0", "COUNT", "1000", "TYPE", "nothing"})).keys.size(), 0U);
}

TEST_F(IterationTest, randomkey_draws_every_key_about_as_often) {
    fill("", 10);
    std::map<std::string, int> drawn;
    for (int draw = 0; draw < 5000; ++draw) ++drawn[strings_of("\r\n" + run({"RANDOMKEY"}))[0]];
    EXPECT_EQ(drawn.size(), 10U);
    // 500 each on average; five standard deviations are about 106.
    for (const auto& [key, times] : drawn) EXPECT_NEAR(times, 500, 110) << key;
}

TEST_F(IterationTest, randomkey_removes_what_it_draws_past_its_deadline) {
    for (int index = 0; index < 100; ++index) {
        run({"SET", "due:" + std::to_string(index), "1", "PX", "5"});
    }
    runner_.advance_ms(6);
    EXPECT_EQ(run({"RANDOMKEY"}), "$-1\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
}

TEST_F(IterationTest, size_agrees_with_the_clock_at_every_millisecond) {
    for (int index = 0; index < 64; ++index) {
        run({"SET", "key:" + std::to_string(index), "1", "PX", std::to_string(1 + index)});
    }
    run({"SET", "stays", "1"});
    for (int64_t passed = 0; passed <= 66; ++passed) {
        const int64_t living = 1 + std::min<int64_t>(64, 65 - std::min<int64_t>(65, passed));
        EXPECT_EQ(run({"SIZE"}), ":" + std::to_string(living) + "\r\n") << passed;
        runner_.advance_ms(1);
    }
}

}  // namespace
