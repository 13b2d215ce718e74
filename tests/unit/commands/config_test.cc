// SPDX-License-Identifier: BSD-3-Clause

// Goal: CONFIG hands patterns and pairs to the configuration and its answers back.

#include <gtest/gtest.h>

#include <string>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

class ConfigCommands : public ::testing::Test {
protected:
    void SetUp() override {
        runner_.configuration().values = {{"maxmemory", "0"}, {"maxclients", "100"}, {"port", "1"}};
    }
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    CommandRunner runner_;
};

TEST_F(ConfigCommands, GetTakesPatterns) {
    EXPECT_EQ(run({"CONFIG", "GET", "port"}), "*2\r\n" + bulk("port") + bulk("1"));
    EXPECT_EQ(run({"CONFIG", "GET", "nosuch"}), "*0\r\n");
    runner_.use_resp3();
    EXPECT_EQ(run({"CONFIG", "GET", "MAX*", "maxmemory", "p?rt"}),
              "%3\r\n" + bulk("maxclients") + bulk("100") + bulk("maxmemory") + bulk("0") +
                  bulk("port") + bulk("1"));
    EXPECT_EQ(run({"CONFIG", "GET"}),
              "-ERR wrong number of arguments for 'config|get' command\r\n");
}

TEST_F(ConfigCommands, SetTakesPairs) {
    EXPECT_EQ(run({"CONFIG", "SET", "maxmemory", "5", "port", "2"}), "+OK\r\n");
    EXPECT_EQ(runner_.configuration().values["maxmemory"], "5");
    EXPECT_EQ(runner_.configuration().values["port"], "2");
    EXPECT_EQ(run({"CONFIG", "SET", "port", "3", "maxmemory"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"CONFIG", "SET", "port", "3", "nosuch", "1"}),
              "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n");
    EXPECT_EQ(runner_.configuration().values["port"], "2");
    EXPECT_EQ(run({"CONFIG", "SET", "a"}),
              "-ERR wrong number of arguments for 'config|set' command\r\n");
}

TEST_F(ConfigCommands, RewriteAndResetstat) {
    EXPECT_EQ(run({"CONFIG", "REWRITE"}), "+OK\r\n");
    EXPECT_EQ(runner_.configuration().rewrites, 1);
    runner_.configuration().rewrite_error = "ERR The server is running without a config file";
    EXPECT_EQ(run({"CONFIG", "REWRITE"}), "-ERR The server is running without a config file\r\n");
    EXPECT_EQ(runner_.information().resets, 0);
    EXPECT_EQ(run({"CONFIG", "RESETSTAT"}), "+OK\r\n");
    EXPECT_EQ(runner_.information().resets, 1);
}

TEST_F(ConfigCommands, HelpAndUnknownWords) {
    EXPECT_EQ(run({"CONFIG", "HELP"}).substr(0, 77),
              "*11\r\n+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n+GET <");
    EXPECT_EQ(run({"CONFIG", "FOO"}), "-ERR unknown subcommand 'FOO'. Try CONFIG HELP.\r\n");
    EXPECT_EQ(run({"CONFIG"}), "-ERR wrong number of arguments for 'config' command\r\n");
}

}  // namespace
}  // namespace gyre::test
