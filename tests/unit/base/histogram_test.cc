// SPDX-License-Identifier: BSD-3-Clause

#include "base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

TEST(Histogram, is_small_and_starts_empty) {
    const Histogram histogram;
    EXPECT_LE(sizeof(histogram), 4096u);
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_EQ(histogram.percentile(50), 0);
    EXPECT_EQ(histogram.max(), 0);
    EXPECT_EQ(histogram.mean(), 0);
}

TEST(Histogram, a_single_value_comes_back_within_its_error) {
    for (int64_t value = 0; value < int64_t{1} << 33; value += 1 + value / 97) {
        Histogram histogram;
        histogram.record(value);
        histogram.record(int64_t{1} << 33);  // so that the maximum does not help
        ASSERT_NEAR(static_cast<double>(histogram.percentile(50)), static_cast<double>(value),
                    std::max(1.0, 0.03 * static_cast<double>(value)));
    }
}

TEST(Histogram, values_below_sixteen_are_exact) {
    for (int64_t value = 0; value < 16; ++value) {
        Histogram histogram;
        histogram.record(value);
        histogram.record(1000);
        EXPECT_EQ(histogram.percentile(50), value);
    }
}

TEST(Histogram, values_outside_the_range_are_counted) {
    Histogram histogram;
    histogram.record(-5);
    EXPECT_EQ(histogram.percentile(100), 0);
    histogram.record(INT64_MAX);
    EXPECT_EQ(histogram.max(), INT64_MAX);
    EXPECT_EQ(histogram.percentile(100), INT64_MAX);
    EXPECT_EQ(histogram.count(), 2u);
}

TEST(Histogram, percentiles_agree_with_the_sorted_values) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    Histogram histogram;
    std::vector<int64_t> values;
    for (int count = 0; count < 20'000; ++count) {
        const auto value = static_cast<int64_t>(std::exp(random.unit() * 20));
        values.push_back(value);
        histogram.record(value);
    }
    std::sort(values.begin(), values.end());
    for (const double percent : {0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
        const auto rank = static_cast<size_t>(std::ceil(percent / 100 * 20'000));
        const auto exact = static_cast<double>(values[std::max<size_t>(rank, 1) - 1]);
        EXPECT_NEAR(static_cast<double>(histogram.percentile(percent)), exact,
                    std::max(1.0, 0.03 * exact))
            << percent;
    }
    EXPECT_EQ(histogram.max(), values.back());
}

TEST(Histogram, merging_is_like_recording_all_in_one) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    Histogram left, right, all;
    for (int count = 0; count < 1000; ++count) {
        const auto value = static_cast<int64_t>(random.below(1'000'000));
        (count % 3 == 0 ? left : right).record(value);
        all.record(value);
    }
    left.merge(right);
    EXPECT_EQ(left.count(), all.count());
    EXPECT_EQ(left.sum(), all.sum());
    EXPECT_EQ(left.max(), all.max());
    for (int percent = 0; percent <= 100; ++percent) {
        EXPECT_EQ(left.percentile(percent), all.percentile(percent));
    }
    left.reset();
    EXPECT_EQ(left.count(), 0u);
    EXPECT_EQ(left.percentile(99), 0);
}

TEST(Histogram, buckets_are_shown_in_order_with_their_counts) {
    Histogram histogram;
    histogram.record(3, 5);
    histogram.record(1000);
    histogram.record(1000, 0);
    histogram.record(70'000, 2);
    std::vector<int64_t> ends;
    uint64_t sum = 0;
    histogram.for_each_bucket([&](int64_t end, uint64_t count) {
        ends.push_back(end);
        sum += count;
    });
    ASSERT_EQ(ends.size(), 3u);
    EXPECT_EQ(ends[0], 3);
    EXPECT_GE(ends[1], 1000);
    EXPECT_LE(ends[1], 1060);
    EXPECT_GE(ends[2], 70'000);
    EXPECT_EQ(sum, 8u);
    EXPECT_DOUBLE_EQ(histogram.mean(), (15 + 1000 + 140'000) / 8.0);
}

}  // namespace
}  // namespace gyre::base
