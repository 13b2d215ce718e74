// SPDX-License-Identifier: BSD-3-Clause

#include "base/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gyre::base {

namespace {

/// What may follow a lead byte: how many bytes in all, and the range of the second one. The ranges
/// are what excludes long forms (E0, F0), surrogates (ED) and values above U+10FFFF (F4).
struct Lead {
    size_t length;
    unsigned char second_min;
    unsigned char second_max;
};

Lead lead_of(unsigned char byte) noexcept {
    if (byte < 0xC2) return {0, 0, 0};  // a continuation, or a long form of ASCII
    if (byte < 0xE0) return {2, 0x80, 0xBF};
    if (byte == 0xE0) return {3, 0xA0, 0xBF};
    if (byte == 0xED) return {3, 0x80, 0x9F};
    if (byte < 0xF0) return {3, 0x80, 0xBF};
    if (byte == 0xF0) return {4, 0x90, 0xBF};
    if (byte < 0xF4) return {4, 0x80, 0xBF};
    if (byte == 0xF4) return {4, 0x80, 0x8F};
    return {0, 0, 0};
}

/// Length of the sequence at the front of `left` bytes, the first of them no ASCII; 0 when it is
/// not well-formed.
size_t sequence_length(const unsigned char* bytes, size_t left) noexcept {
    const Lead lead = lead_of(bytes[0]);
    if (lead.length == 0 || lead.length > left) return 0;
    if (bytes[1] < lead.second_min || bytes[1] > lead.second_max) return 0;
    for (size_t index = 2; index < lead.length; ++index) {
        if ((bytes[index] & 0xC0) != 0x80) return 0;
    }
    return lead.length;
}

}  // namespace

bool is_utf8(std::string_view bytes) noexcept {
    constexpr uint64_t kHighBits = 0x8080808080808080ULL;
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    const unsigned char* const end = at + bytes.size();
    while (at != end) {
        uint64_t word = 0;
        while (end - at >= 8) {
            std::memcpy(&word, at, sizeof(word));
            if ((word & kHighBits) != 0) break;
            at += 8;
        }
        // The rest of the word, or of the text, up to and with one sequence that is no ASCII: text
        // in other scripts has blanks and digits between, so one step is not worth a word's look.
        while (at != end && *at < 0x80) ++at;
        while (at != end && *at >= 0x80) {
            const size_t length = sequence_length(at, static_cast<size_t>(end - at));
            if (length == 0) return false;
            at += length;
        }
    }
    return true;
}

}  // namespace gyre::base
