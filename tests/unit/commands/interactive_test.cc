// SPDX-License-Identifier: BSD-3-Clause

// BEGIN, COMMIT, ROLLBACK: what a transaction sees, what others see of it, what ends it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/memory.h"
#include "commands/interactive.h"
#include "engine/expiry.h"
#include "log/aof_reader.h"
#include "support/command_runner.h"

namespace gyre::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class InteractiveTest : public ::testing::Test {
protected:
    std::string run(const std::vector<std::string>& words) { return runner_.run(words); }
    std::string other(const std::vector<std::string>& words) {
        return runner_.run_as(other_, words);
    }
    /// BEGIN, and one key read.
    void begin_and_read(const std::string& key) {
        EXPECT_EQ(run({"BEGIN"}), "+OK\r\n");
        run({"GET", key});
    }
    engine::Settings& settings() { return runner_.dataset().settings; }

    CommandRunner runner_;
    commands::Session& other_ = runner_.add_session();
};

const std::string kOk = "+OK\r\n";
const std::string kNull = "$-1\r\n";

TEST_F(InteractiveTest, ItsCommandsAreAnsweredAtOnceAndDoneAtCommit) {
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"BEGIN"}), kOk);
    EXPECT_EQ(run({"INCR", "a"}), ":2\r\n");
    EXPECT_EQ(run({"GET", "a"}), bulk("2"));
    EXPECT_EQ(run({"SET", "b", "x"}), kOk);
    EXPECT_EQ(run({"RPUSH", "l", "1", "2"}), ":2\r\n");
    EXPECT_EQ(run({"LRANGE", "l", "0", "-1"}), "*2\r\n" + bulk("1") + bulk("2"));
    EXPECT_EQ(run({"MGET", "a", "b", "c"}), "*3\r\n" + bulk("2") + bulk("x") + kNull);
    EXPECT_EQ(other({"MGET", "a", "b"}), "*2\r\n" + bulk("1") + kNull);
    EXPECT_EQ(other({"EXISTS", "l"}), ":0\r\n");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(other({"MGET", "a", "b"}), "*2\r\n" + bulk("2") + bulk("x"));
    EXPECT_EQ(other({"LLEN", "l"}), ":2\r\n");
    EXPECT_EQ(run({"COMMIT"}), "-ERR COMMIT without BEGIN\r\n");
}

TEST_F(InteractiveTest, RollbackLeavesNothingBehind) {
    run({"SET", "a", "1"});
    run({"BEGIN"});
    run({"SET", "a", "2"});
    run({"DEL", "a"});
    EXPECT_EQ(run({"GET", "a"}), kNull);
    run({"SET", "new", "1"});
    run({"SELECT", "3"});
    run({"SET", "there", "1"});
    EXPECT_EQ(run({"ROLLBACK"}), kOk);
    EXPECT_EQ(run({"MGET", "a", "new"}), "*2\r\n" + bulk("1") + kNull);
    EXPECT_EQ(runner_.session().database.load(), 0U);
    run({"SELECT", "3"});
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
    EXPECT_EQ(run({"ROLLBACK"}), "-ERR ROLLBACK without BEGIN\r\n");
}

TEST_F(InteractiveTest, SelectStaysAfterCommitAndGoesWithAConflict) {
    run({"BEGIN"});
    run({"SELECT", "2"});
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(runner_.session().database.load(), 2U);
    EXPECT_EQ(run({"GET", "a"}), bulk("1"));
    run({"BEGIN"});
    run({"SELECT", "0"});
    run({"GET", "b"});
    other({"SET", "b", "1"});
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT "));
    EXPECT_EQ(runner_.session().database.load(), 2U);
}

TEST_F(InteractiveTest, AKeyThatChangedIsAConflictWhenItIsTouchedAgain) {
    run({"SET", "a", "1"});
    begin_and_read("a");
    other({"SET", "a", "2"});
    EXPECT_EQ(run({"SET", "b", "1"}), kOk) << "which has nothing to do with it";
    EXPECT_THAT(run({"GET", "a"}), StartsWith("-CONFLICT "));
    // What the client has sent ahead is not done on its own.
    EXPECT_THAT(run({"SET", "b", "2"}), StartsWith("-CONFLICT "));
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT "));
    EXPECT_EQ(run({"GET", "b"}), kNull);
    EXPECT_EQ(run({"BEGIN"}), kOk);
    EXPECT_EQ(run({"ROLLBACK"}), kOk);
}

