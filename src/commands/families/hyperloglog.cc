// SPDX-License-Identifier: BSD-3-Clause

// HyperLogLogs, which are strings: PFADD, PFCOUNT, PFMERGE, PFDEBUG.
//
// PFCOUNT of one key writes the count it computed into the value, as in Redis, so that the next one
// need not compute it.
//
// Threads: home reactor, under the locks of the keys.

#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/families/string_options.h"
#include "commands/registry.h"
#include "types/hyperloglog.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::HyperLogLog;

constexpr std::string_view kNoHyperLogLog =
    "WRONGTYPE Key is not a valid HyperLogLog string value.";
constexpr std::string_view kCorrupt = "INVALIDOBJ Corrupted HLL object detected";

/// True when `entry` is null or a HyperLogLog; else the reply says what it is not.
bool require_hyperloglog(Context& context, const Entry* entry) {
    if (!context.require_string(entry)) return false;
    if (entry == nullptr) return true;
    if (entry->encoding() != store::Encoding::integer && HyperLogLog::is_valid(entry->bytes())) {
        return true;
    }
    context.error(kNoHyperLogLog);
    return false;
}

size_t sparse_bytes_max(Context& context) {
    return static_cast<size_t>(
        context.keyspace.dataset().settings.hll_sparse_max_bytes.load(std::memory_order_relaxed));
}

void put_value(Context& context, const Key& key, Entry* entry, const std::string& value) {
    if (value.size() <= Entry::kInlineValueMax) {
        context.keyspace.change(key, entry, types::plain_string(value, true));
        return;
    }
    auto block = base::SharedBytesRef::adopt(
        base::SharedBytes::create(value.size(), base::Purpose::keyspace));
    value.copy(block->data(), value.size());
    block->set_size(value.size());
    context.keyspace.change(key, entry, types::block_string(block.detach()));
}

/// Adds to a dense one where it lies.
void add_dense(Context& context, Entry* entry) {
    bool is_changed = false;
    char* bytes = nullptr;
    for (size_t at = 2; at < context.count(); ++at) {
        if (bytes == nullptr)
            bytes = context.keyspace.edit(context.keys[0], entry, HyperLogLog::kDenseBytes);
        is_changed |= HyperLogLog::raise_dense(bytes, HyperLogLog::mark_of(context.argument(at)));
    }
    if (is_changed) {
        HyperLogLog::void_count(bytes);
        context.keyspace.notify(engine::event::string, "pfadd", context.keys[0]);
    }
    context.reply.integer(is_changed ? 1 : 0);
}

void pfadd(Context& context) {
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (!require_hyperloglog(context, entry)) return;
    if (entry != nullptr && HyperLogLog::is_dense(entry->bytes())) return add_dense(context, entry);
    std::string value = entry == nullptr ? HyperLogLog::empty() : std::string(entry->bytes());
    bool is_changed = entry == nullptr;
    for (size_t at = 2; at < context.count(); ++at) {
        const auto mark = HyperLogLog::mark_of(context.argument(at));
        const auto change = HyperLogLog::raise(value, mark, sparse_bytes_max(context));
        if (change == HyperLogLog::Change::corrupt) return context.error(kCorrupt);
        is_changed |= change == HyperLogLog::Change::changed;
    }
    if (is_changed) {
        HyperLogLog::void_count(value.data());
        put_value(context, key, entry, value);
        context.keyspace.notify(engine::event::string, "pfadd", key);
    }
    context.reply.integer(is_changed ? 1 : 0);
}

/// The union of all keys that exist. False: one is wrong, and the reply says so.
bool merge_keys(Context& context, HyperLogLog::Registers& registers, bool& has_dense) {
    for (const Key& key : context.keys) {
        const Entry* entry = context.keyspace.read(key);
        if (!require_hyperloglog(context, entry)) return false;
        if (entry == nullptr) continue;
        has_dense |= HyperLogLog::is_dense(entry->bytes());
        if (HyperLogLog::merge_into(registers, entry->bytes())) continue;
        context.error(kCorrupt);
        return false;
    }
    return true;
}

void count_one(Context& context) {
    Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_hyperloglog(context, entry)) return;
    if (entry == nullptr) return context.reply.integer(0);
    auto count = HyperLogLog::cached_count(entry->bytes());
    if (!count) {
        count = HyperLogLog::count(entry->bytes());
        if (!count) return context.error(kCorrupt);
        // A change like any other, but not worth failing for while nothing can be logged, nor
        // making an open transaction a writer of the key.
        if (context.effects().may_remove() && context.keyspace.view() == nullptr) {
            char* bytes = context.keyspace.edit(context.keys[0], entry, entry->bytes().size());
            HyperLogLog::cache_count(bytes, *count);
        }
    }
    context.reply.integer(static_cast<int64_t>(*count));
}

void pfcount(Context& context) {
    if (context.keys.size() == 1) return count_one(context);
    HyperLogLog::Registers registers{};
    bool has_dense = false;
    if (!merge_keys(context, registers, has_dense)) return;
    context.reply.integer(static_cast<int64_t>(HyperLogLog::estimate(registers)));
}

