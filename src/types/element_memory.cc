// SPDX-License-Identifier: BSD-3-Clause
#include "types/element_memory.h"

#include <new>

#include "base/check.h"
#include "base/memory.h"

namespace gyre::types {
namespace {

constexpr base::Purpose kPurpose = base::Purpose::keyspace;

}  // namespace

ElementMemory::~ElementMemory() {
    if (slab_ == nullptr) return;
    CHECK(slab_->used_bytes() == 0);
    const size_t reserved = slab_->reserved_bytes();
    slab_->trim();
    account_pages(reserved);
    footprint_ -= base::usable_size(slab_);
    slab_->~Slab();
    base::release(kPurpose, slab_);
}

/// After the slab took or gave back pages.
void ElementMemory::account_pages(size_t reserved_before) {
    const size_t reserved = slab_->reserved_bytes();
    if (reserved == reserved_before) return;
    const auto change = static_cast<int64_t>(reserved) - static_cast<int64_t>(reserved_before);
    base::account(kPurpose, change);
    footprint_ += static_cast<size_t>(change);
}

ElementRef ElementMemory::allocate(size_t bytes) {
    if (slab_ == nullptr && footprint_ >= kSlabFromBytes) {
        slab_ = new (base::allocate(kPurpose, sizeof(containers::Slab))) containers::Slab;
        footprint_ += base::usable_size(slab_);
    }
    if (slab_ == nullptr || bytes > containers::kSlabBytesMax) {
        char* data = static_cast<char*>(base::allocate(kPurpose, bytes));
        footprint_ += base::usable_size(data);
        return ElementRef::of(data, false);
    }
    const size_t reserved = slab_->reserved_bytes();
    char* data = static_cast<char*>(slab_->allocate(bytes));
    account_pages(reserved);
    return ElementRef::of(data, true);
}

void ElementMemory::release(ElementRef element, size_t bytes) {
    if (!element.is_in_slab()) {
        footprint_ -= base::usable_size(element.data());
        base::release(kPurpose, element.data());
        return;
    }
    const size_t reserved = slab_->reserved_bytes();
    slab_->release(element.data(), bytes);
    account_pages(reserved);
}

bool ElementMemory::fits(ElementRef element, size_t bytes, size_t new_bytes) const {
    if (element.is_in_slab()) {
        return new_bytes <= containers::kSlabBytesMax &&
               containers::Slab::class_bytes(new_bytes) == containers::Slab::class_bytes(bytes);
    }
    const size_t usable = base::usable_size(element.data());
    return new_bytes <= usable && new_bytes >= usable / 2;
}

}  // namespace gyre::types
