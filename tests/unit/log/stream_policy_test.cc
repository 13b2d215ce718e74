// SPDX-License-Identifier: BSD-3-Clause
#include "log/stream_policy.h"

#include <gtest/gtest.h>

namespace gyre::log {
namespace {

constexpr StreamLimits kLimits;

/// Groups of so many bytes, each as long after the last one as it may gather.
void groups(StreamPolicy& policy, uint32_t count, uint64_t bytes, int64_t& now_us) {
    for (uint32_t i = 0; i < count; ++i) {
        now_us += policy.next().gather_us;
        policy.note_group(bytes, now_us);
    }
}

TEST(StreamPolicyTest, ManyLargeGroupsAreAStream) {
    StreamPolicy policy;
    int64_t now_us = 1'000'000;
    EXPECT_EQ(policy.next().gather_bytes, kLimits.alone.gather_bytes);
    groups(policy, kLimits.groups_min - 1, kLimits.alone.enough_bytes, now_us);
    EXPECT_FALSE(policy.is_streaming());
    groups(policy, 1, kLimits.alone.enough_bytes, now_us);
    EXPECT_TRUE(policy.is_streaming());
    EXPECT_EQ(policy.next().gather_bytes, kLimits.streaming.gather_bytes);
    EXPECT_EQ(policy.next().gather_us, kLimits.streaming.gather_us);
    policy.stop();
    EXPECT_FALSE(policy.is_streaming());
}

TEST(StreamPolicyTest, SmallGroupsAreNone) {
    StreamPolicy policy;
    int64_t now_us = 0;
    groups(policy, 1000, kLimits.alone.enough_bytes - 1, now_us);
    EXPECT_FALSE(policy.is_streaming());
}

TEST(StreamPolicyTest, NorAreLargeOnesWithPausesBetweenThem) {
    StreamPolicy policy;
    int64_t now_us = 0;
    for (int i = 0; i < 1000; ++i) {
        groups(policy, kLimits.groups_min - 1, 1 << 20, now_us);
        EXPECT_FALSE(policy.is_streaming());
        now_us += kLimits.gap_us_max;
    }
}

TEST(StreamPolicyTest, ADiskThatIsSlowIsNoPause) {
    StreamPolicy policy;
    for (int64_t now_us = 0; now_us < 100 * kLimits.gap_us_max; now_us += kLimits.gap_us_max) {
        policy.note_group(1 << 20, now_us);
        policy.note_written(now_us + kLimits.gap_us_max);
    }
    EXPECT_TRUE(policy.is_streaming());
}

TEST(StreamPolicyTest, ADiskThatStaysSlowHasNoneForLongerAndLonger) {
    StreamPolicy policy;
    int64_t now_us = 1'000'000;
    const auto comes_back_after = [&] {
        EXPECT_FALSE(policy.note_direct(kLimits.direct_us_max + 1, now_us));
        EXPECT_FALSE(policy.is_streaming());
        const int64_t start_us = now_us;
        while (!policy.is_streaming()) groups(policy, 1, 1 << 20, now_us);
        return now_us - start_us;
    };
    const int64_t a_little = kLimits.groups_min * kLimits.alone.gather_us;
    int64_t pause_us = kLimits.slow_pause_us_min;
    for (; pause_us < kLimits.slow_pause_us_max; pause_us *= 2) {
        const int64_t us = comes_back_after();
        EXPECT_GE(us, pause_us);
        EXPECT_LE(us, pause_us + a_little);
        // Some that are quick are not enough.
        for (uint32_t i = 1; i < kLimits.quick_min; ++i) {
            EXPECT_TRUE(policy.note_direct(kLimits.direct_us_max, now_us));
        }
    }
    EXPECT_GE(comes_back_after(), kLimits.slow_pause_us_max);
    EXPECT_LE(comes_back_after(), kLimits.slow_pause_us_max + a_little);
    for (uint32_t i = 0; i < kLimits.quick_min; ++i) policy.note_direct(1000, now_us);
    EXPECT_TRUE(policy.is_streaming());
    EXPECT_LE(comes_back_after(), kLimits.slow_pause_us_min + a_little);
}

TEST(StreamPolicyTest, OneGroupThatIsSmallDoesNotEndALongStreamTwoDo) {
    StreamPolicy policy;
    int64_t now_us = 0;
    groups(policy, kLimits.groups_min, kLimits.alone.enough_bytes, now_us);
    groups(policy, 1, kLimits.streaming.enough_bytes - 1, now_us);
    EXPECT_FALSE(policy.is_streaming()) << "a short one";
    groups(policy, 100, kLimits.streaming.enough_bytes, now_us);
    groups(policy, 1, kLimits.streaming.enough_bytes - 1, now_us);
    EXPECT_TRUE(policy.is_streaming());
    groups(policy, 1, kLimits.streaming.enough_bytes - 1, now_us);
    EXPECT_FALSE(policy.is_streaming());
}

}  // namespace
}  // namespace gyre::log
