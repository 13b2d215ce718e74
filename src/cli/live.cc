// SPDX-License-Identifier: BSD-3-Clause
#include "cli/live.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>

#include "base/numbers.h"
#include "cli/batch.h"

namespace gyre::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kPauseBetweenPings = 0.01;
/// Lines of --stat below one heading.
constexpr int64_t kLinesPerHeading = 20;

void print_samples(const LatencySamples& samples, const Options& options, bool is_live) {
    const auto least = static_cast<long long>(samples.least_ms());
    const auto most = static_cast<long long>(samples.most_ms());
    const auto count = static_cast<long long>(samples.count());
    const double average = samples.average_ms();
    if (is_live) {
        std::printf("\r\x1b[2Kmin: %lld, max: %lld, avg: %.2f (%lld samples)", least, most, average,
                    count);
    } else if (options.format == Format::csv) {
        std::printf("%lld,%lld,%.2f,%lld\n", least, most, average, count);
    } else if (options.format == Format::json || options.format == Format::quoted_json) {
        std::printf("{\"min\": %lld, \"max\": %lld, \"avg\": %.2f, \"count\": %lld}\n", least, most,
                    average, count);
    } else {
        std::printf("%lld %lld %.2f %lld\n", least, most, average, count);
    }
    flush_output();
}

/// Asks a server that may go away and come back.
class Asker {
public:
    explicit Asker(Link& link) : link_(link) {}

    /// The answer, once there is one. Until there has been a first one, and after `until` (of the
    /// clock; nullopt: for ever), the error is handed on.
    Result<Reply> ask(std::span<const std::string> words,
                      std::optional<Clock::time_point> until = std::nullopt) {
        bool is_told = has_waited_ = false;
        for (;;) {
            Result<Reply> reply = link_.call(words);
            const bool is_there = reply && reply->error_code() != "LOADING";
            const bool is_refused = !reply && reply.error().code == EACCES;
            if (is_there) {
                if (is_told) write_error("Connected again.");
                has_answered_ = true;
                return reply;
            }
            if (!has_answered_ || is_refused || (until && Clock::now() > *until)) return reply;
            if (!is_told) {
                write_error((reply ? reply->text : reply.error().message) +
                            " Trying again until it answers.");
            }
            is_told = has_waited_ = true;
            pause_for(kRetryS);
        }
    }

    /// The last answer did not come at once.
    bool has_waited() const { return has_waited_; }

private:
    Link& link_;
    bool has_answered_ = false;
    bool has_waited_ = false;
};

int64_t number_behind(std::string_view text) {
    const size_t end = text.find_first_not_of("0123456789");
    return base::parse_integer(text.substr(0, end)).value_or(0);
}

std::string padded(std::string text, size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

}  // namespace

void LatencySamples::add(std::chrono::nanoseconds taken) {
    const int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(taken).count();
    least_us_ = count_ == 0 ? us : std::min(least_us_, us);
    most_us_ = std::max(most_us_, us);
    sum_us_ += us;
    ++count_;
}

double LatencySamples::average_ms() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_us_) / static_cast<double>(count_) / 1000;
}

int run_latency(const Options& options, Link& link, const Output& output) {
    const bool is_live = output.is_terminal() && !options.format;
    const double limit_s = options.interval_s > 0 ? options.interval_s : 1;
    const std::vector<std::string> ping = {"PING"};
    const std::optional<int64_t> rounds = rounds_of(options);
    if (auto connected = link.connect(); !connected) {
        write_error(connected.error().message);
        return 1;
    }
    LatencySamples samples;
    Asker asker(link);
    const Clock::time_point started = Clock::now();
    std::optional<Clock::time_point> end;
    if (!is_live) {
        end = started +
              std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(limit_s));
    }
    for (int64_t round = 0;; ++round) {
        const Clock::time_point before = Clock::now();
        const Result<Reply> reply = asker.ask(ping, end);
        const Clock::time_point after = Clock::now();
        if (!reply) {
            write_error(reply.error().message);
            return 1;
        }
        if (reply->is_error()) {
            write_error("The server refuses PING: " + reply->text);
            return 1;
        }
        // How long a server was away is no latency.
        if (!asker.has_waited()) samples.add(after - before);
        if (is_live) print_samples(samples, options, true);
        const bool is_over = is_live ? rounds && round + 1 >= *rounds : after > *end;
        if (is_over) break;
        pause_for(kPauseBetweenPings);
    }
    if (is_live) {
        write_text("\n");
    } else {
        print_samples(samples, options, false);
    }
    return 0;
}

