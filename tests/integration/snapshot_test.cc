// SPDX-License-Identifier: BSD-3-Clause

// Goal: what was saved is there after a restart, by whichever way it was saved; a server that stops
// as it should loses no write that it acknowledged; and neither a bad file nor a bad disk loses
// what there was.

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

namespace fs = std::filesystem;

class SnapshotTest : public ServerTest {
protected:
    void SetUp() override { directory_ = make_temporary_directory(); }
    void TearDown() override {
        server_.reset();
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }
    /// A server on the directory that outlives it.
    void start_here(std::vector<std::string> arguments = {}) {
        server_.reset();
        arguments.insert(arguments.begin(), {"--dir", directory_});
        start(std::move(arguments));
    }
    std::string path() const { return directory_ + "/dump.rdb"; }
    std::string content() const {
        std::ifstream file(path(), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void write_file(const std::string& bytes) const {
        std::ofstream(path(), std::ios::binary) << bytes;
    }
    /// Starts a server that cannot read its file; its log.
    std::string refused() {
        ServerProcess process(ServerOptions{
            .arguments = {"--port", std::to_string(free_port()), "--dir", directory_, "--save", ""},
            .has_defaults = false});
        EXPECT_EQ(process.wait_exit(), 1) << process.log();
        return process.log();
    }
    static void fill(Session& s, int keys) {
        for (int index = 0; index < keys; ++index) {
            s.ask("SET", "key:" + std::to_string(index),
                  std::string(static_cast<size_t>(index % 300), 'v') + std::to_string(index));
        }
    }

    std::string directory_;
};

TEST_P(SnapshotTest, WhatWasSavedIsThereAfterARestart) {
    start_here();
    Session s = session();
    fill(s, 3000);
    s.ask("SET", "large", std::string(300'000, 'x'));
    s.ask("SET", "number", "-12345");
    s.ask("SET", "later", "v", "PXAT", "4102444800123");
    s.ask("SET", "soon", "v", "PX", "60");
    s.ask("SELECT", "9");
    s.ask("SET", "elsewhere", "v");
    EXPECT_EQ(s.info_number("persistence", "rdb_changes_since_last_save"), 3005);
    EXPECT_EQ(s.ask("SAVE"), "OK");
    EXPECT_EQ(s.info_number("persistence", "rdb_changes_since_last_save"), 0);
    EXPECT_EQ(s.info_number("persistence", "rdb_saves"), 1);
    EXPECT_EQ(s.info("persistence", "rdb_last_bgsave_status"), "ok");
    s.ask("SET", "not saved", "v");
    server().send_signal(SIGKILL);
    server().wait_exit();
    ASSERT_TRUE(wait_until([this] { return fs::exists(path()); }));
    start_here();
    Session t = session();
    EXPECT_EQ(t.ask("GET", "key:299"), std::string(299, 'v') + "299");
    EXPECT_EQ(t.ask("GET", "large"), std::string(300'000, 'x'));
    EXPECT_EQ(t.ask("OBJECT", "ENCODING", "number"), "int");
    // Whichever reactor has put them there.
    for (const char* key : {"key:0", "key:1000", "key:2900"}) {
        EXPECT_LT(t.number("OBJECT", "IDLETIME", key), 3600) << key;
    }
    EXPECT_EQ(t.ask("PEXPIRETIME", "later"), ":4102444800123");
    EXPECT_EQ(t.ask("EXISTS", "not saved"), ":0");
    EXPECT_GE(t.number("DBSIZE"), 3003);
    EXPECT_LE(t.number("DBSIZE"), 3004);
    t.ask("SELECT", "9");
    EXPECT_EQ(t.ask("GET", "elsewhere"), "v");
    EXPECT_EQ(t.info_number("persistence", "loading"), 0);
    EXPECT_EQ(t.info_number("persistence", "rdb_changes_since_last_save"), 0);
    EXPECT_GE(t.info_number("persistence", "rdb_last_load_keys_loaded"), 3004);
    EXPECT_EQ(t.ask("DEBUG", "MEMORY-CHECK"), ":0");
}

TEST_P(SnapshotTest, CollectionsAndTheDeadlinesOfTheirFieldsAreThereAfterARestart) {
    start_here();
    Session s = session();
    for (int index = 0; index < 3000; ++index) {
        const std::string number = std::to_string(index);
        s.ask("RPUSH", "list", "element " + number);
        s.ask("SADD", "set", "member " + number);
        s.ask("SADD", "integers", number);
        s.ask("HSET", "hash", "field " + number, number);
    }
    s.ask("RPUSH", "few", "a", "1");
    s.ask("SADD", "some", "a", "1");
    s.ask("HSET", "small", "a", "1");
    s.ask("HSET", "timed", "a", "1", "b", "2", "c", "3");
    EXPECT_EQ(s.ask("HPEXPIREAT", "timed", "4102444800123", "FIELDS", "1", "b"), "[:1]");
    EXPECT_EQ(s.ask("HPEXPIREAT", "hash", "4102444800456", "FIELDS", "2", "field 7", "field 8"),
              "[:1 :1]");
    const std::vector<std::vector<std::string>> questions{
        {"LRANGE", "list", "0", "-1"},
        {"SCARD", "set"},
        {"SMISMEMBER", "set", "member 0", "member 2999", "member 3000"},
        {"SMISMEMBER", "integers", "0", "2999", "3000"},
        {"HLEN", "hash"},
        {"HMGET", "hash", "field 0", "field 2999", "field 3000"},
        {"LRANGE", "few", "0", "-1"},
        {"SMISMEMBER", "some", "a", "1", "b"},
        {"HGETALL", "small"},
        {"HMGET", "timed", "a", "b", "c"},
        {"HPEXPIRETIME", "timed", "FIELDS", "3", "a", "b", "c"},
        {"HPEXPIRETIME", "hash", "FIELDS", "3", "field 7", "field 8", "field 9"},
        {"OBJECT", "ENCODING", "list"},
        {"OBJECT", "ENCODING", "set"},
        {"OBJECT", "ENCODING", "hash"},
        {"OBJECT", "ENCODING", "few"},
        {"OBJECT", "ENCODING", "some"},
        {"OBJECT", "ENCODING", "small"},
    };
    std::vector<std::string> before;
    for (const auto& question : questions) before.push_back(brief(s.command(question)));
    EXPECT_EQ(s.ask("BGSAVE"), "Background saving started");
    ASSERT_TRUE(
        wait_until([&s] { return s.info_number("persistence", "rdb_bgsave_in_progress") == 0; }));
    EXPECT_EQ(s.info("persistence", "rdb_last_bgsave_status"), "ok");
    EXPECT_EQ(s.ask("DEBUG", "MEMORY-CHECK"), ":0");
    start_here();
    Session t = session();
    for (size_t i = 0; i < questions.size(); ++i) {
        EXPECT_EQ(brief(t.command(questions[i])), before[i])
            << questions[i][0] << " " << questions[i][1];
    }
    EXPECT_EQ(t.ask("DEBUG", "MEMORY-CHECK"), ":0");
    // What was due while nobody served goes by itself.
    EXPECT_EQ(t.ask("HPEXPIRE", "timed", "1", "FIELDS", "3", "a", "b", "c"), "[:1 :1 :1]");
    EXPECT_TRUE(wait_until([&t] { return t.ask("EXISTS", "timed") == ":0"; }));
}

TEST_P(SnapshotTest, OneThatRunsInTheBackgroundIsOfTheMomentItBegan) {
    start_here();
    Session s = session();
    fill(s, 20'000);
    const int64_t before = s.number("LASTSAVE");
    EXPECT_EQ(s.ask("BGSAVE"), "Background saving started");
    for (int index = 0; index < 20'000; index += 7) {
        s.ask("SET", "key:" + std::to_string(index), "changed");
    }
    s.ask("SWAPDB", "0", "1");
    s.ask("FLUSHALL");
    s.ask("SET", "new", "v");
    ASSERT_TRUE(
        wait_until([&s] { return s.info_number("persistence", "rdb_bgsave_in_progress") == 0; }));
    EXPECT_EQ(s.info("persistence", "rdb_last_bgsave_status"), "ok");
    EXPECT_GE(s.number("LASTSAVE"), before);
    EXPECT_EQ(s.ask("DEBUG", "MEMORY-CHECK"), ":0");
    start_here();
    Session t = session();
    EXPECT_EQ(t.number("DBSIZE"), 20'000);
    EXPECT_EQ(t.ask("GET", "key:7"), "vvvvvvv7");
    EXPECT_EQ(t.ask("GET", "new"), "(nil)");
}

TEST_P(SnapshotTest, RulesSaveByThemselves) {
    start_here({"--save", "1", "2"});
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "GET", "save"), "[save 1 2]");
    s.ask("SET", "a", "1");
    s.ask("SET", "b", "1");
    ASSERT_TRUE(wait_until([&s] { return s.info_number("persistence", "rdb_saves") > 0; }));
    EXPECT_TRUE(fs::exists(path()));
    EXPECT_EQ(s.info_number("persistence", "rdb_changes_since_last_save"), 0);
    EXPECT_EQ(s.ask("CONFIG", "SET", "save", ""), "OK");
    EXPECT_EQ(s.ask("CONFIG", "GET", "save"), "[save ]");
}

TEST_P(SnapshotTest, WhatWasFlushedDoesNotComeBack) {
    const auto restart = [this] {
        server().send_signal(SIGKILL);
        server().wait_exit();
        start_here({"--save", "3600 1"});
    };
    start_here({"--save", "3600 1"});
    for (const char* const how : {"SYNC", "ASYNC"}) {
        Session s = session();
        s.ask("SET", "a", "1");
        s.ask("SET", "large", std::string(300'000, 'x'));
        EXPECT_EQ(s.ask("SAVE"), "OK");
        s.ask("SET", "b", "1");
        EXPECT_EQ(s.ask("FLUSHALL", how), "OK");
        EXPECT_EQ(s.info_number("persistence", "rdb_changes_since_last_save"), 0);
        restart();
        EXPECT_EQ(session().number("DBSIZE"), 0);
    }
    // In a transaction it is of the moment behind it.
    Session s = session();
    s.ask("SET", "a", "1");
    EXPECT_EQ(s.ask("SAVE"), "OK");
    s.ask("MULTI");
    s.ask("FLUSHALL");
    s.ask("SET", "b", "1");
    s.ask("EXEC");
    const auto is_saved = [&] {
        return s.info_number("persistence", "rdb_changes_since_last_save") == 0;
    };
    ASSERT_TRUE(wait_until(is_saved));
    restart();
    Session t = session();
    EXPECT_EQ(t.number("DBSIZE"), 1);
    EXPECT_EQ(t.ask("GET", "b"), "1");
    // One database is no reason, and without rules none is.
    EXPECT_EQ(t.ask("FLUSHDB"), "OK");
    EXPECT_EQ(t.info_number("persistence", "rdb_changes_since_last_save"), 1);
    t.ask("CONFIG", "SET", "save", "");
    EXPECT_EQ(t.ask("FLUSHALL"), "OK");
    EXPECT_GT(t.info_number("persistence", "rdb_changes_since_last_save"), 0);
}

/// It waits for the one that is being written, which has what was there.
TEST_P(SnapshotTest, WhatWasFlushedDuringASnapshotDoesNotComeBack) {
    start_here({"--save", "3600 1"});
    Session s = session();
    s.ask("DEBUG", "POPULATE", "100000", "key", "100");
    EXPECT_EQ(s.ask("BGSAVE"), "Background saving started");
    EXPECT_EQ(s.ask("FLUSHALL"), "OK");
    server().send_signal(SIGKILL);
    server().wait_exit();
    start_here();
    EXPECT_EQ(session().number("DBSIZE"), 0);
}

TEST_P(SnapshotTest, DatabasesThatChangePlacesAreAChange) {
    start_here({"--save", ""});
    Session s = session();
    s.ask("SET", "a", "1");
    EXPECT_EQ(s.ask("SAVE"), "OK");
    EXPECT_EQ(s.ask("CONFIG", "SET", "save", "1 1"), "OK");
    EXPECT_EQ(s.ask("SWAPDB", "0", "1"), "OK");
    ASSERT_TRUE(wait_until([&s] { return s.info_number("persistence", "rdb_saves") == 2; }));
    server().send_signal(SIGKILL);
    server().wait_exit();
    start_here();
    Session t = session();
    EXPECT_EQ(t.ask("EXISTS", "a"), ":0");
    EXPECT_EQ(t.ask("SELECT", "1"), "OK");
    EXPECT_EQ(t.ask("GET", "a"), "1");
}

TEST_P(SnapshotTest, IsOfTheVersionThatWasAskedFor) {
    REQUIRE_GYRE();
    start_here({"--save", ""});
    Session s = session();
    s.ask("XADD", "s", "1-1", "f", "v");
    s.ask("XGROUP", "CREATE", "s", "g", "0");
    s.ask("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">");
    EXPECT_EQ(s.ask("SAVE"), "OK");
    EXPECT_EQ(content().substr(0, 9), "REDIS0010");
    EXPECT_EQ(s.ask("CONFIG", "SET", "rdb-version", "11"), "OK");
    EXPECT_EQ(s.ask("SAVE"), "OK");
    EXPECT_EQ(content().substr(0, 9), "REDIS0011");
    const std::string before = s.ask("XINFO", "STREAM", "s");
    EXPECT_EQ(s.ask("CONFIG", "SET", "rdb-version", "12").substr(0, 4), "-ERR");
    start_here({"--save", "", "--rdb-version", "11"});
    Session t = session();
    EXPECT_EQ(t.ask("XINFO", "STREAM", "s"), before);
    EXPECT_EQ(t.ask("CONFIG", "GET", "rdb-version"), "[rdb-version 11]");
}

/// All in one turn of the server, so that the rewrite is under way for certain.
TEST_P(SnapshotTest, IsTakenAfterTheRewriteOfALog) {
    start_here({"--save", "", "--appendonly", "yes"});
    Session s = session();
    for (int i = 0; i < 1000; ++i) s.ask("SET", "k" + std::to_string(i), "v");
    const auto replies_to = [this](const std::vector<std::vector<std::string>>& commands) {
        std::string text;
        for (const auto& words : commands) text += encode(words);
        RawSocket raw = socket();
        raw.send(text);
        std::string replies;
        for (const Frame& frame : raw.read_frames(commands.size())) replies += frame.text + "; ";
        return replies;
    };
    EXPECT_EQ(replies_to({{"BGREWRITEAOF"}, {"BGSAVE", "SCHEDULE"}}),
              "Background append only file rewriting started; Background saving scheduled; ");
    const auto is_taken = [&] {
        return fs::exists(path()) && s.info_number("persistence", "rdb_bgsave_in_progress") == 0 &&
               s.info_number("persistence", "aof_rewrite_in_progress") == 0;
    };
    ASSERT_TRUE(wait_until(is_taken));
    fs::remove(path());
    EXPECT_EQ(replies_to({{"BGREWRITEAOF"}, {"MULTI"}, {"BGSAVE"}, {"EXEC"}}),
              "Background append only file rewriting started; OK; QUEUED; ; ");
    ASSERT_TRUE(wait_until(is_taken));
    fs::remove(path());
    EXPECT_EQ(replies_to({{"BGREWRITEAOF"}, {"BGSAVE"}, {"SAVE"}}),
              "Background append only file rewriting started; ERR Another child process is active "
              "(AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE "
              "whenever possible.; OK; ");
    EXPECT_TRUE(fs::exists(path()));
}

TEST_P(SnapshotTest, AServerThatStopsSavesAsItsRulesSay) {
    struct Case {
        std::vector<std::string> command;  // empty: SIGTERM
        std::vector<std::string> rules;
        bool saves;
    };
    const std::vector<Case> cases{{{"SHUTDOWN", "SAVE"}, {}, true},
                                  {{"SHUTDOWN"}, {}, false},
                                  {{"SHUTDOWN"}, {"--save", "3600", "1"}, true},
                                  {{"SHUTDOWN", "NOSAVE"}, {"--save", "3600", "1"}, false},
                                  {{}, {"--save", "3600", "1"}, true},
                                  {{}, {}, false}};
    for (const Case& one : cases) {
        fs::remove(path());
        start_here(one.rules);
        Session s = session();
        s.ask("SET", "a", "1");
        if (one.command.empty()) {
            server().send_signal(SIGTERM);
        } else {
            RawSocket connection = socket();
            connection.send(encode(one.command));
            EXPECT_TRUE(connection.is_closed_by_peer());
        }
        EXPECT_EQ(server().wait_exit(), 0) << server().log();
        EXPECT_EQ(fs::exists(path()), one.saves);
    }
}

TEST_P(SnapshotTest, NoAcknowledgedWriteIsLostWhenItStops) {
    start_here({"--save", "3600", "1"});
    constexpr int kWriters = 4;
    std::atomic<int> acknowledged[kWriters] = {};
    std::vector<std::thread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
        writers.emplace_back([&, writer] {
            auto client =
                Client::connect({.port = static_cast<uint16_t>(server().port()), .protocol = 2});
            if (!client) return;
            for (int number = 1;; ++number) {
                const std::string key = "writer:" + std::to_string(writer);
                if (writer % 2 == 1 && !(client->command("MULTI") &&
                                         client->command("SET", key, std::to_string(number)))) {
                    return;
                }
                const auto reply = writer % 2 == 1
                                       ? client->command("EXEC")
                                       : client->command("SET", key, std::to_string(number));
                if (!reply || reply->is_error()) return;
                acknowledged[writer] = number;
            }
        });
    }
    ASSERT_TRUE(wait_until([&] { return acknowledged[0] > 200 && acknowledged[3] > 200; }));
    server().send_signal(SIGTERM);
    EXPECT_EQ(server().wait_exit(), 0) << server().log();
    for (std::thread& writer : writers) writer.join();
    start_here();
    Session s = session();
    for (int writer = 0; writer < kWriters; ++writer) {
        EXPECT_GE(std::stoi(s.ask("GET", "writer:" + std::to_string(writer))),
                  acknowledged[writer]);
    }
}

// Each transaction counts on at three keys, and some ask for a snapshot in between, or for what
// snapshots keep under a mutex: with locks in the wrong order somebody would wait for ever.
TEST_P(SnapshotTest, TransactionsAreWholeInAFileAndMayAskForOne) {
    constexpr size_t kWriters = 3;
    const std::vector<std::vector<std::string>> questions{{"BGSAVE"},
                                                          {"LASTSAVE"},
                                                          {"INFO", "persistence"},
                                                          {"CONFIG", "SET", "save", "3600 1000000"},
                                                          {"PING"}};
    start_here({"--save", "3600", "1000000"});
    std::atomic<bool> is_over{false};
    std::atomic<int> transactions{0};
    std::vector<std::thread> writers;
    for (size_t writer = 0; writer < kWriters; ++writer) {
        writers.emplace_back([&, writer, connection = socket()]() mutable {
            const std::string name = std::to_string(writer);
            for (size_t count = 0; !is_over; ++count) {
                std::string bytes = encode({"MULTI"}) + encode({"INCR", "a:" + name});
                bytes += encode(questions[(count + writer) % questions.size()]);
                bytes += encode({"HINCRBY", "h:" + name, "f", "1"});
                bytes += encode({"RPUSH", "l:" + name, "x"});
                bytes += encode({"LASTSAVE"}) + encode({"EXEC"});
                if (!connection.send(bytes) || connection.read_frames(7).size() != 7) return;
                ++transactions;
            }
        });
    }
    Session s = session();
    EXPECT_TRUE(wait_until([&] {
        s.ask("BGSAVE");
        return transactions > 1000 && s.info_number("persistence", "rdb_saves") > 150;
    }));
    // What was done since the last snapshot must not make up for a part that is missing in it.
    server().send_signal(SIGKILL);
    server().wait_exit();
    is_over = true;
    for (std::thread& writer : writers) writer.join();
    start_here();
    Session t = session();
    for (size_t writer = 0; writer < kWriters; ++writer) {
        const std::string name = std::to_string(writer);
        const std::string count = t.ask("GET", "a:" + name);
        EXPECT_NE(count, "(nil)");
        EXPECT_EQ(t.ask("HGET", "h:" + name, "f"), count);
        EXPECT_EQ(t.ask("LLEN", "l:" + name), ":" + count);
    }
}

TEST_P(SnapshotTest, ASnapshotThatATransactionAskedForIsTaken) {
    start_here();
    RawSocket connection = socket();
    connection.send(encode({"MULTI"}) + encode({"BGSAVE"}) + encode({"SET", "a", "behind it"}) +
                    encode({"EXEC"}));
    const auto replies = connection.read_frames(4);
    ASSERT_EQ(replies.size(), 4U);
    ASSERT_EQ(replies[3].items.size(), 2U);
    EXPECT_EQ(replies[3].items[0].text, "Background saving scheduled");
    Session s = session();
    EXPECT_TRUE(wait_until([&s] { return s.info_number("persistence", "rdb_saves") == 1; }));
    start_here();
    EXPECT_EQ(session().ask("GET", "a"), "behind it");
}

TEST_P(SnapshotTest, ABadFileEndsTheStartAndIsNotTouched) {
    start_here();
    Session s = session();
    fill(s, 500);
    EXPECT_EQ(s.ask("SAVE"), "OK");
    server_.reset();
    const std::string good = content();
    ASSERT_GT(good.size(), 1000U);
    std::string damaged = good;
    damaged[good.size() / 2] ^= 1;
    const std::vector<std::pair<std::string, std::string>> bad{
        {good.substr(0, good.size() / 2), "offset"},
        {good.substr(0, good.size() - 1), "offset"},
        {damaged, "offset"},
        {"", "dump.rdb"},
        {"no file of this kind", "no RDB file"},
        {"REDIS0099" + good.substr(9), "version 99"}};
    for (const auto& [bytes, word] : bad) {
        write_file(bytes);
        const std::string log = refused();
        EXPECT_NE(log.find("dump.rdb"), std::string::npos) << log;
        EXPECT_NE(log.find(word), std::string::npos) << log;
        EXPECT_TRUE(content() == bytes);
    }
    write_file(good);
    start_here();
    EXPECT_EQ(session().number("DBSIZE"), 500);
}

TEST_P(SnapshotTest, ADirectoryThatIsGoneIsReportedAndWritesAreRefusedUntilItIsBack) {
    start_here({"--save", "3600", "1000000"});
    Session s = session();
    s.ask("SET", "a", "1");
    fs::remove_all(directory_);
    EXPECT_EQ(s.ask("SAVE"), "-ERR");
    EXPECT_EQ(s.info("persistence", "rdb_last_bgsave_status"), "err");
    EXPECT_EQ(s.ask("SET", "a", "2").substr(0, 9), "-MISCONF ");
    EXPECT_EQ(s.ask("GET", "a"), "1");
    EXPECT_EQ(s.ask("CONFIG", "SET", "stop-writes-on-bgsave-error", "no"), "OK");
    EXPECT_EQ(s.ask("SET", "a", "2"), "OK");
    EXPECT_EQ(s.ask("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"), "OK");
    EXPECT_EQ(s.ask("SET", "a", "3").substr(0, 9), "-MISCONF ");
    EXPECT_EQ(s.ask("CONFIG", "SET", "save", ""), "OK");
    EXPECT_EQ(s.ask("SET", "a", "3"), "OK");
    // A stop that cannot save does not stop; one that must not save does.
    s.ask("CONFIG", "SET", "save", "3600 1");
    server().send_signal(SIGTERM);
    EXPECT_TRUE(server().wait_for_log("can't exit"));
    EXPECT_EQ(s.ask("GET", "a"), "3");
    s.ask("CONFIG", "SET", "save", "");
    EXPECT_EQ(s.ask("SHUTDOWN", "SAVE"), "-ERR Errors trying to SHUTDOWN. Check logs.");
    EXPECT_EQ(s.ask("SET", "a", "4"), "OK") << "writes are let go again";
    RawSocket connection = socket();
    connection.send(encode({"SHUTDOWN", "NOSAVE"}));
    EXPECT_EQ(server().wait_exit(), 0) << server().log();
}

TEST_P(SnapshotTest, AFullDiskKeepsTheFileThatWasThere) {
    if (::mount("none", directory_.c_str(), "tmpfs", 0, "size=2m") != 0) {
        GTEST_SKIP() << "may not mount a file system";
    }
    start_here({"--rdbcompression", "no"});
    Session s = session();
    s.ask("SET", "small", "v");
    EXPECT_EQ(s.ask("SAVE"), "OK");
    const std::string before = content();
    for (int index = 0; index < 30; ++index) {
        s.ask("SET", "big:" + std::to_string(index), std::string(100'000, 'b'));
    }
    EXPECT_EQ(s.ask("SAVE"), "-ERR");
    EXPECT_TRUE(content() == before);
    EXPECT_TRUE(server().wait_for_log("No space left on device"));
    size_t files = 0;
    for (const auto& entry : fs::directory_iterator(directory_)) {
        files += entry.path().extension() == ".rdb" ? 1 : 0;
    }
    EXPECT_EQ(files, 1U) << "the temporary file is gone";
    for (int index = 0; index < 29; ++index) s.ask("DEL", "big:" + std::to_string(index));
    EXPECT_EQ(s.ask("SAVE"), "OK");
    EXPECT_EQ(s.info("persistence", "rdb_last_bgsave_status"), "ok");
    server_.reset();
    ::umount(directory_.c_str());
}

TEST_P(SnapshotTest, ParametersAreShownAndChecked) {
    start_here({"--dbfilename", "other.rdb", "--rdbchecksum", "no"});
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "GET", "dbfilename"), "[dbfilename other.rdb]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "rdbchecksum"), "[rdbchecksum no]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "rdbcompression"), "[rdbcompression yes]");
    EXPECT_EQ(s.ask("CONFIG", "SET", "rdbcompression", "no"), "OK");
    s.ask("SET", "a", std::string(1000, 'a'));
    EXPECT_EQ(s.ask("SAVE"), "OK");
    EXPECT_GT(fs::file_size(directory_ + "/other.rdb"), 1000U);
    EXPECT_TRUE(s.reply("CONFIG", "SET", "dbfilename", "x.rdb").is_error());
    EXPECT_TRUE(s.reply("CONFIG", "SET", "rdbchecksum", "yes").is_error());
    EXPECT_TRUE(s.reply("CONFIG", "SET", "save", "0 1").is_error());
    EXPECT_TRUE(s.reply("CONFIG", "SET", "save", "1").is_error());
}

GYRE_INSTANTIATE(SnapshotTest);

}  // namespace
}  // namespace gyre::test
