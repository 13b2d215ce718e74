// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// From parsed arguments to an executed command: finds the row, checks what the row demands (arity,
// authentication, memory), locks the shards of the keys, runs the handler, and keeps the figures.
// The one place where permissions are checked.
//
// A pipeline goes through in groups: admit() looks up the row, finds and hashes the keys and
// prefetches their buckets; prefetch_entries() follows for the group; then execute() runs the
// commands in order.
//
// Ownership: one Dispatcher for each reactor; requests and their keys live until clear().
// Threads: home reactor. Suspends: execute() never; a coroutine command is handed back to the
// caller.

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "commands/aliases.h"
#include "commands/blocking.h"
#include "commands/context.h"

namespace gyre::commands {

/// A parsed command on its way to execution.
struct Request {
    uint32_t first_argument = 0;  ///< into the dispatcher's arguments
    uint32_t argument_count = 0;
    uint32_t first_key = 0;  ///< into the dispatcher's keys
    uint32_t key_count = 0;
    uint32_t database = 0;              ///< selected when it was admitted: what was prefetched
    uint32_t input_end = 0;             ///< for the caller: where the command ends in its input
    bool is_empty_behind = false;       ///< for the caller: an empty command came behind it
    std::string_view wire = {};         ///< the command as it came, where it came in one piece
    const CommandSpec* spec = nullptr;  ///< null: unknown command, or a call of an alias that fails
};

/// What is executed: a request with its arguments and keys, wherever they lie.
struct RequestView {
    const CommandSpec* spec = nullptr;
    std::span<const resp::Argument> arguments;
    std::span<const store::Key> keys;
    std::string_view wire = {};  ///< the bytes the arguments are views of, or empty
};

/// Room for finding the keys of a command that has several; kept to spare allocations.
struct KeySearch {
    std::vector<std::string_view> words;
    std::vector<uint32_t> positions;
};

/// A request apart from any pipeline, for commands that were kept: it has keys of its own.
class DetachedRequest {
public:
    /// `arguments` (at least one) outlive the request.
    explicit DetachedRequest(std::span<const resp::Argument> arguments);
    RequestView view() const { return {spec_, arguments_, keys_}; }

private:
    const CommandSpec* spec_;
    std::span<const resp::Argument> arguments_;
    std::vector<store::Key> keys_;
};

/// The row of a command, that of its sub-command where the words name one; null: none.
const CommandSpec* find_command_of(std::span<const resp::Argument> arguments);

/// Appends the hashed keys of the arguments; none when they do not fit the row, whose handler then
/// says what is wrong with them.
void append_keys(const CommandSpec* spec, std::span<const resp::Argument> arguments,
                 KeySearch& search, std::vector<store::Key>& keys);

// --- transactions (transaction_run.cc) ----------------------------------------------------------
/// A command that may look at keys which its words do not name.
bool goes_through_keyspace(const CommandSpec& spec, std::span<const resp::Argument> arguments);
/// A command that may ask for the configuration: INFO, CONFIG, AUTH.
bool may_ask_configuration(const CommandSpec& spec);
/// Takes back all marks of a session.
void forget_watches(Session& session, engine::Dataset& dataset, engine::Executor& executor);
/// Forgets what is queued and what is watched.
void discard_transaction(Session& session, Services& services);
/// The flags of a command; of EXEC, those of all that is queued as well. Behind MULTI, as in Redis,
/// all but what ends the transaction needs memory.
uint32_t flags_of(const CommandSpec& spec, const Session& session);

/// The same of a session with an open transaction: COMMIT writes when the transaction has.
uint32_t interactive_flags_of(const CommandSpec& spec, const Session& session);

struct OpenView;

class Dispatcher {
public:
    enum class Outcome : uint8_t {
        done,       ///< executed or refused; the reply is written
        blocked,    ///< the session waits for a key: end_wait() when its waiter is over
        coroutine,  ///< the row is a coroutine: the caller runs it with the Context of
                    ///< make_context()
    };

    Dispatcher(Services& services, size_t threads);
    ~Dispatcher();

    /// Where the parser puts arguments; admit() turns those added since the last call into a
    /// request.
    std::vector<resp::Argument>& arguments() { return arguments_; }
    /// Makes a request of the arguments from `first_argument` on, or of what they are an alias for.
    Request& admit(uint32_t first_argument, const Session& session);
    /// For who does not admit(): puts what they are an alias for in the place of the arguments;
    /// `texts` owns what is new. Error: what is wrong with the call, as the client is told it.
    Result<void> resolve_alias(std::vector<resp::Argument>& arguments,
                               std::deque<std::string>& texts);
    /// Notes that an empty command stands behind the last request.
    void mark_empty_behind() { requests_.back().is_empty_behind = true; }
    std::span<const Request> requests() const { return requests_; }
    /// Second stage of prefetching for all requests admitted since the last call. Of a single key
    /// there is nothing to gain: it is looked up at once, and its shard would be locked twice. A
    /// third stage, for the elements, where several requests in a row have one large set or hash.
    void prefetch_entries();
    /// Forgets requests, keys and arguments; drops the blocks of large arguments.
    void clear();

