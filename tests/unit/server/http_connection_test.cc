// SPDX-License-Identifier: BSD-3-Clause
//
// One HTTP connection's way from bytes to bytes on the simulated ring: requests cut at any place,
// responses that leave in pieces, clients that are late, stall or go away, streams of events, and
// responses that wait for the log. The world's clock is the only one, so the limits of time are
// exact.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "http/events.h"
#include "server/http_connection.h"
#include "simulated_server.h"
#include "support/seed.h"

namespace gyre::server {
namespace {

constexpr int64_t kSecondUs = 1'000'000;
/// Virtual time in which what can happen has happened.
constexpr int64_t kWhileUs = 50'000;

std::string request(std::string_view method, std::string_view target, std::string_view body = "",
                    std::string_view fields = "") {
    std::string text = std::string(method) + " " + std::string(target) +
                       " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields);
    if (!body.empty()) {
        if (fields.find("Content-Type") == std::string_view::npos) {
            text += "Content-Type: application/json\r\n";
        }
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    return text + "\r\n" + std::string(body);
}

/// The status of the first response, "" where there is none.
std::string status_of(std::string_view bytes) {
    if (!bytes.starts_with("HTTP/1.1 ")) return "";
    return std::string(bytes.substr(9, 3));
}

/// "200 201 404": of all responses, of which none is to HEAD.
std::string statuses_of(std::string_view bytes) {
    std::string all;
    while (!status_of(bytes).empty()) {
        all += (all.empty() ? "" : " ") + status_of(bytes);
        const size_t head_end = bytes.find("\r\n\r\n");
        if (head_end == std::string_view::npos) return all + " and no more";
        const std::string_view head = bytes.substr(0, head_end);
        bytes.remove_prefix(head_end + 4);
        const size_t at = head.find("Content-Length: ");
        if (at == std::string_view::npos) continue;
        const size_t length = std::strtoul(head.data() + at + 16, nullptr, 10);
        if (length > bytes.size()) return all + " and no more";
        bytes.remove_prefix(length);
    }
    return bytes.empty() ? all : all + " and what is none";
}

/// Every kind of request, over one key, which is absent before and afterwards.
std::string conversation(const std::string& key) {
    const std::string path = "/v1/keys/" + key;
    const std::string word = "[\"APPEND\",\"" + key + "\",\" world\"]";
    return request("PUT", path, "\"hello\"") + request("GET", path) + "\r\n" +
           request("POST", "/v1/command", word) + request("GET", "/nothing") +
           "POST /v1/command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
           "Transfer-Encoding: chunked\r\n\r\n6;x=y\r\n[\"ECHO\r\nb\r\n\",\"in parts\r\n3\r\n\"]\n"
           "\r\n0\r\nTrailer: x\r\n\r\n" +
           request("GET", path + "?db=nothing") +
           request("PUT", path, std::string(300, '\xff'),
                   "Content-Type: application/octet-stream\r\n") +
           request("GET", path, "", "Accept: application/octet-stream\r\n") + request("GET", path) +
           request("HEAD", path) + request("DELETE", path);
}

/// The same bytes, without what tells when they were made.
std::string undated(std::string bytes) {
    constexpr std::string_view kName = "\r\nDate: ";
    constexpr size_t kDateChars = 29;
    for (size_t at = 0; (at = bytes.find(kName, at)) != std::string::npos;) {
        at += kName.size();
        const size_t end = std::min(at + kDateChars, bytes.size());
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  bytes.begin() + static_cast<std::ptrdiff_t>(end), '#');
    }
    return bytes;
}

class HttpConnectionTest : public ::testing::Test {
protected:
    HttpConnectionTest() { base::set_level(base::Level::nothing); }
    ~HttpConnectionTest() override { base::set_level(base::Level::notice); }

