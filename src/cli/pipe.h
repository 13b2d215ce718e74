// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Mass insertion: standard input, commands of the protocol, is sent as it is while the replies are
// counted; an ECHO of random bytes behind it tells the end. The summary on standard output is
// redis-cli's; errors say which command of the input, on which line, they belong to.
//
// CommandScanner finds where each command begins that will be answered. It does not judge: what it
// cannot follow the server will refuse.
//
// Threads: one. Errors: the exit status, 1 when a command was refused or the connection broke.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "cli/link.h"
#include "cli/options.h"

namespace gyre::cli {

class CommandScanner {
public:
    struct Place {
        uint64_t command = 0;  ///< counted from 1
        uint64_t line = 0;     ///< where it begins, counted from 1
    };

    /// Takes the next bytes of the input.
    void feed(std::string_view bytes);
    /// The place of the oldest command that was not taken yet.
    std::optional<Place> take();
    uint64_t commands() const { return commands_; }

private:
    void end_line();
    void begin_command();

    enum class State : uint8_t { start, header, bulk_header, payload };
    State state_ = State::start;
    std::string line_text_;  // of headers and inline commands, as far as it matters
    uint64_t arguments_left_ = 0;
    uint64_t payload_left_ = 0;  // the line end behind it included
    uint64_t line_ = 1;
    uint64_t command_line_ = 1;
    uint64_t commands_ = 0;
    std::deque<Place> places_;
};

int run_pipe(const Options& options, Link& link);

}  // namespace gyre::cli
