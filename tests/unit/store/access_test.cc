// SPDX-License-Identifier: BSD-3-Clause

// The access word: the arithmetic of Redis, also where its clocks go round.

#include "store/access.h"

#include <gtest/gtest.h>

#include "support/seed.h"

namespace gyre::store {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kMinute = 60'000;

TEST(Access, idle_time_is_counted_in_seconds) {
    const uint32_t word = lru_clock(kNow);
    EXPECT_EQ(lru_idle_ms(word, kNow), 0);
    EXPECT_EQ(lru_idle_ms(word, kNow + 999), 0);
    EXPECT_EQ(lru_idle_ms(word, kNow + 1000), 1000);
    EXPECT_EQ(lru_idle_ms(word, kNow + 86'400'000), 86'400'000);
}

TEST(Access, idle_time_goes_on_where_the_clock_goes_round) {
    const int64_t last = (int64_t{kLruClockMax} + 1) * 1000 * 100 - 1000;
    ASSERT_EQ(lru_clock(last), kLruClockMax);
    ASSERT_EQ(lru_clock(last + 1000), 0U);
    EXPECT_EQ(lru_idle_ms(lru_clock(last), last + 5000), 5000);
    EXPECT_EQ(lru_idle_ms(lru_clock(last), last + 180LL * 86'400'000), 180LL * 86'400'000);
}

// A thread whose idea of now is a little older must not take the key for one unused for half a
// year.
TEST(Access, a_word_from_the_future_is_not_idle) {
    EXPECT_EQ(lru_idle_ms(lru_clock(kNow + 1000), kNow), 0);
    EXPECT_EQ(lru_idle_ms(lru_clock(kNow + 3'600'000), kNow), 0);
    const uint32_t word = lfu_initial(kNow + 2 * kMinute) | 250;
    EXPECT_EQ(lfu_counter(word, kNow, {}), word & 255);
}

TEST(Access, a_new_key_begins_with_five) {
    const uint32_t word = lfu_initial(kNow);
    EXPECT_EQ(word & 255, 5U);
    EXPECT_EQ(word >> 8, static_cast<uint32_t>(kNow / kMinute) & 0xFFFF);
    EXPECT_LE(word, 0xFFFFFFU);
    EXPECT_EQ(lfu_counter(word, kNow, {}), 5);
}

TEST(Access, the_counter_decays_by_one_each_period) {
    const uint32_t word = (lfu_initial(kNow) & ~255U) | 200;
    EXPECT_EQ(lfu_counter(word, kNow + 59'000 - kNow % kMinute, {}), 200);
    EXPECT_EQ(lfu_counter(word, kNow + 10 * kMinute, {}), 190);
    EXPECT_EQ(lfu_counter(word, kNow + 200 * kMinute, {}), 0);
    EXPECT_EQ(lfu_counter(word, kNow + 5000 * kMinute, {}), 0);
    EXPECT_EQ(lfu_counter(word, kNow + 10 * kMinute, {.decay_minutes = 4}), 198);
    EXPECT_EQ(lfu_counter(word, kNow + 5000 * kMinute, {.decay_minutes = 0}), 200);
}

TEST(Access, a_use_takes_the_decay_into_the_word) {
    base::Random random(test_seed());
    const uint32_t word = (lfu_initial(kNow) & ~255U) | 100;
    const uint32_t next = lfu_touch(word, kNow + 40 * kMinute, {.log_factor = 1'000'000}, random);
    EXPECT_EQ(next & 255, 60U);
    EXPECT_EQ(next >> 8, static_cast<uint32_t>((kNow + 40 * kMinute) / kMinute) & 0xFFFF);
}

TEST(Access, the_counter_is_a_logarithm_of_the_uses) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    // The table in redis.conf, for factor 10: 100 hits give 10, 1000 give 18, 100,000 give 142.
    struct Row {
        int hits;
        int low;
        int high;
    };
    for (const Row row : {Row{100, 7, 14}, Row{1000, 14, 24}, Row{100'000, 125, 160}}) {
        uint32_t word = lfu_initial(kNow);
        for (int hit = 0; hit < row.hits; ++hit) word = lfu_touch(word, kNow, {}, random);
        EXPECT_GE(static_cast<int>(word & 255), row.low) << row.hits;
        EXPECT_LE(static_cast<int>(word & 255), row.high) << row.hits;
    }
}

TEST(Access, the_counter_stops_at_255) {
    base::Random random(test_seed());
    uint32_t word = lfu_initial(kNow);
    for (int hit = 0; hit < 300; ++hit) word = lfu_touch(word, kNow, {.log_factor = 0}, random);
    EXPECT_EQ(word & 255, 255U);
    EXPECT_EQ(lfu_touch(word, kNow, {.log_factor = 0}, random), word);
}

}  // namespace
}  // namespace gyre::store
