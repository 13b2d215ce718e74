// SPDX-License-Identifier: BSD-3-Clause

// Goal: error texts are the oracle's own. Method: every shared command and subcommand with 0 to 6
// arguments of several kinds; where the oracle answers with an error, ours must be the same to the
// byte, where it does not, ours must not either. Then a table of errors that need more than that.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "compat/differential.h"
#include "compat/oracle_pair.h"

namespace gyre::test {
namespace {

using Command = std::vector<std::string>;

constexpr std::size_t kMostArguments = 6;

// Commands that end or block the server or the connection, or depend on what only one of them has.
const std::set<std::string> kLeftOut{
    "shutdown",       "debug",           "monitor",        "sync",
    "psync",          "replicaof",       "slaveof",        "failover",
    "quit",           "client|kill",     "client|pause",   "client|reply",
    "client|unblock", "client|tracking", "config|rewrite", "bgsave",
    "save",           "bgrewriteaof",    "subscribe",      "psubscribe",
    "ssubscribe",     "unsubscribe",     "punsubscribe",   "sunsubscribe",
    "multi",          "hello",           "auth",           "migrate",
    "cluster",        "sentinel",        "info",           "config|set"};

// Commands that wait for a second when all their arguments are 1.
const std::set<std::string> kWaiting{"blpop", "brpop", "brpoplpush", "bzpopmin", "bzpopmax"};

// One command each, from an empty state on a fresh connection.
const std::vector<Command> kErrorsOfOneStep{
    {""},
    {"nosuch"},
    {"nosuch", "a", "b"},
    {"nosuch", std::string(200, 'a'), std::string(200, 'b')},
    {std::string(300, 'c'), "a"},
    {"no\r\nsuch", "a\r\nb"},
    {std::string("no\0such", 7)},
    {"SET", "a", "b", "EX"},
    {"SET", "a", "b", "EX", "0"},
    {"SET", "a", "b", "PX", "-5"},
    {"SET", "a", "b", "EX", "9223372036854775807"},
    {"SET", "a", "b", "EX", "x"},
    {"SET", "a", "b", "NX", "XX"},
    {"SET", "a", "b", "EX", "30000", "KEEPTTL"},
    {"SET", "a", "b", "EX", "30000", "PX", "30000000"},
    {"SET", "a", "b", "NX", "NX"},
    {"SETEX", "a", "0", "b"},
    {"SETEX", "a", "-9223372036854775808", "b"},
    {"PSETEX", "a", "9223372036854775807", "b"},
    {"GETEX", "a", "EX", "-9999999999999999"},
    {"GETEX", "a", "PERSIST", "EX", "30000"},
    {"EXPIRE", "a", "9223372036854776"},
    {"EXPIRE", "a", "9223370399119966"},
    {"EXPIRE", "a", "-9223372036854776"},
    {"PEXPIRE", "a", "9223372036854770000"},
    {"EXPIRE", "a", "30000", "NX", "XX"},
    {"EXPIRE", "a", "30000", "GT", "LT"},
    {"EXPIRE", "a", "30000", "BAD"},
    {"EXPIREAT", "a", "9223372036854775807"},
    {"INCRBYFLOAT", "a", "nan"},
    {"INCRBYFLOAT", "a", "1e5000"},
    {"DECRBY", "a", "-9223372036854775808"},
    {"SETRANGE", "a", "-1", "x"},
    {"SETRANGE", "a", "536870912", "x"},
    {"SETRANGE", "a", "9223372036854775807", "x"},
    {"SETRANGE", "a", "2147483647", "x"},
    {"SETBIT", "a", "4294967296", "1"},
    {"SETBIT", "a", "-1", "1"},
    {"SETBIT", "a", "0", "2"},
    {"GETBIT", "a", "4294967296"},
    {"BITOP", "NOT", "a", "b", "c"},
    {"BITOP", "NAND", "a", "b"},
    {"BITOP", "DIFF", "a", "b"},
    {"LCS", "a", "b", "LEN", "IDX"},
    {"LCS", "a", "b", "MINMATCHLEN"},
    {"MSET", "a", "b", "c"},
    {"MSETNX", "a"},
    {"COPY", "a", "b", "DB", "16"},
    {"COPY", "a", "b", "DB", "x"},
    {"COPY", "a", "a"},
    {"MOVE", "a", "0"},
    {"MOVE", "a", "16"},
    {"MOVE", "a", "x"},
    {"SWAPDB", "x", "1"},
    {"SWAPDB", "1", "x"},
    {"SWAPDB", "0", "16"},
    {"SELECT", "16"},
    {"SELECT", "-1"},
    {"SELECT", "x"},
    {"RENAME", "missing", "b"},
    {"RENAMENX", "missing", "b"},
    {"SCAN", "x"},
    {"SCAN", "0", "COUNT", "0"},
    {"SCAN", "0", "COUNT", "x"},
    {"SCAN", "0", "COUNT", "9223372036854775807"},
    {"SCAN", "0", "MATCH"},
    {"OBJECT", "FREQ", "missing"},
    {"FLUSHALL", "NOW"},
    {"FLUSHALL", "ASYNC", "SYNC"},
    {"HELLO", "4"},
    {"HELLO", "1"},
    {"HELLO", "x"},
    {"HELLO", "3", "AUTH", "default"},
    {"HELLO", "3", "SETNAME", "a b"},
    {"HELLO", "3", "BAD"},
    {"AUTH", "x"},
    {"AUTH", "x", "y"},
    {"AUTH", "default", "y"},
    {"CLIENT", "SETNAME", "a b"},
    {"CLIENT", "SETNAME", "a\nb"},
    {"CLIENT", "KILL", "1.2.3.4:5"},
    {"CLIENT", "KILL", "ID", "x"},
    {"CLIENT", "KILL", "ID", "0"},
    {"CLIENT", "KILL", "TYPE", "x"},
    {"CLIENT", "KILL", "USER", "x"},
    {"CLIENT", "KILL", "SKIPME", "x"},
    {"CLIENT", "KILL", "BAD", "x"},
    {"CLIENT", "LIST", "TYPE", "x"},
    {"CLIENT", "LIST", "ID", "x"},
    {"CLIENT", "LIST", "BAD"},
    {"CLIENT", "REPLY", "x"},
    {"CLIENT", "NO-EVICT", "x"},
    {"CLIENT", "PAUSE", "x"},
    {"CLIENT", "PAUSE", "-1"},
    {"CLIENT", "PAUSE", "1", "x"},
    {"CONFIG", "SET", "nosuch", "1"},
    {"CONFIG", "SET", "maxmemory", "x"},
    {"CONFIG", "SET", "maxmemory", "-1"},
    {"CONFIG", "SET", "maxmemory-policy", "x"},
    {"CONFIG", "SET", "maxmemory-samples", "0"},
    {"CONFIG", "SET", "maxmemory-eviction-tenacity", "101"},
    {"CONFIG", "SET", "maxclients", "0"},
    {"CONFIG", "SET", "timeout", "-1"},
    {"CONFIG", "SET", "port", "70000"},
    {"CONFIG", "SET", "databases", "3"},
    {"CONFIG", "SET", "unixsocket", "/x"},
    {"CONFIG", "SET", "maxmemory", "1", "maxmemory", "2"},
    {"CONFIG", "SET", "maxmemory"},
    {"CONFIG", "SET", "client-output-buffer-limit", "normal 0 0"},
    {"CONFIG", "SET", "client-output-buffer-limit", "bad 0 0 0"},
    {"CONFIG", "SET", "protected-mode", "maybe"},
    {"MEMORY", "USAGE", "missing", "SAMPLES"},
    {"MEMORY", "USAGE", "missing", "SAMPLES", "-1"},
    {"LATENCY", "HISTORY"},
    {"LATENCY", "GRAPH", "nosuch"},
    {"SLOWLOG", "GET", "x"},
    {"SLOWLOG", "GET", "-2"},
    {"SHUTDOWN", "BAD"},
    {"SHUTDOWN", "SAVE", "NOSAVE"},
    {"SHUTDOWN", "ABORT"},
    {"SHUTDOWN", "ABORT", "NOW"},
    {"COMMAND", "GETKEYS", "nosuch"},
    {"COMMAND", "GETKEYS", "get"},
    {"COMMAND", "GETKEYS", "ping"},
    {"COMMAND", "LIST", "FILTERBY", "x", "y"},
    {"COMMAND", "LIST", "x"},
    {"DEBUG", "NOSUCH"},
    {"DEBUG", "OBJECT", "missing"},
    {"RESET", "x"},
    {"PING", "a", "b"},
    {"ECHO"},
    {"QUIT", "x"},
};

class ErrorTextsTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() { pair_ = new OraclePair(); }
    static void TearDownTestSuite() {
        delete pair_;
        pair_ = nullptr;
    }

