// SPDX-License-Identifier: BSD-3-Clause

#include "base/numbers.h"

#include <locale.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace gyre::base {
namespace {

/// Longest text parse_long_double() looks at, its terminator included: 2^16384 has 4933 digits.
constexpr size_t kLongDoubleBytesMax = 5 * 1024;

constexpr bool is_digit(char character) noexcept { return character >= '0' && character <= '9'; }

bool is_space(char character) noexcept {
    return character == ' ' || (character >= '\t' && character <= '\r');
}

/// The C locale, for strtod: a program that embeds us may have set another one. Never freed.
locale_t plain_locale() noexcept {
    static const locale_t locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
    CHECK(locale != nullptr);
    return locale;
}

/// The rules strtod and strtold share. `text` ends with a NUL at text[length].
template <class Number, class Parse>
std::optional<Number> parse_whole(const char* text, size_t length, Parse parse) {
    if (length == 0 || is_space(text[0])) return std::nullopt;
    char* end = nullptr;
    errno = 0;
    const Number value = parse(text, &end, plain_locale());
    if (static_cast<size_t>(end - text) != length || std::isnan(value)) return std::nullopt;
    if (errno == EINVAL) return std::nullopt;
    // A denormal also sets ERANGE, and is taken.
    if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
    return value;
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) noexcept {
    if (text.empty() || text.size() > kIntegerCharsMax) return std::nullopt;
    if (text == "0") return 0;
    const bool is_negative = text.front() == '-';
    if (is_negative) text.remove_prefix(1);
    if (text.empty() || text.front() < '1' || text.front() > '9') return std::nullopt;
    constexpr uint64_t kHighest = std::numeric_limits<int64_t>::max();
    const uint64_t limit = is_negative ? kHighest + 1 : kHighest;
    // Nineteen digits cannot wrap 64 bits around, so one comparison at the end is enough.
    if (text.size() >= kIntegerCharsMax) return std::nullopt;
    uint64_t value = 0;
    for (const char character : text) {
        if (!is_digit(character)) return std::nullopt;
        value = value * 10 + static_cast<uint64_t>(character - '0');
    }
    if (value > limit) return std::nullopt;
    return static_cast<int64_t>(is_negative ? 0 - value : value);
}

char* write_integer(char* out, int64_t value) noexcept {
    return std::to_chars(out, out + kIntegerCharsMax, value).ptr;
}

size_t integer_chars(int64_t value) noexcept {
    size_t count = value < 0 ? 2 : 1;
    uint64_t rest = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    for (; rest >= 10; rest /= 10) ++count;
    return count;
}

std::optional<long double> parse_long_double(std::string_view text) {
    if (text.size() >= kLongDoubleBytesMax) return std::nullopt;
    std::array<char, kLongDoubleBytesMax> copy;
    copy[text.copy(copy.data(), text.size())] = '\0';
    return parse_whole<long double>(copy.data(), text.size(), ::strtold_l);
}

std::optional<double> parse_double(std::string_view text) {
    // Plain decimals, nearly all there is: no copy. Whatever it does not settle goes to strtod.
    if (!text.empty() && (is_digit(text[0]) || text[0] == '-')) {
        double value = 0;
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        if (error == std::errc() && stop == end && std::isfinite(value)) return value;
    }
    std::array<char, 128> copy;
    if (text.size() < copy.size()) {
        copy[text.copy(copy.data(), text.size())] = '\0';
        return parse_whole<double>(copy.data(), text.size(), ::strtod_l);
    }
    const std::string long_copy(text);
    return parse_whole<double>(long_copy.c_str(), long_copy.size(), ::strtod_l);
}

std::string format_long_double_human(long double value) {
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    if (std::isnan(value)) return std::signbit(value) ? "-nan" : "nan";
    std::array<char, kLongDoubleBytesMax> text;
    const auto result =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 17);
    CHECK(result.ec == std::errc());
    std::string_view shown(text.data(), static_cast<size_t>(result.ptr - text.data()));
    shown.remove_suffix(shown.size() - 1 - shown.find_last_not_of('0'));
    if (shown.back() == '.') shown.remove_suffix(1);
    return std::string(shown == "-0" ? "0" : shown);
}

