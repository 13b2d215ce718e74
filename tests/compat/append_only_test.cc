// SPDX-License-Identifier: BSD-3-Clause

// Goal: a folder is the same to both programs. Method: a random workload over all commands both
// know; redis-check-aof accepts what the server under test wrote, redis-server loads it, and so
// does the server itself, each with the same data, compared key by key. And the other way round:
// the server under test starts on the folder of a redis-server.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "compat/aof_directory.h"
#include "compat/collection_generator.h"
#include "compat/generator.h"
#include "compat/oracle_pair.h"
#include "compat/ordered_generator.h"
#include "support/seed.h"
#include "support/session.h"

namespace gyre::test {
namespace {

using Words = std::vector<std::string>;
/// Value and absolute deadline of each key.
using Data = std::map<std::tuple<int, std::string>, std::tuple<std::string, std::string>>;

/// The elements of a reply, each `step` of them together, in an order of their own.
std::string sorted(const Reply& reply, size_t step) {
    std::vector<std::string> parts;
    for (size_t at = 0; at < reply.elements.size(); ++at) {
        if (at % step == 0) parts.emplace_back();
        parts.back() += "[" + std::string(reply.elements[at].text) + "]";
    }
    std::sort(parts.begin(), parts.end());
    std::string joined;
    for (const std::string& part : parts) joined += part;
    return joined;
}

/// Scores as numbers: the one writes 0.1, the other 0.10000000000000001.
std::string scores_of(const Reply& pairs) {
    std::string text;
    for (size_t at = 0; at + 1 < pairs.elements.size(); at += 2) {
        char score[64];
        std::snprintf(score, sizeof score, "%.17g",
                      std::strtod(std::string(pairs.elements[at + 1].text).c_str(), nullptr));
        text += "[" + std::string(pairs.elements[at].text) + " " + score + "]";
    }
    return text;
}

/// Without idle times, which depend on when one asks.
std::string stream_of(Session& session, const std::string& name) {
    std::string text = session.ask("XRANGE", name, "-", "+");
    const Reply info = session.reply("XINFO", "STREAM", name);
    for (size_t at = 0; at + 1 < info.elements.size(); at += 2) {
        const std::string field(info.elements[at].text);
        if (!field.starts_with("radix") && field.find("entry") == std::string::npos) {
            text += " " + field + "=" + brief(info.elements[at + 1]);
        }
    }
    for (const Reply& group : session.reply("XINFO", "GROUPS", name).elements) {
        text += " " + brief(group);
        const std::string group_name(group.elements[1].text);
        for (const Reply& one :
             session.reply("XPENDING", name, group_name, "-", "+", "10000").elements) {
            text += " " + brief(one.elements[0]) + brief(one.elements[1]) + brief(one.elements[3]);
        }
    }
    return text;
}

std::string value_of(Session& session, const std::string& name) {
    const std::string type = session.ask("TYPE", name);
    std::string value;
    if (type == "string") value = session.ask("GET", name);
    if (type == "list") value = session.ask("LRANGE", name, "0", "-1");
    if (type == "hash") value = sorted(session.reply("HGETALL", name), 2);
    if (type == "set") value = sorted(session.reply("SMEMBERS", name), 1);
    if (type == "zset") value = scores_of(session.reply("ZRANGE", name, "0", "-1", "WITHSCORES"));
    if (type == "stream") value = stream_of(session, name);
    return type + " " + value;
}

Data data_of(const ServerProcess& server) {
    Session session(server);
    Data data;
    for (int database = 0; database < kDatabases; ++database) {
        session.ask("SELECT", std::to_string(database));
        for (const Reply& key : session.reply("KEYS", "*").elements) {
            const std::string name(key.text);
            data[{database, name}] = {value_of(session, name), session.ask("PEXPIRETIME", name)};
        }
    }
    return data;
}

/// What differs, and nothing else.
std::string difference(const Data& expected, const Data& found) {
    const auto show = [](const Data& data, const Data::key_type& key) {
        const auto at = data.find(key);
        if (at == data.end()) return std::string("missing");
        return quote(std::get<0>(at->second)) + " " + std::get<1>(at->second);
    };
    std::string text;
    Data both = expected;
    both.insert(found.begin(), found.end());
    for (const auto& [key, value] : both) {
        const std::string before = show(expected, key);
        const std::string after = show(found, key);
        if (before == after) continue;
        text += std::to_string(std::get<0>(key)) + " " + quote(std::get<1>(key)) + "\n  " + before +
                "\n  " + after + "\n";
    }
    return text;
}

ServerOptions subject_in(const AofDirectory& directory, const char* preallocate = "no") {
    return {.threads = 2,
            .arguments = {"--dir", directory.path(), "--appendonly", "yes", "--appendfsync",
                          "always", "--aof-preallocate", preallocate}};
}

std::set<std::string> commands_of(const ServerProcess& server) {
    RawSocket socket = server.connect();
    return OraclePair::names_of(socket.command({"COMMAND"}));
}

/// What the generators leave out, because two servers would not answer the same: chance, the time,
/// and commands that only the server under test knows and tells in the other's words.
Command beyond_the_generators(Random& random) {
    static const std::vector<Command> kForms = {
        {"SADD", "s:9", "a", "b", "c", "1", "2"},
        {"SPOP", "s:9"},
        {"SPOP", "s:9", "2"},
        {"SET", "k:9", "v", "EX", "1000"},
        {"GETEX", "k:9", "EX", "500"},
        {"PUT", "k:9", "w", "100"},
        {"INCREX", "n:9", "BYINT", "3", "PX", "900000"},
        {"MSETEX", "2", "k:8", "1", "k:9", "2", "EX", "50"},
        {"DELEX", "k:8"},
        {"HSETNX", "h:9", "f", "1"},
        {"HINCRBYFLOAT", "h:9", "f", "1.1"},
        {"HGETDEL", "h:9", "FIELDS", "1", "f"},
        {"HSETEX", "h:9", "FXX", "FIELDS", "1", "f", "2"},
        {"XADD", "x:9", "*", "f", "v"},
        {"XADD", "x:9", "MAXLEN", "~", "30", "*", "f", "v"},
        {"XTRIM", "x:9", "MAXLEN", "~", "20", "LIMIT", "5"},
        {"XGROUP", "CREATE", "x:9", "g", "0", "MKSTREAM"},
        {"XREADGROUP", "GROUP", "g", "c", "COUNT", "4", "STREAMS", "x:9", ">"},
        {"XREADGROUP", "GROUP", "g", "d", "NOACK", "COUNT", "1", "STREAMS", "x:9", ">"},
        {"XREADGROUP", "GROUP", "g", "d", "STREAMS", "x:9", "0"},
        {"XAUTOCLAIM", "x:9", "g", "d", "0", "0", "COUNT", "3"},
        {"XAUTOCLAIM", "x:9", "g", "c", "1", "0", "JUSTID"},
        {"RPUSH", "l:9", "a", "b", "c"},
        {"BLPOP", "none:9", "l:9", "0.001"},
        {"BLMOVE", "l:9", "l:8", "LEFT", "RIGHT", "0.001"},
        {"BLMPOP", "0.001", "2", "l:8", "l:9", "RIGHT", "COUNT", "2"},
        {"ZADD", "z:9", "1", "a", "2", "b"},
        {"BZPOPMIN", "z:9", "0.001"},
        {"BZMPOP", "0.001", "1", "z:9", "MAX"},
        {"MULTI"},
        {"EXEC"},
        {"EXEC"}};
    return kForms[random.below(kForms.size())];
}

void run_workload(const ServerProcess& server, uint64_t seed, size_t commands) {
    const std::set<std::string> available = commands_of(server);
    Generator generator(seed, available);
    CollectionGenerator collections(seed);
    OrderedGenerator ordered(seed);
    const std::vector<Sequence> sequences = {
        generator.sequence(commands), collections.sequence(commands), ordered.sequence(commands)};
    Random random(seed);
    RawSocket socket = server.connect();
    for (size_t at = 0; at < commands; ++at) {
        for (const Sequence& sequence : sequences) {
            const Command& command = sequence[at];
            if (!command.empty() && !command[0].empty()) socket.command(command);
        }
        socket.command(beyond_the_generators(random));
    }
    socket.command({"EXEC"});
}

/// A base of the form that was asked for, and what follows.
void rewrite(const ServerProcess& server, const char* has_rdb_base) {
    Session session(server);
    session.ask("CONFIG", "SET", "aof-use-rdb-preamble", has_rdb_base);
    const int64_t before = session.info_number("persistence", "aof_rewrites");
    session.ask("BGREWRITEAOF");
    EXPECT_TRUE(wait_until(
        [&] { return session.info_number("persistence", "aof_rewrites") == before + 1; }));
    session.ask("SET", "behind", "the base");
}

void expect_loaded_by_both(const char* preallocate) {
    for (uint64_t seed = test_seed(); seed < test_seed() + 3; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        const AofDirectory directory;
        Data before;
        {
            ServerProcess server(subject_in(directory, preallocate));
            ASSERT_TRUE(AofDirectory::has_loaded(server)) << server.log();
            run_workload(server, seed, 2500);
            if (seed % 3 != 0) rewrite(server, seed % 3 == 1 ? "no" : "yes");
            before = data_of(server);
            server.send_signal(SIGKILL);
            ASSERT_TRUE(server.wait_exit().has_value());
        }
        ASSERT_FALSE(before.empty());
        const AofCheck check = directory.check("appendonly.aof.manifest");
        EXPECT_TRUE(check.is_valid()) << check.output;
        {
            ServerProcess again(subject_in(directory, preallocate));
            ASSERT_TRUE(AofDirectory::has_loaded(again)) << again.log();
            EXPECT_EQ(difference(before, data_of(again)), "");
            EXPECT_EQ(again.stop(), 0);
        }
        ServerProcess oracle(directory.oracle());
        ASSERT_TRUE(AofDirectory::has_loaded(oracle)) << oracle.log();
        EXPECT_EQ(difference(before, data_of(oracle)), "");
    }
}

TEST(AppendOnly, IsLoadedByBoth) { expect_loaded_by_both("no"); }

TEST(AppendOnly, IsLoadedByBothWithFilling) { expect_loaded_by_both("yes"); }

/// A crash leaves filling behind the last group: lines that Redis' tools skip. Redis writes on
/// behind it, and that is read here.
TEST(AppendOnly, RedisGoesOnBehindFilling) {
    constexpr const char* kPart = "appendonly.aof.1.incr.aof";
    const AofDirectory directory;
    Data before;
    {
        ServerProcess server(subject_in(directory, "yes"));
        ASSERT_TRUE(AofDirectory::has_loaded(server)) << server.log();
        Session session(server);
        for (int i = 0; i < 300; ++i) {
            session.ask("SET", "k:" + std::to_string(i), std::string(i, 'v'));
        }
        session.ask("SELECT", "3");
        session.ask("RPUSH", "list", "a", "b");
        EXPECT_GT(session.info_number("persistence", "aof_checked_writes"), 200);
        EXPECT_GT(session.info_number("persistence", "aof_filling_size"), 0);
        before = data_of(server);
        server.send_signal(SIGKILL);
        ASSERT_TRUE(server.wait_exit().has_value());
    }
    const std::string left = directory.read(kPart);
    ASSERT_TRUE(left.ends_with(" \n")) << "no filling";
    for (const char* name : {kPart, "appendonly.aof.manifest"}) {
        const AofCheck check = directory.check(name);
        EXPECT_TRUE(check.is_valid()) << check.output;
    }
    {
        ServerProcess oracle(directory.oracle());
        ASSERT_TRUE(AofDirectory::has_loaded(oracle)) << oracle.log();
        EXPECT_EQ(difference(before, data_of(oracle)), "");
        Session session(oracle);
        EXPECT_EQ(session.ask("SET", "theirs", "1"), "OK");
        before = data_of(oracle);
        EXPECT_EQ(oracle.stop(), 0);
    }
    ASSERT_TRUE(directory.read(kPart).starts_with(left));
    ServerProcess server(subject_in(directory, "yes"));
    ASSERT_TRUE(AofDirectory::has_loaded(server)) << server.log();
    EXPECT_EQ(difference(before, data_of(server)), "");
}

bool has_direct_io(const AofDirectory& directory) {
    alignas(4096) static constexpr char kPage[4096] = {};
    const std::string probe = directory.file("probe");
    const int file = ::open(probe.c_str(), O_CREAT | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600);
    const bool has = file >= 0 && ::pwrite(file, kPage, sizeof kPage, 0) == sizeof kPage;
    if (file >= 0) ::close(file);
    std::filesystem::remove(probe);
    return has;
}

/// Comments stand where the log was moved to the pages of the file.
TEST(AppendOnly, AStreamThatWentPastThePageCacheIsLoadedByBoth) {
    const AofDirectory directory;
    if (!has_direct_io(directory)) GTEST_SKIP() << "this file system has no O_DIRECT";
    Data before;
    {
        ServerOptions options = subject_in(directory);
        options.arguments.insert(options.arguments.end(), {"--appendfsync", "everysec",
                                                           "--auto-aof-rewrite-percentage", "0"});
        ServerProcess server(options);
        ASSERT_TRUE(AofDirectory::has_loaded(server)) << server.log();
        Session session(server);
        int count = 0;
        // What is not on the disk goes once more, up to a limit: the disk may be slow.
        const auto has_streamed = [&] {
            for (int i = 0; i < 14; ++i, ++count) {
                const std::string number = std::to_string(count);
                session.ask("MSET", "k:" + std::to_string(count % 30),
                            std::string(1'000'000 - count, static_cast<char>('a' + count % 26)),
                            "n:" + number, number);
            }
            EXPECT_EQ(session.ask("WAITAOF", "1", "0", "0"), "[:1 :0]");
            return session.info_number("persistence", "aof_direct_bytes") > 10'000'000;
        };
        ASSERT_TRUE(wait_until(has_streamed)) << session.info("persistence", "aof_direct_bytes");
        EXPECT_EQ(session.info_number("persistence", "aof_failures"), 0);
        before = data_of(server);
        server.send_signal(SIGKILL);
        ASSERT_TRUE(server.wait_exit().has_value());
    }
    const AofCheck check = directory.check("appendonly.aof.manifest");
    EXPECT_TRUE(check.is_valid()) << check.output;
    {
        ServerProcess oracle(directory.oracle());
        ASSERT_TRUE(AofDirectory::has_loaded(oracle)) << oracle.log();
        EXPECT_EQ(difference(before, data_of(oracle)), "");
        EXPECT_EQ(oracle.stop(), 0);
    }
    ServerProcess again(subject_in(directory));
    ASSERT_TRUE(AofDirectory::has_loaded(again)) << again.log();
    EXPECT_EQ(difference(before, data_of(again)), "");
}

/// What 7.0 lets its clients say and logs, and what it logs in words that no client may use.
TEST(AppendOnly, ReadsWhatRedisAloneWrites) {
    const AofDirectory directory;
    std::filesystem::remove(directory.file(""));
    Data before;
    {
        ServerOptions options = directory.oracle();
        options.arguments.insert(options.arguments.end(), {"--stream-node-max-entries", "1"});
        ServerProcess oracle(options);
        ASSERT_TRUE(AofDirectory::has_loaded(oracle)) << oracle.log();
        Session session(oracle);
        for (const char* key : {"x:1", "x:2", "x:3", "x:4", "x:5"}) {
            for (const char* id : {"1-1", "2-1", "3-1"}) session.ask("XADD", key, id, "f", "v");
        }
        session.ask("XADD", "x:1", "MAXLEN", "~", "1", "LIMIT", "2", "4-1", "f", "v");
        session.ask("XADD", "x:2", "MINID", "~", "3", "LIMIT", "10", "4-1", "f", "v");
        EXPECT_EQ(session.ask("XTRIM", "x:3", "MAXLEN", "~", "1", "LIMIT", "1"), ":1");
        EXPECT_EQ(session.ask("XTRIM", "x:4", "MINID", "~", "3", "LIMIT", "10"), ":2");
        session.ask("XDEL", "x:5", "3-1");
        EXPECT_EQ(session.ask("XSETID", "x:5", "2-1"), "OK");
        session.ask("XGROUP", "CREATE", "x:1", "g", "0");
        EXPECT_EQ(session.ask("XGROUP", "SETID", "x:1", "g", "+"), "OK");
        session.ask("GEOADD", "g:1", "1", "1", "a");
        EXPECT_EQ(
            session.ask("GEORADIUS", "g:1", "1", "1", "10", "km", "STORE", "g:2", "STORE", "g:3"),
            ":1");
        before = data_of(oracle);
        EXPECT_EQ(oracle.stop(), 0);
    }
    ServerProcess server(subject_in(directory));
    ASSERT_TRUE(AofDirectory::has_loaded(server)) << server.log();
    EXPECT_EQ(difference(before, data_of(server)), "");
}

TEST(AppendOnly, GoesOnWhereRedisEnded) {
    for (const bool has_rdb_base : {true, false}) {
        SCOPED_TRACE(has_rdb_base ? "base.rdb" : "base.aof");
        const AofDirectory directory;
        std::filesystem::remove(directory.file(""));
        Data before;
        {
            ServerOptions options = directory.oracle();
            options.arguments.insert(options.arguments.end(),
                                     {"--aof-use-rdb-preamble", has_rdb_base ? "yes" : "no"});
            ServerProcess oracle(options);
            ASSERT_TRUE(AofDirectory::has_loaded(oracle)) << oracle.log();
            Session session(oracle);
            for (int i = 0; i < 100; ++i) session.ask("SET", "base:" + std::to_string(i), "x");
            session.ask("SET", "late", "y", "PX", "100000000");
            session.ask("BGREWRITEAOF");
            ASSERT_TRUE(wait_until([&] {
                return session.info("persistence", "aof_rewrite_in_progress") == "0" &&
                       session.info("persistence", "aof_rewrites") != "0";
            }));
            for (int i = 0; i < 100; ++i) session.ask("INCR", "incr:" + std::to_string(i % 7));
            session.ask("SELECT", "2");
            session.ask("SET", "other", "z");
            before = data_of(oracle);
            EXPECT_EQ(oracle.stop(), 0);
        }
        {
            ServerProcess server(subject_in(directory, has_rdb_base ? "yes" : "no"));
            ASSERT_TRUE(AofDirectory::has_loaded(server)) << server.log();
            EXPECT_EQ(difference(before, data_of(server)), "");
            Session session(server);
            EXPECT_EQ(session.ask("SET", "ours", "1"), "OK");
            before = data_of(server);
            EXPECT_EQ(server.stop(), 0);
        }
        ServerProcess oracle(directory.oracle());
        ASSERT_TRUE(AofDirectory::has_loaded(oracle)) << oracle.log();
        EXPECT_EQ(difference(before, data_of(oracle)), "");
    }
}

}  // namespace
}  // namespace gyre::test
