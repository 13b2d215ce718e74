// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The texts of LATENCY GRAPH and LATENCY DOCTOR, and the figures of LATENCY HISTOGRAM.
//
// Threads: any (no state).

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/latency.h"

namespace gyre::commands {

/// The event's samples as columns of characters, oldest first, with their age below. At least one
/// sample.
std::string draw_latency_graph(std::string_view name, const LatencyMonitor::Event& event,
                               int64_t now_s);

/// What there is to say of all events, for people.
std::string report_latency(const std::map<std::string, LatencyMonitor::Event>& events,
                           int64_t threshold_ms);

/// A cumulative distribution: "so many calls took at most so many microseconds".
struct LatencyDistribution {
    uint64_t calls = 0;
    std::vector<std::pair<uint64_t, uint64_t>> steps;  ///< microseconds, calls; rising
};
/// From LatencyBuckets::kBuckets counts, in Redis' steps: powers of two from 1.024 us on.
LatencyDistribution latency_distribution(std::span<const uint64_t> counts);

}  // namespace gyre::commands
