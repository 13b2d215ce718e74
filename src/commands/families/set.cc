// SPDX-License-Identifier: BSD-3-Clause

// Sets, one key at a time, and SMOVE. Operations on several sets stand in set_operations.cc.
//
// Threads: home reactor, under the locks of the keys.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "commands/effect_words.h"
#include "commands/families/collection.h"
#include "commands/families/set_value.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::ListpackValue;

bool require_set(Context& context, const Entry* entry) {
    return require_type(context, entry, store::Type::set);
}

/// The set a command reads. nullopt: the key holds something else, and the reply says so.
std::optional<SetReader> read_set(Context& context) {
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_set(context, entry)) return std::nullopt;
    return SetReader(entry);
}

void sadd(Context& context) {
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_set(context, entry)) return;
    SetValue set(context, context.keys[0], entry);
    set.expect(context.count() - 2);
    int64_t added = 0;
    for (size_t at = 2; at < context.count(); ++at) added += set.add(context.argument(at)) ? 1 : 0;
    if (added > 0) set.tell("sadd");
    context.reply.integer(added);
}

void srem(Context& context) {
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_set(context, entry)) return;
    SetValue set(context, context.keys[0], entry);
    int64_t removed = 0;
    for (size_t at = 2; at < context.count() && set.size() > 0; ++at) {
        removed += set.remove(context.argument(at)) ? 1 : 0;
    }
    if (removed > 0) set.tell("srem");
    set.settle();
    context.reply.integer(removed);
}

void smove(Context& context) {
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (entry == nullptr) return context.reply.integer(0);
    Entry* target_entry = context.keyspace.write(context.keys[1]);
    if (!require_set(context, entry) || !require_set(context, target_entry)) return;
    const std::string_view member = context.argument(3);
    SetValue source(context, context.keys[0], entry);
    if (context.keys[0].bytes == context.keys[1].bytes) {
        return context.reply.integer(source.reader().contains(member) ? 1 : 0);
    }
    if (!source.remove(member)) return context.reply.integer(0);
    source.tell("srem");
    source.settle();
    SetValue target(context, context.keys[1], context.keyspace.peek(context.keys[1]));
    if (target.add(member)) target.tell("sadd");
    context.reply.integer(1);
}

/// One, if there is a member to move and no set where it goes.
int64_t smove_new_keys(Context& context) {
    if (context.keyspace.peek(context.keys[1]) != nullptr) return 0;
    const Entry* entry = context.keyspace.peek(context.keys[0]);
    if (entry == nullptr || entry->type() != store::Type::set) return 0;
    return SetReader(entry).contains(context.argument(3)) ? 1 : 0;
}

void sismember(Context& context) {
    const auto set = read_set(context);
    if (set) context.reply.integer(set->contains(context.argument(2)) ? 1 : 0);
}

void smismember(Context& context) {
    const auto set = read_set(context);
    if (!set) return;
    context.reply.array(static_cast<int64_t>(context.count() - 2));
    for (size_t at = 2; at < context.count(); ++at) {
        context.reply.integer(set->contains(context.argument(at)) ? 1 : 0);
    }
}

void scard(Context& context) {
    const auto set = read_set(context);
    if (set) context.reply.integer(static_cast<int64_t>(set->size()));
}

void reply_members(Context& context, const SetReader& set) {
    context.reply.set(static_cast<int64_t>(set.size()));
    set.for_each([&context](const ListpackValue& member) {
        reply_element(context.reply, member);
        return true;
    });
}

void smembers(Context& context) {
    const auto set = read_set(context);
    if (set) reply_members(context, *set);
}

// --- at random --------------------------------------------------------------------------------

base::Random& random_of(Context& context) {
    return context.keyspace.shard_of(context.keys[0]).random();
}

/// Different members at random, each set of so many as likely as another.
std::vector<ListpackValue> draw_members(Context& context, const SetReader& set, size_t count) {
    base::Random& random = random_of(context);
    std::vector<ListpackValue> drawn;
    if (!set.is_large() || count >= set.size() / 3) {
        const std::vector<size_t> indexes = draw_indexes(random, set.size(), count);
        size_t index = 0;
        set.for_each([&](const ListpackValue& member) {
            if (drawn.size() == indexes.size()) return false;
            if (indexes[drawn.size()] == index++) drawn.push_back(member);
            return true;
        });
        return drawn;
    }
    std::unordered_set<const char*> seen;  // members do not move meanwhile
    while (drawn.size() < count) {
        const ListpackValue member = set.random(random);
        if (seen.insert(member.data).second) drawn.push_back(member);
    }
    return drawn;
}

