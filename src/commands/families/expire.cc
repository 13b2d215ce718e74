// SPDX-License-Identifier: BSD-3-Clause

// Deadlines of keys: set, asked for, removed. Deadlines are absolute, Unix milliseconds; what a
// client gives in seconds or as a duration is converted with Redis' checks for overflow. Threads:
// home reactor, with the shard of the key locked.

#include <algorithm>
#include <limits>
#include <string>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

/// How a command counts time.
struct TimeForm {
    bool in_seconds = false;
    bool is_absolute = false;
};

/// Which deadlines may be replaced.
struct Condition {
    bool only_without = false;  ///< NX
    bool only_with = false;     ///< XX
    bool only_later = false;    ///< GT
    bool only_sooner = false;   ///< LT

    /// A key without a deadline counts as living forever.
    bool allows(int64_t present_ms, int64_t deadline_ms) const {
        const bool has_one = present_ms != store::kNoExpiry;
        if (only_without && has_one) return false;
        if (only_with && !has_one) return false;
        if (only_later && (!has_one || deadline_ms <= present_ms)) return false;
        return !(only_sooner && has_one && deadline_ms >= present_ms);
    }
};

std::optional<Condition> parse_condition(Context& context) {
    Condition condition;
    for (size_t index = 3; index < context.count(); ++index) {
        if (context.is(index, "NX")) {
            condition.only_without = true;
        } else if (context.is(index, "XX")) {
            condition.only_with = true;
        } else if (context.is(index, "GT")) {
            condition.only_later = true;
        } else if (context.is(index, "LT")) {
            condition.only_sooner = true;
        } else {
            // Redis prints it with %s: a NUL ends what is shown.
            const std::string_view word = context.argument(index);
            context.error("ERR Unsupported option " + std::string(word.substr(0, word.find('\0'))));
            return std::nullopt;
        }
    }
    if (condition.only_without &&
        (condition.only_with || condition.only_later || condition.only_sooner)) {
        context.error("ERR NX and XX, GT or LT options at the same time are not compatible");
        return std::nullopt;
    }
    if (condition.only_later && condition.only_sooner) {
        context.error("ERR GT and LT options at the same time are not compatible");
        return std::nullopt;
    }
    return condition;
}

/// The deadline that argument 2 means. The largest number stands for "none" inside, so it loses 1
/// ms.
std::optional<int64_t> parse_deadline(Context& context, TimeForm form) {
    const auto given = context.integer(2);
    if (!given) return std::nullopt;
    int64_t when = *given;
    const int64_t base_ms = form.is_absolute ? 0 : context.now_ms();
    const bool overflows = form.in_seconds && (when > kMax / 1000 || when < kMin / 1000);
    if (!overflows && form.in_seconds) when *= 1000;
    if (overflows || when > kMax - base_ms) {
        context.error("ERR invalid expire time in '" + std::string(context.spec.name) +
                      "' command");
        return std::nullopt;
    }
    return std::min(when + base_ms, store::kNoExpiry - 1);
}

void set_deadline(Context& context, TimeForm form) {
    const auto condition = parse_condition(context);
    if (!condition) return;
    const auto deadline_ms = parse_deadline(context, form);
    if (!deadline_ms) return;
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (entry == nullptr || !condition->allows(entry->expire_ms(), *deadline_ms)) {
        return context.reply.integer(0);
    }
    // A deadline that has come already needs no timer.
    if (*deadline_ms <= context.now_ms()) {
        context.keyspace.erase(key, entry);
        context.keyspace.notify(engine::event::generic, "del", key);
        context.tell_deleted(key);
    } else {
        entry = context.keyspace.set_expiry(key, entry, *deadline_ms);
        context.keyspace.notify(engine::event::generic, "expire", key);
        context.tell_deadline(key, *entry);
    }
    context.reply.integer(1);
}

void expire(Context& context) { set_deadline(context, {.in_seconds = true}); }
void pexpire(Context& context) { set_deadline(context, {}); }
void expireat(Context& context) {
    set_deadline(context, {.in_seconds = true, .is_absolute = true});
}
void pexpireat(Context& context) { set_deadline(context, {.is_absolute = true}); }

