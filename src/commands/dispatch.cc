// SPDX-License-Identifier: BSD-3-Clause
#include "commands/dispatch.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/numbers.h"
#include "base/prefetch.h"
#include "base/ticks.h"
#include "commands/clients.h"
#include "commands/command_log.h"
#include "commands/families/string_options.h"
#include "commands/interactive.h"
#include "commands/latency.h"
#include "commands/monitor.h"
#include "commands/registry.h"
#include "commands/slowlog.h"
#include "commands/statistics.h"
#include "commands/tracking.h"
#include "engine/eviction.h"

namespace gyre::commands {
namespace {

/// Redis shows this much of a command's name and of its arguments when it does not know the
/// command.
constexpr size_t kEchoBytesMax = 128;

/// Where maxkeys is 0: more than there can be, and far from overflowing.
constexpr int64_t kNoKeyLimit = int64_t{1} << 62;

/// What printf's "%.*s" would show: at most `bytes_max`, and nothing behind a NUL.
std::string_view shown(std::string_view text, size_t bytes_max) {
    return text.substr(0, std::min(text.find('\0'), bytes_max));
}

/// Scratch that is kept for the next commands, of each kind: far more than pipelines of small ones
/// need.
constexpr size_t kScratchBytesMax = 64 * 1024;

template <class T>
void empty(std::vector<T>& scratch) {
    if (scratch.capacity() * sizeof(T) > kScratchBytesMax) [[unlikely]] {
        std::vector<T>().swap(scratch);
    } else {
        scratch.clear();
    }
}

std::string unknown_command(std::span<const resp::Argument> arguments) {
    std::string text = "ERR unknown command '";
    text += shown(arguments[0].bytes, kEchoBytesMax);
    text += "', with args beginning with: ";
    std::string echoed;
    for (size_t index = 1; index < arguments.size() && echoed.size() < kEchoBytesMax; ++index) {
        echoed += '\'';
        echoed += shown(arguments[index].bytes, kEchoBytesMax - echoed.size() + 1);
        echoed += "' ";
    }
    return text + echoed;
}

std::string upper_case(std::string_view name) {
    std::string text(name);
    for (char& letter : text) {
        if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    }
    return text;
}

std::string unknown_subcommand(const CommandSpec& container, std::string_view word) {
    return "ERR unknown subcommand '" + std::string(shown(word, kEchoBytesMax)) + "'. Try " +
           upper_case(container.name) + " HELP.";
}

bool arity_fits(const CommandSpec& spec, size_t count) {
    const auto argc = static_cast<int64_t>(count);
    return spec.arity >= 0 ? argc == spec.arity : argc >= -spec.arity;
}

/// Most rows have one key as their first argument: no need for the general search.
bool has_plain_first_key(const CommandSpec& spec) {
    const KeySpec& one = spec.keys.items[0];
    return spec.keys.count == 1 && one.begin == 1 && one.find == KeySpec::Find::range &&
           one.a == 0 && (one.flags & key_flag::not_key) == 0 && one.keyword.empty();
}

bool is_exec(const CommandSpec& spec) {
    return spec.group == Group::transactions && spec.name == "exec";
}

/// What it does is logged where it ends, as one.
bool ends_itself(const CommandSpec& spec) {
    return spec.group == Group::transactions &&
           (spec.name == "exec" || spec.name == "commit" || spec.name == "batch");
}

/// What a subscriber may ask for when RESP2 leaves it no way to tell replies and messages apart.
bool is_for_subscribers(const CommandSpec& spec) {
    if (spec.has(flag::pubsub)) return spec.has(flag::noscript);
    return spec.name == "ping" || spec.name == "quit" || spec.name == "reset";
}

}  // namespace

const CommandSpec* find_command_of(std::span<const resp::Argument> arguments) {
    const CommandSpec* spec = find_command(arguments[0].bytes);
    if (spec == nullptr || !spec->is_container || arguments.size() < 2) [[likely]]
        return spec;
    const CommandSpec* inner = find_subcommand(*spec, arguments[1].bytes);
    return inner != nullptr ? inner : spec;
}

void append_keys(const CommandSpec* spec, std::span<const resp::Argument> arguments,
                 KeySearch& search, std::vector<store::Key>& keys) {
    if (spec == nullptr || spec->keys.count == 0 || !arity_fits(*spec, arguments.size())) return;
    if (has_plain_first_key(*spec)) [[likely]] {
        keys.push_back(store::Key::of(arguments[1].bytes));
        return;
    }
    search.words.clear();
    search.positions.clear();
    const bool reads_words = std::ranges::any_of(spec->keys.view(), [](const KeySpec& one) {
        return one.find != KeySpec::Find::range || !one.keyword.empty();
    });
    if (reads_words) {
        for (const resp::Argument& argument : arguments) search.words.push_back(argument.bytes);
        if (!find_keys(*spec, search.words, search.positions)) return;
    } else if (!find_keys_in_ranges(*spec, arguments.size(), search.positions)) {
        return;
    }
    if (keys.empty()) keys.reserve(search.positions.size());
    for (const uint32_t position : search.positions) {
        keys.push_back(store::Key::of(arguments[position].bytes));
    }
}

uint32_t flags_of(const CommandSpec& spec, const Session& session) {
    if (!session.mode(Session::kQueueing | Session::kInteractive)) [[likely]]
        return spec.flags;
    if (session.mode(Session::kInteractive)) return interactive_flags_of(spec, session);
    if (is_exec(spec)) return spec.flags | session.transaction->flags();
    // What is queued takes memory, whatever it does; what ends the transaction gives it back.
    const bool ends = spec.name == "discard" || spec.name == "reset";
    return ends ? spec.flags : spec.flags | flag::denyoom;
}

DetachedRequest::DetachedRequest(std::span<const resp::Argument> arguments)
    : spec_(find_command_of(arguments)), arguments_(arguments) {
    KeySearch search;
    append_keys(spec_, arguments_, search, keys_);
}

Dispatcher::Dispatcher(Services& services, size_t threads)
    : services_(services),
      waiters_(services),
      services_at_once_(services),
      threads_(threads),
      aliases_(services.aliases.book()) {
    services_.dispatcher = services_at_once_.dispatcher = this;
    services_at_once_.reactor = nullptr;
    // Not by the first command, which would take milliseconds longer for it.
    base::calibrate_ticks();
}

Dispatcher::~Dispatcher() = default;

Request& Dispatcher::admit(uint32_t first_argument, const Session& session) {
    // Written in its place: see Effects::end_command().
    Request& request = requests_.emplace_back();
    request.first_argument = first_argument;
    request.first_key = static_cast<uint32_t>(keys_.size());
    request.spec = find_command_of(arguments_from(first_argument));
    if (request.spec == nullptr) [[unlikely]]
        request.spec = find_aliased(first_argument);
    const std::span<const resp::Argument> arguments = arguments_from(first_argument);
    request.argument_count = static_cast<uint32_t>(arguments.size());
    append_keys(request.spec, arguments, key_search_, keys_);
    request.key_count = static_cast<uint32_t>(keys_.size()) - request.first_key;
    request.database = session.database.load(std::memory_order_relaxed);
    prefetch_buckets(request);
    return request;
}

/// The row of what an alias stands for, once that is in the place of the call; null: it is none, or
/// refusal() says what is wrong with the call.
const CommandSpec* Dispatcher::find_aliased(uint32_t first_argument) {
    const auto expanded = expand_alias(aliases_.table(), arguments_, first_argument, alias_texts_);
    return expanded && *expanded ? find_command_of(arguments_from(first_argument)) : nullptr;
}

Result<void> Dispatcher::resolve_alias(std::vector<resp::Argument>& arguments,
                                       std::deque<std::string>& texts) {
    if (find_command_of(arguments) != nullptr) return {};
    const auto expanded = expand_alias(aliases_.table(), arguments, 0, texts);
    if (!expanded) return tl::unexpected(expanded.error());
    return {};
}

void Dispatcher::prefetch_buckets(const Request& request) {
    for (size_t at = request.first_key; at < keys_.size(); ++at) {
        const store::Key& key = keys_[at];
        if (at > 0 && keys_[at - 1].hash == key.hash) continue;
        services_.executor.effects.prefetch_seen(key.hash);
        store::Shard& shard = services_.dataset.shard(services_.dataset.shard_of(key.hash));
        // Another thread may change the shard's tables; only alone may they be read without the
        // lock.
        if (threads_ > 1) {
            base::prefetch(&shard);
            base::prefetch(shard.database_slot(request.database));
            continue;
        }
        const store::Partition* partition = shard.find_database(request.database);
        if (partition != nullptr) partition->prefetch_bucket(key);
    }
}

/// Whether both requests have one key, and the same. `second` may be beyond the last.
inline bool Dispatcher::shares_key(size_t first, size_t second) const {
    if (second >= requests_.size()) return false;
    const Request& one = requests_[first];
    const Request& other = requests_[second];
    return one.key_count == 1 && other.key_count == 1 &&
           keys_[one.first_key].hash == keys_[other.first_key].hash &&
           one.database == other.database;
}

/// Behind the requests from `first` on that share its key.
size_t Dispatcher::end_of_run(size_t first) const {
    size_t end = first + 1;
    while (end - first < kRunMax && shares_key(first, end)) ++end;
    return end;
}

inline void Dispatcher::prefetch_run(size_t first, size_t end) {
    engine::Dataset& dataset = services_.dataset;
    const Request& request = requests_[first];
    for (const store::Key& key : view(request).keys) {
        const size_t shard = dataset.shard_of(key.hash);
        // With other threads about, a shard that is locked just now goes without.
        if (!dataset.try_lock(shard, services_.executor)) continue;
        const store::Partition* partition = dataset.shard(shard).find_database(request.database);
        if (partition != nullptr) {
            partition->prefetch_entry(key);
            if (end - first > 1) prefetch_elements(*partition, first, end);
        }
        dataset.unlock(shard);
    }
}

void Dispatcher::prefetch_entries() {
    if (keys_.size() < 2) return;
    while (prefetched_ < requests_.size()) {
        // Most often the next key is another one.
        const size_t first = prefetched_;
        prefetched_ = shares_key(first, first + 1) ? end_of_run(first) : first + 1;
        prefetch_run(first, prefetched_);
    }
}

/// Several commands for one large set or hash: most name an element behind the key, and a wrong
/// guess costs a line of cache. For a single one there is nothing to gain, as its handler would
/// look at the same places at once.
void Dispatcher::prefetch_elements(const store::Partition& partition, size_t first, size_t end) {
    const Group group = requests_[first].spec->group;
    if (group != Group::set && group != Group::hash) return;
    const store::Entry* entry = partition.find(keys_[requests_[first].first_key]);
    if (entry == nullptr || !entry->has(store::Entry::owns_object)) return;
    const types::Object& object = *entry->object();
    std::array<uint64_t, kRunMax> hints;
    size_t count = 0;
    for (size_t at = first; at < end; ++at) {
        const Request& request = requests_[at];
        if (request.argument_count < 3) continue;
        const std::string_view element = arguments_[request.first_argument + 2].bytes;
        if (element.size() > kFetchedElementMax) continue;
        hints[count++] = object.prefetch(element);
    }
    for (size_t at = 0; at < count; ++at) object.prefetch_found(hints[at]);
}

void Dispatcher::clear() {
    for (const resp::Argument& argument : arguments_) {
        if (argument.block != nullptr) [[unlikely]]
            argument.block->release();
    }
    // What a huge command took is given back at once: it would count against maxmemory, and keys
    // would go for it.
    empty(arguments_);
    empty(keys_);
    empty(requests_);
    empty(key_search_.words);
    empty(key_search_.positions);
    alias_texts_.clear();
    prefetched_ = 0;
}

/// Of no command, or of a call that its alias has no use for: the arguments are as they came then.
std::string Dispatcher::refusal_of_unknown(std::span<const resp::Argument> arguments) const {
    std::vector<resp::Argument> call;
    for (const resp::Argument& argument : arguments) call.push_back({argument.bytes, nullptr});
    std::deque<std::string> texts;
    const auto expanded = expand_alias(aliases_.last_table(), call, 0, texts);
    return expanded ? unknown_command(arguments) : expanded.error().message;
}

std::string Dispatcher::refusal(const RequestView& request, const Session& session) const {
    const auto arguments = request.arguments;
    if (request.spec == nullptr) return refusal_of_unknown(arguments);
    const CommandSpec& spec = *request.spec;
    if (spec.is_container && arguments.size() > 1) {
        return unknown_subcommand(spec, arguments[1].bytes);
    }
    if ((spec.is_container && spec.handler == nullptr) || !arity_fits(spec, arguments.size())) {
        return "ERR wrong number of arguments for '" + full_name(spec) + "' command";
    }
    if (spec.has(flag::protected_command) &&
        !services_.configuration.allows_debug(session.is_unix ||
                                              session.peer_address.starts_with("127.") ||
                                              session.peer_address.starts_with("[::1]"))) {
        return "ERR DEBUG command not allowed. If the enable-debug-command option is set to "
               "\"local\", you can run it from a local connection, otherwise you need to set this "
               "option in the configuration file, and then restart the server.";
    }
    // Without a password nobody has to authenticate, whenever he came.
    if (!session.is_authenticated.load(std::memory_order_relaxed) && !spec.has(flag::no_auth) &&
        !services_.configuration.password().empty()) {
        return std::string(errors::kNotAuthenticated);
    }
    if (session.mode(Session::kQueueing) && spec.has(flag::no_multi)) {
        return "ERR Command not allowed inside a transaction";
    }
    if (session.mode(Session::kMonitoring) &&
        spec.has(flag::write | flag::readonly | flag::may_replicate)) {
        return "ERR Replica can't interact with the keyspace";
    }
    if (session.mode(Session::kSubscribed) &&
        session.protocol.load(std::memory_order_relaxed) == 2 && !is_for_subscribers(spec)) {
        return "ERR Can't execute '" + full_name(spec) +
               "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
               "this context";
    }
    return {};
}

/// As Redis, which lets PING fail too, so that those who watch notice. EXEC writes when what it
/// runs does: the last snapshot may have failed since that was queued.
std::string_view Dispatcher::refusal_by_state(const CommandSpec& spec,
                                              const Session& session) const {
    const uint32_t refusals = services_.dataset.settings.refusals.load(std::memory_order_relaxed);
    const bool is_write = (flags_of(spec, session) & flag::write) != 0 || spec.name == "ping";
    if ((refusals & engine::refusal::save_failed) != 0 && is_write) return errors::kSaveFailed;
    if ((refusals & engine::refusal::loading) != 0 && !spec.has(flag::loading)) {
        return errors::kLoading;
    }
    return {};
}

bool Dispatcher::is_plainly_allowed(const RequestView& request, const Session& session) {
    const CommandSpec* spec = request.spec;
    return spec != nullptr && spec->handler != nullptr &&
           arity_fits(*spec, request.arguments.size()) && !spec->has(flag::protected_command) &&
           (session.plain_modes() == 0 || session.plain_modes() == Session::kInteractive ||
            (session.plain_modes() == Session::kQueueing && !spec->has(flag::no_multi))) &&
           session.is_authenticated.load(std::memory_order_relaxed);
}

Dispatcher::Outcome Dispatcher::execute(const RequestView& request, Session& session,
                                        resp::ReplyWriter& reply, int64_t now_ms) {
    if (session.mode(Session::kTracking)) [[unlikely]]
        return execute_tracking(request, session, reply, now_ms);
    return execute_any(request, session, reply, now_ms);
}

/// For a client that tracks: with NOLOOP, what the command changes is not for it. CLIENT CACHING is
/// about the next command that is none of CLIENT, or about all of a transaction.
Dispatcher::Outcome Dispatcher::execute_tracking(const RequestView& request, Session& session,
                                                 resp::ReplyWriter& reply, int64_t now_ms) {
    engine::TrackingNotes& notes = services_.executor.tracking;
    if (session.tracking->options.is_quiet) notes.quiet_client = session.id;
    const Outcome outcome = execute_any(request, session, reply, now_ms);
    notes.quiet_client = 0;
    const bool is_of_client = request.spec != nullptr && request.spec->parent == "client";
    if (session.tracking && !is_of_client && !session.mode(Session::kQueueing)) {
        session.tracking->has_caching = false;
    }
    return outcome;
}

Dispatcher::Outcome Dispatcher::execute_any(const RequestView& request, Session& session,
                                            resp::ReplyWriter& reply, int64_t now_ms) {
    gate_ = 0;
    const uint64_t previous_end = std::exchange(previous_end_, 0);
    if (!is_plainly_allowed(request, session)) [[unlikely]] {
        const std::string text = refusal(request, session);
        if (!text.empty()) {
            refuse(request, session, reply, text);
            return Outcome::done;
        }
    }
    const CommandSpec& spec = *request.spec;
    session.last_command.store(&spec, std::memory_order_relaxed);
    if (const engine::Effects& effects = services_.executor.effects;
        effects.is_on() || effects.holds()) [[unlikely]] {
        const bool is_write = (flags_of(spec, session) & flag::write) != 0;
        services_.executor.effects.begin_command(is_write);
        if (is_write && effects.is_on() && is_log_failing()) {
            refuse(request, session, reply,
                   "MISCONF Errors writing to the AOF file: " +
                       services_.executor.effects.log()->failure());
            return Outcome::done;
        }
    }
    uint64_t start = previous_end;
    if ((flags_of(spec, session) & flag::denyoom) != 0 && services_.evictor.is_over_memory())
        [[unlikely]] {
        if (!make_memory(request, now_ms)) {
            refuse(request, session, reply, errors::kOutOfMemory);
            return Outcome::done;
        }
        start = 0;
    }
    if (services_.dataset.settings.refusals.load(std::memory_order_relaxed) != 0) [[unlikely]] {
        if (const std::string_view text = refusal_by_state(spec, session); !text.empty()) {
            refuse(request, session, reply, text);
            return Outcome::done;
        }
    }
    if (session.mode(Session::kQueueing | Session::kInteractive)) [[unlikely]] {
        const bool is_done = session.mode(Session::kQueueing)
                                 ? queue(request, session, reply)
                                 : run_interactive(request, session, reply, now_ms);
        if (is_done) return Outcome::done;
    }
    if (spec.coroutine != nullptr) return Outcome::coroutine;
    if (start == 0) start = base::ticks();
    const uint32_t errors_before = reply.errors();
    Context context = make_context(request, session, reply, now_ms);
    run(request, context);
    const uint64_t end = base::ticks();
    const uint64_t nanoseconds = base::ticks_to_ns(end - start);
    if (session.mode(Session::kBlocked)) [[unlikely]] {
        if (has_monitors(services_)) tell_monitors(request, session, services_, now_ms);
        session.blocked->home_nanoseconds = nanoseconds;
        return Outcome::blocked;
    }
    previous_end_ = end;
    book(request, session, reply, errors_before, nanoseconds, now_ms);
    return Outcome::done;
}

void Dispatcher::end_wait(Session& session, resp::ReplyWriter& reply, int64_t now_ms) {
    const uint32_t errors_before = reply.errors();
    const store::Waiter::State how = session.waiter.state();
    const std::unique_ptr<Blocked> blocked = waiters_.end_wait(session, reply);
    gate_ = 0;
    if (how == store::Waiter::State::served && services_.executor.effects.is_on()) [[unlikely]]
        finish_wait(*blocked, session);
    if (how == store::Waiter::State::left) return;
    // Monitors saw it when it began.
    record({&blocked->spec(), blocked->arguments(), blocked->keys()}, session, reply, errors_before,
           blocked->home_nanoseconds + blocked->service_nanoseconds, now_ms);
}

/// Before a write, and not counted as its time, as in Redis: the slow log does not show it, the
/// latency event eviction-cycle does. Other commands need no memory to speak of; the worker evicts
/// between the turns. False: there is none to be had.
bool Dispatcher::make_memory(const RequestView& request, int64_t now_ms) {
    const uint64_t start = base::ticks();
    const size_t preferred = request.keys.empty()
                                 ? engine::Evictor::kNoShard
                                 : services_.dataset.shard_of(request.keys[0].hash);
    const engine::Room room = services_.evictor.make_memory(now_ms, preferred);
    const uint64_t nanoseconds = base::ticks_to_ns(base::ticks() - start);
    services_.latency.add_if_slow("eviction-cycle", now_ms,
                                  static_cast<int64_t>(nanoseconds / 1'000'000));
    return room != engine::Room::none;
}

Context Dispatcher::make_context(const RequestView& request, Session& session,
                                 resp::ReplyWriter& reply, int64_t now_ms) {
    return Context{
        .session = session,
        .spec = *request.spec,
        .arguments = request.arguments,
        .keys = request.keys,
        .reply = reply,
        .keyspace = engine::Keyspace(services_.dataset, services_.executor,
                                     session.database.load(std::memory_order_relaxed), now_ms,
                                     session.no_touch.load(std::memory_order_relaxed)),
        .services = services_,
    };
}

/// What is refused spoils the transaction it was to be queued for; EXEC itself ends it. Behind
/// BEGIN there is none of these.
void Dispatcher::refuse(const RequestView& request, Session& session, resp::ReplyWriter& reply,
                        std::string_view text) {
    if (request.spec != nullptr && is_exec(*request.spec) && !session.mode(Session::kInteractive)) {
        discard_transaction(session, services_);
        if (text.starts_with("ERR ")) text.remove_prefix(4);
        reply.error("EXECABORT Transaction discarded because of: " + std::string(text));
    } else {
        if (session.transaction) session.transaction->is_spoilt = true;
        reply.error(text);
    }
    services_.statistics.record_error(reply.last_error_code());
    if (services_.command_log.is_on()) [[unlikely]]
        services_.command_log.add(request, session, 0, reply.last_error_code());
    if (request.spec != nullptr) services_.statistics.reject(row_index(*request.spec));
}

void Dispatcher::book(const RequestView& request, const Session& session,
                      const resp::ReplyWriter& reply, uint32_t errors_before, uint64_t nanoseconds,
                      int64_t now_ms) {
    if (has_monitors(services_)) [[unlikely]] {
        tell_monitors(request, session, services_, now_ms);
        begin_run();
    }
    record(request, session, reply, errors_before, nanoseconds, now_ms);
}

void Dispatcher::record(const RequestView& request, const Session& session,
                        const resp::ReplyWriter& reply, uint32_t errors_before,
                        uint64_t nanoseconds, int64_t now_ms) {
    // Errors of the commands within EXEC are theirs.
    const uint32_t errors_within = is_exec(*request.spec) ? std::exchange(errors_within_, 0) : 0;
    const bool failed = reply.errors() - errors_before != errors_within;
    services_.statistics.count_command();
    services_.statistics.record(row_index(*request.spec), nanoseconds, failed);
    if (failed) [[unlikely]]
        services_.statistics.record_error(reply.last_error_code());
    if (services_.command_log.is_on()) [[unlikely]] {
        services_.command_log.add(request, session, nanoseconds,
                                  failed ? reply.last_error_code() : std::string_view());
        begin_run();
    }
    // A microsecond is the finest threshold of the slow log; most commands take less.
    const auto duration_us = static_cast<int64_t>(nanoseconds / 1000);
    if (services_.slowlog.wants(duration_us) && !request.spec->has(flag::skip_slowlog))
        [[unlikely]] {
        services_.slowlog.add(now_ms, duration_us, request.arguments, session.peer_address,
                              session.name);
        begin_run();
    }
    services_.latency.add_if_slow(request.spec->has(flag::fast) ? "fast-command" : "command",
                                  now_ms, duration_us / 1000);
}

void Dispatcher::run(const RequestView& request, Context& context) {
    const CommandSpec& spec = *request.spec;
    engine::Dataset& dataset = services_.dataset;
    if (request.keys.empty()) {
        waiters_.set_now_ms(context.now_ms());
        call(request, context);
    } else if (spec.has(flag::denyoom) && dataset.counts_keys()) {
        run_with_maxkeys(request, context);
    } else if (request.keys.size() == 1 && !spec.has(flag::leads_on)) {
        const size_t shard = dataset.shard_of(context.keys[0].hash);
        dataset.lock(shard, services_.executor);
        if (dataset.shard(shard).is_awaited()) [[unlikely]] {
            run_awaited(shard, request, context);
        } else {
            call(request, context);
            dataset.unlock(shard);
        }
    } else {
        run_served(request, context);
    }
    // A transaction holds its locks until its end.
    if (context.session.mode(Session::kExecuting)) return;
    services_.executor.effects.write();
    if (!services_.executor.reclaimer.empty()) services_.executor.reclaimer.run();
}

/// The handler, under the locks of the keys.
inline void Dispatcher::handle(const RequestView& request, Context& context) {
    request.spec->handler(context);
    if (context.session.mode(Session::kTracking) && request.spec->has(flag::readonly)) [[unlikely]]
        remember_keys(context.session, request.keys, services_.dataset, services_.executor);
}

/// And what it leaves for the log.
inline void Dispatcher::call(const RequestView& request, Context& context) {
    handle(request, context);
    if (services_.executor.effects.is_on()) [[unlikely]] {
        if (ends_itself(*request.spec)) return;
        services_.executor.effects.end_alone(context.keyspace.database(), request.wire,
                                             request.arguments, request.keys);
        log_effects(request, context);
    }
}

/// EXEC and its kin have their own end.
void Dispatcher::note_effects(const RequestView& request, const Context& context) {
    if (ends_itself(*request.spec)) return;
    services_.executor.effects.end_command(context.keyspace.database(), request.arguments,
                                           request.keys);
}

/// A command without keys that looks at the data waits for the log's end, for it may have seen
/// anything.
void Dispatcher::log_effects(const RequestView& request, Context& context) {
    if (ends_itself(*request.spec) || context.session.mode(Session::kExecuting)) return;
    engine::Effects& effects = services_.executor.effects;
    const log::Position end = services_.dataset.reserve(services_.executor);
    if (end != 0) context.session.log_position = end;
    // SWAPDB has written for itself.
    if (request.keys.empty() && request.spec->has(flag::write)) {
        context.session.log_position = effects.log()->tail();
    }
    if (!effects.is_gated()) return;
    gate_ = end != 0 ? end : effects.seen(request.keys);
    // SORT may have seen more keys than its own.
    if ((request.keys.empty() && request.spec->has(flag::write | flag::readonly)) ||
        request.spec->has(flag::leads_on)) {
        gate_ = effects.log()->tail();
    }
}

void Dispatcher::finish_coroutine(const Context& context) {
    engine::Effects& effects = services_.executor.effects;
    gate_ = 0;
    if (!effects.is_on() || !context.spec.has(flag::write | flag::readonly)) return;
    const log::Position tail = effects.log()->tail();
    if (context.spec.has(flag::write)) context.session.log_position = tail;
    if (effects.is_gated()) gate_ = tail;
}

/// Whoever served it had noted where the keys' last effects lie before he let go of the locks,
/// which have been taken since.
void Dispatcher::finish_wait(const Blocked& blocked, Session& session) {
    const engine::Effects& effects = services_.executor.effects;
    if (blocked.spec().has(flag::write)) session.log_position = effects.log()->tail();
    if (effects.is_gated()) gate_ = effects.seen(blocked.keys());
}

bool Dispatcher::is_log_failing() const {
    return services_.executor.effects.log()->admission() == log::Admission::failing;
}

/// What those who are served take comes behind what the command has done, as one with it: nobody
/// has seen one without the other.
template <class Serve>
void Dispatcher::finish_served(const RequestView& request, Context& context, Serve&& serve) {
    const bool logs = services_.executor.effects.is_on();
    if (logs) [[unlikely]]
        note_effects(request, context);
    serve();
    if (logs) [[unlikely]]
        log_effects(request, context);
}

/// On one shard, which is locked, and where somebody waits.
void Dispatcher::run_awaited(size_t shard, const RequestView& request, Context& context) {
    engine::Dataset& dataset = services_.dataset;
    const bool is_alone =
        !context.session.mode(Session::kExecuting) && !dataset.shard(shard).waits().leads_on();
    if (!is_alone) {
        dataset.unlock(shard);
        return run_served(request, context);
    }
    waiters_.set_now_ms(context.now_ms());
    handle(request, context);
    engine::ShardSet set;
    set.add(shard);
    finish_served(request, context, [&] { dataset.serve_waiters(set, services_.executor); });
    dataset.unlock(shard);
}

/// With those served for whom the command makes a key ready.
void Dispatcher::run_served(const RequestView& request, Context& context) {
    waiters_.set_now_ms(context.now_ms());
    const ServedLock lock(services_, waiters_, shards_of(request), context);
    handle(request, context);
    finish_served(request, context, [&lock] { lock.serve(); });
}

engine::ShardSet Dispatcher::shards_of(const RequestView& request) const {
    engine::ShardSet set;
    for (const store::Key& key : request.keys) set.add(services_.dataset.shard_of(key.hash));
    return set;
}

/// Keys the command may create: what its row says, or those of its keys that are missing, each
/// once.
int64_t Dispatcher::new_keys(Context& context) {
    return context.spec.new_keys != nullptr ? context.spec.new_keys(context)
                                            : count_missing_keys(context);
}

/// The command's keys that exist, each once, and those of them that the policy could take.
Dispatcher::OwnKeys Dispatcher::own_keys(Context& context) const {
    OwnKeys own;
    const auto count = [&](const store::Key& key) {
        const store::Entry* entry = context.keyspace.peek(key);
        if (entry == nullptr) return;
        ++own.present;
        if (services_.evictor.may_go(*entry)) ++own.victims;
    };
    if (context.keys.size() == 1) {
        count(context.keys[0]);
        return own;
    }
    std::vector<const store::Key*> keys;
    for (const store::Key& key : context.keys) keys.push_back(&key);
    const auto bytes = [](const store::Key* key) { return key->bytes; };
    std::ranges::sort(keys, {}, bytes);
    const auto repeated = std::ranges::unique(keys, {}, bytes);
    keys.erase(repeated.begin(), repeated.end());
    for (const store::Key* key : keys) count(*key);
    return own;
}

/// Runs the command if the keys it may create fit with `owed` evictions to come; else says in
/// `need` what is missing.
bool Dispatcher::run_within(const RequestView& request, Context& context, int64_t owed,
                            KeyNeed& need) {
    engine::Dataset& dataset = services_.dataset;
    engine::Executor& executor = services_.executor;
    waiters_.set_now_ms(context.now_ms());
    const ServedLock lock(services_, waiters_, shards_of(request), context);
    need.keys = new_keys(context);
    // Under the locks, which set_maxkeys() takes too: the limit may just have gone.
    const int64_t limit = dataset.settings.maxkeys.load(std::memory_order_relaxed);
    need.maxkeys = limit == 0 ? kNoKeyLimit : limit;
    // Who owes as many as he may create brings the keys no further from a limit that was lowered.
    const int64_t most = owed >= need.keys ? INT64_MAX : need.maxkeys + owed;
    if (need.keys > 0 && !dataset.reserve_keys(need.keys, most)) {
        need.own = own_keys(context);
        // Looking at keys that were due has removed them.
        lock.serve();
        if (executor.effects.is_on()) static_cast<void>(dataset.reserve(executor));
        return false;
    }
    executor.promised_keys = need.keys;
    handle(request, context);
    need.keys -= executor.promised_keys;
    dataset.settle_promise(executor);
    finish_served(request, context, [&lock] { lock.serve(); });
    return true;
}

/// Keys that are due go first. Where that is not enough and the policy may take as many keys as the
/// command would bring above the limit, besides its own, these are owed. False: there is no room.
bool Dispatcher::find_room(const KeyNeed& need, size_t preferred, int64_t now_ms, int64_t& owed) {
    engine::Evictor& evictor = services_.evictor;
    if (need.keys + need.own.present > need.maxkeys) return false;
    if (evictor.expire_for_keys(need.keys, need.maxkeys, now_ms, preferred)) return true;
    const int64_t above = services_.dataset.keys_reserved() + need.keys - need.maxkeys;
    if (above <= 0) return true;
    const int64_t wanted = std::min(above, need.keys);
    if (!evictor.owe(wanted, need.own.victims, preferred)) return false;
    owed = wanted;
    return true;
}

/// A command that may create keys is promised room before it runs, or evicts after it has run: only
/// then it is known whether it has created any, and one that is refused for its arguments changes
/// nothing. No locks are held between, so all is looked at again each time.
void Dispatcher::run_with_maxkeys(const RequestView& request, Context& context) {
    engine::Evictor& evictor = services_.evictor;
    KeyNeed need;
    if (context.session.mode(Session::kExecuting)) return run_in_room(request, context, need);
    const size_t shard = services_.dataset.shard_of(context.keys[0].hash);
    int64_t owed = 0;
    while (!run_within(request, context, owed, need)) {
        services_.executor.effects.write();
        evictor.forgive(std::exchange(owed, 0));
        if (!find_room(need, shard, context.now_ms(), owed)) {
            return context.error(errors::kOutOfKeys);
        }
    }
    services_.executor.effects.write();
    if (owed == 0) return;
    const int64_t created = std::min(owed, need.keys);
    evictor.forgive(owed - created);
    evictor.evict_keys(created, need.maxkeys, context.keys, context.now_ms(), shard);
}

}  // namespace gyre::commands
