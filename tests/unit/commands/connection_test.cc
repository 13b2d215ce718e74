// SPDX-License-Identifier: BSD-3-Clause

// Goal: what a client may do for its own connection, and what it needs to have said before.

#include <gtest/gtest.h>

#include <string>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

const std::string kWrongPassword =
    "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

std::string hello_reply(const std::string& head, int protocol) {
    return head + bulk("server") + bulk("redis") + bulk("version") + bulk("7.2.4") + bulk("proto") +
           ":" + std::to_string(protocol) + "\r\n" + bulk("id") + ":1\r\n" + bulk("mode") +
           bulk("standalone") + bulk("role") + bulk("master") + bulk("modules") + "*0\r\n";
}

class ConnectionCommands : public ::testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    /// As when the client connects to a server with a password.
    void require_password(const std::string& password) {
        runner_.configuration().password_text = password;
        runner_.session().is_authenticated = password.empty();
    }
    CommandRunner runner_;
};

TEST_F(ConnectionCommands, PingAndEcho) {
    EXPECT_EQ(run({"PING"}), "+PONG\r\n");
    EXPECT_EQ(run({"PING", "a b"}), bulk("a b"));
    EXPECT_EQ(run({"PING", "a", "b"}), "-ERR wrong number of arguments for 'ping' command\r\n");
    EXPECT_EQ(run({"ECHO", ""}), bulk(""));
    EXPECT_EQ(run({"ECHO"}), "-ERR wrong number of arguments for 'echo' command\r\n");
}

TEST_F(ConnectionCommands, AuthWithoutAPasswordSet) {
    EXPECT_EQ(run({"AUTH", "x"}),
              "-ERR AUTH <password> called without any password configured for the default user. "
              "Are you sure your configuration is correct?\r\n");
    EXPECT_EQ(run({"AUTH", "default", "anything"}), "+OK\r\n");
    EXPECT_EQ(run({"AUTH", "bob", "x"}), kWrongPassword);
    EXPECT_EQ(run({"AUTH", "a", "b", "c"}), "-ERR syntax error\r\n");
}

TEST_F(ConnectionCommands, AuthComparesWholePasswords) {
    require_password("secret");
    for (const std::string_view wrong :
         {"", "s", "secre", "secret2", "secretsecret", "Secret", "terces"}) {
        EXPECT_EQ(run({"AUTH", wrong}), kWrongPassword) << wrong;
        EXPECT_FALSE(runner_.session().is_authenticated) << wrong;
    }
    EXPECT_EQ(run({"AUTH", "Default", "secret"}), kWrongPassword);
    EXPECT_EQ(run({"GET", "a"}), "-NOAUTH Authentication required.\r\n");
    EXPECT_EQ(run({"COMMAND"}), "-NOAUTH Authentication required.\r\n");
    EXPECT_EQ(run({"AUTH", "secret"}), "+OK\r\n");
    EXPECT_EQ(run({"GET", "a"}), "$-1\r\n");
    // A failed attempt takes nothing back.
    EXPECT_EQ(run({"AUTH", "wrong"}), kWrongPassword);
    EXPECT_EQ(run({"GET", "a"}), "$-1\r\n");
}

TEST_F(ConnectionCommands, HelloTellsAndSwitches) {
    EXPECT_EQ(run({"HELLO"}), hello_reply("*14\r\n", 2));
    EXPECT_EQ(run({"HELLO", "3"}), hello_reply("%7\r\n", 3));
    EXPECT_EQ(run({"GET", "missing"}), "_\r\n");
    EXPECT_EQ(run({"HELLO"}), hello_reply("%7\r\n", 3));
    EXPECT_EQ(run({"HELLO", "2", "SETNAME", "n"}), hello_reply("*14\r\n", 2));
    EXPECT_EQ(run({"CLIENT", "GETNAME"}), bulk("n"));
}

