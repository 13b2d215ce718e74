// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The aliases and their file (docs/formats/aliases.md): read at start, replaced as a whole with
// each change. The writing is done by the thread of snapshots, which serves nobody; that one thread
// also makes changes follow each other.
//
// Ownership: owns the book; borrows the rest. Threads: load() before anybody is served, change() on
// any. Errors: of load() they name file and place and end the start; of change() they are replies.

#include <functional>
#include <string>

#include "commands/aliases.h"
#include "commands/services.h"
#include "ring/files.h"

namespace gyre::server {

class AliasStore final : public commands::AliasKeeper {
public:
    /// Has work done later, in order, on one thread that may wait for the disk.
    using Later = std::function<void(std::function<void()> work)>;

    /// `path` is seen from the working directory, and has no directories in it.
    AliasStore(ring::Files& files, std::string path, Later later)
        : files_(files), path_(std::move(path)), later_(std::move(later)) {}

    /// Reads the file, if there is one.
    Result<void> load();

    // --- commands::AliasKeeper ---
    const commands::AliasBook& book() const override { return book_; }
    void change(Edit edit, std::function<void(Result<void>)> tell) override;

private:
    Result<void> make(const Edit& edit);
    Result<void> replace_file(const std::string& text);

    ring::Files& files_;
    const std::string path_;
    const Later later_;
    commands::AliasBook book_;
};

}  // namespace gyre::server
