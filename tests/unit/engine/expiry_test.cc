// SPDX-License-Identifier: BSD-3-Clause

// Active expiry: never early, at most a tick late, in slices that end in time, with a backlog that
// is exact.

#include "engine/expiry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/keyspace.h"
#include "support/seed.h"
#include "threads.h"

namespace gyre::engine {
namespace {

using store::Entry;
using store::Key;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kTick = containers::TimerWheel::kTickMs;

class ExpiryTest : public testing::Test {
protected:
    explicit ExpiryTest(size_t threads = 1, size_t shards = 4)
        : dataset_({.threads = threads, .databases = 2, .shards = shards, .seed = 1}) {
        for (size_t index = 0; index < threads; ++index) {
            cycles_.push_back(std::make_unique<ExpiryCycle>(
                dataset_, executor_, index, [this] { return clock_us_ += us_for_each_look_; }));
        }
    }
    ExpiryCycle& cycle() { return *cycles_[0]; }
    void put(const std::string& name, int64_t expire_ms, size_t database = 0) {
        const Key key = Key::of(name);
        const size_t shard = dataset_.shard_of(key.hash);
        dataset_.lock(shard, executor_);
        Keyspace keys(dataset_, executor_, database, kNow, true);
        keys.put(key, keys.peek(key), types::plain_string("v"), Deadline::at(expire_ms));
        dataset_.unlock(shard);
    }
    size_t keys() { return dataset_.keys_total(executor_); }
    /// When the tick of the key's wheel is over in which its deadline lies.
    int64_t tick_end(const std::string& name, int64_t deadline_ms) {
        const size_t shard = dataset_.shard_of(Key::of(name).hash);
        const int64_t phase_ms = dataset_.shard(shard).wheel_phase_ms;
        return (((deadline_ms + phase_ms) >> 3) + 1) * kTick - phase_ms;
    }
    /// Runs slices until none says that work is left; returns how many.
    size_t run_all(int64_t now_ms) {
        size_t slices = 1;
        while (cycle().run(now_ms, false)) ++slices;
        return slices;
    }

