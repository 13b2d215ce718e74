// SPDX-License-Identifier: BSD-3-Clause

// Goal: start and stop: what the log says, which signal and which command ends the server how, and
// that nothing is left of it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <thread>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

class LifecycleTest : public ServerTest {};

TEST_P(LifecycleTest, SigtermAndSigintEndItGracefully) {
    for (const int signal : {SIGTERM, SIGINT}) {
        start();
        Session s = session();
        s.ask("SET", "a", "b");
        server().send_signal(signal);
        EXPECT_EQ(server().wait_exit(), 0) << server().log();
    }
}

/// As `top -H` and `perf` show them; the first has the program's name.
TEST_P(LifecycleTest, ThreadsHaveNames) {
    start({"--appendonly", "yes"});
    session().ask("SET", "a", "b");
    std::set<std::string> names;
    const std::string tasks = "/proc/" + std::to_string(server().pid()) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
        std::ifstream file(task.path() / "comm");
        std::string name;
        if (std::getline(file, name)) names.insert(name);
    }
    EXPECT_TRUE(names.contains("gyre-server"));
    EXPECT_TRUE(names.contains("gyre-log"));
    EXPECT_EQ(names.contains("gyre-worker-1"), GetParam() > 1);
}

TEST_P(LifecycleTest, ConnectionsSeeTheEndOfTheStream) {
    start();
    RawSocket connection = socket();
    connection.command({"PING"});
    server().send_signal(SIGTERM);
    EXPECT_TRUE(connection.is_closed_by_peer());
    EXPECT_EQ(server().wait_exit(), 0);
}

/// Whether a line of CLIENT LIST tells of output that was not sent.
bool is_owed_replies(std::string_view clients) {
    const std::string_view field = " omem=";
    for (size_t at = clients.find(field); at != std::string_view::npos;
         at = clients.find(field, at + 1)) {
        if (clients[at + field.size()] != '0') return true;
    }
    return false;
}

/// A client with so many replies that they fit in no buffer of the kernel, which reads none.
RawSocket reads_nothing(ServerProcess& server, Session session) {
    session.ask("SET", "big", std::string(1'000'000, 'b'));
    RawSocket slow = server.connect();
    slow.set_receive_buffer(4096);
    std::string pipeline;
    for (int i = 0; i < 30; ++i) pipeline += encode({"GET", "big"});
    slow.send(pipeline);
    // Another thread may serve it: only what it is owed proves that it was heard.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!is_owed_replies(session.ask("CLIENT", "LIST"))) {
        if (std::chrono::steady_clock::now() > end) {
            ADD_FAILURE() << "no reply waits for the client that reads none";
            break;
        }
    }
    return slow;
}

TEST_P(LifecycleTest, ASecondSignalEndsItAtOnce) {
    start({"--shutdown-timeout", "600"});
    // It makes the graceful end wait; redis-server does not wait for it, and may be gone.
    const RawSocket slow = reads_nothing(server(), session());
    server().send_signal(SIGINT);
    if (!is_oracle()) {
        ASSERT_TRUE(server().wait_for_log("Stopping:"));
        EXPECT_FALSE(server().wait_exit(std::chrono::milliseconds{200}).has_value());
    }
    const auto begin = std::chrono::steady_clock::now();
    server().send_signal(SIGINT);
    ASSERT_TRUE(server().wait_exit().has_value());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds{4000});
}

TEST_P(LifecycleTest, HangupAndBrokenPipeDoNotEndIt) {
    start();
    server().send_signal(SIGHUP);
    server().send_signal(SIGPIPE);
    EXPECT_EQ(session().ask("PING"), "PONG");
}

TEST_P(LifecycleTest, ShutdownEndsItWithoutAReply) {
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"SHUTDOWN"}, {"SHUTDOWN", "NOSAVE"}, {"shutdown", "nosave", "now", "force"}}) {
        start();
        RawSocket connection = socket();
        connection.send(encode(words));
        EXPECT_EQ(connection.read_to_end(), "") << describe(words);
        EXPECT_EQ(server().wait_exit(), 0) << describe(words);
    }
}

TEST_P(LifecycleTest, ShutdownRefusesNonsense) {
    start();
    Session s = session();
    EXPECT_EQ(s.ask("SHUTDOWN", "BAD"), "-ERR syntax error");
    EXPECT_EQ(s.ask("SHUTDOWN", "SAVE", "NOSAVE"), "-ERR syntax error");
    EXPECT_EQ(s.ask("SHUTDOWN", "ABORT"), "-ERR No shutdown in progress.");
    EXPECT_EQ(s.ask("PING"), "PONG");
}

TEST_P(LifecycleTest, TheStartTellsWhatRuns) {
    REQUIRE_GYRE();
    start();
    ASSERT_TRUE(server().wait_for_log("Ready to accept connections"));
    const std::string log = server().log();
    EXPECT_NE(log.find("thread"), std::string::npos) << log;
    EXPECT_NE(log.find("ernel"), std::string::npos) << log;
    EXPECT_NE(log.find(std::to_string(server().port())), std::string::npos) << log;
}

TEST_P(LifecycleTest, VersionAndHelpDoNotStartAServer) {
    for (const char* option : {"--version", "-v", "--help", "-h"}) {
        ServerProcess process(
            ServerOptions{.threads = GetParam(), .arguments = {option}, .has_defaults = false});
        const int expected =
            is_oracle() && std::string(option).find('h') != std::string::npos ? 1 : 0;
        EXPECT_EQ(process.wait_exit(), expected) << option;
        EXPECT_FALSE(process.log().empty()) << option;
    }
}

