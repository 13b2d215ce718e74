// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Random sequences of commands on two servers: which ones, by seed, and what is told of those that
// differ. GYRE_SEED begins elsewhere and runs that one alone, GYRE_DIFFERENTIAL_SEQUENCES says how
// many.
//
// Threads: one at a time. Errors: differences are failures of the test that runs, each kind once.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "compat/differential.h"

namespace gyre::test {

struct SeedRange {
    std::uint64_t first = 1;
    std::uint64_t count = 0;
};

/// `count` seeds from 1 on, unless the environment says otherwise.
inline SeedRange seeds(std::uint64_t count) {
    const auto number = [](const char* name, std::uint64_t fallback) {
        const char* text = std::getenv(name);
        return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
    };
    const bool is_replay = std::getenv("GYRE_SEED") != nullptr;
    return {number("GYRE_SEED", 1), number("GYRE_DIFFERENTIAL_SEQUENCES", is_replay ? 1 : count)};
}

/// Both protocols take turns.
inline int protocol_of(std::uint64_t seed) { return seed % 2 == 0 ? 2 : 3; }

inline std::string report(const Sequence& shrunk, const Difference& difference) {
    std::string text;
    for (const Command& command : shrunk) text += "    " + describe(command) + "\n";
    return text + "  expected " + describe(difference.expected) + "\n  actual   " +
           describe(difference.actual) + "\n";
}

inline std::string report(std::uint64_t seed, const Sequence& shrunk,
                          const Difference& difference) {
    return "replay with GYRE_SEED=" + std::to_string(seed) + ", RESP" +
           std::to_string(protocol_of(seed)) + ":\n" + report(shrunk, difference);
}

/// Runs the sequence that `make` gives for each seed. A difference of a new signature is shrunk and
/// reported. Ends early when a server is lost, for what follows would only tell so again, and after
/// `shown` reports.
inline void compare_sequences(Differential& pair, SeedRange range,
                              const std::function<Sequence(std::uint64_t seed)>& make,
                              const ServerProcess& subject, std::size_t shown = 12) {
    std::map<std::string, std::string> found;
    for (std::uint64_t seed = range.first; seed < range.first + range.count && found.size() < shown;
         ++seed) {
        const int protocol = protocol_of(seed);
        try {
            const Sequence commands = make(seed);
            const std::optional<Difference> difference = pair.run(commands, protocol);
            if (!difference || found.contains(difference->signature())) continue;
            const Sequence shrunk = pair.shrink(commands, protocol);
            const std::optional<Difference> least = pair.run(shrunk, protocol);
            found[difference->signature()] = report(seed, shrunk, least ? *least : *difference);
        } catch (const std::runtime_error& lost) {
            ADD_FAILURE() << "GYRE_SEED=" << seed << ": " << lost.what() << subject.log();
            break;
        }
    }
    for (const auto& [signature, text] : found) ADD_FAILURE() << signature << "\n" << text;
}

}  // namespace gyre::test
