// SPDX-License-Identifier: BSD-3-Clause

// Counters: one slot for each thread, a cache line pair wide, written by its owner alone. Slots
// stand in a fixed array that needs no construction and no destruction, so counting works before
// main and after it, and a sum walks the array without a lock. A thread that ends leaves its sums
// in the slot; the next thread that takes the slot goes on counting on top of them, so nothing is
// ever folded and no reader can see a value twice. A thread that finds no free slot, or that
// allocates after its slot was given back, counts in one shared slot by atomic addition: slower,
// never wrong.
//
// Invariant (at rest): sum of used(purpose) + what slabs hold but have not handed out ==
// obtained(). Outside both sums: memory that C libraries take from malloc themselves, thread
// stacks, and what the allocator keeps for itself.

#include "base/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <new>
#include <string_view>

#include "base/check.h"

#if defined(GYRE_ALLOCATOR_MIMALLOC)
#include <mimalloc.h>
#elif defined(GYRE_ALLOCATOR_JEMALLOC)
#include <jemalloc/jemalloc.h>
#endif

namespace gyre::base {
namespace {

/// Threads with a slot of their own; those beyond share one.
constexpr size_t kSlotCount = 512;
/// How far a thread's sum may run ahead of used_estimate().
constexpr int64_t kReportBytes = 64 * 1024;
/// Two lines: the adjacent-line prefetcher would couple neighbours otherwise.
constexpr size_t kSlotAlignment = 128;

struct alignas(kSlotAlignment) Slot {
    std::array<std::atomic<int64_t>, kPurposeCount> used{};
    std::atomic<int64_t> obtained{0};
    int64_t unreported = 0;  // owner only: not yet added to `estimate`
    std::atomic<bool> is_taken{false};
};

constinit std::array<Slot, kSlotCount> slots{};
constinit Slot shared_slot{};
constinit std::atomic<size_t> slots_touched{0};
alignas(kSlotAlignment) constinit std::atomic<int64_t> estimate{0};
constinit std::atomic<int64_t> peak{0};

constinit thread_local Slot* own_slot = nullptr;
constinit thread_local bool is_slotless = false;

constinit pthread_once_t slot_key_once = PTHREAD_ONCE_INIT;
constinit pthread_key_t slot_key = 0;
constinit bool slot_key_exists = false;

void raise_to(std::atomic<int64_t>& highest, int64_t value) noexcept {
    int64_t seen = highest.load(std::memory_order_relaxed);
    while (seen < value && !highest.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
}

void report(int64_t bytes) noexcept {
    const int64_t now = estimate.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (bytes > 0) raise_to(peak, now);
}

/// Runs as a thread-specific-data destructor: after the thread's C++ thread_local objects are gone.
void give_slot_back(void* pointer) noexcept {
    Slot* slot = static_cast<Slot*>(pointer);
    report(slot->unreported);
    slot->unreported = 0;
    own_slot = nullptr;
    is_slotless = true;
    slot->is_taken.store(false, std::memory_order_release);
}

void create_slot_key() noexcept {
    slot_key_exists = pthread_key_create(&slot_key, give_slot_back) == 0;
}

void note_touched(size_t count) noexcept {
    size_t seen = slots_touched.load(std::memory_order_relaxed);
    while (seen < count &&
           !slots_touched.compare_exchange_weak(seen, count, std::memory_order_relaxed)) {
    }
}

/// Finds a slot for this thread; null when it has to use the shared one.
[[gnu::noinline, gnu::cold]] Slot* take_slot() noexcept {
    if (is_slotless) return nullptr;
    pthread_once(&slot_key_once, create_slot_key);
    for (size_t index = 0; slot_key_exists && index < kSlotCount; ++index) {
        Slot& slot = slots[index];
        if (slot.is_taken.load(std::memory_order_relaxed)) continue;
        if (slot.is_taken.exchange(true, std::memory_order_acquire)) continue;
        note_touched(index + 1);
        own_slot = &slot;
        if (pthread_setspecific(slot_key, &slot) == 0) return &slot;
        give_slot_back(&slot);
        return nullptr;
    }
    is_slotless = true;
    return nullptr;
}

Slot* find_slot() noexcept { return own_slot != nullptr ? own_slot : take_slot(); }

/// The owner is the only writer, so load and store do without a locked instruction.
void add_owned(std::atomic<int64_t>& counter, int64_t bytes) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

void count_obtained(int64_t bytes) noexcept {
    if (Slot* slot = find_slot(); slot != nullptr) [[likely]] {
        add_owned(slot->obtained, bytes);
    } else {
        shared_slot.obtained.fetch_add(bytes, std::memory_order_relaxed);
    }
}

template <class Read>
int64_t sum_slots(Read read) noexcept {
    int64_t sum = read(shared_slot);
    const size_t count = slots_touched.load(std::memory_order_relaxed);
    for (size_t index = 0; index < count; ++index) sum += read(slots[index]);
    return sum;
}

[[noreturn, gnu::cold]] void die_out_of_memory(size_t bytes) noexcept {
    // No formatting library here: it could allocate.
    std::array<char, 128> text{};
    constexpr std::string_view kBefore = "gyre: out of memory: cannot obtain ";
    constexpr std::string_view kAfter = " bytes; lower maxmemory or give the process more memory\n";
    char* end = text.data() + kBefore.copy(text.data(), kBefore.size());
    end = std::to_chars(end, end + 20, bytes).ptr;
    end += kAfter.copy(end, kAfter.size());
    const ssize_t written =
        ::write(STDERR_FILENO, text.data(), static_cast<size_t>(end - text.data()));
    static_cast<void>(written);
    std::abort();
}

// The only callers of the allocator and of mmap. What they obtain is counted here and nowhere else.

size_t block_bytes(const void* pointer) noexcept {
#if defined(GYRE_ALLOCATOR_MIMALLOC)
    return mi_usable_size(pointer);
#else
    return malloc_usable_size(const_cast<void*>(pointer));
#endif
}

struct Block {
    void* pointer;
    int64_t bytes;
};

Block count_block(void* pointer) noexcept {
    const int64_t bytes = pointer == nullptr ? 0 : static_cast<int64_t>(block_bytes(pointer));
    count_obtained(bytes);
    return {pointer, bytes};
}

Block obtain(size_t bytes) noexcept {
#if defined(GYRE_ALLOCATOR_MIMALLOC)
    return count_block(mi_malloc(bytes));
#else
    return count_block(std::malloc(bytes));
#endif
}

[[maybe_unused]] Block obtain_aligned(size_t bytes, size_t alignment) noexcept {
    if (alignment < sizeof(void*)) alignment = sizeof(void*);
#if defined(GYRE_ALLOCATOR_MIMALLOC)
    // An odd size: 2.0.9 takes blocks of 256, 512 and 1024 bytes for aligned to 256, and they are
    // not.
    return count_block(mi_malloc_aligned(bytes | 1, alignment));
#else
    void* pointer = nullptr;
    if (posix_memalign(&pointer, alignment, bytes) != 0) pointer = nullptr;
    return count_block(pointer);
#endif
}

/// Returns how many bytes went back.
int64_t give_back(void* pointer) noexcept {
    const int64_t bytes = static_cast<int64_t>(block_bytes(pointer));
    count_obtained(-bytes);
#if defined(GYRE_ALLOCATOR_MIMALLOC)
    mi_free(pointer);
#else
    std::free(pointer);
#endif
    return bytes;
}

/// The caller knows how many bytes the old block had.
Block obtain_again(void* pointer, size_t bytes) noexcept {
#if defined(GYRE_ALLOCATOR_MIMALLOC)
    return count_block(mi_realloc(pointer, bytes));
#else
    return count_block(std::realloc(pointer, bytes));
#endif
}

size_t page_bytes() noexcept {
    static const size_t bytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

size_t whole_pages(size_t bytes) noexcept {
    return (bytes + page_bytes() - 1) & ~(page_bytes() - 1);
}

void* map_or_die(size_t bytes) noexcept {
    void* pointer =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pointer == MAP_FAILED) die_out_of_memory(bytes);
    return pointer;
}

void unmap(void* pointer, size_t bytes) noexcept {
    if (bytes == 0) return;
    CHECK(::munmap(pointer, bytes) == 0);
}

#ifdef GYRE_MUTATION_SKIP_MEMORY_DELTA
/// The planted fault: every thousandth release forgets its delta. A checker that stays silent on a
/// build with this is no checker.
bool is_delta_forgotten() noexcept {
    static constinit std::atomic<uint64_t> calls{0};
    return calls.fetch_add(1, std::memory_order_relaxed) % 1000 == 999;
}
#else
constexpr bool is_delta_forgotten() noexcept { return false; }
#endif

}  // namespace

const char* purpose_name(Purpose purpose) {
    static constexpr std::array<const char*, kPurposeCount> kNames = {
        "keyspace", "index",  "wheel",    "clients",  "log",
        "backlog",  "pubsub", "snapshot", "eviction", "other"};
    const size_t index = static_cast<size_t>(purpose);
    CHECK(index < kPurposeCount);
    return kNames[index];
}

void account(Purpose purpose, int64_t bytes) noexcept {
    const size_t index = static_cast<size_t>(purpose);
    DCHECK(index < kPurposeCount);
    Slot* slot = find_slot();
    if (slot == nullptr) [[unlikely]] {
        shared_slot.used[index].fetch_add(bytes, std::memory_order_relaxed);
        report(bytes);
        return;
    }
    add_owned(slot->used[index], bytes);
    slot->unreported += bytes;
    if (slot->unreported >= kReportBytes || slot->unreported <= -kReportBytes) [[unlikely]] {
        report(slot->unreported);
        slot->unreported = 0;
    }
}

void* allocate(Purpose purpose, size_t bytes) {
    const Block block = obtain(bytes);
    if (block.pointer == nullptr) [[unlikely]]
        die_out_of_memory(bytes);
    account(purpose, block.bytes);
    return block.pointer;
}

void release(Purpose purpose, void* pointer) noexcept {
    if (pointer == nullptr) return;
    const int64_t bytes = give_back(pointer);
    if (is_delta_forgotten()) return;
    account(purpose, -bytes);
}

void* reallocate(Purpose purpose, void* pointer, size_t bytes) {
    const auto old_bytes = static_cast<int64_t>(block_bytes(pointer));
    const Block block = obtain_again(pointer, bytes);
    if (block.pointer == nullptr) [[unlikely]]
        die_out_of_memory(bytes);
    count_obtained(-old_bytes);
    account(purpose, block.bytes - old_bytes);
    return block.pointer;
}

size_t usable_size(const void* pointer) noexcept { return block_bytes(pointer); }

void* map_pages(size_t bytes, size_t alignment) {
    CHECK(std::has_single_bit(alignment));
    CHECK(alignment >= page_bytes());
    CHECK(bytes > 0);
    bytes = whole_pages(bytes);
    count_obtained(static_cast<int64_t>(bytes));
    char* pointer = static_cast<char*>(map_or_die(bytes));
    if (reinterpret_cast<uintptr_t>(pointer) % alignment == 0) return pointer;
    // The kernel aligns to pages only: map too much and cut off both ends.
    unmap(pointer, bytes);
    pointer = static_cast<char*>(map_or_die(bytes + alignment));
    const size_t head = (alignment - reinterpret_cast<uintptr_t>(pointer) % alignment) % alignment;
    unmap(pointer, head);
    unmap(pointer + head + bytes, alignment - head);
    return pointer + head;
}

void unmap_pages(void* pointer, size_t bytes) noexcept {
    if (pointer == nullptr) return;
    bytes = whole_pages(bytes);
    unmap(pointer, bytes);
    count_obtained(-static_cast<int64_t>(bytes));
}

int64_t used(Purpose purpose) noexcept {
    const size_t index = static_cast<size_t>(purpose);
    return sum_slots([index](const Slot& slot) noexcept {
        return slot.used[index].load(std::memory_order_relaxed);
    });
}

int64_t used_total() noexcept {
    return sum_slots([](const Slot& slot) noexcept {
        int64_t sum = 0;
        for (const auto& counter : slot.used) sum += counter.load(std::memory_order_relaxed);
        return sum;
    });
}

int64_t used_estimate() noexcept { return estimate.load(std::memory_order_relaxed); }

int64_t used_estimate_here() noexcept {
    const Slot* slot = own_slot;
    return used_estimate() + (slot == nullptr ? 0 : slot->unreported);
}

int64_t used_peak() noexcept {
    raise_to(peak, used_total());
    return peak.load(std::memory_order_relaxed);
}

int64_t obtained() noexcept {
    return sum_slots(
        [](const Slot& slot) noexcept { return slot.obtained.load(std::memory_order_relaxed); });
}

void purge() noexcept {
#if defined(GYRE_ALLOCATOR_MIMALLOC)
    mi_collect(true);
#elif defined(GYRE_ALLOCATOR_JEMALLOC)
    // 4096 is MALLCTL_ARENAS_ALL, which the header offers as a number only.
    mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
#else
    malloc_trim(0);
#endif
}

const char* allocator_name() noexcept {
#if defined(GYRE_ALLOCATOR_MIMALLOC)
    static constexpr int kVersion = MI_MALLOC_VERSION;  // 209 for 2.0.9
    static const std::array<char, 16> name = {'m', 'i',
                                              'm', 'a',
                                              'l', 'l',
                                              'o', 'c',
                                              '-', '0' + kVersion / 100,
                                              '.', '0' + kVersion / 10 % 10,
                                              '.', '0' + kVersion % 10,
                                              '\0'};
    return name.data();
#elif defined(GYRE_ALLOCATOR_JEMALLOC)
    static const std::array<char, 24> name = [] {
        std::array<char, 24> text{"jemalloc-"};
        char* end = std::to_chars(text.data() + 9, text.data() + 12, JEMALLOC_VERSION_MAJOR).ptr;
        *end++ = '.';
        end = std::to_chars(end, end + 4, JEMALLOC_VERSION_MINOR).ptr;
        *end++ = '.';
        std::to_chars(end, end + 4, JEMALLOC_VERSION_BUGFIX);
        return text;
    }();
    return name.data();
#else
    return "libc";
#endif
}

}  // namespace gyre::base

// operator new and delete in all their forms: counted under Purpose::other. The nothrow forms keep
// their promise to return null (std::stable_sort asks for more than it needs and lives with less).

#ifndef GYRE_OPERATOR_NEW_IS_TAKEN

namespace {

using gyre::base::Block;
using gyre::base::Purpose;

void* new_block(size_t bytes) noexcept { return gyre::base::allocate(Purpose::other, bytes); }

void* new_aligned(size_t bytes, size_t alignment) noexcept {
    const Block block = gyre::base::obtain_aligned(bytes, alignment);
    if (block.pointer == nullptr) gyre::base::die_out_of_memory(bytes);
    gyre::base::account(Purpose::other, block.bytes);
    return block.pointer;
}

void* count_tried(const Block& block) noexcept {
    if (block.pointer != nullptr) gyre::base::account(Purpose::other, block.bytes);
    return block.pointer;
}

/// Not release(): a planted fault there must not touch what the standard library frees.
void delete_block(void* pointer) noexcept {
    if (pointer == nullptr) return;
    gyre::base::account(Purpose::other, -gyre::base::give_back(pointer));
}

size_t number(std::align_val_t alignment) noexcept { return static_cast<size_t>(alignment); }

}  // namespace

void* operator new(size_t bytes) { return new_block(bytes); }
void* operator new[](size_t bytes) { return new_block(bytes); }
void* operator new(size_t bytes, std::align_val_t alignment) {
    return new_aligned(bytes, number(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
    return new_aligned(bytes, number(alignment));
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
    return count_tried(gyre::base::obtain(bytes));
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
    return count_tried(gyre::base::obtain(bytes));
}
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return count_tried(gyre::base::obtain_aligned(bytes, number(alignment)));
}
void* operator new[](size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return count_tried(gyre::base::obtain_aligned(bytes, number(alignment)));
}

void operator delete(void* pointer) noexcept { delete_block(pointer); }
void operator delete[](void* pointer) noexcept { delete_block(pointer); }
void operator delete(void* pointer, size_t) noexcept { delete_block(pointer); }
void operator delete[](void* pointer, size_t) noexcept { delete_block(pointer); }
void operator delete(void* pointer, std::align_val_t) noexcept { delete_block(pointer); }
void operator delete[](void* pointer, std::align_val_t) noexcept { delete_block(pointer); }
void operator delete(void* pointer, size_t, std::align_val_t) noexcept { delete_block(pointer); }
void operator delete[](void* pointer, size_t, std::align_val_t) noexcept { delete_block(pointer); }
void operator delete(void* pointer, const std::nothrow_t&) noexcept { delete_block(pointer); }
void operator delete[](void* pointer, const std::nothrow_t&) noexcept { delete_block(pointer); }
void operator delete(void* pointer, std::align_val_t, const std::nothrow_t&) noexcept {
    delete_block(pointer);
}
void operator delete[](void* pointer, std::align_val_t, const std::nothrow_t&) noexcept {
    delete_block(pointer);
}

#endif  // GYRE_OPERATOR_NEW_IS_TAKEN
