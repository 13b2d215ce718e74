// SPDX-License-Identifier: BSD-3-Clause

// Deadlines of fields: HEXPIRE and kin, HTTL and kin, HPERSIST, HGETEX, HSETEX, HGETDEL, by the
// public descriptions of Redis 7.4 and 8. Chosen here where those say nothing:
//   a hash with a deadline is encoded as a hashtable; HINCRBY keeps a field's deadline, HSET drops
//   it; GT and LT take no deadline for one that never comes; EX 0 is a time that is past.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "engine/memory_check.h"
#include "support/command_runner.h"

namespace gyre::test {
namespace {

constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

class HashExpireTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    std::string now(int64_t offset_ms) { return std::to_string(runner_.now_ms() + offset_ms); }
    /// What the timer wheels remove by now, in slices of `budget`.
    void run_wheels(size_t budget = 100) {
        engine::Dataset& dataset = runner_.dataset();
        for (size_t shard = 0; shard < dataset.shards(); ++shard) {
            for (int step = 0; step < 1000; ++step) {
                dataset.shard(shard).expire_due(runner_.now_ms(), budget,
                                                [this](const store::Entry&) { ++keys_removed_; });
            }
        }
    }
    void expect_exact_memory() {
        engine::MemoryCheck check(runner_.dataset());
        for (size_t shard = 0; shard < runner_.dataset().shards(); ++shard) {
            check.visit(shard, runner_.executor());
        }
        for (const std::string& difference : check.conclude(0)) {
            ADD_FAILURE() << difference;
        }
    }

