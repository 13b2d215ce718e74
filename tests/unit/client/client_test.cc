// SPDX-License-Identifier: BSD-3-Clause

// The client against a server of a few lines that follows a script on a thread: it expects the
// bytes named and answers with those named, so that what goes over the wire is seen exactly.

#include "gyre/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

namespace gyre {
namespace {

using namespace std::string_literals;

static_assert(std::is_move_constructible_v<Client> && std::is_move_assignable_v<Client>);
static_assert(!std::is_copy_constructible_v<Client>);

constexpr int kPatienceMs = 10000;
constexpr int kImpatienceMs = 20;

/// The server's end of a connection.
class Peer {
public:
    explicit Peer(int descriptor) : descriptor_(descriptor) {}
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() { close(descriptor_); }

    void expect(std::string_view bytes) { EXPECT_EQ(receive(bytes.size()), bytes); }
    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            bytes.remove_prefix(static_cast<size_t>(sent));
        }
    }
    void answer(std::string_view expected, std::string_view reply) {
        expect(expected);
        send(reply);
    }
    std::string receive(size_t size) {
        std::string bytes(size, '\0');
        size_t filled = 0;
        while (filled < size) {
            const ssize_t got = recv(descriptor_, bytes.data() + filled, size - filled, 0);
            if (got <= 0) break;
            filled += static_cast<size_t>(got);
        }
        bytes.resize(filled);
        return bytes;
    }
    void wait_for_end() { EXPECT_EQ(receive(1), ""); }

private:
    int descriptor_;
};

/// Listens, and runs a script for the first connection.
class ScriptedServer {
public:
    using Script = std::function<void(Peer&)>;

    ScriptedServer(int family, Script script) : descriptor_(socket(family, SOCK_STREAM, 0)) {
        const bool is_listening =
            descriptor_ >= 0 && bind_to(family) && listen(descriptor_, 1) == 0;
        if (!is_listening) return;
        options_.timeout_ms = kPatienceMs;
        thread_ = std::thread([this, script = std::move(script)] {
            const int accepted = accept(descriptor_, nullptr, nullptr);
            if (accepted < 0) return;
            Peer peer(accepted);
            script(peer);
        });
    }
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;
    ~ScriptedServer() {
        if (descriptor_ >= 0) shutdown(descriptor_, SHUT_RDWR);
        if (thread_.joinable()) thread_.join();
        if (descriptor_ >= 0) close(descriptor_);
        if (!directory_.empty()) {
            unlink(options_.unix_path.c_str());
            rmdir(directory_.c_str());
        }
    }

    bool is_ready() const { return thread_.joinable(); }
    ClientOptions& options() { return options_; }

private:
    bool bind_to(int family) {
        if (family == AF_UNIX) return bind_to_path();
        if (family == AF_INET6) return bind_to_ipv6();
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        if (bind(descriptor_, generic, size) != 0) return false;
        getsockname(descriptor_, generic, &size);
        options_.port = ntohs(address.sin_port);
        return true;
    }
    bool bind_to_ipv6() {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_addr = in6addr_loopback;
        socklen_t size = sizeof(address);
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        if (bind(descriptor_, generic, size) != 0) return false;
        getsockname(descriptor_, generic, &size);
        options_.host = "::1";
        options_.port = ntohs(address.sin6_port);
        return true;
    }
    bool bind_to_path() {
        char name[] = "/tmp/gyre-client-XXXXXX";
        if (mkdtemp(name) == nullptr) return false;
        directory_ = name;
        options_.unix_path = directory_ + "/socket";
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        options_.unix_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        return bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    }

    int descriptor_;
    std::string directory_;
    ClientOptions options_;
    std::thread thread_;
};

std::string encode(const std::vector<std::string>& words) {
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) {
        out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
    return out;
}

