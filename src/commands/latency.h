// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// LATENCY: events that took at least latency-monitor-threshold milliseconds, by event name, the
// last 160 of each (one for each second), as Redis' latency monitor keeps them.
//
// Threads: any; under a mutex, reached only above the threshold.

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::commands {

class LatencyMonitor {
public:
    static constexpr size_t kSamplesMax = 160;
    struct Sample {
        int64_t time_s = 0;
        int64_t latency_ms = 0;
    };
    struct Event {
        int64_t worst_ms = 0;
        std::vector<Sample> samples;  ///< oldest first
    };

    /// Milliseconds; 0: off.
    std::atomic<int64_t> threshold_ms{0};

    void add_if_slow(std::string_view event, int64_t now_ms, int64_t latency_ms) {
        const int64_t threshold = threshold_ms.load(std::memory_order_relaxed);
        if (threshold > 0 && latency_ms >= threshold) [[unlikely]]
            add(event, now_ms, latency_ms);
    }
    std::map<std::string, Event> events() const;
    /// Forgets the named events, or all when none is named; returns how many were known.
    size_t reset(const std::vector<std::string>& names);

private:
    void add(std::string_view event, int64_t now_ms, int64_t latency_ms);

    mutable std::mutex mutex_;
    std::map<std::string, Event, std::less<>> events_;
};

}  // namespace gyre::commands
