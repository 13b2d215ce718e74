// SPDX-License-Identifier: BSD-3-Clause

// The data set as a whole: its shards, what goes over all of them, and several threads that work on
// it at once.

#include "engine/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "engine/keyspace.h"
#include "support/seed.h"
#include "threads.h"

namespace gyre::engine {
namespace {

using store::Entry;
using store::Key;

constexpr int64_t kNow = 1'700'000'000'000;

/// A data set for one thread, and short ways to its keys.
class DatasetTest : public testing::Test {
protected:
    Keyspace keyspace(size_t database = 0, int64_t now_ms = kNow) {
        return {dataset_, executor_, database, now_ms, false};
    }
    void put(const std::string& name, std::string_view value = "v", size_t database = 0,
             int64_t expire_ms = store::kNoExpiry) {
        const Key key = Key::of(name);
        Keyspace keys = keyspace(database);
        Entry* present = keys.peek(key);
        keys.put(key, present, types::plain_string(value), Deadline::at(expire_ms));
    }
    void erase(const std::string& name, size_t database = 0) {
        Keyspace keys = keyspace(database);
        const Key key = Key::of(name);
        Entry* entry = keys.peek(key);
        if (entry != nullptr) keys.erase(key, entry);
    }
    bool has(const std::string& name, size_t database = 0) {
        return keyspace(database).peek(Key::of(name)) != nullptr;
    }
    void fill(int count, size_t database = 0) {
        for (int index = 0; index < count; ++index)
            put("key:" + std::to_string(index), "v", database);
    }
    void drain(size_t budget = 100) {
        while (!dataset_.drain(0, 1, budget, executor_)) {
        }
        executor_.reclaimer.run();
    }

