// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Looks at servers as --watch takes them, for its tests.

#include <string>
#include <utility>

#include "cli/watch_history.h"
#include "unit/cli/reply_maker.h"

namespace gyre::cli {

/// INFO of a Gyre that has served so many GETs, and half as many HSETs.
inline std::string gyre_info(int64_t gets, const std::string& more = "") {
    const int64_t sets = gets / 2;
    return "# Server\r\nredis_version:7.2.4\r\ngyre_version:0.1.0\r\ngyre_threads:2\r\n"
           "uptime_in_seconds:93784\r\n"
           "# Clients\r\nconnected_clients:12\r\nblocked_clients:3\r\ntracking_clients:0\r\n"
           "# Memory\r\nused_memory:1048576\r\nused_memory_rss:4194304\r\n"
           "used_memory_peak:2097152\r\nused_memory_dataset:5\r\nused_memory_keyspace:786432\r\n"
           "used_memory_index:262144\r\nused_memory_wheel:0\r\nmaxmemory:0\r\n"
           "# Stats\r\ntotal_commands_processed:" +
           std::to_string(gets + sets) + "\r\nkeyspace_hits:" + std::to_string(gets * 3 / 4) +
           "\r\nkeyspace_misses:" + std::to_string(gets / 4) +
           "\r\ntotal_net_input_bytes:" + std::to_string(gets * 1024) +
           "\r\ntotal_net_output_bytes:" + std::to_string(gets * 2048) +
           "\r\nexpired_keys:" + std::to_string(gets / 10) +
           "\r\nevicted_keys:0\r\n"
           "# Commandstats\r\ncmdstat_get:calls=" +
           std::to_string(gets) + ",usec=" + std::to_string(gets * 2) +
           ",usec_per_call=2.00\r\ncmdstat_hset:calls=" + std::to_string(sets) +
           ",usec=" + std::to_string(sets * 4) +
           ",usec_per_call=4.00\r\n"
           "# Latencystats\r\nlatency_percentiles_usec_get:p50=1.003,p99=5.023,p99.9=12.031\r\n"
           "# Expiry\r\nexpiry_keys_with_ttl:400\r\nexpiry_backlog:7\r\n"
           "expiry_lateness_p50_ms:4\r\nexpiry_lateness_p99_ms:8\r\nexpiry_lateness_max_ms:12\r\n" +
           more +
           "# Keyspace\r\ndb0:keys=900,expires=300,avg_ttl=1\r\ndb3:keys=100,expires=100\r\n";
}

/// INFO EVERYTHING of redis-server 7.0 with what matters here.
inline std::string redis_info(int64_t calls) {
    return "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:5\r\n"
           "# Clients\r\nconnected_clients:1\r\nblocked_clients:0\r\n"
           "# Memory\r\nused_memory:1048576\r\nused_memory_startup:524288\r\n"
           "used_memory_dataset:262144\r\nmem_clients_normal:1800\r\nmaxmemory:1048576\r\n"
           "# Stats\r\ntotal_commands_processed:" +
           std::to_string(calls) +
           "\r\nexpired_keys:0\r\n"
           "# Commandstats\r\ncmdstat_get:calls=" +
           std::to_string(calls) + ",usec=" + std::to_string(calls) +
           ",usec_per_call=1.00\r\n"
           "# Keyspace\r\ndb0:keys=4,expires=2,avg_ttl=0\r\n";
}

/// LATENCY HISTOGRAM with one command, whose steps are given as edge and calls up to it.
inline Reply histogram_of(const std::string& command,
                          const std::vector<std::pair<int64_t, int64_t>>& steps) {
    std::vector<Reply> numbers;
    for (const auto& [edge, calls] : steps) {
        numbers.push_back(integer(edge));
        numbers.push_back(integer(calls));
    }
    return map({bulk(command), map({bulk("calls"), integer(steps.empty() ? 0 : steps.back().second),
                                    bulk("histogram_usec"), map(std::move(numbers))})});
}

inline WatchSample sample_of(double at_s, const std::string& info) {
    WatchSample sample;
    sample.at_s = at_s;
    sample.read_info(info);
    return sample;
}

}  // namespace gyre::cli
