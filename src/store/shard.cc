// SPDX-License-Identifier: BSD-3-Clause
#include "store/shard.h"

#include <algorithm>

namespace gyre::store {

void Reclaimer::run() {
    // release() can only free memory, never add here: no loop needed.
    for (base::SharedBytes* block : blocks_) block->release();
    blocks_.clear();
}

Shard::Shard(size_t databases, uint64_t seed) : databases_(databases), random_(seed) {}

// Whoever held the lock last is gone by now, and its reclaimer too.
Shard::~Shard() { reclaimer = nullptr; }

Partition& Shard::database(size_t index, int64_t now_ms) {
    auto& partition = databases_[index];
    if (!partition) [[unlikely]]
        partition = std::make_unique<Partition>(*this, now_ms);
    return *partition;
}

void Shard::detach_database(size_t index) {
    if (databases_[index] && databases_[index]->size() > 0) {
        detached_.push_back(std::move(databases_[index]));
    }
    databases_[index].reset();
}

bool Shard::drain(size_t budget) {
    while (!detached_.empty() && budget > 0) {
        Partition& last = *detached_.back();
        budget -= std::min(budget, last.drain(budget) + 1);
        if (last.size() == 0) detached_.pop_back();
    }
    return detached_.empty();
}

size_t Shard::detached_entries() const {
    size_t entries = 0;
    for (const auto& partition : detached_) entries += partition->size();
    return entries;
}

int64_t Shard::next_due_ms() const {
    int64_t due = INT64_MAX;
    for (const auto& partition : databases_) {
        if (partition) due = std::min(due, partition->next_due_ms());
    }
    return due;
}

size_t Shard::keys() const {
    size_t keys = 0;
    for (const auto& partition : databases_) keys += partition ? partition->size() : 0;
    return keys;
}

}  // namespace gyre::store
