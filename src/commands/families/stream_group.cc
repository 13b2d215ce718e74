// SPDX-License-Identifier: BSD-3-Clause

// Consumer groups: XGROUP, XREADGROUP, XACK. What is pending is looked at and claimed in
// stream_pending.cc.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/numbers.h"
#include "commands/blocking.h"
#include "commands/families/stream_options.h"
#include "commands/help.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::Stream;
using types::StreamConsumer;
using types::StreamGroup;
using types::StreamId;
using types::StreamNode;

// --- XGROUP --------------------------------------------------------------------------------------

/// CREATE's and SETID's options.
struct GroupOptions {
    bool makes_stream = false;
    int64_t entries_read = StreamGroup::kUnknown;
};

/// Redis counts the arguments last, so that each option may stand there twice where there is room.
constexpr size_t kCreateArgumentsMax = 8;
constexpr size_t kSetIdArgumentsMax = 7;

void refuse_group_form(Context& context) {
    context.error(fmt::format(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try XGROUP HELP.",
        base::escape_for_error(context.argument(1))));
}

std::optional<GroupOptions> read_group_options(Context& context, bool may_make) {
    GroupOptions options;
    for (size_t at = 5; at < context.count(); ++at) {
        if (may_make && context.is(at, "MKSTREAM")) {
            options.makes_stream = true;
        } else if (context.is(at, "ENTRIESREAD") && at + 1 < context.count()) {
            const auto read = context.integer(++at);
            if (!read) return std::nullopt;
            options.entries_read = *read;
            if (*read >= 0 || *read == StreamGroup::kUnknown) continue;
            context.error("ERR value for ENTRIESREAD must be positive or -1");
            return std::nullopt;
        } else {
            refuse_group_form(context);
            return std::nullopt;
        }
    }
    return options;
}

void refuse_missing_stream(Context& context) {
    context.error(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to "
        "use the MKSTREAM option to create an empty stream automatically.");
}

/// The group of argument 3 in the stream of an entry; null when the reply says that it is missing.
StreamGroup* require_group(Context& context, const Entry& entry) {
    StreamGroup* group = stream_of(entry).find_group(context.argument(3));
    if (group == nullptr) {
        context.error(fmt::format("NOGROUP No such consumer group '{}' for key name '{}'",
                                  up_to_nul(context.argument(3)), up_to_nul(context.argument(2))));
    }
    return group;
}

/// The id of argument 4, `$` being the last one of the stream.
std::optional<StreamId> read_group_id(Context& context, const Entry* entry) {
    if (up_to_nul(context.argument(4)) != "$") return read_id(context, 4);
    return entry == nullptr ? StreamId{} : stream_of(*entry).last_id;
}

/// SETID's, for which an end of an interval is an id too.
std::optional<StreamId> read_new_position(Context& context, const Entry* entry) {
    const std::string_view text = up_to_nul(context.argument(4));
    if (text == "-") return StreamId{};
    if (text == "+") return StreamId::max();
    return read_group_id(context, entry);
}

void xgroup_create(Context& context) {
    const auto options = read_group_options(context, true);
    if (!options) return;
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (!require_stream(context, entry)) return;
    if (entry == nullptr && !options->makes_stream) return refuse_missing_stream(context);
    if (context.count() > kCreateArgumentsMax) return refuse_group_form(context);
    const auto id = read_group_id(context, entry);
    if (!id) return;
    if (entry == nullptr) {
        entry = context.keyspace.put_object(key, nullptr, kStreamKind,
                                            std::unique_ptr<types::Object>(new Stream()));
    }
    const bool is_made = edit_stream(context, key, entry, [&](Stream& stream) {
        return stream.add_group(context.argument(3), *id, options->entries_read) != nullptr;
    });
    if (!is_made) return context.error("BUSYGROUP Consumer Group name already exists");
    context.keyspace.changed_beside(key, entry);
    tell_stream(context, "xgroup-create");
    context.reply.ok();
}

