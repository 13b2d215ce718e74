// SPDX-License-Identifier: BSD-3-Clause

// What the server tells of how it is doing: INFO, LATENCY, SLOWLOG.
//
// Threads: home reactor.

#include <string>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/families/latency_report.h"
#include "commands/help.h"
#include "commands/latency.h"
#include "commands/registry.h"
#include "commands/slowlog.h"

namespace gyre::commands {
namespace {

void info(Context& context) {
    std::vector<std::string> names;
    for (size_t index = 1; index < context.count(); ++index) {
        names.push_back(base::to_lower(context.argument(index)));
    }
    const std::vector<std::string_view> sections(names.begin(), names.end());
    context.reply.verbatim("txt", context.services.information.info(sections));
}

// --- LATENCY
// --------------------------------------------------------------------------------------

void latency_latest(Context& context) {
    const auto events = context.services.latency.events();
    context.reply.array(static_cast<int64_t>(events.size()));
    for (const auto& [name, event] : events) {
        context.reply.array(4);
        context.reply.bulk(name);
        context.reply.integer(event.samples.back().time_s);
        context.reply.integer(event.samples.back().latency_ms);
        context.reply.integer(event.worst_ms);
    }
}

void latency_history(Context& context) {
    const auto events = context.services.latency.events();
    const auto found = events.find(std::string(context.argument(2)));
    if (found == events.end()) return context.reply.array(0);
    context.reply.array(static_cast<int64_t>(found->second.samples.size()));
    for (const LatencyMonitor::Sample& sample : found->second.samples) {
        context.reply.array(2);
        context.reply.integer(sample.time_s);
        context.reply.integer(sample.latency_ms);
    }
}

void latency_reset(Context& context) {
    std::vector<std::string> names;
    for (size_t index = 2; index < context.count(); ++index) {
        names.emplace_back(context.argument(index));
    }
    context.reply.integer(static_cast<int64_t>(context.services.latency.reset(names)));
}

void latency_graph(Context& context) {
    const auto events = context.services.latency.events();
    const auto found = events.find(std::string(context.argument(2)));
    if (found == events.end()) {
        return context.error("ERR No samples available for event '" +
                             base::escape_for_error(context.argument(2)) + "'");
    }
    context.reply.verbatim(
        "txt", draw_latency_graph(found->first, found->second, context.now_ms() / 1000));
}

void latency_doctor(Context& context) {
    const LatencyMonitor& monitor = context.services.latency;
    context.reply.verbatim(
        "txt",
        report_latency(monitor.events(), monitor.threshold_ms.load(std::memory_order_relaxed)));
}

using Distributions = std::vector<std::pair<std::string, LatencyDistribution>>;

/// Adds what is known of a command and of its sub-commands; commands that never ran have nothing.
void add_distributions(Context& context, const CommandSpec& spec, Distributions& found) {
    const auto counts = context.services.information.latency_histogram(row_index(spec));
    LatencyDistribution distribution = latency_distribution(counts);
    if (distribution.calls != 0) found.emplace_back(full_name(spec), std::move(distribution));
    for (const CommandSpec* inner : subcommands(spec)) add_distributions(context, *inner, found);
}

void latency_histogram(Context& context) {
    Distributions found;
    if (context.count() == 2) {
        for (const CommandSpec* spec : rows()) {
            if (spec->parent.empty()) add_distributions(context, *spec, found);
        }
    }
    for (size_t index = 2; index < context.count(); ++index) {
        const CommandSpec* spec = find_full_name(context.argument(index));
        if (spec != nullptr) add_distributions(context, *spec, found);
    }
    context.reply.map(static_cast<int64_t>(found.size()));
    for (const auto& [name, distribution] : found) {
        context.reply.bulk(name);
        context.reply.map(2);
        context.reply.bulk("calls");
        context.reply.integer(static_cast<int64_t>(distribution.calls));
        context.reply.bulk("histogram_usec");
        context.reply.map(static_cast<int64_t>(distribution.steps.size()));
        for (const auto& [microseconds, calls] : distribution.steps) {
            context.reply.integer(static_cast<int64_t>(microseconds));
            context.reply.integer(static_cast<int64_t>(calls));
        }
    }
}

void latency_help(Context& context) {
    static constexpr std::string_view kLines[] = {
        "DOCTOR",
        "    Return a report on the latency of the server, for people to read.",
        "GRAPH <event>",
        "    Return the samples of an event as a graph of characters.",
        "HISTOGRAM [<command> ...]",
        "    Return how many calls of the commands took at most how long, in microseconds;",
        "    without commands, of all that were called.",
        "HISTORY <event>",
        "    Return the samples of an event: when it was, and how many milliseconds it took.",
        "LATEST",
        "    Return the latest sample and the worst of each event.",
        "RESET [<event> ...]",
        "    Forget the samples of the events, or of all events.",
    };
    reply_help(context, "LATENCY", kLines);
}

// --- SLOWLOG
// --------------------------------------------------------------------------------------

constexpr int64_t kSlowlogCountDefault = 10;

void reply_record(Context& context, const Slowlog::Record& record) {
    resp::ReplyWriter& reply = context.reply;
    reply.array(6);
    reply.integer(static_cast<int64_t>(record.id));
    reply.integer(record.time_s);
    reply.integer(record.duration_us);
    reply.array(static_cast<int64_t>(record.arguments.size()));
    for (const std::string& argument : record.arguments) reply.bulk(argument);
    reply.bulk(record.peer_address);
    reply.bulk(record.client_name);
}

void slowlog_get(Context& context) {
    if (context.count() > 3) {
        return context.error("ERR unknown subcommand or wrong number of arguments for '" +
                             base::escape_for_error(context.argument(1)) + "'. Try SLOWLOG HELP.");
    }
    int64_t count = kSlowlogCountDefault;
    if (context.count() == 3) {
        const auto given = context.integer_between(
            2, -1, INT64_MAX, "ERR count should be greater than or equal to -1");
        if (!given) return;
        count = *given;
    }
    const auto records = context.services.slowlog.get(count);
    context.reply.array(static_cast<int64_t>(records.size()));
    for (const Slowlog::Record& record : records) reply_record(context, record);
}

void slowlog_len(Context& context) {
    context.reply.integer(static_cast<int64_t>(context.services.slowlog.size()));
}

void slowlog_reset(Context& context) {
    context.services.slowlog.reset();
    context.reply.ok();
}

void slowlog_help(Context& context) {
    static constexpr std::string_view kLines[] = {
        "GET [<count>]",
        "    Return the newest <count> records (default: 10, -1 means all), each made of",
        "    its number, time, duration in microseconds, arguments, and the address and",
        "    the name of the client.",
        "LEN",
        "    Return how many records there are.",
        "RESET",
        "    Forget all records.",
    };
    reply_help(context, "SLOWLOG", kLines);
}

// --- rows
// -----------------------------------------------------------------------------------------

constexpr uint32_t kAdmin = flag::admin | flag::loading | flag::stale;
constexpr uint32_t kLatency = kAdmin | flag::noscript;
constexpr std::string_view kReportTips =
    "nondeterministic_output request_policy:all_nodes response_policy:special";
constexpr std::string_view kAllNodes = "request_policy:all_nodes response_policy:all_succeeded";

constexpr CommandSpec kLatencyCommands[] = {
    {.name = "info",
     .handler = info,
     .arity = -1,
     .flags = flag::loading | flag::stale,
     .group = Group::server,
     .categories = acl::dangerous,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "[section [section ...]]",
     .summary = "Shows what the server is, has done and holds.",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special"},
    {.name = "latency",
     .arity = -2,
     .group = Group::server,
     .since = "2.8.13",
     .complexity = "Depends on the sub-command.",
     .summary = "Groups the commands that look for latency.",
     .is_container = true},
    {.name = "doctor",
     .parent = "latency",
     .handler = latency_doctor,
     .arity = 2,
     .flags = kLatency,
     .group = Group::server,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Reports on latency in words.",
     .tips = kReportTips},
    {.name = "graph",
     .parent = "latency",
     .handler = latency_graph,
     .arity = 3,
     .flags = kLatency,
     .group = Group::server,
     .since = "2.8.13",
     .complexity = "O(1)",
     .syntax = "event",
     .summary = "Draws the latency samples of an event.",
     .tips = kReportTips},
    {.name = "help",
     .parent = "latency",
     .handler = latency_help,
     .arity = 2,
     .flags = flag::loading | flag::stale,
     .group = Group::server,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Lists the sub-commands of LATENCY."},
    {.name = "histogram",
     .parent = "latency",
     .handler = latency_histogram,
     .arity = -2,
     .flags = kLatency,
     .group = Group::server,
     .since = "7.0.0",
     .complexity = "O(N) with N the number of commands looked at",
     .syntax = "[command [command ...]]",
     .summary = "Returns how the latencies of commands are distributed.",
     .tips = kReportTips},
    {.name = "history",
     .parent = "latency",
     .handler = latency_history,
     .arity = 3,
     .flags = kLatency,
     .group = Group::server,
     .since = "2.8.13",
     .complexity = "O(1)",
     .syntax = "event",
     .summary = "Returns the latency samples of an event.",
     .tips = kReportTips},
    {.name = "latest",
     .parent = "latency",
     .handler = latency_latest,
     .arity = 2,
     .flags = kLatency,
     .group = Group::server,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Returns the latest latency sample of each event.",
     .tips = kReportTips},
    {.name = "reset",
     .parent = "latency",
     .handler = latency_reset,
     .arity = -2,
     .flags = kLatency,
     .group = Group::server,
     .since = "2.8.13",
     .complexity = "O(1)",
     .syntax = "[event [event ...]]",
     .summary = "Forgets the latency samples of events.",
     .tips = kAllNodes},
    {.name = "slowlog",
     .arity = -2,
     .group = Group::server,
     .since = "2.2.12",
     .complexity = "Depends on the sub-command.",
     .summary = "Groups the commands about the log of slow commands.",
     .is_container = true},
    {.name = "get",
     .parent = "slowlog",
     .handler = slowlog_get,
     .arity = -2,
     .flags = kAdmin,
     .group = Group::server,
     .since = "2.2.12",
     .complexity = "O(N) with N the number of records returned",
     .syntax = "[count]",
     .summary = "Returns the newest records of the slow log.",
     .tips = "request_policy:all_nodes nondeterministic_output"},
    {.name = "help",
     .parent = "slowlog",
     .handler = slowlog_help,
     .arity = 2,
     .flags = flag::loading | flag::stale,
     .group = Group::server,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Lists the sub-commands of SLOWLOG."},
    {.name = "len",
     .parent = "slowlog",
     .handler = slowlog_len,
     .arity = 2,
     .flags = kAdmin,
     .group = Group::server,
     .since = "2.2.12",
     .complexity = "O(1)",
     .summary = "Returns how many records the slow log has.",
     .tips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output"},
    {.name = "reset",
     .parent = "slowlog",
     .handler = slowlog_reset,
     .arity = 2,
     .flags = kAdmin,
     .group = Group::server,
     .since = "2.2.12",
     .complexity = "O(N) with N the number of records in the log",
     .summary = "Empties the slow log.",
     .tips = kAllNodes},
};

}  // namespace

std::span<const CommandSpec> latency_commands() { return kLatencyCommands; }

}  // namespace gyre::commands
