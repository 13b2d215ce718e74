// SPDX-License-Identifier: BSD-3-Clause

#include "base/stable_sort.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

TEST(StableSort, keeps_the_order_of_equals) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    for (size_t size = 0; size < 200; ++size) {
        std::vector<std::pair<uint64_t, size_t>> items;
        for (size_t index = 0; index < size; ++index) items.emplace_back(random.below(9), index);
        stable_sort(items,
                    [](const auto& left, const auto& right) { return left.first < right.first; });
        ASSERT_EQ(items.size(), size);
        for (size_t index = 1; index < size; ++index) ASSERT_LT(items[index - 1], items[index]);
    }
}

}  // namespace
}  // namespace gyre::base
