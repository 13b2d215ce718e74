// SPDX-License-Identifier: BSD-3-Clause

#include "engine/eviction_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::engine {
namespace {

EvictionPool::Candidate candidate(uint64_t score, uint64_t token) {
    return {.score = score, .token = token};
}

std::vector<uint64_t> take_scores(EvictionPool& pool) {
    std::vector<uint64_t> scores;
    while (!pool.empty()) {
        EXPECT_EQ(pool.best().token, EvictionPool(pool).take_best().token);
        scores.push_back(pool.take_best().score);
    }
    return scores;
}

// Against a model: of all tokens the best, each with the score it was last offered with.
TEST(EvictionPool, KeepsTheBest) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (int round = 0; round < 300; ++round) {
        EvictionPool pool;
        std::vector<uint64_t> offered;
        const size_t count = random.below(60);
        for (uint64_t token = 0; token < count; ++token) {
            offered.push_back(random.below(40));
            pool.offer(candidate(offered.back(), token));
        }
        std::sort(offered.rbegin(), offered.rend());
        offered.resize(std::min(offered.size(), EvictionPool::kCapacity));
        EXPECT_EQ(take_scores(pool), offered);
    }
}

TEST(EvictionPool, GivesAKeyItsNewScore) {
    EvictionPool pool;
    for (uint64_t token = 1; token <= EvictionPool::kCapacity; ++token) {
        pool.offer(candidate(token * 10, token));
    }
    pool.offer(candidate(5, EvictionPool::kCapacity));
    pool.offer(candidate(1000, 1));
    EXPECT_EQ(pool.best().token, 1U);
    std::vector<uint64_t> scores{1000};
    for (uint64_t token = EvictionPool::kCapacity - 1; token > 1; --token) {
        scores.push_back(token * 10);
    }
    scores.push_back(5);
    EXPECT_EQ(take_scores(pool), scores);
}

TEST(EvictionPool, TellsShardsAndDatabasesApart) {
    EvictionPool pool;
    pool.offer({.score = 1, .token = 7, .shard = 0, .database = 0});
    pool.offer({.score = 2, .token = 7, .shard = 1, .database = 0});
    pool.offer({.score = 3, .token = 7, .shard = 0, .database = 1});
    EXPECT_EQ(take_scores(pool), (std::vector<uint64_t>{3, 2, 1}));
}

TEST(EvictionPool, IsEmptyForAnotherPolicy) {
    EvictionPool pool;
    pool.use_for(EvictionPolicy::allkeys_lru);
    pool.offer(candidate(1, 1));
    pool.use_for(EvictionPolicy::allkeys_lru);
    EXPECT_FALSE(pool.empty());
    pool.use_for(EvictionPolicy::allkeys_lfu);
    EXPECT_TRUE(pool.empty());
}

}  // namespace
}  // namespace gyre::engine