/// A client and the script it talks to.
class ClientTest : public ::testing::Test {
protected:
    /// Connects; a failure is recorded and ends the test at the first use.
    Client& start(ScriptedServer::Script script, int family = AF_INET, ClientOptions options = {}) {
        server_ = std::make_unique<ScriptedServer>(family, std::move(script));
        EXPECT_TRUE(server_->is_ready());
        options.host = server_->options().host;
        options.port = server_->options().port;
        options.unix_path = server_->options().unix_path;
        options.timeout_ms = timeout_ms_;
        Result<Client> connected = Client::connect(options);
        EXPECT_TRUE(connected) << connected.error().message;
        if (!connected) std::abort();
        client_ = std::make_unique<Client>(std::move(*connected));
        return *client_;
    }
    void TearDown() override {
        client_.reset();
        server_.reset();
    }

    int timeout_ms_ = kPatienceMs;
    std::unique_ptr<ScriptedServer> server_;
    std::unique_ptr<Client> client_;
};

// --- connecting ---------------------------------------------------------------------------------

TEST_F(ClientTest, ExchangesACommandOverEveryKindOfSocket) {
    for (const int family : {AF_INET, AF_INET6, AF_UNIX}) {
        if (family == AF_INET6 && !ScriptedServer(family, [](Peer&) {}).is_ready()) continue;
        Client& client = start(
            [](Peer& peer) { peer.answer(encode({"SET", "k", "v\r\n\0"s}), "+OK\r\n"); }, family);
        const Result<Reply> reply = client.command("SET", "k", "v\r\n\0"s);
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_TRUE(reply->is_ok());
        TearDown();
    }
}

TEST_F(ClientTest, TellsWhyItCannotConnect) {
    ClientOptions options;
    {
        ScriptedServer server(AF_INET, [](Peer&) {});
        options.port = server.options().port;
    }
    const Result<Client> refused = Client::connect(options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ECONNREFUSED);
    EXPECT_NE(refused.error().message.find("127.0.0.1"), std::string::npos);
    options.unix_path = "/nonexistent/socket";
    EXPECT_EQ(Client::connect(options).error().code, ENOENT);
    options.unix_path = std::string(500, 'x');
    EXPECT_EQ(Client::connect(options).error().code, ENAMETOOLONG);
    EXPECT_EQ(Client::connect({.protocol = 4}).error().code, EINVAL);
}

TEST_F(ClientTest, IntroducesItselfInResp2) {
    start(
        [](Peer& peer) {
            peer.answer(encode({"AUTH", "secret"}), "+OK\r\n");
            peer.answer(encode({"CLIENT", "SETNAME", "tester"}), "+OK\r\n");
            peer.answer(encode({"SELECT", "7"}), "+OK\r\n");
        },
        AF_INET, {.password = "secret", .database = 7, .client_name = "tester"});
    EXPECT_TRUE(client_->is_open());
}

TEST_F(ClientTest, IntroducesItselfInResp3) {
    start([](Peer& peer) { peer.answer(encode({"HELLO", "3", "AUTH", "ann", "pw"}), "%0\r\n"); },
          AF_INET, {.username = "ann", .password = "pw", .protocol = 3});
    TearDown();
    start(
        [](Peer& peer) { peer.answer(encode({"HELLO", "3", "AUTH", "default", "pw"}), "%0\r\n"); },
        AF_INET, {.password = "pw", .protocol = 3});
    TearDown();
    start([](Peer& peer) { peer.answer(encode({"AUTH", "ann", "pw"}), "+OK\r\n"); }, AF_INET,
          {.username = "ann", .password = "pw"});
}

TEST_F(ClientTest, FailsToConnectWhereItIsRefused) {
    ScriptedServer server(AF_INET, [](Peer& peer) {
        peer.answer(encode({"AUTH", "x"}), "-WRONGPASS invalid\r\n");
        peer.wait_for_end();
    });
    server.options().password = "x";
    const Result<Client> client = Client::connect(server.options());
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, EACCES);
    EXPECT_NE(client.error().message.find("WRONGPASS invalid"), std::string::npos);
}

// --- pipelines ----------------------------------------------------------------------------------

