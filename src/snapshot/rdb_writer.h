// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Writes an RDB file, byte by byte the one that Redis writes of the same keys, into a sink. Small
// parts are gathered into pieces; of a long string the sink is given views, nothing is copied; of
// a collection parts are encoded into memory one after the other.
//
//     RdbWriter writer(sink, {});
//     writer.begin();  writer.aux("redis-ver", "7.2.4");
//     writer.select_database(0);  writer.resize_database(keys, keys_with_deadline);
//     writer.record(record);  ...
//     writer.end();
//
// A value so long that its bytes should go in several turns goes through begin_value() and
// value_part() instead of record().
//
// Ownership: borrows the sink. Threads: one at a time. Suspends: never. Errors: none of its own;
// calls out of order are a mistake of the program (CHECK). What becomes of the bytes the sink
// knows. Memory: one piece, and the compressed form of one string (StringEncoderOptions). Format:
// docs/formats/rdb.md.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "snapshot/buffer.h"
#include "snapshot/byte_sink.h"
#include "snapshot/rdb_encode.h"
#include "snapshot/rdb_format.h"
#include "snapshot/record.h"
#include "snapshot/record_encoder.h"

namespace gyre::snapshot {

struct RdbWriterOptions {
    /// In the header: 10 or 11. They differ in packed sets, which have a type only in 11.
    int version = kRdbVersion;
    /// Directive rdbchecksum; without it the file ends in a checksum of 0, which readers skip.
    bool has_checksum = true;
    StringEncoderOptions strings;
};

class RdbWriter {
public:
    explicit RdbWriter(ByteSink& sink, RdbWriterOptions options = {});

    /// The header. First of all, once.
    void begin();
    /// A field about the whole file: redis-ver, redis-bits, ctime, used-mem, aof-base ...
    void aux(std::string_view name, std::string_view value);
    void select_database(size_t database);
    /// How many keys the selected database has, and how many with a deadline; a hint for readers.
    void resize_database(uint64_t keys, uint64_t keys_with_deadline);
    /// One key; selects its database when another one is selected.
    void record(const Record& record);
    /// Like record(), for a value of `value_bytes` that follows in parts; record.value is not read.
    /// The value is written as it is: neither as a number nor compressed.
    void begin_value(const Record& record, uint64_t value_bytes);
    void value_part(std::string_view part);
    /// Bytes that RecordEncoders made, in parts of any size; whole runs of them in the end.
    void encoded(std::string_view part);
    /// End mark and checksum; everything is in the sink afterwards.
    void end();

    /// Hands to the sink what is gathered. Only for a caller that wants it before the piece is
    /// full.
    void flush();
    /// Length of the file so far.
    [[nodiscard]] uint64_t bytes() const noexcept { return bytes_emitted_ + piece_.size(); }

private:
    enum class State : uint8_t { new_file, body, value, ended };

    void put_collection(const Record& record);
    void put(std::string_view bytes);
    void put_byte(uint8_t byte);
    void put_opcode(RdbOpcode opcode) { put_byte(static_cast<uint8_t>(opcode)); }
    void put_length(uint64_t length);
    void put_string(std::string_view text);
    void put_attributes(const Record& record);
    void emit(std::string_view bytes);

    ByteSink& sink_;
    const RdbWriterOptions options_;
    RecordEncoder encoder_;
    Buffer piece_;
    State state_ = State::new_file;
    bool has_database_ = false;
    uint64_t value_bytes_left_ = 0;
    uint64_t bytes_emitted_ = 0;
    uint64_t checksum_ = 0;
};

}  // namespace gyre::snapshot
