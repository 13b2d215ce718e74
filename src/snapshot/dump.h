// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The payload of DUMP and RESTORE: a value as in an RDB file, two bytes of RDB version, and the
// CRC-64 of all before it, both little endian.
//
// Ownership: a payload borrows a long value that it is of, and a restored value the payload, unless
// they have made bytes of their own. Threads: any. Complexity: O(length).
// Format: docs/formats/rdb.md.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gyre/result.h"
#include "snapshot/buffer.h"
#include "snapshot/rdb_decode.h"
#include "snapshot/rdb_encode.h"
#include "snapshot/rdb_format.h"
#include "store/entry.h"

namespace gyre::snapshot {

inline constexpr size_t kDumpFooterBytes = 10;

/// What DUMP answers: head, body and footer, one after the other.
struct DumpPayload {
    std::string head;       ///< all up to the bytes of the string; short unless it is compressed
    std::string_view body;  ///< the value itself where it is written plainly, else empty
    std::array<char, kDumpFooterBytes> footer;

    [[nodiscard]] size_t bytes() const { return head.size() + body.size() + footer.size(); }
    /// In one piece: a copy.
    [[nodiscard]] std::string joined() const;
};

struct DumpOptions {
    int version = kRdbVersion;
    StringEncoderOptions strings;
};

/// The payload of a string; borrows `value`.
[[nodiscard]] DumpPayload dump_string(std::string_view value, const DumpOptions& options = {});

/// Why a payload cannot be restored.
struct DumpError {
    enum class Kind : uint8_t {
        footer,  ///< too short, unknown version or wrong checksum: see kDumpFooterError
        format,  ///< the checksum is right, the value makes no sense: see kDumpFormatError
        type,    ///< a value of a type that is not there
    };
    Kind kind = Kind::footer;
    /// For people: what, at which offset of the payload.
    std::string message;
};

/// The texts of RESTORE for the first two, as in Redis.
inline constexpr std::string_view kDumpFooterError =
    "ERR DUMP payload version or checksum are wrong";
inline constexpr std::string_view kDumpFormatError = "ERR Bad data format";

/// A value out of a payload. Moving it leaves the view valid.
struct RestoredValue {
    store::Type type = store::Type::string;
    std::string_view value;  ///< into the payload, or into `unpacked`
    Buffer unpacked;
};

/// Checks the footer, then reads the value. Versions up to 12 are read, and Valkey's 80: what a
/// later server made of a string is the same bytes, and moving keys between versions is what
/// RESTORE is for. Bytes between value and footer are ignored, as in Redis.
[[nodiscard]] tl::expected<RestoredValue, DumpError> restore_payload(
    std::string_view payload, uint64_t string_bytes_max = kRdbStringBytesMax);

}  // namespace gyre::snapshot
