// SPDX-License-Identifier: BSD-3-Clause

// Goal: port and bind may change while the server runs: it listens on the new places and no longer
// on the old ones, whoever is connected stays, and a change that fails changes nothing.

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

/// Somebody else who listens.
class Occupant {
public:
    explicit Occupant(const char* host, int port = 0)
        : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(port));
        ::inet_pton(AF_INET, host, &address.sin_addr);
        socklen_t size = sizeof address;
        is_listening_ = ::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                        ::listen(descriptor_, 1) == 0;
        ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
    }
    Occupant(const Occupant&) = delete;
    Occupant& operator=(const Occupant&) = delete;
    ~Occupant() { ::close(descriptor_); }
    bool is_listening() const { return is_listening_; }
    std::string port() const { return std::to_string(port_); }

private:
    int descriptor_;
    bool is_listening_ = false;
    int port_ = 0;
};

std::string refusal(const std::string& argument, const std::string& reason) {
    return "-ERR CONFIG SET failed (possibly related to argument '" + argument + "') - " + reason;
}

class ListenersTest : public ServerTest {
protected:
    static bool answers(int port, const std::string& host = "127.0.0.1") {
        auto socket = RawSocket::connect_tcp(port, host);
        return socket && socket->command({"PING"}).text == "PONG";
    }
    bool answers_here(const std::string& host = "127.0.0.1") {
        return answers(server().port(), host);
    }
    /// A listener is closed by the thread it belongs to, a moment after the reply.
    static bool falls_silent(int port, const std::string& host = "127.0.0.1") {
        return wait_until([&] { return !RawSocket::connect_tcp(port, host).has_value(); });
    }
};

TEST_P(ListenersTest, PortChangesAndWhoIsConnectedStays) {
    start({}, "timeout 0\n");
    Session s = session();
    const int port = free_port();
    ASSERT_EQ(s.ask("CONFIG", "SET", "port", std::to_string(port)), "OK");
    EXPECT_TRUE(answers(port));
    EXPECT_TRUE(falls_silent(server().port()));
    EXPECT_EQ(s.ask("PING"), "PONG");
    EXPECT_EQ(s.info("server", "tcp_port"), std::to_string(port));
    EXPECT_EQ(s.ask("CONFIG", "GET", "port"), "[port " + std::to_string(port) + "]");
    EXPECT_EQ(s.ask("CONFIG", "REWRITE"), "OK");
    std::ifstream file(server().config_path());
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    EXPECT_NE(text.find("port " + std::to_string(port) + "\n"), std::string::npos) << text;
    ASSERT_EQ(s.ask("CONFIG", "SET", "port", std::to_string(server().port())), "OK");
    EXPECT_TRUE(answers_here());
    EXPECT_EQ(server().stop(), 0);
}

TEST_P(ListenersTest, ATakenPortLeavesTheOldOneServing) {
    start();
    const Occupant other("127.0.0.1");
    ASSERT_TRUE(other.is_listening());
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "SET", "timeout", "77", "port", other.port()),
              refusal("port", "Unable to listen on this port. Check server logs."));
    EXPECT_EQ(s.ask("CONFIG", "GET", "port"), "[port " + std::to_string(server().port()) + "]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "timeout"), "[timeout 0]");
    EXPECT_EQ(s.info("server", "tcp_port"), std::to_string(server().port()));
    EXPECT_TRUE(answers_here());
}

/// Nobody listens there, and nobody can tell who has it.
TEST_P(ListenersTest, APortThatAConnectionHasIsNotCalledOneOfAListener) {
    start();
    Session s = session();
    const std::string about = s.ask("CLIENT", "INFO");
    const size_t begin = about.find(" addr=127.0.0.1:") + 16;
    const std::string port = about.substr(begin, about.find(' ', begin) - begin);
    EXPECT_EQ(s.ask("CONFIG", "SET", "port", port),
              refusal("port", "Unable to listen on this port. Check server logs."));
    EXPECT_TRUE(server().wait_for_log("cannot listen on 127.0.0.1:" + port +
                                      ": another process listens there, or a connection has that "
                                      "port"))
        << server().log();
    ServerProcess other(
        {.threads = GetParam(), .arguments = {"--unixsocket", server().unix_path()}});
    EXPECT_EQ(other.wait_exit(), 1);
    EXPECT_NE(other.log().find("choose another path"), std::string::npos) << other.log();
}

TEST_P(ListenersTest, BindChangesAlsoWhereTheAddressesCollide) {
    start();
    Session s = session();
    ASSERT_EQ(s.ask("CONFIG", "SET", "bind", "127.0.0.1 127.0.0.2"), "OK");
    EXPECT_TRUE(answers_here());
    EXPECT_TRUE(answers_here("127.0.0.2"));
    ASSERT_EQ(s.ask("CONFIG", "SET", "bind", "* -::*"), "OK");
    EXPECT_EQ(s.ask("CONFIG", "GET", "bind"), "[bind * -::*]");
    EXPECT_TRUE(answers_here());
    EXPECT_TRUE(answers_here("127.0.0.3"));
    ASSERT_EQ(s.ask("CONFIG", "SET", "bind", "127.0.0.2"), "OK");
    EXPECT_TRUE(answers_here("127.0.0.2"));
    EXPECT_TRUE(falls_silent(server().port()));
    EXPECT_EQ(s.ask("PING"), "PONG");
}

TEST_P(ListenersTest, ABindThatFailsLeavesTheOldAddressesServing) {
    start({"--bind", "127.0.0.1"});
    Session s = session();
    const std::string failed = refusal("bind", "Failed to bind to specified addresses.");
    EXPECT_EQ(s.ask("CONFIG", "SET", "bind", "127.0.0.2 192.0.2.1"), failed);
    EXPECT_TRUE(answers_here());
    EXPECT_TRUE(falls_silent(server().port(), "127.0.0.2"));
    // All addresses collide with the old one, which has to give way, and with another one's.
    const Occupant other("127.0.0.2", server().port());
    ASSERT_TRUE(other.is_listening());
    EXPECT_EQ(s.ask("CONFIG", "SET", "bind", "*"), failed);
    EXPECT_TRUE(answers_here());
    EXPECT_TRUE(answers_here());
    EXPECT_EQ(s.ask("CONFIG", "GET", "bind"), "[bind 127.0.0.1]");
    EXPECT_EQ(server().stop(), 0);
}

TEST_P(ListenersTest, PortZeroClosesTcp) {
    start();
    auto local = RawSocket::connect_unix(server().unix_path());
    ASSERT_TRUE(local);
    ASSERT_EQ(local->command({"CONFIG", "SET", "port", "0"}).text, "OK");
    EXPECT_TRUE(falls_silent(server().port()));
    auto again = RawSocket::connect_unix(server().unix_path());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->command({"PING"}).text, "PONG");
    ASSERT_EQ(again->command({"CONFIG", "SET", "port", std::to_string(server().port())}).text,
              "OK");
    EXPECT_TRUE(answers_here());
    EXPECT_TRUE(local->command({"CONFIG", "SET", "unixsocket", "/x"}).is_error());
    EXPECT_TRUE(local->command({"CONFIG", "SET", "tcp-backlog", "5"}).is_error());
}

GYRE_INSTANTIATE(ListenersTest);

}  // namespace
}  // namespace gyre::test
