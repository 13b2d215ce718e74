// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The metrics behind INFO and MEMORY STATS: one row each, in the order in which INFO prints them,
// and what they are read from. To add one: a row in an info_*.cc file.
//
// Sums over shards, clients and workers are made when a row first asks for them, so that a section
// costs what it shows. Locks are taken one after another, each for the time of some additions.
//
// Ownership: an InfoSource lives for one INFO and borrows the server. Threads: any, one at a time.

#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/statistics.h"
#include "engine/dataset.h"
#include "engine/expiry.h"
#include "ring/ring.h"
#include "server/info_history.h"
#include "server/persistence.h"
#include "store/shard.h"

namespace gyre::server {

class Server;

/// What a database takes beside its entries.
struct DatabaseOverhead {
    size_t index_bytes = 0;
    size_t wheel_bytes = 0;
};

/// Sums over the shards.
struct KeyspaceSums {
    store::ShardStatistics statistics;
    std::vector<engine::Dataset::DatabaseFigures> databases;
    std::vector<DatabaseOverhead> overheads;  ///< of the same databases
    size_t keys = 0;
    size_t with_expiry = 0;
    int64_t backlog = 0;  ///< keys past their deadline and still there
    size_t lookups = store::Partition::kBacklogLookups;  ///< left to tell them from stale tokens
    size_t awaited_keys = 0;
    size_t awaited_removals = 0;  ///< of these, somebody waits for them to go
    size_t detached_entries = 0;  ///< flushed, not yet freed
    std::array<store::TypeTally, store::kTypeCount> types{};

    const store::TypeTally& of(store::Type type) const { return types[static_cast<size_t>(type)]; }
};

/// Sums over the clients.
struct ClientSums {
    size_t connected = 0;
    size_t blocked = 0;
    size_t with_timeout = 0;  ///< of these
    size_t subscribers = 0;
    uint64_t input_buffer_max = 0;
    uint64_t output_buffer_max = 0;
};

/// Sums over the workers, and what the largest of them says.
struct WorkerSums {
    InfoCounts counts;
    uint64_t query_limit_disconnections = 0;
    uint64_t output_limit_disconnections = 0;
    uint64_t protocol_errors = 0;
    uint64_t http_requests = 0;
    uint64_t http_errors = 0;
    uint64_t reply_slices = 0;
    uint64_t receives = 0;
    uint64_t sends = 0;
    uint64_t longest_turn_us = 0;
    engine::ExpiryStatistics expiry;
    ring::Counters ring;
};

struct MemorySums {
    int64_t used = 0;
    int64_t peak = 0;
    int64_t startup = 0;
    int64_t dataset = 0;   ///< keys and values
    int64_t overhead = 0;  ///< everything else
    int64_t obtained = 0;  ///< from malloc and mmap, without the rings' buffers
    int64_t resident = 0;
};

class InfoSource {
public:
    explicit InfoSource(Server& the_server);

    Server& server;
    const int64_t wall_us;
    const int64_t monotonic_us;
    const InfoBaseline baseline;

    int64_t wall_ms() const { return wall_us / 1000; }
    const KeyspaceSums& keyspace();
    const ClientSums& clients();
    const WorkerSums& workers();
    const MemorySums& memory();
    const PersistenceFigures& persistence();
    const std::map<std::string, uint64_t>& errors();
    const rusage& usage();
    InfoRates rates();
    /// A configuration value; empty: there is none of this name.
    std::string setting(std::string_view name) const;

private:
    std::optional<KeyspaceSums> keyspace_;
    std::optional<ClientSums> clients_;
    std::optional<WorkerSums> workers_;
    std::optional<MemorySums> memory_;
    std::optional<PersistenceFigures> persistence_;
    std::optional<std::map<std::string, uint64_t>> errors_;
    std::optional<rusage> usage_;
};

/// What a metric counts.
enum class InfoUnit : uint8_t { text, count, bytes, seconds, milliseconds, microseconds, ratio };
/// A counter only grows, until CONFIG RESETSTAT.
enum class InfoKind : uint8_t { fact, gauge, counter };

struct InfoMetric {
    std::string_view name;
    InfoKind kind = InfoKind::gauge;
    InfoUnit unit = InfoUnit::count;
    std::string_view help = {};
    std::string (*read)(InfoSource& source) = nullptr;
};

struct InfoSection {
    std::string_view title;  ///< "Server"; asked for in any case
    bool is_default = true;  ///< shown when INFO names no section
    std::span<const InfoMetric> metrics = {};
    /// Lines whose names depend on the data: "db0:...".
    void (*write)(InfoSource& source, std::string& text) = nullptr;
};

/// All sections, in order.
std::span<const InfoSection> info_sections();
/// The text of the sections asked for, "\r\n" between them.
std::string info_text(InfoSource& source, std::span<const std::string_view> sections);
/// The table in Prometheus' text format.
std::string prometheus_text(InfoSource& source);
/// Sums of one row of the command table over all workers.
commands::CommandFigures command_figures(const Server& server, uint32_t row);
/// "918.99K", as Redis prints bytes for people.
std::string human_bytes(int64_t bytes);

// --- the rows, by file
// ----------------------------------------------------------------------------
std::span<const InfoMetric> server_metrics();
std::span<const InfoMetric> client_metrics();
std::span<const InfoMetric> memory_metrics();
std::span<const InfoMetric> persistence_metrics();
std::span<const InfoMetric> stats_metrics();
std::span<const InfoMetric> replication_metrics();
std::span<const InfoMetric> cpu_metrics();
std::span<const InfoMetric> cluster_metrics();
std::span<const InfoMetric> expiry_metrics();
std::span<const InfoMetric> ring_metrics();
void write_persistence_details(InfoSource& source, std::string& text);
void write_listeners(InfoSource& source, std::string& text);
void write_commandstats(InfoSource& source, std::string& text);
void write_errorstats(InfoSource& source, std::string& text);
void write_latencystats(InfoSource& source, std::string& text);
void write_keyspace(InfoSource& source, std::string& text);
void write_reactors(InfoSource& source, std::string& text);

}  // namespace gyre::server
