// SPDX-License-Identifier: BSD-3-Clause
// Percentiles against those of the sorted values themselves.

#include "load/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::load {
namespace {

constexpr double kPercents[] = {0, 1, 10, 50, 90, 99, 99.9, 99.99, 100};

int64_t sorted_percentile(const std::vector<int64_t>& sorted, double percent) {
    const double share = percent / 100 * static_cast<double>(sorted.size());
    const auto rank = std::max<size_t>(static_cast<size_t>(std::ceil(share)), 1);
    return sorted[rank - 1];
}

/// Every power of two equally often, so that all buckets are used.
std::vector<int64_t> random_values(base::Random& random, size_t count) {
    std::vector<int64_t> values;
    while (values.size() < count)
        values.push_back(static_cast<int64_t>(random.next() >> (23 + random.below(41))));
    return values;
}

TEST(LoadHistogram, PercentilesAreWithinTheBoundOfThoseOfTheSortedValues) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (const size_t count : {1, 2, 10, 999, 50'000}) {
        std::vector<int64_t> values = random_values(random, count);
        Histogram histogram;
        for (const int64_t value : values) histogram.record(value);
        std::sort(values.begin(), values.end());
        for (const double percent : kPercents) {
            const auto exact = static_cast<double>(sorted_percentile(values, percent));
            const auto told = static_cast<double>(histogram.percentile(percent));
            EXPECT_NEAR(told, exact, exact / 256 + 1e-9) << percent << " of " << count;
        }
    }
}

TEST(LoadHistogram, SmallValuesAreExact) {
    for (int64_t value = 0; value < 256; ++value) {
        Histogram histogram;
        histogram.record(value);
        histogram.record(100'000);
        EXPECT_EQ(histogram.percentile(50), value);
    }
}

TEST(LoadHistogram, TheBoundHoldsAtEveryEdgeOfAPowerOfTwo) {
    for (int power = 8; power < 42; ++power) {
        for (const int64_t value : {(int64_t{1} << power) - 1, int64_t{1} << power,
                                    (int64_t{1} << power) + 1, (int64_t{3} << power) / 2}) {
            Histogram histogram;
            histogram.record(value);
            histogram.record(INT64_MAX);  // the maximum does not help
            const auto told = static_cast<double>(histogram.percentile(50));
            EXPECT_NEAR(told, static_cast<double>(value), static_cast<double>(value) / 256);
        }
    }
}

TEST(LoadHistogram, MeanMaximumAndCountAreExact) {
    Histogram histogram;
    for (int64_t value = 1; value <= 10'001; ++value) histogram.record(value * 3);
    EXPECT_EQ(histogram.count(), 10'001U);
    EXPECT_EQ(histogram.max(), 30'003);
    EXPECT_DOUBLE_EQ(histogram.mean(), 15'003);
    EXPECT_EQ(histogram.percentile(100), histogram.max());
}

TEST(LoadHistogram, WhatIsBeyondTheEndCountsAsTheMaximum) {
    Histogram histogram;
    histogram.record(int64_t{1} << 50);
    histogram.record(int64_t{1} << 60);
    EXPECT_EQ(histogram.percentile(50), int64_t{1} << 60);
}

TEST(LoadHistogram, NegativeValuesCountAsZeroAndNoneGivesZero) {
    Histogram histogram;
    EXPECT_EQ(histogram.percentile(50), 0);
    EXPECT_EQ(histogram.mean(), 0);
    histogram.record(-5);
    EXPECT_EQ(histogram.count(), 1U);
    EXPECT_EQ(histogram.max(), 0);
}

}  // namespace
}  // namespace gyre::load
