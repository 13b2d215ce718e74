// SPDX-License-Identifier: BSD-3-Clause
#include "containers/page_source.h"

#include <sys/mman.h>

#include <atomic>
#include <bit>
#include <iterator>

#include "base/check.h"
#include "base/memory.h"
#include "containers/poison.h"

namespace gyre::containers {

namespace {

std::atomic<bool> huge_pages_wanted{true};

}  // namespace

// Both live until the process ends: slabs that are destroyed late still give pages back.
PageSource& PageSource::slab_pages() {
    static PageSource* const source = new PageSource(16 * 1024);
    return *source;
}

PageSource& PageSource::bucket_pages() {
    static PageSource* const source = new PageSource(4 * 1024);
    return *source;
}

int64_t PageSource::slack() {
    int64_t bytes = 0;
    for (const PageSource* source : {&slab_pages(), &bucket_pages()}) {
        std::lock_guard lock(source->mutex_);
        const size_t arenas = source->open_.size() + source->full_.size();
        bytes += static_cast<int64_t>(arenas * kArenaBytes);
        bytes -= static_cast<int64_t>(source->taken_pages_ * source->page_bytes_);
    }
    return bytes;
}

void PageSource::trim_all() {
    slab_pages().trim();
    bucket_pages().trim();
}

void PageSource::join_small_pages() {
    slab_pages().join();
    bucket_pages().join();
}

void PageSource::use_huge_pages(bool wanted) noexcept {
    huge_pages_wanted.store(wanted, std::memory_order_relaxed);
}

PageSource::PageSource(size_t page_bytes) : page_bytes_(page_bytes) {
    CHECK(std::has_single_bit(page_bytes));
    CHECK(page_bytes >= kPageBytesMin);
    CHECK(page_bytes <= kArenaBytes);
}

PageSource::~PageSource() {
    CHECK(taken_pages_ == 0);
    for (const Arena& arena : open_) unmap(arena.base);
}

/// What is mapped there next must find nothing poisoned.
void PageSource::unmap(char* arena) noexcept {
    unpoison(arena, kArenaBytes);
    base::unmap_pages(arena, kArenaBytes);
}

char* PageSource::map_arena(bool is_first) {
    char* arena = static_cast<char*>(base::map_pages(kArenaBytes, kArenaBytes));
    // Advice: where the kernel has no huge pages, or none to spare, small ones do.
    if (!is_first && huge_pages_wanted.load(std::memory_order_relaxed)) {
        madvise(arena, kArenaBytes, MADV_HUGEPAGE);
    }
    return arena;
}

void PageSource::add_arena(char* arena, bool is_first) {
    open_.push_back(Arena{
        .base = arena, .free_count = pages_per_arena(), .is_small = is_first, .free_pages = {}});
    open_.back().free_pages.set();  // those behind the last are never reached
    poison(arena, kArenaBytes);
    by_base_.emplace(reinterpret_cast<uintptr_t>(arena), std::prev(open_.end()));
    ++spare_arenas_;
}

void* PageSource::take_locked() {
    if (open_.empty()) return nullptr;
    Arena& arena = open_.front();
    if (arena.free_count == pages_per_arena()) --spare_arenas_;
    // Not in the standard, but in both libraries that build this.
    const size_t index = arena.free_pages._Find_first();
    arena.free_pages.reset(index);
    char* page = arena.base + index * page_bytes_;
    if (--arena.free_count == 0) full_.splice(full_.begin(), open_, open_.begin());
    ++taken_pages_;
    unpoison(page, page_bytes_);
    return page;
}

void* PageSource::take() {
    bool is_first = false;
    {
        std::lock_guard lock(mutex_);
        if (void* page = take_locked()) return page;
        is_first = full_.empty();
    }
    // Two threads may both come here and map an arena each: both get used.
    char* arena = map_arena(is_first);
    std::lock_guard lock(mutex_);
    add_arena(arena, is_first);
    return take_locked();
}

void PageSource::give(void* page) noexcept {
    const uintptr_t address = reinterpret_cast<uintptr_t>(page);
    const uintptr_t start = address & ~(uintptr_t{kArenaBytes} - 1);
    char* unused = nullptr;
    {
        std::lock_guard lock(mutex_);
        auto found = by_base_.find(start);
        CHECK(found != by_base_.end());
        Arenas::iterator arena = found->second;
        const size_t index = (address - start) / page_bytes_;
        CHECK(!arena->free_pages[index]);
        if (arena->free_count == 0) open_.splice(open_.begin(), full_, arena);
        arena->free_pages.set(index);
        poison(page, page_bytes_);
        --taken_pages_;
        if (++arena->free_count == pages_per_arena()) {
            if (spare_arenas_ < kSpareArenasMax) {
                ++spare_arenas_;
                open_.splice(open_.end(), open_, arena);
            } else {
                unused = arena->base;
                by_base_.erase(found);
                open_.erase(arena);
            }
        }
    }
    if (unused != nullptr) unmap(unused);
}

void PageSource::trim() noexcept {
    Arenas unused;
    {
        std::lock_guard lock(mutex_);
        while (spare_arenas_ != 0) {
            CHECK(open_.back().free_count == pages_per_arena());
            by_base_.erase(reinterpret_cast<uintptr_t>(open_.back().base));
            unused.splice(unused.end(), open_, std::prev(open_.end()));
            --spare_arenas_;
        }
    }
    for (const Arena& arena : unused) unmap(arena.base);
}

void PageSource::join() noexcept {
    std::lock_guard lock(mutex_);
    for (const Arenas* arenas : {&open_, &full_}) {
        for (const Arena& arena : *arenas) {
            if (!arena.is_small) madvise(arena.base, kArenaBytes, MADV_HUGEPAGE);
        }
    }
}

int64_t PageSource::mapped_bytes() const {
    std::lock_guard lock(mutex_);
    return static_cast<int64_t>((open_.size() + full_.size()) * kArenaBytes);
}

int64_t PageSource::taken_bytes() const {
    std::lock_guard lock(mutex_);
    return static_cast<int64_t>(taken_pages_ * page_bytes_);
}

}  // namespace gyre::containers
