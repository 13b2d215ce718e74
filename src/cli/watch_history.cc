// SPDX-License-Identifier: BSD-3-Clause
#include "cli/watch_history.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/numbers.h"

namespace gyre::cli {
namespace {

constexpr std::string_view kCalls = "cmdstat_";
constexpr std::string_view kPercentiles = "latency_percentiles_usec_";
/// The commands of the dashboard itself, as servers with and without statistics of sub-commands
/// name them.
constexpr std::string_view kOwnInfo = "info";
constexpr std::string_view kOwnHistogram = "latency|histogram";
constexpr std::string_view kOwnHistogramBefore7 = "latency";

bool is_own(std::string_view command) {
    return command == kOwnInfo || command == kOwnHistogram || command == kOwnHistogramBefore7;
}

/// "db0", "db12".
bool is_database(std::string_view field) {
    return field.size() > 2 && field.starts_with("db") &&
           std::ranges::all_of(field.substr(2), [](char c) { return c >= '0' && c <= '9'; });
}

/// The server's words, without what could steer a terminal.
std::string plain(std::string_view text) {
    std::string out(text);
    for (char& byte : out) {
        if (byte < ' ' || byte > '~') byte = '?';
    }
    return out;
}

/// What a counter has grown; absent when it went down.
std::optional<double> growth(std::optional<double> before, std::optional<double> now) {
    if (!before || !now || *now < *before) return std::nullopt;
    return *now - *before;
}

}  // namespace

// --- one look -----------------------------------------------------------------------------------

void WatchSample::read_info(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        if (line.ends_with('\r')) line.remove_suffix(1);
        const size_t colon = line.find(':');
        if (line.starts_with('#') || colon == std::string_view::npos) {
            // The section is there though there may be no database to tell of.
            if (line == "# Keyspace") info.insert_or_assign("# Keyspace", "");
            continue;
        }
        info.insert_or_assign(plain(line.substr(0, colon)), plain(line.substr(colon + 1)));
    }
}

void WatchSample::read_histogram(const Reply& reply) {
    has_histogram = true;
    for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
        if (is_own(reply.elements[i].text)) continue;
        const Reply* steps = reply.elements[i + 1].find("histogram_usec");
        if (steps == nullptr) continue;
        int64_t below = 0;  // each step counts all calls up to its edge
        for (size_t step = 0; step + 1 < steps->elements.size(); step += 2) {
            const int64_t calls = steps->elements[step + 1].integer;
            histogram[steps->elements[step].integer] += calls - below;
            below = calls;
        }
    }
}

std::string_view WatchSample::text(std::string_view field) const {
    const auto found = info.find(field);
    return found == info.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<double> WatchSample::number(std::string_view field) const {
    return base::parse_double(text(field));
}

std::optional<double> WatchSample::keyspace(std::string_view part) const {
    if (!info.contains("# Keyspace")) return std::nullopt;
    double sum = 0;
    for (const auto& [name, value] : info) {
        if (is_database(name)) sum += part_of(value, part).value_or(0);
    }
    return sum;
}

std::optional<double> part_of(std::string_view value, std::string_view name) {
    for (size_t at = 0; at < value.size();) {
        const size_t end = std::min(value.find(',', at), value.size());
        const std::string_view part = value.substr(at, end - at);
        if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=') {
            return base::parse_double(part.substr(name.size() + 1));
        }
        at = end + 1;
    }
    return std::nullopt;
}

// --- several looks ------------------------------------------------------------------------------

WatchHistory::WatchHistory(const std::map<std::string, std::string, std::less<>>& groups) {
    for (const auto& [command, group] : groups) groups_.emplace(command, plain(group));
}

void WatchHistory::add(WatchSample sample) {
    before_ = std::exchange(now_, std::move(sample));
    const std::optional<double> operations = this->operations();
    if (operations) most_operations_ = std::max(most_operations_.value_or(0), *operations);
    const std::optional<double> in = rate("total_net_input_bytes");
    const std::optional<double> out = rate("total_net_output_bytes");
    keep(Series::operations, operations);
    keep(Series::latency, percentile_us(0.99));
    keep(Series::memory, now_->number("used_memory"));
    keep(Series::due, now_->number("expiry_backlog"));
    keep(Series::traffic, in && out ? std::optional(*in + *out) : std::nullopt);
}

void WatchHistory::keep(Series which, std::optional<double> value) {
    Values& values = series_[static_cast<size_t>(which)];
    values.push_back(value);
    if (values.size() > kSeriesMax) values.pop_front();
}

void WatchHistory::reset() {
    for (Values& values : series_) values.clear();
    most_operations_.reset();
}

std::optional<double> WatchHistory::rate(std::string_view field) const {
    if (!has_rates() || now_->at_s <= before_->at_s) return std::nullopt;
    const auto more = growth(before_->number(field), now_->number(field));
    if (!more) return std::nullopt;
    return *more / (now_->at_s - before_->at_s);
}

