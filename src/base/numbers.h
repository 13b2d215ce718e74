// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Numbers as text and back, and the small text work that surrounds them, with Redis' rules to the
// letter: what a command accepts as a number and how it prints one is part of the protocol. None of
// it looks at the locale.
//
// Threads: any. Errors: nullopt for text that is not a number; the caller knows the error to give.
// Complexity: O(length).
// Source: behaviour of Redis 7.2 (string2ll, string2ld, d2string, ld2string, memtoull, sdscatrepr).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gyre::base {

/// A 64-bit signed integer in the only form Redis takes: no spaces, no '+', no leading zeros, no
/// "-0", the full range. What write_integer() prints reads back, and nothing else does.
std::optional<int64_t> parse_integer(std::string_view text) noexcept;

/// Longest text write_integer() produces: "-9223372036854775808".
inline constexpr size_t kIntegerCharsMax = 20;
/// Writes `value` in decimal at `out` (room for kIntegerCharsMax); returns the end.
char* write_integer(char* out, int64_t value) noexcept;
/// How many characters write_integer() would produce.
size_t integer_chars(int64_t value) noexcept;
/// The same for counts and lengths, which are small, most of them.
inline size_t unsigned_chars(size_t value) noexcept {
    if (value < 10) return 1;
    if (value < 100) return 2;
    return integer_chars(static_cast<int64_t>(value));
}

/// A long double as INCRBYFLOAT reads it: whatever strtold takes (decimal, exponent, hexadecimal,
/// "inf"), the whole text, no leading space, no NaN, neither overflow nor underflow to zero, less
/// than 5 KiB long. Callers that cannot use an infinity reject it.
std::optional<long double> parse_long_double(std::string_view text);
/// A double as ZADD reads it: as above with strtod and without the limit on length.
std::optional<double> parse_double(std::string_view text);

/// INCRBYFLOAT's form: fixed with 17 decimals, trailing zeros cut, "-0" printed as "0", "inf",
/// "-inf".
std::string format_long_double_human(long double value);

/// Longest text write_double() produces.
inline constexpr size_t kDoubleCharsMax = 32;
/// Writes the form replies carry a score in: "inf", "-inf", "nan", "0", "-0"; whole numbers up to
/// 2^62 as integers; else the shortest digits that read back the same (17 at most), in scientific
/// notation when that is the shorter way. Returns the end.
char* write_double(char* out, double value) noexcept;
std::string format_double(double value);

/// A size from the configuration: digits and a unit of any case: none or b, k and kb (1000 and
/// 1024), m and mb, g and gb. As in Redis missing digits mean 0, and more than 2^64 - 1 is that,
/// also where Redis would wrap around behind a unit. nullopt for a sign and for another unit.
std::optional<uint64_t> parse_memory_size(std::string_view text) noexcept;

/// ASCII only.
constexpr char to_lower(char character) noexcept {
    return character >= 'A' && character <= 'Z' ? static_cast<char>(character + ('a' - 'A'))
                                                : character;
}
std::string to_lower(std::string_view text);
bool equals_ignore_case(std::string_view left, std::string_view right) noexcept;

/// The text between double quotes, with backslash escapes for what does not print:
/// "a\x00\n\"". configuration files and MONITOR use it.
std::string quote(std::string_view text);

/// What a client sent, made fit to stand inside an error line: line breaks become spaces, a NUL
/// ends it as it does in Redis, and nothing after `bytes_max` bytes is shown.
std::string escape_for_error(std::string_view text, size_t bytes_max = 128);

}  // namespace gyre::base
