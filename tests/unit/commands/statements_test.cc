// SPDX-License-Identifier: BSD-3-Clause

// The text of BATCH as statements and words.

#include "commands/statements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace gyre::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Statements, EndAtSemicolonsAndLines) {
    EXPECT_THAT(split_statements("put a 1; put b 2;get a"),
                ElementsAre("put a 1", " put b 2", "get a"));
    EXPECT_THAT(split_statements("a\nb\r\nc"), ElementsAre("a", "b\r", "c"));
    EXPECT_THAT(split_statements("a"), ElementsAre("a"));
}

TEST(Statements, WithoutAWordAreNone) {
    EXPECT_THAT(split_statements(""), IsEmpty());
    EXPECT_THAT(split_statements(" ;; \n\t;\r\n"), IsEmpty());
    EXPECT_THAT(split_statements(";a;;b;"), ElementsAre("a", "b"));
}

TEST(Statements, DoNotEndWithinQuotes) {
    EXPECT_THAT(split_statements(R"(set a "1;2" ; get a)"),
                ElementsAre(R"(set a "1;2" )", " get a"));
    EXPECT_THAT(split_statements("set a '1\n2'\nget a"), ElementsAre("set a '1\n2'", "get a"));
    EXPECT_THAT(split_statements(R"(set a "x\";y";b)"), ElementsAre(R"(set a "x\";y")", "b"));
    EXPECT_THAT(split_statements(R"(set a 'x\';y';b)"), ElementsAre(R"(set a 'x\';y')", "b"));
    EXPECT_THAT(split_statements(R"(set a "\\";b)"), ElementsAre(R"(set a "\\")", "b"));
    // Within single quotes a backslash is itself, but before a quote.
    EXPECT_THAT(split_statements(R"(set a '\';b)"), ElementsAre(R"(set a '\';b)"));
    EXPECT_THAT(split_statements(R"(set a k"1;2"; b)"), ElementsAre(R"(set a k"1;2")", " b"));
}

TEST(Statements, WithAQuoteLeftOpenGoToTheEnd) {
    EXPECT_THAT(split_statements("a; b \"c; d"), ElementsAre("a", " b \"c; d"));
    EXPECT_FALSE(statement_words(" b \"c; d"));
}

TEST(Statements, AreCutIntoWordsAsInlineCommands) {
    EXPECT_THAT(*statement_words(R"( set a "x y" )"), ElementsAre("set", "a", "x y"));
    EXPECT_THAT(*statement_words(R"(set a "\x41\n" 'it\'s')"),
                ElementsAre("set", "a", "A\n", "it's"));
    EXPECT_THAT(*statement_words("set a \"\""), ElementsAre("set", "a", ""));
    EXPECT_THAT(*statement_words("   "), IsEmpty());
    EXPECT_FALSE(statement_words("set a \"x\"y"));
    EXPECT_FALSE(statement_words(std::string_view("set a \0b", 8)));
}

}  // namespace
}  // namespace gyre::commands
