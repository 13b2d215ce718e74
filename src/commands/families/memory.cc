// SPDX-License-Identifier: BSD-3-Clause

// MEMORY: what memory is used for, for one key and in all, and what can be done about it. Threads:
// home reactor; USAGE runs with the shard of its key locked, the others take locks one after
// another.

#include <fmt/format.h>

#include <string>

#include "base/memory.h"
#include "commands/clients.h"
#include "commands/context.h"
#include "commands/help.h"
#include "commands/registry.h"
#include "engine/memory_check.h"

namespace gyre::commands {
namespace {

/// The footprint is known for each entry, so samples are only read, for clients that give them.
void memory_usage(Context& context) {
    for (size_t index = 3; index < context.count(); index += 2) {
        if (!context.is(index, "SAMPLES") || index + 1 == context.count()) {
            return context.error(errors::kSyntax);
        }
        const auto samples = context.integer(index + 1);
        if (!samples) return;
        if (*samples < 0) return context.error(errors::kSyntax);
    }
    const store::Entry* entry = context.keyspace.peek(context.keys[0]);
    if (entry == nullptr) return context.reply.null();
    context.reply.integer(static_cast<int64_t>(store::Partition::footprint(*entry)));
}

void reply_figures(Context& context, std::span<const Information::MemoryFigure> figures) {
    context.reply.map(static_cast<int64_t>(figures.size()));
    for (const Information::MemoryFigure& figure : figures) {
        context.reply.bulk(figure.name);
        if (!figure.parts.empty()) {
            reply_figures(context, figure.parts);
        } else if (figure.is_real) {
            context.reply.real(figure.real);
        } else {
            context.reply.integer(figure.integer);
        }
    }
}

void memory_stats(Context& context) {
    reply_figures(context, context.services.information.memory_figures());
}

void memory_purge(Context& context) {
    engine::purge_memory(context.services.dataset, context.services.executor);
    context.reply.ok();
}

/// Redis' words for an allocator without statistics of its own.
void memory_malloc_stats(Context& context) {
    context.reply.bulk("Stats not supported for the current allocator");
}

// --- DOCTOR
// -------------------------------------------------------------------------------------------

/// Below this much memory in use, no ratio means anything.
constexpr int64_t kDoctorBytesMin = 5 * 1024 * 1024;
constexpr int64_t kPeakPercentMax = 150;
constexpr int64_t kSlackPercentMax = 40;
constexpr int64_t kClientBytesMax = 200 * 1024;
constexpr int64_t kIndexPercentMax = 60;

struct MemoryState {
    int64_t used = 0;
    int64_t peak = 0;
    int64_t slack = 0;
    int64_t clients_bytes = 0;
    int64_t clients = 0;
    int64_t keyspace = 0;
    int64_t index = 0;
    int64_t detached = 0;
};

MemoryState examine(Context& context) {
    engine::Dataset& dataset = context.services.dataset;
    engine::Executor& executor = context.services.executor;
    MemoryState state;
    state.used = base::used_total();
    state.peak = base::used_peak();
    state.slack = engine::memory_slack(dataset, executor);
    state.clients_bytes = base::used(base::Purpose::clients);
    state.clients = static_cast<int64_t>(context.services.clients.count());
    state.keyspace = base::used(base::Purpose::keyspace);
    state.index = base::used(base::Purpose::index);
    state.detached = static_cast<int64_t>(dataset.detached_entries(executor));
    return state;
}

std::string describe_findings(const MemoryState& state) {
    std::string text;
    const auto add = [&text](const std::string& finding) { text += " * " + finding + "\n"; };
    if (state.peak * 100 > state.used * kPeakPercentMax) {
        add(
            fmt::format("Peak: {} bytes were in use once, {} are now. The allocator may keep the "
                        "difference; MEMORY PURGE asks it to return what it can.",
                        state.peak, state.used));
    }
    if (state.slack * 100 > state.used * kSlackPercentMax) {
        add(
            fmt::format("Slack: {} bytes lie unused in pages that are partly in use, as after many "
                        "keys of one size went. New keys of that size fill them again.",
                        state.slack));
    }
    if (state.clients > 0 && state.clients_bytes / state.clients > kClientBytesMax) {
        add(fmt::format(
            "Clients: {} bytes for each of {} clients on average. CLIENT LIST shows who "
            "asks for large replies and does not read them.",
            state.clients_bytes / state.clients, state.clients));
    }
    if (state.index * 100 > state.keyspace * kIndexPercentMax) {
        add(fmt::format(
            "Index: {} bytes to find keys against {} bytes of keys and values. Many tiny "
            "values are cheaper together, in one larger value.",
            state.index, state.keyspace));
    }
    if (state.detached > 0) {
        add(fmt::format("Flush: {} flushed keys are still being freed.", state.detached));
    }
    return text;
}

void memory_doctor(Context& context) {
    const MemoryState state = examine(context);
    if (state.used < kDoctorBytesMin) {
        return context.reply.verbatim(
            "txt", "There is too little in memory to say anything: come back with more data.\n");
    }
    const std::string findings = describe_findings(state);
    if (findings.empty()) {
        return context.reply.verbatim("txt", "No memory problem was found.\n");
    }
    context.reply.verbatim("txt", "Found in the memory of this server:\n\n" + findings);
}

void memory_help(Context& context) {
    static constexpr std::string_view kLines[] = {
        "DOCTOR",
        "    Return memory problems reports.",
        "MALLOC-STATS",
        "    Return internal statistics report from the memory allocator.",
        "PURGE",
        "    Attempt to purge dirty pages for reclamation by the allocator.",
        "STATS",
        "    Return information about the memory usage of the server.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
    };
    reply_help(context, "MEMORY", kLines);
}

constexpr std::string_view kReportTips =
    "nondeterministic_output request_policy:all_shards response_policy:special";

constexpr CommandSpec kMemoryCommands[] = {
    {.name = "memory",
     .arity = -2,
     .group = Group::server,
     .since = "4.0.0",
     .complexity = "Depends on the sub-command.",
     .summary = "Groups the commands that look at memory.",
     .is_container = true},
    {.name = "usage",
     .parent = "memory",
     .handler = memory_usage,
     .arity = -3,
     .flags = flag::readonly,
     .group = Group::server,
     .keys = one_key(key_flag::ro, 2),
     .since = "4.0.0",
     .complexity = "O(1)",
     .syntax = "key [SAMPLES count]",
     .summary = "Says how many bytes a key and its value take."},
    {.name = "stats",
     .parent = "memory",
     .handler = memory_stats,
     .arity = 2,
     .group = Group::server,
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Shows what memory is used for.",
     .tips = kReportTips},
    {.name = "doctor",
     .parent = "memory",
     .handler = memory_doctor,
     .arity = 2,
     .group = Group::server,
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Reports what is unusual about the memory in use.",
     .tips = kReportTips},
    {.name = "purge",
     .parent = "memory",
     .handler = memory_purge,
     .arity = 2,
     .group = Group::server,
     .since = "4.0.0",
     .complexity = "Depends on how much memory the allocator holds.",
     .summary = "Returns unused memory to the system.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "malloc-stats",
     .parent = "memory",
     .handler = memory_malloc_stats,
     .arity = 2,
     .group = Group::server,
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Shows the allocator's own statistics, where it has any.",
     .tips = kReportTips},
    {.name = "help",
     .parent = "memory",
     .handler = memory_help,
     .arity = 2,
     .flags = flag::loading | flag::stale,
     .group = Group::server,
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Lists the sub-commands of MEMORY."},
};

}  // namespace

std::span<const CommandSpec> memory_commands() { return kMemoryCommands; }

}  // namespace gyre::commands
