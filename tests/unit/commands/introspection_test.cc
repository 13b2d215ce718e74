// SPDX-License-Identifier: BSD-3-Clause

// Goal: COMMAND tells of the rows in the forms of Redis 7, RESP2 and RESP3.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "commands/registry.h"
#include "support/command_runner.h"

namespace gyre::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CommandCommands : public ::testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    CommandRunner runner_;
};

TEST_F(CommandCommands, InfoHasTenElements) {
    EXPECT_EQ(
        run({"COMMAND", "INFO", "gEt"}),
        "*1\r\n*10\r\n" + bulk("get") + ":2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n" +
            "*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n" + bulk("flags") +
            "*2\r\n+RO\r\n+access\r\n" + bulk("begin_search") + "*4\r\n" + bulk("type") +
            bulk("index") + bulk("spec") + "*2\r\n" + bulk("index") + ":1\r\n" + bulk("find_keys") +
            "*4\r\n" + bulk("type") + bulk("range") + bulk("spec") + "*6\r\n" + bulk("lastkey") +
            ":0\r\n" + bulk("keystep") + ":1\r\n" + bulk("limit") + ":0\r\n*0\r\n");
}

TEST_F(CommandCommands, InfoNestsSubcommandsAndKnowsSets) {
    runner_.use_resp3();
    const std::string info = run({"COMMAND", "INFO", "slowlog", "nosuch", "slowlog|nosuch"});
    EXPECT_THAT(info, StartsWith("*3\r\n*10\r\n" + bulk("slowlog") +
                                 ":-2\r\n~0\r\n:0\r\n:0\r\n:0\r\n~1\r\n+@slow\r\n~0\r\n~0\r\n"
                                 "*4\r\n*10\r\n"));
    EXPECT_THAT(info, ::testing::EndsWith("~0\r\n_\r\n_\r\n"));
    EXPECT_THAT(info, HasSubstr("*10\r\n" + bulk("slowlog|len") +
                                ":2\r\n~3\r\n+admin\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n"
                                "~3\r\n+@admin\r\n+@slow\r\n+@dangerous\r\n~3\r\n" +
                                bulk("request_policy:all_nodes") + bulk("response_policy:agg_sum") +
                                bulk("nondeterministic_output") + "~0\r\n~0\r\n"));
    EXPECT_THAT(run({"COMMAND", "INFO", "CONFIG|GET"}),
                StartsWith("*1\r\n*10\r\n" + bulk("config|get") + ":-3\r\n"));
}

TEST_F(CommandCommands, InfoJoinsRangesOfKeys) {
    const auto positions = [&](std::string_view name) {
        const std::string info = run({"COMMAND", "INFO", name});
        const size_t begin = info.find("\r\n:", info.find("\r\n*", 12)) + 2;
        return info.substr(begin, info.find('*', begin) - begin);
    };
    EXPECT_EQ(positions("mset"), ":1\r\n:-1\r\n:2\r\n");
    EXPECT_EQ(positions("copy"), ":1\r\n:2\r\n:1\r\n");
    EXPECT_EQ(positions("bitop"), ":2\r\n:-1\r\n:1\r\n");
    EXPECT_EQ(positions("lcs"), ":1\r\n:2\r\n:1\r\n");
    // A counted list is no range.
    EXPECT_EQ(positions("msetex"), ":0\r\n:0\r\n:0\r\n");
    EXPECT_THAT(run({"COMMAND", "INFO", "msetex"}), HasSubstr("+movablekeys\r\n"));
}

