// SPDX-License-Identifier: BSD-3-Clause

// FIND by all its ways. That nobody is held up by it is tested in integration/find_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "base/glob.h"
#include "base/random.h"
#include "commands/matcher.h"
#include "support/command_runner.h"
#include "support/seed.h"

namespace gyre::commands {
namespace {

using test::bulk;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

/// The bulk strings of a flat reply.
std::vector<std::string> strings_of(std::string_view reply) {
    std::vector<std::string> strings;
    EXPECT_TRUE(reply.starts_with("*")) << reply;
    size_t at = reply.find("\r\n") + 2;
    while (at < reply.size() && reply[at] == '$') {
        const size_t line_end = reply.find("\r\n", at);
        const size_t bytes = std::stoul(std::string(reply.substr(at + 1, line_end - at - 1)));
        strings.emplace_back(reply.substr(line_end + 2, bytes));
        at = line_end + 2 + bytes + 2;
    }
    EXPECT_EQ(at, reply.size());
    return strings;
}

class FindTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    std::vector<std::string> found(std::initializer_list<std::string_view> words) {
        return strings_of(runner_.run(words));
    }
    test::CommandRunner runner_;
};

TEST_F(FindTest, KeysAreFoundExactlyByPatternAndByRegularExpression) {
    run({"MSET", "user:1", "ann", "user:2", "bob", "user:10", "cem", "KEYS", "x", "a*b", "y"});
    run({"RPUSH", "user:list", "ann"});
    EXPECT_THAT(found({"FIND", "user:1"}), UnorderedElementsAre("user:1"));
    EXPECT_THAT(found({"FIND", "KEYS", "EXACT", "a*b"}), UnorderedElementsAre("a*b"));
    EXPECT_THAT(found({"FIND", "user:*"}), UnorderedElementsAre());
    EXPECT_THAT(found({"find", "LIKE", "user:?"}), UnorderedElementsAre("user:1", "user:2"));
    EXPECT_THAT(found({"find", "-k", "-l", "user:1*"}), UnorderedElementsAre("user:1", "user:10"));
    EXPECT_THAT(found({"find", "-l", "user:2"}), UnorderedElementsAre("user:2"));
    EXPECT_THAT(found({"FIND", "REGEX", "^user:[0-9]+$"}),
                UnorderedElementsAre("user:1", "user:2", "user:10"));
    EXPECT_THAT(found({"find", "-r", "1"}), UnorderedElementsAre("user:1", "user:10"));
    EXPECT_THAT(found({"FIND", "LIKE", "user:*", "TYPE", "list"}),
                UnorderedElementsAre("user:list"));
    EXPECT_THAT(found({"FIND", "user:list", "TYPE", "string"}), UnorderedElementsAre());
}

TEST_F(FindTest, ValuesOfStringsAreFoundWithTheirKeys) {
    const std::string large(300'000, 'x');
    run({"MSET", "a", "ann", "b", "bob", "n", "-12345", "large", large});
    run({"RPUSH", "list", "ann"});
    EXPECT_THAT(found({"FIND", "VALUES", "ann"}), UnorderedElementsAre("a", "ann"));
    EXPECT_THAT(found({"find", "-v", "-12345"}), UnorderedElementsAre("n", "-12345"));
    EXPECT_THAT(found({"find", "-v", "-l", "?o*"}), UnorderedElementsAre("b", "bob"));
    EXPECT_THAT(found({"find", "-r", "-v", "^x+$"}), UnorderedElementsAre("large", large));
    EXPECT_THAT(found({"find", "-v", "-l", "*xx*"}), UnorderedElementsAre("large", large));
    EXPECT_THAT(found({"find", "-v", large}), UnorderedElementsAre("large", large));
    EXPECT_THAT(found({"FIND", "VALUES", "ann", "TYPE", "list"}), UnorderedElementsAre());
    runner_.use_resp3();
    EXPECT_EQ(run({"FIND", "VALUES", "bob"}), "%1\r\n" + bulk("b") + bulk("bob"));
}

TEST_F(FindTest, AWordIsThePatternWhereNoOtherIsLeft) {
    run({"MSET", "keys", "1", "LIKE", "2", "-v", "3", "CURSOR", "4"});
    EXPECT_THAT(found({"FIND", "keys"}), UnorderedElementsAre("keys"));
    EXPECT_THAT(found({"FIND", "KEYS", "EXACT", "LIKE"}), UnorderedElementsAre("LIKE"));
    EXPECT_THAT(found({"FIND", "LIKE", "LIKE"}), UnorderedElementsAre("LIKE"));
    EXPECT_THAT(found({"FIND", "-k", "-v"}), UnorderedElementsAre("-v"));
    EXPECT_THAT(found({"FIND", "KEYS", "CURSOR", "COUNT", "5"}), UnorderedElementsAre("CURSOR"));
}

TEST_F(FindTest, AtMostAsManyAreGivenAsAreWanted) {
    for (int index = 0; index < 500; ++index) {
        run({"SET", "key:" + std::to_string(index), std::string(100, 'a')});
    }
    EXPECT_EQ(found({"FIND", "LIKE", "key:*", "COUNT", "7"}).size(), 7U);
    EXPECT_EQ(found({"FIND", "LIKE", "key:*", "COUNT", "7", "TYPE", "string"}).size(), 7U);
    EXPECT_EQ(found({"FIND", "LIKE", "key:*", "COUNT", "1000"}).size(), 500U);
    // Each text is matched aside here: the expression is large.
    EXPECT_EQ(found({"FIND", "VALUES", "REGEX", "^(a|aa){1,200}$", "COUNT", "3"}).size(), 6U);
    EXPECT_EQ(found({"FIND", "VALUES", "REGEX", "^(a|aa){1,200}$"}).size(), 1000U);
}

TEST_F(FindTest, WhatIsPastItsDeadlineIsNotFound) {
    run({"SET", "soon", "v", "PX", "10"});
    run({"SET", "later", "v", "PX", "1000"});
    EXPECT_EQ(found({"FIND", "LIKE", "*"}).size(), 2U);
    runner_.advance_ms(11);
    EXPECT_THAT(found({"FIND", "LIKE", "*"}), UnorderedElementsAre("later"));
    EXPECT_THAT(found({"FIND", "soon"}), UnorderedElementsAre());
    EXPECT_THAT(found({"FIND", "VALUES", "v"}), UnorderedElementsAre("later", "v"));
}

TEST_F(FindTest, ACursorGoesThroughEverything) {
    for (int index = 0; index < 300; ++index) {
        run({"SET", "key:" + std::to_string(index), index % 3 == 0 ? "fizz" : "x"});
    }
    for (const std::string_view count : {"1", "10", "1000"}) {
        std::set<std::string> keys;
        std::string cursor = "0";
        int calls = 0;
        do {
            const std::string reply =
                run({"FIND", "CURSOR", cursor, "VALUES", "fizz", "COUNT", count});
            ASSERT_THAT(reply, StartsWith("*2\r\n$"));
            const size_t at = reply.find("\r\n", 4) + 2;
            const size_t end = reply.find("\r\n", at);
            cursor = reply.substr(at, end - at);
            const auto pairs = strings_of(std::string_view(reply).substr(end + 2));
            for (size_t index = 0; index < pairs.size(); index += 2) {
                keys.insert(pairs[index]);
                EXPECT_EQ(pairs[index + 1], "fizz");
            }
            ASSERT_LT(++calls, 2000);
        } while (cursor != "0");
        EXPECT_EQ(keys.size(), 100U) << count;
    }
    EXPECT_EQ(run({"FIND", "CURSOR", "x", "KEYS", "a"}), "-ERR invalid cursor\r\n");
}

TEST_F(FindTest, WhatItDoesNotUnderstandItRefuses) {
    EXPECT_EQ(run({"FIND"}), "-ERR wrong number of arguments for 'find' command\r\n");
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"FIND", "KEYS", "EXACT", "a", "b"},
                                               {"FIND", "a", "COUNT"},
                                               {"FIND", "a", "COUNT", "0"},
                                               {"FIND", "a", "COUNT", "-1"},
                                               {"FIND", "a", "MATCH", "b"},
                                               {"FIND", "KEYS", "VALUES", "a"},
                                               {"FIND", "CURSOR", "0"}}) {
        EXPECT_EQ(runner_.run(words), "-ERR syntax error\r\n");
    }
    EXPECT_EQ(run({"FIND", "a", "COUNT", "x"}), "-ERR value is not an integer or out of range\r\n");
    EXPECT_THAT(run({"FIND", "REGEX", "a("}), HasSubstr("the regular expression is not one"));
    EXPECT_THAT(run({"FIND", "REGEX", "(a)\\1"}), HasSubstr("the regular expression is not one"));
    EXPECT_THAT(run({"FIND", "REGEX", "(?=a)"}), HasSubstr("the regular expression is not one"));
    EXPECT_THAT(run({"FIND", "REGEX", ".{1000}"}), HasSubstr("the regular expression"));
    EXPECT_THAT(run({"FIND", "REGEX", ".{1000}{1000}"}), HasSubstr("the regular expression"));
    EXPECT_THAT(run({"FIND", "REGEX", std::string(5000, 'a')}), HasSubstr("4096 are the limit"));
    EXPECT_THAT(run({"FIND", "LIKE", std::string(200'000, '*')}),
                HasSubstr("131072 are the limit"));
}

TEST_F(FindTest, PatternsThatExplodeElsewhereEnd) {
    std::string stars;
    for (int index = 0; index < 50'000; ++index) stars += "*?";
    const std::string key(50'000, 'a');
    run({"SET", key, "v"});
    run({"SET", "v", key + "b"});
    EXPECT_EQ(found({"FIND", "LIKE", stars}).size(), 1U);
    EXPECT_EQ(found({"FIND", "VALUES", "LIKE", stars}).size(), 2U);
    EXPECT_EQ(found({"FIND", "VALUES", "LIKE", stars + "*c"}).size(), 0U);
    std::string nested = "*b";
    for (int index = 0; index < 30; ++index) nested = "*a" + nested;
    EXPECT_EQ(found({"FIND", "LIKE", nested}).size(), 0U);
    EXPECT_EQ(found({"FIND", "REGEX", "(a+)+$"}).size(), 1U);
    EXPECT_EQ(found({"FIND", "REGEX", "(a*)*b"}).size(), 0U);
    EXPECT_EQ(found({"FIND", "REGEX", "(a|a)*c"}).size(), 0U);
    EXPECT_EQ(found({"FIND", "REGEX", "(a?){200}a{200}$"}).size(), 1U);
    EXPECT_EQ(found({"FIND", "VALUES", "REGEX", "(x+x+)+y"}).size(), 0U);
}

TEST_F(FindTest, InATransactionItIsOneMoment) {
    run({"SET", "a", "1"});
    run({"MULTI"});
    run({"FIND", "LIKE", "*"});
    run({"DEL", "a"});
    run({"FIND", "VALUES", "REGEX", "."});
    EXPECT_EQ(run({"EXEC"}), "*3\r\n*1\r\n" + bulk("a") + ":1\r\n*0\r\n");
}

TEST_F(FindTest, BytesThatAreNoTextAreFoundToo) {
    run({"SET", "\xFF\xFE", "\xC3(\x80"});
    run({"SET", "größe", "ü"});
    EXPECT_THAT(found({"FIND", "\xFF\xFE"}), UnorderedElementsAre("\xFF\xFE"));
    EXPECT_THAT(found({"FIND", "LIKE", "\xFF?"}), UnorderedElementsAre("\xFF\xFE"));
    EXPECT_THAT(found({"FIND", "REGEX", "^gr.ße$"}), UnorderedElementsAre("größe"));
    EXPECT_THAT(found({"FIND", "VALUES", "REGEX", "\\("}),
                UnorderedElementsAre("\xFF\xFE", "\xC3(\x80"));
    EXPECT_THAT(found({"FIND", "REGEX", "^\\C\\C$"}), UnorderedElementsAre("\xFF\xFE"));
}

// --- the matcher --------------------------------------------------------------------------------

TEST(Matcher, AgreesWithGlobPatternsWhateverTheyAre) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    constexpr std::string_view kLetters = "ab*?[]^-\\";
    const auto word = [&](size_t most) {
        std::string text;
        for (uint64_t left = random.below(most); left > 0; --left) {
            text += kLetters[random.below(kLetters.size())];
        }
        return text;
    };
    for (int round = 0; round < 20'000; ++round) {
        const std::string pattern = word(8);
        const std::string text = word(8);
        const auto matcher = Matcher::make(Matcher::How::like, pattern);
        ASSERT_TRUE(matcher.has_value());
        // As FIND KEYS: a pattern that is a text is looked up as one.
        const bool is_match =
            (*matcher)->is_literal() ? text == pattern : (*matcher)->matches(text);
        // A star alone is everything, to KEYS too; elsewhere no pattern matches an empty text.
        const bool expected = pattern == "*" || base::glob_matches(pattern, text);
        ASSERT_EQ(is_match, expected) << pattern << " " << text;
    }
}

TEST(Matcher, CostGrowsWithWhatIsHardToMatch) {
    const auto cost = [](Matcher::How how, std::string_view pattern, size_t bytes) {
        return Matcher::make(how, pattern).value()->cost(bytes);
    };
    EXPECT_EQ(cost(Matcher::How::exact, "abc", 1'000'000), 0U);
    EXPECT_EQ(cost(Matcher::How::like, "*?*?*?*?", 1000), 1000U);
    EXPECT_EQ(cost(Matcher::How::like, "*aaaa*b", 1000), 4000U);
    EXPECT_EQ(cost(Matcher::How::like, "aaaab", 1000), 5000U);
    EXPECT_LT(cost(Matcher::How::regex, "foo.*bar", 20), 2000U);
    EXPECT_GT(cost(Matcher::How::regex, "(a|aa){1,200}", 1000),
              10 * cost(Matcher::How::regex, "foo", 1000));
}

}  // namespace
}  // namespace gyre::commands
