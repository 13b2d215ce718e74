// SPDX-License-Identifier: BSD-3-Clause
#include "containers/bucket_memory.h"

#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "base/check.h"
#include "containers/page_source.h"

namespace gyre::containers {

namespace {

constexpr uint32_t kDirectoryCapacityMin = 8;

/// Buckets, header included, in a run of overflow buckets: small for small tables.
size_t block_units(size_t bucket_count) {
    if (bucket_count <= 8) return 4;
    if (bucket_count <= 128) return 16;
    return BucketMemory::kSegmentBuckets;
}

}  // namespace

BucketMemory::~BucketMemory() { CHECK(bytes_ == 0); }

void BucketMemory::swap(BucketMemory& other) noexcept {
    std::swap(directory_, other.directory_);
    std::swap(first_, other.first_);
    std::swap(first_memory_, other.first_memory_);
    std::swap(open_blocks_, other.open_blocks_);
    std::swap(bytes_, other.bytes_);
    std::swap(directory_capacity_, other.directory_capacity_);
    std::swap(first_capacity_, other.first_capacity_);
    std::swap(purpose_, other.purpose_);
    if (directory_capacity_ == 1) directory_ = &first_;
    if (other.directory_capacity_ == 1) other.directory_ = &other.first_;
}

// Whole segments are pages of the source, which wastes nothing on alignment. Less than that comes
// from malloc with as much added as its own alignment may be short of a cache line.
BucketMemory::Aligned BucketMemory::allocate_buckets(size_t count) {
    if (count == kSegmentBuckets) {
        PageSource& source = PageSource::bucket_pages();
        DCHECK(source.page_bytes() == kSegmentBytes);
        void* page = source.take();
        base::account(purpose_, static_cast<int64_t>(kSegmentBytes));
        bytes_ += kSegmentBytes;
        return {page, page};
    }
    constexpr size_t kShortOfLine = sizeof(Bucket) - alignof(std::max_align_t);
    void* memory = base::allocate(purpose_, count * sizeof(Bucket) + kShortOfLine);
    bytes_ += base::usable_size(memory);
    const uintptr_t line =
        (reinterpret_cast<uintptr_t>(memory) + sizeof(Bucket) - 1) / sizeof(Bucket);
    CHECK(line * sizeof(Bucket) - reinterpret_cast<uintptr_t>(memory) <= kShortOfLine);
    return {memory, reinterpret_cast<void*>(line * sizeof(Bucket))};
}

void BucketMemory::release_buckets(void* memory, size_t count) noexcept {
    if (count == kSegmentBuckets) {
        PageSource::bucket_pages().give(memory);
        base::account(purpose_, -static_cast<int64_t>(kSegmentBytes));
        bytes_ -= kSegmentBytes;
        return;
    }
    bytes_ -= base::usable_size(memory);
    base::release(purpose_, memory);
}

void BucketMemory::resize_first(size_t capacity, size_t used) {
    Aligned grown{nullptr, nullptr};
    if (capacity != 0) grown = allocate_buckets(capacity);
    if (used != 0) std::memcpy(grown.start, first_, used * sizeof(Bucket));
    if (first_capacity_ != 0) release_buckets(first_memory_, first_capacity_);
    first_ = static_cast<Bucket*>(grown.start);
    first_memory_ = grown.memory;
    first_capacity_ = static_cast<uint16_t>(capacity);
    if (directory_capacity_ > 1) directory_[0] = first_;
}

void BucketMemory::resize_directory(size_t capacity, size_t used) {
    Bucket** directory = &first_;
    if (capacity > 1) {
        directory = static_cast<Bucket**>(base::allocate(purpose_, capacity * sizeof(Bucket*)));
        bytes_ += base::usable_size(directory);
        std::memcpy(directory, directory_, used * sizeof(Bucket*));
    }
    if (directory_capacity_ > 1) {
        bytes_ -= base::usable_size(directory_);
        base::release(purpose_, directory_);
    }
    directory_ = directory;
    directory_capacity_ = static_cast<uint32_t>(capacity);
}

void BucketMemory::add_bucket(size_t index) {
    if (index < kSegmentBuckets) {
        if (index == first_capacity_) resize_first(index == 0 ? 1 : 2 * index, index);
        return;
    }
    if (index % kSegmentBuckets != 0) return;
    const size_t segment = index / kSegmentBuckets;
    if (segment == directory_capacity_) {
        resize_directory(segment == 1 ? kDirectoryCapacityMin : 2 * segment, segment);
    }
    directory_[segment] = static_cast<Bucket*>(allocate_buckets(kSegmentBuckets).start);
}

void BucketMemory::remove_bucket(size_t index) {
    if (index == 0) {
        resize_first(0, 0);
        return;
    }
    if (index < kSegmentBuckets) {
        // Half of what is held, and not before only half of that is needed: no swinging.
        if (index <= first_capacity_ / 4u) resize_first(first_capacity_ / 2u, index);
        return;
    }
    if (index % kSegmentBuckets != 0) return;
    const size_t segment = index / kSegmentBuckets;
    release_buckets(directory_[segment], kSegmentBuckets);
    if (segment == 1) {
        resize_directory(1, 1);
    } else if (directory_capacity_ > kDirectoryCapacityMin && segment <= directory_capacity_ / 4) {
        resize_directory(directory_capacity_ / 2, segment);
    }
}

void BucketMemory::link(Block* block) noexcept {
    block->previous = nullptr;
    block->next = open_blocks_;
    if (open_blocks_ != nullptr) open_blocks_->previous = block;
    open_blocks_ = block;
}

void BucketMemory::unlink(Block* block) noexcept {
    if (block->next != nullptr) block->next->previous = block->previous;
    (block->previous != nullptr ? block->previous->next : open_blocks_) = block->next;
}

void BucketMemory::add_block(size_t bucket_count) {
    const size_t units = block_units(bucket_count);
    const Aligned run = allocate_buckets(units);
    Block* block = new (run.start) Block{};
    // All units but the header; shifting a word by its width is undefined, hence the two steps.
    block->free_units = (((uint64_t{1} << (units - 1)) - 1) << 1);
    block->memory = run.memory;
    block->unit_count = units;
    link(block);
}

Bucket* BucketMemory::take_overflow(size_t bucket_count) {
    if (open_blocks_ == nullptr) add_block(bucket_count);
    Block* block = open_blocks_;
    const int unit = std::countr_zero(block->free_units);
    block->free_units &= block->free_units - 1;
    if (block->free_units == 0) unlink(block);
    Bucket* bucket = reinterpret_cast<Bucket*>(block) + unit;
    bucket->reset(static_cast<uint8_t>(unit));
    return bucket;
}

void BucketMemory::give_overflow(Bucket* bucket) noexcept {
    const unsigned unit = bucket->epoch();
    Block* block = reinterpret_cast<Block*>(bucket - unit);
    const uint64_t all = ((uint64_t{1} << (block->unit_count - 1)) - 1) << 1;
    DCHECK((block->free_units >> unit & 1) == 0);
    if (block->free_units == 0) link(block);
    block->free_units |= uint64_t{1} << unit;
    if (block->free_units != all) return;
    unlink(block);
    release_buckets(block->memory, block->unit_count);
}

}  // namespace gyre::containers
