// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What takes elements from lists, for the commands that wait for them and those that do not: each
// is an attempt (commands/blocking.h) and says whether there was anything to be had, or an error.
//
// Threads: any, under the locks of the keys within reach.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "commands/blocking.h"
#include "commands/context.h"
#include "types/list.h"

namespace gyre::commands {

/// LEFT or RIGHT. nullopt: neither, and the reply says so.
std::optional<types::ListEnd> read_list_end(Context& context, size_t at);

struct ListMove {
    types::ListEnd from = types::ListEnd::head;
    types::ListEnd to = types::ListEnd::head;
};

/// Moves an element from the first key's list to the second's. False: there is none, and nothing
/// was written.
bool move_element(Context& context, ListMove move, const Reach& reach);
/// Keys that does create: one, if there is something to move and nothing where it goes.
int64_t moved_list_keys(Context& context);

struct ListPop {
    types::ListEnd end = types::ListEnd::head;
    int64_t count = 1;
};
/// The arguments of LMPOP, of which the number of keys is argument `at`. nullopt: something is
/// wrong, and the reply says so.
std::optional<ListPop> read_list_pop(Context& context, size_t at);
/// Pops from the first of the keys that has a list, as LMPOP does.
bool pop_from_first(Context& context, const ListPop& pop, const Reach& reach);
/// The same for one element, as BLPOP does.
bool pop_one_from_first(Context& context, types::ListEnd end, const Reach& reach);

}  // namespace gyre::commands
