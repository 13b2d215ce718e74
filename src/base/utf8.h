// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Whether bytes are text: strict UTF-8, that is no surrogates, no form longer than needed, nothing
// above U+10FFFF. Every code point has one form, so bytes that pass come back the same from any
// program that decodes and encodes them.
//
// Threads: any. Complexity: O(n), eight bytes at a time while they are ASCII.
// Source: The Unicode Standard 15, table 3-7 (well-formed UTF-8 byte sequences).

#include <string_view>

namespace gyre::base {

/// True for well-formed UTF-8, the empty text included. NUL and other control characters are text.
bool is_utf8(std::string_view bytes) noexcept;

}  // namespace gyre::base
