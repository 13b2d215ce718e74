// SPDX-License-Identifier: BSD-3-Clause

// Goal: SORT and SORT_RO reply and store what the oracle (Debian's redis-server) does, in the same
// order, hostile arguments included. Method: seeded random sequences on both servers (see
// differential.h), and a table of single cases.
//
// What the oracle leaves to chance is not generated: the order of a hash table's elements, and of
// elements that nothing tells apart where it sorts only a part.
//
//   GYRE_DIFFERENTIAL_SEQUENCES=100000   more of them
//   GYRE_SEED=4711                       that sequence alone, with its shrunk form

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "compat/differential.h"
#include "compat/random.h"
#include "compat/random_sequences.h"

namespace gyre::test {
namespace {

constexpr std::size_t kSequenceLength = 40;
constexpr std::uint64_t kSequences = 1000;

using Arguments = std::vector<std::string>;

class SortGenerator {
public:
    explicit SortGenerator(std::uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15ULL + 3) {}

    Sequence sequence(std::size_t length) {
        Sequence commands;
        weigh(commands);
        while (commands.size() < length) {
            commands.push_back(random_.chance(35) ? fill() : sort());
        }
        for (const char* key : {"l:1", "l:2", "d:1", "d:2", "w_m1", "s:1"}) {
            commands.push_back({"TYPE", key});
            commands.push_back({"TTL", key});
            commands.push_back({"LRANGE", key, "0", "-1"});
        }
        return commands;
    }

private:
    /// What patterns lead to: numbers and texts, some missing, some of another type.
    void weigh(Sequence& commands) {
        for (int i = 0; i < 10; ++i) {
            const std::string name = "m" + std::to_string(i);
            if (random_.chance(80)) commands.push_back({"SET", "w_" + name, weight()});
            if (random_.chance(60)) {
                commands.push_back({"HSET", "h_" + name, "f", weight(), "g", weight()});
            }
            commands.push_back({"SET", "w_" + std::to_string(i), weight()});
        }
        commands.push_back({"RPUSH", "w_m" + std::to_string(random_.below(10)), "x"});
        commands.push_back({"SET", "d:2", "a string", "EX", "1000"});
    }
    std::string weight() {
        if (random_.chance(4)) return random_.pick({"abc", "", "nan", "1x", "0x1p3", "inf"});
        if (random_.chance(10)) return random_.pick({"1.5", "-2.25", "1e3", " 7", "+4", "-0"});
        return std::to_string(random_.between(-20, 20));
    }

    Command fill() {
        const std::string key =
            random_.pick({"l:1", "l:1", "l:2", "s:1", "s:2", "z:1", "z:2", "str"});
        if (key == "str") return {"SET", key, "v"};
        if (random_.chance(8)) return {"DEL", key};
        const bool is_zset = key[0] == 'z';
        Command command{key[0] == 'l' ? "RPUSH" : is_zset ? "ZADD" : "SADD", key};
        const std::size_t count = 1 + random_.below(random_.chance(10) ? 300 : 8);
        for (std::size_t i = 0; i < count; ++i) {
            if (is_zset) command.push_back(std::to_string(random_.between(-9, 9)));
            command.push_back(key == "s:2" || key == "z:2" || key == "l:2"
                                  ? std::to_string(random_.between(-300, 300))
                                  : element(key[0] == 'l'));
        }
        return command;
    }
    std::string element(bool of_list) {
        if (random_.chance(3)) return random_.pick({"", " 1", "1.50", "1e2", "zz", "M1"});
        // To the oracle's comparison these end at their NULs.
        if (of_list && random_.chance(2)) return std::string("1\0", 2) + random_.pick({"a", "b"});
        if (random_.chance(30)) return std::to_string(random_.between(-12, 12));
        return "m" + std::to_string(random_.below(10));
    }

    std::string limit() {
        if (random_.chance(15)) {
            return random_.pick({"-1", "-5", "1000", "9223372036854775807", "-9223372036854775808",
                                 "9223372036854775808", "1.5", "", "x"});
        }
        return std::to_string(random_.between(0, 7));
    }

