// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Memory for coroutine frames. A frame lives as long as its coroutine, so the same few sizes are
// taken and given back all the time: each thread keeps free lists of frames up to 2 KiB in classes
// of 64 bytes. Larger frames, and all of them under AddressSanitizer (which would not see a use
// after free behind a free list), come from the allocator.
//
// Ownership: the caller of allocate_frame() returns the frame, with the size it asked for. A
// coroutine does not change its thread; a frame freed on another thread joins that thread's list,
// which is only less tidy, not wrong.
// Threads: any; all state belongs to the calling thread. Complexity: O(1).

#include <cstddef>
#include <cstdint>

namespace gyre::ring {

/// Frames of the calling thread, for DEBUG and for keeping an eye on the size of a connection.
struct FrameStatistics {
    int64_t live_frames = 0;
    int64_t live_bytes = 0;
    size_t largest_bytes = 0;  ///< largest frame ever asked for
};

[[nodiscard]] void* allocate_frame(size_t bytes);
void release_frame(void* frame, size_t bytes) noexcept;
FrameStatistics frame_statistics() noexcept;

}  // namespace gyre::ring
