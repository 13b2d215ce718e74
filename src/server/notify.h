// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Tells the service manager how the server is doing: sd_notify(3) without its library. Does nothing
// when nobody asked (no NOTIFY_SOCKET). Threads: any.

#include <string_view>

namespace gyre::server {

/// Sends `state` ("READY=1\n") to $NOTIFY_SOCKET.
void notify_supervisor(std::string_view state);

}  // namespace gyre::server
