// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Accepts connections on a set of listening sockets and hands each to its user, a bounded number
// per turn. When descriptors run out it gives up a reserve descriptor to accept and refuse one
// connection, so that the peer learns of it, and pauses; it also pauses when memory or anything
// else is missing. It never spins on a listener it cannot serve.
//
// Ownership: owns the listening sockets. Threads: home reactor, but for counters(). Suspends:
// never.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ring/reactor.h"

namespace gyre::net {

struct AcceptCounters {
    uint64_t accepted = 0;
    uint64_t out_of_descriptors = 0;  ///< EMFILE and ENFILE
    uint64_t errors = 0;              ///< other failures (ECONNABORTED, ENOBUFS ...)
};

class Acceptor {
public:
    /// Connections taken from one listener before others get their turn.
    static constexpr int kAcceptsPerTurn = 64;
    /// How long a listener rests when descriptors have run out.
    static constexpr int64_t kBackoffUs = 100'000;

    /// `descriptor` is connected and belongs to the callee from then on.
    using OnAccept = std::function<void(int descriptor, bool is_unix)>;

    Acceptor(ring::Reactor& reactor, OnAccept on_accept);
    ~Acceptor();

    /// Opens a listener. The error names the address and what to do.
    Result<void> listen(const ring::Address& address, const ring::ListenOptions& options);
    /// Takes over a listening socket.
    void add(int descriptor, bool is_unix);
    /// Closes one as soon as its poll has ended. Not from on_accept.
    void remove(int descriptor);
    /// Begins accepting on all listeners, and at once on those added later.
    void start();
    /// Closes the listeners, each as soon as its poll has ended; is_idle() tells. May be called
    /// from on_accept.
    void stop();
    bool is_idle() const;
    /// A copy. Any thread.
    AcceptCounters counters() const {
        return {accepted_.load(std::memory_order_relaxed),
                out_of_descriptors_.load(std::memory_order_relaxed),
                errors_.load(std::memory_order_relaxed)};
    }

private:
    struct Listener : ring::Op {
        Listener(Acceptor& owner, int socket, bool on_unix)
            : Op(&Acceptor::handle_ready), acceptor(owner), descriptor(socket), is_unix(on_unix) {}
        Acceptor& acceptor;
        int descriptor;  // -1: closed
        bool is_unix;
        bool is_leaving = false;
    };
    struct BackoffTimer : ring::Timer {
        explicit BackoffTimer(Acceptor& owner)
            : Timer(&Acceptor::handle_backoff), acceptor(owner) {}
        Acceptor& acceptor;
    };
    static void handle_ready(ring::Op& op, const ring::Completion& completion);
    static void handle_backoff(ring::Timer& timer);
    void accept_from(Listener& listener);
    void refuse_one(Listener& listener);
    void poll(Listener& listener);
    void forget_closed();
    void close_listener(Listener& listener);

    ring::Reactor& reactor_;
    OnAccept on_accept_;
    std::vector<std::unique_ptr<Listener>> listeners_;
    BackoffTimer backoff_;
    int reserve_ = -1;  // a descriptor kept to be able to refuse
    bool is_started_ = false;
    bool is_stopping_ = false;
    // written by the home thread, read by any
    std::atomic<uint64_t> accepted_{0};
    std::atomic<uint64_t> out_of_descriptors_{0};
    std::atomic<uint64_t> errors_{0};
};

}  // namespace gyre::net
