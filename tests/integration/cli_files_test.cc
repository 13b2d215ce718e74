// SPDX-License-Identifier: BSD-3-Clause
// gyre-cli --dump and --load: data goes from a Gyre into a file, into redis-server, into a file
// again and back, and is the same. $GYRE_CLI names the program.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/server_process.h"
#include "support/session.h"
#include "support/shell.h"
#include "support/terminal.h"

namespace gyre::test {
namespace {

using namespace std::string_literals;

/// A moment that no run of a test reaches.
const std::string kFarMs = "4102444800123";

std::string lines(std::vector<std::string> parts, bool is_sorted) {
    if (is_sorted) std::sort(parts.begin(), parts.end());
    std::string text;
    for (const std::string& part : parts) text += part + '\n';
    return text;
}

/// The elements of an array, or of a map, `step` of them in a line.
std::string elements(const Reply& reply, size_t step, bool is_sorted) {
    std::vector<std::string> parts;
    for (size_t i = 0; i < reply.elements.size(); i += step) {
        parts.emplace_back();
        for (size_t j = i; j < i + step; ++j) parts.back() += brief(reply.elements[j]) + ' ';
    }
    return lines(std::move(parts), is_sorted);
}

/// What XINFO and XPENDING tell of a stream, but for the times at which consumers were seen.
std::string stream_text(Session& session, const std::string& key) {
    std::string text = brief(session.reply("XRANGE", key, "-", "+"));
    const Reply about = session.reply("XINFO", "STREAM", key);
    for (const char* field : {"length", "last-generated-id", "max-deleted-entry-id",
                              "entries-added", "recorded-first-entry-id"}) {
        text += " " + brief(*about.find(field));
    }
    for (const Reply& group : session.reply("XINFO", "GROUPS", key).elements) {
        const std::string name = group.find("name")->text;
        text += "\ngroup " + name;
        for (const char* field : {"consumers", "pending", "last-delivered-id", "entries-read"}) {
            text += " " + brief(*group.find(field));
        }
        for (const Reply& each : session.reply("XPENDING", key, name, "-", "+", "100").elements) {
            text += "\n" + each.elements[0].text + " " + each.elements[1].text + " " +
                    brief(each.elements[3]);
        }
    }
    return text;
}

/// With scores as they are: Redis 7.0 writes 0.1 in 17 digits.
std::string sorted_set_text(Session& session, const std::string& key) {
    std::string text;
    const Reply reply = session.reply("ZRANGE", key, "0", "-1", "WITHSCORES");
    for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
        char score[64];
        std::snprintf(score, sizeof(score), " %a\n",
                      std::strtod(reply.elements[i + 1].text.c_str(), nullptr));
        text += reply.elements[i].text + score;
    }
    return text;
}

std::string value_text(Session& session, const std::string& key, const std::string& type) {
    if (type == "string") return session.ask("GET", key);
    if (type == "list") return elements(session.reply("LRANGE", key, "0", "-1"), 1, false);
    if (type == "set") return elements(session.reply("SMEMBERS", key), 1, true);
    if (type == "hash") return elements(session.reply("HGETALL", key), 2, true);
    if (type == "zset") return sorted_set_text(session, key);
    return type == "stream" ? stream_text(session, key) : "unknown type";
}

/// Of "database key": type, deadline and value of all keys.
using Contents = std::map<std::string, std::string>;

Contents contents(const ServerProcess& server) {
    Session session(server);
    Contents all;
    for (int database = 0; database < 16; ++database) {
        const std::string number = std::to_string(database);
        EXPECT_EQ(session.ask("SELECT", number), "OK");
        for (const Reply& key : session.reply("KEYS", "*").elements) {
            const std::string type = session.ask("TYPE", key.text);
            all[number + " " + key.text] = type + " " + session.ask("PEXPIRETIME", key.text) + " " +
                                           value_text(session, key.text, type);
        }
    }
    return all;
}

void fill_collections(Session& session) {
    session.ask("RPUSH", "list", "a", "", "-70000", "b\0c"s, std::string(100'000, 'l'));
    session.ask("SADD", "integers", "1", "-40000", "9223372036854775807");
    session.ask("SADD", "words", "a", "1", "\xff");
    session.ask("HSET", "hash", "field", "value", "", "\r\n");
    session.ask("ZADD", "zset", "-inf", "low", "1.5", "x", "1e300", "high", "0.1", "tenth");
    for (int i = 0; i < 700; ++i) {
        const std::string number = std::to_string(i);
        session.client().append("RPUSH", "long list", "element " + number);
        session.client().append("SADD", "large set", "member " + number);
        session.client().append("HSET", "large hash", "field " + number, number);
        session.client().append("ZADD", "large zset", number + ".25", "member " + number);
        session.client().append("XADD", "stream", number + "-1", "n", number, "text", "x\r\n");
    }
    ASSERT_TRUE(session.client().execute_pipeline());
    session.ask("XDEL", "stream", "5-1", "699-1");
    session.ask("XGROUP", "CREATE", "stream", "group", "0");
    session.ask("XGROUP", "CREATE", "stream", "idle\n", "17-1");
    session.ask("XREADGROUP", "GROUP", "group", "ann", "COUNT", "4", "STREAMS", "stream", ">");
    session.ask("XREADGROUP", "GROUP", "group", "bob", "COUNT", "3", "STREAMS", "stream", ">");
    session.ask("XACK", "stream", "group", "1-1");
}

/// Every type in its small and in its large form, deadlines, odd names, three databases.
void fill(const ServerProcess& server) {
    Session session(server);
    session.ask("SET", "text", "caf\xc3\xa9");
    session.ask("SET", "number", "-12345");
    session.ask("SET", "large", std::string(300'000, 'x') + "\r\n");
    session.ask("SET", "", "");
    session.ask("SET", "\0 \xff\r\n\""s, "\0\r\n\x80"s);
    session.ask("PFADD", "visitors", "ann", "bob");
    session.ask("SETBIT", "bits", "1000", "1");
    fill_collections(session);
    for (const char* key : {"number", "list", "words", "large hash", "zset", "stream"}) {
        EXPECT_EQ(session.ask("PEXPIREAT", key, kFarMs), ":1");
    }
    session.ask("SELECT", "3");
    session.ask("SET", "text", "of the third", "PXAT", kFarMs);
    session.ask("SELECT", "15");
    for (int i = 0; i < 3000; ++i) {
        session.client().append("SET", "key:" + std::to_string(i), std::to_string(i));
    }
    ASSERT_TRUE(session.client().execute_pipeline());
}

class CliFiles : public ::testing::Test {
protected:
    CliFiles() : folder_(make_temporary_directory()) {}
    ~CliFiles() override { std::filesystem::remove_all(folder_); }

    static std::unique_ptr<ServerProcess> gyre(std::vector<std::string> arguments = {}) {
        auto server = std::make_unique<ServerProcess>(
            ServerOptions{.threads = 2, .arguments = std::move(arguments)});
        EXPECT_TRUE(server->is_ready()) << server->log();
        return server;
    }
    static std::unique_ptr<ServerProcess> redis(std::vector<std::string> arguments = {}) {
        auto server = std::make_unique<ServerProcess>(
            ServerOptions{.binary = oracle_binary(), .arguments = std::move(arguments)});
        EXPECT_TRUE(server->is_ready()) << server->log();
        return server;
    }
    static bool has_redis() { return access(oracle_binary().c_str(), X_OK) == 0; }

    static std::string call(const ServerProcess& server, const std::string& arguments) {
        return cli_program() + " -p " + std::to_string(server.port()) + " " + arguments;
    }
    Outcome cli(const ServerProcess& server, const std::string& arguments,
                const std::string& input = "") const {
        return run_in_shell(folder_, call(server, arguments), input);
    }
    void expect_done(const ServerProcess& server, const std::string& arguments) const {
        const Outcome outcome = cli(server, arguments);
        EXPECT_EQ(outcome.status, 0) << arguments << "\n" << outcome.errors;
        EXPECT_EQ(outcome.errors, "") << arguments;
    }
    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    bool has_parts() const {
        const std::filesystem::directory_iterator all(folder_);
        return std::any_of(begin(all), end(all), [](const auto& entry) {
            return entry.path().string().find(".part") != std::string::npos;
        });
    }

    const std::string folder_;
};

TEST_F(CliFiles, DataIsTheSameAfterAFileAndRedisAndAFile) {
    if (!has_redis()) GTEST_SKIP() << "no redis-server";
    const auto first = gyre();
    fill(*first);
    const Contents wanted = contents(*first);
    ASSERT_EQ(wanted.size(), 3018U);
    for (const std::string name : {"data.rdb", "data.json"}) {
        const auto oracle = redis();
        const auto last = gyre();
        expect_done(*first, "--dump " + name);
        expect_done(*oracle, "--load " + name);
        EXPECT_EQ(contents(*oracle), wanted) << name;
        expect_done(*oracle, "--dump of-redis-" + name);
        expect_done(*last, "--load of-redis-" + name);
        EXPECT_EQ(contents(*last), wanted) << name;
        EXPECT_FALSE(has_parts());
    }
}

TEST_F(CliFiles, OtherToolsReadTheFile) {
    if (!has_redis()) GTEST_SKIP() << "no redis-server";
    const auto server = gyre();
    fill(*server);
    const Contents wanted = contents(*server);
    expect_done(*server, "--rdb dump.rdb");
    const auto reader =
        redis({"--dir", folder_, "--dbfilename", "dump.rdb", "--repl-diskless-sync-delay", "0"});
    EXPECT_EQ(contents(*reader), wanted);
    // And what redis-cli fetches is loaded.
    const std::string fetch = "redis-cli -p " + std::to_string(reader->port()) + " --rdb their.rdb";
    ASSERT_EQ(run_in_shell(folder_, fetch).status, 0);
    const auto last = gyre();
    expect_done(*last, "--load their.rdb");
    EXPECT_EQ(contents(*last), wanted);
}

TEST_F(CliFiles, GoesThroughAPipe) {
    const auto from = gyre();
    const auto to = gyre();
    fill(*from);
    for (const std::string format : {"rdb", "json"}) {
        Session(*to).ask("FLUSHALL");
        const Outcome outcome = run_in_shell(
            folder_, call(*from, "--dump - --format " + format) + " | " + call(*to, "--load -"));
        EXPECT_EQ(outcome.status, 0) << outcome.errors;
        EXPECT_EQ(outcome.errors.substr(0, 10), "3018 keys ") << outcome.errors;
        EXPECT_EQ(outcome.output.substr(0, 16), "3018 keys loaded") << outcome.output;
        EXPECT_EQ(contents(*to), contents(*from)) << format;
    }
}

TEST_F(CliFiles, KeepsDeadlinesOfFieldsAndSaysWhoCannot) {
    const auto from = gyre();
    Session session(*from);
    session.ask("HSET", "hash", "brief", "1", "lasting", "2");
    session.ask("HPEXPIREAT", "hash", kFarMs, "FIELDS", "1", "brief");
    session.ask("SET", "plain", "v");
    for (const std::string name : {"data.rdb", "data.json"}) {
        expect_done(*from, "--dump " + name);
        const auto to = gyre();
        expect_done(*to, "--load " + name);
        EXPECT_EQ(Session(*to).ask("HPEXPIRETIME", "hash", "FIELDS", "2", "brief", "lasting"),
                  "[:" + kFarMs + " :-1]");
    }
    if (!has_redis()) GTEST_SKIP() << "no redis-server";
    const auto oracle = redis();
    const Outcome outcome = cli(*oracle, "--load data.json");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.errors.find("key \"hash\" of database 0: ERR DUMP payload version"),
              std::string::npos)
        << outcome.errors;
    EXPECT_EQ(Session(*oracle).ask("GET", "plain"), "v");
}

TEST_F(CliFiles, LeavesKeysThatAreThereUnlessAskedToReplaceThem) {
    const auto from = gyre();
    const auto to = gyre();
    for (const char* key : {"a", "b", "c"}) Session(*from).ask("SET", key, "new");
    Session(*to).ask("SET", "b", "old");
    for (const std::string name : {"data.rdb", "data.json"}) {
        Session(*to).ask("DEL", "a", "c");
        expect_done(*from, "--dump " + name);
        const Outcome outcome = cli(*to, "--load " + name);
        EXPECT_EQ(outcome.status, 1);
        EXPECT_EQ(outcome.output.substr(0, 14), "2 keys loaded,") << outcome.output;
        EXPECT_NE(outcome.output.find("1 key there already"), std::string::npos) << outcome.output;
        EXPECT_EQ(Session(*to).ask("MGET", "a", "b", "c"), "[new old new]");
    }
    expect_done(*to, "--load data.json --replace");
    EXPECT_EQ(Session(*to).ask("GET", "b"), "new");
}

TEST_F(CliFiles, TakesWhatItIsAskedFor) {
    const auto from = gyre();
    const auto to = gyre();
    Session session(*from);
    session.ask("MSET", "user:1", "a", "user:2", "b", "other", "c");
    session.ask("SELECT", "2");
    session.ask("MSET", "user:3", "d", "other", "e");
    expect_done(*from, "-n 2 --dump two.rdb --pattern 'user:*'");
    expect_done(*to, "--load two.rdb");
    EXPECT_EQ(contents(*to), (Contents{{"2 user:3", "string :-1 d"}}));
    expect_done(*from, "--dump users.json --pattern 'user:*'");
    Session(*to).ask("FLUSHALL");
    expect_done(*to, "-n 0 --load users.json");
    EXPECT_EQ(contents(*to),
              (Contents{{"0 user:1", "string :-1 a"}, {"0 user:2", "string :-1 b"}}));
    // An empty server gives an empty file, which is a file all the same.
    Session(*from).ask("FLUSHALL");
    expect_done(*from, "--dump none.rdb");
    expect_done(*from, "--load none.rdb");
}

TEST_F(CliFiles, KeysThatComeInAnyOrderOfDatabases) {
    const auto to = gyre();
    std::string document = R"({"format":"gyre-json","version":1,"keys":[)";
    Contents wanted;
    for (int i = 0; i < 600; ++i) {
        const std::string number = std::to_string(i);
        const std::string database = std::to_string(i % 7);
        document += (i == 0 ? "" : ",") + R"({"db":)"s + database + R"(,"key":"k)" + number +
                    R"(","type":"string","value":")" + number + R"("})";
        wanted[database + " k" + number] = "string :-1 " + number;
    }
    const Outcome outcome = cli(*to, "--load -", document + "]}");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_EQ(contents(*to), wanted);
    // A key must not go where the one before it was.
    const auto few = gyre({"--databases", "4"});
    const Outcome refused = cli(*few, "--load -", document + "]}");
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.errors.find("SELECT 4"), std::string::npos) << refused.errors;
    EXPECT_EQ(Session(*few).number("DBSIZE"), 1);
}

