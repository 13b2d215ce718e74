// SPDX-License-Identifier: BSD-3-Clause

#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace gyre::base {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::vector<std::pair<Level, std::string>> taken;

void take(Level line_level, std::string_view text) noexcept {
    taken.emplace_back(line_level, text);
}

class Log : public testing::Test {
protected:
    void SetUp() override {
        taken.clear();
        set_level(Level::notice);
        set_log_writer(take);
    }
    void TearDown() override {
        set_log_writer(nullptr);
        set_level(Level::notice);
    }
};

TEST_F(Log, the_writer_gets_level_and_text) {
    log(Level::notice, "listening on port {}", 6379);
    log(Level::warning, "{}", std::string_view("as\nit\0is", 8));
    EXPECT_THAT(taken, ElementsAre(Pair(Level::notice, "listening on port 6379"),
                                   Pair(Level::warning, std::string("as\nit\0is", 8))));
}

TEST_F(Log, lines_below_the_level_are_dropped) {
    set_level(Level::verbose);
    log(Level::debug, "too fine");
    log(Level::verbose, "fine");
    log(Level::warning, "coarse");
    set_level(Level::nothing);
    log(Level::warning, "silenced");
    log(Level::nothing, "no level for lines");
    EXPECT_THAT(taken, ElementsAre(Pair(Level::verbose, "fine"), Pair(Level::warning, "coarse")));
}

TEST_F(Log, long_texts_are_cut) {
    log(Level::notice, "{}", std::string(kLogTextBytesMax, 'x'));
    log(Level::notice, "{}", std::string(100'000, 'x'));
    ASSERT_EQ(taken.size(), 2U);
    EXPECT_EQ(taken[0].second, std::string(kLogTextBytesMax, 'x'));
    EXPECT_EQ(taken[1].second, std::string(kLogTextBytesMax, 'x') + " [cut]");
}

TEST_F(Log, without_a_writer_lines_go_to_stderr) {
    set_log_writer(nullptr);
    testing::internal::CaptureStderr();
    log(Level::warning, "{}", "to\nstderr");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning to\\nstderr\n");
    EXPECT_TRUE(taken.empty());
}

std::string shown(std::string_view text) {
    std::string out;
    append_log_text(out, text);
    return out;
}

TEST(LogText, control_characters_are_escaped) {
    EXPECT_EQ(shown(std::string_view("name\n2024 fake\r\x1b[31m\0\x7f{}", 24)),
              "name\\n2024 fake\\x0d\\x1b[31m\\x00\\x7f{}");
    EXPECT_EQ(shown("\xc2\x9b[31m"), "\\xc2\\x9b[31m") << "U+009B begins sequences too";
}

TEST(LogText, characters_pass_and_other_bytes_are_escaped) {
    EXPECT_EQ(shown("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0"),
              "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0");
    EXPECT_EQ(shown("\xff\xc3"), "\\xff\\xc3");
    EXPECT_EQ(shown("\xe2\x82\n"), "\\xe2\\x82\\n");
    EXPECT_EQ(shown("\x80z\xc3\xa9"), "\\x80z\xc3\xa9");
    EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
}

TEST(LogLevel, names_are_redis_names) {
    EXPECT_EQ(parse_level("NOTICE"), Level::notice);
    EXPECT_EQ(parse_level("nothing"), Level::nothing);
    EXPECT_EQ(parse_level("info"), std::nullopt);
    EXPECT_STREQ(level_name(Level::verbose), "verbose");
}

}  // namespace
}  // namespace gyre::base
