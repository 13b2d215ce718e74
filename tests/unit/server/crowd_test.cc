// SPDX-License-Identifier: BSD-3-Clause
#include "server/crowd.h"

#include <gtest/gtest.h>

namespace gyre::server {
namespace {

constexpr int64_t kWindowUs = Crowd::kWindowUs;
constexpr size_t kTurns = 80;

/// A worker, window by window; each as full as one may be unless something is changed.
class CrowdTest : public ::testing::Test {
protected:
    bool review() {
        now_us += took_us;
        use.cpu_us += cpu_us;
        use.sleeps += sleeps;
        use.preemptions += preemptions;
        for (size_t turn = 0; turn < kTurns; ++turn) crowd.note_turn(others);
        return crowd.review(now_us, use);
    }

    Crowd crowd;
    ring::ThreadUse use;
    int64_t now_us = 0;
    int64_t took_us = kWindowUs;
    int64_t cpu_us = kWindowUs * Crowd::kBusyPercent / 100;
    size_t others = Crowd::kOthersMin;
    uint64_t sleeps = kTurns / Crowd::kTurnsPerSleep;
    uint64_t preemptions = 1;
};

TEST_F(CrowdTest, IsThereWhereManyOthersAreServedWithoutARest) {
    for (int window = 0; window < 3; ++window) EXPECT_TRUE(review());
    EXPECT_FALSE(crowd.is_due(now_us + kWindowUs - 1));
    EXPECT_TRUE(crowd.is_due(now_us + kWindowUs));
    // Nothing of a window is left for the next.
    EXPECT_FALSE(crowd.review(now_us + kWindowUs, use));
}

TEST_F(CrowdTest, IsNotThereWhereTheThreadSleeps) {
    ++sleeps;
    EXPECT_FALSE(review());
    --sleeps;
    EXPECT_TRUE(review());
}

TEST_F(CrowdTest, IsNotThereWhereNobodyElseIs) {
    --others;
    EXPECT_FALSE(review());
    ++others;
    EXPECT_TRUE(review());
}

/// Few sleeps, but long ones.
TEST_F(CrowdTest, IsNotThereWhereTheThreadUsesLittleOfItsProcessor) {
    --cpu_us;
    EXPECT_FALSE(review());
    ++cpu_us;
    EXPECT_TRUE(review());
}

/// The log has another processor: nobody gains by its waiting.
TEST_F(CrowdTest, IsNotThereWhereNobodyElseNeedsTheProcessor) {
    preemptions = 0;
    EXPECT_FALSE(review());
    preemptions = 1;
    EXPECT_TRUE(review());
    took_us *= 3;
    cpu_us *= 3;
    EXPECT_FALSE(review());
    preemptions = 3;
    EXPECT_TRUE(review());
}

/// A turn that was so long, or nothing to do: either is no row of full turns.
TEST_F(CrowdTest, IsNotThereBehindAPause) {
    took_us = Crowd::kLastsUs + 1;
    cpu_us = took_us;
    preemptions = 10;
    EXPECT_FALSE(review());
    took_us = Crowd::kLastsUs;
    EXPECT_TRUE(review());
}

}  // namespace
}  // namespace gyre::server
