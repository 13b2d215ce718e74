// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Looking at a server for a while: how long PING takes, and a line of its numbers each second. A
// server that answered once and has gone is waited for, however long it takes.
//
// Threads: one. Errors: the exit status; the reason is on standard error.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/link.h"
#include "cli/options.h"
#include "cli/output.h"

namespace gyre::cli {

/// Between two attempts to find a server again that has gone.
inline constexpr double kRetryS = 0.5;

/// How long answers took. Extremes are told in whole milliseconds, as redis-cli tells them; the
/// average is that of the microseconds.
class LatencySamples {
public:
    void add(std::chrono::nanoseconds taken);

    int64_t least_ms() const { return least_us_ / 1000; }
    int64_t most_ms() const { return most_us_ / 1000; }
    double average_ms() const;
    int64_t count() const { return count_; }

private:
    int64_t least_us_ = 0;
    int64_t most_us_ = 0;
    int64_t sum_us_ = 0;
    int64_t count_ = 0;
};

/// Without a terminal: one second (-i another time), one line "min max avg count" in milliseconds.
/// On a terminal: a line that changes, until Ctrl-C; with -r so many times.
int run_latency(const Options& options, Link& link, const Output& output);

/// Until Ctrl-C; with -r so many lines.
int run_stat(const Options& options, Link& link);

/// How often these look at the server: as -r says; nullopt: for ever.
std::optional<int64_t> rounds_of(const Options& options);

/// The value of a field of INFO, 0 when it is not there.
int64_t info_number(std::string_view info, std::string_view field);
/// The sum of the keys of all databases.
int64_t info_keys(std::string_view info);
/// "1.50M", as memory is told to people.
std::string human_bytes(int64_t bytes);

}  // namespace gyre::cli
