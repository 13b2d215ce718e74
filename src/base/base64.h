// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Base64 with the standard alphabet and padding. Decoding is strict: each sequence of bytes has
// one text, and only that text is taken, so a document cannot say one thing in two ways.
//
// Threads: any. Complexity: O(n). Source: RFC 4648, sections 3.3, 3.5 and 4.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gyre::base {

/// Length of the text for so many bytes.
constexpr size_t base64_chars(size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

/// Writes the text of `bytes` at `out` (room for base64_chars()); returns the end. Texts of pieces
/// that are multiples of three bytes can be joined.
char* encode_base64(char* out, std::string_view bytes) noexcept;
std::string encode_base64(std::string_view bytes);

/// Most bytes that so many characters stand for.
constexpr size_t base64_bytes_max(size_t chars) noexcept { return chars / 4 * 3; }

/// Writes the bytes of `text` at `out` (room for base64_bytes_max()) and returns how many they are.
/// nullopt for anything but what encode_base64() writes: other characters, line breaks, missing
/// padding, bits behind the last byte that are not zero. `out` may be the start of `text` itself.
std::optional<size_t> decode_base64(char* out, std::string_view text) noexcept;
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace gyre::base
