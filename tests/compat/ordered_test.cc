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
