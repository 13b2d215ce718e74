// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The whole server: the data set, one Worker per thread, the listeners, and the order in which they
// start and stop. The first worker runs on the thread that calls run() and accepts for all; a new
// connection goes to the worker that has the fewest.
//
// Ownership: owns data set, workers, rings and acceptor; borrows the configuration.
// Threads: construct, start and run on one thread; request_stop() from any, signal handlers
// included.

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "commands/clients.h"
#include "commands/command_log.h"
#include "commands/latency.h"
#include "commands/services.h"
#include "commands/slowlog.h"
#include "commands/transaction_book.h"
#include "net/acceptor.h"
#include "ring/files.h"
#include "server/alias_store.h"
#include "server/append_only.h"
#include "server/config.h"
#include "server/helper.h"
#include "server/info_history.h"
#include "server/listeners.h"
#include "server/log_switch.h"
#include "server/persistence.h"
#include "server/report.h"
#include "server/rewriter.h"
#include "server/stopper.h"
#include "server/worker.h"
#include "server/working_directory.h"

namespace gyre::server {

class Server final : public commands::Information, public commands::Control {
public:
    explicit Server(Config& config);
    ~Server() override;

    /// Makes the workers and opens the listeners. The error says what is in the way.
    Result<void> start();
    /// Serves until request_stop(); returns the exit status.
    int run();
    /// Begins a graceful stop, as SHUTDOWN without words does. Any thread; async-signal-safe.
    void request_stop() noexcept;

    // --- commands::Information (info.cc) ---
    std::string info(std::span<const std::string_view> sections) override;
    void reset_statistics(const ring::Reactor* home) override;
    std::vector<uint64_t> latency_histogram(uint32_t row) override;
    std::vector<MemoryFigure> memory_figures() override;
    // --- commands::Control ---
    void shutdown(const commands::ShutdownOrder& order,
                  std::function<void(Result<void>)> tell) override;
    bool abort_shutdown() override;

    // --- for INFO ---
    engine::Dataset& dataset() { return *dataset_; }
    Config& config() { return config_; }
    commands::ClientRegistry& clients() { return clients_; }
    Persistence& persistence() { return *persistence_; }
    commands::Slowlog& slowlog() { return slowlog_; }
    const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
    const std::string& run_id() const { return run_id_; }
    int64_t started_ms() const { return started_ms_; }
    uint64_t rejected_connections() const {
        return rejected_connections_.load(std::memory_order_relaxed);
    }
    uint64_t total_connections() const {
        return total_connections_.load(std::memory_order_relaxed);
    }
    /// Memory used right after start, and mapped by the rings for their buffers.
    int64_t startup_bytes() const { return startup_bytes_; }
    uint64_t ring_mapped_bytes() const override;
    net::AcceptCounters accept_counters() const;
    /// Where the server listens.
    std::vector<ring::Address> listening() const {
        return listeners_ ? listeners_->addresses() : std::vector<ring::Address>();
    }
    std::vector<ring::Address> listening_for_http() const {
        return http_listeners_ ? http_listeners_->addresses() : std::vector<ring::Address>();
    }
    /// The metrics table in Prometheus' text format. Any thread.
    std::string metrics_text();
    InfoHistory& info_history() { return history_; }
    const AppendOnly& append_only() const { return *append_only_; }
    const Rewriter& rewriter() const { return *rewriter_; }
    /// Keeps the counts from which rates are computed; to be called each second. Any thread.
    void sample_statistics();

private:
    struct Thread;  // a worker's thread, and the ring made on it
    Result<void> start_workers();
    Result<void> load_data();
    int stop_serving(int status);
    void each_turn();
    void look_at_directory();
    void notify(std::string_view state) const;
    Result<void> open_listeners();
    Result<void> listen(Listeners& listeners, std::span<const std::string> hosts, int64_t port);
    Result<void> listen_at_start(Listeners& listeners, std::span<const std::string> hosts,
                                 int64_t port);
    void report_start() const;
    EndFigures end_figures();
    void report_end(EndFigures end) const;
    void await_workers();
    void make_acceptors();
    void accept(int descriptor, bool is_unix, Wire wire);
    bool is_refused(int descriptor, bool is_unix, Wire wire);
    Worker& least_loaded();
    Shared shared();
    void run_worker(size_t index);
    void stop_workers();

    Config& config_;
    WorkingDirectory directory_;
    bool is_to_be_saved_ = false;  // in a directory that was made anew
    std::string run_id_;
    int64_t started_ms_ = 0;
    int64_t startup_bytes_ = 0;
    std::unique_ptr<engine::Dataset> dataset_;
    std::unique_ptr<Persistence> persistence_;
    std::unique_ptr<AppendOnly> append_only_;
    std::unique_ptr<Rewriter> rewriter_;
    std::unique_ptr<LogSwitch> log_switch_;
    ring::PosixFiles files_;
    std::unique_ptr<AliasStore> aliases_;
    commands::TransactionBook transactions_;
    Helper helper_;
    commands::ClientRegistry clients_;
    std::unique_ptr<Stopper> stopper_;
    std::atomic<bool> is_stop_wanted_{false};  // by a signal
    commands::Slowlog slowlog_;
    commands::LatencyMonitor latency_;
    commands::CommandLog command_log_;
    std::vector<std::unique_ptr<ring::Ring>> rings_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::thread> threads_;
    std::atomic<size_t> serving_{0};    // threads whose workers still serve
    std::atomic<bool> may_end_{false};  // no worker serves any more: each may be destroyed
    std::unique_ptr<net::Acceptor> acceptor_;
    std::unique_ptr<Listeners> listeners_;
    std::unique_ptr<net::Acceptor> http_acceptor_;
    std::unique_ptr<Listeners> http_listeners_;
    InfoHistory history_;
    size_t next_worker_ = 0;  // where the search for the least loaded starts: ties go round
    std::atomic<uint64_t> rejected_connections_{0};
    std::atomic<uint64_t> total_connections_{0};
    std::atomic<uint64_t> forgotten_commands_{0};  // by CONFIG RESETSTAT
};

}  // namespace gyre::server