    Dataset dataset_{{.threads = 1, .databases = 4, .shards = 8, .seed = 1}};
    Executor executor_;
};

TEST(ShardSet, gives_its_shards_in_rising_order) {
    ShardSet set;
    for (const size_t shard : {1023U, 0U, 64U, 63U, 512U, 64U}) set.add(shard);
    std::vector<size_t> seen;
    set.for_each([&](size_t shard) { seen.push_back(shard); });
    EXPECT_EQ(seen, (std::vector<size_t>{0, 63, 64, 512, 1023}));
    ShardSet all;
    all.add_all(1024);
    size_t count = 0;
    all.for_each([&](size_t shard) { EXPECT_EQ(shard, count++); });
    EXPECT_EQ(count, 1024U);
}

TEST(DatasetOptions, the_number_of_shards_follows_the_threads) {
    EXPECT_EQ(Dataset({.threads = 1}).shards(), 16U);
    EXPECT_EQ(Dataset({.threads = 2}).shards(), 64U);
    EXPECT_EQ(Dataset({.threads = 4}).shards(), 64U);
    EXPECT_EQ(Dataset({.threads = 5}).shards(), 128U);
    EXPECT_EQ(Dataset({.threads = 100, .databases = 1}).shards(), 1024U);
    Dataset one({.shards = 1});
    EXPECT_EQ(one.shard_of(0), 0U);
    EXPECT_EQ(one.shard_of(UINT64_MAX), 0U);
    Dataset most({.databases = 1, .shards = 1024});
    EXPECT_EQ(most.shard_of(UINT64_MAX), 1023U);
    EXPECT_EQ(most.shard_of(uint64_t{1} << 54), 1U);
}

TEST(Policies, have_the_names_of_redis_and_two_more) {
    for (const char* name :
         {"noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru",
          "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-s3fifo", "volatile-s3fifo"}) {
        const auto policy = policy_from_name(name);
        ASSERT_TRUE(policy.has_value()) << name;
        EXPECT_STREQ(policy_name(*policy), name);
        EXPECT_EQ(is_volatile(*policy), std::string_view(name).starts_with("volatile"));
        EXPECT_EQ(is_lfu(*policy), std::string_view(name).ends_with("lfu"));
        EXPECT_EQ(is_s3fifo(*policy), std::string_view(name).ends_with("s3fifo"));
    }
    EXPECT_FALSE(policy_from_name("allkeys").has_value());
}

TEST_F(DatasetTest, figures_are_summed_over_the_shards) {
    fill(100);
    for (int index = 0; index < 30; ++index) {
        put("expires:" + std::to_string(index), "v", 1, kNow + 1000 + index);
    }
    EXPECT_EQ(dataset_.keys(0, executor_), 100U);
    EXPECT_EQ(dataset_.keys_total(executor_), 130U);
    const auto figures = dataset_.figures(1, executor_);
    EXPECT_EQ(figures.keys, 30U);
    EXPECT_EQ(figures.with_expiry, 30U);
    EXPECT_NEAR(figures.deadline_sum_ms / 30 - static_cast<double>(kNow), 1014.5, 1);
    EXPECT_EQ(dataset_.figures(3, executor_).keys, 0U);
    EXPECT_EQ(dataset_.statistics(executor_).changes, 130U);
    dataset_.reset_statistics(executor_);
    EXPECT_EQ(dataset_.statistics(executor_).changes, 130U);
    EXPECT_EQ(dataset_.statistics(executor_).keyspace_hits, 0U);
}

TEST_F(DatasetTest, a_flush_empties_one_database_at_once_and_its_memory_in_slices) {
    const int64_t before = base::used(base::Purpose::keyspace);
    fill(1000, 0);
    fill(500, 1);
    const int64_t both = base::used(base::Purpose::keyspace);
    const size_t flushes = dataset_.flushes();
    dataset_.flush(0, executor_);
    EXPECT_EQ(dataset_.flushes(), flushes + 1);
    EXPECT_EQ(dataset_.keys(0, executor_), 0U);
    EXPECT_FALSE(has("key:1"));
    EXPECT_TRUE(has("key:1", 1));
    EXPECT_EQ(dataset_.detached_entries(executor_), 1000U);
    EXPECT_EQ(base::used(base::Purpose::keyspace), both);
    EXPECT_EQ(dataset_.statistics(executor_).changes, 2500U);
    fill(10, 0);
    drain();
    EXPECT_EQ(dataset_.detached_entries(executor_), 0U);
    EXPECT_EQ(dataset_.keys(0, executor_), 10U);
    EXPECT_TRUE(has("key:9"));
    dataset_.flush_all(executor_);
    EXPECT_EQ(dataset_.keys_total(executor_), 0U);
    drain();
    EXPECT_EQ(base::used(base::Purpose::keyspace), before);
}

TEST_F(DatasetTest, several_threads_drain_their_own_shards) {
    fill(1000);
    dataset_.flush(0, executor_);
    while (!dataset_.drain(1, 2, 50, executor_)) {
    }
    EXPECT_GT(dataset_.detached_entries(executor_), 0U);
    while (!dataset_.drain(0, 2, 50, executor_)) {
    }
    EXPECT_EQ(dataset_.detached_entries(executor_), 0U);
}

TEST_F(DatasetTest, swapped_databases_take_their_keys_along_while_others_are_drained) {
    fill(300, 0);
    dataset_.flush(0, executor_);
    fill(100, 0);
    put("other", "v", 1, kNow + 50);
    dataset_.swap(0, 1, executor_);
    EXPECT_EQ(dataset_.keys(0, executor_), 1U);
    EXPECT_EQ(dataset_.keys(1, executor_), 100U);
    drain(10);
    EXPECT_TRUE(has("other", 0));
    EXPECT_TRUE(has("key:99", 1));
    EXPECT_EQ(keyspace(0, kNow + 51).peek(Key::of("other")), nullptr);
}

// What is there from the first call to the last is given; what is given is or was there.
TEST_F(DatasetTest, a_scan_gives_all_that_stays) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    fill(2000, 2);
    for (int trial = 0; trial < 20; ++trial) {
        const uint64_t coming = random.below(3000);
        for (uint64_t index = 0; index < 300; ++index) put("stays:" + std::to_string(index));
        std::set<std::string> seen;
        uint64_t cursor = 0;
        size_t steps = 0;
        do {
            cursor = dataset_.scan(0, cursor, executor_, [&](const Entry& entry) {
                EXPECT_FALSE(entry.key().starts_with("key:")) << "of another database";
                seen.emplace(entry.key());
            });
            for (int change = 0; change < 5; ++change) {
                const std::string name = "comes:" + std::to_string(random.below(coming + 1));
                random.below(3) != 0 ? put(name) : erase(name);
            }
            ASSERT_LT(++steps, 10'000U);
        } while (cursor != 0);
        EXPECT_GE(steps, dataset_.shards());
        for (uint64_t index = 0; index < 300; ++index) {
            EXPECT_TRUE(seen.contains("stays:" + std::to_string(index))) << index;
        }
        dataset_.flush(0, executor_);
        drain();
    }
}

TEST_F(DatasetTest, a_scan_comes_to_an_end_from_any_cursor) {
    fill(500);
    base::Random random(test_seed());
    for (int trial = 0; trial < 200; ++trial) {
        uint64_t cursor = random.next() >> random.below(64);
        size_t steps = 0;
        do {
            cursor = dataset_.scan(0, cursor, executor_, [](const Entry&) {});
            ASSERT_LT(++steps, 2000U);
        } while (cursor != 0);
    }
}

// Someone makes keys collide while another scans: the order is new, the promise the same.
TEST(DatasetScan, a_changed_hash_function_loses_nothing) {
    Dataset dataset({.databases = 1, .shards = 1, .seed = 1});
    Executor executor;
    Keyspace keys(dataset, executor, 0, kNow, false);
    const auto put = [&](const std::string& name) {
        const Key key = Key::of(name);
        keys.put(key, keys.peek(key), types::plain_string("v"));
    };
    for (int index = 0; index < 90; ++index) put("stays:" + std::to_string(index));
    std::set<std::string> seen;
    const auto visit = [&](const Entry& entry) { seen.emplace(entry.key()); };
    uint64_t cursor = 0;
    for (int step = 0; step < 8; ++step) {
        cursor = dataset.scan(0, cursor, executor, visit);
        ASSERT_NE(cursor, 0U);
    }
    for (int index = 0; !dataset.shard(0).database(0, kNow).is_defended(); ++index) {
        const std::string name = "collides:" + std::to_string(index);
        if ((base::hash_bytes(name) & 127) == 3) put(name);
    }
    size_t steps = 0;
    while (cursor != 0 && ++steps < 1000) cursor = dataset.scan(0, cursor, executor, visit);
    for (int index = 0; index < 90; ++index) {
        EXPECT_TRUE(seen.contains("stays:" + std::to_string(index))) << index;
    }
    EXPECT_LT(steps, 200U);
}

TEST_F(DatasetTest, the_next_due_time_is_known_without_the_lock) {
    const Key key = Key::of("a");
    const size_t shard = dataset_.shard_of(key.hash);
    EXPECT_EQ(dataset_.next_due_ms(shard), INT64_MAX);
    dataset_.lock(shard, executor_);
    put("a", "v", 0, kNow + 500);
    dataset_.unlock(shard);
    EXPECT_EQ(dataset_.next_due_ms(shard), kNow + 501);
    dataset_.lock(shard, executor_);
    dataset_.refresh_next_due(shard);
    dataset_.unlock(shard);
    EXPECT_GT(dataset_.next_due_ms(shard), kNow + 500);
    EXPECT_LE(dataset_.next_due_ms(shard), kNow + 508);
    dataset_.flush_all(executor_);
    dataset_.lock(shard, executor_);
    dataset_.refresh_next_due(shard);
    dataset_.unlock(shard);
    EXPECT_EQ(dataset_.next_due_ms(shard), INT64_MAX);
}

TEST_F(DatasetTest, the_soonest_due_time_is_lowered_by_others_and_raised_by_its_reactor) {
    EXPECT_EQ(dataset_.soonest_due_ms(0), INT64_MAX);
    // The hash differs from one process to the next: two names that fall in different shards.
    const std::string soon = "soon";
    std::string late = "late";
    const auto shard_of = [&](const std::string& name) {
        return dataset_.shard_of(Key::of(name).hash);
    };
    while (shard_of(late) == shard_of(soon)) late += '+';
    for (const auto& [name, delay] :
         {std::pair<std::string, int64_t>{late, 900}, {soon, 500}, {"last", 1500}}) {
        const size_t shard = shard_of(name);
        dataset_.lock(shard, executor_);
        put(name, "v", 0, kNow + delay);
        dataset_.unlock(shard);
    }
    EXPECT_EQ(dataset_.soonest_due_ms(0), kNow + 501);
    const size_t shard = shard_of(soon);
    dataset_.lock(shard, executor_);
    dataset_.shard(shard).expire_due(kNow + 508, 100, [](const Entry&) {});
    dataset_.refresh_next_due(shard);
    dataset_.unlock(shard);
    EXPECT_EQ(dataset_.soonest_due_ms(0), kNow + 501) << "not raised by itself";
    EXPECT_GT(dataset_.refresh_soonest_due(0), kNow + 508);
    EXPECT_LE(dataset_.soonest_due_ms(0), kNow + 901);
}

// A waker that needs a lock, as any other thread may: it must find none of the set held.
TEST(DatasetSleep, nobody_is_woken_while_a_lock_of_the_set_is_held) {
    Dataset dataset({.threads = 2, .databases = 1, .shards = 4, .seed = 1});
    Executor executor;
    Executor other;
    ShardSet all;
    all.add_all(dataset.shards());
    std::vector<size_t> woken;
    dataset.set_waker([&](size_t reactor) {
        woken.push_back(reactor);
        for (size_t shard = 0; shard < dataset.shards(); ++shard) {
            if (dataset.try_lock(shard, other)) {
                dataset.unlock(shard);
            } else {
                ADD_FAILURE() << "shard " << shard << " is held";
            }
        }
    });
    for (const size_t reactor : {0U, 1U}) dataset.announce_sleep(reactor, INT64_MAX);
    {
        const ShardGuard guard(dataset, all, executor);
        for (size_t shard = 0; shard < dataset.shards(); ++shard) {
            dataset.shard(shard).next_due_hint_ms = kNow - static_cast<int64_t>(shard);
        }
    }
    std::sort(woken.begin(), woken.end());
    woken.erase(std::unique(woken.begin(), woken.end()), woken.end());
    EXPECT_EQ(woken, (std::vector<size_t>{0, 1}));
    EXPECT_EQ(dataset.soonest_due_ms(0), kNow - 2);
    EXPECT_EQ(dataset.soonest_due_ms(1), kNow - 3);
}

TEST(Dataset, wakes_every_reactor_when_it_is_told_to) {
    Dataset dataset({.threads = 3, .seed = 1});
    dataset.wake_all();  // nobody to tell it yet
    std::vector<size_t> woken;
    dataset.set_waker([&](size_t reactor) { woken.push_back(reactor); });
    for (const size_t reactor : {0U, 1U, 2U}) dataset.announce_awake(reactor);
    dataset.wake_all();
    EXPECT_EQ(woken, (std::vector<size_t>{0, 1, 2}));
}

// One thread goes to sleep again and again, another sets deadlines nearer each time: either the
// sleeper sees the deadline when it looks once more, or it is woken.
TEST(DatasetSleep, a_deadline_is_seen_or_wakes) {
    constexpr int kRounds = 5000;
    Dataset dataset({.threads = 2, .databases = 1, .shards = 2, .seed = 1});
    std::vector<Executor> executors(2);
    std::atomic<int> wakes{0};
    std::atomic<int> round{0};
    std::atomic<int> finished{0};
    dataset.set_waker([&](size_t) { wakes.fetch_add(1); });
    int lost = 0;
    run_threads(2, [&](size_t thread) {
        for (int number = 1; number <= kRounds; ++number) {
            const int64_t due_ms = kNow - number;
            if (thread == 0) {
                const int before = wakes.load();
                round.store(number);
                dataset.announce_sleep(0, dataset.refresh_soonest_due(0));
                const bool is_seen = dataset.soonest_due_ms(0) <= due_ms;
                while (finished.load() < number) std::this_thread::yield();
                if (!is_seen && wakes.load() == before) ++lost;
                dataset.announce_awake(0);
            } else {
                while (round.load() < number) std::this_thread::yield();
                dataset.lock(0, executors[1]);
                dataset.shard(0).next_due_hint_ms = due_ms;
                dataset.unlock(0);
                finished.store(number);
            }
        }
    });
    EXPECT_EQ(lost, 0);
    EXPECT_EQ(dataset.soonest_due_ms(0), kNow - kRounds);
}

TEST_F(DatasetTest, what_a_command_touches_of_a_shard_is_one_cache_line) {
    for (size_t index = 0; index < dataset_.shards(); ++index) {
        const store::Shard& shard = dataset_.shard(index);
        const auto line = [](const void* field) { return reinterpret_cast<uintptr_t>(field) / 64; };
        EXPECT_EQ(line(&shard), line(&shard.next_due_hint_ms));
        EXPECT_EQ(line(&shard), line(&shard.initial_access_word));
        EXPECT_EQ(line(&shard), line(&shard.statistics.keyspace_hits));
        EXPECT_EQ(line(&shard), line(&shard.statistics.changes));
    }
}

// --- maxkeys ------------------------------------------------------------------------------------

TEST_F(DatasetTest, keys_are_counted_only_while_there_is_a_limit) {
    fill(10);
    EXPECT_FALSE(dataset_.counts_keys());
    dataset_.set_maxkeys(20, executor_);
    EXPECT_TRUE(dataset_.counts_keys());
    EXPECT_EQ(dataset_.keys_reserved(), 10);
    put("more");
    put("more");
    put("in another", "v", 3, kNow + 5);
    EXPECT_EQ(dataset_.keys_reserved(), 12);
    erase("key:0");
    EXPECT_EQ(dataset_.keys_reserved(), 11);
    EXPECT_EQ(keyspace(3, kNow + 6).peek(Key::of("in another")), nullptr);
    EXPECT_EQ(dataset_.keys_reserved(), 10);
    dataset_.flush(0, executor_);
    EXPECT_EQ(dataset_.keys_reserved(), 0);
    fill(5, 1);
    dataset_.flush_all(executor_);
    EXPECT_EQ(dataset_.keys_reserved(), 0);
    dataset_.set_maxkeys(0, executor_);
    EXPECT_FALSE(dataset_.counts_keys());
    EXPECT_EQ(dataset_.settings.maxkeys, 0);
}

TEST_F(DatasetTest, a_promise_is_kept_or_not_given) {
    dataset_.set_maxkeys(10, executor_);
    EXPECT_TRUE(dataset_.reserve_keys(7, 10));
    EXPECT_FALSE(dataset_.reserve_keys(4, 10));
    EXPECT_TRUE(dataset_.reserve_keys(3, 10));
    EXPECT_FALSE(dataset_.reserve_keys(1, 10));
    dataset_.unreserve_keys(10);
    EXPECT_EQ(dataset_.keys_reserved(), 0);
}

TEST_F(DatasetTest, a_key_made_in_a_promised_place_counts_once) {
    dataset_.set_maxkeys(10, executor_);
    ASSERT_TRUE(dataset_.reserve_keys(3, 10));
    executor_.promised_keys = 3;
    fill(2, 0);
    EXPECT_EQ(dataset_.keys_reserved(), 3) << "two keys and one promise";
    dataset_.settle_promise(executor_);
    EXPECT_EQ(dataset_.keys_reserved(), 2);
    fill(1, 1);
    EXPECT_EQ(dataset_.keys_reserved(), 3) << "without a promise it counts on its own";
}

// One promise too large for the room there is must not take it away for a moment from another.
TEST(DatasetThreads, a_refused_promise_disturbs_nobody) {
    constexpr int64_t kLimit = 1000;
    Dataset dataset({.threads = 2, .databases = 1, .seed = 1});
    Executor setter;
    dataset.set_maxkeys(kLimit, setter);
    std::atomic<bool> is_over{false};
    std::atomic<int64_t> refused{0};
    run_threads(2, [&](size_t index) {
        if (index == 0) {
            while (!is_over.load()) ASSERT_FALSE(dataset.reserve_keys(kLimit + 1, kLimit));
            return;
        }
        for (int round = 0; round < 200'000; ++round) {
            if (dataset.reserve_keys(1, kLimit)) {
                dataset.unreserve_keys(1);
            } else {
                refused.fetch_add(1);
            }
        }
        is_over.store(true);
    });
    EXPECT_EQ(refused.load(), 0);
}

TEST(DatasetThreads, promises_never_exceed_the_limit) {
    constexpr int64_t kLimit = 50;
    Dataset dataset({.threads = 4, .databases = 1, .seed = 1});
    Executor setter;
    dataset.set_maxkeys(kLimit, setter);
    std::atomic<int64_t> promised{0};
    std::atomic<int64_t> most{0};
    std::atomic<int64_t> given{0};
    run_threads(4, [&](size_t index) {
        base::Random random(test_seed() + index);
        for (int round = 0; round < 30'000; ++round) {
            const auto count = static_cast<int64_t>(1 + random.below(30));
            if (!dataset.reserve_keys(count, kLimit)) continue;
            const int64_t now = promised.fetch_add(count) + count;
            int64_t seen = most.load();
            while (seen < now && !most.compare_exchange_weak(seen, now)) {
            }
            if (round % 16 == 0) std::this_thread::yield();
            promised.fetch_sub(count);
            dataset.unreserve_keys(count);
            given.fetch_add(1);
        }
    });
    EXPECT_LE(most.load(), kLimit);
    EXPECT_GT(given.load(), 0);
    EXPECT_EQ(dataset.keys_reserved(), 0);
}

// --- several threads ----------------------------------------------------------------------------

constexpr size_t kAccounts = 24;
constexpr int64_t kStartBalance = 1000;

/// Money that threads move between accounts in different shards: nothing comes or goes while each
/// has locked all shards of its accounts.
class Bank {
public:
    /// `takes_shapes`: amounts become texts of all lengths now and then, so that entries move.
    explicit Bank(bool takes_shapes) : takes_shapes_(takes_shapes) {
        Executor executor;
        Keyspace keys(dataset, executor, 0, kNow, false);
        names_.reserve(kAccounts);
        for (size_t index = 0; index < kAccounts; ++index) {
            names_.push_back("account:" + std::to_string(index));
            accounts_.push_back(Key::of(names_.back()));
            keys.put(accounts_.back(), nullptr, types::integer_string(kStartBalance));
        }
    }

