// SPDX-License-Identifier: BSD-3-Clause

// The bit-parallel algorithm against the textbook's table of lengths, walked back by Redis' rule.

#include "types/lcs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

using Ranges = std::vector<std::vector<size_t>>;

Ranges ranges_of(const Lcs& found) {
    Ranges ranges;
    for (const LcsMatch& match : found.matches) {
        ranges.push_back(
            {match.first_begin, match.first_end, match.second_begin, match.second_end});
    }
    return ranges;
}

std::string random_text(base::Random& random, size_t length_max, unsigned letters) {
    std::string text(random.below(length_max + 1), ' ');
    for (char& letter : text) letter = static_cast<char>('a' + random.below(letters));
    return text;
}

struct Model {
    std::string text;
    Ranges ranges;
};

Model model_lcs(const std::string& first, const std::string& second) {
    std::vector<std::vector<size_t>> table(first.size() + 1,
                                           std::vector<size_t>(second.size() + 1, 0));
    for (size_t i = 1; i <= first.size(); ++i) {
        for (size_t j = 1; j <= second.size(); ++j) {
            table[i][j] = first[i - 1] == second[j - 1]
                              ? table[i - 1][j - 1] + 1
                              : std::max(table[i - 1][j], table[i][j - 1]);
        }
    }
    Model model;
    size_t i = first.size();
    size_t j = second.size();
    bool open = false;
    while (i > 0 && j > 0) {
        if (first[i - 1] == second[j - 1]) {
            --i;
            --j;
            model.text.insert(model.text.begin(), first[i]);
            if (!open) model.ranges.push_back({i, i, j, j});
            model.ranges.back()[0] = i;
            model.ranges.back()[2] = j;
            open = true;
        } else {
            open = false;
            table[i - 1][j] > table[i][j - 1] ? --i : --j;
        }
    }
    return model;
}

TEST(Lcs, FindsWhatTheManualShows) {
    const Lcs found = lcs("ohmytext", "mynewtext");
    EXPECT_EQ(found.text, "mytext");
    EXPECT_EQ(ranges_of(found), (Ranges{{4, 7, 5, 8}, {2, 3, 0, 1}}));
    EXPECT_EQ(found.matches[0].length(), 4U);
    EXPECT_EQ(lcs_length("ohmytext", "mynewtext"), 6U);
}

TEST(Lcs, OfAnEmptyStringIsEmpty) {
    EXPECT_EQ(lcs("", "abc").text, "");
    EXPECT_EQ(lcs("abc", "").matches.size(), 0U);
    EXPECT_EQ(lcs_length("", ""), 0U);
    EXPECT_EQ(lcs_length("abc", ""), 0U);
    EXPECT_EQ(lcs_length("", "abc"), 0U);
}

TEST(Lcs, OfEqualStringsIsOneMatchOverWordBoundaries) {
    for (const size_t length : {1, 63, 64, 65, 127, 128, 129, 1000}) {
        const std::string text(length, 'x');
        const Lcs found = lcs(text, text);
        EXPECT_EQ(found.text, text);
        EXPECT_EQ(ranges_of(found), (Ranges{{0, length - 1, 0, length - 1}}));
        EXPECT_EQ(lcs_length(text, text), length);
    }
}

TEST(Lcs, WorksWithBytesOfEveryValue) {
    std::string first;
    for (int byte = 0; byte < 256; ++byte) first += static_cast<char>(byte);
    const std::string second(first.rbegin(), first.rend());
    EXPECT_EQ(lcs_length(first, second), 1U);
    EXPECT_EQ(lcs(first, first).text, first);
}

TEST(Lcs, IsTheTablesLcs) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (int round = 0; round < 2000; ++round) {
        const auto letters = static_cast<unsigned>(1 + random.below(5));
        const std::string first = random_text(random, 150, letters);
        const std::string second = random_text(random, 150, letters);
        SCOPED_TRACE(first + " / " + second);
        const Lcs found = lcs(first, second);
        const Model model = model_lcs(first, second);
        ASSERT_EQ(found.text, model.text);
        ASSERT_EQ(ranges_of(found), model.ranges);
        ASSERT_EQ(lcs_length(first, second), model.text.size());
    }
}

}  // namespace
}  // namespace gyre::types
