// SPDX-License-Identifier: BSD-3-Clause
#include "server/crowd.h"

#include <gtest/gtest.h>

namespace gyre::server {
namespace {

constexpr int64_t kWindowUs = Crowd::kWindowUs;

/// A window with so many turns, each of which answers so many others.
void fill(Crowd& crowd, size_t turns, size_t others) {
    for (size_t turn = 0; turn < turns; ++turn) crowd.note_turn(others);
}

TEST(CrowdTest, IsThereWhereManyOthersAreServedWithoutARest) {
    Crowd crowd;
    fill(crowd, 80, Crowd::kOthersMin);
    EXPECT_FALSE(crowd.is_due(kWindowUs - 1));
    EXPECT_TRUE(crowd.is_due(kWindowUs));
    EXPECT_TRUE(crowd.review(kWindowUs, 80 / Crowd::kTurnsPerSleep));
    // Nothing of it is left for the next window.
    EXPECT_FALSE(crowd.is_due(2 * kWindowUs - 1));
    EXPECT_FALSE(crowd.review(2 * kWindowUs, 80 / Crowd::kTurnsPerSleep));
}

TEST(CrowdTest, IsNotThereWhereTheThreadSleeps) {
    Crowd crowd;
    fill(crowd, 80, 100);
    EXPECT_FALSE(crowd.review(kWindowUs, 80 / Crowd::kTurnsPerSleep + 1));
    fill(crowd, 80, 100);
    EXPECT_TRUE(crowd.review(2 * kWindowUs, 80 / Crowd::kTurnsPerSleep + 1));
}

TEST(CrowdTest, IsNotThereWhereNobodyElseIs) {
    Crowd crowd;
    fill(crowd, 80, Crowd::kOthersMin - 1);
    EXPECT_FALSE(crowd.review(kWindowUs, 0));
    EXPECT_FALSE(crowd.review(2 * kWindowUs, 0));
}

/// A turn that was so long, or nothing to do: either is no row of full turns.
TEST(CrowdTest, IsNotThereBehindAPause) {
    Crowd crowd;
    fill(crowd, 80, 100);
    EXPECT_FALSE(crowd.review(Crowd::kLastsUs + 1, 0));
    fill(crowd, 80, 100);
    EXPECT_TRUE(crowd.review(2 * Crowd::kLastsUs, 0));
}

}  // namespace
}  // namespace gyre::server
