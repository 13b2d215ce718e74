// SPDX-License-Identifier: BSD-3-Clause

// What the s3fifo policies are for: more hits. A cache in front of a store is imitated, read, and
// written when the read misses, with keys drawn from a Zipf distribution; the same requests go to
// each policy. Margins are half of what was measured, so that a fault in a queue shows and chance
// does not.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"
#include "support/command_runner.h"
#include "support/seed.h"

namespace gyre::engine {
namespace {

constexpr int64_t kMaxkeys = 2000;
constexpr size_t kUniverse = 200'000;
constexpr size_t kRequests = 240'000;

/// Key numbers by falling frequency; `scan_share` of the requests are for keys never asked for
/// again.
std::vector<size_t> zipf_requests(double exponent, double scan_share) {
    base::Random random(test_seed());
    std::vector<double> cumulated(kUniverse);
    double sum = 0;
    for (size_t rank = 0; rank < kUniverse; ++rank) {
        sum += std::pow(static_cast<double>(rank + 1), -exponent);
        cumulated[rank] = sum;
    }
    std::vector<size_t> requests(kRequests);
    for (size_t index = 0; index < kRequests; ++index) {
        const double draw = random.unit() * sum;
        const auto rank = std::lower_bound(cumulated.begin(), cumulated.end(), draw);
        requests[index] = random.unit() < scan_share
                              ? kUniverse + index
                              : static_cast<size_t>(rank - cumulated.begin());
    }
    return requests;
}

/// Per cent of the requests of the second half.
double hit_ratio(EvictionPolicy policy, const std::vector<size_t>& requests) {
    test::CommandRunner runner({.seed = test_seed()});
    runner.dataset().set_policy(policy, runner.executor());
    runner.dataset().set_maxkeys(kMaxkeys, runner.executor());
    runner.dataset().settings.lfu_decay_minutes = 0;
    size_t hits = 0;
    for (size_t index = 0; index < requests.size(); ++index) {
        runner.advance_ms(1000);  // a second is the finest that LRU can tell apart
        const std::string key = "key:" + std::to_string(requests[index]);
        if (runner.run({"GET", key}) != "$-1\r\n") {
            hits += index >= requests.size() / 2;
        } else if (is_volatile(policy)) {
            EXPECT_EQ(runner.run({"SET", key, "value", "EX", "1000000"}), "+OK\r\n");
        } else {
            EXPECT_EQ(runner.run({"SET", key, "value"}), "+OK\r\n");
        }
    }
    return 100.0 * static_cast<double>(hits) / static_cast<double>(requests.size() / 2);
}

struct Workload {
    const char* name;
    double exponent;
    double scan_share;
    double above_lru;  // points that s3fifo has to be above LRU
};

class S3FifoHitRatioTest : public testing::TestWithParam<Workload> {};

TEST_P(S3FifoHitRatioTest, is_above_lru_and_no_worse_than_lfu) {
    SCOPED_TRACE(seed_note());
    const std::vector<size_t> requests = zipf_requests(GetParam().exponent, GetParam().scan_share);
    const double lru = hit_ratio(EvictionPolicy::allkeys_lru, requests);
    const double lfu = hit_ratio(EvictionPolicy::allkeys_lfu, requests);
    RecordProperty("lru", std::to_string(lru));
    RecordProperty("lfu", std::to_string(lfu));
    for (const auto policy : {EvictionPolicy::allkeys_s3fifo, EvictionPolicy::volatile_s3fifo}) {
        SCOPED_TRACE(policy_name(policy));
        const double s3fifo = hit_ratio(policy, requests);
        RecordProperty(policy_name(policy), std::to_string(s3fifo));
        EXPECT_GT(s3fifo, lru + GetParam().above_lru) << "LRU " << lru << ", LFU " << lfu;
        EXPECT_GT(s3fifo, lfu) << "LRU " << lru;
    }
}

INSTANTIATE_TEST_SUITE_P(Workloads, S3FifoHitRatioTest,
                         testing::Values(Workload{"Zipf08", 0.8, 0, 5.5},
                                         Workload{"Zipf10", 1.0, 0, 4.5},
                                         Workload{"Zipf10WithScans", 1.0, 0.1, 4.5}),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace gyre::engine
