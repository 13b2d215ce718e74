// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What takes members from the first of several sorted sets, for the commands that wait for them and
// those that do not: each is an attempt (commands/blocking.h) and says whether there was anything
// to be had, or an error.
//
// Threads: any, under the locks of the keys within reach.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/blocking.h"
#include "commands/context.h"

namespace gyre::commands {

/// What members that are taken from an end are told as.
inline std::string_view pop_event(bool is_max) { return is_max ? "zpopmax" : "zpopmin"; }

struct ZsetPop {
    bool is_max = false;
    int64_t count = 1;
};
/// The arguments of ZMPOP, of which the number of keys is argument `at`. nullopt: something is
/// wrong, and the reply says so.
std::optional<ZsetPop> read_zset_pop(Context& context, size_t at);
/// Pops from the first of the keys that has a sorted set, as ZMPOP does.
bool pop_from_first(Context& context, const ZsetPop& pop, const Reach& reach);
/// The same for one member, as BZPOPMIN and BZPOPMAX do.
bool pop_one_from_first(Context& context, bool is_max, const Reach& reach);

}  // namespace gyre::commands
