// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/list_take.h"

#include <algorithm>
#include <string>

#include "commands/effect_words.h"
#include "commands/families/collection.h"
#include "commands/families/list_value.h"

namespace gyre::commands {

using store::Entry;
using store::Key;
using types::ListEnd;

namespace {

/// A copy: what it was read from is about to change.
std::string end_of(const Entry& entry, ListEnd end) {
    const ListReader reader(entry, end == ListEnd::head ? 0 : list_size(entry) - 1);
    types::ListpackValue::Digits digits;
    return std::string(reader.value().text(digits));
}

void drop_from(ListValue& list, ListEnd end, size_t count) {
    list.erase(end == ListEnd::head ? 0 : list.size() - count, count);
}

std::string_view word_of(ListEnd end) { return end == ListEnd::head ? "LEFT" : "RIGHT"; }

/// The words of the command do not say which key it was, and may wait when they are executed again.
void tell_popped(Context& context, const Key& key, const ListPop& pop) {
    if (!context.logs()) [[likely]]
        return;
    EffectWords words(context, pop.end == ListEnd::head ? "LPOP" : "RPOP");
    words.add(key);
    if (pop.count != 1) words.number(pop.count);
    words.tell();
}

void tell_moved(Context& context, ListMove move) {
    if (!context.logs()) [[likely]]
        return;
    EffectWords(context, "LMOVE")
        .add(context.keys[0])
        .add(context.keys[1])
        .add(word_of(move.from))
        .add(word_of(move.to))
        .tell();
}

/// The first list within reach. A key of another type that comes first is an error.
struct Found {
    const Key* key = nullptr;
    Entry* entry = nullptr;
    bool is_refused = false;  ///< the reply says why
};

Found find_list(Context& context, const Reach& reach) {
    for (const Key& key : context.keys) {
        if (!reach.sees(key)) continue;
        Entry* entry = context.keyspace.write(key);
        if (entry == nullptr) continue;
        if (entry->type() == store::Type::list) return {&key, entry};
        context.error(errors::kWrongType);
        return {.is_refused = true};
    }
    return {};
}

}  // namespace

std::optional<ListEnd> read_list_end(Context& context, size_t at) {
    if (context.is(at, "LEFT")) return ListEnd::head;
    if (context.is(at, "RIGHT")) return ListEnd::tail;
    context.error(errors::kSyntax);
    return std::nullopt;
}

bool move_element(Context& context, ListMove move, const Reach& reach) {
    const Key& source_key = context.keys[0];
    const Key& target_key = context.keys[1];
    // Whoever makes the source ready holds the target's lock too (ServedLock).
    if (!reach.sees(target_key)) return false;
    Entry* source = context.keyspace.write(source_key);
    if (source == nullptr) return false;
    if (source->type() != store::Type::list) {
        if (reach.is_service()) return false;
        context.error(errors::kWrongType);
        return true;
    }
    if (!reach.claim()) return false;
    const std::string value = end_of(*source, move.from);
    ListValue list(context, source_key, source);
    if (source_key.bytes == target_key.bytes) {
        drop_from(list, move.from, 1);
        list.expect(1, value.size());
        list.push(move.to, value);
        list.tell(push_event(move.to));
        list.settle(pop_event(move.from));
        tell_moved(context, move);
        context.reply.bulk(value);
        return true;
    }
    Entry* target = context.keyspace.write(target_key);
    if (!require_type(context, target, store::Type::list)) return true;
    ListValue other(context, target_key, target);
    other.expect(1, value.size());
    other.push(move.to, value);
    other.tell(push_event(move.to));
    // The other key may lie in the same shard, and what was known of this one is void.
    ListValue rest(context, source_key, context.keyspace.peek(source_key));
    drop_from(rest, move.from, 1);
    rest.settle(pop_event(move.from));
    tell_moved(context, move);
    context.reply.bulk(value);
    return true;
}

int64_t moved_list_keys(Context& context) {
    if (context.keyspace.peek(context.keys[1]) != nullptr) return 0;
    const Entry* source = context.keyspace.peek(context.keys[0]);
    return source != nullptr && source->type() == store::Type::list ? 1 : 0;
}

std::optional<ListPop> read_list_pop(Context& context, size_t at) {
    const auto keys =
        count_between(context, at, 1, INT64_MAX, "ERR numkeys should be greater than 0");
    if (!keys) return std::nullopt;
    const auto given = static_cast<int64_t>(context.count() - at);
    if (*keys >= given - 1) {
        context.error(errors::kSyntax);
        return std::nullopt;
    }
    at += static_cast<size_t>(*keys) + 1;
    const auto end = read_list_end(context, at);
    if (!end) return std::nullopt;
    ListPop pop{*end};
    bool has_count = false;
    for (++at; at < context.count(); at += 2) {
        if (has_count || at + 1 == context.count() || !context.is(at, "COUNT")) {
            context.error(errors::kSyntax);
            return std::nullopt;
        }
        const auto count =
            count_between(context, at + 1, 1, INT64_MAX, "ERR count should be greater than 0");
        if (!count) return std::nullopt;
        pop.count = *count;
        has_count = true;
    }
    return pop;
}

bool pop_from_first(Context& context, const ListPop& pop, const Reach& reach) {
    const Found found = find_list(context, reach);
    if (found.is_refused) return reach.claim();
    if (found.entry == nullptr || !reach.claim()) return false;
    const size_t taken = std::min(static_cast<size_t>(pop.count), list_size(*found.entry));
    context.reply.array(2);
    context.reply.bulk(found.key->bytes);
    context.reply.array(static_cast<int64_t>(taken));
    reply_end(context.reply, *found.entry, pop.end, taken);
    ListValue list(context, *found.key, found.entry);
    drop_from(list, pop.end, taken);
    list.settle(pop_event(pop.end));
    tell_popped(context, *found.key, pop);
    return true;
}

bool pop_one_from_first(Context& context, ListEnd end, const Reach& reach) {
    const Found found = find_list(context, reach);
    if (found.is_refused) return reach.claim();
    if (found.entry == nullptr || !reach.claim()) return false;
    context.reply.array(2);
    context.reply.bulk(found.key->bytes);
    reply_end(context.reply, *found.entry, end, 1);
    ListValue list(context, *found.key, found.entry);
    drop_from(list, end, 1);
    list.settle(pop_event(end));
    tell_popped(context, *found.key, {.end = end});
    return true;
}

}  // namespace gyre::commands
