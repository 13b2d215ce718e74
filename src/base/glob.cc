// SPDX-License-Identifier: BSD-3-Clause

#include "base/glob.h"

#include <cstddef>
#include <utility>

#include "base/numbers.h"

namespace gyre::base {
namespace {

/// What one element of a pattern said about one character.
struct Step {
    bool is_match;
    size_t next;  // where the next element begins
};

char folded(char character, GlobCase glob_case) noexcept {
    return glob_case == GlobCase::ignored ? to_lower(character) : character;
}

/// The low end is found before case is folded, as in Redis: [a-Z] ignoring case is empty.
bool is_in_range(signed char low, signed char high, char character, GlobCase glob_case) noexcept {
    if (low > high) std::swap(low, high);
    const auto value = static_cast<signed char>(folded(character, glob_case));
    return value >= static_cast<signed char>(folded(static_cast<char>(low), glob_case)) &&
           value <= static_cast<signed char>(folded(static_cast<char>(high), glob_case));
}

/// `at` is just behind the opening bracket.
Step match_class(std::string_view pattern, size_t at, char character, GlobCase glob_case) noexcept {
    const bool is_inverted = at < pattern.size() && pattern[at] == '^';
    if (is_inverted) ++at;
    bool is_match = false;
    for (; at < pattern.size() && pattern[at] != ']'; ++at) {
        const size_t left = pattern.size() - at;
        if (pattern[at] == '\\' && left >= 2) {
            ++at;
            if (pattern[at] == character) is_match = true;
        } else if (left >= 3 && pattern[at + 1] == '-') {
            const auto low = static_cast<signed char>(pattern[at]);
            const auto high = static_cast<signed char>(pattern[at + 2]);
            if (is_in_range(low, high, character, glob_case)) is_match = true;
            at += 2;
        } else if (folded(pattern[at], glob_case) == folded(character, glob_case)) {
            is_match = true;
        }
    }
    if (at < pattern.size()) ++at;  // the closing bracket
    return {is_match != is_inverted, at};
}

/// Any element but a star.
Step match_one(std::string_view pattern, size_t at, char character, GlobCase glob_case) noexcept {
    switch (pattern[at]) {
        case '?':
            return {true, at + 1};
        case '[':
            return match_class(pattern, at + 1, character, glob_case);
        case '\\':
            if (at + 1 < pattern.size()) ++at;
            break;
        default:
            break;
    }
    return {folded(pattern[at], glob_case) == folded(character, glob_case), at + 1};
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text, GlobCase glob_case) noexcept {
    if (text.empty()) return pattern.empty();
    constexpr size_t kNone = static_cast<size_t>(-1);
    size_t at = 0;               // in the pattern
    size_t position = 0;         // in the text
    size_t behind_star = kNone;  // element behind the last star seen
    size_t star_text = 0;        // first character that star has not taken
    while (position < text.size()) {
        if (at < pattern.size() && pattern[at] == '*') {
            behind_star = ++at;
            star_text = position;
            if (at == pattern.size()) return true;
            continue;
        }
        if (at < pattern.size()) {
            const Step step = match_one(pattern, at, text[position], glob_case);
            if (step.is_match) {
                at = step.next;
                ++position;
                continue;
            }
        }
        if (behind_star == kNone) return false;
        at = behind_star;
        position = ++star_text;
    }
    while (at < pattern.size() && pattern[at] == '*') ++at;
    return at == pattern.size();
}

bool glob_is_literal(std::string_view pattern) noexcept {
    return pattern.find_first_of("*?[\\") == std::string_view::npos;
}

}  // namespace gyre::base
