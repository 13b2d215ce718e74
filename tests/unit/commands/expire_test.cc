// SPDX-License-Identifier: BSD-3-Clause

// Deadlines of keys. Replies were compared with redis-server 7.0.15.

#include <gtest/gtest.h>

#include <string>

#include "support/command_runner.h"

namespace {

using gyre::test::CommandRunner;

std::string number(int64_t value) { return ":" + std::to_string(value) + "\r\n"; }

class ExpireTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    CommandRunner runner_;
};

TEST_F(ExpireTest, sets_deadlines_in_all_four_forms) {
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"EXPIRE", "a", "100"}), ":1\r\n");
    EXPECT_EQ(run({"PTTL", "a"}), ":100000\r\n");
    EXPECT_EQ(run({"PEXPIRE", "a", "1234"}), ":1\r\n");
    EXPECT_EQ(run({"PTTL", "a"}), ":1234\r\n");
    const int64_t now_s = runner_.now_ms() / 1000;
    EXPECT_EQ(run({"EXPIREAT", "a", std::to_string(now_s + 50)}), ":1\r\n");
    EXPECT_EQ(run({"EXPIRETIME", "a"}), number(now_s + 50));
    EXPECT_EQ(run({"PEXPIREAT", "a", std::to_string(now_s * 1000 + 70)}), ":1\r\n");
    EXPECT_EQ(run({"PEXPIRETIME", "a"}), number(now_s * 1000 + 70));
    EXPECT_EQ(run({"EXPIRE", "missing", "100"}), ":0\r\n");
}

TEST_F(ExpireTest, a_key_lives_through_the_millisecond_of_its_deadline) {
    run({"SET", "a", "1"});
    run({"PEXPIRE", "a", "10"});
    runner_.advance_ms(10);
    EXPECT_EQ(run({"PTTL", "a"}), ":0\r\n");
    EXPECT_EQ(run({"GET", "a"}), "$1\r\n1\r\n");
    runner_.advance_ms(1);
    EXPECT_EQ(run({"PTTL", "a"}), ":-2\r\n");
    EXPECT_EQ(run({"GET", "a"}), "$-1\r\n");
}

TEST_F(ExpireTest, a_deadline_that_is_past_deletes) {
    for (const std::string_view seconds : {"0", "-1", "-9223372036854775"}) {
        run({"SET", "a", "1"});
        EXPECT_EQ(run({"EXPIRE", "a", seconds}), ":1\r\n");
        EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
    }
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"PEXPIRE", "a", "-9223372036854775808"}), ":1\r\n");
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"PEXPIREAT", "a", std::to_string(runner_.now_ms())}), ":1\r\n");
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
}

TEST_F(ExpireTest, refuses_what_does_not_fit_64_bits) {
    run({"SET", "a", "1"});
    const auto invalid = [](std::string_view name) {
        return "-ERR invalid expire time in '" + std::string(name) + "' command\r\n";
    };
    EXPECT_EQ(run({"EXPIRE", "a", "9223372036854775807"}), invalid("expire"));
    EXPECT_EQ(run({"EXPIRE", "a", "-9223372036854775808"}), invalid("expire"));
    EXPECT_EQ(run({"PEXPIRE", "a", "9223372036854775807"}), invalid("pexpire"));
    EXPECT_EQ(run({"EXPIREAT", "a", "9223372036854775807"}), invalid("expireat"));
    EXPECT_EQ(run({"EXPIREAT", "a", "9223372036854776"}), invalid("expireat"));
    EXPECT_EQ(run({"EXPIRE", "missing", "9223372036854775807"}), invalid("expire"));
    EXPECT_EQ(run({"EXPIRE", "a", "1.5"}), "-ERR value is not an integer or out of range\r\n");
    EXPECT_EQ(run({"PTTL", "a"}), ":-1\r\n");
    // The furthest deadline there is is still one.
    EXPECT_EQ(run({"EXPIREAT", "a", "9223372036854775"}), ":1\r\n");
    EXPECT_EQ(run({"EXPIRETIME", "a"}), ":9223372036854775\r\n");
    EXPECT_EQ(run({"PEXPIREAT", "a", "9223372036854775807"}), ":1\r\n");
    EXPECT_EQ(run({"EXPIRETIME", "a"}), ":9223372036854776\r\n");
    EXPECT_EQ(run({"PERSIST", "a"}), ":1\r\n");
}

