// SPDX-License-Identifier: BSD-3-Clause

// INFO server, clients, replication, cpu and cluster.

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iterator>

#include "server/info.h"
#include "server/server.h"
#include "store/access.h"

namespace gyre::server {
namespace {

using enum InfoKind;
using enum InfoUnit;

/// The version of Redis whose behaviour is that of this server, for clients that look at it.
constexpr const char* kRedisVersion = "7.2.4";
constexpr int64_t kSecondsPerDay = 86400;

/// FNV-1a (Fowler, Noll, Vo): the same for the same source and compiler, so that builds can be
/// reproduced.
constexpr uint64_t fnv1a(std::string_view bytes) {
    uint64_t hash = 0xcbf29ce484222325;
    for (const char byte : bytes) {
        hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
    }
    return hash;
}
constexpr uint64_t kBuildId = fnv1a(GYRE_VERSION " " __VERSION__);

std::string zero(InfoSource&) { return "0"; }
std::string no_success_yet(InfoSource&) { return "-1"; }

std::string system_name() {
    utsname name{};
    if (::uname(&name) != 0) return "Linux";
    return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

std::string executable() {
    std::error_code failure;
    const auto path = std::filesystem::read_symlink("/proc/self/exe", failure);
    return failure ? "" : path.string();
}

int64_t uptime_seconds(InfoSource& source) {
    const int64_t started_ms = source.server.started_ms();
    return started_ms == 0 ? 0 : std::max<int64_t>(source.wall_ms() - started_ms, 0) / 1000;
}

std::string text_of(const timeval& time) {
    return fmt::format("{}.{:06}", time.tv_sec, time.tv_usec);
}

/// CPU time of the main thread, which worker 0 runs on: INFO may be asked on any.
std::array<double, 2> main_thread_seconds() {
    std::FILE* file = std::fopen(fmt::format("/proc/self/task/{}/stat", ::getpid()).c_str(), "re");
    if (file == nullptr) return {};
    // The second field is a name in parentheses without blanks here; user and system time are the
    // 14th and the 15th.
    unsigned long user = 0;
    unsigned long system = 0;
    const int fields = std::fscanf(
        file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    std::fclose(file);
    if (fields != 2) return {};
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    return {static_cast<double>(user) / ticks, static_cast<double>(system) / ticks};
}

const InfoMetric kServerMetrics[] = {
    {"redis_version", fact, text, "Version of Redis whose behaviour this is",
     [](InfoSource&) -> std::string { return kRedisVersion; }},
    {"redis_git_sha1", fact, text, "Kept for tools that read it",
     [](InfoSource&) -> std::string { return "00000000"; }},
    {"redis_git_dirty", fact, text, "Kept for tools that read it", zero},
    {"redis_build_id", fact, text, "Of this program's version and its compiler",
     [](InfoSource&) { return fmt::format("{:016x}", kBuildId); }},
    {"server_name", fact, text, "Name of this program",
     [](InfoSource&) -> std::string { return "gyre"; }},
    {"gyre_version", fact, text, "Version of this program",
     [](InfoSource&) -> std::string { return GYRE_VERSION; }},
    {"redis_mode", fact, text, "How it runs",
     [](InfoSource&) -> std::string { return "standalone"; }},
    {"os", fact, text, "Operating system", [](InfoSource&) { return system_name(); }},
    {"arch_bits", fact, count, "Bits of an address",
     [](InfoSource&) { return std::to_string(sizeof(void*) * 8); }},
    {"monotonic_clock", fact, text, "Where time comes from",
     [](InfoSource&) -> std::string { return "POSIX clock_gettime"; }},
    {"multiplexing_api", fact, text, "How it waits for many clients",
     [](InfoSource&) -> std::string { return "io_uring"; }},
    {"atomicvar_api", fact, text, "How threads share counters",
     [](InfoSource&) -> std::string { return "c++11-builtin"; }},
    {"gcc_version", fact, text, "Compiler, by the version of GCC it stands for",
     [](InfoSource&) {
         return fmt::format("{}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
     }},
    {"process_id", fact, count, "Process id",
     [](InfoSource&) { return std::to_string(::getpid()); }},
    {"process_supervised", fact, text, "Who watches it",
     [](InfoSource& source) { return source.setting("supervised"); }},
    {"run_id", fact, text, "New for each start",
     [](InfoSource& source) { return source.server.run_id(); }},
    {"tcp_port", fact, count, "Port",
     [](InfoSource& source) { return std::to_string(source.server.config().settings().port); }},
    {"server_time_usec", gauge, microseconds, "Unix time",
     [](InfoSource& source) { return std::to_string(source.wall_us); }},
    {"uptime_in_seconds", gauge, seconds, "Since the start",
     [](InfoSource& source) { return std::to_string(uptime_seconds(source)); }},
    {"uptime_in_days", gauge, count, "Since the start",
     [](InfoSource& source) { return std::to_string(uptime_seconds(source) / kSecondsPerDay); }},
    {"hz", fact, count, "As configured; nothing waits for it",
     [](InfoSource& source) { return source.setting("hz"); }},
    {"configured_hz", fact, count, "The same",
     [](InfoSource& source) { return source.setting("hz"); }},
    {"lru_clock", gauge, seconds, "Clock by which the last use of a key is noted",
     [](InfoSource& source) { return std::to_string(store::lru_clock(source.wall_ms())); }},
    {"executable", fact, text, "Path of the program", [](InfoSource&) { return executable(); }},
    {"config_file", fact, text, "Path of the configuration file",
     [](InfoSource& source) { return source.server.config().file(); }},
    {"io_threads_active", gauge, count, "Threads that only read and write; there are none", zero},
    {"gyre_threads", fact, count, "Threads that serve clients",
     [](InfoSource& source) { return std::to_string(source.server.workers().size()); }},
    {"gyre_shards", fact, count, "Parts of the keyspace with a lock of their own",
     [](InfoSource& source) { return std::to_string(source.server.dataset().shards()); }},
};

/// "name=tcp,bind=...,port=..." of the addresses of one kind; empty: there is none.
std::string listener_text(std::span<const ring::Address> places, bool is_unix,
                          std::string_view name) {
    std::string text;
    uint16_t port = 0;
    for (const ring::Address& place : places) {
        if ((place.family == ring::Address::Family::unix_path) != is_unix) continue;
        if (text.empty()) text = fmt::format("name={}", name);
        text += ",bind=" + place.host;
        port = place.port;
    }
    if (!text.empty() && !is_unix) text += ",port=" + std::to_string(port);
    return text;
}

const InfoMetric kClientMetrics[] = {
    {"connected_clients", gauge, count, "Clients",
     [](InfoSource& source) { return std::to_string(source.clients().connected); }},
    {"cluster_connections", gauge, count, "Cluster; there is none", zero},
    {"maxclients", gauge, count, "Clients allowed at once",
     [](InfoSource& source) {
         return std::to_string(source.server.config().settings().maxclients);
     }},
    {"client_recent_max_input_buffer", gauge, bytes, "Largest input that waits",
     [](InfoSource& source) { return std::to_string(source.clients().input_buffer_max); }},
    {"client_recent_max_output_buffer", gauge, bytes, "Largest output that waits",
     [](InfoSource& source) { return std::to_string(source.clients().output_buffer_max); }},
    {"blocked_clients", gauge, count, "Clients that wait for a command to go on",
     [](InfoSource& source) { return std::to_string(source.clients().blocked); }},
    {"tracking_clients", gauge, count, "Clients that track keys",
     [](InfoSource& source) {
         return std::to_string(source.server.dataset().tracking().clients());
     }},
    {"pubsub_clients", gauge, count, "Clients that are subscribed to anything",
     [](InfoSource& source) { return std::to_string(source.clients().subscribers); }},
    {"clients_in_timeout_table", gauge, count, "Clients that wait for a key with a timeout",
     [](InfoSource& source) { return std::to_string(source.clients().with_timeout); }},
    {"total_blocking_keys", gauge, count, "Keys that clients wait for",
     [](InfoSource& source) { return std::to_string(source.keyspace().awaited_keys); }},
    {"total_blocking_keys_on_nokey", gauge, count, "Keys whose going ends a wait",
     [](InfoSource& source) { return std::to_string(source.keyspace().awaited_removals); }},
};

const InfoMetric kReplicationMetrics[] = {
    {"role", fact, text, "A server is never a replica",
     [](InfoSource&) -> std::string { return "master"; }},
    {"connected_slaves", gauge, count, "Replication; there is none", zero},
    {"master_failover_state", gauge, text, "Replication; there is none",
     [](InfoSource&) -> std::string { return "no-failover"; }},
    {"master_replid", fact, text, "New for each start",
     [](InfoSource& source) { return source.server.info_history().replication_id(); }},
    {"master_replid2", fact, text, "Replication; there is none",
     [](InfoSource&) { return std::string(40, '0'); }},
    {"master_repl_offset", gauge, bytes, "Replication; there is none", zero},
    {"second_repl_offset", gauge, bytes, "Replication; there is none", no_success_yet},
    {"repl_backlog_active", gauge, count, "Replication; there is none", zero},
    {"repl_backlog_size", gauge, bytes, "Replication; there is none", zero},
    {"repl_backlog_first_byte_offset", gauge, bytes, "Replication; there is none", zero},
    {"repl_backlog_histlen", gauge, bytes, "Replication; there is none", zero},
};

std::string children_time(timeval rusage::* field) {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return text_of(usage.*field);
}

const InfoMetric kCpuMetrics[] = {
    {"used_cpu_sys", counter, seconds, "In the kernel, all threads",
     [](InfoSource& source) { return text_of(source.usage().ru_stime); }},
    {"used_cpu_user", counter, seconds, "In the program, all threads",
     [](InfoSource& source) { return text_of(source.usage().ru_utime); }},
    {"used_cpu_sys_children", counter, seconds, "Of child processes",
     [](InfoSource&) { return children_time(&rusage::ru_stime); }},
    {"used_cpu_user_children", counter, seconds, "Of child processes",
     [](InfoSource&) { return children_time(&rusage::ru_utime); }},
    {"used_cpu_sys_main_thread", counter, seconds, "In the kernel, first thread",
     [](InfoSource&) { return fmt::format("{:.6f}", main_thread_seconds()[1]); }},
    {"used_cpu_user_main_thread", counter, seconds, "In the program, first thread",
     [](InfoSource&) { return fmt::format("{:.6f}", main_thread_seconds()[0]); }},
};

const InfoMetric kClusterMetrics[] = {
    {"cluster_enabled", fact, count, "Cluster; there is none", zero},
};

}  // namespace

void write_listeners(InfoSource& source, std::string& text) {
    const std::vector<ring::Address> places = source.server.listening();
    int number = 0;
    for (const bool is_unix : {false, true}) {
        const std::string listener = listener_text(places, is_unix, is_unix ? "unix" : "tcp");
        if (listener.empty()) continue;
        fmt::format_to(std::back_inserter(text), "listener{}:{}\r\n", number++, listener);
    }
    const std::string http = listener_text(source.server.listening_for_http(), false, "http");
    if (!http.empty()) {
        fmt::format_to(std::back_inserter(text), "listener{}:{}\r\n", number, http);
    }
}

std::span<const InfoMetric> server_metrics() { return kServerMetrics; }
std::span<const InfoMetric> client_metrics() { return kClientMetrics; }
std::span<const InfoMetric> replication_metrics() { return kReplicationMetrics; }
std::span<const InfoMetric> cpu_metrics() { return kCpuMetrics; }
std::span<const InfoMetric> cluster_metrics() { return kClusterMetrics; }

}  // namespace gyre::server