/// The entry of a stream that must exist; null: the reply says that it does not.
Entry* find_stream(Context& context) {
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_stream(context, entry)) return nullptr;
    if (entry == nullptr) refuse_missing_stream(context);
    return entry;
}

void xgroup_setid(Context& context) {
    const auto options = read_group_options(context, false);
    if (!options) return;
    Entry* entry = find_stream(context);
    if (entry == nullptr) return;
    StreamGroup* group = require_group(context, *entry);
    if (group == nullptr) return;
    if (context.count() > kSetIdArgumentsMax) return refuse_group_form(context);
    const auto id = read_new_position(context, entry);
    if (!id) return;
    edit_stream(context, context.keys[0], entry, [&](Stream&) {
        group->last_id = *id;
        group->entries_read = options->entries_read;
    });
    // As in Redis, those who wait for new entries wait for the next one.
    context.keyspace.changed_beside(context.keys[0], entry);
    tell_stream(context, "xgroup-setid");
    context.reply.ok();
}

void xgroup_destroy(Context& context) {
    Entry* entry = find_stream(context);
    if (entry == nullptr) return;
    StreamGroup* group = stream_of(*entry).find_group(context.argument(3));
    if (group == nullptr) return context.reply.integer(0);
    edit_stream(context, context.keys[0], entry,
                [&](Stream& stream) { stream.erase_group(group); });
    context.keyspace.changed_beside(context.keys[0], entry, true);
    tell_stream(context, "xgroup-destroy");
    context.reply.integer(1);
}

void xgroup_createconsumer(Context& context) {
    Entry* entry = find_stream(context);
    StreamGroup* group = entry == nullptr ? nullptr : require_group(context, *entry);
    if (group == nullptr) return;
    if (group->find_consumer(context.argument(4)) != nullptr) return context.reply.integer(0);
    edit_stream(context, context.keys[0], entry,
                [&](Stream&) { group->add_consumer(context.argument(4), context.clock_ms()); });
    context.keyspace.changed_beside(context.keys[0], entry);
    tell_stream(context, "xgroup-createconsumer");
    context.reply.integer(1);
}

void xgroup_delconsumer(Context& context) {
    Entry* entry = find_stream(context);
    StreamGroup* group = entry == nullptr ? nullptr : require_group(context, *entry);
    if (group == nullptr) return;
    StreamConsumer* consumer = group->find_consumer(context.argument(4));
    if (consumer == nullptr) return context.reply.integer(0);
    const auto pending = static_cast<int64_t>(consumer->pending.size());
    edit_stream(context, context.keys[0], entry, [&](Stream&) { group->erase_consumer(consumer); });
    context.keyspace.changed_beside(context.keys[0], entry);
    tell_stream(context, "xgroup-delconsumer");
    context.reply.integer(pending);
}

constexpr std::string_view kGroupHelp[] = {
    "CREATE <key> <groupname> <id|$> [option]",
    "    Makes a group that reads behind an id. Options:",
    "    * MKSTREAM",
    "      Makes the stream, empty, when it is missing.",
    "    * ENTRIESREAD entries_read",
    "      How many entries the group counts as read.",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Makes a consumer.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Removes a consumer with what is pending for it.",
    "DESTROY <key> <groupname>",
    "    Removes a group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Sets the id behind which the group reads.",
};

void xgroup_help(Context& context) { reply_help(context, "XGROUP", kGroupHelp); }

// --- XREADGROUP ----------------------------------------------------------------------------------

struct ReadArguments {
    size_t group_at = 0;
    uint64_t count = 0;
    std::optional<int64_t> timeout_ms;  ///< BLOCK
    bool no_ack = false;
    size_t streams_at = 0;
    size_t streams = 0;
};

