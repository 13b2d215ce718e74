// SPDX-License-Identifier: BSD-3-Clause

#include "base/check.h"

#include <gtest/gtest.h>

namespace gyre::base {
namespace {

TEST(CheckDeathTest, a_failed_check_names_its_condition_and_place) {
    const int two = 2;
    EXPECT_DEATH(CHECK(two == 3), "check failed: two == 3 .*check_test.cc:[0-9]+");
}

TEST(Check, a_true_condition_is_evaluated_once_and_passes) {
    int count = 0;
    CHECK(++count == 1);
    EXPECT_EQ(count, 1);
}

TEST(CheckDeathTest, debug_checks_exist_in_debug_builds_only) {
    int count = 0;
#ifdef GYRE_DEBUG_CHECKS
    EXPECT_DEATH(DCHECK(++count == 2), "count == 2");
#else
    DCHECK(++count == 2);
    EXPECT_EQ(count, 0);
#endif
}

}  // namespace
}  // namespace gyre::base
