// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Reads an append-only directory into the data set, in slices between which clients are told that
// the server is loading: the base, which may be an RDB file, then the increments in order. This
// thread reads; the others help with putting things where they belong (commands/replay_lanes.h,
// engine/rdb_loader.h).
//
// Only the last file may end inside an effect. With aof-load-truncated it is cut behind the last
// whole one and loading goes on; without, and for damage of any other kind, it ends with an error
// that names the file and the byte.
//
// Ownership: borrows directory and threads, whose executors must have no log. Threads: that of the
// first worker; the figures are read by any.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gyre/result.h>

#include "commands/replay_lanes.h"
#include "engine/rdb_loader.h"
#include "log/aof_directory.h"
#include "log/file_writer.h"
#include "server/settings.h"
#include "server/worker.h"
#include "snapshot/rdb_reader.h"

namespace gyre::server {

struct LoadFigures {
    std::atomic<uint64_t> bytes_total{0};
    std::atomic<uint64_t> bytes{0};
    std::atomic<uint64_t> commands{0};
    std::atomic<uint64_t> keys{0};  ///< of an RDB base
    std::atomic<int64_t> started_ms{0};
};

/// A worker's part in the loading: its services, with an executor that has no log. To be made and
/// destroyed where the worker's own thread has nothing to do with it.
struct LoadThread {
    LoadThread(Worker& worker, int64_t wall_ms);
    Worker& worker;
    engine::Executor executor;
    commands::Services services;
};

class AofLoader {
public:
    /// Read at once. A slice is at least one such piece.
    static constexpr size_t kPieceBytes = 128 * 1024;

    /// The first of `threads` is the one that reads.
    AofLoader(log::AofDirectory& directory, const std::vector<std::unique_ptr<LoadThread>>& threads,
              const ServerSettings& settings, int64_t wall_ms, LoadFigures& figures);
    ~AofLoader();

    /// Looks whether all files are there.
    Result<void> open();
    /// Reads the next piece. False when there is none left.
    Result<bool> step();
    /// Afterwards: where the last increment goes on.
    const log::FileWriter::Start& end() const noexcept { return end_; }
    /// And of how many bytes the data came: those of the files, without filling and torn ends.
    uint64_t kept_bytes() const noexcept { return kept_bytes_; }

private:
    Result<void> open_next();
    Result<void> read_rdb(std::string_view piece);
    Result<void> read_effects(std::string_view piece);
    bool lacks_rdb() const;
    Result<void> finish_file();
    Result<void> cut(const log::AofEnd& end);
    tl::unexpected<Error> refuse_record(std::string_view why) const;
    tl::unexpected<Error> refuse(uint64_t at, std::string_view why) const;
    Result<void> finish_effects();
    snapshot::RdbReaderOptions rdb_options() const;
    bool is_last_file() const { return next_file_ == files_.size(); }

    log::AofDirectory& directory_;
    engine::Dataset& dataset_;
    commands::ReplayLanes lanes_;
    const bool may_be_truncated_;
    const bool verifies_checksum_;
    engine::RdbLoader rdb_loader_;
    LoadFigures& figures_;
    std::vector<log::AofFile> files_;
    size_t next_file_ = 0;
    std::unique_ptr<char[]> piece_;

    // the file that is read
    int file_ = -1;
    std::string path_;
    uint64_t offset_ = 0;
    std::optional<snapshot::RdbReader> rdb_;
    std::optional<log::AofReader> effects_;
    log::FileWriter::Start end_;
    uint64_t kept_bytes_ = 0;
};

}  // namespace gyre::server
