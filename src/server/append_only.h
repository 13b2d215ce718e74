// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The append-only file of a server (appendonly yes): the log in memory, its directory, what is
// loaded from it at start, and the thread that writes it. Log and thread come when they are wanted
// for the first time, and stay.
//
// Ownership: owns log, files and thread; outlives the workers, whose executors use the log.
// Threads: prepare(), open(), load() and finish() on the first worker's; begin_closed() one at a
// time; prepare_alone(), adopt_alone() and the figures any.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include <gyre/result.h>

#include "engine/recent_writes.h"
#include "log/aof_directory.h"
#include "log/file_writer.h"
#include "log/log.h"
#include "ring/files.h"
#include "server/aof_loader.h"
#include "server/settings.h"

namespace gyre::server {

class Worker;

class AppendOnly {
public:
    /// Of the load, between two looks at what clients want.
    static constexpr int64_t kLoadSliceUs = 2000;

    AppendOnly(const ServerSettings& settings, size_t threads);
    ~AppendOnly();

    /// Makes the log in memory, if there is none.
    void prepare();
    /// Null before prepare().
    log::Log* log() const noexcept { return made_log_.load(std::memory_order_acquire); }
    /// Only when log() is not null.
    engine::RecentWrites& recent_writes() noexcept { return *recent_writes_; }

    /// appendonly.
    bool is_on() const noexcept { return is_on_.load(std::memory_order_relaxed); }
    void set_on(bool is_on) noexcept { is_on_.store(is_on, std::memory_order_relaxed); }
    /// What appendfsync, aof-timestamp-enabled and aof-preallocate say. Any thread.
    void set_sync_mode(log::SyncMode mode);
    void set_writes_clock(bool writes);
    void set_preallocates(bool preallocates);
    void set_reclaims_page_cache(bool reclaims);
    void set_writes_directly(bool directly);
    void set_commit_delay(int64_t microseconds);

    /// Reads the manifest; an old single file becomes the base of a new one. Before clients.
    Result<void> open();
    /// Reads all into the data set, on the first worker's thread and with the help of the others,
    /// and starts the log's thread. Between slices it calls `serve`, which answers those who are
    /// there already, and says whether to go on.
    Result<void> load(std::span<const std::unique_ptr<Worker>> workers,
                      const std::function<bool()>& serve);
    /// In place of both, while there is data already: the directory and the thread, for a log that
    /// begins with a rewrite.
    Result<void> begin_closed();
    /// The executors of all workers tell the log what they change.
    void begin_logging() noexcept { is_logging_.store(true); }
    bool is_logging() const noexcept { return is_logging_.load(); }
    /// Under the locks of all shards: the log ends here. `done` is called on its thread.
    void end_logging(std::function<void()> done);
    /// There is data that no file has yet: a first base is to be written.
    bool lacks_base() const noexcept;
    /// The file has gone, and only a base can take its place.
    bool needs_base() const noexcept;
    /// Why writes cannot be logged just now; empty: they can.
    std::string failure() const { return is_on() && log() != nullptr ? log()->failure() : ""; }

    /// Writes and syncs what is left, for at most `timeout_us`, and ends the thread. No writer may
    /// be left.
    void finish(int64_t timeout_us);

    /// After finish(): bytes of effects that the file does not have.
    uint64_t missing_bytes() const noexcept { return missing_bytes_.load(); }

    /// There is no file yet to load.
    bool is_empty() const { return directory_.manifest().load_order().empty(); }

    const LoadFigures& load_figures() const noexcept { return load_figures_; }
    /// Null while loading.
    const log::WriterFigures* writer_figures() const noexcept {
        return is_running_.load(std::memory_order_acquire) ? &writer_->figures() : nullptr;
    }
    /// Of base and increments.
    uint64_t bytes() const noexcept;
    /// By the ring of the log's thread, for its buffers.
    uint64_t mapped_bytes() const noexcept { return mapped_bytes_.load(std::memory_order_relaxed); }
    /// The same after the last rewrite, or at start.
    uint64_t rewritten_bytes() const noexcept {
        return rewritten_bytes_.load(std::memory_order_relaxed);
    }

    // --- rewriting (server/rewriter.h) ---
    bool is_running() const noexcept { return is_running_.load(std::memory_order_acquire); }
    /// Where the next base is written, within the directory.
    std::string new_base_name() const { return "temp-" + settings_.append_file + ".base"; }
    /// Makes the directory of a base that is to be written, if it has gone.
    Result<void> prepare_base() { return files_.make_directory(settings_.append_directory); }
    /// Under the locks of all shards: what follows goes into a new file. The place in the log.
    log::Position begin_part() noexcept;
    /// The new base, of so many bytes, lies there: makes it the directory's. `done` is called on
    /// the log's thread; not at all when the server ends before.
    void adopt_base(uint64_t base_bytes, log::BaseFormat format,
                    std::function<void(const Result<void>&)> done);
    /// Without a log: makes the directory ready for a base alone.
    Result<void> prepare_alone();
    /// That base lies there, and takes the place of all that the directory has. `done` is called
    /// here or on the log's thread, when that has ended its log.
    void adopt_alone(log::BaseFormat format, std::function<void(const Result<void>&)> done);
    /// Where the log is; 0 when there was none.
    log::Position position() const noexcept { return log() == nullptr ? 0 : log()->tail(); }

private:
    /// What must fit onto the disk where a log begins.
    static constexpr size_t kProbeBytes = 64 * 1024;

    Result<void> adopt_old_file();
    Result<void> read_files(AofLoader& loader, Worker& worker, const std::function<bool()>& serve);
    void refresh_sync_mode();
    Result<void> prove_writable();
    Result<void> start_thread(const std::optional<log::FileWriter::Start>& start);
    Result<void> open_writer(const std::optional<log::FileWriter::Start>& start);
    void run();
    void close_writer();

    const ServerSettings& settings_;
    const size_t threads_count_;
    std::unique_ptr<log::Log> log_;
    std::unique_ptr<engine::RecentWrites> recent_writes_;
    std::atomic<log::Log*> made_log_{nullptr};
    std::atomic<log::SyncMode> sync_mode_{log::SyncMode::every_second};
    std::atomic<bool> writes_clock_{false};
    std::atomic<bool> preallocates_{false};
    std::atomic<bool> reclaims_page_cache_{true};
    std::atomic<bool> writes_directly_{true};
    std::atomic<int64_t> commit_delay_us_{0};
    std::atomic<bool> is_on_{false};
    std::atomic<bool> is_founded_{true};  // what is durable in the log can be loaded
    std::atomic<bool> is_logging_{false};
    ring::PosixFiles files_;
    std::mutex sync_mode_mutex_;  // CONFIG SET and the log's thread
    std::mutex beginning_mutex_;  // the thread begins, or the directory is used without it
    log::AofDirectory directory_;
    LoadFigures load_figures_;
    std::atomic<uint64_t> base_bytes_{0};          // of the base, or of all that was loaded
    std::atomic<uint64_t> adopted_part_bytes_{0};  // written since the start and gone with the base
    std::atomic<uint64_t> rewritten_bytes_{0};

    // the log's thread
    std::thread thread_;
    std::unique_ptr<ring::Ring> ring_;
    std::atomic<uint64_t> mapped_bytes_{0};
    std::unique_ptr<log::FileWriter> writer_;
    std::atomic<bool> is_running_{false};
    std::atomic<uint64_t> missing_bytes_{0};
    std::atomic<bool> is_stopping_{false};
    std::atomic<bool> is_woken_{false};
    std::atomic<int64_t> stop_deadline_us_{0};
};

}  // namespace gyre::server
