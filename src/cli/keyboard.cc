// SPDX-License-Identifier: BSD-3-Clause
#include "cli/keyboard.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace gyre::cli {
namespace {

constexpr std::string_view kPasteBegin = "\x1b[200~";
constexpr std::string_view kPasteEnd = "\x1b[201~";

/// How many bytes the character takes that begins so; 1 for what begins none.
size_t sequence_bytes(unsigned char first) {
    if (first < 0xc2 || first > 0xf4) return 1;
    if (first < 0xe0) return 2;
    return first < 0xf0 ? 3 : 4;
}

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U; }

}  // namespace

Keyboard::Input Keyboard::next(bool is_late) {
    if (is_pasting_) {
        const size_t end = bytes_.find(kPasteEnd);
        if (end == std::string::npos) {
            // The mark may have been cut: its front stays.
            const size_t kept = std::min(bytes_.size(), kPasteEnd.size() - 1);
            const size_t taken = bytes_.size() - kept;
            if (paste_.size() < kPasteBytesMax) paste_.append(bytes_, 0, taken);
            bytes_.erase(0, taken);
            return {};
        }
        if (paste_.size() < kPasteBytesMax) paste_.append(bytes_, 0, end);
        bytes_.erase(0, end + kPasteEnd.size());
        is_pasting_ = false;
        return {Kind::paste, 0, std::exchange(paste_, {})};
    }
    if (bytes_.empty()) return {};
    if (bytes_.starts_with(kPasteBegin)) {
        bytes_.erase(0, kPasteBegin.size());
        is_pasting_ = true;
        return next(is_late);
    }
    if (kPasteBegin.starts_with(bytes_) && !is_late) return {Kind::doubt};
    return take_key();
}

Keyboard::Input Keyboard::take_key() {
    const auto first = static_cast<unsigned char>(bytes_[0]);
    const size_t bytes = sequence_bytes(first);
    const std::string_view rest = std::string_view(bytes_).substr(1, bytes - 1);
    const bool is_whole = bytes_.size() >= bytes;
    // Only what may still become a character is waited for.
    if (!is_whole && std::ranges::all_of(rest, is_continuation)) return {};
    const std::string sequence = bytes_.substr(0, bytes);
    if (!base::is_utf8(sequence)) {
        bytes_.erase(0, 1);
        return {Kind::key, U'\ufffd'};
    }
    bytes_.erase(0, bytes);
    char32_t character = bytes == 1 ? first : first & (0xffU >> (bytes + 1));
    for (size_t i = 1; i < bytes; ++i) {
        character = (character << 6) | (static_cast<unsigned char>(sequence[i]) & 0x3fU);
    }
    return {Kind::key, character};
}

std::string clean_paste(std::string_view text) {
    std::string out;
    for (size_t at = 0; at < text.size(); ++at) {
        const char byte = text[at];
        if (byte == '\r') {
            if (at + 1 < text.size() && text[at + 1] == '\n') continue;
            out += '\n';
        } else if (byte == '\n' || byte == '\t' ||
                   (static_cast<unsigned char>(byte) >= ' ' && byte != 0x7f)) {
            out += byte;
        }
    }
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
}

}  // namespace gyre::cli
