// SPDX-License-Identifier: BSD-3-Clause

// INFO memory.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/memory.h"
#include "server/info.h"
#include "server/server.h"

namespace gyre::server {
namespace {

using enum InfoKind;
using enum InfoUnit;

std::string zero(InfoSource&) { return "0"; }

std::string quotient(int64_t part, int64_t whole) {
    return fmt::format("{:.2f}",
                       whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole));
}

std::string percentage(int64_t part, int64_t whole) {
    return fmt::format(
        "{:.2f}%", whole <= 0 ? 0.0 : static_cast<double>(part) * 100 / static_cast<double>(whole));
}

int64_t system_bytes() {
    return static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
}

int64_t maxmemory(InfoSource& source) {
    return source.server.dataset().settings.maxmemory_bytes.load(std::memory_order_relaxed);
}

template <base::Purpose kPurpose>
std::string used_for(InfoSource&) {
    return std::to_string(base::used(kPurpose));
}

template <store::Type kType>
std::string bytes_of(InfoSource& source) {
    return std::to_string(source.keyspace().of(kType).bytes);
}

template <store::Type kType>
std::string keys_of(InfoSource& source) {
    return std::to_string(source.keyspace().of(kType).keys);
}

#define MEMORY(expression)                          \
    [](InfoSource& source) -> std::string {         \
        const MemorySums& memory = source.memory(); \
        return expression;                          \
    }
#define BYTES(expression) MEMORY(std::to_string(expression))

const InfoMetric kMetrics[] = {
    {"used_memory", gauge, bytes, "Handed out for all purposes", BYTES(memory.used)},
    {"used_memory_human", gauge, text, "The same for people", MEMORY(human_bytes(memory.used))},
    {"used_memory_rss", gauge, bytes, "Resident, as the kernel counts", BYTES(memory.resident)},
    {"used_memory_rss_human", gauge, text, "The same for people",
     MEMORY(human_bytes(memory.resident))},
    {"used_memory_peak", gauge, bytes, "Most that was in use at once", BYTES(memory.peak)},
    {"used_memory_peak_human", gauge, text, "The same for people",
     MEMORY(human_bytes(memory.peak))},
    {"used_memory_peak_perc", gauge, text, "Now in use, of the peak",
     MEMORY(percentage(memory.used, memory.peak))},
    {"used_memory_overhead", gauge, bytes, "In use for all but keys and values",
     BYTES(memory.overhead)},
    {"used_memory_startup", gauge, bytes, "In use right after the start", BYTES(memory.startup)},
    {"used_memory_dataset", gauge, bytes, "In use for keys and values", BYTES(memory.dataset)},
    {"used_memory_dataset_perc", gauge, text, "The same, of what came after the start",
     MEMORY(percentage(memory.dataset, memory.used - memory.startup))},
    {"used_memory_keyspace", gauge, bytes, "Entries and the values they own",
     used_for<base::Purpose::keyspace>},
    {"used_memory_type_string", gauge, bytes, "Of the entries and values: strings",
     bytes_of<store::Type::string>},
    {"used_memory_type_list", gauge, bytes, "Of the entries and values: lists",
     bytes_of<store::Type::list>},
    {"used_memory_type_set", gauge, bytes, "Of the entries and values: sets",
     bytes_of<store::Type::set>},
    {"used_memory_type_zset", gauge, bytes, "Of the entries and values: sorted sets",
     bytes_of<store::Type::zset>},
    {"used_memory_type_hash", gauge, bytes, "Of the entries and values: hashes",
     bytes_of<store::Type::hash>},
    {"used_memory_type_stream", gauge, bytes, "Of the entries and values: streams",
     bytes_of<store::Type::stream>},
    {"keys_type_string", gauge, count, "Keys that hold strings", keys_of<store::Type::string>},
    {"keys_type_list", gauge, count, "Keys that hold lists", keys_of<store::Type::list>},
    {"keys_type_set", gauge, count, "Keys that hold sets", keys_of<store::Type::set>},
    {"keys_type_zset", gauge, count, "Keys that hold sorted sets", keys_of<store::Type::zset>},
    {"keys_type_hash", gauge, count, "Keys that hold hashes", keys_of<store::Type::hash>},
    {"keys_type_stream", gauge, count, "Keys that hold streams", keys_of<store::Type::stream>},
    {"used_memory_index", gauge, bytes, "Buckets and directories of the hash tables",
     used_for<base::Purpose::index>},
    {"used_memory_wheel", gauge, bytes, "Timer wheels", used_for<base::Purpose::wheel>},
    {"used_memory_clients", gauge, bytes, "Connections, their input and output",
     used_for<base::Purpose::clients>},
    {"used_memory_log", gauge, bytes, "Effect log", used_for<base::Purpose::log>},
    {"used_memory_backlog", gauge, bytes, "Replication backlog", used_for<base::Purpose::backlog>},
    {"used_memory_pubsub", gauge, bytes, "Channels and subscriptions",
     used_for<base::Purpose::pubsub>},
    {"used_memory_snapshot", gauge, bytes, "Snapshot buffers", used_for<base::Purpose::snapshot>},
    {"used_memory_eviction", gauge, bytes, "Queues of the s3fifo policies",
     used_for<base::Purpose::eviction>},
    {"used_memory_other", gauge, bytes, "Everything else", used_for<base::Purpose::other>},
    {"allocator_allocated", gauge, bytes, "Handed out", BYTES(memory.used)},
    {"allocator_active", gauge, bytes, "Obtained from malloc and mmap", BYTES(memory.obtained)},
    {"allocator_resident", gauge, bytes, "Resident", BYTES(memory.resident)},
    {"total_system_memory", fact, bytes, "Memory of the machine",
     [](InfoSource&) { return std::to_string(system_bytes()); }},
    {"total_system_memory_human", fact, text, "The same for people",
     [](InfoSource&) { return human_bytes(system_bytes()); }},
    {"used_memory_lua", gauge, bytes, "Scripts; there are none", zero},
    {"used_memory_vm_eval", gauge, bytes, "Scripts; there are none", zero},
    {"used_memory_lua_human", gauge, text, "Scripts; there are none",
     [](InfoSource&) { return human_bytes(0); }},
    {"used_memory_scripts_eval", gauge, bytes, "Scripts; there are none", zero},
    {"number_of_cached_scripts", gauge, count, "Scripts; there are none", zero},
    {"number_of_functions", gauge, count, "Functions; there are none", zero},
    {"number_of_libraries", gauge, count, "Functions; there are none", zero},
    {"used_memory_vm_functions", gauge, bytes, "Functions; there are none", zero},
    {"used_memory_vm_total", gauge, bytes, "Scripts and functions; there are none", zero},
    {"used_memory_vm_total_human", gauge, text, "Scripts and functions; there are none",
     [](InfoSource&) { return human_bytes(0); }},
    {"used_memory_functions", gauge, bytes, "Functions; there are none", zero},
    {"used_memory_scripts", gauge, bytes, "Scripts; there are none", zero},
    {"used_memory_scripts_human", gauge, text, "Scripts; there are none",
     [](InfoSource&) { return human_bytes(0); }},
    {"maxmemory", gauge, bytes, "Limit; 0: none",
     [](InfoSource& source) { return std::to_string(maxmemory(source)); }},
    {"maxmemory_human", gauge, text, "The same for people",
     [](InfoSource& source) { return human_bytes(maxmemory(source)); }},
    {"maxmemory_policy", gauge, text, "What goes when the limit is reached",
     [](InfoSource& source) -> std::string {
         return engine::policy_name(source.server.dataset().settings.policy.load());
     }},
    {"allocator_frag_ratio", gauge, ratio, "Obtained, by what is handed out",
     MEMORY(quotient(memory.obtained, memory.used))},
    {"allocator_frag_bytes", gauge, bytes, "Obtained and not handed out",
     BYTES(memory.obtained - memory.used)},
    {"allocator_rss_ratio", gauge, ratio, "Resident, by what is obtained",
     MEMORY(quotient(memory.resident, memory.obtained))},
    {"allocator_rss_bytes", gauge, bytes, "Resident beyond what is obtained",
     BYTES(memory.resident - memory.obtained)},
    {"rss_overhead_ratio", gauge, ratio, "Resident of the process, by the allocator's",
     MEMORY(quotient(memory.resident, memory.resident))},
    {"rss_overhead_bytes", gauge, bytes, "Resident beyond the allocator", zero},
    {"mem_fragmentation_ratio", gauge, ratio, "Resident, by what is handed out",
     MEMORY(quotient(memory.resident, memory.used))},
    {"mem_fragmentation_bytes", gauge, bytes, "Resident beyond what is handed out",
     BYTES(memory.resident - memory.used)},
    {"mem_not_counted_for_evict", gauge, bytes, "In use and not counted against maxmemory: the log",
     [](InfoSource& source) {
         const log::Log* log = source.server.append_only().log();
         return std::to_string(log == nullptr ? 0 : engine::uncounted_bytes(*log));
     }},
    {"mem_replication_backlog", gauge, bytes, "Replication; there is none", zero},
    {"mem_total_replication_buffers", gauge, bytes, "Replication; there is none", zero},
    {"mem_clients_slaves", gauge, bytes, "Replication; there is none", zero},
    {"mem_clients_normal", gauge, bytes, "Connections, their input and output",
     used_for<base::Purpose::clients>},
    {"mem_cluster_links", gauge, bytes, "Cluster; there is none", zero},
    {"mem_aof_buffer", gauge, bytes, "Of the log", used_for<base::Purpose::log>},
    {"mem_allocator", fact, text, "Name of the allocator",
     [](InfoSource&) -> std::string { return base::allocator_name(); }},
    {"active_defrag_running", gauge, count, "Defragmentation; there is none", zero},
    {"lazyfree_pending_objects", gauge, count,
     "Flushed keys and large collections that are not yet freed",
     [](InfoSource& source) {
         return std::to_string(source.keyspace().detached_entries +
                               store::Reclaimer::pending_objects());
     }},
    {"lazyfreed_objects", counter, count,
     "Flushed keys and large collections that were freed in the background",
     [](InfoSource& source) {
         return std::to_string(source.server.dataset().drained_entries() +
                               store::Reclaimer::freed_objects());
     }},
};

#undef BYTES
#undef MEMORY

}  // namespace

std::span<const InfoMetric> memory_metrics() { return kMetrics; }

}  // namespace gyre::server
