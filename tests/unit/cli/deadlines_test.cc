// SPDX-License-Identifier: BSD-3-Clause

// Which words of a line are keys that it reads, and how their lifetimes are told.

#include "cli/deadlines.h"

#include <gtest/gtest.h>

#include "cli/pretty.h"
#include "unit/cli/reply_maker.h"

namespace gyre::cli {
namespace {

using Words = std::vector<std::string>;

/// A command as COMMAND tells of it.
Reply command(const char* name, const char* flag, int64_t first, int64_t last, int64_t step,
              std::vector<Reply> subcommands = {}) {
    return array({bulk(name), integer(2), array({status("fast"), status(flag)}), integer(first),
                  integer(last), integer(step), array({}), array({}), array({}),
                  array(std::move(subcommands))});
}

ReadCommands table() {
    ReadCommands commands;
    commands.load(array({
        command("get", "readonly", 1, 1, 1),
        command("mget", "readonly", 1, -1, 1),
        command("bitop_ro", "readonly", 2, -2, 2),
        command("set", "write", 1, 1, 1),
        command("keys", "readonly", 0, 0, 0),
        command("object", "admin", 0, 0, 0, {command("object|encoding", "readonly", 2, 2, 1)}),
        array({bulk("short"), integer(1)}),
    }));
    return commands;
}

Words keys(Words words) { return table().keys_of(words); }

TEST(ReadCommands, TellKeysByTheTable) {
    EXPECT_EQ(keys({"get", "a"}), Words{"a"});
    EXPECT_EQ(keys({"GET", "a", "more"}), Words{"a"});
    EXPECT_EQ(keys({"mget", "a", "b", "a"}), (Words{"a", "b"})) << "each once";
    EXPECT_EQ(keys({"bitop_ro", "x", "a", "x", "b", "x"}), (Words{"a", "b"}));
    EXPECT_EQ(keys({"Object", "ENCODING", "a"}), Words{"a"});
    for (const Words& words :
         {Words{"set", "a", "b"}, Words{"keys", "*"}, Words{"get"}, Words{"object"},
          Words{"object", "help"}, Words{"nothing", "a"}, Words{}}) {
        EXPECT_EQ(keys(words), Words{}) << ::testing::PrintToString(words);
    }
    Words many = {"mget"};
    for (size_t i = 0; i < Deadlines::kKeysMax + 5; ++i) many.push_back(std::to_string(i));
    EXPECT_EQ(keys(many).size(), Deadlines::kKeysMax);
    EXPECT_TRUE(ReadCommands().is_empty());
}

TEST(Deadlines, AreToldToPeople) {
    EXPECT_EQ(deadline_text(integer(9899)), "expires in 9.8 s");
    EXPECT_EQ(deadline_text(integer(-1)), "no expiry");
    EXPECT_EQ(deadline_text(integer(-2)), "");
    EXPECT_EQ(deadline_text(error("NOPERM")), "");
    EXPECT_TRUE(lists_keys("KEYS"));
    EXPECT_TRUE(lists_keys("items"));
    EXPECT_FALSE(lists_keys("get"));
}

TEST(Deadlines, OneKeyNeedsNoName) {
    Deadlines::Answer answer{.reply = bulk("v"), .keys = {"a"}, .texts = {"no expiry"}};
    EXPECT_EQ(Deadlines::lines(answer), "(no expiry)\n");
    EXPECT_TRUE(Deadlines::notes(answer).empty());
    answer.keys = {"a", "gone", "b\n"};
    answer.texts = {"no expiry", "", "expires in 1 min"};
    EXPECT_EQ(Deadlines::lines(answer), "(\"a\": no expiry)\n(\"b\\n\": expires in 1 min)\n");
    answer.reply = error("WRONGTYPE");
    EXPECT_EQ(Deadlines::lines(answer), "");
}

TEST(Deadlines, StandBehindTheKeysOfAList) {
    const PrettyOptions plain{.has_colour = false};
    Deadlines::Answer keys{.reply = array({bulk("a"), bulk("b"), bulk("c")}),
                           .keys = {"a", "b"},
                           .texts = {"no expiry", "expires in 5.0 s"},
                           .listed = 3};
    EXPECT_EQ(pretty_reply(keys.reply, plain, Deadlines::notes(keys)),
              "1) \"a\"  no expiry\n2) \"b\"  expires in 5.0 s\n3) \"c\"\n");
    Deadlines::Answer items{.reply = map({bulk("a"), bulk("1"), bulk("bb"), bulk("2")}),
                            .keys = {"a", "bb"},
                            .texts = {"no expiry", "expires in 5.0 s"},
                            .listed = 2,
                            .stride = 2};
    EXPECT_EQ(pretty_reply(items.reply, plain, Deadlines::notes(items)),
              "a   \"1\"  no expiry\nbb  \"2\"  expires in 5.0 s\n");
    items.reply = array(items.reply.elements);  // RESP2
    EXPECT_EQ(pretty_reply(items.reply, plain, Deadlines::notes(items)),
              "1) \"a\"  no expiry\n2) \"1\"\n3) \"bb\"  expires in 5.0 s\n4) \"2\"\n");
    // What is nested is no element of the list.
    EXPECT_EQ(
        pretty_reply(array({array({bulk("x"), bulk("y")}), bulk("z")}), plain, Words{"", "note"}),
        "1) 1) \"x\"\n   2) \"y\"\n2) \"z\"  note\n");
}

}  // namespace
}  // namespace gyre::cli
