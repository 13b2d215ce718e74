// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Pages of one size for the slabs and the hash tables of all shards: cut from arenas of 2 MiB, and
// an arena goes back to the kernel when all its pages are free (one spare arena is kept, so that a
// load which swings around a boundary does not map and unmap at every turn). The lowest free page
// of an arena goes out first, so pages never used stay untouched.
//
// An arena is as large as a huge page of x86-64 and aligned to it, and the kernel is asked to back
// it with one: keys lie anywhere, so with small pages nearly each access to one walks the page
// tables. There is no fork here that would have to copy 2 MiB for a byte. The first arena of a
// source stays with small pages, so that a small data set stays small. And a huge page is cleared
// whole at its first touch, which costs 5 ms on a virtual machine whose host has to give the memory
// first: who fills many arenas at once takes small pages, and has the kernel join them later.
//
// A page given back and taken again has arbitrary content. Under AddressSanitizer pages that are
// not out are poisoned.
//
// Ownership: the source owns the arenas; a page belongs to its taker until given back. The two
//            sources of the process live as long as the process.
// Threads: any; a mutex held for some tens of instructions, but by join() for a system call for
// each arena. Mapping and unmapping happen outside it. Errors: running out of memory ends the
// process (base::map_pages). Invariants: 1. an arena is in open_ exactly when it has a free page,
// wholly free ones at the back.
//             2. slack() = obtained through map_pages here - handed out.

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>

namespace gyre::containers {

class PageSource {
public:
    static constexpr size_t kArenaBytes = size_t{2} << 20;
    static constexpr size_t kPageBytesMin = 4096;
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
    /// Whether arenas mapped from now on are to be huge pages; they are when nobody says.
    static void use_huge_pages(bool wanted) noexcept;
    /// Has the kernel join the small pages of those mapped before, of both sources, in its own time
    /// (khugepaged). A system call for each 2 MiB.
    static void join_small_pages();

    /// `page_bytes` is a power of two from kPageBytesMin to kArenaBytes.
    explicit PageSource(size_t page_bytes);
    PageSource(const PageSource&) = delete;
    PageSource& operator=(const PageSource&) = delete;
    ~PageSource();

    /// A page of page_bytes(), aligned to its size.
    [[nodiscard]] void* take();
    void give(void* page) noexcept;
    void trim() noexcept;
    /// join_small_pages() for this one.
    void join() noexcept;

    size_t page_bytes() const noexcept { return page_bytes_; }
    size_t pages_per_arena() const noexcept { return kArenaBytes / page_bytes_; }
    /// Bytes mapped.
    int64_t mapped_bytes() const;
    /// Bytes of pages that are out.
    int64_t taken_bytes() const;

private:
    struct Arena {
        char* base;
        size_t free_count;
        bool is_small;  // for good
        std::bitset<kArenaBytes / kPageBytesMin> free_pages;
    };
    using Arenas = std::list<Arena>;

    void* take_locked();
    static char* map_arena(bool is_first);
    void add_arena(char* arena, bool is_first);
    static void unmap(char* arena) noexcept;

    const size_t page_bytes_;
    mutable std::mutex mutex_;
    // guarded by mutex_:
    Arenas open_;
    Arenas full_;
    std::unordered_map<uintptr_t, Arenas::iterator> by_base_;
    size_t spare_arenas_ = 0;  // wholly free ones
    size_t taken_pages_ = 0;
};

}  // namespace gyre::containers
