// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What --watch has learned of a server: the last look at its INFO and LATENCY HISTOGRAM, the one
// before, and series of a few numbers over time. What a server does not tell is absent, which is
// something else than zero.
//
// The looks themselves are commands too. They are taken off the counts, so that a server that
// nobody else talks to shows none.
//
// Threads: one. Complexity: a look is O(fields of INFO * their logarithm).

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/reply.h"

namespace gyre::cli {

/// One look at the server.
struct WatchSample {
    double at_s = 0;             ///< by a clock that never goes back
    std::string time = {};       ///< of day, as it is shown
    int64_t own_infos = 0;       ///< how often the dashboard has asked INFO until now
    int64_t own_histograms = 0;  ///< and LATENCY HISTOGRAM
    std::map<std::string, std::string, std::less<>> info = {};
    /// Calls by the upper edge of their time in microseconds, of all commands but the dashboard's.
    std::map<int64_t, int64_t> histogram = {};
    bool has_histogram = false;

    void read_info(std::string_view text);
    /// The reply of LATENCY HISTOGRAM, RESP2 or RESP3.
    void read_histogram(const Reply& reply);

    /// The text of a field; empty when there is none.
    std::string_view text(std::string_view field) const;
    std::optional<double> number(std::string_view field) const;
    /// The sum of "keys=", "expires=" over all databases; absent without a section Keyspace.
    std::optional<double> keyspace(std::string_view part) const;
};

/// "usec" of "calls=1,usec=55,usec_per_call=55.38".
std::optional<double> part_of(std::string_view value, std::string_view name);

class WatchHistory {
public:
    /// How many values of a series are kept: the widest sparkline.
    static constexpr size_t kSeriesMax = 256;
    enum class Series : uint8_t { operations, latency, memory, due, traffic };
    static constexpr size_t kSeriesCount = 5;
    using Values = std::deque<std::optional<double>>;

    /// Groups of commands ("string", "list") by their names in lower case; empty where the server
    /// tells none.
    explicit WatchHistory(const std::map<std::string, std::string, std::less<>>& groups);

    void add(WatchSample sample);
    /// Forgets the series, and begins the largest rate anew.
    void reset();

    bool is_empty() const { return !now_; }
    /// There are two looks to compare.
    bool has_rates() const { return now_ && before_; }
    const WatchSample& now() const { return *now_; }
    const Values& series(Series which) const { return series_[static_cast<size_t>(which)]; }
    std::optional<double> most_operations() const { return most_operations_; }

    /// Growth of a counter in a second; absent with one look, and when it went down, as it does
    /// when the server was started anew or its statistics were reset.
    std::optional<double> rate(std::string_view field) const;
    std::optional<double> operations() const;

    struct Family {
        std::string name;
        double rate = 0;
    };
    /// Groups of commands that have been called, those with the most calls first: their order does
    /// not change with every look.
    std::vector<Family> families() const;

    struct CommandRow {
        std::string name;
        double rate = 0;
        std::optional<double> mean_us;  ///< of the calls since the look before
        /// Since the server counts.
        std::optional<double> p50_us, p99_us, p999_us;
    };
    /// In the order of their calls.
    std::vector<CommandRow> commands() const;

    /// Of all commands since the look before; absent without calls.
    std::optional<double> mean_us() const;
    /// The edge below which the share of the calls since the look before lies.
    std::optional<double> percentile_us(double share) const;

private:
    struct Calls {
        std::string name;
        double all = 0;      // since the server counts
        double more = 0;     // since the look before
        double more_us = 0;  // time of these
    };
    std::vector<Calls> calls() const;
    void keep(Series which, std::optional<double> value);

    std::map<std::string, std::string, std::less<>> groups_;
    std::optional<WatchSample> now_;
    std::optional<WatchSample> before_;
    Values series_[kSeriesCount];
    std::optional<double> most_operations_;
};

}  // namespace gyre::cli
