// SPDX-License-Identifier: BSD-3-Clause

// What of transactions shows without sockets: limits, memory, eviction, what CLIENT LIST tells.
// Replies are compared with redis-server in tests/compat/transaction_test.cc.

#include <gtest/gtest.h>

#include <string>

#include "base/memory.h"
#include "commands/registry.h"
#include "support/command_runner.h"

namespace {

using gyre::commands::Session;
using gyre::test::CommandRunner;

class TransactionTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    std::string run_as(Session& session, std::initializer_list<std::string_view> words) {
        return runner_.run_as(session, words);
    }
    CommandRunner runner_;
};

TEST_F(TransactionTest, client_list_tells_of_queued_commands_and_touched_keys) {
    EXPECT_NE(run({"CLIENT", "INFO"}).find(" multi=-1 "), std::string::npos);
    Session& other = runner_.add_session();
    run_as(other, {"WATCH", "a"});
    run_as(other, {"MULTI"});
    run_as(other, {"SET", "a", std::string(5000, 'x')});
    run_as(other, {"GET", "a"});
    run({"SET", "a", "1"});
    const std::string line = run({"CLIENT", "LIST", "ID", std::to_string(other.id)});
    EXPECT_NE(line.find(" flags=xd "), std::string::npos) << line;
    EXPECT_NE(line.find(" multi=2 "), std::string::npos) << line;
    EXPECT_EQ(line.find(" multi-mem=0 "), std::string::npos) << line;
    EXPECT_GT(other.queued_bytes.load(), 5000U);
    EXPECT_EQ(run_as(other, {"EXEC"}), "*-1\r\n");
    EXPECT_EQ(other.queued_bytes.load(), 0U);
}

TEST_F(TransactionTest, client_list_counts_watched_keys) {
    const std::string key(5000, 'k');
    run({"WATCH", key, "other"});
    const std::string line = run({"CLIENT", "INFO"});
    const size_t at = line.find(" multi-mem=");
    ASSERT_NE(at, std::string::npos) << line;
    EXPECT_GT(std::stoul(line.substr(at + 11)), 5000U) << line;
    run({"UNWATCH"});
    EXPECT_NE(run({"CLIENT", "INFO"}).find(" multi-mem=0 "), std::string::npos);
}

TEST_F(TransactionTest, a_missing_key_that_is_set_with_a_past_deadline_was_changed) {
    Session& other = runner_.add_session();
    for (const char* option : {"EXAT", "PXAT"}) {
        run({"WATCH", "k"});
        run_as(other, {"SET", "k", "v", option, "1"});
        EXPECT_EQ(run({"EXISTS", "k"}), ":0\r\n");
        run({"MULTI"});
        run({"PING"});
        EXPECT_EQ(run({"EXEC"}), "*-1\r\n") << option;
    }
    run({"BEGIN"});
    EXPECT_EQ(run({"SET", "k", "v", "EXAT", "1"}), "+OK\r\n");
    EXPECT_EQ(run({"COMMIT"}), "+OK\r\n");
}

