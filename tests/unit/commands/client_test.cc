// SPDX-License-Identifier: BSD-3-Clause

// Goal: CLIENT shows connections in Redis 7.2's form, and names, filters, closes and pauses them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

using commands::ClientRegistry;
using commands::ReplyMode;
using commands::Session;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kSyntax = "-ERR syntax error\r\n";
const std::string kBadName =
    "-ERR Client names cannot contain spaces, newlines or special characters.\r\n";

class ClientCommands : public ::testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    static std::string id_of(const Session& session) { return std::to_string(session.id); }

    CommandRunner runner_;
};

TEST_F(ClientCommands, InfoHasAllFieldsInOrder) {
    run({"CLIENT", "SETNAME", "me"});
    run({"CLIENT", "SETINFO", "LIB-NAME", "lib"});
    run({"CLIENT", "SETINFO", "lib-ver", "1.2"});
    run({"SELECT", "3"});
    runner_.advance_ms(2500);
    Session& session = runner_.session();
    session.query_buffer_bytes = 100;
    session.output_pending_bytes = 16385;
    const std::string line =
        "id=1 addr=127.0.0.1:50000 laddr=127.0.0.1:6379 fd=8 name=me age=2 idle=0 flags=N db=3 "
        "sub=0 psub=0 ssub=0 multi=-1 qbuf=100 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 "
        "obl=0 oll=2 omem=16385 tot-mem=" +
        std::to_string(sizeof(Session) + 16485) +
        " events=rw cmd=client|info user=default redir=-1 resp=2 lib-name=lib lib-ver=1.2\n";
    EXPECT_EQ(run({"CLIENT", "INFO"}), bulk(line));
    run({"HELLO", "3"});
    EXPECT_THAT(run({"CLIENT", "INFO"}),
                ::testing::StartsWith("=" + std::to_string(line.size() + 4) + "\r\ntxt:id=1 "));
}

TEST_F(ClientCommands, FlagsShowTheSwitches) {
    EXPECT_EQ(run({"CLIENT", "NO-EVICT", "on"}), "+OK\r\n");
    EXPECT_EQ(run({"CLIENT", "NO-TOUCH", "ON"}), "+OK\r\n");
    EXPECT_THAT(run({"CLIENT", "INFO"}), HasSubstr(" flags=eT "));
    runner_.session().is_unix = true;
    runner_.session().is_blocked = true;
    EXPECT_THAT(run({"CLIENT", "INFO"}), HasSubstr(" flags=bUeT "));
    EXPECT_EQ(run({"CLIENT", "NO-EVICT", "OFF"}), "+OK\r\n");
    EXPECT_EQ(run({"CLIENT", "NO-TOUCH", "off"}), "+OK\r\n");
    EXPECT_THAT(run({"CLIENT", "INFO"}), HasSubstr(" flags=bU "));
    EXPECT_EQ(run({"CLIENT", "NO-EVICT", "x"}), kSyntax);
    EXPECT_EQ(run({"CLIENT", "NO-TOUCH", "x"}), kSyntax);
}

TEST_F(ClientCommands, NamesArePrintable) {
    EXPECT_EQ(run({"CLIENT", "GETNAME"}), "$-1\r\n");
    EXPECT_EQ(run({"CLIENT", "SETNAME", "!~"}), "+OK\r\n");
    for (const std::string_view bad : {"a b", "a\n", "\x7F", "\xC3\xA4", "a\x01"}) {
        EXPECT_EQ(run({"CLIENT", "SETNAME", bad}), kBadName);
        EXPECT_EQ(run({"CLIENT", "SETINFO", "LIB-NAME", bad}),
                  "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n");
        EXPECT_EQ(run({"CLIENT", "SETINFO", "LIB-VER", bad}),
                  "-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n");
    }
    EXPECT_EQ(run({"CLIENT", "GETNAME"}), bulk("!~"));
    EXPECT_EQ(run({"CLIENT", "SETNAME", ""}), "+OK\r\n");
    EXPECT_EQ(run({"CLIENT", "GETNAME"}), "$-1\r\n");
    EXPECT_EQ(run({"CLIENT", "SETINFO", "BAD", "x"}), "-ERR Unrecognized option 'BAD'\r\n");
}

