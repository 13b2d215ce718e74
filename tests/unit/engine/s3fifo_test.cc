// SPDX-License-Identifier: BSD-3-Clause

// The s3fifo policies on a data set: who goes first, and that what they remember stays true and
// small through all that can happen to a key.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "engine/eviction.h"
#include "engine/expiry.h"
#include "engine/keyspace.h"
#include "engine/memory_check.h"
#include "support/seed.h"

namespace gyre::engine {
namespace {

using store::Entry;
using store::Key;

class S3FifoTest : public testing::Test {
protected:
    explicit S3FifoTest(size_t shards = 1)
        : dataset_({.threads = 1, .databases = 3, .shards = shards, .seed = test_seed()}),
          evictor_(dataset_, executor_, test_seed(), [] { return 0; }) {
        use(EvictionPolicy::allkeys_s3fifo);
    }
    void use(EvictionPolicy policy) {
        dataset_.set_policy(policy, executor_);
        executor_.initial_access_word = initial_access_word(policy, now_ms_);
    }
    Keyspace keyspace(size_t database = 0) {
        return {dataset_, executor_, database, now_ms_, false};
    }
    Entry* put(const std::string& name, int64_t expire_ms = store::kNoExpiry, size_t database = 0) {
        const Key key = Key::of(name);
        const size_t shard = dataset_.shard_of(key.hash);
        dataset_.lock(shard, executor_);
        Keyspace keys = keyspace(database);
        Entry* entry =
            keys.put(key, keys.write(key), types::plain_string("v"), Deadline::at(expire_ms));
        dataset_.unlock(shard);
        return entry;
    }
    Entry* get(const std::string& name, size_t database = 0) {
        return keyspace(database).read(Key::of(name));
    }
    bool has(const std::string& name, size_t database = 0) {
        return keyspace(database).peek(Key::of(name)) != nullptr;
    }
    void put_many(const std::string& prefix, int count, size_t database = 0) {
        for (int index = 0; index < count; ++index) {
            put(prefix + std::to_string(index), store::kNoExpiry, database);
        }
    }
    int count(const std::string& prefix, int total, size_t database = 0) {
        int left = 0;
        for (int index = 0; index < total; ++index) {
            left += has(prefix + std::to_string(index), database) ? 1 : 0;
        }
        return left;
    }
    void evict(int times) {
        for (int turn = 0; turn < times; ++turn) ASSERT_TRUE(evictor_.evict_one(now_ms_)) << turn;
    }
    size_t small_size(size_t database = 0) {
        size_t sum = 0;
        dataset_.for_each_shard(executor_, [&](store::Shard& shard) {
            const store::Partition* partition = shard.find_database(database);
            sum += partition == nullptr ? 0 : partition->small_queue_size();
        });
        return sum;
    }
    size_t eviction_bytes() {
        size_t sum = 0;
        dataset_.for_each_shard(executor_, [&](store::Shard& shard) {
            for (size_t database = 0; database < dataset_.databases(); ++database) {
                const store::Partition* partition = shard.find_database(database);
                sum += partition == nullptr ? 0 : partition->eviction_bytes();
            }
        });
        return sum;
    }