int run_stat(const Options& options, Link& link) {
    const std::vector<std::string> info = {"INFO"};
    const std::optional<int64_t> rounds = rounds_of(options);
    int64_t requests_before = -1;
    Asker asker(link);
    for (int64_t line = 0;; ++line) {
        const Result<Reply> reply = asker.ask(info);
        if (!reply || reply->is_error()) {
            write_error(reply ? "The server refuses INFO: " + reply->text : reply.error().message);
            return 1;
        }
        const std::string_view text = reply->text;
        if (line % kLinesPerHeading == 0) {
            write_text(
                "------- data ------ --------------------- load -------------------- - child -\n"
                "keys       mem      clients blocked requests            connections          \n");
        }
        const int64_t requests = info_number(text, "total_commands_processed");
        // A server that was started anew counts from nothing.
        const bool is_new = requests_before < 0 || requests < requests_before;
        const int64_t more = is_new ? 0 : requests - requests_before;
        requests_before = requests;
        std::string row = padded(std::to_string(info_keys(text)), 11);
        row += padded(human_bytes(info_number(text, "used_memory")), 9);
        row += padded(std::to_string(info_number(text, "connected_clients")), 8);
        row += padded(std::to_string(info_number(text, "blocked_clients")), 8);
        row += padded(std::to_string(requests) + " (+" + std::to_string(more) + ")", 20);
        row += padded(std::to_string(info_number(text, "total_connections_received")), 12);
        if (info_number(text, "rdb_bgsave_in_progress") > 0) row += "SAVE";
        if (info_number(text, "aof_rewrite_in_progress") > 0) row += "AOF";
        write_text(row + "\n");
        if (rounds && line + 1 >= *rounds) return 0;
        pause_for(options.interval_s > 0 ? options.interval_s : 1);
    }
}

std::optional<int64_t> rounds_of(const Options& options) {
    if (!options.has_repeat || options.repeat < 0) return std::nullopt;
    return options.repeat;
}

int64_t info_number(std::string_view info, std::string_view field) {
    for (size_t at = 0; at < info.size();) {
        const size_t end = std::min(info.find('\n', at), info.size());
        const std::string_view line = info.substr(at, end - at);
        if (line.size() > field.size() && line.starts_with(field) && line[field.size()] == ':') {
            return number_behind(line.substr(field.size() + 1));
        }
        at = end + 1;
    }
    return 0;
}

int64_t info_keys(std::string_view info) {
    int64_t keys = 0;
    for (size_t at = info.find("keys="); at != std::string_view::npos;
         at = info.find("keys=", at + 1)) {
        const size_t line =
            info.rfind('\n', at) == std::string_view::npos ? 0 : info.rfind('\n', at) + 1;
        if (info.substr(line).starts_with("db")) keys += number_behind(info.substr(at + 5));
    }
    return keys;
}

std::string human_bytes(int64_t bytes) {
    constexpr char kUnits[] = {'B', 'K', 'M', 'G', 'T'};
    auto amount = static_cast<double>(bytes);
    size_t unit = 0;
    while (amount >= 1024 && unit + 1 < std::size(kUnits)) {
        amount /= 1024;
        ++unit;
    }
    char text[32];
    std::snprintf(text, sizeof(text), unit == 0 ? "%.0f%c" : "%.2f%c", amount, kUnits[unit]);
    return text;
}

}  // namespace gyre::cli
