// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Memory for the elements of one large collection. As long as there are few they come from the
// allocator of the process; from kSlabFromBytes on from a slab of the collection's own, whose
// classes are 8 bytes apart where malloc's are 16 with 8 in front: a set of short members is a
// third smaller. The collection cannot use its shard's slab, because it may move to another shard
// and is freed by whom it may.
//
// Ownership: elements belong to the caller, who releases each before the memory is destroyed.
// Threads: caller holds the shard lock. Errors: running out of memory ends the process.
// Complexity: O(1). Invariant: footprint() is what base::account() was told under
// Purpose::keyspace: whole pages for the slab.

#include <cstddef>
#include <cstdint>

#include "containers/slab.h"

namespace gyre::types {

/// An element in a slot of a table: its address, and whether a slab holds it.
class ElementRef {
public:
    ElementRef() = default;
    static ElementRef from_bits(uint64_t bits) { return ElementRef(bits); }
    static ElementRef of(char* data, bool is_in_slab) {
        return ElementRef(reinterpret_cast<uint64_t>(data) | (is_in_slab ? 1 : 0));
    }
    uint64_t bits() const { return bits_; }
    char* data() const { return reinterpret_cast<char*>(bits_ & ~uint64_t{1}); }
    bool is_in_slab() const { return (bits_ & 1) != 0; }
    bool operator==(const ElementRef&) const = default;

private:
    explicit ElementRef(uint64_t bits) : bits_(bits) {}
    uint64_t bits_ = 0;
};

class ElementMemory {
public:
    static constexpr size_t kSlabFromBytes = 256 * 1024;

    ElementMemory() = default;
    ElementMemory(const ElementMemory&) = delete;
    ElementMemory& operator=(const ElementMemory&) = delete;
    ~ElementMemory();

    ElementRef allocate(size_t bytes);
    /// `bytes` as at allocate().
    void release(ElementRef element, size_t bytes);
    /// Whether an element of `bytes` may become one of `new_bytes` where it is: there is room, and
    /// little is wasted. From then on it has `new_bytes`.
    bool fits(ElementRef element, size_t bytes, size_t new_bytes) const;

    size_t footprint() const { return footprint_; }

private:
    void account_pages(size_t reserved_before);

    containers::Slab* slab_ = nullptr;
    size_t footprint_ = 0;
};

}  // namespace gyre::types
