// SPDX-License-Identifier: BSD-3-Clause
// The test of PFSELFTEST itself: it passes, and finds a register or an estimate that is wrong.

#include "types/hyperloglog_self_test.h"

#include <gtest/gtest.h>

#include <string>

namespace gyre::types {
namespace {

TEST(HyperLogLogSelfTestTest, TheBuildAtHandPasses) {
    HyperLogLogSelfTest test(4711);
    size_t steps = 0;
    while (test.step()) ++steps;
    EXPECT_EQ(test.failure(), "");
    EXPECT_GT(steps, 1000U);
    EXPECT_FALSE(test.step());
}

TEST(HyperLogLogSelfTestTest, ARegisterThatIsWrongIsFound) {
    std::string value = HyperLogLog::empty();
    ASSERT_TRUE(HyperLogLog::make_dense(value));
    HyperLogLog::Registers expected{};
    HyperLogLog::raise_dense(value.data(), {77, 5});
    expected[77] = 5;
    EXPECT_EQ(HyperLogLogSelfTest::register_failure(expected, value), "");
    HyperLogLog::raise_dense(value.data(), {78, 3});
    EXPECT_EQ(HyperLogLogSelfTest::register_failure(expected, value),
              "Register 78 should be 0 but is 3");
}

TEST(HyperLogLogSelfTestTest, AnEstimateTooFarOffIsFound) {
    EXPECT_EQ(HyperLogLogSelfTest::estimate_failure(10, 9), "");
    EXPECT_EQ(HyperLogLogSelfTest::estimate_failure(10, 12), "Too big error. card:10 abserr:2");
    EXPECT_EQ(HyperLogLogSelfTest::estimate_failure(100'000, 104'000), "");
    EXPECT_EQ(HyperLogLogSelfTest::estimate_failure(100'000, 94'000),
              "Too big error. card:100000 abserr:6000");
}

}  // namespace
}  // namespace gyre::types
