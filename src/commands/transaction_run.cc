// SPDX-License-Identifier: BSD-3-Clause

// The dispatcher's part in transactions: queueing commands, and running them for EXEC.
//
// All locks are taken once, in ascending order: those of the keys of all commands and of all
// watched keys, and of every shard when a command goes through the keyspace. The commands then run
// as always; where they lock their shards they enter locks that this thread holds already. What
// waits for other mutexes under a shard lock would be a deadlock with whoever takes them the other
// way round: the configuration's is taken before, the others are last in the order.

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/ticks.h"
#include "commands/dispatch.h"
#include "commands/interactive.h"
#include "commands/registry.h"
#include "commands/statistics.h"
#include "engine/eviction.h"
#include "ring/reactor.h"
#include "ring/task.h"

namespace gyre::commands {
namespace {

/// Commands that run at once between MULTI and EXEC.
bool runs_in_transaction(const CommandSpec& spec) {
    if (spec.group == Group::transactions) return spec.name != "unwatch" && spec.name != "batch";
    return spec.group == Group::connection && (spec.name == "quit" || spec.name == "reset");
}

template <class Predicate>
bool has_any(const Transaction& transaction, Predicate&& is_such) {
    return std::any_of(transaction.commands().begin(), transaction.commands().end(), is_such);
}

bool sees_all(const Transaction& transaction) {
    return has_any(transaction, [](const Transaction::Command& command) {
        return goes_through_keyspace(*command.spec, command.arguments);
    });
}

}  // namespace

bool goes_through_keyspace(const CommandSpec& spec, std::span<const resp::Argument> arguments) {
    if (spec.has(flag::touches_arbitrary_keys)) return true;
    // What its statements touch stands in its text.
    if (spec.name == "batch") return true;
    // Whether there are prefixes is for all shards to know.
    if (spec.name == "tracking" && spec.parent == "client") return true;
    // What lies there when its turn comes is not known yet.
    if (spec.has(flag::leads_on)) return spec.leads_on(arguments);
    // PFSELFTEST looks at no key.
    return spec.keys.count == 0 && spec.group != Group::connection && spec.group != Group::pubsub &&
           spec.group != Group::transactions && spec.group != Group::hyperloglog;
}

bool may_ask_configuration(const CommandSpec& spec) {
    if (spec.name == "batch") return true;
    return spec.keys.count == 0 && spec.group != Group::pubsub && spec.group != Group::transactions;
}

bool Dispatcher::queue(const RequestView& request, Session& session, resp::ReplyWriter& reply) {
    const CommandSpec& spec = *request.spec;
    if (runs_in_transaction(spec)) return false;
    // COMMAND is one without a sub-command, which nobody has looked at yet.
    if (spec.is_container) {
        if (const std::string text = refusal(request, session); !text.empty()) {
            refuse(request, session, reply, text);
            return true;
        }
    }
    Transaction& transaction = *session.transaction;
    // EXEC will refuse it: what else comes need not be kept.
    if (transaction.is_spoilt || session.watcher.is_touched.load(std::memory_order_relaxed)) {
        reply.simple("QUEUED");
        return true;
    }
    const auto arguments = transaction.queue(spec, request.arguments);
    append_keys(&spec, arguments, key_search_, transaction.keys());
    transaction.end_command();
    if (spec.name == "batch") transaction.add_flags(flags_of_batch(request, session, reply));
    session.note_queued();
    reply.simple("QUEUED");
    return true;
}

engine::ShardSet Dispatcher::shards_of(const Transaction& transaction,
                                       const store::Watcher& watcher) const {
    engine::Dataset& dataset = services_.dataset;
    engine::ShardSet set;
    if (sees_all(transaction)) set.add_all(dataset.shards());
    for (const store::Key& key : transaction.all_keys()) set.add(dataset.shard_of(key.hash));
    for (const auto& watch : watcher.watches) set.add(dataset.shard_of(watch->hash));
    return set;
}

/// Holds the shards, and what those take to serve who wait for the keys.
engine::ShardSet Dispatcher::hold(engine::ShardSet shards, std::span<const store::Key> keys) {
    engine::Dataset& dataset = services_.dataset;
    dataset.hold(shards, services_.executor);
    for (engine::ShardSet wider = shards; waiters_.extend(wider, keys); shards = wider) {
        dataset.let_go(shards);
        dataset.hold(wider, services_.executor);
    }
    return shards;
}

/// Whether a watched key was changed; one that is past its deadline by now is. Their shards are
/// locked.
bool Dispatcher::is_touched(const Context& context) {
    const store::Watcher& watcher = context.session.watcher;
    for (const auto& watch : watcher.watches) {
        engine::Keyspace keyspace(services_.dataset, services_.executor, watch->database,
                                  context.now_ms(), true);
        keyspace.peek(watch->key());
        if (!watch->was_due && keyspace.hides(watch->key())) return true;
    }
    return watcher.is_touched.load(std::memory_order_relaxed);
}

/// Before any lock is held: evictions are owed for the keys that the commands may create and that
/// find no room; where too little can be had, commands are refused as they come to it.
void Dispatcher::find_room_for(const Transaction& transaction, const Context& context) {
    room_ = {};
    engine::Dataset& dataset = services_.dataset;
    if (!dataset.counts_keys() || (transaction.flags() & flag::denyoom) == 0) return;
    KeyNeed need;
    std::vector<std::string_view> names;
    for (const Transaction::Command& command : transaction.commands()) {
        if (!command.spec->has(flag::denyoom)) continue;
        for (const store::Key& key : transaction.keys_of(command)) names.push_back(key.bytes);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const std::string_view name : names) {
        const store::Key key = store::Key::of(name);
        const size_t shard = dataset.shard_of(key.hash);
        dataset.lock(shard, services_.executor);
        engine::Keyspace keyspace = context.keyspace;
        const store::Entry* entry = keyspace.peek(key);
        if (entry == nullptr) ++need.keys;
        if (entry != nullptr) ++need.own.present;
        if (entry != nullptr && services_.evictor.may_go(*entry)) ++need.own.victims;
        dataset.unlock_logged(shard, services_.executor);
    }
    const int64_t limit = dataset.settings.maxkeys.load(std::memory_order_relaxed);
    if (need.keys == 0 || limit == 0) return;
    need.maxkeys = room_.maxkeys = limit;
    find_room(need, dataset.shard_of(transaction.all_keys()[0].hash), context.now_ms(), room_.owed);
}

/// A command of a transaction, which can wait for nobody.
void Dispatcher::run_in_room(const RequestView& request, Context& context, KeyNeed& need) {
    if (!run_within(request, context, std::max<int64_t>(room_.owed - room_.created, 0), need)) {
        return context.error(errors::kOutOfKeys);
    }
    room_.created += need.keys;
}

/// No lock is held any more.
void Dispatcher::settle_room(const Transaction& transaction, int64_t now_ms) {
    if (room_.owed == 0) return;
    const int64_t created = std::min(room_.owed, room_.created);
    services_.evictor.forgive(room_.owed - created);
    if (created == 0) return;
    services_.evictor.evict_keys(created, room_.maxkeys, transaction.all_keys(), now_ms,
                                 services_.dataset.shard_of(transaction.all_keys()[0].hash));
}

void Dispatcher::run_transaction(Context& context) {
    Session& session = context.session;
    const std::unique_ptr<Transaction> transaction = session.end_transaction();
    if (transaction->is_spoilt) {
        forget_watches(session, services_.dataset, services_.executor);
        return context.error("EXECABORT Transaction discarded because of previous errors.");
    }
    find_room_for(*transaction, context);
    std::unique_lock<std::recursive_mutex> configuration;
    if (has_any(*transaction, [](const auto& one) { return may_ask_configuration(*one.spec); })) {
        configuration = services_.configuration.hold();
    }
    const engine::ShardSet shards =
        hold(shards_of(*transaction, session.watcher), transaction->all_keys());
    services_.executor.effects.begin_transaction();
    waiters_.set_now_ms(context.now_ms());
    waiters_.set_deferred(true);
    const bool is_void = is_touched(context);
    forget_watches(session, services_.dataset, services_.executor);
    if (is_void) {
        context.reply.null_array();
    } else {
        context.reply.array(static_cast<int64_t>(transaction->commands().size()));
        session.set_mode(Session::kExecuting, true);
        for (const Transaction::Command& command : transaction->commands()) {
            run_queued({command.spec, command.arguments, transaction->keys_of(command)}, context);
        }
        session.set_mode(Session::kExecuting, false);
    }
    waiters_.set_deferred(false);
    services_.dataset.serve_waiters(shards, services_.executor);
    services_.executor.effects.end_transaction();
    if (services_.executor.effects.is_on()) [[unlikely]]
        end_transaction_logged(*transaction, session);
    services_.dataset.let_go(shards);
    services_.executor.effects.write();
    written_batches_.clear();
    settle_room(*transaction, context.now_ms());
    services_.executor.reclaimer.run();
    // When another snapshot has begun since, it has all of the transaction too; a rewrite is no
    // snapshot.
    if (std::exchange(saves_after_transaction_, false) &&
        !services_.persistence.begin_save(services_.executor)) {
        services_.persistence.schedule_save();
    }
}

/// One place in the log for all that the commands have done, while all locks are held. Who has
/// looked at the whole data may have seen anything.
void Dispatcher::end_transaction_logged(const Transaction& transaction, Session& session) {
    engine::Effects& effects = services_.executor.effects;
    const log::Position end = services_.dataset.reserve(services_.executor);
    if (end != 0) session.log_position = end;
    if (!effects.is_gated()) return;
    gate_ = end != 0 ? end : effects.seen(transaction.all_keys());
    if (sees_all(transaction)) gate_ = effects.log()->tail();
}

/// As a connection runs a command, but for what EXEC has asked already.
void Dispatcher::run_queued(const RequestView& request, Context& outer) {
    Session& session = outer.session;
    resp::ReplyWriter& reply = outer.reply;
    session.last_command.store(request.spec, std::memory_order_relaxed);
    const ReplyMode mode_before = session.reply_mode;
    const size_t mark = reply.buffer().mark();
    const uint32_t errors_before = reply.errors();
    const uint64_t start = base::ticks();
    Context context = make_context(request, session, reply, outer.now_ms());
    if (request.spec->coroutine != nullptr) {
        run_coroutine_at_once(request, context);
    } else {
        run(request, context);
    }
    book(request, session, reply, errors_before, base::ticks_to_ns(base::ticks() - start),
         outer.now_ms());
    errors_within_ += reply.errors() - errors_before;
    if (mode_before != ReplyMode::on && session.reply_mode != ReplyMode::on &&
        !session.has_pushed) {
        reply.buffer().truncate(mark);
    }
}

/// Without a reactor a coroutine has nothing to wait for: its slices never end.
void Dispatcher::run_coroutine_at_once(const RequestView& request, const Context& context) {
    Context still{.session = context.session,
                  .spec = context.spec,
                  .arguments = context.arguments,
                  .keys = context.keys,
                  .reply = context.reply,
                  .keyspace = context.keyspace,
                  .services = services_at_once_};
    ring::Task<void> task = request.spec->coroutine(still);
    CHECK(task.run_at_once());
    // It may have taken long (DEBUG SLEEP); who is served at the end is served at the time of then.
    if (services_.reactor != nullptr) services_.reactor->sample_clock();
    if (services_.executor.effects.is_on()) [[unlikely]]
        note_effects(request, still);
}

// --- of sessions --------------------------------------------------------------------------------

void forget_watches(Session& session, engine::Dataset& dataset, engine::Executor& executor) {
    store::Watcher& watcher = session.watcher;
    for (auto& watch : watcher.watches) {
        const size_t shard = dataset.shard_of(watch->hash);
        dataset.lock(shard, executor);
        dataset.shard(shard).remove_watch(*watch);
        dataset.unlock(shard);
    }
    watcher.watches.clear();
    watcher.watches.shrink_to_fit();
    watcher.bytes.store(0, std::memory_order_relaxed);
    watcher.is_touched.store(false, std::memory_order_relaxed);
}

void discard_transaction(Session& session, Services& services) {
    session.end_transaction();
    forget_watches(session, services.dataset, services.executor);
}

}  // namespace gyre::commands
