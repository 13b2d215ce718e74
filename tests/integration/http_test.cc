// SPDX-License-Identifier: BSD-3-Clause

// Goal: HTTP against the real server: connections that stay and end as they should, the same data,
// permissions and rules as over RESP, limits, and nobody who can make the server do what he may
// not.

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"
#include "support/http_client.h"

namespace gyre::test {
namespace {

using ::testing::HasSubstr;

class HttpTest : public ServerTest {
protected:
    void start_http(std::vector<std::string> arguments = {}) {
        http_port_ = free_port();
        arguments.insert(arguments.begin(), {"--http-port", std::to_string(http_port_)});
        start(std::move(arguments));
    }
    HttpClient http() const { return HttpClient(http_port_); }
    /// Of the append-only file's growing part.
    std::string log_text() {
        std::string text;
        const std::string folder = server().directory() + "/appendonlydir";
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            if (entry.path().extension() != ".aof") continue;
            std::ifstream file(entry.path(), std::ios::binary);
            text.append(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
        }
        return text;
    }
    int http_port_ = 0;
};

TEST_P(HttpTest, IsOffUnlessAskedFor) {
    REQUIRE_GYRE();
    start();
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "GET", "http-port"), "[http-port 0]");
    const int port = free_port();
    EXPECT_EQ(s.ask("CONFIG", "SET", "http-port", std::to_string(port)), "OK");
    EXPECT_EQ(HttpClient(port).ask("GET", "/health").status, 200);
    EXPECT_THAT(s.ask("INFO", "server"), HasSubstr("name=http,bind=127.0.0.1"));
    EXPECT_EQ(s.ask("CONFIG", "SET", "http-port", "0"), "OK");
    EXPECT_TRUE(wait_until([&] { return !RawSocket::connect_tcp(port).has_value(); }));
}

TEST_P(HttpTest, RunsBatches) {
    REQUIRE_GYRE();
    start_http();
    Session s = session();
    HttpClient client = http();
    const HttpResponse done =
        client.ask("PUT", "/batch", R"({"command": "put a 1; put b 'x;y'; get a"})");
    EXPECT_EQ(done.status, 200) << done.body;
    EXPECT_EQ(s.ask("MGET", "a", "b"), "[1 x;y]");
    const HttpResponse undone = client.ask("PUT", "/batch", R"(["put a 2", "lpush b 1"])");
    EXPECT_THAT(undone.body, HasSubstr("BATCHERR 2 WRONGTYPE"));
    EXPECT_EQ(s.ask("GET", "a"), "1");
}

TEST_P(HttpTest, SharesItsDataWithResp) {
    REQUIRE_GYRE();
    start_http();
    Session s = session();
    HttpClient client = http();
    EXPECT_EQ(client.ask("PUT", "/v1/keys/k", "\"from http\"").status, 201);
    EXPECT_EQ(s.ask("GET", "k"), "from http");
    s.ask("SET", "k", "from resp");
    const HttpResponse read = client.ask("GET", "/v1/keys/k");
    EXPECT_EQ(read.body, "\"from resp\"");
    EXPECT_EQ(read.field("content-type"), "application/json");
    const HttpResponse head = client.ask("HEAD", "/v1/keys/k");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.field("etag"), read.field("etag"));
    EXPECT_EQ(head.field("content-length"), read.field("content-length"));
    EXPECT_EQ(client.ask("DELETE", "/v1/keys/k").status, 204);
    EXPECT_EQ(s.ask("EXISTS", "k"), ":0");
    EXPECT_THAT(s.ask("CLIENT", "LIST"), HasSubstr("resp=3"));
}

