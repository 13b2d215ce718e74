// SPDX-License-Identifier: BSD-3-Clause

// Goal: every command on sorted sets, places, HyperLogLogs and streams that the oracle (Debian's
// redis-server) has gives the same reply in the same state, hostile arguments included, and leaves
// the same content; under the default limits of packed collections and under limits so low that all
// forms are reached. Method: seeded random sequences on both servers; see ordered_generator.h and
// differential.h.
//
//   GYRE_DIFFERENTIAL_SEQUENCES=100000   more of them
//   GYRE_SEED=4711                       that sequence alone, with its shrunk form

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "compat/differential.h"
#include "compat/ordered_generator.h"
#include "compat/random_sequences.h"

namespace gyre::test {
namespace {

constexpr std::size_t kSequenceLength = 60;
constexpr std::uint64_t kSequences = 1500;

using Arguments = std::vector<std::string>;

struct Limits {
    const char* name;
    Arguments both;
    Arguments subject_only;
};

class OrderedTest : public ::testing::TestWithParam<Limits> {
protected:
    /// Runs the sequence that `make` gives for each seed on both servers, with the limits given.
    static void compare(SeedRange range, const std::function<Sequence(std::uint64_t)>& make) {
        Arguments ours = GetParam().both;
        ours.insert(ours.end(), GetParam().subject_only.begin(), GetParam().subject_only.end());
        const ServerProcess oracle(
            ServerOptions{.binary = oracle_binary(), .arguments = GetParam().both});
        const ServerProcess subject(ServerOptions{.threads = 2, .arguments = ours});
        ASSERT_TRUE(oracle.is_ready()) << oracle.log();
        ASSERT_TRUE(subject.is_ready()) << subject.log();
        Differential pair(oracle, subject);
        compare_sequences(pair, range, make, subject);
    }
};

TEST_P(OrderedTest, RandomSequencesGiveEqualRepliesAndEqualContent) {
    const auto make = [](std::uint64_t seed) {
        return OrderedGenerator(seed).sequence(kSequenceLength);
    };
    compare(seeds(kSequences), make);
}

// Where scores differ a range by bytes is unspecified. While bytes rise with the scores both give
// what lies between the limits, in every form.
TEST_P(OrderedTest, RangesByBytesDoNotLookAtScores) {
    const auto make = [](std::uint64_t /*seed*/) {
        Sequence commands{{"ZADD", "z", "1", "a", "2", "b", "3", "c", "4", "d"},
                          {"ZADD", "z", "4", "e", "5", "f", "6", "g", "7.5", "h"}};
        for (const char* low : {"-", "[", "[a", "(a", "[b", "(bb", "[e", "[h", "(h", "[x", "+"}) {
            for (const char* high : {"-", "[", "(a", "[c", "(cc", "(e", "[h", "[x", "+"}) {
                commands.push_back({"ZRANGEBYLEX", "z", low, high});
                commands.push_back({"ZREVRANGEBYLEX", "z", high, low});
                commands.push_back({"ZLEXCOUNT", "z", low, high});
                commands.push_back({"ZRANGE", "z", low, high, "BYLEX", "LIMIT", "1", "2"});
            }
        }
        commands.push_back({"ZRANGESTORE", "to", "z", "[b", "(f", "BYLEX"});
        commands.push_back({"ZRANGE", "to", "0", "-1", "WITHSCORES"});
        commands.push_back({"ZREMRANGEBYLEX", "z", "(b", "[e"});
        commands.push_back({"ZRANGE", "z", "0", "-1", "WITHSCORES"});
        return commands;
    };
    compare({1, 2}, make);
}

// Options, targets, centers and keys that are given twice, and ids that are ends of intervals.
TEST_P(OrderedTest, WhatIsGivenTwiceCountsAsItDoesThere) {
    const auto searches = [](std::uint64_t /*seed*/) {
        Sequence commands{{"GEOADD", "g", "1", "1", "a", "1.01", "1.01", "b"}};
        const Sequence options = {{"STORE", "d1", "STORE", "d2"},
                                  {"STOREDIST", "d1", "STOREDIST", "d2"},
                                  {"STORE", "d1", "STOREDIST", "d2"},
                                  {"STOREDIST", "d1", "STORE", "d2"},
                                  {"STORE", "d1", "STORE", "d2", "WITHDIST"},
                                  {"STORE", "STORE", "STORE", "d2"},
                                  {"STORE", "STORE", "d2"},
                                  {"COUNT", "1", "STORE", "d1", "ASC", "STORE", "g"},
                                  {"STORE", "d1", "STOREDIST"}};
        for (const Command& form : {Command{"GEORADIUS", "g", "1", "1", "10", "km"},
                                    Command{"GEORADIUSBYMEMBER", "g", "a", "10", "km"}}) {
            for (const Command& option : options) {
                Command command = form;
                command.insert(command.end(), option.begin(), option.end());
                commands.push_back(command);
                command.insert(command.begin(), {"COMMAND", "GETKEYS"});
                commands.push_back(command);
                for (const char* key : {"d1", "d2", "STORE", "g"}) {
                    commands.push_back({"ZRANGE", key, "0", "-1", "WITHSCORES"});
                    if (key[0] != 'g') commands.push_back({"DEL", key});
                }
            }
        }
        const Sequence centers = {{"FROMMEMBER", "a"},
                                  {"FROMMEMBER", "b"},
                                  {"FROMMEMBER", "none"},
                                  {"FROMLONLAT", "1", "1"},
                                  {"FROMLONLAT", "0", "0"}};
        for (const char* key : {"g", "none"}) {
            for (const Command& first : centers) {
                for (const Command& second : centers) {
                    Command command{"GEOSEARCH", key};
                    command.insert(command.end(), first.begin(), first.end());
                    command.insert(command.end(), {"BYRADIUS", "10", "m"});
                    command.insert(command.end(), second.begin(), second.end());
                    commands.push_back(command);
                    command[0] = "GEOSEARCHSTORE";
                    command.insert(command.begin() + 1, "to");
                    commands.push_back(command);
                }
            }
        }
        return commands;
    };
    compare({1, 2}, searches);
    const auto groups = [](std::uint64_t /*seed*/) {
        const std::string last = "18446744073709551615-18446744073709551615";
        Sequence commands{
            {"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"},
            {"XGROUP", "CREATE", "s", "h", "+"},
            {"XGROUP", "CREATE", "s", "h", "-"},
            {"XGROUP", "CREATE", "s", "h", "0", "MKSTREAM", "MKSTREAM", "ENTRIESREAD", "1"}};
        for (const std::string& id : {std::string("1-1"), std::string("2-1"), last}) {
            commands.push_back({"XADD", "s", id, "f", "v"});
            for (const char* count : {"0", "1", "2", "3"}) {
                commands.push_back({"XGROUP", "SETID", "s", "g", "-"});
                commands.push_back({"XREADGROUP", "GROUP", "g", "c", "COUNT", count, "STREAMS", "s",
                                    "s", "s", ">", last, ">"});
                commands.push_back(
                    {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "s", ">", ">"});
                commands.push_back(
                    {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "s", "0", ">"});
                commands.push_back({"XPENDING", "s", "g"});
                commands.push_back({"XGROUP", "SETID", "s", "g", "+"});
                commands.push_back({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"});
                commands.push_back({"XINFO", "GROUPS", "s"});
            }
        }
        return commands;
    };
    compare({1, 2}, groups);
}

INSTANTIATE_TEST_SUITE_P(
    Limits, OrderedTest,
    ::testing::Values(Limits{"default", {}, {}},
                      Limits{"low",
                             {"--zset-max-listpack-entries", "5", "--zset-max-listpack-value", "20",
                              "--hll-sparse-max-bytes", "40", "--stream-node-max-entries", "4"},
                             {}},
                      Limits{"none",
                             {"--zset-max-listpack-entries", "0", "--hll-sparse-max-bytes", "0",
                              "--stream-node-max-bytes", "60"},
                             {}}),
    [](const auto& limits) { return std::string(limits.param.name); });

TEST(OrderedGenerator, KnowsOnlyCommandsThatBothHave) {
    const ServerProcess oracle(ServerOptions{.binary = oracle_binary()});
    const ServerProcess subject(ServerOptions{.threads = 1});
    ASSERT_TRUE(oracle.is_ready() && subject.is_ready());
    for (const ServerProcess* server : {&oracle, &subject}) {
        RawSocket socket = server->connect();
        std::set<std::string> names;
        for (const Frame& name : socket.command({"COMMAND", "LIST"}).items) {
            names.insert(name.text);
        }
        for (const std::string& name : OrderedGenerator::known_commands()) {
            EXPECT_TRUE(names.contains(name)) << name;
        }
    }
}

}  // namespace
}  // namespace gyre::test
