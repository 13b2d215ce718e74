// SPDX-License-Identifier: BSD-3-Clause
// gyre-cli as a person sees it: in a pseudo-terminal whose screen is looked at. $GYRE_CLI names the
// program.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "integration/cli_terminal.h"

namespace gyre::test {
namespace {

TEST_P(CliTerminalTest, RunsCommandsAndLeaves) {
    start_and_open();
    type("set k v\r");
    ASSERT_TRUE(shows_row("OK")) << screen();
    type("get k\r");
    ASSERT_TRUE(shows_row("\"v\"")) << screen();
    ASSERT_TRUE(at_prompt());
    type("hset h name ann id 7\rhgetall h\r");
    ASSERT_TRUE(shows_row("name  \"ann\"")) << screen();
    ASSERT_TRUE(shows_row("id    \"7\"")) << screen();
    ASSERT_TRUE(at_prompt());
    type("exit\r");
    EXPECT_EQ(terminal_->wait_exit(), 0);
}

TEST_P(CliTerminalTest, ThePromptAloneStandsOut) {
    start();
    const char* program = std::getenv("GYRE_CLI");
    ASSERT_NE(program, nullptr);
    terminal_ = std::make_unique<Terminal>(
        std::vector<std::string>{program, "-p", std::to_string(server().port())},
        std::vector<std::pair<std::string, std::string>>{
            {"GYRE_HISTORY", history_path()}, {"NO_COLOR", ""}, {"LC_ALL", "C.UTF-8"}});
    ASSERT_TRUE(at_prompt()) << screen();
    type("x");  // no command, so no hint comes with a colour of its own
    ASSERT_TRUE(shows_line(prompt() + " x")) << screen();
    const std::string& bytes = terminal_->bytes();
    const size_t bold = bytes.rfind("\x1b[1m");
    ASSERT_NE(bold, std::string::npos);
    const size_t plain = bytes.find("\x1b[0m", bold);
    ASSERT_NE(plain, std::string::npos);
    EXPECT_LT(plain, bytes.rfind('x'));
}

TEST_P(CliTerminalTest, HintsFollowTheCursor) {
    start_and_open();
    type("getrange");
    ASSERT_TRUE(shows_line(prompt() + " getrange key start end")) << screen();
    type(" k");
    ASSERT_TRUE(shows_line(prompt() + " getrange k start end")) << screen();
    type(" 0 1");
    ASSERT_TRUE(shows_line(prompt() + " getrange k 0 1")) << screen();
    type("\r");
    ASSERT_TRUE(shows_row("\"\"")) << screen();
    // The hint of the line is gone for good.
    EXPECT_TRUE(terminal_->screen().has_row(prompt() + " getrange k 0 1")) << screen();
    ASSERT_TRUE(at_prompt());
    type(":hints off\rgetrange k 0");
    ASSERT_TRUE(shows_line(prompt() + " getrange k 0")) << screen();
}

TEST_P(CliTerminalTest, TabCompletesCommandsOptionsAndKeys) {
    start();
    Session client = session();
    client.ask("SET", "user:1001", "x");
    open();
    ASSERT_TRUE(at_prompt()) << screen();
    type("getra\t");
    ASSERT_TRUE(shows_line(prompt() + " getrange key start end")) << screen();
    type("us\t0 0\r");
    ASSERT_TRUE(shows_row(prompt() + " getrange user:1001 0 0")) << screen();
    ASSERT_TRUE(shows_row("\"x\"")) << screen();
    ASSERT_TRUE(at_prompt());
    type("expire a 1 n\t");
    ASSERT_TRUE(shows_line(prompt() + " expire a 1 nx")) << screen();
    type("\x15persist \tuser:");  // one key only
    ASSERT_TRUE(shows_line(prompt() + " persist user:1001 user:")) << screen();
}

TEST_P(CliTerminalTest, TabShowsCandidatesAboveThePrompt) {
    start();
    Session client = session();
    for (const char* key : {"user:1", "user:2"}) client.ask("SET", key, "x");
    open();
    ASSERT_TRUE(at_prompt()) << screen();
    type("get u\t");
    ASSERT_TRUE(shows_line(prompt() + " get user:")) << screen();
    type("\t");
    ASSERT_TRUE(shows_row("user:1  user:2")) << screen();
    ASSERT_TRUE(shows_line(prompt() + " get user:")) << screen();
    type("2\r");
    ASSERT_TRUE(shows_row("\"x\"")) << screen();
}

TEST_P(CliTerminalTest, TabSaysThatNotAllKeysWereLookedAt) {
    start();
    Session filler = session();
    // More than are taken, in whatever time.
    for (int i = 0; i < 20'000; ++i) filler.client().append("SET", "k" + std::to_string(i), "v");
    ASSERT_TRUE(filler.client().execute_pipeline());
    open();
    ASSERT_TRUE(at_prompt()) << screen();
    type("get k\t");
    ASSERT_TRUE(shows_line(prompt() + " get k  (not all keys were looked at)")) << screen();
    type("77");  // the note goes with the next key
    ASSERT_TRUE(shows_line(prompt() + " get k77")) << screen();
    type("\r");
    ASSERT_TRUE(shows_row("\"v\"")) << screen();
}

TEST_P(CliTerminalTest, APasteOfSeveralLinesRunsAtEnter) {
    start_and_open();
    type("\x1b[200~set a 1\rset b \"x\ty\"\rget b\r\x1b[201~");
    ASSERT_TRUE(shows_row("get b")) << screen();
    EXPECT_EQ(session().number("DBSIZE"), 0);  // nothing runs before Enter
    type("\r");
    ASSERT_TRUE(shows_row("\"x\\ty\"")) << screen();
    ASSERT_TRUE(at_prompt());
    EXPECT_EQ(session().ask("GET", "a"), "1");
    EXPECT_NE(terminal_->bytes().find("\x1b[?2004h"), std::string::npos);
}

TEST_P(CliTerminalTest, AnOpenQuoteTakesMoreLines) {
    start_and_open();
    type("set k \"one\r");
    ASSERT_TRUE(shows_line("...")) << screen();
    type("two\"\r");
    ASSERT_TRUE(shows_row("OK")) << screen();
    EXPECT_EQ(session().ask("GET", "k"), "one\ntwo");
}

TEST_P(CliTerminalTest, MessagesAppearAboveTheLineThatIsTyped) {
    start_and_open();
    type("subscribe news\r");
    ASSERT_TRUE(shows_row("subscribe news 1")) << screen();
    ASSERT_TRUE(at_prompt("(subscribed)"));
    type("set key va");
    ASSERT_TRUE(terminal_->wait_for([&](const Screen& screen) {
        return screen.cursor_row().starts_with(prompt("(subscribed)") + " set key va");
    })) << screen();
    EXPECT_EQ(session().number("PUBLISH", "news", "hello"), 1);
    ASSERT_TRUE(shows_row("message news \"hello\"")) << screen();
    ASSERT_TRUE(terminal_->wait_for([&](const Screen& screen) {
        return screen.cursor_row().starts_with(prompt("(subscribed)") + " set key va");
    })) << screen();
    type("lue\r");
    ASSERT_TRUE(shows_row("OK")) << screen();
    EXPECT_EQ(session().ask("GET", "key"), "value");
    // Once, although it was drawn anew.
    const std::string text = screen();
    EXPECT_EQ(text.find("message news"), text.rfind("message news")) << text;
    type("unsubscribe\r");
    ASSERT_TRUE(shows_row("unsubscribe news 0")) << screen();
    ASSERT_TRUE(at_prompt());
}

TEST_P(CliTerminalTest, ThePromptTellsTransactionAndDatabase) {
    start_and_open();
    type("select 3\r");
    ASSERT_TRUE(at_prompt("[3]")) << screen();
    type("multi\r");
    ASSERT_TRUE(at_prompt("[3](TX)")) << screen();
    type("discard\r");
    ASSERT_TRUE(at_prompt("[3]")) << screen();
}

TEST_P(CliTerminalTest, HistoryOutlivesTheSessionWithoutSecrets) {
    start_and_open();
    type("echo first\r");
    ASSERT_TRUE(shows_row("\"first\"")) << screen();
    ASSERT_TRUE(at_prompt());
    type("auth s3cret\r");
    ASSERT_TRUE(terminal_->wait_for([](const Screen& screen) {
        return screen.text().find("(error)") != std::string::npos;
    })) << screen();
    ASSERT_TRUE(at_prompt());
    type("\x04");
    EXPECT_EQ(terminal_->wait_exit(), 0);
    std::ifstream file(history_path());
    const std::string kept{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(kept, "echo first\n");
    open();
    ASSERT_TRUE(at_prompt());
    type("\x1b[A");
    ASSERT_TRUE(shows_line(prompt() + " echo first")) << screen();
}

TEST_P(CliTerminalTest, CtrlCGivesUpALineAndACommandThatWaits) {
    start_and_open();
    type("blpop nothing 0\r");
    ASSERT_TRUE(
        wait_until([&] { return session().info_number("clients", "blocked_clients") == 1; }));
    type("\x03");
    ASSERT_TRUE(terminal_->wait_for([](const Screen& screen) {
        return screen.text().find("Cancelled") != std::string::npos;
    })) << screen();
    ASSERT_TRUE(terminal_->wait_for_line("not connected>")) << screen();
    type("ping\r");
    ASSERT_TRUE(shows_row("PONG")) << screen();
    ASSERT_TRUE(at_prompt());
    type("set k wrong");
    ASSERT_TRUE(terminal_->wait_for([](const Screen& screen) {
        return screen.cursor_row().find("set k wrong") != std::string::npos;
    })) << screen();
    type("\x03");
    ASSERT_TRUE(at_prompt()) << screen();
    type("\x03");  // an empty one
    ASSERT_TRUE(shows_row("(exit, or Ctrl-D, leaves)")) << screen();
    ASSERT_TRUE(at_prompt()) << screen();
    type("echo right\r");
    ASSERT_TRUE(shows_row("\"right\"")) << screen();
    EXPECT_EQ(session().ask("EXISTS", "k"), ":0");
}

TEST_P(CliTerminalTest, ComesBackWhenTheServerClosedTheConnection) {
    start_and_open();
    const Reply clients = session().reply("CLIENT", "KILL", "TYPE", "normal");
    EXPECT_EQ(clients.integer, 1);
    ASSERT_TRUE(shows_row("(the server closed the connection)")) << screen();
    type("ping\r");
    ASSERT_TRUE(shows_row("PONG")) << screen();
    ASSERT_TRUE(at_prompt()) << screen();
}

TEST_P(CliTerminalTest, ShowsDeadlinesOnRequest) {
    start();
    REQUIRE_GYRE();
    Session client = session();
    client.ask("SET", "soon", "v", "EX", "999999");
    client.ask("SET", "kept", "w");
    client.ask("HSET", "h", "f", "v");
    open();
    ASSERT_TRUE(at_prompt()) << screen();
    type(":ttl on\rget kept\r");
    ASSERT_TRUE(shows_row("(no expiry)")) << screen();
    ASSERT_TRUE(at_prompt());
    // Between 11 d 13 h 46 min and 11 d 13 h: no machine is that slow.
    type("get soon\r");
    ASSERT_TRUE(shows_row("(expires in 11 d 13 h)")) << screen();
    ASSERT_TRUE(at_prompt());
    type("mget soon kept missing\r");
    ASSERT_TRUE(shows_row("(\"soon\": expires in 11 d 13 h)")) << screen();
    ASSERT_TRUE(shows_row("(\"kept\": no expiry)")) << screen();
    ASSERT_TRUE(at_prompt());
    type(":clear\ritems\r");
    ASSERT_TRUE(shows_row("soon  \"v\"  expires in 11 d 13 h")) << screen();
    ASSERT_TRUE(shows_row("kept  \"w\"  no expiry")) << screen();
    ASSERT_TRUE(at_prompt());
    type(":clear\rkeys soon\r");
    ASSERT_TRUE(shows_row("1) \"soon\"  expires in 11 d 13 h")) << screen();
    ASSERT_TRUE(at_prompt());
    type(":clear\rset kept x\r:format json\rget kept\r");
    ASSERT_TRUE(shows_row("\"x\"")) << screen();
    ASSERT_TRUE(at_prompt());
    type(":format table\r:ttl off\rget soon\r");
    ASSERT_TRUE(shows_row("\"v\"")) << screen();
    ASSERT_TRUE(at_prompt());
    EXPECT_FALSE(terminal_->screen().has_text("expir")) << screen();
}

TEST_P(CliTerminalTest, AsksForNoDeadlinesInATransaction) {
    start();
    REQUIRE_GYRE();
    session().ask("SET", "a", "1");
    open({"--ttl"});
    ASSERT_TRUE(at_prompt()) << screen();
    type("multi\rget a\rexec\r");
    ASSERT_TRUE(shows_row("1) \"1\"")) << screen();  // one reply of one command
    EXPECT_FALSE(terminal_->screen().has_text("2) ")) << screen();
    ASSERT_TRUE(at_prompt());
    type(":clear\rbegin\r");
    ASSERT_TRUE(at_prompt("(TX)")) << screen();
    type("keys *\r");
    ASSERT_TRUE(shows_row("1) \"a\"")) << screen();
    ASSERT_TRUE(at_prompt("(TX)"));
    type("rollback\r");
    ASSERT_TRUE(at_prompt()) << screen();
    EXPECT_EQ(session().info("commandstats", "cmdstat_pttl"), "");
    type("get a\r");
    ASSERT_TRUE(shows_row("(no expiry)")) << screen();
    EXPECT_NE(session().info("commandstats", "cmdstat_pttl"), "");
}

TEST_P(CliTerminalTest, ExplainsCommands) {
    start_and_open();
    type("help getrange\r");
    ASSERT_TRUE(shows_row("GETRANGE key start end")) << screen();
    ASSERT_TRUE(shows_row("  group: string")) << screen();
    type("help\r");
    ASSERT_TRUE(shows_row("Type a command to send it; Tab completes commands, options and keys."));
}

TEST_P(CliTerminalTest, ShowsMonitorUntilCtrlC) {
    start_and_open();
    type("monitor\r");
    ASSERT_TRUE(shows_row("(Ctrl-C ends it)")) << screen();
    session().ask("SET", "watched", "1");
    ASSERT_TRUE(terminal_->wait_for([](const Screen& screen) {
        return screen.text().find("\"SET\" \"watched\" \"1\"") != std::string::npos;
    })) << screen();
    type("\x03");
    ASSERT_TRUE(terminal_->wait_for_line("not connected>")) << screen();
}

// The number of reactors is nothing to the client.
INSTANTIATE_TEST_SUITE_P(Reactors, CliTerminalTest, ::testing::Values(1), reactors_name);

}  // namespace
}  // namespace gyre::test
