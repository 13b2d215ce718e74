// SPDX-License-Identifier: BSD-3-Clause

// Hashes: setting, reading, counting and removing fields. What goes through a hash stands in
// hash_read.cc, deadlines of fields in hash_expire.cc.
//
// Threads: home reactor, under the lock of the key.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/numbers.h"
#include "commands/effect_words.h"
#include "commands/families/collection.h"
#include "commands/families/hash_value.h"
#include "commands/families/string_options.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using types::ListpackValue;

bool require_hash(Context& context, const Entry* entry) {
    return require_type(context, entry, store::Type::hash);
}

/// Sets the fields from argument 2 on; nullopt after an error. Returns how many are new.
std::optional<int64_t> set_fields(Context& context) {
    constexpr size_t kFirst = 2;
    if (context.count() % 2 != 0) {
        refuse_count(context);
        return std::nullopt;
    }
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_hash(context, entry)) return std::nullopt;
    size_t longest = 0;
    for (size_t at = kFirst; at < context.count(); ++at) {
        longest = std::max(longest, context.argument(at).size());
    }
    HashValue hash(context, context.keys[0], entry);
    // All of them first, as the log has it: where nothing else is left the hash goes.
    for (size_t at = kFirst; at < context.count(); at += 2) {
        hash.forget_if_due(context.argument(at));
    }
    hash.expect((context.count() - kFirst) / 2, longest);
    int64_t created = 0;
    for (size_t at = kFirst; at < context.count(); at += 2) {
        created += hash.set(context.argument(at), context.argument(at + 1)) ? 1 : 0;
    }
    hash.tell("hset");
    return created;
}

void hset(Context& context) {
    const auto created = set_fields(context);
    if (created) context.reply.integer(*created);
}

void hmset(Context& context) {
    if (set_fields(context)) context.reply.ok();
}

void hsetnx(Context& context) {
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_hash(context, entry)) return;
    HashValue hash(context, context.keys[0], entry);
    const std::string_view name = context.argument(2);
    hash.forget_if_due(name);
    if (hash.find(name)) return context.reply.integer(0);
    hash.set(name, context.argument(3));
    hash.tell("hset");
    context.reply.integer(1);
}

void hget(Context& context) {
    Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_hash(context, entry)) return;
    const HashValue hash(context, context.keys[0], entry);
    const auto value = hash.find(context.argument(2));
    if (!value) return context.reply.null();
    reply_element(context.reply, *value);
}

void hmget(Context& context) {
    Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_hash(context, entry)) return;
    const HashValue hash(context, context.keys[0], entry);
    context.reply.array(static_cast<int64_t>(context.count() - 2));
    for (size_t at = 2; at < context.count(); ++at) {
        const auto value = hash.find(context.argument(at));
        if (value) {
            reply_element(context.reply, *value);
        } else {
            context.reply.null();
        }
    }
}

void hincrby(Context& context) {
    const auto increment = context.integer(3);
    if (!increment) return;
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_hash(context, entry)) return;
    HashValue hash(context, context.keys[0], entry);
    const std::string_view name = context.argument(2);
    int64_t value = 0;
    if (const auto present = hash.find(name)) {
        ListpackValue::Digits digits;
        const auto number = base::parse_integer(present->text(digits));
        if (!number) return context.error("ERR hash value is not an integer");
        value = *number;
    }
    if (__builtin_add_overflow(value, *increment, &value)) {
        return context.error("ERR increment or decrement would overflow");
    }
    char digits[base::kIntegerCharsMax];
    const char* end = base::write_integer(digits, value);
    hash.set(name, {digits, static_cast<size_t>(end - digits)}, types::Hash::Deadline::keep);
    hash.tell("hincrby");
    context.reply.integer(value);
}

void hincrbyfloat(Context& context) {
    const auto increment = context.real(3);
    if (!increment) return;
    if (!std::isfinite(*increment)) return context.error("ERR value is NaN or Infinity");
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_hash(context, entry)) return;
    HashValue hash(context, context.keys[0], entry);
    const std::string_view name = context.argument(2);
    long double value = 0;
    if (const auto present = hash.find(name)) {
        ListpackValue::Digits digits;
        const auto number = base::parse_long_double(present->text(digits));
        if (!number) return context.error("ERR hash value is not a float");
        value = *number;
    }
    value += *increment;
    if (!std::isfinite(value)) {
        return context.error("ERR increment would produce NaN or Infinity");
    }
    const std::string text = base::format_long_double_human(value);
    hash.set(name, text, types::Hash::Deadline::keep);
    hash.tell("hincrbyfloat");
    if (context.logs()) [[unlikely]] {
        // As Redis, whose floats are not everywhere the same. HSET takes the deadline away.
        EffectWords(context, "HSET").add(context.keys[0]).add(name).copy(text).tell();
        tell_field_deadline(context, hash, name);
    }
    context.reply.bulk(text);
}

void hdel(Context& context) {
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_hash(context, entry)) return;
    HashValue hash(context, context.keys[0], entry);
    int64_t removed = 0;
    for (size_t at = 2; at < context.count() && hash.size() > 0; ++at) {
        removed += hash.remove(context.argument(at)) ? 1 : 0;
    }
    if (removed > 0) hash.tell("hdel");
    hash.settle();
    context.reply.integer(removed);
}

