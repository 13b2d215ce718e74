// SPDX-License-Identifier: BSD-3-Clause

// Connections whose command waits for a key, on the simulated ring: its time, by a clock that only
// the test moves, and every way in which such a connection may end. Who is served with what stands
// in tests/unit/commands/blocking_test.cc.

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "simulated_server.h"

namespace gyre::server {
namespace {

constexpr std::string_view kNone = "*-1\r\n";

std::string pair(std::string_view key, std::string_view value) { return command({key, value}); }

bool is_blocked(SimulatedServer& server, size_t wanted) {
    return server.run_until([&] {
        size_t blocked = 0;
        server.clients().for_each([&](const commands::Session& session) {
            if (session.waiter.is_waiting()) ++blocked;
        });
        return blocked == wanted;
    });
}

TEST(WaitingTest, a_timeout_comes_when_it_is_due_and_not_before) {
    SimulatedServer server({.workers = 2});
    SimulatedClient one(server);
    SimulatedClient other(server);
    one.send(command({"BLPOP", "a", "2.5"}));
    other.send(command({"BLMOVE", "a", "b", "LEFT", "LEFT", "1"}));
    ASSERT_TRUE(is_blocked(server, 2));
    server.run_for(900'000);
    EXPECT_EQ(other.received(), "");
    EXPECT_TRUE(other.expect(kNone, 200'000));
    server.run_for(1'300'000);
    EXPECT_EQ(one.received(), "");
    EXPECT_TRUE(one.expect(kNone, 200'000));
    EXPECT_TRUE(other.exchange(command({"RPUSH", "a", "x"}), ":1\r\n"));
    EXPECT_TRUE(one.exchange(command({"LLEN", "a"}), ":1\r\n"));
}

TEST(WaitingTest, without_a_timeout_it_waits_for_ever) {
    SimulatedServer server({.workers = 2});
    server.settings().timeout_seconds = 10;
    SimulatedClient one(server);
    SimulatedClient far(server);
    one.send(command({"BLPOP", "a", "0"}));
    far.send(command({"BLPOP", "a", "9000000000000000"}));
    ASSERT_TRUE(is_blocked(server, 2));
    server.run_for(100'000'000'000);
    EXPECT_EQ(one.received(), "");
    SimulatedClient pusher(server);
    EXPECT_TRUE(pusher.exchange(command({"RPUSH", "a", "x", "y"}), ":2\r\n"));
    EXPECT_TRUE(one.expect(pair("a", "x")));
    EXPECT_TRUE(far.expect(pair("a", "y")));
}

TEST(WaitingTest, however_a_waiting_client_ends_it_takes_nothing) {
    for (int how = 0; how < 4; ++how) {
        SimulatedServer server({.workers = 2});
        SimulatedClient leaving(server);
        SimulatedClient pusher(server);
        ASSERT_TRUE(leaving.exchange("PING\r\n", "+PONG\r\n"));
        leaving.send(command({"BLPOP", "a", "b", "0"}));
        ASSERT_TRUE(is_blocked(server, 1));
        if (how == 0) leaving.peer().close();
        if (how == 1) leaving.peer().reset();
        if (how == 2) leaving.peer().finish_sending();
        if (how == 3) {
            leaving.send(command({"PING"}));
            leaving.peer().finish_sending();
        }
        ASSERT_TRUE(is_blocked(server, 0)) << how;
        EXPECT_TRUE(pusher.exchange(command({"RPUSH", "b", "x"}), ":1\r\n"));
        EXPECT_TRUE(pusher.exchange(command({"LLEN", "b"}), ":1\r\n"));
        pusher.peer().close();
        EXPECT_TRUE(server.run_until([&] { return server.is_at_rest(); })) << how;
    }
}

TEST(WaitingTest, the_server_stops_although_clients_wait) {
    auto server = std::make_unique<SimulatedServer>(SimulatedServerOptions{.workers = 3});
    std::vector<std::unique_ptr<SimulatedClient>> clients;
    for (int index = 0; index < 9; ++index) {
        clients.push_back(std::make_unique<SimulatedClient>(*server));
        clients.back()->send(command({"BLPOP", "a", "b", "c", index % 2 == 0 ? "0" : "100"}));
    }
    ASSERT_TRUE(is_blocked(*server, 9));
    server->stop();
    for (auto& client : clients) EXPECT_EQ(client->received(), "");
}

TEST(WaitingTest, what_is_pipelined_behind_the_command_runs_after_it) {
    SimulatedServer server({.workers = 2});
    SimulatedClient one(server);
    SimulatedClient pusher(server);
    const std::string large(100'000, 'x');
    one.send(command({"BLPOP", "a", "0"}) + "PING\r\nPI");
    ASSERT_TRUE(is_blocked(server, 1));
    one.send("NG\r\n" + command({"ECHO", large}).substr(0, 50'000));
    server.run_for(100'000);
    one.send(command({"ECHO", large}).substr(50'000));
    server.run_for(100'000);
    EXPECT_EQ(one.received(), "");
    EXPECT_TRUE(pusher.exchange(command({"RPUSH", "a", "x"}), ":1\r\n"));
    EXPECT_TRUE(one.expect(pair("a", "x") + "+PONG\r\n+PONG\r\n$100000\r\n" + large + "\r\n"));
}

TEST(WaitingTest, a_large_argument_may_begin_during_the_wait_and_end_after_it) {
    for (const size_t first_bytes : {100U, 20'000U, 90'000U}) {
        SimulatedServer server({.workers = 2});
        SimulatedClient one(server);
        SimulatedClient pusher(server);
        std::string large;
        while (large.size() < 100'000) large += std::to_string(large.size());
        const std::string echo =
            command({"ECHO", large}) + command({"BLPOP", "b", "0"}) + "PING\r\n";
        one.send(command({"BLPOP", "a", "0"}));
        ASSERT_TRUE(is_blocked(server, 1));
        one.send(echo.substr(0, first_bytes));
        server.run_for(50'000);
        EXPECT_TRUE(pusher.exchange(command({"RPUSH", "a", "x"}), ":1\r\n"));
        EXPECT_TRUE(one.expect(pair("a", "x")));
        one.forget();
        for (size_t at = first_bytes; at < echo.size(); at += 30'000) {
            one.send(echo.substr(at, 30'000));
            server.run_for(50'000);
        }
        ASSERT_TRUE(is_blocked(server, 1));
        EXPECT_TRUE(pusher.exchange(command({"RPUSH", "b", "y"}), ":1\r\n"));
        EXPECT_TRUE(one.expect("$" + std::to_string(large.size()) + "\r\n" + large + "\r\n" +
                               pair("b", "y") + "+PONG\r\n"));
    }
}

TEST(WaitingTest, a_client_waits_again_and_again_in_one_pipeline) {
    SimulatedServer server({.workers = 2});
    SimulatedClient one(server);
    SimulatedClient pusher(server);
    std::string pipeline;
    std::string wanted;
    for (int index = 0; index < 100; ++index) {
        pipeline += command({"BRPOP", "a", "b", "0"}) + "PING\r\n";
        wanted += pair("a", std::to_string(index)) + "+PONG\r\n";
    }
    one.send(pipeline);
    for (int index = 0; index < 100; ++index) {
        pusher.send(command({"LPUSH", "a", std::to_string(index)}));
    }
    EXPECT_TRUE(one.expect(wanted));
}

// --- at random
// ------------------------------------------------------------------------------------

uint64_t first_seed() {
    const char* text = std::getenv("GYRE_SEED");
    return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

/// Takes elements, one command after another.
struct Consumer {
    explicit Consumer(SimulatedServer& server) : client(server) {}
    SimulatedClient client;
    size_t heard = 0;  // bytes of what was received that are counted already
    bool is_asking = false;
    bool is_closed = false;
};

class Market {
public:
    explicit Market(uint64_t seed)
        : random_(seed), server_({.seed = seed, .workers = 1 + random_.below(3)}) {
        for (int index = 0; index < 5; ++index) {
            consumers_.push_back(std::make_unique<Consumer>(server_));
        }
        for (int index = 0; index < 2; ++index) {
            producers_.push_back(std::make_unique<SimulatedClient>(server_));
        }
    }

    /// Every element that was pushed is with one consumer, or still there, or went to a consumer
    /// that had closed before it could tell.
    void run() {
        for (int step = 0; step < 300; ++step) {
            act();
            server_.run_for(static_cast<int64_t>(random_.below(2000)));
            listen();
        }
        server_.run_for(1'000'000);
        listen();
        const size_t left = take_rest();
        EXPECT_EQ(doubled_, 0);
        EXPECT_LE(seen_.size() + left, static_cast<size_t>(pushed_));
        EXPECT_GE(seen_.size() + left + static_cast<size_t>(closed_), static_cast<size_t>(pushed_));
        for (auto& consumer : consumers_) consumer->client.peer().close();
        for (auto& producer : producers_) producer->peer().close();
        EXPECT_TRUE(server_.run_until([&] { return server_.is_at_rest(); }));
    }

private:
    static std::string_view key(size_t index) {
        static constexpr std::string_view kKeys[] = {"a", "b", "c", "d"};
        return kKeys[index];
    }

    void act() {
        Consumer& consumer = *consumers_[random_.below(consumers_.size())];
        SimulatedClient& producer = *producers_[random_.below(producers_.size())];
        switch (random_.below(5)) {
            case 0:
            case 1:
                producer.send(command({"RPUSH", key(random_.below(4)), std::to_string(pushed_++)}));
                break;
            case 2:
                if (random_.below(10) == 0 && !consumer.is_closed && closed_ < 3) {
                    random_.below(2) == 0 ? consumer.client.peer().close()
                                          : consumer.client.peer().reset();
                    consumer.is_closed = true;
                    ++closed_;
                }
                break;
            default:
                ask(consumer);
        }
    }

    void ask(Consumer& consumer) {
        if (consumer.is_asking || consumer.is_closed) return;
        consumer.is_asking = true;
        const std::string_view first = key(random_.below(4));
        if (random_.below(4) == 0) {
            const std::string_view second = key(random_.below(4));
            consumer.client.send(command({"BLMOVE", first, second, "LEFT", "LEFT", "0.003"}));
        } else {
            consumer.client.send(command({"BLPOP", first, key(random_.below(4)), "0.003"}));
        }
    }

    void listen() {
        for (auto& consumer : consumers_) {
            if (consumer->is_closed) continue;
            const std::string& all = consumer->client.received();
            const std::string_view reply = std::string_view(all).substr(consumer->heard);
            if (reply.empty()) continue;
            consumer->heard = all.size();
            consumer->is_asking = false;
            if (reply.starts_with("*2")) note(reply);
        }
    }
    /// "*2\r\n$1\r\nkey\r\n$n\r\nelement\r\n".
    void note(std::string_view reply) {
        reply.remove_suffix(2);
        if (!seen_.insert(std::string(reply.substr(reply.rfind('\n') + 1))).second) ++doubled_;
    }

    size_t take_rest() {
        SimulatedClient client(server_);
        size_t left = 0;
        for (size_t index = 0; index < 4; ++index) {
            client.forget();
            client.send(command({"LLEN", key(index)}));
            EXPECT_TRUE(server_.run_until([&] { return !client.received().empty(); }));
            left += std::stoul(client.received().substr(1));
        }
        client.peer().close();
        return left;
    }

    base::Random random_;
    SimulatedServer server_;
    std::vector<std::unique_ptr<Consumer>> consumers_;
    std::vector<std::unique_ptr<SimulatedClient>> producers_;
    std::set<std::string> seen_;
    int64_t pushed_ = 0;
    int doubled_ = 0;
    int closed_ = 0;
};

TEST(WaitingTest, no_element_is_lost_or_doubled_among_clients_that_come_and_go) {
    for (uint64_t seed = first_seed(); seed < first_seed() + 150; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        Market(seed).run();
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace gyre::server
