// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Runs a function on several threads at once, and says when they do not come to an end: a thread
// that nobody wakes would otherwise show only as a test that takes for ever.
//
// Threads: any.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <thread>
#include <vector>

namespace gyre::engine {

/// Calls `work(index)` on `count` threads that begin together; ends the process when they have not
/// ended after `limit`.
inline void run_threads(size_t count, const std::function<void(size_t)>& work,
                        std::chrono::seconds limit = std::chrono::seconds(60)) {
    std::atomic<size_t> waiting{count};
    std::vector<std::future<void>> threads;
    for (size_t index = 0; index < count; ++index) {
        threads.push_back(std::async(std::launch::async, [&, index] {
            waiting.fetch_sub(1);
            while (waiting.load() != 0) std::this_thread::yield();
            work(index);
        }));
    }
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (auto& one : threads) {
        if (one.wait_until(deadline) == std::future_status::ready) continue;
        std::fputs("threads hang\n", stderr);
        std::abort();
    }
}

}  // namespace gyre::engine
