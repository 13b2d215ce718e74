// SPDX-License-Identifier: BSD-3-Clause

// Commands about the data set and the server as a whole: flush, swap databases, the time, the end.
//
// A flush takes the entries out of the keyspace at once, under all locks, and frees them later in
// slices: by whoever drains in the background, and by the command itself when the client wants to
// wait for the memory (SYNC, and no word at all). Threads: home reactor.

#include <memory>
#include <optional>
#include <string>

#include "base/numbers.h"
#include "commands/answer.h"
#include "commands/context.h"
#include "commands/dispatch.h"
#include "commands/families/saving.h"
#include "commands/registry.h"
#include "commands/slice.h"
#include "engine/view.h"

namespace gyre::commands {
namespace {

/// Entries freed between two looks at the clock: large values may take microseconds each.
constexpr size_t kDrainEntries = 32;

/// Frees what was taken out of the keyspace, until nothing is left.
ring::Task<void> drain(Context& context) {
    Slice slice(context);
    engine::Dataset& dataset = context.services.dataset;
    engine::Executor& executor = context.services.executor;
    for (size_t shard = 0; shard < dataset.shards();) {
        // The step beyond the last shard keeps the call to this one.
        if (dataset.drain(shard, dataset.shards(), kDrainEntries, executor)) ++shard;
        executor.reclaimer.run();
        if (slice.is_over_now()) co_await slice.next();
    }
    while (!executor.reclaimer.drain(kDrainEntries)) {
        if (slice.is_over_now()) co_await slice.next();
    }
}

/// Whether to wait for the memory; nullopt after the error was written.
std::optional<bool> parse_flush(Context& context) {
    if (context.count() == 1) return true;
    if (context.count() == 2 && context.is(1, "SYNC")) return true;
    if (context.count() == 2 && context.is(1, "ASYNC")) return false;
    context.error(errors::kSyntax);
    return std::nullopt;
}

ring::Task<void> flush(Context& context, bool is_all, bool waits) {
    if (engine::View* view = context.keyspace.view(); view != nullptr) {
        // What goes is freed behind the commit, by whoever has nothing else to do.
        view->flush(is_all ? std::nullopt : std::optional(context.keyspace.database()));
        co_return;
    }
    if (is_all) {
        context.services.dataset.flush_all(context.services.executor, context.now_ms());
    } else {
        context.services.dataset.flush(context.keyspace.database(), context.services.executor,
                                       context.now_ms());
    }
    if (waits) co_await drain(context);
}

bool is_loading(const Context& context) {
    const auto& refusals = context.services.dataset.settings.refusals;
    return (refusals.load(std::memory_order_relaxed) & engine::refusal::loading) != 0;
}

/// Where snapshots are made by themselves the last one would bring back what was removed, should
/// the server end now: as in Redis there is one of nothing before the answer. Whether it could be
/// written the log tells.
ring::Task<void> flushall(Context& context) {
    const auto waits = parse_flush(context);
    if (!waits) co_return;
    co_await flush(context, true, *waits);
    const bool is_for_all = context.keyspace.view() == nullptr && !is_loading(context);
    if (is_for_all && context.services.persistence.has_rules()) {
        if (context.session.mode(Session::kExecuting)) {
            context.services.dispatcher->save_after_transaction();
        } else if (context.services.reactor != nullptr) {
            Saved saved{};
            co_await save_now(context, true, saved);
        }
    }
    context.reply.ok();
}

ring::Task<void> flushdb(Context& context) {
    const auto waits = parse_flush(context);
    if (!waits) co_return;
    co_await flush(context, false, *waits);
    context.reply.ok();
}

/// An index for SWAPDB, which has error texts of its own.
std::optional<int64_t> swap_index(Context& context, size_t index, std::string_view message) {
    return context.integer_between(index, INT32_MIN, INT32_MAX, message);
}

void swapdb(Context& context) {
    const auto first = swap_index(context, 1, "ERR invalid first DB index");
    if (!first) return;
    const auto second = swap_index(context, 2, "ERR invalid second DB index");
    if (!second) return;
    const auto databases = static_cast<int64_t>(context.services.dataset.databases());
    if (*first < 0 || *first >= databases || *second < 0 || *second >= databases) {
        return context.error(errors::kDatabaseRange);
    }
    if (*first != *second) {
        context.services.dataset.swap(static_cast<size_t>(*first), static_cast<size_t>(*second),
                                      context.services.executor, context.now_ms());
    }
    context.reply.ok();
}

void time(Context& context) {
    // Commands share the clock of their turn, in milliseconds; who asks for the time wants it
    // finer.
    const int64_t now_us = context.services.reactor == nullptr
                               ? context.now_ms() * 1000
                               : context.services.reactor->ring().wall_us();
    context.reply.array(2);
    context.reply.bulk_integer(now_us / 1'000'000);
    context.reply.bulk_integer(now_us % 1'000'000);
}

struct ShutdownOptions {
    bool save = false;
    bool nosave = false;
    bool now = false;
    bool force = false;
    bool abort = false;
};

std::optional<ShutdownOptions> parse_shutdown(Context& context) {
    ShutdownOptions options;
    bool is_known = true;
    for (size_t index = 1; index < context.count(); ++index) {
        if (context.is(index, "SAVE")) {
            options.save = true;
        } else if (context.is(index, "NOSAVE")) {
            options.nosave = true;
        } else if (context.is(index, "NOW")) {
            options.now = true;
        } else if (context.is(index, "FORCE")) {
            options.force = true;
        } else if (context.is(index, "ABORT")) {
            options.abort = true;
        } else {
            is_known = false;
        }
    }
    const bool has_other = options.save || options.nosave || options.now || options.force;
    if (is_known && !(options.save && options.nosave) && !(options.abort && has_other)) {
        return options;
    }
    context.error(errors::kSyntax);
    return std::nullopt;
}

/// A shutdown that begins has no reply: the connection closes.
ring::Task<void> shutdown(Context& context) {
    const auto options = parse_shutdown(context);
    if (!options) co_return;
    if (options->abort) {
        if (context.services.control.abort_shutdown()) {
            context.reply.ok();
        } else {
            context.error("ERR No shutdown in progress.");
        }
        co_return;
    }
    const auto answer = std::make_shared<Answer>(context);
    context.services.control.shutdown(
        {.save = options->save,
         .nosave = options->nosave,
         .now = options->now,
         .force = options->force},
        [answer](const Result<void>& begun) { Answer::give(answer, begun.has_value()); });
    co_await answer->wait();
    if (answer->is_good()) {
        context.session.close_after_reply = true;
    } else {
        context.error("ERR Errors trying to SHUTDOWN. Check logs.");
    }
}

constexpr std::string_view kOnAllShards = "request_policy:all_shards response_policy:all_succeeded";
constexpr uint32_t kEmptiesKeyspace = acl::keyspace | acl::dangerous;

constexpr CommandSpec kServerCommands[] = {
    {.name = "flushall",
     .coroutine = flushall,
     .arity = -1,
     .flags = flag::write,
     .group = Group::server,
     .categories = kEmptiesKeyspace,
     .since = "1.0.0",
     .complexity = "O(N) with N the number of keys in all databases.",
     .syntax = "[ASYNC | SYNC]",
     .summary = "Removes all keys of all databases.",
     .tips = kOnAllShards},
    {.name = "flushdb",
     .coroutine = flushdb,
     .arity = -1,
     .flags = flag::write,
     .group = Group::server,
     .categories = kEmptiesKeyspace,
     .since = "1.0.0",
     .complexity = "O(N) with N the number of keys in the selected database.",
     .syntax = "[ASYNC | SYNC]",
     .summary = "Removes all keys of the selected database.",
     .tips = kOnAllShards},
    {.name = "clear",
     .coroutine = flushdb,
     .arity = -1,
     .flags = flag::write,
     .group = Group::server,
     .categories = kEmptiesKeyspace,
     .since = "0.1.0",
     .complexity = "O(N) with N the number of keys in the selected database.",
     .syntax = "[ASYNC | SYNC]",
     .summary = "Removes all keys of the selected database as FLUSHDB does.",
     .tips = kOnAllShards},
    {.name = "swapdb",
     .handler = swapdb,
     .arity = 3,
     .flags = flag::write | flag::fast,
     .group = Group::server,
     .categories = kEmptiesKeyspace,
     .since = "4.0.0",
     .complexity = "O(1), whatever the databases hold.",
     .syntax = "index1 index2",
     .summary = "Exchanges the content of two databases."},
    {.name = "time",
     .handler = time,
     .arity = 1,
     .flags = flag::loading | flag::stale | flag::fast,
     .group = Group::server,
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Says the server's time in seconds and microseconds.",
     .tips = "nondeterministic_output"},
    {.name = "shutdown",
     .coroutine = shutdown,
     .arity = -1,
     .flags = flag::admin | flag::noscript | flag::loading | flag::stale | flag::no_multi |
              flag::allow_busy,
     .group = Group::server,
     .since = "1.0.0",
     .complexity = "O(N) with N the number of keys when saving, else O(1).",
     .syntax = "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
     .summary = "Saves if asked to and stops the server."},
};

}  // namespace

std::span<const CommandSpec> server_commands() { return kServerCommands; }

}  // namespace gyre::commands