TEST_F(InteractiveTest, AfterAConflictItMayBeginAgainAtOnce) {
    begin_and_read("a");
    other({"SET", "a", "2"});
    EXPECT_THAT(run({"GET", "a"}), StartsWith("-CONFLICT "));
    EXPECT_EQ(run({"BEGIN"}), kOk);
    EXPECT_EQ(run({"GET", "a"}), bulk("2"));
    EXPECT_EQ(run({"COMMIT"}), kOk);
}

TEST_F(InteractiveTest, AReaderThatSawTwoMomentsCannotCommit) {
    run({"MSET", "a", "1", "b", "1"});
    begin_and_read("a");
    other({"MSET", "a", "2", "b", "2"});
    EXPECT_EQ(run({"GET", "b"}), bulk("2"));
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT "));
    begin_and_read("a");
    EXPECT_EQ(run({"GET", "b"}), bulk("2"));
    EXPECT_EQ(run({"COMMIT"}), kOk);
}

TEST_F(InteractiveTest, TheAbsenceOfAKeyIsSeenToo) {
    begin_and_read("none");
    run({"SET", "b", "1"});
    other({"SET", "none", "1"});
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT "));
    EXPECT_EQ(run({"GET", "b"}), kNull);
    begin_and_read("other");
    other({"SET", "other", "1"});
    other({"DEL", "other"});
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT ")) << "it was there in between";
}

TEST_F(InteractiveTest, OfTwoWhoEachReadWhatTheOtherWritesOneCommits) {
    run({"BEGIN"});
    other({"BEGIN"});
    run({"GET", "a"});
    other({"GET", "b"});
    run({"SET", "b", "1"});
    other({"SET", "a", "1"});
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_THAT(other({"COMMIT"}), StartsWith("-CONFLICT "));
    EXPECT_EQ(run({"MGET", "a", "b"}), "*2\r\n" + kNull + bulk("1"));
}

TEST_F(InteractiveTest, WhatItWroteButDidNotChangeDisturbsNobody) {
    run({"SADD", "s", "1"});
    run({"SET", "k", "1"});
    other({"WATCH", "s", "k"});
    run({"BEGIN"});
    EXPECT_EQ(run({"SADD", "s", "1"}), ":0\r\n");
    EXPECT_EQ(run({"SET", "k", "2", "NX"}), kNull);
    EXPECT_EQ(run({"COMMIT"}), kOk);
    other({"MULTI"});
    EXPECT_EQ(other({"EXEC"}), "*0\r\n");
    other({"WATCH", "s"});
    run({"BEGIN"});
    run({"SADD", "s", "2"});
    EXPECT_EQ(run({"COMMIT"}), kOk);
    other({"MULTI"});
    EXPECT_EQ(other({"EXEC"}), "*-1\r\n");
}

TEST_F(InteractiveTest, WholeDatabasesThatGoAreChanges) {
    for (const std::vector<std::string>& change :
         std::vector<std::vector<std::string>>{{"FLUSHDB"}, {"FLUSHALL"}, {"SWAPDB", "0", "1"}}) {
        run({"SET", "a", "1"});
        begin_and_read("a");
        other(change);
        EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT ")) << change[0];
        run({"FLUSHALL"});
    }
    begin_and_read("none");
    other({"FLUSHALL"});
    EXPECT_EQ(run({"COMMIT"}), kOk) << "it was not there before either";
}

TEST_F(InteractiveTest, AKeyThatIsDueHasChanged) {
    run({"SET", "a", "1", "PX", "10"});
    begin_and_read("a");
    runner_.advance_ms(11);
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT ")) << "though nobody has removed it";
    run({"SET", "a", "1", "PX", "10"});
    begin_and_read("a");
    runner_.advance_ms(11);
    EXPECT_EQ(other({"GET", "a"}), kNull);
    EXPECT_THAT(run({"GET", "a"}), StartsWith("-CONFLICT "));
    run({"ROLLBACK"});
    run({"HSET", "h", "f", "1"});
    run({"HPEXPIRE", "h", "10", "FIELDS", "1", "f"});
    run({"BEGIN"});
    EXPECT_EQ(run({"HGET", "h", "f"}), bulk("1"));
    runner_.advance_ms(11);
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT ")) << "a field is a part of the key";
}

TEST_F(InteractiveTest, AKeyThatIsDueIsNotSeenAtItsFirstTouch) {
    run({"SET", "a", "1", "PX", "10"});
    run({"BEGIN"});
    runner_.advance_ms(11);
    EXPECT_EQ(run({"GET", "a"}), kNull);
    EXPECT_EQ(run({"SET", "a", "2"}), kOk);
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"GET", "a"}), bulk("2"));
}

