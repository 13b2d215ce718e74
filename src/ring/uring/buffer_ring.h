// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The receive buffers a thread lends to the kernel: one mapping that holds the ring of descriptors
// the kernel takes from, and behind it the buffers. A buffer is with the kernel, or lent to whoever
// got the completion that named it, or spare.
//
// The kernel takes buffers in the order they came, so each one it has is touched in turn and stays
// resident. It is therefore given no more than what the traffic needs: level(), which doubles when
// more than half was taken between two calls of publish() or one was missing, and halves when an
// eighth has been enough for a long time. Spare ones are given out the last returned first, which
// is still in the cache.
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
    /// Buffers the kernel has at least, if there are so many; and calls of publish() after which
    /// fewer may do.
    static constexpr uint32_t kLevelMin = 64;
    static constexpr uint32_t kPublishesPerReview = 16384;

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

    /// Buffers the kernel is to have at each publish().
    uint32_t level() const noexcept { return level_; }

    /// Each completion with these flags, when it is read from the queue.
    void note_completion(uint32_t flags) noexcept {
        with_kernel_ -= static_cast<uint32_t>((flags & IORING_CQE_F_BUFFER) != 0);
    }
    /// The buffer that such a completion names is handed on.
    void take(uint16_t buffer);
    /// It was not handed on after all.
    void untake(uint16_t buffer);
    /// The kernel may have it again.
    void give(uint16_t buffer);
    /// The kernel found none. False when it has been given all there are.
    bool grow() noexcept;
    /// Gives the kernel what it lacks: one store.
    void publish() noexcept;

private:
    void top_up() noexcept;
    void review_level(uint32_t taken) noexcept;

    const uint32_t count_;
    const uint32_t bytes_;
    io_uring* uring_ = nullptr;
    io_uring_buf_ring* ring_ = nullptr;
    char* buffers_ = nullptr;
    size_t mapped_bytes_ = 0;
    uint32_t level_ = 0;
    uint32_t with_kernel_ = 0;
    uint32_t most_taken_ = 0;  // between two calls of publish(), since the last review
    uint32_t publishes_ = 0;   // since then
    std::vector<bool> is_lent_;
    std::vector<uint16_t> spare_;
};

}  // namespace gyre::ring
