// SPDX-License-Identifier: BSD-3-Clause
#include "simulated_server.h"

#include <algorithm>

#include "base/check.h"

namespace gyre::server {
namespace {

/// Moves a world's clock on when nothing else does.
class Metronome : ring::Reactor::Client {
public:
    explicit Metronome(ring::sim::World& world)
        : world_(world), ring_(world), reactor_(ring_, *this) {
        world_.attach(reactor_, ring_);
    }
    ~Metronome() override { world_.detach(reactor_); }

private:
    void on_ready() override {}
    int64_t before_wait() override { return world_.now_us() + 1000; }

    ring::sim::World& world_;
    ring::sim::SimRing ring_;
    ring::Reactor reactor_;
};

}  // namespace

SimulatedServer::SimulatedServer(const SimulatedServerOptions& options)
    : world_(options.seed, options.faults),
      dataset_({.threads = options.workers,
                .databases = 4,
                .shards = options.shards,
                .seed = options.seed}) {
    settings_.gather_us = options.gather_us;
    Shared shared{dataset_,     settings_, clients_,    configuration_, information_, control_,
                  persistence_, aliases_,  background_, slowlog_,       latency_};
    shared.transactions = &transactions_;
    if (options.log_bytes > 0) {
        log_ = std::make_unique<log::Log>(options.workers, options.log_bytes);
        log_->set_thread_waker([] {});
        shared.log = log_.get();
        shared.recent_writes = &recent_writes_;
    }
    for (size_t index = 0; index < options.workers; ++index) {
        rings_.push_back(std::make_unique<ring::sim::SimRing>(world_, options.ring));
        workers_.push_back(
            std::make_unique<Worker>(shared, index, *rings_[index], options.seed + index));
        world_.attach(workers_[index]->reactor(), *rings_[index]);
    }
    acceptor_ = listen(address(), Wire::resp);
    if (options.has_http) http_acceptor_ = listen(http_address(), Wire::http);
}

SimulatedServer::~SimulatedServer() {
    stop();
    acceptor_.reset();
    http_acceptor_.reset();
}

std::unique_ptr<net::Acceptor> SimulatedServer::listen(const ring::Address& place, Wire wire) {
    auto acceptor = std::make_unique<net::Acceptor>(
        workers_[0]->reactor(),
        [this, wire](int descriptor, bool is_unix) { accept(descriptor, is_unix, wire); });
    const auto listening = acceptor->listen(place, {});
    CHECK(listening.has_value());
    acceptor->start();
    return acceptor;
}

void SimulatedServer::require_password(std::string password) {
    configuration_.password_text = std::move(password);
    settings_.has_password.store(true);
}

void SimulatedServer::run_for(int64_t microseconds) {
    // The clock would leap to the next event, however far behind the end it lies.
    const Metronome metronome(world_);
    const int64_t end_us = world_.now_us() + microseconds;
    world_.run_until([&] { return world_.now_us() >= end_us; }, microseconds);
}

size_t SimulatedServer::connections() const {
    size_t sum = 0;
    for (const auto& worker : workers_) sum += worker->load();
    return sum;
}

bool SimulatedServer::is_at_rest() {
    const size_t listeners = http_acceptor_ ? 2 : 1;
    for (size_t index = 0; index < workers_.size(); ++index) {
        // A listener polls on the first ring, unless it rests after a failed accept.
        const size_t operations_max = index == 0 ? listeners : 0;
        if (rings_[index]->operations_in_flight() > operations_max ||
            rings_[index]->buffers_lent() != 0 || workers_[index]->reactor().tasks() != 0) {
            return false;
        }
    }
    return connections() == 0 && clients_.count() == 0 &&
           world_.network().descriptors_open() == listeners;
}

void SimulatedServer::make_durable() {
    log_->set_durable(log_->frontier());
    log_->release(log_->frontier());
}

void SimulatedServer::stop() {
    if (is_stopped_) return;
    is_stopped_ = true;
    if (log_) make_durable();
    acceptor_->stop();
    if (http_acceptor_) http_acceptor_->stop();
    for (const auto& worker : workers_) worker->stop();
    // close_all() turns the reactor itself, as on a thread of its own: the world takes a step for
    // each turn, and has nobody else's.
    for (const auto& worker : workers_) world_.detach(worker->reactor());
    Metronome metronome(world_);
    for (size_t index = 0; index < workers_.size(); ++index) {
        workers_[index]->close_all([this, index] {
            world_.step();
            if (index > 0) return true;
            return acceptor_->is_idle() && (!http_acceptor_ || http_acceptor_->is_idle());
        });
    }
    transactions_.close(workers_[0]->executor());
}

/// As Server::accept().
void SimulatedServer::accept(int descriptor, bool is_unix, Wire wire) {
    if (static_cast<int64_t>(connections()) >= settings_.maxclients.load()) {
        ++refused_;
        workers_[0]->refuse(descriptor, is_unix, "-ERR max number of clients reached\r\n", wire);
        return;
    }
    Worker& worker = *workers_[next_worker_++ % workers_.size()];
    worker.add_load();
    worker.adopt(descriptor, is_unix, 0, wire);
}

void SimulatedClient::send_command(const std::vector<std::string_view>& words) {
    send(command(words));
}

const std::string& SimulatedClient::received() {
    received_ += peer_.receive();
    return received_;
}

bool SimulatedClient::exchange(std::string_view bytes, std::string_view reply,
                               int64_t microseconds) {
    forget();
    send(bytes);
    return expect(reply, microseconds);
}

bool SimulatedClient::expect(std::string_view reply, int64_t microseconds) {
    server_.run_until([&] { return received().size() >= reply.size() || is_gone(); }, microseconds);
    return received() == reply;
}

bool SimulatedClient::expect_end(std::string_view last, int64_t microseconds) {
    server_.run_until([&] { return received().size() >= last.size() && is_gone(); }, microseconds);
    return is_gone() && received() == last;
}

std::string command(const std::vector<std::string_view>& words) {
    std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string_view word : words) bytes += test::bulk(word);
    return bytes;
}

}  // namespace gyre::server