    Command sort() {
        const bool is_ro = random_.chance(20);
        Command command{
            is_ro ? random_.pick({"sort_ro", "SORT_RO"}) : random_.pick({"sort", "SORT"}),
            random_.pick({"l:1", "l:1", "l:2", "l:2", "s:1", "s:2", "z:1", "z:2", "none", "str"})};
        const bool is_ordered = command[1] != "s:1";
        const bool is_list = command[1][0] == 'l';
        const bool is_stored = random_.chance(is_ro ? 3 : 25);
        const bool has_weights = random_.chance(35);
        const bool is_alphabetic = random_.chance(45) && (is_list || !has_weights);
        // Where nothing tells two apart, the oracle's order is chance but in a whole list.
        const bool has_limit = random_.chance(40) && !(is_alphabetic && has_weights);
        if (has_weights) {
            append(command, {"BY", random_.pick({"w_*", "w_*", "h_*->f", "h_*->g", "w_*->f", "*",
                                                 "h_*->", "no*such"})});
        } else if (random_.chance(25) && is_ordered) {
            append(command,
                   {random_.pick({"BY", "by"}), random_.pick({"nosort", "", "#", "a->b"})});
        }
        if (is_alphabetic) append(command, {"ALPHA"});
        if (has_limit) append(command, {"LIMIT", limit(), limit()});
        for (std::size_t gets = random_.chance(40) ? 1 + random_.below(3) : 0; gets > 0; --gets) {
            append(command, {"GET", random_.pick({"#", "#", "w_*", "h_*->f", "h_*->none", "none",
                                                  "*", "str*", "l:*", "##", "->*"})});
        }
        if (random_.chance(50)) append(command, {random_.pick({"ASC", "DESC", "desc"})});
        if (is_stored)
            append(command, {"STORE", random_.pick({"d:1", "d:2", "l:1", "w_m1", "s:1"})});
        if (random_.chance(6)) {
            append(command, {random_.pick({"BY", "GET", "LIMIT", "STORE", "ASC", "x", "LIMIT 1"})});
        }
        return command;
    }
    static void append(Command& command, const Arguments& words) {
        command.insert(command.end(), words.begin(), words.end());
    }

    Random random_;
};

const std::string kNul("\0", 1);

/// What the single cases sort, and what their patterns lead to.
Sequence single_setting() {
    return {
        {"RPUSH", "l", "3", "1", "2"},
        {"RPUSH", "huge", "1e400"},
        {"RPUSH", "tiny", "1e-400"},
        {"RPUSH", "hex", "0x10", "17", "15"},
        {"RPUSH", "nul", "2" + kNul + "x", "1"},
        {"RPUSH", "wide", "9223372036854775807", "9223372036854775806", "-9223372036854775808"},
        {"RPUSH", "twice", "b", "a", "b", "a"},
        {"ZADD", "z", "3", "1", "2", "2", "1", "3"},
        {"SADD", "s", "b", "a", "c"},
        {"MSET", "w_1", "30", "w_2", "20", "w_3", "10", "w_a", "x", "w_b", "y"},
        {"MSET", "w_1->f", "1", "w_2->f", "2", "w_3->f", "3"},
        {"HSET", "h_1", "f", "5", "", "6", "f->g", "7"},
    };
}

/// Each runs behind those before it.
std::vector<Command> single_cases() {
    return {
        {"SORT", "l", "BY", "w_*", "BY", "nosort"},
        {"SORT", "l", "BY", "nosort", "BY", "w_*"},
        {"SORT", "l", "BY", "w_*" + kNul + "x"},
        {"SORT", "l", "BY", kNul + "*"},
        {"SORT", "l", "GET", "w_*->f"},
        {"SORT", "l", "GET", "w_*->"},
        {"SORT", "l", "GET", "h_*->f->g", "GET", "h_*->"},
        {"SORT", "l", "GET", "h_*->" + kNul},
        {"SORT", "l", "GET", "#" + kNul},
        {"SORT", "l", "GET", "w_" + kNul + "*"},
        {"SORT", "l", "GET", "w->*"},
        {"SORT", "l", "GET", "*->f*"},
        {"SORT", "hex"},
        {"SORT", "nul"},
        {"SORT", "nul", "ALPHA"},
        {"SORT", "wide"},
        {"SORT", "wide", "DESC"},
        {"SORT", "twice", "ALPHA", "GET", "w_*", "GET", "#"},
        {"SORT", "twice"},
        {"SORT", "twice", "BY", "w_*", "STORE", "d"},
        {"EXISTS", "d"},
        {"SORT", "z", "BY", "nosort"},
        {"SORT", "z", "BY", "nosort", "DESC"},
        {"SORT", "z", "BY", "nosort", "DESC", "LIMIT", "1", "1"},
        {"SORT", "z", "BY", "nosort", "LIMIT", "2", "9"},
        {"SORT", "z", "BY", "nosort", "LIMIT", "3", "1"},
        {"SORT", "s", "BY", "nosort", "STORE", "d"},
        {"LRANGE", "d", "0", "-1"},
        {"SORT", "s", "BY", "nosort", "DESC", "LIMIT", "0", "2", "STORE", "d"},
        {"LRANGE", "d", "0", "-1"},
        {"SORT", "l", "STORE", "d", "STORE", "e"},
        {"LRANGE", "e", "0", "-1"},
        {"SORT", "l", "GET", "none", "STORE", "d"},
        {"LRANGE", "d", "0", "-1"},
        {"SORT", "none", "STORE", "d"},
        {"EXISTS", "d"},
        {"SORT", "l", "LIMIT", "0", "0", "STORE", "e"},
        {"EXISTS", "e"},
        {"SORT", "twice", "LIMIT", "0", "0"},
        {"SORT_RO", "l", "STORE", "d"},
        {"SORT_RO", "l", "GET", "#", "DESC"},
        {"SORT", "w_1"},
        {"SORT", "w_1", "LIMIT", "x", "y"},
        {"SORT", "l", "LIMIT", "1"},
        {"SORT", "l", "LIMIT", "x", "1", "nosuch"},
        {"SORT", "l", "STORE"},
        {"SORT"},
        // Behind these the oracle takes no number for one any more.
        {"SORT", "huge"},
        {"SORT", "tiny"},
    };
}

class SortTest : public ::testing::TestWithParam<Arguments> {
protected:
    SortTest()
        : oracle_(ServerOptions{.binary = oracle_binary(), .arguments = GetParam()}),
          subject_(ServerOptions{.threads = 2, .arguments = GetParam()}) {}
    void SetUp() override {
        ASSERT_TRUE(oracle_.is_ready()) << oracle_.log();
        ASSERT_TRUE(subject_.is_ready()) << subject_.log();
    }

