// SPDX-License-Identifier: BSD-3-Clause

// Lists: moving elements between them, popping from the first of several, and searching in one.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "commands/families/collection.h"
#include "commands/families/list_take.h"
#include "commands/families/list_value.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::ListEnd;
using types::ListpackElement;

bool require_list(Context& context, const Entry* entry) {
    return require_type(context, entry, store::Type::list);
}

// --- LMOVE ------------------------------------------------------------------------------------

void lmove(Context& context) {
    const auto from = read_list_end(context, 3);
    if (!from) return;
    const auto to = read_list_end(context, 4);
    if (!to) return;
    if (!move_element(context, {*from, *to}, {})) context.reply.null();
}

void rpoplpush(Context& context) {
    if (!move_element(context, {ListEnd::tail, ListEnd::head}, {})) context.reply.null();
}

// --- LMPOP ------------------------------------------------------------------------------------

void lmpop(Context& context) {
    const auto options = read_list_pop(context, 1);
    if (options && !pop_from_first(context, *options, {})) context.reply.null_array();
}

// --- LPOS -------------------------------------------------------------------------------------

struct PositionOptions {
    int64_t rank = 1;
    std::optional<int64_t> count;  // 0: all
    int64_t looked_at_max = 0;     // 0: no limit
};

/// One option and its value. False: something is wrong, and the reply says so.
bool read_position_option(Context& context, size_t at, PositionOptions& options) {
    const bool has_value = at + 1 < context.count();
    if (has_value && context.is(at, "RANK")) {
        const auto rank = count_between(context, at + 1, -INT64_MAX, INT64_MAX);
        if (!rank) return false;
        options.rank = *rank;
        if (*rank != 0) return true;
        context.error(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or "
            "use negative to start from the end of the list");
        return false;
    }
    if (has_value && context.is(at, "COUNT")) {
        options.count = count_between(context, at + 1, 0, INT64_MAX, "ERR COUNT can't be negative");
        return options.count.has_value();
    }
    if (has_value && context.is(at, "MAXLEN")) {
        const auto limit =
            count_between(context, at + 1, 0, INT64_MAX, "ERR MAXLEN can't be negative");
        options.looked_at_max = limit.value_or(0);
        return limit.has_value();
    }
    context.error(errors::kSyntax);
    return false;
}

std::vector<size_t> find_positions(const Entry& entry, std::string_view value,
                                   const PositionOptions& options) {
    const ListpackElement wanted = ListpackElement::of(value);
    const size_t size = list_size(entry);
    const bool is_backward = options.rank < 0;
    const auto looked_at = options.looked_at_max == 0
                               ? size
                               : std::min(size, static_cast<size_t>(options.looked_at_max));
    auto skipped = static_cast<uint64_t>(is_backward ? -options.rank : options.rank) - 1;
    const size_t wanted_count = static_cast<size_t>(options.count.value_or(1));
    std::vector<size_t> found;
    ListReader reader(entry, is_backward ? size - 1 : 0);
    for (size_t i = 0; i < looked_at; ++i, is_backward ? reader.previous() : reader.next()) {
        if (!wanted.equals(reader.value())) continue;
        if (skipped != 0) {
            --skipped;
            continue;
        }
        found.push_back(is_backward ? size - 1 - i : i);
        if (found.size() == wanted_count) break;
    }
    return found;
}

void lpos(Context& context) {
    PositionOptions options;
    for (size_t at = 3; at < context.count(); at += 2) {
        if (!read_position_option(context, at, options)) return;
    }
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_list(context, entry)) return;
    std::vector<size_t> found;
    if (entry != nullptr) found = find_positions(*entry, context.argument(2), options);
    if (!options.count) {
        if (found.empty()) return context.reply.null();
        return context.reply.integer(static_cast<int64_t>(found[0]));
    }
    context.reply.array(static_cast<int64_t>(found.size()));
    for (const size_t index : found) context.reply.integer(static_cast<int64_t>(index));
}

constexpr KeySpecs kMoves =
    two_keys(key_flag::rw | key_flag::access | key_flag::remove, key_flag::rw | key_flag::insert);

constexpr CommandSpec kListMoveCommands[] = {
    {.name = "lmove",
     .handler = lmove,
     .arity = 5,
     .flags = flag::write | flag::denyoom,
     .group = Group::list,
     .keys = kMoves,
     .since = "6.2.0",
     .complexity = "O(1)",
     .syntax = "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
     .summary = "Moves an element from an end of a list to an end of another and returns it.",
     .new_keys = moved_list_keys},
    {.name = "rpoplpush",
     .handler = rpoplpush,
     .arity = 3,
     .flags = flag::write | flag::denyoom,
     .group = Group::list,
     .keys = kMoves,
     .since = "1.2.0",
     .complexity = "O(1)",
     .syntax = "source destination",
     .summary = "Moves the last element of a list to the front of another and returns it.",
     .new_keys = moved_list_keys,
     .deprecated_since = "6.2.0",
     .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments"},
    {.name = "lmpop",
     .handler = lmpop,
     .arity = -4,
     .flags = flag::write | flag::movablekeys,
     .group = Group::list,
     .keys = counted_keys(key_flag::rw | key_flag::access | key_flag::remove, 1),
     .since = "7.0.0",
     .complexity = "O(N+M) with N the keys and M the elements returned.",
     .syntax = "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
     .summary = "Removes elements from the first of several lists that has any and returns them."},
    {.name = "lpos",
     .handler = lpos,
     .arity = -3,
     .flags = flag::readonly,
     .group = Group::list,
     .keys = one_key(key_flag::ro | key_flag::access),
     .since = "6.0.6",
     .complexity = "O(N) with N the elements looked at.",
     .syntax = "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
     .summary = "Finds the indexes of an element in a list."},
};

}  // namespace

std::span<const CommandSpec> list_move_commands() { return kListMoveCommands; }

}  // namespace gyre::commands
