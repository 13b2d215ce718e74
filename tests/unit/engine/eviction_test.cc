// SPDX-License-Identifier: BSD-3-Clause

// Making room: each policy takes only what it may, and rather what it should.

#include "engine/eviction.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "engine/keyspace.h"
#include "seed.h"
#include "store/access.h"

namespace gyre::engine {
namespace {

using store::Entry;
using store::Key;

constexpr int64_t kNow = 1'700'000'000'000;

class EvictionTest : public testing::Test {
protected:
    explicit EvictionTest(size_t shards = 8)
        : dataset_({.threads = 1, .databases = 2, .shards = shards, .seed = 1}),
          evictor_(dataset_, executor_, test_seed()) {}

    Entry* put(const std::string& name, int64_t expire_ms = store::kNoExpiry, size_t bytes = 10,
               size_t database = 0) {
        const Key key = Key::of(name);
        Keyspace keys(dataset_, executor_, database, kNow, true);
        return keys.put(key, keys.peek(key), types::plain_string(std::string(bytes, 'v')),
                        Deadline::at(expire_ms));
    }
    bool has(const std::string& name, size_t database = 0) {
        return Keyspace(dataset_, executor_, database, kNow, true).peek(Key::of(name)) != nullptr;
    }
    void set_policy(EvictionPolicy policy) { dataset_.settings.policy = policy; }
    size_t keys() { return dataset_.keys_total(executor_); }
    /// How many of "<prefix>0" ... are left.
    size_t count(const std::string& prefix, size_t total) {
        size_t left = 0;
        for (size_t index = 0; index < total; ++index) left += has(prefix + std::to_string(index));
        return left;
    }
    void evict(size_t times, size_t preferred = Evictor::kNoShard) {
        for (size_t turn = 0; turn < times; ++turn) {
            ASSERT_TRUE(evictor_.evict_one(kNow, preferred)) << turn;
        }
    }

