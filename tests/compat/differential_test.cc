// SPDX-License-Identifier: BSD-3-Clause

// Goal: every command that the oracle (Debian's redis-server) and the server under test share gives
// the same reply in the same state, in RESP2 and in RESP3. Method: seeded random sequences on both,
// then comparison; see differential.h and generator.h.
//
//   GYRE_DIFFERENTIAL_SEQUENCES=100000   more of them
//   GYRE_SEED=4711                       that sequence alone, with its shrunk form

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compat/differential.h"
#include "compat/random_sequences.h"

namespace gyre::test {
namespace {

constexpr std::size_t kSequenceLength = 40;
constexpr std::uint64_t kFirstSeed = 1;
constexpr std::uint64_t kSequences = 3000;
constexpr std::size_t kShownDifferences = 40;

// One megabyte is the least Redis allows: limits of the size of a string are then reached at no
// cost.
const std::vector<std::string> kLimits{"--proto-max-bulk-len", "1mb"};

std::set<std::string> command_names(const ServerProcess& server) {
    RawSocket socket = server.connect();
    std::set<std::string> names;
    for (const Frame& name : socket.command({"COMMAND", "LIST"}).items) names.insert(name.text);
    return names;
}

class DifferentialTest : public ::testing::Test {
protected:
    void start(const std::string& subject_binary) {
        oracle_ = std::make_unique<ServerProcess>(
            ServerOptions{.binary = oracle_binary(), .arguments = kLimits});
        ASSERT_TRUE(oracle_->is_ready()) << oracle_->log();
        subject_ = std::make_unique<ServerProcess>(
            ServerOptions{.binary = subject_binary, .threads = 2, .arguments = kLimits});
        ASSERT_TRUE(subject_->is_ready()) << subject_->log();
        shared_ = command_names(*oracle_);
        const std::set<std::string> ours = command_names(*subject_);
        std::erase_if(shared_, [&](const std::string& name) { return !ours.contains(name); });
    }

    void compare(Differential& pair, SeedRange range) {
        const auto make = [this](std::uint64_t seed) {
            return Generator(seed, shared_).sequence(kSequenceLength);
        };
        compare_sequences(pair, range, make, *subject_, kShownDifferences);
    }

    std::unique_ptr<ServerProcess> oracle_;
    std::unique_ptr<ServerProcess> subject_;
    std::set<std::string> shared_;
};

TEST_F(DifferentialTest, EveryCommandOfTheGeneratorIsOffered) {
    start("");
    for (const std::string& name : Generator::known_commands()) {
        EXPECT_TRUE(shared_.contains(name)) << name;
    }
}

TEST_F(DifferentialTest, RandomSequencesGiveEqualReplies) {
    start("");
    Differential pair(*oracle_, *subject_);
    compare(pair, seeds(kSequences));
}

TEST_F(DifferentialTest, TheOracleAgreesWithItself) {
    start(oracle_binary());
    Differential pair(*oracle_, *subject_);
    compare(pair, {kFirstSeed, 300});
}

TEST_F(DifferentialTest, APlantedDifferenceIsFoundAndShrunk) {
    start(oracle_binary());
    Differential pair(*oracle_, *subject_);
    // The fault: GETRANGE loses its last byte when it gives more than two.
    pair.set_tamper([](const Command& command, Frame& reply) {
        const bool is_getrange = command[0] == "getrange" && reply.type == '$';
        if (is_getrange && reply.text.size() > 2) reply.raw = "$1\r\nx\r\n";
    });
    std::size_t found = 0;
    for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + 300; ++seed) {
        const Sequence commands = Generator(seed, shared_).sequence(kSequenceLength);
        if (!pair.run(commands, protocol_of(seed))) continue;
        ++found;
        const Sequence shrunk = pair.shrink(commands, protocol_of(seed));
        EXPECT_LE(shrunk.size(), 4U) << report(seed, shrunk, *pair.run(shrunk, protocol_of(seed)));
        EXPECT_EQ(shrunk.back()[0], "getrange");
        EXPECT_TRUE(pair.run(shrunk, protocol_of(seed)));
    }
    EXPECT_GT(found, 5U);
}

TEST_F(DifferentialTest, ADifferenceInTimeBeyondTheToleranceIsFound) {
    Frame near;
    near.type = ':';
    near.text = "100";
    near.raw = ":100\r\n";
    Frame far = near;
    far.text = "103";
    far.raw = ":103\r\n";
    EXPECT_FALSE(replies_agree({"TTL", "a"}, near, far));
    far.text = "101";
    far.raw = ":101\r\n";
    EXPECT_TRUE(replies_agree({"TTL", "a"}, near, far));
    EXPECT_FALSE(replies_agree({"STRLEN", "a"}, near, far));
    near.text = "4102444800";
    near.raw = ":4102444800\r\n";
    far.text = "4102444801";
    far.raw = ":4102444801\r\n";
    EXPECT_FALSE(replies_agree({"EXPIRETIME", "a"}, near, far));
}

TEST_F(DifferentialTest, TheSameSeedGivesTheSameSequence) {
    const std::set<std::string> all = [] {
        const std::vector<std::string> names = Generator::known_commands();
        return std::set<std::string>(names.begin(), names.end());
    }();
    EXPECT_EQ(Generator(7, all).sequence(kSequenceLength),
              Generator(7, all).sequence(kSequenceLength));
    EXPECT_NE(Generator(7, all).sequence(kSequenceLength),
              Generator(8, all).sequence(kSequenceLength));
}

}  // namespace
}  // namespace gyre::test
