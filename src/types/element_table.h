// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What large sets and hashes have in common: a bucket table of elements that are found by a key
// which is part of them. An element is one run of bytes; Layout says how it reads:
//
//     static std::string_view key(const char* element)
//     static size_t bytes(const char* element)      as allocated
//
// It is saved bucket by bucket (containers/part_saver.h), in any order: who changes an element has
// the bucket saved that it lies in, or is going to. The epoch of a bucket says that it is saved.
// Splitting needs no care, as both halves of a bucket are what it was; a merge saves both first.
//
// Ownership: the table owns its elements. Threads: caller holds the shard lock.
// Errors: running out of memory ends the process. Complexity: as of BucketTable.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "base/memory.h"
#include "containers/bucket_table.h"
#include "containers/part_saver.h"
#include "types/element_memory.h"

namespace gyre::types {

template <class Layout>
class ElementTable {
public:
    struct Policy {
        using Reference = ElementRef;
        static constexpr base::Purpose kPurpose = base::Purpose::keyspace;
        static uint64_t to_bits(ElementRef element) { return element.bits(); }
        static ElementRef from_bits(uint64_t bits) { return ElementRef::from_bits(bits); }
        uint64_t hash(ElementRef element) const {
            return base::hash_bytes(Layout::key(element.data()));
        }
    };
    using Table = containers::BucketTable<Policy>;
    using Position = typename Table::Position;

    ElementTable() = default;
    ElementTable(const ElementTable&) = delete;
    ElementTable& operator=(const ElementTable&) = delete;
    ~ElementTable() { drain(SIZE_MAX); }

    const Table& table() const { return table_; }
    size_t size() const { return table_.size(); }
    /// Bytes of buckets and elements, without this object.
    size_t memory_bytes() const { return table_.memory_bytes() + memory_.footprint(); }

    Position find(std::string_view key, uint64_t hash) const {
        return table_.find(
            hash, [key](ElementRef element) { return Layout::key(element.data()) == key; });
    }
    char* at(Position position) const { return table_.at(position).data(); }
    /// See Object::prefetch().
    uint64_t prefetch(std::string_view key) const {
        const uint64_t hash = base::hash_bytes(key);
        table_.prefetch_bucket(hash);
        return hash;
    }
    void prefetch_found(uint64_t hash) const { table_.prefetch_entry(hash); }

    /// Room for an element that is then put in with insert().
    ElementRef allocate(size_t bytes) { return memory_.allocate(bytes); }
    void insert(uint64_t hash, ElementRef element) {
        will_change(hash);
        table_.insert(hash, element);
    }
    void erase(Position position, uint64_t hash) {
        will_change(hash);
        if (saver_ != nullptr && table_.will_merge()) [[unlikely]] {
            save_bucket(table_.merge_bucket());
            save_bucket(table_.bucket_count() - 1);
        }
        const ElementRef element = table_.at(position);
        table_.erase(position, hash);
        memory_.release(element, Layout::bytes(element.data()));
    }
    /// The element at `position` is to be `new_bytes` long: true when it can be rewritten in place.
    bool fits(Position position, size_t new_bytes) const {
        const ElementRef element = table_.at(position);
        return memory_.fits(element, Layout::bytes(element.data()), new_bytes);
    }
    /// Puts another element of the same key in the place of one, which is freed. After
    /// will_change().
    void replace(Position position, ElementRef element) {
        const ElementRef old = table_.at(position);
        table_.replace(position, element);
        memory_.release(old, Layout::bytes(old.data()));
    }

    // --- saving -------------------------------------------------------------------------------
    void begin_saving(containers::PartSaver& saver) {
        saver_ = &saver;
        table_.begin_epoch();
    }
    /// After save_next() has returned false.
    void end_saving() { saver_ = nullptr; }
    /// To be called before an element with this hash is changed in its place.
    void will_change(uint64_t hash) {
        if (saver_ != nullptr && table_.bucket_count() != 0) [[unlikely]]
            save_bucket(table_.bucket_of(hash));
    }
    /// Saves the bucket at `place`, which begins with 0, if it is not saved; false: there is none.
    bool save_next(size_t& place) {
        if (place >= table_.bucket_count()) return false;
        save_bucket(place++);
        return true;
    }

    /// Frees about `budget` elements; true when none is left.
    bool drain(size_t budget) {
        for (size_t work = 0; !table_.empty() && work < budget; ++work) {
            work += table_.clear_last([this](ElementRef element) {
                memory_.release(element, Layout::bytes(element.data()));
            });
        }
        return table_.empty();
    }

private:
    void save_bucket(size_t bucket) {
        if (table_.epoch(bucket) == table_.epoch()) return;
        table_.set_epoch(bucket, table_.epoch());
        saver_->save_part(bucket);
    }

    Table table_;
    ElementMemory memory_;
    containers::PartSaver* saver_ = nullptr;
};

}  // namespace gyre::types
