// SPDX-License-Identifier: BSD-3-Clause

// Commands that work on keys of any type: delete, ask about, rename, copy, move. Threads: home
// reactor, with the shards of the keys locked. All databases of a key share its shard, so COPY DB
// and MOVE need no further lock.

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/help.h"
#include "commands/registry.h"
#include "store/access.h"

namespace gyre::commands {
namespace {

using engine::Keyspace;
using store::Entry;
using store::Key;

/// DEL and UNLINK. DELETE is no word of Redis: what it removed is told as DEL.
void del(Context& context) {
    int64_t removed = 0;
    for (const Key& key : context.keys) {
        Entry* entry = context.keyspace.peek(key);
        if (entry == nullptr) continue;
        context.keyspace.erase(key, entry);
        context.keyspace.notify(engine::event::generic, "del", key);
        if (context.spec.name == "delete") context.tell_deleted(key);
        ++removed;
    }
    context.reply.integer(removed);
}

void exists(Context& context) {
    int64_t found = 0;
    for (const Key& key : context.keys) found += context.keyspace.probe(key) != nullptr;
    context.reply.integer(found);
}

/// TOUCH marks keys as used even for a client that asked not to (CLIENT NO-TOUCH).
void touch(Context& context) {
    Keyspace keyspace = context.keyspace.touching();
    int64_t found = 0;
    for (const Key& key : context.keys) found += keyspace.read(key) != nullptr;
    context.reply.integer(found);
}

void type(Context& context) {
    const Entry* entry = context.keyspace.probe(context.keys[0]);
    context.reply.simple(entry == nullptr ? "none" : store::type_name(entry->type()));
}

// --- rename, copy, move
// -------------------------------------------------------------------------------

enum class Transfer : uint8_t { copy, move };

/// Puts `source_key` (of `source`), or a copy of it, at `key`, where there may be one if it may be
/// replaced. False when there is one and it may not.
bool transfer(Transfer how, Keyspace& source, const Key& source_key, Keyspace& target,
              const Key& key, bool may_replace) {
    int64_t replaced_ms = store::kNoTimestamp;
    if (Entry* present = target.write(key); present != nullptr) {
        if (!may_replace) return false;
        replaced_ms = present->timestamp_ms();
        target.erase(key, present);
    }
    Entry* entry = source.peek(source_key);
    if (how == Transfer::move) {
        target.move_to(key, source, source_key, entry, replaced_ms);
    } else {
        target.copy_to(key, *entry, replaced_ms);
    }
    return true;
}

void rename_key(Context& context, bool only_new) {
    const Key& source = context.keys[0];
    if (context.keyspace.write(source) == nullptr) return context.error(errors::kNoSuchKey);
    const bool is_same = source.bytes == context.keys[1].bytes;
    const bool renamed = !is_same && transfer(Transfer::move, context.keyspace, source,
                                              context.keyspace, context.keys[1], !only_new);
    if (renamed) {
        context.keyspace.notify(engine::event::generic, "rename_from", source);
        context.keyspace.notify(engine::event::generic, "rename_to", context.keys[1]);
    }
    if (only_new) {
        context.reply.integer(renamed ? 1 : 0);
    } else {
        context.reply.ok();
    }
}

void rename(Context& context) { rename_key(context, false); }
void renamenx(Context& context) { rename_key(context, true); }

struct CopyOptions {
    size_t database = 0;
    bool replace = false;
};

/// The options of COPY; on failure the error is written.
std::optional<CopyOptions> copy_options(Context& context) {
    CopyOptions options{.database = context.keyspace.database()};
    for (size_t index = 3; index < context.count(); ++index) {
        if (context.is(index, "REPLACE")) {
            options.replace = true;
        } else if (context.is(index, "DB") && index + 1 < context.count()) {
            const auto database = context.database(++index);
            if (!database) return std::nullopt;
            options.database = *database;
        } else {
            context.error(errors::kSyntax);
            return std::nullopt;
        }
    }
    if (options.database == context.keyspace.database() &&
        context.argument(1) == context.argument(2)) {
        context.error(errors::kSameObject);
        return std::nullopt;
    }
    return options;
}

void copy(Context& context) {
    const auto options = copy_options(context);
    if (!options) return;
    if (context.keyspace.read(context.keys[0]) == nullptr) return context.reply.integer(0);
    Keyspace target = context.keyspace.in_database(options->database);
    const bool copied = transfer(Transfer::copy, context.keyspace, context.keys[0], target,
                                 context.keys[1], options->replace);
    if (copied) target.notify(engine::event::generic, "copy_to", context.keys[1]);
    context.reply.integer(copied ? 1 : 0);
}

/// COPY makes a key only where there is none yet and something to copy. Options that are wrong make
/// none either; the error is the handler's to write.
int64_t copy_new_keys(Context& context) {
    const auto databases = static_cast<int64_t>(context.services.dataset.databases());
    auto database = static_cast<int64_t>(context.keyspace.database());
    for (size_t index = 3; index + 1 < context.count(); ++index) {
        if (!context.is(index, "DB")) continue;
        database = base::parse_integer(context.argument(++index)).value_or(-1);
        if (database < 0 || database >= databases) return 0;
    }
    if (context.keyspace.peek(context.keys[0]) == nullptr) return 0;
    Keyspace target = context.keyspace.in_database(static_cast<size_t>(database));
    return target.peek(context.keys[1]) == nullptr ? 1 : 0;
}

void move(Context& context) {
    const auto database = context.database(2);
    if (!database) return;
    if (*database == context.keyspace.database()) return context.error(errors::kSameObject);
    const Key& key = context.keys[0];
    if (context.keyspace.write(key) == nullptr) return context.reply.integer(0);
    Keyspace target = context.keyspace.in_database(*database);
    const bool moved = transfer(Transfer::move, context.keyspace, key, target, key, false);
    if (moved) {
        context.keyspace.notify(engine::event::generic, "move_from", key);
        target.notify(engine::event::generic, "move_to", key);
    }
    context.reply.integer(moved ? 1 : 0);
}

// --- OBJECT
// -------------------------------------------------------------------------------------------

constexpr std::string_view kIsLfu =
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
    "switching "
    "between policies at runtime LRU and LFU data will take some time to adjust.";
constexpr std::string_view kIsNoLfu =
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
    "when "
    "switching between policies at runtime LRU and LFU data will take some time to adjust.";

constexpr std::string_view kIsS3fifo =
    "ERR An S3-FIFO maxmemory policy is selected, idle time not tracked. Please note that when "
    "switching between policies at runtime access data will take some time to adjust.";

engine::EvictionPolicy policy_of(const Context& context) {
    return context.services.dataset.settings.policy.load(std::memory_order_relaxed);
}

/// The entry OBJECT asks about; null after the reply was written.
const Entry* object_entry(Context& context) {
    const Entry* entry = context.keyspace.probe(context.keys[0], false);
    if (entry == nullptr) context.reply.null();
    return entry;
}

void object_encoding(Context& context) {
    const Entry* entry = object_entry(context);
    if (entry != nullptr) context.reply.bulk(store::encoding_name(entry->encoding()));
}

void object_freq(Context& context) {
    const Entry* entry = object_entry(context);
    if (entry == nullptr) return;
    const engine::EvictionPolicy policy = policy_of(context);
    // 0 to 3: what decides whether the key stays.
    if (engine::is_s3fifo(policy)) {
        return context.reply.integer(store::fifo_word::frequency(entry->access_word()));
    }
    if (!engine::is_lfu(policy)) return context.error(kIsNoLfu);
    context.reply.integer(store::lfu_counter(entry->access_word(), context.now_ms(),
                                             context.keyspace.lfu_parameters()));
}

void object_idletime(Context& context) {
    const Entry* entry = object_entry(context);
    if (entry == nullptr) return;
    const engine::EvictionPolicy policy = policy_of(context);
    if (engine::is_s3fifo(policy)) return context.error(kIsS3fifo);
    if (engine::is_lfu(policy)) return context.error(kIsLfu);
    context.reply.integer(store::lru_idle_ms(entry->access_word(), context.now_ms()) / 1000);
}

/// Values are not shared between keys in a way that can be seen: always 1. Redis answers INT_MAX
/// for the small integers it keeps ready, where there is nothing to count.
void object_refcount(Context& context) {
    if (object_entry(context) != nullptr) context.reply.integer(1);
}

void object_help(Context& context) {
    static constexpr std::string_view kLines[] = {
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
    };
    reply_help(context, "OBJECT", kLines);
}

constexpr std::string_view kPerKey = "O(N) with N the number of keys.";
constexpr std::string_view kDeleteComplexity =
    "O(N) with N the number of keys; a large value is freed after the reply.";
constexpr std::string_view kAllShardsSum = "request_policy:multi_shard response_policy:agg_sum";
constexpr uint16_t kRemoves = key_flag::rm | key_flag::remove;
constexpr uint16_t kRenames = key_flag::rw | key_flag::access | key_flag::remove;

constexpr CommandSpec kGenericCommands[] = {
    {.name = "del",
     .handler = del,
     .arity = -2,
     .flags = flag::write,
     .keys = keys_to_end(kRemoves),
     .since = "1.0.0",
     .complexity = kDeleteComplexity,
     .syntax = "key [key ...]",
     .summary = "Deletes keys and says how many there were.",
     .tips = kAllShardsSum},
    {.name = "delete",
     .handler = del,
     .arity = -2,
     .flags = flag::write,
     .keys = keys_to_end(kRemoves),
     .since = "0.1.0",
     .complexity = kDeleteComplexity,
     .syntax = "key [key ...]",
     .summary = "Deletes keys as DEL does.",
     .tips = kAllShardsSum},
    {.name = "unlink",
     .handler = del,
     .arity = -2,
     .flags = flag::write | flag::fast,
     .keys = keys_to_end(kRemoves),
     .since = "4.0.0",
     .complexity = kDeleteComplexity,
     .syntax = "key [key ...]",
     .summary = "Deletes keys; as with DEL, memory of large values is freed afterwards.",
     .tips = kAllShardsSum},
    {.name = "exists",
     .handler = exists,
     .arity = -2,
     .flags = flag::readonly | flag::fast,
     .keys = keys_to_end(key_flag::ro),
     .since = "1.0.0",
     .complexity = kPerKey,
     .syntax = "key [key ...]",
     .summary = "Counts how many of the keys exist, one named twice counting twice.",
     .tips = kAllShardsSum},
    {.name = "touch",
     .handler = touch,
     .arity = -2,
     .flags = flag::readonly | flag::fast,
     .keys = keys_to_end(key_flag::ro),
     .since = "3.2.1",
     .complexity = kPerKey,
     .syntax = "key [key ...]",
     .summary = "Marks keys as used just now and counts those that exist.",
     .tips = kAllShardsSum},
    {.name = "type",
     .handler = type,
     .arity = 2,
     .flags = flag::readonly | flag::fast,
     .keys = one_key(key_flag::ro),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Names the type of a key's value, or none."},
    {.name = "rename",
     .handler = rename,
     .arity = 3,
     .flags = flag::write,
     .keys = two_keys(kRenames, key_flag::ow | key_flag::update),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key newkey",
     .summary = "Renames a key, replacing one that has the new name."},
    {.name = "renamenx",
     .handler = renamenx,
     .arity = 3,
     .flags = flag::write | flag::fast,
     .keys = two_keys(kRenames, key_flag::ow | key_flag::insert),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key newkey",
     .summary = "Renames a key unless the new name is taken."},
    {.name = "copy",
     .handler = copy,
     .arity = -3,
     .flags = flag::write | flag::denyoom,
     .keys = two_keys(key_flag::ro | key_flag::access, key_flag::ow | key_flag::update),
     .since = "6.2.0",
     .complexity = "O(N) with N the elements of a collection, O(1) for a string.",
     .syntax = "source destination [DB destination-db] [REPLACE]",
     .summary = "Copies a key with its expiry to another name or database.",
     .new_keys = copy_new_keys},
    {.name = "move",
     .handler = move,
     .arity = 3,
     .flags = flag::write | flag::fast,
     .keys = one_key(key_flag::rw | key_flag::access | key_flag::update),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key db",
     .summary = "Moves a key to another database unless it exists there."},
    {.name = "object",
     .arity = -2,
     .since = "2.2.3",
     .complexity = "Depends on the sub-command.",
     .summary = "Groups the commands that look at how a value is kept.",
     .is_container = true},
    {.name = "encoding",
     .parent = "object",
     .handler = object_encoding,
     .arity = 3,
     .flags = flag::readonly,
     .keys = one_key(key_flag::ro, 2),
     .since = "2.2.3",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Names the encoding of a key's value.",
     .tips = "nondeterministic_output"},
    {.name = "freq",
     .parent = "object",
     .handler = object_freq,
     .arity = 3,
     .flags = flag::readonly,
     .keys = one_key(key_flag::ro, 2),
     .since = "4.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Gives a key's access counter, kept under an LFU policy.",
     .tips = "nondeterministic_output"},
    {.name = "idletime",
     .parent = "object",
     .handler = object_idletime,
     .arity = 3,
     .flags = flag::readonly,
     .keys = one_key(key_flag::ro, 2),
     .since = "2.2.3",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Gives the seconds since a key was last used.",
     .tips = "nondeterministic_output"},
    {.name = "refcount",
     .parent = "object",
     .handler = object_refcount,
     .arity = 3,
     .flags = flag::readonly,
     .keys = one_key(key_flag::ro, 2),
     .since = "2.2.3",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Gives the number of references to a key's value, which is 1.",
     .tips = "nondeterministic_output"},
    {.name = "help",
     .parent = "object",
     .handler = object_help,
     .arity = 2,
     .flags = flag::loading | flag::stale,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Lists the sub-commands of OBJECT."},
};

}  // namespace

std::span<const CommandSpec> generic_commands() { return kGenericCommands; }

}  // namespace gyre::commands
