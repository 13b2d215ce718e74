// SPDX-License-Identifier: BSD-3-Clause

// The append-only file of a real server, written anew while it is served, and switched on and off.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "integration/append_only_test.h"

namespace gyre::test {
namespace {

GYRE_INSTANTIATE(AppendOnlyTest);

/// Clients count while the file is written anew again and again, and the server is killed.
TEST_P(AppendOnlyTest, IsRewrittenUnderLoad) {
    constexpr int kClients = 4;
    std::vector<int64_t> answered(kClients, 0);
    std::vector<int64_t> sent(kClients, 0);
    for (int round = 0; round < 4; ++round) {
        start_at_home("always");
        if (HasFatalFailure()) return;
        Session check = session();
        for (int client = 0; client < kClients; ++client) {
            const std::string text = check.ask("HGET", "counters", std::to_string(client));
            const int64_t value = text == "(nil)" ? 0 : std::stoll(text);
            EXPECT_GE(value, answered[client]) << "round " << round << ", client " << client;
            EXPECT_LE(value, sent[client]);
            answered[client] = sent[client] = value;
        }
        std::vector<std::thread> threads;
        for (int client = 0; client < kClients; ++client) {
            threads.emplace_back([&, client, socket = server().connect()]() mutable {
                const std::string command =
                    encode({"HINCRBY", "counters", std::to_string(client), "1"});
                while (socket.send(command)) {
                    ++sent[client];
                    const std::vector<Frame> frames = socket.read_frames(1);
                    if (frames.empty()) break;
                    answered[client] = std::stoll(frames[0].text);
                }
            });
        }
        for (int rewrite = 1; rewrite <= 3; ++rewrite) {
            EXPECT_EQ(check.ask("BGREWRITEAOF"), "Background append only file rewriting started");
            EXPECT_TRUE(wait_until(
                [&] { return check.info_number("persistence", "aof_rewrites") == rewrite; }));
        }
        EXPECT_EQ(check.info("persistence", "aof_last_bgrewrite_status"), "ok");
        // A base, an increment, the manifest.
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(home_.directory()), {}), 3);
        kill();
        for (std::thread& thread : threads) thread.join();
    }
}

TEST_P(AppendOnlyTest, IsRewrittenByItselfWhenItHasGrown) {
    start_at_home("everysec",
                  {"--auto-aof-rewrite-min-size", "20kb", "--auto-aof-rewrite-percentage", "100"});
    Session client = session();
    EXPECT_EQ(client.info("persistence", "aof_base_size"), "0");
    for (int i = 0; i < 300; ++i) client.ask("SET", "key", std::string(1000, 'x'));
    ASSERT_TRUE(wait_until([&] { return client.info("persistence", "aof_rewrites") == "1"; }));
    EXPECT_LT(client.info_number("persistence", "aof_current_size"), 5000);
    EXPECT_EQ(client.info("persistence", "aof_base_size"),
              client.info("persistence", "aof_current_size"));
    client.ask("MULTI");
    client.ask("INCR", "n");
    client.ask("BGREWRITEAOF");
    client.ask("INCR", "n");
    EXPECT_EQ(client.ask("EXEC"), "[:1 Background append only file rewriting scheduled :2]");
    ASSERT_TRUE(wait_until([&] { return client.info("persistence", "aof_rewrites") == "2"; }));
    client.ask("INCR", "n");
    EXPECT_EQ(server().stop(), 0);
    start_at_home("everysec");
    EXPECT_EQ(session().ask("GET", "n"), "3");
    EXPECT_EQ(session().ask("STRLEN", "key"), ":1000");
}

