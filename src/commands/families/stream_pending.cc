// SPDX-License-Identifier: BSD-3-Clause

// What is pending in a consumer group: XPENDING, XCLAIM, XAUTOCLAIM.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/numbers.h"
#include "commands/effect_words.h"
#include "commands/families/stream_options.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::Stream;
using types::StreamConsumer;
using types::StreamGroup;
using types::StreamId;
using types::StreamPending;
using types::StreamPendingMap;

/// The group of arguments 1 and 2. Null: it is missing, and the reply says so.
StreamGroup* require_group(Context& context, const Entry* entry) {
    if (!require_stream(context, entry)) return nullptr;
    StreamGroup* group =
        entry == nullptr ? nullptr : stream_of(*entry).find_group(context.argument(2));
    if (group == nullptr) context.error(no_group(context.argument(1), context.argument(2)));
    return group;
}

// --- XPENDING ------------------------------------------------------------------------------------

struct PendingQuery {
    int64_t idle_ms = 0;
    StreamId first;
    StreamId last;
    int64_t count = 0;
    std::optional<std::string_view> consumer;
};

/// The arguments of the long form. nullopt: something is wrong, and the reply says so.
std::optional<PendingQuery> read_pending_query(Context& context) {
    PendingQuery query;
    size_t at = 3;
    if (context.is(3, "IDLE")) {
        const auto idle = context.integer(4);
        if (!idle) return std::nullopt;
        query.idle_ms = *idle;
        if (context.count() < 8) {
            context.error(errors::kSyntax);
            return std::nullopt;
        }
        at = 5;
    }
    const auto count = read_count_from_zero(context, at + 2);
    if (!count) return std::nullopt;
    query.count = *count;
    const auto first = read_interval_begin(context, at);
    if (!first) return std::nullopt;
    const auto last = read_interval_end(context, at + 1);
    if (!last) return std::nullopt;
    query.first = *first;
    query.last = *last;
    if (at + 3 < context.count()) query.consumer = context.argument(at + 3);
    return query;
}

void reply_summary(Context& context, const StreamGroup& group) {
    const StreamPendingMap& list = group.pending();
    context.reply.array(4);
    context.reply.integer(static_cast<int64_t>(list.size()));
    if (list.empty()) {
        context.reply.null();
        context.reply.null();
        return context.reply.null_array();
    }
    reply_id(context.reply, StreamId::of(list.key(list.begin())));
    reply_id(context.reply, StreamId::of(list.key(list.previous(list.end()))));
    const auto consumers = group.consumers();
    const auto is_busy = [](const StreamConsumer* consumer) { return !consumer->pending.empty(); };
    context.reply.array(std::count_if(consumers.begin(), consumers.end(), is_busy));
    for (const StreamConsumer* consumer : consumers) {
        if (!is_busy(consumer)) continue;
        context.reply.array(2);
        context.reply.bulk(consumer->name());
        context.reply.bulk_integer(static_cast<int64_t>(consumer->pending.size()));
    }
}

void reply_pending(Context& context, const StreamGroup& group, const PendingQuery& query) {
    const StreamPendingMap* list = &group.pending();
    if (query.consumer) {
        const StreamConsumer* consumer = group.find_consumer(*query.consumer);
        if (consumer == nullptr) return context.reply.array(0);
        list = &consumer->pending;
    }
    std::vector<StreamPendingMap::Position> found;
    for (auto at = list->lower_bound(query.first.key());
         !list->is_end(at) && static_cast<int64_t>(found.size()) < query.count &&
         list->key(at) <= query.last.key();
         at = list->next(at)) {
        const int64_t idle_ms = context.clock_ms() - list->value(at)->delivered_ms;
        if (query.idle_ms == 0 || idle_ms >= query.idle_ms) found.push_back(at);
    }
    context.reply.array(static_cast<int64_t>(found.size()));
    for (const auto at : found) {
        const StreamPending& pending = *list->value(at);
        context.reply.array(4);
        reply_id(context.reply, StreamId::of(list->key(at)));
        context.reply.bulk(pending.consumer->name());
        context.reply.integer(std::max<int64_t>(context.clock_ms() - pending.delivered_ms, 0));
        context.reply.integer(static_cast<int64_t>(pending.deliveries));
    }
}

