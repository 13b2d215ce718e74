// SPDX-License-Identifier: BSD-3-Clause

// INFO stats, expiry, ring, commandstats, errorstats, latencystats and keyspace.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/numbers.h"
#include "commands/registry.h"
#include "commands/statistics.h"
#include "diary/diary.h"
#include "server/config_value.h"
#include "server/info.h"
#include "server/server.h"

namespace gyre::server {
namespace {

using enum InfoKind;
using enum InfoUnit;

std::string zero(InfoSource&) { return "0"; }
std::string no_rate(InfoSource&) { return "0.00"; }

uint64_t error_count(InfoSource& source, const std::string& code) {
    const auto found = source.errors().find(code);
    return found == source.errors().end() ? 0 : found->second;
}

uint64_t error_total(InfoSource& source) {
    uint64_t total = 0;
    for (const auto& [code, number] : source.errors()) total += number;
    return total;
}

double expired_percentage(InfoSource& source) {
    const KeyspaceSums& sums = source.keyspace();
    if (sums.with_expiry == 0) return 0;
    return static_cast<double>(sums.backlog) * 100 / static_cast<double>(sums.with_expiry);
}

std::string kilobytes(double bytes) { return fmt::format("{:.2f}", bytes / 1024); }

#define NUMBER(expression) \
    [](InfoSource& source) -> std::string { return std::to_string(expression); }

const InfoMetric kStatsMetrics[] = {
    {"total_connections_received", counter, count, "Connections accepted",
     NUMBER(source.server.total_connections() - source.baseline.connections)},
    {"total_commands_processed", counter, count, "Commands executed",
     NUMBER(source.workers().counts.commands)},
    {"instantaneous_ops_per_sec", gauge, count, "Commands a second, of late",
     NUMBER(std::llround(source.rates().commands))},
    {"total_net_input_bytes", counter, bytes, "Received",
     NUMBER(source.workers().counts.input_bytes)},
    {"total_net_output_bytes", counter, bytes, "Sent",
     NUMBER(source.workers().counts.output_bytes)},
    {"total_net_repl_input_bytes", counter, bytes, "Replication; there is none", zero},
    {"total_net_repl_output_bytes", counter, bytes, "Replication; there is none", zero},
    {"instantaneous_input_kbps", gauge, ratio, "KiB received a second, of late",
     [](InfoSource& source) { return kilobytes(source.rates().input_bytes); }},
    {"instantaneous_output_kbps", gauge, ratio, "KiB sent a second, of late",
     [](InfoSource& source) { return kilobytes(source.rates().output_bytes); }},
    {"instantaneous_input_repl_kbps", gauge, ratio, "Replication; there is none", no_rate},
    {"instantaneous_output_repl_kbps", gauge, ratio, "Replication; there is none", no_rate},
    {"rejected_connections", counter, count, "Turned away: maxclients, protected mode",
     NUMBER(source.server.rejected_connections() - source.baseline.rejected_connections)},
    {"gyre_accept_out_of_descriptors", counter, count,
     "Times a connection was refused because no descriptor was left",
     NUMBER(source.server.accept_counters().out_of_descriptors -
            source.baseline.accept.out_of_descriptors)},
    {"gyre_accept_errors", counter, count, "Other failures of accepting a connection",
     NUMBER(source.server.accept_counters().errors - source.baseline.accept.errors)},
    {"sync_full", counter, count, "Replication; there is none", zero},
    {"sync_partial_ok", counter, count, "Replication; there is none", zero},
    {"sync_partial_err", counter, count, "Replication; there is none", zero},
    {"expired_keys", counter, count, "Removed because their time was over",
     NUMBER(source.keyspace().statistics.expired_lazily +
            source.keyspace().statistics.expired_actively)},
    {"expired_stale_perc", gauge, ratio, "Keys past their deadline, of those that have one",
     [](InfoSource& source) { return fmt::format("{:.2f}", expired_percentage(source)); }},
    {"expired_time_cap_reached_count", counter, count, "Slices of expiry that ended with work left",
     NUMBER(source.workers().expiry.cut_short)},
    {"expire_cycle_cpu_milliseconds", counter, milliseconds, "Spent on expiry",
     NUMBER(source.workers().expiry.cpu_us / 1000)},
    {"evicted_keys", counter, count, "Removed by maxmemory-policy",
     NUMBER(source.keyspace().statistics.evicted)},
    {"total_eviction_exceeded_time", counter, milliseconds, "Time above maxmemory",
     NUMBER(source.server.dataset().excess().total_us(source.monotonic_us) / 1000)},
    {"current_eviction_exceeded_time", gauge, milliseconds,
     "Since memory went above maxmemory; 0: it is not",
     NUMBER(source.server.dataset().excess().current_us(source.monotonic_us) / 1000)},
    {"evicted_clients", counter, count, "Clients are not evicted", zero},
    {"keyspace_hits", counter, count, "Reads that found their key",
     NUMBER(source.keyspace().statistics.keyspace_hits)},
    {"keyspace_misses", counter, count, "Reads that did not",
     NUMBER(source.keyspace().statistics.keyspace_misses)},
    {"pubsub_channels", gauge, count, "Channels that have subscribers",
     NUMBER(source.server.dataset().pubsub().topics(engine::TopicKind::channel))},
    {"pubsub_patterns", gauge, count, "Patterns that have subscribers",
     NUMBER(source.server.dataset().pubsub().topics(engine::TopicKind::pattern))},
    {"pubsubshard_channels", gauge, count, "Shard channels that have subscribers",
     NUMBER(source.server.dataset().pubsub().topics(engine::TopicKind::shard_channel))},
    {"gyre_pubsub_subscriptions", gauge, count, "Subscriptions of all clients",
     NUMBER(source.server.dataset().pubsub().subscriptions())},
    {"latest_fork_usec", gauge, microseconds, "The server never forks", zero},
    {"total_forks", counter, count, "The server never forks", zero},
    {"migrate_cached_sockets", gauge, count, "Cluster; there is none", zero},
    {"slave_expires_tracked_keys", gauge, count, "Replication; there is none", zero},
    {"active_defrag_hits", counter, count, "Defragmentation; there is none", zero},
    {"active_defrag_misses", counter, count, "Defragmentation; there is none", zero},
    {"active_defrag_key_hits", counter, count, "Defragmentation; there is none", zero},
    {"active_defrag_key_misses", counter, count, "Defragmentation; there is none", zero},
    {"total_active_defrag_time", counter, milliseconds, "Defragmentation; there is none", zero},
    {"current_active_defrag_time", gauge, milliseconds, "Defragmentation; there is none", zero},
    {"tracking_total_keys", gauge, count, "Keys that clients which track have read",
     NUMBER(source.server.dataset().tracking().keys())},
    {"tracking_total_items", gauge, count, "Clients of these keys",
     NUMBER(source.server.dataset().tracking().items())},
    {"tracking_total_prefixes", gauge, count, "Prefixes of keys that clients track",
     NUMBER(source.server.dataset().tracking().prefixes())},
    {"unexpected_error_replies", counter, count, "Errors in answer to a master; there is none",
     zero},
    {"total_error_replies", counter, count, "Error replies", NUMBER(error_total(source))},
    {"dump_payload_sanitizations", counter, count, "RESTORE; there is none", zero},
    {"acl_access_denied_auth", counter, count, "Wrong passwords",
     NUMBER(error_count(source, "WRONGPASS"))},
    {"acl_access_denied_cmd", counter, count, "ACL users; there are none", zero},
    {"acl_access_denied_key", counter, count, "ACL users; there are none", zero},
    {"acl_access_denied_channel", counter, count, "ACL users; there are none", zero},
    {"total_reads_processed", counter, count, "Receives that brought input of clients",
     NUMBER(source.workers().receives)},
    {"total_writes_processed", counter, count, "Sends by which output of clients left",
     NUMBER(source.workers().sends)},
    {"io_threaded_reads_processed", counter, count,
     "By threads that only read and write; there are none", zero},
    {"io_threaded_writes_processed", counter, count,
     "By threads that only read and write; there are none", zero},
    {"client_query_buffer_limit_disconnections", counter, count,
     "Clients closed for input over client-query-buffer-limit",
     NUMBER(source.workers().query_limit_disconnections)},
    {"client_output_buffer_limit_disconnections", counter, count,
     "Clients closed for output over client-output-buffer-limit",
     NUMBER(source.workers().output_limit_disconnections)},
    {"gyre_protocol_errors", counter, count, "Clients closed for input that is no command",
     NUMBER(source.workers().protocol_errors)},
    {"gyre_http_requests", counter, count, "HTTP requests answered",
     NUMBER(source.workers().http_requests)},
    {"gyre_http_errors", counter, count, "Of these, with a status of 400 or above",
     NUMBER(source.workers().http_errors)},
    {"gyre_log_lines", counter, count, "Lines of the log",
     NUMBER(diary::figures().lines - source.baseline.diary.lines)},
    {"gyre_log_lines_lost", counter, count, "Further ones, for which log-ring-bytes had no room",
     NUMBER(diary::figures().lost_lines - source.baseline.diary.lost_lines)},
    {"gyre_command_log_lines", counter, count, "Lines of the command log",
     NUMBER(diary::figures().commands - source.baseline.diary.commands)},
    {"gyre_command_log_lines_lost", counter, count,
     "Further ones, for which log-ring-bytes had no room",
     NUMBER(diary::figures().lost_commands - source.baseline.diary.lost_commands)},
    {"gyre_log_lines_unwritten", counter, count, "Lines of any log that its file did not take",
     NUMBER(diary::figures().unwritten - source.baseline.diary.unwritten)},
    {"gyre_log_reopen_failures", counter, count, "Files of the log that SIGHUP could not reopen",
     NUMBER(diary::figures().failed_reopens - source.baseline.diary.failed_reopens)},
    {"gyre_transactions_open", gauge, count, "Transactions begun with BEGIN and not ended",
     NUMBER(source.server.dataset().views())},
    {"gyre_transactions_committed", counter, count, "Of these, committed",
     NUMBER(source.server.dataset().transactions().committed.load())},
    {"gyre_transactions_conflicts", counter, count, "Of these, ended by a conflict",
     NUMBER(source.server.dataset().transactions().conflicts.load())},
    {"gyre_transactions_aborted", counter, count, "Of these, ended by transaction-max-*",
     NUMBER(source.server.dataset().transactions().aborted.load())},
    {"gyre_transactions_rolled_back", counter, count, "Of these, rolled back",
     NUMBER(source.server.dataset().transactions().rolled_back.load())},
    {"gyre_index_defences", counter, count, "Parts of the index that took to SipHash",
     NUMBER(source.keyspace().statistics.index_defences)},
};

const InfoMetric kExpiryMetrics[] = {
    {"expiry_keys_with_ttl", gauge, count, "Keys that have a deadline",
     NUMBER(source.keyspace().with_expiry)},
    {"expiry_keys_without_ttl", gauge, count, "Keys that have none",
     NUMBER(source.keyspace().keys - source.keyspace().with_expiry)},
    {"expiry_keys_resident_expired", gauge, count, "Keys past their deadline and still resident",
     NUMBER(source.keyspace().backlog)},
    {"expiry_backlog", gauge, count,
     "Keys due for removal; exact up to 4,096 due tokens, stale ones among those beyond",
     NUMBER(source.keyspace().backlog)},
    {"expired_keys_lazy", counter, count, "Removed when a command met them",
     NUMBER(source.keyspace().statistics.expired_lazily)},
    {"expired_keys_active", counter, count, "Removed in the background",
     NUMBER(source.keyspace().statistics.expired_actively)},
    {"expiry_lateness_p50_ms", gauge, milliseconds, "After the deadline, in the background, median",
     NUMBER(source.workers().expiry.lateness_ms.percentile(50))},
    {"expiry_lateness_p99_ms", gauge, milliseconds, "The same, 99 of 100",
     NUMBER(source.workers().expiry.lateness_ms.percentile(99))},
    {"expiry_lateness_max_ms", gauge, milliseconds, "The same, latest",
     NUMBER(source.workers().expiry.lateness_ms.max())},
    {"expiry_cpu_us", counter, microseconds, "Spent on removing keys",
     NUMBER(source.workers().expiry.cpu_us)},
    {"expiry_slices_cut_short", counter, count, "Slices that ended with work left",
     NUMBER(source.workers().expiry.cut_short)},
};

const InfoMetric kRingMetrics[] = {
    {"gyre_ring_enters", counter, count, "Calls of io_uring_enter",
     NUMBER(source.workers().ring.enters - source.baseline.ring.enters)},
    {"gyre_ring_submitted", counter, count, "Operations begun",
     NUMBER(source.workers().ring.submitted - source.baseline.ring.submitted)},
    {"gyre_ring_completed", counter, count, "Operations ended",
     NUMBER(source.workers().ring.completed - source.baseline.ring.completed)},
    {"gyre_ring_submission_full", counter, count, "Submission queue full",
     NUMBER(source.workers().ring.submission_full - source.baseline.ring.submission_full)},
    {"gyre_ring_completion_overflow", counter, count, "Completion queue overflowed",
     NUMBER(source.workers().ring.completion_overflow - source.baseline.ring.completion_overflow)},
    {"gyre_ring_buffer_starved", counter, count, "Receives that found no buffer",
     NUMBER(source.workers().ring.buffer_starved - source.baseline.ring.buffer_starved)},
    {"gyre_ring_interrupted", counter, count, "Calls retried",
     NUMBER(source.workers().ring.interrupted - source.baseline.ring.interrupted)},
    {"gyre_ring_gathered", counter, count, "Waits for several completions at once",
     NUMBER(source.workers().ring.gathered - source.baseline.ring.gathered)},
    {"gyre_ring_mapped_bytes", gauge, bytes, "Mapped for receive buffers",
     NUMBER(source.server.ring_mapped_bytes())},
    {"gyre_longest_turn_us", gauge, microseconds, "Longest loop turn of a reactor, in its CPU time",
     NUMBER(source.workers().longest_turn_us)},
};

#undef NUMBER

/// The bound of the bucket below which `percent` of the counts lie, in microseconds.
double percentile_us(const std::vector<uint64_t>& counts, uint64_t total, double percent) {
    const double wanted = std::max(percent / 100 * static_cast<double>(total), 1.0);
    uint64_t seen = 0;
    for (size_t index = 0; index < counts.size(); ++index) {
        seen += counts[index];
        if (seen > 0 && static_cast<double>(seen) >= wanted) {
            return static_cast<double>(commands::LatencyBuckets::upper_bound_ns(index)) / 1000;
        }
    }
    return 0;
}

}  // namespace

std::span<const InfoMetric> stats_metrics() { return kStatsMetrics; }
std::span<const InfoMetric> expiry_metrics() { return kExpiryMetrics; }
std::span<const InfoMetric> ring_metrics() { return kRingMetrics; }

commands::CommandFigures command_figures(const Server& server, uint32_t row) {
    commands::CommandFigures sum;
    for (const auto& worker : server.workers()) {
        const commands::CommandFigures one = worker->statistics().figures(row);
        sum.calls += one.calls;
        sum.nanoseconds += one.nanoseconds;
        sum.rejected_calls += one.rejected_calls;
        sum.failed_calls += one.failed_calls;
    }
    return sum;
}

void write_commandstats(InfoSource& source, std::string& text) {
    for (const commands::CommandSpec* spec : commands::rows()) {
        const auto figures = command_figures(source.server, commands::row_index(*spec));
        if (figures.calls == 0 && figures.rejected_calls == 0 && figures.failed_calls == 0)
            continue;
        const uint64_t microseconds = figures.nanoseconds / 1000;
        const double each = figures.calls == 0 ? 0
                                               : static_cast<double>(figures.nanoseconds) / 1000 /
                                                     static_cast<double>(figures.calls);
        fmt::format_to(std::back_inserter(text),
                       "cmdstat_{}:calls={},usec={},usec_per_call={:.2f},rejected_calls={},"
                       "failed_calls={}\r\n",
                       commands::full_name(*spec), figures.calls, microseconds, each,
                       figures.rejected_calls, figures.failed_calls);
    }
}

void write_errorstats(InfoSource& source, std::string& text) {
    for (const auto& [code, number] : source.errors()) {
        fmt::format_to(std::back_inserter(text), "errorstat_{}:count={}\r\n",
                       base::escape_for_error(code), number);
    }
}

void write_latencystats(InfoSource& source, std::string& text) {
    const std::string setting = source.setting("latency-tracking-info-percentiles");
    const auto wanted = split_words(setting);
    if (wanted.empty()) return;
    for (const commands::CommandSpec* spec : commands::rows()) {
        std::vector<uint64_t> counts(commands::LatencyBuckets::kBuckets);
        for (const auto& worker : source.server.workers()) {
            worker->statistics().add_latency(commands::row_index(*spec), counts);
        }
        uint64_t total = 0;
        for (const uint64_t number : counts) total += number;
        if (total == 0) continue;
        text += fmt::format("latency_percentiles_usec_{}:", commands::full_name(*spec));
        for (size_t index = 0; index < wanted.size(); ++index) {
            const double percent = base::parse_double(wanted[index]).value_or(0);
            fmt::format_to(std::back_inserter(text), "{}p{}={:.3f}", index == 0 ? "" : ",",
                           wanted[index], percentile_us(counts, total, percent));
        }
        text += "\r\n";
    }
}

void write_keyspace(InfoSource& source, std::string& text) {
    const auto& databases = source.keyspace().databases;
    for (size_t index = 0; index < databases.size(); ++index) {
        const engine::Dataset::DatabaseFigures& figures = databases[index];
        if (figures.keys == 0) continue;
        const double left_ms =
            figures.with_expiry == 0
                ? 0
                : figures.deadline_sum_ms / static_cast<double>(figures.with_expiry) -
                      static_cast<double>(source.wall_ms());
        fmt::format_to(std::back_inserter(text), "db{}:keys={},expires={},avg_ttl={}\r\n", index,
                       figures.keys, figures.with_expiry,
                       static_cast<int64_t>(std::max(left_ms, 0.0)));
    }
}

void write_reactors(InfoSource& source, std::string& text) {
    for (const auto& worker : source.server.workers()) {
        const ring::TurnStatistics turns = worker->reactor().statistics();
        fmt::format_to(std::back_inserter(text),
                       "gyre_reactor{}:clients={},turns={},messages={},longest_turn_us={}\r\n",
                       worker->index(), worker->load(), turns.turns, turns.messages,
                       turns.longest_turn_cpu_us);
    }
}

}  // namespace gyre::server
