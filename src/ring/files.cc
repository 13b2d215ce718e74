// SPDX-License-Identifier: BSD-3-Clause
#include "ring/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

namespace gyre::ring {
namespace {

constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;

/// With the errno of the call that has just failed.
tl::unexpected<Error> failed(std::string_view what, std::string_view path) {
    const int error = errno;
    return fail(fmt::format("Cannot {} {}: {}", what, path, std::strerror(error)), error);
}

/// The same of a file that is open: under the name it has now.
tl::unexpected<Error> failed(std::string_view what, int file) {
    const int error = errno;
    std::array<char, PATH_MAX> name{};
    const ssize_t length =
        ::readlink(fmt::format("/proc/self/fd/{}", file).c_str(), name.data(), name.size());
    errno = error;
    return failed(what, length > 0 ? std::string_view(name.data(), static_cast<size_t>(length))
                                   : std::string_view("an open file"));
}

int flags_of(OpenFor use) {
    switch (use) {
        case OpenFor::reading:
            return O_RDONLY;
        case OpenFor::writing:
            return O_WRONLY;
        case OpenFor::creating:
            return O_WRONLY | O_CREAT | O_TRUNC;
        case OpenFor::creating_new:
            return O_WRONLY | O_CREAT | O_EXCL;
    }
    return O_RDONLY;
}

template <class Call>
auto retried(Call&& call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

}  // namespace

Result<std::string> Files::read_whole(const std::string& path, uint64_t bytes_max) {
    const auto file = open(path, OpenFor::reading);
    if (!file) return tl::unexpected(file.error());
    std::string text;
    Result<std::string> result;
    const auto bytes = size(*file);
    if (!bytes) {
        result = tl::unexpected(bytes.error());
    } else if (*bytes > bytes_max) {
        result = fail(
            fmt::format("{} is longer than {} bytes: it is not what it should be", path, bytes_max),
            EFBIG);
    } else {
        text.resize(*bytes);
        const auto count = read(*file, text, 0);
        if (count) {
            text.resize(*count);
            result = std::move(text);
        } else {
            result = tl::unexpected(count.error());
        }
    }
    close(*file);
    return result;
}

Result<uint64_t> Files::size_of(const std::string& path) {
    const auto file = open(path, OpenFor::reading);
    if (!file) return tl::unexpected(file.error());
    auto bytes = size(*file);
    close(*file);
    return bytes;
}

Result<int> PosixFiles::open(const std::string& path, OpenFor use) {
    const int file =
        retried([&] { return ::open(path.c_str(), flags_of(use) | O_CLOEXEC, kFileMode); });
    if (file < 0) return failed("open", path);
    return file;
}

void PosixFiles::close(int file) { ::close(file); }

Result<uint64_t> PosixFiles::size(int file) {
    struct stat about{};
    if (::fstat(file, &about) != 0) return failed("ask for the size of", file);
    return static_cast<uint64_t>(about.st_size);
}

Result<size_t> PosixFiles::read(int file, std::span<char> into, uint64_t offset) {
    size_t done = 0;
    while (done < into.size()) {
        const ssize_t count = retried([&] {
            return ::pread(file, into.data() + done, into.size() - done,
                           static_cast<off_t>(offset + done));
        });
        if (count < 0) return failed("read", file);
        if (count == 0) break;
        done += static_cast<size_t>(count);
    }
    return done;
}

Result<void> PosixFiles::truncate(int file, uint64_t bytes) {
    if (retried([&] { return ::ftruncate(file, static_cast<off_t>(bytes)); }) != 0) {
        return failed("shorten", file);
    }
    return {};
}

Result<void> PosixFiles::sync(int file) {
    if (retried([&] { return ::fsync(file); }) != 0) return failed("sync", file);
    return {};
}

void PosixFiles::leave_page_cache(int file, uint64_t begin, uint64_t end) {
    if (begin == end) return;  // for the system call, as far as the file goes
    ::posix_fadvise(file, static_cast<off_t>(begin), static_cast<off_t>(end - begin),
                    POSIX_FADV_DONTNEED);
}

Result<void> PosixFiles::set_direct(int file, bool is_direct) {
    const int flags = ::fcntl(file, F_GETFL);
    const int wanted = is_direct ? flags | O_DIRECT : flags & ~O_DIRECT;
    if (flags >= 0 && ::fcntl(file, F_SETFL, wanted) == 0) return {};
    return failed("change O_DIRECT of", file);
}

Result<void> PosixFiles::make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), kDirectoryMode) == 0 || errno == EEXIST) return {};
    return failed("create the directory", path);
}

Result<void> PosixFiles::rename(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename to", to);
    return {};
}

Result<void> PosixFiles::remove(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path);
    return {};
}

Result<void> PosixFiles::sync_directory(const std::string& path) {
    const int directory =
        retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (directory < 0) return failed("open the directory", path);
    const int result = retried([&] { return ::fsync(directory); });
    const int error = errno;
    ::close(directory);
    errno = error;
    if (result != 0) return failed("sync the directory", path);
    return {};
}

bool PosixFiles::is_at(int file, const std::string& path) {
    struct stat opened{};
    struct stat named{};
    return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

bool PosixFiles::exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<std::vector<std::string>> PosixFiles::list(const std::string& directory) {
    DIR* const opened = ::opendir(directory.c_str());
    if (opened == nullptr) return failed("open the directory", directory);
    std::vector<std::string> names;
    // It returns null at the end, and with an error.
    errno = 0;
    while (const dirent* entry = ::readdir(opened)) names.emplace_back(entry->d_name);
    const int error = errno;
    ::closedir(opened);
    errno = error;
    if (error != 0) return failed("read the directory", directory);
    std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
    return names;
}

/// On the directory itself, so that nothing is left behind and nothing can be removed from under
/// it.
Result<int> PosixFiles::lock_directory(const std::string& path) {
    const int directory =
        retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (directory < 0) return failed("open the directory", path);
    if (retried([&] { return ::flock(directory, LOCK_EX | LOCK_NB); }) == 0) return directory;
    // NFS wants a file that is open for writing, which no directory is, and calls it EBADF.
    if (errno == EBADF || errno == EINVAL || errno == ENOLCK || errno == ENOSYS) errno = EOPNOTSUPP;
    const auto refused = failed("lock the directory", path);
    ::close(directory);
    return refused;
}

Result<void> PosixFiles::write_whole(const std::string& path, std::string_view text) {
    const auto file = open(path, OpenFor::creating);
    if (!file) return tl::unexpected(file.error());
    Result<void> result;
    while (!text.empty() && result) {
        const ssize_t count = retried([&] { return ::write(*file, text.data(), text.size()); });
        if (count < 0) {
            result = failed("write", path);
        } else {
            text.remove_prefix(static_cast<size_t>(count));
        }
    }
    if (result) result = sync(*file);
    close(*file);
    return result;
}

}  // namespace gyre::ring
