// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Who writes down the entries of a snapshot. Each entry that was there when the snapshot began is
// told once, as it was then: when its turn comes, or before it is changed or removed. A large value
// whose turn comes may be told in parts, under one hold of the lock after the other; if it is about
// to be changed or removed between two of them, what is left is told at once.
//
// Ownership: borrowed by the shards from Shard::begin_snapshot() until all their entries are saved.
// Threads: called with the shard's lock held, so it neither waits nor enters the kernel.

#include <cstddef>
#include <cstdint>

#include "store/entry.h"

namespace gyre::store {

class EntrySaver {
public:
    virtual ~EntrySaver() = default;
    enum class Pace : uint8_t { in_parts, at_once };
    /// `database` is the number it had when the snapshot began. False, and only in parts: there is
    /// more of it, and the call is to be repeated; meanwhile the entry neither moves nor changes.
    virtual bool save(size_t database, const Entry& entry, Pace pace) = 0;
};

}  // namespace gyre::store
