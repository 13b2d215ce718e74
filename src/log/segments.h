// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The memory of the log: the bytes of a stream of positions, in segments that come when somebody
// writes there and go back when nobody needs them any more. Those that went back last are used
// first. Some are kept for the next writer, as many as a busy log takes between two syncs: pages
// that are new cost the kernel more than the bytes that are written there. trim() gives those back
// that nobody wanted for a while, so that a log at rest needs two of them.
//
// Ownership: owns its segments. Threads: at() and bytes() any, for positions that are not released;
// release() and trim() one at a time. Complexity: O(1); a segment is taken under a mutex, once in
// kSegmentBytes; trim() O(segments that are kept).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "base/counted.h"

namespace gyre::log {

/// A place in the stream of effects: how many bytes were written before it.
using Position = uint64_t;
inline constexpr Position kNoPosition = UINT64_MAX;

class Segments {
public:
    static constexpr size_t kSegmentBytes = size_t{1} << 20;
    static constexpr size_t kSlots = 16384;
    /// Of what finds the segments.
    static constexpr size_t kTableBytes = kSlots * sizeof(std::atomic<char*>);
    /// From the first position that is held to the last, at most.
    static constexpr uint64_t kSpanBytes = uint64_t{kSegmentBytes} * kSlots;
    /// A segment begins there, so that pages of a file can be written from it directly.
    static constexpr size_t kAlignment = 4096;
    /// Kept for the next writer, at most.
    static constexpr size_t kFreeMax = 48;
    /// Kept by trim(), wanted or not.
    static constexpr size_t kFreeMin = 1;

    Segments();
    ~Segments();
    Segments(const Segments&) = delete;
    Segments& operator=(const Segments&) = delete;

    /// The bytes from `position` to the end of its segment.
    std::span<char> at(Position position) {
        std::atomic<char*>& slot = slots_[position / kSegmentBytes % kSlots];
        char* segment = slot.load(std::memory_order_acquire);
        if (segment == nullptr) [[unlikely]]
            segment = install(slot);
        const size_t offset = position % kSegmentBytes;
        return {segment + offset, kSegmentBytes - offset};
    }
    /// Nobody asks for positions from `from` to `to` any more.
    void release(Position from, Position to);
    /// Gives back half of those that nobody has taken since the last call.
    void trim();
    /// Of all segments, those kept for later included. Any thread.
    uint64_t bytes() const noexcept {
        return segments_.load(std::memory_order_relaxed) * kSegmentBytes;
    }

private:
    char* install(std::atomic<char*>& slot);
    void unmap(std::span<char* const> segments) noexcept;

    base::CountedVector<std::atomic<char*>, base::Purpose::log> slots_;
    std::atomic<uint64_t> segments_{0};
    std::mutex mutex_;
    std::vector<char*> free_;  // under mutex_; the last is taken first
    size_t free_least_ = 0;    // under mutex_; since trim()
};

}  // namespace gyre::log
