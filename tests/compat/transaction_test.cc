// SPDX-License-Identifier: BSD-3-Clause

// Goal: MULTI, EXEC, DISCARD, WATCH and UNWATCH as redis-server does them, errors included. Method:
// scripts (compat/script.h); between MULTI and EXEC a PING is queued like anything else, so the
// commands of a transaction are sent in one step.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "compat/script.h"
#include "support/session.h"

namespace gyre::test {
namespace {

using Command = std::vector<std::string>;

/// One step: MULTI, the commands, EXEC.
Step transaction(size_t connection, std::vector<Command> commands, const char* end = "EXEC") {
    commands.push_back({end});
    return {connection, {"MULTI"}, std::move(commands)};
}

TEST(TransactionCompatTest, QueuedCommandsRunTogether) {
    for (const char* protocol : {"2", "3"}) {
        compare_scripts({
            {0, {"HELLO", protocol}, {}, false},
            transaction(0, {}),
            transaction(0, {{"SET", "a", "1"}, {"INCR", "a"}, {"GET", "a"}, {"GET", "none"}}),
            transaction(0, {{"SET", "a", "x"}, {"INCR", "a"}, {"GET", "a"}}),
            transaction(0, {{"SET", "a", "1"}}, "DISCARD"),
            transaction(0, {{"SELECT", "3"}, {"SET", "b", "1"}, {"SELECT", "0"}, {"GET", "b"}}),
            transaction(0, {{"SELECT", "3"}, {"GET", "b"}}),
            {0, {"GET", "b"}},
            {0, {"SELECT", "0"}},
            transaction(0, {{"MSET", "a", "1", "b", "2"},
                            {"MGET", "a", "b"},
                            {"KEYS", "*a*"},
                            {"DBSIZE"},
                            {"EXISTS", "a", "b", "c"},
                            {"DEL", "a", "b"},
                            {"DBSIZE"},
                            {"RANDOMKEY"},
                            {"SCAN", "0", "COUNT", "1000"},
                            {"ECHO", "x"},
                            {"PING"},
                            {"CONFIG", "GET", "maxmemory"},
                            {"OBJECT", "HELP"},
                            {"CLIENT", "GETNAME"},
                            {"SET", "large", std::string(100'000, 'x')},
                            {"GET", "large"},
                            {"FLUSHALL"},
                            {"DBSIZE"}}),
            transaction(0, {{"CONFIG", "SET", "maxmemory-samples", "7"},
                            {"CONFIG", "GET", "maxmemory-samples"},
                            {"CONFIG", "RESETSTAT"},
                            {"SWAPDB", "0", "1"},
                            {"FLUSHDB"},
                            {"SET", "t", "1", "EX", "100"},
                            {"TTL", "t"},
                            {"PERSIST", "t"},
                            {"RENAME", "t", "u"},
                            {"COPY", "u", "v"},
                            {"MOVE", "v", "2"},
                            {"OBJECT", "ENCODING", "u"}}),
            {0, {"GET", "u"}},
        });
    }
}

TEST(TransactionCompatTest, ErrorsWhileQueueingSpoilTheTransaction) {
    compare_scripts({
        {0, {"EXEC"}},
        {0, {"DISCARD"}},
        {0, {"UNWATCH"}},
        {0, {"EXEC", "x"}},
        {0, {"MULTI", "x"}},
        {0, {"WATCH"}},
        transaction(0, {{"NOSUCH"}, {"SET", "a", "1"}}),
        transaction(0, {{"SET", "a"}, {"SET", "a", "1"}}),
        transaction(0, {{"CONFIG", "NOSUCH"}, {"SET", "a", "1"}}),
        transaction(0, {{"COMMAND", "NOSUCH"}, {"SET", "a", "1"}}),
        transaction(0, {{"MULTI"}, {"SET", "a", "1"}}),
        transaction(0, {{"WATCH", "a"}, {"SET", "a", "2"}}),
        transaction(0, {{"UNWATCH"}, {"SET", "a", "3"}}),
        transaction(0, {{"SHUTDOWN"}, {"SET", "a", "4"}}),
        transaction(0, {{"EXEC", "x"}, {"GET", "a"}}),
        transaction(0, {{"DISCARD", "x"}, {"GET", "a"}}),
        transaction(0, {{"NOSUCH"}}, "DISCARD"),
        transaction(0, {{"GET", "a"}, {"SET", "a", "5", "BAD"}, {"GET", "a"}}),
        {0, {"GET", "a"}},
    });
}

TEST(TransactionCompatTest, SessionsWithinTransactions) {
    compare_scripts({
        transaction(0, {{"SET", "a", "1"}, {"RESET"}}),
        {0, {"GET", "a"}},
        transaction(0, {{"HELLO", "3"}, {"GET", "none"}, {"HELLO", "2"}, {"GET", "none"}},
                    "DISCARD"),
        transaction(0, {{"SUBSCRIBE", "c"}, {"GET", "a"}, {"UNSUBSCRIBE", "c"}, {"GET", "a"}}),
        {1, {"SUBSCRIBE", "d"}},
        transaction(0, {{"PUBLISH", "d", "1"}, {"SET", "a", "1"}, {"PUBLISH", "d", "2"}}),
        {1, {"MULTI"}},
        {1, {"UNSUBSCRIBE", "d"}},
        transaction(0, {{"CLIENT", "SETNAME", "me"}, {"CLIENT", "GETNAME"}, {"AUTH", "x"}}),
        transaction(0, {{"SET", "a", "2"}, {"QUIT"}}),
        {2, {"GET", "a"}},
    });
}

/// What DUMP gives of the string "value".
const std::string kPayload("\x00\x05value\x0a\x00\x81\xf6\xc1\x38\xc1\xaa\x9b\x6e", 17);

TEST(TransactionCompatTest, SnapshotsAndDumpsWithinTransactions) {
    compare_scripts({
        transaction(0, {{"SAVE"}, {"SET", "a", "1"}}),
        transaction(0, {{"SHUTDOWN", "NOSAVE"}, {"SET", "a", "2"}}),
        transaction(0, {{"SET", "a", "3"}, {"BGSAVE", "NOW"}, {"BGSAVE"}, {"BGSAVE", "SCHEDULE"}}),
        {0, {"GET", "a"}},
        transaction(0, {{"SET", "k", "value"},
                        {"DUMP", "k"},
                        {"DUMP", "none"},
                        {"RESTORE", "copy", "0", kPayload},
                        {"RESTORE", "copy", "0", kPayload},
                        {"RESTORE", "copy", "0", "no payload", "REPLACE"},
                        {"RESTORE", "k", "1", kPayload, "REPLACE", "ABSTTL"},
                        {"MGET", "k", "copy"}}),
    });
}

/// Replies to transactions that were begun before a snapshot failed, and after.
std::vector<std::string> around_a_failed_snapshot(const char* binary) {
    char directory[] = "/tmp/gyre-compat-XXXXXX";
    EXPECT_NE(::mkdtemp(directory), nullptr);
    ServerProcess server(ServerOptions{
        .binary = binary, .arguments = {"--dir", directory, "--save", "3600 1000000"}});
    EXPECT_TRUE(server.is_ready()) << server.log();
    std::vector<std::string> replies;
    RawSocket writer = server.connect();
    RawSocket reader = server.connect();
    RawSocket late = server.connect();
    const auto ask = [&replies](RawSocket& socket, const Command& command) {
        replies.push_back(describe(command) + " " + socket.command(command).raw);
    };
    ask(writer, {"MULTI"});
    ask(writer, {"SET", "a", "1"});
    ask(reader, {"MULTI"});
    ask(reader, {"GET", "a"});
    std::filesystem::remove_all(directory);
    late.command({"BGSAVE"});
    EXPECT_TRUE(wait_until([&late] {
        const std::string info = late.command({"INFO", "persistence"}).text;
        return info.find("rdb_last_bgsave_status:err") != std::string::npos;
    }));
    ask(late, {"MULTI"});
    ask(late, {"SET", "a", "2"});
    ask(late, {"EXEC"});
    ask(late, {"MULTI"});
    ask(late, {"PING"});
    ask(late, {"EXEC"});
    ask(writer, {"EXEC"});
    ask(writer, {"EXEC"});
    ask(reader, {"EXEC"});
    ask(reader, {"PING"});
    ask(reader, {"RESTORE", "copy", "0", kPayload});
    ask(reader, {"GET", "a"});
    ask(reader, {"CONFIG", "SET", "stop-writes-on-bgsave-error", "no"});
    ask(reader, {"SET", "a", "3"});
    return replies;
}

TEST(TransactionCompatTest, ExecWritesNothingAfterASnapshotHasFailed) {
    EXPECT_EQ(around_a_failed_snapshot(""), around_a_failed_snapshot(oracle_binary().c_str()));
}

// What may change a watched key w, or not.
const std::vector<Command> kChanges{{"SET", "w", "1"},
                                    {"SET", "w", "1", "XX"},
                                    {"SET", "w", "1", "NX"},
                                    {"APPEND", "w", "x"},
                                    {"APPEND", "w", ""},
                                    {"SETRANGE", "w", "0", ""},
                                    {"GETSET", "w", "2"},
                                    {"GETDEL", "w"},
                                    {"DEL", "w"},
                                    {"DEL", "other"},
                                    {"EXPIRE", "w", "100"},
                                    {"EXPIRE", "w", "-1"},
                                    {"PERSIST", "w"},
                                    {"RENAME", "w", "x"},
                                    {"RENAME", "other", "w"},
                                    {"COPY", "other", "w"},
                                    {"COPY", "w", "x"},
                                    {"MOVE", "w", "3"},
                                    {"FLUSHDB"},
                                    {"FLUSHALL"},
                                    {"SWAPDB", "0", "1"},
                                    {"SWAPDB", "1", "2"},
                                    {"GET", "w"},
                                    {"TOUCH", "w"},
                                    {"OBJECT", "ENCODING", "w"},
                                    {"GETEX", "w", "EX", "100"},
                                    {"GETEX", "w"},
                                    {"INCR", "w"},
                                    {"MSET", "a", "1", "w", "2"},
                                    {"MSETNX", "w", "1", "q", "1"},
                                    {"SETBIT", "w", "1", "1"},
                                    {"BITOP", "NOT", "w", "other"},
                                    {"BITFIELD", "w", "GET", "u8", "0"},
                                    {"SETEX", "w", "100", "v"},
                                    {"UNLINK", "w"},
                                    {"DUMP", "w"},
                                    {"RESTORE", "w", "0", kPayload},
                                    {"RESTORE", "w", "0", kPayload, "REPLACE"},
                                    {"RESTORE", "w", "1", kPayload, "REPLACE", "ABSTTL"},
                                    {"RESTORE", "w", "0", "no payload", "REPLACE"},
                                    {"RESTORE", "q", "0", kPayload}};

TEST(TransactionCompatTest, WatchedKeysThatChangeMakeExecDoNothing) {
    std::vector<Step> steps;
    for (const bool exists : {true, false}) {
        for (const Command& change : kChanges) {
            steps.push_back({1, {"FLUSHALL"}});
            steps.push_back({1, {"SET", "other", "o"}});
            if (exists) steps.push_back({1, {"SET", "w", "9"}});
            steps.push_back({0, {"WATCH", "w", "w", "also"}});
            steps.push_back({1, change});
            steps.push_back(transaction(0, {{"PING"}}));
        }
    }
    // What goes before EXEC itself, and what ends a watch.
    for (const Command& end : {Command{"UNWATCH"}, {"DISCARD"}, {"RESET"}, {"EXEC"}}) {
        steps.push_back({1, {"SET", "w", "1"}});
        steps.push_back({0, {"WATCH", "w"}});
        steps.push_back({1, {"SET", "w", "2"}});
        if (end[0] == "DISCARD" || end[0] == "EXEC") {
            steps.push_back(transaction(0, {{"PING"}}, end[0].c_str()));
        } else {
            steps.push_back({0, end});
        }
        steps.push_back(transaction(0, {{"PING"}}));
    }
    // A change by oneself counts; so does one of another database's key of that name not.
    steps.push_back({0, {"WATCH", "w"}});
    steps.push_back({0, {"SET", "w", "3"}});
    steps.push_back(transaction(0, {{"GET", "w"}}));
    steps.push_back({0, {"WATCH", "w"}});
    steps.push_back({1, {"SELECT", "5"}});
    steps.push_back({1, {"SET", "w", "3"}});
    steps.push_back(transaction(0, {{"SELECT", "5"}, {"GET", "w"}, {"SELECT", "0"}}));
    steps.push_back({0, {"WATCH", "w"}});
    steps.push_back({0, {"SELECT", "5"}});
    steps.push_back({1, {"SET", "w", "4"}});
    steps.push_back(transaction(0, {{"GET", "w"}}));
    // Of two that watch, one is first.
    steps.push_back({1, {"SELECT", "0"}});
    steps.push_back({0, {"SELECT", "0"}});
    steps.push_back({0, {"WATCH", "w"}});
    steps.push_back({1, {"WATCH", "w"}});
    steps.push_back(transaction(1, {{"SET", "w", "5"}}));
    steps.push_back(transaction(0, {{"SET", "w", "6"}}));
    // A transaction that is void and spoilt.
    steps.push_back({0, {"WATCH", "w"}});
    steps.push_back({1, {"SET", "w", "7"}});
    steps.push_back(transaction(0, {{"NOSUCH"}}));
    compare_scripts(steps);
}

TEST(TransactionCompatTest, BitsThatStayAsTheyAreAreNoChange) {
    std::vector<Step> steps{{1, {"SETBIT", "w", "7", "1"}}};
    for (const Command& command : std::vector<Command>{
             {"SETBIT", "w", "7", "1"},
             {"SETBIT", "w", "3", "0"},
             {"BITFIELD", "w", "SET", "u8", "0", "1", "GET", "u4", "#1"},
             {"BITFIELD", "w", "SET", "u8", "0", "257"},
             {"BITFIELD", "w", "OVERFLOW", "FAIL", "INCRBY", "u2", "6", "9", "GET", "u8", "0"},
             {"BITFIELD", "w", "OVERFLOW", "SAT", "INCRBY", "i2", "6", "1"},
             {"BITFIELD", "w", "INCRBY", "u8", "0", "0"},
             {"BITFIELD", "w", "INCRBY", "u8", "0", "1", "INCRBY", "u8", "0", "-1"},
             {"BITFIELD", "w", "SET", "u8", "4", "16"},
             {"SETBIT", "w", "30", "0"},
             {"SETBIT", "w", "3", "1"}}) {
        steps.push_back({0, {"WATCH", "w"}});
        steps.push_back({1, command});
        steps.push_back(transaction(0, {{"GET", "w"}}));
    }
    compare_scripts(steps);
}

TEST(TransactionCompatTest, AListOfWhichNothingIsCutOffHasChanged) {
    const std::string large(10'000, 'x');
    std::vector<Step> steps;
    for (const std::string& last : {std::string("c"), large}) {
        steps.push_back({1, {"DEL", "w"}});
        steps.push_back({1, {"RPUSH", "w", "a", "b", last}});
        steps.push_back({0, {"WATCH", "w"}});
        steps.push_back({1, {"LTRIM", "w", "0", "-1"}});
        steps.push_back(transaction(0, {{"LLEN", "w"}}));
        steps.push_back({0, {"WATCH", "w"}});
        steps.push_back({1, {"LREM", "w", "0", "none"}});
        steps.push_back(transaction(0, {{"LLEN", "w"}}));
    }
    compare_scripts(steps);
}

// Groups of a stream and their consumers are no part of its value.
TEST(TransactionCompatTest, GroupsOfAStreamAreNotWatched) {
    std::vector<Step> steps;
    for (const Command& change :
         std::vector<Command>{{"XGROUP", "CREATE", "w", "other", "0"},
                              {"XGROUP", "SETID", "w", "g", "0"},
                              {"XGROUP", "CREATECONSUMER", "w", "g", "new"},
                              {"XGROUP", "DELCONSUMER", "w", "g", "c"},
                              {"XGROUP", "DESTROY", "w", "g"},
                              {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "w", ">"},
                              {"XREADGROUP", "GROUP", "g", "new", "NOACK", "STREAMS", "w", ">"},
                              {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "w", "0"},
                              {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "w", "9"},
                              {"XACK", "w", "g", "1-1"},
                              {"XCLAIM", "w", "g", "d", "0", "1-1"},
                              {"XAUTOCLAIM", "w", "g", "d", "0", "0"},
                              {"XSETID", "w", "9-9"},
                              {"XADD", "w", "2-1", "f", "v"},
                              {"XDEL", "w", "1-1"},
                              {"XTRIM", "w", "MAXLEN", "1"}}) {
        steps.push_back({1, {"FLUSHALL"}});
        steps.push_back({1, {"XADD", "w", "1-1", "f", "v"}});
        steps.push_back({1, {"XADD", "w", "1-2", "f", "v"}});
        steps.push_back({1, {"XGROUP", "CREATE", "w", "g", "0"}});
        steps.push_back({1, {"XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "w", ">"}});
        steps.push_back({0, {"WATCH", "w"}});
        steps.push_back({1, change});
        steps.push_back(transaction(0, {{"PING"}}));
    }
    // A key that is made for the group is a change.
    steps.push_back({1, {"FLUSHALL"}});
    steps.push_back({0, {"WATCH", "w"}});
    steps.push_back({1, {"XGROUP", "CREATE", "w", "g", "$", "MKSTREAM"}});
    steps.push_back(transaction(0, {{"PING"}}));
    compare_scripts(steps);
}

TEST(TransactionCompatTest, WatchedKeysAndTime) {
    compare_scripts(
        {
            {0, {"DEBUG", "SET-ACTIVE-EXPIRE", "0"}},
            // Past its deadline before it is watched: nothing changes when it goes.
            {0, {"SET", "w", "1", "PX", "1"}},
            {0, {"DEBUG", "SLEEP", "0.02"}},
            {0, {"WATCH", "w"}},
            {1, {"GET", "w"}},
            transaction(0, {{"PING"}}),
            // Past it after that: the transaction is void, whether somebody looked or not.
            {0, {"SET", "w", "1", "PX", "50"}},
            {0, {"WATCH", "w"}},
            {0, {"DEBUG", "SLEEP", "0.1"}},
            transaction(0, {{"PING"}}),
            {0, {"SET", "w", "1", "PX", "50"}},
            {0, {"WATCH", "w"}},
            {0, {"DEBUG", "SLEEP", "0.1"}},
            {1, {"GET", "w"}},
            transaction(0, {{"PING"}}),
            // Databases change places.
            {0, {"SET", "w", "1", "PX", "1"}},
            {0, {"SELECT", "1"}},
            {0, {"DEBUG", "SLEEP", "0.02"}},
            {0, {"WATCH", "w"}},
            {1, {"SWAPDB", "0", "1"}},
            {0, {"GET", "w"}},
            transaction(0, {{"PING"}}),
        },
        {"--enable-debug-command", "yes"});
}

TEST(TransactionCompatTest, MemoryAtTheLimit) {
    compare_scripts({
        {0, {"SET", "a", "1"}},
        {0, {"MULTI"}, {{"SET", "a", "2"}, {"GET", "a"}}, true, true},
        {1, {"CONFIG", "SET", "maxmemory", "1"}},
        {0, {"EXEC"}},
        {0, {"GET", "a"}},
        transaction(0, {{"GET", "a"}}),
        transaction(0, {{"SET", "a", "3"}, {"GET", "a"}}),
        transaction(0, {{"DEL", "a"}}),
        {1, {"CONFIG", "SET", "maxmemory", "0"}},
        {0, {"GET", "a"}},
    });
}

TEST(TransactionCompatTest, TransactionsMakeEventsInOrder) {
    compare_scripts({
        {0, {"CONFIG", "SET", "notify-keyspace-events", "EA"}},
        {1, {"PSUBSCRIBE", "__keyevent*"}},
        transaction(0, {{"SET", "a", "1"}, {"INCR", "a"}, {"RENAME", "a", "b"}, {"DEL", "b"}}),
        transaction(0, {{"SET", "a", "1"}, {"NOSUCH"}}),
        transaction(0, {{"SET", "a", "1"}}, "DISCARD"),
    });
}

}  // namespace
}  // namespace gyre::test