/// -2: no such key; -1: no deadline. Seconds are rounded to the nearest, as in Redis.
void get_deadline(Context& context, TimeForm form) {
    const Entry* entry = context.keyspace.probe(context.keys[0]);
    if (entry == nullptr) return context.reply.integer(-2);
    if (!entry->has_expiry()) return context.reply.integer(-1);
    const int64_t base_ms = form.is_absolute ? 0 : context.now_ms();
    const int64_t left_ms = std::max<int64_t>(entry->expire_ms() - base_ms, 0);
    const int64_t seconds = left_ms / 1000 + (left_ms % 1000 >= 500 ? 1 : 0);
    context.reply.integer(form.in_seconds ? seconds : left_ms);
}

void ttl(Context& context) { get_deadline(context, {.in_seconds = true}); }
void pttl(Context& context) { get_deadline(context, {}); }
void expiretime(Context& context) {
    get_deadline(context, {.in_seconds = true, .is_absolute = true});
}
void pexpiretime(Context& context) { get_deadline(context, {.is_absolute = true}); }

void persist(Context& context) {
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    const bool had_one = entry != nullptr && entry->has_expiry();
    if (had_one) {
        context.keyspace.set_expiry(key, entry, store::kNoExpiry);
        context.keyspace.notify(engine::event::generic, "persist", key);
    }
    context.reply.integer(had_one ? 1 : 0);
}

constexpr uint32_t kWriteFast = flag::write | flag::fast;
constexpr uint32_t kReadFast = flag::readonly | flag::fast;
constexpr KeySpecs kUpdated = one_key(key_flag::rw | key_flag::update);
constexpr KeySpecs kAccessed = one_key(key_flag::ro | key_flag::access);

constexpr CommandSpec kExpireCommands[] = {
    {.name = "expire",
     .handler = expire,
     .arity = -3,
     .flags = kWriteFast,
     .keys = kUpdated,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key seconds [NX | XX | GT | LT]",
     .summary = "Gives a key a time to live in seconds."},
    {.name = "pexpire",
     .handler = pexpire,
     .arity = -3,
     .flags = kWriteFast,
     .keys = kUpdated,
     .since = "2.6.0",
     .complexity = "O(1)",
     .syntax = "key milliseconds [NX | XX | GT | LT]",
     .summary = "Gives a key a time to live in milliseconds."},
    {.name = "expireat",
     .handler = expireat,
     .arity = -3,
     .flags = kWriteFast,
     .keys = kUpdated,
     .since = "1.2.0",
     .complexity = "O(1)",
     .syntax = "key unix-time-seconds [NX | XX | GT | LT]",
     .summary = "Sets the Unix time in seconds at which a key goes."},
    {.name = "pexpireat",
     .handler = pexpireat,
     .arity = -3,
     .flags = kWriteFast,
     .keys = kUpdated,
     .since = "2.6.0",
     .complexity = "O(1)",
     .syntax = "key unix-time-milliseconds [NX | XX | GT | LT]",
     .summary = "Sets the Unix time in milliseconds at which a key goes."},
    {.name = "ttl",
     .handler = ttl,
     .arity = 2,
     .flags = kReadFast,
     .keys = kAccessed,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Says how many seconds a key has left.",
     .tips = "nondeterministic_output"},
    {.name = "pttl",
     .handler = pttl,
     .arity = 2,
     .flags = kReadFast,
     .keys = kAccessed,
     .since = "2.6.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Says how many milliseconds a key has left.",
     .tips = "nondeterministic_output"},
    {.name = "expiretime",
     .handler = expiretime,
     .arity = 2,
     .flags = kReadFast,
     .keys = kAccessed,
     .since = "7.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Says at which Unix time in seconds a key goes."},
    {.name = "pexpiretime",
     .handler = pexpiretime,
     .arity = 2,
     .flags = kReadFast,
     .keys = kAccessed,
     .since = "7.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Says at which Unix time in milliseconds a key goes."},
    {.name = "persist",
     .handler = persist,
     .arity = 2,
     .flags = kWriteFast,
     .keys = kUpdated,
     .since = "2.2.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Removes the expiry of a key."},
};

}  // namespace

std::span<const CommandSpec> expire_commands() { return kExpireCommands; }

}  // namespace gyre::commands
