// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Memory of one owner out of base::allocate, with a sum kept to the byte: what an object that must
// tell its footprint at once takes its parts from.
//
// Ownership: blocks belong to the owner of the tally, who gives each back before it ends.
// Threads: those of the owner.
// Errors: running out of memory ends the process.

#include <cstddef>

#include "base/memory.h"

namespace gyre::containers {

class Tally {
public:
    explicit Tally(base::Purpose purpose = base::Purpose::keyspace) noexcept : purpose_(purpose) {}
    Tally(const Tally&) = delete;
    Tally& operator=(const Tally&) = delete;

    [[nodiscard]] void* allocate(size_t bytes) {
        void* block = base::allocate(purpose_, bytes);
        bytes_ += base::usable_size(block);
        return block;
    }
    [[nodiscard]] void* reallocate(void* block, size_t bytes) {
        if (block != nullptr) bytes_ -= base::usable_size(block);
        block = block == nullptr ? base::allocate(purpose_, bytes)
                                 : base::reallocate(purpose_, block, bytes);
        bytes_ += base::usable_size(block);
        return block;
    }
    /// Null is allowed.
    void release(void* block) noexcept {
        if (block == nullptr) return;
        bytes_ -= base::usable_size(block);
        base::release(purpose_, block);
    }
    /// A block that was allocated elsewhere for the same purpose, or goes elsewhere, changes hands.
    void adopt(const void* block) noexcept { bytes_ += base::usable_size(block); }
    void abandon(const void* block) noexcept { bytes_ -= base::usable_size(block); }

    /// Bytes of all blocks that are out.
    size_t bytes() const noexcept { return bytes_; }

private:
    base::Purpose purpose_;
    size_t bytes_ = 0;
};

}  // namespace gyre::containers
