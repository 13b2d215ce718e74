// SPDX-License-Identifier: BSD-3-Clause

// Replies as programs read them. That they equal redis-cli's is tested beside it, in the
// integration suite; here stand the forms themselves.

#include "cli/format.h"

#include <gtest/gtest.h>

#include "unit/cli/reply_maker.h"

namespace gyre::cli {
namespace {

Reply nested() {
    return array({integer(1), array({bulk("x\n"), Reply()}), error("ERR e"), status("S"),
                  map({bulk("k"), boolean(true), integer(2), array({})})});
}

TEST(Format, Raw) {
    EXPECT_EQ(format_reply(bulk("a\"b"), {}), "a\"b\n");
    EXPECT_EQ(format_reply(Reply(), {}), "\n");
    EXPECT_EQ(format_reply(error("ERR no"), {}), "ERR no\n\n");
    EXPECT_EQ(format_reply(nested(), {}), "1\nx\n\n\nERR e\n\nS\nk (true)\n2 \n");
    const Layout layout{.element_delimiter = ",", .reply_delimiter = "|"};
    EXPECT_EQ(format_reply(array({bulk("a"), bulk("b")}), layout), "a,b|");
}

TEST(Format, Csv) {
    const Layout layout{.format = Format::csv};
    EXPECT_EQ(format_reply(nested(), layout),
              "1,\"x\\n\",NULL,ERROR,\"ERR e\",\"S\",\"k\",true,2,\n");
    EXPECT_EQ(format_reply(text_reply(ReplyType::real, "1.5"), layout), "1.5\n");
}

TEST(Format, Json) {
    const Layout layout{.format = Format::json};
    EXPECT_EQ(format_reply(nested(), layout),
              "[1,[\"x\\n\",null],error:\"ERR e\",\"S\",{\"k\":true,\"2\":[]}]\n");
    EXPECT_EQ(format_reply(bulk("\x01\xc3\xa9"), layout), "\"\\u0001\xc3\xa9\"\n");
    EXPECT_EQ(format_reply(bulk("\xc3\xa9\n"), {.format = Format::quoted_json}),
              "\"\\\\xc3\\\\xa9\\\\n\"\n");
}

TEST(Format, Standard) {
    const Layout layout{.format = Format::standard};
    EXPECT_EQ(format_reply(array({bulk("a"), integer(2)}), layout), "1) \"a\"\n2) (integer) 2\n");
}

TEST(Format, ReportsAreShownAsTheyAre) {
    using Words = std::vector<std::string>;
    EXPECT_TRUE(is_report(Words{"INFO"}));
    EXPECT_TRUE(is_report(Words{"client", "LIST"}));
    EXPECT_FALSE(is_report(Words{"client", "id"}));
    EXPECT_FALSE(is_report(Words{"client"}));
    EXPECT_FALSE(is_report(Words{}));
    EXPECT_EQ(format_report(bulk("a\r\n")), "a\r\n");
}

}  // namespace
}  // namespace gyre::cli