TEST_P(HttpTest, KnowsTheAliasesOfAll) {
    REQUIRE_GYRE();
    start_http();
    Session s = session();
    HttpClient client = http();
    EXPECT_EQ(client.ask("POST", "/alias", R"({"command": "twice MSET $1:1 $2 $1:2 $2"})").status,
              200);
    EXPECT_EQ(s.ask("twice", "a", "v"), "OK");
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["twice", "b", "w"])").status, 200);
    EXPECT_EQ(s.ask("MGET", "a:1", "a:2", "b:1", "b:2"), "[v v w w]");
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["twice"])").status, 400);
    // What would wait acts as in a transaction, by its other name too.
    EXPECT_EQ(client.ask("POST", "/alias", R"({"command": "take BLPOP $1 0"})").status, 200);
    EXPECT_EQ(s.ask("RPUSH", "queue", "x"), ":1");
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["take", "queue"])").body,
              R"({"result":["queue","x"]})");
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["take", "queue"])").body, R"({"result":null})");
    EXPECT_EQ(client.ask("DELETE", "/reset-alias").status, 200);
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["twice", "b", "w"])").status, 400);
}

/// By any connection, of any reactor; several at once.
TEST_P(HttpTest, TransactionsBelongToTheirToken) {
    REQUIRE_GYRE();
    start_http({"--http-max-transactions", "2"});
    Session s = session();
    s.ask("SET", "a", "1");
    HttpClient first = http();
    HttpClient second = http();
    const HttpResponse begin = first.ask("GET", "/begin");
    EXPECT_EQ(begin.status, 200);
    const std::string within = "Gyre-Transaction: " + begin.field("gyre-transaction") + "\r\n";
    EXPECT_EQ(second.ask("PUT", "/v1/keys/a", "\"2\"", within).status, 204);
    EXPECT_EQ(http().ask("GET", "/v1/keys/a", "", within).body, "\"2\"");
    EXPECT_EQ(s.ask("GET", "a"), "1");
    EXPECT_EQ(http().ask("GET", "/commit", "", within).status, 200);
    EXPECT_EQ(s.ask("GET", "a"), "2");
    EXPECT_EQ(first.ask("GET", "/commit", "", within).status, 404);
    // Left alone they take their places until they end.
    const HttpResponse left = first.ask("GET", "/begin");
    EXPECT_EQ(first.ask("GET", "/begin").status, 200);
    EXPECT_EQ(first.ask("GET", "/begin").status, 503);
    const std::string token = "Gyre-Transaction: " + left.field("gyre-transaction") + "\r\n";
    EXPECT_EQ(second.ask("GET", "/v1/keys/a", "", token).status, 200);
    s.ask("SET", "a", "3");
    EXPECT_EQ(second.ask("GET", "/v1/keys/a", "", token).status, 409);
    EXPECT_EQ(second.ask("GET", "/rollback", "", token).status, 200);
    EXPECT_EQ(first.ask("GET", "/begin").status, 200);
}

/// After a conflict one may begin again at once, and the token of before is that of none.
TEST_P(HttpTest, ATransactionThatBeginsAgainTakesThePlaceOfItself) {
    REQUIRE_GYRE();
    start_http({"--http-max-transactions", "1"});
    Session s = session();
    HttpClient client = http();
    std::string token = client.ask("GET", "/begin").field("gyre-transaction");
    for (int round = 0; round < 3; ++round) {
        const std::string within = "Gyre-Transaction: " + token + "\r\n";
        client.ask("GET", "/v1/keys/a", "", within);
        s.ask("INCR", "a");
        EXPECT_EQ(client.ask("GET", "/v1/keys/a", "", within).status, 409);
        const HttpResponse again = client.ask("GET", "/begin", "", within);
        EXPECT_EQ(again.status, 200);
        token = again.field("gyre-transaction");
        EXPECT_EQ(client.ask("GET", "/v1/keys/a", "", within).status, 404);
    }
    EXPECT_EQ(client.ask("GET", "/rollback", "", "Gyre-Transaction: " + token + "\r\n").status,
              200);
    EXPECT_EQ(client.ask("GET", "/begin").status, 200);
}

