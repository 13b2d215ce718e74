// SPDX-License-Identifier: BSD-3-Clause

// The dispatcher's part in BATCH: all of its statements, or nothing.
//
// Alone, it takes the locks of all that its statements name before the first of them runs, as EXEC
// does, so that nothing can come between; they run over a view, which is put in place at the end or
// thrown away. Within EXEC those locks are held already, and what it has done joins the record of
// the transaction. Behind BEGIN the statements run over the transaction's own view, where a failure
// takes back what the batch has written.

#include <algorithm>
#include <array>
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ticks.h"
#include "commands/dispatch.h"
#include "commands/interactive.h"
#include "commands/registry.h"
#include "commands/statements.h"
#include "engine/eviction.h"

namespace gyre::commands {

/// The statements as requests, and what they have answered so far.
class Dispatcher::Batch {
public:
    struct Statement {
        std::vector<std::string> words;
        std::vector<resp::Argument> arguments;
        std::deque<std::string> alias_texts;
        std::string error;  // not empty: it cannot be run
        RequestView request;
        std::vector<store::Key> keys;
    };

    explicit Batch(Context& context)
        : answers_(context.reply.buffer().pool()), writer_(answers_, context.reply.protocol()) {}

    std::deque<Statement> statements;
    size_t failed = 0;   ///< from 1; 0: none
    std::string reason;  ///< of the failure

    resp::ReplyWriter& writer() { return writer_; }
    void forget_answers() {
        answers_.clear();
        failed = 0;
        reason.clear();
    }
    void fail(size_t index, std::string text) {
        failed = index;
        reason = std::move(text);
    }
    /// The error that the last statement has answered, which begins at `mark`.
    std::string error_behind(size_t mark) {
        std::string text;
        std::array<iovec, 16> pieces;
        const size_t before = answers_.size() - (answers_.mark() - mark);
        while (!answers_.empty()) {
            const size_t count = answers_.gather(pieces, SIZE_MAX);
            size_t bytes = 0;
            for (const iovec& piece : std::span(pieces).first(count)) {
                text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
                bytes += piece.iov_len;
            }
            answers_.consume(bytes);
        }
        const std::string_view frame = std::string_view(text).substr(before);
        if (!frame.starts_with('-')) return std::string(writer_.last_error_code());
        return std::string(frame.substr(1, frame.find('\r') - 1));
    }
    void reply_to(Context& context) {
        if (failed != 0) {
            return context.error("BATCHERR " + std::to_string(failed) + " " + reason);
        }
        context.reply.array(static_cast<int64_t>(statements.size()));
        context.reply.buffer().splice(answers_);
    }
    /// A statement that writes; one that may look at any key; one that may ask for the
    /// configuration.
    bool writes() const {
        return has_any([](const RequestView& one) { return one.spec->has(flag::write); });
    }
    bool sees_all() const {
        return has_any(
            [](const RequestView& one) { return goes_through_keyspace(*one.spec, one.arguments); });
    }
    bool asks_configuration() const {
        return has_any([](const RequestView& one) { return may_ask_configuration(*one.spec); });
    }
    std::vector<store::Key> keys() const {
        std::vector<store::Key> all;
        for (const Statement& one : statements) {
            all.insert(all.end(), one.request.keys.begin(), one.request.keys.end());
        }
        return all;
    }

private:
    template <class Predicate>
    bool has_any(Predicate&& is_such) const {
        return std::ranges::any_of(statements, [&](const Statement& one) {
            return one.error.empty() && is_such(one.request);
        });
    }