TEST_P(AppendOnlyTest, WithoutALogARewriteLeavesABaseAlone) {
    start({"--dir", home_.path(), "--save", ""});
    Session client = session();
    client.ask("SET", "a", "1");
    client.ask("SET", "t", "v", "TIMESTAMP", "5000");
    const auto expect_base = [&](int number) {
        const std::string name = "appendonly.aof." + std::to_string(number) + ".base.rdb";
        EXPECT_EQ(content(home_.directory() + "/appendonly.aof.manifest"),
                  "file " + name + " seq " + std::to_string(number) + " type b\n");
        EXPECT_TRUE(content(home_.directory() + "/" + name).starts_with("REDIS"));
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(home_.directory()), {}), 2);
    };
    const auto rewrite = [](Session& by) {
        const int64_t before = by.info_number("persistence", "aof_rewrites");
        EXPECT_EQ(by.ask("BGREWRITEAOF"), "Background append only file rewriting started");
        EXPECT_TRUE(wait_until(
            [&] { return by.info_number("persistence", "aof_rewrites") == before + 1; }));
    };
    rewrite(client);
    expect_base(1);
    rewrite(client);
    expect_base(2);
    client.ask("MULTI");
    client.ask("BGREWRITEAOF");
    EXPECT_EQ(client.ask("EXEC"), "[Background append only file rewriting scheduled]");
    ASSERT_TRUE(wait_until([&] { return client.info("persistence", "aof_rewrites") == "3"; }));
    expect_base(3);
    kill();
    start_at_home("always", {"--save", ""});
    Session again = session();
    EXPECT_EQ(again.ask("GET", "a"), "1");
    EXPECT_EQ(again.ask("SET", "t", "w", "TIMESTAMP", "4000"), "(nil)");
    EXPECT_EQ(again.ask("SET", "b", "2"), "OK");
    // At once: the file that ends is still there.
    EXPECT_EQ(again.ask("CONFIG", "SET", "appendonly", "no"), "OK");
    rewrite(again);
    expect_base(4);
    again.ask("SET", "c", "3");
    EXPECT_EQ(again.ask("CONFIG", "SET", "appendonly", "yes"), "OK");
    EXPECT_TRUE(wait_until([&] { return again.info("persistence", "aof_rewrites") == "2"; }));
    EXPECT_EQ(again.ask("SET", "d", "4"), "OK");
    kill();
    start_at_home("always", {"--save", ""});
    EXPECT_EQ(session().ask("MGET", "a", "b", "c", "d"), "[1 2 3 4]");
}

/// Orders that cross each other: whatever was told to be on the disk is there in the end.
TEST_P(AppendOnlyTest, ABaseAloneAndALogThatBeginsOrEndsDoNotMix) {
    start_at_home("always", {"--save", ""});
    RawSocket socket = server().connect();
    int64_t count = 0;
    for (int round = 0; round < 10; ++round) {
        std::string commands;
        for (const char* turn : {"no", "yes"}) {
            commands += encode({"CONFIG", "SET", "appendonly", turn});
            commands += encode({"BGREWRITEAOF"}) + encode({"INCR", "n"});
        }
        ASSERT_TRUE(socket.send(commands));
        const std::vector<Frame> frames = socket.read_frames(6);
        ASSERT_EQ(frames.size(), 6U);
        for (const size_t index : {0, 3}) EXPECT_EQ(frames[index].text, "OK");
        count = std::stoll(frames[5].text);
    }
    Session client = session();
    ASSERT_TRUE(wait_until([&] { return has_no_rewrite(client); }));
    EXPECT_EQ(client.info("persistence", "aof_last_bgrewrite_status"), "ok");
    ASSERT_TRUE(wait_until([&] { return client.ask("WAITAOF", "1", "0", "100") == "[:1 :0]"; }));
    kill();
    start_at_home("always", {"--save", ""});
    EXPECT_EQ(session().ask("GET", "n"), std::to_string(count));
}

TEST_P(AppendOnlyTest, SaysWhyABaseAloneCannotBeWritten) {
    start({"--dir", home_.path(), "--save", ""});
    std::ofstream(home_.directory()) << "in the way";
    Session client = session();
    EXPECT_EQ(client.ask("BGREWRITEAOF"),
              "-ERR Can't execute an AOF background rewriting. Please check the server logs for "
              "more information.");
    EXPECT_EQ(client.info("persistence", "aof_last_bgrewrite_status"), "err");
    EXPECT_EQ(client.info("persistence", "aof_rewrite_scheduled"), "0");
    EXPECT_TRUE(server().wait_for_log("Background AOF rewrite failed"));
    std::filesystem::remove(home_.directory());
    EXPECT_EQ(client.ask("BGREWRITEAOF"), "Background append only file rewriting started");
    EXPECT_TRUE(wait_until([&] { return client.info("persistence", "aof_rewrites") == "1"; }));
    EXPECT_EQ(client.info("persistence", "aof_last_bgrewrite_status"), "ok");
}

