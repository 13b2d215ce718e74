// SPDX-License-Identifier: BSD-3-Clause
//
// Files through the kernel's ring and through PosixFiles, in a directory of the test's own.

#include "ring/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ring/uring/uring_ring.h"

namespace gyre::ring {
namespace {

struct Recorder : Op {
    Recorder() : Op(&Recorder::on_done) {}
    static void on_done(Op& op, const Completion& done) {
        Recorder& self = static_cast<Recorder&>(op);
        self.completion = done;
        self.order = ++ended;
    }
    Completion completion;
    int order = 0;
    static inline int ended = 0;
};

class FilesTest : public ::testing::Test {
protected:
    FilesTest() {
        char name[] = "/tmp/gyre-files-XXXXXX";
        directory_ = ::mkdtemp(name);
        UringOptions options;
        options.submission_entries = 4;
        options.buffer_count = 1;
        auto ring = create_uring_ring(options);
        if (ring) ring_ = *std::move(ring);
    }
    ~FilesTest() override {
        ring_.reset();
        std::filesystem::remove_all(directory_);
    }
    std::string path(const std::string& name) const { return directory_ + "/" + name; }
    void finish(const Recorder& op) {
        while (op.in_flight) ring_->wait(-1);
    }
    std::string content(const std::string& name) {
        const auto text = files_.read_whole(path(name), 1000);
        return text ? *text : text.error().message;
    }

    PosixFiles files_;
    std::string directory_;
    std::unique_ptr<Ring> ring_;
};

TEST_F(FilesTest, WritesWhereItIsToldAndSyncs) {
    ASSERT_NE(ring_, nullptr);
    const auto file = files_.open(path("a"), OpenFor::creating);
    ASSERT_TRUE(file);
    std::string first = "hello ";
    std::string second = "world";
    const iovec vectors[] = {{first.data(), first.size()}, {second.data(), second.size()}};
    Recorder write;
    ring_->write_synced(write, *file, vectors, 3);
    finish(write);
    EXPECT_EQ(write.completion.result, 11);
    Recorder again;
    const iovec start[] = {{first.data(), 3}};
    ring_->write(again, *file, start, 0);
    finish(again);
    Recorder last;
    ring_->sync(last, *file);
    finish(last);
    EXPECT_EQ(last.completion.result, 0);
    files_.close(*file);
    EXPECT_EQ(content("a"), "helhello world");
}

TEST_F(FilesTest, AWriteThatFailsSaysWhy) {
    ASSERT_NE(ring_, nullptr);
    ASSERT_TRUE(files_.write_whole(path("a"), "x"));
    const auto file = files_.open(path("a"), OpenFor::reading);
    ASSERT_TRUE(file);
    char byte = 'y';
    const iovec vectors[] = {{&byte, 1}};
    Recorder write;
    ring_->write_synced(write, *file, vectors, 0);
    finish(write);
    EXPECT_EQ(write.completion.result, -EBADF);
    files_.close(*file);
}

/// Under the name it has now, not the one it was opened by.
TEST_F(FilesTest, ErrorsOfAnOpenFileNameIt) {
    ASSERT_TRUE(files_.write_whole(path("a"), "x"));
    const auto file = files_.open(path("a"), OpenFor::reading);
    ASSERT_TRUE(file);
    ASSERT_TRUE(files_.rename(path("a"), path("b")));
    const auto shortened = files_.truncate(*file, 0);
    ASSERT_FALSE(shortened);
    EXPECT_EQ(shortened.error().message, "Cannot shorten " + path("b") + ": Invalid argument");
    EXPECT_EQ(shortened.error().code, EINVAL);
    files_.close(*file);
    char byte = 0;
    EXPECT_EQ(files_.read(*file, {&byte, 1}, 0).error().message,
              "Cannot read an open file: Bad file descriptor");
    const auto directory = files_.open(directory_, OpenFor::reading);
    ASSERT_TRUE(directory);
    EXPECT_EQ(files_.read(*directory, {&byte, 1}, 0).error().message,
              "Cannot read " + directory_ + ": Is a directory");
    files_.close(*directory);
}

/// More writes than the submission queue has places for.
TEST_F(FilesTest, WritesAreKeptInAFullQueue) {
    ASSERT_NE(ring_, nullptr);
    const auto file = files_.open(path("a"), OpenFor::creating);
    ASSERT_TRUE(file);
    char byte = 'y';
    const iovec vectors[] = {{&byte, 1}};
    Recorder writes[19];
    for (size_t i = 0; i < 19; ++i) ring_->write_synced(writes[i], *file, vectors, i);
    for (const Recorder& write : writes) {
        finish(write);
        EXPECT_EQ(write.completion.result, 1);
    }
    files_.close(*file);
    EXPECT_EQ(content("a"), std::string(19, 'y'));
}

/// Pages of a file's first `bytes` that are in the page cache.
size_t cached_pages(const std::string& path, size_t bytes) {
    const int file = ::open(path.c_str(), O_RDONLY);
    void* const mapping = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    if (mapping == MAP_FAILED) return SIZE_MAX;
    std::vector<unsigned char> pages(bytes / 4096);
    const int result = ::mincore(mapping, bytes, pages.data());
    ::munmap(mapping, bytes);
    if (result != 0) return SIZE_MAX;
    return static_cast<size_t>(
        std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return page & 1; }));
}