TEST_F(ClientCommands, ListFilters) {
    Session& second = runner_.add_session();
    Session& third = runner_.add_session();
    EXPECT_EQ(run({"CLIENT", "ID"}), ":1\r\n");
    const std::string all = run({"CLIENT", "LIST"});
    EXPECT_THAT(all, HasSubstr("id=1 "));
    EXPECT_THAT(all, HasSubstr("\nid=2 "));
    EXPECT_THAT(all, HasSubstr("\nid=3 "));
    EXPECT_EQ(run({"CLIENT", "LIST", "TYPE", "normal"}).size(), all.size());
    EXPECT_EQ(run({"CLIENT", "LIST", "TYPE", "slave"}), bulk(""));
    EXPECT_EQ(run({"CLIENT", "LIST", "TYPE", "x"}), "-ERR Unknown client type 'x'\r\n");
    EXPECT_EQ(run({"CLIENT", "LIST", "ID", "x"}), "-ERR Invalid client ID\r\n");
    EXPECT_EQ(run({"CLIENT", "LIST", "ID", "0", "-1", "77"}), bulk(""));
    for (const char* bad : {"FOO", "TYPE", "ID"}) {
        EXPECT_EQ(run({"CLIENT", "LIST", bad}), kSyntax);
    }
    EXPECT_EQ(run({"CLIENT", "LIST", "TYPE", "normal", "x"}), kSyntax);
    // In the order asked for, as often as asked for.
    const std::string two = runner_.clients().describe(second, runner_.now_ms()) + "\n";
    const std::string three = runner_.clients().describe(third, runner_.now_ms()) + "\n";
    EXPECT_EQ(run({"CLIENT", "LIST", "ID", "3", "2", "99", "3"}), bulk(three + two + three));
}

