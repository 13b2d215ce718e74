// SPDX-License-Identifier: BSD-3-Clause

// Hints, completion and help from a table as a server gives it.

#include "cli/complete.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "unit/cli/reply_maker.h"

namespace gyre::cli {
namespace {

using Words = std::vector<std::string>;

Reply argument(std::string name, std::string type, Words flags = {}, std::string token = "",
               std::vector<Reply> inner = {}) {
    std::vector<Reply> fields = {bulk("name"), bulk(std::move(name)), bulk("type"),
                                 bulk(std::move(type))};
    if (!token.empty()) fields.insert(fields.end(), {bulk("token"), bulk(std::move(token))});
    if (!flags.empty()) {
        std::vector<Reply> list;
        for (const std::string& flag : flags) list.push_back(status(flag));
        fields.insert(fields.end(), {bulk("flags"), array(std::move(list))});
    }
    if (!inner.empty()) fields.insert(fields.end(), {bulk("arguments"), array(std::move(inner))});
    return map(std::move(fields));
}

Reply docs(std::string summary, std::string group, std::vector<Reply> arguments) {
    return map({bulk("summary"), bulk(std::move(summary)), bulk("since"), bulk("1.0.0"),
                bulk("group"), bulk(std::move(group)), bulk("arguments"),
                array(std::move(arguments))});
}

CommandTable table() {
    const Reply expiry =
        argument("expiration", "oneof", {"optional"}, "",
                 {argument("seconds", "integer", {}, "EX"), argument("ms", "integer", {}, "PX"),
                  argument("keepttl", "pure-token", {}, "KEEPTTL")});
    const Reply condition =
        argument("condition", "oneof", {"optional"}, "",
                 {argument("nx", "pure-token", {}, "NX"), argument("xx", "pure-token", {}, "XX")});
    Reply config = docs("Container.", "server", {});
    config.elements.insert(
        config.elements.end(),
        {bulk("subcommands"),
         map({bulk("config|get"),
              docs("Reads.", "server", {argument("parameter", "string", {"multiple"})}),
              bulk("config|set"), docs("Sets.", "server", {})})});
    CommandTable commands;
    commands.load_docs(map(
        {bulk("set"),
         docs("Sets a key.", "string",
              {argument("key", "key"), argument("value", "string"), condition, expiry}),
         bulk("get"), docs("Reads a key.", "string", {argument("key", "key")}),  //
         bulk("mset"),
         docs("Sets keys.", "string",
              {argument("data", "block", {"multiple"}, "",
                        {argument("key", "key"), argument("value", "string")})}),
         bulk("blpop"),
         docs("Waits.", "list",
              {argument("key", "key", {"multiple"}), argument("timeout", "double")}),
         bulk("sort"),
         docs("Sorts.", "generic",
              {argument("key", "key"), argument("pattern", "pattern", {"optional"}, "BY"),
               argument("pattern", "pattern", {"optional", "multiple", "multiple_token"}, "GET")}),
         bulk("batch"),
         docs("Runs statements as one.", "transactions",
              {argument("statement", "string", {"multiple"})}),
         bulk("config"), config}));
    return commands;
}

std::string hint(const char* line) { return hint_for(table(), line); }

TEST(Hint, TellsWhatMayFollow) {
    EXPECT_EQ(hint("set"), " key value [NX|XX] [EX seconds|PX ms|KEEPTTL]");
    EXPECT_EQ(hint("SET a "), "value [NX|XX] [EX seconds|PX ms|KEEPTTL]");
    EXPECT_EQ(hint("set a b"), " [NX|XX] [EX seconds|PX ms|KEEPTTL]");
    EXPECT_EQ(hint("set a b ex 5 "), "[NX|XX]");
    EXPECT_EQ(hint("set a b ex"), " seconds [NX|XX]");
    EXPECT_EQ(hint("set a b xx keepttl"), "");
    EXPECT_EQ(hint("get a"), "");
    EXPECT_EQ(hint("get a b"), "");
    EXPECT_EQ(hint("nothing"), "");
    EXPECT_EQ(hint(""), "");
}

TEST(Hint, TellsRepetitions) {
    EXPECT_EQ(hint("mset "), "key value [key value ...]");
    EXPECT_EQ(hint("mset a "), "value [key value ...]");
    EXPECT_EQ(hint("mset a 1 "), "[key value ...]");
    EXPECT_EQ(hint("blpop "), "key [key ...] timeout");
    EXPECT_EQ(hint("blpop a b "), "[key ...] timeout");
    EXPECT_EQ(hint("sort k get x "), "[GET pattern ...] [BY pattern]");
    EXPECT_EQ(hint("config"), " get|set");
    EXPECT_EQ(hint("config get "), "parameter [parameter ...]");
}

TEST(Hint, SeesThroughRepeatsQuotesAndLines) {
    EXPECT_EQ(hint("5 get "), "key");
    EXPECT_EQ(hint("set \"a b\" "), "value [NX|XX] [EX seconds|PX ms|KEEPTTL]");
    EXPECT_EQ(hint("ping\nget "), "key");
}

Words candidates(const char* line, const KeySource& keys = {}) {
    constexpr std::string_view kLocals[] = {"help", "exit"};
    return complete(table(), kLocals, line, keys).candidates;
}

TEST(Complete, CommandsInTheCaseOfWhatWasTyped) {
    EXPECT_EQ(candidates("s"), (Words{"set", "sort"}));
    EXPECT_EQ(candidates("SE"), (Words{"SET"}));
    EXPECT_EQ(candidates("ex"), (Words{"exit"}));
    EXPECT_EQ(candidates("config g"), (Words{"get"}));
    EXPECT_EQ(candidates("help @s"), (Words{"@server", "@string"}));
    EXPECT_EQ(candidates("zzz"), Words{});
}

TEST(Complete, OptionsThatMayComeNext) {
    EXPECT_EQ(candidates("set a b "), (Words{"ex", "keepttl", "nx", "px", "xx"}));
    EXPECT_EQ(candidates("set a b K"), (Words{"KEEPTTL"}));
    EXPECT_EQ(candidates("set a b nx e"), (Words{"ex"}));
    EXPECT_EQ(candidates("set a b ex "), Words{});
}

TEST(Complete, KeysWhereOneMayStand) {
    std::string asked;
    bool is_cut = false;
    const KeySource keys = [&](const std::string& prefix) {
        asked = prefix;
        return FoundKeys{{"user:1", "user 2", "other"}, is_cut};
    };
    EXPECT_EQ(candidates("get us", keys), (Words{"\"user 2\"", "user:1"}));
    EXPECT_EQ(asked, "us");
    EXPECT_EQ(candidates("get \"user ", keys), (Words{"\"user 2\""}));
    EXPECT_EQ(candidates("blpop a u", keys), (Words{"\"user 2\"", "user:1"}));
    EXPECT_EQ(candidates("set a u", keys), Words{});
    EXPECT_EQ(complete(table(), {}, "get us", keys).begin, 4U);
    EXPECT_FALSE(complete(table(), {}, "get us", keys).is_cut);
    is_cut = true;
    EXPECT_TRUE(complete(table(), {}, "get us", keys).is_cut);
    EXPECT_FALSE(complete(table(), {}, "set a us", keys).is_cut) << "nobody looked for keys";
}

TEST(Complete, TheOptionsOfABatchAndItsFiles) {
    std::string name = (std::filesystem::temp_directory_path() / "gyre-batch-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    for (const char* file : {"one.txt", "other", ".hidden"})
        std::ofstream(name + "/" + file) << "x";
    std::filesystem::create_directory(name + "/sub");
    EXPECT_EQ(candidates("batch -"), (Words{"-c", "-f"}));
    EXPECT_EQ(candidates("batch "), Words{});
    const std::string line = "batch -f " + name + "/";
    EXPECT_EQ(candidates((line + "o").c_str()), (Words{name + "/one.txt", name + "/other"}));
    EXPECT_EQ(candidates(line.c_str()),
              (Words{name + "/one.txt", name + "/other", name + "/sub/"}));
    EXPECT_EQ(candidates((line + ".h").c_str()), (Words{name + "/.hidden"}));
    EXPECT_EQ(candidates((line + "missing/x").c_str()), Words{});
    EXPECT_TRUE(complete(table(), {}, line + "s", {}).is_open) << "more may follow a folder";
    EXPECT_FALSE(complete(table(), {}, line + "one", {}).is_open);
    std::filesystem::remove_all(name);
}

TEST(Hint, TellsTheFormsOfABatch) {
    EXPECT_EQ(hint("batch"), R"( "command; command"|-c "command; command"|-f file)");
    EXPECT_EQ(hint("batch -c"), R"( "command; command")");
    EXPECT_EQ(hint("batch -f "), "file");
    EXPECT_EQ(hint("batch -f x"), "");
    EXPECT_EQ(hint("batch x "), "[statement ...]");
}

TEST(Complete, CommonBeginningsEndAtCharacters) {
    EXPECT_EQ(common_beginning(Words{"user:1", "user:12"}), "user:1");
    EXPECT_EQ(common_beginning(Words{"a\xc3\xa9", "a\xc3\xa8"}), "a");
}

TEST(Help, IsMadeOfTheTable) {
    const std::string text = help_for(table(), Words{"GET"}, false);
    EXPECT_EQ(text, "GET key\n  summary: Reads a key.\n  since: 1.0.0\n  group: string\n");
    EXPECT_NE(help_for(table(), Words{"@string"}, false).find("MSET key value [key value ...]"),
              std::string::npos);
    EXPECT_NE(help_for(table(), Words{"config"}, false).find("CONFIG GET parameter"),
              std::string::npos);
    EXPECT_EQ(help_for(table(), Words{"nothing"}, false), "");
}

TEST(Help, TellsWhatAnAliasStandsFor) {
    Aliases aliases;
    aliases.load(map({bulk("mine"), bulk("get user:$1"), bulk("chain"), bulk("mine 7")}));
    EXPECT_EQ(help_for(table(), Words{"mine"}, false, &aliases),
              "mine is an alias of: get user:$1\n" + help_for(table(), Words{"get"}, false));
    EXPECT_EQ(help_for(table(), Words{"chain"}, false, &aliases), "chain is an alias of: mine 7\n");
    EXPECT_EQ(help_for(table(), Words{"mine"}, false), "");
}

TEST(Help, TellsTheFormsOfABatch) {
    const std::string text = help_for(table(), Words{"batch"}, false);
    EXPECT_NE(text.find("batch -c"), std::string::npos) << text;
    EXPECT_NE(text.find("batch -f"), std::string::npos) << text;
}

TEST(CommandTable, TakesNamesWhereThereAreNoDocs) {
    CommandTable commands;
    commands.load_names(array({array({bulk("get"), integer(2)}), array({})}));
    EXPECT_EQ(commands.commands().size(), 1U);
    EXPECT_EQ(hint_for(commands, "get "), "");
}

}  // namespace
}  // namespace gyre::cli