TEST_F(CliFiles, TellsOfTimestampsThatAreLost) {
    const auto to = gyre();
    const Outcome outcome = cli(*to, "--load -",
                                R"({"format":"gyre-json","version":1,"keys":[)"
                                R"({"db":0,"key":"a","type":"string","timestamp_ms":5,"value":"v"})"
                                "]}");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_NE(outcome.output.find("1 key had a timestamp"), std::string::npos) << outcome.output;
}

TEST_F(CliFiles, ReckonsDeadlinesWhereTheServerDoesNotTellThem) {
    if (!has_redis()) GTEST_SKIP() << "no redis-server";
    const auto old = redis({"--rename-command", "PEXPIRETIME", ""});
    Session(*old).ask("SET", "k", "v", "PXAT", kFarMs);
    Session(*old).ask("SET", "eternal", "v");
    expect_done(*old, "--dump data.rdb");
    const auto to = gyre();
    expect_done(*to, "--load data.rdb");
    // What is left and what the clock says are read one after the other.
    EXPECT_NEAR(static_cast<double>(Session(*to).number("PEXPIRETIME", "k")), 4102444800123.0,
                30'000.0);
    EXPECT_EQ(Session(*to).number("PEXPIRETIME", "eternal"), -1);
}

TEST_F(CliFiles, AKeyThatCannotBeReadLeavesTheFileAsItWas) {
    if (!has_redis()) GTEST_SKIP() << "no redis-server";
    const auto server = redis();
    Session session(*server);
    session.ask("MSET", "a:1", "v", "b:1", "v");
    ASSERT_EQ(session.ask("ACL", "SETUSER", "reader", "on", "nopass", "~a*", "+@all"), "OK");
    std::ofstream(path("data.rdb")) << "before";
    const Outcome outcome = cli(*server, "--user reader --pass x --dump data.rdb");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.errors.find("Key \"b:1\" of database 0: NOPERM"), std::string::npos)
        << outcome.errors;
    EXPECT_NE(outcome.errors.find("data.rdb was not written"), std::string::npos);
    EXPECT_EQ(read_file(path("data.rdb")), "before");
    EXPECT_FALSE(has_parts());
}