TEST_F(ClientCommands, KillByEachCriterion) {
    auto& closed = runner_.home().closed_ids;
    // A killed one is not found again.
    Session& first = runner_.add_session();
    EXPECT_EQ(run({"CLIENT", "KILL", first.peer_address}), "+OK\r\n");
    EXPECT_EQ(run({"CLIENT", "KILL", first.peer_address}), "-ERR No such client\r\n");
    EXPECT_EQ(runner_.clients().count(), 1U);
    EXPECT_EQ(run({"CLIENT", "KILL", "ID", id_of(runner_.add_session())}), ":1\r\n");
    EXPECT_EQ(run({"CLIENT", "KILL", "ADDR", runner_.add_session().peer_address}), ":1\r\n");
    EXPECT_EQ(run({"CLIENT", "KILL", "LADDR", runner_.add_session().local_address}), ":1\r\n");
    runner_.add_session();
    EXPECT_EQ(run({"CLIENT", "KILL", "TYPE", "normal"}), ":1\r\n");
    runner_.add_session();
    EXPECT_EQ(run({"CLIENT", "KILL", "USER", "default"}), ":1\r\n");
    EXPECT_THAT(closed, ElementsAre(2, 3, 4, 5, 6, 7));
    closed.clear();
    const std::string id = id_of(runner_.add_session());
    EXPECT_EQ(run({"CLIENT", "KILL", "ID", id, "TYPE", "pubsub"}), ":0\r\n");
    EXPECT_EQ(run({"CLIENT", "KILL", "LADDR", "1.2.3.4:5"}), ":0\r\n");
    EXPECT_EQ(run({"CLIENT", "KILL", "MAXAGE", "10"}), ":0\r\n");
    EXPECT_EQ(run({"CLIENT", "KILL", "1.2.3.4:5"}), "-ERR No such client\r\n");
    EXPECT_THAT(closed, ElementsAre());
    runner_.advance_ms(10'000);
    EXPECT_EQ(run({"CLIENT", "KILL", "MAXAGE", "10"}), ":1\r\n");
    EXPECT_THAT(closed, ElementsAre(8));
    EXPECT_FALSE(runner_.session().close_after_reply);
}

TEST_F(ClientCommands, KillSparesOneselfUnlessTold) {
    const std::string id = id_of(runner_.session());
    EXPECT_EQ(run({"CLIENT", "KILL", "ID", id}), ":0\r\n");
    EXPECT_EQ(run({"CLIENT", "KILL", "ID", id, "SKIPME", "yes"}), ":0\r\n");
    EXPECT_FALSE(runner_.session().close_after_reply);
    EXPECT_EQ(run({"CLIENT", "KILL", "ID", id, "SKIPME", "no"}), ":1\r\n");
    EXPECT_TRUE(runner_.session().close_after_reply);
    runner_.session().close_after_reply = false;
    EXPECT_EQ(run({"CLIENT", "KILL", runner_.session().peer_address}), "+OK\r\n");
    EXPECT_TRUE(runner_.session().close_after_reply);
    EXPECT_THAT(runner_.home().closed_ids, ElementsAre());
}

TEST_F(ClientCommands, KillRefusesOddOptions) {
    const std::string bad_id = "-ERR client-id should be greater than 0\r\n";
    EXPECT_EQ(run({"CLIENT", "KILL", "ID", "x"}), bad_id);
    EXPECT_EQ(run({"CLIENT", "KILL", "ID", "0"}), bad_id);
    EXPECT_EQ(run({"CLIENT", "KILL", "TYPE", "x"}), "-ERR Unknown client type 'x'\r\n");
    EXPECT_EQ(run({"CLIENT", "KILL", "USER", "x"}), "-ERR No such user 'x'\r\n");
    EXPECT_EQ(run({"CLIENT", "KILL", "SKIPME", "x"}), kSyntax);
    EXPECT_EQ(run({"CLIENT", "KILL", "FOO", "x"}), kSyntax);
    EXPECT_EQ(run({"CLIENT", "KILL", "ID", "7", "ADDR"}), kSyntax);
    EXPECT_EQ(run({"CLIENT", "KILL", "MAXAGE", "0"}), "-ERR maxage should be greater than 0\r\n");
    EXPECT_EQ(run({"CLIENT", "KILL", "MAXAGE", "x"}),
              "-ERR maxage is not an integer or out of range\r\n");
}

TEST_F(ClientCommands, ReplyModes) {
    ReplyMode& mode = runner_.session().reply_mode;
    EXPECT_EQ(run({"CLIENT", "REPLY", "SKIP"}), "");
    EXPECT_EQ(mode, ReplyMode::skip_next);
    EXPECT_EQ(run({"CLIENT", "REPLY", "OFF"}), "");
    EXPECT_EQ(mode, ReplyMode::off);
    EXPECT_EQ(run({"CLIENT", "REPLY", "SKIP"}), "");
    EXPECT_EQ(mode, ReplyMode::off);
    EXPECT_EQ(run({"CLIENT", "REPLY", "ON"}), "+OK\r\n");
    EXPECT_EQ(mode, ReplyMode::on);
    EXPECT_EQ(run({"CLIENT", "REPLY", "x"}), kSyntax);
}

TEST_F(ClientCommands, PauseKeepsTheStrongerModeAndTheLaterEnd) {
    using Mode = ClientRegistry::PauseMode;
    ClientRegistry& clients = runner_.clients();
    const auto mode = [&] { return clients.pause_mode(runner_.now_ms()); };
    EXPECT_EQ(mode(), Mode::none);
    EXPECT_EQ(run({"CLIENT", "PAUSE", "100", "WRITE"}), "+OK\r\n");
    EXPECT_EQ(mode(), Mode::write);
    EXPECT_EQ(run({"CLIENT", "PAUSE", "50"}), "+OK\r\n");
    EXPECT_EQ(mode(), Mode::all);
    EXPECT_EQ(run({"CLIENT", "PAUSE", "10", "write"}), "+OK\r\n");
    EXPECT_EQ(mode(), Mode::all);
    runner_.advance_ms(99);
    EXPECT_EQ(mode(), Mode::all);
    runner_.advance_ms(1);
    EXPECT_EQ(mode(), Mode::none);
    // What is over does not strengthen the next one.
    EXPECT_EQ(run({"CLIENT", "PAUSE", "100", "WRITE"}), "+OK\r\n");
    EXPECT_EQ(mode(), Mode::write);
    // Its home hears of it once, however many clients it has.
    runner_.add_session();
    EXPECT_EQ(run({"CLIENT", "UNPAUSE"}), "+OK\r\n");
    EXPECT_EQ(mode(), Mode::none);
    EXPECT_EQ(runner_.home().unpauses, 1);
    EXPECT_EQ(run({"CLIENT", "PAUSE", "0"}), "+OK\r\n");
    EXPECT_EQ(mode(), Mode::none);
}

TEST_F(ClientCommands, HeldWritesStandBesideAPause) {
    using Mode = ClientRegistry::PauseMode;
    const auto mode = [this] { return runner_.clients().pause_mode(runner_.now_ms()); };
    run({"CLIENT", "PAUSE", "100", "ALL"});
    runner_.advance_ms(100);
    runner_.clients().hold_writes(runner_.now_ms());
    EXPECT_EQ(mode(), Mode::write) << "the pause is over";
    EXPECT_EQ(run({"CLIENT", "PAUSE", "50", "ALL"}), "+OK\r\n");
    EXPECT_EQ(mode(), Mode::all);
    EXPECT_EQ(run({"CLIENT", "UNPAUSE"}), "+OK\r\n");
    EXPECT_EQ(mode(), Mode::write) << "not what UNPAUSE means";
    run({"CLIENT", "PAUSE", "50", "WRITE"});
    runner_.clients().hold_writes(runner_.now_ms());
    runner_.clients().release_writes();
    runner_.advance_ms(50);
    EXPECT_EQ(mode(), Mode::write) << "held twice";
    run({"CLIENT", "PAUSE", "50", "WRITE"});
    runner_.clients().release_writes();
    EXPECT_EQ(mode(), Mode::write) << "the pause goes on";
    runner_.advance_ms(50);
    EXPECT_EQ(mode(), Mode::none);
}

TEST_F(ClientCommands, PauseRefusesOddTimesAndModes) {
    const std::string bad = "-ERR timeout is not an integer or out of range\r\n";
    EXPECT_EQ(run({"CLIENT", "PAUSE", "x"}), bad);
    EXPECT_EQ(run({"CLIENT", "PAUSE", "1.5"}), bad);
    EXPECT_EQ(run({"CLIENT", "PAUSE", "99999999999999999999"}), bad);
    EXPECT_EQ(run({"CLIENT", "PAUSE", "-1"}), "-ERR timeout is negative\r\n");
    EXPECT_EQ(run({"CLIENT", "PAUSE", "9223372036854775807"}), "-ERR timeout is out of range\r\n");
    EXPECT_EQ(run({"CLIENT", "PAUSE", "x", "x"}),
              "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n");
    EXPECT_EQ(run({"CLIENT", "PAUSE", "1", "WRITE", "z"}),
              "-ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT "
              "HELP.\r\n");
    EXPECT_EQ(runner_.clients().pause_mode(runner_.now_ms()), ClientRegistry::PauseMode::none);
}

TEST_F(ClientCommands, RegistryCountsAndForgets) {
    ClientRegistry& clients = runner_.clients();
    EXPECT_EQ(clients.count(), 1U);
    Session passing;
    passing.home = &runner_.home();
    clients.add(passing);
    EXPECT_EQ(passing.id, 2U);
    EXPECT_EQ(clients.last_id(), 2U);
    EXPECT_EQ(clients.count(), 2U);
    clients.remove(passing);
    clients.remove(passing);
    EXPECT_EQ(clients.count(), 1U);
    EXPECT_THAT(run({"CLIENT", "LIST"}), Not(HasSubstr("id=2 ")));
    EXPECT_EQ(runner_.add_session().id, 3U);
}

TEST_F(ClientCommands, HelpNamesItselfFirstAndLast) {
    const std::string text = run({"CLIENT", "HELP"});
    EXPECT_THAT(text, HasSubstr("\r\n+CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands "
                                "are:\r\n+CACHING (YES|NO)\r\n"));
    EXPECT_THAT(text, ::testing::EndsWith("\r\n+HELP\r\n+    Prints this help.\r\n"));
    EXPECT_EQ(run({"CLIENT", "FOO"}), "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n");
}

}  // namespace
}  // namespace gyre::test