TEST_F(ConnectionCommands, HelloRefusesAndChangesNothing) {
    EXPECT_EQ(run({"HELLO", "4"}), "-NOPROTO unsupported protocol version\r\n");
    EXPECT_EQ(run({"HELLO", "1"}), "-NOPROTO unsupported protocol version\r\n");
    EXPECT_EQ(run({"HELLO", "x"}), "-ERR Protocol version is not an integer or out of range\r\n");
    EXPECT_EQ(run({"HELLO", "3", "FOO"}), "-ERR Syntax error in HELLO option 'FOO'\r\n");
    EXPECT_EQ(run({"HELLO", "3", "AUTH", "default"}),
              "-ERR Syntax error in HELLO option 'AUTH'\r\n");
    EXPECT_EQ(run({"HELLO", "3", "SETNAME", "a b"}),
              "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
    EXPECT_EQ(run({"HELLO", "3", "SETNAME", "n", "AUTH", "bob", "x"}), kWrongPassword);
    EXPECT_EQ(runner_.session().protocol, 2);
    EXPECT_EQ(run({"CLIENT", "GETNAME"}), "$-1\r\n");
}

TEST_F(ConnectionCommands, HelloAuthenticates) {
    require_password("secret");
    EXPECT_EQ(run({"HELLO", "3"}),
              "-NOAUTH HELLO must be called with the client already authenticated, otherwise the "
              "HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and "
              "select the RESP protocol version at the same time\r\n");
    EXPECT_EQ(run({"HELLO", "3", "AUTH", "default", "bad"}), kWrongPassword);
    EXPECT_EQ(runner_.session().protocol, 2);
    EXPECT_EQ(run({"HELLO", "3", "AUTH", "default", "secret"}), hello_reply("%7\r\n", 3));
    EXPECT_EQ(run({"PING"}), "+PONG\r\n");
}

TEST_F(ConnectionCommands, QuitClosesAfterItsReply) {
    require_password("secret");
    EXPECT_EQ(run({"QUIT", "whatever"}), "+OK\r\n");
    EXPECT_TRUE(runner_.session().close_after_reply);
}

TEST_F(ConnectionCommands, ResetMakesTheConnectionNew) {
    run({"HELLO", "3", "SETNAME", "n"});
    run({"SELECT", "3"});
    run({"CLIENT", "NO-EVICT", "ON"});
    run({"CLIENT", "NO-TOUCH", "ON"});
    run({"CLIENT", "SETINFO", "LIB-NAME", "lib"});
    run({"CLIENT", "REPLY", "OFF"});
    runner_.configuration().password_text = "secret";
    EXPECT_EQ(run({"RESET"}), "+RESET\r\n");
    const commands::Session& session = runner_.session();
    EXPECT_EQ(session.protocol, 2);
    EXPECT_EQ(session.database, 0U);
    EXPECT_EQ(session.name, "");
    EXPECT_EQ(session.library_name, "lib");
    EXPECT_FALSE(session.no_evict);
    EXPECT_FALSE(session.no_touch);
    EXPECT_EQ(session.reply_mode, commands::ReplyMode::on);
    EXPECT_FALSE(session.is_authenticated);
    runner_.configuration().password_text = "";
    runner_.session().reply_mode = commands::ReplyMode::skipping;
    EXPECT_EQ(run({"RESET"}), "+RESET\r\n");
    EXPECT_EQ(session.reply_mode, commands::ReplyMode::skipping);
    EXPECT_TRUE(session.is_authenticated);
}

TEST_F(ConnectionCommands, SelectChoosesTheDatabase) {
    EXPECT_EQ(run({"SET", "a", "zero"}), "+OK\r\n");
    EXPECT_EQ(run({"SELECT", "15"}), "+OK\r\n");
    EXPECT_EQ(run({"GET", "a"}), "$-1\r\n");
    EXPECT_EQ(run({"SELECT", "16"}), "-ERR DB index is out of range\r\n");
    EXPECT_EQ(run({"SELECT", "-1"}), "-ERR DB index is out of range\r\n");
    EXPECT_EQ(run({"SELECT", "a"}), "-ERR value is not an integer or out of range\r\n");
    EXPECT_EQ(run({"SELECT", "99999999999"}),
              "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
    EXPECT_EQ(runner_.session().database, 15U);
    EXPECT_EQ(run({"SELECT", "0"}), "+OK\r\n");
    EXPECT_EQ(run({"GET", "a"}), bulk("zero"));
}

}  // namespace
}  // namespace gyre::test
