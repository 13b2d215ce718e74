// SPDX-License-Identifier: BSD-3-Clause

// Goal: redis-server serves from a file that Gyre saved exactly what Gyre served, and the other way
// round. Method: a data set of every kind of key and value; saved by the one, checked by
// redis-check-rdb, loaded by the other, compared key by key.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
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

/// Every key with what the server says of it.
Content content_of(const ServerProcess& server) {
    RawSocket socket = server.connect();
    Content content;
    for (int database = 0; database < kDatabases; ++database) {
        socket.command({"SELECT", std::to_string(database)});
        for (const Frame& key : socket.command({"KEYS", "*"}).items) {
            std::string& text = content[{database, key.text}];
            for (const Command& question :
                 {Command{"GET", key.text}, Command{"PEXPIRETIME", key.text},
                  Command{"OBJECT", "ENCODING", key.text}}) {
                text += socket.command(question).raw;
            }
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

    std::string directory_;
};

TEST_P(SnapshotTest, RedisServesWhatWasSavedHere) {
    SCOPED_TRACE(seed_note());
    expect_equal(carry_over("", oracle_binary()));
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
