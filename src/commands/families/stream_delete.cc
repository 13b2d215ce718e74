// SPDX-License-Identifier: BSD-3-Clause

// XDELEX and XACKDEL: the removal of entries that minds who still refers to them. A group refers to
// an entry while it is pending in it; and as long as the group has not read so far, the entry is
// not done with either.
//
// Newer than Redis 7.2, and without an event of their own there: what is removed makes XDEL's.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "commands/effect_words.h"
#include "commands/families/stream_options.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::Stream;
using types::StreamGroup;
using types::StreamId;

enum class References : uint8_t {
    keep,     ///< KEEPREF: what is pending stays pending
    remove,   ///< DELREF: it is acknowledged in all groups
    respect,  ///< ACKED: the entry goes only when no group refers to it
};

/// What became of an entry, as the reply tells it.
enum class Fate : int8_t { missing = -1, deleted = 1, referred_to = 2 };

struct DeleteArguments {
    References references = References::keep;
    std::vector<StreamId> ids;
};

std::optional<References> references_of(const Context& context, size_t at) {
    if (context.is(at, "KEEPREF")) return References::keep;
    if (context.is(at, "DELREF")) return References::remove;
    if (context.is(at, "ACKED")) return References::respect;
    return std::nullopt;
}

/// The count at `at` and the ids behind it, to the end. False: the reply says what is wrong.
bool read_ids(Context& context, size_t at, DeleteArguments& arguments) {
    const auto count =
        context.integer_between(at, 1, INT32_MAX, "ERR Number of IDs must be a positive integer");
    if (!count) return false;
    if (static_cast<size_t>(*count) != context.count() - at - 1) {
        context.error("ERR The `numids` parameter must match the number of arguments");
        return false;
    }
    for (++at; at < context.count(); ++at) {
        const auto id = read_id(context, at);
        if (!id) return false;
        arguments.ids.push_back(*id);
    }
    return true;
}

/// `[KEEPREF | DELREF | ACKED] IDS numids id ...` from `at` on. nullopt: the reply says what is
/// wrong.
std::optional<DeleteArguments> read_arguments(Context& context, size_t at) {
    DeleteArguments arguments;
    if (const auto references = references_of(context, at)) {
        arguments.references = *references;
        ++at;
    }
    if (at + 1 >= context.count() || !context.is(at, "IDS")) {
        context.error(errors::kSyntax);
        return std::nullopt;
    }
    if (!read_ids(context, at + 1, arguments)) return std::nullopt;
    return arguments;
}

bool is_referred_to(const Stream& stream, const StreamId& id) {
    return std::ranges::any_of(stream.groups(), [&](const StreamGroup* group) {
        return group->last_id < id || group->find_pending(id) != nullptr;
    });
}

/// What became of the ids, and what was changed.
struct Outcome {
    std::vector<Fate> fates;
    std::vector<StreamId> deleted;
    std::vector<std::pair<const StreamGroup*, StreamId>> acknowledged;
};

bool acknowledge(StreamGroup& group, const StreamId& id, Outcome& outcome) {
    if (!group.acknowledge(id)) return false;
    outcome.acknowledged.emplace_back(&group, id);
    return true;
}

void delete_one(Stream& stream, const StreamId& id, References references, Outcome& outcome) {
    Fate fate = Fate::missing;
    if (references == References::remove) {
        for (StreamGroup* group : stream.groups()) acknowledge(*group, id, outcome);
    }
    if (references == References::respect && stream.contains(id) && is_referred_to(stream, id)) {
        fate = Fate::referred_to;
    } else if (stream.erase(id)) {
        fate = Fate::deleted;
        outcome.deleted.push_back(id);
    }
    outcome.fates.push_back(fate);
}

/// What is not pending in the group is none of its business.
void acknowledge_and_delete_one(Stream& stream, StreamGroup& group, const StreamId& id,
                                References references, Outcome& outcome) {
    if (!acknowledge(group, id, outcome)) return outcome.fates.push_back(Fate::missing);
    delete_one(stream, id, references, outcome);
    // Pending, and no entry any more: what was asked for is so.
    if (outcome.fates.back() == Fate::missing) outcome.fates.back() = Fate::deleted;
}

/// In words that Redis knows.
void tell_effects(Context& context, const Outcome& outcome) {
    const Key& key = context.keys[0];
    for (const auto& [group, id] : outcome.acknowledged) {
        EffectWords(context, "XACK").add(key).copy(group->name()).copy(stream_id_text(id)).tell();
    }
    if (outcome.deleted.empty()) return;
    EffectWords effect(context, "XDEL");
    effect.add(key);
    for (const StreamId& id : outcome.deleted) effect.copy(stream_id_text(id));
    effect.tell();
}

/// Lets `f` change the stream and tells what came of it.
template <class F>
void settle(Context& context, Entry* entry, F&& f) {
    const Key& key = context.keys[0];
    Outcome outcome;
    edit_stream(context, key, entry, [&](Stream& stream) { f(stream, outcome); });
    if (!outcome.acknowledged.empty() || !outcome.deleted.empty()) {
        if (outcome.deleted.empty()) {
            context.keyspace.changed_beside(key, entry);
        } else {
            context.keyspace.changed_unready(key, entry);
        }
        if (context.logs()) [[unlikely]]
            tell_effects(context, outcome);
    }
    if (!outcome.deleted.empty()) tell_stream(context, "xdel");
    context.reply.array(static_cast<int64_t>(outcome.fates.size()));
    for (const Fate fate : outcome.fates) context.reply.integer(static_cast<int64_t>(fate));
}

void reply_missing(Context& context, size_t count) {
    context.reply.array(static_cast<int64_t>(count));
    for (; count != 0; --count) context.reply.integer(static_cast<int64_t>(Fate::missing));
}

void xdelex(Context& context) {
    const auto arguments = read_arguments(context, 2);
    if (!arguments) return;
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_stream(context, entry)) return;
    if (entry == nullptr) return reply_missing(context, arguments->ids.size());
    settle(context, entry, [&](Stream& stream, Outcome& outcome) {
        for (const StreamId& id : arguments->ids) {
            delete_one(stream, id, arguments->references, outcome);
        }
    });
}

void xackdel(Context& context) {
    const auto arguments = read_arguments(context, 3);
    if (!arguments) return;
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_stream(context, entry)) return;
    StreamGroup* group =
        entry == nullptr ? nullptr : stream_of(*entry).find_group(context.argument(2));
    if (group == nullptr) return reply_missing(context, arguments->ids.size());
    settle(context, entry, [&](Stream& stream, Outcome& outcome) {
        for (const StreamId& id : arguments->ids) {
            acknowledge_and_delete_one(stream, *group, id, arguments->references, outcome);
        }
    });
}

constexpr CommandSpec kStreamDeleteCommands[] = {
    {.name = "xdelex",
     .handler = xdelex,
     .arity = -5,
     .flags = flag::write | flag::fast,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::remove),
     .since = "8.2.0",
     .complexity = "O(N) for each id, with N groups; O(1) with KEEPREF.",
     .syntax = "key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
     .summary = "Removes entries, and minds the groups that still refer to them."},
    {.name = "xackdel",
     .handler = xackdel,
     .arity = -6,
     .flags = flag::write | flag::fast,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::remove),
     .since = "8.2.0",
     .complexity = "O(N) for each id, with N groups; O(1) with KEEPREF.",
     .syntax = "key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
     .summary = "Acknowledges entries in a group and removes them."},
};

}  // namespace

std::span<const CommandSpec> stream_delete_commands() { return kStreamDeleteCommands; }

}  // namespace gyre::commands
