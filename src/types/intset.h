// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Redis' intset, byte for byte: different integers in ascending order, all of one width.
//
//   u32 width in bytes (2, 4, 8) | u32 number of integers | integers, the least significant byte
//   first
//
// The width follows the widest integer ever put in and never shrinks. Reading is Intset, a view; a
// change is done in place by functions over bytes that their owner has made room in.
//
// Intset trusts its bytes: what comes from outside passes is_valid() before.
//
// Ownership: none; a view must not outlive its bytes, nor be used after they changed. Threads: any.
// Errors: none. Complexity: find() O(log n), insert and erase O(n).
// Source: the format of Redis (intset.c by P. Noordhuis).

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gyre::types {

class Intset {
public:
    static constexpr size_t kHeaderBytes = 8;
    /// An intset without integers, of the least width.
    static constexpr std::string_view kEmpty{"\2\0\0\0\0\0\0\0", kHeaderBytes};

    explicit Intset(std::string_view bytes) noexcept : data_(bytes.data()), bytes_(bytes.size()) {}

    std::string_view bytes() const noexcept { return {data_, bytes_}; }
    size_t size() const noexcept { return (bytes_ - kHeaderBytes) / width(); }
    /// Bytes of each integer.
    size_t width() const noexcept;
    int64_t at(size_t index) const noexcept;

    struct Place {
        size_t index = 0;  ///< of the integer, or of the first that is larger
        bool is_found = false;
    };
    Place find(int64_t value) const noexcept;
    bool contains(int64_t value) const noexcept { return find(value).is_found; }

    /// Bytes with `value` put in, which is not in it.
    size_t size_with(int64_t value) const noexcept;
    /// Puts in `value`, which is not in it. `bytes` has room for size_with(); `before` of them are
    /// the intset.
    static void insert(char* bytes, size_t before, int64_t value) noexcept;
    /// Takes out the integer at `index`. Returns the bytes that remain.
    static size_t erase(char* bytes, size_t before, size_t index) noexcept;

    /// Whether hostile bytes are an intset: length and width right, integers ascending.
    static bool is_valid(std::string_view bytes) noexcept;

private:
    const char* data_;
    size_t bytes_;
};

}  // namespace gyre::types