    static SimulatedServerOptions with_http() {
        SimulatedServerOptions options;
        options.has_http = true;
        return options;
    }
    /// What the conversation gives when nothing is in its way.
    static std::string told(const std::string& key) {
        SimulatedServer server(with_http());
        SimulatedClient client(server, SimulatedServer::http_address());
        client.send(conversation(key));
        server.run_for(kWhileUs);
        return undated(client.received());
    }
};

/// A server and one HTTP client.
struct Pair {
    explicit Pair(const SimulatedServerOptions& options) : server(options) {}
    std::unique_ptr<SimulatedClient> connect() {
        return std::make_unique<SimulatedClient>(server, SimulatedServer::http_address());
    }
    void run_for(int64_t microseconds) { server.run_for(microseconds); }
    uint64_t output_waiting() {
        uint64_t most = 0;
        server.clients().for_each([&](const commands::Session& session) {
            most = std::max(most, session.output_pending_bytes.load());
        });
        return most;
    }
    /// All that `client` has got by now, and it is this.
    bool expect(const std::string& bytes) {
        server.run_until([&] { return client->received().size() >= bytes.size(); });
        return undated(client->received()) == bytes;
    }
    bool comes_to_rest() {
        return server.run_until([this] { return server.is_at_rest(); }, 20 * kSecondUs);
    }

