// SPDX-License-Identifier: BSD-3-Clause

#include "types/digest.h"

#include <gtest/gtest.h>

#include <string>

namespace gyre::types {
namespace {

std::string text_of(uint64_t value) {
    std::string text(kDigestChars, ' ');
    EXPECT_EQ(write_digest(text.data(), value), text.data() + text.size());
    return text;
}

// Values of the reference implementation.
TEST(Digest, IsXxh3) {
    EXPECT_EQ(text_of(digest("")), "2d06800538d394c2");
    EXPECT_EQ(text_of(digest("a")), "e6c632b61e964e1f");
    EXPECT_EQ(text_of(digest("abc")), "78af5f94892f3950");
}

TEST(Digest, IsWrittenWithLeadingZeros) {
    EXPECT_EQ(text_of(0), "0000000000000000");
    EXPECT_EQ(text_of(0xab), "00000000000000ab");
    EXPECT_EQ(text_of(UINT64_MAX), "ffffffffffffffff");
}

TEST(Digest, IsReadInAnyCase) {
    EXPECT_EQ(parse_digest("00000000000000aB"), 0xABU);
    EXPECT_EQ(parse_digest("FFFFFFFFFFFFFFFF"), UINT64_MAX);
}

TEST(Digest, IsReadOnlyWithSixteenHexadecimalDigits) {
    for (const std::string_view text :
         {"", "0", "000000000000000", "00000000000000000", "000000000000000g", "-000000000000000",
          "0x00000000000000", " 000000000000000", "000000000000000 "}) {
        EXPECT_EQ(parse_digest(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace gyre::types
