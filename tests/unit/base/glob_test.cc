// SPDX-License-Identifier: BSD-3-Clause

// Method of the random test: a reference written the plain recursive way, with Redis' odd cases,
// over an alphabet small enough that matches and odd patterns are common.

#include "base/glob.h"

#include <gtest/gtest.h>

#include <string>

#include "base/numbers.h"
#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
    return glob_matches(pattern, text);
}

TEST(Glob, literals_match_themselves) {
    EXPECT_TRUE(matches("key", "key"));
    EXPECT_FALSE(matches("key", "keys"));
    EXPECT_FALSE(matches("keys", "key"));
    EXPECT_FALSE(matches("key", "Key"));
    EXPECT_TRUE(matches("", ""));
    EXPECT_FALSE(matches("", "a"));
    EXPECT_FALSE(matches("a", ""));
}

TEST(Glob, stars_and_question_marks) {
    EXPECT_TRUE(matches("*", "anything"));
    EXPECT_TRUE(matches("user:*:name", "user:1000:name"));
    EXPECT_FALSE(matches("user:*:name", "user:1000:names"));
    EXPECT_TRUE(matches("a**b", "ab"));
    EXPECT_TRUE(matches("h?llo", "hello"));
    EXPECT_FALSE(matches("h?llo", "hllo"));
    EXPECT_TRUE(matches("abc***", "abc"));
    EXPECT_FALSE(matches("*?", ""));
    EXPECT_TRUE(matches("*ab*ab", "abaab"));
}

TEST(Glob, an_empty_text_matches_only_the_empty_pattern) {
    EXPECT_FALSE(matches("*", ""));
    EXPECT_FALSE(matches("**", ""));
}

TEST(Glob, classes) {
    EXPECT_TRUE(matches("h[ae]llo", "hallo"));
    EXPECT_FALSE(matches("h[ae]llo", "hillo"));
    EXPECT_TRUE(matches("h[^e]llo", "hallo"));
    EXPECT_FALSE(matches("h[^e]llo", "hello"));
    EXPECT_TRUE(matches("h[a-b]llo", "hbllo"));
    EXPECT_FALSE(matches("h[a-b]llo", "hcllo"));
    EXPECT_TRUE(matches("[z-a]", "m")) << "a range may be the wrong way round";
    EXPECT_TRUE(matches("[\\]]", "]"));
    EXPECT_TRUE(matches("[\\-x]", "-"));
    EXPECT_FALSE(matches("[]", "a"));
    EXPECT_TRUE(matches("[^]", "a")) << "nothing, inverted";
}

TEST(Glob, a_class_that_is_not_closed_ends_with_the_pattern) {
    EXPECT_TRUE(matches("[abc", "b"));
    EXPECT_FALSE(matches("[abc", "d"));
    EXPECT_FALSE(matches("[", "["));
    EXPECT_TRUE(matches("[^", "x"));
    EXPECT_TRUE(matches("[a-", "-"));
    EXPECT_TRUE(matches("[a-]", "]")) << "a range up to the bracket";
    EXPECT_TRUE(matches("[\\", "\\"));
}

TEST(Glob, ranges_compare_signed_characters) {
    EXPECT_TRUE(matches("[\x80-\xff]", "\xc3"));
    EXPECT_FALSE(matches("[\x80-\xff]", "a"));
    // From 'a' (97) down to 0xff (-1): includes '0' (48), not 'b'.
    EXPECT_TRUE(matches("[a-\xff]", "0"));
    EXPECT_FALSE(matches("[a-\xff]", "b"));
}

TEST(Glob, backslash_takes_the_next_character_as_it_is) {
    EXPECT_TRUE(matches("a\\*b", "a*b"));
    EXPECT_FALSE(matches("a\\*b", "axb"));
    EXPECT_TRUE(matches("\\?", "?"));
    EXPECT_TRUE(matches("\\\\", "\\"));
    EXPECT_TRUE(matches("a\\", "a\\")) << "at the end it stands for itself";
}

TEST(Glob, case_is_ignored_on_demand) {
    EXPECT_TRUE(glob_matches("MaxMemory*", "maxmemory-policy", GlobCase::ignored));
    EXPECT_TRUE(glob_matches("[A-C]", "b", GlobCase::ignored));
    EXPECT_TRUE(glob_matches("[ab]", "B", GlobCase::ignored));
    EXPECT_FALSE(glob_matches("[\\a]", "A", GlobCase::ignored)) << "escaped in a class: exact";
    EXPECT_FALSE(glob_matches("[a-Z]", "m", GlobCase::ignored)) << "Z-a turned round, then folded";
}

