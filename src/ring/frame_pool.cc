// SPDX-License-Identifier: BSD-3-Clause
#include "ring/frame_pool.h"

#include <algorithm>
#include <new>

#include "base/memory.h"
#include "ring/sanitizers.h"

namespace gyre::ring {
namespace {

constexpr size_t kClassBytes = 64;
constexpr size_t kPooledBytesMax = 2048;
constexpr size_t kClasses = kPooledBytesMax / kClassBytes + 1;
/// Free frames kept for each class; at 256 a thread's lists hold 8 MiB at the very most.
constexpr uint32_t kFreeFramesMax = 256;

struct FreeFrame {
    FreeFrame* next;
};

/// Trivially destructible, so that a frame freed late in a thread's life finds it in place.
struct FramePool {
    FreeFrame* free[kClasses];
    uint32_t free_count[kClasses];
    FrameStatistics statistics;
    bool is_closed;
};

constinit thread_local FramePool pool{};

/// Empties the lists when the thread ends.
struct PoolCloser {
    bool touched = false;
    ~PoolCloser() {
        pool.is_closed = true;
        for (FreeFrame*& head : pool.free) {
            while (head != nullptr) {
                FreeFrame* frame = head;
                head = frame->next;
                base::release(base::Purpose::clients, frame);
            }
        }
    }
};

thread_local PoolCloser closer;

[[maybe_unused]] size_t class_of(size_t bytes) { return (bytes + kClassBytes - 1) / kClassBytes; }

[[maybe_unused]] void* take_frame(size_t bytes) {
    if (bytes > kPooledBytesMax) return base::allocate(base::Purpose::clients, bytes);
    const size_t index = class_of(bytes);
    if (FreeFrame* frame = pool.free[index]; frame != nullptr) {
        pool.free[index] = frame->next;
        --pool.free_count[index];
        return frame;
    }
    void* frame = base::allocate(base::Purpose::clients, index * kClassBytes);
    // After the allocation: what base keeps for this thread is then destroyed later than the lists.
    closer.touched = true;
    return frame;
}

[[maybe_unused]] void give_frame(void* memory, size_t bytes) {
    const size_t index = bytes > kPooledBytesMax ? kClasses : class_of(bytes);
    if (index == kClasses || pool.is_closed || pool.free_count[index] >= kFreeFramesMax) {
        base::release(base::Purpose::clients, memory);
        return;
    }
    pool.free[index] = new (memory) FreeFrame{pool.free[index]};
    ++pool.free_count[index];
}

}  // namespace

void* allocate_frame(size_t bytes) {
    ++pool.statistics.live_frames;
    pool.statistics.live_bytes += static_cast<int64_t>(bytes);
    pool.statistics.largest_bytes = std::max(pool.statistics.largest_bytes, bytes);
#ifdef GYRE_RING_ASAN
    return ::operator new(bytes);
#else
    return take_frame(bytes);
#endif
}

void release_frame(void* frame, size_t bytes) noexcept {
    --pool.statistics.live_frames;
    pool.statistics.live_bytes -= static_cast<int64_t>(bytes);
#ifdef GYRE_RING_ASAN
    ::operator delete(frame);
#else
    give_frame(frame, bytes);
#endif
}

FrameStatistics frame_statistics() noexcept { return pool.statistics; }

}  // namespace gyre::ring
