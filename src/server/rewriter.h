// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Writes the append-only file anew: a snapshot of one place in the log becomes its base, what
// follows from there its only increment, and the files before them go (docs/formats/aof.md). By
// BGREWRITEAOF, or by itself when the file has grown by auto-aof-rewrite-percentage.
//
//     order()   all shards locked: the snapshot's moment and the place in the log are one
//               -> the log's thread ends the file there, synced, and begins the next
//               -> the saver writes the base
//               -> the log's thread makes it the directory's base
//
// Without a log, BGREWRITEAOF leaves a directory with a base and nothing else, as Redis does: what
// a server with appendonly yes would begin with.
//
// Ownership: borrows persistence and append-only file, which outlive it. Threads: order() and
// look() the workers'; what follows on those of saver and log; figures any.
// Errors: go to the log and to INFO; the directory then stays what it was, with one increment more.

#include <cstdint>
#include <mutex>

#include "server/append_only.h"
#include "server/persistence.h"

namespace gyre::server {

struct RewriteFigures {
    bool is_running = false;
    bool is_scheduled = false;
    bool is_last_good = true;
    int64_t last_took_s = -1;
    int64_t running_s = -1;
    uint64_t rewrites = 0;
    uint64_t failures_in_row = 0;
    int64_t last_memory_bytes = 0;  ///< the most that the snapshot took, as looked at each second
};

class Rewriter {
public:
    /// After one that failed it is not tried again by itself for so long; where there is no log
    /// without it after a second, and twice as long each further time up to this.
    static constexpr int64_t kRetrySeconds = 60;

    Rewriter(Persistence& persistence, AppendOnly& file, const ServerSettings& settings)
        : persistence_(persistence), file_(file), settings_(settings) {}

    commands::RewriteOrder order(engine::Executor& executor, bool is_later);
    /// A log that is switched on while there is data needs a first one; log_begins() says that it
    /// can have it. look() begins it, and tries again if it fails.
    void schedule();
    void log_begins();
    /// From here to log_begins() there is no log that a new one would be for.
    void log_ends();
    /// No log is wanted any more (AppendOnly::is_on()), and with it none of what was scheduled for
    /// it: the two at once, or what was meant for the log would be begun as one without it.
    void switch_off();
    /// The log has ended: what is under way for it is given up.
    void forget();
    /// Begins what was scheduled, or is due by size. To be called each second, and when there is
    /// something new to begin.
    void look(engine::Executor& executor);
    RewriteFigures figures() const;
    void reset_statistics();

private:
    bool claim();
    commands::RewriteOrder begin(engine::Executor& executor, bool is_alone);
    bool start(engine::Executor& executor, bool is_alone);
    log::Position begin_part();
    bool is_due() const;
    void adopt(const Result<uint64_t>& bytes, log::BaseFormat format, bool is_alone);
    void end(const Result<void>& done, uint64_t base_bytes);

    Persistence& persistence_;
    AppendOnly& file_;
    const ServerSettings& settings_;

    mutable std::mutex mutex_;
    // under mutex_
    RewriteFigures figures_;
    int64_t started_s_ = 0;
    int64_t failed_s_ = 0;
    int64_t memory_before_ = 0;
    bool is_alone_ = false;  // what is under way
    bool is_log_ending_ = false;
};

}  // namespace gyre::server
