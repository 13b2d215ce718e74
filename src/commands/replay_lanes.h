// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Executes a log by several threads, with the outcome it has by one. The thread that reads finds
// the keys of each command. Shards are dealt out to lanes; a command whose keys all lie in one lane
// is copied into the lane's batch, and the batches of a lane are executed one after the other, by
// whichever thread has time. So what concerns one key stays in order, and nothing else needs to.
//
//     one lane       copied into its batch; of a command that is long nothing is copied: what the
//                    lane holds is executed, then the command where it lies
//     several lanes  what these lanes hold is executed, then the command
//     no keys, or keys that the data names (FLUSHALL, SWAPDB, SORT BY): the same for all lanes
//
// The commands of a transaction go their own ways: nobody looks before the log is loaded. Without
// helpers there is one lane, whose batches the reading thread executes: commands that are together
// have their memory fetched together, which is worth more than the copying costs.
//
// Ownership: borrows services and helpers, which outlive it; the destructor waits for their jobs.
// Threads: the one that reads, beside the helpers; all take the locks of the shards, as others may
// look at the data. Errors: the first in the order of the file, of whichever lane; what stands in
// front of it is executed, of what comes behind it some may be. Memory: kBatchesPerThread and
// kLanesPerThread batches for each thread.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gyre/result.h>

#include "commands/replay.h"
#include "log/aof_reader.h"

namespace gyre::commands {

/// A thread that takes part.
struct ReplayHelper {
    Services& services;  ///< of that thread, with an executor that nobody else uses
    /// Has the thread run a job, soon and in any case.
    std::function<void(std::function<void()> job)> post;
};

class ReplayLanes final : public log::AofHandler {
public:
    /// A batch is closed when it has so many commands, or bytes.
    static constexpr size_t kBatchCommands = 256;
    static constexpr size_t kBatchBytes = 64 * 1024;
    /// What is longer, or has more arguments, is not copied.
    static constexpr size_t kCopiedBytesMax = 16 * 1024;
    static constexpr size_t kCopiedArgumentsMax = 512;
    /// More lanes than threads, so that each finds one that nobody is at.
    static constexpr size_t kLanesPerThread = 4;
    /// Closed and not executed; with so many the reading thread executes too.
    static constexpr size_t kBatchesPerThread = 8;
    /// What a helper executes before it looks at its own clients.
    static constexpr size_t kBatchesPerTurn = 8;
    /// Commands whose memory is fetched together.
    static constexpr size_t kFetchedTogether = 32;
    /// No other thread is woken for a batch with fewer commands, when all have to be executed.
    static constexpr size_t kWorthWaking = 64;

    /// `services`: of the thread that reads, with an executor that has no log. `wall_ms`: the
    /// present, where the timer wheels of new databases begin.
    ReplayLanes(Services& services, int64_t wall_ms, const std::vector<ReplayHelper>& helpers = {});
    ~ReplayLanes() override;
    ReplayLanes(const ReplayLanes&) = delete;
    ReplayLanes& operator=(const ReplayLanes&) = delete;

    /// An error may be that of an earlier unit, see failure().
    Result<void> on_unit(const log::AofUnit& unit) override;
    /// Likewise: what would be refused by itself is refused in a transaction.
    Result<void> check(uint64_t unit, const log::AofCommand& command) override;
    /// Executes what is left: to be called at the end of each file, whatever it ends with.
    Result<void> finish();
    /// A new file begins, in database 0.
    void begin_part() { database_ = 0; }

    struct Failure {
        uint64_t unit = 0;     ///< offset of the unit that cannot be executed
        uint64_t command = 0;  ///< and of the command in it
        std::string message;
    };
    /// After an error, of on_unit() or finish().
    const std::optional<Failure>& failure() const { return failure_; }

private:
    class Batch;
    struct Lane {
        std::unique_ptr<Batch> open;  // the reading thread's
        // under mutex_
        std::deque<std::unique_ptr<Batch>> closed;
        bool is_busy = false;  // somebody executes one of them
    };
    struct Helper;
    /// Where a command stands.
    struct Place {
        uint64_t unit = 0;
        uint64_t command = 0;
    };

    Result<void> take(const log::AofCommand& command, const Place& place);
    Result<size_t> database_of(const RequestView& select) const;
    Result<void> execute_here(const LoggedCommand& command);
    size_t lane_of(const store::Key& key) const;
    std::optional<size_t> only_lane_of(const RequestView& request) const;
    static bool concerns_all(const RequestView& request);
    static bool is_long(const RequestView& request);
    void add(Lane& lane, const LoggedCommand& command, const Place& place);
    void close(Lane& lane, bool wakes);
    void wait_for_room();
    void drain();
    void settle(Lane& lane);
    void settle_lanes_of(const RequestView& request);
    void run(Batch& batch, Replay& replay);
    bool run_one(std::unique_lock<std::mutex>& hold, Replay& replay);
    Helper* idle_helper();
    void post(Helper& helper);
    void help(Helper& helper);
    void note_failure(const Place& place, const RequestView& request, const Error& error);
    bool has_failed() const { return failed_at_.load(std::memory_order_relaxed) != kNowhere; }

    static constexpr uint64_t kNowhere = UINT64_MAX;

    // fixed after construction
    Services& services_;
    std::vector<std::unique_ptr<Helper>> helpers_;
    std::vector<Lane> lanes_;

    // the reading thread's
    Replay own_;
    size_t database_ = 0;
    std::vector<resp::Argument> arguments_;
    std::vector<store::Key> keys_;
    KeySearch search_;

    std::mutex mutex_;
    std::condition_variable changed_;  // a batch is executed, or a helper idle
    // under mutex_
    std::deque<Lane*> ready_;  // those that have closed batches, and nobody at them
    size_t held_ = 0;          // batches closed and not executed
    std::vector<std::unique_ptr<Batch>> spare_;
    std::optional<Failure> failure_;
    bool is_given_up_ = false;
    std::atomic<uint64_t> failed_at_{kNowhere};  // of failure_, its command
};

}  // namespace gyre::commands
