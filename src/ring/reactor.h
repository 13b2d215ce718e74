// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One thread's loop: a ring, the coroutines that wait on it, timers, and a mailbox through which
// other threads hand over work. A turn reaps completions (their handlers parse and mark connections
// ready), runs what became ready, then flushes; the next turn's submit carries everything in one
// system call.
//
// Ownership: the reactor borrows its ring, which must outlive it. Coroutines given to spawn()
// belong to the reactor until they end.
// Threads: home thread, but for post() and stop(), which any thread may call. Reactor and ring must
// live until those calls have returned: a thread that ends because of stop() destroys them only
// after the caller of stop() says that it is through.
// Suspends: never itself.

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "ring/gather_policy.h"
#include "ring/ring.h"
#include "ring/task.h"

namespace gyre::ring {

/// Measures of the loop, for INFO and the benches.
struct TurnStatistics {
    uint64_t turns = 0;
    uint64_t longest_turn_cpu_us = 0;  ///< longest turn in thread CPU time, 200 us too long at most
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
    uint64_t sequence_ = 0;  // order of arming: equal deadlines fire in it
    int32_t index_ = -1;     // place in the reactor's heap
};

struct ReactorOptions {
    /// How long a turn without work looks for completions before it sleeps. 0: not at all, as it
    /// must be where there are more threads than processors, and on the simulated ring (its clock
    /// stands still).
    int64_t spin_us = 0;
    /// How long a busy thread may wait for more completions than one (ring/gather_policy.h); 0: it
    /// does not.
    uint32_t gather_us = 0;
};

class Reactor {
public:
    /// Work done each turn beside completions. Borrowed; must outlive the reactor.
    class Client {
    public:
        virtual ~Client() = default;
        /// After completions were reaped and before coroutines run: execute what was received.
        virtual void on_ready() = 0;
        /// Before the loop waits: flush replies, background slices. Returns the monotonic time in
        /// us at which it wants to run again without an event (-1: none, 0: at once).
        virtual int64_t before_wait() = 0;
    };

    Reactor(Ring& ring, Client& client, ReactorOptions options = {});
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    Ring& ring() noexcept { return ring_; }
    /// Time as of the start of this turn, or of sample_clock().
    int64_t now_us() const noexcept { return now_us_; }
    int64_t now_ms() const noexcept { return now_ms_; }  ///< Unix time
    /// Brings the time up to now, behind something that has held up the turn. Home thread.
    void sample_clock();
    /// A peer sent something, for the first time in this now_ms(). Home thread.
    void note_active_peer() noexcept { gather_policy_.note_active(); }
    /// False while something is awaited that other threads tell by a wake, and peers by nothing: a
    /// wait for more completions would go on past it.
    void set_may_gather(bool may) noexcept {
        if (gather_policy_.set_may_gather(may)) ring_.gather(gather_policy_.gathering());
    }

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
    /// Awaitable: resumes on the home thread `microseconds` later, after on_ready(). Destroying the
    /// sleeping coroutine disarms it.
    class Sleep;
    Sleep sleep(int64_t microseconds);

    /// Monotonic time at which the next turn has something to do: 0 at once, -1 only when an event
    /// comes.
    int64_t next_deadline_us() const noexcept;

    /// A copy of the measures. Any thread.
    TurnStatistics statistics() const noexcept;
    /// Begins longest_turn_cpu_us anew. Home thread.
    void reset_longest_turn() noexcept { longest_turn_cpu_us_.store(0, std::memory_order_relaxed); }

private:
    friend class Timer;
    size_t reap(bool may_wait);
    size_t spin(int64_t deadline_us);
    void begin_work();
    void end_turn(bool worked);
    bool has_work_without_completions() const noexcept;
    bool run_mailbox();
    bool run_ready();
    bool run_timers();
    static bool is_before(const Timer& left, const Timer& right) noexcept;
    void place(Timer& timer, size_t index) noexcept;
    void sift_up(size_t index) noexcept;
    void sift_down(size_t index) noexcept;

    // fixed after construction
    Ring& ring_;
    Client& client_;
    const ReactorOptions options_;

    // home thread
    GatherPolicy gather_policy_;
    int64_t now_us_ = 0;
    int64_t now_ms_ = 0;
    int64_t client_wants_us_ = 0;    // what before_wait() said last
    int64_t cpu_us_ = 0;             // thread CPU time at its last reading
    uint64_t cpu_read_ticks_ = 0;    // when that was
    uint64_t began_ticks_ = 0;       // when the present turn had something to do
    bool has_begun_ = false;         // the present turn: began_ticks_ is its own
    bool is_clock_sampled_ = false;  // in this turn
    std::vector<Timer*> timers_;     // binary heap by deadline, then by order of arming
    uint64_t timer_sequence_ = 0;
    std::vector<std::coroutine_handle<>> ready_;
    std::vector<std::coroutine_handle<>> resuming_;
    TaskList tasks_;

    // written by the home thread, read by any
    std::atomic<uint64_t> turns_{0};
    std::atomic<uint64_t> messages_{0};
    std::atomic<uint64_t> longest_turn_cpu_us_{0};

    // any thread
    std::atomic<bool> is_parked_{false};  // about to sleep or asleep: a message must wake it
    std::atomic<bool> has_mail_{false};
    std::atomic<bool> is_stopping_{false};
    std::mutex mailbox_mutex_;
    std::vector<std::function<void()>> mailbox_;    // under mailbox_mutex_
    std::vector<std::function<void()>> delivered_;  // home thread
};

/// The awaiter of Reactor::sleep. It is the timer, and lies in the waiting frame.
class [[nodiscard]] Reactor::Sleep : private Timer {
public:
    Sleep(Reactor& reactor, int64_t microseconds) noexcept
        : Timer(&Sleep::on_due), home_(reactor), microseconds_(microseconds) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
        waiter_ = waiter;
        home_.arm(*this, home_.now_us() + microseconds_);
    }
    void await_resume() const noexcept {}

private:
    static void on_due(Timer& timer) {
        Sleep& sleep = static_cast<Sleep&>(timer);
        sleep.home_.resume_later(sleep.waiter_);
    }

    Reactor& home_;
    int64_t microseconds_;
    std::coroutine_handle<> waiter_;
};

inline Reactor::Sleep Reactor::sleep(int64_t microseconds) { return Sleep(*this, microseconds); }

}  // namespace gyre::ring
