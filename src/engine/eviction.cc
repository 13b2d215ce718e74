// SPDX-License-Identifier: BSD-3-Clause
#include "engine/eviction.h"

#include <algorithm>
#include <utility>

#include "base/memory.h"
#include "engine/events.h"
#include "store/access.h"

namespace gyre::engine {
namespace {

// Redis' scale of maxmemory-eviction-tenacity: 50 us for each point up to 10, then 15 % more for
// each, and no limit at 100.
constexpr int64_t kUsPerPoint = 50;
constexpr int32_t kLinearPoints = 10;
constexpr int32_t kUnlimitedPoints = 100;

bool is_random(EvictionPolicy policy) {
    return policy == EvictionPolicy::allkeys_random || policy == EvictionPolicy::volatile_random;
}

}  // namespace

int64_t eviction_slice_us(int32_t tenacity) {
    if (tenacity >= kUnlimitedPoints) return INT64_MAX;
    if (tenacity <= kLinearPoints) return tenacity * kUsPerPoint;
    auto slice_us = static_cast<double>(kLinearPoints * kUsPerPoint);
    for (int32_t point = kLinearPoints; point < tenacity; ++point) slice_us *= 1.15;
    return static_cast<int64_t>(slice_us);
}

int64_t Evictor::slice_us() const {
    return eviction_slice_us(dataset_.settings.eviction_tenacity.load(std::memory_order_relaxed));
}

size_t Evictor::samples() const {
    const int32_t wanted = dataset_.settings.samples.load(std::memory_order_relaxed);
    return std::min(kSamplesMax, static_cast<size_t>(wanted));
}

/// What counts against maxmemory: not the log.
int64_t Evictor::used_bytes() const {
    const log::Log* const log = executor_.effects.log();
    const int64_t used = base::used_estimate_here();
    return log == nullptr ? used : used - static_cast<int64_t>(uncounted_bytes(*log));
}

bool Evictor::is_over_memory() const {
    const int64_t limit = dataset_.settings.maxmemory_bytes.load(std::memory_order_relaxed);
    return limit != 0 && used_bytes() > limit;
}

bool Evictor::is_over_keys() const {
    if (!dataset_.counts_keys()) return false;
    // Two looks: whoever settles between them is not taken for a limit that was lowered.
    const int64_t owed_before = dataset_.owed_evictions();
    const int64_t keys = dataset_.keys_reserved();
    const int64_t owed = std::max(owed_before, dataset_.owed_evictions());
    return keys - owed > dataset_.settings.maxkeys.load(std::memory_order_relaxed);
}

Room Evictor::make_memory(int64_t now_ms, size_t preferred) {
    const int64_t start_us = clock_();
    const int64_t limit_us = slice_us();
    const int64_t until_us = start_us + std::min(limit_us, INT64_MAX - start_us);
    int64_t elapsed_us = 0;
    Room room = Room::made;
    for (size_t round = 1; is_over_memory(); ++round) {
        const bool has_drained = drain_some();
        if (!has_drained && !remove_one(now_ms, preferred, until_us)) {
            room = Room::none;
            break;
        }
        // What was deferred counts until it is freed; no lock is held here.
        executor_.reclaimer.run();
        if (!has_drained && round % kKeysPerLook != 0) continue;
        elapsed_us = clock_() - start_us;
        const bool has_repaid = used_bytes() <= floor_bytes_;
        if (elapsed_us < limit_us && !(has_repaid && turn_spent_us_ >= limit_us - elapsed_us)) {
            continue;
        }
        room = is_over_memory() ? Room::ongoing : Room::made;
        break;
    }
    turn_spent_us_ = std::min(turn_spent_us_, INT64_MAX - elapsed_us) + elapsed_us;
    floor_bytes_ = used_bytes();
    dataset_.excess().note(room != Room::made, start_us + elapsed_us);
    return room;
}

bool Evictor::expire_for_keys(int64_t wanted, int64_t maxkeys, int64_t now_ms, size_t preferred) {
    const int64_t start_us = clock_();
    const int64_t limit_us = slice_us();
    const int64_t until_us = start_us + std::min(limit_us, INT64_MAX - start_us);
    while (dataset_.keys_reserved() > maxkeys - wanted) {
        // Only one that was lowered leaves more keys than the limit. Else each pass makes room.
        const bool is_lowered = dataset_.keys_reserved() > maxkeys;
        if (is_lowered && clock_() - start_us >= limit_us) return false;
        if (!expire_some(now_ms, preferred, until_us)) return false;
    }
    return true;
}

/// Goes through shards only until there are enough: nearly always the first one will do.
bool Evictor::has_candidates(int64_t needed, size_t preferred, EvictionPolicy policy) {
    size_t total = 0;
    for (size_t step = 0; step < dataset_.shards(); ++step) {
        total += count_candidates((preferred + step) % dataset_.shards(), policy);
        if (total >= static_cast<size_t>(needed)) return true;
    }
    return false;
}

bool Evictor::owe(int64_t count, int64_t own_victims, size_t preferred) {
    const EvictionPolicy policy = dataset_.settings.policy.load(std::memory_order_relaxed);
    if (policy == EvictionPolicy::noeviction) return false;
    if (is_volatile(policy) && dataset_.lacks_deadlines()) return false;
    const int64_t owed = dataset_.owe_evictions(count);
    if (has_candidates(owed + own_victims, preferred, policy)) return true;
    dataset_.settle_evictions(count);
    if (is_volatile(policy)) remember_if_nothing_may_go(policy);
    return false;
}

void Evictor::remember_if_nothing_may_go(EvictionPolicy policy) {
    dataset_.suppose_no_deadlines();
    if (has_candidates(1, 0, policy)) {
        dataset_.note_deadline();
    } else {
        dataset_.conclude_no_deadlines();
    }
}

void Evictor::evict_keys(int64_t count, int64_t maxkeys, std::span<const store::Key> own,
                         int64_t now_ms, size_t preferred) {
    spared_ = own;
    if (own.size() > kSparedKeysScan) {
        for (const store::Key& key : own) spared_hashes_.push_back(key.hash);
        std::sort(spared_hashes_.begin(), spared_hashes_.end());
    }
    const int64_t start_us = clock_();
    const int64_t limit_us = slice_us();
    const int64_t until_us = start_us + std::min(limit_us, INT64_MAX - start_us);
    int64_t elapsed_us = 0;
    int64_t evicted = 0;
    while (dataset_.keys_reserved() > maxkeys) {
        if (evicted >= count && (!is_over_keys() || turn_spent_us_ >= limit_us - elapsed_us)) break;
        if (!remove_one(now_ms, preferred, until_us)) break;
        if (evicted < count) forgive(1);
        if (++evicted % static_cast<int64_t>(kKeysPerLook) != 0) continue;
        executor_.reclaimer.run();
        elapsed_us = clock_() - start_us;
    }
    turn_spent_us_ = std::min(turn_spent_us_, INT64_MAX - elapsed_us) + elapsed_us;
    forgive(std::max<int64_t>(count - evicted, 0));
    spared_ = {};
    std::vector<uint64_t>().swap(spared_hashes_);
}

bool Evictor::is_spared(const store::Entry& entry) const {
    if (spared_.empty()) [[likely]]
        return false;
    if (spared_.size() <= kSparedKeysScan) {
        return std::ranges::find(spared_, entry.key(), &store::Key::bytes) != spared_.end();
    }
    return std::binary_search(spared_hashes_.begin(), spared_hashes_.end(),
                              store::Key::of(entry.key()).hash);
}

bool Evictor::remove_one(int64_t now_ms, size_t preferred, int64_t until_us) {
    return expire_some(now_ms, preferred, until_us) || evict_one(now_ms, preferred);
}

/// For the memory any key helps. Of the keys that are too many each is claimed first, or several
/// threads would each remove the last of them.
bool Evictor::remove_superfluous(int64_t now_ms, int64_t until_us) {
    if (is_over_memory()) return remove_one(now_ms, kNoShard, until_us);
    const int64_t claimed = dataset_.owe_evictions(1);
    const int64_t maxkeys = dataset_.settings.maxkeys.load(std::memory_order_relaxed);
    const bool is_mine = dataset_.keys_reserved() - claimed >= maxkeys;
    const bool is_removed = is_mine && remove_one(now_ms, kNoShard, until_us);
    dataset_.settle_evictions(1);
    return is_removed;
}

bool Evictor::run_slice(int64_t now_ms) {
    if (dataset_.settings.policy.load(std::memory_order_relaxed) == EvictionPolicy::noeviction) {
        return false;
    }
    const int64_t start_us = clock_();
    const int64_t limit_us = slice_us();
    const int64_t until_us = start_us + std::min(limit_us, INT64_MAX - start_us);
    for (size_t round = 1; is_over_memory() || is_over_keys(); ++round) {
        const bool has_drained = is_over_memory() && drain_some();
        if (!has_drained && !remove_superfluous(now_ms, until_us)) return false;
        executor_.reclaimer.run();
        if (!has_drained && round % kKeysPerLook != 0) continue;
        if (clock_() - start_us >= limit_us) return true;
    }
    return false;
}

/// What was deleted or flushed and is still to be freed goes before any key that can be seen.
/// False: there is none.
bool Evictor::drain_some() {
    if (executor_.reclaimer.has_objects()) {
        executor_.reclaimer.drain(kDrainEntries);
        return true;
    }
    const size_t flushes = dataset_.flushes();
    if (flushes == drained_flushes_) return false;
    if (dataset_.drain(0, 1, kDrainEntries, executor_)) drained_flushes_ = flushes;
    return true;
}

/// A few looks under the lock, until one key has gone or nothing is due.
bool Evictor::expire_in(size_t shard, int64_t now_ms, int64_t until_us) {
    int64_t removed = 0;
    bool has_more = true;
    while (removed == 0 && has_more) {
        dataset_.lock(shard, executor_);
        store::Shard& data = dataset_.shard(shard);
        const auto on_expired = [&](const store::Entry& entry) {
            ++removed;
            dataset_.tell_of_due(shard, entry, now_ms, executor_);
        };
        const store::Entry* told = nullptr;
        const auto on_field_due = [&](const store::Entry& entry, std::string_view name) {
            dataset_.tell_of_field(shard, entry, name, executor_);
            if (std::exchange(told, &entry) != &entry) {
                dataset_.tell_of_fields(shard, entry, now_ms, executor_);
            }
        };
        const size_t work = data.expire_due(now_ms, kExpireBatch, on_expired, on_field_due);
        has_more = work >= kExpireBatch;
        if (removed == 0 && !has_more) data.expire_in_tick(now_ms, on_expired, on_field_due);
        data.statistics.expired_lazily += static_cast<uint64_t>(removed);
        if (dataset_.counts_keys()) dataset_.unreserve_keys(removed);
        dataset_.refresh_next_due(shard);
        dataset_.unlock_logged(shard, executor_);
        executor_.reclaimer.run();
        if (clock_() >= until_us) break;
    }
    return removed > 0;
}

bool Evictor::expire_some(int64_t now_ms, size_t preferred, int64_t until_us) {
    const size_t start = preferred != kNoShard ? preferred : random_.below(dataset_.shards());
    for (size_t step = 0; step < dataset_.shards(); ++step) {
        const size_t shard = (start + step) % dataset_.shards();
        if (dataset_.due_from_ms(shard) > now_ms) [[likely]]
            continue;
        if (expire_in(shard, now_ms, until_us)) return true;
        if (clock_() >= until_us) return false;
    }
    return false;
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
        default: {
            // The time of the last use rather than the time since: scores of different moments are
            // compared.
            const int64_t idle_s = store::lru_idle_ms(entry.access_word(), now_ms) / 1000;
            return static_cast<uint64_t>(INT64_MAX - (now_ms / 1000 - idle_s));
        }
    }
}

