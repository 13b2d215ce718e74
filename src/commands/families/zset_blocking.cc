// SPDX-License-Identifier: BSD-3-Clause

// Sorted sets: the commands that wait for a member when there is none.
//
// Threads: home reactor, under the locks of the keys; attempts for those who wait on any.

#include "commands/blocking.h"
#include "commands/families/zset_take.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

bool try_bzpopmin(Context& context, const Reach& reach) {
    return pop_one_from_first(context, false, reach);
}
bool try_bzpopmax(Context& context, const Reach& reach) {
    return pop_one_from_first(context, true, reach);
}
bool try_bzmpop(Context& context, const Reach& reach) {
    const auto pop = read_zset_pop(context, 2);
    return !pop || pop_from_first(context, *pop, reach);
}

void pop_or_wait(Context& context, Attempt attempt) {
    const auto timeout_ms = read_timeout_seconds(context, context.count() - 1);
    if (!timeout_ms || attempt(context, {})) return;
    block(context, {.attempt = attempt,
                    .keys = context.keys,
                    .type = store::Type::zset,
                    .timeout_ms = *timeout_ms});
}

void bzpopmin(Context& context) { pop_or_wait(context, try_bzpopmin); }
void bzpopmax(Context& context) { pop_or_wait(context, try_bzpopmax); }

void bzmpop(Context& context) {
    const auto pop = read_zset_pop(context, 2);
    if (!pop) return;
    const auto timeout_ms = read_timeout_seconds(context, 1);
    if (!timeout_ms || pop_from_first(context, *pop, {})) return;
    block(context, {.attempt = try_bzmpop,
                    .keys = context.keys,
                    .type = store::Type::zset,
                    .timeout_ms = *timeout_ms});
}

constexpr uint16_t kPops = key_flag::rw | key_flag::access | key_flag::remove;
/// Keys from the first argument to the last but one.
constexpr KeySpecs kKeysThenTimeout = {{KeySpec{kPops, 1, KeySpec::Find::range, -2, 1, 0}}, 1};
constexpr uint32_t kFlags = flag::write | flag::blocking;

constexpr CommandSpec kZsetBlockingCommands[] = {
    {.name = "bzpopmin",
     .handler = bzpopmin,
     .arity = -3,
     .flags = kFlags | flag::noscript | flag::fast,
     .group = Group::sorted_set,
     .keys = kKeysThenTimeout,
     .since = "5.0.0",
     .complexity = "O(K) + O(log(N)) with K keys and N the members of the set.",
     .syntax = "key [key ...] timeout",
     .summary = "Removes the member with the lowest score from the first of several sorted sets "
                "that has some, or waits for one."},
    {.name = "bzpopmax",
     .handler = bzpopmax,
     .arity = -3,
     .flags = kFlags | flag::noscript | flag::fast,
     .group = Group::sorted_set,
     .keys = kKeysThenTimeout,
     .since = "5.0.0",
     .complexity = "O(K) + O(log(N)) with K keys and N the members of the set.",
     .syntax = "key [key ...] timeout",
     .summary = "Removes the member with the highest score from the first of several sorted sets "
                "that has some, or waits for one."},
    {.name = "bzmpop",
     .handler = bzmpop,
     .arity = -5,
     .flags = kFlags | flag::movablekeys,
     .group = Group::sorted_set,
     .keys = counted_keys(kPops, 2),
     .since = "7.0.0",
     .complexity = "O(K) + O(M*log(N)) with K keys and M members popped.",
     .syntax = "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Removes members of the first of several sorted sets that has some, or waits for "
                "one."},
};

}  // namespace

std::span<const CommandSpec> zset_blocking_commands() { return kZsetBlockingCommands; }

}  // namespace gyre::commands
