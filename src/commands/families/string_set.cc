// SPDX-License-Identifier: BSD-3-Clause

// Setting whole strings: SET and its older forms, PUT and SET_WITH_TTL, MSET and MSETNX.
//
// SET ... TIMESTAMP t orders writes by the time their authors give them, whatever order they arrive
// in: a key remembers the t it was written with, and a write whose t is not later changes nothing.
// EX and PX count from t, so that a write that was held up ends when it was meant to.
//
// Threads: home reactor, under the locks of the keys.

#include <optional>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/families/string_options.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using engine::Deadline;
using store::Entry;
using store::Key;

/// Stores argument `value_at` whatever the key was before, without a deadline of its own.
inline const Entry* store_plainly(Context& context, const Key& key, size_t value_at) {
    Entry* present = context.keyspace.write(key);
    const Entry* entry = context.keyspace.put(key, present, context.content(value_at));
    context.keyspace.notify(engine::event::string, "set", key);
    return entry;
}

struct SetOptions {
    Condition condition;
    ExpiryOption expiry;
    size_t timestamp_at = 0;  // the argument with the timestamp; 0: none
    bool replies_old = false;
};

/// nullopt: a syntax error.
std::optional<SetOptions> parse_set(const Context& context) {
    SetOptions options;
    for (size_t at = 3; at < context.count(); ++at) {
        if (take_expiry(context, at, options.expiry, ExpiryOption::Kind::keepttl) ||
            take_existence(context, at, options.condition) ||
            take_comparison(context, at, options.condition)) {
            continue;
        }
        if (context.is(at, "GET")) {
            options.replies_old = true;
        } else if (context.is(at, "TIMESTAMP") && options.timestamp_at == 0 &&
                   at + 1 < context.count()) {
            options.timestamp_at = ++at;
        } else {
            return std::nullopt;
        }
    }
    return options;
}

struct Times {
    Deadline deadline;
    int64_t timestamp_ms = store::kNoTimestamp;
};

/// The numbers of the options. nullopt: one is wrong, and the reply says so.
std::optional<Times> read_times(Context& context, const SetOptions& options) {
    Times times;
    if (options.timestamp_at != 0) {
        const auto timestamp =
            context.integer_between(options.timestamp_at, 0, INT64_MAX, errors::kNotInteger);
        if (!timestamp) return std::nullopt;
        times.timestamp_ms = *timestamp;
    }
    if (options.expiry.kind == ExpiryOption::Kind::keepttl) times.deadline = Deadline::keep();
    if (options.expiry.has_number()) {
        const bool is_stamped = options.timestamp_at != 0;
        const int64_t from_ms = is_stamped ? times.timestamp_ms : context.now_ms();
        const auto deadline =
            read_deadline(context, options.expiry.kind, options.expiry.at, from_ms);
        if (!deadline) return std::nullopt;
        times.deadline = Deadline::at(*deadline);
    }
    return times;
}

/// A write with a timestamp no later than that of the key. A key without one is older than any.
bool is_outdated(const Entry* present, int64_t timestamp_ms) {
    return present != nullptr && timestamp_ms != store::kNoTimestamp &&
           present->timestamp_ms() >= timestamp_ms;
}

void set_with_options(Context& context) {
    const auto options = parse_set(context);
    if (!options) return context.error(errors::kSyntax);
    const auto times = read_times(context, *options);
    if (!times || !check_condition(context, options->condition)) return;
    const Key& key = context.keys[0];
    Entry* present =
        options->replies_old ? context.keyspace.read(key) : context.keyspace.write(key);
    const bool needs_string = options->replies_old || options->condition.compares();
    if (needs_string && !context.require_string(present)) return;
    const bool applies =
        is_met(context, options->condition, present) && !is_outdated(present, times->timestamp_ms);
    if (options->replies_old && present != nullptr) {
        context.reply_string(*present);
    } else if (options->replies_old || !applies) {
        context.reply.null();
    } else {
        context.reply.ok();
    }
    if (applies) put_until(context, key, present, 2, times->deadline, times->timestamp_ms);
}

