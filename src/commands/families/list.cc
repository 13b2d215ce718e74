// SPDX-License-Identifier: BSD-3-Clause

// Lists, one key at a time: pushing, popping, reading and changing elements. Commands on two and
// more lists, and LPOS, stand in list_move.cc.
//
// Threads: home reactor, under the lock of the key.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/families/collection.h"
#include "commands/families/list_value.h"
#include "commands/families/string_options.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::ListEnd;

bool require_list(Context& context, const Entry* entry) {
    return require_type(context, entry, store::Type::list);
}

/// Pushes the arguments from `first` on.
void push_all(Context& context, Entry* entry, ListEnd end) {
    constexpr size_t kFirst = 2;
    size_t bytes = 0;
    for (size_t at = kFirst; at < context.count(); ++at) bytes += context.argument(at).size();
    ListValue list(context, context.keys[0], entry);
    list.expect(context.count() - kFirst, bytes);
    for (size_t at = kFirst; at < context.count(); ++at) list.push(end, context.argument(at));
    list.tell(push_event(end));
    context.reply.integer(static_cast<int64_t>(list.size()));
}

void push(Context& context, ListEnd end, bool only_present) {
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_list(context, entry)) return;
    if (entry == nullptr && only_present) return context.reply.integer(0);
    push_all(context, entry, end);
}

void lpush(Context& context) { push(context, ListEnd::head, false); }
void rpush(Context& context) { push(context, ListEnd::tail, false); }
void lpushx(Context& context) { push(context, ListEnd::head, true); }
void rpushx(Context& context) { push(context, ListEnd::tail, true); }

void pop(Context& context, ListEnd end) {
    const bool has_count = context.count() == 3;
    if (context.count() > 3) return refuse_count(context);
    std::optional<int64_t> count = 1;
    if (has_count) count = count_between(context, 2, 0, INT64_MAX, kNotPositive);
    if (!count) return;
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (entry == nullptr) return has_count ? context.reply.null_array() : context.reply.null();
    if (!require_list(context, entry)) return;
    const size_t taken = std::min(static_cast<size_t>(*count), list_size(*entry));
    if (has_count) context.reply.array(static_cast<int64_t>(taken));
    if (taken == 0) return;
    reply_end(context.reply, *entry, end, taken);
    ListValue list(context, context.keys[0], entry);
    list.erase(end == ListEnd::head ? 0 : list.size() - taken, taken);
    list.settle(pop_event(end));
}

void lpop(Context& context) { pop(context, ListEnd::head); }
void rpop(Context& context) { pop(context, ListEnd::tail); }

void llen(Context& context) {
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_list(context, entry)) return;
    context.reply.integer(entry == nullptr ? 0 : static_cast<int64_t>(list_size(*entry)));
}

/// An index from the front. nullopt: beyond the ends.
std::optional<size_t> index_from_front(int64_t index, size_t size) {
    const auto count = static_cast<int64_t>(size);
    if (index < -count || index >= count) return std::nullopt;
    return static_cast<size_t>(index < 0 ? index + count : index);
}

void lindex(Context& context) {
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (entry == nullptr) return context.reply.null();
    if (!require_list(context, entry)) return;
    const auto given = context.integer(2);
    if (!given) return;
    const auto index = index_from_front(*given, list_size(*entry));
    if (!index) return context.reply.null();
    reply_element(context.reply, ListReader(*entry, *index).value());
}

void lset(Context& context) {
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (entry == nullptr) return context.error(errors::kNoSuchKey);
    if (!require_list(context, entry)) return;
    const auto given = context.integer(2);
    if (!given) return;
    ListValue list(context, context.keys[0], entry);
    const std::string_view value = context.argument(3);
    list.expect(1, value.size());
    const auto index = index_from_front(*given, list.size());
    if (!index) {
        // The list may have its other form now, as in Redis: no effect, and an error must be none.
        context.effects().tell_alone();
        return context.error(errors::kOutOfRange);
    }
    list.replace(*index, value);
    list.settle("lset");
    context.reply.ok();
}

/// The elements from `start` to `end`, both included, of so many.
struct Range {
    size_t start = 0;
    size_t count = 0;
};

