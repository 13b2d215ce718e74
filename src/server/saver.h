// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The thread that writes snapshots: a ring and a reactor of its own, which sleep until there is
// something to write. On a thread that serves nobody it may wait for the disk, and the time of
// compressing long values, of checksums and of copying is not that of the clients.
//
// Ownership: borrows data set and job, which outlive it. Threads: start(), stop() and the
// destructor on one; save() on any, one at a time. Errors: those of the ring at start; those of a
// snapshot go to who asked for it.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "engine/snapshot_writer.h"
#include "ring/files.h"
#include "ring/reactor.h"

namespace gyre::server {

class Saver {
public:
    using Done = std::function<void(Result<uint64_t> bytes)>;

    Saver(engine::Dataset& dataset, engine::SnapshotJob& job);
    ~Saver();
    Saver(const Saver&) = delete;
    Saver& operator=(const Saver&) = delete;

    Result<void> start();
    /// Ends the thread. Not while a snapshot is under way; before the rings of those it tells when
    /// one has ended.
    void stop();
    /// Writes the snapshot that the job has just begun; `done` is called on the saver's thread.
    void save(engine::SnapshotFile file, Done done);
    /// Has `work` done on the thread, which may wait for the disk with it; what is posted comes in
    /// order. Any thread, between start() and stop().
    void run(std::function<void()> work);
    /// Has the snapshot that is being written, or the next one, end with an error. Any thread.
    void give_up();
    /// A give_up() that came when the snapshot it meant had just ended means no other. Any thread.
    void forget_give_up();
    /// Mapped by its ring for receive buffers that it never uses.
    [[nodiscard]] uint64_t mapped_bytes() const noexcept { return mapped_bytes_; }

private:
    class Idle;
    void serve();
    ring::Task<void> write(engine::SnapshotFile file, Done done);

    engine::Dataset& dataset_;
    engine::SnapshotJob& job_;
    ring::PosixFiles files_;
    uint64_t mapped_bytes_ = 0;
    // made on the thread, and gone with it
    std::unique_ptr<ring::Ring> ring_;
    std::unique_ptr<Idle> idle_;
    std::unique_ptr<ring::Reactor> reactor_;
    std::unique_ptr<engine::SnapshotWriter> writer_;
    std::atomic<bool> may_end_{false};  // nobody wakes the thread any more
    std::thread thread_;
};

}  // namespace gyre::server