    Dataset dataset_;
    Executor executor_;
    Evictor evictor_;
};

class OneShardEvictionTest : public EvictionTest {
protected:
    OneShardEvictionTest() : EvictionTest(1) {}
};

constexpr EvictionPolicy kVolatile[] = {EvictionPolicy::volatile_lru, EvictionPolicy::volatile_lfu,
                                        EvictionPolicy::volatile_random,
                                        EvictionPolicy::volatile_ttl};
constexpr EvictionPolicy kAllKeys[] = {EvictionPolicy::allkeys_lru, EvictionPolicy::allkeys_lfu,
                                       EvictionPolicy::allkeys_random};

TEST_F(EvictionTest, noeviction_evicts_nothing) {
    put("a", kNow + 5);
    EXPECT_FALSE(evictor_.evict_one(kNow));
    EXPECT_EQ(keys(), 1U);
}

TEST_F(EvictionTest, an_empty_data_set_has_nothing_to_evict) {
    for (const auto policy : kAllKeys) {
        set_policy(policy);
        EXPECT_FALSE(evictor_.evict_one(kNow));
        EXPECT_FALSE(evictor_.evict_one(kNow, 3));
    }
}

TEST_F(EvictionTest, volatile_policies_take_only_keys_with_a_deadline) {
    for (const auto policy : kVolatile) {
        SCOPED_TRACE(policy_name(policy));
        set_policy(policy);
        for (int index = 0; index < 400; ++index) put("stays:" + std::to_string(index));
        for (int index = 0; index < 40; ++index) {
            put("goes:" + std::to_string(index), kNow + 1000 + index, 10, index % 2);
        }
        const uint64_t evicted = dataset_.statistics(executor_).evicted;
        evict(40);
        EXPECT_FALSE(evictor_.evict_one(kNow)) << "nothing is left that may go";
        EXPECT_EQ(count("stays:", 400), 400U);
        EXPECT_EQ(keys(), 400U);
        EXPECT_EQ(dataset_.statistics(executor_).evicted, evicted + 40);
    }
}

TEST_F(EvictionTest, allkeys_policies_take_everything_in_the_end) {
    for (const auto policy : kAllKeys) {
        SCOPED_TRACE(policy_name(policy));
        set_policy(policy);
        for (int index = 0; index < 100; ++index) put("a:" + std::to_string(index));
        for (int index = 0; index < 100; ++index) {
            put("b:" + std::to_string(index), kNow + 99, 10, 1);
        }
        evict(200);
        EXPECT_FALSE(evictor_.evict_one(kNow));
        EXPECT_EQ(keys(), 0U);
    }
}

TEST_F(OneShardEvictionTest, volatile_ttl_takes_the_soonest) {
    set_policy(EvictionPolicy::volatile_ttl);
    dataset_.settings.samples = 64;
    // Not in the order of their deadlines, and at both ends of what a deadline can be.
    const std::vector<int64_t> deadlines = {INT64_MIN,     -5,           kNow + 1,
                                            kNow + 50,     kNow + 1000,  kNow + 70'000,
                                            INT64_MAX - 9, INT64_MAX - 1};
    for (size_t index = 0; index < deadlines.size(); ++index) {
        const size_t place = (index * 5) % deadlines.size();
        const std::string name = std::to_string(place);
        const Key key = Key::of(name);
        dataset_.shard(0).database(0, kNow).put_string(key, nullptr, types::plain_string("v"),
                                                       deadlines[place], store::kNoTimestamp);
    }
    for (size_t left = deadlines.size(); left > 0; --left) {
        EXPECT_EQ(keys(), left);
        evict(1);
        const size_t gone = deadlines.size() - left;
        const store::Partition& partition = dataset_.shard(0).database(0, kNow);
        EXPECT_EQ(partition.find(Key::of(std::to_string(gone))), nullptr) << gone;
    }
}

TEST_F(EvictionTest, lru_prefers_keys_unused_for_long) {
    SCOPED_TRACE(seed_note());
    for (const auto policy : {EvictionPolicy::allkeys_lru, EvictionPolicy::volatile_lru}) {
        set_policy(policy);
        for (int index = 0; index < 1000; ++index) {
            put("idle:" + std::to_string(index), kNow + 99)
                ->set_access_word(store::lru_clock(kNow - 1'000'000 - index));
            put("used:" + std::to_string(index), kNow + 99)
                ->set_access_word(store::lru_clock(kNow - index % 3 * 1000));
        }
        evict(700);
        EXPECT_LE(count("idle:", 1000), 325U);
        EXPECT_GE(count("used:", 1000), 975U);
        dataset_.flush_all(executor_);
    }
}

TEST_F(EvictionTest, a_key_used_a_moment_ahead_of_our_clock_is_not_idle) {
    set_policy(EvictionPolicy::allkeys_lru);
    for (int index = 0; index < 200; ++index) {
        put("ahead:" + std::to_string(index))->set_access_word(store::lru_clock(kNow + 1000));
        put("idle:" + std::to_string(index))->set_access_word(store::lru_clock(kNow - 100'000));
    }
    evict(100);
    EXPECT_GE(count("ahead:", 200), 195U);
}

TEST_F(EvictionTest, lfu_prefers_keys_used_little) {
    SCOPED_TRACE(seed_note());
    for (const auto policy : {EvictionPolicy::allkeys_lfu, EvictionPolicy::volatile_lfu}) {
        set_policy(policy);
        const uint32_t minute = store::lfu_initial(kNow) & ~255U;
        for (int index = 0; index < 1000; ++index) {
            const auto spread = static_cast<uint32_t>(index % 8);
            put("cold:" + std::to_string(index), kNow + 99)->set_access_word(minute | spread);
            put("hot:" + std::to_string(index), kNow + 99)
                ->set_access_word(minute | (150 + spread));
        }
        evict(700);
        EXPECT_LE(count("cold:", 1000), 325U);
        EXPECT_GE(count("hot:", 1000), 975U);
        dataset_.flush_all(executor_);
    }
}

TEST_F(EvictionTest, lfu_counts_the_decay_that_is_due) {
    set_policy(EvictionPolicy::allkeys_lfu);
    for (int index = 0; index < 300; ++index) {
        put("once hot:" + std::to_string(index))
            ->set_access_word((store::lfu_initial(kNow - 240 * 60'000) & ~255U) | 200);
        put("warm:" + std::to_string(index))
            ->set_access_word((store::lfu_initial(kNow) & ~255U) | 20);
    }
    evict(200);
    EXPECT_GE(count("warm:", 300), 290U);
}

TEST_F(EvictionTest, random_policies_take_from_everywhere) {
    set_policy(EvictionPolicy::allkeys_random);
    for (int index = 0; index < 1000; ++index) {
        put("a:" + std::to_string(index))->set_access_word(store::lru_clock(kNow - 500'000));
        put("b:" + std::to_string(index))->set_access_word(store::lru_clock(kNow));
    }
    evict(1000);
    EXPECT_GT(count("a:", 1000), 350U);
    EXPECT_LT(count("a:", 1000), 650U);
}

TEST_F(EvictionTest, a_preferred_shard_gives_first) {
    for (const auto policy : {EvictionPolicy::allkeys_lru, EvictionPolicy::allkeys_random,
                              EvictionPolicy::volatile_ttl}) {
        SCOPED_TRACE(policy_name(policy));
        set_policy(policy);
        for (int index = 0; index < 800; ++index) put("key:" + std::to_string(index), kNow + index);
        const size_t in_shard = dataset_.shard(3).keys();
        ASSERT_GT(in_shard, 60U);
        evict(50, 3);
        EXPECT_EQ(dataset_.shard(3).keys(), in_shard - 50);
        dataset_.flush_all(executor_);
    }
    // With fewer than the samples there, others have to give.
    put("alone");
    set_policy(EvictionPolicy::allkeys_lru);
    evict(1, (dataset_.shard_of(Key::of("alone").hash) + 1) % 8);
    EXPECT_EQ(keys(), 0U);
}

TEST_F(EvictionTest, candidates_that_went_or_changed_are_passed_over) {
    set_policy(EvictionPolicy::volatile_lru);
    for (int index = 0; index < 20; ++index) put("key:" + std::to_string(index), kNow + 9);
    evict(1);
    // Whatever waits in the pool may not be taken any more.
    for (int index = 0; index < 20; ++index) {
        if (has("key:" + std::to_string(index))) put("key:" + std::to_string(index));
    }
    EXPECT_FALSE(evictor_.evict_one(kNow));
    EXPECT_EQ(keys(), 19U);
    put("new", kNow + 9);
    EXPECT_TRUE(evictor_.evict_one(kNow));
    EXPECT_EQ(keys(), 19U);
    EXPECT_FALSE(has("new"));
}

TEST_F(EvictionTest, another_policy_forgets_the_candidates) {
    for (int index = 0; index < 50; ++index) put("key:" + std::to_string(index));
    set_policy(EvictionPolicy::allkeys_lru);
    evict(5);
    set_policy(EvictionPolicy::volatile_lru);
    EXPECT_FALSE(evictor_.evict_one(kNow));
    set_policy(EvictionPolicy::allkeys_lfu);
    evict(45);
    EXPECT_EQ(keys(), 0U);
}

TEST_F(EvictionTest, evicted_keys_give_their_places_back) {
    set_policy(EvictionPolicy::allkeys_lru);
    dataset_.set_maxkeys(100, executor_);
    for (int index = 0; index < 30; ++index) put("key:" + std::to_string(index));
    EXPECT_EQ(dataset_.keys_reserved(), 30);
    const uint64_t changes = dataset_.statistics(executor_).changes;
    evict(12);
    EXPECT_EQ(dataset_.keys_reserved(), 18);
    EXPECT_EQ(dataset_.statistics(executor_).changes, changes) << "no change of the client's";
}

TEST_F(EvictionTest, a_key_past_its_deadline_counts_as_expired) {
    set_policy(EvictionPolicy::volatile_ttl);
    put("past", kNow - 1);
    evict(1);
    EXPECT_EQ(dataset_.statistics(executor_).evicted, 0U);
    EXPECT_EQ(dataset_.statistics(executor_).expired_lazily, 1U);
}

// --- memory -------------------------------------------------------------------------------------

TEST_F(EvictionTest, memory_is_brought_below_the_limit) {
    set_policy(EvictionPolicy::allkeys_lru);
    EXPECT_FALSE(evictor_.is_over_memory()) << "no limit";
    for (int index = 0; index < 3000; ++index)
        put("key:" + std::to_string(index), store::kNoExpiry, 2000);
    const int64_t limit = base::used_estimate() - 2'000'000;
    dataset_.settings.maxmemory_bytes = limit;
    EXPECT_TRUE(evictor_.is_over_memory());
    EXPECT_TRUE(evictor_.make_memory(kNow));
    EXPECT_FALSE(evictor_.is_over_memory());
    EXPECT_GT(keys(), 1500U) << "no more than needed";
    EXPECT_LT(keys(), 2200U);
}

TEST_F(EvictionTest, memory_that_cannot_be_made_is_admitted) {
    for (int index = 0; index < 200; ++index) put("key:" + std::to_string(index));
    dataset_.settings.maxmemory_bytes = 1;
    for (const auto policy : {EvictionPolicy::noeviction, EvictionPolicy::volatile_lru}) {
        set_policy(policy);
        EXPECT_FALSE(evictor_.make_memory(kNow));
        EXPECT_EQ(keys(), 200U);
    }
    set_policy(EvictionPolicy::allkeys_random);
    EXPECT_FALSE(evictor_.make_memory(kNow));
    EXPECT_EQ(keys(), 0U);
}

TEST_F(EvictionTest, large_values_count_until_they_are_freed) {
    set_policy(EvictionPolicy::allkeys_lru);
    for (int index = 0; index < 50; ++index)
        put("key:" + std::to_string(index), store::kNoExpiry, 200'000);
    dataset_.settings.maxmemory_bytes = base::used_estimate() - 1'000'000;
    EXPECT_TRUE(evictor_.make_memory(kNow));
    EXPECT_TRUE(executor_.reclaimer.empty());
    EXPECT_GE(keys(), 42U);
    EXPECT_LE(keys(), 46U);
}

// After FLUSHALL memory is in use for a while: no key written since may go for that.
TEST_F(EvictionTest, flushed_keys_are_freed_before_any_is_evicted) {
    set_policy(EvictionPolicy::allkeys_lru);
    for (int index = 0; index < 3000; ++index)
        put("old:" + std::to_string(index), store::kNoExpiry, 2000);
    dataset_.flush_all(executor_);
    for (int index = 0; index < 100; ++index) put("new:" + std::to_string(index));
    dataset_.settings.maxmemory_bytes = base::used_estimate() - 3'000'000;
    EXPECT_TRUE(evictor_.make_memory(kNow));
    EXPECT_EQ(count("new:", 100), 100U);
    EXPECT_GT(dataset_.detached_entries(executor_), 0U) << "and no more than needed";
}

}  // namespace
}  // namespace gyre::engine