size_t Evictor::candidates(const store::Partition& partition, EvictionPolicy policy) {
    return is_volatile(policy) ? partition.with_expiry() : partition.size();
}

size_t Evictor::candidates(size_t shard, EvictionPolicy policy) {
    size_t sum = 0;
    for (size_t database = 0; database < dataset_.databases(); ++database) {
        const store::Partition* partition = dataset_.shard(shard).find_database(database);
        if (partition != nullptr) sum += candidates(*partition, policy);
    }
    return sum;
}

/// Draws from every database of a shard whose lock is held.
void Evictor::sample_shard(EvictionPool& pool, size_t shard, int64_t now_ms,
                           EvictionPolicy policy) {
    for (size_t database = 0; database < dataset_.databases(); ++database) {
        store::Partition* partition = dataset_.shard(shard).find_database(database);
        if (partition == nullptr || candidates(*partition, policy) == 0) continue;
        store::EntryRef found[kSamplesMax];
        const size_t count = is_volatile(policy)
                                 ? partition->sample_expiring(random_, found, samples())
                                 : partition->sample(random_, found, samples());
        for (size_t index = 0; index < count; ++index) {
            const store::Entry& entry = *found[index].get();
            if (is_spared(entry)) continue;
            pool.offer({.score = score(entry, now_ms, policy),
                        .token = partition->token_of(entry),
                        .shard = static_cast<uint32_t>(shard),
                        .database = static_cast<uint32_t>(database)});
        }
    }
}

