// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Unpacks LZF, the form of compressed strings in RDB files and of compressed list nodes. A control
// byte below 32 announces so many literal bytes and one more; any other one a copy of what was
// written before: three bits of length (7: another byte is added to them) plus two, and 13 bits of
// distance minus one, five of them in the control byte. liblzf writes it; this reads it 1.5 to 8
// times as fast, because it copies 8 or 16 bytes at a step, chooses by lengths as rarely as it can,
// and writes repetitions of a few bytes, which is what compresses best, in steps that double.
//
// Threads: any. Complexity: O(size). Source: the format is that of liblzf 3.6 (M. Lehmann, 2008).

#include <cstddef>
#include <string_view>

namespace gyre::base {

/// Fills `size` bytes at `out`, which do not overlap `packed`. False: `packed` is damaged or does
/// not unpack to exactly `size` bytes; what is at `out` is then arbitrary. Reads and writes nothing
/// outside the two.
[[nodiscard]] bool unpack_lzf(std::string_view packed, char* out, size_t size) noexcept;

}  // namespace gyre::base
