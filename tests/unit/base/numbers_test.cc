// SPDX-License-Identifier: BSD-3-Clause

#include "base/numbers.h"

#include <gtest/gtest.h>

#include <bit>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

std::string written(int64_t value) {
    char text[kIntegerCharsMax];
    return std::string(text, write_integer(text, value));
}

TEST(Numbers, integers_have_one_form_only) {
    EXPECT_EQ(parse_integer("0"), 0);
    EXPECT_EQ(parse_integer("-1"), -1);
    EXPECT_EQ(parse_integer("1234567890"), 1234567890);
    EXPECT_EQ(parse_integer("9223372036854775807"), kHighest);
    EXPECT_EQ(parse_integer("-9223372036854775808"), kLowest);
    for (const char* text : {"",
                             "-",
                             "+1",
                             "-0",
                             "00",
                             "01",
                             "-01",
                             " 1",
                             "1 ",
                             "1.0",
                             "1e3",
                             "0x1",
                             "a",
                             "--1",
                             "1-",
                             "9223372036854775808",
                             "-9223372036854775809",
                             "18446744073709551616",
                             "99999999999999999999",
                             "100000000000000000000",
                             "123456789012345678901"}) {
        EXPECT_EQ(parse_integer(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_integer(std::string_view("1\0", 2)), std::nullopt);
}

TEST(Numbers, integers_survive_the_way_to_text_and_back) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    std::vector<int64_t> values = {0, 1, -1, 9, 10, 99, 100, kLowest, kHighest, kLowest + 1};
    for (int count = 0; count < 20'000; ++count) {
        values.push_back(static_cast<int64_t>(random.next()) >> random.below(64));
    }
    for (const int64_t value : values) {
        const std::string text = written(value);
        ASSERT_EQ(text, std::to_string(value));
        ASSERT_EQ(parse_integer(text), value);
        ASSERT_EQ(integer_chars(value), text.size());
    }
}

TEST(Numbers, what_is_no_integer_is_told_from_what_is_one) {
    // An integer is what to_string() could have written; short texts over a mean alphabet.
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    constexpr std::string_view kAlphabet = "00123456789-+ .";
    for (int count = 0; count < 200'000; ++count) {
        std::string text(random.below(5), ' ');
        for (char& character : text) character = kAlphabet[random.below(kAlphabet.size())];
        int value = 0;
        const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool is_integer = result.ec == std::errc() && std::to_string(value) == text;
        ASSERT_EQ(parse_integer(text).has_value(), is_integer) << text;
    }
}

TEST(Numbers, long_doubles_are_read_as_strtold_reads_them) {
    EXPECT_EQ(parse_long_double("0"), 0.0L);
    EXPECT_EQ(parse_long_double("-1.5"), -1.5L);
    EXPECT_EQ(parse_long_double("+3"), 3.0L);
    EXPECT_EQ(parse_long_double(".5"), 0.5L);
    EXPECT_EQ(parse_long_double("5."), 5.0L);
    EXPECT_EQ(parse_long_double("1e400"), 1e400L);
    EXPECT_EQ(parse_long_double("0x1p4"), 16.0L);
    EXPECT_EQ(parse_long_double("inf"), std::numeric_limits<long double>::infinity());
    EXPECT_EQ(parse_long_double("-Infinity"), -std::numeric_limits<long double>::infinity());
    for (const char* text : {"", " 1", "\t1", "\v1", "1 ", "nan", "-nan", "abc", "1x", "1e5000",
                             "-1e5000", "1e-5000", "1,5", "--1", "e5"}) {
        EXPECT_EQ(parse_long_double(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_long_double(std::string_view("1\0", 2)), std::nullopt);
}

TEST(Numbers, long_doubles_have_a_limit_on_length) {
    EXPECT_EQ(parse_long_double(std::string(5 * 1024 - 2, '0') + "1"), 1.0L);
    EXPECT_EQ(parse_long_double(std::string(5 * 1024 - 1, '0') + "1"), std::nullopt);
    EXPECT_EQ(parse_double(std::string(10'000, '0') + "1"), 1.0) << "doubles have none";
}

TEST(Numbers, doubles_are_read_as_strtod_reads_them) {
    EXPECT_EQ(parse_double("3.1"), 3.1);
    EXPECT_EQ(parse_double("-0"), 0.0);
    EXPECT_TRUE(std::signbit(*parse_double("-0")));
    EXPECT_EQ(parse_double("+1e3"), 1000.0);
    EXPECT_EQ(parse_double("1e"), std::nullopt);
    EXPECT_EQ(parse_double("0x10"), 16.0);
    EXPECT_EQ(parse_double("-0x10"), -16.0);
    EXPECT_EQ(parse_double("-inf"), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(parse_double("5e-324"), 5e-324) << "a denormal is a number";
    EXPECT_EQ(parse_double("1e-300000"), std::nullopt);
    EXPECT_EQ(parse_double("1e309"), std::nullopt);
    for (const char* text : {"", " 1", "1 ", "nan", "-nan", "(1", "1.1.1", "0x", "-"}) {
        EXPECT_EQ(parse_double(text), std::nullopt) << text;
    }
}

TEST(Numbers, long_doubles_are_shown_for_people) {
    EXPECT_EQ(format_long_double_human(0), "0");
    EXPECT_EQ(format_long_double_human(-0.0L), "0");
    EXPECT_EQ(format_long_double_human(-1e-30L), "0");
    EXPECT_EQ(format_long_double_human(10), "10");
    EXPECT_EQ(format_long_double_human(-100), "-100");
    EXPECT_EQ(format_long_double_human(10.5L), "10.5");
    EXPECT_EQ(format_long_double_human(10.1L), "10.1");
    EXPECT_EQ(format_long_double_human(5.0e3L), "5000");
    EXPECT_EQ(format_long_double_human(3.0L + 1.0e-17L), "3.00000000000000001");
    EXPECT_EQ(format_long_double_human(1e22L), "10000000000000000000000");
    EXPECT_EQ(format_long_double_human(std::numeric_limits<long double>::infinity()), "inf");
    EXPECT_EQ(format_long_double_human(-std::numeric_limits<long double>::infinity()), "-inf");
    EXPECT_EQ(format_long_double_human(LDBL_MAX).size(), 4933u);
}

TEST(Numbers, long_doubles_are_shown_as_printf_does_before_cutting_zeros) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    for (int count = 0; count < 20'000; ++count) {
        const auto value = std::ldexp(static_cast<long double>(static_cast<int64_t>(random.next())),
                                      static_cast<int>(random.below(140)) - 120);
        char expected[256];
        std::snprintf(expected, sizeof(expected), "%.17Lf", value);
        std::string cut(expected);
        while (cut.back() == '0') cut.pop_back();
        if (cut.back() == '.') cut.pop_back();
        ASSERT_EQ(format_long_double_human(value), cut == "-0" ? "0" : cut);
    }
}

TEST(Numbers, doubles_are_shown_in_the_shortest_form) {
    const std::pair<double, const char*> kCases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-17, "-17"},
        {3.1, "3.1"},
        {0.1, "0.1"},
        {-0.5, "-0.5"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {123456.789, "123456.789"},
        {1e15, "1000000000000000"},
        {9007199254740992, "9007199254740992"},
        {1e17, "100000000000000000"},
        {4611686018427387904, "4611686018427387904"},
        {1e19, "1e+19"},
        {1e20, "1e+20"},
        {1.5e300, "1.5e+300"},
        {-1.5e-300, "-1.5e-300"},
        {12345678901234567890.0, "12345678901234567000"},
        {0.0001, "0.0001"},
        {0.000123, "0.000123"},
        {1e-5, "0.00001"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {5e-324, "5e-324"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {std::numeric_limits<double>::infinity(), "inf"},
        {-std::numeric_limits<double>::infinity(), "-inf"},
        {std::numeric_limits<double>::quiet_NaN(), "nan"},
        {-std::numeric_limits<double>::quiet_NaN(), "nan"},
    };
    for (const auto& [value, text] : kCases) EXPECT_EQ(format_double(value), text);
}

TEST(Numbers, doubles_survive_the_way_to_text_and_back) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    for (int count = 0; count < 50'000; ++count) {
        const double value = count % 2 == 0
                                 ? std::bit_cast<double>(random.next())
                                 : static_cast<double>(random.below(1'000'000'000)) /
                                       std::pow(10.0, static_cast<double>(random.below(10)));
        if (std::isnan(value)) continue;
        const std::string text = format_double(value);
        ASSERT_LE(text.size(), kDoubleCharsMax);
        ASSERT_EQ(parse_double(text), value) << text;
    }
}

TEST(Numbers, memory_sizes_know_their_units) {
    const std::pair<const char*, uint64_t> kCases[] = {
        {"0", 0},
        {"100", 100},
        {"100b", 100},
        {"1k", 1000},
        {"1kb", 1024},
        {"2M", 2'000'000},
        {"2mB", 2 << 20},
        {"1g", 1'000'000'000},
        {"1GB", 1 << 30},
        {"007", 7},
        {"", 0},
        {"kb", 0},
        {"9223372036854775807", kHighest},
        {"8589934591gb", 9223372035781033984},
        {"18446744073709551614", UINT64_MAX - 1},
        {"18446744073709551616", UINT64_MAX},
        {"99999999999999999999999mb", UINT64_MAX},
        {"17179869184gb", UINT64_MAX},
    };
    for (const auto& [text, bytes] : kCases) EXPECT_EQ(parse_memory_size(text), bytes) << text;
    for (const char* text : {"-1", "+1", " 1", "1 ", "1kk", "1t", "1.5gb", "k1"}) {
        EXPECT_EQ(parse_memory_size(text), std::nullopt) << text;
    }
}

TEST(Numbers, case_is_folded_for_letters_of_ascii_only) {
    EXPECT_TRUE(equals_ignore_case("GetEx", "gEtEX"));
    EXPECT_FALSE(equals_ignore_case("get", "gets"));
    EXPECT_FALSE(equals_ignore_case("[", "{"));
    EXPECT_FALSE(equals_ignore_case("\xc4", "\xe4"));
    EXPECT_EQ(to_lower("AbC-\xc4Z@["), "abc-\xc4z@[");
    EXPECT_TRUE(equals_ignore_case("", ""));
}

TEST(Numbers, quoting_escapes_what_does_not_print) {
    EXPECT_EQ(quote(""), "\"\"");
    EXPECT_EQ(quote(std::string_view("a\x00\n", 3)), "\"a\\x00\\n\"");
    EXPECT_EQ(quote("\"\\\r\t\a\b"), "\"\\\"\\\\\\r\\t\\a\\b\"");
    EXPECT_EQ(quote("\x1f ~\x7f\xc3"), "\"\\x1f ~\\x7f\\xc3\"");
}

TEST(Numbers, text_for_an_error_line_stays_in_its_line) {
    EXPECT_EQ(escape_for_error("foo\r\n-ERR forged"), "foo  -ERR forged");
    EXPECT_EQ(escape_for_error(std::string_view("ab\0cd", 5)), "ab");
    EXPECT_EQ(escape_for_error(std::string(200, 'x')).size(), 128u);
    EXPECT_EQ(escape_for_error("abcdef", 3), "abc");
}

}  // namespace
}  // namespace gyre::base
