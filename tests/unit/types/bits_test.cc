// SPDX-License-Identifier: BSD-3-Clause

// The loops over words against loops over single bits.

#include "types/bits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

/// Long runs of equal bits and noise in turn, so that whole words are skipped and some are not.
std::string random_bytes(base::Random& random, size_t length_max) {
    std::string bytes(random.below(length_max + 1), '\0');
    char filler = '\0';
    bool is_noise = false;
    for (char& byte : bytes) {
        if (random.below(16) == 0) {
            is_noise = random.below(3) == 0;
            filler = random.below(2) == 0 ? '\0' : '\xff';
        }
        byte = is_noise ? static_cast<char>(random.next()) : filler;
    }
    return bytes;
}

bool model_bit(const std::string& bytes, uint64_t at) {
    return (static_cast<unsigned char>(bytes[at / 8]) & (0x80U >> (at % 8))) != 0;
}

TEST(Bits, AreCountedFromTheMostSignificantOfTheFirstByte) {
    const std::string bytes("\x80\x01", 2);
    EXPECT_TRUE(get_bit(bytes, 0));
    EXPECT_FALSE(get_bit(bytes, 1));
    EXPECT_TRUE(get_bit(bytes, 15));
    EXPECT_FALSE(get_bit(bytes, 16));
    EXPECT_FALSE(get_bit(bytes, UINT64_MAX));
    EXPECT_FALSE(get_bit("", 0));
}

TEST(Bits, CountOfNothingIsZero) { EXPECT_EQ(count_bits(""), 0U); }

TEST(Bits, RangesCountAndFindLikeSingleBits) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (int round = 0; round < 3000; ++round) {
        const std::string bytes = random_bytes(random, 200) + static_cast<char>(random.next());
        const uint64_t total = bytes.size() * 8;
        uint64_t first = random.below(total);
        uint64_t last = random.below(total);
        if (first > last) std::swap(first, last);
        size_t count = 0;
        std::optional<uint64_t> places[2];
        for (uint64_t at = last + 1; at-- > first;) {
            count += model_bit(bytes, at) ? 1 : 0;
            places[model_bit(bytes, at) ? 1 : 0] = at;
        }
        ASSERT_EQ(count_bits(bytes, first, last), count);
        ASSERT_EQ(find_bit(bytes, true, first, last), places[1]);
        ASSERT_EQ(find_bit(bytes, false, first, last), places[0]);
        ASSERT_EQ(count_bits(bytes), count_bits(bytes, 0, total - 1));
        ASSERT_EQ(get_bit(bytes, first), model_bit(bytes, first));
    }
}

TEST(Bits, CombineAsIfTheShorterWentOnWithZeros) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (int round = 0; round < 1000; ++round) {
        std::string target = random_bytes(random, 100);
        const std::string before = target;
        std::string operand = random_bytes(random, 100);
        operand.resize(std::min(operand.size(), target.size()));
        const auto operation = static_cast<BitOperation>(random.below(3));
        combine_bits(operation, target.data(), target.size(), operand);
        for (size_t at = 0; at < target.size(); ++at) {
            const char other = at < operand.size() ? operand[at] : '\0';
            const int expected = operation == BitOperation::all   ? before[at] & other
                                 : operation == BitOperation::any ? before[at] | other
                                                                  : before[at] ^ other;
            ASSERT_EQ(target[at], static_cast<char>(expected)) << at;
        }
    }
}

TEST(Bits, InvertEveryByte) {
    std::string source;
    for (int byte = 0; byte < 259; ++byte) source += static_cast<char>(byte);
    std::string target(source.size(), 'x');
    invert_bits(target.data(), source);
    for (size_t at = 0; at < source.size(); ++at) {
        EXPECT_EQ(target[at], static_cast<char>(~source[at]));
    }
}

}  // namespace
}  // namespace gyre::types
