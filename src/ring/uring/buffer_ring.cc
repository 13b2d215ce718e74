// SPDX-License-Identifier: BSD-3-Clause
#include "ring/uring/buffer_ring.h"

#include <algorithm>

#include "base/check.h"
#include "base/memory.h"
#include "ring/sanitizers.h"

namespace gyre::ring {
namespace {
constexpr size_t kPageBytes = 4096;
}

int BufferRing::open(io_uring& uring) {
    const size_t table_bytes = (count_ * sizeof(io_uring_buf) + kPageBytes - 1) & ~(kPageBytes - 1);
    mapped_bytes_ = table_bytes + size_t{count_} * bytes_;
    void* pages = base::map_pages(mapped_bytes_, kPageBytes);
    ring_ = static_cast<io_uring_buf_ring*>(pages);
    buffers_ = static_cast<char*>(pages) + table_bytes;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uintptr_t>(pages);
    registration.ring_entries = count_;
    registration.bgid = kGroup;
    const int error = io_uring_register_buf_ring(&uring, &registration, 0);
    if (error != 0) return error;
    uring_ = &uring;
    io_uring_buf_ring_init(ring_);
    is_lent_.assign(count_, false);
    level_ = std::min(kLevelMin, count_);
    spare_.reserve(count_);
    for (uint32_t buffer = count_; buffer-- > 0;) {
        forbid_access(data(static_cast<uint16_t>(buffer)), bytes_);
        spare_.push_back(static_cast<uint16_t>(buffer));
    }
    top_up();
    return 0;
}

void BufferRing::close() noexcept {
    if (ring_ == nullptr) return;
    if (uring_ != nullptr) io_uring_unregister_buf_ring(uring_, kGroup);
    allow_access(ring_, mapped_bytes_);  // the addresses may be mapped again by others
    base::unmap_pages(ring_, mapped_bytes_);
    ring_ = nullptr;
}

void BufferRing::take(uint16_t buffer) {
    CHECK(buffer < count_);
    CHECK(!is_lent_[buffer]);
    is_lent_[buffer] = true;
    allow_access(data(buffer), bytes_);
}

void BufferRing::untake(uint16_t buffer) {
    CHECK(is_lent_[buffer]);
    is_lent_[buffer] = false;
    forbid_access(data(buffer), bytes_);
}

void BufferRing::give(uint16_t buffer) {
    CHECK(buffer < count_);
    CHECK(is_lent_[buffer]);
    is_lent_[buffer] = false;
    forbid_access(data(buffer), bytes_);
    spare_.push_back(buffer);
}

bool BufferRing::grow() noexcept {
    if (level_ == count_) return false;
    level_ = std::min(level_ * 2, count_);
    return true;
}

void BufferRing::publish() noexcept {
    if (with_kernel_ >= level_) return;
    review_level(level_ - with_kernel_);
    top_up();
}

void BufferRing::top_up() noexcept {
    int count = 0;
    for (; with_kernel_ < level_ && !spare_.empty(); ++count, ++with_kernel_) {
        const uint16_t buffer = spare_.back();
        spare_.pop_back();
        io_uring_buf_ring_add(ring_, data(buffer), bytes_, buffer, io_uring_buf_ring_mask(count_),
                              count);
    }
    io_uring_buf_ring_advance(ring_, count);
}

/// What there was not enough of last time counts as taken once more.
void BufferRing::review_level(uint32_t taken) noexcept {
    if (taken > level_ / 2) grow();
    most_taken_ = std::max(most_taken_, taken);
    if (++publishes_ < kPublishesPerReview) return;
    if (level_ > kLevelMin && most_taken_ <= level_ / 8) level_ /= 2;
    publishes_ = 0;
    most_taken_ = 0;
}

}  // namespace gyre::ring