TEST_F(InteractiveTest, DeadlinesCountFromTheBeginning) {
    run({"BEGIN"});
    run({"SET", "a", "1", "PX", "100"});
    run({"SET", "gone", "1", "PX", "40"});
    run({"HSET", "h", "f", "1"});
    run({"PEXPIRE", "h", "100"});
    runner_.advance_ms(50);
    EXPECT_EQ(run({"PTTL", "a"}), ":100\r\n") << "time stands still for it";
    EXPECT_EQ(run({"GET", "gone"}), bulk("1"));
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"PTTL", "a"}), ":50\r\n");
    EXPECT_EQ(run({"PTTL", "h"}), ":50\r\n");
    EXPECT_EQ(runner_.find("gone"), nullptr) << "what is past at the commit is deleted";
    // They are in the wheel as all others are.
    engine::ExpiryCycle cycle(runner_.dataset(), runner_.executor(), 0, [] { return int64_t{0}; });
    runner_.advance_ms(100);
    while (cycle.run(runner_.now_ms(), false)) {
    }
    EXPECT_EQ(runner_.find("a"), nullptr);
    EXPECT_EQ(runner_.find("h"), nullptr);
}

TEST_F(InteractiveTest, WhatIsPastAtTheCommitTakesWhatWasThereBefore) {
    run({"SET", "a", "old"});
    run({"BEGIN"});
    run({"SET", "a", "new", "PX", "5"});
    runner_.advance_ms(6);
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(runner_.find("a"), nullptr);
}

TEST_F(InteractiveTest, AKeyThatIsEvictedHasChanged) {
    run({"SET", "a", "1"});
    begin_and_read("a");
    runner_.dataset().set_policy(engine::EvictionPolicy::allkeys_random, runner_.executor());
    runner_.dataset().set_maxkeys(1, runner_.executor());
    other({"SET", "b", "1"});
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT "));
}

TEST_F(InteractiveTest, ACommitMakesRoomForItsKeysOrFails) {
    run({"MSET", "a", "1", "b", "1"});
    runner_.dataset().set_maxkeys(3, runner_.executor());
    run({"BEGIN"});
    EXPECT_EQ(run({"MSET", "c", "1", "d", "1"}), kOk);
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-OOM "));
    EXPECT_EQ(run({"DBSIZE"}), ":2\r\n");
    EXPECT_EQ(runner_.dataset().keys_reserved(), 2);
    run({"BEGIN"});
    EXPECT_EQ(run({"DEL", "a"}), ":1\r\n");
    EXPECT_EQ(run({"MSET", "c", "1", "d", "1"}), kOk);
    EXPECT_EQ(run({"COMMIT"}), kOk) << "one goes for two that come";
    EXPECT_EQ(runner_.dataset().keys_reserved(), 3);
    runner_.dataset().set_policy(engine::EvictionPolicy::allkeys_random, runner_.executor());
    run({"BEGIN"});
    EXPECT_EQ(run({"MSET", "e", "1", "f", "1"}), kOk);
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"DBSIZE"}), ":3\r\n");
    EXPECT_EQ(runner_.dataset().keys_reserved(), 3);
    EXPECT_EQ(runner_.dataset().owed_evictions(), 0);
}

TEST_F(InteractiveTest, ItsOwnKeysDoNotGoForTheRoomThatACommitTakes) {
    run({"SET", "a", "1", "EX", "1000"});
    run({"SET", "b", "1", "EX", "1000"});
    runner_.dataset().set_maxkeys(2, runner_.executor());
    runner_.dataset().set_policy(engine::EvictionPolicy::volatile_ttl, runner_.executor());
    run({"BEGIN"});
    run({"SET", "c", "1", "EX", "10"});
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"DBSIZE"}), ":2\r\n");
    EXPECT_EQ(run({"EXISTS", "c"}), ":1\r\n");
    EXPECT_EQ(runner_.dataset().owed_evictions(), 0);
}

