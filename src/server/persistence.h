// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The data set and its file: when a snapshot is taken, what became of it, what INFO says of that,
// and the reading of the file at start. The work itself is done by engine/snapshot_job.h (on the
// reactors) and server/saver.h (on a thread of its own).
//
// Ownership: owns job and saver; borrows data set and settings. Threads: any, under a mutex that is
// the last in the order of locks: a transaction asks with its shards locked, so no shard is locked
// under it. load() before the data set is used, on the thread of the first worker. Errors: of a
// snapshot go to the log and, by the rules of Redis, to writers (stop-writes-on-bgsave-error); of
// load() they name file and offset and end the start.

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_stream.h"
#include "commands/services.h"
#include "engine/rdb_loader.h"
#include "engine/snapshot_job.h"
#include "server/saver.h"
#include "server/settings.h"

namespace gyre::server {

/// A rule of `save`: after so many seconds, if there were so many writes.
struct SaveRule {
    int64_t seconds = 0;
    int64_t changes = 0;
};

/// What INFO shows of snapshots.
struct PersistenceFigures {
    bool is_loading = false;
    int64_t load_started_s = 0;
    uint64_t load_bytes_total = 0;
    uint64_t load_bytes = 0;
    uint64_t keys_loaded = 0;
    uint64_t keys_expired = 0;
    bool is_saving = false;
    uint64_t save_keys_total = 0;
    uint64_t save_keys = 0;
    uint64_t changes_at_save = 0;  ///< of all writes, those that are on the disk
    int64_t last_save_s = 0;
    bool is_last_save_good = true;
    int64_t last_save_took_s = -1;
    int64_t save_running_s = -1;
    uint64_t saves = 0;
    bool has_saved = false;        ///< since the start, whatever CONFIG RESETSTAT forgets
    uint64_t ahead_bytes = 0;      ///< of large collections, what was saved before its turn
    uint64_t adopted_objects = 0;  ///< large collections without a key that are yet to be saved
    uint64_t brakes = 0;           ///< how often writers were held back
    int64_t last_save_memory_bytes = 0;  ///< the most that snapshot took
};

class Rewriter;

class Persistence final : public commands::Persistence {
public:
    /// A snapshot that failed is tried again by the rules after this.
    static constexpr int64_t kRetrySeconds = 5;
    /// Read in one piece while loading, between looks at clients.
    static constexpr size_t kLoadSliceBytes = 256 * 1024;

    Persistence(engine::Dataset& dataset, const ServerSettings& settings);

    /// Starts the thread that writes. `brake` holds writers back, and lets them go again, when the
    /// disk cannot keep up with what they have saved first.
    Result<void> start(std::function<void(bool is_on)> brake);
    /// Ends that thread, which wakes workers: to be called before their rings go.
    void stop() { saver_.stop(); }

    // --- commands::Persistence ---
    bool begin_save(engine::Executor& executor) override;
    bool schedule_save() override;
    bool is_saving() const override;
    void when_saved(std::function<void(bool is_saved)> tell) override;
    commands::RewriteOrder begin_rewrite(engine::Executor& executor, bool is_later) override;
    bool is_rewriting() const override;
    int64_t last_save_s() const override;

    /// Before it is used.
    void set_rewriter(Rewriter& rewriter) { rewriter_ = &rewriter; }
    /// A snapshot that will be the base of the append-only file, of the place in the log that
    /// `position` gives, in the directory and under the name given; `done` is called on the
    /// saver's thread. False: another snapshot is under way.
    struct Base {
        std::string directory;
        std::string name;
        bool syncs_often = true;
        bool is_commands = false;  ///< aof-use-rdb-preamble no
        std::function<uint64_t()> position;
        std::function<void(const Result<uint64_t>& bytes)> done;
    };
    bool begin_base(Base base, engine::Executor& executor);
    /// Has the snapshot under way end with an error.
    void give_up();
    /// The same, if it is for the append-only file.
    void give_up_base();
    /// To be called each second, by one thread: begins a snapshot when a rule asks for it, or one
    /// was scheduled.
    void look_at_rules(engine::Executor& executor);
    void set_rules(std::vector<SaveRule> rules);
    bool has_rules() const override;
    void set_stops_writes(bool stops);

    /// Reads the file, if there is one. Between slices it calls `serve`, which answers those who
    /// are there already, and says whether to go on. `helpers` are the other reactors.
    Result<void> load(engine::Executor& executor, const std::function<bool()>& serve,
                      std::vector<engine::LoadHelper> helpers = {});
    /// There is a file that load() would read.
    bool has_file() { return files_.exists(settings_.snapshot_file()); }
    /// After loading: what is counted from here on no snapshot has.
    void begin_count(engine::Executor& executor);
    /// The data is being read, by load() or from the append-only file.
    bool is_loading() const;

    PersistenceFigures figures() const;
    void reset_statistics();
    /// Has work done that waits for the disk, on the thread that writes.
    void run_aside(std::function<void()> work) { saver_.run(std::move(work)); }
    /// For the slices of the workers.
    engine::SnapshotJob& job() { return job_; }
    uint64_t mapped_bytes() const { return saver_.mapped_bytes(); }

private:
    void start_job(engine::Executor& executor, int version,
                   const std::function<uint64_t()>& position);
    void finish(const Result<uint64_t>& bytes);
    void finish_base(const Result<uint64_t>& bytes, const Base& base);
    engine::SnapshotFile file_now(int version) const;
    Result<void> load_open(int file, uint64_t bytes, engine::Executor& executor,
                           const std::function<bool()>& serve,
                           std::vector<engine::LoadHelper> helpers);
    Result<void> load_rdb(const base::ByteSource& source, engine::RdbLoader& loader);
    Result<void> load_json(const base::ByteSource& source, engine::RdbLoader& loader);
    void warn_of_other_format();
    Result<void> check_format(std::string_view begin) const;
    uint64_t string_bytes_max() const;
    void refresh_refusal();  // under mutex_

    engine::Dataset& dataset_;
    const ServerSettings& settings_;
    engine::SnapshotJob job_;
    Saver saver_;
    Rewriter* rewriter_ = nullptr;
    ring::PosixFiles files_;

    mutable std::mutex mutex_;
    // under mutex_
    std::vector<SaveRule> rules_;
    bool stops_writes_ = true;
    bool is_saving_ = false;
    bool is_for_log_ = false;    // what is saved
    bool is_scheduled_ = false;  // a snapshot begins as soon as none is under way
    std::vector<std::function<void(bool)>> waiters_;
    PersistenceFigures figures_;
    int64_t save_started_s_ = 0;
    int64_t last_try_s_ = 0;
    int64_t memory_before_ = 0;

    // while loading
    std::atomic<uint64_t> load_bytes_{0};
    std::atomic<uint64_t> load_keys_{0};
};

}  // namespace gyre::server
