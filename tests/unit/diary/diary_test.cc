// SPDX-License-Identifier: BSD-3-Clause

// Goal: lines reach their files, in the background or not; in order of time whichever thread they
// come from; what is lost is counted and told; files follow their names when they are reopened.

#include "diary/diary.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "diary/outlet.h"

namespace gyre::diary {
namespace {

using base::Level;
using base::log;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

/// Far more than a thread needs to come to its turn on a busy machine.
constexpr int kPatienceMs = 60'000;

class DiaryTest : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "gyre-diary-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory_ = name;
        base::set_level(Level::notice);
        set_format(Format::text);
    }
    void TearDown() override {
        stop();
        close();
        set_format(Format::text);
        base::set_level(Level::notice);
        std::filesystem::remove_all(directory_);
    }
    std::string path(const std::string& name = "log") const { return directory_ + "/" + name; }
    std::string content(const std::string& name = "log") const {
        std::ifstream file(path(name));
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }
    std::vector<std::string> lines(const std::string& name = "log") const {
        std::vector<std::string> all;
        std::istringstream text(content(name));
        for (std::string line; std::getline(text, line);) all.push_back(line);
        return all;
    }
    static void note(std::string_view word) {
        const std::vector<NotedArgument> words{{.bytes = word}};
        note_command({.client = 1, .address = "here", .arguments = words});
    }

    std::string directory_;
};

// --- without a thread
// -----------------------------------------------------------------------------

TEST_F(DiaryTest, a_line_is_in_the_file_at_once) {
    ASSERT_TRUE(open({.log = path()}));
    log(Level::notice, "listening on port {}", 6379);
    EXPECT_THAT(content(),
                EndsWith(" " + std::to_string(::getpid()) + " notice listening on port 6379\n"));
}

TEST_F(DiaryTest, warnings_go_to_the_error_log_as_well) {
    ASSERT_TRUE(open({.log = path(), .errors = path("errors")}));
    log(Level::notice, "all is well");
    log(Level::warning, "all is lost");
    ASSERT_EQ(lines().size(), 2U);
    ASSERT_EQ(lines("errors").size(), 1U);
    EXPECT_EQ(lines("errors")[0], lines()[1]);
}

TEST_F(DiaryTest, commands_go_to_their_own_file) {
    EXPECT_FALSE(has_command_log());
    note("nowhere");
    ASSERT_TRUE(open({.log = path(), .commands = path("commands")}));
    EXPECT_TRUE(has_command_log());
    note("PING");
    EXPECT_EQ(content(), "");
    EXPECT_THAT(content("commands"), EndsWith(" 1 here db0 0us ok \"PING\"\n"));
    close();
    EXPECT_FALSE(has_command_log());
}

TEST_F(DiaryTest, reopen_follows_the_name_after_a_rotation) {
    ASSERT_TRUE(open({.log = path(), .errors = path("errors"), .commands = path("commands")}));
    log(Level::warning, "first");
    note("FIRST");
    for (const char* name : {"log", "errors", "commands"}) {
        std::filesystem::rename(path(name), path(std::string(name) + ".1"));
    }
    log(Level::warning, "second");
    note("SECOND");
    ASSERT_TRUE(reopen());
    log(Level::warning, "third");
    note("THIRD");
    EXPECT_THAT(content("log.1"), HasSubstr("second"));
    EXPECT_THAT(content("log.1"), Not(HasSubstr("third")));
    EXPECT_THAT(content(), HasSubstr("third"));
    EXPECT_THAT(content(), Not(HasSubstr("second")));
    EXPECT_THAT(content(), HasSubstr("opened again"));
    EXPECT_THAT(content("errors"), HasSubstr("third"));
    EXPECT_THAT(content("commands.1"), HasSubstr("SECOND"));
    EXPECT_THAT(content("commands"), HasSubstr("THIRD"));
}