namespace {

/// A finite, non-zero number taken apart: digits (no leading or trailing zero) times 10^exponent.
struct Decimal {
    std::array<char, 20> digits;
    int count = 0;
    int exponent = 0;
};

Decimal shortest_decimal(double magnitude) noexcept {
    std::array<char, 32> text;
    const char* end = std::to_chars(text.data(), text.data() + text.size(), magnitude,
                                    std::chars_format::scientific)
                          .ptr;
    Decimal decimal;
    const char* from = text.data();
    for (; *from != 'e'; ++from) {
        if (*from != '.') decimal.digits[static_cast<size_t>(decimal.count++)] = *from;
    }
    from += from[1] == '+' ? 2 : 1;
    std::from_chars(from, end, decimal.exponent);
    while (decimal.count > 1 && decimal.digits[static_cast<size_t>(decimal.count - 1)] == '0') {
        --decimal.count;
    }
    decimal.exponent -= decimal.count - 1;
    return decimal;
}

char* write_zeros(char* out, int count) noexcept { return std::fill_n(out, count, '0'); }

/// The layout of the fpconv library, which Redis prints doubles with since 7.2.
char* write_decimal(char* out, const Decimal& decimal) noexcept {
    const char* digits = decimal.digits.data();
    const int count = decimal.count;
    const int scientific = decimal.exponent + count - 1;
    const int magnitude = std::abs(scientific);
    if (decimal.exponent >= 0 && magnitude < count + 7) {  // 1230000
        return write_zeros(std::copy_n(digits, count, out), decimal.exponent);
    }
    if (decimal.exponent < 0 && (decimal.exponent > -7 || magnitude < 4)) {
        const int whole = count + decimal.exponent;
        if (whole <= 0) {  // 0.00123
            *out++ = '0';
            *out++ = '.';
            return std::copy_n(digits, count, write_zeros(out, -whole));
        }
        out = std::copy_n(digits, whole, out);  // 12.3
        *out++ = '.';
        return std::copy_n(digits + whole, count - whole, out);
    }
    *out++ = digits[0];  // 1.23e-10
    if (count > 1) {
        *out++ = '.';
        out = std::copy_n(digits + 1, count - 1, out);
    }
    *out++ = 'e';
    *out++ = scientific < 0 ? '-' : '+';
    return write_integer(out, magnitude);
}

}  // namespace

char* write_double(char* out, double value) noexcept {
    const auto put = [out](std::string_view text) { return out + text.copy(out, text.size()); };
    if (std::isnan(value)) return put("nan");
    if (std::isinf(value)) return put(value > 0 ? "inf" : "-inf");
    if (value == 0) return put(std::signbit(value) ? "-0" : "0");
    // Half the range of int64_t, where the cast is safe beyond doubt.
    constexpr double kWholeMax = 0x1.0p62;
    if (value >= -kWholeMax && value <= kWholeMax) {
        const auto whole = static_cast<int64_t>(value);
        if (static_cast<double>(whole) == value) return write_integer(out, whole);
    }
    if (value < 0) *out++ = '-';
    return write_decimal(out, shortest_decimal(std::fabs(value)));
}

std::string format_double(double value) {
    std::array<char, kDoubleCharsMax> text;
    return std::string(text.data(), write_double(text.data(), value));
}

namespace {

struct MemoryUnit {
    std::string_view name;
    uint64_t bytes;
};

constexpr MemoryUnit kMemoryUnits[] = {
    {"", 1},          {"b", 1},        {"k", 1000},          {"kb", 1 << 10},
    {"m", 1'000'000}, {"mb", 1 << 20}, {"g", 1'000'000'000}, {"gb", 1 << 30},
};

}  // namespace

std::optional<uint64_t> parse_memory_size(std::string_view text) noexcept {
    size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    const std::string_view unit = text.substr(digits);
    const auto* row = std::find_if(
        std::begin(kMemoryUnits), std::end(kMemoryUnits),
        [unit](const MemoryUnit& known) { return equals_ignore_case(known.name, unit); });
    if (row == std::end(kMemoryUnits)) return std::nullopt;
    uint64_t count = 0;
    if (digits > 0) {
        const auto result = std::from_chars(text.data(), text.data() + digits, count);
        if (result.ec != std::errc()) return UINT64_MAX;
    }
    uint64_t bytes = 0;
    return __builtin_mul_overflow(count, row->bytes, &bytes) ? UINT64_MAX : bytes;
}

std::string to_lower(std::string_view text) {
    std::string lowered(text);
    for (char& character : lowered) character = to_lower(character);
    return lowered;
}

bool equals_ignore_case(std::string_view left, std::string_view right) noexcept {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char a, char b) { return to_lower(a) == to_lower(b); });
}

std::string quote(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    static constexpr std::string_view kNamed = "\n\r\t\a\b";
    static constexpr std::string_view kLetters = "nrtab";
    std::string quoted;
    quoted.reserve(text.size() + 2);
    quoted += '"';
    for (const char character : text) {
        const auto code = static_cast<unsigned char>(character);
        if (character == '\\' || character == '"') {
            quoted += '\\';
            quoted += character;
        } else if (const size_t at = kNamed.find(character); at != std::string_view::npos) {
            quoted += '\\';
            quoted += kLetters[at];
        } else if (code >= 0x20 && code < 0x7f) {
            quoted += character;
        } else {
            quoted += "\\x";
            quoted += kHex[code >> 4];
            quoted += kHex[code & 15];
        }
    }
    quoted += '"';
    return quoted;
}

std::string escape_for_error(std::string_view text, size_t bytes_max) {
    text = text.substr(0, bytes_max);
    text = text.substr(0, text.find('\0'));
    std::string escaped(text);
    std::replace_if(
        escaped.begin(), escaped.end(),
        [](char character) { return character == '\r' || character == '\n'; }, ' ');
    return escaped;
}

}  // namespace gyre::base
