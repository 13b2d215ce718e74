// SPDX-License-Identifier: BSD-3-Clause

// INFO, CONFIG RESETSTAT and MEMORY STATS: the server's side of commands::Information.

#include "server/info.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/memory.h"
#include "base/numbers.h"
#include "server/server.h"

namespace gyre::server {
namespace {

const InfoSection kSections[] = {
    {.title = "Server", .metrics = server_metrics(), .write = write_listeners},
    {.title = "Clients", .metrics = client_metrics()},
    {.title = "Memory", .metrics = memory_metrics()},
    {.title = "Persistence", .metrics = persistence_metrics(), .write = write_persistence_details},
    {.title = "Stats", .metrics = stats_metrics()},
    {.title = "Replication", .metrics = replication_metrics()},
    {.title = "CPU", .metrics = cpu_metrics()},
    {.title = "Modules"},
    {.title = "Commandstats", .is_default = false, .write = write_commandstats},
    {.title = "Errorstats", .write = write_errorstats},
    {.title = "Latencystats", .is_default = false, .write = write_latencystats},
    {.title = "Expiry", .metrics = expiry_metrics()},
    {.title = "Ring", .is_default = false, .metrics = ring_metrics(), .write = write_reactors},
    {.title = "Cluster", .metrics = cluster_metrics()},
    {.title = "Keyspace", .write = write_keyspace},
};

bool is_wanted(const InfoSection& section, std::string_view name) {
    if (base::equals_ignore_case(name, "default")) return section.is_default;
    if (base::equals_ignore_case(name, "all") || base::equals_ignore_case(name, "everything")) {
        return true;
    }
    return base::equals_ignore_case(name, section.title);
}

bool is_wanted(const InfoSection& section, std::span<const std::string_view> names) {
    if (names.empty()) return section.is_default;
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view name) { return is_wanted(section, name); });
}

