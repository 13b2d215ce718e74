// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Redis' listpack, byte for byte: a run of strings and integers that can be read from either end.
//
//   u32 bytes in all | u16 elements (65535: count them) | element ... | 0xFF
//   element: encoding and payload, then their length again in groups of seven bits, which is read
//   backwards.
//
// Here are functions over bytes that lie elsewhere, in an entry, in a node of a list or in a
// string. Reading is Listpack, a view; a place in it is an offset. A change is planned first
// (ListpackSplice), so that its owner can find the room, and then done in place.
//
// Listpack trusts its bytes: what comes from outside passes is_valid() before.
//
// Ownership: none; a view must not outlive its bytes, nor be used after they changed. Threads: any.
// Errors: none. Complexity: next() and previous() O(1), seek() and find() O(elements), a change
// O(bytes).
// Source: the format of Redis 7 (listpack.md by S. Sanfilippo), quirks of its lengths included.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/numbers.h"

namespace gyre::types {

/// Longest text of an element. A longer one can be looked for, in vain, but not be written.
inline constexpr size_t kListpackTextMax = size_t{1} << 30;

/// An element as it lies in a listpack.
struct ListpackValue {
    using Digits = char[24];

    const char* data = nullptr;  ///< null: an integer
    size_t size = 0;
    int64_t integer = 0;

    bool is_integer() const noexcept { return data == nullptr; }
    /// Its bytes; those of an integer are written into `digits`.
    std::string_view text(Digits& digits) const noexcept {
        if (!is_integer()) return {data, size};
        return {digits, static_cast<size_t>(base::write_integer(digits, integer) - digits)};
    }
    bool operator==(const ListpackValue& other) const noexcept {
        if (is_integer() || other.is_integer()) {
            return is_integer() && other.is_integer() && integer == other.integer;
        }
        return std::string_view(data, size) == std::string_view(other.data, other.size);
    }
};

/// An element on its way into a listpack, or to be looked for in one. Borrows its bytes.
class ListpackElement {
public:
    /// What reads as a canonical 64-bit decimal becomes an integer.
    static ListpackElement of(std::string_view bytes) noexcept;
    static ListpackElement of(int64_t integer) noexcept;
    static ListpackElement of(const ListpackValue& value) noexcept {
        return value.is_integer() ? of(value.integer)
                                  : of(std::string_view(value.data, value.size));
    }

    /// Bytes it takes in a listpack.
    size_t bytes() const noexcept { return total_bytes_; }
    /// Writes it; returns the end.
    char* write(char* out) const noexcept;
    bool equals(const ListpackValue& value) const noexcept;

private:
    std::string_view text_;  // of an integer only when it was given as text
    int64_t integer_ = 0;
    size_t total_bytes_ = 0;
    size_t body_bytes_ = 0;   // encoding and payload
    uint8_t first_byte_ = 0;  // tells the encoding
    bool is_integer_ = false;
};

/// A change of a listpack: at `at` some elements go and others take their place.
struct ListpackSplice {
    size_t at = 0;
    size_t removed_bytes = 0;
    size_t removed = 0;
    /// Must not lie in the listpack itself.
    std::span<const ListpackElement> added = {};

    size_t added_bytes() const noexcept;
    /// Of a listpack of `before` bytes.
    size_t size_after(size_t before) const noexcept {
        return before - removed_bytes + added_bytes();
    }
    /// Does it. `bytes` has room for the larger of both sizes; `before` of them are the listpack.
    void apply(char* bytes, size_t before) const noexcept;
    /// The same at the first element: the end of the listpack stays where it is, and its beginning
    /// moves, for which there is room. Returns that.
    char* apply_front(char* bytes, size_t before) const noexcept;
    void apply(std::string& listpack) const;

private:
    void correct_header(char* bytes, size_t after) const noexcept;
};

class Listpack {
public:
    static constexpr size_t kHeaderBytes = 6;
    static constexpr size_t kEmptyBytes = kHeaderBytes + 1;
    /// In the header: the elements must be counted.
    static constexpr size_t kCountUnknown = 65535;
    /// No listpack grows beyond this (its length has 32 bits).
    static constexpr size_t kBytesMax = size_t{1} << 30;
    /// A listpack without elements.
    static constexpr std::string_view kEmpty{"\7\0\0\0\0\0\xff", kEmptyBytes};

    explicit Listpack(std::string_view bytes) noexcept
        : data_(bytes.data()), bytes_(bytes.size()) {}

    std::string_view bytes() const noexcept { return {data_, bytes_}; }
    /// Elements. O(1) below 65535, else O(elements).
    size_t size() const noexcept;
    bool is_empty() const noexcept { return bytes_ == kEmptyBytes; }

    // --- places -------------------------------------------------------------------------------
    /// The first element; end() when there is none.
    size_t begin() const noexcept { return kHeaderBytes; }
    size_t end() const noexcept { return bytes_ - 1; }
    size_t next(size_t at) const noexcept;
    /// The element before `at`, which may be end() and must not be begin().
    size_t previous(size_t at) const noexcept;
    /// Element `index` from the front, or from the back when negative (-1 the last); end() when
    /// there is none. Goes the shorter way.
    size_t seek(int64_t index) const noexcept;
    /// `at` moved on by `count` elements, end() at most.
    size_t advance(size_t at, size_t count) const noexcept;

    ListpackValue at(size_t place) const noexcept;
    /// The first element from `from` on that is `wanted`, looking at one and leaving out `skip`;
    /// end() when there is none.
    size_t find(const ListpackElement& wanted, size_t from, size_t skip = 0) const noexcept;

    // --- changes ------------------------------------------------------------------------------
    ListpackSplice insert(size_t at, std::span<const ListpackElement> added) const noexcept {
        return {at, 0, 0, added};
    }
    /// `count` elements must be there.
    ListpackSplice replace(size_t at, size_t count,
                           std::span<const ListpackElement> added) const noexcept {
        return {at, advance(at, count) - at, count, added};
    }
    ListpackSplice erase(size_t at, size_t count) const noexcept { return replace(at, count, {}); }

    /// Whether hostile bytes are a listpack: every length inside, counts and ends right.
    static bool is_valid(std::string_view bytes) noexcept;

private:
    const char* data_;
    size_t bytes_;
};

}  // namespace gyre::types
