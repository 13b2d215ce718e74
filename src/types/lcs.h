// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The longest common subsequence of two strings. Where several are equally long the one found is
// Redis': going back from the ends, equal bytes are taken, else the first string gives up a byte
// where that alone keeps the length, else the second does.
//
// The recurrence runs on whole words: bit j of a row is clear where the length grows from column j
// to column j + 1, and one addition carries 64 columns at a time. A row for each byte of the first
// string is all the way back needs: 1 bit for a cell, where a table of lengths takes 32.
//
// Source: M. Crochemore, C. Iliopoulos, Y. Pinzon, J. Reid, "A fast and practical bit-vector
// algorithm for the longest common subsequence problem" (2001); H. Hyyrö, "Bit-parallel LCS-length
// computation revisited" (2004).
//
// Threads: any. Complexity: O(n * m / 64) time; lcs() keeps n * m / 8 bytes, lcs_length() what the
// masks of the bytes that occur take.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::types {

/// A run of bytes both strings have in common. Positions of the first and the last byte.
struct LcsMatch {
    size_t first_begin = 0;
    size_t first_end = 0;
    size_t second_begin = 0;
    size_t second_end = 0;
    size_t length() const { return first_end - first_begin + 1; }
};

struct Lcs {
    std::string text;
    std::vector<LcsMatch> matches;  ///< from the ends of the strings to their beginnings
};

Lcs lcs(std::string_view first, std::string_view second);
size_t lcs_length(std::string_view first, std::string_view second);

}  // namespace gyre::types
