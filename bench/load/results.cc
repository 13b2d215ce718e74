// SPDX-License-Identifier: BSD-3-Clause
#include "load/results.h"

#include <fmt/format.h>

namespace gyre::load {
namespace {

double microseconds(int64_t ns) { return static_cast<double>(ns) / 1000; }

struct Percentile {
    const char* key;
    const char* name;
    double percent;
};
constexpr Percentile kPercentiles[] = {{"p50", "p50", 50},
                                       {"p90", "p90", 90},
                                       {"p99", "p99", 99},
                                       {"p99_9", "p99.9", 99.9},
                                       {"p99_99", "p99.99", 99.99}};

std::string histogram_as_json(const Histogram& histogram) {
    std::string text = "{";
    for (const Percentile& one : kPercentiles) {
        text +=
            fmt::format("\"{}\":{:.1f},", one.key, microseconds(histogram.percentile(one.percent)));
    }
    text += fmt::format("\"max\":{:.1f},\"mean\":{:.1f}}}", microseconds(histogram.max()),
                        histogram.mean() / 1000);
    return text;
}

std::string histogram_as_text(const char* name, const Histogram& histogram) {
    std::string text = fmt::format("{}, us:", name);
    for (const Percentile& one : kPercentiles) {
        text +=
            fmt::format("  {} {:.1f}", one.name, microseconds(histogram.percentile(one.percent)));
    }
    text += fmt::format("  max {:.1f}  mean {:.1f}\n", microseconds(histogram.max()),
                        histogram.mean() / 1000);
    return text;
}

}  // namespace

std::string results_as_json(const Results& results, const Options& options) {
    std::string text = fmt::format(
        "{{\"requests\":{},\"errors\":{},\"nils\":{},\"hits\":{},\"connections_lost\":{},"
        "\"unanswered\":{},\"seconds\":{:.6f},\"requests_per_second\":{:.1f},\"connections\":{},"
        "\"pipeline\":{},\"latency_us\":{}",
        results.requests, results.errors, results.nils, results.hits, results.connections_lost,
        results.unanswered, results.seconds, results.requests_per_second(), options.connections,
        options.pipeline, histogram_as_json(results.latency_ns));
    if (options.rate != 0)
        text += fmt::format(",\"send_delay_us\":{}", histogram_as_json(results.send_delay_ns));
    text += fmt::format(",\"cpu_seconds\":{:.6f}}}\n", results.cpu_seconds);
    return text;
}

std::string results_as_text(const Results& results, const Options& options) {
    const bool is_storm = options.connect_storm != 0;
    std::string text =
        fmt::format("{} {} in {:.3f} s: {:.0f} a second, with {} connections{}\n", results.requests,
                    is_storm ? "connections made" : "requests answered", results.seconds,
                    results.requests_per_second(), options.connections,
                    is_storm ? " at once" : fmt::format(" and pipeline {}", options.pipeline));
    text += histogram_as_text("latency", results.latency_ns);
    if (options.rate != 0) text += histogram_as_text("late departure", results.send_delay_ns);
    text += fmt::format("{} found, {} nil, {} errors, {} connections lost, {} not answered\n",
                        results.hits, results.nils, results.errors, results.connections_lost,
                        results.unanswered);
    const double busy = results.seconds > 0 ? results.cpu_seconds / results.seconds : 0;
    text += fmt::format("this program used {:.3f} s of a processor, {:.0f} %\n",
                        results.cpu_seconds, busy * 100);
    if (!results.first_error.empty()) text += "first error: " + results.first_error + "\n";
    return text;
}

}  // namespace gyre::load
