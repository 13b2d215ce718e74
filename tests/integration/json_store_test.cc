// SPDX-License-Identifier: BSD-3-Clause

// Goal: with storage-format json the file of the store is one JSON document, written by the same
// rules as an RDB file and read at start, and nothing is lost on the way: types, deadlines, bytes
// that are no text. --convert carries a data set from one format into the other and back.

#include <signal.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

namespace fs = std::filesystem;

class JsonStoreTest : public ServerTest {
protected:
    void SetUp() override { directory_ = make_temporary_directory(); }
    void TearDown() override {
        server_.reset();
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }
    void start_here(const std::string& format, std::vector<std::string> arguments = {}) {
        server_.reset();
        arguments.insert(arguments.begin(), {"--dir", directory_, "--storage-format", format});
        start(std::move(arguments));
    }
    std::string path(const std::string& name) const { return directory_ + "/" + name; }
    std::string content(const std::string& name) const {
        std::ifstream file(path(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void write(const std::string& name, const std::string& bytes) const {
        std::ofstream(path(name), std::ios::binary) << bytes;
    }
    std::string refused(const std::string& format) {
        ServerProcess process(
            ServerOptions{.arguments = {"--port", std::to_string(free_port()), "--dir", directory_,
                                        "--save", "", "--storage-format", format},
                          .has_defaults = false});
        EXPECT_EQ(process.wait_exit(), 1) << process.log();
        return process.log();
    }
    std::string convert(const std::string& from, const std::string& to) {
        ServerProcess process(
            ServerOptions{.arguments = {"--convert", path(from), path(to)}, .has_defaults = false});
        const int status = process.wait_exit().value_or(-1);
        return std::to_string(status) + " " + process.log();
    }

    /// Keys of every type, in small and in large form.
    static void fill(Session& s) {
        s.ask("SET", "text", "Grüße \"here\"\n");
        s.ask("SET", std::string("\xff\x00key", 5), std::string("\x80\x00\xfe", 3));
        s.ask("SET", "number", "-12345");
        s.ask("SET", "later", "v", "PXAT", "4102444800123");
        s.ask("SET", "large", std::string(300'000, 'x'));
        for (int index = 0; index < 2000; ++index) {
            const std::string number = std::to_string(index);
            s.ask("RPUSH", "list", "element " + number);
            s.ask("SADD", "set", "member " + number);
            s.ask("HSET", "hash", "field " + number, number);
            s.ask("ZADD", "zset", number + ".5", "member " + number);
        }
        s.ask("RPUSH", "few", "a", "1", std::string("\xc3\x28", 2));
        s.ask("SADD", "integers", "1", "2", "3");
        s.ask("ZADD", "scores", "-inf", "a", "0.1", "b", "+inf", "c");
        s.ask("HSET", "timed", "a", "1", "b", "2");
        s.ask("HPEXPIREAT", "timed", "4102444800123", "FIELDS", "1", "b");
        s.ask("XADD", "stream", "5-1", "f", "v");
        s.ask("XADD", "stream", "6-0", "f", "w", "g", "x");
        s.ask("XGROUP", "CREATE", "stream", "group", "0");
        s.ask("XREADGROUP", "GROUP", "group", "consumer", "COUNT", "1", "STREAMS", "stream", ">");
        s.ask("SELECT", "9");
        s.ask("SET", "elsewhere", "v");
        s.ask("SELECT", "0");
    }
    static std::vector<std::string> answers(Session& s) {
        const std::vector<std::vector<std::string>> questions{
            {"DBSIZE"},
            {"GET", "text"},
            {"GET", std::string("\xff\x00key", 5)},
            {"OBJECT", "ENCODING", "number"},
            {"PEXPIRETIME", "later"},
            {"STRLEN", "large"},
            {"LRANGE", "list", "0", "-1"},
            {"SCARD", "set"},
            {"SMISMEMBER", "set", "member 0", "member 1999", "member 2000"},
            {"HLEN", "hash"},
            {"HMGET", "hash", "field 0", "field 1999", "field 2000"},
            {"ZRANGE", "zset", "0", "-1", "WITHSCORES"},
            {"LRANGE", "few", "0", "-1"},
            {"OBJECT", "ENCODING", "integers"},
            {"ZRANGE", "scores", "0", "-1", "WITHSCORES"},
            {"HPEXPIRETIME", "timed", "FIELDS", "2", "a", "b"},
            {"XRANGE", "stream", "-", "+"},
            {"XPENDING", "stream", "group"},
            {"XINFO", "STREAM", "stream"},
            {"SELECT", "9"},
            {"GET", "elsewhere"},
            {"SELECT", "0"},
            {"DEBUG", "MEMORY-CHECK"},
        };
        std::vector<std::string> all;
        for (const auto& question : questions) all.push_back(brief(s.command(question)));
        return all;
    }

    std::string directory_;
};

TEST_P(JsonStoreTest, TheDocumentIsTheStore) {
    start_here("json");
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "GET", "storage-format"), "[storage-format json]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "dbfilename"), "[dbfilename dump.json]");
    fill(s);
    const auto before = answers(s);
    EXPECT_EQ(s.ask("SAVE"), "OK");
    EXPECT_TRUE(content("dump.json").starts_with("{\"format\":\"gyre-json\",\"version\":1,"));
    EXPECT_FALSE(fs::exists(path("dump.rdb")));
    start_here("json");
    Session t = session();
    EXPECT_EQ(answers(t), before);
    EXPECT_EQ(t.info_number("persistence", "rdb_last_load_keys_loaded"), 15);
}

TEST_P(JsonStoreTest, ASnapshotUnderWritesIsOfTheMomentItBegan) {
    start_here("json");
    Session s = session();
    fill(s);
    const auto before = answers(s);
    EXPECT_EQ(s.ask("BGSAVE"), "Background saving started");
    for (int index = 0; index < 2000; ++index) {
        s.ask("HSET", "hash", "field " + std::to_string(index), "changed");
    }
    s.ask("FLUSHALL");
    ASSERT_TRUE(
        wait_until([&s] { return s.info_number("persistence", "rdb_bgsave_in_progress") == 0; }));
    EXPECT_EQ(s.info("persistence", "rdb_last_bgsave_status"), "ok");
    start_here("json");
    Session t = session();
    EXPECT_EQ(answers(t), before);
}

TEST_P(JsonStoreTest, RulesSaveAboutEveryChangeAndSoDoesTheEnd) {
    start_here("json", {"--save", "1", "1"});
    Session s = session();
    s.ask("SET", "a", "1");
    ASSERT_TRUE(wait_until([&s] { return s.info_number("persistence", "rdb_saves") > 0; }));
    EXPECT_NE(content("dump.json").find("\"key\":\"a\""), std::string::npos);
    s.ask("SET", "b", "2");
    server().send_signal(SIGTERM);
    EXPECT_EQ(server().wait_exit(), 0) << server().log();
    EXPECT_NE(content("dump.json").find("\"key\":\"b\""), std::string::npos);
}

TEST_P(JsonStoreTest, WhatPeopleHaveEditedIsRead) {
    write("dump.json",
          "{ \"format\": \"gyre-json\", \"version\": 1, \"keys\": [\n"
          "  {\"db\": 0, \"key\": \"a\", \"type\": \"string\", \"value\": \"1\"},\n"
          "  {\"db\": 0, \"key\": \"gone\", \"type\": \"string\", \"expireat_ms\": 1000,"
          " \"value\": \"1\"}\n]}");
    start_here("json");
    Session s = session();
    EXPECT_EQ(s.ask("GET", "a"), "1");
    EXPECT_EQ(s.ask("DBSIZE"), ":1");
    EXPECT_EQ(s.info_number("persistence", "rdb_last_load_keys_expired"), 1);
}

TEST_P(JsonStoreTest, AFileThatCannotBeReadEndsTheStartAndIsNotTouched) {
    start_here("rdb");
    session().ask("SET", "a", "1");
    session().ask("SAVE");
    server_.reset();
    const std::string rdb = content("dump.rdb");
    const struct {
        std::string format;
        std::string bytes;
        std::string says;
    } cases[] = {
        {"json", rdb, "It is an RDB file, and storage-format is json"},
        {"rdb", "{\"format\":\"gyre-json\",\"version\":1,\"keys\":[]}",
         "set storage-format to json"},
        {"json", "{\"format\":\"gyre-json\",\"version\":1,\"keys\":[{\"db\":0", "JSON, line 1"},
        {"json", "", "JSON, line 1"},
        {"json",
         "{\"format\":\"gyre-json\",\"version\":1,\"keys\":[\n"
         "{\"db\":0,\"key\":\"a\",\"type\":\"string\",\"value\":\"1\"},\n"
         "{\"db\":0,\"key\":\"a\",\"type\":\"string\",\"value\":\"2\"}]}",
         "the key \"a\" of database 0 is there twice"},
        {"json",
         "{\"format\":\"gyre-json\",\"version\":1,\"keys\":[\n"
         "{\"db\":16,\"key\":\"a\",\"type\":\"string\",\"value\":\"1\"}]}",
         "line 2"},
    };
    for (const auto& one : cases) {
        const std::string name = one.format == "json" ? "dump.json" : "dump.rdb";
        write(name, one.bytes);
        const std::string log = refused(one.format);
        EXPECT_NE(log.find(one.says), std::string::npos) << one.bytes << "\n" << log;
        EXPECT_EQ(content(name), one.bytes);
    }
}

TEST_P(JsonStoreTest, BesideALogThereIsNone) {
    ServerProcess process(
        ServerOptions{.arguments = {"--port", std::to_string(free_port()), "--dir", directory_,
                                    "--storage-format", "json", "--appendonly", "yes"},
                      .has_defaults = false});
    EXPECT_EQ(process.wait_exit(), 1);
    EXPECT_NE(process.log().find("storage-format json and appendonly yes exclude each other"),
              std::string::npos)
        << process.log();
    start_here("json");
    const std::string refused = session().ask("CONFIG", "SET", "appendonly", "yes");
    EXPECT_NE(refused.find("exclude each other"), std::string::npos) << refused;
    EXPECT_FALSE(fs::exists(path("appendonlydir")));
}

TEST_P(JsonStoreTest, AStartWithoutDataBesideTheOtherFormatSaysSo) {
    start_here("rdb");
    Session s = session();
    s.ask("SET", "a", "1");
    EXPECT_EQ(s.ask("SAVE"), "OK");
    start_here("json");
    EXPECT_EQ(session().ask("DBSIZE"), ":0");
    EXPECT_TRUE(server().wait_for_log("There is no dump.json, so the server starts without data"))
        << server().log();
}

TEST_P(JsonStoreTest, ADataSetIsConvertedThereAndBack) {
    start_here("rdb");
    Session s = session();
    fill(s);
    const auto before = answers(s);
    s.ask("SAVE");
    server_.reset();
    EXPECT_EQ(convert("dump.rdb", "dump.json"), "0 " + path("dump.json") + ": 15 keys\n");
    start_here("json");
    Session t = session();
    EXPECT_EQ(answers(t), before);
    server_.reset();
    fs::remove(path("dump.rdb"));
    EXPECT_EQ(convert("dump.json", "dump.rdb"), "0 " + path("dump.rdb") + ": 15 keys\n");
    start_here("rdb");
    Session u = session();
    EXPECT_EQ(answers(u), before);
    server_.reset();
    const std::string present = convert("dump.json", "dump.rdb");
    EXPECT_NE(present.find("is there already"), std::string::npos) << present;
    for (const std::string kind : {".json", ".rdb"}) {
        const std::string same = convert("dump" + kind, "copy" + kind);
        EXPECT_TRUE(same.starts_with("1 ")) << same;
        EXPECT_NE(same.find(path("copy" + kind) + " would be the other form"), std::string::npos)
            << same;
        EXPECT_FALSE(std::filesystem::exists(path("copy" + kind)));
    }
    const std::string absent = convert("none", "other");
    EXPECT_TRUE(absent.starts_with("1 gyre-server:")) << absent;
    EXPECT_FALSE(fs::exists(path("other")));
    write("cut.json", content("dump.json").substr(0, 5000));
    const std::string cut = convert("cut.json", "other");
    EXPECT_NE(cut.find("cut.json: JSON, line "), std::string::npos) << cut;
    EXPECT_FALSE(fs::exists(path("other")));
    EXPECT_FALSE(fs::exists(path("other.part")));
}

GYRE_INSTANTIATE(JsonStoreTest);

}  // namespace
}  // namespace gyre::test
