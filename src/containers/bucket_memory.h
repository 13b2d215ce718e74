// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The memory of one bucket table: an array of 64-byte buckets that grows and shrinks at its end by
// one bucket, and a pool of overflow buckets. An empty one owns nothing. The first segment begins
// with one bucket and doubles up to 64 (4 KiB); from there on the array is a directory of segments
// of 64.
//
// Ownership: owned by its table; buckets are addresses into it, stable until the array's size
// changes
//            (overflow buckets: until given back).
// Threads: caller holds the shard lock of the table.
// Errors: running out of memory ends the process.
// Complexity: O(1) for each bucket, except for doubling the first segment (at most 32 buckets are
//             copied) and the directory (8 bytes for each 64 buckets).
// Invariants: 1. directory_ points at first_ as long as there is at most one segment.
//             2. bytes() is what was obtained for this table, to the byte, and is counted under the
//             purpose.

#include <cstddef>
#include <cstdint>

#include "base/memory.h"

namespace gyre::containers {

/// One cache line: a control word and seven references with their tags.
struct alignas(64) Bucket {
    static constexpr unsigned kSlots = 7;
    static constexpr uint64_t kReferenceMask = (uint64_t{1} << 48) - 1;
    static constexpr unsigned kTagShift = 48;

    // Bits 0..47 overflow bucket, 48..55 epoch, 56..58 number of slots in use, 59..63 unused. Slots
    // are dense: those in use come first, and every bucket of a chain but the last is full.
    uint64_t control;
    uint64_t slots[kSlots];  // tag in the upper 16 bits, reference in the lower 48

    Bucket* overflow() const noexcept {
        return reinterpret_cast<Bucket*>(control & kReferenceMask);
    }
    void set_overflow(Bucket* bucket) noexcept {
        control = (control & ~kReferenceMask) | reinterpret_cast<uint64_t>(bucket);
    }
    uint8_t epoch() const noexcept { return static_cast<uint8_t>(control >> 48); }
    void set_epoch(uint8_t epoch) noexcept {
        control = (control & ~(uint64_t{0xFF} << 48)) | (uint64_t{epoch} << 48);
    }
    unsigned count() const noexcept { return static_cast<unsigned>(control >> 56) & 7; }
    void set_count(unsigned count) noexcept {
        control = (control & ~(uint64_t{7} << 56)) | (uint64_t{count} << 56);
    }
    /// No slots in use, no overflow, the given epoch.
    void reset(uint8_t epoch) noexcept { control = uint64_t{epoch} << 48; }
};
static_assert(sizeof(Bucket) == 64);

class BucketMemory {
public:
    static constexpr size_t kSegmentBuckets = 64;
    static constexpr size_t kSegmentBytes = kSegmentBuckets * sizeof(Bucket);

    explicit BucketMemory(base::Purpose purpose) noexcept : purpose_(purpose) {}
    BucketMemory(BucketMemory&& other) noexcept : purpose_(other.purpose_) { swap(other); }
    BucketMemory& operator=(BucketMemory&&) = delete;
    ~BucketMemory();
    void swap(BucketMemory& other) noexcept;

    /// Bucket `index`, which has been added.
    Bucket* at(size_t index) const noexcept {
        return &directory_[index / kSegmentBuckets][index % kSegmentBuckets];
    }
    /// Makes room for bucket `index`; the array holds exactly `index` buckets. Content is
    /// arbitrary. Addresses of other buckets may change.
    void add_bucket(size_t index);
    /// Removes bucket `index`, the last one.
    void remove_bucket(size_t index);

    /// An overflow bucket without entries.
    Bucket* take_overflow(size_t bucket_count);
    void give_overflow(Bucket* bucket) noexcept;

    size_t bytes() const noexcept { return bytes_; }

private:
    /// Heads a run of overflow buckets; takes the place of the first. An overflow bucket keeps its
    /// place in the run where a home bucket keeps its epoch.
    struct alignas(64) Block {
        Block* next;
        Block* previous;
        uint64_t free_units;  // bit i: bucket i of the run is free; bit 0 is this header
        void* memory;
        uint64_t unit_count;
    };
    static_assert(sizeof(Block) == sizeof(Bucket));

    struct Aligned {
        void* memory;  // to be given back
        void* start;   // aligned to 64
    };
    Aligned allocate_buckets(size_t count);
    void release_buckets(void* memory, size_t count) noexcept;
    void resize_first(size_t capacity, size_t used);
    void resize_directory(size_t capacity, size_t used);
    void add_block(size_t bucket_count);
    void link(Block* block) noexcept;
    void unlink(Block* block) noexcept;

    Bucket** directory_ = &first_;
    Bucket* first_ = nullptr;
    void* first_memory_ = nullptr;
    Block* open_blocks_ = nullptr;  // overflow runs with a free bucket
    size_t bytes_ = 0;
    uint32_t directory_capacity_ = 1;
    uint16_t first_capacity_ = 0;
    base::Purpose purpose_;
};

}  // namespace gyre::containers