/// False: something is wrong, and the reply says so.
bool read_words(Context& context, ReadArguments& arguments) {
    for (size_t at = 1; at < context.count() && arguments.streams_at == 0; ++at) {
        const size_t left = context.count() - at - 1;
        if (left >= 1 && context.is(at, "COUNT")) {
            const auto count = read_count_from_zero(context, ++at);
            if (!count) return false;
            arguments.count = static_cast<uint64_t>(*count);
        } else if (left >= 1 && context.is(at, "BLOCK")) {
            arguments.timeout_ms = read_timeout_ms(context, ++at);
            if (!arguments.timeout_ms) return false;
        } else if (left >= 1 && context.is(at, "STREAMS")) {
            arguments.streams_at = at + 1;
            arguments.streams = left / 2;
            if (left % 2 == 0) continue;
            context.error(
                "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' "
                "must be specified.");
            return false;
        } else if (left >= 2 && context.is(at, "GROUP")) {
            arguments.group_at = at + 1;
            at += 2;
        } else if (context.is(at, "NOACK")) {
            arguments.no_ack = true;
        } else {
            break;
        }
    }
    if (arguments.streams_at == 0 || arguments.streams != context.keys.size()) {
        context.error(errors::kSyntax);
        return false;
    }
    if (arguments.group_at == 0) context.error("ERR Missing GROUP option for XREADGROUP");
    return arguments.group_at != 0;
}

/// One stream that is read.
struct ReadFrom {
    const Key* key;
    Entry* entry;
    StreamGroup* group;
    StreamId after;
    bool is_history = false;  ///< what is pending for the consumer, behind an id
    bool is_served = false;
};

/// The id of one stream. False: it is wrong, and the reply says so.
bool read_start(Context& context, size_t at, ReadFrom& source) {
    const std::string_view text = up_to_nul(context.argument(at));
    if (text == "$") {
        context.error(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the "
            "history of this consumer by specifying a proper ID, or use the > ID to get new "
            "messages. The $ ID would just return an empty result set.");
        return false;
    }
    const Stream& stream = stream_of(*source.entry);
    if (text != ">") {
        const auto id = read_id(context, at);
        if (!id) return false;
        source.after = *id;
        source.is_history = *id != StreamId::max();
    }
    if (!source.is_history) {
        const auto last = stream.last_entry();
        source.is_served = last && *last > source.group->last_id;
        source.after = source.group->last_id;
    } else {
        source.is_served = true;
    }
    return true;
}

/// Of a group that is named again for its new entries: each place but the first gets what those
/// before it leave over, and is not served where that is nothing.
void settle_repeated(std::vector<ReadFrom>& sources, uint64_t count) {
    std::vector<std::pair<const StreamGroup*, size_t>> fresh;
    for (size_t i = 0; i < sources.size() && sources.size() > 1; ++i) {
        if (sources[i].is_served && !sources[i].is_history) fresh.emplace_back(sources[i].group, i);
    }
    std::sort(fresh.begin(), fresh.end());
    for (size_t begin = 0; begin < fresh.size();) {
        const StreamGroup* group = fresh[begin].first;
        size_t end = begin + 1;
        while (end < fresh.size() && fresh[end].first == group) ++end;
        uint64_t served = 1;
        if (count != 0 && end - begin > 1) {
            StreamId first = group->last_id;
            first.increment();
            uint64_t entries = 0;
            stream_of(*sources[fresh[begin].second].entry)
                .visit(first, StreamId::max(), [&](const StreamNode&, const StreamNode::Entry&) {
                    // No more than all places together can take.
                    return ++entries / count < end - begin;
                });
            served = entries / count + (entries % count != 0 ? 1 : 0);
        }
        for (size_t i = begin + std::min<uint64_t>(served, end - begin); i < end; ++i) {
            sources[fresh[i].second].is_served = false;
        }
        begin = end;
    }
}

