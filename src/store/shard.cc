// SPDX-License-Identifier: BSD-3-Clause
#include "store/shard.h"

#include <algorithm>
#include <cstddef>

#include "base/check.h"
#include "base/memory.h"

namespace gyre::store {
namespace {

/// How many keys of a partition may be evicted from each queue.
struct FifoShare {
    size_t small = 0;
    size_t main = 0;
};

FifoShare fifo_share(const Partition* partition, bool expiring_only) {
    if (partition == nullptr) return {};
    const size_t all = expiring_only ? partition->with_expiry() : partition->size();
    // Keys that lost their deadline are in the small queue until their turn comes.
    const size_t small = std::min(partition->small_queue_size(), all);
    return {small, all - small};
}

}  // namespace

void Reclaimer::run() {
    // release() can only free memory, never add here: no loop needed.
    for (base::SharedBytes* block : blocks_) block->release();
    blocks_.clear();
    for (Entry* entry : entries_) base::release(base::Purpose::keyspace, entry);
    entries_.clear();
}

void Reclaimer::add(types::Object* object) {
    objects_.push_back(object);
    pending_objects_.fetch_add(1, std::memory_order_relaxed);
}

bool Reclaimer::drain(size_t budget) {
    while (!objects_.empty() && budget > 0) {
        types::Object* object = objects_.back();
        const size_t before = object->size();
        const bool is_drained = object->drain(budget);
        // Something was done, even where the last elements had gone before.
        budget -= std::min(budget, before - std::min(before, object->size()) + 1);
        if (!is_drained) continue;
        delete object;
        objects_.pop_back();
        pending_objects_.fetch_sub(1, std::memory_order_relaxed);
        freed_objects_.fetch_add(1, std::memory_order_relaxed);
    }
    return objects_.empty();
}

Reclaimer::~Reclaimer() {
    run();
    drain(SIZE_MAX);
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
        partition = std::make_unique<Partition>(*this, index, now_ms);
    return *partition;
}

void Shard::detach_database(size_t index) {
    std::unique_ptr<Partition> partition = std::move(databases_[index]);
    if (!partition) return;
    remove_timed(*partition);
    if (!partition->is_drained()) detached_.push_back(std::move(partition));
}

void Shard::swap_databases(size_t first, size_t second) {
    std::swap(databases_[first], databases_[second]);
    for (const size_t index : {first, second}) {
        // One that is not saved yet is saved under the number it had when the snapshot began.
        if (databases_[index] && databases_[index]->is_saved()) databases_[index]->number_ = index;
    }
    save_database_ = 0;
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

size_t Shard::detached_eviction_bytes() const {
    size_t bytes = 0;
    for (const auto& partition : detached_) bytes += partition->eviction_bytes();
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
                         const std::function<void(const Entry&)>& on_expired,
                         const OnFieldDue& on_field_due) {
    size_t work = 0;
    for (size_t visited = 0; visited < timed_.size() && work < budget; ++visited) {
        if (next_timed_ >= timed_.size()) next_timed_ = 0;
        current_ = timed_[next_timed_];
        work += timed_[next_timed_++]->expire_due(now_ms, budget - work, on_expired, on_field_due);
    }
    int64_t due_from = INT64_MAX;
    for (const Partition* partition : timed_)
        due_from = std::min(due_from, partition->due_from_ms());
    due_from_ms->store(due_from, std::memory_order_relaxed);
    return work;
}

void Shard::expire_in_tick(int64_t now_ms, const std::function<void(const Entry&)>& on_expired,
                           const OnFieldDue& on_field_due) {
    // Whoever looks at it meanwhile comes too late for what goes here anyway.
    due_from_ms->store(INT64_MAX, std::memory_order_relaxed);
    for (Partition* partition : timed_) {
        current_ = partition;
        partition->expire_in_tick(now_ms, on_expired, on_field_due);
    }
}

size_t Shard::current_database() const {
    size_t index = 0;
    while (index < database_count_ && databases_[index].get() != current_) ++index;
    return index;
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

void Shard::tell_watchers(size_t database, const Key& key, Change change) {
    if (is_watched()) watches_->touch(database, key, change);
    if ((observers_ & kCounted) != 0) counters_->note(database, key, change);
}

void Shard::tell_observers(size_t database, const Key& key, Change change) {
    tell_watchers(database, key, change);
    if (!is_awaited()) return;
    waits_->touch(database, key);
    observe(kTouched, waits_->has_touched());
}

// --- tracks -------------------------------------------------------------------------------------

TrackTable::Added Shard::add_track(const Key& key, uint64_t client) {
    if (!tracks_) tracks_ = std::make_unique<TrackTable>();
    observe(kTracked, true);
    return tracks_->add(key, client);
}

std::optional<TrackTable::Tracked> Shard::take_track(const Key& key) {
    auto taken = tracks_->take(key);
    if (tracks_->empty()) observe(kTracked, false);
    return taken;
}

TrackTable::Tracked Shard::take_any_track() {
    TrackTable::Tracked taken = tracks_->take_any();
    if (tracks_->empty()) observe(kTracked, false);
    return taken;
}

std::unique_ptr<TrackTable> Shard::take_tracks() {
    observe(kTracked, false);
    return std::move(tracks_);
}

// --- waits --------------------------------------------------------------------------------------

void Shard::add_wait(Wait& wait) {
    if (!waits_) waits_ = std::make_unique<WaitTable>();
    waits_->add(wait);
    observe(kAwaited, true);
}

void Shard::remove_wait(Wait& wait) {
    waits_->remove(wait);
    observe(kTouched, waits_->has_touched());
    if (!waits_->empty()) return;
    waits_.reset();
    observe(kAwaited, false);
}

WaitQueue& Shard::begin_service() {
    WaitQueue& queue = waits_->begin_service();
    observe(kTouched, waits_->has_touched());
    return queue;
}

void Shard::end_service(WaitQueue& queue) {
    waits_->end_service(queue);
    observe(kTouched, waits_->has_touched());
    if (!waits_->empty()) return;
    waits_.reset();
    observe(kAwaited, false);
}

// --- watches ------------------------------------------------------------------------------------

void Shard::add_watch(Watcher& watcher, size_t database, const Key& key) {
    if (find_watch(watcher, database, key) != nullptr) return;
    watcher.watches.push_back(std::make_unique<Watch>(watcher, database, key));
    attach_watch(*watcher.watches.back());
    watcher.bytes.fetch_add(watcher.watches.back()->footprint(), std::memory_order_relaxed);
}

void Shard::attach_watch(Watch& watch) {
    if (!watches_) watches_ = std::make_unique<WatchTable>();
    watches_->add(watch);
    observe(kWatched, true);
}

void Shard::remove_watch(const Watch& watch) {
    watches_->remove(watch);
    if (!watches_->empty()) return;
    watches_.reset();
    observe(kWatched, false);
}

void Shard::touch_database(size_t database, const Partition* replacement) {
    if (counters_) counters_->note_all(database);
    if (is_awaited()) {
        waits_->touch_database(database);
        observe(kTouched, waits_->has_touched());
    }
    if (!is_watched()) return;
    const Partition* present = find_database(database);
    if (present == nullptr && replacement == nullptr) return;
    const auto has = [](const Partition* partition, const Key& key) {
        return partition != nullptr && partition->find(key) != nullptr;
    };
    watches_->for_each([&](Watch& watch) {
        if (watch.database != database) return;
        if (!has(present, watch.key()) && !has(replacement, watch.key())) return;
        watch.is_touched = true;
        watch.watcher.is_touched.store(true, std::memory_order_relaxed);
    });
}

void Shard::begin_counting() {
    if (!counters_) counters_ = std::make_unique<ChangeCounters>();
    counters_->begin();
    observe(kCounted, true);
}

void Shard::end_counting() {
    if (!counters_->end()) return;
    counters_.reset();
    observe(kCounted, false);
}

std::vector<std::string> Shard::watched_keys(size_t database) const {
    std::vector<std::string> keys;
    if (!is_watched()) return keys;
    watches_->for_each([&](const Watch& watch) {
        if (watch.database == database) keys.emplace_back(watch.name);
    });
    return keys;
}

// --- snapshots ----------------------------------------------------------------------------------

void Shard::begin_snapshot(EntrySaver& saver) {
    CHECK(!is_saving_);
    is_saving_ = true;
    saver_ = &saver;
    save_database_ = 0;
    is_marked_ ^= 1;
    // Flushed before the snapshot began: no part of it. There are none but while they are freed.
    for (const auto& partition : detached_) partition->is_left_out_ = true;
}

Partition* Shard::next_to_save() {
    for (; save_database_ < database_count_; ++save_database_) {
        Partition* partition = databases_[save_database_].get();
        if (partition != nullptr && !partition->is_saved()) return partition;
    }
    for (const auto& partition : detached_) {
        if (!partition->is_saved()) return partition.get();
    }
    return nullptr;
}

bool Shard::continue_snapshot() {
    if (!is_saving_) return false;
    Partition* partition = next_to_save();
    if (partition == nullptr) {
        is_saving_ = false;
        return false;
    }
    // Swapped with another one since: from here on the number it has now is right.
    if (partition->save_chain() && save_database_ < database_count_) {
        partition->number_ = save_database_;
    }
    return true;
}

void Shard::save(const Partition& partition, Entry& entry) {
    if (partition.is_left_out_) return;
    CHECK(is_saving_);
    saver_->save(partition.number_, entry);
    entry.set(Entry::save_mark, save_mark() != 0);
}

// --- s3fifo -------------------------------------------------------------------------------------

void Shard::set_fifo_mode(FifoMode mode) {
    if (mode == fifo_mode_) return;
    fifo_mode_ = mode;
    for (const auto& partition : all_databases()) {
        if (partition) partition->drop_queues();
    }
}

Shard::Victim Shard::fifo_victim_of(bool is_small, bool expiring_only, size_t total) {
    size_t lot = random_.below(total);
    for (const auto& partition : all_databases()) {
        const FifoShare share = fifo_share(partition.get(), expiring_only);
        const size_t here = is_small ? share.small : share.main;
        if (lot >= here) {
            lot -= here;
            continue;
        }
        Entry* entry = is_small ? partition->small_queue_victim(expiring_only)
                                : partition->main_queue_victim(expiring_only);
        return {partition.get(), entry};
    }
    return {};
}

Shard::Victim Shard::fifo_victim(bool expiring_only) {
    bool is_small = false;
    // A small queue of keys that were all used has given its keys to the main one: ask again.
    for (size_t attempt = 0; attempt <= kFifoAttempts; ++attempt) {
        FifoShare sum;
        for (const auto& partition : all_databases()) {
            const FifoShare share = fifo_share(partition.get(), expiring_only);
            sum.small += share.small;
            sum.main += share.main;
        }
        // At last the other queue has its turn.
        is_small = attempt == kFifoAttempts
                       ? !is_small
                       : sum.small * 100 >= (sum.small + sum.main) * S3Fifo::kSmallPercent;
        const Victim victim =
            fifo_victim_of(is_small, expiring_only, is_small ? sum.small : sum.main);
        if (victim.entry != nullptr) return victim;
    }
    return {};
}

}  // namespace gyre::store