TEST_P(HttpTest, AnswersAPipelineInOrder) {
    REQUIRE_GYRE();
    start_http();
    HttpClient client = http();
    std::string requests;
    constexpr int kRequests = 500;
    for (int number = 0; number < kRequests; ++number) {
        const std::string body = R"(["INCR","n"])";
        requests +=
            "POST /v1/command HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
            "application/json\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    ASSERT_TRUE(client.send(requests));
    for (int number = 1; number <= kRequests; ++number) {
        ASSERT_EQ(client.read().body, R"({"result":)" + std::to_string(number) + "}");
    }
}

TEST_P(HttpTest, IsIndifferentToWhereBytesAreCut) {
    REQUIRE_GYRE();
    start_http();
    HttpClient client = http();
    const std::string request =
        "POST /v1/command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n8\r\n[\"ECHO\",\r\n5\r\n\"hi\"]\r\n0\r\n\r\n";
    for (const char byte : request) ASSERT_TRUE(client.send(std::string_view(&byte, 1)));
    EXPECT_EQ(client.read().body, R"({"result":"hi"})");
    EXPECT_EQ(client.ask("GET", "/health").status, 200);
}

TEST_P(HttpTest, StaysOrGoesAsItsClientWants) {
    REQUIRE_GYRE();
    start_http();
    HttpClient stays = http();
    EXPECT_EQ(stays.ask("GET", "/health").field("connection"), "");
    EXPECT_EQ(stays.ask("GET", "/health").status, 200);
    EXPECT_EQ(stays.ask("GET", "/health", "", "Connection: close\r\n").field("connection"),
              "close");
    EXPECT_TRUE(stays.is_closed());
    HttpClient old = http();
    old.send("GET /health HTTP/1.0\r\n\r\n");
    EXPECT_EQ(old.read().status, 200);
    EXPECT_TRUE(old.is_closed());
    HttpClient half = http();
    half.send_request("GET", "/health");
    half.socket().shutdown_write();
    EXPECT_EQ(half.read().status, 200);
    EXPECT_TRUE(half.is_closed());
}

TEST_P(HttpTest, SaysGoOnToWhoWaitsForIt) {
    REQUIRE_GYRE();
    start_http();
    HttpClient client = http();
    client.send(
        "PUT /v1/keys/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read().status, 100);
    client.send("\"x\"");
    EXPECT_EQ(client.read().status, 201);
}

TEST_P(HttpTest, WhoIsRefusedIsNotToldToGoOn) {
    REQUIRE_GYRE();
    start_http({"--requirepass", "secret"});
    HttpClient client = http();
    client.send(
        "PUT /v1/keys/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read().status, 401);
    EXPECT_TRUE(client.is_closed());
}

/// Nobody pays for what they send, neither with memory nor with keys.
TEST_P(HttpTest, WhatIsRefusedTakesNoMemory) {
    REQUIRE_GYRE();
    start_http({"--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru", "--save", ""});
    Session s = session();
    for (int key = 0; key < 100; ++key) s.ask("SET", "key:" + std::to_string(key), "value");
    const auto post = [](std::string_view fields) {
        return "POST /v1/command HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) +
               "Content-Length: 60000000\r\n\r\n";
    };
    const std::string piece(1'000'000, 'x');
    for (const std::string_view fields :
         {"Content-Type: text/plain\r\nOrigin: http://evil.example\r\n",
          "Content-Type: application/json\r\nAuthorization: Nonsense\r\n",
          "Content-Type: text/plain\r\n"}) {
        HttpClient client = http();
        ASSERT_TRUE(client.send(post(fields)));
        EXPECT_GE(client.read().status, 400) << fields;
        // Sent all the same, until the server has had enough.
        for (int sent = 0; sent < 60 && client.send(piece); ++sent) {
            EXPECT_LT(s.info_number("memory", "used_memory"), 40'000'000);
        }
    }
    HttpClient client = http();
    ASSERT_TRUE(
        client.send("GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n"));
    for (int sent = 0; sent < 60; ++sent) ASSERT_TRUE(client.send(piece));
    EXPECT_EQ(client.read().status, 200);
    EXPECT_EQ(s.ask("DBSIZE"), ":100");
    EXPECT_EQ(s.info_number("stats", "evicted_keys"), 0);
}

TEST_P(HttpTest, APasswordMayHaveAColon) {
    REQUIRE_GYRE();
    start_http({"--requirepass", "a:b"});
    HttpClient client = http();
    EXPECT_EQ(client.ask("GET", "/size", "", "Authorization: Bearer a:b\r\n").status, 200);
    EXPECT_EQ(client.ask("GET", "/size", "", "Authorization: Bearer default:a:b\r\n").status, 200);
    EXPECT_EQ(client.ask("GET", "/size", "", "Authorization: Bearer a:c\r\n").status, 401);
    const HttpResponse errors = client.ask("POST", "/v1/command", R"(["INFO","errorstats"])",
                                           "Authorization: Bearer a:b\r\n");
    EXPECT_THAT(errors.body, HasSubstr("errorstat_WRONGPASS:count=1"));
}

TEST_P(HttpTest, HostsAndOriginsThatNobodyCanHaveAreRefused) {
    REQUIRE_GYRE();
    start_http();
    Session s = session();
    EXPECT_THAT(s.ask("CONFIG", "SET", "http-hosts", "http://db.example"), HasSubstr("no name"));
    EXPECT_THAT(s.ask("CONFIG", "SET", "http-cors-origins", "a.example"), HasSubstr("no origin"));
    EXPECT_THAT(s.ask("CONFIG", "SET", "http-cors-origins", "https://a.example/"),
                HasSubstr("no origin"));
    EXPECT_EQ(s.ask("CONFIG", "SET", "http-cors-origins", "https://a.example http://b:3000"), "OK");
    EXPECT_EQ(s.ask("CONFIG", "SET", "http-cors-origins", ""), "OK");
}

TEST_P(HttpTest, SaysWhenItAnswered) {
    REQUIRE_GYRE();
    start_http();
    HttpClient client = http();
    EXPECT_THAT(client.ask("GET", "/health").field("date"), ::testing::EndsWith(" GMT"));
    EXPECT_THAT(client.ask("PUT", "/v1/keys/k", "\"x\"").field("date"), ::testing::SizeIs(29));
}

TEST_P(HttpTest, EndsWithWhatItCannotRead) {
    REQUIRE_GYRE();
    start_http({"--http-max-header-bytes", "2kb", "--http-max-body-bytes", "1kb"});
    const auto status = [&](std::string_view bytes) {
        HttpClient client = http();
        client.send(bytes);
        const int code = client.read().status;
        EXPECT_TRUE(client.is_closed()) << bytes.substr(0, 100);
        return code;
    };
    const std::string post =
        "POST /clear HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    EXPECT_EQ(status(post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              400);
    EXPECT_EQ(status(post + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"), 400);
    EXPECT_EQ(status(post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400);
    EXPECT_EQ(status(post + "Transfer-Encoding: gzip\r\n\r\n"), 501);
    EXPECT_EQ(status(post + "Content-Length: 1000000000\r\n\r\n"), 413);
    EXPECT_EQ(status(post + "X: " + std::string(3000, 'a')), 431);
    EXPECT_EQ(status("GET / HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(status("*1\r\n$4\r\nPING\r\n\r\n\r\n"), 400);
    std::string flood = post;
    for (int number = 0; number < 200; ++number) flood += "a:b\r\n";
    EXPECT_EQ(status(flood + "\r\n"), 431);
    EXPECT_EQ(http().ask("GET", "/health").status, 200);
}

TEST_P(HttpTest, NobodyWithoutThePasswordGetsIn) {
    REQUIRE_GYRE();
    start_http({"--requirepass", "secret"});
    HttpClient client = http();
    EXPECT_EQ(client.ask("GET", "/v1/keys").status, 401);
    EXPECT_THAT(client.ask("GET", "/v1/keys").field("www-authenticate"), HasSubstr("Basic"));
    EXPECT_EQ(client.ask("GET", "/v1/keys", "", "Authorization: Bearer secret\r\n").status, 200);
    // What one request has said is not known to the next.
    EXPECT_EQ(client.ask("GET", "/v1/keys").status, 401);
    EXPECT_EQ(client.ask("GET", "/v1/keys", "", "Authorization: Bearer wrong\r\n").status, 401);
    EXPECT_EQ(client.ask("GET", "/v1/keys", "", "Authorization: Bearer bob:secret\r\n").status,
              401);
    EXPECT_EQ(client.ask("GET", "/health").status, 200);
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["AUTH","secret"])").status, 401);
}

TEST_P(HttpTest, NoPageOfSomebodyElseCanUseIt) {
    REQUIRE_GYRE();
    start_http();
    HttpClient client = http();
    client.send("GET /v1/keys HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    EXPECT_EQ(client.read().status, 421);
    EXPECT_EQ(client.ask("GET", "/v1/keys", "", "Origin: http://evil.example\r\n").status, 403);
    EXPECT_EQ(client.ask("POST", "/clear", "x=1", "Content-Type: text/plain\r\n").status, 415);
    const HttpResponse plain =
        client.ask("OPTIONS", "/v1/keys", "", "Origin: http://localhost\r\n");
    EXPECT_EQ(plain.field("access-control-allow-origin"), "");
    Session s = session();
    EXPECT_EQ(
        s.ask("CONFIG", "SET", "http-cors-origins", "http://a.example", "http-hosts", "db.example"),
        "OK");
    const HttpResponse allowed = client.ask("GET", "/v1/keys", "", "Origin: http://a.example\r\n");
    EXPECT_EQ(allowed.field("access-control-allow-origin"), "http://a.example");
    client.send("GET /v1/keys HTTP/1.1\r\nHost: db.example:1\r\n\r\n");
    EXPECT_EQ(client.read().status, 200);
}

TEST_P(HttpTest, CommandsAboutAConnectionAreRefusedAndLeaveNothingBehind) {
    REQUIRE_GYRE();
    start_http();
    HttpClient client = http();
    for (const std::string name : {"MULTI", "SUBSCRIBE", "MONITOR", "RESET", "QUIT", "WATCH"}) {
        const std::string body = name == "SUBSCRIBE" || name == "WATCH" ? "[\"" + name + "\",\"x\"]"
                                                                        : "[\"" + name + "\"]";
        EXPECT_EQ(client.ask("POST", "/v1/command", body).status, 400) << name;
    }
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["SELECT","1"])").status, 400);
    EXPECT_EQ(client.ask("POST", "/v1/transaction", R"([["SET","a","1"],["WATCH","a"]])").status,
              400);
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["GET","a"])").body, R"({"result":null})");
}

TEST_P(HttpTest, NoCommandWaits) {
    REQUIRE_GYRE();
    start_http();
    HttpClient client = http();
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["BLPOP","l","0"])").body, R"({"result":null})");
    EXPECT_EQ(client.ask("POST", "/v1/transaction", R"([["BLPOP","l","0"]])").body,
              R"({"results":[{"result":null}]})");
    client.ask("POST", "/v1/command", R"(["RPUSH","l","x"])");
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["BLPOP","l","0"])").body,
              R"({"result":["l","x"]})");
    EXPECT_EQ(client.ask("POST", "/v1/command", R"(["BLPOP","l"])").status, 400);
}

TEST_P(HttpTest, GoesThroughManyKeysWithoutHoldingOthersUp) {
    REQUIRE_GYRE();
    start_http();
    Session s = session();
    std::vector<std::string> words{"MSET"};
    for (int key = 0; key < 20'000; ++key) {
        words.push_back("key:" + std::to_string(key));
        words.emplace_back("v");
    }
    ASSERT_TRUE(s.command(words).is_ok());
    HttpClient client = http();
    const HttpResponse all = client.ask("GET", "/keys");
    EXPECT_EQ(all.status, 200);
    EXPECT_GT(all.body.size(), 20'000U * 9);
    EXPECT_THAT(client.ask("GET", "/size").body, HasSubstr("\"data\":20000"));
}

TEST_P(HttpTest, AnswersOnlyAsMuchAsIsRead) {
    REQUIRE_GYRE();
    start_http();
    Session s = session();
    s.ask("SET", "big", std::string(200'000, 'x'));
    HttpClient client = http();
    client.socket().set_receive_buffer(65536);
    std::string requests;
    constexpr int kRequests = 100;
    for (int number = 0; number < kRequests; ++number) {
        requests += "GET /v1/keys/big HTTP/1.1\r\nHost: localhost\r\n\r\n";
    }
    ASSERT_TRUE(client.send(requests));
    // All are answered in the end, and at no time is much more than a response waiting.
    EXPECT_TRUE(wait_until([&] { return s.info_number("stats", "gyre_http_requests") > 0; }));
    EXPECT_LT(s.info_number("clients", "client_recent_max_output_buffer"), 8'000'000);
    for (int number = 0; number < kRequests; ++number) {
        ASSERT_EQ(client.read().body.size(), 200'002U) << number;
    }
}

TEST_P(HttpTest, TakesLargeBodies) {
    REQUIRE_GYRE();
    start_http({"--enable-debug-command", "yes"});
    HttpClient client = http();
    const std::string large(3'000'000, '\xff');
    EXPECT_EQ(
        client.ask("PUT", "/v1/keys/k", large, "Content-Type: application/octet-stream\r\n").status,
        201);
    EXPECT_EQ(client.ask("GET", "/v1/keys/k", "", "Accept: application/octet-stream\r\n").body,
              large);
    Session s = session();
    EXPECT_EQ(s.number("STRLEN", "k"), 3'000'000);
    EXPECT_EQ(s.ask("DEBUG", "MEMORY-CHECK"), ":0");
}

TEST_P(HttpTest, ALateHeadEndsIn408) {
    REQUIRE_GYRE();
    start_http({"--http-timeout", "1"});
    HttpClient late = http();
    late.send("GET /health HTTP/1.1\r\n");
    EXPECT_EQ(late.read().status, 408);
    EXPECT_TRUE(late.is_closed());
    HttpClient idle = http();
    EXPECT_EQ(idle.ask("GET", "/health").status, 200);
    EXPECT_TRUE(idle.is_closed());
}

TEST_P(HttpTest, CountsAsAClient) {
    REQUIRE_GYRE();
    start_http({"--maxclients", "2"});
    Session s = session();
    HttpClient client = http();
    EXPECT_EQ(client.ask("GET", "/health").status, 200);
    HttpClient third = http();
    const HttpResponse refused = third.read();
    EXPECT_EQ(refused.status, 503);
    EXPECT_THAT(refused.body, HasSubstr("\"status\":503,"));
    EXPECT_TRUE(third.is_closed());
    const std::string id = client.ask("POST", "/v1/command", R"(["CLIENT","ID"])").body;
    const std::string number = id.substr(10, id.size() - 11);
    EXPECT_EQ(s.ask("CLIENT", "KILL", "ID", number), ":1");
    EXPECT_TRUE(client.is_closed());
}

TEST_P(HttpTest, WaitsWhileClientsArePaused) {
    REQUIRE_GYRE();
    start_http();
    Session s = session();
    HttpClient client = http();
    EXPECT_EQ(s.ask("CLIENT", "PAUSE", "100000", "WRITE"), "OK");
    client.send_request("PUT", "/v1/keys/k", "\"x\"");
    EXPECT_TRUE(client.socket().is_silent_for(std::chrono::milliseconds(100)));
    EXPECT_EQ(s.ask("CLIENT", "UNPAUSE"), "OK");
    EXPECT_EQ(client.read().status, 201);
}

TEST_P(HttpTest, WritesAreLoggedLikeAnyOther) {
    REQUIRE_GYRE();
    start_http({"--appendonly", "yes", "--appendfsync", "always"});
    HttpClient client = http();
    EXPECT_EQ(client.ask("PUT", "/v1/keys/k", "\"durable\"").status, 201);
    EXPECT_EQ(client.ask("GET", "/v1/keys/k").body, "\"durable\"");
    EXPECT_EQ(client.ask("POST", "/v1/transaction", R"([["SET","a","1"],["SET","b","2"]])").status,
              200);
    // Who has the answer finds the write on the disk.
    const std::string log = log_text();
    EXPECT_THAT(log, HasSubstr("durable"));
    EXPECT_THAT(log, HasSubstr("MULTI"));
}

TEST_P(HttpTest, ComparesAndSetsAmongMany) {
    REQUIRE_GYRE();
    start_http();
    ASSERT_EQ(http().ask("PUT", "/v1/keys/n", "0").status, 201);
    constexpr int kClients = 4;
    constexpr int kIncrements = 50;
    std::vector<std::thread> threads;
    std::atomic<int> lost{0};
    for (int number = 0; number < kClients; ++number) {
        threads.emplace_back([&] {
            HttpClient client = http();
            for (int done = 0; done < kIncrements;) {
                const HttpResponse read = client.ask("GET", "/v1/keys/n");
                const int value = std::atoi(read.body.substr(1).c_str());
                const HttpResponse put = client.ask("PUT", "/v1/keys/n", std::to_string(value + 1),
                                                    "If-Match: " + read.field("etag") + "\r\n");
                if (put.status == 204) {
                    ++done;
                } else if (put.status == 412 || put.status == 409) {
                    ++lost;
                } else {
                    ADD_FAILURE() << put.status << put.body;
                    return;
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(http().ask("GET", "/v1/keys/n").body,
              "\"" + std::to_string(kClients * kIncrements) + "\"");
}

TEST_P(HttpTest, ShowsItsMetrics) {
    REQUIRE_GYRE();
    start_http();
    HttpClient client = http();
    client.ask("PUT", "/v1/keys/k", "\"x\"");
    client.ask("GET", "/nothing");
    const HttpResponse metrics = client.ask("GET", "/metrics");
    EXPECT_EQ(metrics.status, 200);
    EXPECT_THAT(metrics.field("content-type"), HasSubstr("text/plain; version=0.0.4"));
    EXPECT_THAT(metrics.body, HasSubstr("\ngyre_http_requests_total 2\n"));
    EXPECT_THAT(metrics.body, HasSubstr("\ngyre_http_errors_total 1\n"));
    EXPECT_THAT(metrics.body, HasSubstr("\ngyre_database_keys{db=\"0\"} 1\n"));
    EXPECT_THAT(metrics.body, HasSubstr("\ngyre_command_calls_total{command=\"set\"} 1\n"));
    EXPECT_THAT(metrics.body, HasSubstr("\n# TYPE gyre_used_memory gauge\n"));
    // Only counters have names of counters, whatever INFO calls the figure.
    EXPECT_THAT(metrics.body, HasSubstr("\n# TYPE gyre_used_memory_vm gauge\n"));
    EXPECT_THAT(metrics.body, HasSubstr("\n# TYPE gyre_current_save_keys gauge\n"));
    EXPECT_THAT(metrics.body, HasSubstr("\ngyre_memory_bytes{purpose=\"keyspace\"} "));
}

TEST_P(HttpTest, SendsMessagesAsEvents) {
    REQUIRE_GYRE();
    start_http();
    Session s = session();
    HttpClient plain = http();
    HttpClient pattern = http();
    plain.send_request("GET", "/v1/subscribe/news");
    pattern.send_request("GET", "/v1/subscribe/n%2A?pattern=1");
    for (HttpClient* client : {&plain, &pattern}) {
        const HttpResponse head = client->read();
        EXPECT_EQ(head.status, 200);
        EXPECT_EQ(head.field("content-type"), "text/event-stream");
        EXPECT_EQ(head.field("content-length"), "");
    }
    EXPECT_EQ(s.ask("PUBLISH", "news", "a\nb"), ":2");
    EXPECT_EQ(s.ask("PUBLISH", "news", "\xff"), ":2");
    const auto receives = [](HttpClient& client, std::string_view wanted) {
        while (client.rest().find(wanted) == std::string::npos) {
            if (!client.fill()) return false;
        }
        return true;
    };
    EXPECT_TRUE(receives(plain,
                         "event: message\ndata: {\"channel\":\"news\",\"message\":"
                         "\"a\\nb\"}\n\nevent: message\ndata: {\"channel\":\"news\","
                         "\"message\":{\"base64\":\"/w==\"}}\n\n"))
        << plain.rest();
    EXPECT_TRUE(receives(pattern,
                         "data: {\"pattern\":\"n*\",\"channel\":\"news\",\"message\":"
                         "\"a\\nb\"}\n\n"))
        << pattern.rest();
    // Large ones are shared between their readers, and more than one piece long.
    const std::string large(300'000, 'x');
    EXPECT_EQ(s.ask("PUBLISH", "news", large), ":2");
    EXPECT_TRUE(receives(plain, large + "\"}\n\n"));
    // What a reader says means nothing; that he leaves is noticed.
    plain.send_request("GET", "/health");
    plain.socket().close();
    EXPECT_TRUE(wait_until([&] { return s.ask("PUBLISH", "news", "x") == ":1"; }));
    EXPECT_EQ(s.ask("CLIENT", "KILL", "TYPE", "pubsub"), ":1");
    EXPECT_TRUE(wait_until([&] { return s.ask("PUBLISH", "news", "x") == ":0"; }));
}

TEST_P(HttpTest, ASlowReaderOfEventsIsCut) {
    REQUIRE_GYRE();
    start_http({"--client-output-buffer-limit", "pubsub 1mb 1mb 0"});
    Session s = session();
    HttpClient client = http();
    client.socket().set_receive_buffer(4096);
    client.send_request("GET", "/v1/subscribe/news");
    EXPECT_EQ(client.read().status, 200);
    const std::string message(100'000, 'x');
    EXPECT_TRUE(wait_until([&] { return s.ask("PUBLISH", "news", message) == ":0"; }));
    EXPECT_GE(s.info_number("stats", "client_output_buffer_limit_disconnections"), 1);
}

TEST_P(HttpTest, ServesTheConsole) {
    REQUIRE_GYRE();
    start_http({"--requirepass", "secret"});
    const HttpResponse page = http().ask("GET", "/");
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.field("content-type"), "text/html; charset=utf-8");
    EXPECT_THAT(page.field("content-security-policy"), HasSubstr("default-src 'none'"));
    EXPECT_THAT(page.field("content-security-policy"), HasSubstr("script-src 'sha256-"));
    EXPECT_EQ(page.body.find("http://"), page.body.find("http://www.w3.org/2000/svg"));
    EXPECT_EQ(page.body.find("https://"), std::string::npos);
}

TEST_P(HttpTest, AStoppingServerAnswersWhatItHasRead) {
    REQUIRE_GYRE();
    start_http();
    HttpClient idle = http();
    EXPECT_EQ(idle.ask("GET", "/health").status, 200);
    EXPECT_EQ(server().stop(), 0);
    EXPECT_TRUE(idle.is_closed());
}

GYRE_INSTANTIATE(HttpTest);

}  // namespace
}  // namespace gyre::test
