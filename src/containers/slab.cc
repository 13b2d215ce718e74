// SPDX-License-Identifier: BSD-3-Clause
#include "containers/slab.h"

#include <bit>
#include <new>

#include "base/check.h"
#include "containers/page_source.h"
#include "containers/poison.h"

namespace gyre::containers {

// Stands at the start of a page and is found from an object by masking its address. 32 bytes, so
// that classes of a multiple of 16 or 32 bytes keep that alignment.
struct Slab::Page {
    Page* next;
    Page* previous;
    const Slab* owner;
    uint16_t fresh;  // offset of the first object never handed out since the page was empty
    uint16_t
        free;  // offset of the first released object, 0 if none; each begins with the next one's
    uint16_t used;  // objects handed out
    uint8_t class_number;
    bool is_full;

    char* at(size_t offset) { return reinterpret_cast<char*>(this) + offset; }
};

namespace {

constexpr size_t kHeaderBytes = 32;
constexpr size_t kLineBytes = 64;

template <class Page>
Page* page_of(void* object) {
    return reinterpret_cast<Page*>(reinterpret_cast<uintptr_t>(object) &
                                   ~(uintptr_t{Slab::kPageBytes} - 1));
}

}  // namespace

void Slab::push_back(Ring& ring, Page* page) noexcept {
    if (ring == nullptr) {
        page->next = page->previous = page;
        ring = page;
        return;
    }
    page->next = ring;
    page->previous = ring->previous;
    ring->previous->next = page;
    ring->previous = page;
}

void Slab::push_front(Ring& ring, Page* page) noexcept {
    push_back(ring, page);
    ring = page;
}

void Slab::unlink(Ring& ring, Page* page) noexcept {
    if (page->next == page) {
        ring = nullptr;
        return;
    }
    page->next->previous = page->previous;
    page->previous->next = page->next;
    if (ring == page) ring = page->next;
}

Slab::~Slab() {
    for (Ring& ring : open_) {
        while (ring != nullptr) {
            Page* page = ring;
            unlink(ring, page);
            drop_page(page);
        }
    }
    while (full_ != nullptr) {
        Page* page = full_;
        unlink(full_, page);
        drop_page(page);
    }
}

Slab::Page* Slab::add_page(size_t class_number) {
    static_assert(sizeof(Page) == kHeaderBytes);
    static_assert(kPageBytes <= UINT16_MAX);
    static_assert(kSlabBytesMax <= kPageBytes - kHeaderBytes);
    PageSource& source = PageSource::slab_pages();
    DCHECK(source.page_bytes() == kPageBytes);
    Page* page = new (source.take()) Page{};
    page->owner = this;
    page->fresh = kHeaderBytes;
    page->class_number = static_cast<uint8_t>(class_number);
    poison(page->at(kHeaderBytes), kPageBytes - kHeaderBytes);
    push_front(open_[class_number], page);
    ++page_count_;
    return page;
}

void Slab::drop_page(Page* page) noexcept {
    --page_count_;
    PageSource::slab_pages().give(page);
}

void* Slab::allocate(size_t bytes) {
    DCHECK(bytes >= 1);
    DCHECK(bytes <= kSlabBytesMax);
    const size_t class_number = class_index(bytes);
    const size_t object_bytes = class_bytes(bytes);
    Page* page = open_[class_number];
    if (page == nullptr) {
        page = add_page(class_number);
    } else if (page->used == 0) {
        empty_classes_ &= ~(uint32_t{1} << class_number);
    }
    char* object = nullptr;
    if (page->free != 0) {
        object = page->at(page->free);
        unpoison(object, object_bytes);
        page->free = *reinterpret_cast<uint16_t*>(object);
    } else {
        object = page->at(page->fresh);
        page->fresh = static_cast<uint16_t>(page->fresh + object_bytes);
        unpoison(object, object_bytes);
    }
    ++page->used;
    used_bytes_ += object_bytes;
    if (page->free == 0 && page->fresh + object_bytes > kPageBytes) {
        unlink(open_[class_number], page);
        push_front(full_, page);
        page->is_full = true;
    } else {
        // The next one will be written soon, and nobody has looked at it for long. Objects begin
        // anywhere in a line: one of 128 bytes lies in three. Of larger ones the processor fetches
        // the rest itself.
        const char* const next = page->at(page->free != 0 ? page->free : page->fresh);
        base::prefetch(next);
        if (object_bytes > kLineBytes) base::prefetch(next + kLineBytes);
        if (object_bytes <= 2 * kLineBytes) base::prefetch(next + object_bytes - 1);
    }
    return object;
}

void Slab::release(void* object, size_t bytes) {
    const size_t class_number = class_index(bytes);
    Page* page = page_of<Page>(object);
    DCHECK(page->owner == this);
    DCHECK(page->class_number == class_number);
    DCHECK(page->used != 0);
    CHECK(!is_poisoned(object));  // released twice
    *static_cast<uint16_t*>(object) = page->free;
    page->free = static_cast<uint16_t>(static_cast<char*>(object) - page->at(0));
    poison(object, class_bytes(bytes));
    --page->used;
    used_bytes_ -= class_bytes(bytes);
    if (page->is_full) {
        page->is_full = false;
        unlink(full_, page);
        push_front(open_[class_number], page);
    }
    if (page->used == 0) page_became_empty(page);
}

void Slab::page_became_empty(Page* page) {
    const size_t class_number = page->class_number;
    const uint32_t bit = uint32_t{1} << class_number;
    unlink(open_[class_number], page);
    if (empty_classes_ & bit) {
        drop_page(page);
        return;
    }
    empty_classes_ |= bit;
    page->fresh = kHeaderBytes;
    page->free = 0;
    push_back(open_[class_number], page);
}

void Slab::trim() {
    while (empty_classes_ != 0) {
        const int class_number = std::countr_zero(empty_classes_);
        Ring& ring = open_[class_number];
        Page* page = ring->previous;
        CHECK(page->used == 0);
        unlink(ring, page);
        drop_page(page);
        empty_classes_ &= empty_classes_ - 1;
    }
}

}  // namespace gyre::containers
