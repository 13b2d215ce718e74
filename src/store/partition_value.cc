// SPDX-License-Identifier: BSD-3-Clause

// What stands in an entry's value field, and how entries move when it changes its size.

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "store/partition.h"
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

Kind kind_of(const StringContent& content) { return {Type::string, encoding_of(content)}; }

/// Room for an entry that grows to `size`: what the general allocator gives is an eighth more, so
/// that a collection that grows element by element is not moved by each.
size_t roomy(size_t size) { return size > containers::kSlabBytesMax ? size + size / 8 : size; }

}  // namespace

size_t Partition::footprint(const Entry& entry) {
    const size_t own = allocation_bytes(entry.size(), &entry);
    if (entry.has(Entry::external)) return own + entry.block()->footprint();
    return entry.has(Entry::owns_object) ? own + entry.object()->footprint() : own;
}

void Partition::release_value(Entry* entry) {
    if (entry->has(Entry::owns_object)) {
        types::Object* object = entry->object();
        if (object->saver() != nullptr) return object->saver()->adopt(object);
        if (shard_.reclaimer != nullptr && object->size() >= Reclaimer::kDeferElements) {
            shard_.reclaimer->add(object);
        } else {
            delete object;
        }
        return;
    }
    if (!entry->has(Entry::external)) return;
    SharedBytes* block = entry->block();
    if (shard_.reclaimer != nullptr && block->capacity() >= Reclaimer::kDeferBytes) {
        shard_.reclaimer->add(block);
    } else {
        block->release();
    }
}

