// SPDX-License-Identifier: BSD-3-Clause

// Strings as numbers: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.
//
// Threads: home reactor, under the lock of the key.

#include <cmath>
#include <optional>
#include <string>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/families/string_options.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;

void add(Context& context, int64_t increment) {
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (!context.require_string(entry)) return;
    int64_t value = 0;
    if (entry != nullptr) {
        const auto present = integer_of(*entry);
        if (!present) return context.error(errors::kNotInteger);
        value = *present;
    }
    if (__builtin_add_overflow(value, increment, &value)) {
        return context.error("ERR increment or decrement would overflow");
    }
    context.keyspace.change(key, entry, types::integer_string(value));
    context.keyspace.notify(engine::event::string, "incrby", key);
    context.reply.integer(value);
}

void incr(Context& context) { add(context, 1); }
void decr(Context& context) { add(context, -1); }

void incrby(Context& context) {
    const auto increment = context.integer(2);
    if (increment) add(context, *increment);
}

void decrby(Context& context) {
    const auto decrement = context.integer(2);
    if (!decrement) return;
    if (*decrement == INT64_MIN) return context.error("ERR decrement would overflow");
    add(context, -*decrement);
}

void incrbyfloat(Context& context) {
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (!context.require_string(entry)) return;
    long double value = 0;
    if (entry != nullptr) {
        const auto present = real_of(*entry);
        if (!present) return context.error(errors::kNotFloat);
        value = *present;
    }
    const auto increment = context.real(2);
    if (!increment) return;
    value += *increment;
    if (!std::isfinite(value)) {
        return context.error("ERR increment would produce NaN or Infinity");
    }
    const std::string text = base::format_long_double_human(value);
    entry = context.keyspace.change(key, entry, types::plain_string(text));
    context.keyspace.notify(engine::event::string, "incrbyfloat", key);
    context.tell_copy(key, *entry, text);
    context.reply.bulk(text);
}

constexpr uint16_t kChanges = key_flag::rw | key_flag::access | key_flag::update;
constexpr uint32_t kNumberFlags = flag::write | flag::denyoom | flag::fast;

constexpr CommandSpec kStringNumberCommands[] = {
    {.name = "incr",
     .handler = incr,
     .arity = 2,
     .flags = kNumberFlags,
     .group = Group::string,
     .keys = one_key(kChanges),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Adds one to the integer a key holds, 0 where there is none."},
    {.name = "decr",
     .handler = decr,
     .arity = 2,
     .flags = kNumberFlags,
     .group = Group::string,
     .keys = one_key(kChanges),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Takes one from the integer a key holds, 0 where there is none."},
    {.name = "incrby",
     .handler = incrby,
     .arity = 3,
     .flags = kNumberFlags,
     .group = Group::string,
     .keys = one_key(kChanges),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key increment",
     .summary = "Adds a number to the integer a key holds, 0 where there is none."},
    {.name = "decrby",
     .handler = decrby,
     .arity = 3,
     .flags = kNumberFlags,
     .group = Group::string,
     .keys = one_key(kChanges),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key decrement",
     .summary = "Takes a number from the integer a key holds, 0 where there is none."},
    {.name = "incrbyfloat",
     .handler = incrbyfloat,
     .arity = 3,
     .flags = kNumberFlags,
     .group = Group::string,
     .keys = one_key(kChanges),
     .since = "2.6.0",
     .complexity = "O(1)",
     .syntax = "key increment",
     .summary = "Adds a number to the decimal number a key holds, 0 where there is none."},
};

}  // namespace

std::span<const CommandSpec> string_number_commands() { return kStringNumberCommands; }

}  // namespace gyre::commands