TEST(Glob, bytes_of_any_value_are_characters) {
    const std::string zero("a\0b", 3);
    EXPECT_TRUE(matches(std::string("a\0*", 3), zero));
    EXPECT_TRUE(matches("a?b", zero));
    EXPECT_FALSE(matches("a", zero));
}

TEST(Glob, literal_patterns_are_recognised) {
    EXPECT_TRUE(glob_is_literal("channel.1"));
    EXPECT_TRUE(glob_is_literal("a]b"));
    for (const char* pattern : {"a*", "?", "x[y", "a\\b"}) EXPECT_FALSE(glob_is_literal(pattern));
}

TEST(Glob, hostile_patterns_cost_no_more_than_pattern_times_text) {
    const std::string text(50'000, 'a');
    EXPECT_FALSE(matches("a*a*a*a*a*a*a*a*b", text));
    std::string stars;
    for (int count = 0; count < 50'000; ++count) stars += "*?";
    EXPECT_TRUE(matches(stars, text));
    EXPECT_FALSE(matches(stars + "?", text));
    EXPECT_TRUE(matches(std::string(50'000, '*'), text));
    EXPECT_FALSE(matches("*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", text));
}

// The reference: decides by trying every way a star can go.

struct Reference {
    GlobCase glob_case;

    char fold(char character) const {
        return glob_case == GlobCase::ignored ? to_lower(character) : character;
    }

    /// Takes the class off the pattern; true when it admits `character`.
    bool take_class(std::string_view& pattern, char character) const {
        bool is_inverted = false, is_found = false;
        if (!pattern.empty() && pattern[0] == '^') {
            is_inverted = true;
            pattern.remove_prefix(1);
        }
        while (!pattern.empty()) {
            if (pattern.size() >= 2 && pattern[0] == '\\') {
                is_found |= pattern[1] == character;
                pattern.remove_prefix(2);
            } else if (pattern[0] == ']') {
                pattern.remove_prefix(1);
                break;
            } else if (pattern.size() >= 3 && pattern[1] == '-') {
                int low = pattern[0], high = pattern[2];
                if (low > high) std::swap(low, high);
                low = fold(static_cast<char>(low));
                high = fold(static_cast<char>(high));
                is_found |= low <= fold(character) && fold(character) <= high;
                pattern.remove_prefix(3);
            } else {
                is_found |= fold(pattern[0]) == fold(character);
                pattern.remove_prefix(1);
            }
        }
        return is_found != is_inverted;
    }

    bool matches(std::string_view pattern, std::string_view text) const {
        if (pattern.empty()) return text.empty();
        if (pattern[0] == '*') {
            for (size_t taken = 0; taken <= text.size(); ++taken) {
                if (matches(pattern.substr(1), text.substr(taken))) return true;
            }
            return false;
        }
        if (text.empty()) return false;
        const char character = text[0];
        const char first = pattern[0];
        pattern.remove_prefix(1);
        text.remove_prefix(1);
        if (first == '?') return matches(pattern, text);
        if (first == '[') return take_class(pattern, character) && matches(pattern, text);
        if (first == '\\' && !pattern.empty()) {
            const char escaped = pattern[0];
            return fold(escaped) == fold(character) && matches(pattern.substr(1), text);
        }
        return fold(first) == fold(character) && matches(pattern, text);
    }
};

TEST(Glob, agrees_with_the_recursive_reference) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    const auto draw = [&random](std::string_view alphabet, size_t length_max) {
        std::string text(random.below(length_max + 1), ' ');
        for (char& character : text) character = alphabet[random.below(alphabet.size())];
        return text;
    };
    int matched = 0;
    for (int count = 0; count < 300'000; ++count) {
        const GlobCase glob_case = random.below(3) == 0 ? GlobCase::ignored : GlobCase::sensitive;
        const std::string pattern =
            random.below(2) == 0 ? draw("aabB*?", 9) : draw("abB*?[]^-\\\xe9", 10);
        const std::string text = draw(random.below(2) == 0 ? "ab" : "abB-]\\^\xe9", 8);
        if (text.empty()) continue;  // special: see the test above
        const bool expected = Reference{glob_case}.matches(pattern, text);
        matched += expected;
        ASSERT_EQ(glob_matches(pattern, text, glob_case), expected)
            << quote(pattern) << " " << quote(text);
    }
    EXPECT_GT(matched, 10'000);
}

}  // namespace
}  // namespace gyre::base
