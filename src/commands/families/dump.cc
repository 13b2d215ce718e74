// SPDX-License-Identifier: BSD-3-Clause

// DUMP and RESTORE: a key's value as bytes that another server takes. Threads: home reactor, with
// the shard of the key locked.

#include "snapshot/dump.h"

#include <algorithm>

#include "commands/context.h"
#include "commands/registry.h"
#include "engine/value_limits.h"
#include "store/access.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;

constexpr std::string_view kBusyKey = "BUSYKEY Target key name already exists.";
constexpr std::string_view kBadTtl = "ERR Invalid TTL value, must be >= 0";
constexpr std::string_view kBadIdleTime = "ERR Invalid IDLETIME value, must be >= 0";
constexpr std::string_view kBadFrequency = "ERR Invalid FREQ value, must be >= 0 and <= 255";

void dump(Context& context) {
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (entry == nullptr) return context.reply.null();
    snapshot::DumpOptions options;
    options.strings.compress =
        context.services.dataset.settings.rdb_compression.load(std::memory_order_relaxed);
    if (entry->type() != store::Type::string) {
        return context.reply.bulk(snapshot::dump_collection(*entry, options).joined());
    }
    char digits[24];
    const auto payload = snapshot::dump_string(Context::string_bytes(*entry, digits), options);
    context.reply.bulk(payload.joined());
}

struct RestoreOptions {
    bool replace = false;
    bool is_absolute = false;
    std::optional<int64_t> idle_seconds;
    std::optional<int64_t> frequency;
};

/// A number behind its word, in the range; on failure the error is written.
std::optional<int64_t> attribute(Context& context, size_t index, int64_t max,
                                 std::string_view message) {
    const auto number = context.integer(index);
    if (number && *number >= 0 && *number <= max) return number;
    if (number) context.error(message);
    return std::nullopt;
}

/// On failure the error is written. As in Redis only one of IDLETIME and FREQ may be given.
std::optional<RestoreOptions> restore_options(Context& context) {
    RestoreOptions options;
    for (size_t index = 4; index < context.count(); ++index) {
        const bool has_more = index + 1 < context.count();
        if (context.is(index, "REPLACE")) {
            options.replace = true;
        } else if (context.is(index, "ABSTTL")) {
            options.is_absolute = true;
        } else if (context.is(index, "IDLETIME") && has_more && !options.frequency) {
            options.idle_seconds = attribute(context, ++index, INT64_MAX, kBadIdleTime);
            if (!options.idle_seconds) return std::nullopt;
        } else if (context.is(index, "FREQ") && has_more && !options.idle_seconds) {
            options.frequency = attribute(context, ++index, 255, kBadFrequency);
            if (!options.frequency) return std::nullopt;
        } else {
            context.error(errors::kSyntax);
            return std::nullopt;
        }
    }
    return options;
}

/// What the policy in force keeps; the other is ignored, as in Redis. The word of the s3fifo
/// policies says where a key stands in their queues, which no other server knows.
void set_access(Context& context, Entry* entry, const RestoreOptions& options) {
    const auto policy = context.services.dataset.settings.policy.load(std::memory_order_relaxed);
    const int64_t now_ms = context.now_ms();
    if (engine::is_s3fifo(policy)) return;
    if (engine::is_lfu(policy)) {
        if (!options.frequency) return;
        entry->set_access_word((store::lfu_initial(now_ms) & ~255U) |
                               static_cast<uint32_t>(*options.frequency));
    } else if (options.idle_seconds) {
        // Longer than the clock can tell counts as the longest it can.
        const int64_t longest_s = store::kLruClockMax / 2;
        entry->set_access_word(
            store::lru_clock(now_ms - std::min(*options.idle_seconds, longest_s) * 1000));
    }
}

