// SPDX-License-Identifier: BSD-3-Clause

// Which strings are kept as integers: those that the integer gives back byte for byte.

#include "types/string_value.h"

#include <gtest/gtest.h>

#include <string>

#include "base/numbers.h"
#include "base/random.h"

namespace gyre::types {
namespace {

using Kind = StringContent::Kind;

TEST(StringValue, a_canonical_decimal_becomes_an_integer) {
    struct Row {
        const char* text;
        int64_t value;
    };
    for (const Row row :
         {Row{"0", 0}, Row{"1", 1}, Row{"-1", -1}, Row{"10", 10}, Row{"1234567890", 1234567890},
          Row{"9223372036854775807", INT64_MAX}, Row{"-9223372036854775808", INT64_MIN}}) {
        const StringContent content = encode_string(row.text);
        EXPECT_EQ(content.kind, Kind::integer) << row.text;
        EXPECT_EQ(content.integer, row.value) << row.text;
    }
}

TEST(StringValue, what_an_integer_would_not_give_back_stays_bytes) {
    using namespace std::string_view_literals;
    for (const std::string_view text : {""sv,
                                        "-"sv,
                                        "+1"sv,
                                        "-0"sv,
                                        "00"sv,
                                        "01"sv,
                                        "-01"sv,
                                        " 1"sv,
                                        "1 "sv,
                                        "1\0"sv,
                                        "1e3"sv,
                                        "1.0"sv,
                                        "0x10"sv,
                                        "abc"sv,
                                        "9223372036854775808"sv,
                                        "-9223372036854775809"sv,
                                        "18446744073709551615"sv,
                                        "99999999999999999999"sv,
                                        "000000000000000000001"sv,
                                        "123456789012345678901"sv,
                                        "-"sv,
                                        "--1"sv,
                                        "1-"sv}) {
        const StringContent content = encode_string(text);
        EXPECT_EQ(content.kind, Kind::bytes) << text;
        EXPECT_EQ(content.bytes, text);
        EXPECT_FALSE(content.is_raw);
    }
}

TEST(StringValue, an_integer_gives_its_bytes_back) {
    base::Random random(7);
    for (int round = 0; round < 20'000; ++round) {
        // All magnitudes alike often.
        const auto value = static_cast<int64_t>(random.next()) >> random.below(64);
        char digits[base::kIntegerCharsMax];
        const std::string text(digits, base::write_integer(digits, value));
        const StringContent content = encode_string(text);
        ASSERT_EQ(content.kind, Kind::integer) << text;
        ASSERT_EQ(content.integer, value);
    }
}

TEST(StringValue, plain_strings_are_never_integers) {
    const StringContent plain = plain_string("17");
    EXPECT_EQ(plain.kind, Kind::bytes);
    EXPECT_EQ(plain.bytes, "17");
    EXPECT_FALSE(plain.is_raw);
    EXPECT_TRUE(plain_string("17", true).is_raw);
}

TEST(StringValue, a_block_is_taken_over_with_its_reference) {
    base::SharedBytes* block = base::SharedBytes::create(10, base::Purpose::clients);
    const StringContent content = block_string(block);
    EXPECT_EQ(content.kind, Kind::block);
    EXPECT_EQ(content.block, block);
    EXPECT_TRUE(block->is_sole_owner());
    block->release();
}

}  // namespace
}  // namespace gyre::types
