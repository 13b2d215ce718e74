// SPDX-License-Identifier: BSD-3-Clause

// The active parameters.

#include "server/config_table.h"

#include <sys/resource.h>

#include <algorithm>
#include <climits>
#include <filesystem>

#include <fmt/format.h>

#include "base/numbers.h"
#include "commands/latency.h"
#include "commands/slowlog.h"
#include "engine/events.h"
#include "server/config.h"
#include "server/config_value.h"
#include "server/persistence.h"
#include "server/process.h"

namespace gyre::server {
namespace {

using enum ConfigKind;
using enum ConfigChange;

constexpr int64_t kMebibyte = 1024 * 1024;
/// Above it default-ttl would not fit in milliseconds beside the time of day.
constexpr int64_t kTtlSecondsMax = 1'000'000'000'000;
constexpr int64_t kThreadsMax = 256;
constexpr int64_t kDatabasesMax = 65536;

void set_bind(ServerSettings& settings, const ConfigValue& value) {
    settings.bind.clear();
    for (const std::string_view word : split_words(value.text)) settings.bind.emplace_back(word);
}

void set_debug_access(ServerSettings& settings, const ConfigValue& value) {
    settings.debug_access = value.text == "yes"     ? DebugAccess::yes
                            : value.text == "local" ? DebugAccess::local
                                                    : DebugAccess::no;
}

void store_limit(AtomicOutputLimit& target, const net::OutputLimit& limit) {
    target.hard_bytes.store(limit.hard_bytes, std::memory_order_relaxed);
    target.soft_bytes.store(limit.soft_bytes, std::memory_order_relaxed);
    target.soft_seconds.store(limit.soft_seconds, std::memory_order_relaxed);
}

void set_output_limits(ServerSettings& settings, const ConfigValue& value) {
    const OutputLimits limits = output_limits_of(value);
    store_limit(settings.output_normal, limits[0]);
    store_limit(settings.output_replica, limits[1]);
    store_limit(settings.output_pubsub, limits[2]);
}

void set_maxkeys(const ConfigTargets& targets, const ConfigValue& value) {
    if (targets.dataset == nullptr) return;
    engine::Executor executor;
    targets.dataset->set_maxkeys(value.number, executor);
}

void set_policy(const ConfigTargets& targets, const ConfigValue& value) {
    const auto policy = engine::policy_from_name(value.text);
    if (targets.dataset == nullptr || !policy) return;
    engine::Executor executor;
    targets.dataset->set_policy(*policy, executor);
}

Result<void> check_events(const ConfigValue& value) {
    if (engine::event_classes(value.text)) return {};
    return fail("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
}

/// What the letters shown leave out (n behind A) is in the number.
void normalize_events(ConfigValue& value) {
    const uint32_t classes = engine::event_classes(value.text).value_or(0);
    value = {engine::event_letters(classes), classes};
}

void set_events(const ConfigTargets& targets, const ConfigValue& value) {
    if (targets.dataset == nullptr) return;
    auto& asked = targets.dataset->settings.notified_events;
    asked.store((asked.load() & engine::event::updates) | static_cast<uint32_t>(value.number));
}

void set_updates(const ConfigTargets& targets, const ConfigValue& value) {
    if (targets.dataset == nullptr) return;
    auto& asked = targets.dataset->settings.notified_events;
    value.number != 0 ? asked.fetch_or(engine::event::updates)
                      : asked.fetch_and(~engine::event::updates);
}

void set_latency_tracking(const ConfigTargets& targets, const ConfigValue& value) {
    if (targets.track_latency) targets.track_latency(value.number != 0);
}

/// Raises the limit of open files as far as the system lets this process.
Result<void> admit_clients(const ServerSettings& settings, const ConfigValue& value) {
    const uint64_t reserved = reserved_descriptors(settings);
    const auto wanted = static_cast<rlim_t>(value.number) + reserved;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return {};
    rlimit raised{wanted, std::max(limit.rlim_max, wanted)};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return {};
    const rlim_t allowed = limit.rlim_max;
    if (allowed >= wanted) {
        raised = {wanted, allowed};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return {};
    }
    return fail(
        fmt::format("The operating system is not able to handle the specified number of "
                    "clients, try with {}",
                    allowed > reserved ? allowed - reserved : 1));
}

void set_save_rules(const ConfigTargets& targets, const ConfigValue& value) {
    if (targets.persistence == nullptr) return;
    const auto words = split_words(value.text);
    const auto number = [&](size_t index) { return base::parse_integer(words[index]).value_or(0); };
    std::vector<SaveRule> rules;
    for (size_t index = 0; index + 1 < words.size(); index += 2) {
        rules.push_back({number(index), number(index + 1)});
    }
    targets.persistence->set_rules(std::move(rules));
}

void set_stops_writes(const ConfigTargets& targets, const ConfigValue& value) {
    if (targets.persistence != nullptr) targets.persistence->set_stops_writes(value.number != 0);
}

Result<void> check_file_name(const ConfigValue& value) {
    return check_plain_name(value, "dbfilename");
}

Result<void> check_alias_file(const ConfigValue& value) {
    return check_plain_name(value, "alias-file");
}

std::string working_directory(const ServerSettings& settings) {
    std::error_code failure;
    const auto path = std::filesystem::current_path(failure);
    return failure ? settings.directory : path.string();
}

#define SETTING(expression) \
    [](ServerSettings& settings, [[maybe_unused]] const ConfigValue& value) { settings.expression; }
#define DATASET(member, type)                                                        \
    [](const ConfigTargets& targets, const ConfigValue& value) {                     \
        if (targets.dataset != nullptr) {                                            \
            targets.dataset->settings.member.store(static_cast<type>(value.number)); \
        }                                                                            \
    }

const ConfigRow kNetworkRows[] = {
    {.name = "bind",
     .kind = words,
     .initial = "127.0.0.1 -::1",
     .summary =
         "Addresses to listen on. One that begins with `-` may be missing on this machine; `*` "
         "is all of IPv4, `::*` all of IPv6. Empty: no TCP.",
     .to_settings = set_bind},
    {.name = "port",
     .kind = integer,
     .initial = "6379",
     .max = 65535,
     .summary = "TCP port. 0: no TCP.",
     .to_settings = SETTING(port = value.number)},
    {.name = "tcp-backlog",
     .kind = integer,
     .change = at_start,
     .initial = "511",
     .max = INT_MAX,
     .summary = "Connections the kernel keeps waiting for accept, bounded by net.core.somaxconn.",
     .to_settings = SETTING(tcp_backlog = value.number)},
    {.name = "unixsocket",
     .kind = text,
     .change = at_start,
     .summary = "Path of a Unix socket to listen on. Empty: none.",
     .to_settings = SETTING(unix_socket = value.text)},
    {.name = "unixsocketperm",
     .kind = octal,
     .change = at_start,
     .initial = "0",
     .max = 0777,
     .summary = "Permissions of the Unix socket, set before it listens. 0: the umask decides.",
     .to_settings = SETTING(unix_socket_permissions = value.number)},
    {.name = "protected-mode",
     .kind = boolean,
     .initial = "yes",
     .summary = "Without a password, refuse clients that do not come from this machine.",
     .to_settings = SETTING(protected_mode = value.number != 0)},
    {.name = "requirepass",
     .kind = text,
     .summary =
         "Password that AUTH asks for. Empty: none. Clients that are authenticated stay so when it "
         "changes, and so do those that came when there was none.",
     .to_settings = SETTING(has_password = !value.text.empty())},
    {.name = "timeout",
     .kind = integer,
     .initial = "0",
     .max = INT_MAX,
     .summary = "Seconds without traffic after which a client is disconnected. 0: never.",
     .to_settings = SETTING(timeout_seconds = value.number)},
    {.name = "tcp-keepalive",
     .kind = integer,
     .initial = "300",
     .max = INT_MAX,
     .summary = "Seconds between probes to a silent peer, for new connections. 0: none.",
     .to_settings = SETTING(tcp_keepalive_seconds = value.number)},
    {.name = "maxclients",
     .kind = integer,
     .initial = "10000",
     .min = 1,
     .max = UINT_MAX,
     .summary = "Clients at once. Lowered at start to what the limit of open files allows.",
     .to_settings = SETTING(maxclients = value.number),
     .admit = admit_clients,
     .in_force =
         [](const ServerSettings& settings) {
             return std::to_string(settings.maxclients.load(std::memory_order_relaxed));
         }},
    {.name = "proto-max-bulk-len",
     .kind = memory,
     .initial = "536870912",
     .min = kMebibyte,
     .summary = "Longest single argument of a command, and longest value.",
     .to_targets = DATASET(proto_max_bulk_len, int64_t)},
    {.name = "client-query-buffer-limit",
     .kind = memory,
     .initial = "1073741824",
     .min = kMebibyte,
     .summary = "Input of one client that may wait to be run; a client above it is disconnected.",
     .to_settings = SETTING(query_buffer_bytes_max = static_cast<uint64_t>(value.number))},
    {.name = "client-output-buffer-limit",
     .kind = output_limits,
     .initial = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
     .summary =
         "Output a client may leave unread: class (normal, replica, pubsub), hard limit, soft "
         "limit, seconds above the soft limit. 0: no limit. A line sets one class or several.",
     .to_settings = set_output_limits},
};

const ConfigRow kGeneralRows[] = {
    {.name = "threads",
     .kind = integer,
     .change = at_start,
     .initial = "0",
     .max = kThreadsMax,
     .summary = "Threads that serve clients. 0: as many as processors this process may use.",
     .to_settings = SETTING(threads = value.number),
     .in_force = [](const ServerSettings& settings) { return std::to_string(settings.threads); }},
    {.name = "io-multishot-receive",
     .kind = boolean,
     .change = at_start,
     .initial = "yes",
     .summary = "Ask the kernel once for all that a client sends, not once for each receive.",
     .to_settings = SETTING(multishot_receive = value.number != 0)},
    {.name = "io-gather-usec",
     .kind = integer,
     .change = at_start,
     .initial = "100",
     .max = 1000,
     .summary = "Microseconds for which a thread that uses much of a processor waits for "
                "requests of several clients at once, where the kernel can (6.12). 0: never.",
     .to_settings = SETTING(gather_us = value.number)},
    {.name = "memory-huge-pages",
     .kind = boolean,
     .change = at_start,
     .initial = "yes",
     .summary =
         "Ask the kernel to back keys and index with huge pages, all but the first 4 MiB; what is "
         "loaded at the start gets small ones, which the kernel is asked to join afterwards.",
     .to_settings = SETTING(huge_pages = value.number != 0)},
    {.name = "databases",
     .kind = integer,
     .change = at_start,
     .initial = "16",
     .min = 1,
     .max = kDatabasesMax,
     .summary = "Databases, chosen with SELECT.",
     .to_settings = SETTING(databases = value.number)},
    {.name = "dir",
     .kind = text,
     .change = never_by_set,
     .initial = "./",
     .summary = "Working directory. CONFIG GET shows its absolute path.",
     .to_settings = SETTING(directory = value.text),
     .in_force = working_directory},
    {.name = "pidfile",
     .kind = text,
     .change = at_start,
     .summary = "File that holds the process id while the server runs. Empty: none.",
     .to_settings = SETTING(pid_file = value.text)},
    {.name = "supervised",
     .kind = choice,
     .change = at_start,
     .initial = "no",
     .choices = "no systemd auto",
     .summary = "Tell systemd when the server is ready. auto: when it asks for it.",
     .to_settings = SETTING(supervised = value.text)},
    {.name = "shutdown-timeout",
     .kind = integer,
     .initial = "10",
     .max = INT_MAX,
     .summary = "Seconds a stopping server waits for commands under way and for clients to take "
                "their last "
                "replies.",
     .to_settings = SETTING(shutdown_timeout_seconds = value.number)},
    {.name = "enable-debug-command",
     .kind = choice,
     .change = at_start,
     .initial = "no",
     .choices = "no yes local",
     .summary = "Who may call DEBUG. local: clients of this machine.",
     .to_settings = set_debug_access},
};

const ConfigRow kKeyspaceRows[] = {
    {.name = "maxmemory",
     .kind = memory,
     .initial = "0",
     .is_unsigned = true,
     .summary =
         "Bytes of memory in use, for keys, values and all else (used_memory of INFO), above which "
         "maxmemory-policy applies. 0: no limit.",
     .to_targets = DATASET(maxmemory_bytes, int64_t)},
    {.name = "maxmemory-policy",
     .kind = choice,
     .initial = "noeviction",
     .choices = "volatile-lru volatile-lfu volatile-random volatile-ttl allkeys-lru allkeys-lfu "
                "allkeys-random noeviction allkeys-s3fifo volatile-s3fifo",
     .summary =
         "What goes when there is no room: nothing (writes fail), or keys with a deadline or "
         "all keys by last use, frequency of use, at random, or nearest deadline. s3fifo: new keys "
         "that are not used soon go first, the others by how often they were used lately; the most "
         "hits for most caches, at about 3 bytes for each key.",
     .to_targets = set_policy},
    {.name = "maxmemory-samples",
     .kind = integer,
     .initial = "5",
     .min = 1,
     .max = INT_MAX,
     .summary =
         "Candidates looked at for each key evicted: more is nearer to true LRU, and slower. Above "
         "64 counts as 64.",
     .to_targets = DATASET(samples, int32_t)},
    {.name = "maxmemory-eviction-tenacity",
     .kind = integer,
     .initial = "10",
     .max = 100,
     .summary =
         "How long eviction may hold up others at a time when a limit was lowered: 10 is half "
         "a millisecond, each point more 15 % longer. 100: until it is done.",
     .to_targets = DATASET(eviction_tenacity, int32_t)},
    {.name = "maxkeys",
     .kind = integer,
     .initial = "0",
     .summary = "Keys over all databases above which maxmemory-policy applies. 0: no limit.",
     .to_targets = set_maxkeys},
    {.name = "notify-keyspace-events",
     .kind = text,
     .summary =
         "Events of keys that are published, as letters of classes: K to "
         "`__keyspace@<db>__:<key>`, "
         "E to `__keyevent@<db>__:<event>`; g generic, $ strings, l lists, s sets, h hashes, z "
         "sorted sets, t streams, x expired, e evicted, d modules, n new keys, m missed keys, A "
         "for "
         "g$lshztxed. Empty: none.",
     .to_targets = set_events,
     .check = check_events,
     .normalize = normalize_events},
    {.name = "db-updates",
     .kind = boolean,
     .initial = "no",
     .summary = "Publish each change of a key to the channel `db_updates`, as a JSON object with "
                "op, key, type, db, time_ms and ttl_ms.",
     .to_targets = set_updates},
    {.name = "maxsubscriptions",
     .kind = integer,
     .initial = "10000000",
     .summary =
         "Subscriptions of all clients, above which SUBSCRIBE and its kin are refused. 0: no "
         "limit.",
     .to_targets =
         [](const ConfigTargets& targets, const ConfigValue& value) {
             if (targets.dataset == nullptr) return;
             targets.dataset->pubsub().subscriptions_max.store(value.number);
         }},
    {.name = "pubsub-gather-usec",
     .kind = integer,
     .initial = "500",
     .max = 10'000,
     .summary = "Microseconds for which messages wait at most, when some have just been sent to "
                "many subscribers, so that more are sent at once. They wait no longer than that "
                "sending took. 0: never.",
     .to_settings = SETTING(pubsub_gather_us = value.number)},
    {.name = "tracking-table-max-keys",
     .kind = integer,
     .initial = "1000000",
     .summary = "Keys that are remembered for clients that track what they have read (CLIENT "
                "TRACKING); above it some are forgotten, as if they had changed. 0: no limit.",
     .to_targets =
         [](const ConfigTargets& targets, const ConfigValue& value) {
             if (targets.dataset == nullptr) return;
             targets.dataset->tracking().keys_max.store(value.number);
         }},
    {.name = "transaction-max-keys",
     .kind = integer,
     .initial = "100000",
     .summary = "Keys that a transaction begun with BEGIN may touch, read or written; past it the "
                "transaction is gone. 0: no limit.",
     .to_targets = DATASET(transaction_max_keys, int64_t)},
    {.name = "transaction-max-bytes",
     .kind = memory,
     .initial = "268435456",
     .summary = "Bytes that such a transaction may take for what it has written and marked; past "
                "it the transaction is gone. 0: no limit.",
     .to_targets = DATASET(transaction_max_bytes, int64_t)},
    {.name = "transaction-max-time",
     .kind = integer,
     .initial = "60",
     .max = INT_MAX,
     .summary = "Seconds from BEGIN after which such a transaction is gone. 0: no limit.",
     .to_targets =
         [](const ConfigTargets& targets, const ConfigValue& value) {
             if (targets.dataset == nullptr) return;
             targets.dataset->settings.transaction_max_ms.store(value.number * 1000);
         }},
    {.name = "lfu-log-factor",
     .kind = integer,
     .initial = "10",
     .max = INT_MAX,
     .summary = "How slowly the frequency counter of LFU grows.",
     .to_targets = DATASET(lfu_log_factor, int32_t)},
    {.name = "lfu-decay-time",
     .kind = integer,
     .initial = "1",
     .max = INT_MAX,
     .summary = "Minutes without use after which the frequency counter falls by one. 0: never.",
     .to_targets = DATASET(lfu_decay_minutes, int32_t)},
    {.name = "default-ttl",
     .kind = integer,
     .initial = "0",
     .max = kTtlSecondsMax,
     .summary =
         "Seconds to live of keys made by a command that does not say how long. 0: for ever.",
     .to_targets = DATASET(default_ttl_seconds, int64_t)},
};

const ConfigRow kSnapshotRows[] = {
    {.name = "save",
     .kind = save_points,
     .initial = "3600 1 300 100 60 10000",
     .summary = "When to write a snapshot: pairs of seconds since the last one and writes since "
                "then. Lines "
                "add up. Empty: never by itself.",
     .to_targets = set_save_rules},
    {.name = "dbfilename",
     .kind = text,
     .change = never_by_set,
     .initial = "dump.rdb",
     .summary = "File of the snapshot, in dir. It is read at start. With storage-format json, "
                "dump.rdb means dump.json.",
     .to_settings = SETTING(rdb_file = value.text),
     .check = check_file_name,
     .in_force = [](const ServerSettings& settings) { return settings.snapshot_file(); }},
    {.name = "storage-format",
     .kind = choice,
     .change = at_start,
     .initial = "rdb",
     .choices = "rdb json",
     .summary = "What the file of the snapshot is: RDB, as Redis has it, or one JSON document "
                "(docs/formats/json.md) to be read and edited by people and their tools, at "
                "several times the size and time. `save 1 1` then saves about every change.",
     .to_settings = SETTING(storage_format = value.text == "json" ? snapshot::Format::json
                                                                  : snapshot::Format::rdb)},
    {.name = "alias-file",
     .kind = text,
     .change = never_by_set,
     .initial = "aliases.json",
     .summary = "File of the aliases, in dir. It is read at start, and replaced when one changes.",
     .to_settings = SETTING(alias_file = value.text),
     .check = check_alias_file},
    {.name = "rdbcompression",
     .kind = boolean,
     .initial = "yes",
     .summary = "Compress strings in snapshots and in what DUMP gives, with LZF.",
     .to_targets = DATASET(rdb_compression, bool)},
    {.name = "rdbchecksum",
     .kind = boolean,
     .change = at_start,
     .initial = "yes",
     .summary = "Write a checksum at the end of a snapshot, and compare it when one is read.",
     .to_settings = SETTING(rdb_checksum = value.number != 0)},
    {.name = "rdb-version",
     .kind = choice,
     .initial = "10",
     .choices = "10 11",
     .summary = "Version of RDB that snapshots and bases of the append-only file are written in. "
                "Redis 7.0 reads up to 10; 11 keeps when consumers of streams were active. DUMP "
                "gives 10.",
     .to_settings = SETTING(rdb_version = value.text == "11" ? 11 : snapshot::kRdbVersion)},
    {.name = "rdb-save-incremental-fsync",
     .kind = boolean,
     .initial = "yes",
     .summary = "Sync a snapshot each 32 MiB, so that the disk has little left to do in the end.",
     .to_settings = SETTING(rdb_syncs_often = value.number != 0)},
    {.name = "stop-writes-on-bgsave-error",
     .kind = boolean,
     .initial = "yes",
     .summary = "Refuse writes while the last snapshot has failed and `save` asks for some.",
     .to_targets = set_stops_writes},
};

const ConfigRow kWatchingRows[] = {
    {.name = "slowlog-log-slower-than",
     .kind = integer,
     .initial = "10000",
     .min = -1,
     .summary = "Microseconds from which on a command goes to SLOWLOG. 0: every command; -1: none.",
     .to_targets =
         [](const ConfigTargets& targets, const ConfigValue& value) {
             if (targets.slowlog != nullptr) targets.slowlog->threshold_us = value.number;
         }},
    {.name = "slowlog-max-len",
     .kind = integer,
     .initial = "128",
     .summary = "Commands SLOWLOG keeps.",
     .to_targets =
         [](const ConfigTargets& targets, const ConfigValue& value) {
             if (targets.slowlog != nullptr) targets.slowlog->length_max = value.number;
         }},
    {.name = "latency-monitor-threshold",
     .kind = integer,
     .initial = "0",
     .summary = "Milliseconds from which on an event goes to LATENCY. 0: none.",
     .to_targets =
         [](const ConfigTargets& targets, const ConfigValue& value) {
             if (targets.latency != nullptr) targets.latency->threshold_ms = value.number;
         }},
    {.name = "latency-tracking",
     .kind = boolean,
     .initial = "yes",
     .summary = "Keep a histogram of the time each command takes.",
     .to_targets = set_latency_tracking},
    {.name = "latency-tracking-info-percentiles",
     .kind = percentiles,
     .initial = "50 99 99.9",
     .summary = "Percentiles of it that INFO shows."},
};

const ConfigRow kCollectionRows[] = {
    {.name = "hash-max-listpack-entries",
     .alias = "hash-max-ziplist-entries",
     .kind = integer,
     .initial = "512",
     .summary = "Fields up to which a hash is packed, if each is short enough.",
     .to_targets = DATASET(hash_max_listpack_entries, size_t)},
    {.name = "hash-max-listpack-value",
     .alias = "hash-max-ziplist-value",
     .kind = memory,
     .initial = "64",
     .summary = "Bytes up to which fields and values of a packed hash are short enough.",
     .to_targets = DATASET(hash_max_listpack_value, size_t)},
    {.name = "list-max-listpack-size",
     .alias = "list-max-ziplist-size",
     .kind = integer,
     .initial = "-2",
     .min = INT_MIN,
     .max = INT_MAX,
     .summary =
         "Size of a node of a list: a number of elements, or -1 to -5 for 4, 8, 16, 32 or 64 "
         "KiB. A list of one node is packed.",
     .to_targets = DATASET(list_max_listpack_size, int64_t)},
    {.name = "list-compress-depth",
     .kind = integer,
     .initial = "0",
     .max = INT_MAX,
     .summary = "Nodes at either end of a list that are not compressed. 0: none is compressed. It "
                "applies to lists that leave the packed form from now on.",
     .to_targets = DATASET(list_compress_depth, int32_t)},
    {.name = "set-max-intset-entries",
     .kind = integer,
     .initial = "512",
     .summary = "Members up to which a set of integers is an array of integers.",
     .to_targets = DATASET(set_max_intset_entries, size_t)},
    {.name = "set-max-listpack-entries",
     .kind = integer,
     .initial = "128",
     .summary = "Members up to which any other set is packed, if each is short enough.",
     .to_targets = DATASET(set_max_listpack_entries, size_t)},
    {.name = "set-max-listpack-value",
     .kind = memory,
     .initial = "64",
     .summary = "Bytes up to which members of a packed set are short enough.",
     .to_targets = DATASET(set_max_listpack_value, size_t)},
    {.name = "zset-max-listpack-entries",
     .alias = "zset-max-ziplist-entries",
     .kind = integer,
     .initial = "128",
     .summary = "Members a sorted set has at most while it is kept as a listpack.",
     .to_targets = DATASET(zset_max_listpack_entries, size_t)},
    {.name = "zset-max-listpack-value",
     .alias = "zset-max-ziplist-value",
     .kind = memory,
     .initial = "64",
     .summary = "Longest member of a sorted set that is kept as a listpack.",
     .to_targets = DATASET(zset_max_listpack_value, size_t)},
    {.name = "hll-sparse-max-bytes",
     .kind = memory,
     .initial = "3000",
     .summary = "Size above which a HyperLogLog becomes dense.",
     .to_targets = DATASET(hll_sparse_max_bytes, size_t)},
    {.name = "stream-node-max-bytes",
     .kind = memory,
     .initial = "4096",
     .summary = "Size from which a node of a stream is full; 0: no limit.",
     .to_targets = DATASET(stream_node_max_bytes, size_t)},
    {.name = "stream-node-max-entries",
     .kind = integer,
     .initial = "100",
     .summary = "Entries with which a node of a stream is full; 0: no limit.",
     .to_targets = DATASET(stream_node_max_entries, size_t)},
};

#undef SETTING
#undef DATASET

template <size_t N>
void append(std::vector<ConfigRow>& all, const ConfigRow (&rows)[N]) {
    all.insert(all.end(), rows, rows + N);
}

}  // namespace

std::span<const ConfigRow> active_config_rows() {
    static const std::vector<ConfigRow> kRows = [] {
        std::vector<ConfigRow> all;
        append(all, kNetworkRows);
        const auto http = http_config_rows();
        all.insert(all.end(), http.begin(), http.end());
        append(all, kGeneralRows);
        const auto diary = diary_config_rows();
        all.insert(all.end(), diary.begin(), diary.end());
        append(all, kKeyspaceRows);
        append(all, kCollectionRows);
        append(all, kSnapshotRows);
        const auto aof = aof_config_rows();
        all.insert(all.end(), aof.begin(), aof.end());
        append(all, kWatchingRows);
        return all;
    }();
    return kRows;
}

}  // namespace gyre::server
