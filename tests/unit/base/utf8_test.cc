// SPDX-License-Identifier: BSD-3-Clause

#include "base/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace gyre::base {
namespace {

/// The bytes of a code point, by its definition; surrogates and long forms included when asked for.
std::string encoded(uint32_t code, size_t length) {
    constexpr unsigned char kLeads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    if (length == 1) return std::string(1, static_cast<char>(code));
    std::string bytes(length, '\0');
    for (size_t index = length; index-- > 1;) {
        bytes[index] = static_cast<char>(0x80 | (code & 0x3F));
        code >>= 6;
    }
    bytes[0] = static_cast<char>(kLeads[length] | code);
    return bytes;
}

size_t shortest(uint32_t code) {
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

TEST(Utf8, takes_each_code_point_in_its_shortest_form_only) {
    for (uint32_t code = 0; code < 0x200000; ++code) {
        const bool is_text = code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
        ASSERT_EQ(is_utf8(encoded(code, shortest(code))), is_text) << code;
        for (size_t length = shortest(code) + 1; length <= 4; ++length) {
            ASSERT_FALSE(is_utf8(encoded(code, length))) << code << " in " << length;
        }
    }
}

TEST(Utf8, refuses_bytes_that_begin_no_sequence) {
    for (int lead = 0x80; lead <= 0xFF; ++lead) {
        const std::string bytes(1, static_cast<char>(lead));
        EXPECT_FALSE(is_utf8(bytes)) << lead;
        const bool begins_two = lead >= 0xC2 && lead <= 0xDF;
        EXPECT_EQ(is_utf8(bytes + "\x80"), begins_two) << lead;
        EXPECT_FALSE(is_utf8(bytes + "a")) << lead;
    }
}

TEST(Utf8, refuses_a_sequence_cut_anywhere) {
    const std::string text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
    EXPECT_TRUE(is_utf8(text));
    for (size_t length = 0; length < text.size(); ++length) {
        const bool is_whole = length <= 1 || length == 3 || length == 6;
        EXPECT_EQ(is_utf8(std::string(text, 0, length)), is_whole) << length;
    }
}

// The step of eight bytes must not pass over one that is no ASCII, wherever it stands.
TEST(Utf8, sees_a_bad_byte_at_every_place) {
    for (size_t length = 0; length <= 40; ++length) {
        std::string text(length, 'x');
        EXPECT_TRUE(is_utf8(text));
        for (size_t at = 0; at < length; ++at) {
            text[at] = '\xFF';
            EXPECT_FALSE(is_utf8(text)) << at << " of " << length;
            text[at] = 'x';
            EXPECT_TRUE(is_utf8(text.substr(0, at) + "\xC3\xA4" + text.substr(at)));
        }
    }
}

}  // namespace
}  // namespace gyre::base
