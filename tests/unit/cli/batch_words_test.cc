// SPDX-License-Identifier: BSD-3-Clause

// The origin system's two ways to give a batch, turned into the server's one.

#include "cli/batch_words.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace gyre::cli {
namespace {

using Words = std::vector<std::string>;

class BatchWordsTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "gyre-batch-XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::string file(const std::string& text) {
        const std::string path = folder_ / "commands";
        std::ofstream(path) << text;
        return path;
    }
    static std::string error_of(const Words& words) {
        const auto completed = complete_batch(words);
        return completed ? "" : completed.error().message;
    }

    std::filesystem::path folder_;
};

TEST_F(BatchWordsTest, TakesTheTextOfC) {
    EXPECT_EQ(*complete_batch(Words{"batch", "-c", "put a 1; put b 2"}),
              (Words{"batch", "put a 1; put b 2"}));
    EXPECT_EQ(*complete_batch(Words{"BATCH", "-c", "put a 1", "get a"}),
              (Words{"BATCH", "put a 1", "get a"}));
    EXPECT_NE(error_of({"batch", "-c"}).find("batch -c needs its commands"), std::string::npos);
}

TEST_F(BatchWordsTest, LeavesOthersAsTheyAre) {
    for (const Words& words : {Words{"batch", "put a 1; get a"}, Words{"batch"}, Words{"get", "-f"},
                               Words{"get", "-f", "x"}, Words{}}) {
        EXPECT_EQ(*complete_batch(words), words);
    }
}

TEST_F(BatchWordsTest, ReadsTheFileOfF) {
    const std::string path =
        file("# what it does\nput a 1; put b 2\n\n   # more\nput c \"x\n# y\"\r\nget c\n");
    EXPECT_EQ(*complete_batch(Words{"batch", "-f", path}),
              (Words{"batch", "put a 1; put b 2\n\nput c \"x\n# y\"\r\nget c\n"}));
}

TEST_F(BatchWordsTest, SaysWhatIsWrongWithTheFile) {
    const std::string missing = folder_ / "missing";
    EXPECT_EQ(error_of({"batch", "-f", missing}),
              "Cannot read " + missing + ": No such file or directory; nothing was sent.");
    EXPECT_NE(error_of({"batch", "-f", folder_}).find("Cannot read"), std::string::npos);
    EXPECT_NE(error_of({"batch", "-f", file("# nothing\n\n")}).find("has no commands"),
              std::string::npos);
    EXPECT_NE(error_of({"batch", "-f"}).find("needs the name of one file"), std::string::npos);
    EXPECT_NE(error_of({"batch", "-f", "a", "b"}).find("one file"), std::string::npos);
}

TEST_F(BatchWordsTest, RefusesAFileThatIsTooLarge) {
    const std::string path = file("put a 1\n");
    std::filesystem::resize_file(path, kBatchFileBytesMax + 1);
    EXPECT_NE(error_of({"batch", "-f", path}).find("more than 64 MiB"), std::string::npos);
}

}  // namespace
}  // namespace gyre::cli