    void SetUp() override {
        ASSERT_TRUE(pair_->is_ready()) << pair_->log();
        pair_->connect();
        pair_->ask_oracle({"FLUSHALL"});
        pair_->ask_subject({"FLUSHALL"});
    }

    /// The same error, or no error on both sides.
    static void expect_same_error(const Command& command) {
        const Frame expected = pair_->ask_oracle(command);
        const Frame actual = pair_->ask_subject(command);
        if (!expected.is_error() && !actual.is_error()) return;
        if (replies_agree(command, expected, actual)) return;
        ADD_FAILURE() << describe(command) << "\n  expected " << describe(expected)
                      << "\n  actual   " << describe(actual);
    }

    static OraclePair* pair_;
};

OraclePair* ErrorTextsTest::pair_ = nullptr;

TEST_F(ErrorTextsTest, EveryCommandWithAnyNumberOfArguments) {
    for (const std::string& name : pair_->shared_commands()) {
        if (kLeftOut.contains(name)) continue;
        for (const std::string filler : {"x", "1", "-1", "", "\r\n"}) {
            if (filler == "1" && kWaiting.contains(name)) continue;
            Command command = OraclePair::words_of(name);
            for (std::size_t count = 0; count <= kMostArguments; ++count) {
                // KEYS alone is Gyre's own.
                if (command != Command{"keys"}) expect_same_error(command);
                command.emplace_back(filler);
            }
        }
    }
}

TEST_F(ErrorTextsTest, ContainersWithUnknownOrMissingSubcommands) {
    for (const std::string& name : pair_->shared_commands()) {
        if (name.find('|') == std::string::npos || name.find("debug") == 0) continue;
        const std::string container = OraclePair::words_of(name)[0];
        expect_same_error({container});
        expect_same_error({container, "nosuch"});
        expect_same_error({container, ""});
        expect_same_error({container, "NO\r\nSUCH", "x"});
        expect_same_error({container, std::string(300, 'n')});
    }
}

TEST_F(ErrorTextsTest, ErrorsOfOneStep) {
    for (const Command& command : kErrorsOfOneStep) {
        expect_same_error(command);
        pair_->connect();
    }
}

// A command whose last option lacks its value must not find it in the command behind it.
TEST_F(ErrorTextsTest, ErrorsWithWordsOfTheNextCommandBehindThem) {
    const std::vector<Command> followers{{"GET", "a"}, {"30000"}, {"NX"}, {"PERSIST"}, {"1", "1"}};
    std::vector<Command> endings = kErrorsOfOneStep;
    for (const char* option : {"EX", "PX", "EXAT", "PXAT", "NX", "GET", "KEEPTTL"}) {
        endings.push_back({"SET", "a", "b", option});
        endings.push_back({"GETEX", "a", option});
    }
    for (const Command& command : endings) {
        for (const Command& follower : followers) {
            const std::vector<Command> pipeline{command, follower, {"DEL", "a"}};
            const std::vector<Frame> expected = pair_->pipeline_oracle(pipeline);
            const std::vector<Frame> actual = pair_->pipeline_subject(pipeline);
            pair_->connect();
            ASSERT_EQ(expected.size(), actual.size()) << describe(command);
            for (std::size_t i = 0; i < expected.size(); ++i) {
                if (!expected[i].is_error() && !actual[i].is_error()) continue;
                EXPECT_TRUE(replies_agree(pipeline[i], expected[i], actual[i]))
                    << describe(command) << ", then " << describe(follower) << "\n  expected "
                    << describe(expected[i]) << "\n  actual   " << describe(actual[i]);
            }
        }
    }
}

TEST_F(ErrorTextsTest, ErrorsOverAValueThatDoesNotFit) {
    for (const Command& command : std::vector<Command>{{"SET", "word", "abc"},
                                                       {"SET", "most", "9223372036854775807"},
                                                       {"SET", "least", "-9223372036854775808"},
                                                       {"SET", "long", std::string(30, '9')},
                                                       {"SET", "infinite", "inf"},
                                                       {"SET", "spaced", " 1"}}) {
        pair_->ask_oracle(command);
        pair_->ask_subject(command);
    }
    for (const char* key : {"word", "most", "least", "long", "infinite", "spaced"}) {
        for (const Command& command : std::vector<Command>{{"INCR", key},
                                                           {"DECR", key},
                                                           {"INCRBY", key, "9223372036854775807"},
                                                           {"DECRBY", key, "9223372036854775807"},
                                                           {"INCRBYFLOAT", key, "1.5"},
                                                           {"INCRBYFLOAT", key, "inf"},
                                                           {"INCRBYFLOAT", key, "1e4932"}}) {
            expect_same_error(command);
        }
    }
}

TEST_F(ErrorTextsTest, CommandsRefusedBeforeAuthentication) {
    OraclePair guarded({"--requirepass", "secret"});
    ASSERT_TRUE(guarded.is_ready()) << guarded.log();
    for (const Command& command : std::vector<Command>{{"GET", "a"},
                                                       {"PING"},
                                                       {"NOSUCH"},
                                                       {"GET"},
                                                       {"COMMAND"},
                                                       {"HELLO"},
                                                       {"HELLO", "3"},
                                                       {"HELLO", "3", "AUTH", "default", "bad"},
                                                       {"HELLO", "4"},
                                                       {"AUTH"},
                                                       {"AUTH", "bad"},
                                                       {"AUTH", "default", "bad"},
                                                       {"AUTH", "nobody", "secret"},
                                                       {"AUTH", "a", "b", "c"},
                                                       {"RESET"},
                                                       {"QUIT"},
                                                       {"AUTH", "secret"},
                                                       {"AUTH", "default", "secret"}}) {
        guarded.connect();
        const Frame expected = guarded.ask_oracle(command);
        const Frame actual = guarded.ask_subject(command);
        EXPECT_TRUE(replies_agree(command, expected, actual))
            << describe(command) << "\n  expected " << describe(expected) << "\n  actual   "
            << describe(actual);
    }
}

}  // namespace
}  // namespace gyre::test
