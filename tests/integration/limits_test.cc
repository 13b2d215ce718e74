// SPDX-License-Identifier: BSD-3-Clause

// Goal: where the server listens and whom it turns away: timeout, maxclients, protected mode, Unix
// socket and its permissions, IPv6, bind.

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

class LimitsTest : public ServerTest {};

/// An IPv4 address of this machine that is not the loopback; "" when there is none.
std::string outer_address() {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return "";
    std::string found;
    for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
        char text[INET_ADDRSTRLEN];
        const auto* address = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
        ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
        if (std::string(text).rfind("127.", 0) != 0) found = text;
    }
    ::freeifaddrs(list);
    return found;
}

TEST_P(LimitsTest, IdleConnectionsEndAfterTheTimeout) {
    start({"--timeout", "1"});
    RawSocket idle = socket();
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(idle.is_closed_by_peer());
    const auto waited = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(waited, std::chrono::milliseconds{900});
    EXPECT_LT(waited, std::chrono::milliseconds{6000});
}

TEST_P(LimitsTest, ABusyConnectionOutlivesTheTimeout) {
    start({"--timeout", "2"});
    RawSocket busy = socket();
    RawSocket idle = socket();
    EXPECT_TRUE(wait_until([&] {
        EXPECT_EQ(busy.command({"PING"}).text, "PONG");
        return idle.is_closed_by_peer(std::chrono::milliseconds{100});
    }));
    EXPECT_EQ(busy.command({"PING"}).text, "PONG");
}

TEST_P(LimitsTest, TheLongestValueGoesInAndOut) {
    start();
    constexpr size_t kValueBytes = size_t{512} * 1024 * 1024;  // proto-max-bulk-len
    constexpr size_t kBlockBytes = size_t{1} * 1024 * 1024;
    // Blocks of a length that divides no buffer, so that a shifted or lost part shows.
    std::string block(kBlockBytes - 1, '\0');
    for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>(i * 31 + i / 251);
    RawSocket client = socket();
    ASSERT_TRUE(
        client.send("*3\r\n$3\r\nSET\r\n$1\r\nv\r\n$" + std::to_string(kValueBytes) + "\r\n"));
    for (size_t sent = 0; sent < kValueBytes; sent += block.size()) {
        ASSERT_TRUE(client.send(
            std::string_view(block).substr(0, std::min(block.size(), kValueBytes - sent))));
    }
    ASSERT_TRUE(client.send("\r\n"));
    EXPECT_EQ("OK", client.read_frame()->text);
    EXPECT_EQ(static_cast<int64_t>(kValueBytes), client.command({"STRLEN", "v"}).integer());
    const Frame value = client.command({"GET", "v"});
    ASSERT_EQ(kValueBytes, value.text.size());
    size_t differing = 0;
    for (size_t at = 0; at < kValueBytes; at += block.size()) {
        const std::string_view part = std::string_view(value.text).substr(at, block.size());
        if (part != std::string_view(block).substr(0, part.size())) ++differing;
    }
    EXPECT_EQ(0U, differing);
    EXPECT_EQ("ERR string exceeds maximum allowed size (proto-max-bulk-len)",
              client.command({"APPEND", "v", "x"}).text);
}

TEST_P(LimitsTest, OneConnectionTooManyIsToldSo) {
    start({"--maxclients", "10"});
    std::vector<RawSocket> connections;
    // The connection that asked whether the server is up may still be closing.
    ASSERT_TRUE(wait_until([&] {
        connections.clear();
        for (int i = 0; i < 10; ++i) connections.push_back(socket());
        return std::all_of(connections.begin(), connections.end(),
                           [](RawSocket& each) { return each.command({"PING"}).text == "PONG"; });
    }));
    RawSocket refused = socket();
    EXPECT_EQ(refused.read_to_end(), "-ERR max number of clients reached\r\n");
    EXPECT_TRUE(refused.is_closed_by_peer());
    EXPECT_NE(connections[0].command({"INFO", "stats"}).text.find("rejected_connections:"),
              std::string::npos);
    connections.pop_back();
    EXPECT_TRUE(wait_until([&] { return socket().command({"PING"}).text == "PONG"; }));
    EXPECT_EQ(connections[0].command({"CONFIG", "SET", "maxclients", "20"}).text, "OK");
    for (int i = 0; i < 5; ++i) {
        connections.push_back(socket());
        EXPECT_EQ(connections.back().command({"PING"}).text, "PONG");
    }
}

