// SPDX-License-Identifier: BSD-3-Clause
// HyperLogLogs: Redis' hash and bytes, the sparse form against the dense one, the estimate's error.

#include "types/hyperloglog.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

using Change = HyperLogLog::Change;

std::string text_of(uint64_t number) { return "element-" + std::to_string(number); }

TEST(HyperLogLogTest, BytesAreThoseOfRedis) {
    std::string value = HyperLogLog::empty();
    EXPECT_EQ(value, std::string("HYLL\1\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", 18));
    for (const char* element : {"a", "b", "c"}) {
        EXPECT_EQ(HyperLogLog::raise(value, HyperLogLog::mark_of(element), 3000), Change::changed);
        EXPECT_EQ(HyperLogLog::raise(value, HyperLogLog::mark_of(element), 3000), Change::none);
    }
    // As PFADD k a b c leaves them in redis-server 7.0.
    EXPECT_EQ(HyperLogLog::describe(value), "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603");
    EXPECT_EQ(HyperLogLog::count(value), 3U);
}

TEST(HyperLogLogTest, SparseAndDenseHoldTheSame) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    std::string sparse = HyperLogLog::empty();
    std::string dense = HyperLogLog::empty();
    ASSERT_TRUE(HyperLogLog::make_dense(dense));
    for (int i = 0; i < 3000; ++i) {
        const auto mark = HyperLogLog::mark_of(text_of(random.below(2500)));
        const Change change = HyperLogLog::raise(sparse, mark, 1 << 20);
        ASSERT_EQ(change == Change::changed, HyperLogLog::raise_dense(dense.data(), mark));
        if (i % 100 != 0) continue;
        std::string copy = sparse;
        ASSERT_TRUE(HyperLogLog::make_dense(copy));
        ASSERT_EQ(copy, dense);
        ASSERT_EQ(HyperLogLog::count(sparse), HyperLogLog::count(dense));
    }
    EXPECT_FALSE(HyperLogLog::is_dense(sparse));
}

TEST(HyperLogLogTest, EstimatesAreNear) {
    HyperLogLog::Registers registers{};
    std::string value = HyperLogLog::empty();
    uint64_t added = 0;
    for (const uint64_t wanted : {100U, 1000U, 10000U, 100000U, 300000U}) {
        for (; added < wanted; ++added) {
            HyperLogLog::raise(value, HyperLogLog::mark_of(text_of(added)), 3000);
        }
        const auto counted = static_cast<double>(HyperLogLog::count(value).value_or(0));
        EXPECT_NEAR(counted / static_cast<double>(wanted), 1.0, 0.03) << wanted;
    }
    EXPECT_TRUE(HyperLogLog::is_dense(value));
    EXPECT_EQ(HyperLogLog::estimate(registers), 0U);
}

TEST(HyperLogLogTest, ThresholdsAndLargeValuesMakeItDense) {
    std::string value = HyperLogLog::empty();
    EXPECT_EQ(HyperLogLog::raise(value, {5, 33}, 3000), Change::changed);
    EXPECT_TRUE(HyperLogLog::is_dense(value));
    value = HyperLogLog::empty();
    EXPECT_EQ(HyperLogLog::raise(value, {5, 3}, 18), Change::changed);
    EXPECT_TRUE(HyperLogLog::is_dense(value));
    EXPECT_EQ(value.size(), HyperLogLog::kDenseBytes);
}

TEST(HyperLogLogTest, DamagedOnesAreFound) {
    EXPECT_FALSE(HyperLogLog::is_valid("HYLL"));
    EXPECT_FALSE(HyperLogLog::is_valid(std::string("HYLX\1\0\0\0\0\0\0\0\0\0\0\0", 16)));
    EXPECT_FALSE(HyperLogLog::is_valid(std::string("HYLL\2\0\0\0\0\0\0\0\0\0\0\0", 16)));
    EXPECT_FALSE(HyperLogLog::is_valid(std::string("HYLL\0\0\0\0\0\0\0\0\0\0\0\0", 16)));
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (int round = 0; round < 3000; ++round) {
        std::string value = HyperLogLog::empty().substr(0, HyperLogLog::kHeaderBytes);
        for (uint64_t i = random.below(40); i > 0; --i) value += static_cast<char>(random.next());
        ASSERT_TRUE(HyperLogLog::is_valid(value));
        HyperLogLog::count(value);
        HyperLogLog::describe(value);
        std::string copy = value;
        HyperLogLog::raise(copy, HyperLogLog::mark_of(text_of(random.below(1000))), 20);
        HyperLogLog::make_dense(value);
    }
}

TEST(HyperLogLogTest, TheCachedCountIsVoidWhenTold) {
    std::string value = HyperLogLog::empty();
    EXPECT_EQ(HyperLogLog::cached_count(value), 0U);
    HyperLogLog::void_count(value.data());
    EXPECT_FALSE(HyperLogLog::cached_count(value));
    HyperLogLog::cache_count(value.data(), 4711);
    EXPECT_EQ(HyperLogLog::cached_count(value), 4711U);
}

}  // namespace
}  // namespace gyre::types
