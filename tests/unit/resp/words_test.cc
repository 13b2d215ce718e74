// SPDX-License-Identifier: BSD-3-Clause

// The rules by which lines are cut into words. The expected values were read off redis-server.

#include "resp/words.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resp/request_parser.h"

namespace gyre::resp {
namespace {

using namespace std::string_literals;
using Words = std::vector<std::string>;

std::optional<Words> split(std::string_view line) {
    Words words = {"left over"};
    if (!split_line(line, words)) return std::nullopt;
    return words;
}

TEST(SplitLine, CutsAtBlanks) {
    EXPECT_EQ(split("SET key value"), (Words{"SET", "key", "value"}));
    EXPECT_EQ(split("  SET\t key \r\n"), (Words{"SET", "key"}));
    EXPECT_EQ(split(" \x0b\x0c a"), Words{"a"});
    EXPECT_EQ(split("a\rb"), (Words{"a", "b"}));
}

TEST(SplitLine, GivesNoWordsForAnEmptyLine) {
    EXPECT_EQ(split(""), Words{});
    EXPECT_EQ(split(" \t\r\n"), Words{});
}

TEST(SplitLine, KeepsAVerticalTabInsideAWord) { EXPECT_EQ(split("x\x0by"), Words{"x\x0by"}); }

TEST(SplitLine, UnescapesInDoubleQuotes) {
    EXPECT_EQ(split(R"("a b")"), Words{"a b"});
    EXPECT_EQ(split(R"("\n\r\t\b\a\\\"\q")"), Words{"\n\r\t\b\a\\\"q"});
    EXPECT_EQ(split(R"("\x41\x0a\xFf\x00.")"), Words{"A\n\xff\0."s});
    EXPECT_EQ(split(R"("\x4" "\xzz")"), (Words{"x4", "xzz"}));
    EXPECT_EQ(split(R"("it's")"), Words{"it's"});
}

TEST(SplitLine, UnescapesOnlyTheQuoteInSingleQuotes) {
    EXPECT_EQ(split(R"('a b' 'it\'s' '\n' '"')"), (Words{"a b", "it's", "\\n", "\""}));
}

TEST(SplitLine, TakesQuotesInsideAWordAndEmptyOnes) {
    EXPECT_EQ(split(R"(a"b c")"), Words{"ab c"});
    EXPECT_EQ(split(R"(a'b')"), Words{"ab"});
    EXPECT_EQ(split(R"("" '' x)"), (Words{"", "", "x"}));
}

TEST(SplitLine, TakesAnyBlankAfterAClosingQuote) {
    EXPECT_EQ(split("\"a\"\x0bx"), (Words{"a", "x"}));
    EXPECT_EQ(split("\"a\"\r"), Words{"a"});
}

TEST(SplitLine, RefusesUnbalancedQuotes) {
    for (const std::string_view line :
         {R"(")", R"("a)", R"("a\)", R"("a\")", R"(')", R"('a)", R"('a\')", R"("a"b)", R"('a'b)",
          R"('a'"b")", R"(x "y"z)"}) {
        EXPECT_EQ(split(line), std::nullopt) << line;
    }
}

TEST(SplitLine, EndsAtANul) {
    EXPECT_EQ(split("a b\0c d"s), (Words{"a", "b"}));
    EXPECT_EQ(split("\"a\0\""s), std::nullopt);
}

TEST(WordCursor, CopiesQuotedWordsOnly) {
    const std::string line = "plain \"quoted\"";
    WordCursor cursor(line);
    ASSERT_EQ(cursor.next(), WordCursor::Step::plain);
    EXPECT_EQ(cursor.text().data(), line.data());
    ASSERT_EQ(cursor.next(), WordCursor::Step::quoted);
    EXPECT_EQ(cursor.text(), "quoted");
    EXPECT_EQ(cursor.next(), WordCursor::Step::end);
}

}  // namespace
}  // namespace gyre::resp
