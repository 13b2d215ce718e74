// SPDX-License-Identifier: BSD-3-Clause
#include "echo_server.h"

#include <cerrno>
#include <utility>

#include "base/check.h"

namespace gyre::ring {
namespace {
constexpr int64_t kNoBufferPauseUs = 50;
constexpr int64_t kNoDescriptorPauseUs = 1000;
}  // namespace

void AwaitedOp::on_done(Op& op, const Completion& result) {
    AwaitedOp& self = static_cast<AwaitedOp&>(op);
    self.completion = result;
    self.done.set_later(self.home);
}

EchoServer::EchoServer(std::vector<Reactor*> reactors, int listener)
    : reactors_(std::move(reactors)), listener_(listener), accepting_(*reactors_.front()) {}

void EchoServer::start() { reactors_.front()->spawn(accept()); }

Task<void> EchoServer::accept() {
    Reactor& home = *reactors_.front();
    for (;;) {
        accepting_.done.reset();
        home.ring().poll_accept(accepting_, listener_);
        co_await accepting_.done.wait();
        int descriptor = home.ring().accept_now(listener_);
        while (descriptor >= 0) {
            take(descriptor);
            descriptor = home.ring().accept_now(listener_);
        }
        if (descriptor == -EMFILE) {
            Reactor::Sleep pause(home, kNoDescriptorPauseUs);
            co_await pause;
        }
    }
}

void EchoServer::take(int descriptor) {
    Reactor& home = *reactors_[accepted_ % reactors_.size()];
    ++accepted_;
    connections_.push_back(std::make_unique<EchoConnection>(home, descriptor));
    EchoConnection* connection = connections_.back().get();
    home.post([connection] { connection->home.spawn(serve(connection)); });
}

Task<void> EchoServer::serve(EchoConnection* connection) {
    Reactor& home = connection->home;
    bool more_data = false;
    for (;;) {
        connection->receiving.done.reset();
        home.ring().receive(connection->receiving, connection->descriptor, more_data);
        co_await connection->receiving.done.wait();
        const Completion received = connection->receiving.completion;
        if (received.result == -ENOBUFS) {
            Reactor::Sleep pause(home, kNoBufferPauseUs);
            co_await pause;
            continue;
        }
        if (received.result <= 0) break;
        connection->outgoing.assign(home.ring().buffer_data(received.buffer),
                                    static_cast<size_t>(received.result));
        home.ring().give_back(received.buffer);
        more_data = received.more_data;
        const bool is_sent = co_await send_all(connection);
        if (!is_sent) break;
    }
    home.ring().close(connection->descriptor);
}

Task<bool> EchoServer::send_all(EchoConnection* connection) {
    Reactor& home = connection->home;
    size_t sent = 0;
    while (sent < connection->outgoing.size()) {
        connection->vector = {connection->outgoing.data() + sent,
                              connection->outgoing.size() - sent};
        connection->sending.done.reset();
        home.ring().send(connection->sending, connection->descriptor, {&connection->vector, 1});
        co_await connection->sending.done.wait();
        const int32_t result = connection->sending.completion.result;
        if (result <= 0) co_return false;
        sent += static_cast<size_t>(result);
    }
    co_return true;
}

}  // namespace gyre::ring