Evictor::Found Evictor::fill_pool(int64_t now_ms, EvictionPolicy policy) {
    pool_.use_for(policy);
    // Start anywhere and go on until a shard has candidates; all of them without any: nothing to
    // evict.
    const size_t start = random_.below(dataset_.shards());
    size_t total = 0;
    for (size_t step = 0; step < dataset_.shards() && (total < samples() || pool_.empty());
         ++step) {
        const size_t shard = (start + step) % dataset_.shards();
        dataset_.lock(shard, executor_);
        total += candidates(shard, policy);
        sample_shard(pool_, shard, now_ms, policy);
        dataset_.unlock(shard);
    }
    if (!pool_.empty()) return Found::key;
    return total > 0 ? Found::no_key_this_time : Found::nothing;
}

void Evictor::remove(size_t shard, store::Partition& partition, const store::Key& key,
                     store::Entry* entry, int64_t now_ms) {
    store::ShardStatistics& statistics = dataset_.shard(shard).statistics;
    const bool is_expired = entry->is_expired(now_ms);
    ++(is_expired ? statistics.expired_lazily : statistics.evicted);
    dataset_.shard(shard).set_current(partition);
    dataset_.tell_of_removal(is_expired ? event::expired : event::evicted,
                             is_expired ? "expired" : "evicted", shard, *entry, now_ms, executor_);
    partition.erase(key, entry);
    if (dataset_.counts_keys()) dataset_.unreserve_keys(1);
}

