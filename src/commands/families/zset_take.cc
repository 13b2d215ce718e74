// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/zset_take.h"

#include <algorithm>

#include "commands/effect_words.h"
#include "commands/families/zset_value.h"

namespace gyre::commands {

using store::Entry;
using store::Key;

namespace {

/// The words of the command do not say which key it was, and may wait when they are executed again.
void tell_popped(Context& context, const Key& key, const ZsetPop& pop) {
    if (!context.logs()) [[likely]]
        return;
    EffectWords words(context, pop.is_max ? "ZPOPMAX" : "ZPOPMIN");
    words.add(key);
    if (pop.count != 1) words.number(pop.count);
    words.tell();
}

/// The first sorted set within reach. A key of another type that comes first is an error.
struct Found {
    const Key* key = nullptr;
    Entry* entry = nullptr;
    bool is_refused = false;  ///< the reply says why
};

Found find_zset(Context& context, const Reach& reach) {
    for (const Key& key : context.keys) {
        if (!reach.sees(key)) continue;
        Entry* entry = context.keyspace.write(key);
        if (entry == nullptr) continue;
        if (entry->type() == store::Type::zset) return {&key, entry};
        context.error(errors::kWrongType);
        return {.is_refused = true};
    }
    return {};
}

}  // namespace

std::optional<ZsetPop> read_zset_pop(Context& context, size_t at) {
    const auto keys =
        context.integer_between(at, 1, INT64_MAX, "ERR numkeys should be greater than 0");
    if (!keys) return std::nullopt;
    ZsetPop pop;
    const auto where = static_cast<uint64_t>(*keys) + at + 1;
    bool is_right = where < context.count();
    if (is_right) {
        pop.is_max = context.is(where, "MAX");
        is_right = pop.is_max || context.is(where, "MIN");
    }
    bool has_count = false;
    for (size_t next = where + 1; is_right && next < context.count(); next += 2) {
        is_right = !has_count && next + 1 < context.count() && context.is(next, "COUNT");
        if (!is_right) break;
        const auto count =
            context.integer_between(next + 1, 1, INT64_MAX, "ERR count should be greater than 0");
        if (!count) return std::nullopt;
        pop.count = *count;
        has_count = true;
    }
    if (is_right) return pop;
    context.error(errors::kSyntax);
    return std::nullopt;
}

bool pop_from_first(Context& context, const ZsetPop& pop, const Reach& reach) {
    const Found found = find_zset(context, reach);
    if (found.is_refused) return reach.claim();
    if (found.entry == nullptr || !reach.claim()) return false;
    ZsetValue zset(context.keyspace, *found.key, found.entry);
    const size_t taken = std::min(static_cast<size_t>(pop.count), zset.size());
    context.reply.array(2);
    context.reply.bulk(found.key->bytes);
    context.reply.array(static_cast<int64_t>(taken));
    const size_t begin = pop.is_max ? zset.size() - taken : 0;
    zset.visit(begin, begin + taken, pop.is_max, [&](std::string_view member, double score) {
        context.reply.array(2);
        context.reply.bulk(member);
        context.reply.real(score);
    });
    zset.erase_ranks(begin, begin + taken);
    zset.settle(pop_event(pop.is_max));
    tell_popped(context, *found.key, pop);
    return true;
}

bool pop_one_from_first(Context& context, bool is_max, const Reach& reach) {
    const Found found = find_zset(context, reach);
    if (found.is_refused) return reach.claim();
    if (found.entry == nullptr || !reach.claim()) return false;
    ZsetValue zset(context.keyspace, *found.key, found.entry);
    const size_t begin = is_max ? zset.size() - 1 : 0;
    context.reply.array(3);
    context.reply.bulk(found.key->bytes);
    zset.visit(begin, begin + 1, false, [&](std::string_view member, double score) {
        context.reply.bulk(member);
        context.reply.real(score);
    });
    zset.erase_ranks(begin, begin + 1);
    zset.settle(pop_event(is_max));
    tell_popped(context, *found.key, {.is_max = is_max});
    return true;
}

}  // namespace gyre::commands
