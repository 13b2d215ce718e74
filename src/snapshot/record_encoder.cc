// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/record_encoder.h"

#include <array>
#include <cstring>

#include "base/check.h"
#include "base/numbers.h"

namespace gyre::snapshot {

void RecordEncoder::byte(uint8_t value, Buffer& out) {
    const char character = static_cast<char>(value);
    out.append(std::string_view(&character, 1), 2 * out.size());
}

void RecordEncoder::length(uint64_t value, Buffer& out) {
    std::array<char, kRdbLengthBytesMax> text;
    const char* end = write_rdb_length(text.data(), value);
    out.append(std::string_view(text.data(), static_cast<size_t>(end - text.data())),
               2 * out.size());
}

void RecordEncoder::string(std::string_view text, Buffer& out) {
    const EncodedString encoded = strings_.encode(text);
    out.append(encoded.head(), 2 * out.size());
    out.append(encoded.body, 2 * out.size());
}

void RecordEncoder::little_endian(uint64_t value, size_t bytes, Buffer& out) {
    std::array<char, sizeof(value)> text;
    std::memcpy(text.data(), &value, sizeof(value));
    out.append(std::string_view(text.data(), bytes), 2 * out.size());
}

void RecordEncoder::aux(std::string_view name, std::string_view value, Buffer& out) {
    field(RdbOpcode::aux, out);
    string(name, out);
    string(value, out);
}

void RecordEncoder::select_database(size_t database, Buffer& out) {
    field(RdbOpcode::select_database, out);
    length(database, out);
    database_ = database;
}

void RecordEncoder::attributes(const Record& record, Buffer& out) {
    if (database_ != record.database) select_database(record.database, out);
    if (record.timestamp_ms != store::kNoTimestamp) {
        std::array<char, base::kIntegerCharsMax> text;
        const char* end = base::write_integer(text.data(), record.timestamp_ms);
        aux(kTimestampField, std::string_view(text.data(), static_cast<size_t>(end - text.data())),
            out);
    }
    if (record.expire_ms != store::kNoExpiry) {
        field(RdbOpcode::expire_time_ms, out);
        little_endian(static_cast<uint64_t>(record.expire_ms), sizeof(record.expire_ms), out);
    }
    if (record.idle_seconds) {
        field(RdbOpcode::idle, out);
        length(*record.idle_seconds, out);
    }
    if (record.frequency) {
        field(RdbOpcode::frequency, out);
        byte(*record.frequency, out);
    }
}

void RecordEncoder::begin_string(const Record& record, Buffer& out) {
    attributes(record, out);
    byte(kRdbTypeString, out);
    string(record.key, out);
}

void RecordEncoder::entry(const Record& record, const store::Entry& entry, Buffer& out) {
    CHECK(can_encode(entry));
    begin_string(record, out);
    write_string_value(entry, *this, out);
}

}  // namespace gyre::snapshot