/// The candidate's shard is locked. False: its key is gone or may stay, or was used meanwhile, so
/// that another comes before it; then it is back in the pool.
bool Evictor::evict_candidate(EvictionPool& pool, EvictionPool::Candidate candidate, int64_t now_ms,
                              EvictionPolicy policy) {
    store::Partition* partition = dataset_.shard(candidate.shard).find_database(candidate.database);
    store::Entry* entry = partition == nullptr ? nullptr : partition->find_token(candidate.token);
    if (entry == nullptr || (is_volatile(policy) && !entry->has_expiry())) return false;
    if (is_spared(*entry)) return false;
    const uint64_t sampled_score = std::exchange(candidate.score, score(*entry, now_ms, policy));
    if (candidate.score < sampled_score && !pool.empty() && candidate.score < pool.best().score) {
        pool.offer(candidate);
        return false;
    }
    remove(candidate.shard, *partition, partition->key_of(*entry), entry, now_ms);
    return true;
}

Evictor::Found Evictor::evict_sampled_in(size_t shard, int64_t now_ms, EvictionPolicy policy) {
    dataset_.lock(shard, executor_);
    Found found = Found::no_key_this_time;
    if (candidates(shard, policy) >= samples()) {
        EvictionPool& pool = dataset_.eviction_pool(shard);
        pool.use_for(policy);
        sample_shard(pool, shard, now_ms, policy);
        while (found != Found::key && !pool.empty()) {
            if (evict_candidate(pool, pool.take_best(), now_ms, policy)) found = Found::key;
        }
    }
    dataset_.unlock_logged(shard, executor_);
    return found;
}

