// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Glob patterns as KEYS, SCAN, PSUBSCRIBE and ACL rules use them: `*`, `?`, `[abc]`, `[^a-c]`, and
// backslash for the next character as it is. What Redis does with odd patterns is kept: a class
// that is not closed ends with the pattern, `[z-a]` is `[a-z]`, ranges compare signed characters,
// an escaped character inside a class does not ignore case, and an empty text matches only an empty
// pattern.
//
// Not kept: Redis gives up beyond 1000 nested stars; here any number works.
//
// Threads: any. Errors: none, every pattern means something.
// Complexity: O(pattern * text) at worst, no recursion and no memory: each element but the star
// takes exactly one character, so going back to the last star alone decides.

#include <cstdint>
#include <string_view>

namespace gyre::base {

enum class GlobCase : uint8_t { sensitive, ignored };

/// True when all of `text` matches `pattern`.
bool glob_matches(std::string_view pattern, std::string_view text,
                  GlobCase glob_case = GlobCase::sensitive) noexcept;

/// True when the pattern has no special character, so it can match one text only: itself.
bool glob_is_literal(std::string_view pattern) noexcept;

}  // namespace gyre::base