TEST_F(CliFiles, ASignalLeavesNothingBehind) {
    const auto server = gyre();
    // Nothing is answered, so the program waits when the signal comes.
    ASSERT_EQ(Session(*server).ask("CLIENT", "PAUSE", "3600000", "ALL"), "OK");
    const std::string dump = call(*server, "--dump data.rdb");
    const Outcome outcome = run_in_shell(
        folder_, dump +
                     " & pid=$!; until grep -q 'SigBlk:.*[1-9a-f]' /proc/$pid/status && "
                     "[ -e data.rdb.$pid.part ]; do sleep 0.01; done; kill -TERM $pid; wait $pid");
    EXPECT_EQ(outcome.status, 128 + 15) << outcome.errors;
    EXPECT_NE(outcome.errors.find("Cancelled. data.rdb was not written."), std::string::npos)
        << outcome.errors;
    EXPECT_FALSE(has_parts());
    EXPECT_FALSE(std::filesystem::exists(path("data.rdb")));
}

TEST_F(CliFiles, ADamagedFileIsLoadedUpToTheDamage) {
    const auto from = gyre();
    fill(*from);
    const auto to = gyre();
    for (const std::string name : {"data.rdb", "data.json"}) {
        expect_done(*from, "--dump " + name);
        const std::string whole = read_file(path(name));
        Session(*to).ask("FLUSHALL");
        // Behind the large values, whose places are others in each run: among the many small keys
        // of the last database, so that several came before the damage, and not one or none.
        const Outcome outcome = cli(*to, "--load -", whole.substr(0, whole.size() - 2000));
        EXPECT_EQ(outcome.status, 1);
        EXPECT_NE(outcome.errors.find(" keys loaded"), std::string::npos) << outcome.errors;
        EXPECT_EQ(outcome.errors.find("did not come"), std::string::npos) << outcome.errors;
        EXPECT_GT(contents(*to).size(), 1U);
    }
    const Outcome garbage = cli(*to, "--load -", "garbage");
    EXPECT_EQ(garbage.status, 1);
    EXPECT_NE(garbage.errors.find("JSON, line 1"), std::string::npos) << garbage.errors;
    EXPECT_NE(cli(*to, "--load -").errors.find("is empty"), std::string::npos);
    EXPECT_NE(cli(*to, "--load missing").errors.find("missing"), std::string::npos);
}