TEST_F(InteractiveTest, WhatIsGoneTakesNoMemoryOfItsClient) {
    settings().transaction_max_ms = 100;
    run({"BEGIN"});
    run({"SET", "a", std::string(10'000, 'x')});
    EXPECT_GT(runner_.session().queued_bytes.load(), 10'000U);
    runner_.advance_ms(101);
    EXPECT_THAT(run({"GET", "a"}), StartsWith("-ABORTED "));
    EXPECT_EQ(runner_.session().queued_bytes.load(), 0U);
}

TEST_F(InteractiveTest, WhatCannotBeUndoneIsRefusedAndLeavesItOpen) {
    run({"BEGIN"});
    run({"SET", "a", "1"});
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"MULTI"},
                                               {"EXEC"},
                                               {"DISCARD"},
                                               {"WATCH", "a"},
                                               {"UNWATCH"},
                                               {"SUBSCRIBE", "c"},
                                               {"PSUBSCRIBE", "c*"},
                                               {"SSUBSCRIBE", "c"},
                                               {"UNSUBSCRIBE"},
                                               {"MONITOR"},
                                               {"SWAPDB", "0", "1"},
                                               {"CONFIG", "SET", "maxkeys", "1"},
                                               {"CONFIG", "GET", "*"},
                                               {"CLIENT", "KILL", "ID", "77"},
                                               {"SAVE"},
                                               {"BGSAVE"},
                                               {"BGREWRITEAOF"},
                                               {"SHUTDOWN"},
                                               {"DEBUG", "RELOAD"},
                                               {"ALIAS", "x", "GET", "$1"},
                                               {"RESET-ALIAS"}}) {
        EXPECT_THAT(run(words), AllOf(StartsWith("-ERR " + words[0]),
                                      HasSubstr("is not allowed inside a transaction")));
    }
    EXPECT_THAT(run({"BEGIN"}), StartsWith("-ERR BEGIN calls can not be nested"));
    EXPECT_THAT(run({"NOSUCH"}), StartsWith("-ERR unknown command"));
    EXPECT_THAT(run({"SET", "a"}), StartsWith("-ERR wrong number"));
    EXPECT_THAT(run({"LPUSH", "a", "1"}), StartsWith("-WRONGTYPE"));
    EXPECT_EQ(run({"PING"}), "+PONG\r\n");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"GET", "a"}), bulk("1"));
    run({"MULTI"});
    EXPECT_EQ(run({"BEGIN"}), "-ERR BEGIN inside MULTI is not allowed\r\n");
    EXPECT_EQ(run({"COMMIT"}), "-ERR COMMIT without BEGIN\r\n");
    EXPECT_EQ(run({"EXEC"}), "*0\r\n");
}

TEST_F(InteractiveTest, FindsWhatItHasWrittenInPlaceOfWhatIsThere) {
    run({"MSET", "k:1", "a", "k:2", "b", "k:3", "a"});
    run({"SET", "k:4", "a", "PX", "50"});
    runner_.advance_ms(60);
    run({"BEGIN"});
    run({"SET", "k:1", "b"});
    run({"DEL", "k:2"});
    run({"SET", "k:5", "a"});
    const std::string found = "*2\r\n$3\r\nk:3\r\n$3\r\nk:5\r\n";
    EXPECT_EQ(run({"FIND", "KEYS", "REGEX", "^k:[2345]$"}), found);
    EXPECT_EQ(run({"FIND", "KEYS", "LIKE", "k:[2345]"}), found);
    EXPECT_EQ(run({"FIND", "k:2"}), "*0\r\n");
    EXPECT_EQ(run({"FIND", "k:5"}), "*1\r\n$3\r\nk:5\r\n");
    EXPECT_EQ(run({"FIND", "VALUES", "a"}),
              "*4\r\n$3\r\nk:3\r\n$1\r\na\r\n$3\r\nk:5\r\n$1\r\na\r\n");
    EXPECT_EQ(run({"FIND", "KEYS", "LIKE", "k:*", "COUNT", "1"}), "*1\r\n$3\r\nk:3\r\n");
    EXPECT_EQ(run({"FIND", "CURSOR", "0", "VALUES", "b", "COUNT", "10000"}),
              "*2\r\n$1\r\n0\r\n*2\r\n$3\r\nk:1\r\n$1\r\nb\r\n");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    run({"BEGIN"});
    EXPECT_EQ(run({"FIND", "k:9"}), "*0\r\n");
    other({"SET", "k:9", "1"});
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT"));
}

