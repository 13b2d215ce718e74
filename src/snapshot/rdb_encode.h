// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Lengths and strings as RDB writes them: a number of 8, 16 or 32 bits where the string is its
// canonical decimal, LZF where that is shorter, the bytes themselves otherwise.
//
// Ownership: an encoder owns the memory it compresses into; what it returns borrows that, or the
// text given. Threads: one at a time. Complexity: O(length).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "snapshot/buffer.h"

namespace gyre::snapshot {

inline constexpr size_t kRdbLengthBytesMax = 9;
/// Writes `length` at `out` (room for kRdbLengthBytesMax); returns the end.
char* write_rdb_length(char* out, uint64_t length) noexcept;

/// A string in two parts, so that a long one need not be copied to get its length before it.
struct EncodedString {
    std::array<char, 1 + 2 * kRdbLengthBytesMax> head_bytes;
    size_t head_size = 0;
    std::string_view body;

    [[nodiscard]] std::string_view head() const { return {head_bytes.data(), head_size}; }
};

struct StringEncoderOptions {
    /// Directive rdbcompression.
    bool compress = true;
    /// A longer string is written as it is: LZF must know the compressed length before the first
    /// byte, so a compressed string is held in memory whole, and its time cannot be cut into
    /// slices.
    size_t compressed_bytes_max = size_t{1024} * 1024;
};

class StringEncoder {
public:
    explicit StringEncoder(StringEncoderOptions options) : options_(options) {}

    /// Valid until the next call, and while `text` is.
    [[nodiscard]] EncodedString encode(std::string_view text);

private:
    bool compress(std::string_view text, EncodedString& encoded);

    StringEncoderOptions options_;
    Buffer compressed_;
};

}  // namespace gyre::snapshot
