// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A reply as it stood on the wire, taken apart just far enough to compare and to print it. The
// differential tests must not lean on the reply parser under test, so they have this one: written
// for clarity, for complete input in memory, without limits.
//
// Ownership: a Frame owns all its text. Threads: any. Errors: malformed bytes end the process of
// the test through std::abort with the bytes printed, incomplete ones give nullopt.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::test {

struct Frame {
    /// The first byte on the wire: + - : $ * and RESP3's _ , # ! = ( % ~ > |
    char type = '_';
    /// Null bulk string or null array ($-1, *-1), or RESP3's null.
    bool is_null = false;
    /// Simple text, number as written, or the bytes of a bulk.
    std::string text;
    /// Elements; a map has key, value, key, value.
    std::vector<Frame> items;
    /// The very bytes received.
    std::string raw;

    [[nodiscard]] bool is_error() const { return type == '-' || type == '!'; }
    [[nodiscard]] bool is_aggregate() const {
        return type == '*' || type == '%' || type == '~' || type == '>';
    }
    /// The number of an integer frame; 0 for everything else.
    [[nodiscard]] long long integer() const;
};

/// Parses one frame at `offset`, moving it past the frame; nullopt when the bytes end too early.
std::optional<Frame> parse_frame(std::string_view bytes, std::size_t& offset);

/// One line for a person: `(integer) 3`, `"abc\r\n"`, `[1, 2]`, with unprintable bytes escaped.
std::string describe(const Frame& frame);

/// Escapes unprintable bytes as redis-cli does and puts quotes around the whole.
std::string quote(std::string_view bytes);

/// A command as one would type it into redis-cli.
std::string describe(const std::vector<std::string>& command);

/// The request in RESP: an array of bulk strings.
std::string encode(const std::vector<std::string>& command);

}  // namespace gyre::test