    ServerProcess oracle_;
    ServerProcess subject_;
};

TEST_P(SortTest, RandomSequencesGiveEqualRepliesAndEqualContent) {
    Differential pair(oracle_, subject_);
    const auto make = [](std::uint64_t seed) {
        return SortGenerator(seed).sequence(kSequenceLength);
    };
    compare_sequences(pair, seeds(kSequences), make, subject_);
}

TEST_P(SortTest, SingleCasesGiveEqualReplies) {
    const std::vector<Command> cases = single_cases();
    Differential pair(oracle_, subject_);
    for (const Command& command : cases) {
        Sequence sequence = single_setting();
        for (const Command& before : cases) {
            if (&before == &command) break;
            sequence.push_back(before);
        }
        sequence.push_back(command);
        const std::optional<Difference> difference = pair.run(sequence, 2);
        if (difference) ADD_FAILURE() << describe(command) << "\n" << report({}, *difference);
    }
}

TEST_P(SortTest, TransactionsSeeWhatTheirCommandsDid) {
    Differential pair(oracle_, subject_);
    const Sequence commands{{"RPUSH", "l", "1", "2"},
                            {"MSET", "w_1", "5", "w_2", "4", "w_3", "3"},
                            {"MULTI"},
                            {"RPUSH", "l", "3"},
                            {"SORT", "l", "BY", "w_*", "GET", "#", "GET", "w_*"},
                            {"SET", "w_3", "9"},
                            {"SORT", "l", "BY", "w_*", "STORE", "l"},
                            {"SORT_RO", "l", "BY", "nosort", "GET", "w_*"},
                            {"SORT", "l", "ALPHA"},
                            {"EXEC"},
                            {"LRANGE", "l", "0", "-1"}};
    const std::optional<Difference> difference = pair.run(commands, 3);
    if (difference) ADD_FAILURE() << report(commands, *difference);
}

INSTANTIATE_TEST_SUITE_P(
    Limits, SortTest,
    ::testing::Values(Arguments{},
                      Arguments{"--list-max-listpack-size", "3", "--list-compress-depth", "1",
                                "--zset-max-listpack-entries", "3", "--set-max-intset-entries",
                                "600"}),
    [](const auto& limits) { return std::string(limits.index == 0 ? "default" : "low"); });

}  // namespace
}  // namespace gyre::test
