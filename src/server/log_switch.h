// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Begins and ends the append-only file while the server runs (CONFIG SET appendonly).
//
//     yes   each worker begins to log, between two commands; when the last has, a rewrite fixes the
//           place where the file begins
//     no    all shards locked: the place where the file ends; then the workers end logging
//
// A change that comes while the other is under way waits for its end.
//
// Ownership: borrows file, rewriter, data set and workers. Threads: set() any; the steps run on the
// workers' threads and on the log's, under a mutex that is held while no shard is locked after it.
// Errors: of the directory and of the thread that writes, by set(); what goes wrong later is the
// rewrite's to tell, which is tried again.

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <gyre/result.h>

#include "server/append_only.h"
#include "server/rewriter.h"
#include "server/worker.h"

namespace gyre::server {

class LogSwitch {
public:
    LogSwitch(engine::Dataset& dataset, AppendOnly& file, Rewriter& rewriter,
              const std::vector<std::unique_ptr<Worker>>& workers)
        : dataset_(dataset), file_(file), rewriter_(rewriter), workers_(workers) {}

    /// At start: the log is loaded, and the workers have it already.
    void begin_on() { state_ = State::on; }
    Result<void> set(bool is_on);

private:
    enum class State : uint8_t { off, starting, on, stopping };
    Result<void> start();
    void stop();
    void end_logging(Worker& worker);
    void all_attached(Worker& last);
    void half_stopped();
    void on_each_worker(void (*step)(LogSwitch&, Worker&), void (*last)(LogSwitch&, Worker&));

    engine::Dataset& dataset_;
    AppendOnly& file_;
    Rewriter& rewriter_;
    const std::vector<std::unique_ptr<Worker>>& workers_;

    std::mutex mutex_;
    // under mutex_; what is wanted is AppendOnly::is_on()
    State state_ = State::off;
    int halves_left_ = 0;  // of a stop: the workers, and the file
};

}  // namespace gyre::server
