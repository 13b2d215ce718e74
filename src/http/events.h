// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A published message as a server-sent event. Threads: any. Complexity: O(bytes).

#include <string>
#include <string_view>

#include "gyre/reply.h"

namespace gyre::http {

inline constexpr std::string_view kEventsType = "text/event-stream";
/// Sent while nothing is published, so that both ends notice when the other has gone.
inline constexpr std::string_view kKeepAliveEvent = ": still here\n\n";

/// Empty: the push is no message.
std::string event_of(const Reply& push);

}  // namespace gyre::http
