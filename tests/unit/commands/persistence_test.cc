// SPDX-License-Identifier: BSD-3-Clause

// SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE, and what the state of the server forbids. Replies were
// compared with redis-server 7.0.15.

#include <gtest/gtest.h>

#include <string>

#include "commands/context.h"
#include "support/command_runner.h"

namespace gyre::commands {
namespace {

class PersistenceTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    test::CommandRunner runner_;
    char digits_[24];
};

TEST_F(PersistenceTest, save_waits_for_the_disk_and_says_when_it_failed) {
    EXPECT_EQ(run({"SAVE"}), "+OK\r\n");
    EXPECT_EQ(runner_.persistence().saves, 1);
    runner_.persistence().is_disk_good = false;
    EXPECT_EQ(run({"SAVE"}), "-ERR\r\n");
    EXPECT_EQ(run({"SAVE", "NOW"}), "-ERR wrong number of arguments for 'save' command\r\n");
}

TEST_F(PersistenceTest, bgsave_begins_and_does_not_wait) {
    EXPECT_EQ(run({"BGSAVE"}), "+Background saving started\r\n");
    EXPECT_EQ(run({"BGSAVE", "schedule"}), "+Background saving started\r\n");
    EXPECT_EQ(run({"BGSAVE", "NOW"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"BGSAVE", "SCHEDULE", "SCHEDULE"}), "-ERR syntax error\r\n");
    EXPECT_EQ(runner_.persistence().saves, 2);
}

TEST_F(PersistenceTest, one_snapshot_at_a_time) {
    runner_.persistence().is_busy = true;
    for (const std::string_view name : {"SAVE", "BGSAVE"}) {
        EXPECT_EQ(run({name}), "-ERR Background save already in progress\r\n");
    }
    EXPECT_EQ(run({"BGSAVE", "SCHEDULE"}), "-ERR Background save already in progress\r\n");
    EXPECT_EQ(runner_.persistence().scheduled, 0);
    runner_.persistence().rewrite_order = RewriteOrder::running;
    EXPECT_EQ(run({"BGSAVE", "SCHEDULE"}), "+Background saving scheduled\r\n");
    EXPECT_EQ(runner_.persistence().scheduled, 1);
    EXPECT_EQ(runner_.persistence().saves, 0);
}

TEST_F(PersistenceTest, a_transaction_that_asks_for_a_snapshot_is_whole_in_it) {
    std::string seen;
    runner_.persistence().on_begin = [&] {
        seen = Context::string_bytes(*runner_.find("a"), digits_);
    };
    run({"MULTI"});
    run({"SET", "a", "1"});
    run({"BGSAVE"});
    run({"BGSAVE", "SCHEDULE"});
    run({"SET", "a", "2"});
    EXPECT_EQ(run({"EXEC"}),
              "*4\r\n+OK\r\n+Background saving scheduled\r\n+Background saving scheduled\r\n"
              "+OK\r\n");
    EXPECT_EQ(runner_.persistence().saves, 1);
    EXPECT_EQ(seen, "2");
    // It was asked for once.
    run({"MULTI"});
    run({"GET", "a"});
    EXPECT_EQ(run({"EXEC"}), "*1\r\n" + test::bulk("2"));
    EXPECT_EQ(runner_.persistence().saves, 1);
    runner_.persistence().is_busy = true;
    run({"MULTI"});
    run({"BGSAVE"});
    EXPECT_EQ(run({"EXEC"}), "*1\r\n-ERR Background save already in progress\r\n");
}

TEST_F(PersistenceTest, what_waits_for_the_disk_is_no_part_of_a_transaction) {
    for (const std::string_view name : {"SAVE", "SHUTDOWN"}) {
        run({"MULTI"});
        EXPECT_EQ(run({name}), "-ERR Command not allowed inside a transaction\r\n");
        EXPECT_EQ(run({"EXEC"}),
                  "-EXECABORT Transaction discarded because of previous errors.\r\n");
    }
    EXPECT_EQ(runner_.persistence().saves, 0);
}

TEST_F(PersistenceTest, exec_of_writes_is_refused_when_a_snapshot_failed_after_they_were_queued) {
    const std::string aborted = "-EXECABORT Transaction discarded because of: MISCONF ";
    run({"SET", "a", "1"});
    for (const bool writes : {true, false}) {
        run({"MULTI"});
        writes ? run({"SET", "a", "2"}) : run({"GET", "a"});
        runner_.dataset().settings.refusals = engine::refusal::save_failed;
        const std::string reply = run({"EXEC"});
        runner_.dataset().settings.refusals = 0;
        EXPECT_EQ(reply.starts_with(aborted), writes) << reply;
    }
    EXPECT_EQ(run({"EXEC"}), "-ERR EXEC without MULTI\r\n");
    EXPECT_EQ(run({"GET", "a"}), test::bulk("1"));
}

TEST_F(PersistenceTest, bgrewriteaof_says_what_became_of_it) {
    EXPECT_EQ(run({"BGREWRITEAOF"}), "+Background append only file rewriting started\r\n");
    runner_.persistence().rewrite_order = RewriteOrder::scheduled;
    EXPECT_EQ(run({"BGREWRITEAOF"}), "+Background append only file rewriting scheduled\r\n");
    runner_.persistence().rewrite_order = RewriteOrder::failed;
    EXPECT_EQ(
        run({"BGREWRITEAOF"}),
        "-ERR Can't execute an AOF background rewriting. Please check the server logs for more "
        "information.\r\n");
    runner_.persistence().rewrite_order = RewriteOrder::running;
    EXPECT_EQ(run({"BGREWRITEAOF"}),
              "-ERR Background append only file rewriting already in progress\r\n");
    runner_.persistence().is_busy = true;
    EXPECT_EQ(run({"BGSAVE"}).substr(0, 38), "-ERR Another child process is active (");
    EXPECT_EQ(runner_.persistence().saves, 0);
    EXPECT_EQ(run({"SAVE"}), "+OK\r\n");
    EXPECT_EQ(runner_.persistence().saves, 1);
}

TEST_F(PersistenceTest, a_transaction_has_no_place_in_the_log_yet_so_the_rewrite_waits) {
    run({"MULTI"});
    run({"BGREWRITEAOF"});
    EXPECT_EQ(run({"EXEC"}), "*1\r\n+Background append only file rewriting scheduled\r\n");
}

TEST_F(PersistenceTest, lastsave_says_when) {
    runner_.persistence().last_save = 1'700'000'001;
    EXPECT_EQ(run({"LASTSAVE"}), ":1700000001\r\n");
}

TEST_F(PersistenceTest, writes_are_refused_while_the_last_snapshot_has_failed) {
    run({"SET", "a", "1"});
    runner_.dataset().settings.refusals = engine::refusal::save_failed;
    EXPECT_EQ(run({"SET", "a", "2"}).substr(0, 9), "-MISCONF ");
    EXPECT_EQ(run({"FLUSHALL"}).substr(0, 9), "-MISCONF ");
    EXPECT_EQ(run({"PING"}).substr(0, 9), "-MISCONF ");
    EXPECT_EQ(run({"GET", "a"}), test::bulk("1"));
    runner_.dataset().settings.refusals = 0;
    EXPECT_EQ(run({"SET", "a", "2"}), "+OK\r\n");
}

TEST_F(PersistenceTest, while_the_data_is_read_only_what_needs_none_of_it_is_answered) {
    runner_.dataset().settings.refusals = engine::refusal::loading;
    const std::string loading = "-LOADING Redis is loading the dataset in memory\r\n";
    for (const std::string_view name : {"PING", "DBSIZE", "BGSAVE", "SAVE", "FLUSHALL"}) {
        EXPECT_EQ(run({name}), loading) << name;
    }
    EXPECT_EQ(run({"GET", "a"}), loading);
    EXPECT_EQ(run({"INFO", "server"}).substr(0, 1), "$");
    EXPECT_EQ(run({"LASTSAVE"}), ":0\r\n");
}

}  // namespace
}  // namespace gyre::commands
