// SPDX-License-Identifier: BSD-3-Clause

#include "base/hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

class Hash : public testing::Test {
protected:
    void SetUp() override { seed_hash(test_seed()); }
};

uint64_t siphash24(std::string_view message, const SipKey& key) {
    return hash_detail::siphash<2, 4>(message, key);
}

TEST(SipHash, gives_the_published_vectors) {
    // Key 00 01 .. 0f, messages 00 01 .. of growing length; from the paper and its reference code.
    const SipKey key{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    std::string message;
    for (char byte = 0; byte < 15; ++byte) message += byte;
    EXPECT_EQ(siphash24(message, key), 0xa129ca6149be45e5ULL);
    EXPECT_EQ(siphash24("", key), 0x726fdb47dd0e0e31ULL);
    EXPECT_EQ(siphash24(message.substr(0, 1), key), 0x74f839c593dc67fdULL);
    EXPECT_EQ(siphash24(message.substr(0, 8), key), 0x93f5f5799a932462ULL);
}

TEST(SipHash, the_fast_form_depends_on_every_bit_of_key_and_message) {
    const std::string message = "nineteen bytes long";
    const uint64_t hash = siphash13(message, {1, 2});
    EXPECT_NE(hash, siphash24(message, {1, 2}));
    for (size_t bit = 0; bit < message.size() * 8; ++bit) {
        std::string changed = message;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
        EXPECT_NE(siphash13(changed, {1, 2}), hash);
    }
    for (int bit = 0; bit < 64; ++bit) {
        EXPECT_NE(siphash13(message, {1 ^ (uint64_t{1} << bit), 2}), hash);
        EXPECT_NE(siphash13(message, {1, 2 ^ (uint64_t{1} << bit)}), hash);
    }
}

TEST_F(Hash, repeats_for_a_seed_and_differs_between_seeds) {
    const uint64_t hash = hash_bytes("key");
    seed_hash(test_seed());
    EXPECT_EQ(hash_bytes("key"), hash);
    seed_hash(test_seed() + 1);
    EXPECT_NE(hash_bytes("key"), hash);
}

TEST_F(Hash, does_not_depend_on_where_the_bytes_stand) {
    const std::string text(300, 'a');
    for (size_t length = 0; length < 200; ++length) {
        const uint64_t expected = hash_bytes(std::string(length, 'a'));
        for (size_t offset = 0; offset < 9; ++offset) {
            ASSERT_EQ(hash_bytes(std::string_view(text).substr(offset, length)), expected);
        }
    }
}

TEST_F(Hash, runs_of_zeros_of_all_lengths_differ) {
    std::unordered_set<uint64_t> seen;
    for (size_t length = 0; length <= 1000; ++length) {
        EXPECT_TRUE(seen.insert(hash_bytes(std::string(length, '\0'))).second) << length;
    }
}

TEST_F(Hash, every_input_bit_flips_each_output_bit_about_half_of_the_time) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    for (const size_t length : {1, 3, 4, 7, 8, 9, 16, 17, 32, 33, 48, 49, 64, 97, 150}) {
        constexpr int kTrials = 1500;
        std::vector<std::vector<int>> flips(length * 8, std::vector<int>(64, 0));
        for (int trial = 0; trial < kTrials; ++trial) {
            std::string text(length, ' ');
            for (char& byte : text) byte = static_cast<char>(random.next());
            const uint64_t hash = hash_bytes(text);
            const size_t bit = static_cast<size_t>(trial) % (length * 8);
            text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
            const uint64_t difference = hash ^ hash_bytes(text);
            ASSERT_NE(difference, 0u);
            for (int out = 0; out < 64; ++out) {
                flips[bit][static_cast<size_t>(out)] += static_cast<int>(difference >> out & 1);
            }
        }
        // Each output bit over all input bits: the standard deviation is sqrt(1500)/2, under 20.
        for (size_t out = 0; out < 64; ++out) {
            int sum = 0;
            for (const auto& row : flips) sum += row[out];
            EXPECT_NEAR(sum, kTrials / 2, 120) << "length " << length << " output bit " << out;
        }
        // Each input bit over all output bits.
        for (size_t bit = 0; bit < flips.size(); ++bit) {
            int sum = 0;
            for (const int count : flips[bit]) sum += count;
            const int trials = kTrials / static_cast<int>(flips.size()) +
                               (static_cast<int>(bit) < kTrials % static_cast<int>(flips.size()));
            const double spread = std::sqrt(64.0 * trials) / 2;
            EXPECT_NEAR(sum, 32 * trials, 6 * spread + 1) << "length " << length << " bit " << bit;
        }
    }
}

/// Chi-squared over 256 buckets, from the low and from the high bits: mean 255, deviation 22.6.
void expect_even(const std::vector<std::string>& keys) {
    for (const int shift : {0, 24, 56}) {
        std::vector<double> buckets(256, 0);
        for (const std::string& key : keys) buckets[hash_bytes(key) >> shift & 255] += 1;
        const double expected = static_cast<double>(keys.size()) / 256;
        double chi = 0;
        for (const double count : buckets)
            chi += (count - expected) * (count - expected) / expected;
        EXPECT_LT(chi, 255 + 6 * 22.6) << "shift " << shift;
        EXPECT_GT(chi, 255 - 6 * 22.6) << "shift " << shift;
    }
}

TEST_F(Hash, spreads_the_keys_people_use_evenly) {
    std::vector<std::string> numbered, padded, sparse;
    for (int number = 0; number < 60'000; ++number) {
        numbered.push_back("user:" + std::to_string(number));
        padded.push_back("session:0000000000000000000000000000:" + std::to_string(number) +
                         ":data");
        std::string bytes(60, '\0');
        bytes[static_cast<size_t>(number % 60)] = static_cast<char>(1 + number / 60 % 255);
        bytes[static_cast<size_t>(number * 7 % 60)] = static_cast<char>(number / 15'000);
        sparse.push_back(bytes);
    }
    expect_even(numbered);
    expect_even(padded);
    std::unordered_set<std::string> distinct(sparse.begin(), sparse.end());
    expect_even({distinct.begin(), distinct.end()});
}

TEST_F(Hash, a_million_short_keys_do_not_collide) {
    // In 64 bits the chance of any collision is 3e-8.
    std::unordered_set<uint64_t> seen;
    seen.reserve(1'000'000);
    for (int number = 0; number < 1'000'000; ++number) {
        ASSERT_TRUE(seen.insert(hash_bytes(std::to_string(number))).second);
    }
}

}  // namespace
}  // namespace gyre::base