TEST_F(TransactionTest, no_memory_is_left_of_what_was_queued_and_watched) {
    run({"SET", "warm", "up"});
    const int64_t before = gyre::base::used(gyre::base::Purpose::clients);
    for (const char* end : {"EXEC", "DISCARD", "RESET"}) {
        for (int index = 0; index < 100; ++index) run({"WATCH", "key" + std::to_string(index)});
        run({"MULTI"});
        for (int index = 0; index < 100; ++index) run({"APPEND", "k", std::string(1000, 'x')});
        run({"SET", "large", std::string(100'000, 'x')});
        EXPECT_GT(gyre::base::used(gyre::base::Purpose::clients), before);
        run({end});
        run({"DEL", "large", "k"});
        EXPECT_LE(gyre::base::used(gyre::base::Purpose::clients), before) << end;
    }
}

TEST_F(TransactionTest, what_is_evicted_was_changed) {
    runner_.dataset().settings.policy = gyre::engine::EvictionPolicy::allkeys_random;
    run({"SET", "a", "1"});
    run({"WATCH", "a"});
    Session& other = runner_.add_session();
    runner_.dataset().set_maxkeys(1, runner_.executor());
    run_as(other, {"SET", "b", "1"});
    run({"MULTI"});
    EXPECT_EQ(run({"EXEC"}), "*-1\r\n");
}

TEST_F(TransactionTest, a_transaction_makes_room_for_its_keys_and_for_no_more) {
    runner_.dataset().settings.policy = gyre::engine::EvictionPolicy::allkeys_random;
    for (const char* key : {"a", "b", "c"}) run({"SET", key, "1"});
    runner_.dataset().set_maxkeys(3, runner_.executor());
    run({"MULTI"});
    run({"SET", "a", "2"});
    run({"SET", "b", "2"});
    EXPECT_EQ(run({"EXEC"}), "*2\r\n+OK\r\n+OK\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":3\r\n");
    run({"MULTI"});
    run({"SET", "d", "1"});
    run({"SET", "d", "2"});
    run({"SET", "e", "2"});
    EXPECT_EQ(run({"EXEC"}), "*3\r\n+OK\r\n+OK\r\n+OK\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":3\r\n");
    EXPECT_EQ(run({"MGET", "d", "e"}), "*2\r\n$1\r\n2\r\n$1\r\n2\r\n");
}

TEST_F(TransactionTest, without_room_a_command_of_the_transaction_is_refused) {
    run({"SET", "a", "1"});
    runner_.dataset().set_maxkeys(1, runner_.executor());
    run({"MULTI"});
    run({"SET", "a", "2"});
    run({"SET", "b", "1"});
    EXPECT_EQ(run({"EXEC"}).substr(0, 15), "*2\r\n+OK\r\n-OOM c");
    EXPECT_EQ(run({"GET", "a"}), "$1\r\n2\r\n");
    EXPECT_EQ(run({"EXISTS", "b"}), ":0\r\n");
}

TEST_F(TransactionTest, commands_are_counted_when_they_run) {
    const auto calls = [&](const char* name) {
        const auto* spec = gyre::commands::find_full_name(name);
        return runner_.statistics().figures(gyre::commands::row_index(*spec)).calls;
    };
    run({"MULTI"});
    run({"SET", "a", "1"});
    EXPECT_EQ(calls("set"), 0U);
    run({"EXEC"});
    EXPECT_EQ(calls("set"), 1U);
    EXPECT_EQ(calls("exec"), 1U);
}

/// While clients are paused what is due stays, and reading transactions run.
TEST_F(TransactionTest, a_watched_key_that_falls_due_has_changed_though_it_stays) {
    Session& before = runner_.add_session();
    Session& after = runner_.add_session();
    run({"SET", "a", "1", "PX", "10"});
    run_as(before, {"WATCH", "a"});
    runner_.executor().effects.set_holds(true);
    runner_.advance_ms(11);
    run_as(after, {"WATCH", "a"});
    EXPECT_EQ(run({"GET", "a"}), "$-1\r\n");
    EXPECT_NE(runner_.find("a"), nullptr);
    for (Session* session : {&before, &after}) {
        run_as(*session, {"MULTI"});
        run_as(*session, {"GET", "a"});
    }
    EXPECT_EQ(run_as(before, {"EXEC"}), "*-1\r\n");
    EXPECT_EQ(run_as(after, {"EXEC"}), "*1\r\n$-1\r\n");
    // That it goes at last is no change for who found it gone; a new one is.
    run_as(after, {"WATCH", "a"});
    run_as(before, {"WATCH", "a"});
    runner_.executor().effects.set_holds(false);
    EXPECT_EQ(run({"GET", "a"}), "$-1\r\n");
    EXPECT_EQ(runner_.find("a"), nullptr);
    run_as(after, {"MULTI"});
    EXPECT_EQ(run_as(after, {"EXEC"}), "*0\r\n");
    run({"SET", "a", "2"});
    run_as(before, {"MULTI"});
    EXPECT_EQ(run_as(before, {"EXEC"}), "*-1\r\n");
}

/// Also where the pause ends while its turn lasts: who writes finds no key that is due.
TEST_F(TransactionTest, who_writes_removes_what_is_due_first) {
    run({"RPUSH", "a", "1"});
    run({"PEXPIRE", "a", "10"});
    runner_.executor().effects.set_holds(true);
    runner_.advance_ms(11);
    EXPECT_EQ(run({"LLEN", "a"}), ":0\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":1\r\n");
    EXPECT_EQ(run({"RPUSH", "a", "2"}), ":1\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":1\r\n");
    EXPECT_EQ(run({"LRANGE", "a", "0", "-1"}), "*1\r\n$1\r\n2\r\n");
}

TEST_F(TransactionTest, a_key_watched_twice_has_one_mark) {
    run({"WATCH", "a", "a"});
    run({"WATCH", "a"});
    EXPECT_EQ(runner_.session().watcher.watches.size(), 1U);
    run({"SELECT", "1"});
    run({"WATCH", "a"});
    EXPECT_EQ(runner_.session().watcher.watches.size(), 2U);
    run({"UNWATCH"});
    EXPECT_EQ(runner_.session().watcher.watches.size(), 0U);
}

}  // namespace
