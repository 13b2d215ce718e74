// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The directory of a server (dir), where a process stands and all names of its files begin. A
// process keeps standing in a directory that has been removed, and no file can be made there; one
// that is made anew by its name is another one. This goes there once it exists and is free of the
// names that this server would write: what has them is a backup that was put there, or another
// server's, and is for whoever put it there to decide about.
//
// A directory that was only renamed, or unmounted while somebody stood in it, is still what it was,
// and is not left.
//
// Ownership: owns its path. Threads: one at a time; the directory is the whole process'. Errors:
// go to the log of the server, once for each time it vanishes.

#include <span>
#include <string>

namespace gyre::server {

class WorkingDirectory {
public:
    /// `path`: absolute, of the directory where the process stands.
    explicit WorkingDirectory(std::string path) : path_(std::move(path)) {}

    /// It has been removed. Asks the kernel's directory cache, and no disk.
    bool is_removed() const;
    /// To be asked now and then while it is: goes to the one that has been made anew, if that is
    /// free of these names, and was when it was looked at before, for who copies something there
    /// makes the directory first.
    bool go_back(std::span<const std::string> names);

private:
    enum class Told : unsigned char { nothing, removed, taken };
    std::string path_;
    Told told_ = Told::nothing;
    bool was_free_ = false;
};

}  // namespace gyre::server
