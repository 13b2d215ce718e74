// SPDX-License-Identifier: BSD-3-Clause
#include "cli/human.h"

#include <cmath>
#include <cstdio>

namespace gyre::cli {
namespace {

/// From here on the exact number says less than its size.
constexpr long long kExactMax = 100'000;

template <class... Values>
std::string print(const char* format, Values... values) {
    char text[64];
    std::snprintf(text, sizeof(text), format, values...);
    return text;
}

/// Three digits, whatever the size below 1,000.
std::string three_digits(double number) {
    if (number < 9.995) return print("%.2f", number);
    return print(number < 99.95 ? "%.1f" : "%.0f", number);
}

std::string with_separators(int64_t number) {
    std::string text = std::to_string(number);
    for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) {
        text.insert(static_cast<size_t>(at), ",");
    }
    return text;
}

}  // namespace

std::string human_count(double number) {
    if (number < 0) return "-" + human_count(-number);
    const bool is_whole = number == std::floor(number);
    if (number < 9.95 && !is_whole) return print("%.1f", number);
    if (std::llround(number) < kExactMax) return with_separators(std::llround(number));
    constexpr char kUnits[] = {'k', 'M', 'G', 'T'};
    size_t unit = 0;
    number /= 1000;
    while (number >= 999.5 && unit + 1 < std::size(kUnits)) {
        number /= 1000;
        ++unit;
    }
    // There is no larger unit.
    const bool is_huge = number >= 999.5;
    return (is_huge ? with_separators(std::llround(number)) : three_digits(number)) + kUnits[unit];
}

std::string human_microseconds(double microseconds) {
    if (microseconds < 1) return print("%.0f ns", microseconds * 1000);
    if (microseconds < 9.95) return print("%.1f \xc2\xb5s", microseconds);
    if (microseconds < 999.5) return print("%.0f \xc2\xb5s", microseconds);
    if (microseconds < 999'500) return three_digits(microseconds / 1000) + " ms";
    return three_digits(microseconds / 1e6) + " s";
}

std::string human_duration(int64_t milliseconds) {
    constexpr int64_t kSecond = 1000;
    constexpr int64_t kMinute = 60 * kSecond;
    constexpr int64_t kHour = 60 * kMinute;
    constexpr int64_t kDay = 24 * kHour;
    const auto pair = [milliseconds](int64_t large, const char* large_name, int64_t small,
                                     const char* small_name) {
        const auto rest = static_cast<long long>(milliseconds % large / small);
        std::string text =
            print("%lld %s", static_cast<long long>(milliseconds / large), large_name);
        return rest == 0 ? text : text + print(" %lld %s", rest, small_name);
    };
    if (milliseconds < kSecond) return print("%lld ms", static_cast<long long>(milliseconds));
    if (milliseconds < kMinute) {
        return print("%lld.%lld s", static_cast<long long>(milliseconds / kSecond),
                     static_cast<long long>(milliseconds % kSecond / 100));
    }
    if (milliseconds < kHour) return pair(kMinute, "min", kSecond, "s");
    if (milliseconds < kDay) return pair(kHour, "h", kMinute, "min");
    return pair(kDay, "d", kHour, "h");
}

}  // namespace gyre::cli
