// SPDX-License-Identifier: BSD-3-Clause

// The lock excludes, and nobody who waits for it is forgotten.

#include "engine/shard_lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/random.h"
#include "support/seed.h"
#include "threads.h"

namespace gyre::engine {
namespace {

TEST(ShardLock, a_lock_that_is_held_cannot_be_had) {
    ShardLock lock;
    EXPECT_TRUE(lock.try_lock());
    EXPECT_FALSE(lock.try_lock());
    lock.unlock();
    EXPECT_TRUE(lock.try_lock());
    lock.unlock();
}

TEST(ShardLock, with_one_thread_it_does_nothing) {
    ShardLock lock;
    lock.elide();
    lock.lock();
    EXPECT_TRUE(lock.try_lock());
    lock.lock();
    lock.unlock();
}

// A plain number, raised by several threads under the lock; now and then one is taken off its
// processor inside, so that the others run out of spins and sleep.
TEST(ShardLock, excludes) {
    ShardLock lock;
    int64_t sum = 0;
    constexpr int kRounds = 40'000;
    run_threads(4, [&](size_t) {
        for (int round = 0; round < kRounds; ++round) {
            lock.lock();
            const int64_t seen = sum;
            if (round % 64 == 0) std::this_thread::yield();
            sum = seen + 1;
            lock.unlock();
        }
    });
    EXPECT_EQ(sum, 4 * kRounds);
}

TEST(ShardLock, try_lock_excludes_too) {
    ShardLock lock;
    int64_t sum = 0;
    std::atomic<int64_t> had{0};
    run_threads(4, [&](size_t) {
        for (int round = 0; round < 40'000; ++round) {
            if (!lock.try_lock()) continue;
            const int64_t seen = sum;
            if (round % 64 == 0) std::this_thread::yield();
            sum = seen + 1;
            lock.unlock();
            had.fetch_add(1, std::memory_order_relaxed);
        }
    });
    EXPECT_EQ(sum, had.load());
    EXPECT_GT(sum, 0);
}

void busy_for(uint64_t turns) {
    std::atomic<uint64_t> turn{0};
    while (turn.fetch_add(1, std::memory_order_relaxed) < turns) {
    }
}

/// Waits for a number that another thread writes.
void wait_for(const std::atomic<int>& number, int value) {
    for (int looks = 1; number.load() != value; ++looks) {
        if (looks % 1000 == 0) std::this_thread::yield();
    }
}

// The first holds the lock, the second sleeps on it, the third comes at the moment it is given up
// and may get it by spinning: the second must still be woken.
TEST(ShardLock, a_sleeper_is_not_forgotten_when_another_overtakes_it) {
    SCOPED_TRACE(seed_note());
    ShardLock lock;
    std::atomic<int> held{0};
    std::atomic<int> arrived{0};
    std::atomic<int> let_go{0};
    std::atomic<int> done{0};
    constexpr int kRounds = 2000;
    const auto take_turn = [&] {
        lock.lock();
        lock.unlock();
        done.fetch_add(1);
    };
    run_threads(3, [&](size_t index) {
        base::Random random(test_seed());
        for (int round = 1; round <= kRounds; ++round) {
            if (index == 0) {
                lock.lock();
                held.store(round);
                wait_for(arrived, round);
                busy_for(5000);
                let_go.store(round);
                busy_for(random.below(150));
                lock.unlock();
                wait_for(done, 2 * round);
            } else {
                wait_for(index == 1 ? held : let_go, round);
                if (index == 1) arrived.store(round);
                take_turn();
            }
        }
    });
    EXPECT_EQ(done.load(), 2 * kRounds);
}

TEST(ShardLock, keeps_many_threads_going) {
    SCOPED_TRACE(seed_note());
    ShardLock lock;
    int64_t sum = 0;
    constexpr int kRounds = 20'000;
    run_threads(6, [&](size_t index) {
        base::Random random(test_seed() + index);
        for (int round = 0; round < kRounds; ++round) {
            lock.lock();
            ++sum;
            busy_for(random.below(100));
            lock.unlock();
            busy_for(random.below(200));
            if (random.below(32) == 0) std::this_thread::yield();
        }
    });
    EXPECT_EQ(sum, 6 * kRounds);
}

TEST(ShardLock, a_thread_asleep_in_the_kernel_is_woken) {
    for (int round = 0; round < 50; ++round) {
        ShardLock lock;
        std::atomic<int> arrived{0};
        int done = 0;
        lock.lock();
        run_threads(4, [&](size_t index) {
            if (index == 0) {
                // The others are behind their spins by then, or soon will be.
                while (arrived.load() != 3) std::this_thread::yield();
                busy_for(20'000);
                lock.unlock();
                return;
            }
            arrived.fetch_add(1);
            lock.lock();
            ++done;
            lock.unlock();
        });
        lock.lock();
        EXPECT_EQ(done, 3);
        lock.unlock();
    }
}

}  // namespace
}  // namespace gyre::engine
