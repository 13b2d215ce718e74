// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One thread of the server: a ring, a reactor, the connections it owns for life, and what it needs
// to run commands. Between serving clients it expires keys of its share of the shards, evicts what
// is above a limit that was lowered, and frees what FLUSHALL left.
//
// Ownership: a Worker owns its connections. The Server owns its workers. The ring is made on the
// worker's own thread (the kernel's rule for a single issuer), or handed in by tests.
// Threads: its own; adopt(), stop() and what ends in _later from any.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/output_buffer.h"
#include "commands/courier.h"
#include "commands/dispatch.h"
#include "commands/services.h"
#include "commands/statistics.h"
#include "commands/tracking.h"
#include "engine/eviction.h"
#include "engine/expiry.h"
#include "engine/snapshot_job.h"
#include "log/log.h"
#include "ring/reactor.h"
#include "server/client_stream.h"
#include "server/crowd.h"
#include "server/settings.h"

namespace gyre::commands {
class TransactionBook;
}
namespace gyre::server {

class Connection;

/// What all workers of a server share.
struct Shared {
    engine::Dataset& dataset;
    ServerSettings& settings;
    commands::ClientRegistry& clients;
    commands::Configuration& configuration;
    commands::Information& information;
    commands::Control& control;
    commands::Persistence& persistence;
    commands::AliasKeeper& aliases;
    commands::Background& background;
    commands::Slowlog& slowlog;
    commands::LatencyMonitor& latency;
    commands::CommandLog& command_log = commands::no_command_log();
    /// For what concerns the whole server: the first worker calls it with its cron. May be empty.
    std::function<void()> each_second = {};
    /// Likewise, in each turn: for what signal handlers ask for. May be empty.
    std::function<void()> each_turn = {};
    /// Walked by all workers, each over its share of the shards. Null: there is none.
    engine::SnapshotJob* snapshot = nullptr;
    /// Null without appendonly at start.
    log::Log* log = nullptr;
    engine::RecentWrites* recent_writes = nullptr;
    /// Of HTTP clients. Null: there are none.
    commands::TransactionBook* transactions = nullptr;
    /// What GET /metrics shows. May be empty.
    std::function<std::string()> metrics = {};
};

/// What a client speaks.
enum class Wire : uint8_t { resp, http };

/// Figures of one worker for INFO; written by its thread, read by any.
struct WorkerFigures {
    std::atomic<uint64_t> input_bytes{0};
    std::atomic<uint64_t> output_bytes{0};
    std::atomic<uint64_t> receives{0};  ///< that brought something
    std::atomic<uint64_t> sends{0};     ///< by which something left
    std::atomic<uint64_t> query_limit_disconnections{0};
    std::atomic<uint64_t> output_limit_disconnections{0};
    std::atomic<uint64_t> protocol_errors{0};
    std::atomic<uint64_t> http_requests{0};
    std::atomic<uint64_t> http_errors{0};   ///< of these, answered with 400 and above
    std::atomic<uint64_t> reply_slices{0};  ///< that left replies which may leave for the next turn
};

class Worker final : public ring::Reactor::Client, public commands::SessionHome {
public:
    /// Requests parsed and prefetched together before any of them runs.
    static constexpr size_t kGroupRequests = 64;
    /// Keys that clients track, forgotten in one turn above their limit or after FLUSHALL.
    static constexpr size_t kTracksPerTurn = 1000;
    /// Entries freed in one slice after FLUSHALL.
    static constexpr size_t kDrainEntries = 512;
    /// Elements of deleted collections freed in one slice.
    static constexpr size_t kDrainElements = 1024;
    /// How often connections are looked at for timeouts.
    static constexpr int64_t kCronUs = 1'000'000;
    /// A pause ends by the wall clock, which may be set: it is looked at so often at least.
    static constexpr int64_t kPauseLookMs = 1000;
    /// While clients are paused it is looked so often whether what is due may go at last.
    static constexpr int64_t kDueLookMs = 100;
    /// How soon somebody is asked again who waits for messages of his to be delivered.
    static constexpr int64_t kCongestedLookMs = 1;
    /// Where more clients than this wait for the log, or kAnsweredPerTurn others are answered in
    /// the same turn, those whose replies may leave are answered in slices, so many in a turn, a
    /// share of all, or one for so much of the turn: they come back as they were answered, and who
    /// only reads has his turn between two slices. Else they are answered at once: group commit
    /// (log/group_policy.h) sees them come back together.
    static constexpr size_t kAnsweredAtOnce = 64;
    static constexpr size_t kAnsweredPerTurn = 16;
    static constexpr size_t kAnsweredShare = 32;
    static constexpr int64_t kTurnUsPerAnswer = 16;
    /// Subscriptions of clients that left, taken back in one turn.
    static constexpr size_t kLeavingPerTurn = 1000;
    /// The warning about a cross-protocol attack comes at most so often.
    static constexpr int64_t kAttackWarningUs = 60'000'000;

    Worker(const Shared& shared, size_t index, ring::Ring& ring, uint64_t seed);
    ~Worker() override;

    /// Serves until stop(), then closes what is left.
    void serve();
    void serve_until_stop() { reactor_.run(); }
    /// Closes every connection once its replies are out, or when shutdown-timeout is over; returns
    /// when they are gone and `is_idle` agrees.
    void close_all(const std::function<bool()>& is_idle);
    void stop() { reactor_.stop(); }
    /// Takes over a connected socket; its client gets the id, or one of its own when that is 0. Any
    /// thread.
    void adopt(int descriptor, bool is_unix, uint64_t client_id = 0, Wire wire = Wire::resp);
    /// Sends `error` to a connected socket and closes it. Home thread.
    void refuse(int descriptor, bool is_unix, std::string_view error, Wire wire = Wire::resp);
    void close_later(uint64_t client_id) override;
    void unpause_later() override;
    void wake_later(uint64_t client_id) override;
    void redirect_later(uint64_t client_id, commands::Invalidation invalidation,
                        SessionHome& origin, uint64_t origin_id) override;
    void break_redirect_later(uint64_t client_id, uint64_t target_id) override;

