// SPDX-License-Identifier: BSD-3-Clause

// Goal: commands that wait for keys answer as redis-server's do. Method: scripts
// (compat/script.h), in which a client that waits is not asked for a PING before it is served; and
// hostile arguments, each behind a fresh connection.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compat/script.h"

namespace gyre::test {
namespace {

using Words = std::vector<std::string>;

/// A client that waits, what others do meanwhile, and what it then receives.
struct Scene {
    std::vector<Words> before;
    Words waiting;
    std::vector<Words> after;
    int protocol = 2;
};

std::string play(const ServerProcess& server, const Scene& scene) {
    RawSocket other = server.connect();
    std::string heard;
    other.command({"FLUSHALL"});
    for (const Words& command : scene.before) heard += other.command(command).raw;
    RawSocket waiter = server.connect();
    if (scene.protocol == 3) waiter.command({"HELLO", "3"});
    waiter.send(encode(scene.waiting));
    // A list of clients that shows it as blocked; those that were refused say so at once.
    for (;;) {
        if (other.command({"CLIENT", "LIST"}).text.find("flags=b") != std::string::npos) break;
        if (!waiter.is_silent_for(std::chrono::milliseconds(20))) break;
    }
    for (const Words& command : scene.after) heard += other.command(command).raw;
    const auto frame = waiter.read_frame();
    heard += "| " + (frame ? frame->raw : "(closed)");
    heard += waiter.command({"PING"}).raw;
    for (const char* key : {"a", "b", "c"}) {
        heard += other.command({"TYPE", key}).raw;
        heard += other.command({"LRANGE", key, "0", "-1"}).raw;
        heard += other.command({"ZRANGE", key, "0", "-1", "WITHSCORES"}).raw;
    }
    return heard;
}

class WaitingCompatTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        const Words arguments{"--enable-debug-command", "yes"};
        oracle_ =
            new ServerProcess(ServerOptions{.binary = oracle_binary(), .arguments = arguments});
        subject_ = new ServerProcess(ServerOptions{.threads = 3, .arguments = arguments});
    }
    static void TearDownTestSuite() {
        delete oracle_;
        delete subject_;
    }
    static void compare(const std::vector<Scene>& scenes) {
        for (Scene scene : scenes) {
            for (const int protocol : {2, 3}) {
                scene.protocol = protocol;
                EXPECT_EQ(quote(play(*subject_, scene)), quote(play(*oracle_, scene)))
                    << describe(scene.waiting) << " RESP" << protocol;
            }
        }
    }
    /// What 7.2 says where 7.0 lets a large number run over, or names no command.
    static std::string as_72(const std::string& oracle, const std::string& subject) {
        const std::string_view unbalanced = "-ERR Unbalanced ";
        const bool runs_over = subject == "-ERR timeout is out of range\r\n" &&
                               (oracle == "-ERR timeout is negative\r\n" || oracle[0] != '-');
        const bool is_unnamed = oracle.starts_with(unbalanced) && subject.starts_with(unbalanced);
        return runs_over || is_unnamed ? subject : oracle;
    }
    static void compare_replies(const std::vector<Words>& commands) {
        RawSocket theirs = oracle_->connect();
        RawSocket ours = subject_->connect();
        for (const Words& command : commands) {
            const std::string reply = ours.command(command).raw;
            const std::string expected = as_72(theirs.command(command).raw, reply);
            EXPECT_EQ(quote(reply), quote(expected)) << describe(command);
        }
    }

    static ServerProcess* oracle_;
    static ServerProcess* subject_;
};
ServerProcess* WaitingCompatTest::oracle_ = nullptr;
ServerProcess* WaitingCompatTest::subject_ = nullptr;

