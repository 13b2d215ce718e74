// SPDX-License-Identifier: BSD-3-Clause

// Goal: the filter selects what its words say; what is logged is what was run or refused, with how
// it ended and without passwords.

#include "commands/command_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "commands/registry.h"
#include "diary/diary.h"
#include "support/command_runner.h"

namespace gyre::commands {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

CommandFilter filter(const std::vector<std::string_view>& words) {
    auto parsed = CommandFilter::parse(words);
    EXPECT_TRUE(parsed) << parsed.error().message;
    return *parsed;
}

bool selects(const std::vector<std::string_view>& words, std::string_view command) {
    const CommandSpec* const spec = find_full_name(command);
    EXPECT_NE(spec, nullptr) << command;
    return filter(words).selects(row_index(*spec));
}

std::string error_of(const std::vector<std::string_view>& words) {
    const auto parsed = CommandFilter::parse(words);
    return parsed ? "" : parsed.error().message;
}

TEST(CommandFilter, no_word_is_every_command) {
    const CommandFilter all = filter({});
    for (const CommandSpec* spec : rows()) EXPECT_TRUE(all.selects(row_index(*spec)));
}

TEST(CommandFilter, the_first_word_says_what_it_begins_with) {
    EXPECT_TRUE(selects({"+set"}, "set"));
    EXPECT_FALSE(selects({"+set"}, "get"));
    EXPECT_FALSE(selects({"-PING"}, "ping"));
    EXPECT_TRUE(selects({"-ping"}, "get"));
    EXPECT_FALSE(selects({"-@all"}, "get"));
}

TEST(CommandFilter, later_words_win) {
    EXPECT_TRUE(selects({"+@write"}, "set"));
    EXPECT_FALSE(selects({"+@write", "-set"}, "set"));
    EXPECT_TRUE(selects({"+@write", "-set"}, "del"));
    EXPECT_FALSE(selects({"+@write", "-set"}, "get"));
    EXPECT_TRUE(selects({"-@all", "+@ALL", "-get", "+get"}, "get"));
}

TEST(CommandFilter, sub_commands_have_names_of_their_own) {
    EXPECT_TRUE(selects({"+config|set"}, "config|set"));
    EXPECT_FALSE(selects({"+config|set"}, "config|get"));
    EXPECT_TRUE(selects({"+config", "-config|get"}, "config|set"));
    EXPECT_FALSE(selects({"+config", "-config|get"}, "config|get"));
}

TEST(CommandFilter, an_error_names_the_word) {
    EXPECT_THAT(error_of({"+get", "set"}), HasSubstr("'set' begins neither with + nor with -"));
    EXPECT_THAT(error_of({"+@none"}), HasSubstr("'+@none': there is no such category"));
    EXPECT_THAT(error_of({"-nonsense"}), HasSubstr("'-nonsense': there is no such command"));
    EXPECT_THAT(error_of({"+get|x"}), HasSubstr("no such command"));
    EXPECT_THAT(error_of({"+"}), HasSubstr("no such command"));
    EXPECT_THAT(error_of({""}), HasSubstr("neither"));
}

class CommandLogTest : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "gyre-commands-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory_ = name;
        ASSERT_TRUE(
            diary::open({.log = directory_ + "/log", .commands = directory_ + "/commands"}));
        runner_.services().command_log.set_filter(filter({}));
        runner_.session().peer_address = "here:1";
    }
    void TearDown() override {
        diary::close();
        std::filesystem::remove_all(directory_);
    }
    /// Lines, without date and time, and with 0 for how long it took.
    std::vector<std::string> lines() const {
        std::vector<std::string> all;
        std::ifstream file(directory_ + "/commands");
        for (std::string line; std::getline(file, line);) {
            const size_t end = line.find("us ");
            const size_t begin = line.rfind(' ', end) + 1;
            line.replace(begin, end - begin, "0");
            all.push_back(line.substr(line.find(' ', 11) + 1));
        }
        return all;
    }
    std::string last() const {
        const auto all = lines();
        return all.empty() ? "" : all.back();
    }

    std::string directory_;
    test::CommandRunner runner_;
};

TEST_F(CommandLogTest, is_off_without_a_file_or_with_nothing_to_log) {
    CommandLog& log = runner_.services().command_log;
    EXPECT_TRUE(log.is_on());
    log.set_filter(filter({"-@all"}));
    EXPECT_FALSE(log.is_on());
    runner_.run({"PING"});
    EXPECT_EQ(lines().size(), 0U);
    log.set_filter(filter({"+get"}));
    EXPECT_TRUE(log.is_on());
    diary::close();
    log.set_filter(filter({"+get"}));
    EXPECT_FALSE(log.is_on());
    EXPECT_FALSE(no_command_log().is_on());
}

