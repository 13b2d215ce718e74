// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A server of one or two Workers on the simulated ring, and clients to talk to it: what the Server
// class is in the product, without threads and without the kernel. The world's clock is the only
// one.
//
//     SimulatedServer server({.seed = 7});
//     SimulatedClient client(server);
//     client.send("PING\r\n");
//     EXPECT_TRUE(server.run_until([&] { return client.received() == "+PONG\r\n"; }));
//
// Ownership: the server owns world, data set, rings and workers; clients borrow it. The destructor
// stops the workers as a shutdown does. Threads: one.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/transaction_book.h"
#include "engine/dataset.h"
#include "net/acceptor.h"
#include "ring/sim/peer.h"
#include "ring/sim/sim_ring.h"
#include "ring/sim/world.h"
#include "server/worker.h"
#include "support/command_runner.h"

namespace gyre::server {

struct SimulatedServerOptions {
    uint64_t seed = 1;
    size_t workers = 1;
    size_t shards = 16;
    /// Above 0: effects are logged, and the log holds so many bytes. What the log's thread would
    /// say is up to the test.
    uint64_t log_bytes = 0;
    /// It listens for HTTP, too.
    bool has_http = false;
    int64_t gather_us = 100;
    ring::sim::Faults faults = {};
    ring::sim::SimRingOptions ring = {.buffer_count = 16, .buffer_bytes = 16 * 1024};
};

class SimulatedServer {
public:
    /// What run_until() allows when nothing else is said.
    static constexpr int64_t kSoonUs = 10'000'000;

    explicit SimulatedServer(const SimulatedServerOptions& options = {});
    ~SimulatedServer();

    static ring::Address address() { return {ring::Address::Family::inet4, "10.0.0.1", 6379}; }
    static ring::Address http_address() { return {ring::Address::Family::inet4, "10.0.0.1", 8080}; }
    /// A password, before anybody connects.
    void require_password(std::string password);

    /// Steps the world until `is_done`; false when that did not come in time.
    bool run_until(const std::function<bool()>& is_done, int64_t microseconds = kSoonUs) {
        return world_.run_until(is_done, microseconds);
    }
    /// Lets that much virtual time pass.
    void run_for(int64_t microseconds);
    /// No client is left, and nothing of one: no operation, buffer, coroutine, descriptor.
    bool is_at_rest();
    /// Connections there are, known to CLIENT LIST or not.
    size_t connections() const;
    /// Accepts no more, finishes what is under way and closes, as at the end of the product's
    /// process. The destructor does so too.
    void stop();

    /// Everything logged so far is on the disk, and forgotten.
    void make_durable();
    log::Log& log() { return *log_; }

    ring::sim::World& world() { return world_; }
    ServerSettings& settings() { return settings_; }
    engine::Dataset& dataset() { return dataset_; }
    commands::ClientRegistry& clients() { return clients_; }
    test::FakeConfiguration& configuration() { return configuration_; }
    Worker& worker(size_t index = 0) { return *workers_[index]; }
    ring::sim::SimRing& ring(size_t index = 0) { return *rings_[index]; }
    net::Acceptor& acceptor() { return *acceptor_; }
    uint64_t refused() const { return refused_; }

private:
    std::unique_ptr<net::Acceptor> listen(const ring::Address& place, Wire wire);
    void accept(int descriptor, bool is_unix, Wire wire);

    ring::sim::World world_;
    ServerSettings settings_;
    std::unique_ptr<log::Log> log_;
    engine::RecentWrites recent_writes_;
    engine::Dataset dataset_;
    commands::ClientRegistry clients_;
    test::FakeConfiguration configuration_;
    test::FakeInformation information_;
    test::FakeControl control_;
    test::FakePersistence persistence_;
    test::FakeAliases aliases_;
    test::FakeBackground background_;
    commands::Slowlog slowlog_;
    commands::LatencyMonitor latency_;
    commands::TransactionBook transactions_;
    std::vector<std::unique_ptr<ring::sim::SimRing>> rings_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<net::Acceptor> acceptor_;
    std::unique_ptr<net::Acceptor> http_acceptor_;  // null: there is none
    size_t next_worker_ = 0;
    uint64_t refused_ = 0;
    bool is_stopped_ = false;
};

/// A client that reads whatever has come whenever it is looked at, unless told not to.
class SimulatedClient {
public:
    explicit SimulatedClient(SimulatedServer& server,
                             const ring::Address& address = SimulatedServer::address())
        : server_(server), peer_(server.world(), address) {}

    void send(std::string_view bytes) { peer_.send(bytes); }
    /// Sends a command as an array of bulk strings.
    void send_command(const std::vector<std::string_view>& words);
    /// All that was received so far.
    const std::string& received();
    /// Sends, and waits for exactly this reply and nothing else; what was received before is
    /// forgotten.
    bool exchange(std::string_view bytes, std::string_view reply,
                  int64_t microseconds = SimulatedServer::kSoonUs);
    /// Waits until everything received since the last exchange() is `reply`.
    bool expect(std::string_view reply, int64_t microseconds = SimulatedServer::kSoonUs);
    /// Waits until the server has closed, after `last` as the rest of what it sent.
    bool expect_end(std::string_view last, int64_t microseconds = SimulatedServer::kSoonUs);
    /// Drops what has come so far.
    void forget() {
        peer_.receive();
        received_.clear();
    }
    bool is_gone() const { return peer_.is_ended() || peer_.is_reset() || peer_.is_refused(); }
    ring::sim::Peer& peer() { return peer_; }

private:
    SimulatedServer& server_;
    ring::sim::Peer peer_;
    std::string received_;
};

/// "*2\r\n$3\r\nGET\r\n$1\r\na\r\n".
std::string command(const std::vector<std::string_view>& words);

}  // namespace gyre::server
