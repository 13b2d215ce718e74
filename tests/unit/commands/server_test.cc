// SPDX-License-Identifier: BSD-3-Clause

// Flushing, swapping, the time, and the end. Replies were compared with redis-server 7.0.15.

#include <gtest/gtest.h>

#include <string>

#include "support/command_runner.h"

namespace {

using gyre::test::CommandRunner;

class ServerTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    void fill(uint32_t database, int count) {
        runner_.session().database = database;
        for (int index = 0; index < count; ++index) {
            run({"SET", "key:" + std::to_string(index), "value", "PX", "100000"});
        }
        runner_.session().database = 0;
    }
    size_t detached() { return runner_.dataset().detached_entries(runner_.executor()); }
    CommandRunner runner_;
};

TEST_F(ServerTest, flushdb_and_clear_empty_the_selected_database) {
    for (const std::string_view name : {"FLUSHDB", "CLEAR"}) {
        fill(0, 500);
        fill(1, 3);
        EXPECT_EQ(run({name}), "+OK\r\n");
        EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
        EXPECT_EQ(run({"GET", "key:1"}), "$-1\r\n");
        EXPECT_EQ(detached(), 0U);
        runner_.session().database = 1;
        EXPECT_EQ(run({"DBSIZE"}), ":3\r\n");
        runner_.session().database = 0;
    }
}

TEST_F(ServerTest, flushall_empties_all_and_async_frees_later) {
    fill(0, 500);
    fill(1, 500);
    EXPECT_EQ(run({"FLUSHALL", "ASYNC"}), "+OK\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
    EXPECT_EQ(detached(), 1000U);
    EXPECT_EQ(run({"FLUSHALL", "sync"}), "+OK\r\n");
    EXPECT_EQ(detached(), 0U);
    fill(0, 1);
    EXPECT_EQ(run({"FLUSHALL"}), "+OK\r\n");
    EXPECT_EQ(run({"SET", "a", "1"}), "+OK\r\n");
    EXPECT_EQ(run({"KEYS"}), "*1\r\n$1\r\na\r\n");
}

TEST_F(ServerTest, a_flush_with_wrong_words_flushes_nothing) {
    fill(0, 1);
    EXPECT_EQ(run({"FLUSHALL", "FOO"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"FLUSHDB", "ASYNC", "SYNC"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":1\r\n");
}

TEST_F(ServerTest, a_flush_gives_the_places_under_maxkeys_back) {
    runner_.dataset().set_maxkeys(3, runner_.executor());
    fill(0, 3);
    EXPECT_EQ(runner_.dataset().keys_reserved(), 3);
    run({"FLUSHALL"});
    EXPECT_EQ(runner_.dataset().keys_reserved(), 0);
}

TEST_F(ServerTest, swapdb_exchanges_two_databases) {
    fill(0, 2);
    fill(1, 5);
    EXPECT_EQ(run({"SWAPDB", "0", "1"}), "+OK\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":5\r\n");
    EXPECT_EQ(run({"SWAPDB", "1", "1"}), "+OK\r\n");
    EXPECT_EQ(run({"SWAPDB", "7", "0"}), "+OK\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
}

TEST_F(ServerTest, swapdb_names_the_index_that_is_wrong) {
    EXPECT_EQ(run({"SWAPDB", "x", "y"}), "-ERR invalid first DB index\r\n");
    EXPECT_EQ(run({"SWAPDB", "99", "y"}), "-ERR invalid second DB index\r\n");
    EXPECT_EQ(run({"SWAPDB", "8589934592", "0"}), "-ERR invalid first DB index\r\n");
    EXPECT_EQ(run({"SWAPDB", "99", "1"}), "-ERR DB index is out of range\r\n");
    EXPECT_EQ(run({"SWAPDB", "1", "99"}), "-ERR DB index is out of range\r\n");
    EXPECT_EQ(run({"SWAPDB", "-1", "0"}), "-ERR DB index is out of range\r\n");
}

TEST_F(ServerTest, time_gives_seconds_and_microseconds) {
    runner_.advance_ms(1'234);
    EXPECT_EQ(run({"TIME"}), "*2\r\n$10\r\n1700000001\r\n$6\r\n234000\r\n");
}

TEST_F(ServerTest, shutdown_passes_its_words_on_and_has_no_reply) {
    EXPECT_EQ(run({"SHUTDOWN", "NOW", "save", "FORCE"}), "");
    ASSERT_EQ(runner_.control().shutdowns.size(), 1U);
    EXPECT_TRUE(runner_.control().shutdowns[0].save);
    EXPECT_TRUE(runner_.control().shutdowns[0].now);
    EXPECT_TRUE(runner_.control().shutdowns[0].force);
    EXPECT_TRUE(runner_.session().close_after_reply);
    EXPECT_EQ(run({"SHUTDOWN", "ABORT"}), "+OK\r\n");
    EXPECT_EQ(run({"SHUTDOWN", "ABORT"}), "-ERR No shutdown in progress.\r\n");
    EXPECT_EQ(run({"SHUTDOWN", "NOSAVE"}), "");
    EXPECT_FALSE(runner_.control().shutdowns[1].save);
    EXPECT_FALSE(runner_.control().shutdowns[1].now);
}

TEST_F(ServerTest, shutdown_refuses_words_that_contradict_each_other) {
    EXPECT_EQ(run({"SHUTDOWN", "FOO"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"SHUTDOWN", "SAVE", "NOSAVE"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"SHUTDOWN", "ABORT", "NOW"}), "-ERR syntax error\r\n");
    EXPECT_TRUE(runner_.control().shutdowns.empty());
    runner_.control().shutdown_error = "the disk is full";
    EXPECT_EQ(run({"SHUTDOWN"}), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    EXPECT_FALSE(runner_.session().close_after_reply);
}

}  // namespace
