// SPDX-License-Identifier: BSD-3-Clause

// Directives of Redis that do nothing here, each with its reason, and those that would mean
// something this version does not have. A configuration written for Redis starts the server as long
// as it asks for nothing that is missing.

#include <algorithm>
#include <array>
#include <climits>

#include "base/numbers.h"
#include "server/config_table.h"
#include "server/config_value.h"

namespace gyre::server {
namespace {

using enum ConfigKind;
using enum ConfigChange;

constexpr std::string_view kStopBySave = "a signal saves when there is a rule of save";
constexpr std::string_view kOwnRing = "a rewrite does not hold up the syncs of the log";
constexpr std::string_view kNoReplication = "there is no replication in this version";
constexpr std::string_view kNoCluster = "there is no cluster in this version";
constexpr std::string_view kNoTls = "there is no TLS in this version";
constexpr std::string_view kNoChannels =
    "channels are open to all: there are no ACL users in this version";
constexpr std::string_view kNoScripts = "there are no scripts in this version";
constexpr std::string_view kNoAcl = "there are no ACL users in this version";
constexpr std::string_view kNoDefragmentation =
    "slabs of fixed places do not fragment as a heap does";
constexpr std::string_view kFreesOutside = "large values are always freed outside of the locks";
constexpr std::string_view kAlwaysChecked =
    "what RESTORE and the start read is always checked to its last byte";
constexpr std::string_view kNoFork = "snapshots are taken without another process";
constexpr std::string_view kNoTimer = "background work runs when it is due, not by a timer";
constexpr std::string_view kThreadsServe =
    "each of `threads` reads, executes and writes for its clients";
constexpr std::string_view kBySystem = "this is left to the system that starts the server";
constexpr std::string_view kNoSyslog =
    "the log goes to logfile, or to standard output and from there to the journal";
constexpr std::string_view kNoReport = "the system's own core dumps tell more";
constexpr std::string_view kFixedAtStart = "dir and the like are fixed at start";

// --- what Redis checks beyond the kind

Result<void> check_stop(const ConfigValue& value) {
    const auto given = split_words(value.text);
    const auto has = [&](std::string_view word) {
        return std::find(given.begin(), given.end(), word) != given.end();
    };
    if (!has("save") || !has("nosave")) return {};
    return fail("shutdown options SAVE and NOSAVE can't be used simultaneously");
}

Result<void> check_scores(const ConfigValue& value) {
    constexpr int64_t kScoreMax = 2000;
    const auto scores = split_words(value.text);
    if (scores.size() != 3) return fail("wrong number of arguments");
    for (const std::string_view score : scores) {
        const auto number = base::parse_integer(score);
        if (number && *number >= -kScoreMax && *number <= kScoreMax) continue;
        return fail("Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
    }
    return {};
}

Result<void> check_hostname(const ConfigValue& value) {
    constexpr size_t kHostnameBytes = 256;
    if (value.text.size() >= kHostnameBytes) {
        return fail("Hostnames must be less than 256 characters");
    }
    const bool is_well = std::all_of(value.text.begin(), value.text.end(), [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9') || letter == '-' || letter == '.';
    });
    if (is_well) return {};
    return fail("Hostnames may only contain alphanumeric characters, hyphens or dots");
}

/// Words in braces must be known; two braces are one.
bool is_title(std::string_view text) {
    constexpr std::array<std::string_view, 7> kKnown{
        "title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"};
    if (text.find_first_not_of(' ') == text.npos) return false;
    for (size_t at = text.find('{'); at != text.npos; at = text.find('{', at)) {
        if (text.substr(at, 2) == "{{") {
            at += 2;
            continue;
        }
        const size_t end = text.find('}', at);
        if (end == text.npos) return false;
        const std::string_view word = text.substr(at + 1, end - at - 1);
        if (std::find(kKnown.begin(), kKnown.end(), word) == kKnown.end()) return false;
        at = end;
    }
    return true;
}

Result<void> check_title(const ConfigValue& value) {
    if (is_title(value.text)) return {};
    return fail("template format is invalid or contains unknown variables");
}

// --- rows

constexpr ConfigRow boolean_row(std::string_view name, std::string_view initial,
                                std::string_view reason, ConfigChange change = always,
                                std::string_view alias = {}) {
    return {.name = name,
            .alias = alias,
            .kind = boolean,
            .role = ConfigRole::ignored,
            .change = change,
            .initial = initial,
            .summary = reason};
}
constexpr ConfigRow number_row(std::string_view name, std::string_view initial,
                               std::string_view reason, int64_t min = 0, int64_t max = INT_MAX,
                               std::string_view alias = {}) {
    return {.name = name,
            .alias = alias,
            .kind = integer,
            .role = ConfigRole::ignored,
            .initial = initial,
            .min = min,
            .max = max,
            .summary = reason};
}
constexpr ConfigRow memory_row(std::string_view name, std::string_view initial,
                               std::string_view reason, std::string_view alias = {},
                               int64_t min = 0) {
    return {.name = name,
            .alias = alias,
            .kind = memory,
            .role = ConfigRole::ignored,
            .initial = initial,
            .min = min,
            .summary = reason};
}
constexpr ConfigRow choice_row(std::string_view name, std::string_view initial,
                               std::string_view choices, std::string_view reason,
                               ConfigChange change = always) {
    return {.name = name,
            .kind = choice,
            .role = ConfigRole::ignored,
            .change = change,
            .initial = initial,
            .choices = choices,
            .summary = reason};
}
constexpr ConfigRow text_row(std::string_view name, std::string_view initial,
                             std::string_view reason, ConfigChange change = always,
                             std::string_view alias = {}) {
    return {.name = name,
            .alias = alias,
            .kind = text,
            .role = ConfigRole::ignored,
            .change = change,
            .initial = initial,
            .summary = reason};
}
constexpr ConfigRow stop_row(std::string_view name) {
    return {.name = name,
            .kind = flags,
            .role = ConfigRole::ignored,
            .initial = "default",
            .choices = "default save nosave now force",
            .summary = kStopBySave,
            .check = check_stop};
}

constexpr ConfigRow kIgnoredRows[] = {
    // --- how the server runs ---
    boolean_row("daemonize", "no",
                "the server stays in the foreground, where its supervisor watches it", at_start),
    {.name = "hz",
     .kind = integer,
     .role = ConfigRole::ignored,
     .initial = "10",
     .max = INT_MAX,
     .lowest = 1,
     .highest = 500,
     .summary = kNoTimer},
    boolean_row("dynamic-hz", "yes", kNoTimer),
    boolean_row("activerehashing", "yes", "the index grows a bucket at a time with the writes"),
    number_row("active-expire-effort", "1", "keys are removed when they are due, by a timer wheel",
               1, 10),
    {.name = "io-threads",
     .kind = integer,
     .role = ConfigRole::ignored,
     .change = at_start,
     .initial = "1",
     .min = 1,
     .max = 128,
     .summary = kThreadsServe},
    boolean_row("io-threads-do-reads", "no", kThreadsServe, at_start),
    boolean_row("always-show-logo", "no", "there is no logo", at_start),
    boolean_row("set-proc-title", "yes", "the title of the process stays what it was started with",
                at_start),
    {.name = "proc-title-template",
     .kind = text,
     .role = ConfigRole::ignored,
     .initial = "{title} {listen-addr} {server-mode}",
     .summary = "the title of the process stays what it was started with",
     .check = check_title},
    text_row("locale-collate", "", "nothing is sorted by a locale"),
    boolean_row("jemalloc-bg-thread", "yes", "the allocator needs no thread"),
    choice_row("oom-score-adj", "no", "no yes relative absolute", kBySystem),
    {.name = "oom-score-adj-values",
     .kind = words,
     .role = ConfigRole::ignored,
     .initial = "0 200 800",
     .summary = kBySystem,
     .check = check_scores},
    boolean_row("disable-thp", "yes", kBySystem, at_start),
    text_row("server_cpulist", "", kBySystem, at_start),
    text_row("bio_cpulist", "", kBySystem, at_start),
    text_row("aof_rewrite_cpulist", "", kNoFork, at_start),
    text_row("bgsave_cpulist", "", kNoFork, at_start),
    text_row("ignore-warnings", "", "the server refuses no start for what it warns of"),
    text_row("syslog-ident", "redis", kNoSyslog, at_start),
    choice_row("syslog-facility", "local0",
               "user local0 local1 local2 local3 local4 local5 local6 local7", kNoSyslog, at_start),
    boolean_row("crash-log-enabled", "yes", kNoReport),
    boolean_row("crash-memcheck-enabled", "yes", kNoReport),
    choice_row("enable-protected-configs", "no", "no yes local", kFixedAtStart, at_start),
    stop_row("shutdown-on-sigint"),
    stop_row("shutdown-on-sigterm"),
    text_row("bind-source-addr", "", kNoReplication),
    // --- memory ---
    boolean_row("activedefrag", "no", kNoDefragmentation),
    memory_row("active-defrag-ignore-bytes", "104857600", kNoDefragmentation, {}, 1),
    number_row("active-defrag-threshold-lower", "10", kNoDefragmentation, 0, 1000),
    number_row("active-defrag-threshold-upper", "100", kNoDefragmentation, 0, 1000),
    number_row("active-defrag-cycle-min", "1", kNoDefragmentation, 1, 99),
    number_row("active-defrag-cycle-max", "25", kNoDefragmentation, 1, 99),
    number_row("active-defrag-max-scan-fields", "1000", kNoDefragmentation, 1, INT64_MAX),
    boolean_row("lazyfree-lazy-eviction", "no", kFreesOutside),
    boolean_row("lazyfree-lazy-expire", "no", kFreesOutside),
    boolean_row("lazyfree-lazy-server-del", "no", kFreesOutside),
    boolean_row("lazyfree-lazy-user-del", "no", kFreesOutside),
    boolean_row("lazyfree-lazy-user-flush", "no", kFreesOutside),
    // --- scripts, users, channels ---
    number_row("lua-time-limit", "5000", kNoScripts, 0, INT64_MAX, "busy-reply-threshold"),
    number_row("acllog-max-len", "128", kNoAcl, 0, INT64_MAX),
    choice_row("acl-pubsub-default", "resetchannels", "allchannels resetchannels", kNoChannels),
    // --- persistence ---
    boolean_row("rdb-del-sync-files", "no", kNoReplication),
    choice_row("sanitize-dump-payload", "no", "no yes clients", kAlwaysChecked),
    boolean_row("no-appendfsync-on-rewrite", "no", kOwnRing),
    // --- replication ---
    text_row("masterauth", "", kNoReplication),
    text_row("masteruser", "", kNoReplication),
    boolean_row("replica-serve-stale-data", "yes", kNoReplication, always,
                "slave-serve-stale-data"),
    boolean_row("replica-read-only", "yes", kNoReplication, always, "slave-read-only"),
    boolean_row("replica-lazy-flush", "no", kNoReplication, always, "slave-lazy-flush"),
    boolean_row("replica-ignore-maxmemory", "yes", kNoReplication, always,
                "slave-ignore-maxmemory"),
    boolean_row("replica-ignore-disk-write-errors", "no", kNoReplication),
    boolean_row("replica-announced", "yes", kNoReplication),
    text_row("replica-announce-ip", "", kNoReplication, always, "slave-announce-ip"),
    number_row("replica-announce-port", "0", kNoReplication, 0, 65535, "slave-announce-port"),
    number_row("replica-priority", "100", kNoReplication, 0, INT_MAX, "slave-priority"),
    number_row("min-replicas-max-lag", "10", kNoReplication, 0, INT_MAX, "min-slaves-max-lag"),
    choice_row("propagation-error-behavior", "ignore", "ignore panic panic-on-replicas",
               kNoReplication),
    boolean_row("repl-diskless-sync", "yes", kNoReplication),
    number_row("repl-diskless-sync-delay", "5", kNoReplication),
    number_row("repl-diskless-sync-max-replicas", "0", kNoReplication),
    choice_row("repl-diskless-load", "disabled", "disabled on-empty-db swapdb", kNoReplication),
    boolean_row("repl-disable-tcp-nodelay", "no", kNoReplication),
    {.name = "repl-backlog-size",
     .kind = memory,
     .role = ConfigRole::ignored,
     .initial = "1048576",
     .min = 1,
     .lowest = 16 * 1024,
     .summary = kNoReplication},
    number_row("repl-backlog-ttl", "3600", kNoReplication, 0, INT64_MAX),
    number_row("repl-timeout", "60", kNoReplication, 1),
    number_row("repl-ping-replica-period", "10", kNoReplication, 1, INT_MAX,
               "repl-ping-slave-period"),
    // --- cluster ---
    text_row("cluster-config-file", "nodes.conf", kNoCluster, at_start),
    number_row("cluster-node-timeout", "15000", kNoCluster, 0, INT64_MAX),
    {.name = "cluster-port",
     .kind = integer,
     .role = ConfigRole::ignored,
     .change = at_start,
     .initial = "0",
     .max = 65535,
     .summary = kNoCluster},
    number_row("cluster-replica-validity-factor", "10", kNoCluster, 0, INT_MAX,
               "cluster-slave-validity-factor"),
    number_row("cluster-migration-barrier", "1", kNoCluster),
    boolean_row("cluster-allow-replica-migration", "yes", kNoCluster),
    boolean_row("cluster-require-full-coverage", "yes", kNoCluster),
    boolean_row("cluster-replica-no-failover", "no", kNoCluster, always,
                "cluster-slave-no-failover"),
    boolean_row("cluster-allow-reads-when-down", "no", kNoCluster),
    boolean_row("cluster-allow-pubsubshard-when-down", "yes", kNoCluster),
    {.name = "cluster-link-sendbuf-limit",
     .kind = memory,
     .role = ConfigRole::ignored,
     .initial = "0",
     .is_unsigned = true,
     .summary = kNoCluster},
    text_row("cluster-announce-ip", "", kNoCluster),
    {.name = "cluster-announce-hostname",
     .kind = text,
     .role = ConfigRole::ignored,
     .summary = kNoCluster,
     .check = check_hostname},
    text_row("cluster-announce-human-nodename", "", kNoCluster),
    number_row("cluster-announce-port", "0", kNoCluster, 0, 65535),
    number_row("cluster-announce-tls-port", "0", kNoCluster, 0, 65535),
    number_row("cluster-announce-bus-port", "0", kNoCluster, 0, 65535),
    choice_row("cluster-preferred-endpoint-type", "ip", "ip hostname unknown-endpoint", kNoCluster),
    // --- TLS: inert without a port ---
    text_row("tls-cert-file", "", kNoTls),
    text_row("tls-key-file", "", kNoTls),
    text_row("tls-key-file-pass", "", kNoTls),
    text_row("tls-client-cert-file", "", kNoTls),
    text_row("tls-client-key-file", "", kNoTls),
    text_row("tls-client-key-file-pass", "", kNoTls),
    text_row("tls-dh-params-file", "", kNoTls),
    text_row("tls-ca-cert-file", "", kNoTls),
    text_row("tls-ca-cert-dir", "", kNoTls),
    text_row("tls-protocols", "", kNoTls),
    text_row("tls-ciphers", "", kNoTls),
    text_row("tls-ciphersuites", "", kNoTls),
    choice_row("tls-auth-clients", "yes", "no yes optional", kNoTls),
    boolean_row("tls-prefer-server-ciphers", "no", kNoTls),
    boolean_row("tls-session-caching", "yes", kNoTls),
    number_row("tls-session-cache-size", "20480", kNoTls),
    number_row("tls-session-cache-timeout", "300", kNoTls),
};

constexpr ConfigRow kFixedRows[] = {
    {.name = "replicaof",
     .alias = "slaveof",
     .kind = words,
     .role = ConfigRole::fixed,
     .change = at_start,
     .summary = "a server has no replicas and is none. Remove the line"},
    {.name = "min-replicas-to-write",
     .alias = "min-slaves-to-write",
     .kind = integer,
     .role = ConfigRole::fixed,
     .initial = "0",
     .max = INT_MAX,
     .summary = "a server has no replicas. Remove the line, or write: min-replicas-to-write 0"},
    {.name = "cluster-enabled",
     .kind = boolean,
     .role = ConfigRole::fixed,
     .change = at_start,
     .initial = "no",
     .summary = "a server stands alone. Remove the line, or write: cluster-enabled no"},
    {.name = "tls-port",
     .kind = integer,
     .role = ConfigRole::fixed,
     .initial = "0",
     .max = 65535,
     .summary =
         "connections are not encrypted. Remove the line, and put a TLS proxy before the server"},
    {.name = "tls-replication",
     .kind = boolean,
     .role = ConfigRole::fixed,
     .initial = "no",
     .summary = "connections are not encrypted. Remove the line"},
    {.name = "tls-cluster",
     .kind = boolean,
     .role = ConfigRole::fixed,
     .initial = "no",
     .summary = "connections are not encrypted. Remove the line"},
    {.name = "aclfile",
     .kind = text,
     .role = ConfigRole::fixed,
     .change = at_start,
     .summary = "there are no ACL users. Remove the line, and use requirepass"},
    {.name = "maxmemory-clients",
     .kind = memory,
     .role = ConfigRole::fixed,
     .initial = "0",
     .summary = "clients are not evicted. Remove the line, and use client-output-buffer-limit and "
                "client-query-buffer-limit"},
    {.name = "enable-module-command",
     .kind = choice,
     .role = ConfigRole::fixed,
     .change = at_start,
     .initial = "no",
     .choices = "no yes local",
     .summary = "there are no modules. Remove the line, or write: enable-module-command no"},
    {.name = "syslog-enabled",
     .kind = boolean,
     .role = ConfigRole::fixed,
     .change = at_start,
     .initial = "no",
     .summary = "the log goes to logfile, or to standard output and from there to the journal. "
                "Remove the line, or write: syslog-enabled no"},
    {.name = "socket-mark-id",
     .kind = integer,
     .role = ConfigRole::fixed,
     .change = at_start,
     .initial = "0",
     .max = UINT_MAX,
     .summary = "sockets are not marked. Remove the line, or write: socket-mark-id 0"},
};

constexpr RefusedDirective kRefused[] = {
    {"user", "there are no ACL users. Remove the line, and use requirepass"},
    {"rename-command", "commands keep their names. Remove the line"},
    {"loadmodule", "there are no modules. Remove the line"},
    {"sentinel", "a server is no sentinel. Remove the line"},
};

}  // namespace

std::span<const ConfigRow> ignored_config_rows() { return kIgnoredRows; }
std::span<const ConfigRow> fixed_config_rows() { return kFixedRows; }
std::span<const RefusedDirective> refused_directives() { return kRefused; }

}  // namespace gyre::server
