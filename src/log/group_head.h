// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What makes a file of the log longer than the log in it, and still one that says where it ends
// (docs/formats/aof.md): filling, which is lines that begin with '#', and a head before each group
// that goes over filling, with the checksum of the group.
//
// Threads: any. Complexity: O(bytes).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gyre::log {

/// "#GYRE-GROUP:<offset>:<bytes>:<crc64, 16 digits of base 16>\r\n"
struct GroupHead {
    uint64_t offset = 0;  ///< of the head itself in its file
    uint64_t bytes = 0;   ///< behind the head; 0: it stands alone, as a mark
    uint64_t crc = 0;     ///< of them

    /// It says that all before it was on the disk when it was written, and nothing about what
    /// follows.
    bool is_mark() const noexcept { return bytes == 0; }
};

/// What a head begins with.
inline constexpr std::string_view kGroupPrefix = "#GYRE-GROUP:";
/// With its end.
inline constexpr size_t kGroupHeadBytesMax = 80;
/// Of what follows a head: its reader has all of it in memory.
inline constexpr uint64_t kCheckedBytesMax = 16 * 1024;

std::string to_string(const GroupHead& head);
/// Of a line without its LF. Only what to_string() makes is a head.
std::optional<GroupHead> parse_group_head(std::string_view line);

// --- filling ---

/// It is the same at each place of a file: a line ends in the middle of each sector, never with
/// one. Where a sector of filling is left before one that was written over, the line is broken.
inline constexpr uint64_t kFillingPeriod = 512;
inline constexpr uint64_t kFillingLineEnd = 255;

/// The first offset at or behind `offset` at which filling may end: behind a line.
constexpr uint64_t filling_end(uint64_t offset) noexcept {
    const uint64_t phase = (offset + kFillingPeriod - kFillingLineEnd - 1) % kFillingPeriod;
    return phase == 0 ? offset : offset + kFillingPeriod - phase;
}
/// What is brought at once, but for the rest of the last line.
inline constexpr uint64_t kFillingBytes = 256 * 1024;
inline constexpr uint64_t kFillingBytesMax = kFillingBytes + kFillingPeriod;
/// `bytes` of it for this offset, at most kFillingBytesMax. They stay.
std::string_view filling(uint64_t offset, uint64_t bytes);
/// The line from its '#' to before its LF, which stands at `end`, is filling.
bool is_filling(std::string_view line, uint64_t end) noexcept;

}  // namespace gyre::log
