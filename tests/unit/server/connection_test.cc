// SPDX-License-Identifier: BSD-3-Clause
//
// One connection's way from bytes to replies: commands cut at any place, batches, commands that
// wait, pauses, CLIENT REPLY, and the ways a conversation ends. Each case is a world of its own.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/memory.h"
#include "server/connection.h"
#include "simulated_server.h"

namespace gyre::server {
namespace {

using ring::sim::SimRingOptions;
using test::bulk;

class ConnectionTest : public ::testing::Test {
protected:
    ConnectionTest() { base::set_level(base::Level::nothing); }
    ~ConnectionTest() override { base::set_level(base::Level::notice); }
};

std::string repeat(std::string_view text, size_t times) {
    std::string all;
    all.reserve(text.size() * times);
    for (size_t i = 0; i < times; ++i) all += text;
    return all;
}

/// A server whose KEYS and FLUSHDB take several slices: a slice ends after so many steps, and a
/// shard takes at least one.
SimulatedServerOptions slow_walks() {
    SimulatedServerOptions options;
    options.shards = 1024;
    return options;
}

TEST_F(ConnectionTest, answers_a_pipeline_in_order) {
    SimulatedServer server;
    SimulatedClient client(server);
    EXPECT_TRUE(client.exchange("PING\r\n" + command({"SET", "a", "1"}) + command({"GET", "a"}) +
                                    "\r\n*0\r\nINCR a\r\nECHO \"x y\"\r\n",
                                "+PONG\r\n+OK\r\n$1\r\n1\r\n:2\r\n$3\r\nx y\r\n"));
}

TEST_F(ConnectionTest, is_indifferent_to_where_bytes_are_cut) {
    const std::string value(150, 'v');
    const std::string bytes = command({"SET", "key", value}) + "PING\r\n" +
                              command({"MSET", "a", "1", "b", "22"}) + "\r\n*0\r\n" +
                              command({"MGET", "a", "b", "none"}) + "STRLEN key\r\n" +
                              command({"GET", "key"});
    const std::string reply =
        "+OK\r\n+PONG\r\n+OK\r\n*3\r\n$1\r\n1\r\n$2\r\n22\r\n$-1\r\n:150\r\n" + bulk(value);
    for (uint32_t buffer_bytes = 1; buffer_bytes < bytes.size(); ++buffer_bytes) {
        SCOPED_TRACE(buffer_bytes);
        SimulatedServer server({.ring = {.buffer_count = 2, .buffer_bytes = buffer_bytes}});
        SimulatedClient client(server);
        EXPECT_TRUE(client.exchange(bytes + bytes, reply + reply));
    }
}

TEST_F(ConnectionTest, goes_on_in_place_behind_a_line_without_newline) {
    // The byte behind the CR of a length line may be anything, as in Redis; so a newline looked for
    // in the tail may belong to a later command.
    const std::string odd = "*1\rX$4\rXPINGxx";
    for (uint32_t buffer_bytes = 1; buffer_bytes < 40; ++buffer_bytes) {
        SCOPED_TRACE(buffer_bytes);
        SimulatedServer server({.ring = {.buffer_count = 2, .buffer_bytes = buffer_bytes}});
        SimulatedClient client(server);
        EXPECT_TRUE(client.exchange(odd + odd + odd + "PING\r\n", repeat("+PONG\r\n", 4)));
    }
}

TEST_F(ConnectionTest, receives_large_arguments_however_their_beginning_is_cut) {
    const std::string first(40'000, '1');
    const std::string second(200'000, '2');
    const std::string bytes = command({"PING"}) + command({"MSET", "a", first, "b", second}) +
                              command({"STRLEN", "a"}) + command({"GET", "b"}) + "PING\r\n";
    const std::string reply = "+PONG\r\n+OK\r\n:40000\r\n" + bulk(second) + "+PONG\r\n";
    for (const uint32_t buffer_bytes : {17U, 30U, 47U, 64U, 1000U, 16384U, 65536U, 262144U}) {
        SCOPED_TRACE(buffer_bytes);
        SimulatedServer server({.faults = {.window_bytes = 1U << 20},
                                .ring = {.buffer_count = 2, .buffer_bytes = buffer_bytes}});
        SimulatedClient client(server);
        EXPECT_TRUE(client.exchange(bytes, reply));
        EXPECT_TRUE(client.exchange(bytes, reply));
    }
}

TEST_F(ConnectionTest, takes_a_large_argument_whose_length_was_cut_off_from_a_large_buffer) {
    SimulatedServer server({.faults = {.window_bytes = 1U << 20},
                            .ring = {.buffer_count = 2, .buffer_bytes = 128 * 1024}});
    SimulatedClient client(server);
    const std::string value(40'000, 'x');
    const std::string bytes = command({"SET", "a", value}) + command({"STRLEN", "a"}) + "PING\r\n";
    const size_t cut = bytes.find("$40000") + 3;
    client.send(bytes.substr(0, cut));
    server.run_for(10'000);
    client.send(bytes.substr(cut));
    EXPECT_TRUE(client.expect("+OK\r\n:40000\r\n+PONG\r\n"));
}

TEST_F(ConnectionTest, runs_pipelines_longer_than_a_batch_beside_others) {
    SimulatedServer server;
    constexpr size_t kCommands = Connection::kCommandsPerBatch * 5 + 7;
    constexpr size_t kClients = 9;
    static_assert(kCommands * kClients > Worker::kGroupRequests * 4);
    std::vector<std::unique_ptr<SimulatedClient>> clients;
    std::string bytes;
    std::string reply;
    for (size_t number = 1; number <= kCommands; ++number) {
        bytes += command({"INCR", "n"});
        reply += ":" + std::to_string(number) + "\r\n";
    }
    for (size_t i = 0; i < kClients; ++i) {
        clients.push_back(std::make_unique<SimulatedClient>(server));
        std::string own = bytes;
        // Each counts on its own.
        for (size_t at = own.find("\nn\r"); at != std::string::npos; at = own.find("\nn\r", at)) {
            own[at + 1] = static_cast<char>('a' + i);
        }
        clients[i]->send(own);
    }
    for (const auto& client : clients) EXPECT_TRUE(client->expect(reply));
}

TEST_F(ConnectionTest, goes_on_behind_a_command_that_had_to_wait) {
    SimulatedServer server(slow_walks());
    SimulatedClient client(server);
    // Without waiting for the worker's next look at its connections, a second later.
    constexpr int64_t kAtOnceUs = 100'000;
    EXPECT_TRUE(client.exchange(
        "SET a 1\r\nKEYS *\r\nGET a\r\nFLUSHDB\r\nGET a\r\nKEYS *\r\n"
        "PING\r\n",
        "+OK\r\n*1\r\n$1\r\na\r\n$1\r\n1\r\n+OK\r\n$-1\r\n*0\r\n+PONG\r\n", kAtOnceUs));
    // Nor by the end of a send: there is none.
    EXPECT_TRUE(
        client.exchange("CLIENT REPLY OFF\r\nFLUSHDB\r\nSET a 1\r\nKEYS *\r\n"
                        "CLIENT REPLY ON\r\nGET a\r\n",
                        "+OK\r\n$1\r\n1\r\n", kAtOnceUs));
}

TEST_F(ConnectionTest, lends_no_buffer_to_a_command_that_waits) {
    SimulatedServerOptions options = slow_walks();
    options.ring.buffer_count = 1;
    SimulatedServer server(options);
    SimulatedClient waiting(server);
    SimulatedClient other(server);
    EXPECT_TRUE(other.exchange("CLIENT PAUSE 200 WRITE\r\n", "+OK\r\n"));
    waiting.send("SET a 1\r\nPING\r\n");
    server.run_for(1000);
    EXPECT_EQ(server.ring().buffers_lent(), 0U);
    EXPECT_TRUE(other.exchange("PING\r\n", "+PONG\r\n", 10'000));
    EXPECT_EQ(waiting.received(), "");
    EXPECT_TRUE(waiting.expect("+OK\r\n+PONG\r\n"));
}

TEST_F(ConnectionTest, parses_again_what_stood_behind_a_paused_command) {
    const std::string large(100'000, 'l');
    // Behind the paused command: commands, a cut one, a large argument, an error.
    const std::string endings[] = {"", "PI", command({"SET", "big", large}), "*1\r\n!"};
    for (const std::string& ending : endings) {
        SCOPED_TRACE(ending.substr(0, 20));
        SimulatedServer server;
        SimulatedClient client(server);
        SimulatedClient operator_client(server);
        EXPECT_TRUE(operator_client.exchange("CLIENT PAUSE 50 WRITE\r\n", "+OK\r\n"));
        client.send("GET a\r\nSET a 1\r\nGET a\r\nINCR a\r\nGET a\r\n" + ending);
        server.run_for(20'000);
        EXPECT_EQ(client.received(), "$-1\r\n");
        std::string reply = "$-1\r\n+OK\r\n$1\r\n1\r\n:2\r\n$1\r\n2\r\n";
        if (ending == "PI") {
            client.send("NG\r\n");
            reply += "+PONG\r\n";
        } else if (ending.size() > 1000) {
            reply += "+OK\r\n";
        } else if (!ending.empty()) {
            reply += "-ERR Protocol error: expected '$', got '!'\r\n";
            client.send("\r");
            // The line is looked at once it has an end.
            client.send("\n");
        }
        EXPECT_TRUE(client.expect(reply));
    }
}

TEST_F(ConnectionTest, keeps_a_large_argument_through_a_pause) {
    const std::string large(300'000, 'l');
    SimulatedServer server;
    SimulatedClient client(server);
    EXPECT_TRUE(client.exchange("CLIENT PAUSE 50 WRITE\r\n", "+OK\r\n"));
    EXPECT_TRUE(client.exchange(command({"SET", "big", large}) + command({"GET", "big"}),
                                "+OK\r\n" + bulk(large)));
}

TEST_F(ConnectionTest, follows_client_reply) {
    SimulatedServer server;
    SimulatedClient client(server);
    EXPECT_TRUE(
        client.exchange("CLIENT REPLY OFF\r\nPING\r\nNONSENSE\r\nSET a 1\r\n"
                        "CLIENT REPLY SKIP\r\nPING\r\nCLIENT REPLY ON\r\nGET a\r\n",
                        "+OK\r\n$1\r\n1\r\n"));
    EXPECT_TRUE(client.exchange("CLIENT REPLY SKIP\r\nPING\r\nGET a\r\n", "$1\r\n1\r\n"));
    EXPECT_TRUE(client.exchange("CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nGET a\r\n",
                                "$1\r\n1\r\n"));
    EXPECT_TRUE(
        client.exchange("CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nPING\r\n", "+OK\r\n+PONG\r\n"));
    EXPECT_TRUE(
        client.exchange("CLIENT REPLY SKIP\r\nCLIENT REPLY OFF\r\nPING\r\nPING\r\n"
                        "CLIENT REPLY ON\r\n",
                        "+OK\r\n"));
    EXPECT_TRUE(
        client.exchange("CLIENT REPLY SKIP\r\nKEYS *\r\nCLIENT REPLY OFF\r\nKEYS *\r\n"
                        "CLIENT REPLY ON\r\nKEYS *\r\n",
                        "+OK\r\n*1\r\n$1\r\na\r\n"));
}

TEST_F(ConnectionTest, an_empty_command_is_the_one_to_skip) {
    for (const std::string_view empty : {"*0\r\n", "\r\n", "*-1\r\n"}) {
        SCOPED_TRACE(empty);
        SimulatedServer server;
        SimulatedClient client(server);
        // In one batch, and in two.
        EXPECT_TRUE(client.exchange("CLIENT REPLY SKIP\r\n" + std::string(empty) + "PING\r\n",
                                    "+PONG\r\n"));
        client.forget();
        client.send("CLIENT REPLY SKIP\r\n");
        server.run_for(1000);
        EXPECT_TRUE(client.exchange(std::string(empty) + "PING\r\n", "+PONG\r\n"));
        // One that comes later skips nothing, nor one before.
        EXPECT_TRUE(client.exchange(std::string(empty) + "CLIENT REPLY SKIP\r\nECHO a\r\n" +
                                        std::string(empty) + "PING\r\n",
                                    "+PONG\r\n"));
        // The switch itself had to wait.
        EXPECT_TRUE(client.exchange(
            "CLIENT PAUSE 20 ALL\r\nCLIENT REPLY SKIP\r\n" + std::string(empty) + "PING\r\n",
            "+OK\r\n+PONG\r\n"));
    }
}

TEST_F(ConnectionTest, needs_no_password_that_is_gone) {
    SimulatedServer server;
    server.require_password("secret");
    SimulatedClient client(server);
    EXPECT_TRUE(client.exchange("PING\r\n", "-NOAUTH Authentication required.\r\n"));
    server.require_password("");
    server.settings().has_password.store(false);
    const std::string value(100'000, 'v');
    EXPECT_TRUE(
        client.exchange(command({"SET", "a", value}) + "STRLEN a\r\n", "+OK\r\n:100000\r\n"));
    server.require_password("other");
    EXPECT_TRUE(client.exchange("PING\r\n", "-NOAUTH Authentication required.\r\n"));
}

size_t warnings_of_attacks = 0;

TEST_F(ConnectionTest, warns_of_attacks_once_a_minute) {
    warnings_of_attacks = 0;
    base::set_log_writer([](base::Level, std::string_view text) noexcept {
        if (text.find("ATTACK") != text.npos) ++warnings_of_attacks;
    });
    base::set_level(base::Level::warning);
    SimulatedServer server;
    const auto attack = [&server](int times) {
        for (int i = 0; i < times; ++i) {
            SimulatedClient client(server);
            client.send("POST / HTTP/1.1\r\n");
            EXPECT_TRUE(client.expect_end(""));
        }
    };
    attack(10);
    server.run_for(61'000'000);
    attack(10);
    base::set_log_writer(nullptr);
    EXPECT_EQ(warnings_of_attacks, 2U);
}

TEST_F(ConnectionTest, takes_no_sent_byte_back_when_a_silenced_command_waits) {
    SimulatedServer server(slow_walks());
    SimulatedClient client(server);
    const std::string value(20'000, 'v');
    const std::string set = command({"SET", "a", value});
    client.exchange(set, "+OK\r\n");
    // A reply under way when the silenced command starts, and consumed while it waits.
    EXPECT_TRUE(
        client.exchange("GET a\r\nCLIENT REPLY OFF\r\nKEYS *\r\nVALUES\r\nFLUSHDB\r\n"
                        "CLIENT REPLY ON\r\nGET a\r\n",
                        bulk(value) + "+OK\r\n$-1\r\n"));
}

TEST_F(ConnectionTest, answers_what_came_before_a_protocol_error) {
    SimulatedServer server;
    SimulatedClient client(server);
    client.send("SET a 1\r\nGET a\r\n*1\r\n:3\r\nPING\r\n");
    EXPECT_TRUE(
        client.expect_end("+OK\r\n$1\r\n1\r\n-ERR Protocol error: expected '$', got ':'\r\n"));
    SimulatedClient silent(server);
    silent.send("PING\r\nCLIENT REPLY OFF\r\nPING\r\n*-x\r\n");
    EXPECT_TRUE(silent.expect_end("+PONG\r\n"));
    EXPECT_EQ(server.worker().figures().protocol_errors.load(), 2U);
}

TEST_F(ConnectionTest, closes_without_a_word_on_post_and_host) {
    for (const std::string_view line : {"POST / HTTP/1.1\r\n", "post\r\n", "Host: x\r\n"}) {
        SimulatedServer server;
        SimulatedClient client(server);
        EXPECT_TRUE(client.exchange("PING\r\n", "+PONG\r\n"));
        client.forget();
        client.send("PING\r\nSET b 1\r\n" + std::string(line) + "SET a 1\r\nPING\r\n");
        EXPECT_TRUE(client.expect_end(""));
        SimulatedClient other(server);
        EXPECT_TRUE(other.exchange("EXISTS a b\r\n", ":1\r\n"));
    }
}

TEST_F(ConnectionTest, quits_in_the_middle_of_a_pipeline) {
    SimulatedServer server;
    SimulatedClient client(server);
    client.send("SET a 1\r\nQUIT\r\nSET a 2\r\n*bad\r\n");
    EXPECT_TRUE(client.expect_end("+OK\r\n+OK\r\n"));
    SimulatedClient other(server);
    EXPECT_TRUE(other.exchange("GET a\r\n", "$1\r\n1\r\n"));
}

TEST_F(ConnectionTest, answers_a_peer_that_sends_no_more) {
    SimulatedServer server(slow_walks());
    SimulatedClient client(server);
    const std::string value(120'000, 'v');
    client.send(command({"SET", "a", value}) + "KEYS *\r\n" + repeat("GET a\r\n", 10) + "PIN");
    client.peer().finish_sending();
    EXPECT_TRUE(client.expect_end("+OK\r\n*1\r\n$1\r\na\r\n" + repeat(bulk(value), 10)));
    EXPECT_TRUE(server.run_until([&] { return server.is_at_rest(); }));
}

TEST_F(ConnectionTest, limits_who_has_not_authenticated) {
    SimulatedServer server;
    server.require_password("secret");
    SimulatedClient arguments(server);
    arguments.send("*11\r\n");
    EXPECT_TRUE(arguments.expect_end("-ERR Protocol error: unauthenticated multibulk length\r\n"));
    SimulatedClient length(server);
    length.send("*2\r\n$4\r\nECHO\r\n$16385\r\n");
    EXPECT_TRUE(length.expect_end("-ERR Protocol error: unauthenticated bulk length\r\n"));
    SimulatedClient good(server);
    const std::string value(50'000, 'x');
    EXPECT_TRUE(
        good.exchange("GET a\r\nAUTH secret\r\n" + command({"SET", "a", value}) + "STRLEN a\r\n",
                      "-NOAUTH Authentication required.\r\n+OK\r\n+OK\r\n:50000\r\n"));
}

TEST_F(ConnectionTest, closes_who_is_flooded_before_authenticating) {
    SimulatedServer server;
    server.require_password("secret");
    SimulatedClient client(server);
    client.send(repeat("GET a\r\n", 200'000));
    EXPECT_TRUE(server.run_until([&] { return client.peer().is_ended() || client.is_gone(); }));
    EXPECT_EQ(server.worker().figures().output_limit_disconnections.load(), 1U);
    EXPECT_TRUE(server.run_until([&] { return server.is_at_rest(); }));
}

TEST_F(ConnectionTest, frees_a_large_argument_that_was_cut_off) {
    SimulatedServer server;
    SimulatedClient warm(server);
    EXPECT_TRUE(warm.exchange("PING\r\n", "+PONG\r\n"));
    const int64_t before = base::used(base::Purpose::clients);
    for (const bool is_reset : {true, false}) {
        SimulatedClient client(server);
        client.send("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$10000000\r\n" + std::string(30'000, 'x'));
        EXPECT_TRUE(server.run_until([&] { return client.peer().unsent() == 0; }));
        server.run_for(10'000);
        EXPECT_GT(base::used(base::Purpose::clients), before + 10'000'000);
        is_reset ? client.peer().reset() : client.peer().finish_sending();
        EXPECT_TRUE(server.run_until([&] { return server.connections() == 1; }));
        EXPECT_LT(base::used(base::Purpose::clients), before + 100'000);
    }
}

TEST_F(ConnectionTest, closes_a_client_over_the_query_buffer_limit) {
    SimulatedServer server;
    server.settings().query_buffer_bytes_max.store(1'000'000);
    SimulatedClient one(server);
    one.send("*2\r\n$4\r\nECHO\r\n$1000001\r\nxxxx");
    EXPECT_TRUE(one.expect_end(""));
    SimulatedClient second(server);
    second.send("*3\r\n" + bulk("ECHO") + bulk(std::string(40'000, 'x')) + "$1000001\r\nxxxx");
    EXPECT_TRUE(second.expect_end(""));
    EXPECT_EQ(server.worker().figures().query_limit_disconnections.load(), 2U);
    SimulatedClient fine(server);
    const std::string value(900'000, 'x');
    EXPECT_TRUE(fine.exchange(command({"ECHO", value}), bulk(value)));
}

TEST_F(ConnectionTest, counts_no_complete_argument_against_the_query_buffer_limit) {
    SimulatedServer server;
    server.settings().query_buffer_bytes_max.store(1'000'000);
    SimulatedClient many(server);
    const std::string argument = "$30\r\n" + std::string(30, 'x') + "\r\n";
    EXPECT_TRUE(many.exchange("*90001\r\n" + bulk("MSET") + repeat(argument, 90'000), "+OK\r\n"));
    // No value is over the limit; that all of them together are counts for nothing.
    SimulatedClient large(server);
    const std::string value(900'000, 'x');
    EXPECT_TRUE(large.exchange(command({"MSET", "a", value, "b", value, "c", value}), "+OK\r\n"));
    EXPECT_EQ(server.worker().figures().query_limit_disconnections.load(), 0U);
}

TEST_F(ConnectionTest, counts_an_incomplete_command_as_memory_of_clients) {
    if (!base::kOperatorNewIsCounted) GTEST_SKIP() << "nothing is counted as other here";
    SimulatedServer server;
    SimulatedClient warm(server);
    EXPECT_TRUE(warm.exchange("PING\r\n", "+PONG\r\n"));
    const int64_t clients_before = base::used(base::Purpose::clients);
    constexpr int64_t kArguments = 90'000;
    const std::string argument = "$30\r\n" + std::string(30, 'x') + "\r\n";
    SimulatedClient client(server);
    client.send("*100000\r\n" + repeat(argument, kArguments));
    ASSERT_TRUE(server.run_until([&] { return client.peer().unsent() == 0; }));
    server.run_for(10'000);
    const int64_t held = kArguments * static_cast<int64_t>(argument.size() + 24);
    EXPECT_GE(base::used(base::Purpose::clients), clients_before + held);
    client.peer().reset();
    EXPECT_TRUE(server.run_until([&] { return server.connections() == 1; }));
    EXPECT_LT(base::used(base::Purpose::clients), clients_before + 100'000);
}

/// Waits for several completions that a server asked for while so many clients kept it busy: the
/// load is real CPU time in a virtual millisecond, which a large BITCOUNT from each is enough for
/// on any machine.
uint64_t gathered_under_load(size_t clients, int64_t gather_us) {
    SimulatedServer server(
        {.gather_us = gather_us, .ring = {.buffer_count = 128, .buffer_bytes = 4096}});
    std::vector<std::unique_ptr<SimulatedClient>> all;
    for (size_t index = 0; index < clients; ++index) {
        all.push_back(std::make_unique<SimulatedClient>(server));
    }
    EXPECT_TRUE(all[0]->exchange(command({"SETRANGE", "large", "1048576", "x"}), ":1048577\r\n"));
    for (size_t round = 0; round < 12; ++round) {
        for (const auto& client : all) {
            client->forget();
            client->send(command({"BITCOUNT", "large"}));
        }
        server.run_for(1000);
        for (const auto& client : all) EXPECT_TRUE(client->expect(":4\r\n"));
    }
    return server.ring().counters().gathered;
}

TEST_F(ConnectionTest, a_busy_worker_with_many_clients_gathers) {
    EXPECT_GT(gathered_under_load(64, 100), 0U);
    EXPECT_EQ(gathered_under_load(64, 0), 0U) << "unless it was told not to";
    EXPECT_EQ(gathered_under_load(8, 100), 0U) << "few clients would wait longer for nothing";
}

TEST_F(ConnectionTest, ends_when_reset_while_a_command_waits) {
    SimulatedServer server(slow_walks());
    SimulatedClient client(server);
    SimulatedClient pausing(server);
    EXPECT_TRUE(client.exchange("SET a 1\r\n", "+OK\r\n"));
    EXPECT_TRUE(pausing.exchange("CLIENT PAUSE 30 WRITE\r\n", "+OK\r\n"));
    client.send(repeat("KEYS *\r\n", 10) + "SET a 2\r\nGET a\r\n");
    server.run_for(1'000);
    client.peer().reset();
    pausing.peer().close();
    EXPECT_TRUE(server.run_until([&] { return server.is_at_rest(); }));
}

TEST_F(ConnectionTest, counts_the_bytes_of_its_worker) {
    SimulatedServer server;
    SimulatedClient client(server);
    EXPECT_TRUE(client.exchange("PING\r\n", "+PONG\r\n"));
    EXPECT_TRUE(client.exchange(command({"ECHO", "abc"}), "$3\r\nabc\r\n"));
    // A send that succeeds at once is counted in the turn that something else begins.
    EXPECT_TRUE(
        server.run_until([&] { return server.worker().figures().output_bytes.load() == 7U + 9U; }));
    EXPECT_EQ(server.worker().figures().input_bytes.load(), 6 + command({"ECHO", "abc"}).size());
}

}  // namespace
}  // namespace gyre::server
