// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One thread's loop: a ring, the coroutines that wait on it, timers, and a mailbox through which other
// threads hand over work. A turn reaps completions (their handlers parse and mark connections ready),
// runs what became ready, then flushes; the next turn's submit carries everything in one system call.
//
// Ownership: the reactor borrows its ring, which must outlive it. Coroutines given to spawn() belong to
// the reactor until they end.
// Threads: home thread, but for post() and stop(), which any thread may call.
// Suspends: never itself.

#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "ring/ring.h"
#include "ring/task.h"

namespace gyre::ring {

/// Measures of the loop, for INFO and the benches. Written by the home thread, read by any (relaxed).
struct TurnStatistics {
    uint64_t turns = 0;
    uint64_t longest_turn_cpu_us = 0;  ///< longest turn in thread CPU time
    uint64_t messages = 0;             ///< mailbox messages run
};

/// A timer that lives in the object that waits. One deadline at a time; arming again moves it.
class Timer {
public:
    using Handler = void (*)(Timer& timer);
    explicit Timer(Handler on_due) noexcept : handler_(on_due) {}
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    bool is_armed() const noexcept { return index_ >= 0; }

private:
    friend class Reactor;
    Handler handler_;
    class Reactor* reactor_ = nullptr;
    int64_t deadline_us_ = 0;
    int32_t index_ = -1;  // place in the reactor's heap
};

class Reactor {
public:
    /// Work done each turn beside completions. Borrowed; must outlive the reactor.
    class Client {
    public:
        virtual ~Client() = default;
        /// After completions were reaped and before coroutines run: execute what was received.
        virtual void on_ready() = 0;
        /// Before the loop waits: flush replies, background slices. Returns the monotonic time in us at which it
        /// wants to run again without an event (-1: none, 0: at once).
        virtual int64_t before_wait() = 0;
    };

    Reactor(Ring& ring, Client& client);
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    Ring& ring() noexcept { return ring_; }
    /// Time as of the start of this turn.
    int64_t now_us() const noexcept { return now_us_; }
    int64_t now_ms() const noexcept { return now_ms_; }  ///< Unix time

    /// One turn. `may_wait` false: never blocks. Returns true when it did any work.
    bool turn(bool may_wait);
    /// Turns until stop().
    void run();
    /// Ends run() after the present turn. Any thread, signal handlers included.
    void stop() noexcept;
    bool is_stopping() const noexcept;

    /// Runs `work` on the home thread in a later turn. Any thread; order is kept per sender.
    void post(std::function<void()> work);
    /// Resumes `handle` in this or the next turn. Home thread.
    void resume_later(std::coroutine_handle<> handle);
    /// Starts `task` and owns it until it ends. Home thread.
    void spawn(Task<void> task);
    /// Coroutines given to spawn() that have not ended.
    size_t tasks() const noexcept;

    void arm(Timer& timer, int64_t deadline_us);
    void disarm(Timer& timer) noexcept;
    /// Awaitable: resumes on the home thread `microseconds` later.
    auto sleep(int64_t microseconds);

    const TurnStatistics& statistics() const noexcept { return statistics_; }

private:
    void run_mailbox();
    void run_ready();
    void run_timers();

    Ring& ring_;
    Client& client_;
    int64_t now_us_ = 0;
    int64_t now_ms_ = 0;
    TurnStatistics statistics_;
    // the helper of this room completes the private part
};

}  // namespace gyre::ring
