// SPDX-License-Identifier: BSD-3-Clause

// The queues of the s3fifo policies by themselves: the ring against a model, the ghosts by what
// they remember and for how long.

#include "store/s3fifo.h"

#include <gtest/gtest.h>

#include <deque>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "support/seed.h"

namespace gyre::store {
namespace {

TEST(FifoWord, a_word_holds_frequency_membership_and_place) {
    const uint32_t word = fifo_word::in_small(2, fifo_word::kPlaceMask - 5);
    EXPECT_EQ(word >> 24, 0U) << "an entry keeps 24 bits";
    EXPECT_TRUE(fifo_word::says_small(word));
    EXPECT_EQ(fifo_word::frequency(word), 2U);
    EXPECT_EQ(fifo_word::place(word), fifo_word::kPlaceMask - 5);
    EXPECT_FALSE(fifo_word::says_small(fifo_word::in_main(3)));
}

TEST(FifoWord, a_use_counts_up_to_three_and_leaves_the_rest_alone) {
    uint32_t word = fifo_word::in_small(0, 77);
    for (uint32_t uses = 1; uses < 6; ++uses) {
        word = fifo_word::touched(word);
        EXPECT_EQ(fifo_word::frequency(word), std::min(uses, fifo_word::kFrequencyMax));
        EXPECT_EQ(fifo_word::place(word), 77U);
        EXPECT_TRUE(fifo_word::says_small(word));
    }
}

TEST(SmallQueue, gives_back_in_order_what_was_not_forgotten) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    SmallQueue queue;
    std::deque<SmallQueue::Oldest> model;  // the live ones
    EXPECT_EQ(queue.pop().token, 0U);
    for (int round = 0; round < 200'000; ++round) {
        // By turns it grows and shrinks.
        const bool is_growing = round / 20'000 % 2 == 0;
        const uint64_t draw = random.below(10);
        if (draw < (is_growing ? 6U : 3U)) {
            const auto token = static_cast<uint32_t>(random.next()) | 1;
            model.push_back({token, queue.push(token)});
        } else if (draw < 8 && !model.empty()) {
            const auto chosen = static_cast<ptrdiff_t>(random.below(model.size()));
            const SmallQueue::Oldest one = model[static_cast<size_t>(chosen)];
            ASSERT_TRUE(queue.holds(one.place, one.token));
            EXPECT_FALSE(queue.holds(one.place, one.token + 1)) << "another key's word";
            queue.forget(one.place, one.token);
            ASSERT_FALSE(queue.holds(one.place, one.token));
            queue.forget(one.place, one.token);  // once is enough
            model.erase(model.begin() + chosen);
        } else if (!model.empty()) {
            const SmallQueue::Oldest oldest = queue.pop();
            ASSERT_EQ(oldest.token, model.front().token);
            ASSERT_EQ(oldest.place, model.front().place);
            model.pop_front();
        }
        ASSERT_EQ(queue.live(), model.size());
        const size_t length = queue.live() + queue.holes();
        ASSERT_LE(queue.memory_bytes(), (length * 4 + 32) * sizeof(uint32_t)) << length;
    }
    while (queue.live() > 0) queue.pop();
    EXPECT_EQ(queue.holes(), 0U);
    EXPECT_LE(queue.memory_bytes(), 256U);
}

TEST(SmallQueue, a_ring_of_holes_shrinks_at_once) {
    SmallQueue queue;
    constexpr uint32_t kTokens = 5000;
    for (uint32_t token = 1; token <= kTokens; ++token) queue.push(token);
    for (uint32_t token = 2; token < kTokens; ++token) queue.forget(token - 1, token);
    EXPECT_EQ(queue.holes(), kTokens - 2);
    queue.forget(0, 1);
    EXPECT_EQ(queue.holes(), 0U);
    EXPECT_TRUE(queue.holds(kTokens - 1, kTokens));
    EXPECT_LE(queue.memory_bytes(), 128U);
}

// A word has room for the low bits of a place only.
TEST(SmallQueue, finds_places_beyond_what_a_word_holds) {
    SmallQueue queue;
    const uint32_t length = (fifo_word::kPlaceMask + 1) + 1000;
    for (uint32_t token = 1; token <= length; ++token) {
        ASSERT_EQ(queue.push(token), (token - 1) & fifo_word::kPlaceMask);
    }
    EXPECT_TRUE(queue.holds(7, 8));
    EXPECT_TRUE(queue.holds(7, fifo_word::kPlaceMask + 1 + 8)) << "the same bits, the next turn";
    EXPECT_FALSE(queue.holds(7, 9));
    queue.forget(7, fifo_word::kPlaceMask + 1 + 8);
    EXPECT_TRUE(queue.holds(7, 8));
    EXPECT_EQ(queue.holes(), 1U);
}

TEST(SmallQueue, counts_its_memory_and_gives_it_back) {
    const int64_t before = base::used(base::Purpose::eviction);
    {
        SmallQueue queue;
        for (uint32_t token = 1; token < 5000; ++token) queue.push(token);
        EXPECT_EQ(base::used(base::Purpose::eviction) - before,
                  static_cast<int64_t>(queue.memory_bytes()));
    }
    EXPECT_EQ(base::used(base::Purpose::eviction), before);
}

uint64_t hash_of(uint64_t number) {
    return base::hash_bytes({reinterpret_cast<const char*>(&number), sizeof number});
}

TEST(GhostQueue, remembers_about_as_many_as_it_should_and_the_latest_ones) {
    constexpr uint64_t kCapacity = 10'000;
    const int64_t before = base::used(base::Purpose::eviction);
    GhostQueue ghosts;
    EXPECT_FALSE(ghosts.take(hash_of(1))) << "nothing was added";
    for (uint64_t number = 0; number < 5 * kCapacity; ++number) {
        ghosts.add(hash_of(number), kCapacity);
    }
    EXPECT_EQ(base::used(base::Purpose::eviction) - before,
              static_cast<int64_t>(ghosts.memory_bytes()));
    EXPECT_LE(ghosts.memory_bytes(), kCapacity * 2 + kCapacity / 8 + 200);
    const auto found = [&](uint64_t first, uint64_t last) {
        size_t count = 0;
        for (uint64_t number = first; number < last; ++number)
            count += ghosts.take(hash_of(number));
        return static_cast<double>(count) / static_cast<double>(last - first);
    };
    EXPECT_GT(found(5 * kCapacity - kCapacity / 2, 5 * kCapacity), 0.98);
    EXPECT_LT(found(0, 3 * kCapacity), 0.01);
    EXPECT_LT(found(5 * kCapacity, 8 * kCapacity), 0.002) << "keys it never saw";
    EXPECT_LT(found(5 * kCapacity - kCapacity / 2, 5 * kCapacity), 0.01) << "taken once";
}

TEST(GhostQueue, follows_the_number_of_keys) {
    GhostQueue ghosts;
    for (const uint64_t capacity : {uint64_t{1}, uint64_t{100}, uint64_t{50'000}, uint64_t{300}}) {
        for (uint64_t number = 0; number < capacity; ++number) {
            ghosts.add(hash_of(number), capacity);
        }
        EXPECT_LE(ghosts.memory_bytes(), capacity * 5 + 150);
        EXPECT_TRUE(ghosts.take(hash_of(capacity - 1)));
    }
}

}  // namespace
}  // namespace gyre::store
