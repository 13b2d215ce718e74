// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Cuts the work of a coroutine command into slices, so that nobody else is held up: the command
// asks after each small step whether the slice is over, and yields when it is.
//
//     Slice slice(context);
//     while (step()) {
//         if (!slice.is_over()) continue;
//         co_await slice.next();
//     }
//
// Nothing read from the data before the co_await is true after it.
// What passes between two slices is others' time: it is added up in the context, for the figures of
// the command.
// Ownership: borrows the context and its reactor; without one (tests) a slice never ends.
// Threads: home reactor. Suspends: at next(), until the reactor's next turn.

#include <cstdint>

#include "base/ticks.h"
#include "commands/context.h"
#include "ring/reactor.h"
#include "ring/ring.h"

namespace gyre::commands {

class Slice {
public:
    static constexpr int64_t kMicroseconds = 150;
    /// Steps between two looks at the clock; a step is one chain of a hash table, about half a
    /// microsecond.
    static constexpr uint32_t kStepsPerLook = 16;
    /// Ends the slice where the clock stands still, as it does on a simulated ring.
    static constexpr uint32_t kStepsMax = 512;

    explicit Slice(Context& context) : context_(context), reactor_(context.services.reactor) {
        begin();
    }

    /// After each step of the work.
    bool is_over() {
        if (reactor_ == nullptr) return false;
        if (++steps_ % kStepsPerLook != 0) return false;
        return steps_ >= kStepsMax || clock_us() - start_us_ >= kMicroseconds;
    }
    /// The same for steps that may take long: looks at the clock each time.
    bool is_over_now() {
        if (reactor_ == nullptr) return false;
        return ++steps_ >= kStepsMax || clock_us() - start_us_ >= kMicroseconds;
    }

    /// Awaitable, only after is_over(): the next slice begins when it resumes.
    class Yield {
    public:
        explicit Yield(Slice& slice) : slice_(slice), sleep_(slice.reactor_->sleep(0)) {}
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiter) {
            left_ticks_ = base::ticks();
            sleep_.await_suspend(waiter);
        }
        void await_resume() {
            slice_.context_.away_ticks += base::ticks() - left_ticks_;
            slice_.begin();
        }

    private:
        Slice& slice_;
        ring::Reactor::Sleep sleep_;
        uint64_t left_ticks_ = 0;
    };
    Yield next() { return Yield(*this); }

    /// Unix time in ms as of this slice; `fallback` without a reactor.
    int64_t now_ms(int64_t fallback) const {
        return reactor_ == nullptr ? fallback : reactor_->now_ms();
    }

private:
    int64_t clock_us() const { return reactor_->ring().monotonic_us(); }
    void begin() {
        steps_ = 0;
        if (reactor_ != nullptr) start_us_ = clock_us();
    }

    Context& context_;
    ring::Reactor* reactor_;
    int64_t start_us_ = 0;
    uint32_t steps_ = 0;
};

}  // namespace gyre::commands
