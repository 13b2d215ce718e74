// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Who writes down the entries of a snapshot. Each entry that was there when the snapshot began is
// told once, as it was then: when its turn comes, or before it is changed or removed. It is saved
// by then as far as the shard is concerned. Of a large object the saver may make itself the
// ObjectSaver instead, and save it part by part; the object then knows, and takes that along when
// it changes its entry or its shard. If it loses its entry it goes to its saver.
//
// Ownership: borrowed by the shards from Shard::begin_snapshot() until all their entries are saved.
// Threads: called with the shard's lock held, so it neither waits nor enters the kernel.

#include <cstddef>

#include "store/entry.h"

namespace gyre::store {

class EntrySaver {
public:
    virtual ~EntrySaver() = default;
    /// `database` is the number it had when the snapshot began.
    virtual void save(size_t database, const Entry& entry) = 0;
    /// An object that is being saved comes from another shard, whose lock is held, too.
    virtual void receive(types::ObjectSaver& saver) = 0;
};

}  // namespace gyre::store