TEST_F(WaitingCompatTest, Lists) {
    compare({
        {{}, {"BLPOP", "a", "0"}, {{"RPUSH", "a", "1", "2"}}},
        {{}, {"BRPOP", "a", "0"}, {{"RPUSH", "a", "1", "2"}}},
        {{}, {"BLPOP", "b", "a", "0"}, {{"LPUSH", "a", "1"}}},
        {{}, {"BLPOP", "a", "a", "0"}, {{"LPUSH", "a", "1", "2"}}},
        {{{"RPUSH", "b", "x"}}, {"BLPOP", "a", "0"}, {{"RENAME", "b", "a"}}},
        {{{"RPUSH", "b", "x"}}, {"BLPOP", "a", "0"}, {{"COPY", "b", "a"}}},
        {{{"RPUSH", "b", "x"}}, {"BLPOP", "a", "0"}, {{"LMOVE", "b", "a", "LEFT", "LEFT"}}},
        {{}, {"BLPOP", "a", "0"}, {{"SET", "a", "x"}, {"DEL", "a"}, {"RPUSH", "a", "y"}}},
        {{}, {"BLPOP", "a", "0"}, {{"LPUSHX", "a", "x"}, {"RPUSH", "a", "y"}}},
        {{},
         {"BLMPOP", "0", "2", "a", "b", "RIGHT", "COUNT", "2"},
         {{"RPUSH", "b", "1", "2", "3"}}},
        {{}, {"BLMPOP", "0", "1", "a", "LEFT"}, {{"RPUSH", "a", "1", "2", "3"}}},
        {{}, {"BLMOVE", "a", "b", "LEFT", "RIGHT", "0"}, {{"RPUSH", "a", "1", "2"}}},
        {{}, {"BLMOVE", "a", "a", "LEFT", "RIGHT", "0"}, {{"RPUSH", "a", "1", "2"}}},
        {{}, {"BRPOPLPUSH", "a", "b", "0"}, {{"RPUSH", "a", "1", "2"}}},
        {{{"SET", "b", "x"}}, {"BRPOPLPUSH", "a", "b", "0"}, {{"RPUSH", "a", "1", "2"}}},
        {{}, {"BLPOP", "a", "0.01"}, {}},
        {{}, {"BLMOVE", "a", "b", "LEFT", "LEFT", "0.01"}, {}},
        {{}, {"BRPOPLPUSH", "a", "b", "0.01"}, {}},
        {{}, {"BLMPOP", "0.01", "1", "a", "LEFT"}, {}},
        {{}, {"BLPOP", "a", "1e-3"}, {}},
        {{{"SET", "a", "x"}}, {"BLPOP", "a", "0"}, {}},
        {{{"SET", "a", "x"}}, {"BLPOP", "b", "a", "0"}, {}},
        {{{"SET", "a", "x"}}, {"BLMOVE", "a", "b", "LEFT", "LEFT", "0"}, {}},
    });
}

TEST_F(WaitingCompatTest, SortedSets) {
    compare({
        {{}, {"BZPOPMIN", "a", "0"}, {{"ZADD", "a", "2", "y", "1.5", "x"}}},
        {{}, {"BZPOPMAX", "b", "a", "0"}, {{"ZADD", "a", "2", "y", "1.5", "x"}}},
        {{}, {"BZMPOP", "0", "2", "b", "a", "MAX"}, {{"ZADD", "a", "2", "y", "1", "x"}}},
        {{}, {"BZMPOP", "0", "1", "a", "MIN", "COUNT", "9"}, {{"ZADD", "a", "2", "y", "1", "x"}}},
        {{{"ZADD", "b", "1", "m"}}, {"BZPOPMIN", "a", "0"}, {{"ZUNIONSTORE", "a", "1", "b"}}},
        {{{"ZADD", "b", "1", "m"}}, {"BZPOPMIN", "a", "0"}, {{"ZRANGESTORE", "a", "b", "0", "-1"}}},
        {{}, {"BZPOPMIN", "a", "0"}, {{"GEOADD", "a", "13.361389", "38.115556", "place"}}},
        {{}, {"BZPOPMIN", "a", "0"}, {{"ZINCRBY", "a", "3", "m"}}},
        {{}, {"BZPOPMIN", "a", "0.01"}, {}},
        {{}, {"BZMPOP", "0.01", "1", "a", "MIN"}, {}},
        {{{"RPUSH", "a", "x"}}, {"BZPOPMIN", "a", "0"}, {}},
    });
}

TEST_F(WaitingCompatTest, Streams) {
    compare({
        {{}, {"XREAD", "BLOCK", "0", "STREAMS", "a", "$"}, {{"XADD", "a", "1-1", "f", "v"}}},
        {{{"XADD", "a", "1-1", "f", "v"}},
         {"XREAD", "BLOCK", "0", "STREAMS", "a", "b", "$", "$"},
         {{"XADD", "a", "2-1", "f", "v"}}},
        {{{"XADD", "a", "1-1", "f", "v"}},
         {"XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", "a", "3"},
         {{"XADD", "a", "2-1", "f", "v"}, {"XADD", "a", "3-1", "f", "v"}}},
        {{}, {"XREAD", "BLOCK", "10", "STREAMS", "a", "$"}, {}},
        {{{"XGROUP", "CREATE", "a", "g", "$", "MKSTREAM"}},
         {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "a", ">"},
         {{"XADD", "a", "1-1", "f", "v"}, {"XPENDING", "a", "g"}}},
        {{{"XGROUP", "CREATE", "a", "g", "$", "MKSTREAM"}},
         {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "NOACK", "STREAMS", "a", ">"},
         {{"XADD", "a", "1-1", "f", "v"}, {"XPENDING", "a", "g"}}},
        {{{"XGROUP", "CREATE", "a", "g", "$", "MKSTREAM"}},
         {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "a", "0"},
         {}},
        {{{"XADD", "a", "1-1", "f", "v"}, {"XGROUP", "CREATE", "a", "g", "$"}},
         {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "a", ">"},
         {{"XGROUP", "SETID", "a", "g", "0"},
          {"XPENDING", "a", "g"},
          {"XADD", "a", "2-1", "f", "v"},
          {"XPENDING", "a", "g"}}},
        {{{"XGROUP", "CREATE", "a", "g", "$", "MKSTREAM"}},
         {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "a", "a", ">", ">"},
         {{"XADD", "a", "1-1", "f", "v"}}},
        {{{"XGROUP", "CREATE", "a", "g", "$", "MKSTREAM"}},
         {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "10", "STREAMS", "a", ">"},
         {}},
    });
}