void hlen(Context& context) {
    Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_hash(context, entry)) return;
    const HashValue hash(context, context.keys[0], entry);
    context.reply.integer(static_cast<int64_t>(hash.size()));
}

void hstrlen(Context& context) {
    Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_hash(context, entry)) return;
    const HashValue hash(context, context.keys[0], entry);
    const auto value = hash.find(context.argument(2));
    ListpackValue::Digits digits;
    context.reply.integer(value ? static_cast<int64_t>(value->text(digits).size()) : 0);
}

void hexists(Context& context) {
    Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_hash(context, entry)) return;
    const HashValue hash(context, context.keys[0], entry);
    context.reply.integer(hash.find(context.argument(2)) ? 1 : 0);
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr uint16_t kUpdates = key_flag::rw | key_flag::update;
constexpr uint32_t kWrites = flag::write | flag::denyoom | flag::fast;
constexpr std::string_view kEachField = "O(N) with N the fields given.";

constexpr CommandSpec kHashCommands[] = {
    {.name = "hset",
     .handler = hset,
     .arity = -4,
     .flags = kWrites,
     .group = Group::hash,
     .keys = one_key(kUpdates),
     .since = "2.0.0",
     .complexity = kEachField,
     .syntax = "key field value [field value ...]",
     .summary = "Sets fields of a hash and says how many are new."},
    {.name = "hsetnx",
     .handler = hsetnx,
     .arity = 4,
     .flags = kWrites,
     .group = Group::hash,
     .keys = one_key(key_flag::rw | key_flag::insert),
     .since = "2.0.0",
     .complexity = "O(1)",
     .syntax = "key field value",
     .summary = "Sets a field of a hash unless it is there."},
    {.name = "hmset",
     .handler = hmset,
     .arity = -4,
     .flags = kWrites,
     .group = Group::hash,
     .keys = one_key(kUpdates),
     .since = "2.0.0",
     .complexity = kEachField,
     .syntax = "key field value [field value ...]",
     .summary = "Sets fields of a hash.",
     .deprecated_since = "4.0.0",
     .replaced_by = "`HSET` with multiple field-value pairs"},
    {.name = "hget",
     .handler = hget,
     .arity = 3,
     .flags = flag::readonly | flag::fast,
     .group = Group::hash,
     .keys = one_key(kReads),
     .since = "2.0.0",
     .complexity = "O(1)",
     .syntax = "key field",
     .summary = "Returns the value of a field of a hash."},
    {.name = "hmget",
     .handler = hmget,
     .arity = -3,
     .flags = flag::readonly | flag::fast,
     .group = Group::hash,
     .keys = one_key(kReads),
     .since = "2.0.0",
     .complexity = kEachField,
     .syntax = "key field [field ...]",
     .summary = "Returns the values of several fields of a hash."},
    {.name = "hincrby",
     .handler = hincrby,
     .arity = 4,
     .flags = kWrites,
     .group = Group::hash,
     .keys = one_key(kUpdates | key_flag::access),
     .since = "2.0.0",
     .complexity = "O(1)",
     .syntax = "key field increment",
     .summary = "Adds to the integer a field of a hash holds, 0 where there is none."},
    {.name = "hincrbyfloat",
     .handler = hincrbyfloat,
     .arity = 4,
     .flags = kWrites,
     .group = Group::hash,
     .keys = one_key(kUpdates | key_flag::access),
     .since = "2.6.0",
     .complexity = "O(1)",
     .syntax = "key field increment",
     .summary = "Adds to the number a field of a hash holds, 0 where there is none."},
    {.name = "hdel",
     .handler = hdel,
     .arity = -3,
     .flags = flag::write | flag::fast,
     .group = Group::hash,
     .keys = one_key(key_flag::rw | key_flag::remove),
     .since = "2.0.0",
     .complexity = kEachField,
     .syntax = "key field [field ...]",
     .summary = "Removes fields of a hash and says how many there were."},
    {.name = "hlen",
     .handler = hlen,
     .arity = 2,
     .flags = flag::readonly | flag::fast,
     .group = Group::hash,
     .keys = one_key(key_flag::ro),
     .since = "2.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Counts the fields of a hash."},
    {.name = "hstrlen",
     .handler = hstrlen,
     .arity = 3,
     .flags = flag::readonly | flag::fast,
     .group = Group::hash,
     .keys = one_key(key_flag::ro),
     .since = "3.2.0",
     .complexity = "O(1)",
     .syntax = "key field",
     .summary = "Returns the length of the value of a field of a hash."},
    {.name = "hexists",
     .handler = hexists,
     .arity = 3,
     .flags = flag::readonly | flag::fast,
     .group = Group::hash,
     .keys = one_key(key_flag::ro),
     .since = "2.0.0",
     .complexity = "O(1)",
     .syntax = "key field",
     .summary = "Tells whether a hash has a field."},
};

}  // namespace

std::span<const CommandSpec> hash_commands() { return kHashCommands; }

}  // namespace gyre::commands
