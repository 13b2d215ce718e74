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
/// Ends listening but keeps socket and address, so that another may listen there meanwhile. Who
/// waits to be accepted is reset.
void stop_listening(int listener);
/// After stop_listening(); false when another has the address by now.
bool listen_again(int listener, int backlog);
/// accept4(2), non-blocking and close-on-exec: a descriptor or -errno.
int accept_connection(int listener);
Address address_of_peer(int descriptor);
Address address_of_this_end(int descriptor);
void tune_stream(int descriptor, int keepalive_seconds);

}  // namespace gyre::ring
