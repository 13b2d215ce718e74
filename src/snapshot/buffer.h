// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Bytes that a reader or writer of this room keeps for itself, counted as memory of snapshots.
// Unlike std::string it does not fill what it hands out, and a large one grows where it lies when
// the allocator can move pages.
//
// Ownership: owns its bytes; moving leaves an empty buffer and the bytes where they are.
// Threads: one at a time. Errors: running out of memory ends the process.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/memory.h"

namespace gyre::snapshot {

class Buffer {
public:
    /// What trim() leaves: as much as two pieces and some.
    static constexpr size_t kKeptBytesMax = 256 * 1024;

    Buffer() = default;
    Buffer(Buffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    ~Buffer() { base::release(base::Purpose::snapshot, data_); }

    [[nodiscard]] char* data() noexcept { return data_; }
    [[nodiscard]] size_t size() const noexcept { return size_; }
    [[nodiscard]] size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }

    /// Appends; `size_expected` is how much there will be in the end, as far as one knows: the room
    /// is never made larger than that, nor than twice what it has to hold.
    void append(std::string_view bytes, size_t size_expected = 0) {
        if (bytes.empty()) return;
        const size_t needed = size_ + bytes.size();
        if (needed > capacity_) reserve(std::max(needed, std::min(size_expected, 2 * needed)));
        std::memcpy(data_ + size_, bytes.data(), bytes.size());
        size_ = needed;
    }
    /// `size` bytes of any content, for somebody to write.
    char* overwrite(size_t size) {
        if (size > capacity_) {
            size_ = 0;
            reserve(size);
        }
        size_ = size;
        return data_;
    }
    void reserve(size_t capacity) {
        if (capacity <= capacity_) return;
        data_ = static_cast<char*>(
            data_ == nullptr ? base::allocate(base::Purpose::snapshot, capacity)
                             : base::reallocate(base::Purpose::snapshot, data_, capacity));
        capacity_ = capacity;
    }
    /// Keeps the first `size` bytes.
    void truncate(size_t size) {
        CHECK(size <= size_);
        size_ = size;
    }
    void clear() noexcept { size_ = 0; }
    /// Gives the memory back where one large string left much of it. The contents are lost.
    void trim() {
        if (capacity_ > kKeptBytesMax) *this = Buffer();
        size_ = 0;
    }

private:
    char* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

}  // namespace gyre::snapshot