std::optional<std::vector<ReadFrom>> find_sources(Context& context, const ReadArguments& arguments,
                                                  const Reach& reach) {
    const std::string_view group_name = context.argument(arguments.group_at);
    std::vector<ReadFrom> sources;
    for (size_t i = 0; i < arguments.streams; ++i) {
        if (!reach.sees(context.keys[i])) continue;
        Entry* entry = context.keyspace.read(context.keys[i]);
        if (!require_stream(context, entry)) return std::nullopt;
        StreamGroup* group = entry == nullptr ? nullptr : stream_of(*entry).find_group(group_name);
        if (group == nullptr) {
            context.error(
                no_group(context.keys[i].bytes, group_name, " in XREADGROUP with GROUP option"));
            return std::nullopt;
        }
        ReadFrom source{&context.keys[i], entry, group, {}};
        if (!read_start(context, arguments.streams_at + arguments.streams + i, source)) {
            return std::nullopt;
        }
        sources.push_back(source);
    }
    settle_repeated(sources, arguments.count);
    return sources;
}

/// Entries given out again one by one, since each has its own count; the time of that alone.
void tell_given_again(Context& context, const GroupName& name, const StreamConsumer& consumer,
                      const StreamId& id, const types::StreamPending& pending) {
    if (context.logs()) [[unlikely]]
        tell_claimed(context, name, consumer.name(), {&id, 1}, pending);
}

/// What is pending for a consumer; of entries that are gone the id alone.
void reply_history(Context& context, const GroupName& name, const Stream& stream,
                   const StreamConsumer& consumer, StreamId first, uint64_t count) {
    const types::StreamPendingMap& list = consumer.pending;
    const auto begin = list.lower_bound(first.key());
    uint64_t found = 0;
    for (auto at = begin; !list.is_end(at) && (count == 0 || found < count); at = list.next(at)) {
        ++found;
    }
    context.reply.array(static_cast<int64_t>(found));
    for (auto at = begin; found > 0; at = list.next(at), --found) {
        const StreamId id = StreamId::of(list.key(at));
        if (reply_entry_of(context.reply, stream, id)) {
            list.value(at)->delivered_ms = context.clock_ms();
            ++list.value(at)->deliveries;
            tell_given_again(context, name, consumer, id, *list.value(at));
            continue;
        }
        context.reply.array(2);
        reply_id(context.reply, id);
        context.reply.null_array();
    }
}

/// The group has given out an entry.
void advance(const Stream& stream, StreamGroup& group, const StreamId& id) {
    if (id <= group.last_id) return;
    if (group.entries_read != StreamGroup::kUnknown && !stream.has_gap_behind(id)) {
        ++group.entries_read;
    } else if (stream.entries_added != 0) {
        group.entries_read = stream.count_to(id);
    }
    group.last_id = id;
}

void give(StreamGroup& group, const StreamId& id, StreamConsumer* consumer, int64_t now_ms) {
    types::StreamPending* pending = group.find_pending(id);
    if (pending == nullptr) {
        group.add_pending(id, consumer, now_ms);
        return;
    }
    group.reassign(id, pending, consumer);
    pending->delivered_ms = now_ms;
    pending->deliveries = 1;
}

void reply_new(Context& context, const GroupName& name, const Stream& stream, StreamGroup& group,
               StreamConsumer* consumer, const ReadArguments& arguments) {
    const bool logs = context.logs() && !arguments.no_ack;
    std::vector<StreamId> ids;
    StreamId first = group.last_id;
    first.increment();
    reply_entries(context.reply, stream, first, StreamId::max(), arguments.count);
    uint64_t given = 0;
    stream.visit(first, StreamId::max(), [&](const StreamNode&, const StreamNode::Entry& entry) {
        advance(stream, group, entry.id);
        if (!arguments.no_ack) give(group, entry.id, consumer, context.clock_ms());
        if (logs) ids.push_back(entry.id);
        return ++given != arguments.count;
    });
    consumer->active_ms = context.clock_ms();
    if (!ids.empty()) {
        tell_claimed(context, name, consumer->name(), ids, *group.find_pending(ids.front()));
    }
    if (context.logs()) tell_group_position(context, name, group);
}

