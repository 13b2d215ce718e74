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
#include "commands/replay.h"
#include "engine/expiry.h"
#include "log/aof_reader.h"
#include "log/log.h"
#include "support/command_runner.h"
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

using State = std::map<std::tuple<size_t, std::string>, std::tuple<std::string, int64_t, int64_t>>;

State state_of(CommandRunner& runner) {
    State state;
    runner.dataset().for_each_shard(runner.executor(), [&](store::Shard& shard) {
        for (size_t database = 0; database < shard.databases(); ++database) {
            const store::Partition* partition = shard.find_database(database);
            if (partition == nullptr) continue;
            uint64_t cursor = 0;
            do {
                cursor = partition->scan(cursor, [&](const store::Entry& entry) {
                    char digits[24];
                    state[{database, std::string(entry.key())}] = {
                        std::string(commands::Context::string_bytes(entry, digits)),
                        entry.expire_ms(), entry.timestamp_ms()};
                });
            } while (cursor != 0);
        }
    });
    return state;
}

/// Random commands of all rows that write, and some that read, on few keys.
class Workload {
public:
    explicit Workload(uint64_t seed) : random_(seed) {}

    Words next() {
        static const std::vector<Words> kForms = {
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
            {"RANDOMKEY"}};
        static const std::vector<Words> kSeldom = {
            {"FLUSHDB"}, {"FLUSHALL", "ASYNC"}, {"CLEAR"}, {"SWAPDB", "D", "D"}};
        const std::vector<Words>& forms = random_.below(150) == 0 ? kSeldom : kForms;
        Words words = forms[random_.below(forms.size())];
        for (size_t i = 1; i < words.size(); ++i) fill(words[i]);
        return words;
    }
    uint64_t below(uint64_t limit) { return random_.below(limit); }

private:
    void fill(std::string& word) {
        if (word == "K") word = "key" + std::to_string(random_.below(8));
        if (word == "V") word = value();
        if (word == "N") word = std::to_string(random_.below(40));
        if (word == "T") word = std::to_string(1 + random_.below(300));
        if (word == "D") word = std::to_string(random_.below(3));
        if (word == "S") word = std::to_string(1'700'000'000'000 + random_.below(20'000));
    }
    std::string value() {
        if (random_.below(2) == 0) return std::to_string(random_.below(20));
        return std::string(random_.below(3) == 0 ? random_.below(9000) : random_.below(9), 'v');
    }

    base::Random random_;
};

TEST(EffectsReplay, GivesTheSameData) {
    for (uint64_t seed = test_seed(); seed < test_seed() + 60; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        Logged logged;
        Workload workload(seed);
        engine::ExpiryCycle cycle(logged.runner.dataset(), logged.runner.executor(), 0,
                                  [] { return int64_t{0}; });
        logged.runner.dataset().settings.default_ttl_seconds = seed % 3 == 0 ? 1 : 0;
        if (seed % 4 == 0) {
            logged.runner.dataset().set_policy(engine::EvictionPolicy::allkeys_lru,
                                               logged.runner.executor());
            logged.runner.dataset().set_maxkeys(7, logged.runner.executor());
        }
        std::string log;
        for (int step = 0; step < 2000; ++step) {
            static_cast<void>(logged.runner.run(workload.next()));
            if (workload.below(10) == 0) {
                logged.runner.advance_ms(static_cast<int64_t>(workload.below(60)));
            }
            if (workload.below(30) == 0) cycle.run(logged.runner.now_ms(), false);
            log += logged.take();
        }
        CommandRunner again;
        base::ChunkPool chunks;
        commands::Replay replay(again.services(), chunks, logged.runner.now_ms());
        log::AofReader reader(replay);
        ASSERT_EQ(reader.feed(log), log::AofReader::Status::more) << reader.end().message;
        ASSERT_EQ(reader.finish().kind, log::AofEnd::Kind::clean);
        EXPECT_EQ(state_of(again), state_of(logged.runner));
        if (::testing::Test::HasFailure()) return;
    }
}

/// A row that is added and forgotten here would have an effect that nobody has looked at.
TEST(EffectsReplay, KnowsEveryCommandThatWrites) {
    std::set<std::string> seen{"flushdb", "flushall", "clear", "swapdb", "restore"};
    Workload workload(1);
    for (int i = 0; i < 20'000; ++i) {
        const Words words = workload.next();
        std::string name = words[0];
        for (char& letter : name) letter = static_cast<char>(std::tolower(letter));
        seen.insert(name);
    }
    for (const commands::CommandSpec* spec : commands::rows()) {
        if (!spec->has(commands::flag::write)) continue;
        EXPECT_TRUE(seen.contains(std::string(spec->name))) << spec->name;
    }
}

TEST(EffectsReplay, SaysWhatCannotBeExecuted) {
    const auto message = [](const std::string& log) {
        CommandRunner runner;
        base::ChunkPool chunks;
        commands::Replay replay(runner.services(), chunks, 1);
        log::AofReader reader(replay);
        EXPECT_EQ(reader.feed(log), log::AofReader::Status::failed);
        return reader.end().message;
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
    EXPECT_NE(message(text({"SET", "a", "x"}) + text({"INCR", "a"})).find("it fails with ERR"),
              std::string::npos);
}

}  // namespace
}  // namespace gyre::test