    CommandRunner runner_;
    int keys_removed_ = 0;
};

TEST_F(HashExpireTest, EachFieldIsAnsweredForItself) {
    run({"HSET", "h", "a", "1", "b", "2"});
    EXPECT_EQ(run({"HEXPIRE", "h", "100", "FIELDS", "3", "a", "x", "b"}),
              "*3\r\n:1\r\n:-2\r\n:1\r\n");
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "2", "a", "x"}), "*2\r\n:100\r\n:-2\r\n");
    EXPECT_EQ(run({"HPTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:100000\r\n");
    EXPECT_EQ(run({"HPEXPIRETIME", "h", "FIELDS", "1", "a"}), "*1\r\n:" + now(100'000) + "\r\n");
    EXPECT_EQ(run({"HEXPIRETIME", "h", "FIELDS", "1", "a"}), "*1\r\n:1700000100\r\n");
    EXPECT_EQ(run({"HPERSIST", "h", "FIELDS", "3", "a", "x", "a"}), "*3\r\n:1\r\n:-2\r\n:-1\r\n");
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:-1\r\n");
    EXPECT_EQ(run({"OBJECT", "ENCODING", "h"}), "$9\r\nhashtable\r\n");
    EXPECT_EQ(run({"HEXPIRE", "none", "5", "FIELDS", "2", "a", "b"}), "*2\r\n:-2\r\n:-2\r\n");
    EXPECT_EQ(run({"HTTL", "none", "FIELDS", "1", "a"}), "*1\r\n:-2\r\n");
    EXPECT_EQ(run({"HPERSIST", "none", "FIELDS", "1", "a"}), "*1\r\n:-2\r\n");
    EXPECT_EQ(runner_.find("none"), nullptr);
}

TEST_F(HashExpireTest, ConditionsLookAtTheDeadlineThereIs) {
    const struct {
        const char* before;  // empty: none
        const char* when;
        const char* expected;
    } cases[] = {
        {"", "NX", ":1"}, {"500", "NX", ":0"}, {"", "XX", ":0"},   {"500", "XX", ":1"},
        {"", "GT", ":0"}, {"500", "GT", ":0"}, {"50", "gt", ":1"}, {"100", "GT", ":0"},
        {"", "LT", ":1"}, {"500", "LT", ":1"}, {"50", "LT", ":0"}, {"100", "lt", ":0"},
    };
    for (const auto& one : cases) {
        run({"DEL", "h"});
        run({"HSET", "h", "a", "1"});
        if (*one.before != 0) run({"HEXPIRE", "h", one.before, "FIELDS", "1", "a"});
        EXPECT_EQ(run({"HEXPIRE", "h", "100", one.when, "FIELDS", "1", "a"}),
                  std::string("*1\r\n") + one.expected + "\r\n")
            << one.before << " " << one.when;
    }
}

TEST_F(HashExpireTest, ATimeThatIsPastRemovesTheFieldAndWithTheLastTheKey) {
    run({"HSET", "h", "a", "1", "b", "2"});
    EXPECT_EQ(run({"HEXPIREAT", "h", "1000", "FIELDS", "1", "a"}), "*1\r\n:2\r\n");
    EXPECT_EQ(run({"HLEN", "h"}), ":1\r\n");
    EXPECT_EQ(run({"HPEXPIRE", "h", "0", "FIELDS", "2", "b", "b"}), "*2\r\n:2\r\n:-2\r\n");
    EXPECT_EQ(run({"EXISTS", "h"}), ":0\r\n");
}

TEST_F(HashExpireTest, FieldsThatAreDueAreNotSeen) {
    run({"HSET", "h", "a", "1", "b", "2", "c", "3"});
    run({"HPEXPIRE", "h", "50", "FIELDS", "2", "a", "b"});
    runner_.advance_ms(50);
    EXPECT_EQ(run({"HGET", "h", "a"}), "$1\r\n1\r\n");  // while the clock equals it, it is there
    runner_.advance_ms(1);
    EXPECT_EQ(run({"HGET", "h", "a"}), "$-1\r\n");
    EXPECT_EQ(run({"HEXISTS", "h", "b"}), ":0\r\n");
    EXPECT_EQ(run({"HLEN", "h"}), ":1\r\n");
    EXPECT_EQ(run({"HGETALL", "h"}), "*2\r\n$1\r\nc\r\n$1\r\n3\r\n");
    EXPECT_EQ(run({"HSETNX", "h", "a", "new"}), ":1\r\n");
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:-1\r\n");
    run({"HPEXPIRE", "h", "50", "FIELDS", "2", "a", "c"});
    runner_.advance_ms(51);
    EXPECT_EQ(run({"HGETALL", "h"}), "*0\r\n");
    EXPECT_EQ(run({"EXISTS", "h"}), ":0\r\n");
}

TEST_F(HashExpireTest, TheWheelRemovesThemWithoutAnyoneLooking) {
    for (int i = 0; i < 3000; ++i) {
        run({"HSET", "big", "f" + std::to_string(i), "v"});
    }
    run({"HSET", "big", "stays", "v"});
    for (int i = 0; i < 3000; ++i) {
        run({"HPEXPIRE", "big", i % 2 == 0 ? "100" : "900", "FIELDS", "1",
             "f" + std::to_string(i)});
    }
    run({"HSET", "all", "x", "1"});
    run({"HPEXPIRE", "all", "100", "FIELDS", "1", "x"});
    const auto fields = [this] { return runner_.find("big")->object()->size(); };
    runner_.advance_ms(99);
    run_wheels();
    EXPECT_EQ(fields(), 3001u);
    runner_.advance_ms(20);
    run_wheels();
    EXPECT_EQ(fields(), 1501u);
    EXPECT_EQ(runner_.find("all"), nullptr);
    EXPECT_EQ(keys_removed_, 1);
    expect_exact_memory();
    runner_.advance_ms(1000);
    run_wheels();
    EXPECT_EQ(fields(), 1u);
    expect_exact_memory();
}

TEST_F(HashExpireTest, DeadlinesOfKeyAndFieldsDoNotHinderEachOther) {
    run({"HSET", "h", "a", "1", "b", "2"});
    run({"PEXPIRE", "h", "500"});
    run({"HPEXPIRE", "h", "100", "FIELDS", "1", "a"});
    run({"PERSIST", "h"});
    runner_.advance_ms(120);
    run_wheels();
    EXPECT_EQ(runner_.find("h")->object()->size(), 1u);
    run({"HPEXPIRE", "h", "5000", "FIELDS", "1", "b"});
    run({"PEXPIRE", "h", "500"});
    runner_.advance_ms(520);
    run_wheels();
    EXPECT_EQ(runner_.find("h"), nullptr);
}

TEST_F(HashExpireTest, CopiesAndRenamedHashesKeepThem) {
    run({"HSET", "h", "a", "1", "b", "2"});
    run({"HPEXPIRE", "h", "100", "FIELDS", "1", "a"});
    run({"COPY", "h", "copy"});
    run({"RENAME", "h", "renamed"});
    runner_.advance_ms(120);
    run_wheels();
    EXPECT_EQ(runner_.find("copy")->object()->size(), 1u);
    EXPECT_EQ(runner_.find("renamed")->object()->size(), 1u);
    expect_exact_memory();
}

TEST_F(HashExpireTest, HsetDropsADeadlineAndHincrbyKeepsIt) {
    run({"HSET", "h", "a", "1"});
    run({"HEXPIRE", "h", "100", "FIELDS", "1", "a"});
    run({"HINCRBY", "h", "a", "5"});
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:100\r\n");
    run({"HINCRBYFLOAT", "h", "a", "0.5"});
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:100\r\n");
    run({"HSET", "h", "a", "1"});
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:-1\r\n");
}

// More of them than one command removes before it looks.
TEST_F(HashExpireTest, AHashOfDueFieldsAloneIsGoneWhenTheyAreSetAnew) {
    constexpr int kFields = 150;
    for (const std::string command : {"HSET", "HMSET", "HSETEX"}) {
        std::vector<std::string> fields;
        std::vector<std::string> pairs;
        for (int index = 0; index < kFields; ++index) {
            fields.push_back("f" + std::to_string(index));
            pairs.insert(pairs.end(), {fields.back(), "v"});
        }
        const auto all = [](std::vector<std::string> words, const std::vector<std::string>& more) {
            words.insert(words.end(), more.begin(), more.end());
            return words;
        };
        runner_.run(all({"HSET", "h"}, pairs));
        const std::string count = std::to_string(kFields);
        runner_.run(all({"HPEXPIRE", "h", "10", "FIELDS", count}, fields));
        run({"EXPIRE", "h", "1000"});
        runner_.advance_ms(11);
        const std::string again =
            runner_.run(command == "HSETEX" ? all({command, "h", "FIELDS", count}, pairs)
                                            : all({command, "h"}, pairs));
        EXPECT_EQ(again, command == "HSET"    ? ":150\r\n"
                         : command == "HMSET" ? "+OK\r\n"
                                              : ":1\r\n");
        EXPECT_EQ(run({"TTL", "h"}), ":-1\r\n") << command;
        EXPECT_EQ(run({"HLEN", "h"}), ":150\r\n");
        run({"DEL", "h"});
    }
    expect_exact_memory();
}

TEST_F(HashExpireTest, HgetexTellsAndSets) {
    run({"HSET", "h", "a", "1", "b", "2"});
    EXPECT_EQ(run({"HGETEX", "h", "FIELDS", "2", "a", "x"}), "*2\r\n$1\r\n1\r\n$-1\r\n");
    EXPECT_EQ(run({"OBJECT", "ENCODING", "h"}), "$8\r\nlistpack\r\n");
    EXPECT_EQ(run({"HGETEX", "h", "EX", "7", "FIELDS", "1", "a"}), "*1\r\n$1\r\n1\r\n");
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "2", "a", "b"}), "*2\r\n:7\r\n:-1\r\n");
    EXPECT_EQ(run({"HGETEX", "h", "PERSIST", "FIELDS", "1", "a"}), "*1\r\n$1\r\n1\r\n");
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:-1\r\n");
    EXPECT_EQ(run({"HGETEX", "h", "PXAT", "5", "FIELDS", "2", "a", "b"}),
              "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    EXPECT_EQ(run({"EXISTS", "h"}), ":0\r\n");
    EXPECT_EQ(run({"HGETEX", "h", "FIELDS", "1", "a"}), "*1\r\n$-1\r\n");
}

TEST_F(HashExpireTest, HsetexSetsAllOrNone) {
    EXPECT_EQ(run({"HSETEX", "h", "FXX", "FIELDS", "1", "a", "1"}), ":0\r\n");
    EXPECT_EQ(runner_.find("h"), nullptr);
    EXPECT_EQ(run({"HSETEX", "h", "FNX", "EX", "9", "FIELDS", "2", "a", "1", "b", "2"}), ":1\r\n");
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "2", "a", "b"}), "*2\r\n:9\r\n:9\r\n");
    EXPECT_EQ(run({"HSETEX", "h", "FNX", "FIELDS", "2", "c", "1", "b", "2"}), ":0\r\n");
    EXPECT_EQ(run({"HEXISTS", "h", "c"}), ":0\r\n");
    EXPECT_EQ(run({"HSETEX", "h", "KEEPTTL", "FIELDS", "1", "a", "3"}), ":1\r\n");
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:9\r\n");
    EXPECT_EQ(run({"HSETEX", "h", "FXX", "FIELDS", "1", "a", "4"}), ":1\r\n");
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:-1\r\n");
    EXPECT_EQ(run({"HSETEX", "h", "PXAT", "5", "FIELDS", "2", "a", "4", "b", "5"}), ":1\r\n");
    EXPECT_EQ(run({"EXISTS", "h"}), ":0\r\n");
}

