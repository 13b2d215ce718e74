// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a string value is before it lies in an entry: bytes, an integer, or a block of its own. The
// encodings are Redis': a canonical 64-bit decimal is kept as an integer, up to 44 bytes are
// "embstr", anything longer or changed in place is "raw".
//
// Threads: any. Nothing here knows a key.

#include <cstdint>
#include <string_view>

#include "base/shared_bytes.h"

namespace gyre::types {

/// Longest value that OBJECT ENCODING calls "embstr" (Redis' OBJ_ENCODING_EMBSTR_SIZE_LIMIT).
inline constexpr size_t kEmbstrBytesMax = 44;

/// A string on its way into the keyspace. Borrows `bytes` for the call.
struct StringContent {
    enum class Kind : uint8_t { bytes, integer, block };
    Kind kind = Kind::bytes;
    bool is_raw =
        false;  ///< report "raw" even when short: the result of APPEND, SETRANGE, BITOP ...
    int64_t integer = 0;
    std::string_view bytes;
    base::SharedBytes* block =
        nullptr;  ///< one reference, taken over by whoever stores the content
};

/// Chooses the encoding as SET does: integer where the bytes are a canonical 64-bit decimal.
StringContent encode_string(std::string_view bytes);
/// Bytes kept as they are: never an integer; "raw" when asked so.
StringContent plain_string(std::string_view bytes, bool is_raw = false);
StringContent integer_string(int64_t value);
/// A block received into its final place; takes over one reference.
StringContent block_string(base::SharedBytes* block);

}  // namespace gyre::types
