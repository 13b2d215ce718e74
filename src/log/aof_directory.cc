// SPDX-License-Identifier: BSD-3-Clause
#include "log/aof_directory.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "base/log.h"

namespace gyre::log {

AofDirectory::~AofDirectory() {
    if (lock_ >= 0) files_.close(lock_);
}

bool AofDirectory::is_held() { return lock_ >= 0 && files_.is_at(lock_, directory_); }

void AofDirectory::let_go() {
    if (lock_ >= 0) files_.close(std::exchange(lock_, -1));
    is_elsewhere_ = true;
}

/// A directory that has been replaced since is another one.
Result<void> AofDirectory::lock() {
    if (is_held()) return {};
    if (lock_ >= 0) {
        let_go();
        made_.clear();
    }
    const auto locked = files_.lock_directory(directory_);
    if (locked) {
        lock_ = *locked;
        return {};
    }
    if (locked.error().code == EWOULDBLOCK) {
        return fail(
            fmt::format("Another server has {} locked, and two would write over each other's log: "
                        "stop that one, or give this one a directory of its own (dir or "
                        "appenddirname)",
                        directory_),
            EWOULDBLOCK);
    }
    if (locked.error().code != EOPNOTSUPP) return tl::unexpected(locked.error());
    base::log(base::Level::warning,
              "{}. Nothing keeps a second server from it: see to it that there is none",
              locked.error().message);
    return {};
}

Result<void> AofDirectory::open() {
    if (auto made = files_.make_directory(directory_); !made) return made;
    const bool is_first = lock_ < 0;
    if (auto locked = lock(); !locked) return locked;
    if (auto read = read_manifest(); !read) return read;
    if (has_manifest_ && !is_first) return {};
    return look_for_data();
}

/// Where directories cannot be locked nobody knows one from another.
Result<void> AofDirectory::follow() {
    const bool was_lockable = lock_ >= 0 || is_elsewhere_;
    if (auto locked = lock(); !locked) return locked;
    if (!was_lockable || !is_elsewhere_) return {};
    const std::string manifest = path_of(names_.manifest());
    if (files_.exists(manifest)) {
        let_go();
        return fail(fmt::format("{} is another directory than before and has a log, which is not "
                                "written over: move it away, or put the one before back",
                                directory_),
                    EEXIST);
    }
    manifest_ = {};
    has_manifest_ = false;
    doubtful_.clear();
    Result<void> is_free = look_for_data();
    if (!is_free) let_go();
    return is_free;
}

Result<void> AofDirectory::come_back() {
    const bool is_lockable = lock_ >= 0 || is_elsewhere_;
    if (!is_lockable || (is_held() && !is_elsewhere_)) return {};
    if (auto locked = lock(); !locked) return locked;
    const std::string manifest = path_of(names_.manifest());
    if (!files_.exists(manifest)) {
        return fail(manifest + " is missing: put it back, or move its directory away", ENOENT);
    }
    return read_manifest();
}

Result<void> AofDirectory::read_manifest() {
    is_elsewhere_ = false;
    manifest_ = {};
    const std::string path = path_of(names_.manifest());
    has_manifest_ = files_.exists(path);
    if (!has_manifest_) return {};
    const auto text = files_.read_whole(path, kManifestBytesMax);
    if (!text) return tl::unexpected(text.error());
    auto manifest = AofManifest::parse(*text);
    if (!manifest) return fail(path + ": " + manifest.error().message);
    manifest_ = *std::move(manifest);
    return {};
}

/// A crash may leave a file behind that the next manifest would have named. Without any manifest
/// such a file is all that is left of a log; but one that is empty is none.
Result<void> AofDirectory::look_for_data() {
    const auto names = files_.list(directory_);
    if (!names) return tl::unexpected(names.error());
    for (const std::string& name : *names) {
        if (!names_.is_of_data(name) || manifest_.has(name) || made_.contains(name)) continue;
        const auto bytes = files_.size_of(path_of(name));
        if (!bytes) return tl::unexpected(bytes.error());
        if (*bytes == 0) continue;
        if (!has_manifest_) {
            return fail(
                fmt::format("{} is missing, and {} has {} bytes of a log: restore the manifest, or "
                            "move the directory away to start without data",
                            path_of(names_.manifest()), path_of(name), *bytes),
                ENOENT);
        }
        base::log(base::Level::notice,
                  "{} ({} bytes) is named by no manifest: it is not read, and stays as it is",
                  path_of(name), *bytes);
    }
    return {};
}

/// One that names no file, until there is another.
Result<void> AofDirectory::ensure_manifest() {
    if (has_manifest_) return {};
    return commit(manifest_);
}

/// What this object made may be made again; of what is empty nothing can be lost.
bool AofDirectory::is_taken(const std::string& name) {
    if (doubtful_.contains(name)) return true;
    if (made_.contains(name) || !files_.exists(path_of(name))) return false;
    return files_.size_of(path_of(name)).value_or(1) > 0;
}

Result<AofDirectory::Increment> AofDirectory::create_increment() {
    if (auto done = ensure_manifest(); !done) return tl::unexpected(std::move(done.error()));
    auto next = manifest_.with_new_increment(
        names_, [this](const std::string& name) { return is_taken(name); });
    if (!next) return tl::unexpected(std::move(next.error()));
    const std::string& name = next->increments.back().name;
    Increment made;
    made.path = path_of(name);
    const ring::OpenFor use = made_.contains(name)       ? ring::OpenFor::creating
                              : files_.exists(made.path) ? ring::OpenFor::writing
                                                         : ring::OpenFor::creating_new;
    const auto file = files_.open(made.path, use);
    if (!file) return tl::unexpected(file.error());
    made_.insert(name);
    made.file = *file;
    made.next = *std::move(next);
    return made;
}

Result<AofManifest> AofDirectory::place_base(const std::string& path, const AofManifest& present,
                                             BaseFormat format, int64_t first_kept) {
    if (auto done = ensure_manifest(); !done) return tl::unexpected(std::move(done.error()));
    auto next = present.with_new_base(names_, format, first_kept,
                                      [this](const std::string& name) { return is_taken(name); });
    if (!next) return next;
    if (auto done = files_.rename(path, path_of(next->base->name)); !done) {
        return tl::unexpected(std::move(done.error()));
    }
    made_.insert(next->base->name);
    return next;
}

Result<void> AofDirectory::commit(const AofManifest& next) {
    const std::string temporary = path_of(names_.temporary_manifest());
    if (auto done = files_.write_whole(temporary, next.format()); !done) return done;
    Result<void> done = files_.rename(temporary, path_of(names_.manifest()));
    if (done) done = files_.sync_directory(directory_);
    if (!done) {
        note_doubtful(next);
        return done;
    }
    manifest_ = next;
    has_manifest_ = true;
    is_elsewhere_ = false;
    delete_doubtful();
    std::erase_if(made_, [this](const std::string& name) { return manifest_.has(name); });
    return {};
}

void AofDirectory::note_doubtful(const AofManifest& next) {
    for (const AofFile& file : next.load_order()) {
        if (!manifest_.has(file.name)) doubtful_.insert(file.name);
    }
}

/// What the manifest names now stays; what remains of the others is in nobody's way.
void AofDirectory::delete_doubtful() {
    for (const std::string& name : std::exchange(doubtful_, {})) {
        if (manifest_.has(name)) continue;
        static_cast<void>(files_.remove(path_of(name)));
        made_.erase(name);
    }
}

Result<void> AofDirectory::replace_all(const std::string& path, BaseFormat format, bool keeps_old) {
    const auto next = place_base(path, manifest_, format, INT64_MAX);
    if (!next) {
        static_cast<void>(files_.remove(path));
        return tl::unexpected(next.error());
    }
    // Where that fails nobody knows which manifest is on the disk: both may be loaded.
    if (auto done = commit(*next); !done) return done;
    if (!keeps_old) delete_history();
    return {};
}

void AofDirectory::delete_history() {
    Result<void> done;
    for (const std::string& name : manifest_.deletable()) {
        done = files_.remove(path_of(name));
        if (!done) break;
    }
    if (done) done = commit(manifest_.without_history());
    if (!done) {
        base::log(base::Level::warning, "Old append-only files stay: {}", done.error().message);
    }
}

}  // namespace gyre::log
