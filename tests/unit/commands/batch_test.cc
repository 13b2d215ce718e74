// SPDX-License-Identifier: BSD-3-Clause

// BATCH: all of its statements, or none.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/memory.h"
#include "support/command_runner.h"

namespace gyre::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kOk = "+OK\r\n";
const std::string kNull = "$-1\r\n";

class BatchTest : public ::testing::Test {
protected:
    std::string run(const std::vector<std::string>& words) { return runner_.run(words); }
    std::string other(const std::vector<std::string>& words) {
        return runner_.run_as(other_, words);
    }
    CommandRunner runner_;
    commands::Session& other_ = runner_.add_session();
};

TEST_F(BatchTest, GivesAllReplies) {
    EXPECT_EQ(run({"BATCH", "put a 1; put b 2\n get a;;MGET a b c"}),
              "*4\r\n" + kOk + kOk + bulk("1") + "*3\r\n" + bulk("1") + bulk("2") + kNull);
    EXPECT_EQ(run({"BATCH", "set a 'x;y'", "get a"}), "*2\r\n" + kOk + bulk("x;y"));
    EXPECT_EQ(run({"BATCH", ""}), "*0\r\n");
    EXPECT_EQ(run({"BATCH", " ; ;\n"}), "*0\r\n");
    EXPECT_EQ(run({"BATCH", "", "get b"}), "*1\r\n" + bulk("2"));
    EXPECT_THAT(run({"BATCH"}), StartsWith("-ERR wrong number"));
}

TEST_F(BatchTest, DoesAllOrNothing) {
    run({"SET", "a", "1"});
    run({"RPUSH", "l", "1"});
    EXPECT_EQ(run({"BATCH", "set a 2; lpush l 2; del l; incr a; lpush a 1; set never 1"}),
              "-BATCHERR 5 WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    EXPECT_EQ(run({"GET", "a"}), bulk("1"));
    EXPECT_EQ(run({"LRANGE", "l", "0", "-1"}), "*1\r\n" + bulk("1"));
    EXPECT_EQ(run({"EXISTS", "never"}), ":0\r\n");
    EXPECT_THAT(run({"BATCH", "set a 2; nosuch x"}),
                StartsWith("-BATCHERR 2 ERR unknown command 'nosuch'"));
    EXPECT_THAT(run({"BATCH", "set a 2; ; get"}),
                StartsWith("-BATCHERR 2 ERR wrong number of arguments for 'get'"));
    EXPECT_THAT(run({"BATCH", "set a 2; set b \"x"}),
                StartsWith("-BATCHERR 2 ERR unbalanced quotes"));
    EXPECT_EQ(run({"GET", "a"}), bulk("1"));
    EXPECT_EQ(runner_.dataset().views(), 0);
}

TEST_F(BatchTest, UndoesSelectWhenItFails) {
    EXPECT_EQ(run({"BATCH", "select 3; set a 1"}), "*2\r\n" + kOk + kOk);
    EXPECT_EQ(runner_.session().database.load(), 3U);
    EXPECT_THAT(run({"BATCH", "select 0; incr x; lpush x 1"}), StartsWith("-BATCHERR 3 "));
    EXPECT_EQ(runner_.session().database.load(), 3U);
    EXPECT_EQ(run({"GET", "a"}), bulk("1"));
}

TEST_F(BatchTest, RefusesWhatIsNoStatement) {
    for (const std::string word :
         {"begin", "commit", "rollback", "multi", "exec", "discard", "watch a", "batch x", "quit",
          "reset", "subscribe c", "monitor", "client reply off", "hello 3", "swapdb 0 1",
          "config set maxkeys 1"}) {
        EXPECT_THAT(run({"BATCH", "set a 1;" + word}), StartsWith("-BATCHERR 2 ERR ")) << word;
        EXPECT_THAT(run({"BATCH", "set a 1;" + word}), HasSubstr("not allowed inside")) << word;
    }
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
}

TEST_F(BatchTest, LooksAtWholeDatabases) {
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"BATCH", "dbsize; set b 1; dbsize; del a b; keys *; ping"}),
              "*6\r\n:1\r\n" + kOk + ":2\r\n:2\r\n*0\r\n+PONG\r\n");
}