TEST_F(InteractiveTest, DrawsARandomKeyOfThoseThatItSees) {
    run({"BEGIN"});
    EXPECT_EQ(run({"RANDOMKEY"}), kNull);
    run({"SET", "own", "1"});
    EXPECT_EQ(run({"RANDOMKEY"}), bulk("own"));
    run({"COMMIT"});
    for (int i = 0; i < 300; ++i) run({"SET", "k" + std::to_string(i), "1"});
    run({"BEGIN"});
    std::set<std::string> drawn;
    run({"SET", "new", "1"});
    for (int i = 0; i < 20'000 && drawn.size() < 302; ++i) drawn.insert(run({"RANDOMKEY"}));
    EXPECT_EQ(drawn.size(), 302U);
    // All but one of those that others see are hidden.
    run({"DEL", "own"});
    for (int i = 1; i < 300; ++i) run({"DEL", "k" + std::to_string(i)});
    run({"DEL", "new"});
    for (int i = 0; i < 50; ++i) EXPECT_EQ(run({"RANDOMKEY"}), bulk("k0"));
    run({"DEL", "k0"});
    EXPECT_EQ(run({"RANDOMKEY"}), kNull);
}

TEST_F(InteractiveTest, CommandsThatMayWaitActAsInMulti) {
    run({"BEGIN"});
    EXPECT_EQ(run({"BLPOP", "l", "0"}), "*-1\r\n");
    EXPECT_FALSE(runner_.session().blocked);
    run({"RPUSH", "l", "1", "2"});
    EXPECT_EQ(run({"BLPOP", "l", "0"}), "*2\r\n" + bulk("l") + bulk("1"));
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"LRANGE", "l", "0", "-1"}), "*1\r\n" + bulk("2"));
}

TEST_F(InteractiveTest, WhoWaitsIsServedByTheCommit) {
    other({"BLMOVE", "l", "m", "LEFT", "RIGHT", "0"});
    ASSERT_TRUE(other_.blocked);
    run({"BEGIN"});
    run({"RPUSH", "l", "x", "y"});
    EXPECT_FALSE(other_.waiter.is_over());
    EXPECT_EQ(run({"COMMIT"}), kOk);
    ASSERT_TRUE(other_.waiter.is_over());
    EXPECT_EQ(runner_.end_wait(other_), bulk("x"));
    EXPECT_EQ(run({"LRANGE", "m", "0", "-1"}), "*1\r\n" + bulk("x"));
}

TEST_F(InteractiveTest, MessagesAndEventsLeaveWithTheCommit) {
    commands::Session& listener = runner_.add_session();
    runner_.run_as(listener, {"SUBSCRIBE", "c", "__keyevent@0__:set", "__keyevent@0__:expired"});
    runner_.run_as(listener, {"PSUBSCRIBE", "c*"});
    runner_.pushed(listener);
    settings().notified_events = *engine::event_classes("EA");
    run({"BEGIN"});
    EXPECT_EQ(run({"PUBLISH", "c", "hello"}), ":2\r\n");
    run({"SET", "a", "1"});
    run({"SET", "b", "1", "PX", "5"});
    runner_.advance_ms(6);
    EXPECT_EQ(runner_.pushed(listener), "");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    const std::string pushed = runner_.pushed(listener);
    const size_t message = pushed.find("hello");
    const size_t event = pushed.find(bulk("__keyevent@0__:set") + bulk("a"));
    const size_t expired = pushed.find(bulk("__keyevent@0__:expired") + bulk("b"));
    EXPECT_LT(message, event) << pushed;
    EXPECT_LT(event, expired) << pushed;
    EXPECT_NE(expired, std::string::npos) << pushed;
    run({"BEGIN"});
    run({"PUBLISH", "c", "never"});
    run({"SET", "a", "2"});
    run({"ROLLBACK"});
    EXPECT_EQ(runner_.pushed(listener), "");
}

TEST_F(InteractiveTest, WhoTracksIsToldAtTheCommit) {
    other_.protocol = 3;
    other({"CLIENT", "TRACKING", "ON"});
    other({"GET", "a"});
    run({"BEGIN"});
    run({"SET", "a", "1"});
    EXPECT_EQ(runner_.pushed(other_), "");
    run({"COMMIT"});
    EXPECT_THAT(runner_.pushed(other_), HasSubstr("invalidate"));
    // And of what he has read inside.
    other({"BEGIN"});
    other({"GET", "a"});
    EXPECT_EQ(other({"COMMIT"}), kOk);
    run({"SET", "a", "2"});
    EXPECT_THAT(runner_.pushed(other_), HasSubstr("invalidate"));
}

TEST_F(InteractiveTest, UpdatesTellWhatAKeyWasWhenItChanged) {
    commands::Session& listener = runner_.add_session();
    runner_.run_as(listener, {"SUBSCRIBE", "db_updates"});
    runner_.pushed(listener);
    settings().notified_events = engine::event::updates;
    run({"BEGIN"});
    run({"SET", "a", "1"});
    run({"DEL", "a"});
    run({"RPUSH", "a", "1"});
    EXPECT_EQ(runner_.pushed(listener), "");
    run({"COMMIT"});
    const std::string pushed = runner_.pushed(listener);
    EXPECT_LT(pushed.find(R"("op":"set","key":"a","type":"string")"),
              pushed.find(R"("op":"del","key":"a","type":null)"));
    EXPECT_LT(pushed.find(R"("op":"del")"), pushed.find(R"("op":"rpush","key":"a","type":"list")"));
}

