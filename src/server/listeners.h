// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The places the server listens on. They may change while it serves: what is new is opened before
// what goes is closed, so that a change that fails leaves everything as it was. Only where a new
// place collides with one that goes (127.0.0.1 and then * on one port) is the old one silenced
// first; it listens again when the new one cannot be had after all.
//
// Ownership: the acceptor owns the sockets once they are handed over. Threads: any, under a mutex
// of its own; the acceptor is told by messages to its reactor. Errors: name the address and what to
// do.

#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "net/acceptor.h"

namespace gyre::server {

class Listeners {
public:
    /// Both borrowed.
    Listeners(ring::Reactor& home, net::Acceptor& acceptor) : home_(home), acceptor_(acceptor) {}

    Result<void> open_unix(const std::string& path, const ring::ListenOptions& options);
    /// Listens on these hosts of the bind directive and on no other TCP address; port 0: on none.
    Result<void> change_tcp(std::span<const std::string> hosts, uint16_t port,
                            const ring::ListenOptions& options);
    /// Before the home reactor runs: from now on its thread is asked, not called.
    void start();
    /// Closes them for good. Home thread.
    void stop();
    std::vector<ring::Address> addresses() const;

private:
    struct Place {
        ring::Address address;
        int descriptor = -1;
        bool is_silenced = false;
    };
    struct Change;
    static Result<int> open_or_displace(const ring::Address& address,
                                        const ring::ListenOptions& options, Change& change);
    static Result<void> open_missing(std::span<const std::string> hosts, uint16_t port,
                                     const ring::ListenOptions& options, Change& change);
    static void undo(const Change& change, const ring::ListenOptions& options);
    void commit(Change&& change);
    void on_home(std::function<void()> work);

    ring::Reactor& home_;
    net::Acceptor& acceptor_;
    mutable std::mutex mutex_;
    // under the mutex
    std::vector<Place> places_;
    bool is_running_ = false;
    bool is_stopped_ = false;
};

}  // namespace gyre::server