TEST_F(BatchTest, KnowsAliases) {
    run({"ALIAS", "bump", "INCRBY", "$1", "10"});
    EXPECT_EQ(run({"BATCH", "bump a; bump a; get a"}), "*3\r\n:10\r\n:20\r\n" + bulk("20"));
    EXPECT_THAT(run({"BATCH", "bump a; bump"}), StartsWith("-BATCHERR 2 "));
    EXPECT_EQ(run({"GET", "a"}), bulk("20"));
}

TEST_F(BatchTest, BehindBeginAFailureUndoesOnlyItself) {
    run({"SET", "old", "1"});
    run({"SADD", "s", "m"});
    run({"BEGIN"});
    run({"SET", "a", "1"});
    run({"SET", "gone", "1"});
    run({"DEL", "gone"});
    run({"SREM", "s", "m"});
    run({"PUBLISH", "c", "x"});
    EXPECT_EQ(run({"BATCH", "incr a; set b 1; del old; get a"}),
              "*4\r\n:2\r\n" + kOk + ":1\r\n" + bulk("2"));
    EXPECT_THAT(run({"BATCH",
                     "set a 9; del b; set old 5; set gone 5; sadd s n; select 2; set there 1; "
                     "lpush there 1"}),
                StartsWith("-BATCHERR 8 WRONGTYPE"));
    EXPECT_EQ(runner_.session().database.load(), 0U);
    EXPECT_EQ(run({"MGET", "a", "b", "old", "gone"}),
              "*4\r\n" + bulk("2") + bulk("1") + kNull + kNull);
    EXPECT_EQ(run({"EXISTS", "s"}), ":0\r\n");
    EXPECT_EQ(run({"BATCH", "set old 2"}), "*1\r\n" + kOk);
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"MGET", "a", "b", "old", "gone"}),
              "*4\r\n" + bulk("2") + bulk("1") + bulk("2") + kNull);
    EXPECT_EQ(run({"EXISTS", "s"}), ":0\r\n");
}

TEST_F(BatchTest, BehindBeginItIsRolledBackWithTheTransaction) {
    run({"BEGIN"});
    run({"BATCH", "set a 1; set b 1"});
    EXPECT_EQ(run({"GET", "a"}), bulk("1"));
    run({"ROLLBACK"});
    EXPECT_EQ(run({"EXISTS", "a", "b"}), ":0\r\n");
    run({"BEGIN"});
    run({"GET", "a"});
    other({"SET", "a", "2"});
    EXPECT_THAT(run({"BATCH", "set b 1; get a"}), StartsWith("-CONFLICT "));
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT "));
    EXPECT_EQ(run({"EXISTS", "b"}), ":0\r\n");
}

