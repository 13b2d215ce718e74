// SPDX-License-Identifier: BSD-3-Clause
#include "net/acceptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"

namespace gyre::net {
namespace {

int open_reserve() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

/// Errors that came with one connection, which is gone from the backlog with them: accept(2) hands
/// on what the network said of it. After any other error the next call may well say the same.
bool concerns_one_peer(int error) {
    switch (error) {
        case EINTR:
        case ECONNABORTED:
        case ECONNRESET:
        case EPROTO:
        case EPERM:
        case ENOPROTOOPT:
        case EOPNOTSUPP:
        case ENETDOWN:
        case ENETUNREACH:
        case ENONET:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ETIMEDOUT:
            return true;
        default:
            return false;
    }
}

}  // namespace

Acceptor::Acceptor(ring::Reactor& reactor, OnAccept on_accept)
    : reactor_(reactor),
      on_accept_(std::move(on_accept)),
      backoff_(*this),
      reserve_(open_reserve()) {}

Acceptor::~Acceptor() {
    if (reserve_ >= 0) ::close(reserve_);
    for (const auto& listener : listeners_) close_listener(*listener);
}

Result<void> Acceptor::listen(const ring::Address& address, const ring::ListenOptions& options) {
    auto descriptor = reactor_.ring().listen(address, options);
    if (!descriptor) return tl::unexpected(std::move(descriptor.error()));
    add(*descriptor, address.family == ring::Address::Family::unix_path);
    return {};
}

void Acceptor::add(int descriptor, bool is_unix) {
    forget_closed();
    listeners_.push_back(std::make_unique<Listener>(*this, descriptor, is_unix));
    Listener& listener = *listeners_.back();
    if (is_stopping_) {
        close_listener(listener);
    } else if (is_started_) {
        poll(listener);
    }
}

void Acceptor::remove(int descriptor) {
    forget_closed();
    for (const auto& listener : listeners_) {
        if (listener->descriptor != descriptor) continue;
        listener->is_leaving = true;
        if (listener->in_flight) {
            reactor_.ring().cancel(*listener);
        } else {
            close_listener(*listener);
        }
    }
}

/// Those whose operation has ended: the ring may still hold one that is in flight.
void Acceptor::forget_closed() {
    std::erase_if(listeners_, [](const auto& listener) {
        return listener->descriptor < 0 && !listener->in_flight;
    });
}

void Acceptor::poll(Listener& listener) {
    reactor_.ring().poll_accept(listener, listener.descriptor);
}

void Acceptor::start() {
    is_started_ = true;
    for (const auto& listener : listeners_) poll(*listener);
}

void Acceptor::stop() {
    is_stopping_ = true;
    reactor_.disarm(backoff_);
    for (const auto& listener : listeners_) {
        if (listener->in_flight) {
            reactor_.ring().cancel(*listener);
        } else {
            close_listener(*listener);
        }
    }
}

void Acceptor::close_listener(Listener& listener) {
    if (listener.descriptor >= 0) reactor_.ring().close(listener.descriptor);
    listener.descriptor = -1;
}

bool Acceptor::is_idle() const {
    for (const auto& listener : listeners_) {
        if (listener->in_flight) return false;
    }
    return true;
}

void Acceptor::handle_ready(ring::Op& op, const ring::Completion&) {
    Listener& listener = static_cast<Listener&>(op);
    if (listener.acceptor.is_stopping_ || listener.is_leaving) {
        // Who comes now is better told so than left in the backlog.
        listener.acceptor.close_listener(listener);
        return;
    }
    // Whatever the poll said, accept() tells what is true.
    listener.acceptor.accept_from(listener);
}

void Acceptor::accept_from(Listener& listener) {
    ring::Ring& ring = reactor_.ring();
    for (int count = 0; count < kAcceptsPerTurn; ++count) {
        const int descriptor = ring.accept_now(listener.descriptor);
        if (descriptor >= 0) {
            accepted_.fetch_add(1, std::memory_order_relaxed);
            on_accept_(descriptor, listener.is_unix);
            if (is_stopping_) return close_listener(listener);
            continue;
        }
        if (descriptor == -EAGAIN || descriptor == -EWOULDBLOCK) break;
        if (descriptor == -EMFILE || descriptor == -ENFILE) {
            refuse_one(listener);
            return;
        }
        errors_.fetch_add(1, std::memory_order_relaxed);
        if (!concerns_one_peer(-descriptor)) {
            reactor_.arm(backoff_, reactor_.now_us() + kBackoffUs);
            return;
        }
    }
    poll(listener);
}

/// Out of descriptors: without this the peer would hang in the backlog and the poll would fire
/// forever.
void Acceptor::refuse_one(Listener& listener) {
    const bool is_first = out_of_descriptors_.fetch_add(1, std::memory_order_relaxed) == 0;
    if (reserve_ >= 0) {
        ::close(reserve_);
        const int descriptor = reactor_.ring().accept_now(listener.descriptor);
        if (descriptor >= 0) reactor_.ring().close(descriptor);
        reserve_ = open_reserve();
    }
    if (is_first) {
        base::log(base::Level::warning,
                  "No file descriptor left for a new connection: it is refused. Raise the limit of "
                  "open files (ulimit -n, LimitNOFILE) or lower maxclients.");
    }
    reactor_.arm(backoff_, reactor_.now_us() + kBackoffUs);
}

void Acceptor::handle_backoff(ring::Timer& timer) {
    Acceptor& acceptor = static_cast<BackoffTimer&>(timer).acceptor;
    if (acceptor.reserve_ < 0) acceptor.reserve_ = open_reserve();
    for (const auto& listener : acceptor.listeners_) {
        if (!listener->in_flight && listener->descriptor >= 0) acceptor.poll(*listener);
    }
}

}  // namespace gyre::net