TEST_F(FilesTest, WhatIsOnTheDiskLeavesThePageCache) {
    constexpr size_t kBytes = size_t{4} << 20;
    struct statfs system;
    ASSERT_EQ(::statfs(directory_.c_str(), &system), 0);
    if (system.f_type == TMPFS_MAGIC) GTEST_SKIP() << "the page cache is all there is";
    ASSERT_TRUE(files_.write_whole(path("a"), std::string(kBytes, 'x')));
    EXPECT_EQ(cached_pages(path("a"), kBytes), kBytes / 4096);
    const auto file = files_.open(path("a"), OpenFor::writing);
    ASSERT_TRUE(file);
    files_.leave_page_cache(*file, 0, 0);
    EXPECT_EQ(cached_pages(path("a"), kBytes), kBytes / 4096) << "nothing is nothing";
    files_.leave_page_cache(*file, 0, kBytes / 2);
    EXPECT_LE(cached_pages(path("a"), kBytes), kBytes / 4096 * 3 / 4);
    EXPECT_GE(cached_pages(path("a"), kBytes), kBytes / 4096 / 2) << "of these bytes alone";
    files_.close(*file);
    const auto text = files_.read_whole(path("a"), kBytes);
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, std::string(kBytes, 'x'));
}

TEST_F(FilesTest, DirectWritesNeverComeToThePageCache) {
    constexpr size_t kBytes = size_t{1} << 20;
    struct statfs system;
    ASSERT_EQ(::statfs(directory_.c_str(), &system), 0);
    if (system.f_type != EXT4_SUPER_MAGIC && system.f_type != XFS_SUPER_MAGIC) {
        GTEST_SKIP() << "other file systems do as they like";
    }
    const auto file = files_.open(path("a"), OpenFor::creating);
    ASSERT_TRUE(file);
    if (!files_.set_direct(*file, true)) GTEST_SKIP() << "this file system has none";
    std::vector<char> memory(kBytes + Files::kDirectAlignment, 'x');
    void* begin = memory.data();
    size_t room = memory.size();
    ASSERT_NE(std::align(Files::kDirectAlignment, kBytes, begin, room), nullptr);
    ASSERT_EQ(::pwrite(*file, begin, kBytes, 0), static_cast<ssize_t>(kBytes));
    EXPECT_EQ(cached_pages(path("a"), kBytes), 0U);
    EXPECT_EQ(::pwrite(*file, begin, 1, 0), -1) << "not a page";
    EXPECT_EQ(errno, EINVAL);
    ASSERT_TRUE(files_.set_direct(*file, false));
    EXPECT_EQ(::pwrite(*file, "yz", 2, kBytes - 1), 2);
    files_.close(*file);
    EXPECT_EQ(files_.read_whole(path("a"), 2 * kBytes).value_or(""),
              std::string(kBytes - 1, 'x') + "yz");
    EXPECT_EQ(files_.set_direct(-1, true).error().code, EBADF);
}

