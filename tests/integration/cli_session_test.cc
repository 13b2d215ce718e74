// SPDX-License-Identifier: BSD-3-Clause
// gyre-cli at a terminal, and what becomes of its connection: the prompt tells the truth about
// database and transaction, nothing runs outside of a transaction that was meant for inside, and a
// reply that is too long ends. $GYRE_CLI names the program.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "integration/cli_terminal.h"
#include "support/shell.h"

namespace gyre::test {
namespace {

class CliSessionTest : public CliTerminalTest {
protected:
    /// A command, and the prompt that stands behind it.
    void run(const std::string& line, const std::string& state = "") {
        type(":clear\r" + line + "\r");
        // The row above is the last one of the reply: the prompt is the one behind it.
        ASSERT_TRUE(terminal_->wait_for([&](const Screen& screen) {
            return screen.cursor_row() == prompt(state) && screen.row(0) != screen.cursor_row() &&
                   screen.row(0).ends_with("> " + line);
        })) << line
            << "\n"
            << screen();
    }
    bool shows_text(const std::string& text) {
        return terminal_->wait_for([&](const Screen& screen) { return screen.has_text(text); });
    }
    /// Closes all connections but the one that asks.
    void drop_connections() { session().ask("CLIENT", "KILL", "TYPE", "normal"); }
    void start_oracle() {
        server_ = std::make_unique<ServerProcess>(ServerOptions{.binary = oracle_binary()});
        ASSERT_TRUE(server().is_ready()) << server().log();
    }
    static bool has_oracle() { return access(oracle_binary().c_str(), X_OK) == 0; }
    std::string file(const std::string& name, const std::string& text) {
        std::ofstream(server().directory() + "/" + name) << text;
        return server().directory() + "/" + name;
    }
};

// --- batches ------------------------------------------------------------------------------------

TEST_P(CliSessionTest, ABatchIsTextOrAFile) {
    start_and_open();
    REQUIRE_GYRE();
    run("batch -c \"put a 1; get a\"");
    EXPECT_TRUE(terminal_->screen().has_row("2) \"1\"")) << screen();
    run("batch -f " + file("b", "# two\nput a 2\nput b 3; get b\n"));
    EXPECT_TRUE(terminal_->screen().has_row("3) \"3\"")) << screen();
    run("batch -f no");
    EXPECT_TRUE(
        terminal_->screen().has_row("Cannot read no: No such file or directory; nothing was sent."))
        << screen();
    run("batch -f " + file("b", "put a 9\nnonsense\n"));
    EXPECT_TRUE(terminal_->screen().has_text("BATCHERR 2")) << screen();
    EXPECT_EQ(session().ask("GET", "a"), "2");
    type("help batch\r");
    ASSERT_TRUE(shows_text("batch -f file: ")) << screen();
    type("batch -f " + server().directory() + "/server.so\t\x15");
    ASSERT_TRUE(at_prompt()) << screen();
}

// --- the prompt and the database ----------------------------------------------------------------

TEST_P(CliSessionTest, ThePromptFollowsTheDatabase) {
    start_and_open();
    REQUIRE_GYRE();
    run("multi", "(TX)");
    run("select 5", "(TX)");
    run("exec", "[5]");
    run("begin", "[5](TX)");
    run("select 6", "[6](TX)");
    run("rollback", "[5]");
    run("batch \"select 7; ping\"", "[7]");
    run("batch -c \"select 8; nonsense\"", "[7]");
    run("alias four select 4", "[7]");
    run("four", "[4]");
    session().ask("ALIAS", "go", "SELECT", "$1");  // by somebody else
    run("go 3", "[3]");
    run("multi", "[3](TX)");
    run("go 2", "[3](TX)");
    run("exec", "[2]");
    run("begin", "[2](TX)");
    run("batch \"select 1\"", "[1](TX)");
    run("rollback", "[2]");
    run("begin", "[2](TX)");
    run("get k", "[2](TX)");
    run("select 1", "[1](TX)");
    Session other = session();
    other.ask("SELECT", "2");
    other.ask("SET", "k", "v");
    run("commit", "[2]");  // a conflict
}

TEST_P(CliSessionTest, ComesBackToTheDatabaseItWasIn) {
    start_and_open();
    REQUIRE_GYRE();
    for (const std::vector<std::string>& way :
         {std::vector<std::string>{"multi", "select 5", "exec"},
          std::vector<std::string>{"batch \"select 5\""}}) {
        run("select 0");
        for (const std::string& line : way) {
            type(line + "\r");
        }
        ASSERT_TRUE(at_prompt("[5]")) << screen();
        drop_connections();
        ASSERT_TRUE(terminal_->wait_for_line("not connected>")) << screen();
        type("set after 1\r");
        ASSERT_TRUE(at_prompt("[5]")) << screen();
        EXPECT_EQ(session().number("DBSIZE"), 0);
        EXPECT_EQ(session().info("keyspace", "db5").substr(0, 6), "keys=1");
        session().ask("FLUSHALL");
    }
    run("select 0");
    type("begin\rselect 5\r");
    ASSERT_TRUE(at_prompt("[5](TX)")) << screen();
    drop_connections();
    ASSERT_TRUE(terminal_->wait_for_line("not connected>")) << screen();
    type("ping\r");  // which is not run, and the SELECT is taken back
    ASSERT_TRUE(at_prompt()) << screen();
}

TEST_P(CliSessionTest, FollowsRedisServerToo) {
    if (!has_oracle()) GTEST_SKIP() << "no redis-server";
    start_oracle();
    open();
    ASSERT_TRUE(at_prompt()) << screen();
    run("multi", "(TX)");
    run("select 5", "(TX)");
    run("exec", "[5]");
    run("multi", "[5](TX)");
    run("nonsense", "[5](TX)");
    run("select 6", "[5](TX)");
    run("exec", "[5]");
    EXPECT_TRUE(terminal_->screen().has_text("EXECABORT")) << screen();
    run("reset");
}

TEST_P(CliSessionTest, ThePromptTellsThatATransactionHasEnded) {
    start({"--transaction-max-keys", "2"});
    REQUIRE_GYRE();
    open();
    ASSERT_TRUE(at_prompt()) << screen();
    run("alias start begin");
    run("start", "(TX)");
    run("get k", "(TX)");
    session().ask("SET", "k", "other");
    run("commit");
    EXPECT_TRUE(terminal_->screen().has_text("CONFLICT")) << screen();
    run("begin", "(TX)");
    run("mset a 1 b 2", "(TX)");
    run("set c 3", "(TX)");
    run("commit");
    EXPECT_TRUE(terminal_->screen().has_text("ABORTED")) << screen();
    run("multi", "(TX)");
    run("nonsense", "(TX)");
    run("exec");
    EXPECT_TRUE(terminal_->screen().has_text("EXECABORT")) << screen();
}

// --- connections that are lost ------------------------------------------------------------------

TEST_P(CliSessionTest, NothingRunsOutsideOfATransactionThatWasLost) {
    start_and_open();
    REQUIRE_GYRE();
    for (const char* begin : {"begin", "multi"}) {
        SCOPED_TRACE(begin);
        run(begin, "(TX)");
        run("set t 1", "(TX)");
        drop_connections();
        ASSERT_TRUE(shows_row("(the server closed the connection; gone with it: the transaction)"))
            << screen();
        // At once, not only behind the next command.
        ASSERT_TRUE(terminal_->wait_for_line("not connected>")) << screen();
        type(":clear\rset t 2\r");
        ASSERT_TRUE(shows_text("this command was not run")) << screen();
        ASSERT_TRUE(at_prompt()) << screen();
        EXPECT_EQ(session().ask("EXISTS", "t"), ":0");
        run("set u 1");
        EXPECT_EQ(session().ask("GET", "u"), "1");
    }
    run("watch t");
    drop_connections();
    ASSERT_TRUE(shows_row("(the server closed the connection; gone with it: what was watched)"))
        << screen();
    ASSERT_TRUE(terminal_->wait_for_line("not connected>")) << screen();
    type("multi\r");
    ASSERT_TRUE(shows_text("with it what was watched; this command was not run")) << screen();
    ASSERT_TRUE(at_prompt()) << screen();
}

TEST_P(CliSessionTest, ALostTransactionIsToldOnceThereIsAConnection) {
    start();
    const std::string path = make_temporary_directory() + "/socket";
    const auto start_there = [&] { start({"--unixsocket", path}); };
    start_there();
    open({"-s", path});
    ASSERT_TRUE(terminal_->wait_for_line(path + ">")) << screen();
    type("multi\r");
    ASSERT_TRUE(terminal_->wait_for_line(path + "(TX)>")) << screen();
    server().stop();
    ASSERT_TRUE(terminal_->wait_for_line("not connected>")) << screen();
    type("set t 1\r");
    ASSERT_TRUE(shows_text("Cannot connect")) << screen();
    ASSERT_TRUE(terminal_->wait_for_line("not connected>")) << screen();
    start_there();
    type("set t 2\r");
    ASSERT_TRUE(shows_text("with it the transaction; this command was not run")) << screen();
    ASSERT_TRUE(terminal_->wait_for_line(path + ">")) << screen();
    EXPECT_EQ(session().number("DBSIZE"), 0);
    terminal_.reset();
    std::filesystem::remove_all(std::filesystem::path(path).parent_path());
}

TEST_P(CliSessionTest, SubscriptionsThatAreLostAreTold) {
    start_and_open();
    type("subscribe news\r");
    ASSERT_TRUE(at_prompt("(subscribed)")) << screen();
    type("get k");
    ASSERT_TRUE(shows_text("(subscribed)> get k")) << screen();
    session().ask("CLIENT", "KILL", "TYPE", "pubsub");
    ASSERT_TRUE(shows_row("(the server closed the connection; gone with it: the subscriptions)"))
        << screen();
    // The line that was being typed is still there, behind the prompt that is true now.
    ASSERT_TRUE(terminal_->wait_for([](const Screen& screen) {
        return screen.cursor_row().starts_with("not connected> get k");
    })) << screen();
    EXPECT_FALSE(terminal_->screen().has_text("(subscribed)> get")) << screen();
    type("\r");
    ASSERT_TRUE(shows_row("(nil)")) << screen();
    ASSERT_TRUE(at_prompt()) << screen();
}

TEST_P(CliSessionTest, ShutdownIsNoDoubt) {
    start_and_open();
    type("shutdown nosave\r");
    ASSERT_TRUE(shows_row("(The server has shut down.)")) << screen();
    ASSERT_TRUE(terminal_->wait_for_line("not connected>")) << screen();
    EXPECT_FALSE(terminal_->screen().has_text("not known")) << screen();
}

// --- history and help ---------------------------------------------------------------------------

TEST_P(CliSessionTest, KeepsNoSecretsOfAliasesBatchesAndAddresses) {
    start_and_open();
    REQUIRE_GYRE();
    run("alias login auth $1");
    for (const char* line : {"alias x auth s3cret", "batch \"auth s3cret\"", "login s3cret",
                             "batch -c \"get a; auth s3cret\""}) {
        run(line);
    }
    run("get a");
    type("connect redis://ann:s3cret@127.0.0.1:1/2\r");
    ASSERT_TRUE(terminal_->wait_for_line("not connected>")) << screen();
    type("\x04");
    EXPECT_EQ(terminal_->wait_exit(), 0);
    EXPECT_EQ(read_file(history_path()), ":clear\nget a\n");
}

TEST_P(CliSessionTest, SaysThatALineIsTooLongForTheHistory) {
    start_and_open();
    std::string paste;
    for (int i = 0; i < 2000; ++i) paste += "set big:" + std::to_string(i) + " 1\r";
    type("\x1b[200~" + paste + "\x1b[201~");
    ASSERT_TRUE(shows_text("set big:1999 1")) << screen();
    type("\r");
    ASSERT_TRUE(at_prompt()) << screen();
    ASSERT_TRUE(wait_until([&] { return session().number("DBSIZE") == 2000; }));
    EXPECT_NE(read_file(history_path()).find("set big:1999 1"), std::string::npos);
    type("\x1b[200~echo " + std::string(65 * 1024, 'x') + "\x1b[201~");
    type("\r");
    ASSERT_TRUE(terminal_->wait_for([&](const Screen& screen) {
        return terminal_->bytes().find("longer than 64 KiB: not kept") != std::string::npos &&
               screen.cursor_row() == prompt();
    }));
}

TEST_P(CliSessionTest, HelpOfAnAliasTellsItsWords) {
    start_and_open();
    REQUIRE_GYRE();
    session().ask("ALIAS", "user", "HGETALL", "user:$1");
    type("help user\r");
    ASSERT_TRUE(shows_row("user is an alias of: HGETALL user:$1")) << screen();
    ASSERT_TRUE(shows_row("HGETALL key")) << screen();
}

// --- long replies -------------------------------------------------------------------------------

TEST_P(CliSessionTest, CtrlCEndsALongReply) {
    start();
    Session filler = session();
    const std::string name(100, 'k');
    constexpr int kKeys = 60'000;
    for (int i = 0; i < kKeys; ++i) filler.client().append("SET", name + std::to_string(i), "");
    ASSERT_TRUE(filler.client().execute_pipeline());
    open();
    ASSERT_TRUE(at_prompt()) << screen();
    const size_t before = terminal_->bytes().size();
    type("keys *\r");
    ASSERT_TRUE(shows_text("kkkk")) << screen();
    type("\x03");
    ASSERT_TRUE(shows_row("(the rest is not shown)")) << screen();
    ASSERT_TRUE(at_prompt()) << screen();
    // All of it is 6 MB and more.
    EXPECT_LT(terminal_->bytes().size() - before, size_t{3} * 1024 * 1024);
    type("echo right\r");
    ASSERT_TRUE(shows_row("\"right\"")) << screen();
    ASSERT_TRUE(at_prompt()) << screen();
}

// --- the terminal -------------------------------------------------------------------------------

TEST_P(CliSessionTest, ALineOfSeveralRowsFollowsTheSizeOfTheTerminal) {
    start_and_open();
    const std::string line = prompt() + " echo " + std::string(100, 'x') + "y";
    type(line.substr(prompt().size() + 1));
    ASSERT_TRUE(terminal_->wait_for([&](const Screen& screen) {
        return screen.row(0) + screen.row(1) == line;
    })) << screen();
    for (const size_t columns : {50, 70, 90}) {
        terminal_->resize(columns, 24);
        ASSERT_TRUE(terminal_->wait_for([&](const Screen& screen) {
            return screen.row(0) == line.substr(0, columns) &&
                   screen.row(0) + screen.row(1) + screen.row(2) == line;
        })) << columns
            << "\n"
            << screen();
    }
    type("z\r");
    ASSERT_TRUE(shows_text("xxxyz\"")) << screen();
}

// The number of reactors is nothing to the client.
INSTANTIATE_TEST_SUITE_P(Reactors, CliSessionTest, ::testing::Values(1), reactors_name);

}  // namespace
}  // namespace gyre::test
