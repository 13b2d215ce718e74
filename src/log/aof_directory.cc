// SPDX-License-Identifier: BSD-3-Clause
#include "log/aof_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"

namespace gyre::log {

AofDirectory::~AofDirectory() {
    if (lock_ >= 0) files_.close(lock_);
}

/// A directory that has been replaced since is another one.
Result<void> AofDirectory::lock() {
    if (lock_ >= 0) {
        if (files_.is_at(lock_, directory_)) return {};
        files_.close(std::exchange(lock_, -1));
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
    if (auto locked = lock(); !locked) return locked;
    manifest_ = {};
    const std::string path = path_of(names_.manifest());
    if (!files_.exists(path)) return {};
    const auto text = files_.read_whole(path, kManifestBytesMax);
    if (!text) return tl::unexpected(text.error());
    auto manifest = AofManifest::parse(*text);
    if (!manifest) return fail(path + ": " + manifest.error().message);
    manifest_ = *std::move(manifest);
    return {};
}

Result<AofDirectory::Increment> AofDirectory::create_increment() {
    auto next = manifest_.with_new_increment(names_, last_increment_);
    if (!next) return tl::unexpected(std::move(next.error()));
    Increment made;
    made.path = path_of(next->increments.back().name);
    const auto file = files_.open(made.path, ring::OpenFor::creating);
    if (!file) return tl::unexpected(file.error());
    made.file = *file;
    made.next = *std::move(next);
    return made;
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
    delete_doubtful();
    return {};
}

void AofDirectory::note_doubtful(const AofManifest& next) {
    if (next.base) last_base_ = std::max(last_base_, next.base->sequence);
    if (!next.increments.empty()) {
        last_increment_ = std::max(last_increment_, next.increments.back().sequence);
    }
    for (const AofFile& file : next.load_order()) doubtful_.push_back(file.name);
}

/// What the manifest names now stays; what remains of the others is in nobody's way.
void AofDirectory::delete_doubtful() {
    if (doubtful_.empty()) [[likely]]
        return;
    std::vector<std::string> named = manifest_.deletable();
    for (const AofFile& file : manifest_.load_order()) named.push_back(file.name);
    for (const std::string& name : doubtful_) {
        if (std::ranges::find(named, name) == named.end()) {
            static_cast<void>(files_.remove(path_of(name)));
        }
    }
    doubtful_.clear();
}

Result<void> AofDirectory::replace_all(const std::string& path, BaseFormat format, bool keeps_old) {
    const auto next = with_new_base(manifest_, format, INT64_MAX);
    if (!next) return tl::unexpected(next.error());
    if (auto done = files_.rename(path, path_of(next->base->name)); !done) {
        static_cast<void>(files_.remove(path));
        return done;
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