std::optional<double> WatchHistory::operations() const {
    const std::optional<double> all = rate("total_commands_processed");
    if (!all) return std::nullopt;
    const auto own = static_cast<double>(now_->own_infos - before_->own_infos +
                                         now_->own_histograms - before_->own_histograms);
    return std::max(0.0, *all - own / (now_->at_s - before_->at_s));
}

std::vector<WatchHistory::Calls> WatchHistory::calls() const {
    std::vector<Calls> found;
    if (!now_) return found;
    for (auto at = now_->info.lower_bound(kCalls);
         at != now_->info.end() && at->first.starts_with(kCalls); ++at) {
        Calls each{.name = at->first.substr(kCalls.size())};
        each.all = part_of(at->second, "calls").value_or(0);
        double own = 0;
        double own_before = 0;
        if (each.name == kOwnInfo) {
            own = static_cast<double>(now_->own_infos);
            own_before = static_cast<double>(before_ ? before_->own_infos : 0);
        } else if (is_own(each.name)) {
            own = static_cast<double>(now_->own_histograms);
            own_before = static_cast<double>(before_ ? before_->own_histograms : 0);
        }
        each.all = std::max(0.0, each.all - own);
        if (each.all == 0) continue;
        if (before_) {
            // A command that was not there has been called for the first time.
            const std::string_view last = before_->text(at->first);
            const double last_calls = part_of(last, "calls").value_or(0) - own_before;
            each.more = growth(last_calls, each.all).value_or(0);
            each.more_us =
                growth(part_of(last, "usec").value_or(0), part_of(at->second, "usec")).value_or(0);
        }
        found.push_back(std::move(each));
    }
    // By name within equals, as the map gives them.
    std::ranges::sort(found, [](const Calls& left, const Calls& right) {
        return left.all != right.all ? left.all > right.all : left.name < right.name;
    });
    return found;
}

std::vector<WatchHistory::Family> WatchHistory::families() const {
    std::vector<Family> families;
    if (groups_.empty() || !has_rates() || now_->at_s <= before_->at_s) return families;
    std::map<std::string, std::pair<double, double>> sums;  // calls ever, and since before
    for (const Calls& each : calls()) {
        const std::string name = each.name.substr(0, each.name.find('|'));
        const auto group = groups_.find(name);
        auto& [all, more] = sums[group == groups_.end() ? "other" : group->second];
        all += each.all;
        more += each.more;
    }
    std::vector<std::pair<std::string, std::pair<double, double>>> sorted(sums.begin(), sums.end());
    std::ranges::sort(sorted, [](const auto& left, const auto& right) {
        return left.second.first != right.second.first ? left.second.first > right.second.first
                                                       : left.first < right.first;
    });
    for (const auto& [name, sum] : sorted) {
        families.push_back({name, sum.second / (now_->at_s - before_->at_s)});
    }
    return families;
}

std::vector<WatchHistory::CommandRow> WatchHistory::commands() const {
    std::vector<CommandRow> rows;
    if (!has_rates() || now_->at_s <= before_->at_s) return rows;
    for (const Calls& each : calls()) {
        CommandRow row{.name = each.name};
        row.rate = each.more / (now_->at_s - before_->at_s);
        if (each.more > 0 && !is_own(each.name)) row.mean_us = each.more_us / each.more;
        const std::string_view shares = now_->text(std::string(kPercentiles) + each.name);
        row.p50_us = part_of(shares, "p50");
        row.p99_us = part_of(shares, "p99");
        row.p999_us = part_of(shares, "p99.9");
        rows.push_back(std::move(row));
    }
    return rows;
}

std::optional<double> WatchHistory::mean_us() const {
    double number = 0;
    double time = 0;
    for (const Calls& each : calls()) {
        if (is_own(each.name)) continue;
        number += each.more;
        time += each.more_us;
    }
    if (number == 0) return std::nullopt;
    return time / number;
}

std::optional<double> WatchHistory::percentile_us(double share) const {
    if (!has_rates() || !now_->has_histogram || !before_->has_histogram) return std::nullopt;
    std::map<int64_t, int64_t> more = now_->histogram;
    for (const auto& [edge, calls] : before_->histogram) more[edge] -= calls;
    int64_t total = 0;
    for (const auto& [edge, calls] : more) {
        if (calls < 0) return std::nullopt;  // the statistics were reset
        total += calls;
    }
    if (total == 0) return std::nullopt;
    const auto wanted = static_cast<int64_t>(std::ceil(share * static_cast<double>(total)));
    int64_t seen = 0;
    for (const auto& [edge, calls] : more) {
        seen += calls;
        if (seen >= wanted) return static_cast<double>(edge);
    }
    return std::nullopt;
}

}  // namespace gyre::cli