void refuse(Context& context, const snapshot::DumpError& why) {
    switch (why.kind) {
        case snapshot::DumpError::Kind::footer:
            return context.error(snapshot::kDumpFooterError);
        case snapshot::DumpError::Kind::format:
            return context.error(snapshot::kDumpFormatError);
        case snapshot::DumpError::Kind::type:
            return context.error("ERR " + why.message);
    }
}

/// Deadline for a TTL in milliseconds, where 0 means none.
int64_t deadline_of(const Context& context, int64_t ttl_ms, bool is_absolute) {
    if (ttl_ms == 0) return store::kNoExpiry;
    const int64_t latest_ms = store::kNoExpiry - 1;
    if (is_absolute) return std::min(ttl_ms, latest_ms);
    return ttl_ms > latest_ms - context.now_ms() ? latest_ms : ttl_ms + context.now_ms();
}

/// Puts the value at the key with this deadline alone.
Entry* put(Context& context, const Key& key, Entry* present, snapshot::RestoredValue& restored,
           int64_t deadline_ms) {
    engine::Keyspace& keyspace = context.keyspace;
    const auto deadline = engine::Deadline::at(deadline_ms);
    if (restored.kind.type == store::Type::string) {
        return keyspace.put(key, present, types::encode_string(restored.value), deadline);
    }
    if (!restored.object) {
        return keyspace.put_packed(key, present, restored.kind, restored.value, deadline);
    }
    Entry* entry =
        keyspace.put_object(key, present, restored.kind, std::move(restored.object), deadline);
    if (store::Partition::fields_due_ms(*entry) != store::kNoExpiry) {
        keyspace.track_fields(key, entry, store::kNoExpiry);
    }
    return entry;
}

/// The checks stand in Redis' order. The default TTL does not apply.
void restore(Context& context) {
    const auto options = restore_options(context);
    if (!options) return;
    const Key& key = context.keys[0];
    Entry* present = context.keyspace.write(key);
    if (present != nullptr && !options->replace) return context.error(kBusyKey);
    const auto ttl_ms = context.integer(2);
    if (!ttl_ms) return;
    if (*ttl_ms < 0) return context.error(kBadTtl);
    auto restored = snapshot::restore_payload(
        context.argument(3), {.limits = engine::value_limits(context.services.dataset.settings)});
    if (!restored) return refuse(context, restored.error());
    const int64_t deadline_ms = deadline_of(context, *ttl_ms, options->is_absolute);
    if (deadline_ms <= context.now_ms()) {
        if (present != nullptr) {
            context.keyspace.erase(key, present);
            context.keyspace.notify(engine::event::generic, "del", key);
        }
        return context.reply.ok();
    }
    // Redis deletes what is replaced, so the key is new to those who listen.
    if (present != nullptr) context.keyspace.notify(engine::event::created, "new", key);
    Entry* entry = put(context, key, present, *restored, deadline_ms);
    set_access(context, entry, *options);
    context.keyspace.notify(engine::event::generic, "restore", key);
    context.reply.ok();
}

constexpr CommandSpec kDumpCommands[] = {
    {.name = "dump",
     .handler = dump,
     .arity = 2,
     .flags = flag::readonly,
     .keys = one_key(key_flag::ro | key_flag::access),
     .since = "2.6.0",
     .complexity = "O(N) with N the bytes of the value.",
     .syntax = "key",
     .summary = "Returns the value of a key as bytes that RESTORE takes, here or elsewhere.",
     .tips = "nondeterministic_output"},
    {.name = "restore",
     .handler = restore,
     .arity = -4,
     .flags = flag::write | flag::denyoom,
     .keys = one_key(key_flag::ow | key_flag::update),
     .categories = acl::dangerous,
     .since = "2.6.0",
     .complexity = "O(N) with N the bytes of the value.",
     .syntax = "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
     .summary = "Creates a key from what DUMP gave."},
};

}  // namespace

std::span<const CommandSpec> dump_commands() { return kDumpCommands; }

}  // namespace gyre::commands
