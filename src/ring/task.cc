// SPDX-License-Identifier: BSD-3-Clause
#include "ring/task.h"

namespace gyre::ring {
namespace {

/// Tasks of this thread that ended and whose parent or list has not been told. Empty between two
/// calls of resume(), so it carries nothing from one event to the next.
struct EndedQueue {
    detail::PromiseBase* first;
    detail::PromiseBase* last;
    bool is_draining;
};

constinit thread_local EndedQueue ended{};

}  // namespace

void detail::PromiseBase::finish() noexcept {
    is_finished_ = true;
    if (!continuation_ && list_ == nullptr) return;  // ended inline: await_suspend sees it
    CHECK(ended.is_draining);                        // resumed by resume(), not by handle.resume()
    (ended.first == nullptr ? ended.first : ended.last->next_ended_) = this;
    ended.last = this;
}

// Out of line on purpose: the address of the thread's queue must not be kept across a suspension.
[[gnu::noinline]] void resume(std::coroutine_handle<> handle) {
    if (ended.is_draining) {  // inside another resume() of this thread, which will drain the queue
        handle.resume();
        return;
    }
    ended.is_draining = true;
    handle.resume();
    while (ended.first != nullptr) {
        detail::PromiseBase& promise = *ended.first;
        ended.first = promise.next_ended_;
        if (promise.list_ != nullptr) {
            promise.list_->remove(promise);
        } else {
            promise.continuation_.resume();  // destroys the ended task's frame, or will
        }
    }
    ended.is_draining = false;
}

void TaskList::start(Task<void> task) {
    const std::coroutine_handle<Task<void>::promise_type> handle =
        std::exchange(task.handle_, nullptr);
    CHECK(handle);
    detail::PromiseBase& promise = handle.promise();
    CHECK(!promise.is_started_);
    promise.is_started_ = true;
    promise.list_ = this;
    promise.self_ = handle;
    promise.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &promise;
    first_ = &promise;
    ++size_;
    resume(handle);
}

void TaskList::remove(detail::PromiseBase& promise) noexcept {
    (promise.previous_ == nullptr ? first_ : promise.previous_->next_) = promise.next_;
    if (promise.next_ != nullptr) promise.next_->previous_ = promise.previous_;
    --size_;
    promise.self_.destroy();
}

void TaskList::clear() noexcept {
    while (first_ != nullptr) remove(*first_);
}

}  // namespace gyre::ring
