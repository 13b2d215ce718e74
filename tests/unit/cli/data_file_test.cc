// SPDX-License-Identifier: BSD-3-Clause

// A file of data is there whole or not at all.

#include "cli/data_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;

class DataFile : public ::testing::Test {
protected:
    DataFile() {
        std::string pattern = (fs::temp_directory_path() / "gyre-data-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~DataFile() override { fs::remove_all(folder_); }

    std::string path(const std::string& name) const { return (folder_ / name).string(); }
    static std::string content(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    size_t files() const {
        return static_cast<size_t>(
            std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
    }

    fs::path folder_;
};

TEST_F(DataFile, TakesItsPlaceWhenItIsWhole) {
    std::ofstream(path("a")) << "before";
    auto output = DataOutput::open(path("a"));
    ASSERT_TRUE(output) << output.error().message;
    (*output)->append("one ");
    (*output)->append("two");
    EXPECT_EQ(content(path("a")), "before");
    EXPECT_FALSE((*output)->is_published());
    const auto published = (*output)->publish();
    ASSERT_TRUE(published) << published.error().message;
    EXPECT_TRUE((*output)->is_published());
    EXPECT_EQ((*output)->bytes(), 7U);
    output->reset();
    EXPECT_EQ(content(path("a")), "one two");
    EXPECT_EQ(files(), 1U);
}

TEST_F(DataFile, LeavesNothingWhenItIsGivenUp) {
    std::ofstream(path("a")) << "before";
    auto output = DataOutput::open(path("a"));
    ASSERT_TRUE(output) << output.error().message;
    (*output)->append("half");
    EXPECT_EQ(files(), 2U);
    output->reset();
    EXPECT_EQ(content(path("a")), "before");
    EXPECT_EQ(files(), 1U);
}

TEST_F(DataFile, SaysWhereItCannotBeWritten) {
    const auto missing = DataOutput::open(path("no/such/folder"));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ENOENT);
    EXPECT_NE(missing.error().message.find("no/such/folder"), std::string::npos);
    const auto folder = DataOutput::open(folder_.string());
    ASSERT_FALSE(folder);
    EXPECT_EQ(folder.error().code, EINVAL);
    // What is no file would be replaced by one.
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    EXPECT_FALSE(DataOutput::open(path("pipe")));
}

TEST_F(DataFile, ReadsWhatWasPeekedAtAgain) {
    std::ofstream(path("a")) << "abc";
    const auto input = DataInput::open(path("a"));
    ASSERT_TRUE(input) << input.error().message;
    EXPECT_EQ((*input)->size(), 3U);
    EXPECT_EQ(*(*input)->peek(), 'a');
    EXPECT_EQ(*(*input)->peek(), 'a');
    std::string all;
    char buffer[2];
    for (;;) {
        const auto count = (*input)->read(buffer);
        ASSERT_TRUE(count) << count.error().message;
        if (*count == 0) break;
        all.append(buffer, *count);
    }
    EXPECT_EQ(all, "abc");
    EXPECT_EQ((*input)->bytes(), 3U);
}

TEST_F(DataFile, SaysWhatCannotBeRead) {
    const auto missing = DataInput::open(path("a"));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ENOENT);
    std::ofstream(path("empty")).close();
    const auto empty = DataInput::open(path("empty"));
    ASSERT_TRUE(empty);
    EXPECT_FALSE(*(*empty)->peek());
    const auto folder = DataInput::open(folder_.string());
    ASSERT_TRUE(folder);
    EXPECT_EQ((*folder)->peek().error().code, EISDIR);
}

}  // namespace
}  // namespace gyre::cli
