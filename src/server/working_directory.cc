// SPDX-License-Identifier: BSD-3-Clause
#include "server/working_directory.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/log.h"

namespace gyre::server {

WorkingDirectory::WorkingDirectory() {
    std::error_code failure;
    path_ = std::filesystem::current_path(failure).string();
}

bool WorkingDirectory::look() {
    std::error_code failure;
    static_cast<void>(std::filesystem::current_path(failure));
    // Anything else says nothing about whether it is there.
    const bool is_removed = failure.value() == ENOENT && !path_.empty();
    if (is_removed && ::chdir(path_.c_str()) == 0) {
        base::log(base::Level::warning,
                  "{} (dir) was removed and is there again: files are made in it from now on",
                  path_);
        is_gone_ = false;
        return true;
    }
    if (is_removed && !is_gone_) {
        base::log(base::Level::warning,
                  "{} (dir) has been removed, nothing can be saved: make it again ({})", path_,
                  std::strerror(errno));
    }
    is_gone_ = is_removed;
    return false;
}

}  // namespace gyre::server
