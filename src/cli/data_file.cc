// SPDX-License-Identifier: BSD-3-Clause
#include "cli/data_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace gyre::cli {
namespace {

constexpr std::string_view kStandardStream = "-";

tl::unexpected<Error> failure(const std::string& what, const std::string& path, int code,
                              const std::string& advice) {
    return fail(what + " " + path + ": " + std::generic_category().message(code) + "; " + advice,
                code);
}

/// Renaming onto a device or a pipe would put a file in its place.
Result<void> check_place(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return {};
    return fail(path +
                    " is no file that could be replaced; give another name, or - for standard "
                    "output.",
                EINVAL);
}

/// The name is durable only when its directory is.
Result<void> sync_directory_of(const std::string& path) {
    std::string directory = std::filesystem::path(path).parent_path().string();
    if (directory.empty()) directory = ".";
    const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = descriptor >= 0 && ::fsync(descriptor) == 0;
    const int code = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (is_synced) return {};
    return failure("Cannot sync the directory", directory, code,
                   "the file is complete, but may be gone after a loss of power.");
}

}  // namespace

// --- writing ------------------------------------------------------------------------------------

Result<std::unique_ptr<DataOutput>> DataOutput::open(const std::string& path) {
    if (path == kStandardStream) {
        return std::unique_ptr<DataOutput>(new DataOutput("standard output", "", STDOUT_FILENO));
    }
    if (auto checked = check_place(path); !checked) return tl::unexpected(checked.error());
    std::string temporary = path + "." + std::to_string(getpid()) + ".part";
    constexpr mode_t kMode = 0644;  // and the umask, which the one who keeps secrets sets
    const int descriptor =
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
    if (descriptor < 0) {
        return failure("Cannot create", temporary, errno,
                       "write to another place, or remove what stands there.");
    }
    return std::unique_ptr<DataOutput>(new DataOutput(path, std::move(temporary), descriptor));
}

DataOutput::~DataOutput() {
    if (temporary_.empty()) return;
    if (descriptor_ >= 0) ::close(descriptor_);
    static_cast<void>(::unlink(temporary_.c_str()));
}

void DataOutput::append(std::string_view piece) {
    while (result_ && !piece.empty()) {
        const ssize_t written = ::write(descriptor_, piece.data(), piece.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return note_error("Cannot write");
        bytes_ += static_cast<uint64_t>(written);
        piece.remove_prefix(static_cast<size_t>(written));
    }
}

void DataOutput::note_error(std::string_view what) {
    const int code = errno;
    result_ = failure(std::string(what), temporary_.empty() ? path_ : temporary_, code,
                      "make room, or write to another place.");
}

Result<void> DataOutput::publish() {
    if (!result_) return result_;
    is_published_ = temporary_.empty();
    if (is_published_) return {};
    if (::fsync(descriptor_) != 0) note_error("Cannot sync");
    if (::close(std::exchange(descriptor_, -1)) != 0 && result_) note_error("Cannot close");
    if (result_ && ::rename(temporary_.c_str(), path_.c_str()) != 0) note_error("Cannot rename");
    if (!result_) return result_;
    temporary_.clear();
    is_published_ = true;
    return sync_directory_of(path_);
}

// --- reading ------------------------------------------------------------------------------------

Result<std::unique_ptr<DataInput>> DataInput::open(const std::string& path) {
    const bool is_standard = path == kStandardStream;
    const int descriptor = is_standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return failure("Cannot open", path, errno, "check its name and its permissions.");
    }
    struct stat status{};
    const bool has_size = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    return std::unique_ptr<DataInput>(
        new DataInput(is_standard ? "standard input" : path, descriptor,
                      has_size ? static_cast<uint64_t>(status.st_size) : 0));
}

DataInput::~DataInput() {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
}

Result<std::optional<char>> DataInput::peek() {
    if (!peeked_) {
        char byte = 0;
        const Result<size_t> count = read_file({&byte, 1});
        if (!count) return tl::unexpected(count.error());
        if (*count > 0) peeked_ = byte;
    }
    return peeked_;
}

Result<size_t> DataInput::read(std::span<char> into) {
    if (peeked_ && !into.empty()) {
        into[0] = *std::exchange(peeked_, std::nullopt);
        ++bytes_;
        return size_t{1};
    }
    Result<size_t> count = read_file(into);
    if (count) bytes_ += *count;
    return count;
}

Result<size_t> DataInput::read_file(std::span<char> into) {
    for (;;) {
        const ssize_t count = ::read(descriptor_, into.data(), into.size());
        if (count >= 0) return static_cast<size_t>(count);
        if (errno == EINTR) continue;
        return failure("Cannot read", path_, errno, "check the file and the disk.");
    }
}

}  // namespace gyre::cli
