// SPDX-License-Identifier: BSD-3-Clause

// INFO persistence.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/memory.h"
#include "server/info.h"
#include "server/server.h"

namespace gyre::server {
namespace {

using enum InfoKind;
using enum InfoUnit;

std::string zero(InfoSource&) { return "0"; }

/// Bytes a snapshot has waiting for the disk just now.
int64_t snapshot_bytes(InfoSource& source) {
    return source.persistence().is_saving ? base::used(base::Purpose::snapshot) : 0;
}

std::string save_percent(InfoSource& source) {
    const PersistenceFigures& figures = source.persistence();
    if (!figures.is_saving || figures.save_keys_total == 0) return "0.00";
    return fmt::format("{:.2f}", 100.0 * static_cast<double>(figures.save_keys) /
                                     static_cast<double>(figures.save_keys_total));
}

/// Null without appendonly.
const log::Log* log_of(const InfoSource& source) {
    const AppendOnly& file = source.server.append_only();
    return file.is_on() ? file.log() : nullptr;
}

/// Zeros while the log's thread does not run.
const log::WriterFigures& writer_of(const InfoSource& source) {
    static const log::WriterFigures kNone;
    const log::WriterFigures* figures = source.server.append_only().writer_figures();
    return figures == nullptr ? kNone : *figures;
}

std::string aof_bytes(InfoSource& source) {
    return std::to_string(source.server.append_only().bytes());
}

RewriteFigures rewrite_of(const InfoSource& source) { return source.server.rewriter().figures(); }

#define REWRITE(member) \
    [](InfoSource& source) -> std::string { return std::to_string(rewrite_of(source).member); }

#define FIGURE(member) \
    [](InfoSource& source) -> std::string { return std::to_string(source.persistence().member); }

const InfoMetric kPersistenceMetrics[] = {
    {"loading", gauge, count, "Reading the data at start",
     [](InfoSource& source) -> std::string { return source.persistence().is_loading ? "1" : "0"; }},
    {"async_loading", gauge, count, "Reading data of a master", zero},
    {"current_cow_peak", gauge, bytes, "The most that the snapshot under way has taken",
     [](InfoSource& source) {
         const PersistenceFigures& figures = source.persistence();
         const int64_t peak = std::max(figures.last_save_memory_bytes, snapshot_bytes(source));
         return std::to_string(figures.is_saving ? peak : 0);
     }},
    {"current_cow_size", gauge, bytes, "What the snapshot under way takes",
     [](InfoSource& source) { return std::to_string(snapshot_bytes(source)); }},
    {"current_cow_size_age", gauge, seconds, "Age of that figure: it is of now", zero},
    {"current_fork_perc", gauge, ratio, "Per cent of the keys that the snapshot has", save_percent},
    {"current_save_keys_processed", gauge, count, "Keys that the snapshot has", FIGURE(save_keys)},
    {"current_save_keys_total", gauge, count, "Keys there were when it began",
     FIGURE(save_keys_total)},
    {"rdb_changes_since_last_save", gauge, count, "Writes that no snapshot has",
     [](InfoSource& source) {
         return std::to_string(source.keyspace().statistics.changes -
                               source.persistence().changes_at_save);
     }},
    {"rdb_bgsave_in_progress", gauge, count, "A snapshot is under way",
     [](InfoSource& source) -> std::string { return source.persistence().is_saving ? "1" : "0"; }},
    {"rdb_last_save_time", gauge, seconds, "When the last snapshot was on the disk",
     FIGURE(last_save_s)},
    {"rdb_last_bgsave_status", gauge, text, "How the last one ended",
     [](InfoSource& source) -> std::string {
         return source.persistence().is_last_save_good ? "ok" : "err";
     }},
    {"rdb_last_bgsave_time_sec", gauge, seconds, "How long it took; -1: none ended",
     FIGURE(last_save_took_s)},
    {"rdb_current_bgsave_time_sec", gauge, seconds, "Since it began; -1: none is under way",
     FIGURE(save_running_s)},
    {"rdb_saves", counter, count, "Snapshots written", FIGURE(saves)},
    {"rdb_ahead_bytes", gauge, bytes,
     "Of large collections, what writes had saved or kept before its turn", FIGURE(ahead_bytes)},
    {"rdb_adopted_objects", gauge, count,
     "Large collections that lost their keys and are freed when they are saved",
     FIGURE(adopted_objects)},
    {"rdb_brakes", counter, count, "How often snapshots held writers back", FIGURE(brakes)},
    {"rdb_last_cow_size", gauge, bytes, "The most that the last one took",
     [](InfoSource& source) {
         const PersistenceFigures& figures = source.persistence();
         return std::to_string(figures.is_saving ? 0 : figures.last_save_memory_bytes);
     }},
    {"rdb_last_load_keys_expired", gauge, count, "Keys of the file whose deadline was past",
     FIGURE(keys_expired)},
    {"rdb_last_load_keys_loaded", gauge, count, "Keys read at start", FIGURE(keys_loaded)},
    {"aof_enabled", gauge, count, "Effects are logged (appendonly)",
     [](InfoSource& source) -> std::string { return log_of(source) == nullptr ? "0" : "1"; }},
    {"aof_rewrite_in_progress", gauge, count, "The append-only file is being written anew",
     [](InfoSource& source) -> std::string { return rewrite_of(source).is_running ? "1" : "0"; }},
    {"aof_rewrite_scheduled", gauge, count, "It will be when the snapshot has ended",
     [](InfoSource& source) -> std::string { return rewrite_of(source).is_scheduled ? "1" : "0"; }},
    {"aof_last_rewrite_time_sec", gauge, seconds, "How long the last one took; -1: none ended",
     REWRITE(last_took_s)},
    {"aof_current_rewrite_time_sec", gauge, seconds, "Since it began; -1: none is under way",
     REWRITE(running_s)},
    {"aof_last_bgrewrite_status", gauge, text, "How the last one ended",
     [](InfoSource& source) -> std::string {
         return rewrite_of(source).is_last_good ? "ok" : "err";
     }},
    {"aof_rewrites", counter, count, "Rewrites that were done", REWRITE(rewrites)},
    {"aof_rewrites_consecutive_failures", gauge, count, "That failed since one was done",
     REWRITE(failures_in_row)},
    {"aof_last_write_status", gauge, text, "err: writes are refused until it is ok",
     [](InfoSource& source) -> std::string {
         const log::Log* log = log_of(source);
         return log != nullptr && log->admission() == log::Admission::failing ? "err" : "ok";
     }},
    {"aof_last_cow_size", gauge, bytes, "The most that the last rewrite's snapshot took",
     REWRITE(last_memory_bytes)},
    {"module_fork_in_progress", gauge, count, "Modules; there are none", zero},
    {"module_fork_last_cow_size", gauge, bytes, "Modules; there are none", zero},
};

#define WRITER(member)                                          \
    [](InfoSource& source) -> std::string {                     \
        return std::to_string(writer_of(source).member.load()); \
    }

/// Only while the data is being read, as in Redis.
void write_loading(InfoSource& source, std::string& text) {
    const PersistenceFigures& figures = source.persistence();
    const auto total = static_cast<double>(std::max<uint64_t>(figures.load_bytes_total, 1));
    const double share = static_cast<double>(figures.load_bytes) / total;
    const int64_t elapsed_s = source.wall_ms() / 1000 - figures.load_started_s;
    const double left_s = share > 0 ? static_cast<double>(elapsed_s) * (1 - share) / share : 1;
    fmt::format_to(std::back_inserter(text),
                   "loading_start_time:{}\r\nloading_total_bytes:{}\r\n"
                   "loading_rdb_used_mem:0\r\nloading_loaded_bytes:{}\r\n"
                   "loading_loaded_perc:{:.2f}\r\nloading_eta_seconds:{}\r\n",
                   figures.load_started_s, figures.load_bytes_total, figures.load_bytes,
                   100 * share, static_cast<int64_t>(left_s));
}

std::string unsynced_ms(InfoSource& source) {
    const int64_t since_us = writer_of(source).unsynced_since_us.load();
    const bool is_known = log_of(source)->sync_mode.load() != log::SyncMode::never;
    const int64_t age_us = since_us == 0 || !is_known ? 0 : source.monotonic_us - since_us;
    return std::to_string(std::max<int64_t>(age_us, 0) / 1000);
}

/// Only where there is a log, as in Redis.
const InfoMetric kLogMetrics[] = {
    {"aof_current_size", gauge, bytes, "Of the base and the increments", aof_bytes},
    {"aof_base_size", gauge, bytes, "The same after the last rewrite, or at start",
     [](InfoSource& source) {
         return std::to_string(source.server.append_only().rewritten_bytes());
     }},
    {"aof_pending_rewrite", gauge, count, "Rewrites that wait for their turn",
     [](InfoSource& source) -> std::string { return rewrite_of(source).is_scheduled ? "1" : "0"; }},
    {"aof_buffer_length", gauge, bytes, "Effects kept until they are on the disk",
     [](InfoSource& source) {
         return std::to_string(log_of(source)->tail() - log_of(source)->released());
     }},
    {"aof_buffer_memory", gauge, bytes, "Memory of the log",
     [](InfoSource& source) { return std::to_string(log_of(source)->memory_bytes()); }},
    {"aof_buffer_is_full", gauge, count, "Writers wait for the disk",
     [](InfoSource& source) -> std::string {
         return log_of(source)->admission() == log::Admission::full ? "1" : "0";
     }},
    {"aof_pending_bio_fsync", gauge, count, "A sync is under way",
     [](InfoSource& source) -> std::string { return writer_of(source).is_syncing ? "1" : "0"; }},
    {"aof_delayed_fsync", counter, count, "Syncs that were due while one was under way",
     WRITER(delayed_syncs)},
    {"aof_writes", counter, count, "Groups of effects written", WRITER(groups)},
    {"aof_held_writes", counter, count,
     "Of them, those held for the writers of the last to come back", WRITER(held_groups)},
    {"aof_delayed_writes", counter, count,
     "Of them, those put off for who is served beside (aof-commit-delay)", WRITER(delayed_groups)},
    {"aof_checked_writes", counter, count,
     "Of them, those with a checksum, over filling (aof-preallocate)", WRITER(checked_groups)},
    {"aof_filling_size", gauge, bytes, "Of the file, behind the effects in it",
     WRITER(filling_bytes)},
    {"aof_reclaimed_bytes", counter, bytes,
     "Of the log, what the page cache does not keep (aof-reclaim-page-cache)",
     WRITER(reclaimed_bytes)},
    {"aof_direct_bytes", counter, bytes,
     "Of the log, what went past the page cache (aof-direct-io)", WRITER(direct_bytes)},
    {"aof_slow_direct_writes", counter, count,
     "Such writes that took so long that the page cache took over", WRITER(slow_directs)},
    {"aof_reply_slices", counter, count,
     "Turns that answered some of the clients whose writes were on the disk, others later",
     [](InfoSource& source) { return std::to_string(source.workers().reply_slices); }},
    {"aof_syncs", counter, count, "Syncs that were done", WRITER(syncs)},
    {"aof_unsynced_msec", gauge, milliseconds,
     "Age of the oldest effect that is not on the disk (0 with appendfsync no: nobody knows)",
     unsynced_ms},
    {"aof_last_sync_usec", gauge, microseconds, "How long the last one took", WRITER(last_sync_us)},
    {"aof_longest_sync_usec", gauge, microseconds, "How long the longest one took",
     WRITER(longest_sync_us)},
    {"aof_failures", counter, count, "Writes and syncs that failed, and vanished files",
     WRITER(failures)},
    {"aof_recoveries", counter, count, "How often it was well again", WRITER(recoveries)},
};

}  // namespace

std::span<const InfoMetric> persistence_metrics() { return kPersistenceMetrics; }

void write_persistence_details(InfoSource& source, std::string& text) {
    if (log_of(source) != nullptr) {
        for (const InfoMetric& metric : kLogMetrics) {
            fmt::format_to(std::back_inserter(text), "{}:{}\r\n", metric.name, metric.read(source));
        }
    }
    if (source.persistence().is_loading) write_loading(source, text);
}

}  // namespace gyre::server