TEST_P(LimitsTest, ProtectedModeTurnsStrangersAway) {
    const std::string outer = outer_address();
    if (outer.empty()) GTEST_SKIP() << "this machine has the loopback alone";
    start({"--bind", "127.0.0.1 " + outer});
    std::optional<RawSocket> stranger = RawSocket::connect_tcp(server().port(), outer);
    ASSERT_TRUE(stranger.has_value());
    const std::string text = stranger->read_to_end();
    EXPECT_EQ(
        text.rfind("-DENIED Redis is running in protected mode because protected mode is enabled "
                   "and no password is set for the default user.",
                   0),
        0U)
        << text;
    EXPECT_TRUE(stranger->is_closed_by_peer());
    EXPECT_EQ(session().ask("CONFIG", "SET", "protected-mode", "no"), "OK");
    stranger = RawSocket::connect_tcp(server().port(), outer);
    ASSERT_TRUE(stranger.has_value());
    EXPECT_EQ(stranger->command({"PING"}).text, "PONG");
}

TEST_P(LimitsTest, TheUnixSocketHasItsPermissions) {
    start({"--unixsocketperm", "750"});
    struct stat status{};
    ASSERT_EQ(::stat(server().unix_path().c_str(), &status), 0);
    EXPECT_TRUE(S_ISSOCK(status.st_mode));
    EXPECT_EQ(status.st_mode & 0777, 0750U);
    Session local(server(), {.unix_path = server().unix_path()});
    EXPECT_EQ(local.ask("SET", "a", "b"), "OK");
    EXPECT_EQ(session().ask("GET", "a"), "b");
    EXPECT_NE(local.ask("CLIENT", "INFO").find("addr=" + server().unix_path() + ":0"),
              std::string::npos);
}

TEST_P(LimitsTest, AUnixSocketLeftBehindIsReplacedAndRemovedAtTheEnd) {
    start();
    const std::string path = server().unix_path();
    ASSERT_EQ(server().stop(), 0);
    EXPECT_FALSE(RawSocket::connect_unix(path).has_value());
}

TEST_P(LimitsTest, BothFamiliesOfAddresses) {
    start({"--bind", "127.0.0.1 -::1"});
    std::optional<RawSocket> six = RawSocket::connect_tcp(server().port(), "::1");
    if (!six) GTEST_SKIP() << "this machine has no IPv6";
    EXPECT_EQ(six->command({"PING"}).text, "PONG");
    EXPECT_NE(six->command({"CLIENT", "INFO"}).text.find("addr=[::1]:"), std::string::npos);
    EXPECT_EQ(session().ask("PING"), "PONG");
}

TEST_P(LimitsTest, AnAddressThatCannotBeBoundStopsTheStart) {
    ServerProcess unreachable(
        ServerOptions{.threads = GetParam(), .arguments = {"--bind", "192.0.2.77"}});
    EXPECT_FALSE(unreachable.is_ready());
    EXPECT_EQ(unreachable.wait_exit().value_or(0), 1);
    EXPECT_NE(unreachable.log().find("192.0.2.77"), std::string::npos) << unreachable.log();
}

TEST_P(LimitsTest, APortTakenAlreadyStopsTheStart) {
    start();
    ServerProcess second(ServerOptions{.threads = GetParam(),
                                       .arguments = {"--port", std::to_string(server().port())}});
    EXPECT_EQ(second.wait_exit().value_or(0), 1);
    EXPECT_NE(second.log().find(std::to_string(server().port())), std::string::npos)
        << second.log();
}

GYRE_INSTANTIATE(LimitsTest);

}  // namespace
}  // namespace gyre::test
