// SPDX-License-Identifier: BSD-3-Clause
#include "engine/eviction.h"

#include <algorithm>

#include "base/memory.h"
#include "store/access.h"

namespace gyre::engine {
namespace {

constexpr size_t kSamplesMax = 64;

bool is_random(EvictionPolicy policy) {
    return policy == EvictionPolicy::allkeys_random || policy == EvictionPolicy::volatile_random;
}

}  // namespace

bool Evictor::is_over_memory() const {
    const int64_t limit = dataset_.settings.maxmemory_bytes.load(std::memory_order_relaxed);
    return limit != 0 && base::used_estimate() > limit;
}

bool Evictor::make_memory(int64_t now_ms) {
    while (is_over_memory()) {
        if (!drain_some() && !evict_one(now_ms)) return false;
        // What was deferred counts until it is freed; no lock is held here.
        executor_.reclaimer.run();
    }
    return true;
}

/// Keys that were flushed and are still to be freed go before any that can be seen. False: there
/// are none.
bool Evictor::drain_some() {
    const size_t flushes = dataset_.flushes();
    if (flushes == drained_flushes_) return false;
    if (dataset_.drain(0, 1, kDrainEntries, executor_)) drained_flushes_ = flushes;
    return true;
}

uint64_t Evictor::score(const store::Entry& entry, int64_t now_ms, EvictionPolicy policy) const {
    switch (policy) {
        case EvictionPolicy::allkeys_lfu:
        case EvictionPolicy::volatile_lfu: {
            const store::LfuParameters parameters{
                dataset_.settings.lfu_log_factor.load(std::memory_order_relaxed),
                dataset_.settings.lfu_decay_minutes.load(std::memory_order_relaxed)};
            return 255U - store::lfu_counter(entry.access_word(), now_ms, parameters);
        }
        case EvictionPolicy::volatile_ttl:
            // Unsigned, where deadlines far in the past do not overflow.
            return static_cast<uint64_t>(store::kNoExpiry) -
                   static_cast<uint64_t>(entry.expire_ms());
        case EvictionPolicy::allkeys_random:
        case EvictionPolicy::volatile_random:
            return 0;
        default:
            return static_cast<uint64_t>(store::lru_idle_ms(entry.access_word(), now_ms));
    }
}

/// Keeps the pool sorted by rising score; the best candidate is the last.
void Evictor::offer(uint64_t score, size_t shard, size_t database, std::string_view key) {
    const auto end = pool_.begin() + static_cast<ptrdiff_t>(pool_size_);
    for (auto one = pool_.begin(); one != end; ++one) {
        if (one->shard == shard && one->database == database && one->key == key) return;
    }
    auto place = std::find_if(pool_.begin(), end,
                              [score](const Candidate& one) { return one.score >= score; });
    if (pool_size_ == kPoolEntries) {
        if (place == pool_.begin()) return;
        // The worst one makes room: everything below the place moves down by one.
        std::rotate(pool_.begin(), pool_.begin() + 1, place);
        --place;
    } else {
        std::rotate(place, end, end + 1);
        ++pool_size_;
    }
    place->score = score;
    place->shard = shard;
    place->database = database;
    place->key.assign(key);
}

size_t Evictor::sample_volatile(store::Partition& partition, size_t wanted,
                                store::EntryRef* found) {
    size_t count = 0;
    for (size_t attempt = 0; attempt < kAttemptsPerSample && count < wanted; ++attempt) {
        store::EntryRef drawn[kSamplesMax];
        const size_t drawn_count = partition.sample(random_, drawn, wanted);
        for (size_t index = 0; index < drawn_count && count < wanted; ++index) {
            if (drawn[index]->has_expiry()) found[count++] = drawn[index];
        }
    }
    if (count > 0) return count;
    // Very few keys here have a deadline: look for them in order.
    uint64_t cursor = 0;
    do {
        cursor = partition.scan(cursor, [&](store::Entry& entry) {
            if (entry.has_expiry() && count < wanted) found[count++] = store::EntryRef(&entry);
        });
    } while (cursor != 0 && count < wanted);
    return count;
}

size_t Evictor::sample_partition(store::Partition& partition, size_t shard, size_t database,
                                 int64_t now_ms, EvictionPolicy policy) {
    const auto wanted = std::min<size_t>(
        kSamplesMax,
        static_cast<size_t>(dataset_.settings.samples.load(std::memory_order_relaxed)));
    store::EntryRef found[kSamplesMax];
    size_t count = 0;
    if (is_volatile(policy)) {
        if (partition.with_expiry() == 0) return 0;
        count = sample_volatile(partition, wanted, found);
    } else {
        if (partition.size() == 0) return 0;
        count = partition.sample(random_, found, wanted);
    }
    for (size_t index = 0; index < count; ++index) {
        offer(score(*found[index].get(), now_ms, policy), shard, database, found[index]->key());
    }
    return is_volatile(policy) ? partition.with_expiry() : partition.size();
}

size_t Evictor::sample_shard(size_t shard, int64_t now_ms, EvictionPolicy policy) {
    size_t candidates = 0;
    dataset_.lock(shard, executor_);
    for (size_t database = 0; database < dataset_.databases(); ++database) {
        store::Partition* partition = dataset_.shard(shard).find_database(database);
        if (partition == nullptr) continue;
        candidates += sample_partition(*partition, shard, database, now_ms, policy);
    }
    dataset_.unlock(shard);
    return candidates;
}

bool Evictor::fill_pool(int64_t now_ms, EvictionPolicy policy, size_t preferred) {
    if (policy != pool_policy_ || is_random(policy)) pool_size_ = 0;
    pool_policy_ = policy;
    const auto samples =
        static_cast<size_t>(dataset_.settings.samples.load(std::memory_order_relaxed));
    if (preferred != kNoShard && sample_shard(preferred, now_ms, policy) >= samples) return true;
    // Start anywhere and go on until a shard has candidates; all of them without any: nothing to
    // evict.
    const size_t start = random_.below(dataset_.shards());
    size_t candidates = 0;
    for (size_t step = 0; step < dataset_.shards() && candidates < samples; ++step) {
        candidates += sample_shard((start + step) % dataset_.shards(), now_ms, policy);
    }
    return pool_size_ > 0;
}

/// Evicts the best of the pool (of the preferred shard, if given and present there) that still
/// exists.
bool Evictor::evict_best(int64_t now_ms, size_t preferred) {
    while (pool_size_ > 0) {
        size_t chosen = pool_size_ - 1;
        for (size_t index = pool_size_; preferred != kNoShard && index-- > 0;) {
            if (pool_[index].shard != preferred) continue;
            chosen = index;
            break;
        }
        const size_t shard = pool_[chosen].shard;
        const size_t database = pool_[chosen].database;
        const std::string name = pool_[chosen].key;
        std::rotate(pool_.begin() + static_cast<ptrdiff_t>(chosen),
                    pool_.begin() + static_cast<ptrdiff_t>(chosen) + 1,
                    pool_.begin() + static_cast<ptrdiff_t>(pool_size_));
        --pool_size_;
        const store::Key key = store::Key::of(name);
        dataset_.lock(shard, executor_);
        store::Partition* partition = dataset_.shard(shard).find_database(database);
        store::Entry* entry = partition == nullptr ? nullptr : partition->find(key);
        const bool may_go = entry != nullptr && (!is_volatile(pool_policy_) || entry->has_expiry());
        if (may_go) {
            store::ShardStatistics& statistics = dataset_.shard(shard).statistics;
            ++(entry->is_expired(now_ms) ? statistics.expired_lazily : statistics.evicted);
            partition->erase(key, entry);
            if (dataset_.counts_keys()) dataset_.unreserve_keys(1);
        }
        dataset_.unlock(shard);
        if (may_go) return true;
    }
    return false;
}

bool Evictor::evict_one(int64_t now_ms, size_t preferred) {
    const EvictionPolicy policy = dataset_.settings.policy.load(std::memory_order_relaxed);
    if (policy == EvictionPolicy::noeviction) return false;
    // A pool of keys that have all gone meanwhile is no proof that nothing is left: fill it again.
    while (fill_pool(now_ms, policy, preferred)) {
        if (evict_best(now_ms, preferred)) return true;
    }
    return false;
}

}  // namespace gyre::engine
