// SPDX-License-Identifier: BSD-3-Clause

// MULTI, EXEC, DISCARD, WATCH, UNWATCH; BEGIN, COMMIT, ROLLBACK; BATCH. The dispatcher queues
// commands behind MULTI and runs them for EXEC, under the locks of all their keys and of all keys
// watched.
//
// Threads: home reactor; WATCH with the shards of its keys locked, the others take locks
// themselves.

#include <memory>

#include "commands/context.h"
#include "commands/dispatch.h"
#include "commands/interactive.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

void multi(Context& context) {
    if (context.session.mode(Session::kQueueing)) {
        return context.error("ERR MULTI calls can not be nested");
    }
    context.session.begin_transaction();
    context.reply.ok();
}

void discard(Context& context) {
    if (!context.session.mode(Session::kQueueing)) {
        return context.error("ERR DISCARD without MULTI");
    }
    discard_transaction(context.session, context.services);
    context.reply.ok();
}

void exec(Context& context) {
    if (!context.session.mode(Session::kQueueing)) return context.error("ERR EXEC without MULTI");
    context.services.dispatcher->run_transaction(context);
}

/// A key that is past its deadline is removed first: it will not change any more by that. Nor by
/// its going where it has to stay for now.
void watch(Context& context) {
    if (context.session.mode(Session::kQueueing)) {
        return context.error("ERR WATCH inside MULTI is not allowed");
    }
    store::Watcher& watcher = context.session.watcher;
    if (watcher.watches.size() + context.keys.size() > kWatchedKeysMax) {
        return context.error("ERR too many watched keys. Watch fewer, or UNWATCH some first");
    }
    for (const store::Key& key : context.keys) {
        context.keyspace.peek(key);
        const size_t before = watcher.watches.size();
        context.keyspace.shard_of(key).add_watch(watcher, context.keyspace.database(), key);
        if (watcher.watches.size() > before) {
            watcher.watches.back()->was_due = context.keyspace.hides(key);
        }
    }
    context.reply.ok();
}

void unwatch(Context& context) {
    forget_watches(context.session, context.services.dataset, context.services.executor);
    context.reply.ok();
}

// --- interactive ones
// -----------------------------------------------------------------------------

/// After a conflict a client may begin again at once; what it had sent ahead for the one before was
/// refused.
void begin(Context& context) {
    Session& session = context.session;
    if (session.mode(Session::kQueueing)) {
        return context.error("ERR BEGIN inside MULTI is not allowed");
    }
    if (session.interactive) {
        if (session.interactive->state() == Interactive::State::open) {
            return context.error("ERR BEGIN calls can not be nested");
        }
        if (session.interactive->state() == Interactive::State::aborted) {
            return context.error(session.interactive->refusal());
        }
        roll_back(session, context.services.executor);
    }
    session.interactive =
        std::make_unique<Interactive>(context.services.dataset, context.now_ms(),
                                      session.database.load(std::memory_order_relaxed));
    session.set_mode(Session::kInteractive, true);
    context.reply.ok();
}

void commit(Context& context) {
    if (!context.session.interactive) return context.error("ERR COMMIT without BEGIN");
    context.services.dispatcher->commit(context);
}

void rollback(Context& context) {
    if (!context.session.interactive) return context.error("ERR ROLLBACK without BEGIN");
    roll_back(context.session, context.services.executor);
    context.reply.ok();
}

void batch(Context& context) { context.services.dispatcher->run_batch(context); }

constexpr uint32_t kPlain = flag::noscript | flag::loading | flag::stale;
constexpr uint32_t kQuick = kPlain | flag::fast | flag::allow_busy;

constexpr CommandSpec kTransactionCommands[] = {
    {.name = "multi",
     .handler = multi,
     .arity = 1,
     .flags = kQuick,
     .group = Group::transactions,
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Begins a transaction: the commands that follow are queued until EXEC."},
    {.name = "exec",
     .handler = exec,
     .arity = 1,
     .flags = kPlain | flag::skip_slowlog,
     .group = Group::transactions,
     .since = "1.2.0",
     .complexity = "Depends on the commands queued.",
     .summary = "Runs the commands of a transaction, all at one moment."},
    {.name = "discard",
     .handler = discard,
     .arity = 1,
     .flags = kQuick,
     .group = Group::transactions,
     .since = "2.0.0",
     .complexity = "O(N) with N the number of commands queued.",
     .summary = "Forgets a transaction and the watched keys."},
    {.name = "watch",
     .handler = watch,
     .arity = -2,
     .flags = kQuick,
     .group = Group::transactions,
     .keys = keys_to_end(key_flag::ro),
     .since = "2.2.0",
     .complexity = "O(1) for each key.",
     .syntax = "key [key ...]",
     .summary = "Has the next EXEC run nothing if one of the keys was changed before it."},
    {.name = "unwatch",
     .handler = unwatch,
     .arity = 1,
     .flags = kQuick,
     .group = Group::transactions,
     .since = "2.2.0",
     .complexity = "O(N) with N the number of watched keys.",
     .summary = "Forgets the watched keys."},
    {.name = "begin",
     .handler = begin,
     .arity = 1,
     .flags = flag::noscript | flag::fast,
     .group = Group::transactions,
     .since = "0.1.0",
     .complexity = "O(1)",
     .summary = "Begins a transaction whose commands are answered at once and done at COMMIT."},
    {.name = "commit",
     .handler = commit,
     .arity = 1,
     .flags = flag::noscript | flag::skip_slowlog,
     .group = Group::transactions,
     .since = "0.1.0",
     .complexity = "O(N) with N the number of keys the transaction has touched.",
     .summary = "Does what was done since BEGIN, if nothing that was seen has changed."},
    {.name = "rollback",
     .handler = rollback,
     .arity = 1,
     .flags = flag::noscript | flag::fast,
     .group = Group::transactions,
     .since = "0.1.0",
     .complexity = "O(N) with N the number of keys the transaction has touched.",
     .summary = "Forgets all that was done since BEGIN."},
    {.name = "batch",
     .handler = batch,
     .arity = -2,
     .flags = flag::noscript | flag::skip_slowlog | flag::may_replicate,
     .group = Group::transactions,
     .since = "0.1.0",
     .complexity = "Depends on the statements.",
     .syntax = "statement[;statement ...] [statement ...]",
     .summary = "Runs several commands at one moment: all of them, or none."},
};

}  // namespace

std::span<const CommandSpec> transaction_commands() { return kTransactionCommands; }

}  // namespace gyre::commands
