// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Task<T>: a coroutine that runs when it is awaited and hands one value to whoever awaited it.
//
// Shape. Awaiting starts the child inline, as a call; if it ends without waiting, await_suspend
// says false and the parent goes on, so a loop over finished tasks uses no stack. If the child
// waits, the parent is suspended until the child's end puts it into this thread's queue of parents,
// from which resume() takes it. There is no symmetric transfer: g++ 12 does not make it a tail call
// below -O2 nor under the sanitizers, and a loop would overflow the stack. No frame is ever
// destroyed from inside its own final suspension either.
//
// Lazy. Awaited exactly once (`co_await std::move(task)` or `co_await make_task()`), or given to
// Reactor::spawn. A task dropped before it was awaited never runs.
// Ownership: the Task owns the frame; destroying it while the coroutine waits destroys the
// coroutine, its locals and the tasks it awaits. Whatever would resume it must be told before.
// Threads: one. A coroutine stays on the thread that started it.
// Suspends: the parent, until the child's end. Resumed from resume(), never from inside the child.
// Errors: values. An exception that leaves a coroutine ends the process.

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "ring/frame_pool.h"

namespace gyre::ring {

class TaskList;

/// Resumes a coroutine, then every parent whose awaited task ended by that. The only way to resume
/// a coroutine that is, or is awaited by, a Task: call it instead of handle.resume().
void resume(std::coroutine_handle<> handle);

namespace detail {

class PromiseBase {
public:
    static void* operator new(size_t bytes) { return allocate_frame(bytes); }
    static void operator delete(void* frame, size_t bytes) noexcept { release_frame(frame, bytes); }

    struct FinalAwaiter {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
            handle.promise().finish();
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    FinalAwaiter final_suspend() const noexcept { return {}; }
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

    /// Runs the coroutine up to its first wait or its end; true when it ended.
    bool start(std::coroutine_handle<> self) {
        CHECK(!is_started_);
        is_started_ = true;
        self.resume();
        return is_finished_;
    }
    void set_continuation(std::coroutine_handle<> parent) noexcept { continuation_ = parent; }
    bool is_finished() const noexcept { return is_finished_; }

private:
    friend class gyre::ring::TaskList;
    friend void gyre::ring::resume(std::coroutine_handle<> handle);
    void finish() noexcept;

    std::coroutine_handle<> continuation_;  // who awaits, once it really waits
    TaskList* list_ = nullptr;              // or the list that owns this task
    std::coroutine_handle<> self_;          // set for tasks of a list
    PromiseBase* next_ = nullptr;           // in the list, or in the thread's queue of ended tasks
    PromiseBase* previous_ = nullptr;
    PromiseBase* next_ended_ = nullptr;
    bool is_started_ = false;
    bool is_finished_ = false;
};

template <class T>
class Promise : public PromiseBase {
public:
    std::coroutine_handle<Promise> get_return_object() noexcept {
        return std::coroutine_handle<Promise>::from_promise(*this);
    }
    template <class Value>
    void return_value(Value&& value) {
        value_.emplace(std::forward<Value>(value));
    }
    T take() {
        CHECK(value_.has_value());
        return *std::move(value_);
    }

private:
    std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
public:
    std::coroutine_handle<Promise> get_return_object() noexcept {
        return std::coroutine_handle<Promise>::from_promise(*this);
    }
    void return_void() const noexcept {}
    void take() const { CHECK(is_finished()); }
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
    static_assert(!std::is_reference_v<T>, "a Task hands over a value");

public:
    using promise_type = detail::Promise<T>;

    Task(std::coroutine_handle<promise_type> handle) noexcept
        : handle_(handle) {}  // NOLINT: get_return_object
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Task() {
        if (handle_) handle_.destroy();
    }

    /// Runs a task that has nothing to wait for to its end, from a plain function. False: it waits
    /// after all, for what nobody would hear of.
    bool run_at_once() {
        CHECK(handle_);
        return handle_.promise().start(handle_);
    }

    /// Trivially destructible, as every awaiter here: the Task stays the owner.
    class Awaiter {
    public:
        explicit Awaiter(std::coroutine_handle<promise_type> child) noexcept : child_(child) {}
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> parent) const {
            if (child_.promise().start(child_)) return false;
            child_.promise().set_continuation(parent);
            return true;
        }
        T await_resume() const { return child_.promise().take(); }

    private:
        std::coroutine_handle<promise_type> child_;
    };

    Awaiter operator co_await() && noexcept {
        CHECK(handle_);
        return Awaiter(handle_);
    }

    bool is_valid() const noexcept { return static_cast<bool>(handle_); }

private:
    friend class TaskList;
    std::coroutine_handle<promise_type> handle_;
};

/// Tasks that nobody awaits, owned here until they end. Destroying the list destroys those that
/// still wait; not from inside one of them.
class TaskList {
public:
    TaskList() = default;
    TaskList(const TaskList&) = delete;
    TaskList& operator=(const TaskList&) = delete;
    ~TaskList() { clear(); }

    /// Starts `task` at once and runs it to its first wait or its end.
    void start(Task<void> task);
    /// Tasks that have not ended.
    size_t size() const noexcept { return size_; }
    void clear() noexcept;

private:
    friend void resume(std::coroutine_handle<> handle);
    void remove(detail::PromiseBase& promise) noexcept;

    detail::PromiseBase* first_ = nullptr;
    size_t size_ = 0;
};

}  // namespace gyre::ring