int64_t count_served(const std::vector<ReadFrom>& sources) {
    return std::count_if(sources.begin(), sources.end(),
                         [](const ReadFrom& source) { return source.is_served; });
}

void serve(Context& context, const ReadFrom& source, const ReadArguments& arguments) {
    // That the consumer was seen is a change of nothing: one that asks in vain writes nothing.
    bool has_changed = source.is_served;
    edit_stream(context, *source.key, source.entry, [&](Stream& stream) {
        const std::string_view name = context.argument(arguments.group_at + 1);
        const GroupName group{source.key->bytes, context.argument(arguments.group_at)};
        StreamConsumer* consumer = source.group->find_consumer(name);
        if (consumer == nullptr) {
            consumer = source.group->add_consumer(name, context.clock_ms());
            has_changed = true;
            context.keyspace.notify(engine::event::stream, "xgroup-createconsumer", *source.key);
            if (context.logs()) tell_consumer(context, group, name);
        }
        consumer->seen_ms = context.clock_ms();
        if (!source.is_served) return;
        if (context.reply.protocol() == resp::Protocol::resp2) context.reply.array(2);
        context.reply.bulk(source.key->bytes);
        if (source.is_history) {
            StreamId first = source.after;
            first.increment();
            reply_history(context, group, stream, *consumer, first, arguments.count);
        } else {
            reply_new(context, group, stream, *source.group, consumer, arguments);
        }
    });
    if (has_changed) context.keyspace.changed_beside(*source.key, source.entry);
    if (source.is_served) context.keyspace.notify_update("xreadgroup", *source.key);
}

/// Writes the reply if there is one; looks after the consumer in any case.
void read_sources(Context& context, const std::vector<ReadFrom>& sources,
                  const ReadArguments& arguments) {
    const auto served = count_served(sources);
    if (served != 0 && context.reply.protocol() == resp::Protocol::resp3) {
        context.reply.map(served);
    } else if (served != 0) {
        context.reply.array(served);
    }
    context.effects().tell_alone();
    for (const ReadFrom& source : sources) serve(context, source, arguments);
}

/// On behalf of one that waits. That a stream or its group has gone ends the wait with an error.
bool try_xreadgroup(Context& context, const Reach& reach) {
    ReadArguments arguments;
    if (!read_words(context, arguments)) return true;
    const auto sources = find_sources(context, arguments, reach);
    if (!sources) return reach.claim();
    if (count_served(*sources) == 0 || !reach.claim()) return false;
    read_sources(context, *sources, arguments);
    return true;
}

void xreadgroup(Context& context) {
    ReadArguments arguments;
    if (!read_words(context, arguments)) return;
    const auto sources = find_sources(context, arguments, {});
    if (!sources) return;
    read_sources(context, *sources, arguments);
    if (count_served(*sources) != 0) return;
    if (!arguments.timeout_ms) return context.reply.null_array();
    block(context, {.attempt = try_xreadgroup,
                    .keys = context.keys,
                    .type = store::Type::stream,
                    .timeout_ms = *arguments.timeout_ms,
                    .wants_removal = true});
}

// --- XACK ----------------------------------------------------------------------------------------

void xack(Context& context) {
    const Key& key = context.keys[0];
    // A miss is one, as in Redis, though nothing is made here.
    Entry* entry = context.keyspace.read(key);
    if (!require_stream(context, entry)) return;
    StreamGroup* group =
        entry == nullptr ? nullptr : stream_of(*entry).find_group(context.argument(2));
    if (group == nullptr) return context.reply.integer(0);
    std::vector<StreamId> ids;
    for (size_t at = 3; at < context.count(); ++at) {
        const auto id = read_id(context, at);
        if (!id) return;
        ids.push_back(*id);
    }
    const auto acknowledged = edit_stream(context, key, entry, [&](Stream&) {
        return std::count_if(ids.begin(), ids.end(),
                             [&](const StreamId& id) { return group->acknowledge(id); });
    });
    if (acknowledged > 0) {
        context.keyspace.changed_beside(key, entry);
        context.keyspace.notify_update("xack", key);
    }
    context.reply.integer(acknowledged);
}