void set(Context& context) {
    if (context.count() != 3) return set_with_options(context);
    store_plainly(context, context.keys[0], 2);
    context.reply.ok();
}

int64_t set_new_keys(Context& context) {
    if (context.count() > 3) {
        const auto options = parse_set(context);
        if (!options || options->condition.needs_key()) return 0;
    }
    return context.keyspace.peek(context.keys[0]) == nullptr ? 1 : 0;
}

void setnx(Context& context) {
    const Key& key = context.keys[0];
    if (context.keyspace.write(key) != nullptr) return context.reply.integer(0);
    context.keyspace.put(key, nullptr, context.content(2));
    context.keyspace.notify(engine::event::string, "set", key);
    context.reply.integer(1);
}

/// SETEX and its kin: the time as argument `time_at`, the value as argument `value_at`.
void set_until(Context& context, ExpiryOption::Kind kind, size_t time_at, size_t value_at) {
    const auto deadline = read_deadline(context, kind, time_at, context.now_ms());
    if (!deadline) return;
    const Key& key = context.keys[0];
    Entry* present = context.keyspace.write(key);
    put_until(context, key, present, value_at, Deadline::at(*deadline));
    context.reply.ok();
}

void setex(Context& context) { set_until(context, ExpiryOption::Kind::ex, 2, 3); }
void psetex(Context& context) { set_until(context, ExpiryOption::Kind::px, 2, 3); }
void set_with_ttl(Context& context) { set_until(context, ExpiryOption::Kind::ex, 3, 2); }

void put(Context& context) {
    if (context.count() > 4) return refuse_count(context);
    if (context.count() == 4) return set_with_ttl(context);
    const Entry* entry = store_plainly(context, context.keys[0], 2);
    context.tell_value(context.keys[0], *entry, 2);
    context.reply.ok();
}

int64_t put_new_keys(Context& context) {
    if (context.count() > 4) return 0;
    return context.keyspace.peek(context.keys[0]) == nullptr ? 1 : 0;
}

void getset(Context& context) {
    const Key& key = context.keys[0];
    Entry* present = context.keyspace.read(key);
    if (!context.require_string(present)) return;
    if (present == nullptr) {
        context.reply.null();
    } else {
        context.reply_string(*present);
    }
    const Entry* entry = context.keyspace.put(key, present, context.content(2));
    context.keyspace.notify(engine::event::string, "set", key);
    context.tell_value(key, *entry, 2);
}

bool has_pairs(const Context& context) { return context.count() % 2 == 1; }

/// One line of the log can give all keys of a command a timestamp, not each its own: where one has
/// any, each is told for itself.
void tell_pairs(Context& context) {
    for (size_t pair = 0; pair < context.keys.size(); ++pair) {
        const Key& key = context.keys[pair];
        context.tell_value(key, *context.keyspace.peek(key), 2 * pair + 2);
    }
}

void store_pairs(Context& context) {
    bool has_timestamp = false;
    for (size_t pair = 0; pair < context.keys.size(); ++pair) {
        const Entry* entry = store_plainly(context, context.keys[pair], 2 * pair + 2);
        has_timestamp = has_timestamp || entry->has(Entry::has_timestamp);
    }
    if (has_timestamp) tell_pairs(context);
}

void mset(Context& context) {
    if (!has_pairs(context)) return refuse_count(context);
    store_pairs(context);
    context.reply.ok();
}

int64_t mset_new_keys(Context& context) {
    return has_pairs(context) ? count_missing_keys(context) : 0;
}

void msetnx(Context& context) {
    if (!has_pairs(context)) return refuse_count(context);
    for (const Key& key : context.keys) {
        if (context.keyspace.write(key) != nullptr) return context.reply.integer(0);
    }
    store_pairs(context);
    context.reply.integer(1);
}

int64_t msetnx_new_keys(Context& context) {
    if (!has_pairs(context)) return 0;
    for (const Key& key : context.keys) {
        if (context.keyspace.peek(key) != nullptr) return 0;
    }
    return count_missing_keys(context);
}

