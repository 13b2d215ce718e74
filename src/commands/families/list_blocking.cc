// SPDX-License-Identifier: BSD-3-Clause

// Lists: the commands that wait for an element when there is none.
//
// Threads: home reactor, under the locks of the keys; attempts for those who wait on any.

#include <optional>

#include "commands/blocking.h"
#include "commands/families/list_take.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using types::ListEnd;

// --- BLPOP, BRPOP
// ---------------------------------------------------------------------------------

bool try_blpop(Context& context, const Reach& reach) {
    return pop_one_from_first(context, ListEnd::head, reach);
}
bool try_brpop(Context& context, const Reach& reach) {
    return pop_one_from_first(context, ListEnd::tail, reach);
}

void pop_or_wait(Context& context, Attempt attempt) {
    const auto timeout_ms = read_timeout_seconds(context, context.count() - 1);
    if (!timeout_ms || attempt(context, {})) return;
    block(context, {.attempt = attempt, .keys = context.keys, .timeout_ms = *timeout_ms});
}

void blpop(Context& context) { pop_or_wait(context, try_blpop); }
void brpop(Context& context) { pop_or_wait(context, try_brpop); }

// --- BLMPOP
// ---------------------------------------------------------------------------------------

bool try_blmpop(Context& context, const Reach& reach) {
    const auto pop = read_list_pop(context, 2);
    return !pop || pop_from_first(context, *pop, reach);
}

void blmpop(Context& context) {
    const auto pop = read_list_pop(context, 2);
    if (!pop) return;
    const auto timeout_ms = read_timeout_seconds(context, 1);
    if (!timeout_ms || pop_from_first(context, *pop, {})) return;
    block(context, {.attempt = try_blmpop, .keys = context.keys, .timeout_ms = *timeout_ms});
}

// --- BLMOVE, BRPOPLPUSH
// ---------------------------------------------------------------------------

void move_or_wait(Context& context, Attempt attempt, size_t timeout_at) {
    const auto timeout_ms = read_timeout_seconds(context, timeout_at);
    if (!timeout_ms || attempt(context, {})) return;
    block(context, {.attempt = attempt,
                    .keys = context.keys.first(1),
                    .timeout_ms = *timeout_ms,
                    .null = NullReply::bulk,
                    .has_target = true});
}

std::optional<ListMove> read_move(Context& context) {
    const auto from = read_list_end(context, 3);
    if (!from) return std::nullopt;
    const auto to = read_list_end(context, 4);
    if (!to) return std::nullopt;
    return ListMove{*from, *to};
}

bool try_blmove(Context& context, const Reach& reach) {
    const auto move = read_move(context);
    return !move || move_element(context, *move, reach);
}

bool try_brpoplpush(Context& context, const Reach& reach) {
    return move_element(context, {ListEnd::tail, ListEnd::head}, reach);
}

void blmove(Context& context) {
    if (read_move(context)) move_or_wait(context, try_blmove, 5);
}
void brpoplpush(Context& context) { move_or_wait(context, try_brpoplpush, 3); }

constexpr uint16_t kPops = key_flag::rw | key_flag::access | key_flag::remove;
constexpr KeySpecs kMoves = two_keys(kPops, key_flag::rw | key_flag::insert);
/// Keys from the first argument to the last but one.
constexpr KeySpecs kKeysThenTimeout = {{KeySpec{kPops, 1, KeySpec::Find::range, -2, 1, 0}}, 1};
constexpr uint32_t kFlags = flag::write | flag::blocking;

constexpr CommandSpec kListBlockingCommands[] = {
    {.name = "blpop",
     .handler = blpop,
     .arity = -3,
     .flags = kFlags | flag::noscript,
     .group = Group::list,
     .keys = kKeysThenTimeout,
     .since = "2.0.0",
     .complexity = "O(N) with N the keys.",
     .syntax = "key [key ...] timeout",
     .summary = "Removes the first element of the first of several lists that has any, or waits "
                "for one."},
    {.name = "brpop",
     .handler = brpop,
     .arity = -3,
     .flags = kFlags | flag::noscript,
     .group = Group::list,
     .keys = kKeysThenTimeout,
     .since = "2.0.0",
     .complexity = "O(N) with N the keys.",
     .syntax = "key [key ...] timeout",
     .summary = "Removes the last element of the first of several lists that has any, or waits "
                "for one."},
    {.name = "blmpop",
     .handler = blmpop,
     .arity = -5,
     .flags = kFlags | flag::movablekeys,
     .group = Group::list,
     .keys = counted_keys(kPops, 2),
     .since = "7.0.0",
     .complexity = "O(N+M) with N the keys and M the elements returned.",
     .syntax = "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
     .summary = "Removes elements of the first of several lists that has any, or waits for one."},
    {.name = "blmove",
     .handler = blmove,
     .arity = 6,
     .flags = kFlags | flag::noscript | flag::denyoom,
     .group = Group::list,
     .keys = kMoves,
     .since = "6.2.0",
     .complexity = "O(1)",
     .syntax = "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
     .summary = "Moves an element from an end of a list to an end of another, or waits for one.",
     .new_keys = moved_list_keys},
    {.name = "brpoplpush",
     .handler = brpoplpush,
     .arity = 4,
     .flags = kFlags | flag::noscript | flag::denyoom,
     .group = Group::list,
     .keys = kMoves,
     .since = "2.2.0",
     .complexity = "O(1)",
     .syntax = "source destination timeout",
     .summary = "Moves the last element of a list to the front of another, or waits for one.",
     .new_keys = moved_list_keys,
     .deprecated_since = "6.2.0",
     .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments"},
};

}  // namespace

std::span<const CommandSpec> list_blocking_commands() { return kListBlockingCommands; }

}  // namespace gyre::commands