// In order of arrival; a key that is ready at the end of a transaction; moves that follow moves.
TEST_F(WaitingCompatTest, Order) {
    compare({
        {{},
         {"BLPOP", "a", "b", "0"},
         {{"MULTI"}, {"RPUSH", "a", "x"}, {"DEL", "a"}, {"RPUSH", "b", "y"}, {"EXEC"}}},
        {{}, {"BLPOP", "a", "0"}, {{"MULTI"}, {"RPUSH", "a", "x"}, {"LLEN", "a"}, {"EXEC"}}},
        {{}, {"BLPOP", "a", "0"}, {{"MULTI"}, {"RPUSH", "a", "x"}, {"LPUSH", "a", "y"}, {"EXEC"}}},
        {{{"SELECT", "1"}, {"RPUSH", "a", "x"}}, {"BLPOP", "a", "0"}, {{"MOVE", "a", "0"}}},
        {{{"SELECT", "1"}, {"RPUSH", "a", "x"}}, {"BLPOP", "a", "0"}, {{"SWAPDB", "0", "1"}}},
        {{{"RPUSH", "b", "x"}}, {"BLPOP", "a", "0"}, {{"RPOPLPUSH", "b", "a"}, {"LLEN", "a"}}},
        // Due when the transaction ends, and so not there.
        {{},
         {"BLPOP", "a", "0"},
         {{"MULTI"},
          {"RPUSH", "a", "x"},
          {"PEXPIRE", "a", "1"},
          {"DEBUG", "SLEEP", "0.02"},
          {"EXEC"},
          {"RPUSH", "a", "y"}}},
    });
}

// Since 7.2 whoever is woken runs the whole command again, and a key of another type that comes
// first is its error; 7.0 serves from the key that is ready. Behind that key both look at nothing.
TEST_F(WaitingCompatTest, AnotherType) {
    const std::vector<Scene> scenes{
        {{}, {"BLPOP", "b", "a", "0"}, {{"SET", "b", "x"}, {"RPUSH", "a", "y"}}},
        {{}, {"BLMPOP", "0", "2", "b", "a", "LEFT"}, {{"SET", "b", "x"}, {"RPUSH", "a", "y"}}},
        {{}, {"BZPOPMIN", "b", "a", "0"}, {{"RPUSH", "b", "x"}, {"ZADD", "a", "1", "m"}}},
        {{}, {"BZMPOP", "0", "2", "b", "a", "MIN"}, {{"RPUSH", "b", "x"}, {"ZADD", "a", "1", "m"}}},
        {{},
         {"XREAD", "BLOCK", "0", "STREAMS", "b", "a", "$", "$"},
         {{"SET", "b", "x"}, {"XADD", "a", "1-1", "f", "v"}}},
    };
    for (const Scene& scene : scenes) {
        EXPECT_NE(play(*subject_, scene).find("| -WRONGTYPE"), std::string::npos);
        EXPECT_NE(play(*oracle_, scene).find("| *"), std::string::npos) << "no difference any more";
    }
    compare({
        {{}, {"BLPOP", "a", "b", "0"}, {{"SET", "b", "x"}, {"RPUSH", "a", "y"}}},
        {{}, {"BLPOP", "b", "a", "0"}, {{"SET", "b", "x"}, {"DEL", "b"}, {"RPUSH", "a", "y"}}},
        {{}, {"BZPOPMIN", "a", "b", "0"}, {{"RPUSH", "b", "x"}, {"ZADD", "a", "1", "m"}}},
        {{},
         {"BLPOP", "b", "a", "0"},
         {{"SET", "b", "x", "PX", "1"}, {"DEBUG", "SLEEP", "0.02"}, {"RPUSH", "a", "y"}}},
    });
}

