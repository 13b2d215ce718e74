// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the configuration says about the data set. Written by CONFIG SET on one thread, read by all
// on the hot path.
//
// Threads: any; each value is an atomic of its own and read relaxed.

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gyre::engine {

/// maxmemory-policy. What every use of a key asks of it is one bit: 4, the access word counts uses;
/// 8, only keys with a deadline may go.
enum class EvictionPolicy : uint8_t {
    noeviction = 0,
    allkeys_lru = 1,
    allkeys_random = 2,
    allkeys_lfu = 4,
    allkeys_s3fifo = 5,
    volatile_lru = 8,
    volatile_random = 9,
    volatile_ttl = 10,
    volatile_lfu = 12,
    volatile_s3fifo = 13,
};
const char* policy_name(EvictionPolicy policy);
std::optional<EvictionPolicy> policy_from_name(std::string_view name);
inline bool is_lfu(EvictionPolicy policy) {
    return policy == EvictionPolicy::allkeys_lfu || policy == EvictionPolicy::volatile_lfu;
}
inline bool is_s3fifo(EvictionPolicy policy) {
    return policy == EvictionPolicy::allkeys_s3fifo || policy == EvictionPolicy::volatile_s3fifo;
}
/// The access word counts uses; under other policies it holds the clock of the last one.
inline bool counts_uses(EvictionPolicy policy) { return (static_cast<unsigned>(policy) & 4) != 0; }
inline bool is_volatile(EvictionPolicy policy) { return (static_cast<unsigned>(policy) & 8) != 0; }

/// Access word of a key that is made now; Executor::initial_access_word.
uint32_t initial_access_word(EvictionPolicy policy, int64_t now_ms);
/// How long an eviction may hold up others under maxmemory-eviction-tenacity; INT64_MAX at 100.
int64_t eviction_slice_us(int32_t tenacity);

/// Why commands are refused just now: bits of Settings::refusals.
namespace refusal {
inline constexpr uint32_t loading = 1U << 0;      ///< the data is being read
inline constexpr uint32_t save_failed = 1U << 1;  ///< stop-writes-on-bgsave-error
}  // namespace refusal

struct Settings {
    /// One word, so that a command that nothing stands against asks one question.
    std::atomic<uint32_t> refusals{0};
    std::atomic<bool> rdb_compression{true};
    std::atomic<int64_t> maxmemory_bytes{0};  ///< 0: no limit
    std::atomic<int64_t> maxkeys{0};          ///< 0: no limit
    /// Set by Dataset::set_policy() where an s3fifo policy may be meant.
    std::atomic<EvictionPolicy> policy{EvictionPolicy::noeviction};
    std::atomic<int32_t> samples{5};
    std::atomic<int32_t> eviction_tenacity{10};
    std::atomic<int32_t> lfu_log_factor{10};
    std::atomic<int32_t> lfu_decay_minutes{1};
    std::atomic<int64_t> default_ttl_seconds{0};  ///< 0: none
    std::atomic<bool> active_expire{true};        ///< DEBUG SET-ACTIVE-EXPIRE
    std::atomic<uint32_t> notified_events{0};     ///< bits of event::, those of db-updates too
    std::atomic<int64_t> proto_max_bulk_len{512LL * 1024 * 1024};

    // How far a transaction begun with BEGIN may go; 0: no limit.
    std::atomic<int64_t> transaction_max_keys{100'000};  ///< names it has touched
    std::atomic<int64_t> transaction_max_bytes{256LL << 20};
    std::atomic<int64_t> transaction_max_ms{60'000};

    // Up to what size collections are packed.
    std::atomic<size_t> hash_max_listpack_entries{512};
    std::atomic<size_t> hash_max_listpack_value{64};
    std::atomic<size_t> set_max_intset_entries{512};
    std::atomic<size_t> set_max_listpack_entries{128};
    std::atomic<size_t> set_max_listpack_value{64};
    std::atomic<int64_t> list_max_listpack_size{-2};  ///< see types::ListLimit
    std::atomic<int32_t> list_compress_depth{0};
    std::atomic<size_t> zset_max_listpack_entries{128};
    std::atomic<size_t> zset_max_listpack_value{64};
    std::atomic<size_t> hll_sparse_max_bytes{3000};
    std::atomic<size_t> stream_node_max_bytes{4096};
    std::atomic<size_t> stream_node_max_entries{100};
};

}  // namespace gyre::engine
