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
