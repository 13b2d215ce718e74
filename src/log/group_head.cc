// SPDX-License-Identifier: BSD-3-Clause
#include "log/group_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace gyre::log {
namespace {

std::string make_filling() {
    std::string text(kFillingBytesMax + kFillingPeriod, ' ');
    for (size_t at = kFillingLineEnd; at + 1 < text.size(); at += kFillingPeriod) {
        text[at] = '\n';
        text[at + 1] = '#';
    }
    return text;
}

/// Digits up to `end`, which is taken as well.
bool take_number(std::string_view& text, char end, int base, uint64_t& value) {
    const size_t length = text.find(end);
    if (length == std::string_view::npos) return false;
    const char* const stop = text.data() + length;
    const auto [at, error] = std::from_chars(text.data(), stop, value, base);
    if (error != std::errc() || at != stop) return false;
    text.remove_prefix(length + 1);
    return true;
}

}  // namespace

std::string to_string(const GroupHead& head) {
    return fmt::format("{}{}:{}:{:016x}\r\n", kGroupPrefix, head.offset, head.bytes, head.crc);
}

std::optional<GroupHead> parse_group_head(std::string_view line) {
    if (!line.starts_with(kGroupPrefix)) return std::nullopt;
    std::string_view rest = line.substr(kGroupPrefix.size());
    GroupHead head;
    if (!take_number(rest, ':', 10, head.offset) || !take_number(rest, ':', 10, head.bytes) ||
        !take_number(rest, '\r', 16, head.crc) || !rest.empty()) {
        return std::nullopt;
    }
    // Other ways to write the same numbers are none.
    std::string text = to_string(head);
    text.pop_back();
    if (text != line || head.bytes > kCheckedBytesMax) return std::nullopt;
    return head;
}

std::string_view filling(uint64_t offset, uint64_t bytes) {
    static const std::string text = make_filling();
    CHECK(bytes <= kFillingBytesMax);
    return std::string_view(text).substr(offset % kFillingPeriod, bytes);
}

bool is_filling(std::string_view line, uint64_t end) noexcept {
    return end % kFillingPeriod == kFillingLineEnd &&
           std::all_of(line.begin(), line.end(), [](char c) { return c == '#' || c == ' '; });
}

}  // namespace gyre::log