TEST_F(CommandCommands, CountListAndAllAgree) {
    const auto rows = commands::rows();
    const auto count = std::count_if(rows.begin(), rows.end(),
                                     [](const auto* row) { return row->parent.empty(); });
    EXPECT_EQ(run({"COMMAND", "COUNT"}), ":" + std::to_string(count) + "\r\n");
    const std::string all = run({"COMMAND"});
    EXPECT_THAT(all, StartsWith("*" + std::to_string(count) + "\r\n*10\r\n"));
    EXPECT_EQ(run({"COMMAND", "INFO"}), all);
    EXPECT_THAT(run({"COMMAND", "LIST"}), StartsWith("*" + std::to_string(rows.size()) + "\r\n"));
    EXPECT_EQ(run({"COMMAND", "FOO"}), "-ERR unknown subcommand 'FOO'. Try COMMAND HELP.\r\n");
    EXPECT_THAT(run({"COMMAND", "HELP"}), HasSubstr("+COMMAND <subcommand> "));
}

TEST_F(CommandCommands, ListFilters) {
    EXPECT_EQ(run({"COMMAND", "LIST", "FILTERBY", "PATTERN", "SLOWLOG|*et"}),
              "*2\r\n" + bulk("slowlog|get") + bulk("slowlog|reset"));
    EXPECT_EQ(run({"COMMAND", "LIST", "filterby", "module", "m"}), "*0\r\n");
    EXPECT_EQ(run({"COMMAND", "LIST", "FILTERBY", "ACLCAT", "nosuch"}), "*0\r\n");
    const std::string bitmap = run({"COMMAND", "LIST", "FILTERBY", "ACLCAT", "BITMAP"});
    EXPECT_THAT(bitmap, HasSubstr(bulk("setbit")));
    EXPECT_THAT(bitmap, Not(HasSubstr(bulk("get"))));
    for (const auto words : {std::initializer_list<std::string_view>{"COMMAND", "LIST", "x"},
                             {"COMMAND", "LIST", "FILTERBY"},
                             {"COMMAND", "LIST", "FILTERBY", "PATTERN"},
                             {"COMMAND", "LIST", "FILTERBY", "x", "y"},
                             {"COMMAND", "LIST", "FILTERBY", "PATTERN", "x", "y"}}) {
        EXPECT_EQ(run(words), "-ERR syntax error\r\n");
    }
}

TEST_F(CommandCommands, GetkeysFindsKeys) {
    EXPECT_EQ(run({"COMMAND", "GETKEYS", "mset", "a", "1", "b", "2"}),
              "*2\r\n" + bulk("a") + bulk("b"));
    EXPECT_EQ(run({"COMMAND", "GETKEYS", "MEMORY", "usage", "a"}), "*1\r\n" + bulk("a"));
    EXPECT_EQ(run({"COMMAND", "GETKEYS", "nosuch", "a"}), "-ERR Invalid command specified\r\n");
    EXPECT_EQ(run({"COMMAND", "GETKEYS", "config", "nosuch", "a"}),
              "-ERR Invalid command specified\r\n");
    EXPECT_EQ(run({"COMMAND", "GETKEYS", "config", "get", "a"}),
              "-ERR The command has no key arguments\r\n");
    EXPECT_EQ(run({"COMMAND", "GETKEYS", "get", "a", "b"}),
              "-ERR Invalid number of arguments specified for command\r\n");
    EXPECT_EQ(run({"COMMAND", "GETKEYS", "msetex", "5", "a", "b"}),
              "-ERR Invalid arguments specified for command\r\n");
    EXPECT_EQ(run({"COMMAND", "GETKEYS", "get"}),
              "-ERR wrong number of arguments for 'command|getkeys' command\r\n");
}

TEST_F(CommandCommands, GetkeysandflagsKnowsWhatOptionsChange) {
    runner_.use_resp3();
    const std::string head = "*1\r\n*2\r\n" + bulk("k");
    EXPECT_EQ(run({"COMMAND", "GETKEYSANDFLAGS", "set", "k", "v"}),
              head + "~2\r\n+OW\r\n+update\r\n");
    EXPECT_EQ(run({"COMMAND", "GETKEYSANDFLAGS", "set", "k", "v", "NX", "Get"}),
              head + "~3\r\n+RW\r\n+access\r\n+update\r\n");
    EXPECT_EQ(run({"COMMAND", "GETKEYSANDFLAGS", "copy", "a", "b"}),
              "*2\r\n*2\r\n" + bulk("a") + "~2\r\n+RO\r\n+access\r\n*2\r\n" + bulk("b") +
                  "~2\r\n+OW\r\n+update\r\n");
}

