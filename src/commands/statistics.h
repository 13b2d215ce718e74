// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Per-command figures: calls, time, failures, a latency histogram; and error replies by their code.
// Each reactor has one of these for itself; INFO and LATENCY HISTOGRAM sum them.
//
// Ownership: the reactor's executor owns it. Threads: written by the home reactor with relaxed
// atomics, read by any; the map of error codes is under a mutex (errors are off the hot path).

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "commands/spec.h"

namespace gyre::commands {

/// Log-linear latency buckets of one command, in nanoseconds: one for each value below 8, then
/// every power of two in 8 steps of equal width, so that a bucket is at most an eighth of its value
/// wide. Made when the command first runs.
struct LatencyBuckets {
    static constexpr size_t kSteps = 8;
    static constexpr size_t kBuckets =
        37 * kSteps;  ///< up to 2^39 ns, 549 s; what took longer is in the last
    static size_t index_of(uint64_t nanoseconds);
    /// The highest value of a bucket.
    static uint64_t upper_bound_ns(size_t index);
    std::atomic<uint64_t> counts[kBuckets]{};
};

struct CommandFigures {
    uint64_t calls = 0;
    uint64_t nanoseconds = 0;
    uint64_t rejected_calls = 0;  ///< refused before execution: arity, authentication, memory
    uint64_t failed_calls = 0;    ///< executed and answered with an error
};

class CommandStatistics {
public:
    CommandStatistics();

    /// After each execution. A few nanoseconds.
    void record(uint32_t row, uint64_t nanoseconds, bool failed) {
        Cell& cell = cells_[row];
        bump(cell.calls, 1);
        bump(cell.nanoseconds, nanoseconds);
        if (failed) [[unlikely]]
            bump(cell.failed_calls, 1);
        if (!tracks_latency_.load(std::memory_order_relaxed)) return;
        LatencyBuckets* buckets = cell.latency.load(std::memory_order_relaxed);
        if (buckets == nullptr) [[unlikely]]
            buckets = make_buckets(cell);
        bump(buckets->counts[LatencyBuckets::index_of(nanoseconds)], 1);
    }
    void reject(uint32_t row) { bump(cells_[row].rejected_calls, 1); }
    /// Counts an error reply by its first word.
    void record_error(std::string_view code);

    CommandFigures figures(uint32_t row) const;
    /// Adds this reactor's counts for a row to `sum` (LatencyBuckets::kBuckets numbers).
    void add_latency(uint32_t row, std::vector<uint64_t>& sum) const;
    std::map<std::string, uint64_t> errors() const;
    uint64_t commands_processed() const { return commands_.load(std::memory_order_relaxed); }
    void count_command() { bump(commands_, 1); }
    void set_latency_tracking(bool on) { tracks_latency_.store(on, std::memory_order_relaxed); }
    /// Home reactor: from another thread a count that is just being written would stay.
    void reset();
    void reset_latency(uint32_t row);
    /// Distinct error codes kept; further ones are counted together as "OTHER".
    static constexpr size_t kErrorCodesMax = 128;

private:
    struct Cell {
        std::atomic<uint64_t> calls{0};
        std::atomic<uint64_t> nanoseconds{0};
        std::atomic<uint64_t> rejected_calls{0};
        std::atomic<uint64_t> failed_calls{0};
        std::atomic<LatencyBuckets*> latency{nullptr};
    };
    /// One writer: a load and a store, no locked instruction.
    static void bump(std::atomic<uint64_t>& counter, uint64_t by) {
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }
    LatencyBuckets* make_buckets(Cell& cell);

    std::unique_ptr<Cell[]> cells_;
    std::vector<std::unique_ptr<LatencyBuckets>> buckets_;
    std::atomic<uint64_t> commands_{0};
    std::atomic<bool> tracks_latency_{true};
    mutable std::mutex errors_mutex_;
    std::map<std::string, uint64_t, std::less<>> errors_;
};

}  // namespace gyre::commands
