// SPDX-License-Identifier: BSD-3-Clause
#include "ring/sim/network.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "ring/sim/world.h"

namespace gyre::ring::sim {
namespace {
/// As 0, 1 and 2 are taken in a real process.
constexpr size_t kFirstDescriptor = 3;
}  // namespace

// --- descriptors --------------------------------------------------------------------------------

Socket& Network::create() {
    sockets_.push_back(std::make_unique<Socket>());
    sockets_.back()->id = static_cast<SocketId>(sockets_.size() - 1);
    return *sockets_.back();
}

int Network::give_descriptor(Socket& socket) {
    if (descriptors_.empty()) descriptors_.assign(kFirstDescriptor, kNoSocket);
    size_t number = kFirstDescriptor;
    while (number < descriptors_.size() && descriptors_[number] != kNoSocket) ++number;
    if (number == descriptors_.size()) descriptors_.push_back(kNoSocket);
    descriptors_[number] = socket.id;
    socket.descriptor = static_cast<int>(number);
    return socket.descriptor;
}

Socket& Network::of_descriptor(int descriptor) {
    CHECK(descriptor >= 0);
    CHECK(static_cast<size_t>(descriptor) < descriptors_.size());
    const SocketId id = descriptors_[static_cast<size_t>(descriptor)];
    CHECK(id != kNoSocket);
    return *sockets_[id];
}

size_t Network::descriptors_open() const noexcept {
    return static_cast<size_t>(std::count_if(descriptors_.begin(), descriptors_.end(),
                                             [](SocketId id) { return id != kNoSocket; }));
}

// --- listening and connecting -------------------------------------------------------------------

Socket* Network::listener_at(const Address& address) {
    for (const SocketId id : descriptors_) {
        if (id == kNoSocket || !sockets_[id]->is_listener) continue;
        if (sockets_[id]->local.text() == address.text()) return sockets_[id].get();
    }
    return nullptr;
}

Result<int> Network::listen(const Address& address, const ListenOptions& options) {
    Address chosen = address;
    if (chosen.family != Address::Family::unix_path && chosen.port == 0) chosen.port = next_port_++;
    if (listener_at(chosen) != nullptr) {
        return fail("cannot listen on " + chosen.text() + ": another listener is there",
                    EADDRINUSE);
    }
    Socket& listener = create();
    listener.is_listener = true;
    listener.local = chosen;
    listener.backlog_max = options.backlog;
    return give_descriptor(listener);
}

SocketId Network::connect(const Address& address) {
    Socket& peer = create();
    peer.remote = address;
    peer.local = address;
    if (address.family != Address::Family::unix_path) peer.local.port = next_port_++;
    world_.schedule({.kind = EventKind::connect, .socket = peer.id}, world_.network_delay_us());
    return peer.id;
}

void Network::finish_connect(SocketId id) {
    Socket& peer = socket(id);
    Socket* listener = listener_at(peer.remote);
    if (peer.is_closed || peer.is_reset) return;  // it gave up before
    if (listener == nullptr ||
        static_cast<int>(listener->backlog.size()) >= listener->backlog_max) {
        world_.trace("refuse", id, 0);
        peer.is_refused = true;
        return;
    }
    Socket& server = create();
    world_.trace("connect", id, server.id);
    server.local = peer.remote;
    server.remote = peer.local;
    server.is_connected = true;
    server.other = peer.id;
    peer.is_connected = true;
    peer.other = server.id;
    listener->backlog.push_back(server.id);
    retry(listener->receiver);
    if (!peer.outbox.empty()) {
        pump(peer);
    } else if (peer.is_sending_closed) {
        send_segment(peer, {Segment::Kind::end, {}});
    }
}

int Network::accept(int descriptor) {
    Socket& listener = of_descriptor(descriptor);
    CHECK(listener.is_listener);
    if (listener.backlog.empty()) return -EAGAIN;
    if (world_.chance(world_.faults().accept_failure)) return -EMFILE;
    Socket& server = socket(listener.backlog.front());
    listener.backlog.pop_front();
    const int number = give_descriptor(server);
    world_.trace("accept", server.id, number);
    return number;
}

// --- bytes --------------------------------------------------------------------------------------

size_t Network::space(const Socket& from) const {
    if (from.other == kNoSocket) return 0;
    const Socket& to = *sockets_[from.other];
    const size_t used = to.under_way_bytes + to.available();
    const size_t window = world_.faults().window_bytes;
    return used >= window ? 0 : window - used;
}

void Network::send_segment(Socket& from, Segment segment) {
    if (from.other == kNoSocket) return;
    Socket& to = socket(from.other);
    to.under_way_bytes += segment.bytes.size();
    to.under_way.push_back(std::move(segment));
    world_.schedule({.kind = EventKind::arrive, .socket = to.id}, world_.network_delay_us());
}

void Network::put(Socket& from, std::string_view bytes) {
    while (!bytes.empty()) {
        size_t count = bytes.size();
        if (world_.chance(world_.faults().small_segments)) count = 1 + world_.random().below(count);
        send_segment(from, {Segment::Kind::data, std::string(bytes.substr(0, count))});
        bytes.remove_prefix(count);
    }
}

size_t Network::take(Socket& from, char* into, size_t count) {
    count = std::min(count, from.available());
    from.arrived.copy(into, count, from.arrived_offset);
    from.arrived_offset += count;
    if (from.available() == 0) {
        from.arrived.clear();
        from.arrived_offset = 0;
    }
    if (from.other != kNoSocket) {  // there is room again
        Socket& far = socket(from.other);
        retry(far.sender);
        pump(far);
    }
    return count;
}

void Network::arrive(SocketId id) {
    Socket& to = socket(id);
    if (to.under_way.empty()) return;  // dropped by a reset
    const Segment segment = std::move(to.under_way.front());
    to.under_way.pop_front();
    to.under_way_bytes -= segment.bytes.size();
    world_.trace("arrive", id, static_cast<int64_t>(segment.bytes.size()));
    if (to.is_reset) return;
    if (segment.kind == Segment::Kind::reset) {
        to.is_reset = true;
    } else if (segment.kind == Segment::Kind::end) {
        to.is_ended = true;
    } else if (to.is_closed || to.is_receiving_closed) {
        send_segment(to, {Segment::Kind::reset, {}});  // nobody is there to read it
    } else {
        to.arrived += segment.bytes;
    }
    notify(to);
}

void Network::end(Socket& from) {
    if (from.is_sending_closed) return;
    from.is_sending_closed = true;
    if (from.outbox.empty()) send_segment(from, {Segment::Kind::end, {}});
}

void Network::break_connection(Socket& here) {
    world_.trace("break", here.id, here.other);
    for (const SocketId id : {here.id, here.other}) {
        if (id == kNoSocket) continue;
        Socket& end = socket(id);
        end.is_reset = true;
        end.under_way.clear();
        end.under_way_bytes = 0;
        end.outbox.clear();
        notify(end);
    }
}

void Network::notify(Socket& at) {
    retry(at.receiver);
    retry(at.sender);
}

void Network::retry(OperationRef& waiter) {
    const OperationRef operation = std::exchange(waiter, {});
    if (!world_.is_waiting(operation)) return;
    world_.schedule({.kind = EventKind::attempt, .operation = operation},
                    world_.completion_delay_us());
}

// --- a server's end -----------------------------------------------------------------------------

void Network::shutdown(int descriptor) {
    Socket& here = of_descriptor(descriptor);
    world_.trace("shutdown", here.id, descriptor);
    here.is_receiving_closed = true;
    end(here);
    notify(here);
}

void Network::shutdown_sending(int descriptor) {
    Socket& here = of_descriptor(descriptor);
    world_.trace("shutdown sending", here.id, descriptor);
    end(here);
}

void Network::close(int descriptor) {
    Socket& here = of_descriptor(descriptor);
    CHECK(here.in_flight == 0);  // a descriptor is closed only when nothing on it is in flight
    world_.trace("close", here.id, descriptor);
    descriptors_[static_cast<size_t>(descriptor)] = kNoSocket;
    here.descriptor = -1;
    here.is_closed = true;
    for (const SocketId waiting : here.backlog) {
        socket(waiting).is_closed = true;
        send_segment(socket(waiting), {Segment::Kind::reset, {}});
    }
    if (here.is_listener || here.is_reset) return;
    if (here.available() > 0) {
        send_segment(here, {Segment::Kind::reset, {}});
    } else {
        end(here);
    }
}

// --- a peer's end -------------------------------------------------------------------------------

void Network::peer_send(Socket& peer, std::string_view bytes) {
    if (peer.is_reset || peer.is_refused) return;
    CHECK(!peer.is_sending_closed);
    peer.outbox += bytes;
    pump(peer);
}

/// Moves what the window lets through from the peer's outbox on its way.
void Network::pump(Socket& peer) {
    if (peer.outbox.empty() || !peer.is_connected) return;
    const size_t count = std::min(peer.outbox.size(), space(peer));
    if (count == 0) return;
    const std::string bytes = peer.outbox.substr(0, count);
    peer.outbox.erase(0, count);
    put(peer, bytes);
    if (peer.outbox.empty() && peer.is_sending_closed) send_segment(peer, {Segment::Kind::end, {}});
}

void Network::peer_close(Socket& peer) {
    if (peer.is_closed) return;
    peer.is_closed = true;
    world_.trace("peer close", peer.id, static_cast<int64_t>(peer.available()));
    if (peer.is_reset) return;
    if (peer.available() > 0) {
        peer.outbox.clear();
        send_segment(peer, {Segment::Kind::reset, {}});
    } else {
        end(peer);
    }
}

}  // namespace gyre::ring::sim
