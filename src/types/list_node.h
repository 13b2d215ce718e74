// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A node of a list: a listpack of several elements, one element too large for that (plain), or a
// listpack that was compressed. A plain value with functions, so that nodes move with memcpy.
//
// A listpack may lie anywhere in its memory, so that an element is put in front of the first, or
// taken away, without moving the others.
//
// Ownership: a node owns its bytes; whoever holds it calls release(). Every function that allocates
// or frees corrects `footprint`, the bytes the whole list has from the allocator.
// Threads: caller holds the shard lock. Errors: running out of memory ends the process.
// Complexity: O(bytes of the node).
// Source: LZF by M. Lehmann; that nodes below 48 bytes, and those that give less than 8, stay as
// they are is from Redis.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "types/listpack.h"

namespace gyre::types {

class ListNode {
public:
    enum class Form : uint8_t { packed, plain, compressed };
    /// Compressing more at once would take too long under a lock.
    static constexpr size_t kCompressBytesMax = 64 * 1024;
    static constexpr size_t kCompressBytesMin = 48;
    static constexpr size_t kCompressGainMin = 8;

    /// A listpack with these bytes, room for `capacity`.
    static ListNode packed(std::string_view listpack, size_t capacity, size_t& footprint);
    static ListNode plain(std::string_view value, size_t& footprint);
    ListNode clone(size_t& footprint) const;
    void release(size_t& footprint) noexcept;
    /// Bytes from the allocator.
    size_t allocated_bytes() const noexcept;

    /// Of a node that a list has yet to save, its place among all of these; 0: it has not.
    uint32_t number() const noexcept { return number_; }
    void set_number(uint32_t number) noexcept { number_ = number; }

    Form form() const noexcept { return form_; }
    size_t count() const noexcept { return count_; }
    /// Bytes when not compressed.
    size_t raw_bytes() const noexcept;
    /// The listpack, or the plain element. A compressed one is unpacked into `scratch`.
    std::string_view bytes(std::string& scratch) const;
    /// Of one that is not compressed.
    std::string_view bytes() const noexcept { return {data_ + gap_, size_}; }

    /// Changes a packed node. It grows in steps up to `limit` and is made smaller when it lost
    /// elements and most of it is empty.
    void splice(const ListpackSplice& splice, size_t limit, size_t& footprint);
    /// Gives room back that will hardly be needed.
    void trim(size_t& footprint);
    /// Compresses a packed node when that is worth it.
    void compress(size_t& footprint);
    void decompress(size_t& footprint);

private:
    void make_room(size_t bytes, bool in_front, size_t limit, size_t& footprint);
    void move_to(size_t gap) noexcept;
    void resize(size_t capacity, size_t& footprint);

    char* data_ = nullptr;
    size_t size_ = 0;  // bytes as they lie
    uint32_t count_ = 0;
    uint32_t gap_ = 0;  // free bytes in front of a listpack
    Form form_ = Form::packed;
    bool is_incompressible_ = false;  // as it is now
    uint32_t number_ = 0;
};

}  // namespace gyre::types
