// SPDX-License-Identifier: BSD-3-Clause

// Lines that outlive the session, and those that must not.

#include "cli/history_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace gyre::cli {
namespace {

class HistoryFileTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name =
            (std::filesystem::temp_directory_path() / "gyre-history-XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_;
};

using Lines = std::vector<std::string>;

TEST_F(HistoryFileTest, KeepsLinesWithLineBreaksAndBackslashes) {
    const std::string path = folder_ / "state" / "gyre" / "history";
    HistoryFile history(path);
    EXPECT_TRUE(history.append("set a \"1\n2\""));
    EXPECT_TRUE(history.append("set b \"\\n\""));
    EXPECT_FALSE(history.append("set b \"\\n\""));
    EXPECT_FALSE(history.append(""));
    EXPECT_EQ(HistoryFile(path).load(), (Lines{"set a \"1\n2\"", "set b \"\\n\""}));
    struct stat status{};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(HistoryFileTest, KeepsNoSecrets) {
    const std::string path = folder_ / "history";
    HistoryFile history(path);
    EXPECT_FALSE(history.append("auth s3cret"));
    EXPECT_FALSE(history.append("get a\nauth s3cret"));
    EXPECT_FALSE(history.append(std::string(HistoryFile::kLineBytesMax + 1, 'a')));
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(HistoryFileTest, TwoSessionsLoseNothing) {
    const std::string path = folder_ / "history";
    HistoryFile first(path);
    HistoryFile second(path);
    first.append("a");
    second.append("b");
    first.append("c");
    EXPECT_EQ(first.load(), (Lines{"a", "b", "c"}));
}

TEST_F(HistoryFileTest, IsCutWhenItHasGrown) {
    const std::string path = folder_ / "history";
    {
        std::ofstream file(path);
        for (size_t i = 0; i <= 2 * HistoryFile::kLinesMax; ++i) file << i << '\n';
    }
    const Lines lines = HistoryFile(path).load();
    ASSERT_EQ(lines.size(), HistoryFile::kLinesMax);
    EXPECT_EQ(lines.back(), std::to_string(2 * HistoryFile::kLinesMax));
    std::ifstream file(path);
    size_t count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    EXPECT_EQ(count, HistoryFile::kLinesMax);
}

TEST(HistoryPath, IsThatOfTheEnvironment) {
    std::map<std::string, const char*> variables = {{"HOME", "/home/ann"}};
    const auto environment = [&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second;
    };
    EXPECT_EQ(default_history_path(environment), "/home/ann/.local/state/gyre/cli_history");
    variables["XDG_STATE_HOME"] = "/state";
    EXPECT_EQ(default_history_path(environment), "/state/gyre/cli_history");
    variables["GYRE_HISTORY"] = "";
    EXPECT_EQ(default_history_path(environment), "");
    variables.clear();
    EXPECT_EQ(default_history_path(environment), "");
}

}  // namespace
}  // namespace gyre::cli
