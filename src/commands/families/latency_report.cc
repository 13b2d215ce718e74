// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/latency_report.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/check.h"
#include "commands/statistics.h"

namespace gyre::commands {
namespace {

using Sample = LatencyMonitor::Sample;

// --- the graph
// ------------------------------------------------------------------------------------

constexpr size_t kColumns = 80;
constexpr int64_t kGraphRows = 4;
/// The top of a column, by how much of its row it fills; what is below it is '|'.
constexpr std::string_view kTops = "_o#";

/// "12s", "5m", "2h" or "3d".
std::string age_text(int64_t seconds) {
    if (seconds < 60) return fmt::format("{}s", seconds);
    if (seconds < 3600) return fmt::format("{}m", seconds / 60);
    if (seconds < 86400) return fmt::format("{}h", seconds / 3600);
    return fmt::format("{}d", seconds / 86400);
}

struct Range {
    int64_t low = INT64_MAX;
    int64_t high = 0;
};

Range range_of(std::span<const Sample> samples) {
    Range range;
    for (const Sample& sample : samples) {
        range.low = std::min(range.low, sample.latency_ms);
        range.high = std::max(range.high, sample.latency_ms);
    }
    return range;
}

/// What a column of this value shows `row` rows above the ground.
char mark_at(int64_t value, const Range& range, int64_t row) {
    const auto levels = static_cast<int64_t>(kTops.size());
    const auto spread = static_cast<double>(std::max<int64_t>(range.high - range.low, 1));
    const auto scaled =
        static_cast<double>(value - range.low) / spread * static_cast<double>(levels * kGraphRows);
    const int64_t step = std::min(static_cast<int64_t>(scaled), levels * kGraphRows - 1);
    const int64_t here = step - row * levels;
    if (here < 0) return ' ';
    return here < levels ? kTops[static_cast<size_t>(here)] : '|';
}

/// One stripe of at most kColumns samples.
void add_stripe(std::string& text, std::span<const Sample> samples, const Range& range,
                int64_t now_s) {
    for (int64_t row = kGraphRows - 1; row >= 0; --row) {
        for (const Sample& sample : samples) text += mark_at(sample.latency_ms, range, row);
        text += '\n';
    }
    // The ages stand below their columns, downwards.
    std::vector<std::string> ages;
    size_t longest = 0;
    for (const Sample& sample : samples) {
        ages.push_back(age_text(std::max<int64_t>(now_s - sample.time_s, 0)));
        longest = std::max(longest, ages.back().size());
    }
    text.append(samples.size(), ' ');
    text += '\n';
    for (size_t line = 0; line < longest; ++line) {
        for (const std::string& age : ages) text += line < age.size() ? age[line] : ' ';
        text += '\n';
    }
}

// --- the doctor
// -----------------------------------------------------------------------------------

struct Figures {
    double average_ms = 0;
    double deviation_ms = 0;  ///< mean absolute deviation
    double period_s = 0;      ///< seconds from the first sample to the last, for each of them
};

Figures figures_of(std::span<const Sample> samples) {
    Figures figures;
    const auto count = static_cast<double>(samples.size());
    for (const Sample& sample : samples) {
        figures.average_ms += static_cast<double>(sample.latency_ms) / count;
    }
    for (const Sample& sample : samples) {
        figures.deviation_ms +=
            std::abs(static_cast<double>(sample.latency_ms) - figures.average_ms) / count;
    }
    figures.period_s = static_cast<double>(samples.back().time_s - samples.front().time_s) / count;
    return figures;
}

constexpr std::string_view kAdvice =
    "\nWhat may help:\n\n"
    "- SLOWLOG GET shows which commands took long; 'CONFIG SET slowlog-log-slower-than' sets from "
    "which time on they are kept.\n"
    "- Commands that look at all keys of a database take as long as there are keys: use SCAN "
    "instead of KEYS.\n"
    "- A host that is short of processors or memory makes everything slow: look at its load, and "
    "whether it swaps.\n";

}  // namespace

std::string draw_latency_graph(std::string_view name, const LatencyMonitor::Event& event,
                               int64_t now_s) {
    CHECK(!event.samples.empty());
    const Range range = range_of(event.samples);
    std::string text = fmt::format("{} - high {} ms, low {} ms (all time high {} ms)\n", name,
                                   range.high, range.low, event.worst_ms);
    text.append(kColumns, '-');
    text += '\n';
    const std::span<const Sample> samples(event.samples);
    for (size_t begin = 0; begin < samples.size(); begin += kColumns) {
        if (begin != 0) text += '\n';
        add_stripe(text, samples.subspan(begin, std::min(kColumns, samples.size() - begin)), range,
                   now_s);
    }
    return text;
}

std::string report_latency(const std::map<std::string, LatencyMonitor::Event>& events,
                           int64_t threshold_ms) {
    if (threshold_ms == 0) {
        return "Latency monitoring is off, so there is nothing to report. Turn it on with "
               "\"CONFIG SET latency-monitor-threshold <milliseconds>\".\n";
    }
    if (events.empty()) {
        return fmt::format("No event took {} ms or more since monitoring began. All is well.\n",
                           threshold_ms);
    }
    std::string text = "These events took longer than they should:\n\n";
    size_t number = 0;
    for (const auto& [name, event] : events) {
        const Figures figures = figures_of(event.samples);
        text += fmt::format(
            "{}. {}: {} latency spikes (average {:.0f}ms, mean deviation {:.0f}ms, period {:.2f} "
            "sec). Worst all time event {}ms.\n",
            ++number, name, event.samples.size(), figures.average_ms, figures.deviation_ms,
            figures.period_s, event.worst_ms);
    }
    return text + std::string(kAdvice);
}

LatencyDistribution latency_distribution(std::span<const uint64_t> counts) {
    LatencyDistribution distribution;
    for (const uint64_t count : counts) distribution.calls += count;
    constexpr uint64_t kFirstStepNs = 1024;
    uint64_t seen = 0;
    size_t index = 0;
    for (uint64_t step_ns = kFirstStepNs; seen < distribution.calls; step_ns *= 2) {
        const uint64_t before = seen;
        while (index < counts.size() && LatencyBuckets::upper_bound_ns(index) < step_ns) {
            seen += counts[index++];
        }
        if (seen == before) continue;
        // Redis' histogram has steps of 1/128: a step is called by the highest value equal to it.
        distribution.steps.emplace_back((step_ns + step_ns / 128 - 1) / 1000, seen);
    }
    return distribution;
}

}  // namespace gyre::commands