void xpending(Context& context) {
    const bool is_summary = context.count() == 3;
    if (!is_summary && (context.count() < 6 || context.count() > 9)) {
        return context.error(errors::kSyntax);
    }
    std::optional<PendingQuery> query;
    if (!is_summary) {
        query = read_pending_query(context);
        if (!query) return;
    }
    const StreamGroup* group = require_group(context, context.keyspace.read(context.keys[0]));
    if (group == nullptr) return;
    if (query) {
        reply_pending(context, *group, *query);
    } else {
        reply_summary(context, *group);
    }
}

// --- XCLAIM, XAUTOCLAIM --------------------------------------------------------------------------

struct Claim {
    int64_t idle_ms = 0;
    int64_t delivered_ms = 0;
    std::optional<int64_t> deliveries;
    bool forces = false;
    bool only_ids = false;
    StreamId last_id;
};

/// What the command names.
GroupName named_group(const Context& context) { return {context.argument(1), context.argument(2)}; }

/// Gives what is pending to another consumer.
void take(Context& context, StreamGroup& group, const StreamId& id, StreamPending* pending,
          StreamConsumer* consumer, const Claim& claim) {
    group.reassign(id, pending, consumer);
    pending->delivered_ms = claim.delivered_ms;
    if (claim.deliveries) {
        pending->deliveries = static_cast<uint64_t>(*claim.deliveries);
    } else if (!claim.only_ids) {
        ++pending->deliveries;
    }
    consumer->active_ms = context.clock_ms();
    if (context.logs()) [[unlikely]]
        tell_claimed(context, named_group(context), consumer->name(), {&id, 1}, *pending);
}

/// An entry that is gone can be pending no more.
void forget_pending(Context& context, StreamGroup& group, const StreamId& id) {
    group.acknowledge(id);
    if (!context.logs()) [[likely]]
        return;
    const GroupName name = named_group(context);
    EffectWords(context, "XACK").add(name.key).add(name.group).copy(stream_id_text(id)).tell();
}

StreamConsumer* named_consumer(Context& context, StreamGroup& group) {
    StreamConsumer* consumer = group.find_consumer(context.argument(3));
    if (consumer == nullptr) {
        consumer = group.add_consumer(context.argument(3), context.clock_ms());
        tell_stream(context, "xgroup-createconsumer");
        if (context.logs()) tell_consumer(context, named_group(context), consumer->name());
    }
    consumer->seen_ms = context.clock_ms();
    return consumer;
}

void reply_claimed(Context& context, const Stream& stream, const std::vector<StreamId>& ids,
                   const Claim& claim) {
    context.reply.array(static_cast<int64_t>(ids.size()));
    for (const StreamId& id : ids) {
        if (claim.only_ids) {
            reply_id(context.reply, id);
        } else {
            reply_entry_of(context.reply, stream, id);
        }
    }
}

std::optional<int64_t> read_claim_number(Context& context, size_t at, std::string_view what) {
    const auto value = base::parse_integer(context.argument(at));
    if (!value) context.error(fmt::format("ERR Invalid {} argument for XCLAIM", what));
    return value;
}

/// One option of XCLAIM; moves `at` to its last argument.
bool read_claim_option(Context& context, size_t& at, Claim& claim,
                       std::optional<int64_t>& delivered_ms) {
    const bool has_value = at + 1 < context.count();
    if (context.is(at, "FORCE")) {
        claim.forces = true;
    } else if (context.is(at, "JUSTID")) {
        claim.only_ids = true;
    } else if (has_value && context.is(at, "IDLE")) {
        const auto idle = read_claim_number(context, ++at, "IDLE option");
        if (!idle) return false;
        __extension__ using Wide = __int128;
        const Wide moment = Wide{context.clock_ms()} - *idle;
        delivered_ms = moment < 0 || moment > context.clock_ms() ? context.clock_ms()
                                                                 : static_cast<int64_t>(moment);
    } else if (has_value && context.is(at, "TIME")) {
        delivered_ms = read_claim_number(context, ++at, "TIME option");
        if (!delivered_ms) return false;
    } else if (has_value && context.is(at, "RETRYCOUNT")) {
        const auto count = read_claim_number(context, ++at, "RETRYCOUNT option");
        if (!count) return false;
        if (*count >= 0) claim.deliveries = count;
    } else if (has_value && context.is(at, "LASTID")) {
        const auto id = read_id(context, ++at);
        if (!id) return false;
        claim.last_id = *id;
    } else {
        context.error(
            fmt::format("ERR Unrecognized XCLAIM option '{}'", up_to_nul(context.argument(at))));
        return false;
    }
    return true;
}