TEST_F(CommandCommands, DocsDescribe) {
    EXPECT_EQ(run({"COMMAND", "DOCS", "nosuch"}), "*0\r\n");
    const auto* row = commands::find_full_name("memory|usage");
    ASSERT_NE(row, nullptr);
    const auto pair = [](std::string_view name, std::string_view text) {
        return bulk(name) + bulk(text);
    };
    EXPECT_EQ(run({"COMMAND", "DOCS", "nosuch", "Memory|Usage"}),
              "*2\r\n" + bulk("memory|usage") + "*10\r\n" + pair("summary", row->summary) +
                  pair("since", "4.0.0") + pair("group", "server") +
                  pair("complexity", row->complexity) + bulk("arguments") + "*2\r\n*6\r\n" +
                  pair("name", "key") + pair("type", "key") + bulk("key_spec_index") + ":0\r\n" +
                  "*8\r\n" + pair("name", "count") + pair("type", "integer") +
                  pair("token", "SAMPLES") + bulk("flags") + "*1\r\n+optional\r\n");
    runner_.use_resp3();
    EXPECT_THAT(
        run({"COMMAND", "DOCS", "quit"}),
        HasSubstr(bulk("doc_flags") + "~1\r\n+deprecated\r\n" + pair("deprecated_since", "7.2.0") +
                  pair("replaced_by", "just closing the connection")));
    EXPECT_THAT(run({"COMMAND", "DOCS", "config"}), HasSubstr(bulk("subcommands") + "%5\r\n"));
}

/// Counts say how much follows: a reply that ends where it should has them right.
TEST_F(CommandCommands, DocsOfAllCommandsAreWellFormed) {
    for (const uint8_t protocol : {2, 3}) {
        runner_.session().protocol = protocol;
        const std::string text = run({"COMMAND", "DOCS"});
        size_t at = 0;
        int64_t frames = 1;
        while (frames > 0) {
            ASSERT_LT(at, text.size());
            const char type = text[at];
            const size_t end = text.find("\r\n", at);
            const int64_t number = type == '+' ? 0 : std::stoll(text.substr(at + 1, end - at - 1));
            at = end + 2;
            --frames;
            if (type == '$') at += static_cast<size_t>(number) + 2;
            if (type == '*' || type == '~') frames += number;
            if (type == '%') frames += number * 2;
            ASSERT_NE(std::string("+:$*~%").find(type), std::string::npos);
        }
        EXPECT_EQ(at, text.size());
    }
}

}  // namespace
TEST_F(CommandCommands, HelpExplainsACommandInTextOrInAMap) {
    const std::string text = run({"HELP", "config", "GET"});
    EXPECT_NE(text.find("\r\nCONFIG GET parameter [parameter ...]\n  summary: "), std::string::npos)
        << text;
    EXPECT_NE(run({"HELP", "config"}).find("  subcommands: "), std::string::npos);
    EXPECT_NE(run({"HELP"}).find("  bitmap: bitcount, bitfield, bitfield_ro, bitop, bitpos, "),
              std::string::npos);
    EXPECT_EQ(run({"HELP", "no\r\nsuch"}),
              "-ERR no such command 'no  such'. HELP alone lists all\r\n");
    EXPECT_EQ(run({"HELP", "config", "nosuch"}),
              "-ERR no such command 'config|nosuch'. HELP alone lists all\r\n");
    EXPECT_EQ(run({"HELP", "config", "get", "x"}),
              "-ERR no such command 'config|get|x'. HELP alone lists all\r\n");
    runner_.use_resp3();
    EXPECT_TRUE(
        run({"HELP", "ping"}).starts_with("%5\r\n$5\r\nusage\r\n$14\r\nPING [message]\r\n"));
}

}  // namespace gyre::test
