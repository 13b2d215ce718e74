// SPDX-License-Identifier: BSD-3-Clause
//
// A whole server of coroutines on two reactors, over thousands of seeds of the simulated world with
// a random set of faults each, and once over the kernel's ring.
//
// Oracle: what a peer gets back is a prefix of what it sent, always; all of it unless its
// connection was reset; within a bounded virtual time; and afterwards nothing is left: no
// descriptor, buffer, operation or coroutine. Each seed runs twice and must give the same history.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "echo_server.h"
#include "ring/sim/peer.h"
#include "ring/sim/sim_ring.h"
#include "ring/sim/world.h"
#include "ring/uring/uring_ring.h"

namespace gyre::ring {
namespace {

struct QuietClient : Reactor::Client {
    void on_ready() override {}
    int64_t before_wait() override { return -1; }
};

uint64_t first_seed() {
    const char* text = std::getenv("GYRE_SEED");
    return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

const Address kHere{Address::Family::inet4, "10.0.0.1", 7};
/// Virtual time all must end within.
constexpr int64_t kEndUs = 60'000'000;
/// By then every client has had its turn many times.
constexpr int kQuietMax = 1000;

/// One client: sends its text in pieces, reads slowly or fast, ends in one of several ways.
struct Client {
    Client(sim::World& world, base::Random& random) : peer(world, kHere) {
        const size_t size = random.below(2000);
        for (size_t i = 0; i < size; ++i) text += static_cast<char>('a' + random.below(26));
        gives_up = random.below(16) == 0;
        is_slow = random.below(2) == 0;
    }
    /// Does one thing; called between two steps.
    void act(base::Random& random) {
        if (sent < text.size() && !peer.is_reset()) {
            const size_t count = 1 + random.below(text.size() - sent);
            peer.send(std::string_view(text).substr(sent, count));
            sent += count;
        } else if (!is_finished && !peer.is_reset()) {
            is_finished = true;
            gives_up ? peer.reset() : peer.finish_sending();
        }
        got += peer.receive(is_slow ? 1 + random.below(20) : SIZE_MAX);
        ASSERT_EQ(text.substr(0, got.size()), got);
    }
    bool is_over() const { return peer.is_refused() || peer.is_reset() || peer.is_ended(); }

    sim::Peer peer;
    std::string text;
    std::string got;
    size_t sent = 0;
    bool gives_up = false;
    bool is_slow = false;
    bool is_finished = false;
};

struct Outcome {
    uint64_t trace_hash = 0;
    uint64_t bytes = 0;
    uint64_t resets = 0;
};

/// Plays one seed.
class EchoPlay {
public:
    explicit EchoPlay(uint64_t seed)
        : random_(seed),
          world_(seed, sim::Faults::swarm(random_)),
          rings_{sim::SimRing(world_, options()), sim::SimRing(world_, options())},
          reactors_{Reactor(rings_[0], client_), Reactor(rings_[1], client_)},
          server_({&reactors_[0], &reactors_[1]}, *rings_[0].listen(kHere, {})) {
        for (size_t i = 0; i < 2; ++i) world_.attach(reactors_[i], rings_[i]);
        server_.start();
        const size_t count = 1 + random_.below(4);
        for (size_t i = 0; i < count; ++i) clients_.emplace_back(world_, random_);
    }

    Outcome run() {
        const int64_t end_us = world_.now_us() + kEndUs;
        int quiet =
            0;  // steps in a row in which the world had nothing to do: it waits for the clients
        while (!let_clients_act() && !::testing::Test::HasFatalFailure()) {
            quiet = world_.step() ? 0 : quiet + 1;
            if (quiet > kQuietMax || world_.now_us() > end_us) {
                ADD_FAILURE() << "no progress";
                break;
            }
        }
        Outcome outcome;
        for (const Client& client : clients_) judge(client, outcome);
        EXPECT_TRUE(world_.run_until([this] { return is_at_rest(); }, kEndUs))
            << "something is left";
        outcome.trace_hash = world_.trace_hash();
        return outcome;
    }

private:
    /// True when all of them are over.
    bool let_clients_act() {
        bool all = true;
        for (Client& client : clients_) {
            if (random_.below(4) == 0) client.act(random_);
            all = all && client.is_over();
        }
        return all;
    }
    sim::SimRingOptions options() {
        sim::SimRingOptions chosen;
        chosen.buffer_count = 1 + static_cast<uint32_t>(random_.below(4));
        chosen.buffer_bytes = 1 + static_cast<uint32_t>(random_.below(300));
        return chosen;
    }
    void judge(const Client& client, Outcome& outcome) {
        EXPECT_FALSE(client.peer.is_refused());
        outcome.bytes += client.got.size();
        if (client.peer.is_reset()) {
            ++outcome.resets;
            EXPECT_TRUE(client.gives_up || world_.faults().reset > 0);
        } else {
            EXPECT_EQ(client.text, client.got);
        }
    }
    /// Only the listener, its poll (or a pause after a failed accept) and its coroutine are left.
    bool is_at_rest() {
        const auto is_connected = [](const Client& client) { return client.peer.is_connected(); };
        const auto connected = std::count_if(clients_.begin(), clients_.end(), is_connected);
        return world_.network().descriptors_open() == 1 &&
               server_.accepted() == static_cast<uint64_t>(connected) &&
               reactors_[0].tasks() == 1 && reactors_[1].tasks() == 0 &&
               rings_[0].operations_in_flight() <= 1 && rings_[1].operations_in_flight() == 0 &&
               rings_[0].buffers_lent() == 0 && rings_[1].buffers_lent() == 0;
    }

    base::Random random_;
    sim::World world_;
    QuietClient client_;
    sim::SimRing rings_[2];
    Reactor reactors_[2];
    EchoServer server_;
    std::deque<Client> clients_;
};

TEST(Echo, survives_thousands_of_worlds_with_faults) {
    Outcome sum;
    const uint64_t first = first_seed();
    for (uint64_t seed = first; seed < first + 1500; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        const Outcome once = EchoPlay(seed).run();
        const Outcome again = EchoPlay(seed).run();
        ASSERT_EQ(once.trace_hash, again.trace_hash) << "not deterministic";
        ASSERT_FALSE(::testing::Test::HasFailure());
        sum.bytes += once.bytes;
        sum.resets += once.resets;
    }
    EXPECT_GT(sum.bytes, 1'000'000u);  // the faults leave most of the work to be done
    EXPECT_GT(sum.resets, 100u);
}

/// Sends `text` in one go on a real connection while reading it back.
std::string echo_through(uint16_t port, const std::string& text) {
    const int peer = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(peer, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        return "no connection";
    std::thread writer([&] {
        size_t sent = 0;
        while (sent < text.size()) {
            const ssize_t count =
                ::send(peer, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
            if (count <= 0) return;
            sent += static_cast<size_t>(count);
        }
        ::shutdown(peer, SHUT_WR);
    });
    std::string got;
    char part[4096];
    ssize_t count = 0;
    while ((count = ::recv(peer, part, sizeof(part), 0)) > 0)
        got.append(part, static_cast<size_t>(count));
    writer.join();
    ::close(peer);
    return got;
}

TEST(Echo, runs_unchanged_on_the_kernels_ring) {
    std::atomic<Reactor*> home{nullptr};
    std::atomic<int> port{0};
    std::atomic<bool> is_through{false};
    std::thread loop([&] {
        std::unique_ptr<EchoServer> server;  // outlives ring and reactor
        const std::unique_ptr<Ring> ring = *create_uring_ring({.buffer_count = 2});
        QuietClient client;
        Reactor reactor(*ring, client);
        const int listener = *ring->listen({Address::Family::inet4, "127.0.0.1", 0}, {});
        server = std::make_unique<EchoServer>(std::vector<Reactor*>{&reactor}, listener);
        server->start();
        port.store(ring->local_address(listener).port);
        home.store(&reactor);
        reactor.run();
        is_through.wait(false);  // stop() still uses the ring
        EXPECT_EQ(8u, server->accepted());
        ring->close(listener);
    });
    while (home.load() == nullptr) std::this_thread::yield();
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&, i] {
            std::string text;
            for (int line = 0; line < 20'000 * i; ++line) text += std::to_string(line);
            EXPECT_EQ(text, echo_through(static_cast<uint16_t>(port.load()), text));
        });
    }
    for (std::thread& client : clients) client.join();
    home.load()->stop();
    is_through.store(true);
    is_through.notify_one();
    loop.join();
}

}  // namespace
}  // namespace gyre::ring
