// SPDX-License-Identifier: BSD-3-Clause
//
// Run when the build is configured: the forms of co_await that the rooms use, on the compiler at
// hand. Stands alone on purpose. Exit status 0: each value arrived, every object was destroyed
// exactly once, and 100,000 awaits of finished tasks in a loop did not use up the stack.

#include <coroutine>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace {

int alive = 0;
std::coroutine_handle<> sleeper;

struct Counted {
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    Counted(Counted&&) noexcept { ++alive; }
    ~Counted() { --alive; }
};

struct Task {
    struct promise_type {
        std::coroutine_handle<> parent;
        std::optional<std::string> value;
        bool done = false;
        Task get_return_object() {
            return Task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        struct Final {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> ended) noexcept {
                ended.promise().done = true;
                sleeper = ended.promise().parent;
            }
            void await_resume() const noexcept {}
        };
        Final final_suspend() noexcept { return {}; }
        void return_value(std::string text) { value = std::move(text); }
        void unhandled_exception() { std::abort(); }
    };
    explicit Task(std::coroutine_handle<promise_type> own) : handle(own) {}
    Task(Task&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
    ~Task() {
        if (handle) handle.destroy();
    }
    struct Awaiter {
        std::coroutine_handle<promise_type> child;
        bool await_ready() const noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> parent) {
            child.resume();
            if (child.promise().done) return false;
            child.promise().parent = parent;
            return true;
        }
        std::string await_resume() { return *std::move(child.promise().value); }
    };
    Awaiter operator co_await() && { return Awaiter{handle}; }
    std::coroutine_handle<promise_type> handle;
};

// An awaiter that cannot be moved and has something to destroy, as a timer in the waiting frame.
struct Sleep {
    explicit Sleep(int) { ++alive; }
    Sleep(const Sleep&) = delete;
    ~Sleep() { --alive; }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { sleeper = waiter; }
    void await_resume() const noexcept {}
};

Sleep sleep_for(int time) { return Sleep(time); }

Task leaf([[maybe_unused]] Counted by_value, std::string text, bool waits) {
    Counted local;
    if (waits) co_await sleep_for(1);
    co_return text;
}

Task counted_loop(int rounds) {
    const std::string word(40, 'x');
    size_t total = 0;
    for (int i = 0; i < rounds; ++i) {
        Counted argument;
        std::string text = co_await leaf(argument, word, false);
        total += text.size();
    }
    co_return std::to_string(total);
}

Task all_forms(std::unique_ptr<int> owned) {
    Counted argument;
    std::string text = "a string too long to be kept in place, so freeing it twice shows";
    Task named = leaf(argument, text, true);
    std::string result = co_await std::move(named);
    if (co_await leaf(argument, text, false) != text) std::abort();
    std::string moved = co_await leaf(std::move(argument), std::move(text), *owned == 7);
    while (co_await leaf(Counted(), moved, true) != result) std::abort();
    result += co_await counted_loop(100'000);
    co_return result;
}

}  // namespace

int main() {
    std::string text;
    {
        Task task = all_forms(std::make_unique<int>(7));
        task.handle.resume();
        while (!task.handle.promise().done) std::exchange(sleeper, nullptr).resume();
        text = *task.handle.promise().value;
    }
    return alive == 0 && text.ends_with("shows4000000") ? 0 : 1;
}
