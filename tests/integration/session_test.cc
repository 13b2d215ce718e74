// SPDX-License-Identifier: BSD-3-Clause

// Goal: the life of a connection: HELLO, AUTH, RESET, SELECT, the CLIENT family, and what a
// connection may do before it is authenticated.

#include "integration/server_test.h"

namespace gyre::test {
namespace {

using namespace std::string_literals;

class SessionTest : public ServerTest {
protected:
    static std::string field_of(const std::string& line, const std::string& name) {
        const std::size_t at = (" " + line).find(" " + name + "=");
        if (at == std::string::npos) return "(absent)";
        const std::size_t start = at + name.size() + 1;
        return line.substr(start, line.find_first_of(" \n", start) - start);
    }
};

TEST_P(SessionTest, HelloTellsAboutTheServerAndSwitchesTheProtocol) {
    start();
    RawSocket connection = socket();
    const Frame two = connection.command({"HELLO"});
    EXPECT_EQ(two.type, '*');
    ASSERT_EQ(two.items.size(), 14U);
    EXPECT_EQ(two.items[0].text, "server");
    EXPECT_EQ(two.items[1].text, "redis");
    EXPECT_EQ(two.items[5].text, "2");
    const Frame three = connection.command({"HELLO", "3", "SETNAME", "me"});
    EXPECT_EQ(three.type, '%');
    EXPECT_EQ(three.items[5].text, "3");
    EXPECT_EQ(connection.command({"CLIENT", "GETNAME"}).text, "me");
    EXPECT_EQ(connection.command({"GET", "missing"}).raw, "_\r\n");
    EXPECT_EQ(connection.command({"HELLO", "4"}).raw, "-NOPROTO unsupported protocol version\r\n");
    EXPECT_EQ(connection.command({"GET", "missing"}).raw, "_\r\n");
    EXPECT_EQ(connection.command({"HELLO", "2"}).type, '*');
    EXPECT_EQ(connection.command({"GET", "missing"}).raw, "$-1\r\n");
}

TEST_P(SessionTest, APasswordGuardsEverythingButAuthHelloResetAndQuit) {
    start({"--requirepass", "secret"});
    RawSocket connection = socket();
    const std::string refused = "-NOAUTH Authentication required.\r\n";
    EXPECT_EQ(connection.command({"GET", "a"}).raw, refused);
    EXPECT_EQ(connection.command({"PING"}).raw, refused);
    EXPECT_EQ(connection.command({"HELLO", "3"}).text.substr(0, 6), "NOAUTH");
    EXPECT_EQ(connection.command({"AUTH", "bad"}).text,
              "WRONGPASS invalid username-password pair or user is disabled.");
    EXPECT_EQ(connection.command({"AUTH", "nobody", "secret"}).text.substr(0, 9), "WRONGPASS");
    EXPECT_EQ(connection.command({"RESET"}).raw, "+RESET\r\n");
    EXPECT_EQ(connection.command({"HELLO", "3", "AUTH", "default", "secret"}).type, '%');
    EXPECT_EQ(connection.command({"SET", "a", "b"}).text, "OK");
    EXPECT_EQ(connection.command({"RESET"}).raw, "+RESET\r\n");
    EXPECT_EQ(connection.command({"GET", "a"}).raw, refused);
    EXPECT_EQ(connection.command({"AUTH", "secret"}).text, "OK");
    EXPECT_EQ(connection.command({"GET", "a"}).raw, "$1\r\nb\r\n");
    EXPECT_EQ(connection.command({"QUIT"}).text, "OK");
    EXPECT_TRUE(connection.is_closed_by_peer());
}

TEST_P(SessionTest, APasswordSetLaterLeavesThoseWhoAreIn) {
    start();
    Session inside = session();
    EXPECT_EQ(
        inside.ask("AUTH", "x"),
        "-ERR AUTH <password> called without any password configured for the default user. Are "
        "you sure your configuration is correct?");
    EXPECT_EQ(inside.ask("CONFIG", "SET", "requirepass", "late"), "OK");
    EXPECT_EQ(inside.ask("PING"), "PONG");
    EXPECT_EQ(socket().command({"PING"}).text, "NOAUTH Authentication required.");
    EXPECT_EQ(Session(server(), {.password = "late"}).ask("PING"), "PONG");
    EXPECT_EQ(inside.ask("CONFIG", "SET", "requirepass", ""), "OK");
    EXPECT_EQ(session().ask("PING"), "PONG");
}

TEST_P(SessionTest, ResetForgetsNameDatabaseProtocolAndReplyMode) {
    start();
    RawSocket connection = socket();
    connection.command({"HELLO", "3", "SETNAME", "n"});
    connection.command({"SELECT", "3"});
    EXPECT_EQ(connection.command({"RESET"}).raw, "+RESET\r\n");
    EXPECT_EQ(connection.command({"GET", "missing"}).raw, "$-1\r\n");
    EXPECT_EQ(connection.command({"CLIENT", "GETNAME"}).raw, "$-1\r\n");
    EXPECT_EQ(field_of(connection.command({"CLIENT", "INFO"}).text, "db"), "0");
}

TEST_P(SessionTest, DatabasesAreSelectedSwappedAndMovedBetween) {
    start({"--databases", "4"});
    Session a = session();
    Session b = session();
    EXPECT_EQ(a.ask("SELECT", "4"), "-ERR DB index is out of range");
    EXPECT_EQ(a.ask("SELECT", "1"), "OK");
    EXPECT_EQ(a.ask("SET", "k", "one", "EX", "1000"), "OK");
    EXPECT_EQ(b.ask("GET", "k"), "(nil)");
    EXPECT_EQ(b.ask("SWAPDB", "0", "1"), "OK");
    EXPECT_EQ(b.ask("GET", "k"), "one");
    EXPECT_EQ(a.ask("EXISTS", "k"), ":0");
    EXPECT_EQ(b.ask("MOVE", "k", "3"), ":1");
    EXPECT_EQ(b.ask("MOVE", "k", "3"), ":0");
    EXPECT_EQ(b.ask("SELECT", "3"), "OK");
    EXPECT_GT(b.number("TTL", "k"), 900);
    EXPECT_EQ(b.ask("DBSIZE"), ":1");
    EXPECT_EQ(b.ask("FLUSHDB"), "OK");
    EXPECT_EQ(b.ask("DBSIZE"), ":0");
}

TEST_P(SessionTest, ClientInfoShowsTheConnection) {
    start();
    Session a = session();
    Session b = session();
    const int64_t id = a.number("CLIENT", "ID");
    EXPECT_GT(b.number("CLIENT", "ID"), id);
    EXPECT_EQ(a.ask("CLIENT", "SETNAME", "worker:1"), "OK");
    EXPECT_EQ(a.ask("CLIENT", "GETNAME"), "worker:1");
    a.ask("SELECT", "2");
    const std::string line = a.ask("CLIENT", "INFO");
    EXPECT_EQ(field_of(line, "id"), std::to_string(id));
    EXPECT_EQ(field_of(line, "name"), "worker:1");
    EXPECT_EQ(field_of(line, "db"), "2");
    EXPECT_EQ(field_of(line, "cmd"), "client|info");
    EXPECT_EQ(field_of(line, "user"), "default");
    EXPECT_EQ(field_of(line, "resp"), "2");
    EXPECT_EQ(field_of(line, "flags"), "N");
    EXPECT_EQ(field_of(line, "laddr"), "127.0.0.1:" + std::to_string(server().port()));
    for (const char* name : {"addr",  "fd",   "age",       "idle",     "sub",       "psub", "ssub",
                             "multi", "qbuf", "qbuf-free", "argv-mem", "multi-mem", "rbs",  "rbp",
                             "obl",   "oll",  "omem",      "tot-mem",  "events",    "redir"}) {
        EXPECT_NE(field_of(line, name), "(absent)") << name << " of " << line;
    }
    EXPECT_EQ(a.ask("CLIENT", "SETNAME", ""), "OK");
    EXPECT_EQ(a.ask("CLIENT", "GETNAME"), "(nil)");
    EXPECT_EQ(a.ask("CLIENT", "SETNAME", "two words"),
              "-ERR Client names cannot contain spaces, newlines or special characters.");
}

TEST_P(SessionTest, ClientListShowsAllAndFilters) {
    start();
    Session a = session();
    Session b = session();
    a.ask("CLIENT", "SETNAME", "first");
    b.ask("CLIENT", "SETNAME", "second");
    const std::string all = a.ask("CLIENT", "LIST");
    EXPECT_NE(all.find("name=first"), std::string::npos);
    EXPECT_NE(all.find("name=second"), std::string::npos);
    const std::string id = std::to_string(b.number("CLIENT", "ID"));
    const std::string one = a.ask("CLIENT", "LIST", "ID", id, "999999");
    EXPECT_EQ(one.find("name=first"), std::string::npos);
    EXPECT_NE(one.find("name=second"), std::string::npos);
    EXPECT_EQ(a.ask("CLIENT", "LIST", "TYPE", "pubsub"), "");
    EXPECT_NE(a.ask("CLIENT", "LIST", "TYPE", "normal").find("name=second"), std::string::npos);
    EXPECT_EQ(a.ask("CLIENT", "LIST", "TYPE", "x"), "-ERR Unknown client type 'x'");
}

TEST_P(SessionTest, SetinfoTellsTheLibrary) {
    REQUIRE_GYRE();
    start();
    Session a = session();
    EXPECT_EQ(a.ask("CLIENT", "SETINFO", "LIB-NAME", "my-lib"), "OK");
    EXPECT_EQ(a.ask("CLIENT", "SETINFO", "lib-ver", "1.2"), "OK");
    const std::string line = a.ask("CLIENT", "INFO");
    EXPECT_EQ(field_of(line, "lib-name"), "my-lib");
    EXPECT_EQ(field_of(line, "lib-ver"), "1.2");
    EXPECT_EQ(a.ask("CLIENT", "SETINFO", "LIB-NAME", "a b"),
              "-ERR lib-name cannot contain spaces, newlines or special characters.");
    EXPECT_EQ(a.ask("CLIENT", "SETINFO", "BAD", "x"), "-ERR Unrecognized option 'BAD'");
}

TEST_P(SessionTest, KillByAddressIdTypeUserAndNotOneself) {
    start();
    Session killer = session();
    const auto victim_id = [&](RawSocket& victim) {
        return std::to_string(victim.command({"CLIENT", "ID"}).integer());
    };
    RawSocket a = socket();
    EXPECT_EQ(killer.ask("CLIENT", "KILL", "ID", victim_id(a)), ":1");
    EXPECT_TRUE(a.is_closed_by_peer());
    RawSocket b = socket();
    const std::string address = field_of(b.command({"CLIENT", "INFO"}).text, "addr");
    EXPECT_EQ(killer.ask("CLIENT", "KILL", address), "OK");
    EXPECT_TRUE(b.is_closed_by_peer());
    EXPECT_EQ(killer.ask("CLIENT", "KILL", address), "-ERR No such client");
    RawSocket c = socket();
    RawSocket d = socket();
    victim_id(c);
    victim_id(d);
    EXPECT_EQ(killer.ask("CLIENT", "KILL", "TYPE", "normal"), ":2");
    EXPECT_TRUE(c.is_closed_by_peer());
    EXPECT_TRUE(d.is_closed_by_peer());
    EXPECT_EQ(killer.ask("PING"), "PONG");
    EXPECT_EQ(killer.ask("CLIENT", "KILL", "TYPE", "pubsub"), ":0");
    RawSocket e = socket();
    EXPECT_EQ(killer.ask("CLIENT", "KILL", "ID", victim_id(e), "TYPE", "pubsub"), ":0");
    EXPECT_EQ(killer.ask("CLIENT", "KILL", "USER", "default", "ID", victim_id(e)), ":1");
    EXPECT_TRUE(e.is_closed_by_peer());
}

TEST_P(SessionTest, OneMayKillOneself) {
    start();
    RawSocket connection = socket();
    const std::string id = std::to_string(connection.command({"CLIENT", "ID"}).integer());
    EXPECT_EQ(connection.command({"CLIENT", "KILL", "ID", id}).integer(), 0);
    EXPECT_EQ(connection.command({"CLIENT", "KILL", "ID", id, "SKIPME", "no"}).integer(), 1);
    EXPECT_TRUE(connection.is_closed_by_peer());
}

TEST_P(SessionTest, KillByAgeSparesTheYoung) {
    REQUIRE_GYRE();
    start();
    Session killer = session();
    RawSocket young = socket();
    young.command({"PING"});
    EXPECT_EQ(killer.ask("CLIENT", "KILL", "MAXAGE", "1000"), ":0");
    EXPECT_EQ(young.command({"PING"}).text, "PONG");
}

TEST_P(SessionTest, ReplyOffSkipAndOn) {
    start();
    RawSocket connection = socket();
    connection.send(encode({"CLIENT", "REPLY", "OFF"}) + encode({"SET", "a", "1"}) +
                    encode({"NOSUCH"}) + encode({"CLIENT", "REPLY", "ON"}) + encode({"GET", "a"}) +
                    encode({"CLIENT", "REPLY", "SKIP"}) + encode({"SET", "a", "2"}) +
                    encode({"GET", "a"}));
    connection.shutdown_write();
    EXPECT_EQ(connection.read_to_end(), "+OK\r\n$1\r\n1\r\n$1\r\n2\r\n");
}

TEST_P(SessionTest, PauseHoldsCommandsBackUntilUnpause) {
    start();
    Session admin = session();
    admin.ask("SET", "a", "1");
    EXPECT_EQ(admin.ask("CLIENT", "PAUSE", "100000", "WRITE"), "OK");
    RawSocket writer = socket();
    writer.send(encode({"GET", "a"}) + encode({"SET", "a", "2"}) + encode({"GET", "a"}));
    EXPECT_EQ(writer.read_frame().value_or(Frame{}).text, "1");
    EXPECT_TRUE(writer.is_silent_for(std::chrono::milliseconds{100}));
    EXPECT_EQ(admin.ask("GET", "a"), "1");
    EXPECT_EQ(admin.ask("CLIENT", "UNPAUSE"), "OK");
    EXPECT_EQ(writer.read_frame().value_or(Frame{}).text, "OK");
    EXPECT_EQ(writer.read_frame().value_or(Frame{}).text, "2");
}

TEST_P(SessionTest, APauseOfEverythingEndsByItself) {
    start();
    Session admin = session();
    EXPECT_EQ(admin.ask("CLIENT", "PAUSE", "150"), "OK");
    RawSocket reader = socket();
    const auto begin = std::chrono::steady_clock::now();
    reader.send(encode({"GET", "a"}));
    ASSERT_TRUE(reader.read_frame().has_value());
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds{100});
}

TEST_P(SessionTest, SwitchesOfAConnection) {
    start();
    Session a = session();
    EXPECT_EQ(a.ask("CLIENT", "NO-EVICT", "ON"), "OK");
    EXPECT_EQ(field_of(a.ask("CLIENT", "INFO"), "flags"), "e");
    EXPECT_EQ(a.ask("CLIENT", "NO-EVICT", "off"), "OK");
    EXPECT_EQ(a.ask("CLIENT", "NO-EVICT", "x"), "-ERR syntax error");
    if (is_oracle()) return;
    EXPECT_EQ(a.ask("CLIENT", "NO-TOUCH", "ON"), "OK");
    EXPECT_EQ(field_of(a.ask("CLIENT", "INFO"), "flags"), "T");
    EXPECT_EQ(a.ask("CLIENT", "NO-TOUCH", "x"), "-ERR syntax error");
}

TEST_P(SessionTest, CaseOfNamesAndOptionsIsIgnored) {
    start();
    Session a = session();
    EXPECT_EQ(a.ask("sEt", "k", "v", "eX", "100"), "OK");
    EXPECT_EQ(a.ask("get", "k"), "v");
    EXPECT_EQ(a.ask("object", "EnCoDiNg", "k"), "embstr");
}

TEST_P(SessionTest, APasswordThatIsGoneIsNotAskedFor) {
    start({"--requirepass", "secret"});
    RawSocket late = socket();
    EXPECT_EQ(late.command({"PING"}).text, "NOAUTH Authentication required.");
    Session s(server(), ClientOptions{.password = "secret"});
    EXPECT_EQ(s.ask("CONFIG", "SET", "requirepass", ""), "OK");
    EXPECT_EQ(late.command({"PING"}).text, "PONG");
    EXPECT_EQ(s.ask("CONFIG", "SET", "requirepass", "other"), "OK");
    EXPECT_EQ(late.command({"PING"}).text, "NOAUTH Authentication required.");
    EXPECT_EQ(s.ask("PING"), "PONG");
}

TEST_P(SessionTest, OnlyCommandsThatRunAreCounted) {
    start();
    Session s = session();
    const int64_t before = s.info_number("stats", "total_commands_processed");
    for (int i = 0; i < 10; ++i) s.ask("NONSENSE");
    for (int i = 0; i < 5; ++i) s.ask("GET");
    s.ask("KEYS", "*");
    // The KEYS, and the INFO before.
    EXPECT_EQ(s.info_number("stats", "total_commands_processed") - before, 2);
}

GYRE_INSTANTIATE(SessionTest);

}  // namespace
}  // namespace gyre::test
