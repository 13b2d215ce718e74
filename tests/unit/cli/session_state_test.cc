// SPDX-License-Identifier: BSD-3-Clause

// What a connection has become by its commands: the rules of the server, of each kind of
// transaction and each way it ends.

#include "cli/session_state.h"

#include <gtest/gtest.h>

#include "cli/line.h"
#include "unit/cli/reply_maker.h"

namespace gyre::cli {
namespace {

using Transaction = SessionState::Transaction;

const Reply kOk = status("OK");
const Reply kQueued = status("QUEUED");

class SessionStateTest : public ::testing::Test {
protected:
    void run(const std::string& line, const Reply& reply) { state.note(*split_line(line), reply); }

    SessionState state;
};

TEST_F(SessionStateTest, FollowsSelect) {
    state.begin_in(2);
    EXPECT_EQ(state.database(), 2);
    run("SELECT 5", kOk);
    EXPECT_EQ(state.database(), 5);
    run("select 99", error("ERR DB index is out of range"));
    EXPECT_EQ(state.database(), 5);
    run("reset", status("RESET"));
    EXPECT_EQ(state.database(), 0);
}

TEST_F(SessionStateTest, ASelectBehindMultiCountsWhenItHasRun) {
    run("multi", kOk);
    run("select 5", kQueued);
    run("get a", kQueued);
    run("select 6", kQueued);
    run("select 99", kQueued);
    EXPECT_EQ(state.transaction(), Transaction::multi);
    EXPECT_EQ(state.database(), 0);
    run("exec", array({kOk, bulk("x"), kOk, error("ERR DB index is out of range")}));
    EXPECT_EQ(state.transaction(), Transaction::none);
    EXPECT_EQ(state.database(), 6);
}

TEST_F(SessionStateTest, ASelectBehindMultiThatDidNotRunIsNone) {
    Reply null;
    null.type = ReplyType::null;
    for (const Reply& reply : {error("EXECABORT Transaction discarded"), null}) {
        run("multi", kOk);
        run("select 5", kQueued);
        run("exec", reply);
        EXPECT_EQ(state.transaction(), Transaction::none) << reply.text;
        EXPECT_EQ(state.database(), 0) << reply.text;
    }
    run("multi", kOk);
    run("select 5", kQueued);
    run("discard", kOk);
    EXPECT_EQ(state.transaction(), Transaction::none);
    run("multi", kOk);
    run("exec", array({kOk}));  // of a queue that has nothing of the last one
    EXPECT_EQ(state.database(), 0);
}

TEST_F(SessionStateTest, WhatIsRefusedBehindMultiLeavesItOpen) {
    run("multi", kOk);
    run("multi", error("ERR MULTI calls can not be nested"));
    run("exec now", error("ERR wrong number of arguments for 'exec' command"));
    run("begin", error("ERR BEGIN is not allowed here"));
    run("exec", error("NOPERM no permission"));
    EXPECT_EQ(state.transaction(), Transaction::multi);
    run("reset", status("RESET"));
    EXPECT_EQ(state.transaction(), Transaction::none);
}

TEST_F(SessionStateTest, BeginKeepsWhereItBegan) {
    run("select 1", kOk);
    run("begin", kOk);
    run("select 5", kOk);
    EXPECT_EQ(state.transaction(), Transaction::begin);
    EXPECT_EQ(state.database(), 5);
    EXPECT_EQ(state.lasting_database(), 1);
    run("rollback", kOk);
    EXPECT_EQ(state.transaction(), Transaction::none);
    EXPECT_EQ(state.database(), 1);
    run("begin", kOk);
    run("select 6", kOk);
    run("commit", kOk);
    EXPECT_EQ(state.transaction(), Transaction::none);
    EXPECT_EQ(state.lasting_database(), 6);
}

TEST_F(SessionStateTest, ACommitThatFailsEndsItAndTakesSelectBack) {
    for (const char* text : {"CONFLICT changed", "ABORTED too long", "OOM no room"}) {
        run("begin", kOk);
        run("select 5", kOk);
        run("get a", error(text));
        EXPECT_EQ(state.transaction(), Transaction::begin) << text;  // all is refused until COMMIT
        run("commit", error(text));
        EXPECT_EQ(state.transaction(), Transaction::none) << text;
        EXPECT_EQ(state.database(), 0) << text;
    }
    run("begin", kOk);
    run("commit now", error("ERR wrong number of arguments for 'commit' command"));
    run("exec", error("ERR EXEC without MULTI"));
    EXPECT_EQ(state.transaction(), Transaction::begin);
}

TEST_F(SessionStateTest, AConnectionThatEndsTakesATransactionBack) {
    run("select 1", kOk);
    run("begin", kOk);
    run("select 5", kOk);
    run("watch a", error("ERR WATCH is not allowed inside a transaction"));
    state.end();
    EXPECT_EQ(state.database(), 1);
    EXPECT_EQ(state.transaction(), Transaction::none);
    EXPECT_FALSE(state.has_watches());
}

TEST_F(SessionStateTest, DoubtsWhatItCannotKnow) {
    run("batch \"get a\"", error("BATCHERR 1 ERR no"));
    EXPECT_FALSE(state.is_doubtful());
    run("batch \"select 3; get a\"", array({kOk, bulk("x")}));
    EXPECT_TRUE(state.is_doubtful());
    state.set_database(3);
    EXPECT_FALSE(state.is_doubtful());
    EXPECT_EQ(state.database(), 3);
    state.note_unknown(error("ERR unknown command"));
    EXPECT_FALSE(state.is_doubtful());
    state.note_unknown(kOk);
    EXPECT_TRUE(state.is_doubtful());
    state.keep_database();
    EXPECT_FALSE(state.is_doubtful());
    // Behind MULTI only once it has run.
    run("multi", kOk);
    state.note_unknown(kQueued);
    run("batch \"select 4\"", kQueued);
    EXPECT_FALSE(state.is_doubtful());
    run("exec", array({kOk, array({kOk})}));
    EXPECT_TRUE(state.is_doubtful());
}

TEST_F(SessionStateTest, RemembersThatKeysAreWatched) {
    run("watch a", kOk);
    EXPECT_TRUE(state.has_watches());
    run("unwatch", kOk);
    EXPECT_FALSE(state.has_watches());
    run("watch a", kOk);
    run("multi", kOk);
    run("exec", array({}));
    EXPECT_FALSE(state.has_watches());
}

}  // namespace
}  // namespace gyre::cli