    /// Moves some from one account to up to three others.
    void transfer(base::Random& random, Executor& executor) {
        std::vector<size_t> chosen;
        ShardSet set;
        for (uint64_t count = 2 + random.below(3); chosen.size() < count;) {
            const size_t account = random.below(kAccounts);
            if (std::find(chosen.begin(), chosen.end(), account) != chosen.end()) continue;
            chosen.push_back(account);
            set.add(dataset.shard_of(accounts_[account].hash));
        }
        const ShardGuard guard(dataset, set, executor);
        const auto amount = static_cast<int64_t>(random.below(20));
        for (size_t place = 1; place < chosen.size(); ++place) {
            add(chosen[0], -amount, random, executor);
            add(chosen[place], amount, random, executor);
        }
    }

    int64_t total() {
        Executor executor;
        ShardSet all;
        all.add_all(dataset.shards());
        const ShardGuard guard(dataset, all, executor);
        Keyspace keys(dataset, executor, 0, kNow, false);
        int64_t sum = 0;
        for (const Key& account : accounts_) sum += balance(*keys.peek(account));
        return sum;
    }

    Dataset dataset{{.threads = 4, .databases = 1, .seed = 1}};

private:
    static int64_t balance(const Entry& entry) {
        if (entry.encoding() == store::Encoding::integer) return entry.integer();
        return std::stoll(std::string(entry.bytes()));
    }

