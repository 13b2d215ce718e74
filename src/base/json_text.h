// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The inside of a JSON string, written piece by piece, so that a value of any length passes through
// a buffer of any size. Only what JSON demands is escaped: the quote, the backslash, and control
// characters below U+0020, in their short form where there is one, else as \u00xx in lower case.
// Each text has one form therefore. DEL, U+2028 and U+2029 stand as they are: JSON does not mind
// them, since ECMAScript 2019 neither does JavaScript, and what ends a line for grep is \n alone.
//
// Threads: any. Complexity: O(n). Source: RFC 8259, section 7.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace gyre::base {

/// Longest form of one byte.
inline constexpr size_t kJsonEscapeMax = 6;

struct JsonEscaped {
    size_t taken;    ///< bytes of the text that are done
    size_t written;  ///< bytes put into the buffer for them
};

/// Writes the front of `text`, which is valid UTF-8, into `out`: as much as fits, at least one byte
/// of the text when kJsonEscapeMax bytes are free. The quotes around it are the caller's.
JsonEscaped escape_json(std::string_view text, std::span<char> out) noexcept;
/// Appends all of `text`, which is valid UTF-8, without quotes around it.
void append_json_escaped(std::string& out, std::string_view text);

}  // namespace gyre::base
