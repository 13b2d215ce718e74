// SPDX-License-Identifier: BSD-3-Clause
//
// The client's deadlines, which no conversation shows exactly.

#include "client/socket.h"

#include <gtest/gtest.h>

namespace gyre::client {
namespace {

TEST(DeadlineTest, IsDividedAmongWhoMayStillFail) {
    const Deadline whole = Deadline::after(60'000);
    const int part_ms = whole.part(4).left_ms();
    EXPECT_LE(part_ms, 15'000);
    EXPECT_GT(part_ms, 10'000);
    EXPECT_GT(whole.part(1).left_ms(), 50'000);
    EXPECT_EQ(Deadline::now().part(3).left_ms(), 0);
    EXPECT_EQ(Deadline::after(0).part(3).left_ms(), -1);
}

}  // namespace
}  // namespace gyre::client