/// Of the pool over all shards.
bool Evictor::evict_best(int64_t now_ms, EvictionPolicy policy) {
    bool has_evicted = false;
    while (!has_evicted && !pool_.empty()) {
        const EvictionPool::Candidate best = pool_.take_best();
        dataset_.lock(best.shard, executor_);
        has_evicted = evict_candidate(pool_, best, now_ms, policy);
        dataset_.unlock_logged(best.shard, executor_);
    }
    return has_evicted;
}

/// The shard that is to have the new key compares its own: with a pool for each it comes as near to
/// the true order as one pool for all does. (One pool for all, and keys taken from one shard only,
/// was tried: LFU lost 4.4 points of its hit ratio on Zipf 1.0, 5.1 on Zipf 0.8.) Where no shard is
/// named or that one has too few, keys are compared over all shards.
Evictor::Found Evictor::evict_sampled(int64_t now_ms, EvictionPolicy policy, size_t preferred) {
    if (preferred != kNoShard && evict_sampled_in(preferred, now_ms, policy) == Found::key) {
        return Found::key;
    }
    for (;;) {
        const Found found = fill_pool(now_ms, policy);
        if (found != Found::key) return found;
        // A pool of keys that have all gone meanwhile is no proof that nothing is left: fill it
        // again.
        if (evict_best(now_ms, policy)) return Found::key;
    }
}

/// Any key of the shard, each as likely as another whichever database it is in. (Redis goes round
/// the databases, so that a small one is empty before a large one has noticed.)
Evictor::Found Evictor::evict_random_in(size_t shard, int64_t now_ms, EvictionPolicy policy,
                                        size_t candidates_min) {
    dataset_.lock(shard, executor_);
    const size_t total = candidates(shard, policy);
    Found found = total == 0 ? Found::nothing : Found::no_key_this_time;
    size_t place = random_.below(total);
    for (size_t database = 0; total >= candidates_min && database < dataset_.databases();
         ++database) {
        store::Partition* partition = dataset_.shard(shard).find_database(database);
        const size_t here = partition == nullptr ? 0 : candidates(*partition, policy);
        if (place >= here) {
            place -= here;
            continue;
        }
        store::EntryRef drawn;
        if (!is_volatile(policy)) {
            drawn = store::EntryRef(partition->random(random_));
        } else if (partition->sample_expiring(random_, &drawn, 1) == 0) {
            break;
        }
        if (is_spared(*drawn.get())) break;
        remove(shard, *partition, partition->key_of(*drawn.get()), drawn.get(), now_ms);
        found = Found::key;
        break;
    }
    dataset_.unlock_logged(shard, executor_);
    return found;
}

Evictor::Found Evictor::evict_random(int64_t now_ms, EvictionPolicy policy, size_t preferred) {
    if (preferred != kNoShard &&
        evict_random_in(preferred, now_ms, policy, samples()) == Found::key) {
        return Found::key;
    }
    const size_t start = random_.below(dataset_.shards());
    Found result = Found::nothing;
    for (size_t step = 0; step < dataset_.shards(); ++step) {
        const Found found = evict_random_in((start + step) % dataset_.shards(), now_ms, policy, 1);
        if (found == Found::key) return found;
        if (found == Found::no_key_this_time) result = found;
    }
    return result;
}

size_t Evictor::count_candidates(size_t shard, EvictionPolicy policy) {
    dataset_.lock(shard, executor_);
    const size_t count = candidates(shard, policy);
    dataset_.unlock(shard);
    return count;
}

Evictor::Found Evictor::evict_fifo_in(size_t shard, int64_t now_ms, EvictionPolicy policy,
                                      size_t candidates_min) {
    dataset_.lock(shard, executor_);
    const size_t total = candidates(shard, policy);
    Found found = total == 0 ? Found::nothing : Found::no_key_this_time;
    if (total >= candidates_min) {
        const store::Shard::Victim victim = dataset_.shard(shard).fifo_victim(is_volatile(policy));
        if (victim.entry != nullptr && is_spared(*victim.entry)) {
            // It was used just now; else the hand would not move on from it.
            victim.entry->set_access_word(store::fifo_word::in_main(1));
        } else if (victim.entry != nullptr) {
            const store::Key key = victim.partition->key_of(*victim.entry);
            remove(shard, *victim.partition, key, victim.entry, now_ms);
            found = Found::key;
        }
    }
    dataset_.unlock_logged(shard, executor_);
    // The hand has seen only keys that may not go: any of the few that may.
    return found == Found::no_key_this_time && total >= candidates_min
               ? evict_random_in(shard, now_ms, policy, candidates_min)
               : found;
}

