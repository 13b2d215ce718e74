// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A flag one coroutine can wait for: the way from an operation's handler, a timer or another
// coroutine to the coroutine that wants to know. It stays set until reset(), so a wait after set()
// does not wait.
//
//     co_await event.wait();     // goes on at once when set
//     event.reset();
//
// Ownership: lives in an object that outlives the waiting frame (a stream, a session), not in it.
// If the waiting coroutine is destroyed, call forget() first.
// Threads: home thread.
// Suspends: wait(), until set(); at most one waiter at a time. set() resumes the waiter before it
// returns; set_later() has the reactor resume it, in this turn or the next. Not cancellable:
// whoever wants to end the wait sets the event and lets the waiter look at the reason.

#include <coroutine>
#include <utility>

#include "base/check.h"
#include "ring/reactor.h"
#include "ring/task.h"

namespace gyre::ring {

class Event {
public:
    Event() = default;
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    class Awaiter {
    public:
        explicit Awaiter(Event& event) noexcept : event_(&event) {}
        bool await_ready() const noexcept { return event_->is_set_; }
        void await_suspend(std::coroutine_handle<> waiter) const {
            CHECK(!event_->waiter_);
            event_->waiter_ = waiter;
        }
        void await_resume() const noexcept {}

    private:
        Event* event_;
    };

    Awaiter wait() noexcept { return Awaiter(*this); }
    bool is_set() const noexcept { return is_set_; }
    bool has_waiter() const noexcept { return static_cast<bool>(waiter_); }

    void set() {
        is_set_ = true;
        if (const std::coroutine_handle<> waiter = std::exchange(waiter_, nullptr)) resume(waiter);
    }
    void set_later(Reactor& reactor) {
        is_set_ = true;
        if (waiter_) reactor.resume_later(std::exchange(waiter_, nullptr));
    }
    void reset() noexcept { is_set_ = false; }
    /// Drops the waiter without resuming it.
    void forget() noexcept { waiter_ = nullptr; }

private:
    std::coroutine_handle<> waiter_;
    bool is_set_ = false;
};

}  // namespace gyre::ring
