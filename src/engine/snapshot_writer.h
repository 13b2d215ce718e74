// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Brings a snapshot to its file: takes what a SnapshotJob has collected and writes it to a
// temporary file through the ring of a reactor, half a mebibyte at a time, one write under way
// while the next one is put together. At the end the file is synced, renamed, and its directory
// synced; until then the file of the snapshot before it is untouched, and if anything fails it
// stays so, and the temporary file goes.
//
// Opening, renaming and syncing the directory wait for the disk, so the reactor is one of a thread
// that serves nobody (server/saver.h).
//
// Ownership: borrows reactor, files and job; all outlive it. Threads: the reactor's home thread.
// Suspends: write(), while the disk works and while there is nothing to write. Not cancellable from
// outside but by stop(), which makes it fail. Errors: name the file and say what to do.
// Memory: three buffers, and the largest key; for JSON the largest value as text.

#include <sys/uio.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/snapshot_job.h"
#include "ring/event.h"
#include "ring/files.h"
#include "ring/reactor.h"
#include "snapshot/byte_sink.h"
#include "snapshot/document.h"

namespace gyre::engine {

/// Gathers bytes into buffers and writes them to a file, one write at a time.
class FileSink final : public snapshot::ByteSink {
public:
    /// A buffer is written when it has this many bytes.
    static constexpr size_t kWriteBytes = 512 * 1024;
    /// Synced after so many, so that the disk has little left to do in the end.
    static constexpr uint64_t kSyncBytes = uint64_t{32} * 1024 * 1024;

    FileSink(ring::Reactor& reactor, int file, bool syncs_often)
        : reactor_(reactor), file_(file), syncs_often_(syncs_often) {}

    /// Room is bounded by the caller, who calls settle() after each.
    void append(std::string_view piece) override { filling_.append(piece, kBufferBytes); }
    /// Starts writing what is full; waits for the write before it.
    ring::Task<Result<void>> settle();
    /// Everything is written and on the disk.
    ring::Task<Result<void>> finish();
    /// Writes nothing more; nothing is with the ring afterwards.
    ring::Task<void> abandon();

private:
    static constexpr size_t kBufferBytes = kWriteBytes + snapshot::kPieceBytesMax;
    struct Operation : ring::Op {
        Operation() : Op(&Operation::on_done) {}
        static void on_done(ring::Op& op, const ring::Completion& completion);
        ring::Event done;
        ring::Reactor* reactor = nullptr;
        int32_t result = 0;
    };

    void start_write();
    void send();
    ring::Task<Result<void>> wait_for_write();
    ring::Task<Result<void>> sync();

    ring::Reactor& reactor_;
    const int file_;
    const bool syncs_often_;
    snapshot::Buffer filling_;
    snapshot::Buffer writing_;
    size_t written_ = 0;  // of writing_
    bool is_writing_ = false;
    iovec vector_{};
    uint64_t offset_ = 0;
    uint64_t unsynced_ = 0;
    Operation write_;
    Operation sync_;
};

struct SnapshotFile {
    std::string directory = ".";
    std::string name = "dump.rdb";
    std::string temporary_name;
    snapshot::Format kind = snapshot::Format::rdb;
    snapshot::RdbWriterOptions format;
    /// rdb-save-incremental-fsync.
    bool syncs_often = true;
    /// Fields at the beginning of an RDB file, in order.
    std::vector<std::pair<std::string, std::string>> fields;
    /// For JSON (snapshot/document.h).
    snapshot::ValueLimits limits;
};

class SnapshotWriter {
public:
    SnapshotWriter(ring::Reactor& reactor, ring::Files& files, SnapshotJob& job);
    ~SnapshotWriter();
    SnapshotWriter(const SnapshotWriter&) = delete;
    SnapshotWriter& operator=(const SnapshotWriter&) = delete;

    /// Called, without locks, when the queue has become short enough for the walk to go on.
    void set_resume(std::function<void()> resume) { resume_ = std::move(resume); }
    /// Writes the snapshot that has begun; ends when all entries are collected, also when writing
    /// failed. The bytes of the file.
    ring::Task<Result<uint64_t>> write(SnapshotFile file);
    /// The snapshot under way, or the next one, fails. Any thread.
    void stop() noexcept { is_stopped_.store(true, std::memory_order_relaxed); }
    /// What stop() said was meant for one that has ended. Any thread.
    void forget_stop() noexcept { is_stopped_.store(false, std::memory_order_relaxed); }

private:
    ring::Task<Result<uint64_t>> write_open(const SnapshotFile& file, int descriptor);
    ring::Task<Result<void>> write_records(FileSink& sink, snapshot::Document& document);
    ring::Task<Result<void>> write_chunk(FileSink& sink, snapshot::Document& document,
                                         SnapshotChunk& chunk);
    ring::Task<Result<void>> write_bytes(FileSink& sink, snapshot::Document& document,
                                         std::string_view bytes);
    Result<void> publish(const SnapshotFile& file);
    ring::Task<void> drain();
    void consumed(size_t bytes);

    ring::Reactor& reactor_;
    ring::Files& files_;
    SnapshotJob& job_;
    std::function<void()> resume_;
    ring::Event is_told_;
    snapshot::StringEncoder strings_{{}};
    std::atomic<bool> is_stopped_{false};
};

}  // namespace gyre::engine