TEST_F(ExpireTest, conditions_decide_which_deadlines_are_replaced) {
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"EXPIRE", "a", "100", "XX"}), ":0\r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "100", "GT"}), ":0\r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "100", "nx"}), ":1\r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "200", "NX"}), ":0\r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "100", "GT"}), ":0\r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "101", "GT", "XX"}), ":1\r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "101", "LT"}), ":0\r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "99", "LT"}), ":1\r\n");
    EXPECT_EQ(run({"TTL", "a"}), ":99\r\n");
    run({"PERSIST", "a"});
    // No deadline counts as the furthest: LT may replace it, but not together with XX.
    EXPECT_EQ(run({"EXPIRE", "a", "10", "LT", "XX"}), ":0\r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "10", "LT"}), ":1\r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "-1", "GT"}), ":0\r\n");
    EXPECT_EQ(run({"EXISTS", "a"}), ":1\r\n");
}

TEST_F(ExpireTest, options_that_exclude_each_other_are_refused_before_the_number) {
    EXPECT_EQ(run({"EXPIRE", "a", "x", "FOO"}), "-ERR Unsupported option FOO\r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "10", ""}), "-ERR Unsupported option \r\n");
    EXPECT_EQ(run({"EXPIRE", "a", "10", "NX", "GT", "FOO"}), "-ERR Unsupported option FOO\r\n");
    const std::string_view exclusive =
        "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n";
    EXPECT_EQ(run({"EXPIRE", "a", "x", "NX", "XX"}), exclusive);
    EXPECT_EQ(run({"EXPIRE", "a", "x", "GT", "LT", "NX"}), exclusive);
    EXPECT_EQ(run({"EXPIRE", "a", "x", "GT", "LT"}),
              "-ERR GT and LT options at the same time are not compatible\r\n");
    EXPECT_EQ(run({"EXPIRE", "missing", "x"}), "-ERR value is not an integer or out of range\r\n");
}

TEST_F(ExpireTest, ttl_rounds_to_the_nearest_second) {
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"TTL", "a"}), ":-1\r\n");
    EXPECT_EQ(run({"EXPIRETIME", "a"}), ":-1\r\n");
    EXPECT_EQ(run({"TTL", "missing"}), ":-2\r\n");
    EXPECT_EQ(run({"PEXPIRETIME", "missing"}), ":-2\r\n");
    run({"PEXPIRE", "a", "1499"});
    EXPECT_EQ(run({"TTL", "a"}), ":1\r\n");
    run({"PEXPIRE", "a", "1500"});
    EXPECT_EQ(run({"TTL", "a"}), ":2\r\n");
}

TEST_F(ExpireTest, persist_removes_a_deadline_once) {
    EXPECT_EQ(run({"PERSIST", "missing"}), ":0\r\n");
    run({"SET", "a", "1", "PX", "100"});
    EXPECT_EQ(run({"PERSIST", "a"}), ":1\r\n");
    EXPECT_EQ(run({"PERSIST", "a"}), ":0\r\n");
    runner_.advance_ms(1000);
    EXPECT_EQ(run({"GET", "a"}), "$1\r\n1\r\n");
}

TEST_F(ExpireTest, asking_counts_hits_and_misses_and_setting_does_not) {
    run({"SET", "a", "1"});
    run({"EXPIRE", "a", "100"});
    run({"EXPIRE", "missing", "100"});
    run({"TTL", "a"});
    run({"PTTL", "missing"});
    const auto statistics = runner_.dataset().statistics(runner_.executor());
    EXPECT_EQ(statistics.keyspace_hits, 1U);
    EXPECT_EQ(statistics.keyspace_misses, 1U);
}

}  // namespace