TEST_P(LifecycleTest, UnknownOptionsAreNamed) {
    ServerProcess process(
        ServerOptions{.threads = GetParam(), .arguments = {"--no-such-option", "1"}});
    EXPECT_FALSE(process.is_ready());
    EXPECT_EQ(process.wait_exit().value_or(0), 1);
    EXPECT_NE(process.log().find("no-such-option"), std::string::npos) << process.log();
}

TEST_P(LifecycleTest, ManyConnectionsDoNotOutliveIt) {
    start();
    std::vector<RawSocket> connections;
    for (int i = 0; i < 200; ++i) connections.push_back(socket());
    for (RawSocket& each : connections) each.send("*2\r\n$3\r\nGET\r\n$1000000\r\n");
    EXPECT_EQ(server().stop(), 0);
    for (RawSocket& each : connections) EXPECT_TRUE(each.is_closed_by_peer());
}

TEST_P(LifecycleTest, AConnectionThatReadsNothingDoesNotStopTheEnd) {
    start({"--shutdown-timeout", "1"});
    const RawSocket slow = reads_nothing(server(), session());
    EXPECT_EQ(server().stop(), 0);
}

TEST_P(LifecycleTest, AFailedShutdownSaysWhyInTheLog) {
    REQUIRE_GYRE();
    const std::string directory = make_temporary_directory();
    start({"--dir", directory});
    std::filesystem::remove_all(directory);
    EXPECT_EQ(session().ask("SHUTDOWN", "SAVE"), "-ERR Errors trying to SHUTDOWN. Check logs.");
    EXPECT_TRUE(server().wait_for_log("SHUTDOWN NOSAVE"));
    EXPECT_EQ(session().ask("PING"), "PONG");
}

/// As that of a server that was killed, whose ring the kernel has still to take apart.
TEST_P(LifecycleTest, APortThatIsFreedAtOnceIsWaitedFor) {
    REQUIRE_GYRE();
    const int port = free_port();
    const int holder = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(holder, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(holder, 1), 0);
    const std::string directory = make_temporary_directory();
    const std::string path = directory + "/log";
    std::atomic<bool> is_over{false};
    std::thread freeing([&] {
        const auto has_met_it = [&path] {
            std::ifstream file(path);
            const std::string text{std::istreambuf_iterator<char>(file), {}};
            return text.find("is taken: trying again") != std::string::npos;
        };
        while (!has_met_it() && !is_over) std::this_thread::yield();
        ::close(holder);
    });
    start({"--http-port", std::to_string(port), "--logfile", path});
    is_over = true;
    freeing.join();
    EXPECT_TRUE(RawSocket::connect_tcp(port).has_value());
    server_.reset();
    std::filesystem::remove_all(directory);
}

TEST_P(LifecycleTest, AServerThatCannotStartLeavesThePidFileAlone) {
    REQUIRE_GYRE();
    start({"--pidfile", "server.pid"});
    const std::string path = server().directory() + "/server.pid";
    const auto content = [&path] {
        std::string text;
        std::getline(std::ifstream(path) >> std::ws, text);
        return text;
    };
    EXPECT_TRUE(wait_until([&] { return content() == std::to_string(server().pid()); }));
    ServerProcess second(ServerOptions{.arguments = {"--port", std::to_string(server().port()),
                                                     "--pidfile", path, "--threads", "1"},
                                       .has_defaults = false});
    EXPECT_EQ(second.wait_exit(), 1) << second.log();
    EXPECT_EQ(content(), std::to_string(server().pid()));
}

TEST_P(LifecycleTest, ARelativeLogFileLiesInTheDirectory) {
    start({"--logfile", "server.log"});
    EXPECT_TRUE(wait_until([this] {
        std::ifstream log(server().directory() + "/server.log");
        std::string line;
        return static_cast<bool>(std::getline(log, line));
    }));
}

/// What a server says to the socket NOTIFY_SOCKET names, from its start to its end.
std::string notifications(const std::function<void()>& start_and_stop) {
    const std::string directory = make_temporary_directory();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory + "/notify";
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    start_and_stop();
    ::unsetenv("NOTIFY_SOCKET");
    std::string text;
    char bytes[512];
    for (;;) {
        const ssize_t received = ::recv(descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
        if (received <= 0) break;
        text.append(bytes, static_cast<size_t>(received));
    }
    ::close(descriptor);
    std::filesystem::remove_all(directory);
    return text;
}

TEST_P(LifecycleTest, TheServiceManagerIsToldOnlyWhenSupervised) {
    REQUIRE_GYRE();
    const auto run = [this](const char* supervised) {
        return notifications([&] {
            start({"--supervised", supervised});
            EXPECT_EQ(server().stop(), 0);
        });
    };
    EXPECT_EQ(run("no"), "");
    for (const char* supervised : {"systemd", "auto"}) {
        const std::string text = run(supervised);
        EXPECT_NE(text.find("READY=1"), std::string::npos) << text;
        EXPECT_NE(text.find("STOPPING=1"), std::string::npos) << text;
    }
}

GYRE_INSTANTIATE(LifecycleTest);

}  // namespace
}  // namespace gyre::test
