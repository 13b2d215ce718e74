// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What large sets and hashes have in common: a bucket table of elements that are found by a key
// which is part of them. An element is one run of bytes; Layout says how it reads:
//
//     static std::string_view key(const char* element)
//     static size_t bytes(const char* element)      as allocated
//
// Ownership: the table owns its elements. Threads: caller holds the shard lock.
// Errors: running out of memory ends the process. Complexity: as of BucketTable.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "base/memory.h"
#include "containers/bucket_table.h"
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

    /// Room for an element that is then put in with insert().
    ElementRef allocate(size_t bytes) { return memory_.allocate(bytes); }
    void insert(uint64_t hash, ElementRef element) { table_.insert(hash, element); }
    void erase(Position position, uint64_t hash) {
        const ElementRef element = table_.at(position);
        table_.erase(position, hash);
        memory_.release(element, Layout::bytes(element.data()));
    }
    /// The element at `position` is to be `new_bytes` long: true when it can be rewritten in place.
    bool fits(Position position, size_t new_bytes) const {
        const ElementRef element = table_.at(position);
        return memory_.fits(element, Layout::bytes(element.data()), new_bytes);
    }
    /// Puts another element of the same key in the place of one, which is freed.
    void replace(Position position, ElementRef element) {
        const ElementRef old = table_.at(position);
        table_.replace(position, element);
        memory_.release(old, Layout::bytes(old.data()));
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
    Table table_;
    ElementMemory memory_;
};

}  // namespace gyre::types
