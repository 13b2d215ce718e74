// SPDX-License-Identifier: BSD-3-Clause

#include "base/shared_bytes.h"

#include <limits>
#include <new>

#include "base/check.h"

namespace gyre::base {

SharedBytes* SharedBytes::create(size_t capacity, Purpose purpose) {
    CHECK(capacity <= std::numeric_limits<size_t>::max() / 2);
    void* memory = allocate(purpose, sizeof(SharedBytes) + capacity);
    return new (memory) SharedBytes(capacity, purpose);
}

SharedBytes* SharedBytes::resize(SharedBytes* block, size_t capacity) {
    CHECK(capacity <= std::numeric_limits<size_t>::max() / 2);
    CHECK(capacity >= block->size_);
    DCHECK(block->is_sole_owner());
    void* memory = reallocate(block->purpose_, block, sizeof(SharedBytes) + capacity);
    block = static_cast<SharedBytes*>(memory);
    block->capacity_ = capacity;
    return block;
}

void SharedBytes::change_purpose(Purpose purpose) noexcept {
    if (purpose == purpose_) return;
    const auto bytes = static_cast<int64_t>(footprint());
    account(purpose_, -bytes);
    account(purpose, bytes);
    purpose_ = purpose;
}

void SharedBytes::destroy() noexcept {
    const Purpose purpose = purpose_;
    this->~SharedBytes();
    gyre::base::release(purpose, this);
}

}  // namespace gyre::base
