// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The packed forms of Redis before its listpack: the ziplist (lists, hashes and sorted sets up to
// version 9) and the zipmap (hashes up to version 3). Only read, and only from outside: each is
// gone over once, checked on the way, and its elements told; what was told counts only when the end
// was reached.
//
// Ownership: none; what is told lies in the bytes given. Threads: any. Errors: a value.
// Complexity: O(bytes). Source: the formats of Redis (ziplist.c, zipmap.c by S. Sanfilippo).

#include <functional>
#include <string_view>

#include "types/listpack.h"

namespace gyre::snapshot {

/// Told an element; false ends the reading.
using ElementVisitor = std::function<bool(const types::ListpackValue& element)>;

/// False: the bytes are no ziplist, or the visitor wanted no more.
bool visit_ziplist(std::string_view bytes, const ElementVisitor& visit);
/// Fields and values in turn. False: as above.
bool visit_zipmap(std::string_view bytes, const ElementVisitor& visit);

}  // namespace gyre::snapshot