/// Header, key, kind and access word in memory that fits; the caller writes deadline, timestamp and
/// value. The old entry's value was released and its counts taken out before.
Entry* Partition::remake(const Key& key, Entry* present, uint8_t flags, size_t value_field) {
    const size_t size =
        Entry::bytes_needed(key.bytes.size(), value_field, (flags & Entry::has_expire_field) != 0,
                            (flags & Entry::has_timestamp) != 0);
    flags = static_cast<uint8_t>((flags & ~Entry::save_mark) | shard_.save_mark());
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

/// An entry for a value whose field has `value_field` bytes, with deadline and timestamp; the value
/// of `present` is released. The caller writes the field and calls settle().
Entry* Partition::begin_put(const Key& key, Entry* present, unsigned flags, size_t value_field,
                            Lifetime lifetime) {
    if (present != nullptr) {
        will_change(*present);
        count_out(*present);
        release_value(present);
    }
    if (lifetime.expire_ms != kNoExpiry) flags |= Entry::has_expire_field;
    if (lifetime.timestamp_ms != kNoTimestamp) flags |= Entry::has_timestamp;
    Entry* entry = remake(key, present, static_cast<uint8_t>(flags), value_field);
    if (lifetime.expire_ms != kNoExpiry) entry->store_expire_ms(lifetime.expire_ms);
    if (lifetime.timestamp_ms != kNoTimestamp) entry->store_timestamp_ms(lifetime.timestamp_ms);
    return entry;
}

/// Counts an entry whose value is written, and gives it its place in index and wheel.
void Partition::settle(const Key& key, Entry* entry, bool is_new, int64_t previous_expire_ms) {
    count_in(*entry);
    if (is_new) insert(key, entry);
    track_expiry(key, entry, previous_expire_ms);
}

Entry* Partition::put_bytes(const Key& key, Entry* present, Kind kind, const StringContent& content,
                            Lifetime lifetime) {
    const int64_t previous_ms = present != nullptr ? present->expire_ms() : kNoExpiry;
    const unsigned flags = is_external(content) ? unsigned{Entry::external} : 0U;
    Entry* entry = begin_put(key, present, flags, field_bytes(content), lifetime);
    entry->set_kind(kind);
    write_content(entry, content);
    settle(key, entry, present == nullptr, previous_ms);
    return entry;
}

Entry* Partition::put_string(const Key& key, Entry* present, const StringContent& content,
                             int64_t expire_ms, int64_t timestamp_ms) {
    return put_bytes(key, present, kind_of(content), content, {expire_ms, timestamp_ms});
}

Entry* Partition::put_packed(const Key& key, Entry* present, Kind kind, std::string_view bytes,
                             int64_t expire_ms, int64_t timestamp_ms) {
    return put_bytes(key, present, kind, types::plain_string(bytes), {expire_ms, timestamp_ms});
}

Entry* Partition::put_object(const Key& key, Entry* present, Kind kind,
                             std::unique_ptr<types::Object> object, int64_t expire_ms,
                             int64_t timestamp_ms) {
    const int64_t previous_ms = present != nullptr ? present->expire_ms() : kNoExpiry;
    Entry* entry = begin_put(key, present, Entry::owns_object, Entry::kPointerBytes,
                             {expire_ms, timestamp_ms});
    entry->set_kind(kind);
    Entry::store(entry->value_field(), object.release());
    settle(key, entry, present == nullptr, previous_ms);
    return entry;
}

Entry* Partition::change_string(const Key& key, Entry* entry, const StringContent& content) {
    if (content.kind == StringContent::Kind::integer && entry->encoding() == Encoding::integer) {
        will_change(*entry);
        Entry::store(entry->value_field(), content.integer);
        return entry;
    }
    return put_string(key, entry, content, entry->expire_ms(), entry->timestamp_ms());
}

char* Partition::edit_string(const Key& key, Entry*& entry, size_t bytes) {
    if (entry->encoding() == Encoding::integer) {
        char digits[base::kIntegerCharsMax];
        const auto length =
            static_cast<size_t>(base::write_integer(digits, entry->integer()) - digits);
        entry = put_string(key, entry, types::plain_string({digits, length}, true),
                           entry->expire_ms(), entry->timestamp_ms());
    }
    const size_t old_bytes = entry->bytes().size();
    char* value = edit_bytes(key, entry, bytes);
    entry->set_kind({Type::string, Encoding::raw});
    if (bytes > old_bytes) std::memset(value + old_bytes, 0, bytes - old_bytes);
    return value;
}

char* Partition::edit_packed(const Key& key, Entry*& entry, size_t bytes) {
    if (!entry->has(Entry::external) || bytes > Entry::kInlineValueMax / 2) {
        return edit_bytes(key, entry, bytes);
    }
    // It has become small enough to lie in the entry again, with room to grow before it leaves.
    char kept[Entry::kInlineValueMax / 2];
    const std::string_view bytes_kept = entry->bytes().substr(0, bytes);
    std::memcpy(kept, bytes_kept.data(), bytes_kept.size());
    entry = put_packed(key, entry, entry->kind(), {kept, bytes}, entry->expire_ms(),
                       entry->timestamp_ms());
    return entry->value_field();
}

/// Gives the bytes of a value, grown or cut to `bytes`; new ones are as they come.
char* Partition::edit_bytes(const Key& key, Entry*& entry, size_t bytes) {
    will_change(*entry);
    const bool stays_inline = bytes <= Entry::kInlineValueMax && !entry->has(Entry::external);
    return stays_inline ? edit_inline(key, entry, bytes) : edit_external(key, entry, bytes);
}

char* Partition::edit_inline(const Key& key, Entry*& entry, size_t bytes) {
    const size_t old_bytes = entry->value_field_bytes();
    const size_t old_size = entry->size();
    const size_t size = old_size - old_bytes + bytes;
    if (bytes == old_bytes || fits_in_place(old_size, size, entry)) {
        // Header and key stay as they are, and so does what the memory counts for.
        entry->set_value_field_bytes(bytes);
        return entry->value_field();
    }
    count_out(*entry);
    Entry* target = static_cast<Entry*>(allocate(bytes > old_bytes ? roomy(size) : size));
    std::memcpy(static_cast<void*>(target), entry, std::min(old_size, size));
    target->set_value_field_bytes(bytes);
    table_.replace(position_of(key, entry), EntryRef(target));
    free_memory(entry, old_size);
    entry = target;
    count_in(*entry);
    return entry->value_field();
}

char* Partition::edit_external(const Key& key, Entry*& entry, size_t bytes) {
    if (entry->has(Entry::external) && entry->block()->is_sole_owner()) {
        SharedBytes* block = entry->block();
        const bool is_wasteful = bytes < block->capacity() / 4;
        if (block->capacity() < bytes || is_wasteful) {
            count_out(*entry);
            const size_t capacity =
                is_wasteful ? bytes + bytes / 4 : grown_capacity(block->size(), bytes);
            block->set_size(std::min(block->size(), bytes));
            block = SharedBytes::resize(block, capacity);
            Entry::store(entry->value_field(), block);
            count_in(*entry);
        }
        block->set_size(bytes);
        return block->data();
    }
    const std::string_view old = entry->bytes().substr(0, bytes);
    SharedBytes* block = copy_to_block(old, grown_capacity(old.size(), bytes));
    block->set_size(bytes);
    entry = put_bytes(key, entry, entry->kind(), types::block_string(block),
                      {entry->expire_ms(), entry->timestamp_ms()});
    return block->data();
}

void Partition::object_changed(Entry& entry, size_t bytes_before) {
    if (entry.type() == Type::hash) count_fields(entry);
    tallies_[static_cast<size_t>(entry.type())].bytes +=
        static_cast<int64_t>(entry.object()->contents_bytes()) - static_cast<int64_t>(bytes_before);
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
    will_change(*entry);
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
    will_change(*entry);
    if (!entry->has(Entry::has_timestamp)) {
        count_out(*entry);
        entry = add_field(key, entry, Entry::has_timestamp);
        count_in(*entry);
    }
    entry->store_timestamp_ms(timestamp_ms);
    return entry;
}

Entry* Partition::insert_like(const Key& key, const Entry& source) {
    unsigned flags = source.flags() & (Entry::has_timestamp | Entry::external | Entry::owns_object);
    if (source.has_expiry()) flags |= Entry::has_expire_field;
    Entry* entry = remake(key, nullptr, static_cast<uint8_t>(flags), source.value_field_bytes());
    entry->set_kind(source.kind());
    entry->set_access_word(source.access_word());
    if (source.has_expiry()) entry->store_expire_ms(source.expire_ms());
    if (source.has(Entry::has_timestamp)) entry->store_timestamp_ms(source.timestamp_ms());
    std::memcpy(entry->value_field(), source.value_field(), source.value_field_bytes());
    return entry;
}

Entry* Partition::insert_copy(const Key& key, const Entry& source) {
    Entry* entry = insert_like(key, source);
    if (source.has(Entry::external)) source.block()->retain();
    if (source.has(Entry::owns_object)) {
        Entry::store(entry->value_field(), source.object()->clone());
    }
    settle(key, entry, true, kNoExpiry);
    return entry;
}

Entry* Partition::insert_moved(const Key& key, Partition& from, const Key& source_key,
                               Entry* source) {
    from.will_change(*source);
    Entry* entry = insert_like(key, *source);
    if (&from.shard_ != &shard_ && entry->has(Entry::owns_object)) {
        types::ObjectSaver* saver = entry->object()->saver();
        if (saver != nullptr) shard_.receive(*saver);
    }
    from.count_out(*source);
    // What is left there owns nothing and is erased like any other.
    source->set(Entry::external, false);
    source->set(Entry::owns_object, false);
    source->set_kind({Type::string, Encoding::raw});
    from.count_in(*source);
    from.erase(source_key, source);
    settle(key, entry, true, kNoExpiry);
    return entry;
}

}  // namespace gyre::store
