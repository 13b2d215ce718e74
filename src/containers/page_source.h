// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Pages of one size for the slabs and the hash tables of all shards: cut from arenas of 64 pages,
// and an arena goes back to the kernel when all its pages are free (one spare arena is kept, so
// that a load which swings around a boundary does not map and unmap at every turn). The lowest free
// page of an arena goes out first, so pages never used stay untouched.
//
// A page given back and taken again has arbitrary content. Under AddressSanitizer pages that are
// not out are poisoned.
//
// Ownership: the source owns the arenas; a page belongs to its taker until given back. The two
//            sources of the process live as long as the process.
// Threads: any; a mutex held for some tens of instructions. Mapping and unmapping happen outside
// it. Errors: running out of memory ends the process (base::map_pages). Invariants: 1. an arena is
// in open_ exactly when it has a free page, wholly free ones at the back.
//             2. slack() = obtained through map_pages here - handed out.

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>

namespace gyre::containers {

class PageSource {
public:
    static constexpr size_t kPagesPerArena = 64;
    /// Wholly free arenas kept for reuse.
    static constexpr size_t kSpareArenasMax = 1;

    /// 16 KiB pages, for slabs.
    static PageSource& slab_pages();
    /// 4 KiB pages, for segments of hash tables.
    static PageSource& bucket_pages();
    /// Bytes mapped by both sources of the process and not handed out.
    static int64_t slack();
    /// Unmaps the spare arenas of both (MEMORY PURGE).
    static void trim_all();

    /// `page_bytes` is a power of two of at least the kernel's page size.
    explicit PageSource(size_t page_bytes) : page_bytes_(page_bytes) {}
    PageSource(const PageSource&) = delete;
    PageSource& operator=(const PageSource&) = delete;
    ~PageSource();

    /// A page of page_bytes(), aligned to its size.
    [[nodiscard]] void* take();
    void give(void* page) noexcept;
    void trim() noexcept;

    size_t page_bytes() const noexcept { return page_bytes_; }
    size_t arena_bytes() const noexcept { return page_bytes_ * kPagesPerArena; }
    /// Bytes mapped.
    int64_t mapped_bytes() const;
    /// Bytes of pages that are out.
    int64_t taken_bytes() const;

private:
    struct Arena {
        char* base;
        uint64_t free_pages;  // bit i: page i is free
    };
    using Arenas = std::list<Arena>;

    void* take_locked();
    void add_arena(char* arena);
    void unmap(char* arena) noexcept;

    const size_t page_bytes_;
    mutable std::mutex mutex_;
    // guarded by mutex_:
    Arenas open_;
    Arenas full_;
    std::unordered_map<uintptr_t, Arenas::iterator> by_base_;
    size_t spare_arenas_ = 0;
    size_t taken_pages_ = 0;
};

}  // namespace gyre::containers
