// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The files of --dump and --load. One that is written lies under a temporary name beside its place
// and takes its place when all of it is on the disk, so a file of the wanted name is always whole.
// "-" is standard output or input.
//
// Ownership: own their descriptors; a DataOutput that was not published leaves nothing behind.
// Threads: one. Errors: name the file, and say what to do.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gyre/result.h"
#include "snapshot/byte_sink.h"

namespace gyre::cli {

class DataOutput final : public snapshot::ByteSink {
public:
    static Result<std::unique_ptr<DataOutput>> open(const std::string& path);
    ~DataOutput() override;
    DataOutput(const DataOutput&) = delete;
    DataOutput& operator=(const DataOutput&) = delete;

    /// The first error stays, and nothing is written after it.
    void append(std::string_view piece) override;
    [[nodiscard]] const Result<void>& result() const { return result_; }
    [[nodiscard]] uint64_t bytes() const { return bytes_; }

    /// What was appended is on the disk, under its own name.
    Result<void> publish();
    /// It has its name, though it may be that the name is not durable.
    [[nodiscard]] bool is_published() const { return is_published_; }

private:
    DataOutput(std::string path, std::string temporary, int descriptor)
        : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}
    void note_error(std::string_view what);

    const std::string path_;
    std::string temporary_;  // empty: nothing to remove
    int descriptor_;
    uint64_t bytes_ = 0;
    bool is_published_ = false;
    Result<void> result_;
};

class DataInput {
public:
    static Result<std::unique_ptr<DataInput>> open(const std::string& path);
    ~DataInput();
    DataInput(const DataInput&) = delete;
    DataInput& operator=(const DataInput&) = delete;

    /// The first byte of all, which read() will give again; nullopt when there is none.
    Result<std::optional<char>> peek();
    /// The next bytes; 0 at the end.
    Result<size_t> read(std::span<char> into);
    /// To wait on.
    [[nodiscard]] int descriptor() const { return descriptor_; }
    /// 0 where nobody knows before the end.
    [[nodiscard]] uint64_t size() const { return size_; }
    /// Given by read() so far.
    [[nodiscard]] uint64_t bytes() const { return bytes_; }

private:
    DataInput(std::string path, int descriptor, uint64_t size)
        : path_(std::move(path)), descriptor_(descriptor), size_(size) {}
    Result<size_t> read_file(std::span<char> into);

    const std::string path_;
    const int descriptor_;
    const uint64_t size_;
    uint64_t bytes_ = 0;
    std::optional<char> peeked_;
};

}  // namespace gyre::cli
