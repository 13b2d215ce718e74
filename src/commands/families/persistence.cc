// SPDX-License-Identifier: BSD-3-Clause

// Commands that write the data set to the disk. No process is forked: SAVE differs from BGSAVE in
// that its client waits; others are served meanwhile. Threads: home reactor.

#include <memory>

#include "commands/answer.h"
#include "commands/context.h"
#include "commands/dispatch.h"
#include "commands/families/saving.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

constexpr std::string_view kInProgress = "ERR Background save already in progress";
constexpr std::string_view kRewriteInProgress =
    "ERR Background append only file rewriting already in progress";
constexpr std::string_view kOtherInProgress =
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in "
    "order to schedule a BGSAVE whenever possible.";

std::string_view why_not(const Persistence& persistence) {
    return persistence.is_rewriting() ? kOtherInProgress : kInProgress;
}

ring::Task<void> save(Context& context) {
    Saved saved{};
    co_await save_now(context, false, saved);
    if (saved == Saved::busy) {
        context.error(kInProgress);
    } else if (saved == Saved::yes) {
        context.reply.ok();
    } else {
        context.error("ERR");  // all that Redis says; the log has the reason
    }
}

/// SCHEDULE is for when a rewrite of the append-only file is under way; in a transaction it is
/// meant, as in Redis.
void bgsave(Context& context) {
    if (context.count() > 2 || (context.count() == 2 && !context.is(1, "SCHEDULE"))) {
        return context.error(errors::kSyntax);
    }
    Persistence& persistence = context.services.persistence;
    // A moment within a transaction would have a part of it.
    if (context.session.mode(Session::kExecuting)) {
        if (persistence.is_saving() && !persistence.is_rewriting()) {
            return context.error(kInProgress);
        }
        context.services.dispatcher->save_after_transaction();
        return context.reply.simple("Background saving scheduled");
    }
    if (persistence.begin_save(context.services.executor)) {
        return context.reply.simple("Background saving started");
    }
    if (context.count() == 2 && persistence.schedule_save()) {
        return context.reply.simple("Background saving scheduled");
    }
    context.error(why_not(persistence));
}

void bgrewriteaof(Context& context) {
    const bool is_later = context.session.mode(Session::kExecuting);
    switch (context.services.persistence.begin_rewrite(context.services.executor, is_later)) {
        case RewriteOrder::begun:
            return context.reply.simple("Background append only file rewriting started");
        case RewriteOrder::scheduled:
            return context.reply.simple("Background append only file rewriting scheduled");
        case RewriteOrder::running:
            return context.error(kRewriteInProgress);
        case RewriteOrder::failed:
            return context.error(
                "ERR Can't execute an AOF background rewriting. Please check the server logs for "
                "more information.");
    }
}

void lastsave(Context& context) {
    context.reply.integer(context.services.persistence.last_save_s());
}

constexpr CommandSpec kPersistenceCommands[] = {
    {.name = "save",
     .coroutine = save,
     .arity = 1,
     .flags = flag::admin | flag::noscript | flag::no_async_loading | flag::no_multi,
     .group = Group::server,
     .since = "1.0.0",
     .complexity = "O(N) with N the number of keys in all databases.",
     .summary = "Writes a snapshot of all databases to the disk and waits for it."},
    {.name = "bgsave",
     .handler = bgsave,
     .arity = -1,
     .flags = flag::admin | flag::noscript | flag::no_async_loading,
     .group = Group::server,
     .since = "1.0.0",
     .complexity = "O(1); the snapshot is written in the background.",
     .syntax = "[SCHEDULE]",
     .summary = "Begins to write a snapshot of all databases to the disk."},
    {.name = "bgrewriteaof",
     .handler = bgrewriteaof,
     .arity = 1,
     .flags = flag::admin | flag::noscript | flag::no_async_loading,
     .group = Group::server,
     .since = "1.0.0",
     .complexity = "O(1); the file is written in the background.",
     .summary = "Begins to write the append-only file anew, as short as the data allows."},
    {.name = "lastsave",
     .handler = lastsave,
     .arity = 1,
     .flags = flag::loading | flag::stale | flag::fast,
     .group = Group::server,
     .categories = acl::admin | acl::dangerous,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Says when the last snapshot was on the disk, in Unix time.",
     .tips = "nondeterministic_output"},
};

}  // namespace

ring::Task<void> save_now(Context& context, bool waits_for_snapshot, Saved& saved) {
    Persistence& persistence = context.services.persistence;
    saved = Saved::busy;
    while (!persistence.begin_save(context.services.executor)) {
        const bool is_snapshot = !persistence.is_rewriting() && persistence.is_saving();
        if (is_snapshot && !waits_for_snapshot) co_return;
        const auto end = std::make_shared<Answer>(context);
        persistence.when_saved([end](bool) { Answer::give(end, true); });
        co_await end->wait();
    }
    const auto answer = std::make_shared<Answer>(context);
    persistence.when_saved([answer](bool is_saved) { Answer::give(answer, is_saved); });
    co_await answer->wait();
    saved = answer->is_good() ? Saved::yes : Saved::no;
}

std::span<const CommandSpec> persistence_commands() { return kPersistenceCommands; }

}  // namespace gyre::commands