/// Ids and options of XCLAIM. False: something is wrong, and the reply says so.
bool read_claim(Context& context, std::vector<StreamId>& ids, Claim& claim) {
    const auto idle = read_claim_number(context, 4, "min-idle-time");
    if (!idle) return false;
    claim.idle_ms = std::max<int64_t>(*idle, 0);
    size_t at = 5;
    for (; at < context.count(); ++at) {
        const auto parsed = parse_stream_id(context.argument(at), 0, false);
        if (!parsed) break;
        ids.push_back(parsed->id);
    }
    std::optional<int64_t> delivered_ms;
    for (; at < context.count(); ++at) {
        if (!read_claim_option(context, at, claim, delivered_ms)) return false;
    }
    // A moment that cannot be means that somebody's clock is off: now is better than an error.
    const int64_t now_ms = context.clock_ms();
    const bool is_sane = delivered_ms && *delivered_ms >= 0 && *delivered_ms <= now_ms;
    claim.delivered_ms = is_sane ? *delivered_ms : now_ms;
    return true;
}

/// Claims one entry. False: it is gone, is not pending, or was given out too lately.
bool claim_one(Context& context, Stream& stream, StreamGroup& group, StreamConsumer* consumer,
               const StreamId& id, const Claim& claim) {
    StreamPending* pending = group.find_pending(id);
    if (!stream.contains(id)) {
        if (pending != nullptr) forget_pending(context, group, id);
        return false;
    }
    if (pending == nullptr) {
        if (!claim.forces) return false;
        pending = group.add_pending(id, consumer, context.clock_ms());
    } else if (claim.idle_ms > 0 && context.clock_ms() - pending->delivered_ms < claim.idle_ms) {
        return false;
    }
    take(context, group, id, pending, consumer, claim);
    return true;
}

void xclaim(Context& context) {
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.read(key);
    StreamGroup* group = require_group(context, entry);
    if (group == nullptr) return;
    std::vector<StreamId> ids;
    Claim claim;
    if (!read_claim(context, ids, claim)) return;
    context.effects().tell_alone();
    edit_stream(context, key, entry, [&](Stream& stream) {
        if (claim.last_id > group->last_id) {
            group->last_id = claim.last_id;
            if (context.logs()) tell_group_position(context, named_group(context), *group);
        }
        StreamConsumer* consumer = named_consumer(context, *group);
        std::erase_if(ids, [&](const StreamId& id) {
            return !claim_one(context, stream, *group, consumer, id, claim);
        });
        reply_claimed(context, stream, ids, claim);
    });
    context.keyspace.changed_beside(key, entry);
    if (!ids.empty()) context.keyspace.notify_update("xclaim", key);
}

constexpr int64_t kAutoclaimCount = 100;
/// Entries XAUTOCLAIM looks at for each one it may claim.
constexpr int64_t kAttemptsFactor = 10;
constexpr int64_t kAutoclaimCountMax = INT64_MAX / 16;

struct Autoclaim {
    Claim claim;
    StreamId start;
    int64_t count = kAutoclaimCount;
};

