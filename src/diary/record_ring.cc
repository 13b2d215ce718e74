// SPDX-License-Identifier: BSD-3-Clause
#include "diary/record_ring.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/memory.h"

namespace gyre::diary {
namespace {

using Length = uint64_t;

constexpr uint64_t padded(uint64_t bytes) { return (bytes + 7) & ~uint64_t{7}; }

}  // namespace

size_t RecordRing::rounded(size_t bytes) noexcept {
    return std::bit_ceil(std::max(bytes, kBytesMin));
}

RecordRing::RecordRing(size_t bytes)
    : mask_(rounded(bytes) - 1),
      memory_(static_cast<char*>(base::allocate(base::Purpose::other, mask_ + 1))) {}

RecordRing::~RecordRing() { base::release(base::Purpose::other, memory_); }

bool RecordRing::begin(size_t bytes) noexcept {
    const uint64_t start = written_.load(std::memory_order_relaxed);
    const uint64_t needed = sizeof(Length) + padded(bytes);
    if (needed > capacity() - (start - known_read_)) {
        known_read_ = read_.load(std::memory_order_acquire);
        if (needed > capacity() - (start - known_read_)) return false;
    }
    const Length length = bytes;
    copy_in(start, &length, sizeof length);
    cursor_ = start + sizeof length;
    end_ = start + needed;
    return true;
}

void RecordRing::put(const void* bytes, size_t count) noexcept {
    DCHECK(cursor_ + count <= end_);
    copy_in(cursor_, bytes, count);
    cursor_ += count;
}

/// In one order with the reader's word that it goes to sleep: one of the two sees the other.
void RecordRing::commit() noexcept {
    DCHECK(padded(cursor_) == end_);
    written_.store(end_, std::memory_order_seq_cst);
}

bool RecordRing::take(std::string& record) {
    const uint64_t start = read_.load(std::memory_order_relaxed);
    if (start == written_.load(std::memory_order_acquire)) return false;
    Length length = 0;
    copy_out(start, &length, sizeof length);
    record.resize(length);
    copy_out(start + sizeof length, record.data(), length);
    read_.store(start + sizeof length + padded(length), std::memory_order_release);
    return true;
}

void RecordRing::copy_in(uint64_t position, const void* bytes, size_t count) noexcept {
    if (count == 0) return;
    const size_t at = position & mask_;
    const size_t front = std::min(count, capacity() - at);
    std::memcpy(memory_ + at, bytes, front);
    std::memcpy(memory_, static_cast<const char*>(bytes) + front, count - front);
}

void RecordRing::copy_out(uint64_t position, void* bytes, size_t count) const noexcept {
    if (count == 0) return;
    const size_t at = position & mask_;
    const size_t front = std::min(count, capacity() - at);
    std::memcpy(bytes, memory_ + at, front);
    std::memcpy(static_cast<char*>(bytes) + front, memory_, count - front);
}

}  // namespace gyre::diary
