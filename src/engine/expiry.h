// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Active expiry: each reactor looks after every n-th shard and, between serving its connections,
// removes keys whose deadline has passed. The work of one call is bounded in time, so that no
// client waits for it; what is left is the backlog, known exactly and exported.
//
// Ownership: one for each reactor. Threads: home thread; takes shard locks one at a time.
// Statistics are read by other threads under `mutex`. Promise: a key is never removed early, and
// late by at most a tick of the wheel (8 ms) plus the time the backlog takes.

#include <cstdint>
#include <functional>
#include <mutex>

#include "base/histogram.h"
#include "engine/dataset.h"

namespace gyre::engine {

struct ExpiryStatistics {
    base::Histogram lateness_ms;  ///< how long after their deadline keys were removed actively
    uint64_t removed = 0;
    uint64_t cpu_us = 0;     ///< time spent in run()
    uint64_t cut_short = 0;  ///< slices that ended with work left
};

class ExpiryCycle {
public:
    using Clock = std::function<int64_t()>;  // monotonic microseconds

    /// Wheel work between two looks at the clock.
    static constexpr size_t kBatch = 64;
    /// Longest slice while clients are being served, and when nothing else wants the thread.
    static constexpr int64_t kBusySliceUs = 100;
    static constexpr int64_t kIdleSliceUs = 400;

    ExpiryCycle(Dataset& dataset, Executor& executor, size_t index, Clock clock)
        : dataset_(dataset), executor_(executor), index_(index), clock_(std::move(clock)) {}

    /// Removes what is due in this reactor's shards, for at most a slice. Returns true when work is
    /// left.
    bool run(int64_t now_ms, bool is_busy);
    /// Unix time in ms at which run() next has work; INT64_MAX: none.
    int64_t next_due_ms() const { return dataset_.soonest_due_ms(index_); }
    /// Keys past their deadline and not yet removed in this reactor's shards.
    int64_t backlog(int64_t now_ms);

    /// Copy of the figures; any thread.
    ExpiryStatistics statistics() const;
    void reset_statistics();

private:
    /// One shard until it has nothing due or `deadline_us` has passed.
    void run_shard(size_t shard, int64_t now_ms, int64_t deadline_us);
    void hint_shards_ahead(size_t shards, int64_t now_ms);
    size_t shards_here() const noexcept {
        return (dataset_.shards() - index_ + dataset_.threads() - 1) / dataset_.threads();
    }

    Dataset& dataset_;
    Executor& executor_;
    size_t index_;
    Clock clock_;
    size_t next_shard_ = 0;  // where the next slice starts, so that no shard waits for another
    mutable std::mutex mutex_;
    ExpiryStatistics statistics_;
};

}  // namespace gyre::engine
