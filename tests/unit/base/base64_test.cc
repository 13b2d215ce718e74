// SPDX-License-Identifier: BSD-3-Clause

#include "base/base64.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

const std::vector<std::pair<std::string, std::string>> kVectors = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xFF\xFE\xFD", "//79"},
    {"\xFB\xEF\xBE", "++++"},
};

std::string random_bytes(Random& random, size_t length) {
    std::string bytes(length, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    return bytes;
}

TEST(Base64, writes_and_reads_the_vectors_of_the_standard) {
    for (const auto& [bytes, text] : kVectors) {
        EXPECT_EQ(encode_base64(bytes), text);
        EXPECT_EQ(decode_base64(text), bytes);
        EXPECT_EQ(base64_chars(bytes.size()), text.size());
    }
}

TEST(Base64, random_bytes_come_back_also_in_place_and_joined) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    for (size_t length = 0; length < 200; ++length) {
        const std::string bytes = random_bytes(random, length);
        std::string text = encode_base64(bytes);
        EXPECT_EQ(decode_base64(text), bytes);
        const size_t cut = length / 6 * 3;
        EXPECT_EQ(encode_base64(bytes.substr(0, cut)) + encode_base64(bytes.substr(cut)), text);
        const auto decoded = decode_base64(text.data(), text);
        ASSERT_TRUE(decoded);
        EXPECT_EQ(text.substr(0, *decoded), bytes);
    }
}

TEST(Base64, refuses_all_but_the_one_text) {
    for (const char* text :
         {"Z",        "Zg",     "Zg=",  "Zg===",    "=",          "====",   "Z===",
          "Zg==Zg==", "Zm9v\n", "Zm9 ", " Zm9",     "Zm-_",       "Zm=v",   "Zm9vZ",
          "Zh==",     "Zm9=",   "Z=8=", "Zm9v====", "\xC3\xA4==", "Zm9\x80"}) {
        EXPECT_EQ(decode_base64(text), std::nullopt) << text;
    }
}

// Of the 2^24 groups of four characters each that is taken is the text of its bytes: there is no
// second one. A sample of them, and all last groups with padding.
TEST(Base64, what_is_taken_is_written_again_the_same) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    constexpr std::string_view kSome = "AZaz09+/=Qg8hI-_ \n";
    size_t taken = 0;
    for (int round = 0; round < 200'000; ++round) {
        std::string text(4 * (1 + random.below(2)), '\0');
        for (char& letter : text) letter = kSome[random.below(kSome.size())];
        if (const auto bytes = decode_base64(text)) {
            ++taken;
            ASSERT_EQ(encode_base64(*bytes), text);
        }
    }
    EXPECT_GT(taken, 1000U);
}

}  // namespace
}  // namespace gyre::base