TEST_F(BatchTest, WhatWasUndoneDoesNotCountAgainstTheBounds) {
    runner_.dataset().settings.transaction_max_bytes = 100'000;
    const std::string failing = "publish c " + std::string(10'000, 'x') + "; incr a; lpush a 1";
    run({"BEGIN"});
    for (int round = 0; round < 50; ++round) {
        ASSERT_THAT(run({"BATCH", failing}), StartsWith("-BATCHERR 3 WRONGTYPE")) << round;
    }
    EXPECT_EQ(run({"COMMIT"}), kOk);
}

TEST_F(BatchTest, BehindMultiItQueuesAsOneCommand) {
    run({"SET", "a", "1"});
    run({"MULTI"});
    EXPECT_EQ(run({"BATCH", "incr a; set b 1"}), "+QUEUED\r\n");
    EXPECT_EQ(run({"INCR", "a"}), "+QUEUED\r\n");
    EXPECT_EQ(run({"BATCH", "incr a; incr l; lpush a 1"}), "+QUEUED\r\n");
    EXPECT_EQ(run({"GET", "a"}), "+QUEUED\r\n");
    EXPECT_EQ(run({"EXEC"}),
              "*4\r\n*2\r\n:2\r\n" + kOk + ":3\r\n" +
                  "-BATCHERR 3 WRONGTYPE Operation against a key holding the wrong kind of "
                  "value\r\n" +
                  bulk("3"));
    EXPECT_EQ(run({"EXISTS", "l"}), ":0\r\n");
}

TEST_F(BatchTest, BehindMultiItIsRefusedAsItsStatementsWouldBe) {
    std::string plain;
    for (const std::vector<std::string>& queued : std::vector<std::vector<std::string>>{
             {"SET", "a", "1"}, {"BATCH", "get a; set a 1"}, {"BATCH", "get a"}}) {
        runner_.dataset().settings.maxmemory_bytes = 0;
        run({"MULTI"});
        run(queued);
        runner_.dataset().settings.maxmemory_bytes = 1;
        const std::string answer = run({"EXEC"});
        if (plain.empty()) plain = answer;
        EXPECT_EQ(answer, queued.back() == "get a" ? "*1\r\n*1\r\n" + kNull : plain);
    }
    EXPECT_THAT(plain, StartsWith("-EXECABORT "));
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
}

TEST_F(BatchTest, WhoWaitsIsServedWhenItIsDone) {
    other({"BLPOP", "l", "0"});
    EXPECT_THAT(run({"BATCH", "rpush l 1 2; incr l"}), StartsWith("-BATCHERR 2 "));
    EXPECT_FALSE(other_.waiter.is_over());
    EXPECT_EQ(run({"BATCH", "rpush l 1 2; llen l; blpop none 0"}), "*3\r\n:2\r\n:2\r\n*-1\r\n");
    ASSERT_TRUE(other_.waiter.is_over());
    EXPECT_EQ(runner_.end_wait(other_), "*2\r\n" + bulk("l") + bulk("1"));
}

TEST_F(BatchTest, MakesRoomForItsKeysOrFails) {
    run({"MSET", "a", "1", "b", "1"});
    runner_.dataset().set_maxkeys(3, runner_.executor());
    EXPECT_THAT(run({"BATCH", "set c 1; set d 1"}), StartsWith("-BATCHERR 2 OOM "));
    EXPECT_EQ(run({"DBSIZE"}), ":2\r\n");
    EXPECT_EQ(run({"BATCH", "del a; set c 1; set d 1"}), "*3\r\n:1\r\n" + kOk + kOk);
    runner_.dataset().set_policy(engine::EvictionPolicy::allkeys_random, runner_.executor());
    EXPECT_EQ(run({"BATCH", "set e 1; set f 1"}), "*2\r\n" + kOk + kOk);
    EXPECT_EQ(run({"DBSIZE"}), ":3\r\n");
    EXPECT_EQ(runner_.dataset().keys_reserved(), 3);
    EXPECT_EQ(runner_.dataset().owed_evictions(), 0);
}

TEST_F(BatchTest, SelectIsUndoneToWhereThereIsNoRoom) {
    run({"MSET", "a", "1", "b", "1"});
    runner_.dataset().set_maxkeys(2, runner_.executor());
    EXPECT_THAT(run({"BATCH", "select 1; set c 1"}), StartsWith("-BATCHERR 2 OOM "));
    EXPECT_EQ(runner_.session().database.load(), 0U);
    // Nor does it begin there when it is tried again.
    runner_.dataset().set_policy(engine::EvictionPolicy::allkeys_random, runner_.executor());
    EXPECT_EQ(run({"BATCH", "del a; set c 1; set d 1; select 1"}),
              "*4\r\n:1\r\n" + kOk + kOk + kOk);
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
}

TEST_F(BatchTest, ItsOwnKeysDoNotGoForTheRoomItTakes) {
    run({"SET", "a", "1", "EX", "1000"});
    run({"SET", "b", "1", "EX", "1000"});
    runner_.dataset().set_maxkeys(2, runner_.executor());
    runner_.dataset().set_policy(engine::EvictionPolicy::volatile_ttl, runner_.executor());
    EXPECT_EQ(run({"BATCH", "set c 1 ex 10"}), "*1\r\n" + kOk);
    EXPECT_EQ(run({"DBSIZE"}), ":2\r\n");
    EXPECT_EQ(run({"EXISTS", "c"}), ":1\r\n");
}

TEST_F(BatchTest, RepliesAreThoseOfRESP3ToWhoSpeaksIt) {
    run({"HSET", "h", "f", "1"});
    runner_.use_resp3();
    EXPECT_EQ(run({"BATCH", "hgetall h; get none"}),
              "*2\r\n%1\r\n" + bulk("f") + bulk("1") + "_\r\n");
}

TEST_F(BatchTest, LargeRepliesAndStatementsComeThrough) {
    const std::string large(200'000, 'x');
    EXPECT_EQ(run({"BATCH", "set a " + large + "; get a; get a"}),
              "*3\r\n" + kOk + bulk(large) + bulk(large));
    EXPECT_THAT(run({"BATCH", "get a; incr a"}), StartsWith("-BATCHERR 2 ERR value is not"));
}

}  // namespace
}  // namespace gyre::test
