// SPDX-License-Identifier: BSD-3-Clause

// Operations on several sets: SINTER, SUNION, SDIFF, their STORE forms, and SINTERCARD.
//
// What is only read is gathered as views of the members where they lie. What is stored is copied
// before, because the target may be one of the operands.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "commands/families/collection.h"
#include "commands/families/set_value.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::ListpackValue;
using types::Set;
using Members = std::vector<ListpackValue>;
using Readers = std::vector<SetReader>;

/// The operands. nullopt: one is no set, and the reply says so.
std::optional<Readers> read_sets(Context& context, std::span<const Key> keys) {
    Readers sets;
    sets.reserve(keys.size());
    for (const Key& key : keys) {
        const Entry* entry = context.keyspace.read(key);
        if (!require_type(context, entry, store::Type::set)) return std::nullopt;
        sets.emplace_back(entry);
    }
    return sets;
}

/// Members of all sets, at most `limit` of them.
Members intersection(Readers sets, size_t limit) {
    Members found;
    std::sort(sets.begin(), sets.end(),
              [](const SetReader& a, const SetReader& b) { return a.size() < b.size(); });
    sets[0].for_each([&](const ListpackValue& member) {
        const bool is_in_all = std::all_of(sets.begin() + 1, sets.end(), [&](const SetReader& set) {
            return set.contains(member);
        });
        if (is_in_all) found.push_back(member);
        return found.size() < limit;
    });
    return found;
}

/// Members of the first set that no other has.
Members difference(const Readers& sets) {
    Members found;
    sets[0].for_each([&](const ListpackValue& member) {
        const bool is_in_other =
            std::any_of(sets.begin() + 1, sets.end(),
                        [&](const SetReader& set) { return set.contains(member); });
        if (!is_in_other) found.push_back(member);
        return true;
    });
    return found;
}

void add_to(Set& set, const ListpackValue& member) {
    ListpackValue::Digits digits;
    set.add(member.text(digits));
}

std::unique_ptr<Set> union_of(const Readers& sets) {
    auto all = std::make_unique<Set>();
    for (const SetReader& set : sets) {
        set.for_each([&all](const ListpackValue& member) {
            add_to(*all, member);
            return true;
        });
    }
    return all;
}

std::unique_ptr<Set> copy_of(const Members& members) {
    auto copy = std::make_unique<Set>();
    for (const ListpackValue& member : members) add_to(*copy, member);
    return copy;
}

void reply_members(Context& context, const Members& members) {
    context.reply.set(static_cast<int64_t>(members.size()));
    for (const ListpackValue& member : members) reply_element(context.reply, member);
}

/// Makes the first key this set, whatever it held, or removes it when there is nothing to store.
void store_set(Context& context, std::unique_ptr<Set> set, std::string_view event) {
    const Key& key = context.keys[0];
    const size_t size = set->size();
    Entry* present = context.keyspace.write(key);
    if (size != 0) {
        if (present != nullptr) context.keyspace.erase_to_replace(key, present);
        put_set(context, key, std::move(set));
        context.keyspace.notify(engine::event::set, event, key);
    } else if (present != nullptr) {
        context.keyspace.erase(key, present);
        context.keyspace.notify(engine::event::generic, "del", key);
    }
    context.reply.integer(static_cast<int64_t>(size));
}

void sinter(Context& context) {
    auto sets = read_sets(context, context.keys);
    if (sets) reply_members(context, intersection(std::move(*sets), SIZE_MAX));
}

void sunion(Context& context) {
    const auto sets = read_sets(context, context.keys);
    if (!sets) return;
    std::unique_ptr<Set> all = union_of(*sets);
    context.reply.set(static_cast<int64_t>(all->size()));
    all->for_each([&context](std::string_view member) { context.reply.bulk(member); });
    // Freeing many members takes too long under locks.
    if (all->size() > store::Reclaimer::kDeferElements) {
        context.keyspace.executor().reclaimer.add(all.release());
    }
}

void sdiff(Context& context) {
    const auto sets = read_sets(context, context.keys);
    if (sets) reply_members(context, difference(*sets));
}

void sinterstore(Context& context) {
    auto sets = read_sets(context, context.keys.subspan(1));
    if (sets) store_set(context, copy_of(intersection(std::move(*sets), SIZE_MAX)), "sinterstore");
}

void sunionstore(Context& context) {
    const auto sets = read_sets(context, context.keys.subspan(1));
    if (sets) store_set(context, union_of(*sets), "sunionstore");
}

void sdiffstore(Context& context) {
    const auto sets = read_sets(context, context.keys.subspan(1));
    if (sets) store_set(context, copy_of(difference(*sets)), "sdiffstore");
}

/// One, if there is a set to read and nothing where the result goes.
int64_t store_new_keys(Context& context) {
    if (context.keyspace.peek(context.keys[0]) != nullptr) return 0;
    const auto exists = [&](const Key& key) { return context.keyspace.peek(key) != nullptr; };
    return std::any_of(context.keys.begin() + 1, context.keys.end(), exists) ? 1 : 0;
}

