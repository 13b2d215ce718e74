// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A thread for work that takes long and touches nothing of anybody else, such as a regular
// expression against a value of megabytes. It begins with the first piece of work.
//
// Ownership: owns thread and queue. Threads: any; stop() and the destructor on one, when nobody
// calls run() any more.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "commands/services.h"

namespace gyre::server {

class Helper final : public commands::Background {
public:
    Helper() = default;
    ~Helper() override { stop(); }
    Helper(const Helper&) = delete;
    Helper& operator=(const Helper&) = delete;

    void run(std::function<void()> work) override;
    /// Does what is queued, and ends the thread.
    void stop();

private:
    void serve();

    std::mutex mutex_;
    std::condition_variable has_news_;
    std::deque<std::function<void()>> queue_;  // under mutex_
    bool is_stopping_ = false;                 // under mutex_
    std::thread thread_;                       // under mutex_, but for stop()
};

}  // namespace gyre::server
