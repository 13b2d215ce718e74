// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The directory of a server (dir), where a process stands and all names of its files begin. A
// process keeps standing in a directory that has been removed, and no file can be made there; one
// that is made anew by its name is another one. This goes there once it exists.
//
// A directory that was only renamed, or that something was mounted over, is still what it was, and
// is not left.
//
// Ownership: owns its path. Threads: one at a time; the directory is the whole process'. Errors:
// go to the log of the server, once for each time it vanishes.

#include <string>

namespace gyre::server {

class WorkingDirectory {
public:
    /// Where the process stands now.
    WorkingDirectory();

    /// True: it was gone, and is there again, with nothing in it that was there before. Asks the
    /// kernel's directory cache, and no disk as long as the directory is there.
    bool look();

    /// Absolute; empty: it could not be told.
    const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
    bool is_gone_ = false;
};

}  // namespace gyre::server