constexpr uint16_t kUpdates = key_flag::rw | key_flag::update;

constexpr CommandSpec kStreamGroupCommands[] = {
    {.name = "xgroup",
     .arity = -2,
     .group = Group::stream,
     .since = "5.0.0",
     .complexity = "Depends on the sub-command.",
     .summary = "Groups the commands on consumer groups.",
     .is_container = true},
    {.name = "create",
     .parent = "xgroup",
     .handler = xgroup_create,
     .arity = -5,
     .flags = flag::write | flag::denyoom,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::insert, 2),
     .since = "5.0.0",
     .complexity = "O(1)",
     .syntax = "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
     .summary = "Makes a consumer group."},
    {.name = "setid",
     .parent = "xgroup",
     .handler = xgroup_setid,
     .arity = -5,
     .flags = flag::write,
     .group = Group::stream,
     .keys = one_key(kUpdates, 2),
     .since = "5.0.0",
     .complexity = "O(1)",
     .syntax = "key group <id | $> [ENTRIESREAD entries-read]",
     .summary = "Sets the id behind which a group reads."},
    {.name = "destroy",
     .parent = "xgroup",
     .handler = xgroup_destroy,
     .arity = 4,
     .flags = flag::write,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::remove, 2),
     .since = "5.0.0",
     .complexity = "O(N) with N the entries pending in the group.",
     .syntax = "key group",
     .summary = "Removes a consumer group."},
    {.name = "createconsumer",
     .parent = "xgroup",
     .handler = xgroup_createconsumer,
     .arity = 5,
     .flags = flag::write | flag::denyoom,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::insert, 2),
     .since = "6.2.0",
     .complexity = "O(1)",
     .syntax = "key group consumer",
     .summary = "Makes a consumer in a group."},
    {.name = "delconsumer",
     .parent = "xgroup",
     .handler = xgroup_delconsumer,
     .arity = 5,
     .flags = flag::write,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::remove, 2),
     .since = "5.0.0",
     .complexity = "O(N) with N the entries pending for the consumer.",
     .syntax = "key group consumer",
     .summary = "Removes a consumer from a group."},
    {.name = "help",
     .parent = "xgroup",
     .handler = xgroup_help,
     .arity = 2,
     .flags = flag::loading | flag::stale,
     .group = Group::stream,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the sub-commands of XGROUP."},
    {.name = "xreadgroup",
     .handler = xreadgroup,
     .arity = -7,
     .flags = flag::write | flag::blocking | flag::movablekeys,
     .group = Group::stream,
     .keys = {{KeySpec{key_flag::ro | key_flag::access, 4, KeySpec::Find::range, -1, 1, 2,
                       "STREAMS"}},
              1},
     .since = "5.0.0",
     .complexity = "O(N) with N the entries returned.",
     .syntax = "GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] "
               "STREAMS key [key ...] id [id ...]",
     .summary = "Returns entries to a consumer of a group: new ones, which it may wait for, or "
                "what is pending for it."},
    {.name = "xack",
     .handler = xack,
     .arity = -4,
     .flags = flag::write | flag::fast,
     .group = Group::stream,
     .keys = one_key(kUpdates),
     .since = "5.0.0",
     .complexity = "O(1) for each id.",
     .syntax = "key group id [id ...]",
     .summary = "Acknowledges entries, which are no longer pending then."},
};

}  // namespace

std::span<const CommandSpec> stream_group_commands() { return kStreamGroupCommands; }

}  // namespace gyre::commands