void srandmember_count(Context& context) {
    const auto count = count_between(context, 2, -INT64_MAX, INT64_MAX);
    if (!count) return;
    const auto set = read_set(context);
    if (!set) return;
    if (!set->exists() || *count == 0) return context.reply.array(0);
    if (*count < -kRepeatedMax) return context.error(kTooManyRepeated);
    if (*count < 0) {
        context.reply.array(-*count);
        base::Random& random = random_of(context);
        for (int64_t i = *count; i < 0; ++i) reply_element(context.reply, set->random(random));
        return;
    }
    const auto members = draw_members(context, *set, static_cast<size_t>(*count));
    context.reply.array(static_cast<int64_t>(members.size()));
    for (const ListpackValue& member : members) reply_element(context.reply, member);
}

void srandmember(Context& context) {
    if (context.count() > 3) return context.error(errors::kSyntax);
    if (context.count() == 3) return srandmember_count(context);
    const auto set = read_set(context);
    if (!set) return;
    if (!set->exists()) return context.reply.null();
    reply_element(context.reply, set->random(random_of(context)));
}

/// Chance does not choose the same ones again.
void tell_removed(Context& context, std::span<const std::string> members) {
    if (!context.logs()) [[likely]]
        return;
    EffectWords effect(context, "SREM");
    effect.add(context.keys[0]);
    for (const std::string& member : members) effect.copy(member);
    effect.tell();
}

void spop_count(Context& context) {
    const auto count = count_between(context, 2, 0, INT64_MAX, kNotPositive);
    if (!count) return;
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_set(context, entry)) return;
    const SetReader reader(entry);
    if (entry == nullptr || *count == 0) return context.reply.set(0);
    if (static_cast<size_t>(*count) >= reader.size()) {
        reply_members(context, reader);
        // While it can be said what it was.
        context.keyspace.notify(engine::event::set, "spop", context.keys[0]);
        context.keyspace.erase(context.keys[0], entry);
        context.tell_deleted(context.keys[0]);
        return context.keyspace.notify(engine::event::generic, "del", context.keys[0]);
    }
    std::vector<std::string> members;
    for (const ListpackValue& member : draw_members(context, reader, static_cast<size_t>(*count))) {
        ListpackValue::Digits digits;
        members.emplace_back(member.text(digits));
    }
    SetValue set(context, context.keys[0], entry);
    context.reply.set(static_cast<int64_t>(members.size()));
    for (const std::string& member : members) {
        context.reply.bulk(member);
        set.remove(member);
    }
    tell_removed(context, members);
    set.tell("spop");
}

void spop(Context& context) {
    if (context.count() > 3) return context.error(errors::kSyntax);
    if (context.count() == 3) return spop_count(context);
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_set(context, entry)) return;
    if (entry == nullptr) return context.reply.null();
    ListpackValue::Digits digits;
    const std::string member(SetReader(entry).random(random_of(context)).text(digits));
    SetValue set(context, context.keys[0], entry);
    set.remove(member);
    set.tell("spop");
    set.settle();
    tell_removed(context, {&member, 1});
    context.reply.bulk(member);
}

// --- SSCAN ------------------------------------------------------------------------------------

