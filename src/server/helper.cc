// SPDX-License-Identifier: BSD-3-Clause
#include "server/helper.h"

#include <utility>

#include "base/check.h"
#include "base/thread_name.h"

namespace gyre::server {

void Helper::run(std::function<void()> work) {
    const std::lock_guard hold(mutex_);
    CHECK(!is_stopping_);
    queue_.push_back(std::move(work));
    if (!thread_.joinable()) thread_ = std::thread([this] { serve(); });
    has_news_.notify_one();
}

void Helper::stop() {
    {
        const std::lock_guard hold(mutex_);
        is_stopping_ = true;
        has_news_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void Helper::serve() {
    base::name_thread("gyre-helper");
    std::unique_lock hold(mutex_);
    for (;;) {
        has_news_.wait(hold, [this] { return is_stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        std::function<void()> work = std::move(queue_.front());
        queue_.pop_front();
        hold.unlock();
        work();
        work = nullptr;  // what it holds is given back without the mutex
        hold.lock();
    }
}

}  // namespace gyre::server
