// SPDX-License-Identifier: BSD-3-Clause

// Goal: what liblzf packs comes back; and of any other bytes the same is accepted as by liblzf,
// with the same result, without a look or a byte outside of input and output. Method: liblzf is the
// reference. Input and output lie in memory of exactly their size, so that AddressSanitizer sees
// what lies behind them, and without it bytes around the output are compared.

#include "base/lzf.h"

#include <gtest/gtest.h>
#include <lzf.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

using namespace std::literals;

constexpr size_t kGuardBytes = 64;
constexpr char kGuard = '\x5a';

struct Unpacked {
    bool is_good = false;
    std::string bytes;
};

Unpacked unpack(std::string_view packed, size_t size) {
    const auto in = std::make_unique<char[]>(packed.size());
    std::ranges::copy(packed, in.get());
    const auto out = std::make_unique<char[]>(size);
    const std::string_view input(in.get(), packed.size());
    const bool is_good = unpack_lzf(input, out.get(), size);
    std::string guarded(size + 2 * kGuardBytes, kGuard);
    EXPECT_EQ(unpack_lzf(input, guarded.data() + kGuardBytes, size), is_good);
    EXPECT_EQ(guarded.substr(0, kGuardBytes), std::string(kGuardBytes, kGuard));
    EXPECT_EQ(guarded.substr(kGuardBytes + size), std::string(kGuardBytes, kGuard));
    return {is_good, std::string(out.get(), size)};
}

/// liblzf takes no empty input and may say that there is less than there was room for.
Unpacked unpack_by_library(std::string_view packed, size_t size) {
    std::string out(size, '\0');
    const unsigned got = lzf_decompress(packed.data(), static_cast<unsigned>(packed.size()),
                                        out.data(), static_cast<unsigned>(size));
    return {got == size, out};
}

std::string pack(std::string_view text) {
    std::string packed(text.size() + text.size() / 16 + 64, '\0');
    packed.resize(lzf_compress(text.data(), static_cast<unsigned>(text.size()), packed.data(),
                               static_cast<unsigned>(packed.size())));
    return packed;
}

void expect_round_trip(std::string_view text) {
    const std::string packed = pack(text);
    ASSERT_FALSE(packed.empty());
    const Unpacked back = unpack(packed, text.size());
    ASSERT_TRUE(back.is_good) << text.size();
    ASSERT_EQ(back.bytes, text);
    EXPECT_FALSE(unpack(packed, text.size() + 1).is_good);
    EXPECT_FALSE(unpack(packed, text.size() - 1).is_good);
    EXPECT_FALSE(
        unpack(std::string_view(packed).substr(0, packed.size() - 1), text.size()).is_good);
}

/// A literal of all of `text`, at most 32 bytes.
std::string literal(std::string_view text) {
    return std::string(1, static_cast<char>(text.size() - 1)).append(text);
}

/// A copy of 3 to 264 bytes from so far back.
std::string copy_of(size_t size, size_t distance) {
    const size_t count = size - 2;
    const size_t back = distance - 1;
    std::string bytes(1, static_cast<char>(std::min<size_t>(count, 7) << 5 | back >> 8));
    if (count >= 7) bytes += static_cast<char>(count - 7);
    return bytes += static_cast<char>(back & 255);
}

TEST(UnpackLzf, copies_of_every_length_from_every_near_distance) {
    const std::string text = "abcdefghijklmnopqrstuvwxyz012345";
    for (size_t distance = 1; distance <= text.size(); ++distance) {
        for (size_t size = 3; size <= 264; ++size) {
            std::string expected = text;
            for (size_t i = 0; i < size; ++i) expected += expected[expected.size() - distance];
            // With nothing behind the copy, and with enough for whole steps to be written.
            for (const std::string_view behind : {""sv, "."sv, "0123456789012345"sv}) {
                std::string packed = literal(text) + copy_of(size, distance);
                if (!behind.empty()) packed += literal(behind);
                const Unpacked back = unpack(packed, expected.size() + behind.size());
                ASSERT_TRUE(back.is_good) << size << " from " << distance;
                ASSERT_EQ(back.bytes, expected + std::string(behind))
                    << size << " from " << distance;
            }
        }
    }
}

