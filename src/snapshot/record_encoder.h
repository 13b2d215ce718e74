// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Keys with their values as they stand in the body of an RDB file, appended to bytes in memory.
// What is between the header and the end mark is nothing but such records, and each names its
// database when another one was named before, so that runs of records made by several threads can
// follow each other in any order when each run begins with start_run().
//
// The value of a collection is written by the functions of its type (snapshot/value.h), a large one
// in as many parts as one likes, each of which takes time in proportion to its budget.
//
// Ownership: owns the memory it compresses into. Threads: one at a time. Errors: none.
// Complexity: O(bytes). Format: docs/formats/rdb.md.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "snapshot/buffer.h"
#include "snapshot/rdb_encode.h"
#include "snapshot/rdb_format.h"
#include "snapshot/record.h"
#include "snapshot/value.h"
#include "store/entry.h"

namespace gyre::snapshot {

class RecordEncoder {
public:
    /// More than attributes() ever writes.
    static constexpr size_t kAttributesBytesMax = 160;

    explicit RecordEncoder(StringEncoderOptions options, int version = kRdbVersion)
        : strings_(options), version_(version) {}

    /// What is written next does not follow what was written last.
    void start_run() { database_.reset(); }
    void select_database(size_t database, Buffer& out);

    /// Everything of a record that stands before the type of its value.
    void attributes(const Record& record, Buffer& out);
    /// There is a way to write values like this one.
    [[nodiscard]] static bool can_encode(store::Type type) {
        return type == store::Type::string || value_writer(type) != nullptr;
    }
    /// A record, whole; of a type that can_encode().
    void record(const Record& record, Buffer& out);
    /// A part of a record of a collection: about as much as `budget` bytes of its value, and one
    /// element at least. True when it was the last one. Until then no other record goes to `out`.
    bool record_part(const Record& record, WriteProgress& progress, size_t budget, Buffer& out);
    /// A record with the value of an entry; what `record` says of a value is not read.
    void entry(Record record, const store::Entry& entry, Buffer& out);
    /// A record up to its last string, which is the value as it stands and is written behind it by
    /// others. False: it does not end so, and nothing is written.
    bool begin_shared(const Record& record, Buffer& out);
    /// A record of a string up to its value, which string() or others write behind it.
    void begin_string(const Record& record, Buffer& out);
    /// Type and value without the key: what DUMP tells.
    void payload(const Record& record, Buffer& out);

    // --- for the functions of the types ---
    static void byte(uint8_t value, Buffer& out);
    static void length(uint64_t value, Buffer& out);
    void string(std::string_view text, Buffer& out);
    StringEncoder& strings() noexcept { return strings_; }
    [[nodiscard]] int version() const noexcept { return version_; }
    static void field(RdbOpcode opcode, Buffer& out) { byte(static_cast<uint8_t>(opcode), out); }
    static void little_endian(uint64_t value, size_t bytes, Buffer& out);
    void aux(std::string_view name, std::string_view value, Buffer& out);

private:
    StringEncoder strings_;
    int version_;
    std::optional<size_t> database_;
};

/// What a record says of the value of an entry that is a collection.
void describe_value(const store::Entry& entry, Record& record);

/// snapshot/rdb_string.cc: type and key are written, the value follows.
void write_string_value(const store::Entry& entry, RecordEncoder& encoder, Buffer& out);

}  // namespace gyre::snapshot
