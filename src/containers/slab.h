// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Memory for the many small objects of one shard, in size classes so narrow that little is wasted:
// steps of 8 bytes to 128, of 16 to 256, of 32 to 512. Objects lie in pages of 16 KiB, one class to
// a page; a page hands its objects out in the order of their addresses first (what was never needed
// is never touched) and from a free list inside the page afterwards.
//
// The slab does not count for each object: used_bytes() says what is handed out, and the owner
// passes the difference on to base::account. The pages count as obtained, through PageSource.
//
// Ownership: objects belong to the caller; a slab destroyed takes all its pages, so no object of it
//            may be used afterwards. Objects are aligned to 8 bytes.
// Threads: caller holds the shard lock.
// Errors: running out of memory ends the process.
// Complexity: allocate and release are O(1); one page at most is taken or given back.
// Invariants: 1. a page with room is in the ring of its class, a full one in full_.
//             2. at most one page of a class is empty, it is the last of its ring, and the bit of
//             the
//                class is set in empty_classes_ exactly then.
//             3. released objects, and those never handed out, are poisoned under AddressSanitizer.

#include <cstddef>
#include <cstdint>

#include "base/prefetch.h"

namespace gyre::containers {

/// Largest object a slab takes; bigger ones go to base::allocate.
inline constexpr size_t kSlabBytesMax = 512;

class Slab {
public:
    static constexpr size_t kPageBytes = 16 * 1024;
    static constexpr size_t kClassCount = 32;

    Slab() = default;
    Slab(const Slab&) = delete;
    Slab& operator=(const Slab&) = delete;
    ~Slab();

    /// `bytes` from 1 to kSlabBytesMax; all of class_bytes(bytes) may be used.
    [[nodiscard, gnu::malloc]] void* allocate(size_t bytes);
    /// `bytes` of the same class as at allocate().
    void release(void* object, size_t bytes);
    /// Brings in what release() of `object` will change. Any address may be given.
    static void prefetch_page(const void* object) {
        base::prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(object) &
                                                     ~(uintptr_t{kPageBytes} - 1)));
    }

    /// What an object of `bytes` takes.
    static constexpr size_t class_bytes(size_t bytes) noexcept {
        if (bytes <= 128) return (bytes + 7) & ~size_t{7};
        if (bytes <= 256) return (bytes + 15) & ~size_t{15};
        return (bytes + 31) & ~size_t{31};
    }

    /// Sum of class_bytes of the objects handed out.
    size_t used_bytes() const noexcept { return used_bytes_; }
    /// Bytes of the pages held, empty ones included.
    size_t reserved_bytes() const noexcept { return page_count_ * kPageBytes; }
    /// Gives the empty pages that are kept for reuse back (after a flush, MEMORY PURGE).
    void trim();

private:
    struct Page;
    using Ring = Page*;  // first page of a doubly linked ring, or null

    static constexpr size_t class_index(size_t bytes) noexcept {
        if (bytes <= 128) return (bytes + 7) / 8 - 1;
        if (bytes <= 256) return 16 + (bytes - 128 + 15) / 16 - 1;
        return 24 + (bytes - 256 + 31) / 32 - 1;
    }
    static void push_front(Ring& ring, Page* page) noexcept;
    static void push_back(Ring& ring, Page* page) noexcept;
    static void unlink(Ring& ring, Page* page) noexcept;
    Page* add_page(size_t class_number);
    void drop_page(Page* page) noexcept;
    void page_became_empty(Page* page);

    Ring open_[kClassCount] = {};
    Ring full_ = nullptr;
    uint32_t empty_classes_ = 0;
    uint32_t page_count_ = 0;
    size_t used_bytes_ = 0;
};

}  // namespace gyre::containers