void sscan(Context& context) {
    ElementScan scan;
    const auto cursor = read_cursor(context, 2);
    if (!cursor) return;
    const auto set = read_set(context);
    if (!set) return;
    if (!set->exists()) return reply_scanned(context, 0, {});
    if (!read_scan_options(context, 3, scan)) return;
    std::vector<std::string> found;
    const auto take = [&](std::string_view member) {
        if (scan.wants(member)) found.emplace_back(member);
    };
    if (!set->is_large()) {
        set->for_each([&take](const ListpackValue& member) {
            ListpackValue::Digits digits;
            take(member.text(digits));
            return true;
        });
        return reply_scanned(context, 0, found);
    }
    uint64_t next = *cursor;
    int64_t seen = 0;
    for (int64_t chains = scan.chains_max(); chains > 0 && seen < scan.count; --chains) {
        next = set->large().scan(next, [&](std::string_view member) {
            ++seen;
            take(member);
        });
        if (next == 0) break;
    }
    reply_scanned(context, next, found);
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr uint16_t kInserts = key_flag::rw | key_flag::insert;
constexpr uint16_t kRemoves = key_flag::rw | key_flag::remove;
constexpr uint16_t kPops = kRemoves | key_flag::access;
constexpr std::string_view kEachMember = "O(N) with N the members given.";
constexpr std::string_view kAnyOrder = "nondeterministic_output_order";
constexpr std::string_view kAtRandom = "nondeterministic_output";

constexpr CommandSpec kSetCommands[] = {
    {.name = "sadd",
     .handler = sadd,
     .arity = -3,
     .flags = flag::write | flag::denyoom | flag::fast,
     .group = Group::set,
     .keys = one_key(kInserts),
     .since = "1.0.0",
     .complexity = kEachMember,
     .syntax = "key member [member ...]",
     .summary = "Adds members to a set and says how many are new."},
    {.name = "srem",
     .handler = srem,
     .arity = -3,
     .flags = flag::write | flag::fast,
     .group = Group::set,
     .keys = one_key(kRemoves),
     .since = "1.0.0",
     .complexity = kEachMember,
     .syntax = "key member [member ...]",
     .summary = "Removes members from a set and says how many there were."},
    {.name = "smove",
     .handler = smove,
     .arity = 4,
     .flags = flag::write | flag::fast,
     .group = Group::set,
     .keys = two_keys(kPops, kInserts),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "source destination member",
     .summary = "Moves a member from one set to another.",
     .new_keys = smove_new_keys},
    {.name = "sismember",
     .handler = sismember,
     .arity = 3,
     .flags = flag::readonly | flag::fast,
     .group = Group::set,
     .keys = one_key(key_flag::ro),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key member",
     .summary = "Tells whether a set has a member."},
    {.name = "smismember",
     .handler = smismember,
     .arity = -3,
     .flags = flag::readonly | flag::fast,
     .group = Group::set,
     .keys = one_key(kReads),
     .since = "6.2.0",
     .complexity = kEachMember,
     .syntax = "key member [member ...]",
     .summary = "Tells of several members whether a set has them."},
    {.name = "scard",
     .handler = scard,
     .arity = 2,
     .flags = flag::readonly | flag::fast,
     .group = Group::set,
     .keys = one_key(key_flag::ro),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Counts the members of a set."},
    {.name = "smembers",
     .handler = smembers,
     .arity = 2,
     .flags = flag::readonly,
     .group = Group::set,
     .keys = one_key(kReads),
     .since = "1.0.0",
     .complexity = "O(N) with N the members of the set.",
     .syntax = "key",
     .summary = "Lists the members of a set.",
     .tips = kAnyOrder},
    {.name = "spop",
     .handler = spop,
     .arity = -2,
     .flags = flag::write | flag::fast,
     .group = Group::set,
     .keys = one_key(kPops),
     .since = "1.0.0",
     .complexity = "O(N) with N the members returned, or all where they are a third or more.",
     .syntax = "key [count]",
     .summary = "Removes members from a set at random and returns them.",
     .tips = kAtRandom},
    {.name = "srandmember",
     .handler = srandmember,
     .arity = -2,
     .flags = flag::readonly,
     .group = Group::set,
     .keys = one_key(kReads),
     .since = "1.0.0",
     .complexity = "O(N) with N the members returned, or all where they are a third or more.",
     .syntax = "key [count]",
     .summary = "Gives members of a set at random.",
     .tips = kAtRandom},
    {.name = "sscan",
     .handler = sscan,
     .arity = -3,
     .flags = flag::readonly,
     .group = Group::set,
     .keys = one_key(kReads),
     .since = "2.8.0",
     .complexity = "O(1) for every call, O(N) for a complete iteration.",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Goes through the members of a set, some with each call.",
     .tips = kAtRandom},
};

}  // namespace

std::span<const CommandSpec> set_commands() { return kSetCommands; }

}  // namespace gyre::commands