TEST_F(ClientTest, ExecutesAPipelineInOrder) {
    Client& client = start([](Peer& peer) {
        peer.answer(encode({"A"}) + encode({"B", "1"}) + encode({"C"}),
                    ":1\r\n-ERR two\r\n$1\r\n3\r\n");
        peer.answer(encode({"D"}), "+OK\r\n");
    });
    client.append("A");
    client.append("B", "1");
    client.append("C");
    EXPECT_EQ(client.replies_owed(), 3U);
    EXPECT_EQ(client.command("D").error().code, EINVAL);
    const Result<std::vector<Reply>> replies = client.execute_pipeline();
    ASSERT_TRUE(replies) << replies.error().message;
    ASSERT_EQ(replies->size(), 3U);
    EXPECT_EQ((*replies)[0].integer, 1);
    EXPECT_TRUE((*replies)[1].is_error());
    EXPECT_EQ((*replies)[2].text, "3");
    EXPECT_TRUE(client.command("D")->is_ok());
    EXPECT_TRUE(client.execute_pipeline()->empty());
}

TEST_F(ClientTest, ReadsRepliesOneByOne) {
    Client& client =
        start([](Peer& peer) { peer.answer(encode({"A"}) + encode({"B"}), ":1\r\n:2\r\n"); });
    client.append("A");
    client.append("B");
    EXPECT_EQ(client.read_reply()->integer, 1);
    EXPECT_EQ(client.replies_owed(), 1U);
    EXPECT_EQ(client.read_reply()->integer, 2);
}

TEST_F(ClientTest, ALargePipelineDoesNotStandStill) {
    // The server reads nothing while it writes; the buffers of a Unix socket hold far less than
    // this.
    constexpr size_t kCommands = 20000;
    const std::vector<std::string> words = {"ECHO", std::string(500, 'x')};
    Client& client = start(
        [&](Peer& peer) {
            const std::string request = encode(words);
            for (size_t i = 0; i < kCommands; ++i) {
                peer.answer(request, "$500\r\n" + words[1] + "\r\n");
            }
        },
        AF_UNIX);
    for (size_t i = 0; i < kCommands; ++i) client.append(words[0], words[1]);
    const Result<std::vector<Reply>> replies = client.execute_pipeline();
    ASSERT_TRUE(replies) << replies.error().message;
    ASSERT_EQ(replies->size(), kCommands);
    EXPECT_EQ(replies->back().text, words[1]);
}

TEST_F(ClientTest, TakesACommandAsAListOfWords) {
    Client& client = start([](Peer& peer) { peer.answer(encode({"A", ""}), "+OK\r\n"); });
    const std::vector<std::string_view> words = {"A", ""};
    EXPECT_TRUE(client.command(words)->is_ok());
    EXPECT_EQ(client.command(std::span<const std::string_view>()).error().code, EINVAL);
}

// --- failures -----------------------------------------------------------------------------------

TEST_F(ClientTest, AReplyMayBeReadAfterATimeout) {
    std::promise<void> may_answer;
    timeout_ms_ = kImpatienceMs;
    Client& client = start([&](Peer& peer) {
        peer.expect(encode({"SLOW"}));
        may_answer.get_future().wait();
        peer.send("+done\r\n");
        peer.wait_for_end();
    });
    EXPECT_EQ(client.command("SLOW").error().code, ETIMEDOUT);
    EXPECT_TRUE(client.is_open());
    EXPECT_EQ(client.replies_owed(), 1U);
    may_answer.set_value();
    Result<Reply> reply = client.read_reply();
    while (!reply && reply.error().code == ETIMEDOUT) reply = client.read_reply();
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->text, "done");
}

TEST_F(ClientTest, NoticesTheEndOfTheConnection) {
    Client& client =
        start([](Peer& peer) { peer.answer(encode({"A"}) + encode({"B"}), "+OK\r\n$5\r\nab"); });
    client.append("A");
    client.append("B");
    EXPECT_TRUE(client.read_reply()->is_ok());
    EXPECT_EQ(client.read_reply().error().code, ECONNRESET);
    EXPECT_FALSE(client.is_open());
    EXPECT_EQ(client.file_descriptor(), -1);
    EXPECT_EQ(client.read_reply().error().code, ENOTCONN);
    EXPECT_EQ(client.try_read_reply().error().code, ENOTCONN);
    EXPECT_EQ(client.flush().error().code, ENOTCONN);
    EXPECT_EQ(client.receive_raw(1, kPatienceMs).error().code, ENOTCONN);
}

