// SPDX-License-Identifier: BSD-3-Clause

// What calls of aliases stand for, as the server expands them.

#include "cli/aliases.h"

#include <gtest/gtest.h>

#include "unit/cli/reply_maker.h"

namespace gyre::cli {
namespace {

using Words = std::vector<std::string>;

Aliases aliases() {
    Aliases table;
    table.load(map({bulk("five"), bulk("select 5"), bulk("db"), bulk("select $1"), bulk("user"),
                    bulk("hgetall user:$1"), bulk("all"), bulk("mget first $@ last"), bulk("again"),
                    bulk("db"), bulk("a"), bulk("b"), bulk("b"), bulk("a"), bulk("text"),
                    bulk("set k \"x y\"")}));
    return table;
}

TEST(Aliases, AreExpanded) {
    const Aliases table = aliases();
    const auto expand = [&](const Words& call) { return table.expand(call); };
    EXPECT_EQ(expand({"FIVE"}), (Words{"select", "5"}));
    EXPECT_EQ(expand({"db", "7"}), (Words{"select", "7"}));
    EXPECT_EQ(expand({"user", "x y"}), (Words{"hgetall", "user:x y"}));
    EXPECT_EQ(expand({"all", "1", "2"}), (Words{"mget", "first", "1", "2", "last"}));
    EXPECT_EQ(expand({"again", "3"}), (Words{"select", "3"}));
    // Without placeholders the arguments follow.
    EXPECT_EQ(expand({"text", "nx"}), (Words{"set", "k", "x y", "nx"}));
}

TEST(Aliases, AreNoneWhereTheCallDoesNotFit) {
    const Aliases table = aliases();
    EXPECT_EQ(table.expand(Words{"get", "a"}), std::nullopt);
    EXPECT_EQ(table.expand(Words{"db"}), std::nullopt);
    EXPECT_EQ(table.expand(Words{"a"}), std::nullopt);  // a circle
    EXPECT_EQ(table.expand(Words{}), std::nullopt);
}

TEST(Aliases, ComeFromEitherProtocol) {
    Aliases table = aliases();
    table.load(array({bulk("other"), bulk("ping")}));
    ASSERT_NE(table.find("Other"), nullptr);
    EXPECT_EQ(*table.find("other"), "ping");
    EXPECT_EQ(table.find("five"), nullptr);
    table.load(error("ERR no"));
    EXPECT_EQ(table.find("other"), nullptr);
}

}  // namespace
}  // namespace gyre::cli
