// SPDX-License-Identifier: BSD-3-Clause

// Goal: malformed, strange and hostile framing gets Redis' answer, and the connection survives or
// ends as Redis' does. The texts here are spelled out; tests/compat/framing_test.cc compares many
// more inputs with the oracle.

#include "integration/server_test.h"

namespace gyre::test {
namespace {

using namespace std::string_literals;

class FramingTest : public ServerTest {
protected:
    /// What comes back for the input when the client then closes its side.
    std::string answer(std::string_view input) {
        RawSocket connection = socket();
        connection.send_while_reading(input);
        connection.shutdown_write();
        return connection.read_to_end();
    }

    /// Sends, and expects this answer followed by the end of the stream from the server's side.
    void expect_closed_after(std::string_view input, const std::string& expected) {
        RawSocket connection = socket();
        connection.send(input);
        EXPECT_EQ(connection.read_to_end(), expected) << quote(input.substr(0, 200));
        EXPECT_TRUE(connection.is_closed_by_peer()) << quote(input.substr(0, 200));
    }
};

TEST_P(FramingTest, EmptyRequestsAreSkippedAndLeaveNoState) {
    start();
    for (const char* empty : {"\r\n", "*0\r\n", "*-10\r\n", "\r\n*0\r\n\r\n*-1\r\n"}) {
        EXPECT_EQ(answer(empty + "PING\r\n"s), "+PONG\r\n") << quote(empty);
        EXPECT_EQ(answer(empty + encode({"ECHO", "x"})), "$1\r\nx\r\n") << quote(empty);
    }
    EXPECT_EQ(answer(encode({"SET", "a", "b"}) + "*0\r\n" + encode({"GET", "a"})),
              "+OK\r\n$1\r\nb\r\n");
}

TEST_P(FramingTest, MultibulkLengthsOutOfRangeCloseTheConnection) {
    start();
    const std::string error = "-ERR Protocol error: invalid multibulk length\r\n";
    for (const char* header :
         {"*3000000000\r\n", "*2147483648\r\n", "*x\r\n", "*1x\r\n", "*\r\n"}) {
        expect_closed_after(header, error);
    }
}

TEST_P(FramingTest, AnArgumentMustBeginWithADollar) {
    start();
    expect_closed_after("*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
                        "-ERR Protocol error: expected '$', got 'f'\r\n");
    expect_closed_after("*2\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n");
}

TEST_P(FramingTest, BulkLengthsOutOfRangeCloseTheConnection) {
    start();
    const std::string error = "-ERR Protocol error: invalid bulk length\r\n";
    for (const char* length :
         {"-10", "-1", "2000000000", "536870913", "abc", "", "1x", "99999999999999999999"}) {
        expect_closed_after("*2\r\n$4\r\nECHO\r\n$"s + length + "\r\n", error);
    }
}

TEST_P(FramingTest, TheLimitOfABulkIsConfigurable) {
    start({"--proto-max-bulk-len", "1mb"});
    expect_closed_after("*2\r\n$4\r\nECHO\r\n$1048577\r\n",
                        "-ERR Protocol error: invalid bulk length\r\n");
    EXPECT_EQ(answer(encode({"ECHO", std::string(1'048'576, 'x')})).size(), 1'048'576U + 12U);
}

TEST_P(FramingTest, HeadersWithoutEndAreCutOff) {
    start();
    const std::string many(70'000, 'A');
    expect_closed_after("*"s + many, "-ERR Protocol error: too big mbulk count string\r\n");
    expect_closed_after("*1\r\n$"s + many, "-ERR Protocol error: too big bulk count string\r\n");
    expect_closed_after(many, "-ERR Protocol error: too big inline request\r\n");
}

TEST_P(FramingTest, InlineCommandsUnderstandQuotesAndSpaces) {
    start();
    EXPECT_EQ(answer("  SET  a  \"x\\x20y\\n\\\"\"  \r\nGET a\n"), "+OK\r\n$5\r\nx y\n\"\r\n");
    EXPECT_EQ(answer("SET a 'it\\'s'\r\nGET a\r\n"), "+OK\r\n$4\r\nit's\r\n");
    EXPECT_EQ(answer("set a \"\"\r\nstrlen a\r\n"), "+OK\r\n:0\r\n");
    const std::string unbalanced = "-ERR Protocol error: unbalanced quotes in request\r\n";
    expect_closed_after("SET a \"b\r\nPING\r\n", unbalanced);
    expect_closed_after("SET a 'b\r\n", unbalanced);
    expect_closed_after("SET a \"b\"c\r\n", unbalanced);
}

TEST_P(FramingTest, WebBrowsersAreTurnedAway) {
    start();
    Session watcher(server());
    for (const std::string& input :
         {"POST / HTTP/1.1\r\nSET web 1\r\n"s, "Host: localhost\r\nSET web 1\r\n"s,
          "GET / HTTP/1.1\r\nHost: x\r\nSET web 1\r\n"s,
          encode({"POST", "x"}) + encode({"SET", "web", "1"}),
          encode({"hOsT:", "x"}) + encode({"SET", "web", "1"})}) {
        RawSocket connection = socket();
        connection.send(input);
        connection.read_to_end();
        EXPECT_TRUE(connection.is_closed_by_peer()) << quote(input);
    }
    EXPECT_EQ(watcher.ask("EXISTS", "web"), ":0");
}

TEST_P(FramingTest, AnErrorCannotForgeAReply) {
    start();
    const std::string forged = answer(encode({"no\r\n+FORGED\r\n", "a\r\n:1\r\n"}) + "PING\r\n");
    EXPECT_EQ(forged.find("\r\n"), forged.find("\r\n+PONG\r\n")) << quote(forged);
    const std::string container = answer(encode({"CONFIG", "no\r\n+FORGED"}) + "PING\r\n");
    EXPECT_EQ(container.find("\r\n"), container.find("\r\n+PONG\r\n")) << quote(container);
    const std::string setting = answer(encode({"CONFIG", "SET", "x\r\n+F", "1"}) + "PING\r\n");
    EXPECT_EQ(setting.find("\r\n"), setting.find("\r\n+PONG\r\n")) << quote(setting);
}

TEST_P(FramingTest, ByteByByteDelivery) {
    start();
    const std::string input = encode({"SET", "key", "va\r\nlue"}) + "\r\nGET key\r\n" +
                              encode({"MGET", "key", "none"}) + "NOSUCH\r\n*0\r\n" +
                              encode({"PING"});
    RawSocket connection = socket();
    for (const char byte : input) ASSERT_TRUE(connection.send(std::string_view(&byte, 1)));
    connection.shutdown_write();
    EXPECT_EQ(connection.read_to_end(),
              "+OK\r\n$7\r\nva\r\nlue\r\n*2\r\n$7\r\nva\r\nlue\r\n$-1\r\n"
              "-ERR unknown command 'NOSUCH', with args beginning with: \r\n+PONG\r\n");
}

TEST_P(FramingTest, EverySplitOfAPipelineInTwo) {
    start();
    const std::string input = encode({"SET", "k", "v"}) + "GET k\r\n" +
                              encode({"APPEND", "k", "\r\n"}) + encode({"DEL", "k"});
    for (std::size_t split = 1; split < input.size(); ++split) {
        RawSocket connection = socket();
        connection.send(std::string_view(input).substr(0, split));
        // A round trip on another connection lets the server see the first part alone.
        RawSocket other = socket();
        other.command({"PING"});
        connection.send(std::string_view(input).substr(split));
        connection.shutdown_write();
        ASSERT_EQ(connection.read_to_end(), "+OK\r\n$1\r\nv\r\n:3\r\n:1\r\n") << split;
    }
}

/// What a batch fetches ahead of its commands may be gone, or something else, when they run.
TEST_P(FramingTest, PipelinesOnOneCollectionThatChangesUnderWay) {
    start();
    std::string input;
    std::string expected;
    const auto add = [&](const std::string& command, const std::string& reply) {
        input += command;
        expected += reply;
    };
    constexpr int kMembers = 2000;
    const auto member = [](int index) { return "member:" + std::to_string(index); };
    for (int index = 0; index < kMembers; ++index) {
        add(encode({"SADD", "key", member(index)}), ":1\r\n");
    }
    const std::string wrong_type =
        "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    for (int index = 0; index < kMembers; ++index) {
        add(encode({"SADD", "key", member(index)}), ":0\r\n");
        add(encode({"SISMEMBER", "key", member(index + kMembers)}), ":0\r\n");
        add(encode({"SREM", "key", member(index)}), ":1\r\n");
        add(encode({"SCARD", "key"}), ":" + std::to_string(kMembers - 1) + "\r\n");
        add(encode({"SADD", "key", member(index)}), ":1\r\n");
        add(encode({"HGET", "key", member(index)}), wrong_type);
        if (index % 100 != 0) continue;
        add(encode({"RENAME", "key", "aside"}), "+OK\r\n");
        add(encode({"HSET", "key", "field", "value"}), ":1\r\n");
        add(encode({"SISMEMBER", "key", "field"}), wrong_type);
        add(encode({"HGET", "key", "field"}), "$5\r\nvalue\r\n");
        add(encode({"DEL", "key"}), ":1\r\n");
        add(encode({"SISMEMBER", "key", member(index)}), ":0\r\n");
        add(encode({"RENAME", "aside", "key"}), "+OK\r\n");
    }
    EXPECT_EQ(answer(input), expected);
}

TEST_P(FramingTest, BeforeAuthenticationRequestsAreSmall) {
    start({"--requirepass", "secret"});
    expect_closed_after("*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n");
    expect_closed_after("*2\r\n$4\r\nECHO\r\n$16385\r\n",
                        "-ERR Protocol error: unauthenticated bulk length\r\n");
    EXPECT_EQ(answer(encode({"GET", "a"})), "-NOAUTH Authentication required.\r\n");
    EXPECT_EQ(
        answer(encode({"AUTH", "secret"}) + encode({"ECHO", std::string(20'000, 'x')})).size(),
        5U + 8U + 20'000U + 2U);
}

TEST_P(FramingTest, RepliesNobodyReadsBeforeAuthenticationEndTheConnection) {
    start({"--requirepass", "secret"});
    Session watcher(*server_, ClientOptions{.password = "secret"});
    const auto others_are_gone = [&] {
        return wait_until([&] { return watcher.info_number("clients", "connected_clients") == 1; });
    };
    const std::string request = "GET a\r\n";
    const std::string refusal = "-NOAUTH Authentication required.\r\n";
    const auto requests = [&](size_t count) {
        std::string bytes;
        for (size_t i = 0; i < count; ++i) bytes += request;
        return bytes;
    };
    // What one buffer of replies holds is answered ...
    RawSocket modest = socket();
    ASSERT_TRUE(modest.send(requests(480)));
    EXPECT_EQ(modest.read_frames(480).size(), 480U);
    modest.close();
    ASSERT_TRUE(others_are_gone());
    // ... and more at once is not, however fast the client would read.
    RawSocket greedy = socket();
    greedy.send(requests(1000));
    EXPECT_LT(greedy.read_to_end().size(), 1000 * refusal.size());
    EXPECT_TRUE(others_are_gone());
    // Little by little and never read: what the kernel takes is its own, then it ends.
    RawSocket silent = socket();
    silent.set_receive_buffer(4096);
    const std::string some = requests(100);
    size_t sent = 0;
    constexpr size_t kRoundsMax = 20'000;
    while (sent < kRoundsMax && silent.send(some, std::chrono::milliseconds{2000})) ++sent;
    EXPECT_LT(sent, kRoundsMax);
    EXPECT_TRUE(others_are_gone());
    EXPECT_EQ(watcher.info_number("stats", "client_output_buffer_limit_disconnections"), 2);
}

GYRE_INSTANTIATE(FramingTest);

}  // namespace
}  // namespace gyre::test
