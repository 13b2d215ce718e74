// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/rdb_writer.h"

#include <array>

#include "base/check.h"
#include "base/crc64.h"

namespace gyre::snapshot {

namespace {

/// Copying less than this into the piece is cheaper than one more call of the sink.
constexpr size_t kCopiedBytesMax = kPieceBytesMax / 4;

}  // namespace

RdbWriter::RdbWriter(ByteSink& sink, RdbWriterOptions options)
    : sink_(sink), options_(options), encoder_(options.strings, options.version) {
    CHECK(options_.version == 10 || options_.version == 11);
    piece_.reserve(kPieceBytesMax);
}

void RdbWriter::begin() {
    CHECK(state_ == State::new_file);
    state_ = State::body;
    std::array<char, kRdbHeaderBytes> header = {'R', 'E', 'D', 'I', 'S', '0', '0', '0', '0'};
    header[7] = static_cast<char>('0' + options_.version / 10);
    header[8] = static_cast<char>('0' + options_.version % 10);
    put(std::string_view(header.data(), header.size()));
}

void RdbWriter::aux(std::string_view name, std::string_view value) {
    CHECK(state_ == State::body);
    CHECK(name != kTimestampField);
    put_opcode(RdbOpcode::aux);
    put_string(name);
    put_string(value);
}

void RdbWriter::select_database(size_t database) {
    CHECK(state_ == State::body);
    if (kPieceBytesMax - piece_.size() < RecordEncoder::kAttributesBytesMax) flush();
    encoder_.select_database(database, piece_);
    has_database_ = true;
}

void RdbWriter::resize_database(uint64_t keys, uint64_t keys_with_deadline) {
    CHECK(state_ == State::body);
    CHECK(has_database_);
    put_opcode(RdbOpcode::resize_database);
    put_length(keys);
    put_length(keys_with_deadline);
}

void RdbWriter::record(const Record& record) {
    if (record.kind.type != store::Type::string) return put_collection(record);
    put_attributes(record);
    put_byte(kRdbTypeString);
    put_string(record.key);
    put_string(record.value);
}

void RdbWriter::put_collection(const Record& record) {
    CHECK(state_ == State::body);
    Buffer part;
    WriteProgress progress;
    for (bool is_over = false; !is_over; part.clear()) {
        is_over = encoder_.record_part(record, progress, kCopiedBytesMax, part);
        put(part.view());
    }
}

void RdbWriter::begin_value(const Record& record, uint64_t value_bytes) {
    put_attributes(record);
    put_byte(kRdbTypeString);
    put_string(record.key);
    put_length(value_bytes);
    value_bytes_left_ = value_bytes;
    if (value_bytes > 0) state_ = State::value;
}

void RdbWriter::value_part(std::string_view part) {
    CHECK(part.size() <= value_bytes_left_);
    put(part);
    value_bytes_left_ -= part.size();
    if (value_bytes_left_ == 0 && state_ == State::value) state_ = State::body;
}

void RdbWriter::encoded(std::string_view part) {
    CHECK(state_ == State::body);
    encoder_.start_run();
    put(part);
}

void RdbWriter::end() {
    CHECK(state_ == State::body);
    put_opcode(RdbOpcode::end);
    // The checksum covers everything before it, the end mark included.
    flush();
    RecordEncoder::little_endian(options_.has_checksum ? checksum_ : 0, kRdbChecksumBytes, piece_);
    flush();
    state_ = State::ended;
}

void RdbWriter::flush() {
    emit(piece_.view());
    piece_.clear();
}

void RdbWriter::put(std::string_view bytes) {
    if (bytes.size() <= kPieceBytesMax - piece_.size()) [[likely]] {
        piece_.append(bytes);
        return;
    }
    flush();
    if (bytes.size() > kCopiedBytesMax) {
        emit(bytes);
    } else {
        piece_.append(bytes);
    }
}

void RdbWriter::put_byte(uint8_t byte) {
    const char character = static_cast<char>(byte);
    put(std::string_view(&character, 1));
}

void RdbWriter::put_length(uint64_t length) {
    std::array<char, kRdbLengthBytesMax> text;
    const char* end = write_rdb_length(text.data(), length);
    put(std::string_view(text.data(), static_cast<size_t>(end - text.data())));
}

void RdbWriter::put_string(std::string_view text) {
    const EncodedString encoded = encoder_.strings().encode(text);
    put(encoded.head());
    put(encoded.body);
}

void RdbWriter::put_attributes(const Record& record) {
    CHECK(state_ == State::body);
    if (kPieceBytesMax - piece_.size() < RecordEncoder::kAttributesBytesMax) flush();
    encoder_.attributes(record, piece_);
}

void RdbWriter::emit(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::string_view part = bytes.substr(0, kPieceBytesMax);
        if (options_.has_checksum) checksum_ = base::crc64(checksum_, part);
        bytes_emitted_ += part.size();
        sink_.append(part);
        bytes.remove_prefix(part.size());
    }
}

}  // namespace gyre::snapshot