    SimulatedServer server;
    std::unique_ptr<SimulatedClient> client = connect();
};

// --- requests in pieces -------------------------------------------------------------------------

TEST_F(HttpConnectionTest, a_pipeline_is_answered_alike_wherever_it_is_cut) {
    const std::string bytes = conversation("k");
    const std::string expected = told("k");
    ASSERT_EQ(statuses_of(expected.substr(0, expected.find("HTTP/1.1 404"))), "201 200 200");
    ASSERT_NE(expected.find(R"({"result":"in parts"})"), std::string::npos);
    ASSERT_TRUE(expected.ends_with("HTTP/1.1 204 No Content\r\nDate: " + std::string(29, '#') +
                                   "\r\n\r\n"));
    Pair pair(with_http());
    for (size_t cut = 0; cut <= bytes.size(); ++cut) {
        SCOPED_TRACE(cut);
        pair.client->forget();
        pair.client->send(bytes.substr(0, cut));
        pair.run_for(3000);
        pair.client->send(bytes.substr(cut));
        ASSERT_TRUE(pair.expect(expected)) << pair.client->received();
    }
}

TEST_F(HttpConnectionTest, a_pipeline_is_answered_alike_in_receives_of_any_size) {
    const std::string bytes = conversation("k");
    const std::string expected = told("k");
    for (uint32_t buffer_bytes = 1; buffer_bytes < bytes.size();
         buffer_bytes += buffer_bytes / 8 + 1) {
        SCOPED_TRACE(buffer_bytes);
        SimulatedServerOptions options = with_http();
        options.ring = {.buffer_count = 2, .buffer_bytes = buffer_bytes};
        Pair pair(options);
        pair.client->send(bytes);
        pair.client->send(bytes);
        EXPECT_TRUE(pair.expect(expected + expected));
    }
}

TEST_F(HttpConnectionTest, a_body_larger_than_any_buffer_comes_whole) {
    SimulatedServerOptions options = with_http();
    options.ring = {.buffer_count = 1, .buffer_bytes = 100};
    Pair pair(options);
    std::string body(100'000, '\0');
    base::Random random(1);
    for (char& byte : body) byte = static_cast<char>(random.next());
    pair.client->send(
        request("PUT", "/v1/keys/k", body, "Content-Type: application/octet-stream\r\n") +
        request("GET", "/v1/keys/k", "", "Accept: application/octet-stream\r\n"));
    pair.server.run_until([&] { return pair.client->received().ends_with(body); });
    EXPECT_EQ(statuses_of(pair.client->received()), "201 200");
}

/// Clients that say their conversation in pieces, in worlds that go wrong in every way.
TEST_F(HttpConnectionTest, converses_in_many_worlds) {
    const std::vector<std::string> expected{told("k0"), told("k1"), told("k2")};
    const uint64_t first = std::getenv("GYRE_SEED") != nullptr ? test_seed() : 1;
    constexpr uint64_t kSeeds = 1000;
    size_t answered = 0;
    size_t broken = 0;
    for (uint64_t seed = first; seed < first + kSeeds && !HasFailure(); ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        base::Random random(seed);
        SimulatedServerOptions options = with_http();
        options.seed = seed;
        options.workers = 1 + random.below(2);
        options.faults = ring::sim::Faults::swarm(random);
        options.faults.window_bytes = std::max(options.faults.window_bytes, 32U);
        options.ring.buffer_count = 1 + static_cast<uint32_t>(random.below(4));
        options.ring.buffer_bytes = 1 + static_cast<uint32_t>(random.below(2000));
        Pair pair(options);
        // Where nothing else happens between two pieces, the clock leaps.
        pair.server.settings().http_timeout_seconds = 0;
        std::vector<std::unique_ptr<SimulatedClient>> clients;
        std::vector<std::string> left;
        for (size_t index = 0; index < expected.size(); ++index) {
            clients.push_back(pair.connect());
            left.push_back(conversation("k" + std::to_string(index)));
        }
        const auto is_over = [&](size_t index) {
            return clients[index]->is_gone() ||
                   clients[index]->received().size() >= expected[index].size();
        };
        // Half of them say all before they read, the others a piece at a time.
        while (!left[0].empty() || !left[1].empty() || !left[2].empty()) {
            const size_t index = random.below(left.size());
            const size_t piece = index == 0 ? left[0].size() : 1 + random.below(200);
            clients[index]->send(left[index].substr(0, piece));
            left[index].erase(0, piece);
            for (size_t steps = random.below(30); steps > 0; --steps) pair.server.world().step();
        }
        pair.server.run_until([&] { return is_over(0) && is_over(1) && is_over(2); },
                              100 * kSecondUs);
        for (size_t index = 0; index < clients.size(); ++index) {
            const std::string received = undated(clients[index]->received());
            if (received == expected[index]) {
                ++answered;
            } else {
                EXPECT_TRUE(clients[index]->is_gone()) << received;
                EXPECT_TRUE(options.faults.reset > 0 || options.faults.accept_failure > 0);
                EXPECT_EQ(received, expected[index].substr(0, received.size()));
                ++broken;
            }
            clients[index]->peer().close();
        }
        pair.client->peer().close();
        EXPECT_TRUE(pair.comes_to_rest());
    }
    // The worlds were neither too kind nor too hostile.
    EXPECT_GT(answered, kSeeds);
    EXPECT_GT(broken, kSeeds / 20);
}

// --- responses in pieces ------------------------------------------------------------------------

TEST_F(HttpConnectionTest, a_response_leaves_in_the_pieces_that_its_reader_takes) {
    SimulatedServerOptions options = with_http();
    options.faults.window_bytes = 700;
    options.faults.short_send = 500;
    Pair pair(options);
    const std::string value(60'000, 'v');
    SimulatedClient resp(pair.server);
    ASSERT_TRUE(resp.exchange(command({"SET", "big", value}), "+OK\r\n"));
    pair.client->send(request("GET", "/v1/keys/big") + request("GET", "/health"));
    std::string received;
    size_t pieces = 0;
    while (!received.ends_with("}") && !pair.client->is_gone()) {
        ASSERT_TRUE(pair.server.run_until([&] { return pair.client->peer().available() > 0; }));
        received += pair.client->peer().receive(100);
        ++pieces;
    }
    EXPECT_GT(pieces, value.size() / 100);
    EXPECT_EQ(statuses_of(received), "200 200");
    EXPECT_NE(received.find("\r\n\r\n\"" + value + "\"HTTP/1.1 200 OK\r\n"), std::string::npos);
}

TEST_F(HttpConnectionTest, no_more_is_answered_than_is_read) {
    Pair pair(with_http());
    SimulatedClient resp(pair.server);
    const std::string value(300'000, 'v');
    ASSERT_TRUE(resp.exchange(command({"SET", "big", value}), "+OK\r\n"));
    constexpr size_t kRequests = 60;
    std::string requests;
    for (size_t count = 0; count < kRequests; ++count) requests += request("GET", "/v1/keys/big");
    pair.client->send(requests);
    pair.run_for(5 * kSecondUs);
    EXPECT_LT(pair.output_waiting(), HttpConnection::kOutputBytesMax + 2 * value.size());
    EXPECT_LT(pair.server.worker().figures().http_requests.load(), 10U);
    const std::string& received = pair.client->received();
    pair.server.run_until([&] {
        pair.client->received();
        return received.size() > kRequests * value.size() && received.ends_with('"');
    });
    EXPECT_EQ(pair.server.worker().figures().http_requests.load(), kRequests);
    EXPECT_GT(received.size(), kRequests * value.size());
}

// --- limits of time and size --------------------------------------------------------------------

TEST_F(HttpConnectionTest, a_head_that_does_not_come_is_ended_at_http_timeout) {
    Pair pair(with_http());
    pair.server.settings().http_timeout_seconds = 30;
    pair.client->send("GET /health HTTP/1.1\r\nHost: local");
    pair.run_for(29 * kSecondUs);
    EXPECT_EQ(pair.client->received(), "");
    EXPECT_FALSE(pair.client->is_gone());
    pair.run_for(3 * kSecondUs);
    EXPECT_EQ(status_of(pair.client->received()), "408");
    EXPECT_NE(pair.client->received().find("(http-timeout)"), std::string::npos);
    EXPECT_TRUE(pair.client->is_gone());
    EXPECT_TRUE(pair.comes_to_rest());
}

TEST_F(HttpConnectionTest, a_head_that_trickles_has_one_time_for_all_of_it) {
    Pair pair(with_http());
    pair.server.settings().http_timeout_seconds = 30;
    pair.client->send(request("GET", "/health") + "GET /health HTTP/1.1\r\nX: ");
    for (int second = 0; second < 35 && !pair.client->is_gone(); ++second) {
        pair.client->send("x");
        pair.run_for(kSecondUs);
    }
    EXPECT_EQ(statuses_of(pair.client->received()), "200 408");
    EXPECT_TRUE(pair.client->is_gone());
}

TEST_F(HttpConnectionTest, a_body_may_take_long_while_it_comes) {
    Pair pair(with_http());
    pair.server.settings().http_timeout_seconds = 30;
    const std::string whole = request("PUT", "/v1/keys/k", "\"0123456789\"");
    const size_t body = whole.size() - 12;
    pair.client->send(whole.substr(0, body));
    for (size_t at = body; at < whole.size(); ++at) {
        pair.run_for(20 * kSecondUs);
        pair.client->send(whole.substr(at, 1));
    }
    pair.run_for(kWhileUs);
    EXPECT_EQ(status_of(pair.client->received()), "201");
    // The next one does not come on.
    pair.client->forget();
    pair.client->send(whole.substr(0, body + 3));
    pair.run_for(28 * kSecondUs);
    EXPECT_EQ(pair.client->received(), "");
    pair.run_for(4 * kSecondUs);
    EXPECT_EQ(status_of(pair.client->received()), "408");
    EXPECT_TRUE(pair.client->is_gone());
}

TEST_F(HttpConnectionTest, who_asks_nothing_is_closed_without_a_word) {
    Pair pair(with_http());
    pair.server.settings().http_timeout_seconds = 30;
    pair.client->send(request("GET", "/health"));
    pair.run_for(20 * kSecondUs);
    pair.client->send(request("GET", "/health"));
    pair.run_for(28 * kSecondUs);
    EXPECT_FALSE(pair.client->is_gone());
    pair.run_for(4 * kSecondUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "200 200");
    EXPECT_TRUE(pair.client->is_gone());
}

TEST_F(HttpConnectionTest, without_http_timeout_everybody_stays) {
    Pair pair(with_http());
    pair.server.settings().http_timeout_seconds = 0;
    pair.client->send("GET /health HTTP/1.1\r\n");
    pair.run_for(300 * kSecondUs);
    EXPECT_EQ(pair.client->received(), "");
    pair.client->send("Host: localhost\r\n\r\n");
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "200");
}

TEST_F(HttpConnectionTest, who_pipelines_and_does_not_read_is_closed_at_http_timeout) {
    Pair pair(with_http());
    pair.server.settings().http_timeout_seconds = 30;
    SimulatedClient resp(pair.server);
    ASSERT_TRUE(resp.exchange(command({"SET", "big", std::string(300'000, 'v')}), "+OK\r\n"));
    for (int count = 0; count < 50; ++count) pair.client->send(request("GET", "/v1/keys/big"));
    pair.run_for(28 * kSecondUs);
    EXPECT_EQ(pair.server.connections(), 2U);
    EXPECT_GT(pair.output_waiting(), HttpConnection::kOutputBytesMax / 2);
    pair.run_for(5 * kSecondUs);
    EXPECT_EQ(pair.server.connections(), 1U);
}

TEST_F(HttpConnectionTest, what_is_too_large_is_refused_by_the_name_of_its_limit) {
    struct Case {
        std::string bytes;
        std::string_view status;
        std::string_view limit;
    };
    const Case cases[] = {
        {"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(3000, 'x'), "431",
         "http-max-header-bytes"},
        {"PUT /v1/keys/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n", "413",
         "http-max-body-bytes"},
        {"PUT /v1/keys/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
         "Transfer-Encoding: chunked\r\n\r\n1000\r\n" +
             std::string(0x1000, 'x') + "\r\n",
         "413", "http-max-body-bytes"},
    };
    for (const Case& one : cases) {
        for (const uint32_t buffer_bytes : {1U, 64U, 16384U}) {
            SimulatedServerOptions options = with_http();
            options.ring = {.buffer_count = 2, .buffer_bytes = buffer_bytes};
            Pair pair(options);
            pair.server.settings().http_header_bytes_max = 2048;
            pair.server.settings().http_body_bytes_max = 1024;
            pair.client->send(request("GET", "/health") + one.bytes);
            pair.run_for(kSecondUs);
            const std::string& received = pair.client->received();
            EXPECT_NE(received.find("HTTP/1.1 " + std::string(one.status)), std::string::npos)
                << received;
            EXPECT_NE(received.find(one.limit), std::string::npos) << received;
            EXPECT_TRUE(pair.client->is_gone());
        }
    }
}

// --- requests refused by their head -------------------------------------------------------------

std::string head_of(std::string_view fields, std::string_view method = "POST",
                    std::string_view target = "/v1/command") {
    return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n" + std::string(fields) +
           "\r\n";
}

constexpr std::string_view kHost = "Host: localhost\r\n";
constexpr std::string_view kJson = "Content-Type: application/json\r\n";
constexpr std::string_view kMuch = "Content-Length: 60000000\r\n";

/// Of what can be known by the head nothing waits for the body, and nothing of it is kept.
TEST_F(HttpConnectionTest, who_is_refused_by_the_head_has_no_body_kept) {
    struct Case {
        std::string head;
        std::string_view status;
    };
    const std::string host(kHost);
    const std::string json = host + std::string(kJson);
    const std::string much(kMuch);
    const Case cases[] = {
        {head_of("Host: evil.example\r\n" + std::string(kJson) + much), "421"},
        {head_of(json + "Origin: http://evil.example\r\n" + much), "403"},
        {head_of(host + "Content-Type: text/plain\r\n" + much), "415"},
        {head_of(host + much), "415"},
        {head_of(json + "Content-Encoding: gzip\r\n" + much), "415"},
        {head_of(json + much, "POST", "/nothing"), "404"},
        {head_of(json + much, "PUT"), "405"},
        {head_of(json + much, "BREW"), "501"},
        {head_of(json + much, "POST", "/%zz"), "400"},
        {head_of(json + much, "POST", "/v1/command?unknown=1"), "400"},
        {head_of(json + much, "OPTIONS"), "204"},
        {head_of(json + "Transfer-Encoding: chunked\r\n", "POST", "/nothing") + "fffffff\r\n",
         "404"},
    };
    for (const Case& one : cases) {
        SCOPED_TRACE(one.head);
        Pair pair(with_http());
        pair.client->send(one.head);
        pair.run_for(kWhileUs);
        EXPECT_EQ(statuses_of(pair.client->received()), one.status);
        EXPECT_NE(pair.client->received().find("Connection: close\r\n"), std::string::npos);
        // The stream has ended, and who goes on sending is heard out for a while.
        EXPECT_TRUE(pair.client->peer().is_ended());
        EXPECT_EQ(pair.server.connections(), 1U);
        const int64_t used = base::used(base::Purpose::clients);
        pair.client->send(std::string(1'000'000, 'x'));
        pair.run_for(kWhileUs);
        EXPECT_FALSE(pair.client->peer().is_reset());
        EXPECT_LE(base::used(base::Purpose::clients), used);
        pair.run_for(2 * HttpConnection::kPartingMs * 1000);
        EXPECT_EQ(pair.server.connections(), 0U);
    }
}

TEST_F(HttpConnectionTest, who_sends_without_end_is_not_heard_out) {
    Pair pair(with_http());
    pair.client->send(head_of(std::string(kHost) + std::string(kMuch)));
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "415");
    for (int count = 0; count < 30 && pair.server.connections() > 0; ++count) {
        pair.client->send(std::string(1'000'000, 'x'));
        pair.run_for(kWhileUs);
    }
    EXPECT_EQ(pair.server.connections(), 0U);
}

TEST_F(HttpConnectionTest, a_small_body_that_is_refused_is_passed_over) {
    Pair pair(with_http());
    const std::string refused =
        request("POST", "/v1/command", "[\"PING\"]", "Content-Type: text/plain\r\n");
    pair.client->send(refused + request("GET", "/health") + refused.substr(0, refused.size() - 4));
    pair.run_for(kWhileUs);
    // The answer does not wait for what is left of it.
    EXPECT_EQ(statuses_of(pair.client->received()), "415 200 415");
    pair.client->send(refused.substr(refused.size() - 4) + request("GET", "/health"));
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "415 200 415 200");
    // One that never comes whole ends without another word.
    pair.client->send(refused.substr(0, refused.size() - 4));
    pair.run_for(100 * kSecondUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "415 200 415 200 415");
    EXPECT_TRUE(pair.client->is_gone());
}

TEST_F(HttpConnectionTest, a_body_that_nobody_asks_for_is_not_kept) {
    Pair pair(with_http());
    pair.run_for(kWhileUs);
    const int64_t used = base::used(base::Purpose::clients);
    const std::string body(1'000'000, 'x');
    pair.client->send("GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" +
                      body.substr(1));
    pair.run_for(kWhileUs);
    EXPECT_LT(base::used(base::Purpose::clients), used + 100'000);
    EXPECT_EQ(pair.client->received(), "");
    pair.client->send("x" + request("GET", "/health"));
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "200 200");
}

TEST_F(HttpConnectionTest, who_is_refused_is_not_told_to_go_on) {
    const std::string expects = "Expect: 100-continue\r\nContent-Length: 8\r\n";
    Pair pair(with_http());
    pair.client->send(head_of(std::string(kHost) + std::string(kJson) + expects));
    pair.run_for(kWhileUs);
    EXPECT_EQ(pair.client->received(), "HTTP/1.1 100 Continue\r\n\r\n");
    pair.client->forget();
    pair.client->send("[\"PING\"]");
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "200");
    pair.client->forget();
    pair.client->send(head_of(std::string(kHost) + expects));
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "415");
    EXPECT_TRUE(pair.client->is_gone());
}

TEST_F(HttpConnectionTest, who_does_not_know_the_password_has_no_body_kept) {
    Pair pair(with_http());
    pair.server.settings().has_password = true;
    pair.client->send(head_of(std::string(kHost) + std::string(kJson) + std::string(kMuch)));
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "401");
    EXPECT_TRUE(pair.client->is_gone());
}

// --- peers that go away -------------------------------------------------------------------------

void empty_server(Pair& pair) {
    SimulatedClient resp(pair.server);
    EXPECT_TRUE(resp.exchange("FLUSHALL SYNC\r\n", "+OK\r\n"));
    resp.peer().close();
    EXPECT_TRUE(pair.comes_to_rest());
}

TEST_F(HttpConnectionTest, whoever_goes_at_whatever_byte_leaves_nothing_behind) {
    const std::string bytes = conversation("k");
    const std::string expected = told("k");
    Pair pair(with_http());
    pair.client->peer().close();
    ASSERT_TRUE(pair.comes_to_rest());
    const int64_t keyspace = base::used(base::Purpose::keyspace);
    for (size_t cut = bytes.size() % 7; cut <= bytes.size(); cut += 7) {
        for (const char how : {'c', 'r', 'h'}) {
            SCOPED_TRACE(std::to_string(cut) + how);
            empty_server(pair);
            const auto client = pair.connect();
            client->send(bytes.substr(0, cut));
            if (how == 'h') client->peer().finish_sending();
            if (how == 'h' || cut % 2 == 0) pair.run_for(2000);
            if (how == 'c') client->peer().close();
            if (how == 'r') client->peer().reset();
            if (how == 'h') {
                // What was whole is answered, then the server goes, too.
                pair.run_for(2000);
                const std::string received = undated(client->received());
                EXPECT_EQ(received, expected.substr(0, received.size()));
                EXPECT_TRUE(cut < bytes.size() || received == expected);
                EXPECT_TRUE(client->is_gone());
                client->peer().close();
            }
            ASSERT_TRUE(pair.comes_to_rest());
        }
    }
    empty_server(pair);
    EXPECT_EQ(base::used(base::Purpose::keyspace), keyspace);
}

TEST_F(HttpConnectionTest, a_transaction_outlives_the_connection_that_began_it) {
    Pair pair(with_http());
    pair.client->send(request("GET", "/begin"));
    pair.run_for(kWhileUs);
    const std::string& head = pair.client->received();
    const std::string_view name = "Gyre-Transaction: ";
    ASSERT_NE(head.find(name), std::string::npos) << head;
    const std::string token = head.substr(head.find(name), name.size() + 32) + "\r\n";
    pair.client->send(request("PUT", "/v1/keys/k", "\"in it\"", token));
    pair.run_for(kWhileUs);
    pair.client->peer().reset();
    const auto other = pair.connect();
    other->send(request("GET", "/v1/keys/k") + request("GET", "/v1/keys/k", "", token) +
                request("GET", "/commit", "", token) + request("GET", "/v1/keys/k"));
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(other->received()), "404 200 200 200");
}

// --- events -------------------------------------------------------------------------------------

TEST_F(HttpConnectionTest, events_come_whole_in_whatever_pieces) {
    SimulatedServerOptions options = with_http();
    options.faults.window_bytes = 40;
    options.faults.small_segments = 500;
    options.faults.short_send = 500;
    Pair pair(options);
    pair.client->send(request("GET", "/v1/subscribe/news"));
    std::string expected;
    pair.server.run_until([&] { return pair.client->received().ends_with("\r\n\r\n"); });
    EXPECT_EQ(status_of(pair.client->received()), "200");
    SimulatedClient resp(pair.server);
    for (int number = 0; number < 50; ++number) {
        const std::string message = "message " + std::to_string(number);
        resp.send(command({"PUBLISH", "news", message}));
        expected +=
            "event: message\ndata: {\"channel\":\"news\",\"message\":\"" + message + "\"}\n\n";
    }
    const size_t head = pair.client->received().size();
    pair.server.run_until([&] { return pair.client->received().size() >= head + expected.size(); });
    EXPECT_EQ(pair.client->received().substr(head), expected);
}

TEST_F(HttpConnectionTest, silent_events_are_kept_alive) {
    Pair pair(with_http());
    pair.server.settings().http_timeout_seconds = 5;
    pair.client->send(request("GET", "/v1/subscribe/news"));
    pair.run_for(kWhileUs);
    const std::string head = pair.client->received();
    const int64_t silence_us = HttpConnection::kSilenceMs * 1000;
    pair.run_for(silence_us - kSecondUs);
    EXPECT_EQ(pair.client->received(), head);
    pair.run_for(2 * kSecondUs);
    EXPECT_EQ(pair.client->received(), head + std::string(http::kKeepAliveEvent));
    // Nothing else is expected of who follows, however long.
    pair.run_for(60 * kSecondUs);
    EXPECT_FALSE(pair.client->is_gone());
    pair.client->peer().close();
    EXPECT_TRUE(pair.comes_to_rest());
    SimulatedClient resp(pair.server);
    EXPECT_TRUE(resp.exchange("PUBLISH news x\r\n", ":0\r\n"));
}

class StalledSubscriberTest : public HttpConnectionTest {
protected:
    StalledSubscriberTest() : pair_(with_http()) {
        pair_.client->send(request("GET", "/v1/subscribe/news"));
        pair_.run_for(kWhileUs);
        EXPECT_EQ(status_of(pair_.client->received()), "200");
        EXPECT_TRUE(resp_.exchange("PUBLISH news x\r\n", ":1\r\n"));
    }
    /// From here on nothing is read.
    void publish(size_t bytes) {
        const std::string message(1000, 'x');
        for (size_t sent = 0; sent < bytes; sent += message.size()) {
            resp_.send(command({"PUBLISH", "news", message}));
        }
        pair_.run_for(kWhileUs);
    }
    bool is_cut() const { return pair_.server.connections() == 1; }
    uint64_t cuts() { return pair_.server.worker().figures().output_limit_disconnections.load(); }

    Pair pair_;
    SimulatedClient resp_{pair_.server};
};

TEST_F(StalledSubscriberTest, is_cut_above_the_hard_limit) {
    pair_.server.settings().output_pubsub.hard_bytes = 256 * 1024;
    publish(200'000);
    EXPECT_FALSE(is_cut());
    publish(400'000);
    EXPECT_TRUE(is_cut());
    EXPECT_EQ(cuts(), 1U);
    EXPECT_TRUE(resp_.exchange("PUBLISH news x\r\n", ":0\r\n"));
    resp_.peer().close();
    EXPECT_TRUE(pair_.comes_to_rest());
}

TEST_F(StalledSubscriberTest, is_cut_after_its_time_above_the_soft_limit) {
    pair_.server.settings().output_pubsub.soft_bytes = 64 * 1024;
    pair_.server.settings().output_pubsub.soft_seconds = 20;
    publish(300'000);
    pair_.run_for(18 * kSecondUs);
    EXPECT_FALSE(is_cut());
    pair_.run_for(4 * kSecondUs);
    EXPECT_TRUE(is_cut());
    EXPECT_EQ(cuts(), 1U);
}

TEST_F(StalledSubscriberTest, is_forgiven_when_it_reads_in_time) {
    pair_.server.settings().output_pubsub.soft_bytes = 64 * 1024;
    pair_.server.settings().output_pubsub.soft_seconds = 20;
    publish(300'000);
    pair_.run_for(15 * kSecondUs);
    EXPECT_TRUE(
        pair_.server.run_until([this] { return pair_.client->received().size() > 300'000; }));
    pair_.run_for(30 * kSecondUs);
    EXPECT_FALSE(is_cut());
    EXPECT_EQ(cuts(), 0U);
}

// --- the log ------------------------------------------------------------------------------------

TEST_F(HttpConnectionTest, a_response_waits_for_the_log_and_those_behind_it_too) {
    SimulatedServerOptions options = with_http();
    options.log_bytes = 100'000;
    Pair pair(options);
    pair.server.log().sync_mode = log::SyncMode::always;
    const auto reader = pair.connect();
    pair.client->send(request("GET", "/v1/keys/other") + request("PUT", "/v1/keys/k", "\"x\"") +
                      request("GET", "/health"));
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "404");
    reader->send(request("GET", "/health") + request("GET", "/v1/keys/k"));
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(reader->received()), "200");
    pair.server.make_durable();
    pair.run_for(kWhileUs);
    EXPECT_EQ(statuses_of(pair.client->received()), "404 201 200");
    EXPECT_EQ(statuses_of(reader->received()), "200 200");
}

}  // namespace
}  // namespace gyre::server
