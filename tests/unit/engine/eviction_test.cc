// SPDX-License-Identifier: BSD-3-Clause

// Making room: each policy takes only what it may, and rather what it should.

#include "engine/eviction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/keyspace.h"
#include "store/access.h"
#include "support/seed.h"

namespace gyre::engine {
namespace {

using store::Entry;
using store::Key;

constexpr int64_t kNow = 1'700'000'000'000;

class EvictionTest : public testing::Test {
protected:
    explicit EvictionTest(size_t shards = 8)
        // Where keys lie decides what samples see: the seed of a run says all of it.
        : dataset_((base::seed_hash(test_seed()),
                    DatasetOptions{.threads = 1, .databases = 2, .shards = shards, .seed = 1})),
          evictor_(dataset_, executor_, test_seed(), [this] { return clock_us_ += us_per_look_; }) {
    }

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
    void set_policy(EvictionPolicy policy) { dataset_.set_policy(policy, executor_); }
    size_t keys() { return dataset_.keys_total(executor_); }
    /// How many of "<prefix>0" ... are left.
    size_t count(const std::string& prefix, size_t total) {
        size_t left = 0;
        for (size_t index = 0; index < total; ++index) left += has(prefix + std::to_string(index));
        return left;
    }
    void evict_owed(int64_t count, int64_t maxkeys, std::span<const Key> own, int64_t now_ms,
                    size_t preferred) {
        dataset_.owe_evictions(count);
        evictor_.evict_keys(count, maxkeys, own, now_ms, preferred);
        EXPECT_EQ(dataset_.owed_evictions(), 0);
    }
    void evict(size_t times, size_t preferred = Evictor::kNoShard) {
        for (size_t turn = 0; turn < times; ++turn) {
            ASSERT_TRUE(evictor_.evict_one(kNow, preferred)) << turn;
        }
    }

