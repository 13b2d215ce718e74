// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What MONITOR shows: every command once it has run, with its arguments quoted, but for those of
// administration; passwords are hidden. Monitors listen to a topic of their own, so that nobody
// waits for them (engine/pubsub.h).
//
// Threads: home reactor of whoever runs the command. Complexity: one load while nobody monitors.

#include <cstdint>

#include "commands/dispatch.h"

namespace gyre::commands {

/// Bytes of an argument that are shown; of more, how many these are.
inline constexpr size_t kMonitoredBytesMax = 1024 * 1024;

/// Tells the monitors of a command that has just run.
void tell_monitors(const RequestView& request, const Session& session, Services& services,
                   int64_t now_ms);

inline bool has_monitors(const Services& services) {
    return services.dataset.pubsub().topics(engine::TopicKind::monitor) > 0;
}

}  // namespace gyre::commands
