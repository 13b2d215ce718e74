// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The directory of a multi-part append-only file: its manifest as it is on the disk, and the steps
// that change it so that a crash between any two of them leaves a directory that can be loaded.
//
//     create_increment()    a file that no manifest names yet: what is written to it may be lost
//     place_base()          the same of a base, which is complete
//     commit(next)          the manifest beside the old one, synced, renamed, directory synced
//     replace_all(base)     all that is loaded is one file
//
// A directory without a manifest, with files of a log in it that hold something, has lost it, and
// is refused: whoever began a new log there would be the end of the old one. So there is a manifest
// before there is the first such file, if need be one that names none. What no manifest names is
// never emptied or replaced, unless it was made by this object.
//
// Two servers that wrote to one directory would write over each other's log, so whoever opens it
// has it for himself, as long as the object lives.
//
// Ownership: borrows the files; owns the lock of the directory. Threads: one at a time. Errors:
// name the path and the cause.

#include <cstdint>
#include <set>
#include <string>

#include <gyre/result.h>

#include "log/aof_manifest.h"
#include "ring/files.h"

namespace gyre::log {

class AofDirectory {
public:
    AofDirectory(ring::Files& files, std::string directory, AofNames names)
        : files_(files), directory_(std::move(directory)), names_(std::move(names)) {}

    ~AofDirectory();
    AofDirectory(const AofDirectory&) = delete;
    AofDirectory& operator=(const AofDirectory&) = delete;

    /// Makes the directory if need be, locks it, and reads the manifest.
    Result<void> open();
    /// Where another one has come to its place: locks that and goes on there, as if it were new.
    /// One that has a log is somebody else's, or an old one, and is left alone.
    Result<void> follow();
    /// The one that there was is back at its place.
    Result<void> come_back();

    ring::Files& files() noexcept { return files_; }
    const AofManifest& manifest() const noexcept { return manifest_; }
    const AofNames& names() const noexcept { return names_; }
    std::string path_of(const std::string& name) const { return directory_ + "/" + name; }

    /// An empty file for the next increment, and the manifest that would name it.
    struct Increment {
        int file = -1;
        std::string path;
        AofManifest next;
    };
    Result<Increment> create_increment();
    /// Gives the base at `path`, complete and on the disk, the next name, which the manifest that
    /// is returned has in place of all before increment `first_kept` of `present`.
    Result<AofManifest> place_base(const std::string& path, const AofManifest& present,
                                   BaseFormat format, int64_t first_kept);
    /// From here on the directory is what `next` says, whatever happens. Where it fails, a crash
    /// may find either; the names that `next` has are not used again, so both can be loaded as long
    /// as what the files hold is not changed.
    Result<void> commit(const AofManifest& next);
    /// The base at `path`, complete and on the disk, in place of all there is: while no log is
    /// written. Deletes what it replaces, unless that is to be kept.
    Result<void> replace_all(const std::string& path, BaseFormat format, bool keeps_old);
    /// Deletes what is loaded no more. What cannot be deleted is tried again the next time.
    void delete_history();

private:
    bool is_held();
    Result<void> lock();
    void let_go();
    void note_doubtful(const AofManifest& next);
    void delete_doubtful();
    Result<void> read_manifest();
    Result<void> look_for_data();
    Result<void> ensure_manifest();
    bool is_taken(const std::string& name);

    ring::Files& files_;
    const std::string directory_;
    const AofNames names_;
    AofManifest manifest_;
    bool has_manifest_ = false;
    std::set<std::string> made_;  // by this object, and named by no manifest yet
    /// Named by manifests that may be on the disk or not; to be deleted once another one is there
    /// for certain.
    std::set<std::string> doubtful_;
    int lock_ = -1;
    bool is_elsewhere_ = false;  // not where the manifest was read or written
};

}  // namespace gyre::log
