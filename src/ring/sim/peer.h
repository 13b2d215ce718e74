// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The client side of a simulated connection, driven by the test between two steps of the world.
// What it does takes effect after the network's delay; what it may look at is what has arrived.
//
// Ownership: borrows the world, which must outlive it. Destroying a peer does not close it.
// Threads: one.

#include <cstddef>
#include <string>
#include <string_view>

#include "ring/sim/world.h"

namespace gyre::ring::sim {

class Peer {
public:
    Peer(World& world, const Address& address)
        : world_(world), id_(world.network().connect(address)) {}
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    bool is_connected() const { return socket().is_connected; }
    bool is_refused() const { return socket().is_refused; }
    bool is_reset() const { return socket().is_reset; }
    /// The server will send no more, and all it sent was received.
    bool is_ended() const { return socket().is_ended && socket().available() == 0; }
    size_t available() const { return socket().available(); }
    /// Bytes of send() that have not left yet, because the server does not read.
    size_t unsent() const { return socket().outbox.size(); }

    void send(std::string_view bytes) { world_.network().peer_send(socket(), bytes); }
    /// Takes up to `count` bytes of what has arrived. Not calling it makes a slow reader.
    std::string receive(size_t count = SIZE_MAX) {
        std::string bytes(count < available() ? count : available(), '\0');
        if (!bytes.empty()) world_.network().take(socket(), bytes.data(), bytes.size());
        return bytes;
    }
    /// Half close: the server reads to the end, then sees the end of the stream.
    void finish_sending() { world_.network().end(socket()); }
    /// Closes both ways. Unread bytes make it a reset, as in TCP.
    void close() { world_.network().peer_close(socket()); }
    /// Breaks the connection at once, at both ends.
    void reset() { world_.network().break_connection(socket()); }

private:
    Socket& socket() const { return world_.network().socket(id_); }

    World& world_;
    SocketId id_;
};

}  // namespace gyre::ring::sim
