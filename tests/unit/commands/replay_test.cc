// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: a log executed by several threads gives what it gives by one, tells the first fault in the
// order of the file whoever comes upon it first, and takes bounded memory. Method: logs whose keys
// are chosen by the lane they belong to; helpers that are threads, and one that does nothing before
// the test lets it. The workload over all commands is in effects_test.cc.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "commands/replay_lanes.h"
#include "log/aof_reader.h"
#include "log/effect_writer.h"
#include "replay_threads.h"
#include "support/command_runner.h"
#include "support/data_state.h"
#include "support/seed.h"

namespace gyre::test {
namespace {

using commands::ReplayLanes;
using Words = std::vector<std::string>;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr size_t kShards = 64;
constexpr RunnerOptions kSeveralThreads{.threads = 4, .shards = kShards};

std::string text(const Words& words) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    std::string bytes;
    log::append(bytes, log::CommandEffect{views});
    return bytes;
}

/// A name that belongs to this lane of the lanes that so many helpers make.
std::string key_in_lane(CommandRunner& runner, size_t helpers, size_t lane) {
    const size_t lanes = ReplayLanes::kLanesPerThread * (helpers + 1);
    for (int number = 0;; ++number) {
        const std::string name = "key" + std::to_string(number);
        if (runner.dataset().shard_of(store::Key::of(name).hash) % lanes == lane) return name;
    }
}

/// How reading and executing a log ends; empty: well.
std::string execute(CommandRunner& runner, std::string_view log, size_t helpers) {
    ReplayThreads threads(runner, helpers);
    ReplayLanes lanes(runner.services(), kNow, threads.helpers());
    log::AofReader reader(lanes);
    static_cast<void>(reader.feed(log));
    if (auto done = lanes.finish(); !done) return done.error().message;
    return reader.finish().message;
}

/// The state after the log, by one thread and by several, which must be the same.
State state_after(std::string_view log) {
    CommandRunner alone;
    EXPECT_EQ(execute(alone, log, 0), "");
    State state = state_of(alone);
    for (const size_t helpers : {size_t{1}, size_t{3}}) {
        CommandRunner runner(kSeveralThreads);
        EXPECT_EQ(execute(runner, log, helpers), "");
        EXPECT_EQ(state_of(runner), state) << helpers << " helpers";
    }
    return state;
}

TEST(Replay, KeepsTheOrderOfEachKey) {
    std::string log;
    base::Random random(test_seed());
    for (int i = 0; i < 40'000; ++i) {
        const std::string key = "key" + std::to_string(random.below(60));
        log += text({"APPEND", key, std::to_string(i % 10)});
        if (random.below(50) == 0) log += text({"DEL", key});
    }
    EXPECT_FALSE(state_after(log).empty());
}

/// Redis writes what trimming has left, and the LIMIT it was given beside it, which then limits
/// nothing. A client may not say so.
TEST(Replay, TrimsAsRedisLogsIt) {
    const std::string begin = text({"XADD", "s", "1-1", "f", "v"}) +
                              text({"XADD", "s", "2-1", "f", "v"}) +
                              text({"XADD", "s", "3-1", "f", "v"});
    const std::vector<Words> rows = {
        {"XTRIM", "s", "MAXLEN", "=", "1", "LIMIT", "10"},
        {"XTRIM", "s", "MAXLEN", "=", "1", "LIMIT", "1"},
        {"XTRIM", "s", "MINID", "=", "3-1", "LIMIT", "10"},
        {"XADD", "s", "MAXLEN", "=", "1", "LIMIT", "10", "4-1", "f", "v"},
        {"XADD", "s", "MINID", "=", "4-1", "LIMIT", "10", "4-1", "f", "v"}};
    for (const Words& row : rows) {
        SCOPED_TRACE(row[0] + " " + row[2] + " " + row[6]);
        CommandRunner runner;
        EXPECT_EQ(execute(runner, begin + text(row), 0), "");
        EXPECT_EQ(runner.run({"XLEN", "s"}), ":1\r\n");
        CommandRunner client;
        const std::vector<std::string_view> words(row.begin(), row.end());
        EXPECT_EQ(client.run(words),
                  "-ERR syntax error, LIMIT cannot be used without the special ~ option\r\n");
    }
}

/// Redis 7.0 allowed it to its clients; 7.2 does not.
TEST(Replay, SetsAnIdBelowADeletedOne) {
    const std::string begin = text({"XADD", "s", "1-1", "f", "v"}) +
                              text({"XADD", "s", "1-2", "f", "v"}) + text({"XDEL", "s", "1-2"});
    const std::vector<Words> rows = {
        {"XSETID", "s", "1-1"}, {"XSETID", "s", "1-1", "ENTRIESADDED", "2", "MAXDELETEDID", "1-2"}};
    for (const Words& row : rows) {
        CommandRunner runner;
        EXPECT_EQ(execute(runner, begin + text(row), 0), "");
        EXPECT_NE(runner.run({"XINFO", "STREAM", "s"}).find("last-generated-id\r\n$3\r\n1-1"),
                  std::string::npos);
    }
    // What is there still binds.
    CommandRunner runner;
    EXPECT_EQ(execute(runner, begin + text({"XSETID", "s", "0-1"}), 0),
              "command 'XSETID' at offset " + std::to_string(begin.size()) +
                  ": it fails with 'ERR The ID specified in XSETID is smaller than the target "
                  "stream top item'");
}

/// It may have no end, and then nobody comes to execute it.
TEST(Replay, RefusesInATransactionWhatItRefusesOutside) {
    const std::string begin = text({"SET", "a", "1"}) + text({"MULTI"}) + text({"SET", "b", "1"});
    const std::string place = " at offset " + std::to_string(begin.size()) + ": ";
    const struct {
        Words command;
        std::string message;
    } rows[] = {
        {{"EXED"}, "command 'EXED'" + place + "it is not known here"},
        {{"SET", "b"}, "command 'SET'" + place + "wrong number of arguments"},
        {{"GET", "b"}, "command 'GET'" + place + "it changes nothing and belongs to no log"},
        {{"SELECT", "16"}, "command 'SELECT'" + place + "there are 16 databases; raise databases"},
        {{"SELECT", "1", "2"}, "command 'SELECT'" + place + "wrong number of arguments"},
    };
    for (const auto& row : rows) {
        for (const std::string& end : {std::string(), text({"EXEC"})}) {
            CommandRunner runner;
            EXPECT_EQ(execute(runner, begin + text(row.command) + end, 0), row.message);
            EXPECT_EQ(runner.run({"MGET", "a", "b"}), "*2\r\n$1\r\n1\r\n$-1\r\n");
        }
    }
    CommandRunner runner;
    EXPECT_NE(execute(runner, begin + text({"SELECT", "15"}), 0).find("the file ends inside"),
              std::string::npos);
}

/// From another's file, beyond what a client may ask for.
TEST(Replay, TakesEachDeadlineOfAFieldThatAFileMayHave) {
    const std::string latest = std::to_string((int64_t{1} << 48) - 2);
    const Words words{"HPEXPIREAT", "h", latest, "FIELDS", "1", "f"};
    CommandRunner runner;
    EXPECT_EQ(execute(runner, text({"HSET", "h", "f", "v"}) + text(words), 0), "");
    EXPECT_EQ(runner.run({"HPEXPIRETIME", "h", "FIELDS", "1", "f"}), "*1\r\n:" + latest + "\r\n");
    CommandRunner other;
    EXPECT_NE(
        execute(other,
                text({"HSET", "h", "f", "v"}) +
                    text({"HPEXPIREAT", "h", std::to_string(int64_t{1} << 48), "FIELDS", "1", "f"}),
                0),
        "");
}

TEST(Replay, KeepsTheOrderOfCommandsOfSeveralLanes) {
    std::string log;
    base::Random random(test_seed());
    const auto key = [&] { return "key" + std::to_string(random.below(40)); };
    for (int i = 0; i < 40'000; ++i) {
        const uint64_t form = random.below(10);
        if (form < 6) log += text({"SET", key(), std::to_string(i)});
        if (form == 6) log += text({"MSET", key(), std::to_string(i), key(), std::to_string(i)});
        if (form == 7) log += text({"BITOP", "XOR", key(), key(), key()});
        if (form == 8) log += text({"APPEND", key(), "x"});
        if (form == 9) {
            log += text({"APPEND", "source", "y"}) + text({"COPY", "source", key(), "REPLACE"});
        }
    }
    EXPECT_FALSE(state_after(log).empty());
}

TEST(Replay, KeepsTheOrderAroundWholeDatabases) {
    std::string log;
    base::Random random(test_seed());
    for (int i = 0; i < 20'000; ++i) {
        log += text({"SET", "key" + std::to_string(random.below(1000)), std::to_string(i)});
        if (random.below(100) == 0) log += text({"SWAPDB", "0", "1"});
        if (random.below(300) == 0) log += text({"FLUSHDB"});
        if (random.below(1000) == 0) log += text({"FLUSHALL"});
        if (random.below(20) == 0) {
            log += text({"SELECT", "1"}) + text({"INCR", "counter"}) + text({"SELECT", "0"});
        }
    }
    log += text({"SET", "last", "1"});
    EXPECT_FALSE(state_after(log).empty());
}

TEST(Replay, ExecutesTransactionsOverManyLanes) {
    std::string log;
    for (int i = 0; i < 3000; ++i) {
        log += text({"MULTI"});
        for (int key = 0; key < 20; ++key) {
            log += text({"APPEND", "key" + std::to_string(key), std::to_string(i % 10)});
        }
        log += text({"EXEC"});
    }
    const State state = state_after(log);
    ASSERT_EQ(state.size(), 20U);
    for (const auto& [place, value] : state) EXPECT_EQ(std::get<0>(value).size(), 3000U);
}

TEST(Replay, ExecutesLongCommandsInTheirOrder) {
    std::string log;
    const std::string value(ReplayLanes::kCopiedBytesMax + 1, 'v');
    for (int i = 0; i < 300; ++i) {
        const std::string key = "key" + std::to_string(i % 7);
        log += text({"SET", key, value});
        log += text({"APPEND", key, std::to_string(i)});
        Words many{"RPUSH", "list" + std::to_string(i % 3)};
        for (size_t n = 0; n < ReplayLanes::kCopiedArgumentsMax; ++n) many.emplace_back("e");
        log += text(many) + text({"LPUSH", many[1], std::to_string(i)});
    }
    EXPECT_EQ(state_after(log).size(), 10U);
}

/// A log whose end is no command: what is in front of that is executed, and is no fault.
void expect_executed_up_to(std::string_view end, log::AofEnd::Kind kind) {
    std::string log;
    for (int i = 0; i < 1000; ++i) log += text({"SET", "key" + std::to_string(i), "1"});
    const size_t good = log.size();
    log += end;
    for (const size_t helpers : {size_t{0}, size_t{3}}) {
        CommandRunner runner(kSeveralThreads);
        ReplayThreads threads(runner, helpers);
        ReplayLanes lanes(runner.services(), kNow, threads.helpers());
        log::AofReader reader(lanes);
        static_cast<void>(reader.feed(log));
        EXPECT_TRUE(lanes.finish().has_value());
        EXPECT_FALSE(lanes.failure().has_value());
        EXPECT_EQ(reader.finish().kind, kind);
        EXPECT_EQ(reader.end().good_to, good);
        EXPECT_EQ(state_of(runner).size(), 1000U);
    }
}

TEST(Replay, ExecutesAllInFrontOfATornEnd) {
    expect_executed_up_to(text({"MULTI"}) + text({"SET", "late", "1"}),
                          log::AofEnd::Kind::truncated);
}

TEST(Replay, ExecutesAllInFrontOfDamage) {
    expect_executed_up_to("?" + text({"SET", "late", "1"}), log::AofEnd::Kind::corrupt);
}

TEST(Replay, TellsTheSameFaultByAnyNumberOfThreads) {
    for (uint64_t seed = test_seed(); seed < test_seed() + 20; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        base::Random random(seed);
        std::string log;
        for (int i = 0; i < 5000; ++i) {
            const std::string key = "key" + std::to_string(random.below(100));
            log += random.below(900) == 0 ? text({"LPUSH", key, "1"}) : text({"INCR", key});
        }
        log += text({"INCR", "a"}) + text({"RPUSH", "a", "1"});
        CommandRunner alone;
        const std::string expected = execute(alone, log, 0);
        EXPECT_NE(expected.find("it fails with 'WRONGTYPE Operation against a key holding"),
                  std::string::npos)
            << expected;
        for (const size_t helpers : {size_t{1}, size_t{3}}) {
            CommandRunner runner(kSeveralThreads);
            EXPECT_EQ(execute(runner, log, helpers), expected);
        }
    }
}

/// The fault that stands later is come upon sooner: its lane is full, and the other's is not.
TEST(Replay, TellsTheFirstFaultInTheOrderOfTheFile) {
    CommandRunner runner(kSeveralThreads);
    IdleHelper idle(runner);
    const std::string key = key_in_lane(runner, 1, 0);
    const std::string other = key_in_lane(runner, 1, 1);
    std::string log = text({"MULTI"}) + text({"SET", key, "x"});
    const size_t bad = log.size();
    log += text({"INCR", key}) + text({"EXEC"});
    for (size_t i = 0; i + 1 < ReplayLanes::kBatchCommands; ++i) log += text({"SET", other, "x"});
    log += text({"INCR", other});
    log += text({"SET", other, "y"});
    ReplayLanes lanes(runner.services(), kNow, idle.helpers());
    log::AofReader reader(lanes);
    EXPECT_EQ(reader.feed(log), log::AofReader::Status::more);
    const auto done = lanes.finish();
    idle.run();
    ASSERT_FALSE(done.has_value());
    ASSERT_TRUE(lanes.failure().has_value());
    EXPECT_EQ(lanes.failure()->unit, 0U);
    EXPECT_EQ(lanes.failure()->command, bad);
    EXPECT_EQ(done.error().message,
              "command 'INCR' at offset " + std::to_string(bad) +
                  ": it fails with 'ERR value is not an integer or out of range'");
    // Behind a fault nothing of its lane is executed.
    EXPECT_EQ(runner.run({"GET", other}), "$1\r\nx\r\n");
}

/// A fault that the reading thread sees does not hide one in front of it that nobody has come to.
TEST(Replay, ExecutesWhatStandsInFrontOfAFault) {
    CommandRunner runner(kSeveralThreads);
    IdleHelper idle(runner);
    const std::string log = text({"SET", "a", "x"}) + text({"INCR", "a"}) + text({"NOSUCH", "a"});
    ReplayLanes lanes(runner.services(), kNow, idle.helpers());
    log::AofReader reader(lanes);
    EXPECT_EQ(reader.feed(log), log::AofReader::Status::failed);
    EXPECT_FALSE(lanes.finish().has_value());
    idle.run();
    ASSERT_TRUE(lanes.failure().has_value());
    EXPECT_EQ(lanes.failure()->command, text({"SET", "a", "x"}).size());
}

/// With helpers that come to nothing the reading thread does all, and holds no more for that.
TEST(Replay, HoldsBoundedMemory) {
    CommandRunner runner(kSeveralThreads);
    IdleHelper idle(runner);
    constexpr size_t kThreads = 2;
    // Their bytes, and what is known of the commands.
    constexpr size_t kBatch = ReplayLanes::kBatchBytes + ReplayLanes::kBatchCommands * 512;
    constexpr size_t kBatches =
        kThreads * (ReplayLanes::kBatchesPerThread + ReplayLanes::kLanesPerThread) + 1;
    const int64_t before = base::used(base::Purpose::log);
    int64_t most = 0;
    ReplayLanes lanes(runner.services(), kNow, idle.helpers());
    log::AofReader reader(lanes);
    for (int i = 0; i < 100'000; ++i) {
        const std::string command =
            text({"SET", "key" + std::to_string(i % 1000), std::string(300, 'v')});
        EXPECT_EQ(reader.feed(command), log::AofReader::Status::more);
        most = std::max(most, base::used(base::Purpose::log) - before);
    }
    EXPECT_LT(most, static_cast<int64_t>(kBatches * kBatch));
    EXPECT_GT(most, static_cast<int64_t>(ReplayLanes::kBatchBytes));
    EXPECT_TRUE(lanes.finish().has_value());
    EXPECT_EQ(runner.run({"DBSIZE"}), ":1000\r\n");
    idle.run();
}

/// What is given up is not executed, and its threads are waited for.
TEST(Replay, MayEndAtAnyMoment) {
    std::string log;
    for (int i = 0; i < 30'000; ++i) log += text({"INCR", "key" + std::to_string(i % 100)});
    for (int round = 0; round < 10; ++round) {
        CommandRunner runner(kSeveralThreads);
        ReplayThreads threads(runner, 3);
        {
            ReplayLanes lanes(runner.services(), kNow, threads.helpers());
            log::AofReader reader(lanes);
            EXPECT_EQ(reader.feed(log), log::AofReader::Status::more);
        }
        for (const auto& [place, value] : state_of(runner)) {
            EXPECT_LE(std::stoi(std::get<0>(value)), 300);
        }
    }
}

}  // namespace
}  // namespace gyre::test
