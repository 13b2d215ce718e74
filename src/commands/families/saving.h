// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Snapshots that a command waits for: SAVE, and FLUSHALL where snapshots are made by themselves.
//
// Threads: home reactor. Suspends: until the snapshot is on the disk.

#include "commands/context.h"
#include "ring/task.h"

namespace gyre::commands {

enum class Saved : uint8_t {
    yes,
    no,    ///< the server's log says why
    busy,  ///< another one is under way
};

/// Saves the data as it is now, behind what is being written: a rewrite of the append-only file
/// has the one walker there is, and so has a snapshot, which is waited for if asked to.
ring::Task<void> save_now(Context& context, bool waits_for_snapshot, Saved& saved);

}  // namespace gyre::commands