/// Each shard is a cache of its own. Taking from the one that is to have the new key keeps them
/// alike; otherwise the fuller of two (M. Mitzenmacher, "The power of two choices in randomized
/// load balancing", 2001), because one chosen at random would let them drift apart without bound.
Evictor::Found Evictor::evict_fifo(int64_t now_ms, EvictionPolicy policy, size_t preferred) {
    if (preferred != kNoShard &&
        evict_fifo_in(preferred, now_ms, policy, samples()) == Found::key) {
        return Found::key;
    }
    size_t start = random_.below(dataset_.shards());
    const size_t other = random_.below(dataset_.shards());
    if (count_candidates(other, policy) > count_candidates(start, policy)) start = other;
    Found result = Found::nothing;
    for (size_t step = 0; step < dataset_.shards(); ++step) {
        const Found found = evict_fifo_in((start + step) % dataset_.shards(), now_ms, policy, 1);
        if (found == Found::key) return found;
        if (found == Found::no_key_this_time) result = found;
    }
    return result;
}

/// The first key found that may go, of whatever age: where nearly all are the command's own.
Evictor::Found Evictor::evict_any(int64_t now_ms, EvictionPolicy policy) {
    const size_t start = random_.below(dataset_.shards());
    for (size_t step = 0; step < dataset_.shards(); ++step) {
        const size_t shard = (start + step) % dataset_.shards();
        dataset_.lock(shard, executor_);
        bool is_found = false;
        for (size_t database = 0; !is_found && database < dataset_.databases(); ++database) {
            store::Partition* partition = dataset_.shard(shard).find_database(database);
            if (partition == nullptr) continue;
            uint64_t cursor = 0;
            store::Entry* found = nullptr;
            do {
                cursor = partition->scan(cursor, [&](store::Entry& entry) {
                    if (may_go(entry, policy) && !is_spared(entry)) found = &entry;
                });
            } while (found == nullptr && cursor != 0);
            is_found = found != nullptr;
            if (is_found) remove(shard, *partition, partition->key_of(*found), found, now_ms);
        }
        dataset_.unlock_logged(shard, executor_);
        if (is_found) return Found::key;
    }
    return Found::nothing;
}

/// Ends: a look at a shard that has candidates and finds none of them throws stale tokens away
/// (Partition::sample_expiring()), and those are so many at most. Only spared keys could be found
/// again and again.
Evictor::Found Evictor::search(int64_t now_ms, EvictionPolicy policy, size_t preferred) {
    Found found = Found::no_key_this_time;
    for (size_t round = 0; found == Found::no_key_this_time; ++round) {
        if (!spared_.empty() && round == kSparedSearches) return evict_any(now_ms, policy);
        found = is_random(policy)   ? evict_random(now_ms, policy, preferred)
                : is_s3fifo(policy) ? evict_fifo(now_ms, policy, preferred)
                                    : evict_sampled(now_ms, policy, preferred);
    }
    return found;
}

bool Evictor::evict_one(int64_t now_ms, size_t preferred) {
    const EvictionPolicy policy = dataset_.settings.policy.load(std::memory_order_relaxed);
    if (policy == EvictionPolicy::noeviction) return false;
    if (!is_volatile(policy)) return search(now_ms, policy, preferred) == Found::key;
    // Looking through all shards for each command that finds nothing would cost more than the
    // commands.
    if (dataset_.lacks_deadlines()) return false;
    Found found = search(now_ms, policy, preferred);
    if (found != Found::nothing) return found == Found::key;
    dataset_.suppose_no_deadlines();
    found = search(now_ms, policy, preferred);
    if (found == Found::nothing) {
        dataset_.conclude_no_deadlines();
    } else {
        dataset_.note_deadline();
    }
    return found == Found::key;
}

}  // namespace gyre::engine
