// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The server under load, as something to connect to. The ring has no connect: a server needs none,
// and a connection is made once. Beyond 10,000, connections to this machine come from 127.0.0.2 and
// so on, because one address has but 28,000 ports, and each is kept for a minute after its
// connection has closed. A server in protected mode may refuse those.
//
// Ownership: descriptors are the caller's. Threads: one at a time.
// Errors: a sentence for people; errno in the code.

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include <gyre/result.h>

#include "load/options.h"

namespace gyre::load {

class Target {
public:
    /// Looks the host up, which may wait.
    static Result<Target> find(const Options& options);
    /// A connected socket, TCP_NODELAY on. Waits for the server.
    Result<int> connect();
    /// A socket whose connection may still be under way: what is sent waits for it. Unix sockets
    /// wait here, when the server's queue of new connections is full.
    Result<int> start_connecting();
    /// "127.0.0.1:6379" or a path.
    const std::string& name() const noexcept { return name_; }

private:
    Target() = default;
    Result<int> open_socket();
    tl::unexpected<Error> cannot_connect(int descriptor, int error) const;

    sockaddr_storage address_{};
    socklen_t length_ = 0;
    bool is_loopback_ = false;  // IPv4
    uint32_t opened_ = 0;
    std::string name_;
};

/// Permits as many open files as the system lets this process have.
void raise_descriptor_limit();

}  // namespace gyre::load
