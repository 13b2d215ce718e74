// SPDX-License-Identifier: BSD-3-Clause

// XINFO: what a stream, its groups and their consumers are like.
//
// Where Redis tells the nodes of its radix tree, the number of nodes that hold entries is given,
// and one more for the index above them.
//
// Threads: home reactor, under the lock of the key.

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/numbers.h"
#include "commands/families/stream_options.h"
#include "commands/help.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using types::Stream;
using types::StreamConsumer;
using types::StreamGroup;
using types::StreamId;
using types::StreamNode;
using types::StreamPending;
using types::StreamPendingMap;

constexpr int64_t kFullCount = 10;

void field(Context& context, std::string_view name, int64_t value) {
    context.reply.bulk(name);
    context.reply.integer(value);
}

void field(Context& context, std::string_view name, const StreamId& id) {
    context.reply.bulk(name);
    reply_id(context.reply, id);
}

void field_or_null(Context& context, std::string_view name, std::optional<int64_t> value) {
    context.reply.bulk(name);
    if (value) {
        context.reply.integer(*value);
    } else {
        context.reply.null();
    }
}

std::optional<int64_t> known(int64_t entries) {
    return entries == StreamGroup::kUnknown ? std::nullopt : std::optional(entries);
}

/// Entries that the group has yet to read, if that can be told.
std::optional<int64_t> lag(const Stream& stream, const StreamGroup& group) {
    const auto added = static_cast<int64_t>(stream.entries_added);
    if (added == 0) return 0;
    if (group.entries_read != StreamGroup::kUnknown && !stream.has_gap_behind(group.last_id)) {
        return added - group.entries_read;
    }
    const auto read = known(stream.count_to(group.last_id));
    return read ? std::optional(added - *read) : std::nullopt;
}

void reply_state(Context& context, const Stream& stream) {
    field(context, "length", static_cast<int64_t>(stream.size()));
    field(context, "radix-tree-keys", static_cast<int64_t>(stream.node_count()));
    field(context, "radix-tree-nodes", static_cast<int64_t>(stream.node_count() + 1));
    field(context, "last-generated-id", stream.last_id);
    field(context, "max-deleted-entry-id", stream.max_deleted_id);
    field(context, "entries-added", static_cast<int64_t>(stream.entries_added));
    field(context, "recorded-first-entry-id", stream.first_id());
}

void reply_one(Context& context, std::string_view name, const Stream& stream, bool is_last) {
    bool is_found = false;
    const auto give = [&](const StreamNode& node, const StreamNode::Entry& entry) {
        reply_entry(context.reply, node, entry);
        is_found = true;
        return false;
    };
    context.reply.bulk(name);
    if (is_last) {
        stream.visit_backwards({}, StreamId::max(), give);
    } else {
        stream.visit({}, StreamId::max(), give);
    }
    if (!is_found) context.reply.null();
}

/// f(id, pending) for the first `count` of a list, 0 for all; the array's header first.
template <class F>
void reply_list(Context& context, const StreamPendingMap& list, uint64_t count, F&& f) {
    uint64_t left = count == 0 ? list.size() : std::min<uint64_t>(count, list.size());
    context.reply.array(static_cast<int64_t>(left));
    for (auto at = list.begin(); left > 0; at = list.next(at), --left) {
        f(StreamId::of(list.key(at)), *list.value(at));
    }
}

void reply_full_consumer(Context& context, const StreamConsumer& consumer, uint64_t count) {
    context.reply.map(5);
    context.reply.bulk("name");
    context.reply.bulk(consumer.name());
    field(context, "seen-time", consumer.seen_ms);
    field(context, "active-time", consumer.active_ms);
    field(context, "pel-count", static_cast<int64_t>(consumer.pending.size()));
    context.reply.bulk("pending");
    reply_list(context, consumer.pending, count,
               [&](const StreamId& id, const StreamPending& pending) {
                   context.reply.array(3);
                   reply_id(context.reply, id);
                   context.reply.integer(pending.delivered_ms);
                   context.reply.integer(static_cast<int64_t>(pending.deliveries));
               });
}

void reply_full_group(Context& context, const Stream& stream, const StreamGroup& group,
                      uint64_t count) {
    context.reply.map(7);
    context.reply.bulk("name");
    context.reply.bulk(group.name());
    field(context, "last-delivered-id", group.last_id);
    field_or_null(context, "entries-read", known(group.entries_read));
    field_or_null(context, "lag", lag(stream, group));
    field(context, "pel-count", static_cast<int64_t>(group.pending().size()));
    context.reply.bulk("pending");
    reply_list(context, group.pending(), count,
               [&](const StreamId& id, const StreamPending& pending) {
                   context.reply.array(4);
                   reply_id(context.reply, id);
                   context.reply.bulk(pending.consumer->name());
                   context.reply.integer(pending.delivered_ms);
                   context.reply.integer(static_cast<int64_t>(pending.deliveries));
               });
    context.reply.bulk("consumers");
    context.reply.array(static_cast<int64_t>(group.consumers().size()));
    for (const StreamConsumer* consumer : group.consumers()) {
        reply_full_consumer(context, *consumer, count);
    }
}

void reply_full(Context& context, const Stream& stream, uint64_t count) {
    context.reply.map(9);
    reply_state(context, stream);
    context.reply.bulk("entries");
    reply_entries(context.reply, stream, {}, StreamId::max(), count);
    context.reply.bulk("groups");
    context.reply.array(static_cast<int64_t>(stream.groups().size()));
    for (const StreamGroup* group : stream.groups()) {
        reply_full_group(context, stream, *group, count);
    }
}

