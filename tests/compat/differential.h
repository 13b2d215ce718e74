// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Runs one command sequence on two servers and says where their replies part; then makes the
// sequence as short as it can be while they still part (delta debugging: Zeller and Hildebrandt,
// "Simplifying and Isolating Failure-Inducing Input", 2002, reduced to chunks of falling size).
//
// Every reply must be equal byte for byte, with these exceptions, each decided by the command:
// KEYS, and commands that list members of sets or fields of hashes, in any order; SCAN, HSCAN and
// SSCAN run to their end and taken as a set; SRANDMEMBER and HRANDFIELD any as many; RANDOMKEY any
// key that exists; DBSIZE
// after the due keys were touched; TTL, PTTL, EXPIRETIME, PEXPIRETIME and OBJECT IDLETIME within
// kTolerance, but equal when one of them shows an absolute deadline of the generator. What is known
// to differ between the oracle's version and ours stands in known_differences.cc.
//
// Ownership: borrows the two servers. Threads: one at a time. Errors: a server that closes the
// connection or does not answer is reported by std::runtime_error with the sequence in it.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compat/generator.h"
#include "support/frame.h"
#include "support/server_process.h"

namespace gyre::test {

constexpr long long kToleranceSeconds = 2;

struct Difference {
    Command command;
    std::size_t index = 0;
    Frame expected;
    Frame actual;

    /// The same for differences that look alike: command, option words and reply texts.
    [[nodiscard]] std::string signature() const;
};

struct KnownDifference {
    const char* reason;
    std::function<bool(const Command&, const Frame& oracle, const Frame& subject)> matches;
};

/// Where Redis 7.2, which Gyre follows, answers otherwise than the oracle, which is 7.0.
const std::vector<KnownDifference>& known_differences();

/// True when the two replies to this command count as equal.
bool replies_agree(const Command& command, const Frame& oracle, const Frame& subject);

class Differential {
public:
    /// Changes the replies of the subject before they are compared: to plant a fault.
    using Tamper = std::function<void(const Command&, Frame&)>;

    Differential(const ServerProcess& oracle, const ServerProcess& subject);

    void set_tamper(Tamper tamper) { tamper_ = std::move(tamper); }

    /// Runs the sequence from an empty state under the given protocol (2 or 3).
    std::optional<Difference> run(const Sequence& commands, int protocol);

    /// The shortest sequence found that still gives a difference.
    Sequence shrink(Sequence commands, int protocol);

private:
    std::vector<Frame> replies(RawSocket& socket, const Sequence& commands, int protocol);

    RawSocket oracle_;
    RawSocket subject_;
    Tamper tamper_;
};

}  // namespace gyre::test
