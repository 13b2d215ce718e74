// SPDX-License-Identifier: BSD-3-Clause

// Goal: the checksum is the one that RDB files carry, whichever way it is computed and however the
// input is cut. Method: the known vector, and a reference that goes bit by bit.

#include "base/crc64.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

uint64_t bit_by_bit(uint64_t crc, std::string_view bytes) {
    for (const char byte : bytes) {
        crc ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x95ac9329ac4bc9b5 : 0);
        }
    }
    return crc;
}

std::string random_bytes(Random& random, size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.next());
    return bytes;
}

TEST(Crc64, KnownVector) {
    EXPECT_EQ(crc64(0, "123456789"), 0xe9c6d914c4b8d9caULL);
    EXPECT_EQ(crc64(0, ""), 0U);
    EXPECT_EQ(crc64(7, ""), 7U);
}

TEST(Crc64, EveryLengthAgreesWithTheReference) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    const std::string bytes = random_bytes(random, 700);
    for (size_t size = 0; size <= bytes.size(); ++size) {
        const std::string_view part = std::string_view(bytes).substr(bytes.size() - size);
        const uint64_t start = random.next();
        const uint64_t expected = bit_by_bit(start, part);
        ASSERT_EQ(crc64(start, part), expected) << size;
        ASSERT_EQ(crc64_detail::by_table(start, part), expected) << size;
    }
}

TEST(Crc64, IsTheSameHoweverTheInputIsCut) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    const std::string bytes = random_bytes(random, 1000);
    const uint64_t expected = bit_by_bit(0, bytes);
    for (size_t cut = 0; cut <= bytes.size(); ++cut) {
        const std::string_view view = bytes;
        ASSERT_EQ(crc64(crc64(0, view.substr(0, cut)), view.substr(cut)), expected) << cut;
    }
}

TEST(Crc64, AChangedBitIsSeen) {
    std::string bytes(300, 'x');
    const uint64_t expected = crc64(0, bytes);
    for (size_t at = 0; at < bytes.size(); ++at) {
        bytes[at] = static_cast<char>(bytes[at] ^ 1);
        EXPECT_NE(crc64(0, bytes), expected) << at;
        bytes[at] = static_cast<char>(bytes[at] ^ 1);
    }
}

}  // namespace
}  // namespace gyre::base
