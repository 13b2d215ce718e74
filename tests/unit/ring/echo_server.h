// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A server as the product has them, only smaller: a coroutine that accepts, a coroutine for each
// connection, operations in objects that outlive them. It runs on any Ring.
//
// Ownership: borrows its reactors. Destroy in this order: the reactors (and with them the
// coroutines), the rings, the server.
// Threads: connections live on the reactor they were handed to.

#include <memory>
#include <string>
#include <vector>

#include "ring/event.h"
#include "ring/reactor.h"

namespace gyre::ring {

/// An operation a coroutine waits for.
struct AwaitedOp : Op {
    explicit AwaitedOp(Reactor& reactor) : Op(&AwaitedOp::on_done), home(reactor) {}
    static void on_done(Op& op, const Completion& result);
    Reactor& home;
    Event done;
    Completion completion;
};

struct EchoConnection {
    EchoConnection(Reactor& reactor, int number)
        : home(reactor), descriptor(number), receiving(reactor), sending(reactor) {}
    Reactor& home;
    const int descriptor;
    AwaitedOp receiving;
    AwaitedOp sending;
    std::string outgoing;
    iovec vector{};
};

class EchoServer {
public:
    /// Accepts on the first reactor, and hands connections to all in turn.
    EchoServer(std::vector<Reactor*> reactors, int listener);
    /// Home thread of the first reactor.
    void start();
    uint64_t accepted() const noexcept { return accepted_; }

private:
    Task<void> accept();
    void take(int descriptor);
    static Task<void> serve(EchoConnection* connection);
    static Task<bool> send_all(EchoConnection* connection);

    std::vector<Reactor*> reactors_;
    int listener_;
    AwaitedOp accepting_;
    uint64_t accepted_ = 0;
    std::vector<std::unique_ptr<EchoConnection>> connections_;
};

}  // namespace gyre::ring
