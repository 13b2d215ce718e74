// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A request of several commands, as a text: "MULTI; SET {key} {value}; EXEC". Commands are parted
// by semicolons, words by blanks; {key} is a key, drawn anew each time, {value} a value. They leave
// as one piece, and have been answered when each of them has.
//
// Ownership: plain values. Threads: any.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gyre/result.h>

namespace gyre::load {

/// Commands of one script at most, and bytes of its text.
inline constexpr size_t kScriptCommandsMax = 1000;
inline constexpr size_t kScriptBytesMax = 64 * 1024;

struct ScriptPiece {
    enum class Kind : uint8_t { text, key, value } kind = Kind::text;
    std::string text;  ///< RESP, of `text`
};

struct Script {
    size_t commands = 0;
    std::vector<ScriptPiece> pieces;
};

/// Complexity: O(bytes).
Result<Script> parse_script(std::string_view text);

}  // namespace gyre::load
