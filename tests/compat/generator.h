// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Random command sequences for the differential test: a few keys, so that commands meet; every
// option; and odd arguments of every sort in a fraction of the commands. The same seed gives the
// same sequence.
//
// What keeps a run deterministic: no deadline falls into the run (relative ones lie at least 20 s
// ahead, absolute ones in the past or after the year 2099), and no relative expiry occurs twice in
// a sequence, because GT and LT would then compare two readings of the clock.
//
// Threads: one at a time.

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compat/random.h"

namespace gyre::test {

using Command = std::vector<std::string>;
using Sequence = std::vector<Command>;

/// The absolute deadlines the generator uses, in seconds and in milliseconds since the epoch:
/// replies that show one of them must be equal to the digit.
const std::set<std::string>& absolute_deadlines();

/// The keys commands are drawn from, in the databases 0 to kDatabases - 1.
const std::vector<std::string>& generator_keys();
constexpr int kDatabases = 3;

class Generator {
public:
    Generator(std::uint64_t seed, const std::set<std::string>& available_commands);

    Sequence sequence(std::size_t length);

    /// Every command name the generator knows, in lower case.
    static std::vector<std::string> known_commands();

private:
    using Producer = Command (Generator::*)(const std::string& name);
    struct Row {
        const char* name;
        int weight;
        Producer produce;
    };
    static const std::vector<Row>& rows();

    Command next();
    Command mutate(Command command);
    bool is_deterministic(const Command& command);
    std::string random_case(const std::string& name);

    std::string key();
    std::string value();
    std::string integer();
    std::string odd_integer();
    std::string odd_argument();
    std::string number();
    std::string bit_offset();
    std::string pattern();
    std::string relative_seconds();
    std::string relative_milliseconds();
    std::string absolute_seconds();
    std::string absolute_milliseconds();
    void append_expiry(Command& command);

    Command key_only(const std::string& name);
    Command many_keys(const std::string& name);
    Command no_arguments(const std::string& name);
    Command set(const std::string& name);
    Command getex(const std::string& name);
    Command setex(const std::string& name);
    Command key_and_value(const std::string& name);
    Command key_and_integer(const std::string& name);
    Command key_and_number(const std::string& name);
    Command pairs(const std::string& name);
    Command setrange(const std::string& name);
    Command key_and_range(const std::string& name);
    Command lcs(const std::string& name);
    Command setbit(const std::string& name);
    Command getbit(const std::string& name);
    Command bitcount(const std::string& name);
    Command bitpos(const std::string& name);
    Command bitop(const std::string& name);
    Command bitfield(const std::string& name);
    Command two_keys(const std::string& name);
    Command copy(const std::string& name);
    Command move(const std::string& name);
    Command swapdb(const std::string& name);
    Command select(const std::string& name);
    Command expire(const std::string& name);
    Command restore(const std::string& name);
    Command keys(const std::string& name);
    Command scan(const std::string& name);
    Command object(const std::string& name);
    Command flush(const std::string& name);
    Command message(const std::string& name);
    Command unknown(const std::string& name);

    Random random_;
    std::vector<Row> weighted_rows_;
    std::set<std::string> used_deadlines_;
    int deadlines_made_ = 0;
};

}  // namespace gyre::test