TEST(UnpackLzf, literals_of_every_length) {
    const std::string text = "abcdefghijklmnopqrstuvwxyz012345";
    for (size_t size = 1; size <= text.size(); ++size) {
        const std::string_view part = std::string_view(text).substr(0, size);
        for (const std::string_view behind : {""sv, std::string_view(text)}) {
            std::string packed = literal(part);
            if (!behind.empty()) packed += literal(behind);
            const Unpacked back = unpack(packed, size + behind.size());
            ASSERT_TRUE(back.is_good) << size;
            ASSERT_EQ(back.bytes, std::string(part).append(behind)) << size;
        }
    }
}

TEST(UnpackLzf, what_the_library_packs_comes_back) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    for (size_t round = 0; round < 2000; ++round) {
        // Few letters repeat soon; words repeat as text does; long runs are all one letter.
        const uint64_t letters = 1 + random.below(round % 2 == 0 ? 4 : 256);
        const size_t run_max = 1 + random.below(400);
        std::string text;
        const size_t size = 4 + random.below(round % 100 == 0 ? 40000 : 400);
        while (text.size() < size) {
            const char letter = static_cast<char>(random.below(letters));
            text.append(random.below(8) == 0 ? 1 + random.below(run_max) : 1, letter);
            if (text.size() > 8 && random.below(4) == 0) {
                text += text.substr(random.below(text.size()), random.below(40));
            }
        }
        ASSERT_NO_FATAL_FAILURE(expect_round_trip(text));
    }
}

TEST(UnpackLzf, a_copy_from_as_far_back_as_there_is) {
    std::string packed;
    std::string expected;
    for (size_t i = 0; i < 256; ++i) {
        const std::string part(32, static_cast<char>(i));
        packed += literal(part);
        expected += part;
    }
    constexpr size_t kDistanceMax = 8192;
    ASSERT_EQ(expected.size(), kDistanceMax);
    const Unpacked back = unpack(packed + copy_of(264, kDistanceMax), kDistanceMax + 264);
    EXPECT_TRUE(back.is_good);
    EXPECT_EQ(back.bytes, expected + expected.substr(0, 264));
    const std::string less = packed.substr(33) + copy_of(264, kDistanceMax - 32 + 1);
    EXPECT_FALSE(unpack(less, kDistanceMax - 32 + 264).is_good);
}

TEST(UnpackLzf, damaged_input_is_refused) {
    EXPECT_FALSE(unpack(copy_of(3, 1), 3).is_good) << "nothing is there to copy";
    EXPECT_FALSE(unpack(literal("a") + copy_of(3, 2), 4).is_good);
    EXPECT_FALSE(unpack("\x05"
                        "abc"s,
                        6)
                     .is_good)
        << "a literal ends early";
    EXPECT_FALSE(unpack(literal("a") + "\x20"s, 4).is_good) << "the distance is missing";
    EXPECT_FALSE(unpack(literal("a") + "\xe0"s, 10).is_good);
    EXPECT_FALSE(unpack(literal("a") + "\xe0\x00"s, 10).is_good);
    EXPECT_FALSE(unpack(literal("abc"), 2).is_good) << "no room";
    EXPECT_FALSE(unpack("", 1).is_good);
    EXPECT_TRUE(unpack("", 0).is_good);
}

TEST(UnpackLzf, whatever_comes_is_taken_as_by_the_library) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    size_t accepted = 0;
    for (size_t round = 0; round < 50000; ++round) {
        std::string packed;
        size_t size = 0;
        const size_t parts = 1 + random.below(6);
        for (size_t part = 0; part < parts; ++part) {
            if (size == 0 || random.below(2) == 0) {
                const std::string text(1 + random.below(32), static_cast<char>('a' + part));
                packed += literal(text);
                size += text.size();
            } else {
                const size_t count = 3 + random.below(random.below(2) == 0 ? 14 : 262);
                packed += copy_of(count, 1 + random.below(size + (random.below(8) == 0 ? 4 : 0)));
                size += count;
            }
        }
        if (random.below(4) == 0) packed.resize(1 + random.below(packed.size()));
        if (random.below(4) == 0)
            packed[random.below(packed.size())] = static_cast<char>(random.next());
        if (random.below(4) == 0) size = 1 + random.below(2 * size);
        const Unpacked expected = unpack_by_library(packed, size);
        const Unpacked found = unpack(packed, size);
        ASSERT_EQ(found.is_good, expected.is_good) << round;
        if (expected.is_good) {
            ASSERT_EQ(found.bytes, expected.bytes) << round;
        }
        accepted += expected.is_good ? 1 : 0;
    }
    EXPECT_GT(accepted, 10000U);
}

}  // namespace
}  // namespace gyre::base