Range resolve(int64_t start, int64_t end, size_t size) {
    const auto total = static_cast<int64_t>(size);
    if (start < 0) start = std::max<int64_t>(start + total, 0);
    if (end < 0) end += total;
    if (start > end || start >= total) return {};
    end = std::min(end, total - 1);
    return {static_cast<size_t>(start), static_cast<size_t>(end - start + 1)};
}

void lrange(Context& context) {
    const auto start = context.integer(2);
    if (!start) return;
    const auto end = context.integer(3);
    if (!end) return;
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_list(context, entry)) return;
    if (entry == nullptr) return context.reply.array(0);
    const Range range = resolve(*start, *end, list_size(*entry));
    context.reply.array(static_cast<int64_t>(range.count));
    if (range.count == 0) return;
    ListReader reader(*entry, range.start);
    for (size_t i = 0; i < range.count; ++i, reader.next()) {
        reply_element(context.reply, reader.value());
    }
}

void ltrim(Context& context) {
    const auto start = context.integer(2);
    if (!start) return;
    const auto end = context.integer(3);
    if (!end) return;
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_list(context, entry)) return;
    if (entry != nullptr) {
        const Range range = resolve(*start, *end, list_size(*entry));
        if (range.count == 0) {
            context.keyspace.erase(context.keys[0], entry);
            context.keyspace.notify(engine::event::list, "ltrim", context.keys[0]);
            context.keyspace.notify(engine::event::generic, "del", context.keys[0]);
            return context.reply.ok();
        }
        if (range.count == list_size(*entry)) context.keyspace.left_as_it_was(context.keys[0]);
        ListValue list(context, context.keys[0], entry);
        list.erase(range.start + range.count, list.size() - range.start - range.count);
        list.erase(0, range.start);
        list.settle("ltrim");
    }
    context.reply.ok();
}

void lrem(Context& context) {
    const auto given = context.integer(2);
    if (!given) return;
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_list(context, entry)) return;
    if (entry == nullptr) return context.reply.integer(0);
    // In two's complement the least number is its own opposite, and more than any list has.
    const auto wanted = static_cast<uint64_t>(*given);
    const size_t limit = *given == 0 ? SIZE_MAX : *given < 0 ? 0 - wanted : wanted;
    ListValue list(context, context.keys[0], entry);
    const size_t removed =
        list.remove(context.argument(3), limit, *given < 0 ? ListEnd::tail : ListEnd::head);
    if (removed != 0) list.settle("lrem");
    context.reply.integer(static_cast<int64_t>(removed));
}

void linsert(Context& context) {
    const bool is_before = context.is(2, "BEFORE");
    if (!is_before && !context.is(2, "AFTER")) return context.error(errors::kSyntax);
    Entry* entry = context.keyspace.write(context.keys[0]);
    if (!require_list(context, entry)) return;
    if (entry == nullptr) return context.reply.integer(0);
    ListValue list(context, context.keys[0], entry);
    const std::string_view value = context.argument(4);
    list.expect(1, value.size());
    const ListEnd side = is_before ? ListEnd::head : ListEnd::tail;
    if (!list.insert(context.argument(3), side, value)) return context.reply.integer(-1);
    list.tell("linsert");
    context.reply.integer(static_cast<int64_t>(list.size()));
}

/// For commands that write to lists that exist only.
int64_t none(Context&) { return 0; }

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr uint16_t kInserts = key_flag::rw | key_flag::insert;
constexpr uint16_t kRemoves = key_flag::rw | key_flag::remove;
constexpr uint16_t kPops = kRemoves | key_flag::access;
constexpr uint32_t kWritesFast = flag::write | flag::denyoom | flag::fast;
constexpr std::string_view kEachElement = "O(N) with N the elements given.";
constexpr std::string_view kToElement =
    "O(N) with N the nodes before the element from the nearer end, O(1) at both ends.";