    base::OutputBuffer answers_;
    resp::ReplyWriter writer_;
};

namespace {

/// What else a command does to its connection could not be undone, or would come between replies.
constexpr std::string_view kOfConnection[] = {"ping",    "echo",     "select",       "id",  "info",
                                              "getname", "getredir", "trackinginfo", "help"};

bool may_be_statement(const CommandSpec& spec) {
    if (spec.group == Group::transactions) return false;
    return spec.group != Group::connection ||
           std::ranges::find(kOfConnection, spec.name) != std::end(kOfConnection);
}

}  // namespace

/// What stands against a statement before it runs; empty: nothing.
std::string Dispatcher::refusal_of_statement(const RequestView& request, Context& context) {
    const CommandSpec& spec = *request.spec;
    if (std::string text = refusal(request, context.session); !text.empty()) return text;
    if (!may_be_statement(spec)) {
        return "ERR " + full_name(spec) + " is not allowed inside a batch";
    }
    if (std::string text = refusal_within(spec); !text.empty()) return text;
    if (spec.has(flag::write) && services_.executor.effects.is_on() && is_log_failing()) {
        return "MISCONF Errors writing to the AOF file: " +
               services_.executor.effects.log()->failure();
    }
    return std::string(refusal_by_state(spec, context.session));
}

/// False: one has failed.
bool Dispatcher::run_statements(Batch& batch, OpenView& open, Context& context, Locks locks) {
    Session& session = context.session;
    resp::ReplyWriter& writer = batch.writer();
    size_t index = 0;
    for (const Batch::Statement& one : batch.statements) {
        ++index;
        std::string text = one.error;
        if (text.empty()) text = refusal_of_statement(one.request, context);
        if (!text.empty()) {
            batch.fail(index, std::move(text));
            return false;
        }
        const size_t mark = writer.buffer().mark();
        const uint32_t errors_before = writer.errors();
        const uint64_t start = base::ticks();
        run_statement(one.request, session, open, writer, context.now_ms(), locks);
        if (open.view.has_conflict()) {
            batch.fail(index, "CONFLICT what the batch has seen was changed");
            return false;
        }
        book(one.request, session, writer, errors_before, base::ticks_to_ns(base::ticks() - start),
             context.now_ms());
        if (writer.errors() == errors_before) continue;
        batch.fail(index, batch.error_behind(mark));
        return false;
    }
    return true;
}

/// Behind BEGIN: a part of the transaction that undoes only itself.
void Dispatcher::run_batch_within(Batch& batch, Context& context) {
    Session& session = context.session;
    OpenView& open = session.interactive->open();
    const uint32_t database = session.database.load(std::memory_order_relaxed);
    const size_t mark = context.reply.buffer().mark();
    open.view.begin_batch();
    if (run_statements(batch, open, context, Locks::none)) {
        open.view.end_batch();
    } else {
        open.view.undo_batch();
        session.database.store(database, std::memory_order_relaxed);
    }
    batch.reply_to(context);
    settle_statement(session, context.reply, mark);
}

/// Under the locks of all it touches. False: there is no room for the keys it creates.
bool Dispatcher::run_batch_alone(Batch& batch, Context& context, int64_t owed, KeyNeed& need) {
    Session& session = context.session;
    engine::Executor& executor = services_.executor;
    const bool is_in_exec = session.mode(Session::kExecuting);
    const uint32_t database = session.database.load(std::memory_order_relaxed);
    const int64_t now_ms = context.now_ms();
    engine::ShardSet shards;
    std::unique_lock<std::recursive_mutex> configuration;
    if (!is_in_exec) {
        const std::vector<store::Key> keys = batch.keys();
        for (const store::Key& key : keys) shards.add(services_.dataset.shard_of(key.hash));
        if (batch.sees_all()) shards.add_all(services_.dataset.shards());
        // Before the shards, as by EXEC and CONFIG SET.
        if (batch.asks_configuration()) configuration = services_.configuration.hold();
        shards = hold(shards, keys);
        executor.effects.begin_transaction();
    }
    waiters_.set_now_ms(now_ms);
    auto open = std::make_unique<OpenView>(services_.dataset, now_ms);
    bool has_room = true;
    if (run_statements(batch, *open, context, Locks::held)) {
        has_room = reserve_growth(open->view, now_ms, owed, need);
        if (has_room) open->view.install(executor, now_ms);
    }
    open->view.leave(executor);
    if (batch.failed != 0 || !has_room) {
        session.database.store(database, std::memory_order_relaxed);
    }
    if (is_in_exec) {
        written_batches_.push_back(std::move(open));
        return has_room;
    }
    services_.dataset.serve_waiters(shards, executor);
    executor.effects.end_transaction();
    finish_batch(batch, session);
    services_.dataset.let_go(shards);
    executor.effects.write();
    executor.reclaimer.run();
    return has_room;
}

/// The place of all of it in the log, and what its replies wait for.
void Dispatcher::finish_batch(const Batch& batch, Session& session) {
    engine::Effects& effects = services_.executor.effects;
    if (!effects.is_on()) return;
    const log::Position end = services_.dataset.reserve(services_.executor);
    if (end != 0) session.log_position = end;
    if (!effects.is_gated()) return;
    gate_ = batch.sees_all() ? effects.log()->tail() : end != 0 ? end : effects.seen(batch.keys());
}

void Dispatcher::prepare_batch(Batch& batch, const Context& context) {
    std::vector<std::string_view> texts;
    if (context.count() == 2) {
        texts = split_statements(context.argument(1));
    } else {
        for (size_t index = 1; index < context.count(); ++index) {
            texts.push_back(context.argument(index));
        }
    }
    for (const std::string_view text : texts) {
        Batch::Statement& one = batch.statements.emplace_back();
        auto words = statement_words(text);
        if (!words) {
            one.error = words.error().message;
            continue;
        }
        one.words = std::move(*words);
        if (one.words.empty()) {
            batch.statements.pop_back();
            continue;
        }
        for (const std::string& word : one.words) one.arguments.push_back({word, nullptr});
        if (const auto resolved = resolve_alias(one.arguments, one.alias_texts); !resolved) {
            one.error = resolved.error().message;
            continue;
        }
        one.request = {
            .spec = find_command_of(one.arguments), .arguments = one.arguments, .keys = {}};
        if (one.request.spec == nullptr) {
            one.error = refusal(one.request, context.session);
            continue;
        }
        append_keys(one.request.spec, one.arguments, key_search_, one.keys);
        one.request.keys = one.keys;
    }
}

/// That it writes, and that it needs memory, if one of its statements does: what EXEC, when it is
/// queued, asks for before it takes its locks.
uint32_t Dispatcher::flags_of_batch(const RequestView& request, Session& session,
                                    resp::ReplyWriter& reply) {
    Context context = make_context(request, session, reply, 0);
    Batch batch(context);
    prepare_batch(batch, context);
    uint32_t flags = 0;
    for (const Batch::Statement& one : batch.statements) {
        if (one.error.empty()) flags |= one.request.spec->flags;
    }
    return flags & (flag::write | flag::denyoom);
}

/// Before any lock is held. False: it needs memory, and there is none.
bool Dispatcher::has_memory_for(Batch& batch, const Context& context) {
    size_t index = 0;
    for (const Batch::Statement& one : batch.statements) {
        ++index;
        if (!one.error.empty() || !one.request.spec->has(flag::denyoom)) continue;
        if (!services_.evictor.is_over_memory()) return true;
        if (make_memory(one.request, context.now_ms())) return true;
        batch.fail(index, std::string(errors::kOutOfMemory));
        return false;
    }
    return true;
}

void Dispatcher::run_batch(Context& context) {
    Batch batch(context);
    prepare_batch(batch, context);
    // EXEC has asked before it took its locks.
    if (!context.session.mode(Session::kExecuting) && !has_memory_for(batch, context)) {
        return batch.reply_to(context);
    }
    if (context.session.interactive) return run_batch_within(batch, context);
    // Its row does not say that it writes: what it changes that is due has to go first, as for any
    // command that writes, also where others have to wait for the log.
    engine::Effects& effects = services_.executor.effects;
    const bool may_write = effects.is_on() ? !is_log_failing() : effects.holds();
    if (batch.writes() && may_write) effects.begin_command(true);
    KeyNeed need;
    int64_t owed = 0;
    const bool is_in_exec = context.session.mode(Session::kExecuting);
    if (is_in_exec) owed = std::max<int64_t>(room_.owed - room_.created, 0);
    bool has_room = run_batch_alone(batch, context, owed, need);
    while (!has_room && !is_in_exec) {
        services_.evictor.forgive(std::exchange(owed, 0));
        batch.forget_answers();
        if (!find_room(need, engine::Evictor::kNoShard, context.now_ms(), owed)) break;
        has_room = run_batch_alone(batch, context, owed, need);
    }
    if (!has_room) {
        batch.fail(batch.statements.size(), std::string(errors::kOutOfKeys));
    } else if (is_in_exec) {
        room_.created += std::max<int64_t>(need.keys, 0);
    } else if (owed > 0) {
        const int64_t created = std::min(owed, std::max<int64_t>(need.keys, 0));
        services_.evictor.forgive(owed - created);
        services_.evictor.evict_keys(created, need.maxkeys, batch.keys(), context.now_ms(),
                                     engine::Evictor::kNoShard);
        owed = 0;
    }
    if (!is_in_exec) services_.evictor.forgive(owed);
    batch.reply_to(context);
}

}  // namespace gyre::commands
