// SPDX-License-Identifier: BSD-3-Clause

#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "support/seed.h"

namespace gyre::base {
namespace {

TEST(Random, repeats_for_a_seed_and_not_for_another) {
    Random first(7), again(7), other(8);
    int equal_to_other = 0;
    for (int count = 0; count < 1000; ++count) {
        const uint64_t value = first.next();
        ASSERT_EQ(again.next(), value);
        equal_to_other += other.next() == value;
    }
    EXPECT_EQ(equal_to_other, 0);
}

TEST(Random, below_stays_below_and_is_even) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    std::array<int, 6> counts{};
    for (int count = 0; count < 60'000; ++count) ++counts.at(random.below(6));
    for (const int count : counts) EXPECT_NEAR(count, 10'000, 600);  // six deviations
    EXPECT_EQ(random.below(1), 0u);
    EXPECT_EQ(random.below(0), 0u);
    // A limit just above 2^63 makes every second product unfair.
    const uint64_t limit = (uint64_t{1} << 63) + 1;
    for (int count = 0; count < 1000; ++count) EXPECT_LT(random.below(limit), limit);
}

TEST(Random, unit_is_in_the_half_open_interval) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    double sum = 0;
    for (int count = 0; count < 10'000; ++count) {
        const double value = random.unit();
        ASSERT_GE(value, 0.0);
        ASSERT_LT(value, 1.0);
        sum += value;
    }
    EXPECT_NEAR(sum, 5000, 180);
}

TEST(Random, the_kernel_does_not_repeat_itself) {
    std::set<uint64_t> seen;
    for (int count = 0; count < 100; ++count) seen.insert(entropy());
    EXPECT_EQ(seen.size(), 100u);
}

}  // namespace
}  // namespace gyre::base