    Dataset dataset_;
    Executor executor_;
    int64_t clock_us_ = 0;
    int64_t us_per_look_ = 0;  // what the clock goes on by each time it is read
    Evictor evictor_;
};

class OneShardEvictionTest : public EvictionTest {
protected:
    OneShardEvictionTest() : EvictionTest(1) {}
};

constexpr EvictionPolicy kVolatile[] = {
    EvictionPolicy::volatile_lru, EvictionPolicy::volatile_lfu, EvictionPolicy::volatile_random,
    EvictionPolicy::volatile_ttl, EvictionPolicy::volatile_s3fifo};
constexpr EvictionPolicy kAllKeys[] = {EvictionPolicy::allkeys_lru, EvictionPolicy::allkeys_lfu,
                                       EvictionPolicy::allkeys_random,
                                       EvictionPolicy::allkeys_s3fifo};

constexpr EvictionPolicy kEvicting[] = {
    EvictionPolicy::volatile_lru, EvictionPolicy::volatile_lfu,    EvictionPolicy::volatile_random,
    EvictionPolicy::volatile_ttl, EvictionPolicy::volatile_s3fifo, EvictionPolicy::allkeys_lru,
    EvictionPolicy::allkeys_lfu,  EvictionPolicy::allkeys_random,  EvictionPolicy::allkeys_s3fifo};

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

TEST_F(EvictionTest, random_policies_take_from_each_database_its_share) {
    for (const auto policy : {EvictionPolicy::allkeys_random, EvictionPolicy::volatile_random}) {
        SCOPED_TRACE(policy_name(policy));
        set_policy(policy);
        for (int index = 0; index < 3000; ++index) {
            put("key:" + std::to_string(index), kNow + 1000, 10, 0);
            if (index % 3 == 0) put("key:" + std::to_string(index), kNow + 1000, 10, 1);
        }
        evict(1000);
        EXPECT_NEAR(static_cast<double>(dataset_.keys(0, executor_)), 2250, 100);
        EXPECT_NEAR(static_cast<double>(dataset_.keys(1, executor_)), 750, 100);
        dataset_.flush_all(executor_);
    }
}

// As many samples as there may be are no reason to look through every shard: the idlest is not
// always among those that were.
TEST_F(EvictionTest, more_samples_than_can_be_taken_count_as_the_most) {
    set_policy(EvictionPolicy::allkeys_lru);
    dataset_.settings.samples = INT32_MAX;
    for (int index = 0; index < 2000; ++index) put("key:" + std::to_string(index));
    dataset_.for_each_shard(executor_, [&](store::Shard& shard) {
        const bool is_idlest = &shard == &dataset_.shard(3);
        shard.database(0, kNow).for_each([&](Entry& entry) {
            entry.set_access_word(store::lru_clock(is_idlest ? kNow - 900'000 : kNow));
        });
    });
    const size_t in_shard = dataset_.shard(3).keys();
    constexpr size_t kTurns = 40;
    for (uint64_t turn = 0; turn < kTurns; ++turn) {
        Evictor evictor(dataset_, executor_, test_seed() + turn, [] { return 0; });
        ASSERT_TRUE(evictor.evict_one(kNow));
    }
    EXPECT_GT(dataset_.shard(3).keys(), in_shard - kTurns);
}

TEST_F(EvictionTest, a_preferred_shard_gives_first) {
    for (const auto policy : kEvicting) {
        SCOPED_TRACE(policy_name(policy));
        dataset_.set_policy(policy, executor_);
        for (int index = 0; index < 800; ++index) put("key:" + std::to_string(index), kNow + index);
        const size_t in_shard = dataset_.shard(3).keys();
        ASSERT_GT(in_shard, 60U);
        evict(50, 3);
        EXPECT_EQ(dataset_.shard(3).keys(), in_shard - 50);
        dataset_.flush_all(executor_);
    }
    // With fewer than the samples there, others have to give.
    for (const auto policy : kEvicting) {
        put("alone", kNow + 1);
        set_policy(policy);
        evict(1, (dataset_.shard_of(Key::of("alone").hash) + 1) % 8);
        EXPECT_EQ(keys(), 0U);
    }
}

// A shard with a key or two is no reason to take these.
TEST_F(EvictionTest, few_keys_are_compared_over_all_shards_whichever_is_written) {
    SCOPED_TRACE(seed_note());
    dataset_.settings.samples = 64;
    base::Random random(test_seed());
    for (const auto policy : {EvictionPolicy::volatile_ttl, EvictionPolicy::allkeys_lru,
                              EvictionPolicy::volatile_lfu}) {
        SCOPED_TRACE(policy_name(policy));
        set_policy(policy);
        for (int round = 0; round < 200; ++round) {
            const auto total = static_cast<int>(2 + random.below(19));
            const auto name = [&](int index) {
                return std::to_string(round) + ":" + std::to_string(index);
            };
            for (int index = 0; index < total; ++index) {
                Entry* entry = put(name(index), kNow + 10'000 + index * 100'000);
                entry->set_access_word(policy == EvictionPolicy::volatile_lfu
                                           ? store::lfu_initial(kNow) + static_cast<uint32_t>(index)
                                           : store::lru_clock(kNow - (total - index) * 10'000));
            }
            evict(1, random.below(8));
            EXPECT_FALSE(has(name(0))) << total;
            EXPECT_EQ(keys(), static_cast<size_t>(total) - 1);
            dataset_.flush_all(executor_);
        }
    }
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

TEST_F(EvictionTest, the_few_keys_with_a_deadline_are_found_among_many) {
    for (const auto policy : kVolatile) {
        SCOPED_TRACE(policy_name(policy));
        set_policy(policy);
        for (int index = 0; index < 20'000; ++index) put("stays:" + std::to_string(index));
        // Their tokens stay in the wheels, and are not what is looked for.
        for (int index = 0; index < 2000; ++index) {
            const std::string name = "stale:" + std::to_string(index);
            const Key key = Key::of(name);
            Keyspace keys(dataset_, executor_, 0, kNow, true);
            keys.erase(key, put(name, kNow + 5000 + index));
        }
        for (int index = 0; index < 3; ++index) {
            put("goes:" + std::to_string(index), kNow + 9'000'000'000 * index + 7);
        }
        evict(3);
        EXPECT_FALSE(evictor_.evict_one(kNow));
        EXPECT_EQ(keys(), 20'000U);
        dataset_.flush_all(executor_);
    }
}

// Samples reach 16,000 tokens deep into one slot of a wheel: what lies below comes up in the end.
TEST_F(OneShardEvictionTest, a_key_with_a_deadline_is_found_below_many_stale_tokens) {
    SCOPED_TRACE(seed_note());
    constexpr int kStays = 200'000;
    constexpr int kStale = 24'000;
    constexpr int64_t kFar = kNow + 50 * int64_t{86'400'000};
    Keyspace keyspace(dataset_, executor_, 0, kNow, true);
    for (const auto policy : kVolatile) {
        SCOPED_TRACE(policy_name(policy));
        set_policy(policy);
        for (int index = 0; index < kStays; ++index) put("stays:" + std::to_string(index));
        put("goes", kFar);
        for (int index = 0; index < kStale; ++index) {
            const std::string name = "stale:" + std::to_string(index);
            Entry* entry = put(name, kFar + index % 5);
            keyspace.erase(Key::of(name), entry);
        }
        ASSERT_GT(dataset_.shard(0).find_database(0)->wheel_bytes(), kStale * 8U);
        evict(1);
        EXPECT_FALSE(has("goes"));
        EXPECT_FALSE(evictor_.evict_one(kNow));
        EXPECT_EQ(keys(), static_cast<size_t>(kStays));
        dataset_.flush_all(executor_);
    }
}

TEST_F(EvictionTest, that_nothing_may_go_is_remembered_until_a_key_gets_a_deadline) {
    set_policy(EvictionPolicy::volatile_lru);
    put("a");
    EXPECT_FALSE(dataset_.lacks_deadlines());
    EXPECT_FALSE(evictor_.evict_one(kNow));
    EXPECT_TRUE(dataset_.lacks_deadlines());
    put("b");
    EXPECT_TRUE(dataset_.lacks_deadlines());
    const auto expect_evicts = [&] {
        EXPECT_FALSE(dataset_.lacks_deadlines());
        EXPECT_TRUE(evictor_.evict_one(kNow));
        EXPECT_FALSE(evictor_.evict_one(kNow));
        EXPECT_TRUE(dataset_.lacks_deadlines());
    };
    put("c", kNow + 9);
    expect_evicts();
    Keyspace keys(dataset_, executor_, 0, kNow, true);
    keys.set_expiry(Key::of("a"), keys.peek(Key::of("a")), kNow + 9);
    expect_evicts();
    Entry* source = put("d", kNow + 9);
    keys.copy_to(Key::of("e"), *source);
    keys.erase(Key::of("d"), keys.peek(Key::of("d")));
    expect_evicts();
    EXPECT_TRUE(has("b"));
    set_policy(EvictionPolicy::allkeys_lru);
    EXPECT_TRUE(evictor_.evict_one(kNow)) << "another policy may take what has none";
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
    EXPECT_EQ(evictor_.make_memory(kNow), Room::made);
    EXPECT_FALSE(evictor_.is_over_memory());
    EXPECT_GT(keys(), 1500U) << "no more than needed";
    EXPECT_LT(keys(), 2200U);
}

TEST_F(EvictionTest, memory_that_cannot_be_made_is_admitted) {
    for (int index = 0; index < 200; ++index) put("key:" + std::to_string(index));
    dataset_.settings.maxmemory_bytes = 1;
    for (const auto policy : {EvictionPolicy::noeviction, EvictionPolicy::volatile_lru}) {
        set_policy(policy);
        EXPECT_EQ(evictor_.make_memory(kNow), Room::none);
        EXPECT_EQ(keys(), 200U);
    }
    set_policy(EvictionPolicy::allkeys_random);
    Room room = Room::ongoing;
    while (room == Room::ongoing) room = evictor_.make_memory(kNow);
    EXPECT_EQ(keys(), 0U);
    // Something else is in use, but for builds that leave the allocations of the test uncounted.
    EXPECT_EQ(room, base::used_estimate_here() > 1 ? Room::none : Room::made);
}

TEST_F(EvictionTest, large_values_count_until_they_are_freed) {
    set_policy(EvictionPolicy::allkeys_lru);
    for (int index = 0; index < 50; ++index)
        put("key:" + std::to_string(index), store::kNoExpiry, 200'000);
    dataset_.settings.maxmemory_bytes = base::used_estimate() - 1'000'000;
    EXPECT_EQ(evictor_.make_memory(kNow), Room::made);
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
    EXPECT_EQ(evictor_.make_memory(kNow), Room::made);
    EXPECT_EQ(count("new:", 100), 100U);
    EXPECT_GT(dataset_.detached_entries(executor_), 0U) << "and no more than needed";
}

// A thread's own count runs ahead of the shared one by up to 64 KiB: it is not to be evicted too.
TEST_F(EvictionTest, a_write_at_the_limit_evicts_what_it_adds) {
    set_policy(EvictionPolicy::allkeys_lru);
    for (int index = 0; index < 4000; ++index) put("old:" + std::to_string(index));
    dataset_.settings.maxmemory_bytes = base::used_estimate_here();
    size_t most = 0;
    for (int index = 0; index < 3000; ++index) {
        put("new:" + std::to_string(index));
        const size_t before = keys();
        EXPECT_NE(evictor_.make_memory(kNow), Room::none);
        most = std::max(most, before - keys());
    }
    // A bucket or a page of a slab now and then is more than a key.
    EXPECT_LE(most, 40U);
    EXPECT_GT(keys(), 3500U);
}

// Of a shard's own pool, which keeps candidates of earlier evictions.
TEST_F(OneShardEvictionTest, a_candidate_used_since_is_passed_over_for_a_better_one) {
    for (const auto policy : {EvictionPolicy::allkeys_lru, EvictionPolicy::allkeys_lfu}) {
        SCOPED_TRACE(policy_name(policy));
        set_policy(policy);
        dataset_.settings.samples = 64;
        const auto word = [policy](int64_t age) {
            return policy == EvictionPolicy::allkeys_lru
                       ? store::lru_clock(kNow - age * 1000)
                       : store::lfu_initial(kNow) + static_cast<uint32_t>(200 - age);
        };
        for (int age = 0; age < 120; ++age) put(std::to_string(age))->set_access_word(word(age));
        // Those that are left are drawn more often than not, and the pool keeps the best.
        evict(40, 0);
        const auto for_each = [this](const std::function<void(Entry&)>& visit) {
            dataset_.shard(0).database(0, kNow).for_each(visit);
        };
        // All but one that waits in the pool are used; few draws would hardly find it.
        std::string oldest;
        for_each([&](Entry& entry) {
            const std::string name(entry.key());
            if (oldest.empty() || std::stoi(name) > std::stoi(oldest)) oldest = name;
        });
        for_each([&](Entry& entry) {
            if (entry.key() != oldest) entry.set_access_word(word(0));
        });
        dataset_.settings.samples = 1;
        evict(1, 0);
        EXPECT_FALSE(has(oldest));
        EXPECT_EQ(keys(), 79U);
        dataset_.flush_all(executor_);
    }
}

class DueKeysTest : public EvictionTest {
protected:
    static constexpr int64_t kLimit = 300;
    /// As many keys as there may be, all with this deadline; the limit is set before they are.
    void fill(int64_t expire_ms) {
        dataset_.flush_all(executor_);
        dataset_.set_maxkeys(kLimit, executor_);
        for (int64_t index = 0; index < kLimit; ++index) {
            put("key:" + std::to_string(index), expire_ms, 10, static_cast<size_t>(index % 2));
        }
    }
    bool make(int64_t wanted, int64_t now_ms, size_t preferred = Evictor::kNoShard) {
        return evictor_.expire_for_keys(wanted, kLimit, now_ms, preferred);
    }
};

// Whatever the place of the deadline in the wheel's tick, from the first moment on.
TEST_F(DueKeysTest, go_before_a_write_is_refused) {
    for (const auto policy : {EvictionPolicy::noeviction, EvictionPolicy::allkeys_lru}) {
        set_policy(policy);
        for (const int64_t delay : {1, 2, 3, 4, 5, 6, 7, 8, 9, 600, 40'000}) {
            SCOPED_TRACE(delay);
            fill(kNow + delay);
            if (policy == EvictionPolicy::noeviction) {
                EXPECT_FALSE(make(1, kNow + delay)) << "not due yet";
                EXPECT_EQ(keys(), static_cast<size_t>(kLimit));
            }
            EXPECT_TRUE(make(1, kNow + delay + 1));
            EXPECT_TRUE(make(kLimit, kNow + delay + 1));
            EXPECT_EQ(keys(), 0U);
            EXPECT_EQ(dataset_.keys_reserved(), 0);
        }
    }
}

TEST_F(DueKeysTest, go_while_active_expiry_is_off) {
    dataset_.settings.active_expire = false;
    fill(kNow + 5);
    EXPECT_TRUE(make(kLimit, kNow + 100'000));
    EXPECT_EQ(dataset_.statistics(executor_).expired_lazily, static_cast<uint64_t>(kLimit));
    EXPECT_EQ(dataset_.statistics(executor_).evicted, 0U);
}

TEST_F(DueKeysTest, the_last_one_is_found_among_those_that_are_not_due) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (int round = 0; round < 30; ++round) {
        SCOPED_TRACE(round);
        fill(kNow + 1'000);
        const auto name = "key:" + std::to_string(random.below(kLimit / 2) * 2);
        const auto delay = static_cast<int64_t>(1 + random.below(990));
        put(name, kNow + delay);
        EXPECT_FALSE(make(1, kNow + delay, random.below(8)));
        EXPECT_TRUE(make(1, kNow + delay + 1, random.below(8)));
        EXPECT_FALSE(make(2, kNow + delay + 1, random.below(8)));
        EXPECT_EQ(keys(), static_cast<size_t>(kLimit) - 1);
        EXPECT_FALSE(has(name));
        // The others' tokens are in the wheel as before.
        EXPECT_TRUE(make(kLimit, kNow + 1'001));
        EXPECT_EQ(keys(), 0U);
    }
}

TEST_F(DueKeysTest, of_the_shard_that_is_written_go_first) {
    fill(kNow + 5);
    const size_t here = dataset_.shard(3).keys();
    ASSERT_GT(here, 0U);
    EXPECT_TRUE(make(1, kNow + 6, 3));
    EXPECT_LT(dataset_.shard(3).keys(), here);
    EXPECT_EQ(keys(), static_cast<size_t>(kLimit) - here + dataset_.shard(3).keys());
}

TEST_F(DueKeysTest, a_write_does_not_wait_for_all_that_a_lowered_limit_leaves) {
    for (int index = 0; index < 5'000; ++index) put("many:" + std::to_string(index), kNow + 5);
    dataset_.set_maxkeys(kLimit, executor_);
    us_per_look_ = 100;
    EXPECT_FALSE(make(1, kNow + 20));
    EXPECT_LT(keys(), 5'000U);
    EXPECT_GT(keys(), 4'000U);
    bool has_room = false;
    for (int round = 0; round < 100 && !has_room; ++round) has_room = make(1, kNow + 20);
    EXPECT_TRUE(has_room);
}

// Whatever the policy would choose: they are nobody's any more.
TEST_F(DueKeysTest, go_before_any_that_can_be_seen) {
    for (const auto policy : kEvicting) {
        SCOPED_TRACE(policy_name(policy));
        set_policy(policy);
        dataset_.flush_all(executor_);
        for (int index = 0; index < 200; ++index) {
            put("lives:" + std::to_string(index), kNow + 60'000);
            if (index % 20 == 0) put("due:" + std::to_string(index), kNow + 1'000 + index);
        }
        const uint64_t evicted = dataset_.statistics(executor_).evicted;
        evict_owed(10, keys() - 10, {}, kNow + 1'181, 3);
        EXPECT_EQ(keys(), 210U) << "maxkeys is not set, and nothing is counted";
        dataset_.set_maxkeys(200, executor_);
        evict_owed(10, 200, {}, kNow + 1'181, 3);
        EXPECT_EQ(count("lives:", 200), 200U);
        EXPECT_EQ(keys(), 200U);
        EXPECT_EQ(dataset_.statistics(executor_).evicted, evicted);
        dataset_.set_maxkeys(0, executor_);
    }
}

TEST_F(DueKeysTest, go_before_others_where_memory_is_short) {
    set_policy(EvictionPolicy::allkeys_lru);
    for (int index = 0; index < 50; ++index) {
        put("lives:" + std::to_string(index), store::kNoExpiry, 500);
        put("due:" + std::to_string(index), kNow + 7, 500);
    }
    dataset_.settings.maxmemory_bytes = base::used_estimate_here() - 10'000;
    EXPECT_EQ(evictor_.make_memory(kNow + 8), Room::made);
    EXPECT_EQ(count("lives:", 50), 50U);
    EXPECT_LT(keys(), 90U);
}

// What is not looked at again as long as nothing is due: the tick's tokens were looked at once.
TEST_F(DueKeysTest, a_shard_knows_from_when_on_it_has_some) {
    dataset_.set_maxkeys(kLimit, executor_);
    put("a", kNow + 3);
    put("b", kNow + 5);
    const size_t a = dataset_.shard_of(Key::of("a").hash);
    const size_t b = dataset_.shard_of(Key::of("b").hash);
    EXPECT_EQ(dataset_.due_from_ms(a), kNow + 4);
    EXPECT_EQ(dataset_.due_from_ms(b), kNow + 6);
    put("a", kNow + 4);
    put("b", kNow + 4);
    EXPECT_FALSE(make(kLimit, kNow + 4)) << "one had it moved, which the wheel does not know";
    EXPECT_EQ(dataset_.due_from_ms(a), kNow + 5);
    EXPECT_EQ(dataset_.due_from_ms(b), kNow + 5);
    EXPECT_TRUE(make(kLimit, kNow + 5));
    EXPECT_EQ(dataset_.due_from_ms(a), INT64_MAX);
}

class SparedKeysTest : public EvictionTest {
protected:
    /// Evicts all keys but those of `own`, then as many as there are.
    void expect_spared(const std::vector<std::string>& names) {
        std::vector<Key> own;
        for (const std::string& name : names) own.push_back(Key::of(name));
        const auto others = static_cast<int64_t>(keys() - own.size());
        const auto limit = static_cast<int64_t>(own.size());
        evict_owed(others, limit, own, kNow, dataset_.shard_of(own[0].hash));
        EXPECT_EQ(keys(), own.size());
        for (const std::string& name : names) EXPECT_TRUE(has(name)) << name;
    }
};

TEST_F(SparedKeysTest, outlive_all_others_under_each_policy) {
    dataset_.set_maxkeys(1'000'000, executor_);
    for (const auto policy : kEvicting) {
        for (const int own : {1, 3, 30, 500}) {
            SCOPED_TRACE(std::string(policy_name(policy)) + " " + std::to_string(own));
            set_policy(policy);
            dataset_.flush_all(executor_);
            std::vector<std::string> names;
            for (int index = 0; index < own; ++index) {
                names.push_back("own:" + std::to_string(index));
                put(names.back(), kNow + 10);
            }
            for (int index = 0; index < 60; ++index) {
                put("other:" + std::to_string(index), kNow + 1'000, 10,
                    static_cast<size_t>(index % 2));
            }
            expect_spared(names);
        }
    }
}

TEST_F(EvictionTest, no_room_is_promised_twice) {
    dataset_.set_maxkeys(10, executor_);
    put("stays");
    for (int index = 0; index < 5; ++index) put("goes:" + std::to_string(index), kNow + 1'000);
    EXPECT_FALSE(evictor_.owe(1, 0, 0)) << "noeviction";
    set_policy(EvictionPolicy::volatile_lru);
    EXPECT_TRUE(evictor_.owe(3, 0, 0));
    EXPECT_FALSE(evictor_.owe(2, 1, 0)) << "one of the rest is the command's own";
    EXPECT_TRUE(evictor_.owe(2, 0, 3));
    EXPECT_FALSE(evictor_.owe(1, 0, 3));
    evictor_.forgive(2);
    EXPECT_TRUE(evictor_.owe(1, 1, 5));
    evictor_.forgive(4);
    EXPECT_EQ(dataset_.owed_evictions(), 0);
    set_policy(EvictionPolicy::allkeys_random);
    EXPECT_TRUE(evictor_.owe(6, 0, 0));
    EXPECT_FALSE(evictor_.owe(1, 0, 0));
    evictor_.forgive(6);
}

TEST(EvictionSlice, grows_as_it_does_in_redis) {
    EXPECT_EQ(eviction_slice_us(0), 0);
    EXPECT_EQ(eviction_slice_us(1), 50);
    EXPECT_EQ(eviction_slice_us(10), 500);
    EXPECT_EQ(eviction_slice_us(11), 575);
    EXPECT_NEAR(static_cast<double>(eviction_slice_us(50)), 500 * 267.86, 500);
    EXPECT_NEAR(static_cast<double>(eviction_slice_us(99)) / 60e6, 2.1, 0.2) << "minutes";
    EXPECT_EQ(eviction_slice_us(100), INT64_MAX);
}

class EvictionSliceTest : public EvictionTest {
protected:
    static constexpr size_t kKeys = 6000;
    EvictionSliceTest() {
        set_policy(EvictionPolicy::allkeys_lru);
        for (size_t index = 0; index < kKeys; ++index) {
            put("old:" + std::to_string(index), store::kNoExpiry, 500);
        }
        us_per_look_ = 100;  // so a slice of 500 us is five looks of 16 keys each
    }
    void allow_less(int64_t bytes) {
        dataset_.settings.maxmemory_bytes = base::used_estimate_here() - bytes;
    }
    size_t evicted_by(const std::function<void()>& work) {
        const uint64_t before = dataset_.statistics(executor_).evicted;
        work();
        return dataset_.statistics(executor_).evicted - before;
    }
    static constexpr size_t kSliceKeys = 5 * Evictor::kKeysPerLook;
};

TEST_F(EvictionSliceTest, no_write_waits_for_all_of_it) {
    allow_less(2'000'000);
    evictor_.begin_turn();
    const size_t first = evicted_by([&] { EXPECT_EQ(evictor_.make_memory(kNow), Room::ongoing); });
    EXPECT_GE(first, kSliceKeys - Evictor::kKeysPerLook);
    EXPECT_LE(first, kSliceKeys);
    // The turn's slice is spent: the next write pays for itself and no more.
    const size_t second = evicted_by([&] { EXPECT_EQ(evictor_.make_memory(kNow), Room::ongoing); });
    EXPECT_EQ(second, Evictor::kKeysPerLook);
    for (int index = 0; index < 50; ++index) {
        put("new:" + std::to_string(index), store::kNoExpiry, 600);
    }
    const size_t third = evicted_by([&] { EXPECT_EQ(evictor_.make_memory(kNow), Room::ongoing); });
    EXPECT_GE(third, 50U);
    EXPECT_LE(third, kSliceKeys);
    evictor_.begin_turn();
    const size_t fourth = evicted_by([&] { EXPECT_EQ(evictor_.make_memory(kNow), Room::ongoing); });
    EXPECT_GE(fourth, kSliceKeys - Evictor::kKeysPerLook);
}

TEST_F(EvictionSliceTest, what_is_left_goes_in_slices_between_the_turns) {
    allow_less(1'000'000);
    size_t slices = 0;
    bool has_more = true;
    while (has_more) {
        const size_t gone = evicted_by([&] { has_more = evictor_.run_slice(kNow); });
        EXPECT_LE(gone, kSliceKeys);
        ++slices;
        ASSERT_LT(slices, 1000U);
    }
    EXPECT_FALSE(evictor_.is_over_memory());
    EXPECT_GT(slices, 10U);
    EXPECT_GT(keys(), kKeys / 2) << "and no more than needed";
    EXPECT_FALSE(evictor_.run_slice(kNow));
}

TEST_F(EvictionSliceTest, a_slice_ends_when_nothing_may_go) {
    dataset_.settings.maxmemory_bytes = 1;
    set_policy(EvictionPolicy::noeviction);
    EXPECT_FALSE(evictor_.run_slice(kNow));
    set_policy(EvictionPolicy::volatile_ttl);
    EXPECT_FALSE(evictor_.run_slice(kNow));
    EXPECT_EQ(keys(), kKeys);
}

TEST_F(EvictionSliceTest, tenacity_decides_how_long) {
    allow_less(1'000'000);
    dataset_.settings.eviction_tenacity = 0;
    EXPECT_EQ(evicted_by([&] { evictor_.make_memory(kNow); }), Evictor::kKeysPerLook);
    dataset_.settings.eviction_tenacity = 100;
    EXPECT_EQ(evictor_.make_memory(kNow), Room::made);
}

TEST_F(EvictionSliceTest, too_many_keys_go_in_slices_too) {
    dataset_.set_maxkeys(1000, executor_);
    evictor_.begin_turn();
    const auto evict_keys = [&](int64_t count) {
        return evicted_by([&] { evict_owed(count, 1000, {}, kNow, 0); });
    };
    const size_t first = evict_keys(1);
    EXPECT_GE(first, kSliceKeys - Evictor::kKeysPerLook);
    EXPECT_LE(first, kSliceKeys);
    EXPECT_EQ(evict_keys(7), 7U) << "as many as the write has created";
    while (evictor_.run_slice(kNow)) {
    }
    EXPECT_EQ(keys(), 1000U);
    for (int index = 0; index < 20; ++index) put("more:" + std::to_string(index));
    EXPECT_EQ(evict_keys(30), 20U) << "no more than are above the limit";
    EXPECT_EQ(keys(), 1000U);
}

}  // namespace
}  // namespace gyre::engine
