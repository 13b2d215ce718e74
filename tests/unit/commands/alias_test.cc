// SPDX-License-Identifier: BSD-3-Clause

// ALIAS, SHOW-ALIAS, RESET-ALIAS, and calls of aliases. Keeping them in a file is tested in
// server/alias_store_test.cc and integration/alias_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "base/shared_bytes.h"
#include "commands/aliases.h"
#include "support/command_runner.h"

namespace gyre::commands {
namespace {

using test::bulk;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AliasTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    test::CommandRunner runner_;
};

TEST_F(AliasTest, AnAliasWithoutPlaceholdersGetsTheArgumentsAppended) {
    EXPECT_EQ(run({"ALIAS", "put-a", "set", "a"}), "+OK\r\n");
    EXPECT_EQ(run({"PUT-A", "1", "EX", "100"}), "+OK\r\n");
    EXPECT_EQ(run({"TTL", "a"}), ":100\r\n");
    EXPECT_EQ(run({"ALIAS", "g", "GET"}), "+OK\r\n");
    EXPECT_EQ(run({"g", "a"}), bulk("1"));
    EXPECT_EQ(run({"g"}), "-ERR wrong number of arguments for 'get' command\r\n");
}

TEST_F(AliasTest, PlaceholdersStandForTheArgumentsOfTheCall) {
    run({"ALIAS", "swap-set", "SET", "$2", "$1"});
    EXPECT_EQ(run({"swap-set", "value", "key"}), "+OK\r\n");
    EXPECT_EQ(run({"GET", "key"}), bulk("value"));
    run({"ALIAS", "user", "HSET", "user:$1:$2", "name", "$$$1", "price", "$0$"});
    EXPECT_EQ(run({"user", "7", "x"}), ":2\r\n");
    EXPECT_EQ(run({"HGETALL", "user:7:x"}),
              "*4\r\n" + bulk("name") + bulk("$7") + bulk("price") + bulk("$0$"));
    run({"ALIAS", "ninth", "ECHO", "$9"});
    EXPECT_EQ(run({"ninth", "1", "2", "3", "4", "5", "6", "7", "8", "9"}), bulk("9"));
    run({"ALIAS", "push", "RPUSH", "list", "$@", "end"});
    EXPECT_EQ(run({"push", "1", "2", "3"}), ":4\r\n");
    EXPECT_EQ(run({"push"}), ":5\r\n");
    EXPECT_EQ(run({"LINDEX", "list", "-1"}), bulk("end"));
}

TEST_F(AliasTest, ACallWithTheWrongNumberOfArgumentsSaysWhatItTakes) {
    run({"ALIAS", "two", "SET", "$1", "$2"});
    run({"ALIAS", "rest", "SET", "$1", "$@"});
    EXPECT_EQ(run({"two", "a"}),
              "-ERR wrong number of arguments for alias 'two': it takes 2, as it stands for SET $1 "
              "$2\r\n");
    EXPECT_THAT(run({"TWO", "a", "b", "c"}), StartsWith("-ERR wrong number of arguments"));
    EXPECT_EQ(run({"rest"}),
              "-ERR wrong number of arguments for alias 'rest': it takes 1 or more, as it stands "
              "for SET $1 $@\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
}

TEST_F(AliasTest, AliasesLeadToAliasesAndNeverInACircle) {
    run({"ALIAS", "one", "SET", "key:$1", "$2"});
    run({"ALIAS", "two", "one", "$1", "<$2>"});
    run({"ALIAS", "three", "TWO", "a"});
    EXPECT_EQ(run({"three", "v"}), "+OK\r\n");
    EXPECT_EQ(run({"GET", "key:a"}), bulk("<v>"));
    EXPECT_THAT(run({"ALIAS", "one", "three"}), HasSubstr("would lead in a circle"));
    EXPECT_THAT(run({"ALIAS", "self", "self"}), HasSubstr("would lead in a circle"));
    EXPECT_EQ(run({"SHOW-ALIAS", "one"}), bulk("SET key:$1 $2"));
    EXPECT_EQ(run({"SHOW-ALIAS", "self"}), "$-1\r\n");
    EXPECT_EQ(run({"RESET-ALIAS", "two"}), "+OK\r\n");
    EXPECT_THAT(run({"three", "v"}), StartsWith("-ERR unknown command 'TWO'"));
    EXPECT_EQ(run({"ALIAS", "two", "ECHO"}), "+OK\r\n");
    EXPECT_THAT(run({"three", "v"}), HasSubstr("wrong number of arguments for 'echo'"));
}

TEST_F(AliasTest, AChainHasALimit) {
    run({"ALIAS", "a1", "GET"});
    for (size_t depth = 2; depth <= AliasTable::kDepthMax; ++depth) {
        const std::string name = "a" + std::to_string(depth);
        const std::string target = "a" + std::to_string(depth - 1);
        EXPECT_EQ(run({"ALIAS", name, target}), "+OK\r\n") << name;
    }
    const std::string last = "a" + std::to_string(AliasTable::kDepthMax);
    EXPECT_EQ(run({last, "k"}), "$-1\r\n");
    EXPECT_THAT(run({"ALIAS", "more", last}), HasSubstr("over more than 8 aliases"));
    // Neither may a change in the middle make it longer.
    run({"ALIAS", "b1", "GET"});
    EXPECT_EQ(run({"ALIAS", "a1", "b1"}).substr(0, 4), "-ERR");
    EXPECT_EQ(run({last, "k"}), "$-1\r\n");
}

TEST_F(AliasTest, ACommandsNameIsRefusedAndSoIsWhatIsNoName) {
    EXPECT_EQ(run({"ALIAS", "GeT", "SET", "a", "1"}),
              "-ERR 'GeT' is a command and cannot be an alias. Choose another name\r\n");
    EXPECT_EQ(run({"ALIAS", "x", "nosuch"}),
              "-ERR 'nosuch' is neither a command nor an alias. Define it first\r\n");
    const std::string long_name(AliasTable::kNameBytesMax + 1, 'n');
    const std::string_view names[] = {"",
                                      "a b",
                                      "a\r\nb",
                                      "a\"",
                                      "it's",
                                      "a\\",
                                      "\xFF",
                                      "Host:",
                                      "post",
                                      long_name,
                                      std::string_view("\0", 1)};
    for (const std::string_view name : names) {
        EXPECT_THAT(run({"ALIAS", name, "GET"}), HasSubstr("cannot be an alias")) << name;
    }
    EXPECT_EQ(run({"ALIAS", "größe", "STRLEN"}), "+OK\r\n");
    EXPECT_EQ(run({"größe", "k"}), ":0\r\n");
    EXPECT_EQ(runner_.aliases().changes, 1);
}

TEST_F(AliasTest, WordsHaveLimitsAndPlaceholdersTheirPlaces) {
    EXPECT_THAT(run({"ALIAS", "x", "$1"}), HasSubstr("must begin with the name of a command"));
    EXPECT_THAT(run({"ALIAS", "x", "$@", "a"}), HasSubstr("must begin with the name of a command"));
    EXPECT_THAT(run({"ALIAS", "x", "GET", "a$@"}), HasSubstr("must be a word of its own"));
    EXPECT_THAT(run({"ALIAS", "x", "GET", "\xC3"}), HasSubstr("is not UTF-8"));
    const std::string text(AliasTable::kTextBytesMax, 'x');
    EXPECT_THAT(run({"ALIAS", "x", "GET", text}), HasSubstr("Make it shorter"));
    EXPECT_EQ(run({"ALIAS", "x", "GET", text.substr(3)}), "+OK\r\n");
    std::vector<std::string> words{"ALIAS", "y"};
    words.resize(2 + AliasTable::kWordsMax, "PING");
    EXPECT_EQ(runner_.run(words), "+OK\r\n");
    words.emplace_back("PING");
    EXPECT_THAT(runner_.run(words), HasSubstr("1 to 64 words"));
}

TEST_F(AliasTest, NoMoreThanTheLimitAreKept) {
    for (size_t index = 0; index < AliasTable::kAliasesMax; ++index) {
        ASSERT_EQ(run({"ALIAS", "alias" + std::to_string(index), "PING"}), "+OK\r\n");
    }
    EXPECT_THAT(run({"ALIAS", "more", "PING"}), HasSubstr("there are 1000 aliases"));
    EXPECT_EQ(run({"ALIAS", "alias7", "ECHO", "seven"}), "+OK\r\n");
    EXPECT_EQ(run({"alias7"}), bulk("seven"));
    EXPECT_EQ(run({"RESET-ALIAS"}), "+OK\r\n");
    EXPECT_EQ(run({"SHOW-ALIAS"}), "*0\r\n");
    EXPECT_THAT(run({"alias7"}), StartsWith("-ERR unknown command 'alias7'"));
}

TEST_F(AliasTest, AliasesAreShownAsTheyCouldBeTyped) {
    run({"ALIAS", "Zoo", "SET", "a key", "", "$1"});
    run({"ALIAS", "bar", "GET", "line\nbreak"});
    EXPECT_EQ(run({"SHOW-ALIAS"}), "*4\r\n" + bulk("bar") + bulk("GET \"line\\nbreak\"") +
                                       bulk("zoo") + bulk("SET \"a key\" \"\" $1"));
    EXPECT_EQ(run({"SHOW-ALIAS", "ZOO"}), bulk("SET \"a key\" \"\" $1"));
    EXPECT_EQ(run({"COMMAND", "LIST", "FILTERBY", "ALIAS", "z*"}), "*1\r\n" + bulk("zoo"));
    EXPECT_EQ(run({"COMMAND", "LIST", "FILTERBY", "ALIAS", "q*"}), "*0\r\n");
    EXPECT_THAT(run({"RESET-ALIAS", "nosuch"}), HasSubstr("no such alias 'nosuch'"));
    runner_.use_resp3();
    EXPECT_THAT(run({"SHOW-ALIAS"}), StartsWith("%2\r\n"));
}

TEST_F(AliasTest, AnAliasThatCannotBeKeptIsNone) {
    runner_.aliases().error = "ERR the aliases stay as they were: the disk is full";
    EXPECT_EQ(run({"ALIAS", "x", "PING"}),
              "-ERR the aliases stay as they were: the disk is full\r\n");
    EXPECT_THAT(run({"x"}), StartsWith("-ERR unknown command 'x'"));
}

TEST_F(AliasTest, TheCommandThatResultsIsWhatIsCheckedAndQueued) {
    run({"ALIAS", "put-a", "SET", "a"});
    run({"ALIAS", "cfg", "CONFIG", "GET", "$1"});
    EXPECT_EQ(run({"cfg", "nosuch"}), "*0\r\n");
    EXPECT_EQ(run({"MULTI"}), "+OK\r\n");
    EXPECT_EQ(run({"put-a", "1"}), "+QUEUED\r\n");
    EXPECT_EQ(run({"put-a"}), "-ERR wrong number of arguments for 'set' command\r\n");
    EXPECT_THAT(run({"EXEC"}), StartsWith("-EXECABORT"));
    run({"MULTI"});
    run({"put-a", "2"});
    EXPECT_EQ(run({"EXEC"}), "*1\r\n+OK\r\n");
    EXPECT_EQ(run({"GET", "a"}), bulk("2"));
    EXPECT_EQ(run({"MULTI"}), "+OK\r\n");
    EXPECT_EQ(run({"ALIAS", "x", "PING"}), "-ERR Command not allowed inside a transaction\r\n");
    EXPECT_EQ(run({"DISCARD"}), "+OK\r\n");
    runner_.configuration().password_text = "secret";
    Session& stranger = runner_.add_session();
    stranger.is_authenticated = false;
    EXPECT_EQ(runner_.run_as(stranger, {"put-a", "3"}), "-NOAUTH Authentication required.\r\n");
    EXPECT_EQ(run({"GET", "a"}), bulk("2"));
}

TEST_F(AliasTest, LargeArgumentsAreHandedOnWithoutACopyAndReleased) {
    const std::string large(200'000, 'x');
    run({"ALIAS", "both", "MSET", "$1", "$2", "again", "$2"});
    run({"ALIAS", "drop", "ECHO", "short:$2"});
    EXPECT_EQ(run({"both", "k", large}), "+OK\r\n");
    EXPECT_EQ(run({"STRLEN", "k"}), ":200000\r\n");
    EXPECT_EQ(run({"STRLEN", "again"}), ":200000\r\n");
    EXPECT_EQ(run({"drop", large, "b"}), bulk("short:b"));
    EXPECT_THAT(run({"drop", large}), HasSubstr("it takes 2"));
    EXPECT_EQ(run({"DEL", "k", "again"}), ":2\r\n");
    EXPECT_LT(base::used(base::Purpose::clients), 400'000);
}

// --- the expansion itself -----------------------------------------------------------------------

Result<bool> expand(const AliasTable& table, std::vector<std::string_view> words,
                    std::vector<resp::Argument>& arguments, std::deque<std::string>& texts) {
    arguments.clear();
    for (const std::string_view word : words) arguments.push_back({word, nullptr});
    return expand_alias(table, arguments, 0, texts);
}

TEST(AliasExpansion, WhatMultipliesEndsAtTheLimitOfArguments) {
    AliasTable table;
    std::vector<std::string> words(AliasTable::kWordsMax, "$@");
    words[0] = "ping";
    for (size_t depth = 1; depth <= AliasTable::kDepthMax; ++depth) {
        ASSERT_TRUE(table.put({"a" + std::to_string(depth), words}).has_value());
        words[0] = "a" + std::to_string(depth);
    }
    std::vector<resp::Argument> arguments;
    std::deque<std::string> texts;
    const auto expanded =
        expand(table, {"a" + std::to_string(AliasTable::kDepthMax), "x"}, arguments, texts);
    ASSERT_FALSE(expanded.has_value());
    EXPECT_THAT(expanded.error().message, HasSubstr("more than 1048576 arguments"));
    EXPECT_EQ(arguments.size(), 2U);
    EXPECT_TRUE(texts.empty());
}

TEST(AliasExpansion, TextThatIsPutTogetherHasALimit) {
    AliasTable table;
    ASSERT_TRUE(table.put({"twice", {"echo", "$1$1"}}).has_value());
    const std::string half(AliasTable::kBuiltBytesMax / 2, 'x');
    std::vector<resp::Argument> arguments;
    std::deque<std::string> texts;
    const auto over = expand(table, {"twice", half}, arguments, texts);
    ASSERT_FALSE(over.has_value());  // with the name of the command
    EXPECT_THAT(over.error().message, HasSubstr("more than 1048576 bytes"));
    ASSERT_TRUE(expand(table, {"twice", half.substr(2)}, arguments, texts).has_value());
    EXPECT_EQ(arguments[1].bytes.size(), 2 * (half.size() - 2));
}

TEST(AliasExpansion, WhatStandsBeforeTheCallStays) {
    AliasTable table;
    ASSERT_TRUE(table.put({"g", {"get", "$1"}}).has_value());
    std::vector<resp::Argument> arguments{{"earlier", nullptr}, {"g", nullptr}, {"k", nullptr}};
    std::deque<std::string> texts;
    EXPECT_TRUE(expand_alias(table, arguments, 1, texts).value());
    ASSERT_EQ(arguments.size(), 3U);
    EXPECT_EQ(arguments[0].bytes, "earlier");
    EXPECT_EQ(arguments[1].bytes, "get");
    EXPECT_EQ(arguments[2].bytes, "k");
    EXPECT_FALSE(expand_alias(table, arguments, 2, texts).value());
}

TEST(AliasExpansion, BlocksHaveOneReferenceForEachPlace) {
    AliasTable table;
    ASSERT_TRUE(table.put({"inner", {"mset", "$1", "$3", "$2", "$3"}}).has_value());
    ASSERT_TRUE(table.put({"outer", {"inner", "a", "b", "$1"}}).has_value());
    ASSERT_TRUE(table.put({"short", {"outer"}}).has_value());
    base::SharedBytes* block = base::SharedBytes::create(100, base::Purpose::clients);
    block->set_size(100);
    block->retain();  // the test's own
    std::vector<resp::Argument> arguments{{"short", nullptr}, {block->view(), block}};
    std::deque<std::string> texts;
    ASSERT_TRUE(expand_alias(table, arguments, 0, texts).value());
    ASSERT_EQ(arguments.size(), 5U);
    EXPECT_EQ(arguments[2].block, block);
    EXPECT_EQ(arguments[4].block, block);
    EXPECT_FALSE(block->is_sole_owner());
    block->release();
    block->release();
    EXPECT_TRUE(block->is_sole_owner());
    arguments = {{"short", nullptr}, {block->view(), block}, {"more", nullptr}};
    EXPECT_FALSE(expand_alias(table, arguments, 0, texts).has_value());
    EXPECT_EQ(arguments.size(), 3U);
    EXPECT_TRUE(block->is_sole_owner());
    block->release();
}

}  // namespace
}  // namespace gyre::commands
