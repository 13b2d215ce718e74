// SPDX-License-Identifier: BSD-3-Clause

#include "ring/gather_policy.h"

#include <gtest/gtest.h>

namespace gyre::ring {
namespace {

constexpr uint32_t kGatherUs = 80;

class GatherPolicyTest : public testing::Test {
protected:
    /// A window of `us` with so many active peers for each millisecond, and so busy.
    Gathering window(int64_t peers, int64_t busy_percent, int64_t us = GatherPolicy::kWindowUs) {
        for (int64_t count = peers * us / 1000; count > 0; --count) policy_.note_active();
        now_us_ += us;
        cpu_us_ += us * busy_percent / 100;
        EXPECT_TRUE(policy_.review(now_us_, cpu_us_));
        return policy_.gathering();
    }

    GatherPolicy policy_{kGatherUs};
    int64_t now_us_ = 1'000'000;
    int64_t cpu_us_ = 10'000;
};

TEST_F(GatherPolicyTest, WaitsForOneAtFirst) {
    EXPECT_EQ(policy_.gathering().completions, 1U);
    EXPECT_EQ(policy_.gathering().us, 0U);
}

TEST_F(GatherPolicyTest, WaitsForAThirdOfThePeersUnderLoad) {
    window(60, 0);  // the first has no beginning
    EXPECT_EQ(window(60, 39).completions, 1U);
    const Gathering gathering = window(60, 40);
    EXPECT_EQ(gathering.completions, 20U);
    EXPECT_EQ(gathering.us, kGatherUs);
    EXPECT_EQ(window(90, 80).completions, 30U);
}

TEST_F(GatherPolicyTest, GoesOnUntilTheLoadIsWellBelow) {
    window(60, 0);
    window(60, 40);
    EXPECT_EQ(window(60, 30).completions, 20U);
    EXPECT_EQ(window(60, 29).completions, 1U);
    EXPECT_EQ(window(60, 30).completions, 1U);
}

TEST_F(GatherPolicyTest, WaitsForOneWhileAWakeIsAwaited) {
    window(60, 0);
    ASSERT_EQ(window(60, 60).completions, 20U);
    EXPECT_TRUE(policy_.set_may_gather(false));
    EXPECT_FALSE(policy_.set_may_gather(false));
    EXPECT_EQ(policy_.gathering().completions, 1U);
    EXPECT_EQ(policy_.gathering().us, 0U);
    // What is learned meanwhile counts afterwards.
    EXPECT_EQ(window(90, 80).completions, 1U);
    EXPECT_TRUE(policy_.set_may_gather(true));
    EXPECT_EQ(policy_.gathering().completions, 30U);
}

// Few peers would all wait for an answer before there are enough.
TEST_F(GatherPolicyTest, WaitsForOneWithFewPeers) {
    window(60, 0);
    const int64_t fewest = GatherPolicy::kCompletionsMin * GatherPolicy::kPeersShare;
    EXPECT_EQ(window(fewest - 1, 100).completions, 1U);
    EXPECT_EQ(window(fewest, 100).completions,
              static_cast<uint32_t>(GatherPolicy::kCompletionsMin));
}

TEST_F(GatherPolicyTest, CountsPeersForEachMillisecond) {
    window(60, 0);
    EXPECT_EQ(window(60, 70, 5000).completions, 20U);
    // A thread that slept for long begins with a wait for one.
    EXPECT_EQ(window(1, 1, 1'000'000).completions, 1U);
}

TEST_F(GatherPolicyTest, DecidesNothingWithinAWindow) {
    window(60, 0);
    for (int peer = 0; peer < 60 * GatherPolicy::kWindowUs / 1000; ++peer) policy_.note_active();
    EXPECT_FALSE(policy_.review(now_us_ + GatherPolicy::kWindowUs - 1, cpu_us_ + 3600));
    EXPECT_EQ(policy_.gathering().completions, 1U);
    EXPECT_TRUE(policy_.review(now_us_ + GatherPolicy::kWindowUs, cpu_us_ + 3600));
    EXPECT_EQ(policy_.gathering().completions, 20U);
}

TEST(GatherPolicy, NeverWhenSwitchedOff) {
    GatherPolicy policy(0);
    for (int peer = 0; peer < 600; ++peer) policy.note_active();
    EXPECT_TRUE(policy.review(10'000, 10'000));
    EXPECT_EQ(policy.gathering().completions, 1U);
}

}  // namespace
}  // namespace gyre::ring
