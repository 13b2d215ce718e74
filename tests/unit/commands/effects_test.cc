// SPDX-License-Identifier: BSD-3-Clause
//
// What commands leave in the log, word for word; and that the log, executed again from its
// beginning on an empty data set, gives the same keys, values, deadlines and timestamps, whatever
// was executed in whatever order.

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "commands/registry.h"
#include "commands/replay_lanes.h"
#include "engine/expiry.h"
#include "log/aof_reader.h"
#include "log/log.h"
#include "replay_threads.h"
#include "support/command_runner.h"
#include "support/data_state.h"
#include "support/seed.h"

namespace gyre::test {
namespace {

using Words = std::vector<std::string>;

/// A runner whose commands are logged.
class Logged {
public:
    Logged() { runner.executor().effects.attach(log, log.appender(0), recent); }

    /// What was logged since the last call.
    std::string take() {
        std::string text;
        const log::Position end = log.frontier();
        while (at_ < end) {
            const std::span<char> room = log.at(at_);
            const size_t bytes = std::min<uint64_t>(room.size(), end - at_);
            text.append(room.data(), bytes);
            at_ += bytes;
        }
        log.release(at_);
        return text;
    }

    log::Log log{1};
    engine::RecentWrites recent;
    CommandRunner runner;

private:
    log::Position at_ = 0;
};

/// "SET a 1 | SELECT 2 | ..." of a log; lines of '#' as they are.
struct Printer final : log::AofHandler {
    Result<void> on_unit(const log::AofUnit& unit) override {
        if (unit.is_transaction) add("MULTI");
        for (const log::AofCommand& command : unit.commands) {
            if (command.timestamp_ms) add("#" + std::to_string(*command.timestamp_ms));
            std::string line;
            for (const std::string_view word : command.arguments) {
                line += line.empty() ? "" : " ";
                line += word;
            }
            add(line);
        }
        if (unit.is_transaction) add("EXEC");
        return {};
    }
    void add(const std::string& line) { text += (text.empty() ? "" : " | ") + line; }
    std::string text;
};

std::string printed(const std::string& bytes) {
    Printer printer;
    log::AofReader reader(printer);
    EXPECT_EQ(reader.feed(bytes), log::AofReader::Status::more) << reader.end().message;
    EXPECT_EQ(reader.finish().kind, log::AofEnd::Kind::clean);
    return printer.text;
}

class EffectsTest : public ::testing::Test {
protected:
    std::string run(const Words& words) { return logged_.runner.run(words); }
    /// What a command logs.
    std::string effect(const Words& words) {
        static_cast<void>(logged_.take());
        static_cast<void>(run(words));
        return printed(logged_.take());
    }
    std::string in_ms(int64_t milliseconds) const {
        return std::to_string(logged_.runner.now_ms() + milliseconds);
    }
    Logged logged_;
};

TEST_F(EffectsTest, AreTheCommandsWhereTheseWillDo) {
    EXPECT_EQ(effect({"set", "a", "1"}), "set a 1");
    EXPECT_EQ(effect({"INCR", "a"}), "INCR a");
    EXPECT_EQ(effect({"APPEND", "a", "xy"}), "APPEND a xy");
    EXPECT_EQ(effect({"SETRANGE", "a", "1", "z"}), "SETRANGE a 1 z");
    EXPECT_EQ(effect({"SETBIT", "b", "7", "1"}), "SETBIT b 7 1");
    EXPECT_EQ(effect({"BITFIELD", "b", "SET", "u8", "0", "3"}), "BITFIELD b SET u8 0 3");
    EXPECT_EQ(effect({"BITOP", "OR", "c", "a", "b"}), "BITOP OR c a b");
    EXPECT_EQ(effect({"MSET", "a", "1", "b", "2"}), "MSET a 1 b 2");
    EXPECT_EQ(effect({"RENAME", "a", "d"}), "RENAME a d");
    EXPECT_EQ(effect({"COPY", "d", "e"}), "COPY d e");
    EXPECT_EQ(effect({"MOVE", "e", "3"}), "MOVE e 3");
    EXPECT_EQ(effect({"DEL", "d", "nothing"}), "DEL d nothing");
    EXPECT_EQ(effect({"SETNX", "f", "1"}), "SETNX f 1");
    EXPECT_EQ(effect({"SWAPDB", "0", "1"}), "SWAPDB 0 1");
    EXPECT_EQ(effect({"FLUSHDB", "ASYNC"}), "FLUSHDB");
    EXPECT_EQ(effect({"FLUSHALL"}), "FLUSHALL");
}

TEST_F(EffectsTest, AreNothingWhereNothingChanged) {
    run({"SET", "a", "x"});
    for (const Words& words : std::vector<Words>{{"GET", "a"},
                                                 {"SETNX", "a", "1"},
                                                 {"SET", "a", "1", "NX"},
                                                 {"DEL", "b"},
                                                 {"INCR", "a"},
                                                 {"EXPIRE", "b", "10"},
                                                 {"PERSIST", "a"},
                                                 {"GETEX", "a"},
                                                 {"RENAME", "a", "a"},
                                                 {"RENAMENX", "a", "a"},
                                                 {"SETRANGE", "b", "3", ""},
                                                 {"BITFIELD", "b", "GET", "u8", "0"},
                                                 {"MSETNX", "b", "1", "a", "2"},
                                                 {"SWAPDB", "1", "1"},
                                                 {"SET", "a"}}) {
        EXPECT_EQ(effect(words), "") << words[0];
    }
    // It changes the form of the list before it sees that there is no such element.
    run({"RPUSH", "l", "a"});
    EXPECT_EQ(effect({"LSET", "l", "1", std::string(9000, 'v')}), "");
    run({"RPUSH", "few", "a", "b"});
    EXPECT_EQ(effect({"LTRIM", "few", "0", "9"}), "");
}

TEST_F(EffectsTest, NameTimesInFull) {
    EXPECT_EQ(effect({"SET", "a", "1", "EX", "10"}), "SET a 1 PXAT " + in_ms(10'000));
    EXPECT_EQ(effect({"SETEX", "a", "5", "1"}), "SET a 1 PXAT " + in_ms(5000));
    EXPECT_EQ(effect({"PSETEX", "a", "5", "2"}), "SET a 2 PXAT " + in_ms(5));
    EXPECT_EQ(effect({"SET", "a", "3", "KEEPTTL"}), "SET a 3 PXAT " + in_ms(5));
    EXPECT_EQ(effect({"SET", "a", "3", "PXAT", "1"}), "DEL a");
    run({"SET", "a", "3"});
    EXPECT_EQ(effect({"EXPIRE", "a", "7"}), "PEXPIREAT a " + in_ms(7000));
    EXPECT_EQ(effect({"GETEX", "a", "PX", "9"}), "PEXPIREAT a " + in_ms(9));
    EXPECT_EQ(effect({"INCRBYFLOAT", "a", "0.5"}), "SET a 3.5 PXAT " + in_ms(9));
    EXPECT_EQ(effect({"GETEX", "a", "PERSIST"}), "PERSIST a");
    EXPECT_EQ(effect({"INCRBYFLOAT", "a", "0.5"}), "SET a 4");
    EXPECT_EQ(effect({"GETSET", "a", "y"}), "SET a y");
    EXPECT_EQ(effect({"GETDEL", "a"}), "DEL a");
    run({"SET", "a", "3"});
    EXPECT_EQ(effect({"EXPIRE", "a", "-1"}), "DEL a");
}

TEST_F(EffectsTest, AreRedisWordsForWhatIsOurs) {
    EXPECT_EQ(effect({"PUT", "a", "1"}), "SET a 1");
    EXPECT_EQ(effect({"PUT", "a", "1", "4"}), "SET a 1 PXAT " + in_ms(4000));
    EXPECT_EQ(effect({"SET_WITH_TTL", "a", "2", "4"}), "SET a 2 PXAT " + in_ms(4000));
    EXPECT_EQ(effect({"INCREX", "a", "BYINT", "5", "PERSIST"}), "SET a 7");
    EXPECT_EQ(effect({"INCREX", "a", "BYFLOAT", "0.25", "PX", "9"}), "SET a 7.25 PXAT " + in_ms(9));
    EXPECT_EQ(effect({"DELIFEQ", "a", "7.25"}), "DEL a");
    EXPECT_EQ(effect({"MSETEX", "2", "a", "1", "b", "2", "PX", "8"}),
              "MULTI | SET a 1 PXAT " + in_ms(8) + " | SET b 2 PXAT " + in_ms(8) + " | EXEC");
    EXPECT_EQ(effect({"DELEX", "a"}), "DEL a");
    EXPECT_EQ(effect({"DELETE", "b", "c"}), "DEL b");
    EXPECT_EQ(effect({"SET", "a", "1", "IFEQ", "0"}), "");
    EXPECT_EQ(effect({"SET", "a", "1", "IFNE", "0"}), "SET a 1");
    EXPECT_EQ(effect({"CLEAR"}), "FLUSHDB");
}

TEST_F(EffectsTest, AreWhatChanceHasChosen) {
    run({"SADD", "s", "1", "2"});
    const std::string first = effect({"SPOP", "s"});
    EXPECT_TRUE(first == "SREM s 1" || first == "SREM s 2") << first;
    EXPECT_EQ(effect({"SPOP", "s", "5"}), "DEL s");
    EXPECT_EQ(effect({"SPOP", "s"}), "");
    run({"SADD", "s", "a", "b", "c"});
    EXPECT_TRUE(effect({"SPOP", "s", "2"}).starts_with("SREM s "));
}

TEST_F(EffectsTest, OfFieldsNameTimesInFull) {
    run({"HSET", "h", "a", "1", "b", "2", "c", "3", "d", "4"});
    EXPECT_EQ(effect({"HINCRBYFLOAT", "h", "a", "0.5"}), "HSET h a 1.5");
    EXPECT_EQ(effect({"HPEXPIRE", "h", "50", "FIELDS", "3", "a", "b", "x"}),
              "HPEXPIREAT h " + in_ms(50) + " FIELDS 2 a b");
    EXPECT_EQ(effect({"HINCRBYFLOAT", "h", "a", "1"}),
              "MULTI | HSET h a 2.5 | HPEXPIREAT h " + in_ms(50) + " FIELDS 1 a | EXEC");
    EXPECT_EQ(effect({"HEXPIRE", "h", "5", "NX", "FIELDS", "1", "a"}), "");
    EXPECT_EQ(effect({"HGETEX", "h", "EX", "1", "FIELDS", "1", "a"}),
              "HPEXPIREAT h " + in_ms(1000) + " FIELDS 1 a");
    EXPECT_EQ(effect({"HGETEX", "h", "PERSIST", "FIELDS", "2", "a", "c"}), "HPERSIST h FIELDS 1 a");
    EXPECT_EQ(effect({"HGETEX", "h", "FIELDS", "1", "a"}), "");
    EXPECT_EQ(effect({"HSETEX", "h", "PX", "9", "FIELDS", "1", "e", "5"}),
              "MULTI | HSET h e 5 | HPEXPIREAT h " + in_ms(9) + " FIELDS 1 e | EXEC");
    EXPECT_EQ(effect({"HSETEX", "h", "KEEPTTL", "FIELDS", "2", "e", "6", "c", "7"}),
              "MULTI | HSET h e 6 c 7 | HPEXPIREAT h " + in_ms(9) + " FIELDS 1 e | EXEC");
    EXPECT_EQ(effect({"HEXPIREAT", "h", "1", "FIELDS", "2", "c", "x"}), "HDEL h c");
    EXPECT_EQ(effect({"HGETDEL", "h", "FIELDS", "2", "d", "x"}), "HDEL h d");
    EXPECT_EQ(effect({"HPERSIST", "h", "FIELDS", "1", "a"}), "");
}

TEST_F(EffectsTest, TellOfFieldsThatAreDue) {
    run({"HSET", "h", "a", "1", "b", "2", "c", "3"});
    run({"HPEXPIRE", "h", "5", "FIELDS", "1", "a"});
    run({"HPEXPIRE", "h", "50", "FIELDS", "2", "b", "c"});
    logged_.runner.advance_ms(6);
    EXPECT_EQ(effect({"HGET", "h", "b"}), "HDEL h a");
    engine::ExpiryCycle cycle(logged_.runner.dataset(), logged_.runner.executor(), 0,
                              [] { return int64_t{0}; });
    run({"HSET", "h", "c", "4"});
    static_cast<void>(logged_.take());
    logged_.runner.advance_ms(100);
    while (cycle.run(logged_.runner.now_ms(), false)) {
    }
    EXPECT_EQ(printed(logged_.take()), "HDEL h b");
    run({"HPEXPIRE", "h", "5", "FIELDS", "1", "c"});
    logged_.runner.advance_ms(6);
    EXPECT_EQ(effect({"HINCRBY", "h", "c", "1"}), "HDEL h c | HINCRBY h c 1");
}

TEST_F(EffectsTest, OfStreamsNameIdsAndTimes) {
    const std::string now = in_ms(0);
    EXPECT_EQ(effect({"XADD", "x", "*", "f", "1"}), "XADD x " + now + "-0 f 1");
    EXPECT_EQ(effect({"XADD", "x", "MAXLEN", "~", "10", "*", "f", "2"}),
              "XADD x MAXLEN = 2 " + now + "-1 f 2");
    EXPECT_EQ(effect({"XADD", "x", "MINID", "~", "5", "9000000000000-*", "f", "3"}),
              "XADD x MINID = " + now + "-0 9000000000000-0 f 3");
    EXPECT_EQ(effect({"XADD", "x", "9000000000000-7", "f", "4"}), "XADD x 9000000000000-7 f 4");
    EXPECT_EQ(effect({"XTRIM", "x", "MAXLEN", "3"}), "XTRIM x MAXLEN 3");
    EXPECT_EQ(effect({"XGROUP", "CREATE", "x", "g", "0"}), "XGROUP CREATE x g 0");
    EXPECT_EQ(effect({"XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "x", ">"}),
              "MULTI | XGROUP CREATECONSUMER x g c | XCLAIM x g c 0 " + now +
                  "-1 9000000000000-0 TIME " + now + " RETRYCOUNT 1 FORCE JUSTID | " +
                  "XGROUP SETID x g 9000000000000-0 ENTRIESREAD 3 | EXEC");
    EXPECT_EQ(effect({"XREADGROUP", "GROUP", "g", "c", "NOACK", "STREAMS", "x", ">"}),
              "XGROUP SETID x g 9000000000000-7 ENTRIESREAD 4");
    EXPECT_EQ(effect({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">"}), "");
    logged_.runner.advance_ms(10);
    EXPECT_EQ(effect({"XCLAIM", "x", "g", "d", "5", "9000000000000-0"}),
              "MULTI | XGROUP CREATECONSUMER x g d | XCLAIM x g d 0 9000000000000-0 TIME " +
                  in_ms(0) + " RETRYCOUNT 2 FORCE JUSTID | EXEC");
    run({"XDEL", "x", now + "-1"});
    EXPECT_EQ(effect({"XAUTOCLAIM", "x", "g", "d", "0", "0", "COUNT", "1"}),
              "XACK x g " + now + "-1");
    EXPECT_EQ(effect({"XACK", "x", "g", "9000000000000-0"}), "XACK x g 9000000000000-0");
}

TEST_F(EffectsTest, OfCommandsThatMayWaitDoNotWait) {
    run({"RPUSH", "l", "a", "b", "c", "d", "e", "f", "g"});
    EXPECT_EQ(effect({"BLPOP", "none", "l", "0"}), "LPOP l");
    EXPECT_EQ(effect({"BRPOP", "l", "0"}), "RPOP l");
    EXPECT_EQ(effect({"BLMOVE", "l", "m", "LEFT", "RIGHT", "0"}), "LMOVE l m LEFT RIGHT");
    EXPECT_EQ(effect({"BRPOPLPUSH", "l", "m", "0"}), "LMOVE l m RIGHT LEFT");
    EXPECT_EQ(effect({"LMPOP", "2", "none", "l", "RIGHT"}), "RPOP l");
    EXPECT_EQ(effect({"BLMPOP", "0", "2", "none", "l", "LEFT", "COUNT", "9"}), "LPOP l 9");
    run({"ZADD", "z", "1", "a", "2", "b", "3", "c", "4", "d"});
    EXPECT_EQ(effect({"BZPOPMIN", "none", "z", "0"}), "ZPOPMIN z");
    EXPECT_EQ(effect({"BZPOPMAX", "z", "0"}), "ZPOPMAX z");
    EXPECT_EQ(effect({"ZMPOP", "1", "z", "MIN"}), "ZPOPMIN z");
    EXPECT_EQ(effect({"BZMPOP", "0", "1", "z", "MAX", "COUNT", "2"}), "ZPOPMAX z 2");
    run({"MULTI"});
    run({"BLPOP", "none", "0"});
    EXPECT_EQ(effect({"EXEC"}), "");
}

TEST_F(EffectsTest, OfThoseWhoWaitedComeBehindWhatTheyWaitedFor) {
    commands::Session& first = logged_.runner.add_session();
    commands::Session& second = logged_.runner.add_session();
    logged_.runner.run_as(first, {"BLPOP", "none", "l", "0"});
    logged_.runner.run_as(second, {"BLMOVE", "l", "m", "RIGHT", "LEFT", "0"});
    EXPECT_EQ(effect({"RPUSH", "l", "a", "b", "c"}),
              "MULTI | RPUSH l a b c | LPOP l | LMOVE l m RIGHT LEFT | EXEC");
    EXPECT_EQ(logged_.runner.end_wait(first), "*2\r\n$1\r\nl\r\n$1\r\na\r\n");
    EXPECT_EQ(logged_.runner.end_wait(second), "$1\r\nc\r\n");
    logged_.runner.run_as(first, {"BLMPOP", "0", "1", "k", "LEFT", "COUNT", "5"});
    logged_.runner.run_as(second, {"BZPOPMAX", "z", "0"});
    run({"MULTI"});
    run({"RPUSH", "k", "a"});
    run({"DEL", "k"});
    run({"RPUSH", "k", "b"});
    run({"ZADD", "z", "1", "a"});
    EXPECT_EQ(effect({"EXEC"}),
              "MULTI | RPUSH k a | DEL k | RPUSH k b | ZADD z 1 a | LPOP k 5 | ZPOPMAX z | EXEC");
    logged_.runner.end_wait(first);
    logged_.runner.end_wait(second);
    run({"XGROUP", "CREATE", "x", "g", "$", "MKSTREAM"});
    logged_.runner.run_as(first,
                          {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "x", ">"});
    logged_.runner.run_as(second, {"XREAD", "BLOCK", "0", "STREAMS", "x", "$"});
    EXPECT_EQ(effect({"XADD", "x", "5-0", "f", "v"}),
              "MULTI | XADD x 5-0 f v | XCLAIM x g c 0 5-0 TIME " + in_ms(0) +
                  " RETRYCOUNT 1 FORCE JUSTID | XGROUP SETID x g 5-0 ENTRIESREAD 1 | EXEC");
    logged_.runner.end_wait(first);
    logged_.runner.end_wait(second);
}

TEST_F(EffectsTest, OfThoseWhoWaitedAreInTheirDatabase) {
    commands::Session& waiter = logged_.runner.add_session();
    run({"SELECT", "2"});
    run({"RPUSH", "l", "a"});
    logged_.runner.run_as(waiter, {"BLPOP", "l", "0"});
    EXPECT_EQ(effect({"SWAPDB", "0", "2"}), "MULTI | SWAPDB 0 2 | LPOP l | EXEC");
    logged_.runner.end_wait(waiter);
    logged_.runner.run_as(waiter, {"BLPOP", "l", "0"});
    run({"RPUSH", "k", "a"});
    EXPECT_EQ(effect({"MOVE", "k", "0"}), "SELECT 2 | MOVE k 0 | SELECT 0");
    run({"SELECT", "0"});
    EXPECT_EQ(effect({"RENAME", "k", "l"}), "MULTI | RENAME k l | LPOP l | EXEC");
    logged_.runner.end_wait(waiter);
}

/// What goes for its time while somebody is served goes behind what was done before.
TEST_F(EffectsTest, OfKeysThatAreDueWhenSomebodyIsServedKeepTheirPlace) {
    commands::Session& waiter = logged_.runner.add_session();
    run({"RPUSH", "m", "x"});
    run({"PEXPIRE", "m", "5"});
    logged_.runner.run_as(waiter, {"BLMOVE", "l", "m", "LEFT", "LEFT", "0"});
    logged_.runner.advance_ms(6);
    EXPECT_EQ(effect({"RPUSH", "l", "a"}),
              "MULTI | RPUSH l a | DEL m | LMOVE l m LEFT LEFT | EXEC");
    logged_.runner.end_wait(waiter);
}

TEST_F(EffectsTest, OfRestoredValuesAreReadByOlderServers) {
    run({"RPUSH", "l", "a", "b"});
    const std::string reply = run({"DUMP", "l"});
    const size_t begin = reply.find('\n') + 1;
    const std::string payload = reply.substr(begin, reply.size() - begin - 2);
    EXPECT_EQ(effect({"RESTORE", "m", "100", payload, "IDLETIME", "5"}),
              "RESTORE m " + in_ms(100) + " " + payload + " REPLACE ABSTTL");
    EXPECT_EQ(effect({"RESTORE", "m", "1", payload, "REPLACE", "ABSTTL"}), "DEL m");
}

TEST_F(EffectsTest, OfATransactionAreOneRecord) {
    run({"SET", "old", "1", "PX", "5"});
    run({"SET", "text", "x"});
    logged_.runner.advance_ms(6);
    run({"MULTI"});
    run({"SET", "a", "1", "PX", "50"});
    run({"INCR", "text"});
    run({"GET", "old"});
    run({"SELECT", "2"});
    run({"SET", "b", "2"});
    run({"SWAPDB", "0", "2"});
    run({"RPUSH", "l", "1"});
    EXPECT_EQ(effect({"EXEC"}), "MULTI | SET a 1 PXAT " + in_ms(50) +
                                    " | DEL old | SELECT 2 | SET b 2 | SELECT 0 | SWAPDB 0 2 | "
                                    "SELECT 2 | RPUSH l 1 | SELECT 0 | EXEC");
    run({"MULTI"});
    run({"GET", "b"});
    EXPECT_EQ(effect({"EXEC"}), "");
    run({"MULTI"});
    run({"SET", "c", "1"});
    EXPECT_EQ(effect({"EXEC"}), "SELECT 2 | SET c 1 | SELECT 0");
    run({"MULTI"});
    run({"FLUSHALL"});
    run({"SET", "d", "1"});
    EXPECT_EQ(effect({"EXEC"}), "MULTI | FLUSHALL | SELECT 2 | SET d 1 | SELECT 0 | EXEC");
}

TEST_F(EffectsTest, OfAnInteractiveTransactionAreOneRecordAtItsCommit) {
    run({"SET", "a", "x"});
    run({"SET", "old", "1", "PX", "1"});
    run({"SADD", "s", "1", "2"});
    logged_.runner.advance_ms(2);
    EXPECT_EQ(effect({"BEGIN"}), "");
    EXPECT_EQ(effect({"SET", "a", "1", "PX", "50"}), "");
    EXPECT_EQ(effect({"GET", "old"}), "DEL old") << "it has gone for all";
    EXPECT_EQ(effect({"SET", "gone", "1", "PX", "5"}), "");
    EXPECT_EQ(effect({"SELECT", "2"}), "");
    EXPECT_EQ(effect({"APPEND", "b", std::string(100, 'y')}), "");
    EXPECT_EQ(effect({"SELECT", "0"}), "");
    EXPECT_EQ(effect({"BATCH", "incr n; lpush n 1"}), "");
    EXPECT_EQ(effect({"BATCH", "incr n; spop s 2"}), "");
    const std::string in_50 = in_ms(50);
    const std::string in_5 = in_ms(5);
    logged_.runner.advance_ms(10);
    EXPECT_EQ(effect({"COMMIT"}), "MULTI | SET a 1 PXAT " + in_50 + " | SET gone 1 PXAT " + in_5 +
                                      " | SELECT 2 | APPEND b " + std::string(100, 'y') +
                                      " | SELECT 0 | incr n | DEL s | DEL gone | EXEC");
    run({"BEGIN"});
    run({"SET", "a", "2"});
    EXPECT_EQ(effect({"ROLLBACK"}), "");
    run({"BEGIN"});
    run({"GET", "a"});
    EXPECT_EQ(effect({"COMMIT"}), "");
    run({"BEGIN"});
    run({"SET", "b", "1"});
    run({"SELECT", "2"});
    EXPECT_EQ(effect({"FLUSHDB"}), "");
    run({"SET", "c", "1"});
    EXPECT_EQ(effect({"BATCH", "flushall; incr c; lpush c 1"}), "");
    EXPECT_EQ(effect({"COMMIT"}),
              "MULTI | SET b 1 | SELECT 2 | FLUSHDB | SET c 1 | SELECT 0 | EXEC");
}

TEST_F(EffectsTest, OfABatchAreOneRecord) {
    EXPECT_EQ(effect({"BATCH", "set a 1; put b 2 3; get a; sadd s x"}),
              "MULTI | set a 1 | SET b 2 PXAT " + in_ms(3000) + " | sadd s x | EXEC");
    EXPECT_EQ(effect({"BATCH", "set a 2; incr s"}), "");
    commands::Session& waiter = logged_.runner.add_session();
    logged_.runner.run_as(waiter, {"BLPOP", "l", "0"});
    EXPECT_EQ(effect({"BATCH", "rpush l 1; set a 3"}),
              "MULTI | rpush l 1 | set a 3 | LPOP l | EXEC");
    logged_.runner.end_wait(waiter);
    run({"MULTI"});
    run({"SET", "a", "4"});
    run({"BATCH", "set a 5; lpush a 1"});
    run({"BATCH", "set a 6; set b 7"});
    run({"SET", "c", "8"});
    EXPECT_EQ(effect({"EXEC"}), "MULTI | SET a 4 | set a 6 | set b 7 | SET c 8 | EXEC");
}

TEST_F(EffectsTest, OfABatchTellOfKeysThatAreDueWhileTheLogIsFull) {
    CommandRunner runner;
    log::Log log{1, 1};
    engine::RecentWrites recent;
    runner.executor().effects.attach(log, log.appender(0), recent);
    runner.run({"SET", "a", "old", "PX", "5"});
    ASSERT_EQ(log.admission(), log::Admission::full);
    runner.advance_ms(6);
    const log::Position before = log.frontier();
    EXPECT_EQ(runner.run({"BATCH", "append a x"}), "*1\r\n:1\r\n");
    const std::span<char> room = log.at(before);
    EXPECT_EQ(printed({room.data(), log.frontier() - before}), "MULTI | DEL a | append a x | EXEC");
}

TEST_F(EffectsTest, OfWhatBeganBeforeThereWasALogAreAConflict) {
    CommandRunner runner;
    log::Log log{1};
    engine::RecentWrites recent;
    runner.run({"BEGIN"});
    runner.run({"SET", "a", "1"});
    runner.executor().effects.attach(log, log.appender(0), recent);
    EXPECT_TRUE(runner.run({"COMMIT"}).starts_with("-CONFLICT "));
    EXPECT_EQ(runner.run({"GET", "a"}), "$-1\r\n");
}

TEST_F(EffectsTest, AreInTheirDatabase) {
    run({"SELECT", "4"});
    EXPECT_EQ(effect({"SET", "a", "1"}), "SELECT 4 | SET a 1 | SELECT 0");
    EXPECT_EQ(effect({"FLUSHDB"}), "SELECT 4 | FLUSHDB | SELECT 0");
    EXPECT_EQ(effect({"MSETEX", "2", "a", "1", "b", "2"}),
              "MULTI | SELECT 4 | SET a 1 | SET b 2 | SELECT 0 | EXEC");
}

TEST_F(EffectsTest, TellOfKeysThatAreDue) {
    run({"SET", "a", "1", "PX", "5"});
    run({"SET", "b", "1", "PX", "5"});
    run({"SET", "c", "1", "PX", "5"});
    logged_.runner.advance_ms(6);
    EXPECT_EQ(effect({"GET", "a"}), "DEL a");
    EXPECT_EQ(effect({"SET", "b", "2"}), "DEL b | SET b 2");
    EXPECT_EQ(effect({"MGET", "a", "c"}), "DEL c");
}

TEST_F(EffectsTest, TellOfKeysThatExpireByThemselves) {
    run({"SELECT", "2"});
    run({"SET", "a", "1", "PX", "5"});
    static_cast<void>(logged_.take());
    engine::ExpiryCycle cycle(logged_.runner.dataset(), logged_.runner.executor(), 0,
                              [] { return int64_t{0}; });
    logged_.runner.advance_ms(100);
    while (cycle.run(logged_.runner.now_ms(), false)) {
    }
    EXPECT_EQ(printed(logged_.take()), "SELECT 2 | DEL a | SELECT 0");
}

TEST_F(EffectsTest, TellOfKeysThatAreEvicted) {
    run({"SET", "a", "1"});
    logged_.runner.dataset().set_policy(engine::EvictionPolicy::allkeys_random,
                                        logged_.runner.executor());
    logged_.runner.dataset().set_maxkeys(1, logged_.runner.executor());
    EXPECT_EQ(effect({"SET", "b", "1"}), "SET b 1 | DEL a");
}

TEST_F(EffectsTest, NameWhatNobodyAskedFor) {
    logged_.runner.dataset().settings.default_ttl_seconds = 60;
    const std::string deadline = " " + in_ms(60'000);
    EXPECT_EQ(effect({"SET", "a", "1"}), "MULTI | SET a 1 | PEXPIREAT a" + deadline + " | EXEC");
    EXPECT_EQ(effect({"INCR", "n"}), "MULTI | INCR n | PEXPIREAT n" + deadline + " | EXEC");
    EXPECT_EQ(effect({"INCR", "n"}), "INCR n");
    EXPECT_EQ(effect({"GETSET", "a", "2"}), "SET a 2 PXAT" + deadline);
    EXPECT_EQ(effect({"SET", "a", "1", "EX", "5"}), "SET a 1 PXAT " + in_ms(5000));
}

TEST_F(EffectsTest, CarryTimestamps) {
    EXPECT_EQ(effect({"SET", "a", "1", "TIMESTAMP", "500"}), "#500 | SET a 1");
    EXPECT_EQ(effect({"SET", "a", "0", "TIMESTAMP", "400"}), "");
    EXPECT_EQ(effect({"APPEND", "a", "2"}), "#" + in_ms(0) + " | APPEND a 2");
    EXPECT_EQ(effect({"MSET", "a", "1", "b", "2"}),
              "MULTI | #" + in_ms(0) + " | SET a 1 | SET b 2 | EXEC");
}

TEST_F(EffectsTest, KeysThatAreDueStayWhileNothingCanBeLogged) {
    run({"SET", "a", "1", "PX", "5"});
    logged_.runner.advance_ms(10);
    logged_.log.fail("No space left on device");
    EXPECT_EQ(run({"GET", "a"}), "$-1\r\n");
    EXPECT_NE(logged_.runner.find("a"), nullptr);
    EXPECT_EQ(run({"SET", "b", "1"}),
              "-MISCONF Errors writing to the AOF file: No space left on device\r\n");
    logged_.log.recover();
    EXPECT_EQ(run({"GET", "a"}), "$-1\r\n");
    EXPECT_EQ(logged_.runner.find("a"), nullptr);
}

// --- the same data again
// -----------------------------------------------------------------------------

/// What DUMP gives of some values of each type.
std::vector<std::string> payloads() {
    CommandRunner runner;
    const std::vector<Words> values = {
        {"SET", "k", "text"},
        {"RPUSH", "k", "a", "b", "1"},
        {"SADD", "k", "1", "2"},
        {"SADD", "k", "a", "b"},
        {"HSET", "k", "field1", "v", "number1", "2"},
        {"HSETEX", "k", "PX", "3000", "FIELDS", "2", "field2", "v", "field3", "w"},
        {"ZADD", "k", "1", "a", "2.5", "b"},
        {"XADD", "k", "5-1", "f", "v"}};
    std::vector<std::string> found;
    for (const Words& value : values) {
        static_cast<void>(runner.run({"FLUSHALL"}));
        static_cast<void>(runner.run(value));
        if (!snapshot::RecordEncoder::can_encode(runner.find("k")->type())) continue;
        const std::string reply = runner.run({"DUMP", "k"});
        const size_t begin = reply.find('\n') + 1;
        found.push_back(reply.substr(begin, reply.size() - begin - 2));
    }
    return found;
}

/// Commands of all rows that write, and some that read; Workload says what the letters stand for.
const std::vector<Words> kForms = {
    {"SET", "K", "V"},
    {"SET", "K", "V", "PX", "T"},
    {"SET", "K", "V", "KEEPTTL", "XX"},
    {"SET", "K", "V", "NX", "EX", "9"},
    {"SET", "K", "V", "TIMESTAMP", "S"},
    {"SET", "K", "V", "TIMESTAMP", "S", "PX", "T"},
    {"SET", "K", "V", "GET"},
    {"SET", "K", "V", "IFEQ", "V"},
    {"SET", "K", "V", "PXAT", "1"},
    {"SETNX", "K", "V"},
    {"SETEX", "K", "3", "V"},
    {"PSETEX", "K", "T", "V"},
    {"GETSET", "K", "V"},
    {"PUT", "K", "V"},
    {"PUT", "K", "V", "2"},
    {"SET_WITH_TTL", "K", "V", "2"},
    {"MSET", "K", "V", "K", "V"},
    {"MSETNX", "K", "V", "K", "V"},
    {"MSETEX", "2", "K", "V", "K", "V", "PX", "T"},
    {"INCR", "K"},
    {"DECR", "K"},
    {"INCRBY", "K", "N"},
    {"DECRBY", "K", "N"},
    {"INCRBYFLOAT", "K", "0.5"},
    {"INCREX", "K", "BYINT", "N", "UBOUND", "50", "SATURATE", "PX", "T"},
    {"INCREX", "K", "BYFLOAT", "1.5"},
    {"APPEND", "K", "V"},
    {"SETRANGE", "K", "N", "V"},
    {"SETBIT", "K", "N", "1"},
    {"BITFIELD", "K", "INCRBY", "u4", "N", "3"},
    {"BITOP", "XOR", "K", "K", "K"},
    {"BITOP", "NOT", "K", "K"},
    {"GETDEL", "K"},
    {"GETEX", "K", "PX", "T"},
    {"GETEX", "K", "PERSIST"},
    {"DEL", "K", "K"},
    {"UNLINK", "K"},
    {"DELETE", "K", "K"},
    {"DELEX", "K"},
    {"DELEX", "K", "IFEQ", "V"},
    {"DELIFEQ", "K", "V"},
    {"RENAME", "K", "K"},
    {"RENAMENX", "K", "K"},
    {"COPY", "K", "K"},
    {"COPY", "K", "K", "DB", "D", "REPLACE"},
    {"MOVE", "K", "D"},
    {"PEXPIRE", "K", "T"},
    {"EXPIRE", "K", "2", "NX"},
    {"EXPIREAT", "K", "1"},
    {"PEXPIREAT", "K", "9000000000000"},
    {"PERSIST", "K"},
    {"SELECT", "D"},
    {"GET", "K"},
    {"MGET", "K", "K"},
    {"EXISTS", "K"},
    {"TTL", "K"},
    {"RANDOMKEY"},
    // lists
    {"LPUSH", "l", "V", "V"},
    {"RPUSH", "l", "V", "V", "V"},
    {"LPUSHX", "l", "V"},
    {"RPUSHX", "l", "V"},
    {"LPOP", "l"},
    {"RPOP", "l", "2"},
    {"LSET", "l", "1", "V"},
    {"LTRIM", "l", "1", "-2"},
    {"LREM", "l", "0", "V"},
    {"LINSERT", "l", "BEFORE", "V", "V"},
    {"LMOVE", "l", "l", "LEFT", "RIGHT"},
    {"RPOPLPUSH", "l", "l"},
    {"LMPOP", "2", "l", "l", "LEFT", "COUNT", "3"},
    {"SORT", "l", "ALPHA", "STORE", "l"},
    {"SORT", "s", "BY", "nosort", "STORE", "l"},
    {"SORT", "z", "BY", "K", "ALPHA", "DESC", "LIMIT", "0", "3", "GET", "#", "GET", "K", "STORE",
     "l"},
    // hashes and deadlines of fields
    {"HSET", "h", "F", "V", "F", "V"},
    {"HMSET", "h", "F", "V"},
    {"HSETNX", "h", "F", "V"},
    {"HINCRBY", "h", "I", "N"},
    {"HINCRBYFLOAT", "h", "I", "0.25"},
    {"HDEL", "h", "F", "F"},
    {"HEXPIRE", "h", "1", "NX", "FIELDS", "2", "F", "F"},
    {"HPEXPIRE", "h", "T", "FIELDS", "3", "F", "F", "I"},
    {"HEXPIREAT", "h", "1", "FIELDS", "1", "F"},
    {"HPEXPIREAT", "h", "9000000000000", "GT", "FIELDS", "1", "F"},
    {"HPERSIST", "h", "FIELDS", "2", "F", "F"},
    {"HGETEX", "h", "PX", "T", "FIELDS", "2", "F", "F"},
    {"HGETEX", "h", "PERSIST", "FIELDS", "1", "F"},
    {"HGETEX", "h", "PXAT", "1", "FIELDS", "1", "F"},
    {"HSETEX", "h", "PX", "T", "FIELDS", "2", "F", "V", "F", "V"},
    {"HSETEX", "h", "FNX", "FIELDS", "1", "F", "V"},
    {"HSETEX", "h", "KEEPTTL", "FIELDS", "2", "F", "V", "I", "N"},
    {"HSETEX", "h", "EXAT", "1", "FIELDS", "1", "F", "V"},
    {"HGETDEL", "h", "FIELDS", "2", "F", "F"},
    {"HGETALL", "h"},
    {"HLEN", "h"},
    // sets
    {"SADD", "s", "V", "V", "V", "N"},
    {"SREM", "s", "V", "N"},
    {"SMOVE", "s", "s", "V"},
    {"SPOP", "s"},
    {"SPOP", "s", "2"},
    {"SPOP", "s", "1000"},
    {"SINTERSTORE", "s", "s", "s"},
    {"SUNIONSTORE", "s", "s", "s"},
    {"SDIFFSTORE", "s", "s", "s"},
    // sorted sets and places
    {"ZADD", "z", "N", "V", "N", "V"},
    {"ZADD", "z", "GT", "CH", "N", "V"},
    {"ZADD", "z", "INCR", "0.5", "V"},
    {"ZINCRBY", "z", "1.25", "V"},
    {"ZREM", "z", "V", "V"},
    {"ZPOPMIN", "z"},
    {"ZPOPMAX", "z", "2"},
    {"ZMPOP", "1", "z", "MIN"},
    {"ZUNIONSTORE", "z", "2", "z", "s", "WEIGHTS", "2", "1"},
    {"ZINTERSTORE", "z", "2", "z", "z"},
    {"ZDIFFSTORE", "z", "2", "z", "z"},
    {"ZRANGESTORE", "z", "z", "0", "3"},
    {"ZREMRANGEBYRANK", "z", "0", "0"},
    {"ZREMRANGEBYSCORE", "z", "3", "(9"},
    {"ZREMRANGEBYLEX", "z", "[v", "[w"},
    {"GEOADD", "g", "13.361389", "38.115556", "V", "15.087269", "37.502669", "V"},
    {"GEORADIUS", "g", "15", "37", "200", "km", "STORE", "g"},
    {"GEORADIUSBYMEMBER", "g", "V", "200", "km", "STOREDIST", "z"},
    {"GEOSEARCHSTORE", "g", "g", "FROMLONLAT", "15", "37", "BYRADIUS", "90", "km", "ASC"},
    // HyperLogLogs
    {"PFADD", "p", "V", "V"},
    {"PFMERGE", "p", "p", "p"},
    {"PFCOUNT", "p"},
    {"PFDEBUG", "TODENSE", "p"},
    // streams
    {"XADD", "x", "*", "f", "V"},
    {"XADD", "x", "MAXLEN", "~", "5", "*", "f", "V"},
    {"XADD", "x", "NOMKSTREAM", "MINID", "~", "X", "*", "f", "V"},
    {"XADD", "x", "9-*", "f", "V"},
    {"XADD", "x", "MAXLEN", "9", "X", "f", "V", "g", "V"},
    {"XTRIM", "x", "MAXLEN", "~", "4", "LIMIT", "10"},
    {"XTRIM", "x", "MINID", "X"},
    {"XDEL", "x", "X", "X"},
    {"XDELEX", "x", "KEEPREF", "IDS", "2", "X", "X"},
    {"XDELEX", "x", "DELREF", "IDS", "2", "X", "X"},
    {"XDELEX", "x", "ACKED", "IDS", "1", "X"},
    {"XACKDEL", "x", "G", "DELREF", "IDS", "2", "X", "X"},
    {"XACKDEL", "x", "G", "ACKED", "IDS", "1", "X"},
    {"XSETID", "x", "X"},
    {"XGROUP", "CREATE", "x", "G", "$", "MKSTREAM"},
    {"XGROUP", "CREATE", "x", "G", "0"},
    {"XGROUP", "SETID", "x", "G", "X"},
    {"XGROUP", "DESTROY", "x", "G"},
    {"XGROUP", "CREATECONSUMER", "x", "G", "C"},
    {"XGROUP", "DELCONSUMER", "x", "G", "C"},
    {"XREADGROUP", "GROUP", "G", "C", "COUNT", "3", "STREAMS", "x", ">"},
    {"XREADGROUP", "GROUP", "G", "C", "NOACK", "STREAMS", "x", ">"},
    {"XREADGROUP", "GROUP", "G", "C", "STREAMS", "x", "0"},
    {"XACK", "x", "G", "X", "X"},
    {"XCLAIM", "x", "G", "C", "1", "X", "X"},
    {"XCLAIM", "x", "G", "C", "0", "X", "IDLE", "9", "RETRYCOUNT", "4", "FORCE"},
    {"XCLAIM", "x", "G", "C", "0", "X", "JUSTID", "LASTID", "X"},
    {"XAUTOCLAIM", "x", "G", "C", "2", "0", "COUNT", "3"},
    // a key of any type
    {"RESTORE", "A", "0", "P", "REPLACE"},
    {"RESTORE", "A", "T", "P"},
    {"RESTORE", "A", "1", "P", "REPLACE", "ABSTTL"},
    {"RENAME", "A", "A"},
    {"COPY", "A", "A", "REPLACE"},
    {"MOVE", "A", "D"},
    {"DEL", "A"},
    {"PEXPIRE", "A", "T"},
    {"SET", "A", "V"}};
/// What may wait: of another client, and of this one, where it ends at once.
const std::vector<Words> kWaiting = {
    {"BLPOP", "l", "l", "0"},
    {"BRPOP", "l", "0"},
    {"BLMOVE", "l", "l", "LEFT", "RIGHT", "0"},
    {"BRPOPLPUSH", "l", "l", "0"},
    {"BLMPOP", "0", "2", "l", "l", "RIGHT", "COUNT", "2"},
    {"BZPOPMIN", "z", "z", "0"},
    {"BZPOPMAX", "z", "0"},
    {"BZMPOP", "0", "1", "z", "MAX", "COUNT", "2"},
    {"XREADGROUP", "GROUP", "G", "C", "BLOCK", "0", "STREAMS", "x", ">"},
    {"XREAD", "BLOCK", "0", "STREAMS", "x", "$"}};
const std::vector<Words> kSeldom = {
    {"FLUSHDB"}, {"FLUSHALL", "ASYNC"}, {"CLEAR"}, {"SWAPDB", "D", "D"}};

/// Random ones of them, on few keys.
class Workload {
public:
    explicit Workload(uint64_t seed) : random_(seed) {}

    Words next() {
        if (random_.below(300) == 0) return many_fields();
        if (random_.below(20) == 0) return waiting();
        return one_of(random_.below(300) == 0 ? kSeldom : kForms);
    }
    Words waiting() { return one_of(kWaiting); }
    uint64_t below(uint64_t limit) { return random_.below(limit); }

private:
    Words one_of(const std::vector<Words>& forms) {
        Words words = forms[random_.below(forms.size())];
        for (size_t i = 1; i < words.size(); ++i) fill(words[i]);
        return words;
    }
    /// More that are due at once than a look at the hash removes.
    Words many_fields() {
        constexpr int kFields = 150;
        Words words{"HSETEX", "h" + any_digit(),      "PX", std::to_string(1 + random_.below(30)),
                    "FIELDS", std::to_string(kFields)};
        for (int i = 0; i < kFields; ++i) {
            words.push_back("field" + std::to_string(i));
            words.push_back(std::to_string(i));
        }
        return words;
    }
    void fill(std::string& word) {
        if (word.size() == 1 && std::islower(static_cast<unsigned char>(word[0])) != 0 &&
            std::string("lhszgpx").find(word) != std::string::npos) {
            word += std::to_string(random_.below(3));
        }
        if (word == "A") word = std::string(1, "lhszgpx"[random_.below(7)]) + any_digit();
        if (word == "F") word = "field" + std::to_string(random_.below(12));
        if (word == "I") word = "number" + any_digit();
        if (word == "G") word = "group" + any_digit();
        if (word == "C") word = "consumer" + any_digit();
        if (word == "P") word = payloads_[random_.below(payloads_.size())];
        if (word == "X") {
            word =
                std::to_string(random_.below(4) == 0 ? random_.below(20)
                                                     : 1'700'000'000'000 + random_.below(20'000)) +
                "-" + std::to_string(random_.below(2));
        }
        if (word == "K") word = "key" + std::to_string(random_.below(8));
        if (word == "V") word = value();
        if (word == "N") word = std::to_string(random_.below(40));
        if (word == "T") word = std::to_string(1 + random_.below(300));
        if (word == "D") word = std::to_string(random_.below(3));
        if (word == "S") word = std::to_string(1'700'000'000'000 + random_.below(20'000));
    }
    std::string any_digit() { return std::to_string(random_.below(3)); }
    std::string value() {
        if (random_.below(2) == 0) return std::to_string(random_.below(20));
        return std::string(random_.below(3) == 0 ? random_.below(9000) : random_.below(9), 'v');
    }

    base::Random random_;
    std::vector<std::string> payloads_ = payloads();
};

std::string quoted(const std::string& word) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text = "\"";
    for (const char letter : word) {
        const auto byte = static_cast<unsigned char>(letter);
        text += {'\\', 'x', kDigits[byte / 16], kDigits[byte % 16]};
    }
    return text + "\"";
}

/// A batch of one to four statements.
Words batch(Workload& workload) {
    Words words{"BATCH"};
    for (uint64_t left = 1 + workload.below(4); left > 0; --left) {
        std::string statement;
        for (const std::string& word : workload.next()) statement += quoted(word) + " ";
        words.push_back(statement);
    }
    return words;
}

/// BEGIN and what follows it, with another client's commands and some time in between.
void run_interactive(CommandRunner& runner, commands::Session& other, Workload& workload) {
    static_cast<void>(runner.run({"BEGIN"}));
    for (uint64_t left = workload.below(8); left > 0; --left) {
        static_cast<void>(runner.run(workload.below(5) == 0 ? batch(workload) : workload.next()));
        if (workload.below(8) == 0) {
            runner.run_as(other, workload.next());
            if (other.blocked) runner.end_wait(other);
        }
        if (workload.below(8) == 0) runner.advance_ms(static_cast<int64_t>(workload.below(20)));
    }
    static_cast<void>(runner.run({workload.below(8) == 0 ? "ROLLBACK" : "COMMIT"}));
}

/// One command, or a transaction of several.
void run_some(CommandRunner& runner, commands::Session& other, Workload& workload) {
    if (workload.below(12) == 0) return run_interactive(runner, other, workload);
    if (workload.below(20) == 0) {
        static_cast<void>(runner.run(batch(workload)));
        return;
    }
    if (workload.below(12) != 0) {
        static_cast<void>(runner.run(workload.next()));
        if (runner.session().blocked) runner.end_wait(runner.session());
        return;
    }
    if (workload.below(3) == 0) static_cast<void>(runner.run({"WATCH", "key1", "key2"}));
    static_cast<void>(runner.run({"MULTI"}));
    for (uint64_t left = workload.below(6); left > 0; --left) {
        static_cast<void>(runner.run(workload.below(6) == 0 ? batch(workload) : workload.next()));
    }
    static_cast<void>(runner.run({workload.below(8) == 0 ? "DISCARD" : "EXEC"}));
}

/// Another client waits for keys, and is served or gives up.
void wait_some(CommandRunner& runner, commands::Session& waiter, Workload& workload) {
    if (waiter.blocked && (waiter.waiter.is_over() || workload.below(50) == 0)) {
        runner.end_wait(waiter);
    }
    if (!waiter.blocked && workload.below(5) == 0) runner.run_as(waiter, workload.waiting());
}

void configure(CommandRunner& runner, uint64_t seed) {
    engine::Settings& settings = runner.dataset().settings;
    settings.default_ttl_seconds = seed % 3 == 0 ? 1 : 0;
    settings.stream_node_max_entries = 3;
    if (seed % 2 == 0) {
        settings.hash_max_listpack_entries = settings.set_max_listpack_entries = 4;
        settings.zset_max_listpack_entries = settings.set_max_intset_entries = 4;
        settings.list_max_listpack_size = 3;
    }
    if (seed % 4 == 0) {
        runner.dataset().set_policy(engine::EvictionPolicy::allkeys_lru, runner.executor());
        runner.dataset().set_maxkeys(18, runner.executor());
    }
}

/// All of it, in pieces as a loader has them.
void replay(CommandRunner& runner, std::string_view log, int64_t now_ms, size_t helpers) {
    constexpr size_t kPieceBytes = 100'000;
    ReplayThreads threads(runner, helpers);
    commands::ReplayLanes lanes(runner.services(), now_ms, threads.helpers());
    log::AofReader reader(lanes);
    for (; !log.empty(); log.remove_prefix(std::min(kPieceBytes, log.size()))) {
        ASSERT_EQ(reader.feed(log.substr(0, kPieceBytes)), log::AofReader::Status::more)
            << reader.end().message;
    }
    ASSERT_EQ(reader.finish().kind, log::AofEnd::Kind::clean);
    const auto done = lanes.finish();
    ASSERT_TRUE(done.has_value()) << done.error().message;
}

TEST(EffectsReplay, GivesTheSameData) {
    for (uint64_t seed = test_seed(); seed < test_seed() + 60; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        Logged logged;
        Workload workload(seed);
        engine::ExpiryCycle cycle(logged.runner.dataset(), logged.runner.executor(), 0,
                                  [] { return int64_t{0}; });
        configure(logged.runner, seed);
        commands::Session& waiter = logged.runner.add_session();
        commands::Session& other = logged.runner.add_session();
        std::string log;
        for (int step = 0; step < 3000; ++step) {
            run_some(logged.runner, other, workload);
            wait_some(logged.runner, waiter, workload);
            if (workload.below(10) == 0) {
                logged.runner.advance_ms(static_cast<int64_t>(workload.below(60)));
            }
            if (workload.below(30) == 0) cycle.run(logged.runner.now_ms(), false);
            log += logged.take();
        }
        const State state = state_of(logged.runner);
        for (const size_t helpers : {size_t{0}, size_t{3}}) {
            CommandRunner again({.threads = helpers + 1, .shards = helpers == 0 ? 16U : 64U});
            replay(again, log, logged.runner.now_ms(), helpers);
            EXPECT_EQ(state_of(again), state) << helpers << " helpers";
        }
        if (::testing::Test::HasFailure()) return;
    }
}

/// Those that draw lots, give elements in whatever order, wait, or concern more than keys; and
/// PFCOUNT, which inside a transaction keeps no count for the next time.
bool is_comparable(const Words& words) {
    static const std::set<std::string> kLeftOut{
        "SPOP",       "RANDOMKEY", "HGETALL",  "FLUSHDB",    "FLUSHALL", "CLEAR",  "SWAPDB",
        "PFDEBUG",    "BLPOP",     "BRPOP",    "BLMOVE",     "BLMPOP",   "BZMPOP", "XREAD",
        "BRPOPLPUSH", "BZPOPMIN",  "BZPOPMAX", "XREADGROUP", "PFCOUNT"};
    return words.size() < 100 && !kLeftOut.contains(words[0]) &&
           !(words[0] == "SORT" && words[1][0] == 's');
}

/// Removes what is due, of keys and of fields: who looks, and at what, is not the same.
void remove_due(CommandRunner& runner, commands::Session& session) {
    for (const char* database : {"0", "1", "2"}) {
        runner.run_as(session, {"SELECT", database});
        for (const char letter : std::string("lhszgpx")) {
            for (const char digit : std::string("012")) {
                runner.run_as(session, {"HGETALL", std::string{letter, digit}});
            }
        }
        for (int key = 0; key < 8; ++key) {
            runner.run_as(session, {"HGETALL", "key" + std::to_string(key)});
        }
    }
}

/// The first key in which two data sets differ; empty: none.
std::string difference(const State& one, const State& other) {
    const auto shown = [](const State& state, const State::key_type& key) -> std::string {
        const auto found = state.find(key);
        if (found == state.end()) return "nothing";
        const auto& [value, expire_ms, timestamp_ms] = found->second;
        return value.substr(0, 300) + " until " + std::to_string(expire_ms) + " of " +
               std::to_string(timestamp_ms);
    };
    State all = one;
    all.insert(other.begin(), other.end());
    for (const auto& [key, value] : all) {
        const std::string first = shown(one, key);
        const std::string second = shown(other, key);
        if (first != second) return std::get<1>(key) + ": " + first + ", " + second;
    }
    return {};
}

// The handlers are the same inside a transaction: so are answers, data and log.
TEST(EffectsReplay, InATransactionCommandsDoWhatTheyDoOutside) {
    for (uint64_t seed = test_seed(); seed < test_seed() + 40; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        CommandRunner outside;
        Logged inside;
        for (CommandRunner* runner : {&outside, &inside.runner}) {
            configure(*runner, seed % 4 == 0 ? seed + 2 : seed);
        }
        commands::Session& outside_cleaner = outside.add_session();
        commands::Session& inside_cleaner = inside.runner.add_session();
        Workload workload(seed);
        std::string log;
        for (int round = 0; round < 200; ++round) {
            remove_due(outside, outside_cleaner);
            remove_due(inside.runner, inside_cleaner);
            static_cast<void>(inside.runner.run({"BEGIN"}));
            for (uint64_t left = workload.below(12); left > 0; --left) {
                const Words words = workload.next();
                if (!is_comparable(words)) continue;
                std::string line;
                for (const std::string& word : words) line += word.substr(0, 40) + " ";
                ASSERT_EQ(inside.runner.run(words), outside.run(words)) << line;
            }
            ASSERT_EQ(inside.runner.run({"COMMIT"}), "+OK\r\n");
            ASSERT_EQ(difference(state_of(inside.runner), state_of(outside)), "");
            const auto passed = static_cast<int64_t>(workload.below(60));
            inside.runner.advance_ms(passed);
            outside.advance_ms(passed);
            log += inside.take();
        }
        CommandRunner again;
        replay(again, log, inside.runner.now_ms(), seed % 2 * 3);
        ASSERT_EQ(difference(state_of(again), state_of(inside.runner)), "");
    }
}

/// A row that is added and forgotten here would have an effect that nobody has looked at.
TEST(EffectsReplay, KnowsEveryCommandThatWrites) {
    std::set<std::string> seen{"flushdb", "flushall", "clear", "swapdb"};
    Workload workload(1);
    for (int i = 0; i < 20'000; ++i) {
        const Words words = workload.next();
        std::string name = words[0];
        for (char& letter : name) letter = static_cast<char>(std::tolower(letter));
        seen.insert(name);
    }
    for (const commands::CommandSpec* spec : commands::rows()) {
        if (!spec->has(commands::flag::write)) continue;
        const std::string_view name = spec->parent.empty() ? spec->name : spec->parent;
        EXPECT_TRUE(seen.contains(std::string(name))) << commands::full_name(*spec);
    }
}

TEST(EffectsReplay, SaysWhatCannotBeExecuted) {
    const auto message = [](const std::string& log) {
        CommandRunner runner;
        commands::ReplayLanes lanes(runner.services(), 1);
        log::AofReader reader(lanes);
        static_cast<void>(reader.feed(log));
        const auto done = lanes.finish();
        return done ? "nothing" : done.error().message;
    };
    const auto text = [](const Words& words) {
        const std::vector<std::string_view> views(words.begin(), words.end());
        std::string bytes;
        log::append(bytes, log::CommandEffect{views});
        return bytes;
    };
    EXPECT_NE(message(text({"NOSUCH", "a"})).find("command 'NOSUCH' at offset 0: it is not known"),
              std::string::npos);
    EXPECT_NE(message(text({"SET", "a", "1"}) + text({"GET", "a"})).find("offset 27"),
              std::string::npos);
    EXPECT_NE(message(text({"SELECT", "16"})).find("raise databases"), std::string::npos);
    EXPECT_NE(message(text({"SET", "a"})).find("wrong number of arguments"), std::string::npos);
    EXPECT_NE(message(text({"SET", "a", "x"}) + text({"INCR", "a"}))
                  .find("it fails with 'ERR value is not an integer or out of range'"),
              std::string::npos);
}

}  // namespace
}  // namespace gyre::test