TEST_F(ClientTest, ClosesAConnectionThatMakesNoSense) {
    Client& client =
        start([](Peer& peer) { peer.answer(encode({"A"}), "HTTP/1.1 400 Bad Request\r\n"); });
    const Result<Reply> reply = client.command("A");
    ASSERT_FALSE(reply);
    EXPECT_FALSE(client.is_open());
}

TEST_F(ClientTest, ClosesAndMoves) {
    Client& client = start([](Peer& peer) { peer.wait_for_end(); });
    Client moved = std::move(client);
    EXPECT_TRUE(moved.is_open());
    moved.close();
    EXPECT_FALSE(moved.is_open());
    EXPECT_EQ(moved.command("A").error().code, ENOTCONN);
}

// --- push messages ------------------------------------------------------------------------------

std::string push(const std::vector<std::string>& words) {
    std::string out = encode(words);
    out[0] = '>';
    return out;
}

TEST_F(ClientTest, GivesPushMessagesToTheHandler) {
    Client& client = start([](Peer& peer) {
        peer.answer(encode({"GET", "k"}),
                    push({"invalidate", "a"}) + "$1\r\nv\r\n" + push({"invalidate", "b"}));
        peer.expect(encode({"END"}));
        peer.send("+OK\r\n" + push({"invalidate", "c"}));
    });
    std::string seen;
    EXPECT_EQ(client.process_pushes(0).error().code, EINVAL);
    client.set_push_handler([&](const Reply& reply) { seen += reply.elements[1].text; });
    EXPECT_EQ(client.command("GET", "k")->text, "v");
    EXPECT_TRUE(client.command("END")->is_ok());
    while (seen.size() < 3) ASSERT_TRUE(client.process_pushes(kPatienceMs));
    EXPECT_EQ(seen, "abc");
}

TEST_F(ClientTest, KeepsPushMessagesForReadReplyWithoutAHandler) {
    Client& client = start([](Peer& peer) {
        peer.answer(encode({"GET", "k"}), push({"invalidate", "a"}) + "$1\r\nv\r\n");
        peer.answer(encode({"B"}), ":1\r\n");
    });
    EXPECT_EQ(client.command("GET", "k")->text, "v");
    EXPECT_EQ(client.read_reply()->type, ReplyType::push);
    EXPECT_EQ(client.command("B")->integer, 1);
}

std::string confirmation(char type, const std::string& channel, int count) {
    return std::string(1, type) + "3\r\n+subscribe\r\n+" + channel +
           "\r\n:" + std::to_string(count) + "\r\n";
}

TEST_F(ClientTest, ASubscriptionIsAnsweredByItsLastConfirmation) {
    for (const char type : {'>', '*'}) {
        Client& client = start([type](Peer& peer) {
            peer.answer(encode({"Subscribe", "a", "b"}),
                        confirmation(type, "a", 1) + confirmation(type, "b", 2));
            peer.answer(encode({"PING"}), "+PONG\r\n");
        });
        const Result<Reply> reply = client.command("Subscribe", "a", "b");
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_EQ(reply->elements[1].text, "b");
        EXPECT_EQ(client.replies_owed(), 0U);
        EXPECT_EQ(client.command("PING")->text, "PONG");
        TearDown();
    }
}

TEST_F(ClientTest, ASubscriptionMayBeRefused) {
    Client& client =
        start([](Peer& peer) { peer.answer(encode({"SUBSCRIBE", "a", "b"}), "-NOPERM no\r\n"); });
    EXPECT_TRUE(client.command("SUBSCRIBE", "a", "b")->is_error());
    EXPECT_EQ(client.replies_owed(), 0U);
}

TEST_F(ClientTest, ConfirmationsGoToTheHandlerToo) {
    Client& client = start([](Peer& peer) {
        peer.expect(encode({"SUBSCRIBE", "a", "b"}));
        peer.send(confirmation('>', "a", 1) + push({"message", "a", "x"}) +
                  confirmation('>', "b", 2));
    });
    std::string seen;
    client.set_push_handler([&](const Reply& reply) { seen += reply.elements[1].text; });
    EXPECT_EQ(client.command("SUBSCRIBE", "a", "b")->elements[1].text, "b");
    EXPECT_EQ(seen, "aab");
}

