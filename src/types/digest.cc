// SPDX-License-Identifier: BSD-3-Clause
#include "types/digest.h"

// Compiled in: the library that is installed shall not need another one for one function.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <charconv>
#include <system_error>

namespace gyre::types {

uint64_t digest(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

char* write_digest(char* out, uint64_t digest) {
    static constexpr char kDigits[] = "0123456789abcdef";
    for (unsigned shift = 64; shift > 0; shift -= 4) *out++ = kDigits[digest >> (shift - 4) & 15];
    return out;
}

std::optional<uint64_t> parse_digest(std::string_view text) {
    if (text.size() != kDigestChars) return std::nullopt;
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace gyre::types
