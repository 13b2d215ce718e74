// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Integers of any width at any bit of a string, most significant bit first: what BITFIELD works on.
// Signed ones have 1 to 64 bits, unsigned ones 1 to 63, so that every value fits an int64_t.
//
// Ownership: none. Threads: any. Errors: nullopt where a value does not fit and may not be altered.
// Complexity: O(1).
// Source: the rules for values that do not fit are those of Redis, oddities included.

#include <cstdint>
#include <optional>
#include <string_view>

namespace gyre::types {

/// What becomes of a value that does not fit.
enum class Overflow : uint8_t {
    wrap,      ///< its low bits are kept
    saturate,  ///< the nearest value that fits
    fail,      ///< none
};

struct BitField {
    uint64_t offset = 0;  ///< of its most significant bit
    uint8_t bits = 0;
    bool is_signed = false;

    uint64_t last_bit() const { return offset + bits - 1; }

    /// Its value; bits beyond the end are zero.
    int64_t read(std::string_view bytes) const;
    /// Stores the low bits of `value`. The whole field must lie inside `bytes`.
    void write(char* bytes, int64_t value) const;
    /// value + increment as this field can hold it. `value` need not fit either: with an increment
    /// of 0 it is what becomes of a value that is to be stored. An unsigned field takes a negative
    /// `value` for one beyond 2^63. nullopt: it does not fit, and `overflow` is fail.
    std::optional<int64_t> add(int64_t value, int64_t increment, Overflow overflow) const;
};

}  // namespace gyre::types
