// SPDX-License-Identifier: BSD-3-Clause

// The append-only file of a real server: what it keeps over SIGKILL under load, what it loads and
// what it refuses to, and what it says of itself.

#include <sched.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "integration/append_only_test.h"
#include "support/seed.h"

namespace gyre::test {
namespace {

GYRE_INSTANTIATE(AppendOnlyTest);

TEST_P(AppendOnlyTest, LoadsWhatItWrote) {
    start_at_home("everysec");
    Session first = session();
    EXPECT_EQ(first.ask("SET", "a", "1"), "OK");
    EXPECT_EQ(first.ask("SET", "b", "2", "PX", "100000000"), "OK");
    EXPECT_EQ(first.ask("SET", "gone", "2", "PX", "1"), "OK");
    EXPECT_EQ(first.ask("INCRBYFLOAT", "a", "0.5"), "1.5");
    EXPECT_EQ(first.ask("SELECT", "3"), "OK");
    EXPECT_EQ(first.ask("SET", "c", std::string(3'000'000, 'x')), "OK");
    EXPECT_EQ(first.ask("SET", "t", "v", "TIMESTAMP", "5000"), "OK");
    EXPECT_EQ(server().stop(), 0);
    start_at_home("everysec");
    Session again = session();
    EXPECT_EQ(again.ask("GET", "a"), "1.5");
    EXPECT_GT(again.number("PTTL", "b"), 90'000'000);
    EXPECT_EQ(again.ask("EXISTS", "gone"), ":0");
    again.ask("SELECT", "3");
    EXPECT_EQ(again.ask("STRLEN", "c"), ":3000000");
    EXPECT_EQ(again.ask("SET", "t", "w", "TIMESTAMP", "4000"), "(nil)");
    EXPECT_EQ(again.ask("GET", "t"), "v");
}

/// Clients that count: each INCR that was answered must be there, and none that was not sent.
TEST_P(AppendOnlyTest, ItsMemoryAddsUp) {
    REQUIRE_GYRE();
    start_at_home("everysec");
    Session s = session();
    EXPECT_EQ(s.ask("SET", "a", "1"), "OK");
    // While the log's thread is at work the two sums may be those of two moments.
    EXPECT_TRUE(wait_until([&] { return s.ask("DEBUG", "MEMORY-CHECK") == ":0"; }));
    EXPECT_EQ(s.ask("CONFIG", "SET", "appendonly", "no"), "OK");
    EXPECT_TRUE(wait_until([&] { return s.ask("DEBUG", "MEMORY-CHECK") == ":0"; }));
}

TEST_P(AppendOnlyTest, KeepsEveryAcknowledgedWriteOverSigkill) {
    constexpr int kClients = 8;
    constexpr int kRounds = 5;
    constexpr uint64_t kAnswersMax = 3000;
    constexpr int kPipeline = 4;
    constexpr std::chrono::milliseconds kRoundMax{5000};
    SCOPED_TRACE("GYRE_SEED=" + std::to_string(test_seed()));
    std::mt19937_64 random(test_seed());
    std::vector<int64_t> answered(kClients, 0);
    std::vector<int64_t> sent(kClients, 0);
    for (int round = 0; round < kRounds; ++round) {
        start_at_home("always");
        if (HasFatalFailure()) return;
        Session check = session();
        for (int client = 0; client < kClients; ++client) {
            const std::string text = check.ask("GET", "counter:" + std::to_string(client));
            const int64_t value = text == "(nil)" ? 0 : std::stoll(text);
            EXPECT_GE(value, answered[client]) << "round " << round << ", client " << client;
            EXPECT_LE(value, sent[client]);
            answered[client] = sent[client] = value;
        }
        std::atomic<int> answers{0};
        std::vector<std::thread> threads;
        for (int client = 0; client < kClients; ++client) {
            // Here: the server may be gone before the last of the threads has begun.
            threads.emplace_back([&, client, socket = server().connect()]() mutable {
                std::string commands;
                for (int i = 0; i < kPipeline; ++i) {
                    commands += encode({"INCR", "counter:" + std::to_string(client)});
                }
                while (socket.send(commands)) {
                    sent[client] += kPipeline;
                    const std::vector<Frame> frames = socket.read_frames(kPipeline);
                    for (const Frame& frame : frames) answered[client] = std::stoll(frame.text);
                    answers += static_cast<int>(frames.size());
                    if (frames.size() < kPipeline) break;
                }
            });
        }
        // Where the disk takes its time, sooner.
        const auto moment = static_cast<int>(1 + random() % kAnswersMax);
        EXPECT_TRUE(wait_until([&] { return answers > 0; }));
        static_cast<void>(wait_until([&] { return answers >= moment; }, kRoundMax));
        kill();
        for (std::thread& thread : threads) thread.join();
    }
}

/// One client writes one after the other: what is there afterwards is the beginning of it.
TEST_P(AppendOnlyTest, KeepsABeginningOverSigkillWithEverysec) {
    start_at_home("everysec");
    RawSocket socket = server().connect();
    int sent = 0;
    for (int batch = 0; batch < 200; ++batch) {
        std::string commands;
        for (int i = 0; i < 50; ++i) {
            commands += encode({"SET", "key:" + std::to_string(sent++), std::string(100, 'v')});
        }
        ASSERT_TRUE(socket.send_while_reading(commands));
    }
    kill();
    start_at_home("everysec");
    Session check = session();
    const int64_t kept = check.number("DBSIZE");
    EXPECT_LE(kept, sent);
    for (int64_t i = 0; i < kept; ++i) {
        ASSERT_EQ(check.ask("EXISTS", "key:" + std::to_string(i)), ":1") << i;
    }
}

TEST_P(AppendOnlyTest, CutsATornEndAsConfigured) {
    start_at_home("always");
    EXPECT_EQ(session().ask("SET", "a", "1"), "OK");
    EXPECT_EQ(server().stop(), 0);
    const auto whole = std::filesystem::file_size(home_.part());
    std::ofstream(home_.part(), std::ios::app) << "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1";
    const std::string refused = failure({"--aof-load-truncated", "no"});
    EXPECT_NE(refused.find(home_.part().substr(home_.path().size() + 1) + ", offset "),
              std::string::npos)
        << refused;
    EXPECT_NE(refused.find("redis-check-aof --fix"), std::string::npos);
    start_at_home("always");
    EXPECT_NE(server().log().find("it is cut at " + std::to_string(whole)), std::string::npos);
    EXPECT_EQ(session().ask("DBSIZE"), ":1");
    EXPECT_EQ(session().ask("SET", "c", "1"), "OK");
    kill();
    start_at_home("always");
    EXPECT_EQ(session().ask("MGET", "a", "b", "c"), "[1 (nil) 1]");
}

TEST_P(AppendOnlyTest, NamesFileAndOffsetOfDamage) {
    start_at_home("always");
    EXPECT_EQ(session().ask("SET", "a", "1"), "OK");
    EXPECT_EQ(session().ask("SET", "b", "2"), "OK");
    EXPECT_EQ(server().stop(), 0);
    std::string bytes = content(home_.part());
    const size_t second = bytes.find('*', 1);
    bytes[second] = '+';
    std::ofstream(home_.part(), std::ios::binary) << bytes;
    const std::string refused = failure();
    EXPECT_NE(refused.find("appendonly.aof.1.incr.aof, offset " + std::to_string(second)),
              std::string::npos)
        << refused;
    std::filesystem::remove(home_.part());
    EXPECT_NE(failure().find("No such file or directory"), std::string::npos);
}

/// Nothing is wrong with the file's form, so redis-check-aof has nothing to mend.
TEST_P(AppendOnlyTest, SaysWhichCommandCannotBeExecutedAndWhatToDo) {
    start_at_home("always");
    EXPECT_EQ(session().ask("SET", "a", "text"), "OK");
    EXPECT_EQ(server().stop(), 0);
    const std::string place = std::to_string(std::filesystem::file_size(home_.part()));
    std::ofstream(home_.part(), std::ios::app) << encode({"INCR", "a"});
    const std::string refused = failure();
    EXPECT_NE(refused.find("Cannot execute the append only file"), std::string::npos) << refused;
    EXPECT_NE(
        refused.find("appendonly.aof.1.incr.aof, offset " + place + ": command 'INCR' at offset " +
                     place + ": it fails with 'ERR value is not an integer or out of range'"),
        std::string::npos)
        << refused;
    EXPECT_NE(
        refused.find("load it with the server that wrote it, remove there what this one has not"),
        std::string::npos);
    EXPECT_EQ(refused.find("redis-check-aof"), std::string::npos);
}

TEST_P(AppendOnlyTest, DoesNotBeginAnewWhereAManifestIsMissing) {
    start_at_home("always");
    EXPECT_EQ(session().ask("SET", "a", "1"), "OK");
    kill();
    const std::string before = content(home_.part());
    const std::string manifest = home_.directory() + "/appendonly.aof.manifest";
    const std::string elsewhere = home_.path() + "/manifest";
    std::filesystem::rename(manifest, elsewhere);
    const std::string refused = failure();
    EXPECT_NE(refused.find("appendonlydir/appendonly.aof.manifest is missing, and "
                           "appendonlydir/appendonly.aof.1.incr.aof has " +
                           std::to_string(before.size()) + " bytes of a log"),
              std::string::npos)
        << refused;
    start({"--dir", home_.path(), "--save", ""});
    EXPECT_TRUE(
        session().ask("CONFIG", "SET", "appendonly", "yes").starts_with("-ERR CONFIG SET failed"));
    EXPECT_TRUE(session().ask("BGREWRITEAOF").starts_with("-ERR Can't execute"));
    kill();
    EXPECT_EQ(content(home_.part()), before);
    std::filesystem::rename(elsewhere, manifest);
    start_at_home("always");
    EXPECT_EQ(session().ask("GET", "a"), "1");
}

/// Killed while a log that is switched on has no base yet, there is a manifest that names no file.
TEST_P(AppendOnlyTest, BeginsWhereABeginningWasInterrupted) {
    std::filesystem::create_directory(home_.directory());
    std::ofstream(home_.directory() + "/appendonly.aof.manifest") << "# No file yet\n";
    std::ofstream(home_.part(), std::ios::binary) << encode({"SET", "a", "1"});
    const std::string left = content(home_.part());
    start_at_home("always");
    EXPECT_TRUE(server().wait_for_log("is named by no manifest: it is not read"));
    EXPECT_EQ(session().ask("SET", "b", "1"), "OK");
    kill();
    start_at_home("always");
    EXPECT_EQ(session().ask("MGET", "a", "b"), "[(nil) 1]");
    EXPECT_EQ(content(home_.part()), left);
    kill();
    // Nor does an old single file take the place of what is there.
    std::filesystem::remove_all(home_.directory());
    std::filesystem::create_directory(home_.directory());
    std::ofstream(home_.directory() + "/appendonly.aof.manifest") << "# No file yet\n";
    std::ofstream(home_.directory() + "/appendonly.aof") << "x";
    std::ofstream(home_.path() + "/appendonly.aof") << encode({"SET", "old", "1"});
    EXPECT_NE(failure().find("are both there"), std::string::npos);
    EXPECT_EQ(content(home_.directory() + "/appendonly.aof"), "x");
}

/// Whatever the other does there, the log of the first is what it was.
TEST_P(AppendOnlyTest, HasItsDirectoryForItself) {
    start_at_home("always");
    Session first = session();
    EXPECT_EQ(first.ask("SET", "a", "1"), "OK");
    const std::string before = content(home_.part());
    ServerProcess second(
        {.threads = GetParam(), .arguments = {"--dir", home_.path(), "--appendonly", "yes"}});
    EXPECT_EQ(second.wait_exit(), 1);
    EXPECT_NE(second.log().find("Another server has appendonlydir locked"), std::string::npos)
        << second.log();
    ServerProcess third(
        {.threads = GetParam(), .arguments = {"--dir", home_.path(), "--save", ""}});
    ASSERT_TRUE(third.is_ready()) << third.log();
    Session other(third, ClientOptions{});
    EXPECT_EQ(other.ask("SET", "b", "1"), "OK");
    EXPECT_TRUE(
        other.ask("CONFIG", "SET", "appendonly", "yes").starts_with("-ERR CONFIG SET failed"));
    EXPECT_TRUE(other.ask("BGREWRITEAOF").starts_with("-ERR Can't execute an AOF background"));
    EXPECT_TRUE(third.wait_for_log("appendonly stays as it is: Another server has"));
    EXPECT_EQ(content(home_.part()), before);
    EXPECT_EQ(first.ask("SET", "c", "1"), "OK");
    // Nothing is left of one that was killed.
    kill();
    EXPECT_EQ(other.ask("CONFIG", "SET", "appendonly", "yes"), "OK");
    ASSERT_TRUE(wait_until([&] { return other.info("persistence", "aof_rewrites") == "1"; }));
    third.send_signal(SIGKILL);
    ASSERT_TRUE(third.wait_exit().has_value());
    start_at_home("always");
    EXPECT_EQ(session().ask("MGET", "a", "b", "c"), "[(nil) 1 (nil)]");
}

/// Found out by the log's thread, when everything is loaded.
TEST_P(AppendOnlyTest, SaysWhyItsFileCannotBeMadeAndEnds) {
    const std::string in_the_way = home_.directory() + "/temp-appendonly.aof.manifest";
    std::filesystem::create_directories(in_the_way);
    const std::string refused = failure();
    EXPECT_NE(refused.find("The server cannot begin with its data: Cannot open "
                           "appendonlydir/temp-appendonly.aof.manifest: Is a directory"),
              std::string::npos)
        << refused;
    std::filesystem::remove(in_the_way);
    start_at_home("always");
    EXPECT_EQ(session().ask("SET", "a", "1"), "OK");
}

/// A directory with one increment that has these bytes.
void write_part(const Home& home, const std::string& bytes) {
    std::filesystem::create_directory(home.directory());
    std::ofstream(home.directory() + "/appendonly.aof.manifest")
        << "file appendonly.aof.1.incr.aof seq 1 type i\n";
    std::ofstream(home.part(), std::ios::binary) << bytes;
}

/// One byte of an EXEC: what follows is no torn end, and stays where it is.
TEST_P(AppendOnlyTest, TakesADamagedExecForDamage) {
    std::string bytes = encode({"SET", "x", "1"});
    const size_t begin = bytes.size();
    bytes += encode({"MULTI"}) + encode({"SET", "a", "1"}) + encode({"SET", "b", "1"});
    const size_t bad = bytes.size();
    bytes += encode({"EXED"});
    for (int i = 0; i < 100; ++i) bytes += encode({"SET", "key:" + std::to_string(i), "v"});
    write_part(home_, bytes);
    const std::string refused = failure();
    EXPECT_NE(refused.find("appendonly.aof.1.incr.aof, offset " + std::to_string(begin) +
                           ": command 'EXED' at offset " + std::to_string(bad) +
                           ": it is not known here"),
              std::string::npos)
        << refused;
    EXPECT_TRUE(content(home_.part()) == bytes);
    // A transaction that ends with the file, without damage, is a torn end.
    bytes.resize(bad);
    write_part(home_, bytes);
    start_at_home("always");
    EXPECT_EQ(session().ask("MGET", "x", "a"), "[1 (nil)]");
    EXPECT_TRUE(content(home_.part()) == bytes.substr(0, begin));
}

/// The command is found out by another thread than the one that reads, and later; so is the one
/// behind it, which is not the one to name.
TEST_P(AppendOnlyTest, NamesTheFirstCommandThatCannotBeExecuted) {
    std::string bytes;
    const auto fill = [&](int from) {
        for (int i = from; i < from + 20'000; ++i) {
            bytes += encode({"SET", "key:" + std::to_string(i), "text"});
        }
    };
    fill(0);
    const size_t bad = bytes.size();
    bytes += encode({"INCR", "key:7"});
    fill(20'000);
    bytes += encode({"INCR", "key:11"});
    write_part(home_, bytes);
    const std::string refused = failure();
    EXPECT_NE(refused.find("appendonly.aof.1.incr.aof, offset " + std::to_string(bad) +
                           ": command 'INCR' at offset " + std::to_string(bad)),
              std::string::npos)
        << refused;
    // A torn end behind it changes nothing.
    write_part(home_, bytes + "*3\r\n$3");
    EXPECT_NE(failure().find("offset " + std::to_string(bad) + ":"), std::string::npos);
}

TEST_P(AppendOnlyTest, LoadsABaseAndWhatFollowsInThatOrder) {
    constexpr int kKeys = 20'000;
    start_at_home("everysec");
    RawSocket socket = server().connect();
    const auto write_all = [&](const char* command, const std::string& value) {
        std::string commands;
        for (int i = 0; i < kKeys; ++i) {
            commands += encode({command, "key:" + std::to_string(i), value});
        }
        ASSERT_TRUE(socket.send_while_reading(commands));
        ASSERT_EQ(socket.read_frames(kKeys).size(), static_cast<size_t>(kKeys));
    };
    write_all("APPEND", "a");
    Session client = session();
    client.ask("BGREWRITEAOF");
    ASSERT_TRUE(wait_until([&] { return has_no_rewrite(client); }));
    write_all("APPEND", "b");
    EXPECT_EQ(server().stop(), 0);
    start_at_home("everysec");
    Session again = session();
    EXPECT_EQ(again.number("DBSIZE"), kKeys);
    for (int i = 0; i < kKeys; i += 97) {
        const std::string key = "key:" + std::to_string(i);
        ASSERT_LT(again.number("OBJECT", "IDLETIME", key), 3600);
        ASSERT_EQ(again.ask("GET", key), "ab");
    }
}

/// Only the last increment may end early. Of commands a base may have none: redis-server writes it.
TEST_P(AppendOnlyTest, RefusesABaseThatLostItsContent) {
    start_at_home("always");
    Session client = session();
    EXPECT_EQ(client.ask("SET", "a", "1"), "OK");
    client.ask("BGREWRITEAOF");
    ASSERT_TRUE(wait_until([&] { return has_no_rewrite(client); }));
    kill();
    const std::string base = home_.directory() + "/appendonly.aof.1.base.rdb";
    ASSERT_GT(std::filesystem::file_size(base), 0U);
    std::filesystem::resize_file(base, 0);
    const std::string refused = failure();
    EXPECT_NE(refused.find("appendonlydir/appendonly.aof.1.base.rdb is empty"), std::string::npos)
        << refused;
    std::ofstream(home_.directory() + "/appendonly.aof.1.base.aof");
    std::ofstream(home_.directory() + "/appendonly.aof.manifest")
        << "file appendonly.aof.1.base.aof seq 1 type b\n"
        << "file appendonly.aof.2.incr.aof seq 2 type i\n";
    start_at_home("always");
    EXPECT_EQ(session().ask("DBSIZE"), ":0");
}

TEST_P(AppendOnlyTest, TakesOverASingleFile) {
    std::ofstream(home_.path() + "/appendonly.aof")
        << encode({"SELECT", "0"}) << encode({"SET", "old", "1"});
    start_at_home("always");
    EXPECT_EQ(session().ask("GET", "old"), "1");
    EXPECT_EQ(session().ask("SET", "new", "2"), "OK");
    EXPECT_FALSE(std::filesystem::exists(home_.path() + "/appendonly.aof"));
    kill();
    start_at_home("always");
    EXPECT_EQ(session().ask("MGET", "old", "new"), "[1 2]");
}

TEST_P(AppendOnlyTest, AnswersThatItIsLoading) {
    std::string bytes;
    for (int i = 0; i < 1'000'000; ++i) {
        bytes += encode({"SET", "key:" + std::to_string(i), "some value"});
    }
    write_part(home_, bytes);
    server_ = std::make_unique<ServerProcess>(
        ServerOptions{.threads = GetParam(),
                      .arguments = {"--dir", home_.path(), "--appendonly", "yes"},
                      .waits_for_data = false});
    Session client = session();
    int refused = 0;
    int looked = 0;
    const auto is_loaded = [&] {
        const std::string answer = client.ask("GET", "key:1");
        if (answer == "-LOADING Redis is loading the dataset in memory") ++refused;
        const std::string figures = client.ask("INFO", "persistence");
        if (figures.find("\r\nloading:1\r\n") != std::string::npos) {
            ++looked;
            EXPECT_EQ(figures.find("\r\nloading_total_bytes:0\r\n"), std::string::npos) << figures;
        }
        return answer == "some value";
    };
    // A million commands, with sanitizers and beside other tests.
    ASSERT_TRUE(wait_until(is_loaded, std::chrono::minutes(2)));
    EXPECT_GT(refused, 0);
    EXPECT_GT(looked, 0);
    EXPECT_EQ(client.ask("DBSIZE"), ":1000000");
    EXPECT_EQ(client.info("persistence", "loading"), "0");
}

TEST_P(AppendOnlyTest, WaitaofSaysWhenWritesAreOnTheDisk) {
    start_at_home("everysec");
    Session client = session();
    EXPECT_EQ(client.ask("SET", "a", "1"), "OK");
    EXPECT_EQ(client.ask("WAITAOF", "1", "0", "0"), "[:1 :0]");
    kill();
    start_at_home("everysec");
    Session again = session();
    EXPECT_EQ(again.ask("GET", "a"), "1");
    EXPECT_EQ(again.ask("WAITAOF", "0", "0", "0"), "[:1 :0]");
    EXPECT_EQ(again.ask("WAITAOF", "1", "1", "20"), "[:1 :0]");
    EXPECT_EQ(again.ask("WAITAOF", "2", "0", "0"),
              "-ERR value is out of range, value must between 0 and 1");
    EXPECT_EQ(again.ask("WAITAOF", "1", "0", "-1"), "-ERR timeout is negative");
    start();
    EXPECT_EQ(session().ask("WAITAOF", "1", "0", "0"),
              "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
}

TEST_P(AppendOnlyTest, KeepsTransactionsWhole) {
    start_at_home("always");
    Session client = session();
    client.ask("SET", "text", "x");
    for (const char* word : {"MULTI", "EXEC"}) EXPECT_NE(client.ask(word), "");
    client.ask("MULTI");
    client.ask("SET", "a", "1", "EX", "1000");
    client.ask("INCR", "text");
    client.ask("SADD", "s", "1", "2", "3");
    client.ask("SPOP", "s");
    EXPECT_EQ(client.reply("EXEC").elements.size(), 4U);
    const std::string left = client.ask("SMEMBERS", "s");
    const std::string bytes = content(home_.part());
    const size_t begin = bytes.find("MULTI");
    ASSERT_NE(begin, std::string::npos);
    EXPECT_EQ(bytes.find("MULTI", begin + 1), std::string::npos);
    EXPECT_TRUE(bytes.ends_with("$4\r\nEXEC\r\n"));
    EXPECT_EQ(bytes.find("INCR"), std::string::npos);
    kill();
    // Cut inside: nothing of it is there.
    std::filesystem::resize_file(home_.part(), bytes.size() - 3);
    start_at_home("always");
    EXPECT_EQ(session().ask("EXISTS", "a", "s"), ":0");
    kill();
    std::ofstream(home_.part(), std::ios::binary) << bytes;
    start_at_home("always");
    EXPECT_EQ(session().ask("GET", "a"), "1");
    EXPECT_EQ(session().ask("SCARD", "s"), ":2");
    EXPECT_EQ(session().ask("SMISMEMBER", "s", "1", "2", "3").size(),
              std::string("[:1 :1 :0]").size());
    EXPECT_NE(left, "");
}

TEST_P(AppendOnlyTest, IsTheDataWhereThereIsASnapshotToo) {
    start_at_home("always", {"--save", ""});
    EXPECT_EQ(session().ask("RPUSH", "l", "a", "b"), ":2");
    EXPECT_EQ(session().ask("SAVE"), "OK");
    EXPECT_EQ(session().ask("RPUSH", "l", "c"), ":3");
    kill();
    start_at_home("always", {"--save", ""});
    EXPECT_EQ(session().ask("LRANGE", "l", "0", "-1"), "[a b c]");
    kill();
    std::filesystem::remove_all(home_.directory());
    start_at_home("always", {"--save", ""});
    EXPECT_EQ(session().ask("DBSIZE"), ":0");
    EXPECT_NE(server().log().find("dump.rdb is NOT read"), std::string::npos);
    kill();
    start({"--dir", home_.path(), "--save", ""});
    ASSERT_TRUE(server().wait_for_log("Ready to accept connections"));
    EXPECT_EQ(session().ask("LRANGE", "l", "0", "-1"), "[a b]");
}

TEST_P(AppendOnlyTest, WritesTheTimeIfAsked) {
    start_at_home("always", {"--aof-timestamp-enabled", "yes"});
    EXPECT_EQ(session().ask("SET", "a", "1"), "OK");
    EXPECT_EQ(server().stop(), 0);
    EXPECT_TRUE(content(home_.part()).starts_with("#TS:"));
    start_at_home("always");
    EXPECT_EQ(session().ask("GET", "a"), "1");
}

TEST_P(AppendOnlyTest, ChangesHowItSyncsWhileItRuns) {
    start_at_home("no");
    Session client = session();
    EXPECT_EQ(client.ask("SET", "a", "1"), "OK");
    EXPECT_EQ(client.ask("CONFIG", "SET", "appendfsync", "always"), "OK");
    EXPECT_EQ(client.ask("SET", "b", "1"), "OK");
    EXPECT_GT(client.info_number("persistence", "aof_syncs"), 0);
}

/// Who waits for a sync when there is to be none any more has waited long enough.
TEST_P(AppendOnlyTest, AnswersThoseWhoWaitWhenNothingIsSyncedAnyMore) {
    start_at_home("always");
    Session admin = session();
    std::vector<RawSocket> clients;
    for (int client = 0; client < 50; ++client) clients.push_back(socket());
    for (int round = 0; round < 5; ++round) {
        EXPECT_EQ(admin.ask("CONFIG", "SET", "appendfsync", "always"), "OK");
        for (int write = 0; write < 3; ++write) {
            for (RawSocket& client : clients) client.send("INCR n\r\n");
            if (write == 2) {
                EXPECT_EQ(admin.ask("CONFIG", "SET", "appendfsync", "no"), "OK");
            }
            for (RawSocket& client : clients) ASSERT_EQ(client.read_frames(1).size(), 1U) << write;
        }
    }
    EXPECT_EQ(admin.ask("GET", "n"), "750");
}

TEST_P(AppendOnlyTest, HoldsNoWriteOfOneWhoWritesAlone) {
    start_at_home("always");
    Session client = session();
    for (int i = 0; i < 50; ++i) ASSERT_EQ(client.ask("SET", "a", "1"), "OK");
    EXPECT_GE(client.info_number("persistence", "aof_writes"), 50);
    EXPECT_EQ(client.info("persistence", "aof_held_writes"), "0");
}

/// More than are answered in one turn: the others are, in the turns that follow, and in order.
TEST_P(AppendOnlyTest, AnswersEachOfManyWhoWait) {
    constexpr size_t kClients = 400;
    start_at_home("always");
    std::vector<RawSocket> clients;
    for (size_t client = 0; client < kClients; ++client) clients.push_back(socket());
    const auto start = std::chrono::steady_clock::now();
    for (int round = 1; round <= 5; ++round) {
        for (size_t client = 0; client < kClients; ++client) {
            const std::string key = "n" + std::to_string(client);
            clients[client].send("INCR " + key + "\r\nINCR " + key + "\r\n");
        }
        for (RawSocket& client : clients) {
            const std::vector<Frame> replies = client.read_frames(2);
            ASSERT_EQ(replies.size(), 2U);
            EXPECT_EQ(replies[0].text, std::to_string(2 * round - 1));
            EXPECT_EQ(replies[1].text, std::to_string(2 * round));
        }
    }
    // Who is forgotten is found when the log is looked at for its own sake, each second: 16 of the
    // 400 then, so that a round takes many of them.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
    EXPECT_GT(session().info_number("persistence", "aof_reply_slices"), 0);
}

/// Few are answered in slices as well while many others are served.
TEST_P(AppendOnlyTest, ServesOthersBetweenAnswersToThoseWhoWait) {
    const size_t count = 60 * static_cast<size_t>(GetParam());
    const size_t others_count = 80 * static_cast<size_t>(GetParam());
    start_at_home("always");
    Session watcher = session();
    std::vector<RawSocket> clients;
    for (size_t client = 0; client < count; ++client) clients.push_back(socket());
    std::vector<RawSocket> others;
    for (size_t other = 0; other < others_count; ++other) others.push_back(socket());
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    int64_t slices = 0;
    for (int round = 1; slices == 0 && std::chrono::steady_clock::now() < end; ++round) {
        for (RawSocket& client : clients) client.send("INCR n\r\n");
        // Short turns: in a long one all are answered.
        for (RawSocket& other : others) other.send("PING\r\n");
        const auto start = std::chrono::steady_clock::now();
        for (RawSocket& client : clients) ASSERT_EQ(client.read_frames(1).size(), 1U);
        for (RawSocket& other : others) ASSERT_EQ(other.read_frames(1).size(), 1U);
        // Who is forgotten is found when the log is looked at for its own sake, each second.
        EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(2500));
        ASSERT_EQ(watcher.ask("GET", "n"), std::to_string(static_cast<size_t>(round) * count));
        slices = watcher.info_number("persistence", "aof_reply_slices");
    }
    EXPECT_GT(slices, 0);
}

/// Clients that leave the processor no rest: each socket has more requests there than were
/// answered.
class Crowd {
public:
    Crowd(std::vector<RawSocket> sockets, const std::string& request) {
        constexpr size_t kThreads = 2;
        const size_t share = sockets.size() / kThreads;
        for (size_t thread = 0; thread < kThreads; ++thread) {
            std::vector<RawSocket> own;
            for (size_t index = 0; index < share; ++index) {
                own.push_back(std::move(sockets.back()));
                sockets.pop_back();
            }
            threads_.emplace_back([this, request, mine = std::move(own)]() mutable {
                for (int i = 0; i < 3; ++i) {
                    for (RawSocket& socket : mine) socket.send(request);
                }
                while (!is_over_) {
                    for (RawSocket& socket : mine) {
                        socket.read_frames(1);
                        socket.send(request);
                    }
                }
            });
        }
    }
    ~Crowd() {
        is_over_ = true;
        for (std::thread& thread : threads_) thread.join();
    }

private:
    std::atomic<bool> is_over_{false};
    std::vector<std::thread> threads_;
};

/// Has a server that is started meanwhile, log included, make do with one processor.
class OnOneProcessor {
public:
    OnOneProcessor() {
        CPU_ZERO(&before_);
        ::sched_getaffinity(0, sizeof before_, &before_);
        int first = 0;
        while (!CPU_ISSET(first, &before_)) ++first;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(first, &one);
        ::sched_setaffinity(0, sizeof one, &one);
    }
    ~OnOneProcessor() { ::sched_setaffinity(0, sizeof before_, &before_); }

private:
    cpu_set_t before_;
};

/// Who writes beside them waits a bit longer, and aof-commit-delay says how long.
TEST_P(AppendOnlyTest, PutsGroupsOffBesideACrowd) {
    {
        const OnOneProcessor pinned;
        start_at_home("always");
    }
    Session client = session();
    std::vector<RawSocket> sockets;
    for (size_t i = 0; i < 32 * static_cast<size_t>(GetParam()); ++i) sockets.push_back(socket());
    const Crowd crowd(std::move(sockets), "BITCOUNT bits\r\n");
    int64_t count = 0;
    const auto delayed = [&] { return client.info_number("persistence", "aof_delayed_writes"); };
    // Work enough for there to be no rest, and not so much that a turn is longer than a delay.
    size_t bytes = 1000;
    const auto is_delayed = [&] {
        bytes = bytes > 500'000 ? 1000 : bytes * 5 / 4;
        client.ask("SET", "bits", std::string(bytes, 'x'));
        for (int i = 0; i < 30; ++i) EXPECT_EQ(client.number("INCR", "n"), ++count);
        return delayed() > 0;
    };
    EXPECT_TRUE(wait_until(is_delayed));
    EXPECT_EQ(client.ask("CONFIG", "SET", "aof-commit-delay", "0"), "OK");
    EXPECT_EQ(client.number("INCR", "n"), ++count);
    const int64_t before = delayed();
    for (int i = 0; i < 30; ++i) EXPECT_EQ(client.number("INCR", "n"), ++count);
    EXPECT_EQ(delayed(), before);
    // The crowd is there still.
    EXPECT_EQ(client.ask("CONFIG", "SET", "aof-commit-delay", "3000"), "OK");
    EXPECT_TRUE(wait_until([&] {
        for (int i = 0; i < 30; ++i) EXPECT_EQ(client.number("INCR", "n"), ++count);
        return delayed() > before;
    }));
}

/// What the socket lets pass, as in Redis, the file must not have.
TEST_P(AppendOnlyTest, WritesCommandsInTheirOwnFormHoweverTheyCame) {
    start_at_home("always");
    RawSocket socket = this->socket();
    socket.send(
        "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
        "*3\r\n$3\r\nsetxx$1\r\nbxx$1\r\n2xx"
        "*3\rx$3\rxSET\r\n$1\rxc\r\n$1\rx3xx"
        "SET d 4\r\n");
    ASSERT_EQ(socket.read_frames(4).size(), 4U);
    EXPECT_EQ(content(home_.part()),
              "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
              "*3\r\n$3\r\nset\r\n$1\r\nb\r\n$1\r\n2\r\n"
              "*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$1\r\n3\r\n"
              "*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$1\r\n4\r\n");
}

/// Behind what is written there is filling, as long as it is wanted and the server runs.
TEST_P(AppendOnlyTest, GoesOverFillingThatWasWrittenBefore) {
    start_at_home("always", {"--aof-preallocate", "yes"});
    Session client = session();
    for (int i = 0; i < 50; ++i) ASSERT_EQ(client.ask("SET", "a", std::to_string(i)), "OK");
    EXPECT_GT(client.info_number("persistence", "aof_checked_writes"), 30);
    const int64_t filling = client.info_number("persistence", "aof_filling_size");
    EXPECT_GT(filling, 200'000);
    const auto size = static_cast<int64_t>(std::filesystem::file_size(home_.part()));
    EXPECT_EQ(client.info_number("persistence", "aof_current_size"), size - filling);
    EXPECT_EQ(client.ask("CONFIG", "SET", "aof-preallocate", "no"), "OK");
    EXPECT_EQ(client.ask("SET", "b", "1"), "OK");
    EXPECT_EQ(client.info("persistence", "aof_filling_size"), "0");
    EXPECT_EQ(client.ask("CONFIG", "SET", "aof-preallocate", "yes"), "OK");
    EXPECT_EQ(client.ask("SET", "c", "1"), "OK");
    EXPECT_EQ(client.ask("SET", "c", "2"), "OK");
    EXPECT_GT(client.info_number("persistence", "aof_filling_size"), 200'000);
    kill();
    EXPECT_GT(std::filesystem::file_size(home_.part()), 200'000U);
    start_at_home("always");
    const auto left = static_cast<int64_t>(std::filesystem::file_size(home_.part()));
    EXPECT_LT(left, 20'000);
    EXPECT_EQ(session().info_number("persistence", "aof_base_size"), left);
    EXPECT_EQ(session().ask("MGET", "a", "b", "c"), "[49 1 2]");
    EXPECT_EQ(session().ask("SET", "d", "1"), "OK");
    EXPECT_EQ(server().stop(), 0);
    start_at_home("everysec");
    EXPECT_EQ(session().ask("MGET", "a", "b", "c", "d"), "[49 1 2 1]");
}

TEST_P(AppendOnlyTest, ReclaimsThePageCache) {
    start_at_home("always");
    Session client = session();
    const std::string value(1'000'000, 'v');
    for (int i = 0; i < 3; ++i) ASSERT_EQ(client.ask("SET", "a", value), "OK");
    EXPECT_EQ(client.info("persistence", "aof_reclaimed_bytes"), std::to_string(2 << 20));
    EXPECT_EQ(client.ask("CONFIG", "SET", "aof-reclaim-page-cache", "no"), "OK");
    for (int i = 0; i < 3; ++i) ASSERT_EQ(client.ask("SET", "a", value), "OK");
    EXPECT_EQ(client.info("persistence", "aof_reclaimed_bytes"), std::to_string(2 << 20));
    kill();
    start_at_home("always", {"--aof-reclaim-page-cache", "no"});
    EXPECT_EQ(session().ask("GET", "a"), value);
    EXPECT_EQ(session().ask("SET", "a", value), "OK");
    EXPECT_EQ(session().info("persistence", "aof_reclaimed_bytes"), "0");
}

/// What a loss of power left of the last group is dropped; damage before it is refused.
TEST_P(AppendOnlyTest, TellsATornGroupFromDamage) {
    start_at_home("always", {"--aof-preallocate", "yes"});
    Session client = session();
    for (int i = 0; i < 50; ++i) ASSERT_EQ(client.ask("INCR", "a"), ":" + std::to_string(i + 1));
    kill();
    const std::string whole = content(home_.part());
    const size_t last = whole.rfind("#GYRE-GROUP:");
    ASSERT_NE(last, std::string::npos);
    const auto spoil = [&](size_t at) {
        std::string bytes = whole;
        bytes[at] ^= 1;
        std::ofstream(home_.part(), std::ios::binary) << bytes;
    };
    spoil(last + 50);
    const std::string refused = failure({"--aof-load-truncated", "no"});
    EXPECT_NE(refused.find("checksum"), std::string::npos) << refused;
    start_at_home("always");
    EXPECT_NE(server().log().find("it is cut at " + std::to_string(last)), std::string::npos);
    EXPECT_EQ(session().ask("GET", "a"), "49");
    kill();
    spoil(last - 10);
    const std::string damaged = failure();
    EXPECT_NE(damaged.find("at byte " + std::to_string(last + 1) + " is more than filling"),
              std::string::npos)
        << damaged;
}

}  // namespace
}  // namespace gyre::test
