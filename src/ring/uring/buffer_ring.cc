// SPDX-License-Identifier: BSD-3-Clause
#include "ring/uring/buffer_ring.h"

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
    for (uint32_t buffer = 0; buffer < count_; ++buffer) append(static_cast<uint16_t>(buffer));
    publish();
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
    append(buffer);
}

void BufferRing::append(uint16_t buffer) {
    forbid_access(data(buffer), bytes_);
    io_uring_buf_ring_add(ring_, data(buffer), bytes_, buffer, io_uring_buf_ring_mask(count_),
                          unpublished_);
    ++unpublished_;
}

}  // namespace gyre::ring
