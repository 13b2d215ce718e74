// SPDX-License-Identifier: BSD-3-Clause
#include "store/partition.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/memory.h"
#include "store/shard.h"

namespace gyre::store {

Partition::Partition(Shard& shard, size_t number, int64_t now_ms)
    : shard_(shard),
      table_(EntryPolicy{}),
      now_ms_(now_ms),
      number_(number),
      saved_mark_(shard.save_mark()) {}

Partition::~Partition() {
    table_.clear([this](EntryRef reference) {
        Entry* entry = reference.get();
        count_out(*entry);
        release_value(entry);
        free_memory(entry, entry->size());
    });
}

Entry* Partition::find(const Key& key) const {
    const auto position = table_.find(
        index_hash(key), [&](EntryRef reference) { return reference->key() == key.bytes; });
    return position ? table_.at(position).get() : nullptr;
}

Partition::Table::Position Partition::position_of(const Key& key, const Entry* entry) const {
    const auto position = table_.find(
        index_hash(key), [entry](EntryRef reference) { return reference.get() == entry; });
    DCHECK(position);
    return position;
}

void* Partition::allocate(size_t bytes) {
    if (bytes > containers::kSlabBytesMax) return base::allocate(base::Purpose::keyspace, bytes);
    base::account(base::Purpose::keyspace,
                  static_cast<int64_t>(containers::Slab::class_bytes(bytes)));
    return shard_.slab().allocate(bytes);
}

void Partition::free_memory(Entry* entry, size_t bytes) {
    if (bytes > containers::kSlabBytesMax) {
        if (shard_.reclaimer != nullptr && bytes >= Reclaimer::kDeferBytes) {
            shard_.reclaimer->add(entry);
        } else {
            base::release(base::Purpose::keyspace, entry);
        }
        return;
    }
    base::account(base::Purpose::keyspace,
                  -static_cast<int64_t>(containers::Slab::class_bytes(bytes)));
    shard_.slab().release(entry, bytes);
}

void Partition::count_in(Entry& entry) {
    TypeTally& tally = tallies_[static_cast<size_t>(entry.type())];
    ++tally.keys;
    tally.bytes += static_cast<int64_t>(footprint(entry));
    count_fields(entry);
    if (!entry.has_expiry()) return;
    ++with_expiry_;
    deadline_sum_ms_ += static_cast<double>(entry.expire_ms());
}

void Partition::count_out(Entry& entry) {
    TypeTally& tally = tallies_[static_cast<size_t>(entry.type())];
    --tally.keys;
    tally.bytes -= static_cast<int64_t>(footprint(entry));
    if (entry.has(Entry::times_fields)) {
        entry.set(Entry::times_fields, false);
        --with_timed_fields_;
    }
    if (!entry.has_expiry()) return;
    --with_expiry_;
    deadline_sum_ms_ =
        with_expiry_ == 0 ? 0 : deadline_sum_ms_ - static_cast<double>(entry.expire_ms());
}

void Partition::insert(const Key& key, Entry* entry) {
    table_.insert(index_hash(key), EntryRef(entry));
    if (shard_.fifo_mode() == FifoMode::all_keys) [[unlikely]]
        enter_queue(key, entry);
    if (table_.longest_chain() > kChainBucketsMax && !table_.policy().defended) [[unlikely]] {
        defend();
    }
}

bool Partition::is_saved() const { return is_left_out_ || saved_mark_ == shard_.save_mark(); }

bool Partition::save_chain() {
    save_cursor_ =
        table_.scan(save_cursor_, [this](EntryRef reference) { will_change(*reference.get()); });
    if (save_cursor_ != 0) return false;
    saved_mark_ = shard_.save_mark();
    return true;
}

void Partition::erase(const Key& key, Entry* entry) {
    remove(key, entry);
    tend_wheel();
}

void Partition::remove(const Key& key, Entry* entry) {
    will_change(*entry);
    count_out(*entry);
    if (fifo_) [[unlikely]]
        leave_queue(key, entry);
    table_.erase(position_of(key, entry), index_hash(key));
    release_value(entry);
    free_memory(entry, entry->size());
}

Entry* Partition::random(base::Random& random) const {
    return table_.size() == 0 ? nullptr : table_.random(random).get();
}

/// Someone knows how to make keys collide: hash again, with a keyed cryptographic function. The
/// cost is one pass over the partition, once.
void Partition::defend() {
    EntryPolicy policy;
    policy.defended = true;
    policy.sip_key = {shard_.random().next() ^ base::entropy(), shard_.random().next()};
    Table old = std::move(table_);
    table_ = Table(policy);
    save_cursor_ = 0;  // the marks tell what is saved
    retire(wheel_);
    retire(next_wheel_);
    drop_queues();
    old.for_each([this](EntryRef reference) {
        const uint64_t hash = table_.policy().hash(reference);
        table_.insert(hash, reference);
        reference->set(Entry::wheel_armed, reference->has_expiry());
        if (reference->has_expiry()) add_token(containers::token_of(hash), reference->expire_ms());
    });
    ++shard_.statistics.index_defences;
}

size_t Partition::drain(size_t budget) {
    drop_queues();
    // From the last bucket to the first, going on where the last call ended: what the table folds
    // up as it shrinks is then empty already, and chains stay as short as they are.
    size_t work = 0;
    while (table_.size() > 0 && work < budget) {
        if (cursor_ == 0 || cursor_ > table_.bucket_count()) cursor_ = table_.bucket_count();
        fired_.clear();
        table_.for_each_in_bucket(
            --cursor_, [this](EntryRef reference) { fired_.push_back(reference.get()); });
        for (Entry* entry : fired_) remove(key_of(*entry), entry);
        work += fired_.size() + 1;
    }
    if (table_.size() > 0) return work;
    retire(wheel_);
    retire(next_wheel_);
    return work < budget ? work + drop_retired(budget - work) : work;
}

}  // namespace gyre::store
