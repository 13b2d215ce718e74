// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The receive buffers a thread lends to the kernel: one mapping that holds the ring of descriptors
// the kernel takes from, and behind it the buffers. A buffer is with the kernel, or lent to whoever
// got the completion that named it.
//
// Ownership: owns the mapping (base::map_pages: obtained, not used). close() while the io_uring
// instance is alive and has nothing in flight.
// Threads: the ring's.
// Errors: under AddressSanitizer a buffer that is with the kernel is poisoned; giving one back
// twice is a CHECK in every build.

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gyre/result.h>

namespace gyre::ring {

class BufferRing {
public:
    static constexpr int kGroup = 0;

    BufferRing(uint32_t count, uint32_t bytes) : count_(count), bytes_(bytes) {}
    BufferRing(const BufferRing&) = delete;
    BufferRing& operator=(const BufferRing&) = delete;
    ~BufferRing() { close(); }

    /// Maps and registers; 0 or -errno.
    int open(io_uring& uring);
    /// Unregisters and unmaps.
    void close() noexcept;
    char* data(uint16_t buffer) noexcept { return buffers_ + size_t{buffer} * bytes_; }
    uint32_t count() const noexcept { return count_; }
    uint32_t bytes() const noexcept { return bytes_; }
    size_t mapped_bytes() const noexcept { return mapped_bytes_; }

    /// The kernel named `buffer` in a completion.
    void take(uint16_t buffer);
    /// It was not handed on after all.
    void untake(uint16_t buffer);
    /// The kernel may have it again, from the next publish() on.
    void give(uint16_t buffer);
    /// Shows the kernel everything given since the last call: one store.
    void publish() noexcept {
        if (unpublished_ == 0) return;
        io_uring_buf_ring_advance(ring_, unpublished_);
        unpublished_ = 0;
    }

private:
    void append(uint16_t buffer);

    const uint32_t count_;
    const uint32_t bytes_;
    io_uring* uring_ = nullptr;
    io_uring_buf_ring* ring_ = nullptr;
    char* buffers_ = nullptr;
    size_t mapped_bytes_ = 0;
    int unpublished_ = 0;
    std::vector<bool> is_lent_;
};

}  // namespace gyre::ring