// Of keys that have something all are answered at once, whatever the timeout.
TEST_F(WaitingCompatTest, Timeouts) {
    const Words timeouts{"",
                         " ",
                         "x",
                         "-1",
                         "-0.1",
                         "-0.0001",
                         "nan",
                         "inf",
                         "-inf",
                         "1e400",
                         "1e18",
                         "1e17",
                         "9223372036854776",
                         "9223372036854775807",
                         "9223372036854775808",
                         "-9223372036854775809",
                         "0x",
                         "1 ",
                         " 1",
                         "1e",
                         std::string("1\0", 2),
                         "+",
                         "--1"};
    for (const std::string& timeout : timeouts) {
        compare_replies({
            {"DEL", "a", "z", "s"},
            {"RPUSH", "a", "1", "2", "3"},
            {"ZADD", "z", "1", "x", "2", "y", "3", "z"},
            {"XADD", "s", "1-1", "f", "v"},
            {"BLPOP", "a", timeout},
            {"BRPOP", "none", "a", timeout},
            {"BLMOVE", "a", "a", "LEFT", "LEFT", timeout},
            {"BRPOPLPUSH", "a", "a", timeout},
            {"BLMPOP", timeout, "1", "a", "LEFT"},
            {"BZPOPMIN", "z", timeout},
            {"BZPOPMAX", "none", "z", timeout},
            {"BZMPOP", timeout, "1", "z", "MIN"},
            {"XREAD", "BLOCK", timeout, "STREAMS", "s", "0"},
        });
    }
}

// What nobody should send. Nothing of this waits.
const std::vector<Words> kHostile{
    {"DEL", "a", "z", "s"},
    {"BLPOP"},
    {"BLPOP", "a"},
    {"BLMOVE", "a", "b", "LEFT", "0"},
    {"BLMOVE", "a", "b", "UP", "LEFT", "x"},
    {"BLMOVE", "a", "b", "LEFT", "DOWN", "x"},
    {"BLMOVE", "a", "b", "LEFT", "LEFT", "x"},
    {"BLMPOP", "x", "0", "a", "UP"},
    {"BLMPOP", "0", "0", "a", "LEFT"},
    {"BLMPOP", "0", "-1", "a", "LEFT"},
    {"BLMPOP", "0", "x", "a", "LEFT"},
    {"BLMPOP", "0", "2", "a", "LEFT"},
    {"BLMPOP", "0", "9223372036854775807", "a", "LEFT"},
    {"BLMPOP", "0", "9223372036854775808", "a", "LEFT"},
    {"BLMPOP", "0", "1", "a", "UP"},
    {"BLMPOP", "0", "1", "a", "LEFT", "COUNT"},
    {"BLMPOP", "0", "1", "a", "LEFT", "COUNT", "0"},
    {"BLMPOP", "0", "1", "a", "LEFT", "COUNT", "1", "COUNT", "1"},
    {"BLMPOP", "0", "1", "a", "LEFT", "COUNT", "x"},
    {"BZMPOP", "0", "0", "a", "MIN"},
    {"BZMPOP", "0", "x", "a", "MIN"},
    {"BZMPOP", "0", "2", "a", "MIN"},
    {"BZMPOP", "0", "1", "a", "LEFT"},
    {"BZMPOP", "0", "1", "a", "MAX", "COUNT", "-1"},
    {"BZMPOP", "x", "0", "a", "LEFT"},
    {"XREAD", "BLOCK"},
    {"XREAD", "BLOCK", "0"},
    {"XREAD", "BLOCK", "0", "STREAMS"},
    {"XREAD", "BLOCK", "0", "STREAMS", "a"},
    {"XREAD", "BLOCK", "x", "STREAMS", "a"},
    {"XREAD", "BLOCK", "0", "STREAMS", "a", ">"},
    {"XREAD", "BLOCK", "0", "STREAMS", "a", "x"},
    {"XREAD", "BLOCK", "1", "BLOCK", "1", "STREAMS", "a", "$"},
    {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "a", ">"},
    {"XREADGROUP", "GROUP", "g", "c", "BLOCK", "-1", "STREAMS", "a", ">"},
    {"XREADGROUP", "BLOCK", "0", "STREAMS", "a", ">", "x"},
    {"CLIENT", "UNBLOCK"},
    {"CLIENT", "UNBLOCK", "x"},
    {"CLIENT", "UNBLOCK", "x", "NOSUCH"},
    {"CLIENT", "UNBLOCK", "1", "NOSUCH"},
    {"CLIENT", "UNBLOCK", "1", "TIMEOUT", "x"},
    {"CLIENT", "UNBLOCK", "-1"},
    {"CLIENT", "UNBLOCK", "99999999", "ERROR"},
    {"CLIENT", "UNBLOCK", "9223372036854775808"},
};

