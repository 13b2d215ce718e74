// SPDX-License-Identifier: BSD-3-Clause

// MEMORY. Errors were compared with redis-server 7.0.15; sizes and findings are our own.

#include <gtest/gtest.h>

#include <string>

#include "base/memory.h"
#include "support/command_runner.h"

namespace {

using gyre::test::bulk;
using gyre::test::CommandRunner;

class MemoryTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    int64_t usage(std::string_view key) {
        const std::string reply = run({"MEMORY", "USAGE", key});
        EXPECT_TRUE(reply.starts_with(":"));
        return std::stoll(reply.substr(1));
    }
    CommandRunner runner_;
};

TEST_F(MemoryTest, usage_is_what_the_key_takes_to_the_byte) {
    const int64_t before = gyre::base::used(gyre::base::Purpose::keyspace);
    run({"SET", "small", "abc"});
    const int64_t after_small = gyre::base::used(gyre::base::Purpose::keyspace);
    EXPECT_EQ(usage("small"), after_small - before);
    run({"SET", "large", std::string(10'000, 'x')});
    const int64_t after_large = gyre::base::used(gyre::base::Purpose::keyspace);
    EXPECT_EQ(usage("large"), after_large - after_small);
    EXPECT_GE(usage("large"), 10'000);
}

TEST_F(MemoryTest, usage_checks_samples_before_the_key) {
    run({"SET", "a", "1"});
    const std::string plain = run({"MEMORY", "USAGE", "a"});
    EXPECT_EQ(run({"MEMORY", "USAGE", "a", "SAMPLES", "0"}), plain);
    EXPECT_EQ(run({"MEMORY", "USAGE", "a", "samples", "5", "SAMPLES", "6"}), plain);
    EXPECT_EQ(run({"MEMORY", "USAGE", "a", "SAMPLES"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"MEMORY", "USAGE", "a", "SAMPLES", "-1"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"MEMORY", "USAGE", "a", "SAMPLES", "x"}),
              "-ERR value is not an integer or out of range\r\n");
    EXPECT_EQ(run({"MEMORY", "USAGE", "missing", "FOO"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"MEMORY", "USAGE", "missing"}), "$-1\r\n");
    EXPECT_EQ(run({"MEMORY", "USAGE"}),
              "-ERR wrong number of arguments for 'memory|usage' command\r\n");
}

TEST_F(MemoryTest, stats_shows_the_figures_in_their_order) {
    runner_.information().figures = {{.name = "total.allocated", .integer = 7},
                                     {.name = "fragmentation", .real = 1.5, .is_real = true}};
    EXPECT_EQ(run({"MEMORY", "STATS"}),
              "*4\r\n$15\r\ntotal.allocated\r\n:7\r\n$13\r\nfragmentation\r\n$3\r\n1.5\r\n");
    runner_.use_resp3();
    EXPECT_EQ(run({"MEMORY", "STATS"}),
              "%2\r\n$15\r\ntotal.allocated\r\n:7\r\n$13\r\nfragmentation\r\n,1.5\r\n");
}

TEST_F(MemoryTest, doctor_finds_what_is_unusual) {
    runner_.use_resp3();
    EXPECT_NE(run({"MEMORY", "DOCTOR"}).find("txt:There is too little in memory"),
              std::string::npos);
    for (int index = 0; index < 200; ++index) {
        run({"SET", "key:" + std::to_string(index), std::string(60'000, 'x')});
    }
    EXPECT_NE(run({"MEMORY", "DOCTOR"}).find("txt:No memory problem was found."),
              std::string::npos);
    for (int index = 0; index < 100; ++index) run({"DEL", "key:" + std::to_string(index)});
    EXPECT_NE(run({"MEMORY", "DOCTOR"}).find("* Peak: "), std::string::npos);
    for (int index = 0; index < 10'000; ++index) run({"SET", std::to_string(index), "v"});
    run({"FLUSHALL", "ASYNC"});
    EXPECT_NE(run({"MEMORY", "DOCTOR"}).find("are still being freed"), std::string::npos);
}

TEST_F(MemoryTest, purge_returns_empty_pages) {
    for (int index = 0; index < 20'000; ++index) {
        run({"SET", "key:" + std::to_string(index), std::string(100, 'x')});
    }
    run({"FLUSHALL"});
    const int64_t before = gyre::base::obtained();
    EXPECT_EQ(run({"MEMORY", "PURGE"}), "+OK\r\n");
    EXPECT_LT(gyre::base::obtained(), before);
    EXPECT_EQ(run({"MEMORY", "PURGE", "x"}),
              "-ERR wrong number of arguments for 'memory|purge' command\r\n");
}

TEST_F(MemoryTest, the_container_explains_itself) {
    EXPECT_EQ(run({"MEMORY", "FOO"}), "-ERR unknown subcommand 'FOO'. Try MEMORY HELP.\r\n");
    EXPECT_TRUE(run({"MEMORY", "HELP"}).starts_with("*14\r\n+MEMORY <subcommand> "));
    EXPECT_EQ(run({"MEMORY", "MALLOC-STATS"}),
              bulk("Stats not supported for the current allocator"));
}

}  // namespace