TEST_F(ClientTest, ReadsMessagesOfResp2Channels) {
    Client& client = start([](Peer& peer) {
        peer.answer(encode({"SUBSCRIBE", "a"}),
                    confirmation('*', "a", 1) + encode({"message", "a", "hello"}));
    });
    EXPECT_EQ(client.command("SUBSCRIBE", "a")->elements[0].text, "subscribe");
    EXPECT_EQ(client.read_reply()->elements[2].text, "hello");
}

TEST_F(ClientTest, AReplyNobodyAskedForIsAnErrorAmongPushes) {
    Client& client = start([](Peer& peer) { peer.send("+what\r\n"); });
    client.set_push_handler([](const Reply&) {});
    const Result<size_t> count = client.process_pushes(kPatienceMs);
    ASSERT_FALSE(count);
    EXPECT_EQ(count.error().code, EPROTO);
}

// --- raw bytes and poll loops -------------------------------------------------------------------

TEST_F(ClientTest, SendsAndReceivesRawBytes) {
    Client& client = start([](Peer& peer) {
        peer.answer("PING\r\nECHO x\r\n", "+PONG\r\n$1\r\nx\r\nmore");
        peer.answer("*x\r\n", "!");
    });
    ASSERT_TRUE(client.send_raw("PING\r\nECHO x\r\n"));
    EXPECT_EQ(client.read_reply()->text, "PONG");
    EXPECT_EQ(client.read_reply()->text, "x");
    std::string received;
    while (received.size() < 4) received += *client.receive_raw(2, kPatienceMs);
    EXPECT_EQ(received, "more");
    ASSERT_TRUE(client.send_raw("*x\r\n"));
    EXPECT_EQ(*client.receive_raw(100, kPatienceMs), "!");
    EXPECT_EQ(*client.receive_raw(100, kPatienceMs), "") << "the end of the stream";
    EXPECT_FALSE(client.is_open());
}

TEST_F(ClientTest, ReceivingRawBytesEndsAtTheTimeout) {
    Client& client = start([](Peer& peer) { peer.wait_for_end(); });
    EXPECT_EQ(client.receive_raw(1, kImpatienceMs).error().code, ETIMEDOUT);
    EXPECT_TRUE(client.is_open());
}

TEST_F(ClientTest, RawBytesAreRefusedInTheMiddleOfAReply) {
    Client& client = start([](Peer& peer) {
        peer.answer(encode({"A"}), "$5\r\nab");
        peer.wait_for_end();
    });
    client.append("A");
    ASSERT_TRUE(client.flush());
    pollfd entry{client.file_descriptor(), POLLIN, 0};
    ASSERT_EQ(poll(&entry, 1, kPatienceMs), 1);
    EXPECT_FALSE(*client.try_read_reply());
    EXPECT_EQ(client.receive_raw(1, kPatienceMs).error().code, EINVAL);
}

TEST_F(ClientTest, WorksInAPollLoop) {
    std::promise<void> may_answer;
    Client& client = start([&](Peer& peer) {
        peer.expect(encode({"A"}) + encode({"B"}));
        may_answer.get_future().wait();
        peer.send(":1\r\n:2\r\n");
        peer.wait_for_end();
    });
    client.append("A");
    client.append("B");
    const Result<std::optional<Reply>> early = client.try_read_reply();
    ASSERT_TRUE(early) << early.error().message;
    EXPECT_FALSE(*early);
    may_answer.set_value();
    std::vector<int64_t> values;
    while (values.size() < 2) {
        pollfd entry{client.file_descriptor(), POLLIN, 0};
        ASSERT_EQ(poll(&entry, 1, kPatienceMs), 1);
        for (;;) {
            const Result<std::optional<Reply>> reply = client.try_read_reply();
            ASSERT_TRUE(reply) << reply.error().message;
            if (!*reply) break;
            values.push_back((*reply)->integer);
        }
    }
    EXPECT_EQ(values, (std::vector<int64_t>{1, 2}));
}

}  // namespace
}  // namespace gyre