    int64_t now_ms_ = 1'700'000'000'000;
    Dataset dataset_;
    Executor executor_;
    Evictor evictor_;
};

TEST_F(S3FifoTest, new_keys_that_were_not_used_go_first_in_the_order_they_came) {
    put_many("key:", 100);
    for (int index = 0; index < 50; ++index) get("key:" + std::to_string(index * 2));
    for (int gone = 1; gone <= 40; ++gone) {
        evict(1);
        EXPECT_FALSE(has("key:" + std::to_string(gone * 2 - 1)));
        EXPECT_TRUE(has("key:" + std::to_string(gone * 2 + 1)));
    }
    for (int index = 0; index < 50; ++index) EXPECT_TRUE(has("key:" + std::to_string(index * 2)));
}

TEST_F(S3FifoTest, a_key_that_comes_back_soon_is_a_member_of_the_main_queue) {
    put_many("key:", 100);
    evict(20);
    ASSERT_FALSE(has("key:3"));
    const size_t small = small_size();
    put("key:3");
    EXPECT_EQ(small_size(), small);
    put("never seen");
    EXPECT_EQ(small_size(), small + 1);
    evict(60);
    EXPECT_TRUE(has("key:3")) << "younger ones of the small queue went before it";
}

TEST_F(S3FifoTest, the_main_queue_keeps_what_was_used_since_the_hand_passed) {
    put_many("main:", 200);
    for (int index = 0; index < 200; ++index) get("main:" + std::to_string(index));
    put_many("scan:", 100);
    evict(70);  // what was used is promoted on the way
    EXPECT_EQ(count("main:", 200), 200);
    for (int index = 0; index < 100; ++index) {
        get("main:" + std::to_string(index));
        get("main:" + std::to_string(index));
    }
    evict(70);
    EXPECT_EQ(count("main:", 100), 100);
    EXPECT_LE(count("main:", 200), 160);
}

// So it is for keys from before the policy was chosen, whatever their words mean to it.
TEST_F(S3FifoTest, keys_that_were_there_before_can_all_be_evicted) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (const auto before : {EvictionPolicy::allkeys_lru, EvictionPolicy::allkeys_lfu,
                              EvictionPolicy::volatile_s3fifo, EvictionPolicy::noeviction}) {
        SCOPED_TRACE(policy_name(before));
        use(before);
        for (int index = 0; index < 500; ++index) {
            Entry* entry = put("old:" + std::to_string(index), now_ms_ + 99'999, index % 3);
            entry->set_access_word(static_cast<uint32_t>(random.next()) & 0xFFFFFF);
        }
        use(EvictionPolicy::allkeys_s3fifo);
        EXPECT_EQ(small_size(), 0U);
        put_many("new:", 100);
        get("new:1");
        evict(600);
        EXPECT_FALSE(evictor_.evict_one(now_ms_));
        EXPECT_EQ(dataset_.keys_total(executor_), 0U);
    }
}

TEST_F(S3FifoTest, another_policy_gives_the_memory_back) {
    put_many("key:", 2000);
    evict(1000);
    EXPECT_GT(eviction_bytes(), 2000U);
    EXPECT_EQ(base::used(base::Purpose::eviction), static_cast<int64_t>(eviction_bytes()));
    use(EvictionPolicy::allkeys_lru);
    EXPECT_EQ(base::used(base::Purpose::eviction), 0);
    EXPECT_EQ(dataset_.keys_total(executor_), 1000U);
    put_many("more:", 100);
    EXPECT_EQ(base::used(base::Purpose::eviction), 0);
}

TEST_F(S3FifoTest, volatile_s3fifo_takes_only_keys_with_a_deadline) {
    use(EvictionPolicy::volatile_s3fifo);
    put_many("stays:", 3000);
    EXPECT_EQ(small_size(), 0U) << "they have no part in it";
    for (int index = 0; index < 20; ++index) put("goes:" + std::to_string(index), now_ms_ + 1000);
    EXPECT_EQ(small_size(), 20U);
    Keyspace keys = keyspace();
    // One that loses its deadline and one that gets one.
    keys.set_expiry(Key::of("goes:5"), keys.peek(Key::of("goes:5")), store::kNoExpiry);
    keys.set_expiry(Key::of("stays:5"), keys.peek(Key::of("stays:5")), now_ms_ + 1000);
    EXPECT_EQ(small_size(), 21U);
    evict(20);
    EXPECT_FALSE(evictor_.evict_one(now_ms_));
    EXPECT_TRUE(has("goes:5"));
    EXPECT_FALSE(has("stays:5"));
    EXPECT_EQ(dataset_.keys_total(executor_), 3000U);
}

TEST_F(S3FifoTest, a_deadline_lost_and_found_again_is_one_place_in_the_queue) {
    use(EvictionPolicy::volatile_s3fifo);
    put("key", now_ms_ + 1000);
    for (int round = 0; round < 10; ++round) {
        Keyspace keys = keyspace();
        keys.set_expiry(Key::of("key"), keys.peek(Key::of("key")), store::kNoExpiry);
        keys.set_expiry(Key::of("key"), keys.peek(Key::of("key")), now_ms_ + 1000);
    }
    EXPECT_EQ(small_size(), 1U);
    evict(1);
    EXPECT_EQ(small_size(), 0U);
}

TEST_F(S3FifoTest, a_key_that_is_written_over_keeps_its_place_and_what_it_earned) {
    put_many("key:", 20);
    const uint32_t word = get("key:0")->access_word();
    Keyspace keys = keyspace();
    const Key key = Key::of("key:0");
    Entry* entry = keys.put(key, keys.peek(key), types::plain_string(std::string(900, 'x')),
                            Deadline::at(now_ms_ + 9));
    EXPECT_EQ(entry->access_word(), word);
    EXPECT_EQ(small_size(), 20U);
    Entry* copy = keys.copy_to(Key::of("copy"), *entry);
    EXPECT_EQ(store::fifo_word::frequency(copy->access_word()), 1U);
    EXPECT_EQ(small_size(), 21U);
    keys.erase(key, keys.peek(key));
    EXPECT_EQ(small_size(), 20U);
    evict(10);
    EXPECT_TRUE(has("copy"));
}

TEST_F(S3FifoTest, the_small_queues_of_all_databases_give_first) {
    put_many("used:", 200, 1);
    for (int index = 0; index < 200; ++index) get("used:" + std::to_string(index), 1);
    put_many("new:", 150, 0);
    put_many("new:", 150, 2);
    evict(270);
    EXPECT_EQ(count("used:", 200, 1), 200);
    EXPECT_LT(dataset_.keys(0, executor_), 30U);
    EXPECT_LT(dataset_.keys(2, executor_), 30U);
    evict(230);
    EXPECT_EQ(dataset_.keys_total(executor_), 0U);
}

TEST_F(S3FifoTest, keys_deleted_soon_leave_no_memory_behind) {
    put_many("stays:", 1000);
    for (int index = 0; index < 300'000; ++index) {
        const std::string name = "short:" + std::to_string(index);
        put(name);
        if (index >= 50) {
            Keyspace keys = keyspace();
            const std::string deleted = "short:" + std::to_string(index - 50);
            const Key key = Key::of(deleted);
            keys.erase(key, keys.peek(key));
        }
        if (index % 1000 == 0) {
            ASSERT_LE(eviction_bytes(), 4 * 4 * 2200U);
        }
    }
    EXPECT_EQ(small_size(), 1050U);
    evict(1050);
    EXPECT_EQ(dataset_.keys_total(executor_), 0U);
}

// Where so many keys are new that none is evicted for long, the queue is for the latest of them.
TEST_F(S3FifoTest, the_small_queue_of_a_large_partition_is_a_part_of_it) {
    put_many("key:", 300'000);
    EXPECT_LE(small_size(), 300'000U * store::S3Fifo::kSmallPercentMax / 100 + 1);
    EXPECT_GE(small_size(), store::S3Fifo::kSmallFreeMax);
    EXPECT_LE(eviction_bytes(), 300'000U * 2);
}

// The queue keeps 32 bits of a key's hash, and a word from another policy may name any place of it.
TEST_F(S3FifoTest, a_word_left_over_puts_no_key_in_the_place_of_another) {
    // In a table of one bucket eight bits more tell two keys apart.
    const auto bits = [](const std::string& name) { return Key::of(name).hash >> 24 & 0xFF; };
    const std::string queued = "queued";
    std::string stale = "stale:0";
    for (int index = 1; bits(stale) != bits(queued); ++index) {
        stale = "stale:" + std::to_string(index);
    }
    for (const bool is_stale_first : {true, false}) {
        SCOPED_TRACE(is_stale_first);
        use(EvictionPolicy::volatile_s3fifo);
        if (is_stale_first) put(stale);
        Entry* member = put(queued, now_ms_ + 1000);
        if (!is_stale_first) put(stale);
        keyspace().peek(Key::of(stale))->set_access_word(member->access_word());
        store::Partition& partition = dataset_.shard(0).database(0, now_ms_);
        EXPECT_EQ(partition.small_queue_victim(false), member);
        dataset_.flush_all(executor_);
    }
}

// What is flushed is freed in slices, with all the locks released in between.
TEST_F(S3FifoTest, queues_of_what_was_flushed_are_given_back_when_it_is_drained) {
    put_many("left:", 500, 0);
    evict(100);
    put_many("gone:", 500, 1);
    dataset_.flush(0, executor_);
    evict(500);
    ASSERT_EQ(dataset_.keys_total(executor_), 0U);
    dataset_.flush(1, executor_);
    const store::Shard& shard = dataset_.shard(0);
    EXPECT_GT(shard.detached_eviction_bytes(), 0U);
    EXPECT_EQ(base::used(base::Purpose::eviction),
              static_cast<int64_t>(shard.detached_eviction_bytes()));
    while (!dataset_.drain(0, 1, 100, executor_)) {
    }
    EXPECT_EQ(base::used(base::Purpose::eviction), 0);
}

class S3FifoLifeTest : public S3FifoTest {
protected:
    static constexpr int64_t kMaxkeys = 400;
    S3FifoLifeTest() : S3FifoTest(4) { dataset_.set_maxkeys(kMaxkeys, executor_); }

    /// What a write does for the room it took, as dispatch does it.
    void evict_for(const Key& key) {
        dataset_.owe_evictions(1);
        evictor_.evict_keys(1, kMaxkeys, {&key, 1}, now_ms_, dataset_.shard_of(key.hash));
        ASSERT_LE(dataset_.keys_reserved(), kMaxkeys);
    }
    ExpiryCycle expiry_{dataset_, executor_, 0, [] { return 0; }};
    void step(base::Random& random);
    void step_on_all(base::Random& random);
    void expect_memory_adds_up() {
        executor_.reclaimer.run();
        MemoryCheck check(dataset_);
        for (size_t shard = 0; shard < dataset_.shards(); ++shard) check.visit(shard, executor_);
        for (const std::string& difference : check.conclude(0)) ADD_FAILURE() << difference;
    }
};

void S3FifoLifeTest::step(base::Random& random) {
    const std::string name = "key:" + std::to_string(random.below(30) * random.below(60));
    const Key key = Key::of(name);
    const size_t database = random.below(3);
    Keyspace keys = keyspace(database);
    Entry* entry = keys.read(key);
    if (entry == nullptr) {
        put(name, random.below(2) == 0 ? now_ms_ + 50'000 : store::kNoExpiry, database);
        evict_for(key);
        return;
    }
    switch (random.below(9)) {
        case 0:
            keys.erase(key, entry);
            return;
        case 1:
            keys.set_expiry(key, entry, now_ms_ + static_cast<int64_t>(random.below(3000)));
            return;
        case 2:
            keys.set_expiry(key, entry, store::kNoExpiry);
            return;
        case 3:
            keys.put(key, entry, types::plain_string(std::string(random.below(700), 'x')));
            return;
        case 4: {
            // Moved to another database, as MOVE does.
            Keyspace other = keys.in_database((database + 1) % 3);
            if (other.peek(key) != nullptr) return;
            other.copy_to(key, *entry);
            keys.erase(key, entry);
            return;
        }
        case 5: {
            // Renamed.
            const std::string other_name = "key:" + std::to_string(random.below(1800));
            const Key other = Key::of(other_name);
            if (keys.peek(other) != nullptr) return;
            keys.copy_to(other, *entry);
            keys.erase(key, keys.peek(key));
            return;
        }
        default:
            return;
    }
}

void S3FifoLifeTest::step_on_all(base::Random& random) {
    switch (random.below(5)) {
        case 0:
            dataset_.flush(random.below(3), executor_);
            while (!dataset_.drain(0, 1, 100, executor_)) {
            }
            return;
        case 1:
            dataset_.swap(0, 2, executor_);
            return;
        case 2:
            use(EvictionPolicy::allkeys_lru);
            return;
        case 3:
            use(EvictionPolicy::volatile_s3fifo);
            // Some may have no deadline, and then a write need not find room.
            use(EvictionPolicy::allkeys_s3fifo);
            return;
        default:
            use(EvictionPolicy::allkeys_s3fifo);
    }
}

TEST_F(S3FifoLifeTest, never_holds_more_than_it_may_and_forgets_nobody) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (int round = 0; round < 60'000; ++round) {
        step(random);
        ASSERT_LE(dataset_.keys_total(executor_), static_cast<size_t>(kMaxkeys)) << round;
        if (round % 500 == 499) step_on_all(random);
        if (round % 100 == 0) {
            now_ms_ += 100;
            while (expiry_.run(now_ms_, false)) {
            }
            // Twelve partitions of at least a bucket of ghosts and a short ring each.
            ASSERT_LE(eviction_bytes(), 12 * 600U + kMaxkeys * 16) << round;
        }
        if (round % 10'000 == 9999) expect_memory_adds_up();
        if (HasFatalFailure()) return;
    }
    EXPECT_GT(dataset_.statistics(executor_).evicted, 5000U);
    EXPECT_GT(dataset_.statistics(executor_).expired_actively, 200U);
    use(EvictionPolicy::allkeys_s3fifo);
    const size_t left = dataset_.keys_total(executor_);
    ASSERT_GT(left, 100U);
    evict(static_cast<int>(left));
    EXPECT_EQ(dataset_.keys_total(executor_), 0U);
    EXPECT_EQ(small_size(0) + small_size(1) + small_size(2), 0U);
    EXPECT_EQ(dataset_.keys_reserved(), 0);
}

}  // namespace
}  // namespace gyre::engine
