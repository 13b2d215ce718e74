// SPDX-License-Identifier: BSD-3-Clause
// The pacer with a clock that the test moves.

#include "load/pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/seed.h"

namespace gyre::load {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMillisecond;

TEST(LoadPacer, EvenTimesAreMultiplesOfTheDistance) {
    Pacer pacer({.rate = 1000, .start_ns = 5 * kSecond});
    for (int64_t i = 0; i < 5000; ++i) {
        EXPECT_EQ(pacer.next_ns(), 5 * kSecond + i * kMillisecond);
        EXPECT_EQ(pacer.take(), 5 * kSecond + i * kMillisecond);
    }
}

TEST(LoadPacer, EvenTimesDoNotDriftAtARateWithoutWholeDistance) {
    Pacer pacer({.rate = 300'000});
    for (int64_t i = 0; i < 3'000'000; ++i) pacer.take();
    EXPECT_EQ(pacer.next_ns(), 10 * kSecond);
}

/// A server that answers within 100 us, but stands still from 1.0 s to 1.5 s: a request every
/// millisecond, one at a time. What was due in the meantime has waited; leaving it out would show a
/// single slow request.
TEST(LoadPacer, LatenciesIncludeAStall) {
    constexpr int64_t kService = kMillisecond / 10;
    Pacer pacer({.rate = 1000});
    std::vector<int64_t> latencies;
    int64_t now = 0;
    while (latencies.size() < 3000) {
        if (pacer.next_ns() > now) now = pacer.next_ns();
        const int64_t intended = pacer.take();
        now += kService;
        if (now > kSecond && now < kSecond + 500 * kMillisecond) now = kSecond + 500 * kMillisecond;
        latencies.push_back(now - intended);
    }
    int slow = 0;
    int64_t longest = 0;
    for (const int64_t latency : latencies) {
        if (latency > kService) ++slow;
        longest = std::max(longest, latency);
    }
    EXPECT_EQ(longest, 500 * kMillisecond);
    // 500 were due during the stall, then one more each millisecond, and ten leave in that time:
    // the distance is made up for after 500 * 10/9 requests.
    EXPECT_NEAR(slow, 500.0 * 10 / 9, 2);
    // Afterwards it is on time again: nothing was dropped, nothing shifted.
    EXPECT_EQ(latencies.back(), kService);
    EXPECT_EQ(pacer.next_ns(), 3000 * kMillisecond);
}

TEST(LoadPacer, PoissonArrivalsHaveExponentialDistances) {
    SCOPED_TRACE(seed_note());
    constexpr int kCount = 200'000;
    Pacer pacer({.rate = 1000, .arrivals = Arrivals::poisson, .seed = test_seed()});
    double sum = 0;
    double squares = 0;
    int above_mean = 0;
    int64_t previous = pacer.take();
    EXPECT_EQ(previous, 0);
    for (int i = 0; i < kCount; ++i) {
        const int64_t time = pacer.take();
        ASSERT_GE(time, previous);
        const double distance = static_cast<double>(time - previous) / kMillisecond;
        previous = time;
        sum += distance;
        squares += distance * distance;
        above_mean += distance > 1 ? 1 : 0;
    }
    // Mean 1, second moment 2, a share of 1/e above the mean; five standard deviations each.
    const double deviation = 5 / std::sqrt(static_cast<double>(kCount));
    EXPECT_NEAR(sum / kCount, 1, deviation);
    EXPECT_NEAR(squares / kCount, 2, deviation * std::sqrt(20.0));
    EXPECT_NEAR(static_cast<double>(above_mean) / kCount, std::exp(-1), deviation * 0.5);
}

TEST(LoadPacer, TheSameSeedGivesTheSameTimes) {
    const auto times = [](uint64_t seed) {
        Pacer pacer({.rate = 1000, .arrivals = Arrivals::poisson, .seed = seed});
        std::vector<int64_t> taken;
        for (int i = 0; i < 100; ++i) taken.push_back(pacer.take());
        return taken;
    };
    EXPECT_EQ(times(7), times(7));
    EXPECT_NE(times(7), times(8));
}

}  // namespace
}  // namespace gyre::load
