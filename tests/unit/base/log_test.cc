// SPDX-License-Identifier: BSD-3-Clause

#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace gyre::base {
namespace {

class Log : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "gyre-log-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory_ = name;
        set_level(Level::notice);
    }
    void TearDown() override {
        EXPECT_TRUE(log_to_file(""));
        set_level(Level::notice);
        std::filesystem::remove_all(directory_);
    }
    std::string path(const std::string& name = "log") const { return directory_ + "/" + name; }
    std::string content(const std::string& name = "log") const {
        std::ifstream file(path(name));
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }
    std::string directory_;
};

TEST_F(Log, a_line_says_time_process_level_and_text) {
    ASSERT_TRUE(log_to_file(path()));
    log(Level::notice, "listening on port {}", 6379);
    const std::string text = content();
    std::string shape = text.substr(0, 24);
    for (char& letter : shape) letter = letter >= '0' && letter <= '9' ? '9' : letter;
    EXPECT_EQ(shape, "9999-99-99 99:99:99.999 ");
    EXPECT_EQ(text.substr(shape.size()),
              std::to_string(::getpid()) + " notice listening on port 6379\n");
}

TEST_F(Log, lines_below_the_level_are_dropped) {
    ASSERT_TRUE(log_to_file(path()));
    set_level(Level::verbose);
    log(Level::debug, "too fine");
    log(Level::verbose, "fine");
    log(Level::warning, "coarse");
    set_level(Level::nothing);
    log(Level::warning, "silenced");
    log(Level::nothing, "no level for lines");
    const std::string text = content();
    EXPECT_EQ(text.find("too fine"), std::string::npos);
    EXPECT_NE(text.find(" verbose fine\n"), std::string::npos);
    EXPECT_NE(text.find(" warning coarse\n"), std::string::npos);
    EXPECT_EQ(text.find("silenced"), std::string::npos);
    EXPECT_EQ(text.find("no level"), std::string::npos);
}

TEST_F(Log, control_characters_cannot_forge_a_line) {
    ASSERT_TRUE(log_to_file(path()));
    log(Level::notice, "{}", std::string_view("name\n2024 fake\r\x1b[31m\0\x7f{}", 24));
    const std::string text = content();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    EXPECT_NE(text.find("name\\n2024 fake\\x0d\\x1b[31m\\x00\\x7f{}\n"), std::string::npos) << text;
}

TEST_F(Log, utf8_passes_and_long_lines_are_cut) {
    ASSERT_TRUE(log_to_file(path()));
    log(Level::notice, "caf\xc3\xa9");
    EXPECT_NE(content().find("caf\xc3\xa9\n"), std::string::npos);
    log(Level::notice, "{}", std::string(100'000, 'x'));
    EXPECT_LT(content().size(), 20'000u);
    EXPECT_NE(content().find("x [cut]\n"), std::string::npos);
}

TEST_F(Log, reopen_follows_the_name_after_a_rotation) {
    ASSERT_TRUE(log_to_file(path()));
    log(Level::notice, "first");
    std::filesystem::rename(path(), path("old"));
    log(Level::notice, "second");
    ASSERT_TRUE(reopen_log());
    log(Level::notice, "third");
    EXPECT_NE(content("old").find("second"), std::string::npos);
    EXPECT_EQ(content("old").find("third"), std::string::npos);
    EXPECT_NE(content().find("third"), std::string::npos);
    EXPECT_EQ(content().find("second"), std::string::npos);
}

TEST_F(Log, a_file_that_cannot_be_opened_is_an_error_and_changes_nothing) {
    ASSERT_TRUE(log_to_file(path()));
    const auto result = log_to_file("/proc/no-such-directory/log");
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find("no-such-directory"), std::string::npos);
    log(Level::notice, "still here");
    EXPECT_NE(content().find("still here"), std::string::npos);
}

TEST_F(Log, no_directory_is_made_for_a_file) {
    const std::string missing = path() + ".d";
    const auto result = log_to_file(missing + "/log");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ENOENT);
    EXPECT_NE(::access(missing.c_str(), F_OK), 0);
}

TEST_F(Log, an_empty_path_means_stderr) {
    testing::internal::CaptureStderr();
    ASSERT_TRUE(log_to_file(""));
    log(Level::warning, "to stderr");
    ASSERT_TRUE(reopen_log());
    log(Level::warning, "again");
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find(" warning to stderr\n"), std::string::npos);
    EXPECT_NE(text.find(" warning again\n"), std::string::npos);
}

TEST_F(Log, goes_to_stdout_when_told_so) {
    testing::internal::CaptureStdout();
    log_to_stdout();
    log(Level::warning, "to stdout");
    ASSERT_TRUE(reopen_log());
    log(Level::warning, "again");
    const std::string text = testing::internal::GetCapturedStdout();
    EXPECT_NE(text.find(" warning to stdout\n"), std::string::npos);
    EXPECT_NE(text.find(" warning again\n"), std::string::npos);
}

TEST_F(Log, what_cannot_be_written_is_counted_not_thrown) {
    ASSERT_TRUE(log_to_file("/dev/full"));
    const uint64_t lost = log_lines_lost();
    log(Level::warning, "into the void");
    EXPECT_GT(log_lines_lost(), lost);
}

TEST_F(Log, threads_do_not_mix_their_lines) {
    ASSERT_TRUE(log_to_file(path()));
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number) {
        threads.emplace_back([number] {
            for (int line = 0; line < 100; ++line) {
                log(Level::notice, "{}", std::string(50, static_cast<char>('a' + number)));
            }
        });
    }
    for (int round = 0; round < 5; ++round) EXPECT_TRUE(reopen_log());
    for (std::thread& thread : threads) thread.join();
    std::istringstream lines(content());
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        const std::string tail = line.substr(line.size() - std::min<size_t>(line.size(), 58));
        const char letter = tail.back();
        ASSERT_TRUE(letter >= 'a' && letter <= 'd') << line;
        ASSERT_EQ(tail, " notice " + std::string(50, letter)) << line;
    }
    EXPECT_EQ(count, 400);
}

TEST(LogLevel, names_are_redis_names) {
    EXPECT_EQ(parse_level("NOTICE"), Level::notice);
    EXPECT_EQ(parse_level("nothing"), Level::nothing);
    EXPECT_EQ(parse_level("info"), std::nullopt);
    EXPECT_STREQ(level_name(Level::verbose), "verbose");
}

}  // namespace
}  // namespace gyre::base
