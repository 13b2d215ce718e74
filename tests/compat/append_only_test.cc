// SPDX-License-Identifier: BSD-3-Clause

// Goal: a folder is the same to both programs. Method: a random workload over all commands both
// know; redis-check-aof accepts what the server under test wrote, redis-server loads it, and so
// does the server itself, each with the same data, compared key by key. And the other way round:
// the server under test starts on the folder of a redis-server.

#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "compat/aof_directory.h"
#include "compat/generator.h"
#include "compat/oracle_pair.h"
#include "support/seed.h"
#include "support/session.h"

namespace gyre::test {
namespace {

using Words = std::vector<std::string>;
/// Value and absolute deadline of each key.
using Data = std::map<std::tuple<int, std::string>, std::tuple<std::string, std::string>>;

Data data_of(const ServerProcess& server) {
    Session session(server);
    Data data;
    for (int database = 0; database < kDatabases; ++database) {
        session.ask("SELECT", std::to_string(database));
        for (const Reply& key : session.reply("KEYS", "*").elements) {
            const std::string name(key.text);
            data[{database, name}] = {session.ask("GET", name), session.ask("PEXPIRETIME", name)};
        }
    }
    return data;
}

ServerOptions subject_in(const AofDirectory& directory, const char* fsync) {
    return {
        .threads = 2,
        .arguments = {"--dir", directory.path(), "--appendonly", "yes", "--appendfsync", fsync}};
}

std::set<std::string> commands_of(const ServerProcess& server) {
    RawSocket socket = server.connect();
    return OraclePair::names_of(socket.command({"COMMAND"}));
}

void run_workload(const ServerProcess& server, uint64_t seed, size_t commands) {
    const std::set<std::string> available = commands_of(server);
    Generator generator(seed, available);
    RawSocket socket = server.connect();
    for (const Command& command : generator.sequence(commands)) {
        if (command.empty() || command[0].empty()) continue;
        socket.command(command);
    }
}

TEST(AppendOnly, IsLoadedByBoth) {
    for (uint64_t seed = test_seed(); seed < test_seed() + 3; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        const AofDirectory directory;
        Data before;
        {
            ServerProcess server(subject_in(directory, "always"));
            ASSERT_TRUE(AofDirectory::has_loaded(server)) << server.log();
            run_workload(server, seed, 4000);
            before = data_of(server);
            server.send_signal(SIGKILL);
            ASSERT_TRUE(server.wait_exit().has_value());
        }
        ASSERT_FALSE(before.empty());
        const AofCheck check = directory.check("appendonly.aof.manifest");
        EXPECT_TRUE(check.is_valid()) << check.output;
        {
            ServerProcess again(subject_in(directory, "always"));
            ASSERT_TRUE(AofDirectory::has_loaded(again)) << again.log();
            EXPECT_EQ(data_of(again), before);
            EXPECT_EQ(again.stop(), 0);
        }
        ServerProcess oracle(directory.oracle());
        ASSERT_TRUE(AofDirectory::has_loaded(oracle)) << oracle.log();
        EXPECT_EQ(data_of(oracle), before);
    }
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
            ServerProcess server(subject_in(directory, "always"));
            ASSERT_TRUE(AofDirectory::has_loaded(server)) << server.log();
            EXPECT_EQ(data_of(server), before);
            Session session(server);
            EXPECT_EQ(session.ask("SET", "ours", "1"), "OK");
            before = data_of(server);
            EXPECT_EQ(server.stop(), 0);
        }
        ServerProcess oracle(directory.oracle());
        ASSERT_TRUE(AofDirectory::has_loaded(oracle)) << oracle.log();
        EXPECT_EQ(data_of(oracle), before);
    }
}

}  // namespace
}  // namespace gyre::test
