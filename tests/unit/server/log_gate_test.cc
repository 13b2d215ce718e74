// SPDX-License-Identifier: BSD-3-Clause
//
// Replies and the log: with appendfsync always nothing is told before it is durable, and nothing
// else waits; writers wait while the log is full, and are refused while it fails. The test plays
// the log's thread.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "simulated_server.h"
#include "support/seed.h"

namespace gyre::server {
namespace {

/// Virtual time in which a reply would have come long ago.
constexpr int64_t kWhileUs = 50'000;

class LogGateTest : public ::testing::Test {
protected:
    LogGateTest() {
        base::set_level(base::Level::nothing);
        server.log().sync_mode = log::SyncMode::always;
    }
    ~LogGateTest() override { base::set_level(base::Level::notice); }

    /// Nothing more than `received` comes.
    void expect_silence(SimulatedClient& client, std::string_view received = "") {
        server.run_for(kWhileUs);
        EXPECT_EQ(client.received(), received);
    }

    SimulatedServer server{{.workers = 2, .log_bytes = 100'000}};
    SimulatedClient writer{server};
    SimulatedClient reader{server};
};

TEST_F(LogGateTest, a_write_is_told_once_it_is_durable) {
    writer.send("SET a 1\r\n");
    expect_silence(writer);
    server.make_durable();
    EXPECT_TRUE(writer.expect("+OK\r\n"));
}

TEST_F(LogGateTest, only_who_could_have_seen_it_waits) {
    writer.send("SET a 1\r\n");
    expect_silence(writer);
    EXPECT_TRUE(reader.exchange("GET b\r\n", "$-1\r\n"));
    EXPECT_TRUE(reader.exchange("PING\r\n", "+PONG\r\n"));
    reader.forget();
    reader.send("GET a\r\n");
    expect_silence(reader);
    SimulatedClient third(server);
    EXPECT_TRUE(third.exchange("MGET c d\r\n", "*2\r\n$-1\r\n$-1\r\n"));
    third.forget();
    third.send("MGET c a\r\n");
    expect_silence(third);
    server.make_durable();
    EXPECT_TRUE(reader.expect("$1\r\n1\r\n"));
    EXPECT_TRUE(third.expect("*2\r\n$-1\r\n$1\r\n1\r\n"));
    EXPECT_TRUE(reader.exchange("GET a\r\n", "$1\r\n1\r\n"));
}

TEST_F(LogGateTest, that_a_key_is_gone_is_news_too) {
    writer.send("SET a 1\r\n");
    server.run_for(kWhileUs);
    server.make_durable();
    EXPECT_TRUE(writer.expect("+OK\r\n"));
    writer.forget();
    writer.send("DEL a\r\n");
    reader.send("GET a\r\n");
    server.run_for(kWhileUs);
    expect_silence(writer);
    server.make_durable();
    EXPECT_TRUE(writer.expect(":1\r\n"));
    EXPECT_TRUE(server.run_until([&] { return !reader.received().empty(); }));
}

TEST_F(LogGateTest, replies_before_a_write_do_not_wait_for_it) {
    EXPECT_TRUE(reader.exchange("PING\r\n", "+PONG\r\n"));
    reader.forget();
    reader.send("GET x\r\nSET a 1\r\nGET y\r\n");
    expect_silence(reader, "$-1\r\n");
    server.make_durable();
    EXPECT_TRUE(reader.expect("$-1\r\n+OK\r\n$-1\r\n"));
}

TEST_F(LogGateTest, one_who_never_stops_writing_is_answered_bit_by_bit) {
    std::string answers;
    for (int round = 0; round < 20; ++round) {
        writer.send("SET a 1\r\n");
        server.run_for(kWhileUs);
        const log::Position before = server.log().frontier();
        writer.send("SET a 2\r\n");
        server.run_for(kWhileUs);
        server.log().set_durable(before);
        answers += round == 0 ? "+OK\r\n" : "+OK\r\n+OK\r\n";
        EXPECT_TRUE(writer.expect(answers));
    }
}

TEST_F(LogGateTest, who_looks_at_everything_waits_for_the_end_of_the_log) {
    writer.send("SET a 1\r\n");
    expect_silence(writer);
    for (const char* command : {"DBSIZE\r\n", "KEYS *\r\n", "RANDOMKEY\r\n", "SCAN 0\r\n"}) {
        SimulatedClient client(server);
        client.send(command);
        expect_silence(client);
        client.peer().close();
    }
    server.make_durable();
    EXPECT_TRUE(reader.exchange("DBSIZE\r\n", ":1\r\n"));
    EXPECT_TRUE(reader.exchange("KEYS *\r\n", "*1\r\n$1\r\na\r\n"));
}

TEST_F(LogGateTest, a_batch_in_a_transaction_waits_for_all_that_its_statements_saw) {
    EXPECT_TRUE(reader.exchange("BEGIN\r\n", "+OK\r\n"));
    reader.forget();
    writer.send("SET a 1\r\n");
    expect_silence(writer);
    reader.send("BATCH \"get a; get b\"\r\n");
    expect_silence(reader);
    server.make_durable();
    EXPECT_TRUE(reader.expect("*2\r\n$1\r\n1\r\n$-1\r\n"));
}

TEST_F(LogGateTest, a_flush_concerns_every_key) {
    writer.send("FLUSHALL\r\n");
    expect_silence(writer);
    reader.send("GET never\r\n");
    expect_silence(reader);
    server.make_durable();
    EXPECT_TRUE(writer.expect("+OK\r\n"));
    EXPECT_TRUE(reader.expect("$-1\r\n"));
}

TEST_F(LogGateTest, who_waited_for_a_key_is_told_when_what_he_took_is_durable) {
    reader.send("BLPOP l 0\r\n");
    SimulatedClient third(server);
    third.send("XREAD BLOCK 0 STREAMS x $\r\n");
    server.run_for(kWhileUs);
    writer.send("RPUSH l a\r\n");
    expect_silence(writer);
    expect_silence(reader);
    server.make_durable();
    EXPECT_TRUE(writer.expect(":1\r\n"));
    EXPECT_TRUE(reader.expect("*2\r\n$1\r\nl\r\n$1\r\na\r\n"));
    writer.forget();
    writer.send("XADD x 5-0 f v\r\n");
    expect_silence(third);
    server.make_durable();
    EXPECT_TRUE(
        third.expect("*1\r\n*2\r\n$1\r\nx\r\n*1\r\n*2\r\n$3\r\n5-0\r\n*2\r\n$1\r\nf"
                     "\r\n$1\r\nv\r\n"));
}

TEST_F(LogGateTest, nobody_waits_with_everysec) {
    server.log().sync_mode = log::SyncMode::every_second;
    EXPECT_TRUE(writer.exchange("SET a 1\r\n", "+OK\r\n"));
    EXPECT_TRUE(reader.exchange("GET a\r\n", "$1\r\n1\r\n"));
}

TEST_F(LogGateTest, who_quits_gets_his_replies) {
    writer.send("SET a 1\r\nQUIT\r\n");
    expect_silence(writer);
    EXPECT_FALSE(writer.is_gone());
    server.make_durable();
    EXPECT_TRUE(writer.expect_end("+OK\r\n+OK\r\n"));
}

TEST_F(LogGateTest, who_leaves_is_forgotten) {
    writer.send("SET a 1\r\n");
    expect_silence(writer);
    writer.peer().reset();
    EXPECT_TRUE(server.run_until([&] { return server.connections() == 1; }));
    server.make_durable();
    EXPECT_TRUE(reader.exchange("GET a\r\n", "$1\r\n1\r\n"));
}

// --- WAITAOF
// -----------------------------------------------------------------------------------------

constexpr std::string_view kOnDisk = "*2\r\n:1\r\n:0\r\n";
constexpr std::string_view kNotOnDisk = "*2\r\n:0\r\n:0\r\n";

TEST_F(LogGateTest, waitaof_ends_when_the_log_is_durable_so_far) {
    server.log().sync_mode = log::SyncMode::every_second;
    EXPECT_TRUE(writer.exchange("SET a 1\r\n", "+OK\r\n"));
    const log::Position first = server.log().frontier();
    EXPECT_TRUE(reader.exchange("SET b 1\r\n", "+OK\r\n"));
    writer.forget();
    reader.forget();
    reader.send("WAITAOF 1 0 0\r\n");
    writer.send("WAITAOF 1 0 0\r\nGET b\r\n");
    expect_silence(writer);
    server.log().set_durable(first - 1);
    expect_silence(writer);
    server.log().set_durable(first);
    EXPECT_TRUE(writer.expect(std::string(kOnDisk) + "$1\r\n1\r\n"));
    expect_silence(reader);
    server.make_durable();
    EXPECT_TRUE(reader.expect(kOnDisk));
    EXPECT_TRUE(reader.exchange("WAITAOF 1 0 0\r\n", kOnDisk));
}

TEST_F(LogGateTest, waitaof_ends_with_its_time) {
    EXPECT_TRUE(reader.exchange("WAITAOF 1 0 0\r\n", kOnDisk));
    server.log().sync_mode = log::SyncMode::every_second;
    EXPECT_TRUE(writer.exchange("SET a 1\r\n", "+OK\r\n"));
    writer.forget();
    writer.send("WAITAOF 1 0 200\r\n");
    reader.forget();
    reader.send("WAITAOF 0 1 100\r\n");
    expect_silence(reader);
    EXPECT_TRUE(reader.expect(kOnDisk, 60'000));
    expect_silence(writer);
    EXPECT_TRUE(writer.expect(kNotOnDisk, 60'000));
    EXPECT_TRUE(writer.exchange("WAITAOF 0 0 0\r\n", kNotOnDisk));
}

TEST_F(LogGateTest, waitaof_waits_for_nothing_in_a_transaction) {
    server.log().sync_mode = log::SyncMode::every_second;
    EXPECT_TRUE(
        writer.exchange("MULTI\r\nSET a 1\r\nWAITAOF 1 0 0\r\nEXEC\r\n",
                        "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n" + std::string(kOnDisk)));
    // Nothing was written before it. What the transaction itself has written is waited for behind.
    writer.forget();
    writer.send("WAITAOF 1 0 0\r\n");
    expect_silence(writer);
    server.make_durable();
    EXPECT_TRUE(writer.expect(kOnDisk));
}

TEST_F(LogGateTest, waitaof_is_unblocked_from_another_thread) {
    server.log().sync_mode = log::SyncMode::every_second;
    EXPECT_TRUE(writer.exchange("CLIENT REPLY ON\r\n", "+OK\r\n"));
    writer.send("CLIENT ID\r\n");
    ASSERT_TRUE(server.run_until([&] { return writer.received().size() > 5; }));
    const std::string unblock = "CLIENT UNBLOCK " + writer.received().substr(6, 1);
    for (const bool with_error : {false, true}) {
        EXPECT_TRUE(writer.exchange("SET a 1\r\n", "+OK\r\n"));
        writer.forget();
        writer.send("WAITAOF 1 0 0\r\n");
        expect_silence(writer);
        EXPECT_TRUE(reader.exchange(unblock + (with_error ? " ERROR\r\n" : "\r\n"), ":1\r\n"));
        const std::string_view answer =
            with_error ? "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n" : kNotOnDisk;
        EXPECT_TRUE(writer.expect(answer));
        EXPECT_TRUE(reader.exchange(unblock + "\r\n", ":0\r\n"));
        server.make_durable();
        expect_silence(writer, answer);
    }
}

TEST_F(LogGateTest, who_leaves_waitaof_is_forgotten) {
    server.log().sync_mode = log::SyncMode::every_second;
    for (const char* what : {"WAITAOF 1 0 0\r\n", "WAITAOF 1 1 0\r\n", "WAITAOF 0 1 0\r\n"}) {
        SimulatedClient leaving(server);
        EXPECT_TRUE(leaving.exchange("SET a 1\r\n", "+OK\r\n"));
        leaving.forget();
        leaving.send(what);
        expect_silence(leaving);
        leaving.peer().reset();
        EXPECT_TRUE(server.run_until([&] { return server.connections() == 2; })) << what;
        server.make_durable();
    }
    EXPECT_TRUE(reader.exchange("SET b 1\r\n", "+OK\r\n"));
    reader.forget();
    reader.send("WAITAOF 1 1 0\r\n");
    expect_silence(reader);
    // The server stops with one that waits.
}

TEST_F(LogGateTest, waitaof_is_told_that_the_log_has_ended) {
    server.log().sync_mode = log::SyncMode::every_second;
    EXPECT_TRUE(writer.exchange("SET a 1\r\n", "+OK\r\n"));
    EXPECT_TRUE(reader.exchange("SET b 1\r\n", "+OK\r\n"));
    writer.forget();
    reader.forget();
    writer.send("WAITAOF 1 0 0\r\n");
    reader.send("WAITAOF 1 7 0\r\n");
    expect_silence(writer);
    for (const size_t index : {0, 1}) {
        server.worker(index).reactor().post([&, index] { server.worker(index).detach_log(); });
    }
    constexpr std::string_view kEnded =
        "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n";
    EXPECT_TRUE(writer.expect(kEnded));
    EXPECT_TRUE(reader.expect(kEnded));
    EXPECT_TRUE(reader.exchange("WAITAOF 0 0 0\r\n", kNotOnDisk));
}

/// Clients write and wait while the log becomes durable bit by bit: nobody is told too early, and
/// nobody is forgotten.
TEST(WaitaofTest, no_wait_ends_too_early_or_never) {
    base::set_level(base::Level::nothing);
    const uint64_t first_seed = test_seed();
    for (uint64_t seed = first_seed; seed < first_seed + 100; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        SimulatedServer server({.seed = seed, .workers = 3, .log_bytes = 1'000'000});
        base::Random random(seed);
        struct One {
            explicit One(SimulatedServer& at) : client(at) {}
            SimulatedClient client;
            log::Position before = 0;
            bool is_waiting = false;
        };
        std::vector<std::unique_ptr<One>> clients;
        for (int index = 0; index < 6; ++index) clients.push_back(std::make_unique<One>(server));
        const auto look = [&](One& one) {
            if (!one.is_waiting || one.client.received().size() < kOnDisk.size() + 5) return;
            EXPECT_EQ(one.client.received(), "+OK\r\n" + std::string(kOnDisk));
            EXPECT_GT(server.log().durable(), one.before);
            one.is_waiting = false;
        };
        for (int step = 0; step < 200; ++step) {
            One& one = *clients[random.below(clients.size())];
            look(one);
            if (!one.is_waiting) {
                one.client.forget();
                one.before = server.log().tail();
                one.client.send("SET k 1\r\nWAITAOF 1 0 0\r\n");
                one.is_waiting = true;
            }
            server.run_for(static_cast<int64_t>(random.below(200)));
            const log::Position durable = server.log().durable();
            const uint64_t gap = server.log().frontier() - durable;
            if (random.below(3) == 0) server.log().set_durable(durable + random.below(gap + 1));
        }
        const bool have_all_ended = server.run_until([&] {
            server.make_durable();
            for (const auto& one : clients) look(*one);
            return std::none_of(clients.begin(), clients.end(),
                                [](const auto& one) { return one->is_waiting; });
        });
        EXPECT_TRUE(have_all_ended);
    }
    base::set_level(base::Level::notice);
}

TEST_F(LogGateTest, writers_wait_while_the_log_is_full_and_readers_do_not) {
    server.log().sync_mode = log::SyncMode::every_second;
    const std::string value(60'000, 'x');
    writer.send_command({"SET", "a", value});
    writer.send_command({"SET", "b", value});
    EXPECT_TRUE(writer.expect("+OK\r\n+OK\r\n"));
    EXPECT_EQ(server.log().admission(), log::Admission::full);
    writer.forget();
    writer.send("SET c 1\r\nGET c\r\n");
    expect_silence(writer);
    EXPECT_TRUE(reader.exchange("STRLEN a\r\n", ":60000\r\n"));
    server.make_durable();
    EXPECT_TRUE(writer.expect("+OK\r\n$1\r\n1\r\n"));
}

TEST_F(LogGateTest, writers_are_refused_while_the_log_fails) {
    server.log().fail("No space left on device");
    EXPECT_TRUE(writer.exchange(
        "SET a 1\r\n", "-MISCONF Errors writing to the AOF file: No space left on device\r\n"));
    EXPECT_TRUE(reader.exchange("GET a\r\n", "$-1\r\n"));
    server.log().recover();
    writer.forget();
    writer.send("SET a 1\r\n");
    expect_silence(writer);
    server.make_durable();
    EXPECT_TRUE(writer.expect("+OK\r\n"));
}

TEST_F(LogGateTest, while_it_loads_only_few_are_answered) {
    server.dataset().settings.refusals |= engine::refusal::loading;
    EXPECT_TRUE(
        writer.exchange("SET a 1\r\n", "-LOADING Redis is loading the dataset in memory\r\n"));
    EXPECT_TRUE(
        reader.exchange("GET a\r\n", "-LOADING Redis is loading the dataset in memory\r\n"));
    server.dataset().settings.refusals &= ~engine::refusal::loading;
    EXPECT_TRUE(reader.exchange("GET a\r\n", "$-1\r\n"));
}

}  // namespace
}  // namespace gyre::server
