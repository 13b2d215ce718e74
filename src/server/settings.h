// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the configuration says about the server around the data set. The configuration table writes
// it; the data set's own part is engine::Settings.
//
// Threads: the atomics may change at run time and are read by all reactors, relaxed; the plain
// members are fixed once the reactors run, but for those guarded by the table's mutex.

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "gyre/result.h"
#include "net/stream.h"
#include "server/http_settings.h"
#include "snapshot/document.h"

namespace gyre::server {

/// client-output-buffer-limit of one class of clients.
struct AtomicOutputLimit {
    std::atomic<uint64_t> hard_bytes{0};
    std::atomic<uint64_t> soft_bytes{0};
    std::atomic<int64_t> soft_seconds{0};
    net::OutputLimit load() const {
        return {hard_bytes.load(std::memory_order_relaxed),
                soft_bytes.load(std::memory_order_relaxed),
                soft_seconds.load(std::memory_order_relaxed)};
    }
};

/// enable-debug-command.
enum class DebugAccess : uint8_t { no, local, yes };

struct ServerSettings {
    // --- fixed at start ---
    int64_t tcp_backlog = 511;
    std::string unix_socket;
    int64_t unix_socket_permissions = 0;  ///< mode bits; 0: the umask decides
    int64_t threads = 0;                  ///< 0: the processors this process may use
    bool multishot_receive = true;
    int64_t gather_us = 100;
    bool huge_pages = true;
    int64_t databases = 16;
    std::string directory = "./";
    std::string pid_file;
    std::string log_file;
    std::string error_log;
    std::string command_log;
    size_t log_ring_bytes = 256 * 1024;
    std::string supervised = "no";  ///< "no", "systemd", "auto"
    DebugAccess debug_access = DebugAccess::no;
    std::string rdb_file = "dump.rdb";  ///< seen from the directory
    bool rdb_checksum = true;
    snapshot::Format storage_format = snapshot::Format::rdb;
    /// The name that is meant for RDB when none is given says so: JSON gets another one.
    std::string snapshot_file() const {
        const bool is_named = storage_format == snapshot::Format::rdb || rdb_file != "dump.rdb";
        return is_named ? rdb_file : "dump.json";
    }
    bool append_only = false;
    std::string append_file = "appendonly.aof";
    std::string append_directory = "appendonlydir";
    std::string alias_file = "aliases.json";

    // --- may change at run time ---
    std::vector<std::string> bind{"127.0.0.1", "-::1"};  ///< guarded by the table's mutex
    std::atomic<int64_t> port{6379};
    std::atomic<bool> protected_mode{true};
    std::atomic<bool> has_password{false};
    std::atomic<int64_t> timeout_seconds{0};
    std::atomic<int64_t> pubsub_gather_us{500};
    std::atomic<int64_t> tcp_keepalive_seconds{300};
    std::atomic<int64_t> maxclients{10000};
    std::atomic<uint64_t> query_buffer_bytes_max{1024ULL * 1024 * 1024};
    std::atomic<int64_t> shutdown_timeout_seconds{10};
    std::atomic<bool> rdb_syncs_often{true};
    std::atomic<int> rdb_version{snapshot::kRdbVersion};
    std::atomic<bool> load_truncated{true};
    std::atomic<bool> aof_syncs_often{true};
    std::atomic<bool> keeps_aof_history{false};
    std::atomic<bool> aof_base_is_rdb{true};
    std::atomic<int64_t> rewrite_percentage{100};
    std::atomic<uint64_t> rewrite_bytes_min{64ULL * 1024 * 1024};
    std::vector<std::string> http_bind{"127.0.0.1", "-::1"};  ///< guarded by the table's mutex
    std::atomic<int64_t> http_port{0};
    std::atomic<size_t> http_header_bytes_max{16 * 1024};
    std::atomic<uint64_t> http_body_bytes_max{64ULL * 1024 * 1024};
    std::atomic<int64_t> http_transactions_max{1000};
    std::atomic<int64_t> http_timeout_seconds{60};
    SharedGuard http_guard;
    AtomicOutputLimit output_normal;
    AtomicOutputLimit output_replica;
    AtomicOutputLimit output_pubsub;
};

/// A log begins with an RDB file, and its end is what a start reads: a JSON file beside it would be
/// nobody's.
inline Result<void> check_storage(snapshot::Format format, bool append_only) {
    if (!append_only || format == snapshot::Format::rdb) return {};
    return fail(
        "storage-format json and appendonly yes exclude each other: the store's file is either the "
        "JSON document or the log. Set one of them to its default");
}

}  // namespace gyre::server