TEST_F(CliFiles, ShowsOnATerminalHowFarItIs) {
    const auto to = gyre();
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    Terminal terminal({cli_program(), "-p", std::to_string(to->port()), "--load", path("pipe")},
                      {});
    std::ofstream pipe(path("pipe"), std::ios::binary);
    pipe << R"({"format":"gyre-json","version":1,"keys":[)";
    // More and more, until it was long enough since the start for a line.
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const auto has_line = [](const Screen& screen) {
        return screen.row(0).find(" keys  ") != std::string::npos;
    };
    int keys = 0;
    bool is_shown = false;
    while (!is_shown && std::chrono::steady_clock::now() < deadline) {
        for (int i = 0; i < 100; ++i, ++keys) {
            pipe << (keys == 0 ? "" : ",") << R"({"db":0,"key":"k)" << keys
                 << R"(","type":"string","value":")" << std::string(2000, 'x') << R"("})";
        }
        pipe.flush();
        is_shown = terminal.wait_for(has_line, std::chrono::milliseconds(50));
    }
    EXPECT_TRUE(is_shown) << terminal.screen().text();
    pipe << "]}";
    pipe.close();
    EXPECT_EQ(terminal.wait_exit(), 0);
    // The line has made room for the summary.
    EXPECT_EQ(terminal.screen().row(0).find(std::to_string(keys) + " keys loaded, "), 0U)
        << terminal.screen().text();
    EXPECT_EQ(Session(*to).number("DBSIZE"), keys);
}

TEST_F(CliFiles, LoadsLibrariesOfFunctions) {
    if (!has_redis()) GTEST_SKIP() << "no redis-server";
    const auto from = redis({"--repl-diskless-sync-delay", "0"});
    Session session(*from);
    ASSERT_EQ(session.ask("FUNCTION", "LOAD",
                          "#!lua name=lib\nredis.register_function('f', function() return 7 end)"),
              "lib");
    session.ask("SET", "k", "v");
    const std::string fetch = "redis-cli -p " + std::to_string(from->port()) + " --rdb their.rdb";
    ASSERT_EQ(run_in_shell(folder_, fetch).status, 0);
    const auto to = redis();
    expect_done(*to, "--load their.rdb");
    EXPECT_EQ(Session(*to).ask("FCALL", "f", "0"), ":7");
    const auto without = gyre();
    const Outcome outcome = cli(*without, "--load their.rdb");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.errors.find("library of functions: "), std::string::npos) << outcome.errors;
    EXPECT_EQ(Session(*without).ask("GET", "k"), "v");
}

}  // namespace
}  // namespace gyre::test