TEST_F(InteractiveTest, PastABoundItIsGone) {
    struct Case {
        std::string name;
        std::function<void()> exceed;
    };
    const std::vector<Case> cases{{"transaction-max-keys",
                                   [&] {
                                       settings().transaction_max_keys = 3;
                                       run({"MGET", "1", "2", "3"});
                                       EXPECT_THAT(run({"GET", "4"}), StartsWith("-ABORTED "));
                                   }},
                                  {"transaction-max-bytes",
                                   [&] {
                                       settings().transaction_max_bytes = 10'000;
                                       EXPECT_THAT(run({"SET", "b", std::string(20'000, 'x')}),
                                                   StartsWith("-ABORTED "));
                                   }},
                                  {"transaction-max-time", [&] {
                                       settings().transaction_max_ms = 1000;
                                       runner_.advance_ms(1001);
                                   }}};
    for (const Case& one : cases) {
        run({"BEGIN"});
        run({"SET", "a", "1"});
        one.exceed();
        const std::string reply = run({"GET", "a"});
        EXPECT_THAT(reply, StartsWith("-ABORTED "));
        EXPECT_THAT(reply, HasSubstr(one.name));
        EXPECT_THAT(run({"PING"}), StartsWith("-ABORTED "));
        EXPECT_THAT(run({"BATCH", "PING"}), StartsWith("-ABORTED "));
        EXPECT_THAT(run({"BEGIN"}), StartsWith("-ABORTED "));
        EXPECT_EQ(runner_.dataset().views(), 0) << "nothing is held for it any more";
        if (one.name == "transaction-max-keys") {
            EXPECT_THAT(run({"COMMIT"}), StartsWith("-ABORTED "));
        } else {
            EXPECT_EQ(run({"ROLLBACK"}), kOk);
        }
        EXPECT_EQ(run({"GET", "a"}), kNull);
        settings().transaction_max_keys = 0;
        settings().transaction_max_bytes = 0;
        settings().transaction_max_ms = 0;
    }
}

TEST_F(InteractiveTest, ACommitPastTheTimeIsAborted) {
    settings().transaction_max_ms = 1000;
    run({"BEGIN"});
    run({"SET", "a", "1"});
    runner_.advance_ms(1001);
    EXPECT_THAT(run({"COMMIT"}), HasSubstr("transaction-max-time"));
    EXPECT_EQ(run({"GET", "a"}), kNull);
}

TEST_F(InteractiveTest, WhoLeavesOrResetsRollsBack) {
    run({"SET", "a", "1"});
    other({"BEGIN"});
    other({"SET", "a", "2"});
    other({"GET", "b"});
    EXPECT_EQ(other({"RESET"}), "+RESET\r\n");
    EXPECT_EQ(run({"GET", "a"}), bulk("1"));
    commands::Session& leaving = runner_.add_session();
    runner_.run_as(leaving, {"BEGIN"});
    runner_.run_as(leaving, {"SET", "a", "3"});
    runner_.leave(leaving);
    EXPECT_EQ(run({"GET", "a"}), bulk("1"));
    EXPECT_EQ(runner_.dataset().views(), 0);
    run({"SET", "b", "1"});  // on which nobody has a mark any more
}

TEST_F(InteractiveTest, NoMemoryIsLeftOfIt) {
    const int64_t keyspace = base::used(base::Purpose::keyspace);
    const auto go_through = [&](const std::string& end) {
        run({"BEGIN"});
        for (int index = 0; index < 300; ++index) {
            run({"SET", "key" + std::to_string(index), std::string(1000, 'x')});
            run({"RPUSH", "list", std::string(500, 'y')});
            run({"HSET", "hash" + std::to_string(index % 3), std::to_string(index), "v"});
        }
        EXPECT_GT(base::used(base::Purpose::keyspace), keyspace + 100'000);
        EXPECT_EQ(run({end}), end == "RESET" ? "+RESET\r\n" : kOk);
        run({"FLUSHALL"});
        while (!runner_.dataset().drain(0, 1, 1000, runner_.executor())) {
        }
        runner_.executor().reclaimer.run();
        runner_.executor().reclaimer.drain(SIZE_MAX);
    };
    // What commands keep for the next ones has the size that these need.
    for (const char* end : {"COMMIT", "ROLLBACK", "RESET"}) go_through(end);
    const int64_t clients = base::used(base::Purpose::clients);
    for (const char* end : {"COMMIT", "ROLLBACK", "RESET"}) {
        go_through(end);
        EXPECT_EQ(base::used(base::Purpose::keyspace), keyspace) << end;
        EXPECT_LE(base::used(base::Purpose::clients), clients) << end;
    }
}

TEST_F(InteractiveTest, GoingThroughADatabaseSeesItsOwnKeys) {
    run({"MSET", "a", "1", "b", "1", "c", "1"});
    run({"BEGIN"});
    run({"DEL", "a"});
    run({"SET", "b", "2"});
    run({"SET", "d", "1"});
    EXPECT_EQ(run({"DBSIZE"}), ":3\r\n");
    EXPECT_EQ(run({"SIZE"}), ":3\r\n");
    EXPECT_EQ(run({"KEYS", "a"}), "*0\r\n");
    EXPECT_EQ(run({"KEYS", "d"}), "*1\r\n" + bulk("d"));
    EXPECT_THAT(run({"KEYS", "*"}), StartsWith("*3\r\n"));
    EXPECT_THAT(run({"VALUES"}), HasSubstr(bulk("2")));
    EXPECT_THAT(run({"ITEMS"}), HasSubstr(bulk("b") + bulk("2")));
    const std::string scanned = run({"SCAN", "0", "COUNT", "1000"});
    EXPECT_THAT(scanned, StartsWith("*2\r\n" + bulk("0") + "*3\r\n")) << scanned;
    EXPECT_EQ(other({"DBSIZE"}), ":3\r\n");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"KEYS", "d"}), "*1\r\n" + bulk("d"));
}

TEST_F(InteractiveTest, WhatWasGoneThroughMustNotHaveChanged) {
    run({"SET", "a", "1"});
    for (const std::vector<std::string>& look : std::vector<std::vector<std::string>>{
             {"KEYS", "*"}, {"DBSIZE"}, {"SCAN", "0"}, {"VALUES"}}) {
        run({"BEGIN"});
        run(look);
        run({"SET", "mine", "1"});
        other({"SET", "phantom", "1"});
        EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT ")) << look[0];
        run({"BEGIN"});
        run(look);
        run({"SET", "mine", "1"});
        EXPECT_EQ(run({"COMMIT"}), kOk) << look[0];
        run({"BEGIN"});
        run(look);
        other({"DEL", "phantom"});
        EXPECT_THAT(run(look), StartsWith("-CONFLICT ")) << look[0];
        run({"ROLLBACK"});
        run({"DEL", "mine"});
    }
}

TEST_F(InteractiveTest, AKeyThatBecomesDueIsMissedByWhoWentThrough) {
    run({"SET", "a", "1", "PX", "10"});
    run({"SET", "due", "1", "PX", "1"});
    runner_.advance_ms(2);
    run({"BEGIN"});
    EXPECT_EQ(run({"KEYS", "*"}), "*1\r\n" + bulk("a"));
    other({"GET", "due"});  // which removes it, and nobody has seen it
    EXPECT_EQ(run({"COMMIT"}), kOk);
    run({"BEGIN"});
    run({"KEYS", "*"});
    runner_.advance_ms(20);
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT "));
}

TEST_F(InteractiveTest, OtherDatabasesAreReachedByMoveAndCopy) {
    run({"SET", "a", "1"});
    run({"BEGIN"});
    EXPECT_EQ(run({"COPY", "a", "b", "DB", "2"}), ":1\r\n");
    EXPECT_EQ(run({"MOVE", "a", "3"}), ":1\r\n");
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
    run({"SELECT", "3"});
    EXPECT_EQ(run({"GET", "a"}), bulk("1"));
    EXPECT_EQ(run({"COMMIT"}), kOk);
    other({"SELECT", "2"});
    EXPECT_EQ(other({"GET", "b"}), bulk("1"));
    other({"SELECT", "0"});
    EXPECT_EQ(other({"EXISTS", "a"}), ":0\r\n");
}

TEST_F(InteractiveTest, LargeCollectionsAreCopiedWhenTheyAreWrittenAndLeftAloneWhenRead) {
    std::vector<std::string> words{"RPUSH", "l"};
    for (int index = 0; index < 5000; ++index) words.push_back(std::string(50, 'x'));
    run(words);
    const int64_t before = base::used(base::Purpose::keyspace);
    run({"BEGIN"});
    EXPECT_EQ(run({"LLEN", "l"}), ":5000\r\n");
    EXPECT_EQ(run({"LINDEX", "l", "4999"}), bulk(std::string(50, 'x')));
    EXPECT_EQ(base::used(base::Purpose::keyspace), before) << "a read copies nothing";
    run({"LPUSH", "l", "first"});
    EXPECT_GT(base::used(base::Purpose::keyspace), before + 100'000);
    EXPECT_EQ(other({"LLEN", "l"}), ":5000\r\n");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    runner_.executor().reclaimer.drain(SIZE_MAX);
    EXPECT_EQ(run({"LLEN", "l"}), ":5001\r\n");
    EXPECT_LT(base::used(base::Purpose::keyspace), before + 10'000);
    run({"BEGIN"});
    run({"DEL", "l"});
    EXPECT_LT(base::used(base::Purpose::keyspace), before + 10'000) << "it is only to go";
    EXPECT_EQ(run({"RPUSH", "l", "1"}), ":1\r\n");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"LRANGE", "l", "0", "-1"}), "*1\r\n" + bulk("1"));
}

TEST_F(InteractiveTest, WhatWasNotReplacedAfterAllIsSeenAsBefore) {
    std::vector<std::string> words{"RPUSH", "l"};
    for (int index = 0; index < 500; ++index) words.push_back(std::string(50, 'x'));
    run(words);
    run({"SET", "a", "1"});
    run({"BEGIN"});
    EXPECT_EQ(run({"COPY", "a", "l"}), ":0\r\n");
    EXPECT_EQ(run({"MSETNX", "b", "1", "l", "2"}), ":0\r\n");
    EXPECT_EQ(run({"LLEN", "l"}), ":500\r\n");
    EXPECT_EQ(run({"EXISTS", "b"}), ":0\r\n");
    EXPECT_EQ(run({"COPY", "a", "l", "REPLACE"}), ":1\r\n");
    EXPECT_EQ(run({"GET", "l"}), bulk("1"));
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"GET", "l"}), bulk("1"));
}

