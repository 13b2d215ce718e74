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

class OrderedTest : public ::testing::TestWithParam<Limits> {};

TEST_P(OrderedTest, RandomSequencesGiveEqualRepliesAndEqualContent) {
    Arguments ours = GetParam().both;
    ours.insert(ours.end(), GetParam().subject_only.begin(), GetParam().subject_only.end());
    const ServerProcess oracle(
        ServerOptions{.binary = oracle_binary(), .arguments = GetParam().both});
    const ServerProcess subject(ServerOptions{.threads = 2, .arguments = ours});
    ASSERT_TRUE(oracle.is_ready()) << oracle.log();
    ASSERT_TRUE(subject.is_ready()) << subject.log();
    Differential pair(oracle, subject);
    const auto make = [](std::uint64_t seed) {
        return OrderedGenerator(seed).sequence(kSequenceLength);
    };
    compare_sequences(pair, seeds(kSequences), make, subject);
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