void pfmerge(Context& context) {
    HyperLogLog::Registers registers{};
    bool has_dense = false;
    if (!merge_keys(context, registers, has_dense)) return;
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    std::string value = entry == nullptr ? HyperLogLog::empty() : std::string(entry->bytes());
    if (has_dense && !HyperLogLog::make_dense(value)) return context.error(kCorrupt);
    for (uint32_t index = 0; index < HyperLogLog::kRegisters; ++index) {
        if (registers[index] == 0) continue;
        HyperLogLog::raise(value, {index, registers[index]}, sparse_bytes_max(context));
    }
    HyperLogLog::void_count(value.data());
    put_value(context, key, entry, value);
    context.keyspace.notify(engine::event::string, "pfadd", key);
    context.reply.ok();
}

void reply_registers(Context& context, const std::string& value) {
    HyperLogLog::Registers registers{};
    if (!HyperLogLog::merge_into(registers, value)) return context.error(kCorrupt);
    context.reply.array(HyperLogLog::kRegisters);
    for (const uint8_t one : registers) context.reply.integer(one);
}

void pfdebug(Context& context) {
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (entry == nullptr) return context.error("ERR The specified key does not exist");
    if (!require_hyperloglog(context, entry)) return;
    std::string value(entry->bytes());
    const bool is_dense = HyperLogLog::is_dense(value);
    const bool is_getreg = context.is(1, "GETREG");
    const bool makes_dense = is_getreg || context.is(1, "TODENSE");
    const bool is_known = makes_dense || context.is(1, "DECODE") || context.is(1, "ENCODING");
    if (!is_known) {
        return context.error(fmt::format("ERR Unknown PFDEBUG subcommand '{}'",
                                         base::escape_for_error(context.argument(1))));
    }
    if (context.count() != 3) {
        return context.error(fmt::format("ERR Wrong number of arguments for the '{}' subcommand",
                                         base::escape_for_error(context.argument(1))));
    }
    if (makes_dense && !is_dense) {
        if (!HyperLogLog::make_dense(value)) return context.error(kCorrupt);
        put_value(context, key, entry, value);
    }
    if (is_getreg) return reply_registers(context, value);
    if (makes_dense) return context.reply.integer(is_dense ? 0 : 1);
    if (context.is(1, "ENCODING")) return context.reply.simple(is_dense ? "dense" : "sparse");
    if (is_dense) return context.error("ERR HLL encoding is not sparse");
    context.reply.bulk(HyperLogLog::describe(value));
}

/// One, if the target is missing.
int64_t pfmerge_new_keys(Context& context) {
    return context.keyspace.peek(context.keys[0]) == nullptr ? 1 : 0;
}

constexpr CommandSpec kHyperLogLogCommands[] = {
    {.name = "pfadd",
     .handler = pfadd,
     .arity = -2,
     .flags = flag::write | flag::denyoom | flag::fast,
     .group = Group::hyperloglog,
     .keys = one_key(key_flag::rw | key_flag::insert),
     .since = "2.8.9",
     .complexity = "O(1) for each element.",
     .syntax = "key [element [element ...]]",
     .summary = "Adds elements to a HyperLogLog, and tells whether its estimate may have changed."},
    {.name = "pfcount",
     .handler = pfcount,
     .arity = -2,
     .flags = flag::readonly | flag::may_replicate,
     .group = Group::hyperloglog,
     .keys = keys_to_end(key_flag::rw | key_flag::access),
     .since = "2.8.9",
     .complexity = "O(1) for one key, with a small constant; O(N) for N keys.",
     .syntax = "key [key ...]",
     .summary = "Estimates how many different elements one HyperLogLog or several have seen."},
    {.name = "pfmerge",
     .handler = pfmerge,
     .arity = -2,
     .flags = flag::write | flag::denyoom,
     .group = Group::hyperloglog,
     .keys = {{KeySpec{key_flag::rw | key_flag::access | key_flag::insert, 1, KeySpec::Find::range,
                       0, 1, 0},
               KeySpec{key_flag::ro | key_flag::access, 2, KeySpec::Find::range, -1, 1, 0}},
              2},
     .since = "2.8.9",
     .complexity = "O(N) with N HyperLogLogs.",
     .syntax = "destkey [sourcekey [sourcekey ...]]",
     .summary = "Merges HyperLogLogs into one.",
     .new_keys = pfmerge_new_keys},
    {.name = "pfdebug",
     .handler = pfdebug,
     .arity = 3,
     .flags = flag::write | flag::denyoom | flag::admin,
     .group = Group::hyperloglog,
     .keys = one_key(key_flag::rw | key_flag::access, 2),
     .since = "2.8.9",
     .complexity = "O(1)",
     .syntax = "<GETREG | DECODE | ENCODING | TODENSE> key",
     .summary = "Shows a HyperLogLog from inside.",
     .new_keys = [](Context&) -> int64_t { return 0; }},
};

}  // namespace

std::span<const CommandSpec> hyperloglog_commands() { return kHyperLogLogCommands; }

}  // namespace gyre::commands