std::optional<Autoclaim> read_autoclaim(Context& context) {
    Autoclaim arguments;
    const auto idle = context.integer(4, "ERR Invalid min-idle-time argument for XAUTOCLAIM");
    if (!idle) return std::nullopt;
    arguments.claim.idle_ms = std::max<int64_t>(*idle, 0);
    arguments.claim.delivered_ms = context.clock_ms();
    const auto start = read_interval_begin(context, 5);
    if (!start) return std::nullopt;
    arguments.start = *start;
    for (size_t at = 6; at < context.count(); ++at) {
        if (at + 1 < context.count() && context.is(at, "COUNT")) {
            const auto count =
                context.integer_between(++at, 1, kAutoclaimCountMax, "ERR COUNT must be > 0");
            if (!count) return std::nullopt;
            arguments.count = *count;
        } else if (context.is(at, "JUSTID")) {
            arguments.claim.only_ids = true;
        } else {
            context.error(errors::kSyntax);
            return std::nullopt;
        }
    }
    return arguments;
}

/// Whether it has claimed or forgotten any.
bool autoclaim(Context& context, Stream& stream, StreamGroup& group, const Autoclaim& arguments) {
    StreamConsumer* consumer = named_consumer(context, group);
    std::vector<StreamId> claimed;
    std::vector<StreamId> deleted;
    StreamId cursor = arguments.start;
    __extension__ using Wide = __int128;
    Wide attempts = Wide{arguments.count} * kAttemptsFactor;
    const StreamPendingMap& list = group.pending();
    auto at = list.lower_bound(cursor.key());
    for (int64_t left = arguments.count; attempts > 0 && left > 0 && !list.is_end(at); --attempts) {
        const StreamId id = StreamId::of(list.key(at));
        StreamPending* pending = list.value(at);
        if (!stream.contains(id)) {
            forget_pending(context, group, id);
            deleted.push_back(id);
            at = list.lower_bound(id.key());
            --left;
            continue;
        }
        at = list.next(at);
        const int64_t idle_ms = context.clock_ms() - pending->delivered_ms;
        if (arguments.claim.idle_ms > 0 && idle_ms < arguments.claim.idle_ms) continue;
        take(context, group, id, pending, consumer, arguments.claim);
        claimed.push_back(id);
        --left;
    }
    cursor = list.is_end(at) ? StreamId{} : StreamId::of(list.key(at));
    context.reply.array(3);
    reply_id(context.reply, cursor);
    reply_claimed(context, stream, claimed, arguments.claim);
    context.reply.array(static_cast<int64_t>(deleted.size()));
    for (const StreamId& id : deleted) reply_id(context.reply, id);
    return !claimed.empty() || !deleted.empty();
}

void xautoclaim(Context& context) {
    const auto arguments = read_autoclaim(context);
    if (!arguments) return;
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.read(key);
    StreamGroup* group = require_group(context, entry);
    if (group == nullptr) return;
    context.effects().tell_alone();
    const bool has_changed = edit_stream(context, key, entry, [&](Stream& stream) {
        return autoclaim(context, stream, *group, *arguments);
    });
    context.keyspace.changed_beside(key, entry);
    if (has_changed) context.keyspace.notify_update("xautoclaim", key);
}

constexpr CommandSpec kStreamPendingCommands[] = {
    {.name = "xpending",
     .handler = xpending,
     .arity = -3,
     .flags = flag::readonly,
     .group = Group::stream,
     .keys = one_key(key_flag::ro | key_flag::access),
     .since = "5.0.0",
     .complexity = "O(N) with N the entries returned.",
     .syntax = "key group [[IDLE min-idle-time] start end count [consumer]]",
     .summary = "Returns what is pending in a group.",
     .tips = "nondeterministic_output"},
    {.name = "xclaim",
     .handler = xclaim,
     .arity = -6,
     .flags = flag::write | flag::fast,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::update),
     .since = "5.0.0",
     .complexity = "O(log N) for each id, with N entries pending in the group.",
     .syntax = "key group consumer min-idle-time id [id ...] [IDLE ms] "
               "[TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
     .summary = "Gives pending entries to another consumer.",
     .tips = "nondeterministic_output"},
    {.name = "xautoclaim",
     .handler = xautoclaim,
     .arity = -6,
     .flags = flag::write | flag::fast,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::remove),
     .since = "6.2.0",
     .complexity = "O(1) if COUNT is small.",
     .syntax = "key group consumer min-idle-time start [COUNT count] [JUSTID]",
     .summary = "Gives entries that have been pending for long to another consumer.",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> stream_pending_commands() { return kStreamPendingCommands; }

}  // namespace gyre::commands
