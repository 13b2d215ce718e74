// SPDX-License-Identifier: BSD-3-Clause

// A buffer is a list of segments. A segment is either a run of bytes in a chunk, which follow their
// Segment directly, or a reference to a value. Segments are written into the chunks between the
// bytes:
//
//   chunk 1: [segment | bytes.......][reference][segment | bytes....]   chunk 2: [segment | bytes..
//
// A reference is always followed by a run in the same chunk, so the newest segment is always a run
// that can be appended to. A chunk is given back when the list moves on to a segment in another
// one.

#include "base/output_buffer.h"

#include <algorithm>
#include <new>
#include <type_traits>

#include "base/check.h"
#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define GYRE_POISON_CHUNKS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GYRE_POISON_CHUNKS
#endif
#endif
#ifdef GYRE_POISON_CHUNKS
#include <sanitizer/asan_interface.h>
#endif

namespace gyre::base {
namespace {

// A chunk on the free list is poisoned behind its link, so that the address sanitizer finds a use
// after give() as it would after free().
void poison(char* chunk) noexcept {
#ifdef GYRE_POISON_CHUNKS
    ASAN_POISON_MEMORY_REGION(chunk + sizeof(char*), ChunkPool::kChunkBytes - sizeof(char*));
#else
    static_cast<void>(chunk);
#endif
}

void unpoison(char* chunk) noexcept {
#ifdef GYRE_POISON_CHUNKS
    ASAN_UNPOISON_MEMORY_REGION(chunk, ChunkPool::kChunkBytes);
#else
    static_cast<void>(chunk);
#endif
}

char* next_free(const char* chunk) noexcept {
    char* next = nullptr;
    std::memcpy(&next, chunk, sizeof(next));
    return next;
}

/// splice() copies up to this much rather than leave the rest of an open chunk unused.
constexpr size_t kSpliceCopyMax = 1024;

}  // namespace

ChunkPool::~ChunkPool() {
    while (free_ != nullptr) {
        char* chunk = free_;
        free_ = next_free(chunk);
        unpoison(chunk);
        release(Purpose::clients, chunk);
    }
}

char* ChunkPool::take() {
    if (free_ == nullptr) {
        least_free_ = 0;
        return static_cast<char*>(allocate(Purpose::clients, kChunkBytes));
    }
    char* chunk = free_;
    free_ = next_free(chunk);
    --free_count_;
    least_free_ = std::min(least_free_, free_count_);
    unpoison(chunk);
    return chunk;
}

void ChunkPool::trim() noexcept {
    for (size_t unused = least_free_; unused > 0; --unused) release(Purpose::clients, take());
    least_free_ = free_count_;
}

void ChunkPool::give(char* chunk) noexcept {
    if (free_count_ == kFreeChunksMax) {
        release(Purpose::clients, chunk);
        return;
    }
    std::memcpy(chunk, &free_, sizeof(free_));
    free_ = chunk;
    ++free_count_;
    poison(chunk);
}

struct OutputBuffer::Segment {
    Segment* next;
    char* begin;             // first byte not yet consumed
    char* end;               // one past the last byte; of no meaning in the open segment
    char* chunk;             // the chunk this Segment stands in
    SharedBytes* reference;  // the value the bytes belong to, owned; null: they are in the chunk
};

size_t OutputBuffer::length_of(const Segment& segment) const noexcept {
    return static_cast<size_t>((&segment == open_ ? cursor_ : segment.end) - segment.begin);
}

OutputBuffer::Segment* OutputBuffer::place_segment(char* where, char* chunk) noexcept {
    static_assert(sizeof(Segment) == kSegmentBytes);
    static_assert(std::is_trivially_destructible_v<Segment>);
    char* bytes = where + sizeof(Segment);
    return new (where) Segment{nullptr, bytes, bytes, chunk, nullptr};
}

void OutputBuffer::add_chunk(size_t bytes) {
    CHECK(bytes <= kReserveBytesMax);
    char* chunk = pool_->take();
    footprint_ += ChunkPool::kChunkBytes;
    const size_t position = end_position();
    Segment* segment = place_segment(chunk, chunk);
    if (open_ == nullptr) {
        front_ = segment;
    } else {
        open_->end = cursor_;
        open_->next = segment;
    }
    open_ = segment;
    limit_ = chunk + ChunkPool::kChunkBytes;
    set_cursor(segment->begin, position);
}

void OutputBuffer::append_slow(std::string_view bytes) {
    while (!bytes.empty()) {
        if (cursor_ == limit_) add_chunk(1);
        const size_t count = std::min(bytes.size(), static_cast<size_t>(limit_ - cursor_));
        std::memcpy(cursor_, bytes.data(), count);
        cursor_ += count;
        bytes.remove_prefix(count);
    }
}

void OutputBuffer::append_reference(SharedBytesRef value) {
    if (value->size() == 0) return;
    const size_t position = end_position();
    auto align = [](char* pointer) {
        const size_t past = reinterpret_cast<uintptr_t>(pointer) % alignof(Segment);
        return past == 0 ? pointer : pointer + (alignof(Segment) - past);
    };
    // Room for the reference and for the run behind it, which must stand in the same chunk.
    if (static_cast<size_t>(limit_ - cursor_) < 2 * sizeof(Segment) + alignof(Segment)) {
        add_chunk(1);
    }
    char* chunk = open_->chunk;
    char* where = align(cursor_);
    open_->end = cursor_;
    Segment* reference = place_segment(where, chunk);
    Segment* run = place_segment(where + sizeof(Segment), chunk);
    open_->next = reference;
    reference->next = run;
    reference->begin = value->data();
    reference->end = value->data() + value->size();
    footprint_ += value->footprint();
    const size_t length = value->size();
    reference->reference = value.detach();
    open_ = run;
    set_cursor(run->begin, position + length);
}

size_t OutputBuffer::gather(std::span<iovec> vectors, size_t bytes_max) {
    size_t count = 0;
    for (Segment* segment = front_; segment != nullptr && bytes_max > 0 && count < vectors.size();
         segment = segment->next) {
        const size_t length = std::min(length_of(*segment), bytes_max);
        if (length == 0) continue;
        vectors[count++] = iovec{segment->begin, length};
        bytes_max -= length;
    }
    return count;
}

void OutputBuffer::consume(size_t bytes) {
    CHECK(bytes <= size());
    consumed_ += bytes;
    if (consumed_ == end_position()) {
        forget_segments();
        return;
    }
    while (bytes > 0) {
        const size_t length = length_of(*front_);
        if (bytes < length) {
            front_->begin += bytes;
            return;
        }
        bytes -= length;
        pop_front();
    }
}

void OutputBuffer::clear() noexcept {
    consumed_ = end_position();
    forget_segments();
}

void OutputBuffer::truncate(size_t mark) {
    CHECK(mark >= consumed_);
    CHECK(mark <= end_position());
    if (mark == end_position()) return;
    if (mark == consumed_) {
        forget_segments();
        return;
    }
    size_t keep = mark - consumed_;
    Segment* last = front_;
    while (length_of(*last) < keep) {
        keep -= length_of(*last);
        last = last->next;
    }
    char* end = last->begin + keep;
    if (last->reference != nullptr) {
        last->end = end;
        last = last->next;  // the run behind it, in the same chunk
        end = last->begin;
    }
    drop_after(last);
    open_ = last;
    limit_ = last->chunk + ChunkPool::kChunkBytes;
    set_cursor(end, mark);
}

void OutputBuffer::splice(OutputBuffer& other) {
    CHECK(pool_ == other.pool_);
    CHECK(this != &other);
    const size_t length = other.size();
    const bool is_one_run = other.front_ == other.open_;
    if (length == 0 || (open_ != nullptr && is_one_run && length <= kSpliceCopyMax)) {
        if (length > 0) append({other.front_->begin, length});
        other.clear();
        return;
    }
    const size_t position = end_position() + length;
    if (open_ == nullptr) {
        front_ = other.front_;
    } else {
        open_->end = cursor_;
        open_->next = other.front_;
    }
    open_ = other.open_;
    limit_ = other.limit_;
    set_cursor(other.cursor_, position);
    footprint_ += other.footprint_;
    other.consumed_ += length;
    other.front_ = other.open_ = nullptr;
    other.footprint_ = 0;
    other.limit_ = nullptr;
    other.set_cursor(nullptr, other.consumed_);
}

/// Drops the oldest segment, which must not be the open one.
void OutputBuffer::pop_front() noexcept {
    Segment* segment = front_;
    front_ = segment->next;
    drop_reference(*segment);
    if (front_->chunk != segment->chunk) give_chunk(segment->chunk);
}

void OutputBuffer::drop_after(Segment* last) noexcept {
    char* chunk = last->chunk;
    for (Segment* segment = last->next; segment != nullptr;) {
        Segment* next = segment->next;
        drop_reference(*segment);
        // The first segment of a chunk stands at its start: the chunk before is done with.
        if (segment->chunk != chunk) {
            if (chunk != last->chunk) give_chunk(chunk);
            chunk = segment->chunk;
        }
        segment = next;
    }
    if (chunk != last->chunk) give_chunk(chunk);
    last->next = nullptr;
}

void OutputBuffer::drop_reference(Segment& segment) noexcept {
    if (segment.reference == nullptr) return;
    footprint_ -= segment.reference->footprint();
    segment.reference->release();
    segment.reference = nullptr;
}

void OutputBuffer::give_chunk(char* chunk) noexcept {
    footprint_ -= ChunkPool::kChunkBytes;
    pool_->give(chunk);
}

/// Drops all segments; the stream position stays what `consumed_` says.
void OutputBuffer::forget_segments() noexcept {
    if (front_ != nullptr) {
        while (front_ != open_) pop_front();
        give_chunk(front_->chunk);
        front_ = open_ = nullptr;
        limit_ = nullptr;
    }
    set_cursor(nullptr, consumed_);
}

}  // namespace gyre::base
