// SPDX-License-Identifier: BSD-3-Clause
#include "engine/expiry.h"

#include <algorithm>
#include <utility>

#include "engine/events.h"
#include "types/hash.h"

namespace gyre::engine {

void ExpiryCycle::run_shard(size_t shard, int64_t now_ms, int64_t deadline_us) {
    bool has_more = true;
    while (has_more) {
        uint64_t removed = 0;
        base::Histogram* lateness = &statistics_.lateness_ms;
        const auto on_expired = [&](const store::Entry& entry) {
            ++removed;
            dataset_.tell_of_due(shard, entry, now_ms, executor_);
            // That of a hash without fields was recorded with its last one.
            if (!entry.is_expired(now_ms)) return;
            lateness->record(now_ms - std::max<int64_t>(entry.expire_ms(), 0));
        };
        const store::Entry* told = nullptr;
        const auto on_field_due = [&](const store::Entry& entry, std::string_view name) {
            dataset_.tell_of_field(shard, entry, name, executor_);
            if (std::exchange(told, &entry) != &entry) {
                dataset_.tell_of_fields(shard, entry, now_ms, executor_);
            }
            const auto& hash = static_cast<const types::Hash&>(*entry.object());
            lateness->record(now_ms - std::max<int64_t>(hash.nearest_deadline_ms(), 0));
        };
        {
            // In this order: INFO within a transaction holds all shards and then asks for figures.
            dataset_.lock(shard, executor_);
            const std::lock_guard hold(mutex_);
            store::Shard& data = dataset_.shard(shard);
            data.expire_due(now_ms, kBatch, on_expired, on_field_due);
            data.statistics.expired_actively += removed;
            if (removed > 0 && dataset_.counts_keys()) {
                dataset_.unreserve_keys(static_cast<int64_t>(removed));
            }
            dataset_.refresh_next_due(shard);
            dataset_.unlock_logged(shard, executor_);
            statistics_.removed += removed;
        }
        executor_.reclaimer.run();
        has_more = dataset_.next_due_ms(shard) <= now_ms;
        if (clock_() >= deadline_us) return;
    }
}

/// What is due in one shard is a dozen keys whose memory is cold, too few to overlap what they wait
/// for: so while one shard is worked on, the memory of the next ones is on its way.
void ExpiryCycle::hint_shards_ahead(size_t shards, int64_t now_ms) {
    for (unsigned step = 0; step < store::kDueHints; ++step) {
        const size_t ahead = next_shard_ + store::kDueHints - step;
        if (ahead >= shards) continue;
        const size_t shard = index_ + ahead * dataset_.threads();
        if (dataset_.next_due_ms(shard) > now_ms || !dataset_.try_lock(shard, executor_)) continue;
        dataset_.shard(shard).hint_due(now_ms, static_cast<store::DueHint>(step));
        dataset_.unlock(shard);
    }
}

bool ExpiryCycle::run(int64_t now_ms, bool is_busy) {
    if (!dataset_.settings.active_expire.load(std::memory_order_relaxed)) return false;
    if (next_due_ms() > now_ms) return false;
    const size_t mine = shards_here();
    const int64_t start_us = clock_();
    const int64_t deadline_us = start_us + (is_busy ? kBusySliceUs : kIdleSliceUs);
    for (size_t visited = 0; visited < mine; ++visited) {
        const size_t shard = index_ + next_shard_ * dataset_.threads();
        hint_shards_ahead(mine, now_ms);
        if (dataset_.next_due_ms(shard) <= now_ms) run_shard(shard, now_ms, deadline_us);
        next_shard_ = (next_shard_ + 1) % mine;
        if (clock_() >= deadline_us) break;
    }
    const bool has_more = dataset_.refresh_soonest_due(index_) <= now_ms;
    const std::lock_guard hold(mutex_);
    statistics_.cpu_us += static_cast<uint64_t>(clock_() - start_us);
    if (has_more) ++statistics_.cut_short;
    return has_more;
}

int64_t ExpiryCycle::backlog(int64_t now_ms) {
    int64_t sum = 0;
    size_t lookups = store::Partition::kBacklogLookups;
    for (size_t shard = index_; shard < dataset_.shards(); shard += dataset_.threads()) {
        dataset_.lock(shard, executor_);
        store::Shard& data = dataset_.shard(shard);
        for (size_t database = 0; database < data.databases(); ++database) {
            const store::Partition* partition = data.find_database(database);
            sum += partition == nullptr ? 0 : partition->backlog(now_ms, lookups);
        }
        dataset_.unlock(shard);
    }
    return sum;
}

ExpiryStatistics ExpiryCycle::statistics() const {
    const std::lock_guard hold(mutex_);
    return statistics_;
}

void ExpiryCycle::reset_statistics() {
    const std::lock_guard hold(mutex_);
    statistics_ = {};
}

}  // namespace gyre::engine
