// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Configuration of HTTP that is made of words: who reads it for each request takes a lock only
// when it has changed.
//
// Threads: any.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "http/guard.h"

namespace gyre::server {

class SharedGuard {
public:
    using Value = std::shared_ptr<const http::GuardSettings>;

    void change(const std::function<void(http::GuardSettings&)>& edit) {
        const std::lock_guard lock(mutex_);
        http::GuardSettings edited = *value_;
        edit(edited);
        value_ = std::make_shared<const http::GuardSettings>(std::move(edited));
        version_.fetch_add(1, std::memory_order_release);
    }
    uint64_t version() const { return version_.load(std::memory_order_acquire); }
    Value value() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }

private:
    mutable std::mutex mutex_;
    Value value_ = std::make_shared<const http::GuardSettings>();  // under the mutex
    std::atomic<uint64_t> version_{1};
};

}  // namespace gyre::server
