// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A reference-counted run of bytes: the out-of-line form of a large string value. It can be
// received into straight from a socket, owned by an entry, and sent by reference while the entry
// lives on, changes or goes. Bytes are immutable while more than one reference exists: a writer
// that is not the sole owner makes a copy.
//
// Ownership: intrusive count, SharedBytesRef holds one reference. The last one to go frees.
// Threads: the count is atomic; the bytes follow the rule above.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/memory.h"

namespace gyre::base {

class SharedBytes {
public:
    /// A block with room for `capacity` bytes, size 0, one reference owned by the caller.
    static SharedBytes* create(size_t capacity, Purpose purpose);

    /// The block with room for `capacity` bytes, which is at least its size; it may have moved. The
    /// caller's is the only reference.
    static SharedBytes* resize(SharedBytes* block, size_t capacity);

    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
    }
    /// True when the caller's reference is the only one, so the bytes may be changed in place.
    bool is_sole_owner() const noexcept { return references_.load(std::memory_order_acquire) == 1; }

    char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
    const char* data() const noexcept { return reinterpret_cast<const char*>(this + 1); }
    size_t size() const noexcept { return size_; }
    size_t capacity() const noexcept { return capacity_; }
    void set_size(size_t size) noexcept { size_ = size; }
    std::string_view view() const noexcept { return {data(), size_}; }

    /// Bytes this block takes from the allocator, header included.
    size_t footprint() const noexcept { return usable_size(this); }
    /// Moves the block's count from the purpose it was created for to another (clients -> keyspace
    /// when a received value becomes a key's). Only while every reference is this thread's.
    void change_purpose(Purpose purpose) noexcept;

private:
    SharedBytes(size_t capacity, Purpose purpose) : purpose_(purpose), capacity_(capacity) {}
    void destroy() noexcept;

    std::atomic<uint32_t> references_{1};
    Purpose purpose_;
    size_t size_ = 0;
    size_t capacity_;  // the bytes follow the object
};

/// Holds one reference to a SharedBytes, or none.
class SharedBytesRef {
public:
    SharedBytesRef() noexcept = default;
    /// Takes over a reference the caller owns.
    static SharedBytesRef adopt(SharedBytes* block) noexcept { return SharedBytesRef(block); }
    /// Adds a reference.
    static SharedBytesRef share(SharedBytes* block) noexcept {
        block->retain();
        return SharedBytesRef(block);
    }
    SharedBytesRef(SharedBytesRef&& other) noexcept
        : block_(std::exchange(other.block_, nullptr)) {}
    SharedBytesRef& operator=(SharedBytesRef&& other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    SharedBytesRef(const SharedBytesRef& other) noexcept : block_(other.block_) {
        if (block_ != nullptr) block_->retain();
    }
    SharedBytesRef& operator=(const SharedBytesRef&) = delete;
    ~SharedBytesRef() {
        if (block_ != nullptr) block_->release();
    }

    SharedBytes* get() const noexcept { return block_; }
    SharedBytes* operator->() const noexcept { return block_; }
    explicit operator bool() const noexcept { return block_ != nullptr; }
    /// Gives the reference to the caller.
    SharedBytes* detach() noexcept { return std::exchange(block_, nullptr); }

private:
    explicit SharedBytesRef(SharedBytes* block) noexcept : block_(block) {}
    SharedBytes* block_ = nullptr;
};

}  // namespace gyre::base
