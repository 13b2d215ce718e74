// SPDX-License-Identifier: BSD-3-Clause

// Integers at any bit of a string, compared with bits taken one by one. What does not fit is tested
// with BITFIELD itself.

#include "types/bitfield.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "support/seed.h"

namespace gyre::types {
namespace {

/// The bit at `at`, 0 or 1.
uint64_t bit_of(const std::string& bytes, uint64_t at) {
    return static_cast<unsigned char>(bytes[at / 8]) >> (7 - at % 8) & 1U;
}

/// The last byte the field touches is the last there is.
std::string random_bytes(const BitField& field, std::mt19937_64& random) {
    std::string bytes(field.last_bit() / 8 + 1, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    return bytes;
}

TEST(BitField, EveryWidthAtEveryPlace) {
    SCOPED_TRACE(seed_note());
    std::mt19937_64 random(test_seed());
    for (unsigned bits = 1; bits <= 64; ++bits) {
        for (uint64_t offset = 0; offset < 17; ++offset) {
            SCOPED_TRACE(std::to_string(bits) + " bits at " + std::to_string(offset));
            const BitField field{offset, static_cast<uint8_t>(bits), true};
            const std::string before = random_bytes(field, random);
            const uint64_t value = random();
            std::string after = before;
            field.write(after.data(), static_cast<int64_t>(value));
            for (uint64_t at = 0; at < after.size() * 8; ++at) {
                const bool is_inside = at >= offset && at <= field.last_bit();
                const uint64_t wanted =
                    is_inside ? value >> (field.last_bit() - at) & 1U : bit_of(before, at);
                ASSERT_EQ(bit_of(after, at), wanted) << at;
            }
            EXPECT_EQ(field.read(after), static_cast<int64_t>(value << (64 - bits)) >> (64 - bits));
            if (bits == 64) continue;
            const BitField same{offset, static_cast<uint8_t>(bits), false};
            EXPECT_EQ(same.read(after), static_cast<int64_t>(value << (64 - bits) >> (64 - bits)));
        }
    }
}

TEST(BitField, BeyondTheEndIsZero) {
    const std::string bytes = "\xff\xff";
    EXPECT_EQ((BitField{12, 8, false}.read(bytes)), 0xF0);
    EXPECT_EQ((BitField{12, 64, true}.read(bytes)), INT64_MIN >> 3);
    EXPECT_EQ((BitField{16, 8, false}.read(bytes)), 0);
    EXPECT_EQ((BitField{UINT64_MAX / 2, 64, true}.read(bytes)), 0);
    EXPECT_EQ((BitField{0, 1, true}.read({})), 0);
}

}  // namespace
}  // namespace gyre::types
