// SPDX-License-Identifier: BSD-3-Clause
#include "log/group_policy.h"

#include <gtest/gtest.h>

namespace gyre::log {
namespace {

constexpr int64_t kSyncUs = 200;

TEST(GroupPolicyTest, WaitsForThoseWhoWereToldBesideThoseWhoWait) {
    GroupPolicy policy;
    EXPECT_FALSE(policy.holds(1, 0));
    policy.note_synced(1000, 500, kSyncUs, 10'000);
    EXPECT_EQ(policy.wanted(), 1400U);
    EXPECT_TRUE(policy.holds(500, 10'000));
    EXPECT_EQ(policy.until_us(), 10'400);
    EXPECT_TRUE(policy.holds(1399, 10'399));
    EXPECT_FALSE(policy.holds(1400, 10'001));
    EXPECT_FALSE(policy.holds(1399, 10'400));
}

TEST(GroupPolicyTest, WaitsNoLongerThanSomethingComes) {
    constexpr int64_t kIdle = GroupPolicy::kIdleUs;
    GroupPolicy policy;
    policy.note_synced(1000, 0, 10'000, 0);
    EXPECT_TRUE(policy.holds(100, 100));
    EXPECT_EQ(policy.until_us(), 100 + kIdle);
    EXPECT_TRUE(policy.holds(200, 100 + kIdle));
    EXPECT_EQ(policy.until_us(), 100 + 2 * kIdle);
    EXPECT_TRUE(policy.holds(200, 99 + 2 * kIdle));
    EXPECT_FALSE(policy.holds(200, 100 + 2 * kIdle));
    EXPECT_FALSE(policy.holds(200, 100 + 2 * kIdle));
    EXPECT_TRUE(policy.note_begun(200, 0).was_held);
    // In vain: far less than half has come.
    policy.note_synced(1000, 0, 10'000, 20'000);
    EXPECT_FALSE(policy.holds(100, 20'100));
}

TEST(GroupPolicyTest, NeverWaitsLongerThanTheMost) {
    GroupPolicy policy;
    policy.note_synced(1000, 0, 10'000, 50'000);
    for (int64_t us = 0; us < GroupPolicy::kHoldUsMax; ++us) {
        ASSERT_TRUE(policy.holds(1 + static_cast<uint64_t>(us / 100), 50'000 + us)) << us;
    }
    EXPECT_EQ(policy.until_us(), 50'000 + GroupPolicy::kHoldUsMax);
    EXPECT_FALSE(policy.holds(100, 50'000 + GroupPolicy::kHoldUsMax));
}

TEST(GroupPolicyTest, OneWhoWritesAloneIsNotHeldUp) {
    GroupPolicy policy;
    for (int64_t now_us = 0; now_us < 100'000; now_us += 1000) {
        policy.note_synced(100, 0, kSyncUs, now_us);
        EXPECT_FALSE(policy.holds(100, now_us + 50));
        policy.note_begun(100, now_us);
    }
}

TEST(GroupPolicyTest, OneWhoWritesAloneAndLessEachOtherTimeIsHeldUpLessAndLess) {
    GroupPolicy policy;
    int held = 0;
    for (int64_t group = 0; group < 1000; ++group) {
        const uint64_t bytes = group % 2 == 0 ? 100 : 60;
        int64_t now_us = group * 10'000;
        const bool holds = policy.holds(bytes, now_us);
        if (holds) now_us = policy.until_us();
        EXPECT_FALSE(policy.holds(bytes, now_us));
        EXPECT_EQ(policy.note_begun(bytes, now_us).was_held, holds);
        held += holds ? 1 : 0;
        policy.note_synced(bytes, 0, 1500, (group + 1) * 10'000 - 100);
    }
    EXPECT_GE(held, 5);
    EXPECT_LE(held, 12);
}

TEST(GroupPolicyTest, WhatIsForgottenIsNotWaitedForLater) {
    GroupPolicy policy;
    policy.note_synced(1000, 0, 10'000, 0);
    EXPECT_FALSE(policy.holds(1000, 10));
    EXPECT_FALSE(policy.note_begun(1000, 0).was_held);
    // A group that no one told of its sync.
    EXPECT_FALSE(policy.holds(10, 20));
}

/// One group: a hold that runs out, with so many of the bytes it was for. True when it held.
bool group_with(GroupPolicy& policy, uint64_t came) {
    policy.note_synced(1000, 50, kSyncUs, 0);
    const bool has_held = policy.holds(50, 1);
    EXPECT_FALSE(policy.holds(50 + came, kSyncUs * 2));
    EXPECT_EQ(policy.note_begun(50 + came, 0).was_held, has_held);
    return has_held;
}

TEST(GroupPolicyTest, WhoDoesNotComeBackIsWaitedForLessAndLess) {
    GroupPolicy policy;
    for (uint32_t pause = 1; pause <= GroupPolicy::kPauseMax; pause *= 2) {
        ASSERT_TRUE(group_with(policy, 100)) << pause;
        for (uint32_t i = 0; i < pause; ++i) ASSERT_FALSE(group_with(policy, 100)) << pause;
    }
    ASSERT_TRUE(group_with(policy, 100));
    for (uint32_t i = 0; i < GroupPolicy::kPauseMax; ++i) ASSERT_FALSE(group_with(policy, 100));
    // One that was worth it, and all is as in the beginning.
    ASSERT_TRUE(group_with(policy, 800));
    ASSERT_TRUE(group_with(policy, 100));
    ASSERT_FALSE(group_with(policy, 100));
    ASSERT_TRUE(group_with(policy, 450));
}

TEST(GroupPolicyTest, NothingIsInVainThatWasNotWaitedFor) {
    GroupPolicy policy;
    policy.note_synced(1000, 0, kSyncUs, 0);
    // Nobody wrote for a second: there was nothing to hold.
    EXPECT_FALSE(policy.holds(10, 1'000'000));
    policy.note_begun(10, 0);
    policy.note_synced(1000, 0, kSyncUs, 2'000'000);
    EXPECT_TRUE(policy.holds(10, 2'000'001));
}

/// Groups whose syncs take so long each, until that is known.
void sync_often(GroupPolicy& policy, int64_t took_us) {
    for (int i = 0; i < 100; ++i) policy.note_synced(10, 0, took_us, 0);
}

TEST(GroupPolicyTest, BesideACrowdAGroupBeginsSomeSyncsAfterTheOneBefore) {
    constexpr int64_t kGapUs = GroupPolicy::kDelaySyncs * kSyncUs;
    constexpr int64_t kSlackUs = 50;  // the mean is of whole microseconds
    GroupPolicy policy;
    sync_often(policy, kSyncUs);
    policy.note_begun(10, 10'000);
    EXPECT_TRUE(policy.delays(10, 10'001, 1'000'000));
    EXPECT_LE(policy.until_us(), 10'000 + kGapUs);
    EXPECT_GE(policy.until_us(), 10'000 + kGapUs - kSlackUs);
    EXPECT_EQ(policy.wanted(), GroupPolicy::kDelayedBytesMax);
    EXPECT_TRUE(policy.delays(10, policy.until_us() - 1, 1'000'000));
    EXPECT_FALSE(policy.delays(10, policy.until_us(), 1'000'000));
    EXPECT_TRUE(policy.note_begun(10, 20'000).was_delayed);
    // Who writes seldom does not wait.
    EXPECT_FALSE(policy.delays(10, 20'000 + kGapUs, 1'000'000));
    EXPECT_FALSE(policy.note_begun(10, 30'000).was_delayed);
}

TEST(GroupPolicyTest, ADelayHasAnEndAndIsNotForLargeGroups) {
    GroupPolicy policy;
    sync_often(policy, 50'000);
    policy.note_begun(10, 0);
    EXPECT_TRUE(policy.delays(10, 2999, 3000));
    EXPECT_EQ(policy.until_us(), 3000);
    EXPECT_FALSE(policy.delays(GroupPolicy::kDelayedBytesMax, 1, 3000));
    EXPECT_FALSE(policy.delays(10, 3000, 3000));
    EXPECT_FALSE(policy.delays(10, 1, 0));
}

TEST(GroupPolicyTest, WhatWasDelayedIsNotHeldInVain) {
    GroupPolicy policy;
    sync_often(policy, kSyncUs);
    policy.note_begun(1000, 0);
    policy.note_synced(1000, 0, kSyncUs, 100);
    EXPECT_TRUE(policy.delays(10, 110, 1'000'000));
    // It is over; of those who were waited for one came, but nothing was held for them.
    EXPECT_FALSE(policy.delays(10, 10'000, 1'000'000));
    EXPECT_FALSE(policy.holds(10, 10'000));
    const GroupPolicy::Begun begun = policy.note_begun(10, 10'000);
    EXPECT_TRUE(begun.was_delayed);
    EXPECT_FALSE(begun.was_held);
    policy.note_synced(1000, 0, kSyncUs, 10'200);
    EXPECT_TRUE(policy.holds(10, 10'210));
}

}  // namespace
}  // namespace gyre::log
