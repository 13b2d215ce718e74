// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Bytes on their way out of a connection: a queue of chunks to which replies are appended, and of
// references to large values that are sent without being copied. A connection has at most one send
// in flight; what is appended meanwhile queues behind it.
//
// An empty buffer owns no chunk. Chunks come from a ChunkPool of the home reactor, so a steady load
// allocates nothing.
//
// Ownership: the buffer owns its chunks and one reference for each value queued. The pool must
// outlive the buffer.
// Threads: home reactor only.
// Invariants: 1. size() counts every byte appended and not yet consumed, referenced values included.
//             2. Bytes handed out by gather() stay at their address until consume() has passed them.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "base/shared_bytes.h"

namespace gyre::base {

/// Free list of equally sized chunks. Home reactor only.
class ChunkPool {
public:
    static constexpr size_t kChunkBytes = 16 * 1024;
    /// Chunks kept for reuse; more are given back to the allocator.
    static constexpr size_t kFreeChunksMax = 256;

    ChunkPool() = default;
    ChunkPool(const ChunkPool&) = delete;
    ChunkPool& operator=(const ChunkPool&) = delete;
    ~ChunkPool();

    char* take();
    void give(char* chunk) noexcept;

private:
    std::vector<char*> free_;
};

class OutputBuffer {
public:
    explicit OutputBuffer(ChunkPool& pool) noexcept : pool_(&pool) {}
    OutputBuffer(const OutputBuffer&) = delete;
    OutputBuffer& operator=(const OutputBuffer&) = delete;
    ~OutputBuffer() { clear(); }

    /// Room for `bytes` (at most ChunkPool::kChunkBytes) contiguous bytes at the end; write there, then commit().
    char* reserve(size_t bytes) {
        if (static_cast<size_t>(limit_ - cursor_) < bytes) [[unlikely]] add_chunk();
        return cursor_;
    }
    void commit(size_t bytes) noexcept { cursor_ += bytes; }

    void append(std::string_view bytes) {
        if (static_cast<size_t>(limit_ - cursor_) >= bytes.size()) [[likely]] {
            std::memcpy(cursor_, bytes.data(), bytes.size());
            cursor_ += bytes.size();
        } else {
            append_slow(bytes);
        }
    }
    /// Queues a value by reference; it is sent from where it lies.
    void append_reference(SharedBytesRef value);

    /// Bytes appended and not yet consumed.
    size_t size() const noexcept { return queued_ + static_cast<size_t>(cursor_ - committed_); }
    bool empty() const noexcept { return size() == 0; }
    /// Memory held: whole chunks and referenced values, for client-output-buffer-limit and CLIENT LIST.
    size_t footprint() const noexcept;

    /// Fills `vectors` with the front of the queue, at most `bytes_max` bytes; returns how many
    /// vectors were filled. Does not consume. The last chunk is sealed: appends go behind it, and
    /// may go on filling the same chunk.
    size_t gather(std::span<iovec> vectors, size_t bytes_max);
    /// Drops `bytes` from the front (what the kernel took); frees chunks and references passed.
    void consume(size_t bytes);
    void clear() noexcept;

    /// Mark of the present end, for truncate(): CLIENT REPLY and coroutine commands that build a reply aside.
    size_t mark() const noexcept { return size(); }
    /// Drops everything appended after `mark`. Only bytes that gather() has not handed out may be dropped.
    void truncate(size_t mark);
    /// Appends all of `other`'s content by moving its chunks; `other` is empty afterwards. Same pool.
    void splice(OutputBuffer& other);

private:
    struct Segment {
        char* begin = nullptr;     // first unconsumed byte
        char* end = nullptr;       // one past the last byte of this segment
        char* chunk = nullptr;     // chunk to give back when consumed; null while a later segment shares it
        SharedBytesRef reference;  // or the value referred to
    };
    void add_chunk();
    void append_slow(std::string_view bytes);
    void seal();

    ChunkPool* pool_;
    char* cursor_ = nullptr;     // next free byte of the open chunk
    char* limit_ = nullptr;      // end of the open chunk
    char* committed_ = nullptr;  // start of the open, unsealed part
    char* chunk_ = nullptr;      // the open chunk
    size_t queued_ = 0;          // bytes in sealed segments
    std::deque<Segment>* segments_ = nullptr;  // null when nothing is sealed: an idle buffer is small
};

}  // namespace gyre::base