TEST_P(AppendOnlyTest, HasABaseOfCommandsIfAsked) {
    start_at_home("always", {"--aof-use-rdb-preamble", "no"});
    Session client = session();
    Words many{"RPUSH", "list"};
    Words pairs{"HSET", "hash"};
    Words scores{"ZADD", "zset"};
    for (int i = 0; i < 1000; ++i) {
        const std::string number = std::to_string(i);
        many.push_back("element " + number);
        pairs.insert(pairs.end(), {"field " + number, number});
        scores.insert(scores.end(), {std::to_string(i * 0.1), "member " + number});
    }
    RawSocket socket = server().connect();
    for (const Words& words : {many, pairs, scores}) socket.command(words);
    many[0] = "SADD";
    many[1] = "set";
    socket.command(many);
    client.ask("HPEXPIRE", "hash", "100000000", "FIELDS", "1", "field 7");
    client.ask("SADD", "numbers", "3", "1", "2");
    client.ask("HSET", "small", "f", "1");
    client.ask("ZADD", "ranks", "2.5", "a", "inf", "b");
    client.ask("SET", "text", std::string(200'000, 'x'), "PX", "100000000");
    client.ask("SET", "t", "v", "TIMESTAMP", "5000");
    client.ask("XADD", "x", "5-1", "f", "v");
    client.ask("XGROUP", "CREATE", "x", "g", "0");
    client.ask("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">");
    client.ask("SELECT", "3");
    client.ask("RPUSH", "list", "other");
    client.ask("PEXPIRE", "list", "100000000");
    EXPECT_EQ(client.ask("BGREWRITEAOF"), "Background append only file rewriting started");
    ASSERT_TRUE(wait_until([&] { return client.info("persistence", "aof_rewrites") == "1"; }));
    client.ask("RPUSH", "list", "behind");
    kill();
    const std::string base = content(home_.directory() + "/appendonly.aof.1.base.aof");
    // A command, or the time of one whose key was written with TIMESTAMP: not an RDB file.
    EXPECT_TRUE(base.starts_with("*") || base.starts_with("#")) << base.substr(0, 9);
    start_at_home("always");
    Session again = session();
    EXPECT_EQ(again.ask("LRANGE", "list", "998", "-1"), "[element 998 element 999]");
    EXPECT_EQ(again.ask("LLEN", "list"), ":1000");
    EXPECT_EQ(again.ask("HLEN", "hash"), ":1000");
    EXPECT_NE(again.ask("HPTTL", "hash", "FIELDS", "1", "field 7"), "[:-1]");
    EXPECT_EQ(again.ask("SCARD", "set"), ":1000");
    EXPECT_EQ(again.ask("SMISMEMBER", "numbers", "1", "2", "3", "4"), "[:1 :1 :1 :0]");
    EXPECT_EQ(again.ask("ZSCORE", "zset", "member 7"), "0.7");
    EXPECT_EQ(again.ask("ZSCORE", "ranks", "b"), "inf");
    EXPECT_EQ(again.ask("STRLEN", "text"), ":200000");
    EXPECT_GT(again.number("PTTL", "text"), 90'000'000);
    EXPECT_EQ(again.ask("SET", "t", "w", "TIMESTAMP", "4000"), "(nil)");
    EXPECT_EQ(again.ask("XACK", "x", "g", "5-1"), ":1");
    again.ask("SELECT", "3");
    EXPECT_EQ(again.ask("LRANGE", "list", "0", "-1"), "[other behind]");
    EXPECT_GT(again.number("PTTL", "list"), 90'000'000);
}

TEST_P(AppendOnlyTest, IsSwitchedOnAndOffWhileItRuns) {
    const Words off{"--dir", home_.path(), "--appendfsync", "always", "--save", ""};
    start(off);
    Session client = session();
    EXPECT_EQ(client.ask("SET", "before", "1"), "OK");
    EXPECT_EQ(client.ask("CONFIG", "SET", "appendonly", "yes"), "OK");
    EXPECT_EQ(client.ask("CONFIG", "GET", "appendonly"), "[appendonly yes]");
    EXPECT_EQ(client.info("persistence", "aof_enabled"), "1");
    ASSERT_TRUE(wait_until([&] { return client.info("persistence", "aof_rewrites") == "1"; }));
    EXPECT_EQ(client.ask("SET", "with", "2"), "OK");
    EXPECT_EQ(client.ask("WAITAOF", "1", "0", "0"), "[:1 :0]");
    kill();
    start_at_home("always", {"--save", ""});
    Session again = session();
    EXPECT_EQ(again.ask("MGET", "before", "with"), "[1 2]");
    EXPECT_EQ(again.ask("SET", "last", "3"), "OK");
    EXPECT_EQ(again.ask("CONFIG", "SET", "appendonly", "no"), "OK");
    EXPECT_EQ(again.info("persistence", "aof_enabled"), "0");
    ASSERT_TRUE(server().wait_for_log("The append-only file has ended"));
    EXPECT_EQ(again.ask("SET", "without", "4"), "OK");
    kill();
    start_at_home("always", {"--save", ""});
    EXPECT_EQ(session().ask("MGET", "before", "with", "last", "without"), "[1 2 3 (nil)]");
}

/// What a client wrote before is in the base of the log, which takes its time.
TEST_P(AppendOnlyTest, WaitaofWaitsForTheBaseOfALogThatBegins) {
    start({"--dir", home_.path(), "--enable-debug-command", "yes", "--save", ""});
    Session client = session();
    EXPECT_EQ(client.ask("DEBUG", "POPULATE", "200000"), "OK");
    EXPECT_EQ(client.ask("SET", "last", "1"), "OK");
    EXPECT_EQ(client.ask("CONFIG", "SET", "appendonly", "yes"), "OK");
    EXPECT_EQ(client.ask("WAITAOF", "1", "0", "0"), "[:1 :0]");
    kill();
    start_at_home("everysec", {"--save", ""});
    EXPECT_EQ(session().ask("DBSIZE"), ":200001");
    EXPECT_EQ(session().ask("GET", "last"), "1");
}

TEST_P(AppendOnlyTest, SaysWhyItCannotBeSwitchedOn) {
    start({"--dir", home_.path(), "--save", ""});
    std::ofstream(home_.directory()) << "in the way";
    EXPECT_EQ(session().ask("CONFIG", "SET", "appendonly", "yes"),
              "-ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn "
              "on AOF. Check server logs.");
    EXPECT_EQ(session().ask("CONFIG", "GET", "appendonly"), "[appendonly no]");
    std::filesystem::remove(home_.directory());
    EXPECT_EQ(session().ask("CONFIG", "SET", "appendonly", "yes"), "OK");
    Session client = session();
    EXPECT_TRUE(wait_until([&] { return client.info("persistence", "aof_rewrites") == "1"; }));
}

/// Clients change two keys at once while the log begins and ends: a file that ends in between is
/// one moment of the data, and one that has its base keeps every write that was answered.
TEST_P(AppendOnlyTest, IsSwitchedUnderLoad) {
    constexpr int kClients = 4;
    std::vector<std::atomic<int64_t>> answered(kClients);
    std::vector<int64_t> sent(kClients, 0);
    const auto check_all = [&](bool is_whole) {
        Session check = session();
        for (int i = 0; i < kClients; ++i) {
            const std::string pair =
                check.ask("MGET", "a:" + std::to_string(i), "b:" + std::to_string(i));
            const std::string first = pair.substr(1, pair.find(' ') - 1);
            EXPECT_EQ(pair, "[" + first + " " + first + "]");
            const int64_t value = first == "(nil)" ? 0 : std::stoll(first);
            EXPECT_GE(value, is_whole ? answered[i].load() : 0) << "client " << i;
            EXPECT_LE(value, sent[i]);
            sent[i] = value;
            answered[i] = value;
        }
    };
    for (const bool ends_on : {true, false, true}) {
        start_at_home("always", {"--save", ""});
        check_all(ends_on);
        std::vector<std::thread> threads;
        for (int i = 0; i < kClients; ++i) {
            threads.emplace_back([&, i, socket = server().connect()]() mutable {
                const std::string name = std::to_string(i);
                const std::string commands = encode({"MULTI"}) + encode({"INCR", "a:" + name}) +
                                             encode({"INCR", "b:" + name}) + encode({"EXEC"});
                while (socket.send(commands)) {
                    ++sent[i];
                    const std::vector<Frame> frames = socket.read_frames(4);
                    if (frames.size() < 4) break;
                    answered[i] = std::stoll(frames[3].items[0].text);
                }
            });
        }
        Session control = session();
        for (int round = 1; round <= 4; ++round) {
            EXPECT_EQ(control.ask("CONFIG", "SET", "appendonly", "no"), "OK");
            if (round == 4 && !ends_on) break;
            EXPECT_EQ(control.ask("CONFIG", "SET", "appendonly", "yes"), "OK");
            EXPECT_TRUE(wait_until(
                [&] { return control.info_number("persistence", "aof_rewrites") == round; }));
        }
        if (!ends_on) {
            EXPECT_TRUE(wait_until(
                [&] { return count_of(server().log(), "The append-only file has ended") == 4; }));
        }
        // What was answered before the file had its base may go with the server; what is answered
        // from here on may not.
        std::vector<int64_t> before(answered.begin(), answered.end());
        for (int i = 0; i < kClients; ++i) {
            EXPECT_TRUE(wait_until([&] { return answered[i] > before[i] + 1; }));
        }
        kill();
        for (std::thread& thread : threads) thread.join();
        for (auto& count : answered) count = ends_on ? count.load() : 0;
    }
    start_at_home("always", {"--save", ""});
    check_all(true);
}

}  // namespace
}  // namespace gyre::test