constexpr uint16_t kOverwrites = key_flag::ow | key_flag::update;
constexpr uint16_t kInserts = key_flag::ow | key_flag::insert;
constexpr uint16_t kExchanges = key_flag::rw | key_flag::access | key_flag::update;

constexpr CommandSpec kStringSetCommands[] = {
    {.name = "set",
     .handler = set,
     .arity = -3,
     .flags = flag::write | flag::denyoom,
     .group = Group::string,
     .keys = one_key(kExchanges | key_flag::variable_flags),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key value [NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | "
               "IFDNE ifdne-digest] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | KEEPTTL] [TIMESTAMP unix-time-milliseconds]",
     .summary = "Makes a key hold a string, whatever it held before, if the conditions given hold.",
     .new_keys = set_new_keys},
    {.name = "setnx",
     .handler = setnx,
     .arity = 3,
     .flags = flag::write | flag::denyoom | flag::fast,
     .group = Group::string,
     .keys = one_key(kInserts),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key value",
     .summary = "Sets a string only where the key does not exist.",
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `NX` argument"},
    {.name = "setex",
     .handler = setex,
     .arity = 4,
     .flags = flag::write | flag::denyoom,
     .group = Group::string,
     .keys = one_key(kOverwrites),
     .since = "2.0.0",
     .complexity = "O(1)",
     .syntax = "key seconds value",
     .summary = "Sets a string that expires after a number of seconds.",
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `EX` argument"},
    {.name = "psetex",
     .handler = psetex,
     .arity = 4,
     .flags = flag::write | flag::denyoom,
     .group = Group::string,
     .keys = one_key(kOverwrites),
     .since = "2.6.0",
     .complexity = "O(1)",
     .syntax = "key milliseconds value",
     .summary = "Sets a string that expires after a number of milliseconds.",
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `PX` argument"},
    {.name = "getset",
     .handler = getset,
     .arity = 3,
     .flags = flag::write | flag::denyoom | flag::fast,
     .group = Group::string,
     .keys = one_key(kExchanges),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key value",
     .summary = "Sets a string and returns the one it replaces.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`SET` with the `!GET` argument"},
    {.name = "put",
     .handler = put,
     .arity = -3,
     .flags = flag::write | flag::denyoom,
     .group = Group::string,
     .keys = one_key(kOverwrites),
     .since = "0.1.0",
     .complexity = "O(1)",
     .syntax = "key value [seconds]",
     .summary = "Sets a string that expires after a number of seconds, if one is given.",
     .new_keys = put_new_keys},
    {.name = "set_with_ttl",
     .handler = set_with_ttl,
     .arity = 4,
     .flags = flag::write | flag::denyoom,
     .group = Group::string,
     .keys = one_key(kOverwrites),
     .since = "0.1.0",
     .complexity = "O(1)",
     .syntax = "key value seconds",
     .summary = "Sets a string that expires after a number of seconds."},
    {.name = "mset",
     .handler = mset,
     .arity = -3,
     .flags = flag::write | flag::denyoom,
     .group = Group::string,
     .keys = keys_to_end(kOverwrites, 1, 2),
     .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys to set.",
     .syntax = "key value [key value ...]",
     .summary = "Sets any number of strings in one step.",
     .tips = "request_policy:multi_shard response_policy:all_succeeded",
     .new_keys = mset_new_keys},
    {.name = "msetnx",
     .handler = msetnx,
     .arity = -3,
     .flags = flag::write | flag::denyoom,
     .group = Group::string,
     .keys = keys_to_end(kInserts, 1, 2),
     .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys to set.",
     .syntax = "key value [key value ...]",
     .summary = "Sets any number of strings in one step, provided that none of the keys exists.",
     .tips = "request_policy:multi_shard response_policy:agg_min",
     .new_keys = msetnx_new_keys},
};

}  // namespace

std::span<const CommandSpec> string_set_commands() { return kStringSetCommands; }

}  // namespace gyre::commands
