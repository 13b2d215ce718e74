// SPDX-License-Identifier: BSD-3-Clause

// Cutting lines and pastes, and telling what must not be kept.

#include "cli/line.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

using Words = std::vector<std::string>;
using namespace std::string_literals;

TEST(Line, IsCutIntoWords) {
    EXPECT_EQ(split_line("set k 'a b'"), (Words{"set", "k", "a b"}));
    EXPECT_EQ(split_line(R"(  set "a\x00\n" v )"), (Words{"set", "a\0\n"s, "v"}));
    EXPECT_EQ(split_line(""), Words{});
    EXPECT_EQ(split_line("get \"a"), std::nullopt);
    EXPECT_EQ(split_line("get \"a\"b"), std::nullopt);
}

TEST(Line, TellsAnOpenQuote) {
    EXPECT_TRUE(has_open_quote("set k \"a"));
    EXPECT_TRUE(has_open_quote("set k 'it\\'s"));
    EXPECT_TRUE(has_open_quote("set k \"a\\\""));
    EXPECT_FALSE(has_open_quote("set k \"a'\""));
    EXPECT_FALSE(
        has_open_quote("set k 'a\\'"
                       "'"));
    EXPECT_FALSE(has_open_quote("set k v"));
}

TEST(Line, APasteIsCutIntoCommands) {
    EXPECT_EQ(split_commands("set a 1\n\n  \nget a\r\n"), (Words{"set a 1", "get a"}));
    EXPECT_EQ(split_commands("set a \"1\n2\"\nget a"), (Words{"set a \"1\n2\"", "get a"}));
    EXPECT_EQ(split_commands("get \"a"), (Words{"get \"a"}));
}

TEST(Line, ANumberInFrontRepeats) {
    Words words = {"5", "incr", "n"};
    EXPECT_EQ(take_repeat(words), 5);
    EXPECT_EQ(words, (Words{"incr", "n"}));
    EXPECT_EQ(take_repeat(words), 1);
    words = {"0", "incr"};
    EXPECT_EQ(take_repeat(words), 1);
    EXPECT_EQ(words.size(), 2U);
    words = {"7"};
    EXPECT_EQ(take_repeat(words), 1);
    EXPECT_EQ(words.size(), 1U);
}

TEST(Line, KnowsCommentsOfFiles) {
    EXPECT_TRUE(is_comment("# text"));
    EXPECT_TRUE(is_comment(" \t#"));
    EXPECT_FALSE(is_comment("get #"));
    EXPECT_FALSE(is_comment(""));
    EXPECT_FALSE(is_comment("  "));
}

TEST(Line, FollowsAQuoteFromPieceToPiece) {
    EXPECT_EQ(open_quote("set k \"one\n"), '"');
    EXPECT_EQ(open_quote("it's \\\"\n", '"'), '"');
    EXPECT_EQ(open_quote("two\" 'x'", '"'), 0);
    EXPECT_EQ(open_quote("\" '", '"'), '\'');
}

TEST(Line, TellsSecrets) {
    for (const char* line : {"auth pw",
                             "AUTH ann pw",
                             " \"auth\" pw",
                             "3 auth pw",
                             "hello 3 auth ann pw",
                             "config set requirepass x",
                             "CONFIG SET maxmemory 1 masterauth y",
                             "auth \"pw",
                             "acl setuser ann >pw",
                             "migrate h 1 k 0 1 AUTH pw",
                             "get a\nauth pw",
                             "\"auth",
                             "alias login auth pw",
                             "alias x hello 3 auth a pw",
                             "batch \"get a; auth pw\"",
                             "batch -c \"auth pw\"",
                             "batch 'get a' 'config set requirepass x'",
                             "connect redis://ann:pw@host:1/2",
                             "connect pw@host",
                             "CONNECT rediss://pw@host"}) {
        EXPECT_TRUE(has_secret(line)) << line;
    }
    for (const char* line :
         {"get auth", "set a b", "config get requirepass", "hello 3", "config set maxmemory 1",
          "acl list", "get \"a", "", "alias x get auth", "alias auth",
          "batch \"put auth 1; get auth\"", "connect host 7000", "connect redis://host:7000/2",
          "set connect a@b"}) {
        EXPECT_FALSE(has_secret(line)) << line;
    }
}

}  // namespace
}  // namespace gyre::cli
