// SPDX-License-Identifier: BSD-3-Clause

// Where the metrics are read from.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/memory.h"
#include "server/info.h"
#include "server/server.h"

namespace gyre::server {
namespace {

int64_t clock_us(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1000;
}

/// Resident bytes of this process: the second number of statm, in pages.
int64_t resident_bytes() {
    std::FILE* file = std::fopen("/proc/self/statm", "re");
    if (file == nullptr) return 0;
    long long total = 0;
    long long resident = 0;
    const int fields = std::fscanf(file, "%lld %lld", &total, &resident);
    std::fclose(file);
    return fields == 2 ? resident * ::sysconf(_SC_PAGESIZE) : 0;
}

void add(store::ShardStatistics& sum, const store::ShardStatistics& one) {
    sum.keyspace_hits += one.keyspace_hits;
    sum.keyspace_misses += one.keyspace_misses;
    sum.expired_lazily += one.expired_lazily;
    sum.expired_actively += one.expired_actively;
    sum.evicted += one.evicted;
    sum.changes += one.changes;
    sum.index_defences += one.index_defences;
}

void add(ring::Counters& sum, const ring::Counters& one) {
    sum.enters += one.enters;
    sum.submitted += one.submitted;
    sum.completed += one.completed;
    sum.submission_full += one.submission_full;
    sum.completion_overflow += one.completion_overflow;
    sum.buffer_starved += one.buffer_starved;
    sum.interrupted += one.interrupted;
    sum.gathered += one.gathered;
}

void add(engine::ExpiryStatistics& sum, const engine::ExpiryStatistics& one) {
    sum.lateness_ms.merge(one.lateness_ms);
    sum.removed += one.removed;
    sum.cpu_us += one.cpu_us;
    sum.cut_short += one.cut_short;
}

void add_shard(KeyspaceSums& sums, store::Shard& shard, int64_t now_ms) {
    add(sums.statistics, shard.statistics);
    sums.detached_entries += shard.detached_entries();
    if (shard.is_awaited()) {
        sums.awaited_keys += shard.waits().keys();
        sums.awaited_removals += shard.waits().keys_wanting_removal();
    }
    for (size_t database = 0; database < sums.databases.size(); ++database) {
        const store::Partition* partition = shard.find_database(database);
        if (partition == nullptr) continue;
        engine::Dataset::DatabaseFigures& figures = sums.databases[database];
        figures.keys += partition->size();
        figures.with_expiry += partition->with_expiry();
        figures.deadline_sum_ms += partition->deadline_sum_ms();
        sums.overheads[database].index_bytes += partition->index_bytes();
        sums.overheads[database].wheel_bytes += partition->wheel_bytes();
        for (size_t type = 0; type < store::kTypeCount; ++type) {
            const store::TypeTally& tally = partition->tally(static_cast<store::Type>(type));
            sums.types[type].keys += tally.keys;
            sums.types[type].bytes += tally.bytes;
        }
        sums.keys += partition->size();
        sums.with_expiry += partition->with_expiry();
        sums.backlog += partition->backlog(now_ms, sums.lookups);
    }
}

}  // namespace

InfoSource::InfoSource(Server& the_server)
    : server(the_server),
      wall_us(clock_us(CLOCK_REALTIME)),
      monotonic_us(clock_us(CLOCK_MONOTONIC)),
      baseline(the_server.info_history().baseline()) {}

const KeyspaceSums& InfoSource::keyspace() {
    if (keyspace_) return *keyspace_;
    KeyspaceSums& sums = keyspace_.emplace();
    sums.databases.resize(server.dataset().databases());
    sums.overheads.resize(server.dataset().databases());
    engine::Executor executor;
    server.dataset().for_each_shard(
        executor, [&](store::Shard& shard) { add_shard(sums, shard, wall_ms()); });
    return sums;
}

const ClientSums& InfoSource::clients() {
    if (clients_) return *clients_;
    ClientSums& sums = clients_.emplace();
    server.clients().for_each([&](const commands::Session& session) {
        ++sums.connected;
        if (session.is_blocked.load(std::memory_order_relaxed)) ++sums.blocked;
        if (session.has_timeout.load(std::memory_order_relaxed)) ++sums.with_timeout;
        if (session.subscriber.count() > 0) ++sums.subscribers;
        sums.input_buffer_max = std::max(
            sums.input_buffer_max, session.query_buffer_bytes.load(std::memory_order_relaxed));
        sums.output_buffer_max = std::max(
            sums.output_buffer_max, session.output_pending_bytes.load(std::memory_order_relaxed));
    });
    return sums;
}

const WorkerSums& InfoSource::workers() {
    if (workers_) return *workers_;
    WorkerSums& sums = workers_.emplace();
    constexpr auto kRelaxed = std::memory_order_relaxed;
    for (const auto& worker : server.workers()) {
        const WorkerFigures& figures = worker->figures();
        sums.counts.commands += worker->statistics().commands_processed();
        sums.counts.input_bytes += figures.input_bytes.load(kRelaxed);
        sums.counts.output_bytes += figures.output_bytes.load(kRelaxed);
        sums.query_limit_disconnections += figures.query_limit_disconnections.load(kRelaxed);
        sums.output_limit_disconnections += figures.output_limit_disconnections.load(kRelaxed);
        sums.protocol_errors += figures.protocol_errors.load(kRelaxed);
        sums.http_requests += figures.http_requests.load(kRelaxed);
        sums.http_errors += figures.http_errors.load(kRelaxed);
        sums.reply_slices += figures.reply_slices.load(kRelaxed);
        sums.receives += figures.receives.load(kRelaxed);
        sums.sends += figures.sends.load(kRelaxed);
        sums.longest_turn_us =
            std::max(sums.longest_turn_us, worker->reactor().statistics().longest_turn_cpu_us);
        add(sums.expiry, worker->expiry().statistics());
        add(sums.ring, worker->ring().counters());
    }
    return sums;
}

const MemorySums& InfoSource::memory() {
    if (memory_) return *memory_;
    MemorySums& sums = memory_.emplace();
    sums.used = base::used_total();
    sums.peak = base::used_peak();
    sums.startup = server.startup_bytes();
    sums.dataset = base::used(base::Purpose::keyspace);
    sums.overhead = sums.used - sums.dataset;
    // The rings' receive buffers are mapped whole and touched little: no part of the heap.
    sums.obtained = base::obtained() - static_cast<int64_t>(server.ring_mapped_bytes());
    sums.resident = resident_bytes();
    return sums;
}

const std::map<std::string, uint64_t>& InfoSource::errors() {
    if (errors_) return *errors_;
    auto& sums = errors_.emplace();
    for (const auto& worker : server.workers()) {
        for (const auto& [code, count] : worker->statistics().errors()) sums[code] += count;
    }
    return sums;
}

const PersistenceFigures& InfoSource::persistence() {
    if (persistence_) return *persistence_;
    PersistenceFigures& figures = persistence_.emplace(server.persistence().figures());
    const LoadFigures& load = server.append_only().load_figures();
    // What was read at start is the append-only file.
    if (load.started_ms != 0) {
        figures.load_started_s = load.started_ms / 1000;
        figures.load_bytes_total = load.bytes_total;
        figures.load_bytes = load.bytes;
        figures.keys_loaded = load.keys;
    }
    return figures;
}

const rusage& InfoSource::usage() {
    if (!usage_) ::getrusage(RUSAGE_SELF, &usage_.emplace());
    return *usage_;
}

InfoRates InfoSource::rates() {
    return server.info_history().rates(monotonic_us, workers().counts);
}

std::string InfoSource::setting(std::string_view name) const {
    const std::string_view names[] = {name};
    auto found = server.config().get(names);
    return found.empty() ? "" : std::move(found[0].second);
}

}  // namespace gyre::server