TEST_F(InteractiveTest, WhatIsReplacedMayBeLookedAtToo) {
    std::vector<std::string> words{"SADD", "s"};
    for (int index = 0; index < 500; ++index) words.push_back("member" + std::to_string(index));
    run(words);
    run({"SADD", "t", "other"});
    run({"BEGIN"});
    EXPECT_EQ(run({"COPY", "s", "s", "DB", "2"}), ":1\r\n");
    EXPECT_EQ(run({"SUNIONSTORE", "s", "s", "t"}), ":501\r\n");
    run({"SELECT", "2"});
    EXPECT_EQ(run({"SCARD", "s"}), ":500\r\n");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"SCARD", "s"}), ":500\r\n");
    EXPECT_EQ(other({"SCARD", "s"}), ":501\r\n");
}

TEST_F(InteractiveTest, SortLooksAtWhatItsPatternsName) {
    run({"RPUSH", "l", "1", "2"});
    run({"MSET", "w1", "9", "w2", "3"});
    run({"BEGIN"});
    run({"SET", "w1", "1"});
    EXPECT_EQ(run({"SORT", "l", "BY", "w*", "GET", "w*"}), "*2\r\n" + bulk("1") + bulk("3"));
    other({"SET", "w2", "0"});
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT ")) << "which it has read";
}

