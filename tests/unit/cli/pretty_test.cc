// SPDX-License-Identifier: BSD-3-Clause

// Replies as people see them.

#include "cli/pretty.h"

#include <gtest/gtest.h>

#include <clocale>

#include "unit/cli/reply_maker.h"

namespace gyre::cli {
namespace {

constexpr PrettyOptions kPlain{.has_colour = false};

std::string shown(const Reply& reply) { return pretty_reply(reply, kPlain); }

TEST(Pretty, TextStaysReadableAndCannotSteerTheTerminal) {
    EXPECT_EQ(quote_for_people("caf\xc3\xa9 \"x\"\\"), "\"caf\xc3\xa9 \\\"x\\\"\\\\\"");
    EXPECT_EQ(quote_for_people("\x1b[2J\n"), "\"\\x1b[2J\\n\"");
    EXPECT_EQ(quote_for_people("\xff"), "\"\\xff\"");
    EXPECT_EQ(quote_for_people("\xc2\x9b"), "\"\\xc2\\x9b\"");           // CSI as one character
    EXPECT_EQ(quote_for_people("\xe2\x80\xae"), "\"\\xe2\\x80\\xae\"");  // right to left
    EXPECT_EQ(shown(status("O\x1b[1mK")), "O\\x1b[1mK\n");
    EXPECT_EQ(shown(error("ERR \x07")), "(error) ERR \\a\n");
}

TEST(Pretty, MapsAreTwoColumns) {
    EXPECT_EQ(shown(map({bulk("name"), bulk("ann"), bulk("id"), integer(7)})),
              "name  \"ann\"\nid    (integer) 7\n");
    EXPECT_EQ(shown(map({bulk("a b"), Reply()})), "\"a b\"  (nil)\n");
}

TEST(Pretty, NestedRepliesAreIndented) {
    EXPECT_EQ(shown(map({bulk("k"), map({bulk("x"), integer(1)}), bulk("l"), array({})})),
              "k\n  x  (integer) 1\nl  (empty array)\n");
    EXPECT_EQ(shown(array({bulk("a"), array({bulk("b"), bulk("c")})})),
              "1) \"a\"\n2) 1) \"b\"\n   2) \"c\"\n");
}

TEST(Pretty, LikeMapsAreATable) {
    const Reply rows = array({map({bulk("name"), bulk("g1"), bulk("lag"), integer(10)}),
                              map({bulk("name"), bulk("group2"), bulk("lag"), integer(2)})});
    EXPECT_EQ(shown(rows), "name      lag\n\"g1\"      10\n\"group2\"  2\n");
    // Too wide for the terminal: one below the other.
    EXPECT_EQ(
        pretty_reply(rows, {.has_colour = false, .columns = 8}),
        "1) name  \"g1\"\n   lag   (integer) 10\n2) name  \"group2\"\n   lag   (integer) 2\n");
}

TEST(Pretty, ColoursEndWhereTheyBegan) {
    EXPECT_EQ(pretty_reply(integer(3), {}), "\x1b[36m(integer) 3\x1b[0m\n");
    EXPECT_EQ(paint("x", Colour::error, false), "x");
    EXPECT_EQ(paint("x", Colour::none, true), "x");
}

TEST(Pretty, MessagesAreOneLine) {
    EXPECT_EQ(pretty_message(array({bulk("message"), bulk("news"), bulk("hi")}), kPlain),
              "message news \"hi\"\n");
    EXPECT_EQ(pretty_message(array({bulk("subscribe"), bulk("news"), integer(1)}), kPlain),
              "subscribe news 1\n");
}

TEST(Pretty, ReportsKeepTheirLines) {
    EXPECT_EQ(pretty_report(bulk("# Server\r\na:1\r\n"), kPlain), "# Server\na:1\n");
    EXPECT_EQ(pretty_report(bulk("a\x1b[2Jb"), kPlain), "a\\x1b[2Jb\n");
}

TEST(Pretty, WidthsAreColumnsNotBytes) {
    ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr);
    EXPECT_EQ(display_width("abc"), 3U);
    EXPECT_EQ(display_width("\xc3\xa9"), 1U);
    EXPECT_EQ(display_width("\xe6\xbc\xa2"), 2U);
}

}  // namespace
}  // namespace gyre::cli
