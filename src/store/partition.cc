// SPDX-License-Identifier: BSD-3-Clause
#include "store/partition.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "store/shard.h"

namespace gyre::store {
namespace {

using base::SharedBytes;
using types::StringContent;

/// What an entry of this size takes from its allocator.
size_t allocation_bytes(size_t size, const void* memory) {
    return size <= containers::kSlabBytesMax ? containers::Slab::class_bytes(size)
                                             : base::usable_size(memory);
}

/// True when memory for `old_size` serves `new_size` as it is, neither too small nor wasteful.
bool fits_in_place(size_t old_size, size_t new_size, const void* memory) {
    if (old_size <= containers::kSlabBytesMax) {
        return new_size <= containers::kSlabBytesMax &&
               containers::Slab::class_bytes(new_size) == containers::Slab::class_bytes(old_size);
    }
    const size_t usable = base::usable_size(memory);
    return new_size > containers::kSlabBytesMax && new_size <= usable && new_size >= usable / 2;
}

size_t field_bytes(const StringContent& content) {
    if (content.kind != StringContent::Kind::bytes) return 8;
    return content.bytes.size() > Entry::kInlineValueMax ? Entry::kPointerBytes
                                                         : content.bytes.size();
}

bool is_external(const StringContent& content) {
    return content.kind == StringContent::Kind::block ||
           (content.kind == StringContent::Kind::bytes &&
            content.bytes.size() > Entry::kInlineValueMax);
}

Encoding encoding_of(const StringContent& content) {
    if (content.kind == StringContent::Kind::integer) return Encoding::integer;
    const bool is_short = content.kind == StringContent::Kind::bytes && !content.is_raw &&
                          content.bytes.size() <= types::kEmbstrBytesMax;
    return is_short ? Encoding::embstr : Encoding::raw;
}

SharedBytes* copy_to_block(std::string_view bytes, size_t capacity) {
    SharedBytes* block = SharedBytes::create(capacity, base::Purpose::keyspace);
    std::memcpy(block->data(), bytes.data(), bytes.size());
    block->set_size(bytes.size());
    return block;
}

/// Room for a value of `old_bytes` that grows to `bytes`: in proportion to what it had, so that
/// appending is amortized O(1), and none to spare for what is made large at once. A quarter, above
/// 4 MiB an eighth.
size_t grown_capacity(size_t old_bytes, size_t bytes) {
    constexpr size_t kSpareOfMiddling = 1 << 20;
    const size_t spare = std::max(std::min(old_bytes / 4, kSpareOfMiddling), old_bytes / 8);
    return std::max(bytes, old_bytes + spare);
}

}  // namespace

Partition::Partition(Shard& shard, int64_t now_ms)
    : shard_(shard), table_(EntryPolicy{}), now_ms_(now_ms) {}

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

size_t Partition::footprint(const Entry& entry) {
    const size_t own = allocation_bytes(entry.size(), &entry);
    return entry.has(Entry::external) ? own + entry.block()->footprint() : own;
}

void Partition::count_in(const Entry& entry) {
    entry_bytes_[static_cast<size_t>(entry.type())] += static_cast<int64_t>(footprint(entry));
    if (!entry.has_expiry()) return;
    ++with_expiry_;
    deadline_sum_ms_ += static_cast<double>(entry.expire_ms());
}

void Partition::count_out(const Entry& entry) {
    entry_bytes_[static_cast<size_t>(entry.type())] -= static_cast<int64_t>(footprint(entry));
    if (!entry.has_expiry()) return;
    --with_expiry_;
    deadline_sum_ms_ =
        with_expiry_ == 0 ? 0 : deadline_sum_ms_ - static_cast<double>(entry.expire_ms());
}

void Partition::release_value(Entry* entry) {
    if (!entry->has(Entry::external)) return;
    SharedBytes* block = entry->block();
    if (shard_.reclaimer != nullptr && block->capacity() >= Reclaimer::kDeferBytes) {
        shard_.reclaimer->add(block);
    } else {
        block->release();
    }
}

void Partition::insert(const Key& key, Entry* entry) {
    table_.insert(index_hash(key), EntryRef(entry));
    if (shard_.fifo_mode() == FifoMode::all_keys) [[unlikely]]
        enter_queue(key, entry);
    if (table_.longest_chain() > kChainBucketsMax && !table_.policy().defended) [[unlikely]] {
        defend();
    }
}

/// Header, key, kind and access word in memory that fits; the caller writes deadline, timestamp and
/// value. The old entry's value was released and its counts taken out before.
Entry* Partition::remake(const Key& key, Entry* present, uint8_t flags, size_t value_field) {
    const size_t size =
        Entry::bytes_needed(key.bytes.size(), value_field, (flags & Entry::has_expire_field) != 0,
                            (flags & Entry::has_timestamp) != 0);
    if (present == nullptr) {
        Entry* entry = Entry::construct(allocate(size), key.bytes, flags, value_field);
        entry->set_access_word(shard_.initial_access_word);
        return entry;
    }
    flags = static_cast<uint8_t>(flags | (present->flags() & Entry::wheel_armed));
    const size_t old_size = present->size();
    if (fits_in_place(old_size, size, present)) {
        return Entry::construct(present, key.bytes, flags, value_field);
    }
    Entry* entry = Entry::construct(allocate(size), key.bytes, flags, value_field);
    entry->set_access_word(present->access_word());
    table_.replace(position_of(key, present), EntryRef(entry));
    free_memory(present, old_size);
    return entry;
}

void Partition::write_content(Entry* entry, const StringContent& content) {
    entry->set_kind(Type::string, encoding_of(content));
    switch (content.kind) {
        case StringContent::Kind::integer:
            Entry::store(entry->value_field(), content.integer);
            return;
        case StringContent::Kind::block:
            content.block->change_purpose(base::Purpose::keyspace);
            Entry::store(entry->value_field(), content.block);
            return;
        case StringContent::Kind::bytes:
            break;
    }
    if (entry->has(Entry::external)) {
        Entry::store(entry->value_field(), copy_to_block(content.bytes, content.bytes.size()));
    } else if (!content.bytes.empty()) {
        std::memcpy(entry->value_field(), content.bytes.data(), content.bytes.size());
    }
}

Entry* Partition::put_string(const Key& key, Entry* present, const StringContent& content,
                             int64_t expire_ms, int64_t timestamp_ms) {
    const int64_t previous_ms = present != nullptr ? present->expire_ms() : kNoExpiry;
    if (present != nullptr) {
        count_out(*present);
        release_value(present);
    }
    unsigned flags = 0;
    if (expire_ms != kNoExpiry) flags |= Entry::has_expire_field;
    if (timestamp_ms != kNoTimestamp) flags |= Entry::has_timestamp;
    if (is_external(content)) flags |= Entry::external;
    Entry* entry = remake(key, present, static_cast<uint8_t>(flags), field_bytes(content));
    if (expire_ms != kNoExpiry) entry->store_expire_ms(expire_ms);
    if (timestamp_ms != kNoTimestamp) entry->store_timestamp_ms(timestamp_ms);
    write_content(entry, content);
    count_in(*entry);
    if (present == nullptr) insert(key, entry);
    track_expiry(key, entry, previous_ms);
    return entry;
}

Entry* Partition::change_string(const Key& key, Entry* entry, const StringContent& content) {
    if (content.kind == StringContent::Kind::integer && entry->encoding() == Encoding::integer) {
        Entry::store(entry->value_field(), content.integer);
        return entry;
    }
    return put_string(key, entry, content, entry->expire_ms(), entry->timestamp_ms());
}

char* Partition::edit_string(const Key& key, Entry*& entry, size_t bytes) {
    const bool stays_inline = bytes <= Entry::kInlineValueMax && !entry->has(Entry::external);
    return stays_inline ? edit_inline(key, entry, bytes) : edit_external(key, entry, bytes);
}

char* Partition::edit_inline(const Key& key, Entry*& entry, size_t bytes) {
    char kept[Entry::kInlineValueMax];
    size_t kept_bytes = 0;
    if (entry->encoding() == Encoding::integer) {
        kept_bytes = static_cast<size_t>(base::write_integer(kept, entry->integer()) - kept);
    } else {
        kept_bytes = entry->value_field_bytes();
        const size_t size = entry->size();
        if (kept_bytes == bytes || fits_in_place(size, size - kept_bytes + bytes, entry)) {
            // Header and key stay as they are, and so does what the memory counts for.
            entry->set_kind(Type::string, Encoding::raw);
            entry->set_value_field_bytes(bytes);
            char* value = entry->value_field();
            if (bytes > kept_bytes) std::memset(value + kept_bytes, 0, bytes - kept_bytes);
            return value;
        }
        std::memcpy(kept, entry->value_field(), kept_bytes);
    }
    kept_bytes = std::min(kept_bytes, bytes);
    const int64_t expire_ms = entry->expire_ms();
    const int64_t timestamp_ms = entry->timestamp_ms();
    count_out(*entry);
    entry = remake(key, entry, static_cast<uint8_t>(entry->flags() & ~Entry::external), bytes);
    if (entry->has(Entry::has_expire_field)) entry->store_expire_ms(expire_ms);
    if (entry->has(Entry::has_timestamp)) entry->store_timestamp_ms(timestamp_ms);
    entry->set_kind(Type::string, Encoding::raw);
    std::memcpy(entry->value_field(), kept, kept_bytes);
    std::memset(entry->value_field() + kept_bytes, 0, bytes - kept_bytes);
    count_in(*entry);
    return entry->value_field();
}

char* Partition::edit_external(const Key& key, Entry*& entry, size_t bytes) {
    if (entry->has(Entry::external)) {
        SharedBytes* block = entry->block();
        if (block->is_sole_owner()) {
            if (block->capacity() < bytes) {
                count_out(*entry);
                block = SharedBytes::resize(block, grown_capacity(block->size(), bytes));
                Entry::store(entry->value_field(), block);
                count_in(*entry);
            }
            entry->set_kind(Type::string, Encoding::raw);
            if (bytes > block->size()) {
                std::memset(block->data() + block->size(), 0, bytes - block->size());
            }
            block->set_size(bytes);
            return block->data();
        }
    }
    char digits[24];
    std::string_view old =
        entry->encoding() == Encoding::integer
            ? std::string_view(digits, static_cast<size_t>(
                                           base::write_integer(digits, entry->integer()) - digits))
            : entry->bytes();
    old = old.substr(0, bytes);
    SharedBytes* block = copy_to_block(old, grown_capacity(old.size(), bytes));
    std::memset(block->data() + old.size(), 0, bytes - old.size());
    block->set_size(bytes);
    entry = put_string(key, entry, types::block_string(block), entry->expire_ms(),
                       entry->timestamp_ms());
    return block->data();
}

/// Makes room for a deadline or a timestamp: what stands behind the field's place moves up by 8
/// bytes.
Entry* Partition::add_field(const Key& key, Entry* entry, Entry::Flag field) {
    const size_t old_size = entry->size();
    const bool behind_expiry = field == Entry::has_timestamp && entry->has(Entry::has_expire_field);
    const size_t place = Entry::kHeaderBytes + (behind_expiry ? 8 : 0);
    Entry* target = entry;
    if (!fits_in_place(old_size, old_size + 8, entry)) {
        target = static_cast<Entry*>(allocate(old_size + 8));
        std::memcpy(static_cast<void*>(target), entry, place);
    }
    std::memmove(reinterpret_cast<char*>(target) + place + 8,
                 reinterpret_cast<const char*>(entry) + place, old_size - place);
    if (target != entry) {
        table_.replace(position_of(key, entry), EntryRef(target));
        free_memory(entry, old_size);
    }
    target->set(field, true);
    return target;
}

Entry* Partition::set_expiry(const Key& key, Entry* entry, int64_t expire_ms) {
    const int64_t previous_ms = entry->expire_ms();
    if (expire_ms == previous_ms) return entry;
    count_out(*entry);
    if (!entry->has(Entry::has_expire_field)) {
        entry = add_field(key, entry, Entry::has_expire_field);
    }
    entry->store_expire_ms(expire_ms);
    count_in(*entry);
    track_expiry(key, entry, previous_ms);
    return entry;
}

Entry* Partition::set_timestamp(const Key& key, Entry* entry, int64_t timestamp_ms) {
    if (!entry->has(Entry::has_timestamp)) {
        count_out(*entry);
        entry = add_field(key, entry, Entry::has_timestamp);
        count_in(*entry);
    }
    entry->store_timestamp_ms(timestamp_ms);
    return entry;
}

Entry* Partition::insert_copy(const Key& key, const Entry& source) {
    const uint8_t kept = Entry::has_timestamp | Entry::external;
    unsigned flags = source.flags() & kept;
    if (source.has_expiry()) flags |= Entry::has_expire_field;
    Entry* entry = remake(key, nullptr, static_cast<uint8_t>(flags), source.value_field_bytes());
    entry->set_kind(source.type(), source.encoding());
    entry->set_access_word(source.access_word());
    if (source.has_expiry()) entry->store_expire_ms(source.expire_ms());
    if (source.has(Entry::has_timestamp)) entry->store_timestamp_ms(source.timestamp_ms());
    std::memcpy(entry->value_field(), source.value_field(), source.value_field_bytes());
    if (source.has(Entry::external)) source.block()->retain();
    count_in(*entry);
    insert(key, entry);
    track_expiry(key, entry, kNoExpiry);
    return entry;
}

void Partition::erase(const Key& key, Entry* entry) {
    remove(key, entry);
    tend_wheel();
}

void Partition::remove(const Key& key, Entry* entry) {
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
