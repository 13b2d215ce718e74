// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The lock of one shard: an unfair test-and-test-and-set lock that spins briefly and then sleeps in
// the kernel (futex, through std::atomic::wait). A plain command holds it for some tens or hundreds
// of nanoseconds, a batch of expiry or of freeing for some microseconds, a command over a large
// value for as long as it copies it: long holds are rare, so it is nearly always free, and a fair
// lock would hand over to threads that are not running. With a single reactor there is nobody to
// exclude and the lock does nothing.
//
// Several locks are taken in ascending order of their shards, all before the first is used. Who
// holds locks for a whole transaction marks them as held by its thread; the commands of it lock
// their shards as always, and enter those a second time.
// Threads: any.

#include <atomic>
#include <cstdint>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gyre::engine {

class ShardLock {
public:
    static constexpr int kSpins = 64;
    /// A transaction enters a lock once, a command in it once more, and what that calls.
    static constexpr uint8_t kDepthMax = 8;

    /// With one reactor only: taking the lock becomes a no-op. Before the first use.
    void elide() noexcept { elided_ = true; }

    void lock() noexcept {
        if (!lock_if_free()) [[unlikely]]
            lock_slow();
    }
    /// lock() where it need not wait; false: somebody has the lock.
    bool lock_if_free() noexcept {
#ifdef GYRE_MUTATION_SKIP_LOCK
        // Planted fault: the checkers must notice that this lock does not exclude.
        return true;
#endif
        // Not an exchange: that would forget, on a lock that is held, that somebody sleeps on it.
        return try_lock();
    }
    /// The holder goes in once more.
    void enter_again() noexcept {
        CHECK(depth_ < kDepthMax);
        ++depth_;
    }
    /// Undoes enter_again(); false: the lock was entered only once, and has to be unlocked. By the
    /// holder.
    bool leave_again() noexcept {
        if (depth_ == 0) [[likely]]
            return false;
        --depth_;
        return true;
    }
    bool try_lock() noexcept {
        if (elided_) return true;
        uint32_t expected = kFree;
        return state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire);
    }
    void unlock() noexcept {
        if (elided_) return;
        if (state_.exchange(kFree, std::memory_order_release) == kContended) [[unlikely]] {
            state_.notify_one();
        }
    }

private:
    static constexpr uint32_t kFree = 0;
    static constexpr uint32_t kHeld = 1;
    static constexpr uint32_t kContended = 2;  ///< held, and somebody may sleep on it

    void lock_slow() noexcept {
        for (int spin = 0; spin < kSpins; ++spin) {
            uint32_t expected = kFree;
            if (state_.load(std::memory_order_relaxed) == kFree &&
                state_.compare_exchange_weak(expected, kHeld, std::memory_order_acquire)) {
                return;
            }
#if defined(__x86_64__)
            _mm_pause();
#endif
        }
        // From here on the lock is taken as contended: whoever releases it wakes the next sleeper.
        while (state_.exchange(kContended, std::memory_order_acquire) != kFree) {
            state_.wait(kContended, std::memory_order_relaxed);
        }
    }

    std::atomic<uint32_t> state_{kFree};
    bool elided_ = false;
    uint8_t depth_ = 0;  // by the holder
};

}  // namespace gyre::engine