constexpr CommandSpec kListCommands[] = {
    {.name = "lpush",
     .handler = lpush,
     .arity = -3,
     .flags = kWritesFast,
     .group = Group::list,
     .keys = one_key(kInserts),
     .since = "1.0.0",
     .complexity = kEachElement,
     .syntax = "key element [element ...]",
     .summary = "Puts elements in front of a list, one after another, and returns its length."},
    {.name = "rpush",
     .handler = rpush,
     .arity = -3,
     .flags = kWritesFast,
     .group = Group::list,
     .keys = one_key(kInserts),
     .since = "1.0.0",
     .complexity = kEachElement,
     .syntax = "key element [element ...]",
     .summary = "Puts elements behind a list and returns its length."},
    {.name = "lpushx",
     .handler = lpushx,
     .arity = -3,
     .flags = kWritesFast,
     .group = Group::list,
     .keys = one_key(kInserts),
     .since = "2.2.0",
     .complexity = kEachElement,
     .syntax = "key element [element ...]",
     .summary = "Puts elements in front of a list if there is one.",
     .new_keys = none},
    {.name = "rpushx",
     .handler = rpushx,
     .arity = -3,
     .flags = kWritesFast,
     .group = Group::list,
     .keys = one_key(kInserts),
     .since = "2.2.0",
     .complexity = kEachElement,
     .syntax = "key element [element ...]",
     .summary = "Puts elements behind a list if there is one.",
     .new_keys = none},
    {.name = "lpop",
     .handler = lpop,
     .arity = -2,
     .flags = flag::write | flag::fast,
     .group = Group::list,
     .keys = one_key(kPops),
     .since = "1.0.0",
     .complexity = kEachElement,
     .syntax = "key [count]",
     .summary = "Removes elements from the front of a list and returns them."},
    {.name = "rpop",
     .handler = rpop,
     .arity = -2,
     .flags = flag::write | flag::fast,
     .group = Group::list,
     .keys = one_key(kPops),
     .since = "1.0.0",
     .complexity = kEachElement,
     .syntax = "key [count]",
     .summary = "Removes elements from the end of a list and returns them, the last first."},
    {.name = "llen",
     .handler = llen,
     .arity = 2,
     .flags = flag::readonly | flag::fast,
     .group = Group::list,
     .keys = one_key(key_flag::ro),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns the length of a list."},
    {.name = "lindex",
     .handler = lindex,
     .arity = 3,
     .flags = flag::readonly,
     .group = Group::list,
     .keys = one_key(kReads),
     .since = "1.0.0",
     .complexity = kToElement,
     .syntax = "key index",
     .summary = "Returns an element of a list by its index."},
    {.name = "lset",
     .handler = lset,
     .arity = 4,
     .flags = flag::write | flag::denyoom,
     .group = Group::list,
     .keys = one_key(key_flag::rw | key_flag::update),
     .since = "1.0.0",
     .complexity = kToElement,
     .syntax = "key index element",
     .summary = "Replaces an element of a list.",
     .new_keys = none},
    {.name = "lrange",
     .handler = lrange,
     .arity = 4,
     .flags = flag::readonly,
     .group = Group::list,
     .keys = one_key(kReads),
     .since = "1.0.0",
     .complexity = "O(S+N) with S the nodes before the first element, N the elements returned.",
     .syntax = "key start stop",
     .summary = "Returns a range of elements of a list."},
    {.name = "ltrim",
     .handler = ltrim,
     .arity = 4,
     .flags = flag::write,
     .group = Group::list,
     .keys = one_key(kRemoves),
     .since = "1.0.0",
     .complexity = "O(N) with N the elements removed.",
     .syntax = "key start stop",
     .summary = "Removes all elements of a list but those of a range."},
    {.name = "lrem",
     .handler = lrem,
     .arity = 4,
     .flags = flag::write,
     .group = Group::list,
     .keys = one_key(kRemoves),
     .since = "1.0.0",
     .complexity = "O(N) with N the length of the list.",
     .syntax = "key count element",
     .summary = "Removes elements of a list that are equal to one, from either end, or all."},
    {.name = "linsert",
     .handler = linsert,
     .arity = 5,
     .flags = flag::write | flag::denyoom,
     .group = Group::list,
     .keys = one_key(kInserts),
     .since = "2.2.0",
     .complexity = "O(N) with N the elements before the pivot.",
     .syntax = "key <BEFORE | AFTER> pivot element",
     .summary = "Puts an element in front of or behind another one of a list.",
     .new_keys = none},
};

}  // namespace

std::span<const CommandSpec> list_commands() { return kListCommands; }

}  // namespace gyre::commands
