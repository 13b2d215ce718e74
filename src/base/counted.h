// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// An allocator for standard containers whose bytes count under a purpose of their own, not under
// Purpose::other as everything else that goes through operator new.
//
// Ownership: as the container's. Threads: as the container's. Errors: running out of memory ends
// the process, as with allocate().

#include <cstddef>
#include <string>
#include <vector>

#include "base/memory.h"

namespace gyre::base {

template <class T, Purpose kPurpose>
struct CountedAllocator {
    using value_type = T;
    template <class Other>
    struct rebind {
        using other = CountedAllocator<Other, kPurpose>;
    };

    CountedAllocator() noexcept = default;
    template <class Other>
    CountedAllocator(const CountedAllocator<Other, kPurpose>&) noexcept {}

    [[nodiscard]] T* allocate(size_t count) {
        return static_cast<T*>(base::allocate(kPurpose, count * sizeof(T)));
    }
    void deallocate(T* pointer, size_t) noexcept { release(kPurpose, pointer); }
    friend bool operator==(const CountedAllocator&, const CountedAllocator&) noexcept {
        return true;
    }
};

template <Purpose kPurpose>
using CountedString =
    std::basic_string<char, std::char_traits<char>, CountedAllocator<char, kPurpose>>;
template <class T, Purpose kPurpose>
using CountedVector = std::vector<T, CountedAllocator<T, kPurpose>>;

}  // namespace gyre::base