    void add(size_t account, int64_t amount, base::Random& random, Executor& executor) {
        Keyspace keys(dataset, executor, 0, kNow, false);
        Entry* entry = keys.write(accounts_[account]);
        ASSERT_NE(entry, nullptr);
        const int64_t next = balance(*entry) + amount;
        // Off the processor in the middle: who does not wait for the lock reads what is outdated.
        if (random.below(64) == 0) std::this_thread::yield();
        if (takes_shapes_ && random.below(4) == 0) {
            const std::string text = std::to_string(next) + std::string(random.below(300), ' ');
            keys.change(accounts_[account], entry, types::plain_string(text));
        } else {
            keys.change(accounts_[account], entry, types::integer_string(next));
        }
    }

    const bool takes_shapes_;
    std::vector<std::string> names_;
    std::vector<Key> accounts_;
};

void expect_total_kept(Bank& bank) {
    SCOPED_TRACE(seed_note());
    constexpr int kTransfers = 20'000;
    std::atomic<int> wrong{0};
    run_threads(4, [&](size_t index) {
        base::Random random(test_seed() + index);
        Executor executor;
        for (int round = 0; round < kTransfers; ++round) {
            bank.transfer(random, executor);
            const bool looks = random.below(500) == 0;
            if (looks && bank.total() != static_cast<int64_t>(kAccounts) * kStartBalance) ++wrong;
        }
    });
    EXPECT_EQ(wrong.load(), 0);
    EXPECT_EQ(bank.total(), static_cast<int64_t>(kAccounts) * kStartBalance);
}

TEST(DatasetThreads, transfers_of_integers_keep_the_total) {
    Bank bank(false);
    expect_total_kept(bank);
}

TEST(DatasetThreads, transfers_that_move_entries_keep_the_total) {
    Bank bank(true);
    expect_total_kept(bank);
}

// Everything at once: writes with deadlines, scans, flushes and their draining, figures.
TEST(DatasetThreads, all_operations_at_once) {
    SCOPED_TRACE(seed_note());
    Dataset dataset({.threads = 4, .databases = 2, .seed = 1});
    std::atomic<int64_t> puts{0};
    run_threads(4, [&](size_t thread) {
        base::Random random(test_seed() + thread);
        Executor executor;
        const std::string large(100'000, 'x');
        for (int round = 0; round < 4000; ++round) {
            const std::string name = "key:" + std::to_string(random.below(500));
            const Key key = Key::of(name);
            const size_t shard = dataset.shard_of(key.hash);
            const size_t database = random.below(2);
            dataset.lock(shard, executor);
            Keyspace keys(dataset, executor, database, kNow + round, false);
            Entry* entry = keys.read(key);
            if (random.below(4) == 0 && entry != nullptr) {
                keys.erase(key, entry);
            } else {
                const auto value = types::plain_string(random.below(50) == 0 ? large : name);
                keys.put(key, entry, value, Deadline::at(kNow + round + 500));
                puts.fetch_add(1, std::memory_order_relaxed);
            }
            dataset.unlock(shard);
            if (round % 100 == 0) dataset.figures(database, executor);
            if (round % 1000 == 500) dataset.flush(database, executor);
            if (round % 1500 == 700) dataset.swap(0, 1, executor);
            if (round % 10 == 0) dataset.drain(thread, 4, 20, executor);
            dataset.scan(database, random.below(1000), executor, [](const Entry&) {});
            executor.reclaimer.run();
        }
    });
    Executor executor;
    const auto statistics = dataset.statistics(executor);
    EXPECT_EQ(statistics.keyspace_hits + statistics.keyspace_misses, 16'000U);
    EXPECT_GE(statistics.changes, static_cast<uint64_t>(puts.load()));
}

}  // namespace
}  // namespace gyre::engine
