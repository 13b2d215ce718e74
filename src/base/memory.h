// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Memory with a purpose. Every byte the process obtains is counted under one Purpose: what is
// allocated through this header under the purpose named, everything that goes through operator new
// (replaced in memory.cc) under `other`. Counters are deltas kept per thread and summed when asked.
//
// Two independent sums exist, so that a test can compare them: `used(purpose)`, kept by the code
// that hands bytes out, and `obtained()`, kept at the one place where malloc, free, mmap and munmap
// are called. They agree when  sum(used) + slack == obtained,  slack being what slabs hold but have
// not handed out. Outside both: what C libraries take from malloc themselves, and thread stacks.
//
// Threads: any. Counters are written by their own thread (relaxed atomics) and read by all; a sum
// taken while others allocate is off by what is in flight.

#include <array>
#include <cstddef>
#include <cstdint>

namespace gyre::base {

/// False under clang's ThreadSanitizer alone, whose own operator new cannot be replaced: there what
/// goes through operator new is in neither sum.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GYRE_OPERATOR_NEW_IS_TAKEN
#endif
#endif
#ifdef GYRE_OPERATOR_NEW_IS_TAKEN
inline constexpr bool kOperatorNewIsCounted = false;
#else
inline constexpr bool kOperatorNewIsCounted = true;
#endif

enum class Purpose : uint8_t {
    keyspace,  ///< entries and the values they own
    index,     ///< buckets and directories of the hash tables
    wheel,     ///< timer wheels
    clients,   ///< connections, their input and output
    log,       ///< the effect log
    backlog,   ///< replication backlog
    pubsub,    ///< channels and subscriptions
    snapshot,  ///< snapshot buffers
    eviction,  ///< queues of the s3fifo policies
    other,     ///< everything that came through operator new
};
inline constexpr size_t kPurposeCount = 10;

/// "keyspace", "index", ...: the name used in INFO and MEMORY STATS.
const char* purpose_name(Purpose purpose);

/// Counts `bytes` (negative: gives back) as handed out for `purpose`. A few nanoseconds.
void account(Purpose purpose, int64_t bytes) noexcept;

/// Allocates at least `bytes` (malloc), counting its usable size. Never returns null: running out
/// of memory ends the process with a message, because budgets are checked before.
[[nodiscard, gnu::malloc]] void* allocate(Purpose purpose, size_t bytes);
/// Frees what allocate() returned; `purpose` must be the one it is counted under. Null is allowed.
void release(Purpose purpose, void* pointer) noexcept;
/// Makes what allocate() returned larger or smaller, moving it if need be; the contents stay as far
/// as both sizes reach. Large blocks move by their page tables where the allocator can (mremap).
[[nodiscard]] void* reallocate(Purpose purpose, void* pointer, size_t bytes);
/// Bytes usable behind a pointer from allocate().
size_t usable_size(const void* pointer) noexcept;

/// Maps zeroed pages for a slab; counted as obtained but not as used: the slab accounts for what it
/// hands out. `alignment` is a power of two of at least the page size.
[[nodiscard]] void* map_pages(size_t bytes, size_t alignment);
void unmap_pages(void* pointer, size_t bytes) noexcept;

/// Sum over all threads of what is handed out for `purpose`, in bytes.
int64_t used(Purpose purpose) noexcept;
/// Sum over all purposes.
int64_t used_total() noexcept;
/// The same, cheap and late by at most 64 KiB for each thread.
int64_t used_estimate() noexcept;
/// The same with all that the calling thread has done, late for the other threads only: for the
/// maxmemory check of every write. A thread that frees to get below a limit sees each byte at once.
int64_t used_estimate_here() noexcept;
/// Highest use seen, sampled whenever a growing thread feeds used_estimate() and at this call.
int64_t used_peak() noexcept;
/// Bytes obtained from malloc and mmap, counted where those are called.
int64_t obtained() noexcept;
/// Returns free memory of the allocator to the kernel (MEMORY PURGE).
void purge() noexcept;

/// "libc", "mimalloc" or "jemalloc", with version where known: INFO's mem_allocator.
const char* allocator_name() noexcept;

}  // namespace gyre::base
