// SPDX-License-Identifier: BSD-3-Clause

#include "base/base64.h"

#include <array>
#include <cstdint>

namespace gyre::base {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Larger than any six bits, so that four digits can be tested with one "or".
constexpr uint8_t kNoDigit = 0xFF;

constexpr std::array<uint8_t, 256> make_digits() {
    std::array<uint8_t, 256> digits{};
    digits.fill(kNoDigit);
    for (size_t digit = 0; digit < kAlphabet.size(); ++digit) {
        digits[static_cast<unsigned char>(kAlphabet[digit])] = static_cast<uint8_t>(digit);
    }
    return digits;
}
constexpr std::array<uint8_t, 256> kDigits = make_digits();

uint32_t byte_at(std::string_view bytes, size_t index) {
    return static_cast<unsigned char>(bytes[index]);
}

uint32_t digit_at(std::string_view text, size_t index) { return kDigits[byte_at(text, index)]; }

/// The last group, which may end in padding: its bytes at `out`, how many, nullopt if malformed.
std::optional<size_t> decode_last(char* out, std::string_view group) noexcept {
    const size_t digits = group[3] != '=' ? 4U : group[2] != '=' ? 3U : 2U;
    uint32_t word = 0;
    for (size_t index = 0; index < digits; ++index) {
        const uint32_t digit = digit_at(group, index);
        if (digit == kNoDigit) return std::nullopt;
        word |= digit << (18 - 6 * index);
    }
    const size_t bytes = digits - 1;
    // Bits that belong to no byte: were they free, several texts would mean the same bytes.
    if (bytes < 3 && (word & (0xFFFFFFU >> (8 * bytes))) != 0) return std::nullopt;
    for (size_t index = 0; index < bytes; ++index) {
        out[index] = static_cast<char>(word >> (16 - 8 * index));
    }
    return bytes;
}

}  // namespace

char* encode_base64(char* out, std::string_view bytes) noexcept {
    size_t at = 0;
    for (; at + 3 <= bytes.size(); at += 3) {
        const uint32_t word =
            byte_at(bytes, at) << 16 | byte_at(bytes, at + 1) << 8 | byte_at(bytes, at + 2);
        *out++ = kAlphabet[word >> 18];
        *out++ = kAlphabet[word >> 12 & 63];
        *out++ = kAlphabet[word >> 6 & 63];
        *out++ = kAlphabet[word & 63];
    }
    const size_t left = bytes.size() - at;
    if (left == 0) return out;
    const uint32_t word =
        byte_at(bytes, at) << 16 | (left == 2 ? byte_at(bytes, at + 1) << 8 : uint32_t{0});
    *out++ = kAlphabet[word >> 18];
    *out++ = kAlphabet[word >> 12 & 63];
    *out++ = left == 2 ? kAlphabet[word >> 6 & 63] : '=';
    *out++ = '=';
    return out;
}

std::string encode_base64(std::string_view bytes) {
    std::string text(base64_chars(bytes.size()), '\0');
    encode_base64(text.data(), bytes);
    return text;
}

std::optional<size_t> decode_base64(char* out, std::string_view text) noexcept {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.empty()) return 0;
    size_t written = 0;
    size_t at = 0;
    // Four characters are read before the three bytes are written: the output stays behind.
    for (; at + 4 < text.size(); at += 4) {
        const uint32_t digits[] = {digit_at(text, at), digit_at(text, at + 1),
                                   digit_at(text, at + 2), digit_at(text, at + 3)};
        if ((digits[0] | digits[1] | digits[2] | digits[3]) > 63) return std::nullopt;
        const uint32_t word = digits[0] << 18 | digits[1] << 12 | digits[2] << 6 | digits[3];
        out[written++] = static_cast<char>(word >> 16);
        out[written++] = static_cast<char>(word >> 8);
        out[written++] = static_cast<char>(word);
    }
    const auto last = decode_last(out + written, text.substr(at));
    if (!last) return std::nullopt;
    return written + *last;
}

std::optional<std::string> decode_base64(std::string_view text) {
    std::string bytes(base64_bytes_max(text.size()), '\0');
    const auto length = decode_base64(bytes.data(), text);
    if (!length) return std::nullopt;
    bytes.resize(*length);
    return bytes;
}

}  // namespace gyre::base
