// SPDX-License-Identifier: BSD-3-Clause

// A shard: its databases, what is taken out of them, and what is freed outside of the lock.

#include "store/shard.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/memory.h"

namespace gyre::store {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

void put(Partition& partition, const std::string& name, std::string_view value,
         int64_t expire_ms = kNoExpiry) {
    const Key key = Key::of(name);
    partition.put_string(key, partition.find(key), types::plain_string(value), expire_ms,
                         kNoTimestamp);
}

void fill(Partition& partition, int keys, std::string_view value = "value") {
    for (int index = 0; index < keys; ++index) {
        put(partition, "key:" + std::to_string(index), value);
    }
}

TEST(Shard, databases_are_made_at_their_first_use) {
    Shard shard(16, 1);
    EXPECT_EQ(shard.databases(), 16U);
    EXPECT_EQ(shard.find_database(3), nullptr);
    put(shard.database(3, kNow), "a", "b");
    EXPECT_NE(shard.find_database(3), nullptr);
    EXPECT_EQ(shard.find_database(4), nullptr);
    EXPECT_EQ(shard.keys(), 1U);
}

TEST(Shard, swapped_databases_take_everything_along) {
    Shard shard(2, 1);
    put(shard.database(0, kNow), "a", "b", kNow + 50);
    shard.swap_databases(0, 1);
    EXPECT_EQ(shard.find_database(0), nullptr);
    Partition& moved = shard.database(1, kNow);
    EXPECT_NE(moved.find(Key::of("a")), nullptr);
    size_t removed = 0;
    moved.expire_due(kNow + 100, 1000, [&](const Entry&) { ++removed; });
    EXPECT_EQ(removed, 1U);
}

// Most chains in front are empty when a part is freed: that must not eat the budget of each call.
TEST(Shard, draining_ends_however_small_the_slices_are) {
    Shard shard(1, 1);
    constexpr size_t kKeys = 50'000;
    constexpr size_t kBudget = 64;
    fill(shard.database(0, kNow), kKeys);
    shard.detach_database(0);
    EXPECT_EQ(shard.keys(), 0U);
    EXPECT_EQ(shard.detached_entries(), kKeys);
    size_t slices = 0;
    size_t left = kKeys;
    while (!shard.drain(kBudget)) {
        ASSERT_LE(left - shard.detached_entries(), kBudget + 64) << "a slice is bounded";
        left = shard.detached_entries();
        ASSERT_LT(++slices, 3 * kKeys / kBudget) << left << " left";
    }
    EXPECT_EQ(shard.detached_entries(), 0U);
    EXPECT_EQ(shard.slab().used_bytes(), 0U);
}

// The wheel of a part goes in slices too, after its entries.
TEST(Shard, a_drained_part_frees_its_wheel_in_slices) {
    Shard shard(1, 1);
    constexpr int kKeys = 50'000;
    constexpr size_t kBudget = 64;
    for (int index = 0; index < kKeys; ++index) {
        put(shard.database(0, kNow), "key:" + std::to_string(index), "v", kNow + 1000 + index);
    }
    shard.detach_database(0);
    const size_t full = shard.detached_wheel_bytes();
    size_t left = full;
    size_t slices = 0;
    while (!shard.drain(kBudget)) {
        if (shard.detached_entries() > 0) {
            ASSERT_EQ(shard.detached_wheel_bytes(), full);
        }
        ASSERT_LE(left - shard.detached_wheel_bytes(), (kBudget + 5) * 528);
        left = shard.detached_wheel_bytes();
        ASSERT_LT(++slices, 5000U);
    }
    EXPECT_EQ(shard.detached_wheel_bytes(), 0U);
}

TEST(Shard, no_database_waits_for_the_backlog_of_another) {
    Shard shard(4, 1);
    for (int index = 0; index < 10'000; ++index) {
        put(shard.database(0, kNow), "key:" + std::to_string(index), "v", kNow + 10);
    }
    for (const size_t database : {1U, 3U}) {
        for (int index = 0; index < 10; ++index) {
            put(shard.database(database, kNow), "key:" + std::to_string(index), "v", kNow + 10);
        }
    }
    for (int batch = 0; batch < 4; ++batch) shard.expire_due(kNow + 50, 64, [](const Entry&) {});
    EXPECT_EQ(shard.database(1, kNow).size(), 0U);
    EXPECT_EQ(shard.database(3, kNow).size(), 0U);
    EXPECT_GT(shard.database(0, kNow).size(), 9000U);
}

TEST(Shard, databases_that_went_are_looked_at_no_more) {
    Shard shard(4, 1);
    for (const size_t database : {0U, 1U, 2U, 3U}) {
        put(shard.database(database, kNow), "a", "v", kNow + 10 + static_cast<int64_t>(database));
    }
    shard.detach_database(1);
    shard.detach_database(3);
    put(shard.database(3, kNow), "b", "v", kNow + 500);
    shard.swap_databases(3, 0);
    size_t removed = 0;
    const auto count = [&](const Entry&) { ++removed; };
    shard.expire_due(kNow + 100, 1000, count);
    EXPECT_EQ(removed, 2U);
    EXPECT_GT(shard.next_due_ms(), kNow + 500);
    shard.expire_due(kNow + 600, 1000, count);
    EXPECT_EQ(removed, 3U);
    EXPECT_EQ(shard.next_due_ms(), INT64_MAX);
    EXPECT_FALSE(shard.drain(1)) << "two parts";
    while (!shard.drain(1)) {
    }
    EXPECT_EQ(shard.keys(), 0U);
}

TEST(Shard, many_small_parts_are_drained_within_the_budget) {
    Shard shard(1, 1);
    for (int round = 0; round < 100; ++round) {
        fill(shard.database(0, kNow), 10);
        shard.detach_database(0);
    }
    EXPECT_EQ(shard.detached_entries(), 1000U);
    EXPECT_FALSE(shard.drain(100));
    EXPECT_GE(shard.detached_entries(), 880U);
    EXPECT_LT(shard.detached_entries(), 1000U);
    while (!shard.drain(100)) {
    }
    EXPECT_EQ(shard.slab().used_bytes(), 0U);
}

TEST(Shard, a_database_that_is_empty_leaves_nothing_to_drain) {
    Shard shard(1, 1);
    Partition& partition = shard.database(0, kNow);
    put(partition, "a", "b");
    partition.erase(Key::of("a"), partition.find(Key::of("a")));
    shard.detach_database(0);
    shard.detach_database(0);
    EXPECT_EQ(shard.find_database(0), nullptr);
    EXPECT_TRUE(shard.drain(1));
}

TEST(Shard, a_detached_part_and_its_successor_do_not_meet) {
    Shard shard(1, 1);
    fill(shard.database(0, kNow), 100, "old");
    shard.detach_database(0);
    fill(shard.database(0, kNow), 100, "new");
    while (!shard.drain(10)) {
    }
    Partition& partition = shard.database(0, kNow);
    EXPECT_EQ(partition.size(), 100U);
    for (int index = 0; index < 100; ++index) {
        const std::string name = "key:" + std::to_string(index);
        const Entry* entry = partition.find(Key::of(name));
        ASSERT_NE(entry, nullptr) << name;
        EXPECT_EQ(entry->bytes(), "new");
    }
}

TEST(Shard, large_values_wait_for_the_reclaimer) {
    const int64_t before = base::used(base::Purpose::keyspace);
    Shard shard(1, 1);
    Reclaimer reclaimer;
    shard.reclaimer = &reclaimer;
    Partition& partition = shard.database(0, kNow);
    put(partition, "large", std::string(Reclaimer::kDeferBytes, 'x'));
    put(partition, "small", std::string(Reclaimer::kDeferBytes - 1, 'x'));
    partition.erase(Key::of("large"), partition.find(Key::of("large")));
    partition.erase(Key::of("small"), partition.find(Key::of("small")));
    EXPECT_EQ(partition.entry_bytes(), 0);
    EXPECT_EQ(reclaimer.pending(), 1U);
    EXPECT_GE(base::used(base::Purpose::keyspace) - before, 64 * 1024);
    reclaimer.run();
    EXPECT_TRUE(reclaimer.empty());
    EXPECT_EQ(base::used(base::Purpose::keyspace), before);
}

TEST(Shard, entries_with_a_very_long_key_wait_for_the_reclaimer) {
    const int64_t before = base::used(base::Purpose::keyspace);
    Shard shard(1, 1);
    Reclaimer reclaimer;
    shard.reclaimer = &reclaimer;
    Partition& partition = shard.database(0, kNow);
    const std::string name(Reclaimer::kDeferBytes, 'k');
    put(partition, name, "v");
    put(partition, name, "42", kNow + 1000);
    partition.erase(Key::of(name), partition.find(Key::of(name)));
    EXPECT_EQ(partition.entry_bytes(), 0);
    EXPECT_GE(reclaimer.pending(), 1U);
    EXPECT_GE(base::used(base::Purpose::keyspace) - before, 64 * 1024);
    reclaimer.run();
    EXPECT_TRUE(reclaimer.empty());
    EXPECT_EQ(base::used(base::Purpose::keyspace), before);
}

// Reactors end before the data set: the reclaimer that held the lock last is gone by then.
TEST(Shard, the_last_reclaimer_may_end_before_the_shard) {
    const int64_t before = base::used(base::Purpose::keyspace);
    {
        auto shard = std::make_unique<Shard>(1, 1);
        {
            auto reclaimer = std::make_unique<Reclaimer>();
            shard->reclaimer = reclaimer.get();
            put(shard->database(0, kNow), "large", std::string(200'000, 'x'));
        }
    }
    EXPECT_EQ(base::used(base::Purpose::keyspace), before);
}

TEST(Shard, the_next_due_time_is_the_earliest_of_all_databases) {
    Shard shard(3, 1);
    EXPECT_EQ(shard.next_due_ms(), INT64_MAX);
    put(shard.database(0, kNow), "late", "v", kNow + 400);
    put(shard.database(2, kNow), "soon", "v", kNow + 100);
    EXPECT_EQ(shard.next_due_hint_ms, kNow + 101);
    EXPECT_GT(shard.next_due_ms(), kNow + 100);
    EXPECT_LE(shard.next_due_ms(), kNow + 108);
    shard.detach_database(2);
    EXPECT_GT(shard.next_due_ms(), kNow + 108);
}

TEST(Shard, a_hint_can_be_counted_in_microseconds) {
    Shard shard(1, 1);
    put(shard.database(0, kNow), "never", "v", INT64_MAX - 1);
    EXPECT_LE(shard.next_due_hint_ms, INT64_MAX / 1000);
}

}  // namespace
}  // namespace gyre::store