    RequestView view(const Request& request) const {
        return {request.spec,
                {arguments_.data() + request.first_argument, request.argument_count},
                {keys_.data() + request.first_key, request.key_count},
                request.wire};
    }

    /// Before the first of commands that are executed one behind the other, with nothing to speak
    /// of between them: the end of one counts as the beginning of the next, as a look at the clock
    /// for each costs as much as a small command's lookup.
    void begin_run() { previous_end_ = 0; }
    Outcome execute(const RequestView& request, Session& session, resp::ReplyWriter& reply,
                    int64_t now_ms);
    /// The context of a request; of a coroutine row the caller keeps request, session and writer
    /// alive.
    Context make_context(const RequestView& request, Session& session, resp::ReplyWriter& reply,
                         int64_t now_ms);
    /// The session's wait is over: writes the reply, unless the client is leaving, and books the
    /// command.
    void end_wait(Session& session, resp::ReplyWriter& reply, int64_t now_ms);
    WaiterService& waiters() { return waiters_; }
    /// EXEC: runs what the session has queued and writes the whole reply.
    void run_transaction(Context& context);
    /// COMMIT: ends the session's transaction and writes the reply (interactive_run.cc).
    void commit(Context& context);
    /// BATCH: runs its statements and writes the whole reply (batch_run.cc).
    void run_batch(Context& context);
    /// Before this position of the log is durable, nothing may be told of what the last command
    /// has done or seen; 0: at once. Of a coroutine row once it has ended (`finish_coroutine()`).
    log::Position gate() const { return gate_; }
    /// After a coroutine row: its gate.
    void finish_coroutine(const Context& context);
    /// For a command of a transaction: a snapshot begins once the transaction has ended.
    void save_after_transaction() { saves_after_transaction_ = true; }
    /// Books one execution: statistics, slow log, latency events. execute() does so for plain
    /// commands.
    void book(const RequestView& request, const Session& session, const resp::ReplyWriter& reply,
              uint32_t errors_before, uint64_t nanoseconds, int64_t now_ms);

private:
    /// Keys of a command that exist; its policy could take the victims among them.
    struct OwnKeys {
        int64_t present = 0;
        int64_t victims = 0;
    };
    struct KeyNeed {
        int64_t keys = 0;     ///< it may create; once it has run, has created
        int64_t maxkeys = 0;  ///< what was looked at
        OwnKeys own;          ///< only where there is no room
    };
    std::span<const resp::Argument> arguments_from(uint32_t first_argument) const {
        return {arguments_.data() + first_argument, arguments_.size() - first_argument};
    }
    const CommandSpec* find_aliased(uint32_t first_argument);
    std::string refusal_of_unknown(std::span<const resp::Argument> arguments) const;
    void prefetch_buckets(const Request& request);
    /// Requests for one key that are prefetched at once: so many lines are on their way together.
    static constexpr size_t kRunMax = 32;
    /// Longer elements are not prefetched: they would be hashed twice.
    static constexpr size_t kFetchedElementMax = 256;
    bool shares_key(size_t first, size_t second) const;
    size_t end_of_run(size_t first) const;
    void prefetch_run(size_t first, size_t end);
    void prefetch_elements(const store::Partition& partition, size_t first, size_t end);
    /// The common case, decided without building a text.
    static bool is_plainly_allowed(const RequestView& request, const Session& session);
    /// What the state of the server has against it; empty: nothing.
    std::string_view refusal_by_state(const CommandSpec& spec, const Session& session) const;
    /// What stands against executing the command; empty: nothing.
    std::string refusal(const RequestView& request, const Session& session) const;
    void run_awaited(size_t shard, const RequestView& request, Context& context);
    void run_served(const RequestView& request, Context& context);
    void record(const RequestView& request, const Session& session, const resp::ReplyWriter& reply,
                uint32_t errors_before, uint64_t nanoseconds, int64_t now_ms);
    void refuse(const RequestView& request, Session& session, resp::ReplyWriter& reply,
                std::string_view text);
    bool queue(const RequestView& request, Session& session, resp::ReplyWriter& reply);
    engine::ShardSet shards_of(const Transaction& transaction, const store::Watcher& watcher) const;
    bool is_touched(const Context& context);
    engine::ShardSet hold(engine::ShardSet shards, std::span<const store::Key> keys);
    // interactive_run.cc
    bool run_interactive(const RequestView& request, Session& session, resp::ReplyWriter& reply,
                         int64_t now_ms);
    /// Who has the locks of what a statement touches.
    enum class Locks : uint8_t { none, held };
    void run_statement(const RequestView& given, Session& session, OpenView& open,
                       resp::ReplyWriter& reply, int64_t now_ms, Locks locks);
    void handle_statement(const RequestView& request, Session& session, OpenView& open,
                          resp::ReplyWriter& reply);
    void settle_statement(Session& session, resp::ReplyWriter& reply, size_t mark);
    RequestView keep_statement(const RequestView& given, OpenView& open);
    engine::ShardSet lock_statement(const RequestView& request, bool locks_all);
    void unlock_statement(const engine::ShardSet& shards, bool locks_all);
    void gate_statement(const RequestView& request, bool locks_all);
    enum class Committed : uint8_t { yes, conflict, no_room };
    Committed commit_view(OpenView& open, Session& session, int64_t now_ms);
    Committed try_commit(OpenView& open, Session& session, int64_t now_ms, int64_t owed,
                         KeyNeed& need);
    bool reserve_growth(engine::View& view, int64_t now_ms, int64_t owed, KeyNeed& need);
    // batch_run.cc
    class Batch;
    void run_batch_within(Batch& batch, Context& context);
    bool run_batch_alone(Batch& batch, Context& context, int64_t owed, KeyNeed& need);
    bool run_statements(Batch& batch, OpenView& open, Context& context, Locks locks);
    void prepare_batch(Batch& batch, const Context& context);
    uint32_t flags_of_batch(const RequestView& request, Session& session, resp::ReplyWriter& reply);
    bool has_memory_for(Batch& batch, const Context& context);
    void finish_batch(const Batch& batch, Session& session);
    std::string refusal_of_statement(const RequestView& request, Context& context);
    void end_transaction_logged(const Transaction& transaction, Session& session);
    void run_queued(const RequestView& request, Context& outer);
    void run_coroutine_at_once(const RequestView& request, const Context& context);
    void run(const RequestView& request, Context& context);
    void handle(const RequestView& request, Context& context);
    void call(const RequestView& request, Context& context);
    Outcome execute_any(const RequestView& request, Session& session, resp::ReplyWriter& reply,
                        int64_t now_ms);
    Outcome execute_tracking(const RequestView& request, Session& session, resp::ReplyWriter& reply,
                             int64_t now_ms);
    template <class Serve>
    void finish_served(const RequestView& request, Context& context, Serve&& serve);
    void note_effects(const RequestView& request, const Context& context);
    void log_effects(const RequestView& request, Context& context);
    void finish_wait(const Blocked& blocked, Session& session);
    bool is_log_failing() const;
    bool make_memory(const RequestView& request, int64_t now_ms);
    void run_with_maxkeys(const RequestView& request, Context& context);
    bool run_within(const RequestView& request, Context& context, int64_t owed, KeyNeed& need);
    bool find_room(const KeyNeed& need, size_t preferred, int64_t now_ms, int64_t& owed);
    /// Room for the keys that a transaction may create: what its commands may evict, and have
    /// created so far.
    struct TransactionRoom {
        int64_t owed = 0;
        int64_t created = 0;
        int64_t maxkeys = 0;
    };
    void find_room_for(const Transaction& transaction, const Context& context);
    void run_in_room(const RequestView& request, Context& context, KeyNeed& need);
    void settle_room(const Transaction& transaction, int64_t now_ms);
    OwnKeys own_keys(Context& context) const;
    engine::ShardSet shards_of(const RequestView& request) const;
    static int64_t new_keys(Context& context);

    Services& services_;
    WaiterService waiters_;
    TransactionRoom room_;
    bool saves_after_transaction_ = false;
    uint32_t errors_within_ = 0;  // the transaction that runs
    // Of batches within a transaction, until its effects are written.
    std::vector<std::unique_ptr<OpenView>> written_batches_;
    Services services_at_once_;  ///< without a reactor: what runs with these never waits
    size_t threads_;
    std::vector<resp::Argument> arguments_;
    std::vector<store::Key> keys_;
    KeySearch key_search_;
    AliasReader aliases_;
    std::deque<std::string> alias_texts_;  // in arguments_
    std::vector<Request> requests_;
    size_t prefetched_ = 0;
    log::Position gate_ = 0;
    uint64_t previous_end_ = 0;  // of the run under way, in ticks; 0: look at the clock
};

}  // namespace gyre::commands