/// The entry of a stream that must exist; null: the reply says that it does not.
const Entry* require_key(Context& context) {
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_stream(context, entry)) return nullptr;
    if (entry == nullptr) context.error(errors::kNoSuchKey);
    return entry;
}

void refuse_form(Context& context) {
    context.error(
        fmt::format("ERR unknown subcommand or wrong number of arguments for '{}'. Try XINFO HELP.",
                    base::escape_for_error(context.argument(1))));
}

void xinfo_stream(Context& context) {
    const Entry* entry = require_key(context);
    if (entry == nullptr) return;
    const Stream& stream = stream_of(*entry);
    if (context.count() > 3) {
        const bool has_count = context.count() == 6;
        if ((context.count() != 4 && !has_count) || !context.is(3, "FULL")) {
            return refuse_form(context);
        }
        if (has_count && !context.is(4, "COUNT")) return refuse_form(context);
        auto count = std::optional<int64_t>(kFullCount);
        if (has_count) count = context.integer(5);
        if (!count) return;
        return reply_full(context, stream, static_cast<uint64_t>(*count < 0 ? kFullCount : *count));
    }
    context.reply.map(10);
    reply_state(context, stream);
    field(context, "groups", static_cast<int64_t>(stream.groups().size()));
    reply_one(context, "first-entry", stream, false);
    reply_one(context, "last-entry", stream, true);
}

void xinfo_groups(Context& context) {
    const Entry* entry = require_key(context);
    if (entry == nullptr) return;
    const Stream& stream = stream_of(*entry);
    context.reply.array(static_cast<int64_t>(stream.groups().size()));
    for (const StreamGroup* group : stream.groups()) {
        context.reply.map(6);
        context.reply.bulk("name");
        context.reply.bulk(group->name());
        field(context, "consumers", static_cast<int64_t>(group->consumers().size()));
        field(context, "pending", static_cast<int64_t>(group->pending().size()));
        field(context, "last-delivered-id", group->last_id);
        field_or_null(context, "entries-read", known(group->entries_read));
        field_or_null(context, "lag", lag(stream, *group));
    }
}

void xinfo_consumers(Context& context) {
    const Entry* entry = require_key(context);
    if (entry == nullptr) return;
    const StreamGroup* group = stream_of(*entry).find_group(context.argument(3));
    if (group == nullptr) {
        return context.error(fmt::format("NOGROUP No such consumer group '{}' for key name '{}'",
                                         up_to_nul(context.argument(3)),
                                         up_to_nul(context.argument(2))));
    }
    context.reply.array(static_cast<int64_t>(group->consumers().size()));
    for (const StreamConsumer* consumer : group->consumers()) {
        const int64_t active = consumer->active_ms;
        context.reply.map(4);
        context.reply.bulk("name");
        context.reply.bulk(consumer->name());
        field(context, "pending", static_cast<int64_t>(consumer->pending.size()));
        field(context, "idle", std::max<int64_t>(context.now_ms() - consumer->seen_ms, 0));
        field(context, "inactive",
              active < 0 ? -1 : std::max<int64_t>(context.now_ms() - active, 0));
    }
}

constexpr std::string_view kInfoHelp[] = {
    "CONSUMERS <key> <groupname>",
    "    Shows the consumers of a group.",
    "GROUPS <key>",
    "    Shows the groups of a stream.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Shows a stream.",
};

void xinfo_help(Context& context) { reply_help(context, "XINFO", kInfoHelp); }

constexpr CommandSpec kStreamInfoCommands[] = {
    {.name = "xinfo",
     .arity = -2,
     .group = Group::stream,
     .since = "5.0.0",
     .complexity = "Depends on the sub-command.",
     .summary = "Groups the commands that look at streams from inside.",
     .is_container = true},
    {.name = "stream",
     .parent = "xinfo",
     .handler = xinfo_stream,
     .arity = -3,
     .flags = flag::readonly,
     .group = Group::stream,
     .keys = one_key(key_flag::ro | key_flag::access, 2),
     .since = "5.0.0",
     .complexity = "O(1)",
     .syntax = "key [FULL [COUNT count]]",
     .summary = "Shows what a stream is like."},
    {.name = "groups",
     .parent = "xinfo",
     .handler = xinfo_groups,
     .arity = 3,
     .flags = flag::readonly,
     .group = Group::stream,
     .keys = one_key(key_flag::ro | key_flag::access, 2),
     .since = "5.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Lists the consumer groups of a stream."},
    {.name = "consumers",
     .parent = "xinfo",
     .handler = xinfo_consumers,
     .arity = 4,
     .flags = flag::readonly,
     .group = Group::stream,
     .keys = one_key(key_flag::ro | key_flag::access, 2),
     .since = "5.0.0",
     .complexity = "O(1)",
     .syntax = "key group",
     .summary = "Lists the consumers of a group.",
     .tips = "nondeterministic_output"},
    {.name = "help",
     .parent = "xinfo",
     .handler = xinfo_help,
     .arity = 2,
     .flags = flag::loading | flag::stale,
     .group = Group::stream,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the sub-commands of XINFO."},
};

}  // namespace

std::span<const CommandSpec> stream_info_commands() { return kStreamInfoCommands; }

}  // namespace gyre::commands
