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
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "compat/differential.h"

namespace gyre::test {
namespace {

constexpr std::size_t kSequenceLength = 40;
constexpr std::uint64_t kFirstSeed = 1;
constexpr std::uint64_t kSequences = 3000;
constexpr std::size_t kShownDifferences = 40;

// One megabyte is the least Redis allows: limits of the size of a string are then reached at no
// cost.
const std::vector<std::string> kLimits{"--proto-max-bulk-len", "1mb"};

std::uint64_t environment_number(const char* name, std::uint64_t fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

std::set<std::string> command_names(const ServerProcess& server) {
    RawSocket socket = server.connect();
    std::set<std::string> names;
    for (const Frame& name : socket.command({"COMMAND", "LIST"}).items) names.insert(name.text);
    return names;
}

int protocol_of(std::uint64_t seed) { return seed % 2 == 0 ? 2 : 3; }

std::string report(std::uint64_t seed, const Sequence& shrunk, const Difference& difference) {
    std::string text = "seed " + std::to_string(seed) +
                       " (replay with GYRE_SEED=" + std::to_string(seed) + "), RESP" +
                       std::to_string(protocol_of(seed)) + ":\n";
    for (const Command& command : shrunk) text += "    " + describe(command) + "\n";
    return text + "  expected " + describe(difference.expected) + "\n  actual   " +
           describe(difference.actual) + "\n";
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

    /// Runs sequences of the seeds; the reports of the differences, one for each signature. Ends
    /// early when a server is lost, for what follows would only tell so again.
    std::map<std::string, std::string> differences(Differential& pair, std::uint64_t first,
                                                   std::uint64_t count) {
        std::map<std::string, std::string> found;
        for (std::uint64_t seed = first; seed < first + count; ++seed) {
            try {
                compare(pair, seed, found);
            } catch (const std::runtime_error& lost) {
                ADD_FAILURE() << "GYRE_SEED=" << seed << ": " << lost.what() << subject_->log();
                break;
            }
            if (found.size() >= kShownDifferences) break;
        }
        return found;
    }

    /// Runs one sequence; a difference of a new signature is shrunk and added.
    void compare(Differential& pair, std::uint64_t seed,
                 std::map<std::string, std::string>& found) {
        const Sequence commands = Generator(seed, shared_).sequence(kSequenceLength);
        const std::optional<Difference> difference = pair.run(commands, protocol_of(seed));
        if (!difference || found.contains(difference->signature())) return;
        const Sequence shrunk = pair.shrink(commands, protocol_of(seed));
        const std::optional<Difference> least = pair.run(shrunk, protocol_of(seed));
        found[difference->signature()] = report(seed, shrunk, least ? *least : *difference);
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
    const bool is_replay = std::getenv("GYRE_SEED") != nullptr;
    const std::uint64_t first = environment_number("GYRE_SEED", kFirstSeed);
    const std::uint64_t count =
        environment_number("GYRE_DIFFERENTIAL_SEQUENCES", is_replay ? 1 : kSequences);
    for (const auto& [signature, text] : differences(pair, first, count)) {
        ADD_FAILURE() << signature << "\n" << text;
    }
}

TEST_F(DifferentialTest, TheOracleAgreesWithItself) {
    start(oracle_binary());
    Differential pair(*oracle_, *subject_);
    for (const auto& [signature, text] : differences(pair, kFirstSeed, 300)) {
        ADD_FAILURE() << signature << "\n" << text;
    }
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
