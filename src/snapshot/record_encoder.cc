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

bool RecordEncoder::record_part(const Record& record, WriteProgress& progress, size_t budget,
                                Buffer& out) {
    using Stage = WriteProgress::Stage;
    const ValueWriter* const writer = value_writer(record.kind.type);
    CHECK(writer != nullptr);
    if (progress.stage == Stage::attributes) {
        attributes(record, out);
        progress.stage = Stage::fields;
    }
    if (progress.stage == Stage::fields) {
        if (writer->fields != nullptr && !writer->fields(record, progress, budget, *this, out)) {
            return false;
        }
        byte(writer->type(record, version_), out);
        string(record.key, out);
        progress = {.stage = Stage::value};
    }
    return writer->write(record, progress, budget, *this, out);
}

void RecordEncoder::record(const Record& record, Buffer& out) {
    if (record.kind.type == store::Type::string) {
        begin_string(record, out);
        return string(record.value, out);
    }
    WriteProgress progress;
    while (!record_part(record, progress, SIZE_MAX, out)) {
    }
}

void RecordEncoder::entry(Record record, const store::Entry& entry, Buffer& out) {
    CHECK(can_encode(entry.type()));
    if (entry.type() == store::Type::string) {
        begin_string(record, out);
        return write_string_value(entry, *this, out);
    }
    describe_value(entry, record);
    this->record(record, out);
}

bool RecordEncoder::begin_shared(const Record& record, Buffer& out) {
    if (record.kind.type == store::Type::string) {
        begin_string(record, out);
        return true;
    }
    const ValueWriter* const writer = value_writer(record.kind.type);
    CHECK(writer != nullptr);
    // Whether it ends so is known before anything is written: from the form of the value.
    Buffer head;
    if (!writer->head(record, *this, head)) return false;
    attributes(record, out);
    byte(writer->type(record, version_), out);
    string(record.key, out);
    out.append(head.view());
    return true;
}

void RecordEncoder::payload(const Record& record, Buffer& out) {
    const ValueWriter* const writer = value_writer(record.kind.type);
    CHECK(writer != nullptr);
    byte(writer->type(record, version_), out);
    WriteProgress progress{.stage = WriteProgress::Stage::value};
    while (!writer->write(record, progress, SIZE_MAX, *this, out)) {
    }
}

void describe_value(const store::Entry& entry, Record& record) {
    record.kind = entry.kind();
    if (entry.has(store::Entry::owns_object)) {
        record.object = entry.object();
    } else {
        record.value = entry.bytes();
    }
}

}  // namespace gyre::snapshot
