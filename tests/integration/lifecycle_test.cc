// SPDX-License-Identifier: BSD-3-Clause

// Goal: start and stop: what the log says, which signal and which command ends the server how, and
// that nothing is left of it.

#include <signal.h>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

#if defined(__has_feature)
#define GYRE_HAS_FEATURE(name) __has_feature(name)
#else
#define GYRE_HAS_FEATURE(name) 0
#endif
constexpr bool kSignalsAreDeferred = GYRE_HAS_FEATURE(thread_sanitizer);

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

TEST_P(LifecycleTest, ConnectionsSeeTheEndOfTheStream) {
    start();
    RawSocket connection = socket();
    connection.command({"PING"});
    server().send_signal(SIGTERM);
    EXPECT_TRUE(connection.is_closed_by_peer());
    EXPECT_EQ(server().wait_exit(), 0);
}

TEST_P(LifecycleTest, ASecondSignalEndsItAtOnce) {
    if (kSignalsAreDeferred) GTEST_SKIP() << "ThreadSanitizer runs handlers after the system call";
    start();
    RawSocket sleeper = socket();
    // A command that keeps a reactor busy makes the graceful end wait.
    sleeper.send(encode({"DEBUG", "SLEEP", "8"}));
    EXPECT_TRUE(sleeper.is_silent_for(std::chrono::milliseconds{200}));
    server().send_signal(SIGINT);
    // redis-server's sleep is cut short by the first signal, so there the second may find it gone.
    server().wait_exit(std::chrono::milliseconds{200});
    const auto begin = std::chrono::steady_clock::now();
    server().send_signal(SIGINT);
    ASSERT_TRUE(server().wait_exit().has_value());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds{4000});
}

TEST_P(LifecycleTest, HangupAndBrokenPipeAreIgnored) {
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
    ASSERT_TRUE(server().wait_for_log("threads"));
    const std::string log = server().log();
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
    start();
    session().ask("SET", "big", std::string(1'000'000, 'b'));
    RawSocket slow = socket();
    slow.set_receive_buffer(4096);
    std::string pipeline;
    for (int i = 0; i < 30; ++i) pipeline += encode({"GET", "big"});
    slow.send(pipeline);
    EXPECT_EQ(session().ask("PING"), "PONG");
    EXPECT_EQ(server().stop(), 0);
}

GYRE_INSTANTIATE(LifecycleTest);

}  // namespace
}  // namespace gyre::test
