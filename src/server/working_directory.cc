// SPDX-License-Identifier: BSD-3-Clause
#include "server/working_directory.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/log.h"

namespace gyre::server {

/// Of one that was unmounted the kernel says as little where it is, but not that it was deleted.
bool WorkingDirectory::is_removed() const {
    std::error_code failure;
    static_cast<void>(std::filesystem::current_path(failure));
    if (failure.value() != ENOENT) return false;
    const auto seen = std::filesystem::read_symlink("/proc/self/cwd", failure);
    return !failure && seen.native().ends_with(" (deleted)");
}

bool WorkingDirectory::go_back(std::span<const std::string> names) {
    std::error_code failure;
    const std::filesystem::path place = path_;
    if (!std::filesystem::is_directory(place, failure)) {
        was_free_ = false;
        if (std::exchange(told_, Told::removed) != Told::nothing) return false;
        base::log(base::Level::warning,
                  "{} (dir) has been removed, nothing can be saved: make it again", path_);
        return false;
    }
    const auto taken = std::ranges::find_if(names, [&](const std::string& name) {
        return std::filesystem::exists(place / name, failure) || failure;
    });
    if (taken != names.end()) {
        was_free_ = false;
        if (std::exchange(told_, Told::taken) == Told::taken) return false;
        base::log(base::Level::warning,
                  "{} (dir) was removed, and what is there now has {}, which is not written over: "
                  "move it away, or start this server again to have it loaded",
                  path_, *taken);
        return false;
    }
    if (!std::exchange(was_free_, true)) return false;
    if (::chdir(path_.c_str()) != 0) return false;
    base::log(base::Level::warning,
              "{} (dir) was removed and is there again: files are made in it from now on", path_);
    told_ = Told::nothing;
    was_free_ = false;
    return true;
}

}  // namespace gyre::server
