// SPDX-License-Identifier: BSD-3-Clause
#include "server/server.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>
#include <thread>

#include <fmt/format.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/thread_name.h"
#include "commands/registry.h"
#include "containers/page_source.h"
#include "diary/diary.h"
#include "ring/uring/uring_ring.h"
#include "server/info.h"
#include "server/notify.h"
#include "server/process.h"

namespace gyre::server {
namespace {

/// For a port that is taken, at start.
constexpr auto kPortPatience = std::chrono::seconds(1);
constexpr auto kPortRetry = std::chrono::milliseconds(10);

constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";

constexpr std::string_view kDenied =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password "
    "is "
    "set for the default user. In this mode connections are only accepted from the loopback "
    "interface. If you want to connect from external computers to Redis you may adopt one of the "
    "following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
    "protected-mode no' from the loopback interface by connecting to Redis from the same host the "
    "server is running, however MAKE SURE Redis is not publicly accessible from internet if you do "
    "so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable "
    "the "
    "protected mode by editing the Redis configuration file, and setting the protected mode option "
    "to 'no', and then restarting the server. 3) If you started the server manually just for "
    "testing, restart it with the '--protected-mode no' option. 4) Set up an authentication "
    "password "
    "for the default user. NOTE: You only need to do one of the above things in order for the "
    "server "
    "to start accepting connections from the outside.\r\n";

/// 40 hexadecimal digits, new for each start.
std::string random_run_id() {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string id;
    for (uint64_t bits = 0; id.size() < 40; bits >>= 4) {
        if (id.size() % 16 == 0) bits = base::entropy();
        id += kDigits[bits & 15];
    }
    return id;
}

bool is_loopback(const ring::Address& address) {
    return address.family == ring::Address::Family::unix_path || address.host.starts_with("127.") ||
           address.host == "::1" || address.host.starts_with("::ffff:127.");
}

}  // namespace

Server::Server(Config& config)
    : config_(config), directory_(config.settings().directory), run_id_(random_run_id()) {
    const ServerSettings& settings = config.settings();
    engine::DatasetOptions options;
    options.threads = static_cast<size_t>(settings.threads);
    options.databases = static_cast<size_t>(settings.databases);
    options.seed = base::entropy();
    dataset_ = std::make_unique<engine::Dataset>(options);
    persistence_ = std::make_unique<Persistence>(*dataset_, settings);
    append_only_ = std::make_unique<AppendOnly>(settings, options.threads);
    append_only_->set_on(settings.append_only);
    rewriter_ = std::make_unique<Rewriter>(*persistence_, *append_only_, settings);
    persistence_->set_rewriter(*rewriter_);
    log_switch_ = std::make_unique<LogSwitch>(*dataset_, *append_only_, *rewriter_, workers_);
    const auto later = [this](std::function<void()> work) {
        persistence_->run_aside(std::move(work));
    };
    aliases_ = std::make_unique<AliasStore>(files_, settings.alias_file, later);
    stopper_ = std::make_unique<Stopper>(*persistence_, *append_only_, clients_, workers_);
}

Server::~Server() {
    // Connections and workers go before the rings they use.
    acceptor_.reset();
    http_acceptor_.reset();
    append_only_->finish(0);
    workers_.clear();
    rings_.clear();
}

Shared Server::shared() {
    Shared shared{.dataset = *dataset_,
                  .settings = config_.settings(),
                  .clients = clients_,
                  .configuration = config_,
                  .information = *this,
                  .control = *this,
                  .persistence = *persistence_,
                  .aliases = *aliases_,
                  .background = helper_,
                  .slowlog = slowlog_,
                  .latency = latency_,
                  .command_log = command_log_,
                  .each_second =
                      [this] {
                          sample_statistics();
                          look_at_directory();
                          persistence_->look_at_rules(workers_[0]->executor());
                          rewriter_->look(workers_[0]->executor());
                      },
                  .each_turn = [this] { each_turn(); },
                  .snapshot = &persistence_->job()};
    if (append_only_->is_on()) {
        shared.log = append_only_->log();
        shared.recent_writes = &append_only_->recent_writes();
    }
    shared.transactions = &transactions_;
    shared.metrics = [this] { return metrics_text(); };
    return shared;
}

/// The log finds by itself that its file has gone.
void Server::look_at_directory() {
    const ServerSettings& settings = config_.settings();
    if (directory_.is_removed()) {
        const std::string names[] = {settings.snapshot_file(), settings.append_directory,
                                     settings.alias_file};
        if (!directory_.go_back(names)) return;
        diary::request_reopen();
        is_to_be_saved_ = persistence_->has_rules();
    }
    // One that is under way began in the directory that has gone.
    if (is_to_be_saved_) is_to_be_saved_ = !persistence_->schedule_save();
}

/// What a signal handler could only take a note of.
void Server::each_turn() {
    if (!is_stop_wanted_.load(std::memory_order_relaxed)) [[likely]]
        return;
    is_stop_wanted_.store(false, std::memory_order_relaxed);
    base::log(base::Level::notice, "Received a signal to stop");
    stopper_->stop({}, [](const Result<void>& stopped) {
        if (!stopped) forget_signals();
    });
}

Result<void> Server::start() {
    if (append_only_->is_on()) {
        append_only_->prepare();
        if (auto opened = append_only_->open(); !opened) return opened;
    }
    dataset_->set_waker([this](size_t worker) { workers_[worker]->ring().wake(); });
    const auto brake = [this](bool is_on) {
        is_on ? clients_.hold_writes(rings_[0]->wall_ms()) : clients_.release_writes();
    };
    if (auto loaded = aliases_->load(); !loaded) return loaded;
    if (auto started = persistence_->start(brake); !started) return started;
    if (auto made = start_workers(); !made) return made;
    ConfigTargets targets;
    targets.dataset = dataset_.get();
    targets.slowlog = &slowlog_;
    targets.latency = &latency_;
    targets.command_log = &command_log_;
    targets.persistence = persistence_.get();
    targets.append_only = append_only_.get();
    targets.switch_log = [this](bool is_on) { return log_switch_->set(is_on); };
    targets.track_latency = [this](bool on) {
        for (const auto& worker : workers_) worker->statistics().set_latency_tracking(on);
    };
    targets.listen = [this](std::span<const std::string> hosts, int64_t port) {
        return listen(*listeners_, hosts, port);
    };
    targets.listen_http = [this](std::span<const std::string> hosts, int64_t port) {
        return listen(*http_listeners_, hosts, port);
    };
    config_.attach(targets);
    make_acceptors();
    if (auto opened = open_listeners(); !opened) {
        stop_workers();
        return opened;
    }
    started_ms_ = rings_[0]->wall_ms();
    startup_bytes_ = base::used_total();
    report_start();
    return {};
}

/// Rings are made on the threads that use them. The first worker's is this one.
Result<void> Server::start_workers() {
    // Not before there is data (load_data()): many arenas are filled at once then.
    containers::PageSource::use_huge_pages(false);
    const auto count = static_cast<size_t>(config_.settings().threads);
    rings_.resize(count);
    workers_.resize(count);
    const auto make = [this](size_t index) -> Result<void> {
        ring::UringOptions options;
        options.multishot_receive = config_.settings().multishot_receive;
        auto ring = ring::create_uring_ring(options);
        if (!ring) return tl::unexpected(std::move(ring.error()));
        rings_[index] = std::move(*ring);
        // Not by the first command that is logged.
        if (diary::has_command_log()) diary::attach_thread();
        workers_[index] =
            std::make_unique<Worker>(shared(), index, *rings_[index], base::entropy());
        return {};
    };
    Result<void> result = make(0);
    for (size_t index = 1; index < count && result; ++index) {
        std::promise<Result<void>> made;
        auto outcome = made.get_future();
        threads_.emplace_back([this, index, &make, promise = std::move(made)]() mutable {
            base::name_thread("gyre-worker-" + std::to_string(index));
            Result<void> own = make(index);
            const bool is_running = own.has_value();
            if (is_running) serving_.fetch_add(1);
            promise.set_value(std::move(own));
            if (is_running) run_worker(index);
        });
        result = outcome.get();
    }
    if (!result) stop_workers();
    return result;
}

/// A worker and its ring end on the thread that made them, but not before every worker has stopped
/// serving: until then others may still send it messages or ask for its figures.
void Server::run_worker(size_t index) {
    workers_[index]->serve();
    serving_.fetch_sub(1);
    serving_.notify_one();
    may_end_.wait(false);
    workers_[index].reset();
    rings_[index].reset();
}

/// Until none of them serves.
void Server::await_workers() {
    for (size_t index = 1; index < workers_.size(); ++index) {
        if (workers_[index]) workers_[index]->stop();
    }
    for (size_t serving = serving_.load(); serving > 0; serving = serving_.load()) {
        serving_.wait(serving);
    }
}

void Server::stop_workers() {
    await_workers();
    if (!workers_.empty() && workers_[0]) transactions_.close(workers_[0]->executor());
    // A base that the thread of snapshots has written goes to the log's thread: that one ends
    // later.
    persistence_->stop();
    helper_.stop();
    // The last effects are written; the log's thread may still wake workers until it has ended.
    append_only_->finish(1'000'000 * config_.settings().shutdown_timeout_seconds.load());
    may_end_.store(true);
    may_end_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void Server::make_acceptors() {
    ring::Reactor& home = workers_[0]->reactor();
    acceptor_ = std::make_unique<net::Acceptor>(
        home, [this](int descriptor, bool is_unix) { accept(descriptor, is_unix, Wire::resp); });
    listeners_ = std::make_unique<Listeners>(home, *acceptor_);
    http_acceptor_ = std::make_unique<net::Acceptor>(
        home, [this](int descriptor, bool is_unix) { accept(descriptor, is_unix, Wire::http); });
    http_listeners_ = std::make_unique<Listeners>(home, *http_acceptor_);
}

Result<void> Server::listen(Listeners& listeners, std::span<const std::string> hosts,
                            int64_t port) {
    ring::ListenOptions options;
    options.backlog = static_cast<int>(config_.settings().tcp_backlog);
    return listeners.change_tcp(hosts, static_cast<uint16_t>(port), options);
}

/// The kernel takes a ring apart some milliseconds after its process has gone, and the sockets in
/// it with it: a server that was killed and is started again may be ahead of that.
Result<void> Server::listen_at_start(Listeners& listeners, std::span<const std::string> hosts,
                                     int64_t port) {
    auto listening = listen(listeners, hosts, port);
    if (listening || listening.error().code != EADDRINUSE) return listening;
    base::log(base::Level::notice, "Port {} is taken: trying again for a second", port);
    const auto until = std::chrono::steady_clock::now() + kPortPatience;
    while (!listening && listening.error().code == EADDRINUSE &&
           std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(kPortRetry);
        listening = listen(listeners, hosts, port);
    }
    return listening;
}

Result<void> Server::open_listeners() {
    const ServerSettings& settings = config_.settings();
    if (auto listening = listen_at_start(*listeners_, settings.bind, settings.port); !listening) {
        return listening;
    }
    if (auto listening = listen_at_start(*http_listeners_, settings.http_bind, settings.http_port);
        !listening) {
        return listening;
    }
    if (!settings.unix_socket.empty()) {
        ring::ListenOptions options;
        options.backlog = static_cast<int>(settings.tcp_backlog);
        options.unix_permissions = static_cast<uint32_t>(settings.unix_socket_permissions);
        if (auto listening = listeners_->open_unix(settings.unix_socket, options); !listening) {
            return listening;
        }
    }
    if (listening().empty() && listening_for_http().empty()) {
        return fail(
            "Nothing to listen on: port is 0 and there is no unixsocket, or no address of "
            "bind is available. Set port, unixsocket or bind.");
    }
    return {};
}

void Server::report_start() const {
    using base::Level;
    const ring::Features& features = rings_[0]->features();
    const std::string file = config_.file();
    base::log(Level::notice, "Gyre {}, pid {}, {}, {}", GYRE_VERSION, getpid(),
              counted(workers_.size(), "thread"),
              file.empty() ? "no configuration file" : "configuration of " + file);
    base::log(Level::notice, "Kernel {}, io_uring with {}", features.kernel, features.flags);
    base::log(
        Level::verbose,
        "Each ring: {} submissions, {} completions, {} receive buffers of {} bytes; {} shards, "
        "{} databases",
        features.submission_entries, features.completion_entries, features.buffer_count,
        features.buffer_bytes, dataset_->shards(), dataset_->databases());
    const int64_t maxmemory = dataset_->settings.maxmemory_bytes.load(std::memory_order_relaxed);
    base::log(Level::notice, "Limits: memory {}, {} clients, {} open files",
              maxmemory == 0 ? std::string("none")
                             : fmt::format("{}, then {}", human_bytes(maxmemory),
                                           engine::policy_name(dataset_->settings.policy.load())),
              config_.settings().maxclients.load(), features.descriptors_max);
    std::optional<log::SyncMode> sync;
    if (append_only_->is_on()) sync = append_only_->log()->sync_mode;
    const std::string_view save_rules[] = {"save"};
    base::log(Level::notice, "Durability: {}",
              durability_in_words(sync, config_.get(save_rules)[0].second,
                                  config_.settings().snapshot_file()));
    for (const std::string& notice : config_.notices()) base::log(Level::notice, "{}", notice);
    for (const ring::Address& place : listening()) {
        const bool is_unix = place.family == ring::Address::Family::unix_path;
        base::log(Level::notice, "Listening on {}", is_unix ? place.host : place.text());
    }
    for (const ring::Address& place : listening_for_http()) {
        base::log(Level::notice, "HTTP on http://{}/", place.text());
    }
}

/// Whoever started this server may have meant somebody else by NOTIFY_SOCKET.
void Server::notify(std::string_view state) const {
    if (config_.settings().supervised != "no") notify_supervisor(state);
}

int Server::run() {
    acceptor_->start();
    listeners_->start();
    http_acceptor_->start();
    http_listeners_->start();
    if (auto loaded = load_data(); !loaded) {
        if (workers_[0]->reactor().is_stopping()) return stop_serving(0);
        base::log(base::Level::warning, "The server cannot begin with its data: {}",
                  loaded.error().message);
        return stop_serving(1);
    }
    base::log(base::Level::notice, "Ready to accept connections, {:.3f} seconds after the start",
              static_cast<double>(rings_[0]->wall_ms() - started_ms_) / 1000);
    notify("READY=1\nSTATUS=Ready to accept connections\n");
    workers_[0]->serve_until_stop();
    return stop_serving(0);
}

/// As Redis decides: where there is an append-only file it is the data, and the snapshot is not
/// looked at. Clients that are there already are answered meanwhile: mostly that the data is being
/// read.
Result<void> Server::load_data() {
    ring::Reactor& reactor = workers_[0]->reactor();
    const engine::EvictionPolicy policy = dataset_->settings.policy.load();
    std::vector<engine::LoadHelper> helpers;
    for (size_t index = 1; index < workers_.size(); ++index) {
        helpers.emplace_back([&worker = *workers_[index], policy](auto job) {
            worker.reactor().post([&worker, policy, job = std::move(job)] {
                // A worker that has served nobody yet has none.
                worker.executor().initial_access_word =
                    engine::initial_access_word(policy, worker.reactor().now_ms());
                job(worker.executor());
            });
        });
    }
    const auto serve = [&reactor] {
        reactor.turn(false);
        return !reactor.is_stopping();
    };
    const bool has_log = append_only_->is_on();
    if (has_log && append_only_->is_empty() && persistence_->has_file()) {
        base::log(base::Level::warning,
                  "appendonly is yes and there is no append-only file: the server starts empty, as "
                  "Redis does, and {} is NOT read; the next snapshot will replace it. To keep its "
                  "data stop now, copy the file, and start with appendonly no",
                  config_.settings().rdb_file);
    }
    dataset_->settings.refusals.fetch_or(engine::refusal::loading);
    auto loaded = has_log ? append_only_->load(workers_, serve)
                          : persistence_->load(workers_[0]->executor(), serve, std::move(helpers));
    if (config_.settings().huge_pages) {
        containers::PageSource::use_huge_pages(true);
        containers::PageSource::join_small_pages();
    }
    if (loaded && has_log) log_switch_->begin_on();
    dataset_->settings.refusals.fetch_and(~engine::refusal::loading);
    if (loaded) persistence_->begin_count(workers_[0]->executor());
    // Deadlines that came meanwhile are looked at now.
    dataset_->wake_all();
    return loaded;
}

/// While the workers are still there to be asked, and serve nobody any more.
EndFigures Server::end_figures() {
    InfoSource source(*this);
    const PersistenceFigures& saved = source.persistence();
    const ServerSettings& settings = config_.settings();
    return {.uptime_ms = source.wall_ms() - started_ms_,
            .commands = source.workers().counts.commands +
                        forgotten_commands_.load(std::memory_order_relaxed),
            .clients = total_connections(),
            .keys = source.keyspace().keys,
            .has_log = append_only_->is_on(),
            .log_directory = settings.append_directory,
            .snapshot_file = settings.snapshot_file(),
            .has_saved = saved.has_saved,
            .unsaved_changes = source.keyspace().statistics.changes - saved.changes_at_save,
            .since_save_ms = source.wall_ms() - saved.last_save_s * 1000};
}

/// Once the last effects are written.
void Server::report_end(EndFigures end) const {
    if (const log::Log* log = append_only_->log(); end.has_log && log != nullptr) {
        end.missing_log_bytes = append_only_->missing_bytes();
        end.log_failure = log->failure();
        end.is_log_complete = end.missing_log_bytes == 0 && end.log_failure.empty();
    }
    const diary::Figures written = diary::figures();
    end.lost_lines = written.lost_lines + written.lost_commands + written.unwritten;
    for (const std::string& line : end_in_words(end)) base::log(base::Level::notice, "{}", line);
}

/// Returns the exit status.
int Server::stop_serving(int status) {
    base::log(base::Level::notice, "Stopping: no new connections, replies under way are finished");
    notify("STOPPING=1\n");
    listeners_->stop();
    http_listeners_->stop();
    for (size_t index = 1; index < workers_.size(); ++index) workers_[index]->stop();
    workers_[0]->close_all([this] { return acceptor_->is_idle() && http_acceptor_->is_idle(); });
    await_workers();
    const EndFigures end = end_figures();
    stop_workers();
    // One that could not start has nothing to tell.
    if (status == 0) report_end(end);
    const ServerSettings& settings = config_.settings();
    if (!settings.unix_socket.empty()) ::unlink(settings.unix_socket.c_str());
    base::log(base::Level::notice, "Stopped. Bye bye...");
    return status;
}

void Server::request_stop() noexcept {
    is_stop_wanted_.store(true);
    if (!rings_.empty() && rings_[0]) rings_[0]->wake();
}

void Server::shutdown(const commands::ShutdownOrder& order,
                      std::function<void(Result<void>)> tell) {
    workers_[0]->reactor().post([this, order, tell = std::move(tell)]() mutable {
        stopper_->stop(order, std::move(tell));
    });
}

bool Server::abort_shutdown() { return stopper_->take_back(); }

// --- accepting
// ------------------------------------------------------------------------------------

Worker& Server::least_loaded() {
    size_t best = next_worker_ % workers_.size();
    for (size_t step = 1; step < workers_.size(); ++step) {
        const size_t index = (next_worker_ + step) % workers_.size();
        if (workers_[index]->load() < workers_[best]->load()) best = index;
    }
    next_worker_ = best + 1;
    return *workers_[best];
}

bool Server::is_refused(int descriptor, bool is_unix, Wire wire) {
    const ServerSettings& settings = config_.settings();
    Worker& home = *workers_[0];
    size_t connected = 0;
    for (const auto& worker : workers_) connected += worker->load();
    if (static_cast<int64_t>(connected) >= settings.maxclients.load(std::memory_order_relaxed)) {
        rejected_connections_.fetch_add(1, std::memory_order_relaxed);
        home.refuse(descriptor, is_unix, kTooManyClients, wire);
        return true;
    }
    const bool is_guarded = settings.protected_mode.load(std::memory_order_relaxed) &&
                            !settings.has_password.load(std::memory_order_relaxed);
    if (is_guarded && !is_unix && !is_loopback(home.ring().peer_address(descriptor))) {
        rejected_connections_.fetch_add(1, std::memory_order_relaxed);
        home.refuse(descriptor, is_unix, kDenied, wire);
        return true;
    }
    return false;
}

void Server::accept(int descriptor, bool is_unix, Wire wire) {
    total_connections_.fetch_add(1, std::memory_order_relaxed);
    if (is_refused(descriptor, is_unix, wire)) return;
    Worker& worker = least_loaded();
    worker.add_load();
    worker.adopt(descriptor, is_unix, clients_.take_id(), wire);
}

std::vector<uint64_t> Server::latency_histogram(uint32_t row) {
    std::vector<uint64_t> sum(commands::LatencyBuckets::kBuckets, 0);
    for (const auto& worker : workers_) worker->statistics().add_latency(row, sum);
    return sum;
}

net::AcceptCounters Server::accept_counters() const {
    net::AcceptCounters sum;
    for (const auto* acceptor : {acceptor_.get(), http_acceptor_.get()}) {
        if (acceptor == nullptr) continue;
        const net::AcceptCounters counters = acceptor->counters();
        sum.accepted += counters.accepted;
        sum.out_of_descriptors += counters.out_of_descriptors;
        sum.errors += counters.errors;
    }
    return sum;
}

uint64_t Server::ring_mapped_bytes() const {
    uint64_t sum = 0;
    for (const auto& ring : rings_) sum += ring->features().mapped_bytes;
    return sum + persistence_->mapped_bytes() + append_only_->mapped_bytes();
}

}  // namespace gyre::server