TEST_F(DiaryTest, a_file_that_cannot_be_opened_again_stays_in_use_and_the_log_says_so) {
    std::filesystem::create_directory(path("sub"));
    ASSERT_TRUE(open({.log = path(), .errors = path("sub/errors")}));
    log(Level::warning, "first");
    const uint64_t failures = figures().failed_reopens;
    std::filesystem::rename(path("sub"), path("gone"));
    const auto reopened = reopen();
    ASSERT_FALSE(reopened);
    EXPECT_THAT(reopened.error().message, HasSubstr("error log"));
    EXPECT_THAT(reopened.error().message, HasSubstr("sub/errors"));
    EXPECT_EQ(figures().failed_reopens, failures + 1);
    log(Level::warning, "second");
    EXPECT_THAT(content("gone/errors"), HasSubstr("second"));
    EXPECT_THAT(content(), HasSubstr("The one before stays in use"));
}

TEST_F(DiaryTest, places_are_taken_all_or_none) {
    ASSERT_TRUE(open({.log = path()}));
    const auto opened =
        open({.log = path("other"), .commands = "/proc/no-such-directory/commands"});
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message, HasSubstr("no-such-directory"));
    EXPECT_THAT(opened.error().message, HasSubstr("command log"));
    log(Level::warning, "still here");
    EXPECT_THAT(content(), HasSubstr("still here"));
    EXPECT_FALSE(has_command_log());
}

TEST_F(DiaryTest, no_directory_is_made_for_a_file) {
    const auto opened = open({.log = path("missing/log")});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ENOENT);
    EXPECT_NE(::access(path("missing").c_str(), F_OK), 0);
}

TEST_F(DiaryTest, standard_output_and_standard_error_have_names) {
    testing::internal::CaptureStdout();
    ASSERT_TRUE(open({.log = ""}));
    log(Level::warning, "to stdout");
    ASSERT_TRUE(reopen());
    log(Level::warning, "again");
    const std::string output = testing::internal::GetCapturedStdout();
    EXPECT_THAT(output, HasSubstr(" warning to stdout\n"));
    EXPECT_THAT(output, HasSubstr(" warning again\n"));
    testing::internal::CaptureStderr();
    ASSERT_TRUE(open({.log = "/dev/stderr"}));
    log(Level::warning, "to stderr");
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr(" warning to stderr\n"));
}

TEST_F(DiaryTest, what_cannot_be_written_is_counted) {
    ASSERT_TRUE(open({.log = "/dev/full"}));
    const uint64_t before = figures().unwritten;
    log(Level::warning, "into the void");
    EXPECT_EQ(figures().unwritten, before + 1);
    ASSERT_TRUE(start());
    log(Level::warning, "again");
    stop();
    EXPECT_EQ(figures().unwritten, before + 2);
}

TEST_F(DiaryTest, the_format_changes_between_two_lines) {
    ASSERT_TRUE(open({.log = path()}));
    log(Level::notice, "a");
    set_format(Format::json);
    log(Level::notice, "b");
    ASSERT_EQ(lines().size(), 2U);
    EXPECT_THAT(lines()[0], EndsWith("notice a"));
    EXPECT_THAT(lines()[1], EndsWith(R"("level":"notice","text":"b"})"));
}

TEST(Journal, is_known_by_device_and_inode) {
    struct stat status{};
    ASSERT_EQ(::fstat(STDERR_FILENO, &status), 0);
    const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    EXPECT_TRUE(is_journal(STDERR_FILENO, stream));
    EXPECT_FALSE(is_journal(STDERR_FILENO, stream + "1"));
    EXPECT_FALSE(is_journal(STDERR_FILENO, ""));
    EXPECT_FALSE(is_journal(-1, stream));
}

// --- in the background
// ----------------------------------------------------------------------------