TEST_F(HashExpireTest, SecondsAreRoundedUp) {
    run({"HSET", "h", "a", "1"});
    run({"HPEXPIRE", "h", "1001", "FIELDS", "1", "a"});
    EXPECT_EQ(run({"HTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:2\r\n");
    EXPECT_EQ(run({"HEXPIRETIME", "h", "FIELDS", "1", "a"}), "*1\r\n:1700000002\r\n");
    EXPECT_EQ(run({"HPTTL", "h", "FIELDS", "1", "a"}), "*1\r\n:1001\r\n");
}

// What is accepted must also fit into a file.
TEST_F(HashExpireTest, TheLatestDeadlineIsThatOfRedis) {
    run({"HSET", "h", "a", "1"});
    const std::string latest = std::to_string((int64_t{1} << 46) - 1);
    const std::string beyond = std::to_string(int64_t{1} << 46);
    const std::string seconds_beyond = std::to_string(((int64_t{1} << 46) + 999) / 1000);
    EXPECT_EQ(run({"HPEXPIREAT", "h", latest, "FIELDS", "1", "a"}), "*1\r\n:1\r\n");
    EXPECT_EQ(run({"HGETEX", "h", "PXAT", latest, "FIELDS", "1", "a"}), "*1\r\n$1\r\n1\r\n");
    EXPECT_EQ(run({"HSETEX", "h", "PXAT", latest, "FIELDS", "1", "b", "2"}), ":1\r\n");
    EXPECT_EQ(run({"HPEXPIRETIME", "h", "FIELDS", "2", "a", "b"}),
              "*2\r\n:" + latest + "\r\n:" + latest + "\r\n");
    const std::initializer_list<std::string_view> refused[] = {
        {"HPEXPIREAT", "h", beyond, "FIELDS", "1", "a"},
        {"HPEXPIREAT", "h", "9223372036854775807", "FIELDS", "1", "a"},
        {"HPEXPIRE", "h", latest, "FIELDS", "1", "a"},
        {"HEXPIREAT", "h", seconds_beyond, "FIELDS", "1", "a"},
        {"HEXPIRE", "h", "9223372036854775807", "FIELDS", "1", "a"},
        {"HGETEX", "h", "PXAT", beyond, "FIELDS", "1", "a"},
        {"HGETEX", "h", "EX", seconds_beyond, "FIELDS", "1", "a"},
        {"HSETEX", "h", "EXAT", seconds_beyond, "FIELDS", "1", "a", "1"},
        {"HSETEX", "h", "PX", latest, "FIELDS", "1", "a", "1"}};
    for (const auto words : refused) {
        EXPECT_EQ(run(words).substr(0, 27), "-ERR invalid expire time in") << *words.begin();
    }
    EXPECT_EQ(run({"HPEXPIRETIME", "h", "FIELDS", "1", "a"}), "*1\r\n:" + latest + "\r\n");
}

TEST_F(HashExpireTest, NoTimeAtAllIsPast) {
    run({"HSET", "h", "a", "1"});
    EXPECT_EQ(run({"HGETEX", "h", "EX", "0", "FIELDS", "1", "a"}), "*1\r\n$1\r\n1\r\n");
    EXPECT_EQ(run({"EXISTS", "h"}), ":0\r\n");
    EXPECT_EQ(run({"HSETEX", "h", "PX", "0", "FIELDS", "1", "a", "1"}), ":1\r\n");
    EXPECT_EQ(run({"EXISTS", "h"}), ":0\r\n");
}

TEST_F(HashExpireTest, HgetdelTakesFieldsAway) {
    run({"HSET", "h", "a", "1", "b", "2"});
    EXPECT_EQ(run({"HGETDEL", "h", "FIELDS", "2", "a", "x"}), "*2\r\n$1\r\n1\r\n$-1\r\n");
    EXPECT_EQ(run({"HGETDEL", "h", "FIELDS", "2", "b", "b"}), "*2\r\n$1\r\n2\r\n$-1\r\n");
    EXPECT_EQ(run({"EXISTS", "h"}), ":0\r\n");
    EXPECT_EQ(run({"HGETDEL", "h", "FIELDS", "1", "b"}), "*1\r\n$-1\r\n");
}

TEST_F(HashExpireTest, WhatMakesNoSenseIsRefused) {
    run({"HSET", "h", "a", "1"});
    run({"SET", "s", "1"});
    const auto starts = [this](std::initializer_list<std::string_view> words,
                               const std::string& text) {
        EXPECT_EQ(run(words).substr(0, text.size()), text);
    };
    EXPECT_EQ(run({"HEXPIRE", "s", "5", "FIELDS", "1", "a"}), kWrongType);
    EXPECT_EQ(run({"HTTL", "s", "FIELDS", "1", "a"}), kWrongType);
    EXPECT_EQ(run({"HSETEX", "s", "FIELDS", "1", "a", "b"}), kWrongType);
    starts({"HEXPIRE", "h", "-1", "FIELDS", "1", "a"}, "-ERR invalid expire time");
    starts({"HEXPIRE", "h", "9223372036854775807", "FIELDS", "1", "a"},
           "-ERR invalid expire time in 'hexpire' command");
    starts({"HEXPIRE", "h", "x", "FIELDS", "1", "a"}, "-ERR value is not an integer");
    starts({"HEXPIRE", "h", "5", "FIELDS", "0", "a"}, "-ERR Parameter `numFields` should be");
    starts({"HTTL", "h", "FIELDS", "0", "a"}, "-ERR Number of fields must be");
    starts({"HEXPIRE", "h", "5", "FIELDS", "2", "a"}, "-ERR The `numfields` parameter");
    starts({"HEXPIRE", "h", "5", "FIELDS", "9223372036854775807", "a"}, "-ERR The `numfields`");
    starts({"HEXPIRE", "h", "5", "YY", "FIELDS", "1", "a"}, "-ERR Mandatory argument FIELDS");
    starts({"HGETEX", "h", "EX", "5", "PERSIST", "FIELDS", "1", "a"}, "-ERR Mandatory argument");
    starts({"HGETEX", "h", "EX", "-1", "FIELDS", "1", "a"}, "-ERR invalid expire time, must be");
    starts({"HSETEX", "h", "FNX", "FXX", "FIELDS", "1", "a", "b"}, "-ERR Only one of FXX or FNX");
    starts({"HSETEX", "h", "FNX", "FNX", "FIELDS", "1", "a", "b"}, "-ERR Only one of FXX or FNX");
    starts({"HSETEX", "h", "EX", "5", "PX", "5", "FIELDS", "1", "a", "b"},
           "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments");
    starts({"HSETEX", "h", "EX", "-5", "FIELDS", "1", "a", "b"}, "-ERR invalid expire time, must");
    starts({"HSETEX", "h", "NX", "FIELDS", "1", "a", "b"}, "-ERR unknown argument: NX");
    starts({"HSETEX", "h", "FXX", "KEEPTTL", "PX", "5"}, "-ERR Only one of EX, PX");
    starts({"HSETEX", "h", "FXX", "PX", "5", "FNX"}, "-ERR Only one of FXX");
    starts({"HSETEX", "h", "FXX", "PX", "5", "FIELDS"}, "-ERR wrong number of arguments");
    starts({"HSETEX", "h", "FIELDS", "0", "a", "b"}, "-ERR invalid number of fields");
    starts({"HSETEX", "h", "FIELDS", "x", "a", "b"}, "-ERR invalid number of fields");
    starts({"HSETEX", "h", "FIELDS", "1", "a", "b", "c"}, "-ERR wrong number of arguments");
    starts({"HSETEX", "h", "FIELDS", "2", "a", "b"}, "-ERR wrong number of arguments");
    EXPECT_EQ(run({"HGETALL", "h"}), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
}

}  // namespace
}  // namespace gyre::test
