// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The plain system calls around sockets: those that never wait and are rare enough not to go
// through the ring.
//
// Threads: any. Errors: Result for what a person must act on, -errno for what code acts on.

#include <gyre/result.h>

#include "ring/ring.h"

namespace gyre::ring {

Result<int> open_listener(const Address& address, const ListenOptions& options);
/// accept4(2), non-blocking and close-on-exec: a descriptor or -errno.
int accept_connection(int listener);
Address address_of_peer(int descriptor);
Address address_of_this_end(int descriptor);
void tune_stream(int descriptor, int keepalive_seconds);

}  // namespace gyre::ring
