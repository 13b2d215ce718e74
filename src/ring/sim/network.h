// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The virtual network: listeners, and connections of two ends, each with what is under way to it
// and what has arrived. One end belongs to a server and has a descriptor, the other to a test's
// Peer.
//
// As in TCP: bytes arrive in order; a window bounds what is under way or unread; a close with
// unread bytes, and bytes sent to a closed end, reset the connection; data that arrived before a
// reset can still be read. Descriptors are the lowest free number, so that using a closed one hits
// another.
//
// Ownership: World's only member of this type owns all sockets; they stay until the world ends.
// Threads: one.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gyre/result.h>

#include "ring/ring.h"

namespace gyre::ring::sim {

class World;

using SocketId = uint32_t;
inline constexpr SocketId kNoSocket = UINT32_MAX;

/// An operation of a ring, which may be over: then the generation no longer fits.
struct OperationRef {
    uint32_t ring = UINT32_MAX;
    uint32_t slot = 0;
    uint32_t generation = 0;
};

struct Segment {
    enum class Kind : uint8_t { data, end, reset };
    Kind kind = Kind::data;
    std::string bytes;
};

struct Socket {
    SocketId id = kNoSocket;
    SocketId other = kNoSocket;  // the far end
    int descriptor = -1;         // server ends and listeners
    Address local;
    Address remote;
    bool is_listener = false;
    bool is_connected = false;
    bool is_refused = false;
    bool is_closed = false;          // by its owner
    bool is_sending_closed = false;  // an end was sent
    bool is_receiving_closed = false;
    bool is_ended = false;  // the far end's end arrived
    bool is_reset = false;
    uint32_t in_flight = 0;         // operations of rings on it
    std::deque<Segment> under_way;  // to this end
    size_t under_way_bytes = 0;
    std::string arrived;  // unread, from arrived_offset on
    size_t arrived_offset = 0;
    std::string outbox;            // a peer's bytes that wait for the window
    std::deque<SocketId> backlog;  // listener: server ends not yet accepted
    int backlog_max = 0;
    OperationRef receiver;  // operation that waits to receive, or to accept
    OperationRef sender;
    size_t available() const noexcept { return arrived.size() - arrived_offset; }
};

class Network {
public:
    explicit Network(World& world) noexcept : world_(world) {}

    Socket& socket(SocketId id) { return *sockets_[id]; }
    /// The open socket behind a descriptor; not having one is the caller's bug.
    Socket& of_descriptor(int descriptor);
    size_t descriptors_open() const noexcept;

    Result<int> listen(const Address& address, const ListenOptions& options);
    /// A descriptor or -errno.
    int accept(int listener);
    void shutdown(int descriptor);
    void shutdown_sending(int descriptor);
    void close(int descriptor);

    /// Opens a peer's end and starts to connect it.
    SocketId connect(const Address& address);
    void finish_connect(SocketId peer);
    void peer_send(Socket& peer, std::string_view bytes);
    void peer_close(Socket& peer);

    /// Moves up to `count` arrived bytes to `into`.
    size_t take(Socket& socket, char* into, size_t count);
    /// Room for bytes towards the far end.
    size_t space(const Socket& socket) const;
    void put(Socket& socket, std::string_view bytes);
    /// Sends the end of the stream after what was put before.
    void end(Socket& socket);
    /// Breaks the connection now, at both ends.
    void break_connection(Socket& socket);
    /// Lets what waits at `socket` try again.
    void notify(Socket& socket);
    /// The next segment of `socket` arrives.
    void arrive(SocketId id);

private:
    Socket& create();
    int give_descriptor(Socket& socket);
    Socket* listener_at(const Address& address);
    void send_segment(Socket& from, Segment segment);
    void pump(Socket& peer);
    void retry(OperationRef& waiter);

    World& world_;
    std::vector<std::unique_ptr<Socket>> sockets_;
    std::vector<SocketId> descriptors_;
    uint16_t next_port_ = 40000;
};

}  // namespace gyre::ring::sim