TEST_F(CommandLogTest, says_who_what_and_how_it_ended) {
    const std::string id = std::to_string(runner_.session().id);
    runner_.run({"SET", "k", "v\n"});
    EXPECT_EQ(last(), id + " here:1 db0 0us ok \"SET\" \"k\" \"v\\n\"");
    runner_.run({"LPUSH", "k", "v"});
    EXPECT_EQ(last(), id + " here:1 db0 0us WRONGTYPE \"LPUSH\" \"k\" \"v\"");
    runner_.run({"CLIENT", "SETNAME", "app"});
    runner_.run({"SELECT", "2"});
    runner_.run({"GET", "k"});
    EXPECT_EQ(last(), id + " here:1 \"app\" db2 0us ok \"GET\" \"k\"");
}

TEST_F(CommandLogTest, what_is_refused_is_there_and_what_is_no_command_is_not) {
    runner_.run({"GET"});
    EXPECT_THAT(last(), EndsWith(" db0 0us ERR \"GET\""));
    runner_.run({"AUHT", "secret"});
    EXPECT_EQ(lines().size(), 1U);
}

TEST_F(CommandLogTest, only_what_the_filter_selects) {
    runner_.services().command_log.set_filter(filter({"+@write", "-del"}));
    runner_.run({"SET", "k", "v"});
    runner_.run({"GET", "k"});
    runner_.run({"DEL", "k"});
    runner_.run({"GET"});
    ASSERT_EQ(lines().size(), 1U);
    EXPECT_THAT(last(), HasSubstr("\"SET\""));
}

TEST_F(CommandLogTest, passwords_are_hidden) {
    runner_.run({"AUTH", "hunter2"});
    EXPECT_THAT(last(), EndsWith("\"AUTH\" (redacted)"));
    runner_.run({"AUTH", "default", "hunter2"});
    runner_.run({"HELLO", "3", "AUTH", "default", "hunter2"});
    EXPECT_THAT(last(), EndsWith("\"HELLO\" \"3\" \"AUTH\" (redacted) (redacted)"));
    // An error does not make it less of a password.
    runner_.run({"HELLO", "AUTH", "default", "hunter2"});
    EXPECT_THAT(last(), EndsWith("\"HELLO\" \"AUTH\" (redacted) (redacted)"));
    runner_.run({"CONFIG", "SET", "timeout", "5", "requirepass", "hunter2"});
    EXPECT_THAT(last(),
                EndsWith("\"CONFIG\" \"SET\" \"timeout\" \"5\" \"requirepass\" (redacted)"));
    runner_.run({"AUTH", "hunter2", "and", "too", "many"});
    runner_.run({"BATCH", "GET k; auth hunter2", "GET 'auth'"});
    EXPECT_THAT(last(), EndsWith("\"BATCH\" (redacted) \"GET 'auth'\""));
    runner_.run({"BATCH", "config set requirepass hunter2", "auth 'hunter2"});
    EXPECT_THAT(last(), EndsWith("\"BATCH\" (redacted) (redacted)"));
    EXPECT_EQ(lines().size(), 8U);
    for (const std::string& line : lines()) EXPECT_THAT(line, Not(HasSubstr("hunter2")));
}

TEST_F(CommandLogTest, long_commands_are_cut) {
    std::vector<std::string> words{"MSET", std::string(diary::kNotedBytesMax, 'k'),
                                   std::string(diary::kNotedBytesMax + 7, 'v')};
    while (words.size() < diary::kNotedArgumentsMax + 5) words.insert(words.end(), {"k", "v"});
    runner_.run(words);
    EXPECT_THAT(last(),
                HasSubstr("\"" + std::string(diary::kNotedBytesMax, 'k') + "\" \"" +
                          std::string(diary::kNotedBytesMax, 'v') + "\"... (7 more bytes) \"k\""));
    EXPECT_THAT(last(),
                EndsWith(" ... (" + std::to_string(words.size() - diary::kNotedArgumentsMax) +
                         " more arguments)"));
}

TEST_F(CommandLogTest, a_transaction_is_logged_as_it_runs) {
    runner_.run({"MULTI"});
    runner_.run({"SET", "k", "v"});
    EXPECT_EQ(lines().size(), 1U);
    runner_.run({"EXEC"});
    ASSERT_EQ(lines().size(), 3U);
    EXPECT_THAT(lines()[1], HasSubstr("\"SET\""));
    EXPECT_THAT(lines()[2], HasSubstr("\"EXEC\""));
}

TEST_F(CommandLogTest, a_command_that_waits_is_logged_when_it_ends) {
    Session& other = runner_.add_session();
    runner_.run_as(other, {"BLPOP", "list", "0"});
    EXPECT_EQ(lines().size(), 0U);
    runner_.run({"RPUSH", "list", "a"});
    runner_.end_wait(other, store::Waiter::State::served);
    ASSERT_EQ(lines().size(), 2U);
    EXPECT_THAT(lines()[1], EndsWith(" ok \"BLPOP\" \"list\" \"0\""));
}

}  // namespace
}  // namespace gyre::commands