TEST_F(DiaryTest, a_line_comes_by_itself) {
    ASSERT_TRUE(open({.log = path()}));
    ASSERT_TRUE(start());
    log(Level::notice, "unasked");
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    while (content().empty() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_THAT(content(), EndsWith(" notice unasked\n"));
}

TEST_F(DiaryTest, flush_waits_until_all_is_written) {
    ASSERT_TRUE(open({.log = path()}));
    ASSERT_TRUE(start());
    for (int round = 1; round <= 50; ++round) {
        log(Level::notice, "line {}", round);
        flush(kPatienceMs);
        ASSERT_EQ(lines().size(), static_cast<size_t>(round));
    }
    stop();
    log(Level::notice, "behind the end");
    EXPECT_EQ(lines().size(), 51U);
}

TEST_F(DiaryTest, stop_writes_all_that_is_left) {
    ASSERT_TRUE(open({.log = path(), .commands = path("commands")}));
    ASSERT_TRUE(start(16 * 1024 * 1024));
    // More than one round of the thread.
    const size_t count = 2 * kRecordsPerRound + 10;
    for (size_t number = 0; number < count; ++number) note("word " + std::to_string(number));
    log(Level::notice, "last");
    stop();
    const auto all = lines("commands");
    ASSERT_EQ(all.size(), count);
    for (size_t number = 0; number < count; ++number) {
        ASSERT_THAT(all[number], EndsWith("\"word " + std::to_string(number) + "\""));
    }
    EXPECT_EQ(lines().size(), 1U);
}

TEST_F(DiaryTest, lines_of_all_threads_come_in_order_of_time) {
    constexpr int kThreads = 4;
    constexpr int kLines = 2000;
    ASSERT_TRUE(open({.log = path()}));
    ASSERT_TRUE(start(4 * 1024 * 1024));
    // One thread at a time has the number: so the numbers say the order of time.
    std::atomic<int> next{0};
    std::vector<std::thread> threads;
    for (int index = 0; index < kThreads; ++index) {
        threads.emplace_back([&next, index] {
            for (int number = index; number < kLines; number += kThreads) {
                while (next.load() != number) std::this_thread::yield();
                log(Level::notice, "number {}", number);
                next.store(number + 1);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    stop();
    const auto all = lines();
    ASSERT_EQ(all.size(), static_cast<size_t>(kLines));
    for (int number = 0; number < kLines; ++number) {
        ASSERT_THAT(all[static_cast<size_t>(number)],
                    EndsWith(" notice number " + std::to_string(number)));
    }
}

TEST_F(DiaryTest, many_threads_at_once_lose_nothing_while_there_is_room) {
    constexpr int kThreads = 8;
    constexpr int kLines = 500;
    ASSERT_TRUE(open({.log = path(), .commands = path("commands")}));
    ASSERT_TRUE(start(1024 * 1024));
    const Figures before = figures();
    std::vector<std::thread> threads;
    for (int index = 0; index < kThreads; ++index) {
        threads.emplace_back([index] {
            for (int number = 0; number < kLines; ++number) {
                log(Level::notice, "{}", std::string(50, static_cast<char>('a' + index)));
                note("word");
            }
        });
    }
    for (int round = 0; round < 5; ++round) EXPECT_TRUE(reopen());
    for (std::thread& thread : threads) thread.join();
    stop();
    const Figures after = figures();
    EXPECT_EQ(after.lost_lines, before.lost_lines);
    EXPECT_EQ(after.lost_commands, before.lost_commands);
    EXPECT_EQ(after.commands - before.commands, static_cast<uint64_t>(kThreads * kLines));
    std::vector<int> counts(kThreads, 0);
    for (const std::string& line : lines()) {
        if (line.find("opened again") != std::string::npos) continue;
        const char letter = line.back();
        ASSERT_TRUE(letter >= 'a' && letter < 'a' + kThreads) << line;
        ASSERT_THAT(line, EndsWith(" notice " + std::string(50, letter)));
        ++counts[static_cast<size_t>(letter - 'a')];
    }
    EXPECT_EQ(counts, std::vector<int>(kThreads, kLines));
}

/// The log is a pipe that is full, so the thread stands and nobody empties the rings.
class StuckDiary : public DiaryTest {
protected:
    void SetUp() override {
        DiaryTest::SetUp();
        ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
        // Both ends at once, or opening one would wait for the other.
        pipe_ = std::fopen(path("pipe").c_str(), "r+");
        ASSERT_NE(pipe_, nullptr);
        const int descriptor = ::fileno(pipe_);
        ASSERT_EQ(::fcntl(descriptor, F_SETFL, O_NONBLOCK), 0);
        const std::string filling(4096, '-');
        while (::write(descriptor, filling.data(), filling.size()) > 0) continue;
        ASSERT_EQ(errno, EAGAIN);
        ASSERT_EQ(::fcntl(descriptor, F_SETFL, 0), 0);
        ASSERT_TRUE(open({.log = path("pipe"), .commands = path("commands")}));
        ASSERT_TRUE(start(kRingBytesMin));
    }
    void TearDown() override {
        DiaryTest::TearDown();
        std::fclose(pipe_);
    }
    /// Reads the pipe until the line that ends in this, which is returned.
    std::string read_until(std::string_view end) {
        std::string line;
        for (int byte = 0; (byte = std::fgetc(pipe_)) != EOF;) {
            if (byte != '\n') {
                line += static_cast<char>(byte);
                continue;
            }
            if (line.find(end) != std::string::npos) return line;
            line.clear();
        }
        return "the end";
    }
    std::FILE* pipe_ = nullptr;
};

TEST_F(StuckDiary, what_does_not_fit_is_counted_and_told_and_nobody_waits) {
    const Figures before = figures();
    // Far more than the ring holds. Would anybody wait, the test would never end.
    const std::string text(1000, 'x');
    for (int number = 0; number < 1000; ++number) log(Level::notice, "{}", text);
    for (int number = 0; number < 1000; ++number) note(std::string(200, 'y'));
    const Figures after = figures();
    const uint64_t lost_lines = after.lost_lines - before.lost_lines;
    const uint64_t lost_commands = after.lost_commands - before.lost_commands;
    EXPECT_GT(lost_lines, 500U);
    EXPECT_GT(lost_commands, 500U);
    EXPECT_LT(lost_lines, 1000U);
    EXPECT_THAT(read_until("Lost for want of room"),
                HasSubstr(std::to_string(lost_lines) + " lines of the log, " +
                          std::to_string(lost_commands) + " of the command log"));
    log(Level::notice, "there is room again");
    EXPECT_THAT(read_until("room again"), HasSubstr("notice there is room again"));
    stop();
    EXPECT_THAT(content("commands"),
                HasSubstr(std::to_string(lost_commands) + " commands are missing here"));
}

TEST_F(StuckDiary, flush_has_an_end) {
    log(Level::notice, "stuck");
    flush(20);
    EXPECT_THAT(read_until("stuck"), HasSubstr("notice stuck"));
}

TEST_F(DiaryTest, a_ring_goes_from_a_thread_that_ends_to_the_next) {
    ASSERT_TRUE(open({.log = path()}));
    ASSERT_TRUE(start(128 * 1024));
    for (int round = 0; round < 100; ++round) {
        std::thread([round] { log(Level::notice, "round {}", round); }).join();
    }
    stop();
    ASSERT_EQ(lines().size(), 100U);
    EXPECT_THAT(lines()[99], EndsWith("round 99"));
}

TEST_F(DiaryTest, reopening_can_be_asked_for_in_the_background) {
    ASSERT_TRUE(open({.log = path()}));
    ASSERT_TRUE(start());
    log(Level::notice, "first");
    flush(kPatienceMs);
    std::filesystem::rename(path(), path("old"));
    request_reopen();
    flush(kPatienceMs);
    log(Level::notice, "second");
    flush(kPatienceMs);
    EXPECT_THAT(content("old"), EndsWith("first\n"));
    EXPECT_THAT(content(), EndsWith("second\n"));
}

}  // namespace
}  // namespace gyre::diary