TEST_F(FilesTest, NamesAreMadeMovedAndRemoved) {
    ASSERT_TRUE(files_.make_directory(path("d")));
    ASSERT_TRUE(files_.make_directory(path("d")));
    ASSERT_TRUE(files_.write_whole(path("d/a"), "text"));
    const auto file = files_.open(path("d/a"), OpenFor::writing);
    ASSERT_TRUE(file);
    EXPECT_TRUE(files_.is_at(*file, path("d/a")));
    ASSERT_TRUE(files_.rename(path("d/a"), path("d/b")));
    EXPECT_FALSE(files_.is_at(*file, path("d/a")));
    EXPECT_TRUE(files_.is_at(*file, path("d/b")));
    EXPECT_EQ(*files_.size(*file), 4U);
    ASSERT_TRUE(files_.truncate(*file, 2));
    ASSERT_TRUE(files_.sync(*file));
    ASSERT_TRUE(files_.sync_directory(path("d")));
    EXPECT_EQ(content("d/b"), "te");
    ASSERT_TRUE(files_.remove(path("d/b")));
    ASSERT_TRUE(files_.remove(path("d/b")));
    EXPECT_FALSE(files_.exists(path("d/b")));
    files_.close(*file);
}

TEST_F(FilesTest, ANewFileIsNoneThatExists) {
    const auto file = files_.open(path("a"), OpenFor::creating_new);
    ASSERT_TRUE(file);
    files_.close(*file);
    ASSERT_TRUE(files_.write_whole(path("a"), "text"));
    EXPECT_EQ(files_.open(path("a"), OpenFor::creating_new).error().code, EEXIST);
    EXPECT_EQ(content("a"), "text");
    EXPECT_EQ(*files_.size_of(path("a")), 4U);
    EXPECT_EQ(files_.size_of(path("b")).error().code, ENOENT);
    ASSERT_TRUE(files_.make_directory(path("b")));
    auto names = files_.list(directory_);
    ASSERT_TRUE(names);
    std::sort(names->begin(), names->end());
    EXPECT_EQ(*names, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(files_.list(path("nowhere")).error().code, ENOENT);
    EXPECT_EQ(files_.list(path("a")).error().code, ENOTDIR);
}

TEST_F(FilesTest, ADirectoryIsLockedByOne) {
    ASSERT_TRUE(files_.make_directory(path("d")));
    const auto lock = files_.lock_directory(path("d"));
    ASSERT_TRUE(lock);
    EXPECT_TRUE(files_.is_at(*lock, path("d")));
    const auto second = files_.lock_directory(path("d"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, EWOULDBLOCK);
    // It goes where the directory goes, and another in its place is free.
    ASSERT_TRUE(files_.rename(path("d"), path("e")));
    ASSERT_TRUE(files_.make_directory(path("d")));
    EXPECT_FALSE(files_.is_at(*lock, path("d")));
    EXPECT_FALSE(files_.lock_directory(path("e")));
    const auto other = files_.lock_directory(path("d"));
    ASSERT_TRUE(other);
    files_.close(*other);
    files_.close(*lock);
    const auto again = files_.lock_directory(path("e"));
    ASSERT_TRUE(again);
    files_.close(*again);
    EXPECT_EQ(files_.lock_directory(path("nowhere")).error().code, ENOENT);
    ASSERT_TRUE(files_.write_whole(path("file"), "x"));
    EXPECT_EQ(files_.lock_directory(path("file")).error().code, ENOTDIR);
}

TEST_F(FilesTest, SaysWhatIsInTheWay) {
    const auto file = files_.open(path("nowhere/a"), OpenFor::creating);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ENOENT);
    EXPECT_EQ(file.error().message,
              "Cannot open " + path("nowhere/a") + ": No such file or directory");
    ASSERT_TRUE(files_.write_whole(path("a"), std::string(20, 'x')));
    const auto text = files_.read_whole(path("a"), 10);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, EFBIG);
}

}  // namespace
}  // namespace gyre::ring
