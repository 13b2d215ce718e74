// SPDX-License-Identifier: BSD-3-Clause

// The dispatcher's part in transactions begun with BEGIN: a statement runs at once, by the handler
// of its row, over the transaction's view of the data and under the locks of its keys; COMMIT takes
// the locks of all that was touched, looks whether it is as it was, and puts the result in place.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/ticks.h"
#include "commands/dispatch.h"
#include "commands/interactive.h"
#include "commands/registry.h"
#include "commands/statistics.h"
#include "commands/tracking.h"
#include "engine/eviction.h"
#include "ring/task.h"

namespace gyre::commands {
namespace {

/// Commands that do with the transaction or with the connection what they do, and are no part of
/// it; and BATCH, whose statements are.
bool runs_beside(const CommandSpec& spec) {
    if (spec.group == Group::transactions) {
        return spec.name == "begin" || spec.name == "commit" || spec.name == "rollback" ||
               spec.name == "batch";
    }
    return spec.group == Group::connection && (spec.name == "quit" || spec.name == "reset");
}

/// Its words may name keys by what lies under others, or it goes through a whole database.
bool locks_all_shards(const RequestView& request) {
    const CommandSpec& spec = *request.spec;
    return goes_through_database(spec) ||
           (spec.has(flag::leads_on) && spec.leads_on(request.arguments));
}

/// With the executor of a view in place of the thread's, and without a reactor: nothing waits.
Services services_within(Services& home, engine::Executor& executor) {
    return {.dataset = home.dataset,
            .executor = executor,
            .evictor = home.evictor,
            .reactor = nullptr,
            .clients = home.clients,
            .configuration = home.configuration,
            .information = home.information,
            .control = home.control,
            .persistence = home.persistence,
            .aliases = home.aliases,
            .background = home.background,
            .statistics = home.statistics,
            .slowlog = home.slowlog,
            .latency = home.latency,
            .dispatcher = home.dispatcher};
}

/// What a command may write; `keys` is where those are put that are not all of its own.
engine::Statement statement_of(const RequestView& request, size_t database,
                               std::vector<store::Key>& keys) {
    engine::Statement statement{.database = database, .written = {}};
    if (!request.spec->has(flag::write)) return statement;
    std::vector<std::string_view> words;
    for (const resp::Argument& argument : request.arguments) words.push_back(argument.bytes);
    const WrittenKeys written = find_written_keys(*request.spec, words);
    statement.writes_all = written.is_all;
    statement.overwrites = written.overwrites;
    for (const uint32_t position : written.positions) {
        keys.push_back(store::Key::of(words[position]));
    }
    statement.written = keys;
    // SUNIONSTORE a a b, COPY a a DB 1: it looks at what it overwrites.
    for (const store::Key& key : keys) {
        const auto named = std::ranges::count(request.keys, key.hash, &store::Key::hash);
        if (named > 1) statement.overwrites = false;
    }
    return statement;
}

/// Copies of the keys and of their names.
std::span<const store::Key> keep_keys(std::span<const store::Key> keys, ArgumentStore& store) {
    std::vector<resp::Argument> names;
    for (const store::Key& key : keys) names.push_back({key.bytes, nullptr});
    const auto kept = store.copy(std::span<const resp::Argument>(names));
    std::vector<store::Key> copies;
    for (size_t index = 0; index < keys.size(); ++index) {
        copies.push_back({kept[index].bytes, keys[index].hash});
    }
    return store.copy(std::span<const store::Key>(copies));
}

}  // namespace

uint32_t interactive_flags_of(const CommandSpec& spec, const Session& session) {
    const Interactive& transaction = *session.interactive;
    const bool writes = spec.group == Group::transactions && spec.name == "commit" &&
                        transaction.state() == Interactive::State::open &&
                        transaction.open().has_written;
    return writes ? spec.flags | flag::write : spec.flags;
}

// --- statements ---------------------------------------------------------------------------------

/// False: the command is none of the transaction, and runs as always.
bool Dispatcher::run_interactive(const RequestView& request, Session& session,
                                 resp::ReplyWriter& reply, int64_t now_ms) {
    const CommandSpec& spec = *request.spec;
    Interactive& transaction = *session.interactive;
    const bool is_over = transaction.abort_if_late(now_ms, services_.executor);
    if (runs_beside(spec) && spec.name != "batch") return false;
    if (is_over) {
        session.queued_bytes.store(0, std::memory_order_relaxed);
        refuse(request, session, reply, transaction.refusal());
        return true;
    }
    if (spec.name == "batch") return false;
    if (const std::string text = refusal_within(spec); !text.empty()) {
        refuse(request, session, reply, text);
        return true;
    }
    const uint64_t start = base::ticks();
    const uint32_t errors_before = reply.errors();
    const size_t mark = reply.buffer().mark();
    run_statement(request, session, transaction.open(), reply, now_ms, Locks::none);
    settle_statement(session, reply, mark);
    book(request, session, reply, errors_before, base::ticks_to_ns(base::ticks() - start), now_ms);
    return true;
}

/// A reply of a transaction that has come to its end by it counts for nothing.
void Dispatcher::settle_statement(Session& session, resp::ReplyWriter& reply, size_t mark) {
    Interactive& transaction = *session.interactive;
    if (transaction.open().view.has_conflict()) {
        transaction.end_in_conflict(services_.executor);
    } else if (!transaction.abort_if_too_large(services_.executor)) {
        session.queued_bytes.store(transaction.open().bytes(), std::memory_order_relaxed);
        return;
    }
    session.queued_bytes.store(0, std::memory_order_relaxed);
    reply.buffer().truncate(mark);
    reply.error(transaction.refusal());
}

/// Effects look at arguments and keys until they are written.
RequestView Dispatcher::keep_statement(const RequestView& given, OpenView& open) {
    if (!given.spec->has(flag::write)) return given;
    open.has_written = true;
    if (!services_.executor.effects.is_on()) {
        open.has_unlogged = true;
        return given;
    }
    RequestView kept{.spec = given.spec, .arguments = open.kept.copy(given.arguments), .keys = {}};
    std::vector<store::Key> keys;
    append_keys(given.spec, kept.arguments, key_search_, keys);
    kept.keys = open.kept.copy(std::span<const store::Key>(keys));
    return kept;
}

engine::ShardSet Dispatcher::lock_statement(const RequestView& request, bool locks_all) {
    engine::ShardSet shards = shards_of(request);
    if (locks_all) {
        shards.add_all(services_.dataset.shards());
        services_.dataset.hold(shards, services_.executor);
    } else {
        services_.dataset.lock(shards, services_.executor);
    }
    return shards;
}

void Dispatcher::unlock_statement(const engine::ShardSet& shards, bool locks_all) {
    locks_all ? services_.dataset.let_go(shards) : services_.dataset.unlock(shards);
    services_.executor.effects.write();
    if (!services_.executor.reclaimer.empty()) services_.executor.reclaimer.run();
}

/// What it has read may be waiting for the disk; keys that were due may have gone. A batch waits
/// for what the last of its statements to be durable needs.
void Dispatcher::gate_statement(const RequestView& request, bool locks_all) {
    engine::Effects& effects = services_.executor.effects;
    if (!effects.is_on()) return;
    const log::Position end = services_.dataset.reserve(services_.executor);
    if (!effects.is_gated()) return;
    const log::Position gate = locks_all  ? effects.log()->tail()
                               : end != 0 ? end
                                          : effects.seen(request.keys);
    gate_ = std::max(gate_, gate);
}

void Dispatcher::run_statement(const RequestView& given, Session& session, OpenView& open,
                               resp::ReplyWriter& reply, int64_t now_ms, Locks locks) {
    engine::Dataset& dataset = services_.dataset;
    const RequestView request = keep_statement(given, open);
    const bool locks_all = locks_all_shards(request);
    std::vector<store::Key> written;
    const engine::Statement statement =
        statement_of(request, session.database.load(std::memory_order_relaxed), written);
    engine::ShardSet shards;
    if (locks == Locks::none) shards = lock_statement(request, locks_all);
    if (open.view.begin(statement, request.keys, services_.executor, now_ms)) {
        handle_statement(request, session, open, reply);
    }
    if (!request.keys.empty()) {
        open.view.end(dataset.shard(dataset.shard_of(request.keys[0].hash)));
    }
    if (locks == Locks::held) return;
    gate_statement(request, locks_all);
    unlock_statement(shards, locks_all);
}

void Dispatcher::handle_statement(const RequestView& request, Session& session, OpenView& open,
                                  resp::ReplyWriter& reply) {
    engine::View& view = open.view;
    engine::Effects& effects = view.executor().effects;
    Services services = services_within(services_, view.executor());
    Context context{
        .session = session,
        .spec = *request.spec,
        .arguments = request.arguments,
        .keys = request.keys,
        .reply = reply,
        .keyspace = engine::Keyspace(
            services_.dataset, view, session.database.load(std::memory_order_relaxed),
            view.begin_ms(), session.no_touch.load(std::memory_order_relaxed)),
        .services = services,
    };
    const bool was_executing = session.mode(Session::kExecuting);
    session.set_mode(Session::kExecuting, true);
    effects.begin_command(request.spec->has(flag::write));
    effects.begin_transaction();
    if (request.spec->coroutine != nullptr) {
        ring::Task<void> task = request.spec->coroutine(context);
        CHECK(task.run_at_once());
    } else {
        request.spec->handler(context);
    }
    if (effects.is_on()) {
        effects.end_command(context.keyspace.database(), request.arguments, request.keys);
    }
    session.set_mode(Session::kExecuting, was_executing);
    if (session.mode(Session::kTracking) && request.spec->has(flag::readonly)) {
        remember_keys(session, request.keys, services_.dataset, services_.executor);
    }
}

// --- COMMIT -------------------------------------------------------------------------------------

void Dispatcher::commit(Context& context) {
    Session& session = context.session;
    const std::unique_ptr<Interactive> transaction = std::move(session.interactive);
    session.set_mode(Session::kInteractive, false);
    session.queued_bytes.store(0, std::memory_order_relaxed);
    auto how = Committed::conflict;
    if (transaction->state() == Interactive::State::open) {
        OpenView& open = transaction->open();
        // What it has written while there was no log cannot be logged any more.
        if (open.has_unlogged && services_.executor.effects.is_on()) open.view.set_conflict();
        how = commit_view(open, session, context.now_ms());
        if (how == Committed::yes) {
            services_.dataset.transactions().committed.fetch_add(1, std::memory_order_relaxed);
            return context.reply.ok();
        }
        if (how == Committed::conflict) transaction->end_in_conflict(services_.executor);
        transaction->roll_back(services_.executor);
    }
    session.database.store(static_cast<uint32_t>(transaction->database()),
                           std::memory_order_relaxed);
    context.error(how == Committed::no_room ? std::string(errors::kOutOfKeys)
                                            : transaction->refusal());
}

/// Room for new keys is promised under the locks or owed in evictions, as for a plain command; its
/// own keys are none of those that go, and their names outlive the view.
Dispatcher::Committed Dispatcher::commit_view(OpenView& open, Session& session, int64_t now_ms) {
    KeyNeed need;
    int64_t owed = 0;
    const std::vector<store::Key> changed = open.view.changed_keys();
    const size_t shard =
        changed.empty() ? engine::Evictor::kNoShard : services_.dataset.shard_of(changed[0].hash);
    ArgumentStore names;
    std::span<const store::Key> own;
    for (;;) {
        if (owed > 0) own = keep_keys(open.view.changed_keys(), names);
        const Committed how = try_commit(open, session, now_ms, owed, need);
        services_.executor.effects.write();
        if (how == Committed::yes && owed > 0) {
            const int64_t created = std::min(owed, std::max<int64_t>(need.keys, 0));
            services_.evictor.forgive(owed - created);
            services_.evictor.evict_keys(created, need.maxkeys, own, now_ms, shard);
            owed = 0;
        }
        services_.evictor.forgive(std::exchange(owed, 0));
        services_.executor.reclaimer.run();
        if (how != Committed::no_room) return how;
        if (!find_room(need, shard, now_ms, owed)) return Committed::no_room;
    }
}

Dispatcher::Committed Dispatcher::try_commit(OpenView& open, Session& session, int64_t now_ms,
                                             int64_t owed, KeyNeed& need) {
    engine::Dataset& dataset = services_.dataset;
    engine::Executor& executor = services_.executor;
    engine::ShardSet shards;
    open.view.add_shards(shards);
    const std::vector<store::Key> changed = open.view.changed_keys();
    shards = hold(shards, changed);
    waiters_.set_now_ms(now_ms);
    executor.effects.begin_transaction();
    auto how = Committed::yes;
    if (!open.view.is_valid(executor, now_ms)) {
        how = Committed::conflict;
    } else if (!reserve_growth(open.view, now_ms, owed, need)) {
        how = Committed::no_room;
    } else {
        open.view.install(executor, now_ms);
        dataset.serve_waiters(shards, executor);
    }
    executor.effects.end_transaction();
    if (executor.effects.is_on()) {
        const log::Position end = dataset.reserve(executor);
        if (end != 0) session.log_position = end;
        if (executor.effects.is_gated()) gate_ = end;
    }
    dataset.let_go(shards);
    return how;
}

/// With the locks of all that changes. False: it would be more keys than maxkeys allows.
bool Dispatcher::reserve_growth(engine::View& view, int64_t now_ms, int64_t owed, KeyNeed& need) {
    engine::Dataset& dataset = services_.dataset;
    if (!dataset.counts_keys()) return true;
    need = {.keys = view.growth(now_ms)};
    const int64_t limit = dataset.settings.maxkeys.load(std::memory_order_relaxed);
    need.maxkeys = limit;
    if (need.keys <= 0) {
        dataset.unreserve_keys(-need.keys);
        return true;
    }
    if (dataset.reserve_keys(need.keys, owed >= need.keys ? INT64_MAX : limit + owed)) return true;
    view.for_each_replaced([&](const store::Entry& entry) {
        ++need.own.present;
        if (services_.evictor.may_go(entry)) ++need.own.victims;
    });
    return false;
}

}  // namespace gyre::commands