/// LIMIT behind the keys; 0: none. nullopt: something is wrong, and the reply says so.
std::optional<int64_t> read_limit(Context& context, size_t at) {
    int64_t limit = 0;
    for (; at < context.count(); at += 2) {
        if (!context.is(at, "LIMIT") || at + 1 == context.count()) {
            context.error(errors::kSyntax);
            return std::nullopt;
        }
        const auto given =
            count_between(context, at + 1, 0, INT64_MAX, "ERR LIMIT can't be negative");
        if (!given) return std::nullopt;
        limit = *given;
    }
    return limit;
}

void sintercard(Context& context) {
    const auto keys =
        count_between(context, 1, 1, INT64_MAX, "ERR numkeys should be greater than 0");
    if (!keys) return;
    if (*keys > static_cast<int64_t>(context.count()) - 2) {
        return context.error("ERR Number of keys can't be greater than number of args");
    }
    const auto limit = read_limit(context, static_cast<size_t>(*keys) + 2);
    if (!limit) return;
    auto sets = read_sets(context, context.keys);
    if (!sets) return;
    const size_t most = *limit == 0 ? SIZE_MAX : static_cast<size_t>(*limit);
    context.reply.integer(static_cast<int64_t>(intersection(std::move(*sets), most).size()));
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr uint32_t kWrites = flag::write | flag::denyoom;
constexpr std::string_view kAnyOrder = "nondeterministic_output_order";
constexpr std::string_view kInterComplexity =
    "O(N*M) with N the members of the smallest set, M the sets.";
constexpr std::string_view kAllMembers = "O(N) with N the members of all sets.";

constexpr KeySpecs target_and_sources(uint16_t target) {
    return {{KeySpec{target, 1, KeySpec::Find::range, 0, 1, 0},
             KeySpec{kReads, 2, KeySpec::Find::range, -1, 1, 0}},
            2};
}
constexpr uint16_t kOverwrites = key_flag::ow | key_flag::update;

constexpr CommandSpec kSetOperationCommands[] = {
    {.name = "sinter",
     .handler = sinter,
     .arity = -2,
     .flags = flag::readonly,
     .group = Group::set,
     .keys = keys_to_end(kReads),
     .since = "1.0.0",
     .complexity = kInterComplexity,
     .syntax = "key [key ...]",
     .summary = "Lists the members that several sets have in common.",
     .tips = kAnyOrder},
    {.name = "sintercard",
     .handler = sintercard,
     .arity = -3,
     .flags = flag::readonly | flag::movablekeys,
     .group = Group::set,
     .keys = counted_keys(kReads, 1),
     .since = "7.0.0",
     .complexity = kInterComplexity,
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Counts the members that several sets have in common, up to a limit."},
    {.name = "sinterstore",
     .handler = sinterstore,
     .arity = -3,
     .flags = kWrites,
     .group = Group::set,
     .keys = target_and_sources(key_flag::rw | key_flag::update),
     .since = "1.0.0",
     .complexity = kInterComplexity,
     .syntax = "destination key [key ...]",
     .summary = "Stores the members that several sets have in common as a set.",
     .new_keys = store_new_keys},
    {.name = "sunion",
     .handler = sunion,
     .arity = -2,
     .flags = flag::readonly,
     .group = Group::set,
     .keys = keys_to_end(kReads),
     .since = "1.0.0",
     .complexity = kAllMembers,
     .syntax = "key [key ...]",
     .summary = "Lists the members of several sets, each once.",
     .tips = kAnyOrder},
    {.name = "sunionstore",
     .handler = sunionstore,
     .arity = -3,
     .flags = kWrites,
     .group = Group::set,
     .keys = target_and_sources(kOverwrites),
     .since = "1.0.0",
     .complexity = kAllMembers,
     .syntax = "destination key [key ...]",
     .summary = "Stores the members of several sets as a set.",
     .new_keys = store_new_keys},
    {.name = "sdiff",
     .handler = sdiff,
     .arity = -2,
     .flags = flag::readonly,
     .group = Group::set,
     .keys = keys_to_end(kReads),
     .since = "1.0.0",
     .complexity = kAllMembers,
     .syntax = "key [key ...]",
     .summary = "Lists the members of the first set that none of the others has.",
     .tips = kAnyOrder},
    {.name = "sdiffstore",
     .handler = sdiffstore,
     .arity = -3,
     .flags = kWrites,
     .group = Group::set,
     .keys = target_and_sources(kOverwrites),
     .since = "1.0.0",
     .complexity = kAllMembers,
     .syntax = "destination key [key ...]",
     .summary = "Stores the members of the first set that none of the others has as a set.",
     .new_keys = store_new_keys},
};

}  // namespace

std::span<const CommandSpec> set_operation_commands() { return kSetOperationCommands; }

}  // namespace gyre::commands
