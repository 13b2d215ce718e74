// SPDX-License-Identifier: BSD-3-Clause
#include "engine/keyspace.h"

#include <algorithm>
#include <utility>

#include "engine/view.h"
#include "store/access.h"
#include "types/hash.h"

namespace gyre::engine {

using store::Entry;
using store::Key;
using store::Partition;
using store::Shard;

store::LfuParameters Keyspace::lfu_parameters() const {
    return {dataset_.settings.lfu_log_factor.load(std::memory_order_relaxed),
            dataset_.settings.lfu_decay_minutes.load(std::memory_order_relaxed)};
}

void Keyspace::touch(Shard& shard, Entry& entry) {
    if (no_touch_) return;
    const uint32_t word = entry.access_word();
    const EvictionPolicy policy = dataset_.settings.policy.load(std::memory_order_relaxed);
    uint32_t next = store::lru_clock(now_ms_);
    if (counts_uses(policy)) {
        next = is_s3fifo(policy)
                   ? store::fifo_word::touched(word)
                   : store::lfu_touch(word, now_ms_, lfu_parameters(), shard.random());
    }
    if (next != word) entry.set_access_word(next);
}

Keyspace::Keyspace(Dataset& dataset, View& view, size_t database, int64_t now_ms, bool no_touch)
    : dataset_(dataset),
      shards_(&view.table()),
      executor_(view.executor()),
      view_(&view),
      database_(database),
      now_ms_(now_ms),
      clock_ms_(now_ms),
      no_touch_(no_touch) {}

void Keyspace::tell_event(uint32_t classes, std::string_view name, const Key& key) {
    if (view_ != nullptr) return view_->record_event(classes, name, database_, key);
    dataset_.publish_event({classes, name, key.bytes, database_, now_ms_}, executor_);
}

/// What a transaction has written lies in its own shard; what is not there it looks for outside.
Entry* Keyspace::find_live(Shard& shard, const Key& key) {
    Partition* partition = shard.find_database(database_);
    Entry* entry = partition == nullptr ? nullptr : partition->find(key);
    if (entry == nullptr) return view_ == nullptr ? nullptr : view_->find(database_, key);
    if (!entry->is_expired(now_ms_)) [[likely]]
        return entry;
    if (!executor_.effects.may_remove()) return nullptr;
    if (executor_.effects.is_on()) executor_.effects.removed(database_, key.hash, key.bytes);
    partition->erase(key, entry);
    ++shard.statistics.expired_lazily;
    if (counts_keys()) dataset_.unreserve_keys(1);
    dataset_.note_touched(shard, database_, key, executor_, Cause::deadline);
    if (shard.has_touched()) [[unlikely]]
        executor_.serve_later(dataset_.shard_of(key.hash));
    notify(event::expired, "expired", key);
    return nullptr;
}

Entry* Keyspace::read(const Key& key) {
    Shard& shard = shard_of(key);
    Entry* entry = find_live(shard, key);
    if (entry == nullptr) {
        ++shard.statistics.keyspace_misses;
        notify(event::key_miss, "keymiss", key);
        return nullptr;
    }
    ++shard.statistics.keyspace_hits;
    touch(shard, *entry);
    return entry;
}

Entry* Keyspace::write(const Key& key) {
    Shard& shard = shard_of(key);
    Entry* entry = find_live(shard, key);
    if (entry != nullptr) touch(shard, *entry);
    return entry;
}

Entry* Keyspace::peek(const Key& key) { return find_live(shard_of(key), key); }

Entry* Keyspace::probe(const Key& key, bool tells_of_miss) {
    Shard& shard = shard_of(key);
    Entry* entry = find_live(shard, key);
    ++(entry == nullptr ? shard.statistics.keyspace_misses : shard.statistics.keyspace_hits);
    if (entry == nullptr && tells_of_miss) notify(event::key_miss, "keymiss", key);
    return entry;
}

bool Keyspace::hides(const Key& key) {
    if (executor_.effects.may_remove()) return false;
    const Partition* partition = shard_of(key).find_database(database_);
    const Entry* entry = partition == nullptr ? nullptr : partition->find(key);
    return entry != nullptr && entry->is_expired(now_ms_);
}

int64_t Keyspace::deadline_ms(const Entry* present, Deadline deadline) const {
    switch (deadline.kind) {
        case Deadline::Kind::at:
            return deadline.unix_ms;
        case Deadline::Kind::keep:
            if (present != nullptr) return present->expire_ms();
            break;
        case Deadline::Kind::none:
            break;
    }
    const int64_t seconds = dataset_.settings.default_ttl_seconds.load(std::memory_order_relaxed);
    if (seconds == 0 || executor_.is_replaying) return store::kNoExpiry;
    return now_ms_ + seconds * 1000;
}

int64_t Keyspace::next_timestamp(const Entry* present, int64_t timestamp_ms) const {
    if (timestamp_ms != store::kNoTimestamp) return timestamp_ms;
    if (present == nullptr || !present->has(Entry::has_timestamp)) return executor_.stamp_ms;
    return std::max({present->timestamp_ms(), now_ms_, executor_.stamp_ms});
}

Entry* Keyspace::raise_timestamp(const Key& key, Entry* entry) {
    if (!entry->has(Entry::has_timestamp)) return entry;
    const int64_t stamp_ms = std::max({entry->timestamp_ms(), now_ms_, executor_.stamp_ms});
    executor_.effects.stamped(stamp_ms);
    return partition_of(key).set_timestamp(key, entry, stamp_ms);
}

/// Handlers of a row that says it creates keys run with a promise of room for them, which each new
/// key uses up; any other new key counts on its own.
void Keyspace::note_created(const Key& key) {
    note_change(key);
    if (counts_keys()) dataset_.note_created(executor_);
    if (!std::exchange(is_replacing_, false)) notify(event::created, "new", key);
}

void Keyspace::note_put(const Key& key, const Entry* present, Deadline deadline, int64_t expire_ms,
                        int64_t stamp_ms) {
    present == nullptr ? note_created(key) : note_change(key);
    executor_.effects.stamped(stamp_ms);
    if (expire_ms == store::kNoExpiry) return;
    dataset_.note_deadline();
    const bool is_default = deadline.kind == Deadline::Kind::none ||
                            (deadline.kind == Deadline::Kind::keep && present == nullptr);
    if (is_default && executor_.effects.is_on()) {
        executor_.effects.defaulted(database_, key.bytes, expire_ms);
    }
}

Entry* Keyspace::put(const Key& key, Entry* present, const types::StringContent& content,
                     Deadline deadline, int64_t timestamp_ms) {
    const int64_t expire_ms = deadline_ms(present, deadline);
    const int64_t stamp = next_timestamp(present, timestamp_ms);
    note_put(key, present, deadline, expire_ms, stamp);
    return partition_of(key).put_string(key, present, content, expire_ms, stamp);
}

Entry* Keyspace::change(const Key& key, Entry* present, const types::StringContent& content) {
    if (present == nullptr) return put(key, nullptr, content);
    note_change(key);
    Entry* entry = partition_of(key).change_string(key, present, content);
    return raise_timestamp(key, entry);
}

char* Keyspace::edit(const Key& key, Entry*& present, size_t bytes) {
    if (present == nullptr) {
        present = put(key, nullptr, types::plain_string({}, true));
    } else {
        note_change(key);
        present = raise_timestamp(key, present);
    }
    return partition_of(key).edit_string(key, present, bytes);
}

Entry* Keyspace::put_packed(const Key& key, Entry* present, store::Kind kind,
                            std::string_view bytes, Deadline deadline) {
    const int64_t expire_ms = deadline_ms(present, deadline);
    const int64_t stamp = next_timestamp(present, store::kNoTimestamp);
    note_put(key, present, deadline, expire_ms, stamp);
    return partition_of(key).put_packed(key, present, kind, bytes, expire_ms, stamp);
}

char* Keyspace::edit_packed(const Key& key, Entry*& entry, size_t bytes) {
    entry = changed(key, entry);
    return partition_of(key).edit_packed(key, entry, bytes);
}

Entry* Keyspace::put_object(const Key& key, Entry* present, store::Kind kind,
                            std::unique_ptr<types::Object> object, Deadline deadline) {
    const int64_t expire_ms = deadline_ms(present, deadline);
    const int64_t stamp = next_timestamp(present, store::kNoTimestamp);
    note_put(key, present, deadline, expire_ms, stamp);
    return partition_of(key).put_object(key, present, kind, std::move(object), expire_ms, stamp);
}

Entry* Keyspace::changed(const Key& key, Entry* entry) {
    note_change(key);
    return raise_timestamp(key, entry);
}

Entry* Keyspace::changed_unready(const Key& key, Entry* entry) {
    Shard& shard = shard_of(key);
    ++shard.statistics.changes;
    dataset_.note_touched_unready(shard, database_, key, executor_);
    executor_.effects.changed();
    return raise_timestamp(key, entry);
}

Entry* Keyspace::changed_beside(const Key& key, Entry* entry, bool is_awaited) {
    Shard& shard = shard_of(key);
    ++shard.statistics.changes;
    dataset_.note_touched_beside(shard, database_, key, executor_, is_awaited);
    executor_.effects.changed();
    return raise_timestamp(key, entry);
}

void Keyspace::track_fields(const Key& key, Entry* entry, int64_t previous_ms) {
    dataset_.note_deadline();
    partition_of(key).track_fields(key, entry, previous_ms);
}

Entry* Keyspace::set_expiry(const Key& key, Entry* entry, int64_t unix_ms) {
    note_change(key);
    if (unix_ms != store::kNoExpiry) dataset_.note_deadline();
    entry = partition_of(key).set_expiry(key, entry, unix_ms);
    return raise_timestamp(key, entry);
}

void Keyspace::erase(const Key& key, Entry* entry) {
    note_change(key);
    partition_of(key).erase(key, entry);
    if (counts_keys()) dataset_.unreserve_keys(1);
}

Entry* Keyspace::remove_due_fields(const Key& key, Entry* entry, size_t budget) {
    // Where a transaction came to a shared hash first, it has removed them for all (View::find()).
    if (view_ != nullptr && !view_->owns(database_, key)) return entry;
    if (!executor_.effects.may_remove()) return entry;
    const auto on_due = [&](std::string_view name) {
        if (executor_.effects.is_on()) {
            executor_.effects.removed_field(database_, key.hash, key.bytes, name);
        }
    };
    const auto [removed, left] = edit_object<types::Hash>(key, entry, [&](types::Hash& hash) {
        const size_t count = hash.remove_due(now_ms_, budget, on_due);
        return std::pair(count, hash.size());
    });
    if (removed == 0) return entry;
    return keep_unless_empty(key, entry, left);
}

Entry* Keyspace::remove_due_field(const Key& key, Entry* entry, std::string_view name) {
    if (executor_.effects.is_on()) {
        executor_.effects.removed_field(database_, key.hash, key.bytes, name);
    }
    const size_t left = edit_object<types::Hash>(key, entry, [&](types::Hash& hash) {
        hash.remove(name);
        return hash.size();
    });
    return keep_unless_empty(key, entry, left);
}

/// A hash that lost fields to their deadlines goes with the last, as HDEL has it.
Entry* Keyspace::keep_unless_empty(const Key& key, Entry* entry, size_t fields) {
    note_touched(key, Cause::server);
    notify(event::hash, "hexpired", key);
    if (fields != 0) return entry;
    partition_of(key).erase(key, entry);
    if (counts_keys()) dataset_.unreserve_keys(1);
    notify(event::generic, "del", key);
    return nullptr;
}

void Keyspace::erase_to_replace(const Key& key, Entry* entry) {
    erase(key, entry);
    is_replacing_ = true;
}

Entry* Keyspace::copy_to(const Key& key, const Entry& source, int64_t replaced_ms) {
    note_created(key);
    if (source.has_expiry()) dataset_.note_deadline();
    const int64_t stamp =
        std::max({source.timestamp_ms(), replaced_ms, now_ms_, executor_.stamp_ms});
    Entry* entry = partition_of(key).insert_copy(key, source);
    if (replaced_ms == store::kNoTimestamp) return entry;
    executor_.effects.stamped(stamp);
    return partition_of(key).set_timestamp(key, entry, stamp);
}

Entry* Keyspace::move_to(const Key& key, Keyspace& from, const Key& source_key, Entry* source,
                         int64_t replaced_ms) {
    note_change(key);
    from.note_change(source_key);
    notify(event::created, "new", key);
    const int64_t stamp =
        std::max({source->timestamp_ms(), replaced_ms, now_ms_, executor_.stamp_ms});
    Entry* entry =
        partition_of(key).insert_moved(key, from.partition_of(source_key), source_key, source);
    if (entry->has_expiry()) dataset_.note_deadline();
    if (replaced_ms == store::kNoTimestamp) return entry;
    executor_.effects.stamped(stamp);
    return partition_of(key).set_timestamp(key, entry, stamp);
}

}  // namespace gyre::engine
