// SPDX-License-Identifier: BSD-3-Clause

// Goal: redis-server serves from a file that Gyre saved exactly what Gyre served, and the other way
// round. Method: a data set of every kind of key and value; saved by the one, checked by
// redis-check-rdb, loaded by the other, compared key by key.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compat/random.h"
#include "support/frame.h"
#include "support/seed.h"
#include "support/server_process.h"

namespace gyre::test {
namespace {

namespace fs = std::filesystem;
using Command = std::vector<std::string>;
using Content = std::map<std::pair<int, std::string>, std::string>;

constexpr int kDatabases = 3;
/// How the names of hashes begin some of whose fields have deadlines, where the server can do that.
constexpr std::string_view kTimed = "timed:";

/// A reply of elements whose order means nothing, as pairs or one by one, sorted.
std::string sorted(const Frame& reply, size_t group) {
    std::vector<std::string> texts;
    for (size_t i = 0; i + group <= reply.items.size(); i += group) {
        std::string text;
        for (size_t j = 0; j < group; ++j) text += reply.items[i + j].raw;
        texts.push_back(std::move(text));
    }
    std::sort(texts.begin(), texts.end());
    std::string joined = std::to_string(reply.items.size());
    for (const std::string& text : texts) joined += text;
    return joined;
}

/// Value and, where both servers have the same forms, encoding.
std::string value_of(RawSocket& socket, const std::string& key) {
    const std::string type = socket.command({"TYPE", key}).text;
    std::string text = type;
    if (type == "list") return text + socket.command({"LRANGE", key, "0", "-1"}).raw;
    if (type == "set") return text + sorted(socket.command({"SMEMBERS", key}), 1);
    text += type == "hash" ? sorted(socket.command({"HGETALL", key}), 2)
                           : socket.command({"GET", key}).raw;
    // What has deadlines of fields is large here; Redis 7.0, which does not know them, may pack it.
    if (key.starts_with(kTimed)) return text;
    return text + socket.command({"OBJECT", "ENCODING", key}).raw;
}

/// Every key with what the server says of it.
Content content_of(const ServerProcess& server) {
    RawSocket socket = server.connect();
    Content content;
    for (int database = 0; database < kDatabases; ++database) {
        socket.command({"SELECT", std::to_string(database)});
        for (const Frame& key : socket.command({"KEYS", "*"}).items) {
            std::string& text = content[{database, key.text}];
            text = value_of(socket, key.text) + socket.command({"PEXPIRETIME", key.text}).raw;
        }
    }
    return content;
}

std::string random_bytes(Random& random, size_t size, bool is_noise) {
    std::string bytes(size, static_cast<char>('a' + random.below(26)));
    if (is_noise) {
        for (char& byte : bytes) byte = static_cast<char>(random.next());
    }
    return bytes;
}

/// Collections of every form: packed and large, of integers, of text and of noise.
void fill_collections(const ServerProcess& server, uint64_t seed) {
    RawSocket socket = server.connect();
    Random random(seed);
    for (int index = 0; index < 300; ++index) {
        socket.command({"SELECT", std::to_string(random.below(kDatabases))});
        static constexpr const char* kCommands[] = {"RPUSH", "SADD", "HSET"};
        const size_t which = random.below(3);
        const bool is_timed = which == 2 && random.chance(30);
        const std::string name =
            (is_timed ? std::string(kTimed) : "collection:") + std::to_string(index);
        const size_t size = random.chance(10) ? 600 + random.below(2000) : 1 + random.below(100);
        const bool are_integers = random.chance(30);
        const size_t longest = random.chance(20) ? 300 : 40;
        Command command{kCommands[which], name};
        for (size_t i = 0; i < size * (which == 2 ? 2 : 1); ++i) {
            command.push_back(
                are_integers
                    ? std::to_string(static_cast<int64_t>(random.next()) >> random.below(64))
                    : random_bytes(random, random.below(longest), random.chance(50)) +
                          std::to_string(i));
        }
        socket.command(command);
        if (is_timed) {
            socket.command({"HPEXPIREAT", name, "4102444800123", "FIELDS", "1", command[2]});
        }
        if (random.chance(20)) {
            socket.command({"PEXPIREAT", name, std::to_string(4102444800000 + index)});
        }
    }
}

void fill(const ServerProcess& server, uint64_t seed) {
    RawSocket socket = server.connect();
    Random random(seed);
    const std::vector<std::string> numbers{
        "0",   "-1",  "127", "128", "32768", "2147483647", "-2147483649", "9223372036854775807",
        "007", "1.5", ""};
    for (int index = 0; index < 1500; ++index) {
        socket.command({"SELECT", std::to_string(random.below(kDatabases))});
        const size_t key_size = random.chance(5) ? 300 + random.below(3000) : random.below(30);
        const std::string key =
            random_bytes(random, key_size, random.chance(30)) + std::to_string(index);
        const size_t size = random.chance(3) ? random.below(200'000) : random.below(500);
        Command command{"SET", key,
                        random.chance(20) ? random.pick(numbers)
                                          : random_bytes(random, size, random.chance(50))};
        if (random.chance(30)) {
            command.insert(command.end(), {"PXAT", std::to_string(4102444800000 + index)});
        }
        socket.command(command);
    }
}

class SnapshotTest : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override { directory_ = make_temporary_directory(); }
    void TearDown() override {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }
    std::unique_ptr<ServerProcess> start(const std::string& binary) {
        auto server = std::make_unique<ServerProcess>(
            ServerOptions{.binary = binary,
                          .threads = 2,
                          .arguments = {"--dir", directory_, "--rdbcompression", GetParam()}});
        EXPECT_TRUE(server->is_ready()) << server->log();
        return server;
    }
    /// Saves with the first, loads with the second; what each served.
    std::pair<Content, Content> carry_over(const std::string& from, const std::string& to) {
        std::pair<Content, Content> contents;
        {
            const auto server = start(from);
            fill(*server, test_seed());
            fill_collections(*server, test_seed());
            contents.first = content_of(*server);
            EXPECT_EQ(server->connect().command({"SAVE"}).text, "OK") << server->log();
        }
        contents.second = content_of(*start(to));
        return contents;
    }
    static void expect_equal(const std::pair<Content, Content>& contents) {
        EXPECT_GT(contents.first.size(), 1000U);
        EXPECT_EQ(contents.first.size(), contents.second.size());
        EXPECT_TRUE(contents.first == contents.second);
    }

    /// redis-check-rdb has nothing against the file.
    void expect_checker_agrees() {
        const char* const checker = std::getenv("GYRE_CHECK_RDB");
        ASSERT_NE(checker, nullptr);
        const std::string command = std::string(checker) + " " + directory_ + "/dump.rdb";
        std::FILE* pipe = ::popen(command.c_str(), "r");
        ASSERT_NE(pipe, nullptr);
        std::string verdict;
        char buffer[4096];
        while (const size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) {
            verdict.append(buffer, count);
        }
        EXPECT_EQ(::pclose(pipe), 0);
        EXPECT_NE(verdict.find("RDB looks OK!"), std::string::npos) << verdict;
        EXPECT_NE(verdict.find("Checksum OK"), std::string::npos) << verdict;
    }

    std::string directory_;
};

TEST_P(SnapshotTest, RedisServesWhatWasSavedHere) {
    SCOPED_TRACE(seed_note());
    expect_equal(carry_over("", oracle_binary()));
    expect_checker_agrees();
}

/// Large collections of every type in database 0, and what is asked of them.
const std::vector<Command> kLargeQuestions{
    {"ZRANGE", "zset", "0", "-1", "WITHSCORES"},
    {"LRANGE", "list", "0", "-1"},
    {"XRANGE", "stream", "-", "+"},
    {"XINFO", "GROUPS", "stream"},
    {"XPENDING", "stream", "group"},
    {"PEXPIRETIME", "zset"},
};

void fill_large(RawSocket& socket) {
    for (int base = 0; base < 20'000; base += 100) {
        Command hash{"HSET", "hash"};
        Command set{"SADD", "set"};
        Command sorted_set{"ZADD", "zset"};
        Command list{"RPUSH", "list"};
        for (int i = base; i < base + 100; ++i) {
            const std::string text = "element:" + std::to_string(i);
            hash.insert(hash.end(), {text, std::to_string(i)});
            set.push_back(text);
            sorted_set.insert(sorted_set.end(), {std::to_string(i * 7919 % 20'000), text});
            list.push_back(text);
        }
        for (const Command& command : {hash, set, sorted_set, list}) socket.command(command);
        for (int i = base; i < base + 100; i += 4) {
            socket.command({"XADD", "stream", std::to_string(i + 1) + "-1", "field", "value"});
        }
    }
    socket.command({"COPY", "hash", "deleted"});
    socket.command({"COPY", "set", "replaced"});
    socket.command({"XGROUP", "CREATE", "stream", "group", "0"});
    socket.command(
        {"XREADGROUP", "GROUP", "group", "me", "COUNT", "1000", "STREAMS", "stream", ">"});
}

std::string content_of_large(RawSocket& socket) {
    std::string content = sorted(socket.command({"HGETALL", "hash"}), 2) +
                          sorted(socket.command({"HGETALL", "deleted"}), 2) +
                          sorted(socket.command({"SMEMBERS", "set"}), 1) +
                          sorted(socket.command({"SMEMBERS", "replaced"}), 1);
    for (const Command& question : kLargeQuestions) content += socket.command(question).raw;
    return content;
}

/// Every kind of change, at places all over the collections.
void change_large(RawSocket& socket) {
    for (int i = 0; i < 20'000; i += 97) {
        const std::string text = "element:" + std::to_string(i);
        const std::string index = std::to_string(i / 2);
        for (const Command& command :
             std::vector<Command>{{"HSET", "hash", text, "changed", text + "+", "new"},
                                  {"HDEL", "hash", text + "7"},
                                  {"SREM", "set", text},
                                  {"SADD", "set", text + "+"},
                                  {"ZADD", "zset", "-1", text, "3", text + "+"},
                                  {"ZPOPMAX", "zset", "3"},
                                  {"LSET", "list", index, "changed"},
                                  {"LPUSH", "list", "new"},
                                  {"RPOP", "list", "2"},
                                  {"XADD", "stream", "*", "field", "new"},
                                  {"XDEL", "stream", std::to_string(i + 1) + "-1"},
                                  {"XACK", "stream", "group", std::to_string(i + 1) + "-1"}}) {
            socket.command(command);
        }
    }
    for (const Command& command : std::vector<Command>{{"DEL", "deleted"},
                                                       {"SUNIONSTORE", "replaced", "set"},
                                                       {"PEXPIRE", "zset", "100000"},
                                                       {"LTRIM", "list", "2000", "-2000"},
                                                       {"XTRIM", "stream", "MAXLEN", "100"},
                                                       {"RENAME", "hash", "elsewhere"},
                                                       {"RENAME", "list", "hash"},
                                                       {"HSET", "elsewhere", "last", "one"}}) {
        socket.command(command);
    }
}

TEST_P(SnapshotTest, RedisServesLargeCollectionsAsTheyWereBeforeTheyWereChanged) {
    std::string before;
    {
        const auto server = start("");
        RawSocket socket = server->connect();
        fill_large(socket);
        before = content_of_large(socket);
        EXPECT_EQ(socket.command({"CONFIG", "SET", "save", ""}).text, "OK");
        socket.command({"BGSAVE"});
        change_large(socket);
        EXPECT_NE(content_of_large(socket), before);
        socket.command({"FLUSHALL", "ASYNC"});
        const auto is_saving = [&socket] {
            return socket.command({"INFO", "persistence"}).text.find("rdb_bgsave_in_progress:1") !=
                   std::string::npos;
        };
        while (is_saving()) {
        }
    }
    const auto oracle = start(oracle_binary());
    RawSocket socket = oracle->connect();
    EXPECT_EQ(content_of_large(socket), before);
    expect_checker_agrees();
}

TEST_P(SnapshotTest, WhatRedisSavedIsServedHere) {
    SCOPED_TRACE(seed_note());
    expect_equal(carry_over(oracle_binary(), ""));
}

TEST_P(SnapshotTest, WhatWasSavedHereIsServedHere) {
    SCOPED_TRACE(seed_note());
    expect_equal(carry_over("", ""));
}

INSTANTIATE_TEST_SUITE_P(Compression, SnapshotTest, ::testing::Values("yes", "no"),
                         [](const auto& one) { return std::string("compression_") + one.param; });

}  // namespace
}  // namespace gyre::test