double ratio(int64_t part, int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::span<const InfoSection> info_sections() { return kSections; }

std::string info_text(InfoSource& source, std::span<const std::string_view> sections) {
    std::string text;
    for (const InfoSection& section : kSections) {
        if (!is_wanted(section, sections)) continue;
        fmt::format_to(std::back_inserter(text), "{}# {}\r\n", text.empty() ? "" : "\r\n",
                       section.title);
        for (const InfoMetric& metric : section.metrics) {
            fmt::format_to(std::back_inserter(text), "{}:{}\r\n", metric.name, metric.read(source));
        }
        if (section.write != nullptr) section.write(source, text);
    }
    return text;
}

std::string human_bytes(int64_t bytes) {
    if (bytes < 1024) return fmt::format("{}B", bytes);
    double amount = static_cast<double>(bytes);
    size_t unit = 0;
    constexpr std::string_view kUnits = "KMGTPE";
    for (amount /= 1024; amount >= 1024 && unit + 1 < kUnits.size(); amount /= 1024) ++unit;
    return fmt::format("{:.2f}{}", amount, kUnits[unit]);
}

// --- commands::Information
// --------------------------------------------------------------------------

std::string Server::info(std::span<const std::string_view> sections) {
    InfoSource source(*this);
    std::string text = info_text(source, sections);
    history_.sample(source.monotonic_us, source.workers().counts);
    return text;
}

std::string Server::metrics_text() {
    InfoSource source(*this);
    return prometheus_text(source);
}

void Server::sample_statistics() {
    InfoSource source(*this);
    history_.sample(source.monotonic_us, source.workers().counts);
}

namespace {

void reset_counters(Worker& worker) {
    worker.statistics().reset();
    worker.reactor().reset_longest_turn();
    WorkerFigures& figures = worker.figures();
    for (std::atomic<uint64_t>* count :
         {&figures.input_bytes, &figures.output_bytes, &figures.query_limit_disconnections,
          &figures.output_limit_disconnections, &figures.protocol_errors, &figures.http_requests,
          &figures.http_errors, &figures.receives, &figures.sends, &figures.reply_slices}) {
        count->store(0, std::memory_order_relaxed);
    }
}

}  // namespace

void Server::reset_statistics(const ring::Reactor* home) {
    InfoSource source(*this);
    history_.reset({.connections = total_connections(),
                    .rejected_connections = rejected_connections(),
                    .accept = accept_counters(),
                    .ring = source.workers().ring,
                    .diary = diary::figures()});
    forgotten_commands_.fetch_add(source.workers().counts.commands, std::memory_order_relaxed);
    engine::Executor executor;
    dataset_->reset_statistics(executor);
    persistence_->reset_statistics();
    for (const auto& owner : workers_) {
        Worker& worker = *owner;
        worker.expiry().reset_statistics();
        // Counters with a single writer are cleared by it.
        if (&worker.reactor() == home) {
            reset_counters(worker);
        } else {
            worker.reactor().post([&worker] { reset_counters(worker); });
        }
    }
}

namespace {

using Figures = std::vector<commands::Information::MemoryFigure>;

/// "db0" and so on: what those with keys take beside their entries.
void append_databases(const KeyspaceSums& sums, Figures& figures) {
    for (size_t index = 0; index < sums.databases.size(); ++index) {
        if (sums.databases[index].keys == 0) continue;
        const DatabaseOverhead& overhead = sums.overheads[index];
        figures.push_back({.name = fmt::format("db.{}", index)});
        figures.back().parts = {
            {.name = "overhead.hashtable.main",
             .integer = static_cast<int64_t>(overhead.index_bytes)},
            {.name = "overhead.hashtable.expires",
             .integer = static_cast<int64_t>(overhead.wheel_bytes)},
        };
    }
}

/// "type.string" and so on: all of them, so that who reads them need not ask which are there.
void append_types(const KeyspaceSums& sums, Figures& figures) {
    for (size_t index = 0; index < store::kTypeCount; ++index) {
        const store::TypeTally& tally = sums.types[index];
        const char* name = store::type_name(static_cast<store::Type>(index));
        figures.push_back({.name = fmt::format("type.{}", name)});
        figures.back().parts = {
            {.name = "keys.count", .integer = tally.keys},
            {.name = "bytes", .integer = tally.bytes},
        };
    }
}

}  // namespace

std::vector<commands::Information::MemoryFigure> Server::memory_figures() {
    InfoSource source(*this);
    const MemorySums& memory = source.memory();
    const auto keys = static_cast<int64_t>(source.keyspace().keys);
    const int64_t grown = memory.used - memory.startup;
    std::vector<MemoryFigure> figures;
    const auto add = [&](const char* name, int64_t value) {
        figures.push_back({.name = name, .integer = value});
    };
    const auto add_real = [&](const char* name, double value) {
        figures.push_back({.name = name, .real = value, .is_real = true});
    };
    add("peak.allocated", memory.peak);
    add("total.allocated", memory.used);
    add("startup.allocated", memory.startup);
    add("replication.backlog", 0);
    add("clients.slaves", 0);
    add("clients.normal", base::used(base::Purpose::clients));
    add("cluster.links", 0);
    add("aof.buffer", base::used(base::Purpose::log));
    add("lua.caches", 0);
    add("functions.caches", 0);
    for (size_t index = 0; index < base::kPurposeCount; ++index) {
        const auto purpose = static_cast<base::Purpose>(index);
        figures.push_back({.name = fmt::format("{}.allocated", base::purpose_name(purpose)),
                           .integer = base::used(purpose)});
    }
    append_databases(source.keyspace(), figures);
    append_types(source.keyspace(), figures);
    add("overhead.total", memory.overhead);
    add("keys.count", keys);
    add("keys.bytes-per-key", keys == 0 ? 0 : grown / keys);
    add("dataset.bytes", memory.dataset);
    add_real("dataset.percentage", ratio(memory.dataset, grown) * 100);
    add_real("peak.percentage", ratio(memory.used, memory.peak) * 100);
    add("allocator.allocated", memory.used);
    add("allocator.active", memory.obtained);
    add("allocator.resident", memory.resident);
    add_real("allocator-fragmentation.ratio", ratio(memory.obtained, memory.used));
    add("allocator-fragmentation.bytes", memory.obtained - memory.used);
    add_real("allocator-rss.ratio", ratio(memory.resident, memory.obtained));
    add("allocator-rss.bytes", memory.resident - memory.obtained);
    add_real("fragmentation", ratio(memory.resident, memory.used));
    add("fragmentation.bytes", memory.resident - memory.used);
    return figures;
}

}  // namespace gyre::server
