// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Bytes on their way out of a connection: a queue of chunks to which replies are appended, and of
// references to large values that are sent without being copied. A connection has at most one send
// in flight; what is appended meanwhile queues behind it.
//
// An empty buffer owns no chunk: the last one goes back to the pool as soon as everything in it is
// consumed, so idle connections hold nothing. Chunks come from a ChunkPool of the home reactor, so
// a steady load allocates nothing. The list of segments lives inside the chunks.
//
// Ownership: the buffer owns its chunks and one reference for each value queued. The pool must
// outlive the buffer.
// Threads: home reactor only.
// Invariants: 1. size() counts every byte appended and not yet consumed, referenced values
// included.
//             2. Bytes handed out by gather() stay at their address until consume() has passed
//             them.
//             3. No chunk is held when size() is 0, except between reserve() and commit().
// Complexity: append, reserve and append_reference O(1) besides copying; gather and consume in what
// they pass; truncate in the number of segments.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/shared_bytes.h"

namespace gyre::base {

/// Free list of equally sized chunks, linked through the chunks themselves. Home reactor only.
class ChunkPool {
public:
    static constexpr size_t kChunkBytes = 16 * 1024;
    /// Chunks kept for reuse; more are given back to the allocator.
    static constexpr size_t kFreeChunksMax = 256;

    ChunkPool() = default;
    ChunkPool(const ChunkPool&) = delete;
    ChunkPool& operator=(const ChunkPool&) = delete;
    ~ChunkPool();

    /// kChunkBytes bytes, aligned for any type.
    char* take();
    void give(char* chunk) noexcept;
    /// Gives back to the allocator what has lain unused since the last call, so that what a burst
    /// has left does not stay for ever. To be called from time to time.
    void trim() noexcept;
    /// Chunks waiting for reuse.
    size_t free_count() const noexcept { return free_count_; }

private:
    char* free_ = nullptr;  // its first word points to the next
    size_t free_count_ = 0;
    size_t least_free_ = 0;  // since the last trim()
};

class OutputBuffer {
public:
    explicit OutputBuffer(ChunkPool& pool) noexcept : pool_(&pool) {}
    OutputBuffer(const OutputBuffer&) = delete;
    OutputBuffer& operator=(const OutputBuffer&) = delete;
    ~OutputBuffer() { clear(); }

private:
    struct Segment;
    static constexpr size_t kSegmentBytes = 40;

public:
    /// Most that reserve() gives at once: a chunk less the segment at its start.
    static constexpr size_t kReserveBytesMax = ChunkPool::kChunkBytes - kSegmentBytes;

    /// Room for `bytes` (at most kReserveBytesMax) contiguous bytes at the end; write there, then
    /// commit() before any other call.
    char* reserve(size_t bytes) {
        if (static_cast<size_t>(limit_ - cursor_) < bytes) [[unlikely]]
            add_chunk(bytes);
        return cursor_;
    }
    void commit(size_t bytes) noexcept { cursor_ += bytes; }

    void append(std::string_view bytes) {
        // An empty view wraps around here and takes the slow path: memcpy wants no null pointers.
        if (bytes.size() - 1 < static_cast<size_t>(limit_ - cursor_)) [[likely]] {
            std::memcpy(cursor_, bytes.data(), bytes.size());
            cursor_ += bytes.size();
        } else {
            append_slow(bytes);
        }
    }
    /// Queues a value by reference; it is sent from where it lies.
    void append_reference(SharedBytesRef value);

    /// Bytes appended and not yet consumed.
    size_t size() const noexcept { return end_position() - consumed_; }
    bool empty() const noexcept { return size() == 0; }
    /// Where the chunks come from: for a buffer beside this one, to be spliced.
    ChunkPool& pool() noexcept { return *pool_; }
    /// Memory held: whole chunks and referenced values, for client-output-buffer-limit and
    /// CLIENT LIST. O(1).
    size_t footprint() const noexcept { return footprint_; }

    /// Fills `vectors` with the front of the queue, at most `bytes_max` bytes; returns how many
    /// vectors were filled. Does not consume. Appends go on behind the bytes handed out, possibly
    /// in the same chunk.
    size_t gather(std::span<iovec> vectors, size_t bytes_max);
    /// Drops `bytes` from the front (what the kernel took); frees chunks and references passed.
    void consume(size_t bytes);
    void clear() noexcept;

    /// Mark of the present end, for truncate(): CLIENT REPLY and commands that build a reply aside.
    /// It counts from the start of the stream, so it survives a consume() of what stands before it.
    size_t mark() const noexcept { return end_position(); }
    /// Drops everything appended after `mark`. Only bytes that gather() has not handed out may be
    /// dropped.
    void truncate(size_t mark);
    /// Appends all of `other`'s content by moving its chunks (a short one is copied); `other` is
    /// empty afterwards. Same pool; nothing of `other` may be in flight.
    void splice(OutputBuffer& other);

private:
    /// Position in the stream just after the last byte. `bias_` is kept such that one addition
    /// gives it, so that commit() and append() need to move the cursor only.
    size_t end_position() const noexcept { return bias_ + reinterpret_cast<uintptr_t>(cursor_); }
    void set_cursor(char* cursor, size_t end_position) noexcept {
        cursor_ = cursor;
        bias_ = end_position - reinterpret_cast<uintptr_t>(cursor);
    }
    size_t length_of(const Segment& segment) const noexcept;
    Segment* place_segment(char* where, char* chunk) noexcept;
    void add_chunk(size_t bytes);
    void append_slow(std::string_view bytes);
    void pop_front() noexcept;
    void drop_after(Segment* last) noexcept;
    void drop_reference(Segment& segment) noexcept;
    void give_chunk(char* chunk) noexcept;
    void forget_segments() noexcept;

    ChunkPool* pool_;
    char* cursor_ = nullptr;    // next free byte of the open segment
    char* limit_ = nullptr;     // end of its chunk
    Segment* front_ = nullptr;  // oldest segment
    Segment* open_ = nullptr;  // newest segment, always one of bytes in a chunk; its end is cursor_
    size_t bias_ = 0;          // see end_position()
    size_t consumed_ = 0;      // bytes consumed since construction
    size_t footprint_ = 0;
};

static_assert(sizeof(OutputBuffer) <= 64);

}  // namespace gyre::base
