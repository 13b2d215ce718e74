// SPDX-License-Identifier: BSD-3-Clause
// Frequencies of ranks against Zipf's law, by a chi-square test: for d degrees of freedom the sum
// has mean d and variance 2d; the bound is five standard deviations above, and the seed is fixed.

#include "load/zipf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "support/seed.h"

namespace gyre::load {
namespace {

std::vector<double> probabilities(size_t count, double exponent) {
    std::vector<double> weights;
    for (size_t rank = 1; rank <= count; ++rank)
        weights.push_back(std::pow(static_cast<double>(rank), -exponent));
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double& weight : weights) weight /= sum;
    return weights;
}

/// Ranks expected less than ten times are one cell together.
double chi_square(const std::vector<uint64_t>& seen, const std::vector<double>& expected,
                  double draws, size_t& cells) {
    double sum = 0;
    double rest_seen = 0;
    double rest_expected = 0;
    cells = 0;
    const auto add = [&](double got, double wanted) {
        sum += (got - wanted) * (got - wanted) / wanted;
        ++cells;
    };
    for (size_t rank = 0; rank < seen.size(); ++rank) {
        const double wanted = expected[rank] * draws;
        if (wanted < 10) {
            rest_seen += static_cast<double>(seen[rank]);
            rest_expected += wanted;
        } else {
            add(static_cast<double>(seen[rank]), wanted);
        }
    }
    if (rest_expected > 1) add(rest_seen, rest_expected);
    return sum;
}

TEST(LoadZipf, FrequenciesFollowTheLaw) {
    SCOPED_TRACE(seed_note());
    constexpr uint64_t kDraws = 200'000;
    for (const size_t count : {2, 10, 1000}) {
        for (const double exponent : {0.1, 0.5, 0.99, 1.0, 1.0000001, 1.2, 2.0, 3.5}) {
            base::Random random(test_seed());
            const Zipf zipf(count, exponent);
            std::vector<uint64_t> seen(count);
            for (uint64_t i = 0; i < kDraws; ++i) ++seen.at(zipf(random));
            size_t cells = 0;
            const double sum = chi_square(seen, probabilities(count, exponent), kDraws, cells);
            const auto freedom = static_cast<double>(cells - 1);
            EXPECT_LT(sum, freedom + 5 * std::sqrt(2 * freedom))
                << count << " ranks, exponent " << exponent;
        }
    }
}

TEST(LoadZipf, OneRankIsAlwaysDrawn) {
    base::Random random(1);
    const Zipf zipf(1, 0.99);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(zipf(random), 0U);
}

TEST(LoadZipf, LargeSpacesStayInRangeAndKeepTheShareOfTheFirstRank) {
    SCOPED_TRACE(seed_note());
    constexpr uint64_t kCount = 1'000'000'000'000;
    constexpr int kDraws = 100'000;
    base::Random random(test_seed());
    const Zipf zipf(kCount, 1.0);
    int first = 0;
    for (int i = 0; i < kDraws; ++i) {
        const uint64_t rank = zipf(random);
        ASSERT_LT(rank, kCount);
        first += rank == 0 ? 1 : 0;
    }
    // 1 / H(10^12), the harmonic number being log(10^12) + 0.5772.
    const double expected = kDraws / (std::log(1e12) + 0.5772);
    EXPECT_NEAR(first, expected, 5 * std::sqrt(expected));
}

TEST(LoadScatter, IsABijection) {
    for (const uint64_t count : {1, 2, 3, 7, 8, 9, 100, 1000, 4096, 10'007}) {
        const Scatter scatter(count);
        std::vector<bool> is_taken(count);
        for (uint64_t number = 0; number < count; ++number) {
            const uint64_t place = scatter(number);
            ASSERT_LT(place, count);
            EXPECT_FALSE(is_taken[place]) << number << " of " << count;
            is_taken[place] = true;
        }
    }
}

TEST(LoadScatter, NeighboursDoNotStayNeighbours) {
    constexpr uint64_t kCount = 1'000'000;
    const Scatter scatter(kCount);
    std::vector<uint64_t> quarters(4);
    int neighbours = 0;
    for (uint64_t number = 0; number < 1000; ++number) {
        const uint64_t place = scatter(number);
        ++quarters[place * 4 / kCount];
        const uint64_t next = scatter(number + 1);
        neighbours += (place > next ? place - next : next - place) < 100 ? 1 : 0;
    }
    EXPECT_LT(neighbours, 10);
    for (const uint64_t quarter : quarters) EXPECT_GT(quarter, 150U);
}

}  // namespace
}  // namespace gyre::load
