// SPDX-License-Identifier: BSD-3-Clause
#include "store/s3fifo.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/memory.h"

namespace gyre::store {

// --- SmallQueue ---------------------------------------------------------------------------------

SmallQueue::~SmallQueue() { base::release(base::Purpose::eviction, ring_); }

size_t SmallQueue::memory_bytes() const { return ring_ == nullptr ? 0 : base::usable_size(ring_); }

void SmallQueue::resize(size_t capacity) {
    auto* ring = static_cast<uint32_t*>(
        base::allocate(base::Purpose::eviction, capacity * sizeof(uint32_t)));
    for (uint64_t position = head_; position < tail_; ++position) {
        ring[position & (capacity - 1)] = at(position);
    }
    base::release(base::Purpose::eviction, ring_);
    ring_ = ring;
    capacity_ = capacity;
}

uint32_t SmallQueue::push(uint32_t token) {
    DCHECK(token != 0);
    if (tail_ - head_ == capacity_) resize(std::max(kCapacityMin, capacity_ * 2));
    at(tail_) = token;
    ++live_;
    return static_cast<uint32_t>(tail_++) & fifo_word::kPlaceMask;
}

/// Holes at the ends go, and all of the ring but four times what is left.
void SmallQueue::trim() {
    while (head_ < tail_ && at(head_) == 0) ++head_;
    while (head_ < tail_ && at(tail_ - 1) == 0) --tail_;
    // Many holes may have gone at once.
    size_t capacity = capacity_;
    while (capacity > kCapacityMin && (tail_ - head_) * 4 <= capacity) capacity /= 2;
    if (capacity != capacity_) resize(capacity);
}

SmallQueue::Oldest SmallQueue::pop() {
    if (head_ == tail_) return {};
    const Oldest oldest{at(head_), static_cast<uint32_t>(head_) & fifo_word::kPlaceMask};
    ++head_;
    --live_;
    trim();
    return oldest;
}

/// The position, tail_ when there is none. More than one has the same low bits in a queue of more
/// than two million.
uint64_t SmallQueue::find(uint32_t place, uint32_t token) const {
    uint64_t position = head_ + ((place - head_) & fifo_word::kPlaceMask);
    while (position < tail_ && at(position) != token) position += fifo_word::kPlaceMask + 1;
    return std::min(position, tail_);
}

void SmallQueue::forget(uint32_t place, uint32_t token) {
    const uint64_t position = find(place, token);
    if (position == tail_) return;
    at(position) = 0;
    --live_;
    trim();
}

// --- GhostQueue ---------------------------------------------------------------------------------

GhostQueue::~GhostQueue() { base::release(base::Purpose::eviction, buckets_); }

size_t GhostQueue::memory_bytes() const {
    return buckets_ == nullptr ? 0 : base::usable_size(buckets_);
}

void GhostQueue::resize(size_t buckets) {
    base::release(base::Purpose::eviction, buckets_);
    buckets_ =
        static_cast<Bucket*>(base::allocate(base::Purpose::eviction, buckets * sizeof(Bucket)));
    std::memset(static_cast<void*>(buckets_), 0, buckets * sizeof(Bucket));
    count_ = buckets;
}

/// All keys of a partition have the top bits of their hashes in common, and those of a chain the
/// lowest: mixed once more, neither bucket nor fingerprint depends on them alone.
GhostQueue::Place GhostQueue::place_of(uint64_t hash) const {
    const uint64_t mixed = hash * 0x9E3779B97F4A7C15ULL;
    const uint64_t index = ((mixed >> 32) * count_) >> 32;
    const auto print = static_cast<uint16_t>(mixed >> 16);
    return {&buckets_[index], std::max<uint16_t>(print, 1)};
}

void GhostQueue::add(uint64_t hash, size_t capacity) {
    const size_t wanted = capacity / kPrints + 1;
    if (wanted * 2 < count_ || wanted * 2 > count_ * 3) resize(wanted);
    const Place place = place_of(hash);
    Bucket& bucket = *place.bucket;
    bucket.prints[bucket.next] = place.print;
    bucket.next = static_cast<uint16_t>((bucket.next + 1) % kPrints);
}

bool GhostQueue::take(uint64_t hash) {
    if (count_ == 0) return false;
    const Place place = place_of(hash);
    uint16_t* end = place.bucket->prints + kPrints;
    uint16_t* found = std::find(place.bucket->prints, end, place.print);
    if (found == end) return false;
    *found = 0;
    return true;
}

}  // namespace gyre::store