    int64_t clock_us_ = 0;
    int64_t us_for_each_look_ = 0;
    Dataset dataset_;
    Executor executor_;
    std::vector<std::unique_ptr<ExpiryCycle>> cycles_;
};

TEST_F(ExpiryTest, a_key_goes_with_its_tick_and_not_before) {
    int64_t start = kNow;
    for (const int64_t delay : {1L, 7L, 8L, 100L, 600L, 40'000L, 4'000'000L}) {
        const int64_t deadline = start + delay;
        put("a", deadline);
        EXPECT_LE(cycle().next_due_ms(), deadline + 1);
        run_all(deadline);
        run_all(tick_end("a", deadline) - 1);
        EXPECT_EQ(keys(), 1U) << delay;
        EXPECT_LE(cycle().next_due_ms(), tick_end("a", deadline));
        run_all(tick_end("a", deadline));
        EXPECT_EQ(keys(), 0U) << delay;
        start = (deadline / kTick + 2) * kTick;
    }
    EXPECT_EQ(cycle().next_due_ms(), INT64_MAX);
    EXPECT_EQ(cycle().statistics().removed, 7U);
    EXPECT_EQ(dataset_.statistics(executor_).expired_actively, 7U);
}

// As a reactor does it: sleep until next_due_ms(), run, sleep.
TEST_F(ExpiryTest, waking_when_due_is_enough) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    std::multiset<int64_t> ends;
    for (int index = 0; index < 2000; ++index) {
        const int64_t deadline = kNow + 1 + static_cast<int64_t>(random.below(100'000));
        const std::string name = "key:" + std::to_string(index);
        ends.insert(tick_end(name, deadline));
        put(name, deadline, random.below(2));
    }
    size_t turns = 0;
    while (keys() > 0) {
        const int64_t now_ms = cycle().next_due_ms();
        ASSERT_NE(now_ms, INT64_MAX);
        run_all(now_ms);
        while (!ends.empty() && *ends.begin() <= now_ms) ends.erase(ends.begin());
        ASSERT_EQ(keys(), ends.size()) << now_ms - kNow;
        ASSERT_LT(++turns, 20'000U);
    }
    const ExpiryStatistics statistics = cycle().statistics();
    EXPECT_EQ(statistics.removed, 2000U);
    EXPECT_EQ(statistics.lateness_ms.count(), 2000U);
    EXPECT_LE(statistics.lateness_ms.max(), kTick);
    EXPECT_EQ(statistics.cut_short, 0U);
}

TEST_F(ExpiryTest, a_slice_ends_in_time_however_much_is_due) {
    constexpr size_t kKeys = 200'000;
    for (size_t index = 0; index < kKeys; ++index) put("key:" + std::to_string(index), kNow + 600);
    const int64_t now_ms = kNow + 620;
    us_for_each_look_ = 10;
    for (const bool is_busy : {true, false}) {
        const int64_t slice_us = is_busy ? ExpiryCycle::kBusySliceUs : ExpiryCycle::kIdleSliceUs;
        for (int slice = 0; slice < 20; ++slice) {
            const size_t before = keys();
            EXPECT_EQ(cycle().backlog(now_ms), static_cast<int64_t>(before));
            const int64_t start_us = clock_us_;
            ASSERT_TRUE(cycle().run(now_ms, is_busy));
            // One look begins it, one is the last, one is for the statistics.
            EXPECT_LE(clock_us_ - start_us, slice_us + 4 * us_for_each_look_);
            EXPECT_LE(before - keys(),
                      ExpiryCycle::kBatch * (static_cast<size_t>(slice_us) / 10 + 1));
            EXPECT_EQ(cycle().next_due_ms() <= now_ms, true);
        }
    }
    EXPECT_EQ(cycle().statistics().cut_short, 40U);
    size_t slices = 0;
    while (cycle().run(now_ms, false)) {
        if (++slices % 50 == 0) {
            EXPECT_EQ(cycle().backlog(now_ms), static_cast<int64_t>(keys()));
        }
        ASSERT_LT(slices, 2000U);
    }
    EXPECT_EQ(keys(), 0U);
    EXPECT_EQ(cycle().backlog(now_ms), 0);
    EXPECT_EQ(cycle().statistics().removed, kKeys);
    EXPECT_EQ(cycle().statistics().lateness_ms.max(), 20);
    EXPECT_GT(cycle().statistics().cpu_us, 0U);
    EXPECT_EQ(cycle().next_due_ms(), INT64_MAX);
}

TEST_F(ExpiryTest, no_shard_waits_for_another) {
    for (int index = 0; index < 40'000; ++index) put("key:" + std::to_string(index), kNow + 10);
    us_for_each_look_ = 30;
    std::vector<size_t> before;
    for (size_t shard = 0; shard < dataset_.shards(); ++shard) {
        before.push_back(dataset_.shard(shard).keys());
    }
    // Enough for each shard to have its turns, and for none to be done.
    for (int slice = 0; slice < 60; ++slice) ASSERT_TRUE(cycle().run(kNow + 30, true));
    for (size_t shard = 0; shard < dataset_.shards(); ++shard) {
        EXPECT_LT(dataset_.shard(shard).keys(), before[shard]) << shard;
    }
}

TEST_F(ExpiryTest, a_rebuild_is_carried_to_its_end) {
    for (int index = 0; index < 20'000; ++index)
        put("key:" + std::to_string(index), kNow + 9'000'000);
    for (int index = 0; index < 20'000; ++index)
        put("key:" + std::to_string(index), store::kNoExpiry);
    EXPECT_LE(cycle().next_due_ms(), kNow) << "it wants to be called at once";
    us_for_each_look_ = 10;
    size_t slices = 0;
    while (cycle().run(kNow + 1, true)) ASSERT_LT(++slices, 1000U);
    EXPECT_GT(cycle().next_due_ms(), kNow + 1);
    size_t wheel_bytes = 0;
    for (size_t shard = 0; shard < dataset_.shards(); ++shard) {
        wheel_bytes += dataset_.shard(shard).database(0, kNow).wheel_bytes();
    }
    EXPECT_LT(wheel_bytes, 40'000U);
    EXPECT_EQ(keys(), 20'000U);
}

TEST_F(ExpiryTest, a_key_given_more_time_stays) {
    put("a", kNow + 10);
    put("b", kNow + 10);
    put("a", kNow + 10'000);
    run_all(kNow + 100);
    EXPECT_EQ(keys(), 1U);
    EXPECT_GT(cycle().next_due_ms(), kNow + 100);
    run_all(kNow + 10'008);
    EXPECT_EQ(keys(), 0U);
}

TEST_F(ExpiryTest, it_can_be_turned_off) {
    put("a", kNow + 10);
    dataset_.settings.active_expire = false;
    EXPECT_FALSE(cycle().run(kNow + 1000, false));
    EXPECT_EQ(keys(), 1U);
    dataset_.settings.active_expire = true;
    EXPECT_FALSE(cycle().run(kNow + 1000, false));
    EXPECT_EQ(keys(), 0U);
    EXPECT_EQ(cycle().statistics().lateness_ms.max(), 990);
    cycle().reset_statistics();
    EXPECT_EQ(cycle().statistics().removed, 0U);
}

TEST_F(ExpiryTest, deadlines_at_the_ends_of_time_harm_nothing) {
    put("never", INT64_MAX - 1);
    put("long ago", INT64_MIN);
    put("before the epoch", -1);
    EXPECT_FALSE(cycle().run(kNow, false));
    EXPECT_FALSE(cycle().run(kNow + 8, false));
    EXPECT_EQ(keys(), 1U);
    EXPECT_GT(cycle().next_due_ms(), kNow);
    EXPECT_LE(cycle().next_due_ms(), INT64_MAX / 1000) << "countable in microseconds";
    EXPECT_EQ(cycle().statistics().lateness_ms.count(), 2U);
}

TEST_F(ExpiryTest, removed_keys_give_their_places_back_and_are_no_changes) {
    dataset_.set_maxkeys(100, executor_);
    for (int index = 0; index < 20; ++index) put("key:" + std::to_string(index), kNow + index);
    EXPECT_EQ(dataset_.keys_reserved(), 20);
    run_all(kNow + 100);
    EXPECT_EQ(dataset_.keys_reserved(), 0);
    EXPECT_EQ(dataset_.statistics(executor_).changes, 20U);
}

class SharedExpiryTest : public ExpiryTest {
protected:
    SharedExpiryTest() : ExpiryTest(3, 8) {}
};

TEST_F(SharedExpiryTest, each_reactor_looks_after_its_own_shards) {
    for (int index = 0; index < 800; ++index) put("key:" + std::to_string(index), kNow + 10);
    std::vector<size_t> in_shard;
    for (size_t shard = 0; shard < 8; ++shard) in_shard.push_back(dataset_.shard(shard).keys());
    for (size_t index = 0; index < 3; ++index) {
        EXPECT_FALSE(cycles_[index]->run(kNow + 30, false));
        for (size_t shard = 0; shard < 8; ++shard) {
            EXPECT_EQ(dataset_.shard(shard).keys(), shard % 3 <= index ? 0 : in_shard[shard]);
        }
    }
    EXPECT_EQ(keys(), 0U);
}

class LonelyExpiryTest : public ExpiryTest {
protected:
    LonelyExpiryTest() : ExpiryTest(4, 2) {}
};

TEST_F(LonelyExpiryTest, a_reactor_without_shards_has_nothing_to_do) {
    put("a", kNow + 10);
    EXPECT_FALSE(cycles_[3]->run(kNow + 30, false));
    EXPECT_EQ(cycles_[3]->next_due_ms(), INT64_MAX);
    EXPECT_EQ(cycles_[3]->backlog(kNow + 30), 0);
    EXPECT_EQ(keys(), 1U);
}

// Threads write keys with deadlines while others remove them, and a third kind reads the figures.
TEST(ExpiryThreads, writers_and_expiry_at_once) {
    SCOPED_TRACE(seed_note());
    Dataset dataset({.threads = 4, .databases = 1, .shards = 16, .seed = 1});
    std::vector<Executor> executors(4);
    std::vector<std::unique_ptr<ExpiryCycle>> cycles;
    for (size_t index = 0; index < 4; ++index) {
        cycles.push_back(std::make_unique<ExpiryCycle>(dataset, executors[index], index, [] {
            return std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::steady_clock::now().time_since_epoch())
                .count();
        }));
    }
    run_threads(4, [&](size_t thread) {
        base::Random random(test_seed() + thread);
        for (int round = 0; round < 8000; ++round) {
            const std::string name = "key:" + std::to_string(random.below(2000));
            const Key key = Key::of(name);
            const int64_t now_ms = kNow + round / 4;
            const size_t shard = dataset.shard_of(key.hash);
            dataset.lock(shard, executors[thread]);
            Keyspace keys(dataset, executors[thread], 0, now_ms, false);
            Entry* entry = keys.read(key);
            EXPECT_TRUE(entry == nullptr || !entry->is_expired(now_ms));
            keys.put(key, entry, types::plain_string(name),
                     Deadline::at(now_ms + 1 + static_cast<int64_t>(random.below(300))));
            dataset.unlock(shard);
            if (round % 8 == 0) cycles[thread]->run(now_ms, true);
            if (round % 500 == 0) cycles[(thread + 1) % 4]->statistics();
        }
    });
    for (size_t index = 0; index < 4; ++index) {
        while (cycles[index]->run(kNow + 10'000, false)) {
        }
        EXPECT_EQ(cycles[index]->backlog(kNow + 10'000), 0);
    }
    EXPECT_EQ(dataset.keys_total(executors[0]), 0U);
}

}  // namespace
}  // namespace gyre::engine
