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
#include <memory>
#include <string>
#include <string_view>

#include "gyre/result.h"
#include "snapshot/buffer.h"
#include "snapshot/rdb_decode.h"
#include "snapshot/rdb_encode.h"
#include "snapshot/rdb_format.h"
#include "snapshot/value.h"
#include "store/entry.h"
#include "types/object.h"

namespace gyre::snapshot {

inline constexpr size_t kDumpFooterBytes = 10;

/// What DUMP answers: head, body and footer, one after the other.
struct DumpPayload {
    /// All up to the bytes of the string, short unless it is compressed; of a collection all.
    std::string head;
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
/// The payload of a collection of a type that RecordEncoder::can_encode(). A hash with deadlines of
/// fields is of version 12 whatever the options say: nothing earlier could hold it, and a server
/// that does not know the version refuses it rather than to lose them.
[[nodiscard]] DumpPayload dump_collection(const store::Entry& entry,
                                          const DumpOptions& options = {});
/// The same of a collection as a file tells it.
[[nodiscard]] DumpPayload dump_value(const Record& record, const DumpOptions& options = {});

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
    store::Kind kind{};
    /// Of a string or a packed collection: into the payload, or into one of the next two.
    std::string_view value;
    Buffer unpacked;
    std::unique_ptr<ValueReader> reader;
    std::unique_ptr<types::Object> object;  ///< of any other collection
};

struct RestoreOptions {
    uint64_t string_bytes_max = kRdbStringBytesMax;
    ValueLimits limits = {};
};

/// Checks the footer, then reads the value. Versions up to 12 are read, and Valkey's 80: what a
/// later server made of a value is the same bytes, and moving keys between versions is what
/// RESTORE is for. Bytes between value and footer are ignored, as in Redis. Collections without
/// elements, and with an element twice, are refused.
[[nodiscard]] tl::expected<RestoredValue, DumpError> restore_payload(
    std::string_view payload, const RestoreOptions& options = {});

}  // namespace gyre::snapshot