    ring::Reactor& reactor() { return reactor_; }
    ring::Ring& ring() { return ring_; }
    base::ChunkPool& chunks() { return chunks_; }
    commands::Dispatcher& dispatcher() { return dispatcher_; }
    const Shared& shared() const { return shared_; }
    commands::Services& services() { return services_; }
    engine::Executor& executor() { return executor_; }
    size_t index() const { return index_; }
    /// Connections owned or on their way here. Any thread.
    size_t load() const { return load_.load(std::memory_order_relaxed); }
    void add_load() { load_.fetch_add(1, std::memory_order_relaxed); }
    engine::ExpiryCycle& expiry() { return expiry_; }
    commands::CommandStatistics& statistics() { return statistics_; }
    WorkerFigures& figures() { return figures_; }
    commands::Courier& courier() { return courier_; }

    // --- called by connections ---
    void mark_ready(ClientStream& connection);
    void mark_dirty(ClientStream& connection);
    void mark_starved(ClientStream& connection);
    void mark_finished(ClientStream& connection);
    /// The connection has a command that a pause holds back: it is resumed when the pause may be
    /// over.
    void mark_paused(ClientStream& connection);
    /// Its replies wait for the log.
    void mark_gated(ClientStream& connection);
    /// Its command waits until the log is durable so far: it is told of that, and of the log's end.
    void await_log(Connection& connection, log::Position position);
    void forget_log_wait(Connection& connection, log::Position position);
    /// Between two commands, on its thread: what is executed from here on is logged, and no more.
    void attach_log(log::Log& log, engine::RecentWrites& recent);
    void detach_log();
    /// Null: nothing was ever logged.
    log::Log* log() const { return log_; }
    /// Whether it is time for another warning about a cross-protocol attack.
    bool may_warn_of_attack();

    // --- ring::Reactor::Client ---
    void on_ready() override;
    int64_t before_wait() override;

private:
    struct CronTimer : ring::Timer {
        explicit CronTimer(Worker& owner) : Timer(&Worker::handle_cron), worker(owner) {}
        Worker& worker;
    };
    struct PauseTimer : ring::Timer {
        explicit PauseTimer(Worker& owner) : Timer(&Worker::handle_pause), worker(owner) {}
        Worker& worker;
    };
    struct FarewellTimer : ring::Timer {
        explicit FarewellTimer(Worker& owner) : Timer(&Worker::handle_farewell), worker(owner) {}
        Worker& worker;
    };
    static void handle_cron(ring::Timer& timer);
    static void handle_pause(ring::Timer& timer);
    static void handle_farewell(ring::Timer& timer);
    void cron();
    void resume_paused();
    ClientStream& create(int descriptor, bool is_unix, Wire wire);
    void serve_group(size_t& next);
    void flush_dirty();
    bool destroy_finished();
    bool follow_log();
    void note_crowd(size_t others);
    size_t answered_now(size_t others) const;
    log::Position release_gated(log::Position durable, size_t left);
    log::Position end_log_waits(log::Position durable);
    void tend_log();
    bool may_remove() const;
    bool data_stays() const;
    bool is_paused() const;
    void redirect(uint64_t client_id, const commands::Invalidation& invalidation,
                  SessionHome& origin, uint64_t origin_id);
    bool tend_tracking();
    bool background(bool is_busy);
    bool remove_some(int64_t now_ms, bool is_busy);
    template <class F>
    bool run_slice(const char* event, F&& slice);
    int64_t next_expiry_ms();
    int64_t next_expiry_us();

    /// By position, then by client.
    using LogWait = std::pair<log::Position, uint64_t>;
    using LogWaits = std::map<
        LogWait, Connection*, std::less<>,
        base::CountedAllocator<std::pair<const LogWait, Connection*>, base::Purpose::clients>>;

    Shared shared_;
    log::Log* log_ = nullptr;
    size_t index_;
    ring::Ring& ring_;
    base::ChunkPool chunks_;
    ring::Reactor reactor_;
    engine::Executor executor_;
    engine::Evictor evictor_;
    engine::ExpiryCycle expiry_;
    commands::CommandStatistics statistics_;
    commands::Courier courier_;
    commands::Services services_;
    commands::Dispatcher dispatcher_;
    WorkerFigures figures_;
    CronTimer cron_;
    PauseTimer pause_timer_;
    FarewellTimer farewell_;
    std::vector<std::unique_ptr<ClientStream>> connections_;  // each knows its place
    std::unordered_map<uint64_t, ClientStream*> by_id_;       // those with an id
    base::IntrusiveList<ClientStream, PausedTag> paused_;
    std::vector<ClientStream*> ready_;
    std::vector<ClientStream*> serving_;
    std::vector<ClientStream*> dirty_;
    std::vector<ClientStream*> starved_;
    std::vector<ClientStream*> finished_;
    std::vector<ClientStream*> gated_;
    Crowd crowd_;
    std::vector<ClientStream*> gated_again_;  // in release_gated() alone
    LogWaits log_waits_;
    std::atomic<size_t> load_{0};
    size_t drained_flushes_ = 0;
    size_t next_trimmed_ = 0;  // shard
    int64_t attack_warned_us_ = -kAttackWarningUs;
    bool was_busy_ = false;
};

}  // namespace gyre::server
