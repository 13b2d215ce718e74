// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Strings as rows of bits, counted from the most significant bit of the first byte as Redis counts
// them. The loops go by words of 64 bits.
//
// Threads: any. Complexity: O(bytes looked at).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gyre::types {

/// The bit at `offset`; false beyond the end.
bool get_bit(std::string_view bytes, uint64_t offset);

/// Set bits in all of `bytes`.
size_t count_bits(std::string_view bytes);
/// Set bits from bit `first` to bit `last`, both included; both must lie inside, first <= last.
size_t count_bits(std::string_view bytes, uint64_t first, uint64_t last);

/// Place of the first bit equal to `wanted` from bit `first` to bit `last`, both included; both
/// must lie inside, first <= last.
std::optional<uint64_t> find_bit(std::string_view bytes, bool wanted, uint64_t first,
                                 uint64_t last);

enum class BitOperation : uint8_t { all, any, odd };  // AND, OR, XOR

/// target = target <operation> operand, of equal lengths: what lies behind the end of a shorter
/// operand counts as zero. `operand` must not be longer than `bytes`.
void combine_bits(BitOperation operation, char* target, size_t bytes, std::string_view operand);
/// target = ~operand, as long as the operand.
void invert_bits(char* target, std::string_view operand);

}  // namespace gyre::types
