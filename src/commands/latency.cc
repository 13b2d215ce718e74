// SPDX-License-Identifier: BSD-3-Clause
#include "commands/latency.h"

#include <algorithm>

namespace gyre::commands {

void LatencyMonitor::add(std::string_view event, int64_t now_ms, int64_t latency_ms) {
    const int64_t now_s = now_ms / 1000;
    const std::scoped_lock lock(mutex_);
    auto found = events_.find(event);
    if (found == events_.end()) found = events_.emplace(event, Event{}).first;
    Event& known = found->second;
    known.worst_ms = std::max(known.worst_ms, latency_ms);
    auto& samples = known.samples;
    if (!samples.empty() && samples.back().time_s == now_s) {
        samples.back().latency_ms = std::max(samples.back().latency_ms, latency_ms);
        return;
    }
    if (samples.size() == kSamplesMax) samples.erase(samples.begin());
    samples.push_back({now_s, latency_ms});
}

std::map<std::string, LatencyMonitor::Event> LatencyMonitor::events() const {
    const std::scoped_lock lock(mutex_);
    return {events_.begin(), events_.end()};
}

size_t LatencyMonitor::reset(const std::vector<std::string>& names) {
    const std::scoped_lock lock(mutex_);
    size_t known = 0;
    if (names.empty()) {
        known = events_.size();
        events_.clear();
    }
    for (const std::string& name : names) known += events_.erase(name);
    return known;
}

}  // namespace gyre::commands
