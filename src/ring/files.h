// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What is done with files beside writing and syncing them through a ring: opening, reading while
// nobody is served, renaming, and making names durable. These calls wait for the disk, so they
// belong to threads that may: the log's, and a server that is starting. Writing goes through
// Ring::write(), with the descriptors opened here.
//
// PosixFiles is the real one; ring/sim/disk.h is the simulated one.
//
// Ownership: whoever opens a file closes it, when nothing of a ring is in flight on it.
// Threads: any, unless an implementation says otherwise. Errors: name the path, and carry errno.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gyre/result.h>

namespace gyre::ring {

enum class OpenFor : uint8_t {
    reading,
    writing,       ///< one that exists
    creating,      ///< a new one; one of that name that exists is emptied
    creating_new,  ///< a new one; EEXIST where there is one of that name
};

class Files {
public:
    virtual ~Files() = default;

    virtual Result<int> open(const std::string& path, OpenFor use) = 0;
    virtual void close(int file) = 0;
    virtual Result<uint64_t> size(int file) = 0;
    /// Fewer bytes than asked for only where the file ends.
    virtual Result<size_t> read(int file, std::span<char> into, uint64_t offset) = 0;
    virtual Result<void> truncate(int file, uint64_t bytes) = 0;
    /// fsync. Its error means what that of Ring::sync() means.
    virtual Result<void> sync(int file) = 0;
    /// These bytes, which are on the disk, need not stay in the page cache: nobody is going to read
    /// them soon (posix_fadvise, POSIX_FADV_DONTNEED). Advice, so there is no error.
    virtual void leave_page_cache(int file, uint64_t begin, uint64_t end) = 0;
    /// What is written from now on goes past the page cache (O_DIRECT), or no longer does. While
    /// it does, writes begin at a multiple of kDirectAlignment in file and memory, and are as long.
    /// What of these bytes the page cache has that is not on the disk is written before. Not while
    /// a write is under way. EINVAL: the file system cannot; others tell by EINVAL of the write.
    virtual Result<void> set_direct(int file, bool is_direct) = 0;
    static constexpr size_t kDirectAlignment = 4096;
    /// Makes a directory; one that exists is as good.
    virtual Result<void> make_directory(const std::string& path) = 0;
    virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
    /// One that does not exist is as good as removed.
    virtual Result<void> remove(const std::string& path) = 0;
    /// Makes the names in it durable: those of new, renamed and removed files.
    virtual Result<void> sync_directory(const std::string& path) = 0;
    /// `path` still names the open file: nobody has moved it away, or what it lies in.
    virtual bool is_at(int file, const std::string& path) = 0;
    virtual bool exists(const std::string& path) = 0;
    /// The names in a directory, in no order.
    virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
    /// Takes a directory for oneself, until what is returned is closed or the process has ended,
    /// however it did. EWOULDBLOCK: somebody else has it. EOPNOTSUPP: the file system has no locks.
    virtual Result<int> lock_directory(const std::string& path) = 0;

    /// A whole file written and synced under `path`, its name not yet durable.
    virtual Result<void> write_whole(const std::string& path, std::string_view text) = 0;
    /// A whole file of at most `bytes_max`.
    Result<std::string> read_whole(const std::string& path, uint64_t bytes_max);
    Result<uint64_t> size_of(const std::string& path);
};

/// The system's own.
class PosixFiles final : public Files {
public:
    Result<int> open(const std::string& path, OpenFor use) override;
    void close(int file) override;
    Result<uint64_t> size(int file) override;
    Result<size_t> read(int file, std::span<char> into, uint64_t offset) override;
    Result<void> truncate(int file, uint64_t bytes) override;
    Result<void> sync(int file) override;
    void leave_page_cache(int file, uint64_t begin, uint64_t end) override;
    Result<void> set_direct(int file, bool is_direct) override;
    Result<void> make_directory(const std::string& path) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<void> sync_directory(const std::string& path) override;
    bool is_at(int file, const std::string& path) override;
    bool exists(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& directory) override;
    Result<int> lock_directory(const std::string& path) override;
    Result<void> write_whole(const std::string& path, std::string_view text) override;
};

}  // namespace gyre::ring