TEST_F(WaitingCompatTest, HostileArguments) { compare_replies(kHostile); }

TEST_F(WaitingCompatTest, InATransactionNobodyWaits) {
    compare_replies({
        {"MULTI"},
        {"BLPOP", "a", "0"},
        {"BLPOP", "a", "x"},
        {"BRPOPLPUSH", "a", "b", "0"},
        {"BLMOVE", "a", "b", "LEFT", "LEFT", "0"},
        {"BLMPOP", "0", "1", "a", "LEFT"},
        {"BZPOPMIN", "a", "0"},
        {"BZMPOP", "0", "1", "a", "MIN"},
        {"XREAD", "BLOCK", "0", "STREAMS", "a", "$"},
        {"RPUSH", "a", "1"},
        {"BLPOP", "a", "0"},
        {"BLPOP", "a", "0"},
        {"EXEC"},
        {"COMMAND", "GETKEYS", "BLPOP", "a", "b", "0"},
        {"COMMAND", "GETKEYS", "BLMPOP", "0", "2", "a", "b", "LEFT"},
        {"COMMAND", "GETKEYS", "BZMPOP", "0", "2", "a", "b", "MIN"},
        {"COMMAND", "GETKEYS", "XREAD", "BLOCK", "0", "STREAMS", "a", "b", "0", "0"},
    });
}

// What a subscriber hears of a push and of what it serves.
TEST_F(WaitingCompatTest, Events) {
    const std::vector<std::pair<Words, Words>> scenes{
        {{"BLPOP", "a", "0"}, {"RPUSH", "a", "1"}},
        {{"BRPOP", "a", "0"}, {"RPUSH", "a", "1", "2"}},
        {{"BLMOVE", "a", "b", "LEFT", "RIGHT", "0"}, {"RPUSH", "a", "1"}},
        {{"BRPOPLPUSH", "a", "a", "0"}, {"RPUSH", "a", "1"}},
        {{"BLMPOP", "0", "1", "a", "LEFT", "COUNT", "2"}, {"RPUSH", "a", "1", "2"}},
        {{"BZPOPMIN", "a", "0"}, {"ZADD", "a", "1", "m"}},
        {{"BZMPOP", "0", "1", "a", "MAX"}, {"ZADD", "a", "1", "m", "2", "n"}},
    };
    for (const auto& [waiting, pushing] : scenes) {
        std::vector<std::string> heard;
        for (const ServerProcess* server : {oracle_, subject_}) {
            RawSocket listener = server->connect();
            RawSocket other = server->connect();
            other.command({"FLUSHALL"});
            other.command({"CONFIG", "SET", "notify-keyspace-events", "EA"});
            listener.command({"PSUBSCRIBE", "__key*"});
            RawSocket waiter = server->connect();
            waiter.send(encode(waiting));
            while (other.command({"CLIENT", "LIST"}).text.find("flags=b") == std::string::npos) {
            }
            other.command(pushing);
            std::string events = waiter.read_frame()->raw;
            other.command({"SET", "end", "x"});
            for (;;) {
                const Frame event = *listener.read_frame();
                events += event.items[2].text + " " + event.items[3].text + "\n";
                if (event.items[3].text == "end") break;
            }
            other.command({"CONFIG", "SET", "notify-keyspace-events", ""});
            heard.push_back(events);
        }
        EXPECT_EQ(heard[1], heard[0]) << describe(waiting);
    }
}

TEST_F(WaitingCompatTest, ClientUnblock) {
    for (const char* reason : {"TIMEOUT", "error", "ERROR"}) {
        std::vector<std::string> heard;
        for (const ServerProcess* server : {oracle_, subject_}) {
            RawSocket waiter = server->connect();
            RawSocket other = server->connect();
            const std::string id = std::to_string(waiter.command({"CLIENT", "ID"}).integer());
            waiter.send(encode({"BLPOP", "none", "0"}) + encode({"PING"}));
            Frame reply;
            do {
                reply = other.command({"CLIENT", "UNBLOCK", id, reason});
            } while (reply.integer() == 0);
            heard.push_back(reply.raw + waiter.read_frame()->raw + waiter.read_frame()->raw);
        }
        EXPECT_EQ(heard[1], heard[0]);
    }
}

}  // namespace
}  // namespace gyre::test
