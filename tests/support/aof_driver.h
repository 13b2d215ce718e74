// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Feeds a file to an AofReader in pieces and keeps what came out. Each piece is a fresh allocation
// of exactly its size, so that an address sanitizer sees every view that is kept too long and every
// byte that is read too many.
//
// Threads: one. For unit tests, compatibility tests and fuzz targets.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/aof_reader.h"

namespace gyre::test {

struct AofSeenCommand {
    uint64_t offset = 0;
    std::vector<std::string> words;
    std::optional<int64_t> timestamp_ms;

    bool operator==(const AofSeenCommand&) const = default;
};

struct AofSeenUnit {
    uint64_t begin = 0;
    uint64_t end = 0;
    bool is_transaction = false;
    std::vector<AofSeenCommand> commands;
    std::optional<int64_t> clock_s;

    bool operator==(const AofSeenUnit&) const = default;
};

/// What came out of a file; two ways to cut the same file must give equal outcomes.
struct AofOutcome {
    std::vector<AofSeenUnit> units;
    bool has_preamble = false;
    log::AofEnd::Kind kind = log::AofEnd::Kind::clean;
    uint64_t at = 0;
    uint64_t good_to = 0;
    size_t database = 0;
    std::string message;

    bool operator==(const AofOutcome&) const = default;
};

/// Keeps copies; refuses a command of the given name.
class AofCollector : public log::AofHandler {
public:
    explicit AofCollector(std::string refused = {}) : refused_(std::move(refused)) {}

    Result<void> on_unit(const log::AofUnit& unit) override {
        AofSeenUnit seen{unit.begin, unit.end, unit.is_transaction, {}, unit.clock_s};
        for (const log::AofCommand& command : unit.commands) {
            if (auto known = check(unit.begin, command); !known) return known;
            seen.commands.push_back({command.offset,
                                     {command.arguments.begin(), command.arguments.end()},
                                     command.timestamp_ms});
        }
        units.push_back(std::move(seen));
        return {};
    }

    Result<void> check(uint64_t /*unit*/, const log::AofCommand& command) override {
        if (refused_.empty() || command.arguments.front() != refused_) return {};
        return fail("unknown command " + refused_);
    }

    std::vector<AofSeenUnit> units;

private:
    std::string refused_;
};

struct AofRun {
    log::AofLimits limits = {};
    std::string refused = {};
    uint64_t start = 0;
};

inline AofOutcome read_aof(std::string_view file, const std::function<size_t()>& piece_bytes,
                           const AofRun& run = {}) {
    AofCollector collector(run.refused);
    log::AofReader reader(collector, run.limits, run.start);
    AofOutcome outcome;
    while (!file.empty()) {
        const size_t bytes = std::min(std::max<size_t>(piece_bytes(), 1), file.size());
        const auto copy = std::make_unique<char[]>(bytes);
        std::copy_n(file.data(), bytes, copy.get());
        const auto status = reader.feed({copy.get(), bytes});
        file.remove_prefix(bytes);
        outcome.has_preamble = status == log::AofReader::Status::preamble;
        if (status != log::AofReader::Status::more) break;
    }
    const log::AofEnd& end = reader.finish();
    outcome.units = std::move(collector.units);
    outcome.kind = end.kind;
    outcome.at = end.at;
    outcome.good_to = end.good_to;
    outcome.database = end.database;
    outcome.message = end.message;
    return outcome;
}

inline AofOutcome read_aof_whole(std::string_view file, const AofRun& run = {}) {
    return read_aof(file, [&] { return file.size(); }, run);
}

}  // namespace gyre::test
