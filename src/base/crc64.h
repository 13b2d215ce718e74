// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// CRC-64 with Jones' polynomial 0xad93d23594c935a9, bits reflected, start 0, no final inversion:
// the checksum at the end of an RDB file and of a DUMP payload. It finds accidents, not forgeries.
//
// Incremental: crc64(crc64(0, a), b) is the checksum of a followed by b.
//
// Threads: any. Complexity: O(n). Where the processor multiplies without carry (PCLMULQDQ), 64
// bytes are folded at a time; elsewhere eight bytes by eight tables. Sources: tables after Kounavis
// and Berry, "A Systematic Approach to Building High Performance Software-based CRC Generators"
// (2005); folding after Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
// Instruction" (Intel, 2009).

#include <cstdint>
#include <string_view>

namespace gyre::base {

/// The checksum of what `crc` stands for, continued by `bytes`; 0 stands for nothing.
[[nodiscard]] uint64_t crc64(uint64_t crc, std::string_view bytes) noexcept;

namespace crc64_detail {
/// The way that every processor can go; crc64() takes it for short input and where it must.
[[nodiscard]] uint64_t by_table(uint64_t crc, std::string_view bytes) noexcept;
}  // namespace crc64_detail

}  // namespace gyre::base
