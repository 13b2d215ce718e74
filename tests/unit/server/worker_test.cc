// SPDX-License-Identifier: BSD-3-Clause
//
// What a worker does about its connections as a whole: letting in and refusing, limits of memory
// and time, orders from other workers, scarce buffers, and the end.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/memory.h"
#include "simulated_server.h"

namespace gyre::server {
namespace {

using test::bulk;

constexpr int64_t kSecondUs = 1'000'000;

class WorkerTest : public ::testing::Test {
protected:
    WorkerTest() { base::set_level(base::Level::nothing); }
    ~WorkerTest() override { base::set_level(base::Level::notice); }
};

std::string repeat(std::string_view text, size_t times) {
    std::string all;
    all.reserve(text.size() * times);
    for (size_t i = 0; i < times; ++i) all += text;
    return all;
}

/// A command that waits is under way.
bool is_executing(SimulatedServer& server) {
    bool any = false;
    server.clients().for_each(
        [&](const commands::Session& session) { any = any || session.executing; });
    return any;
}

TEST_F(WorkerTest, serves_many_with_a_single_buffer) {
    SimulatedServer server({.ring = {.buffer_count = 1, .buffer_bytes = 64}});
    std::vector<std::unique_ptr<SimulatedClient>> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(std::make_unique<SimulatedClient>(server));
        clients.back()->send(repeat("PING\r\n", 100));
    }
    for (const auto& client : clients) EXPECT_TRUE(client->expect(repeat("+PONG\r\n", 100)));
    EXPECT_GT(server.ring().counters().buffer_starved, 0U);
    EXPECT_EQ(server.ring().buffers_lent(), 0U);
}

TEST_F(WorkerTest, refuses_with_a_word_who_is_too_many) {
    SimulatedServer server;
    server.settings().maxclients.store(2);
    SimulatedClient first(server);
    SimulatedClient second(server);
    EXPECT_TRUE(first.exchange("PING\r\n", "+PONG\r\n"));
    EXPECT_TRUE(second.exchange("PING\r\n", "+PONG\r\n"));
    SimulatedClient third(server);
    EXPECT_TRUE(third.expect_end("-ERR max number of clients reached\r\n"));
    EXPECT_EQ(server.refused(), 1U);
    EXPECT_EQ(server.clients().count(), 2U);
    second.peer().close();
    EXPECT_TRUE(server.run_until([&] { return server.connections() == 1; }));
    SimulatedClient fourth(server);
    EXPECT_TRUE(fourth.exchange("PING\r\n", "+PONG\r\n"));
}

TEST_F(WorkerTest, closes_a_slow_reader_over_the_hard_limit_and_no_other) {
    SimulatedServer server;
    server.settings().output_normal.hard_bytes.store(4'000'000);
    SimulatedClient slow(server);
    SimulatedClient other(server);
    const std::string value(100'000, 'v');
    EXPECT_TRUE(other.exchange(command({"SET", "a", value}), "+OK\r\n"));
    slow.peer().send(repeat("GET a\r\n", 1000));
    EXPECT_TRUE(server.run_until([&] { return server.connections() == 1; }));
    EXPECT_EQ(server.worker().figures().output_limit_disconnections.load(), 1U);
    EXPECT_TRUE(other.exchange("GET a\r\n", bulk(value)));
    // What it got before is right as far as it goes.
    const std::string got = slow.received();
    EXPECT_EQ(got, repeat(bulk(value), 1000).substr(0, got.size()));
}

TEST_F(WorkerTest, grants_the_soft_limit_its_time) {
    SimulatedServer server;
    server.settings().output_normal.soft_bytes.store(500'000);
    server.settings().output_normal.soft_seconds.store(10);
    SimulatedClient reader(server);
    SimulatedClient slow(server);
    const std::string value(100'000, 'v');
    EXPECT_TRUE(reader.exchange(command({"SET", "a", value}), "+OK\r\n"));
    // Over the limit for some seconds, then not any more: nothing happens.
    reader.forget();
    reader.peer().send(repeat("GET a\r\n", 20));
    slow.peer().send(repeat("GET a\r\n", 20));
    server.run_for(8 * kSecondUs);
    EXPECT_EQ(server.connections(), 2U);
    EXPECT_TRUE(reader.expect(repeat(bulk(value), 20)));
    server.run_for(4 * kSecondUs);
    EXPECT_EQ(server.connections(), 1U);
    EXPECT_EQ(server.worker().figures().output_limit_disconnections.load(), 1U);
    EXPECT_TRUE(reader.exchange("PING\r\n", "+PONG\r\n"));
}

TEST_F(WorkerTest, closes_who_is_idle_for_longer_than_timeout) {
    SimulatedServer server;
    server.settings().timeout_seconds.store(5);
    SimulatedClient idle(server);
    SimulatedClient active(server);
    SimulatedClient paused(server);
    EXPECT_TRUE(idle.exchange("PING\r\n", "+PONG\r\n"));
    EXPECT_TRUE(active.exchange("CLIENT PAUSE 9000 WRITE\r\n", "+OK\r\n"));
    paused.send("SET a 1\r\n");
    for (int second = 0; second < 8; ++second) {
        EXPECT_EQ(server.connections(), second <= 5 ? 3U : 2U) << second;
        EXPECT_TRUE(active.exchange("PING\r\n", "+PONG\r\n"));
        server.run_for(kSecondUs);
    }
    EXPECT_TRUE(idle.is_gone());
    EXPECT_TRUE(paused.expect("+OK\r\n"));
}

TEST_F(WorkerTest, closes_who_is_idle_never_early_and_a_second_late_at_most) {
    for (const int64_t seconds : {1, 3}) {
        for (int64_t phase_us = 0; phase_us < kSecondUs; phase_us += kSecondUs / 5) {
            SimulatedServer server;
            server.settings().timeout_seconds.store(seconds);
            SimulatedClient client(server);
            EXPECT_TRUE(client.exchange("PING\r\n", "+PONG\r\n"));
            server.run_for(phase_us);
            const int64_t before_us = server.world().now_us();
            client.send("PING\r\n");
            EXPECT_TRUE(server.run_until([&] { return server.connections() == 0; }));
            const int64_t took_us = server.world().now_us() - before_us;
            EXPECT_GE(took_us, seconds * kSecondUs) << phase_us;
            // With a little for the network.
            EXPECT_LE(took_us, (seconds + 1) * kSecondUs + kSecondUs / 100) << phase_us;
        }
    }
}

TEST_F(WorkerTest, takes_no_slow_upload_for_idle) {
    SimulatedServer server({.faults = {.window_bytes = 1U << 20}});
    server.settings().timeout_seconds.store(2);
    SimulatedClient client(server);
    const std::string value(3'000'000, 'v');
    const std::string bytes = command({"SET", "a", value});
    constexpr size_t kBytesPerSecond = 400'000;
    for (size_t at = 0; at < bytes.size(); at += kBytesPerSecond / 4) {
        client.send(std::string_view(bytes).substr(at, kBytesPerSecond / 4));
        server.run_for(kSecondUs / 4);
    }
    EXPECT_TRUE(client.expect("+OK\r\n"));
    EXPECT_TRUE(client.exchange("STRLEN a\r\n", ":3000000\r\n"));
}

TEST_F(WorkerTest, does_not_keep_for_ever_who_never_reads_the_last_replies) {
    SimulatedServer server;
    server.settings().timeout_seconds.store(5);
    SimulatedClient client(server);
    const std::string value(100'000, 'v');
    EXPECT_TRUE(client.exchange(command({"SET", "a", value}), "+OK\r\n"));
    client.peer().send(repeat("GET a\r\n", 20));
    client.peer().finish_sending();
    server.run_for(4 * kSecondUs);
    EXPECT_EQ(server.connections(), 1U);
    server.run_for(4 * kSecondUs);
    EXPECT_TRUE(server.is_at_rest());
}

TEST_F(WorkerTest, resumes_the_paused_at_once_when_the_pause_is_ended) {
    SimulatedServer server({.workers = 2});
    SimulatedClient ending(server);
    EXPECT_TRUE(ending.exchange("CLIENT PAUSE 60000 WRITE\r\n", "+OK\r\n"));
    std::vector<std::unique_ptr<SimulatedClient>> paused;
    for (int i = 0; i < 20; ++i) {
        paused.push_back(std::make_unique<SimulatedClient>(server));
        paused.back()->send("PING\r\nINCR a\r\n");
    }
    server.run_for(kSecondUs);
    for (const auto& client : paused) EXPECT_EQ(client->received(), "+PONG\r\n");
    EXPECT_TRUE(ending.exchange("CLIENT UNPAUSE\r\n", "+OK\r\n"));
    server.run_for(10'000);
    for (const auto& client : paused) EXPECT_TRUE(client->received().starts_with("+PONG\r\n:"));
    EXPECT_TRUE(ending.exchange("GET a\r\n", "$2\r\n20\r\n"));
}

TEST_F(WorkerTest, does_little_while_clients_are_paused) {
    SimulatedServer server;
    SimulatedClient pausing(server);
    EXPECT_TRUE(pausing.exchange("CLIENT PAUSE 20000 WRITE\r\n", "+OK\r\n"));
    std::vector<std::unique_ptr<SimulatedClient>> paused;
    for (int i = 0; i < 50; ++i) {
        paused.push_back(std::make_unique<SimulatedClient>(server));
        paused.back()->send("INCR a\r\n");
    }
    server.run_for(kSecondUs);
    const uint64_t turns = server.worker().reactor().statistics().turns;
    server.run_for(15 * kSecondUs);
    // The cron and the timer of the pause, each once a second, and what they resume.
    EXPECT_LE(server.worker().reactor().statistics().turns - turns, 100U);
    // A pause that grew longer is kept to, and so is one that is over.
    EXPECT_TRUE(pausing.exchange("CLIENT PAUSE 10000 WRITE\r\n", "+OK\r\n"));
    server.run_for(8 * kSecondUs);
    EXPECT_EQ(paused[0]->received(), "");
    server.run_for(3 * kSecondUs);
    EXPECT_TRUE(pausing.exchange("GET a\r\n", "$2\r\n50\r\n"));
}

/// What CLIENT LIST says waits for a client of which it shows `words`.
int64_t waiting_bytes(SimulatedServer& server, SimulatedClient& asking, std::string_view words) {
    asking.forget();
    asking.send("CLIENT LIST\r\n");
    server.run_for(10'000);
    const std::string text = asking.received();
    const size_t line = text.rfind('\n', text.find(words));
    const size_t at = text.find(" omem=", line);
    return at == std::string::npos ? -1 : std::stoll(text.substr(at + 6));
}

TEST_F(WorkerTest, shows_what_waits_for_who_only_listens) {
    SimulatedServer server;
    server.settings().output_pubsub.hard_bytes.store(0);
    server.settings().output_pubsub.soft_bytes.store(0);
    SimulatedClient other(server);
    for (const std::string listening : {"SUBSCRIBE a", "MONITOR"}) {
        SimulatedClient slow(server);
        slow.send(listening + "\r\n");
        server.run_for(10'000);
        const std::string name = listening.substr(0, listening.find(' '));
        const std::string words = listening == "MONITOR" ? "cmd=monitor" : "cmd=subscribe";
        EXPECT_EQ(waiting_bytes(server, other, words), 0) << name;
        // It takes nothing beyond its window; long payloads are shared.
        for (const size_t bytes : {1'000U, 100'000U}) {
            const int64_t before = waiting_bytes(server, other, words);
            const std::string publish = command({"PUBLISH", "a", std::string(bytes, 'x')});
            for (size_t sent = 0; sent < 4'000'000; sent += bytes) {
                other.forget();
                other.send(publish);
                server.run_for(100);
            }
            server.run_for(10'000);
            EXPECT_GT(waiting_bytes(server, other, words), before + 3'000'000) << name << bytes;
        }
        slow.peer().close();
        server.run_for(10'000);
    }
}

TEST_F(WorkerTest, holds_monitors_to_the_limit_of_normal_clients) {
    SimulatedServer server;
    server.settings().output_pubsub.hard_bytes.store(100'000);
    SimulatedClient slow(server);
    SimulatedClient other(server);
    EXPECT_TRUE(slow.exchange("MONITOR\r\n", "+OK\r\n"));
    const auto write = [&](size_t times) {
        for (size_t i = 0; i < times; ++i) {
            other.forget();
            other.send(command({"SET", "a", std::string(100'000, 'x')}));
            server.run_for(1000);
        }
    };
    write(60);
    EXPECT_EQ(server.connections(), 2U);
    server.settings().output_normal.hard_bytes.store(1'000'000);
    write(1);
    server.run_for(2 * kSecondUs);
    EXPECT_EQ(server.connections(), 1U);
    EXPECT_EQ(server.worker().figures().output_limit_disconnections.load(), 1U);
}

TEST_F(WorkerTest, keeps_no_chunks_that_nobody_uses) {
    SimulatedServer server;
    SimulatedClient client(server);
    const std::string value(10'000, 'v');
    EXPECT_TRUE(client.exchange(command({"SET", "a", value}), "+OK\r\n"));
    client.forget();
    client.send(repeat("GET a\r\n", 200));
    EXPECT_TRUE(client.expect(repeat(bulk(value), 200)));
    EXPECT_GT(server.worker().chunks().free_count(), 50U);
    server.run_for(3 * kSecondUs);
    EXPECT_LE(server.worker().chunks().free_count(), 1U);
}

void set_keys_for_a_moment(SimulatedClient& client) {
    for (int i = 0; i < 100; ++i) {
        const std::string key = "key" + std::to_string(i);
        EXPECT_TRUE(client.exchange(command({"SET", key, "v", "PX", "50"}), "+OK\r\n"));
    }
}

/// Keys in shards of all workers, a hash with fields, and clients of one worker alone.
TEST_F(WorkerTest, nothing_expires_while_clients_are_paused) {
    for (const std::string mode : {"WRITE", "ALL"}) {
        SimulatedServer server({.workers = 2});
        SimulatedClient client(server);
        set_keys_for_a_moment(client);
        EXPECT_TRUE(client.exchange("HSET h f v g w\r\n", ":2\r\n"));
        EXPECT_TRUE(client.exchange("HPEXPIRE h 50 FIELDS 1 f\r\n", "*1\r\n:1\r\n"));
        EXPECT_TRUE(client.exchange("CLIENT PAUSE 5000 " + mode + "\r\n", "+OK\r\n"));
        const auto resident = [&] { return server.dataset().resident(std::nullopt); };
        const int64_t before = resident();
        EXPECT_GT(before, 50);
        server.run_for(2 * kSecondUs);
        EXPECT_EQ(resident(), before);
        const bool reads = mode == "WRITE";
        if (reads) {
            // Not seen, and still there.
            EXPECT_TRUE(client.exchange("GET key99\r\n", "$-1\r\n"));
            EXPECT_TRUE(client.exchange("EXISTS key98 key97\r\n", ":0\r\n"));
            EXPECT_TRUE(client.exchange("HGET h f\r\n", "$-1\r\n"));
            EXPECT_TRUE(client.exchange("DBSIZE\r\n", ":" + std::to_string(before) + "\r\n"));
        }
        client.forget();
        client.send("SET key99 w\r\n");
        server.run_for(2 * kSecondUs);
        EXPECT_EQ(resident(), before);
        EXPECT_EQ(client.received(), "");
        // The pause is over: the write comes to its key, and what is due goes.
        server.run_for(kSecondUs + 200'000);
        EXPECT_TRUE(client.expect("+OK\r\n"));
        EXPECT_EQ(resident(), 2);
        EXPECT_TRUE(client.exchange("GET key99\r\n", "$1\r\nw\r\n"));
        EXPECT_TRUE(client.exchange("HKEYS h\r\n", "*1\r\n$1\r\ng\r\n"));
    }
}

TEST_F(WorkerTest, what_is_due_goes_soon_after_a_pause_was_ended) {
    SimulatedServer server({.workers = 2});
    SimulatedClient client(server);
    set_keys_for_a_moment(client);
    EXPECT_TRUE(client.exchange("CLIENT PAUSE 1000000 WRITE\r\n", "+OK\r\n"));
    server.run_for(10 * kSecondUs);
    EXPECT_GT(server.dataset().resident(std::nullopt), 50);
    const uint64_t turns = server.worker(1).reactor().statistics().turns;
    server.run_for(10 * kSecondUs);
    EXPECT_LE(server.worker(1).reactor().statistics().turns - turns, 200U);
    EXPECT_TRUE(client.exchange("CLIENT UNPAUSE\r\n", "+OK\r\n"));
    server.run_for(200'000);
    EXPECT_EQ(server.dataset().resident(std::nullopt), 0);
}

TEST_F(WorkerTest, takes_a_huge_pipeline_before_it_is_read) {
    SimulatedServer server({.faults = {.window_bytes = 1U << 20}});
    SimulatedClient client(server);
    EXPECT_TRUE(client.exchange("SET a 12345\r\n", "+OK\r\n"));
    client.forget();
    const std::string get = command({"GET", "a"});
    const size_t count = 20'000'000 / get.size();
    client.peer().send(repeat(get, count));
    ASSERT_TRUE(server.run_until([&] { return client.peer().unsent() == 0; }));
    server.run_for(10'000);
    const std::string reply = repeat(bulk("12345"), count);
    EXPECT_TRUE(client.expect(reply));
    // The chunks are back in the pool, which keeps some.
    SimulatedClient(server).peer().close();
    server.run_for(10'000);
    const int64_t pooled =
        static_cast<int64_t>(server.worker().chunks().free_count() * base::ChunkPool::kChunkBytes);
    EXPECT_LT(base::used(base::Purpose::clients), pooled + 1'000'000);
}

TEST_F(WorkerTest, closes_clients_by_order_of_another_worker) {
    SimulatedServer server({.workers = 2});
    SimulatedClient here(server);
    EXPECT_TRUE(here.exchange("CLIENT ID\r\n", ":1\r\n"));
    SimulatedClient there(server);
    EXPECT_TRUE(there.exchange("CLIENT ID\r\n", ":2\r\n"));
    SimulatedClient pausing(server);
    EXPECT_TRUE(pausing.exchange("CLIENT ID\r\n", ":3\r\n"));
    EXPECT_EQ(server.worker(0).load(), 2U);
    EXPECT_EQ(server.worker(1).load(), 1U);
    EXPECT_TRUE(here.exchange("CLIENT KILL ID 2\r\n", ":1\r\n"));
    EXPECT_TRUE(there.expect_end(":2\r\n"));
    EXPECT_TRUE(server.run_until([&] { return server.worker(1).load() == 0; }, kSecondUs));
    // One that is paused dies too, and its command with it.
    SimulatedClient paused(server);
    EXPECT_TRUE(paused.exchange("CLIENT ID\r\n", ":4\r\n"));
    EXPECT_TRUE(pausing.exchange("CLIENT PAUSE 60000 WRITE\r\n", "+OK\r\n"));
    paused.send("GET a\r\nSET a 1\r\nGET a\r\n");
    server.run_for(1000);
    EXPECT_TRUE(here.exchange("CLIENT KILL ID 4\r\n", ":1\r\n"));
    EXPECT_TRUE(paused.expect_end(":4\r\n$-1\r\n"));
    EXPECT_TRUE(server.run_until([&] { return server.worker(1).load() == 0; }, kSecondUs));
    EXPECT_TRUE(here.exchange("GET a\r\n", "$-1\r\n"));
}

TEST_F(WorkerTest, kills_the_client_that_asks_after_its_reply) {
    SimulatedServer server({.workers = 2});
    SimulatedClient other(server);
    SimulatedClient self(server);
    EXPECT_TRUE(other.exchange("PING\r\n", "+PONG\r\n"));
    self.send("CLIENT KILL TYPE normal SKIPME no\r\nPING\r\n");
    EXPECT_TRUE(self.expect_end(":2\r\n"));
    EXPECT_TRUE(other.expect_end("+PONG\r\n"));
    EXPECT_TRUE(server.run_until([&] { return server.is_at_rest(); }));
}

TEST_F(WorkerTest, finishes_replies_and_commands_at_the_end) {
    SimulatedServer server({.workers = 2, .shards = 1024});
    SimulatedClient reader(server);
    SimulatedClient waiting(server);
    SimulatedClient idle(server);
    SimulatedClient cut(server);
    const std::string value(1'000'000, 'v');
    EXPECT_TRUE(reader.exchange(command({"SET", "a", value}), "+OK\r\n"));
    EXPECT_TRUE(idle.exchange("PING\r\n", "+PONG\r\n"));
    reader.forget();
    reader.peer().send("GET a\r\n");
    EXPECT_TRUE(cut.exchange("PING\r\nECHO", "+PONG\r\n"));
    waiting.send("PING\r\nKEYS *\r\nSET b 1\r\n");
    ASSERT_TRUE(server.run_until([&] { return is_executing(server); }));
    server.stop();
    EXPECT_EQ(server.connections(), 0U);
    EXPECT_TRUE(waiting.expect_end("+PONG\r\n*1\r\n$1\r\na\r\n"));
    EXPECT_TRUE(cut.expect_end("+PONG\r\n"));
    EXPECT_TRUE(idle.expect_end("+PONG\r\n"));
    // The slow reader had its time, which is over: what it got is the beginning of its reply.
    const std::string got = reader.received();
    EXPECT_TRUE(reader.is_gone());
    EXPECT_FALSE(got.empty());
    EXPECT_EQ(got, bulk(value).substr(0, got.size()));
}

TEST_F(WorkerTest, waits_at_the_end_no_longer_than_shutdown_timeout) {
    SimulatedServer server;
    server.settings().shutdown_timeout_seconds.store(4);
    SimulatedClient never(server);
    const std::string value(1'000'000, 'v');
    EXPECT_TRUE(never.exchange(command({"SET", "a", value}), "+OK\r\n"));
    never.peer().send("GET a\r\n");
    server.run_for(10'000);
    const int64_t before_us = server.world().now_us();
    server.stop();
    EXPECT_EQ(server.connections(), 0U);
    EXPECT_GE(server.world().now_us() - before_us, 4 * kSecondUs);
    EXPECT_LE(server.world().now_us() - before_us, 5 * kSecondUs);
}

TEST_F(WorkerTest, gives_back_all_memory_of_its_clients) {
    const int64_t before = base::used(base::Purpose::clients);
    {
        SimulatedServer server({.workers = 2});
        std::vector<std::unique_ptr<SimulatedClient>> clients;
        for (int i = 0; i < 10; ++i) {
            clients.push_back(std::make_unique<SimulatedClient>(server));
            clients.back()->send(command({"SET", "a", std::string(100'000, 'x')}) + "GET a\r\n" +
                                 "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100000\r\nxyz");
        }
        server.run_for(kSecondUs);
        EXPECT_EQ(server.connections(), 10U);
        EXPECT_GT(base::used(base::Purpose::clients), before);
    }
    // Coroutine frames go back to the thread's pool, which is small.
    EXPECT_LT(base::used(base::Purpose::clients), before + 100'000);
}

}  // namespace
}  // namespace gyre::server
