// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Helpers for commands::ReplayLanes over the data set of a CommandRunner: threads of their own, or
// none at all, whose jobs wait until the test runs them.
//
// Ownership: borrows the runner; outlives the lanes. Threads: those it makes.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "commands/replay_lanes.h"
#include "support/command_runner.h"

namespace gyre::test {

/// The runner's services, but for the executor.
struct ReplayServices {
    explicit ReplayServices(CommandRunner& runner)
        : services{.dataset = runner.dataset(),
                   .executor = executor,
                   .evictor = runner.services().evictor,
                   .reactor = nullptr,
                   .clients = runner.services().clients,
                   .configuration = runner.services().configuration,
                   .information = runner.services().information,
                   .control = runner.services().control,
                   .persistence = runner.services().persistence,
                   .aliases = runner.services().aliases,
                   .background = runner.services().background,
                   .statistics = runner.services().statistics,
                   .slowlog = runner.services().slowlog,
                   .latency = runner.services().latency} {}
    engine::Executor executor;
    commands::Services services;
};

class ReplayThreads {
public:
    ReplayThreads(CommandRunner& runner, size_t count) {
        for (size_t index = 0; index < count; ++index) {
            threads_.push_back(std::make_unique<Thread>(runner));
        }
    }
    std::vector<commands::ReplayHelper> helpers() {
        std::vector<commands::ReplayHelper> helpers;
        for (const auto& one : threads_) {
            helpers.push_back({one->own.services, [&thread = *one](std::function<void()> job) {
                                   thread.post(std::move(job));
                               }});
        }
        return helpers;
    }

private:
    struct Thread {
        explicit Thread(CommandRunner& runner) : own(runner), thread([this] { run(); }) {}
        ~Thread() {
            post(nullptr);
            thread.join();
        }
        void post(std::function<void()> job) {
            const std::lock_guard hold(mutex);
            jobs.push_back(std::move(job));
            is_there_one.notify_one();
        }
        void run() {
            for (;;) {
                std::unique_lock hold(mutex);
                is_there_one.wait(hold, [this] { return !jobs.empty(); });
                const std::function<void()> job = std::move(jobs.front());
                jobs.pop_front();
                hold.unlock();
                if (!job) return;
                job();
            }
        }
        ReplayServices own;
        std::mutex mutex;
        std::condition_variable is_there_one;
        std::deque<std::function<void()>> jobs;
        std::thread thread;  // the last: it uses the others
    };
    std::vector<std::unique_ptr<Thread>> threads_;
};

/// One helper, which does nothing before run().
class IdleHelper {
public:
    explicit IdleHelper(CommandRunner& runner) : own_(runner) {}
    std::vector<commands::ReplayHelper> helpers() {
        return {{own_.services,
                 [this](std::function<void()> job) { jobs_.push_back(std::move(job)); }}};
    }
    void run() {
        while (!jobs_.empty()) {
            const std::function<void()> job = std::move(jobs_.front());
            jobs_.pop_front();
            job();
        }
    }

private:
    ReplayServices own_;
    std::deque<std::function<void()>> jobs_;
};

}  // namespace gyre::test
