// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The fingerprint of a string value that DIGEST shows and IFDEQ and IFDNE compare: XXH3 with 64
// bits and no seed, as 16 hexadecimal digits. It finds changes; it is no defence against those who
// want equal ones.
//
// Threads: any. Complexity: O(bytes).

#include <cstdint>
#include <optional>
#include <string_view>

namespace gyre::types {

inline constexpr size_t kDigestChars = 16;

uint64_t digest(std::string_view bytes);
/// Writes kDigestChars lower-case digits at `out`; returns the end.
char* write_digest(char* out, uint64_t digest);
/// Exactly kDigestChars hexadecimal digits of any case.
std::optional<uint64_t> parse_digest(std::string_view text);

}  // namespace gyre::types
