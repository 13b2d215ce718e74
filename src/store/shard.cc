// SPDX-License-Identifier: BSD-3-Clause
#include "store/shard.h"

#include <algorithm>
#include <cstddef>

#include "base/memory.h"

namespace gyre::store {

void Reclaimer::run() {
    // release() can only free memory, never add here: no loop needed.
    for (base::SharedBytes* block : blocks_) block->release();
    blocks_.clear();
    for (Entry* entry : entries_) base::release(base::Purpose::keyspace, entry);
    entries_.clear();
}

Shard::Shard(size_t databases, uint64_t seed)
    : databases_(std::make_unique<std::unique_ptr<Partition>[]>(databases)),
      database_count_(static_cast<uint32_t>(databases)),
      random_(seed) {}

Shard::~Shard() {
    // Whoever held the lock last is gone by now, and its reclaimer too.
    reclaimer = nullptr;
    // The slab, which entries go back to, stands behind the databases and would go first.
    databases_.reset();
    detached_.clear();
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
inline void Shard::check_layout() {
    static_assert(offsetof(Shard, databases_) == 0);
    static_assert(offsetof(Shard, initial_access_word) < kHotBytes);
    static_assert(offsetof(Shard, statistics.keyspace_hits) + 8 <= kHotBytes);
    static_assert(offsetof(Shard, statistics.changes) + 8 <= kHotBytes);
}
#pragma GCC diagnostic pop

Partition& Shard::database(size_t index, int64_t now_ms) {
    auto& partition = databases_[index];
    if (!partition) [[unlikely]]
        partition = std::make_unique<Partition>(*this, now_ms);
    return *partition;
}

void Shard::detach_database(size_t index) {
    std::unique_ptr<Partition> partition = std::move(databases_[index]);
    if (!partition) return;
    remove_timed(*partition);
    if (!partition->is_drained()) detached_.push_back(std::move(partition));
}

bool Shard::drain(size_t budget) {
    while (!detached_.empty() && budget > 0) {
        Partition& last = *detached_.back();
        budget -= std::min(budget, last.drain(budget) + 1);
        if (last.is_drained()) detached_.pop_back();
    }
    return detached_.empty();
}

size_t Shard::detached_entries() const {
    size_t entries = 0;
    for (const auto& partition : detached_) entries += partition->size();
    return entries;
}

size_t Shard::detached_wheel_bytes() const {
    size_t bytes = 0;
    for (const auto& partition : detached_) bytes += partition->wheel_bytes();
    return bytes;
}

void Shard::add_timed(Partition& partition) {
    if (partition.timed_place_ != SIZE_MAX) return;
    partition.timed_place_ = timed_.size();
    timed_.push_back(&partition);
}

void Shard::remove_timed(Partition& partition) {
    if (partition.timed_place_ == SIZE_MAX) return;
    // The last one takes its place.
    timed_.back()->timed_place_ = partition.timed_place_;
    timed_[partition.timed_place_] = timed_.back();
    timed_.pop_back();
    partition.timed_place_ = SIZE_MAX;
}

size_t Shard::expire_due(int64_t now_ms, size_t budget,
                         const std::function<void(const Entry&)>& on_expired) {
    size_t work = 0;
    for (size_t visited = 0; visited < timed_.size() && work < budget; ++visited) {
        if (next_timed_ >= timed_.size()) next_timed_ = 0;
        work += timed_[next_timed_++]->expire_due(now_ms, budget - work, on_expired);
    }
    return work;
}

int64_t Shard::next_due_ms() const {
    int64_t due = INT64_MAX;
    for (const Partition* partition : timed_) due = std::min(due, partition->next_due_ms());
    return due;
}

size_t Shard::keys() const {
    size_t keys = 0;
    for (const auto& partition : all_databases()) keys += partition ? partition->size() : 0;
    return keys;
}

}  // namespace gyre::store