TEST_F(InteractiveTest, AliasesAreCommandsOfIt) {
    run({"ALIAS", "bump", "INCRBY", "$1", "10"});
    run({"BEGIN"});
    EXPECT_EQ(run({"bump", "a"}), ":10\r\n");
    EXPECT_EQ(run({"put", "b", "1"}), kOk);
    run({"ROLLBACK"});
    EXPECT_EQ(run({"EXISTS", "a", "b"}), ":0\r\n");
}

TEST_F(InteractiveTest, OwnWatchesAreNotConcernedByItsEnd) {
    run({"WATCH", "a"});
    run({"BEGIN"});
    run({"SET", "b", "1"});
    run({"COMMIT"});
    run({"MULTI"});
    EXPECT_EQ(run({"EXEC"}), "*0\r\n");
    run({"WATCH", "a"});
    run({"BEGIN"});
    run({"SET", "a", "1"});
    run({"COMMIT"});
    run({"MULTI"});
    EXPECT_EQ(run({"EXEC"}), "*-1\r\n");
}

TEST_F(InteractiveTest, TheMemoryCheckSaysThatOneIsOpen) {
    EXPECT_EQ(runner_.dataset().views(), 0);
    run({"BEGIN"});
    EXPECT_EQ(runner_.dataset().views(), 1);
    run({"COMMIT"});
    EXPECT_EQ(runner_.dataset().views(), 0);
}

}  // namespace
}  // namespace gyre::test
