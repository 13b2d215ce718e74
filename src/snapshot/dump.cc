// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/crc64.h"
#include "snapshot/record_encoder.h"
#include "types/hash.h"

namespace gyre::snapshot {

namespace {

constexpr size_t kVersionBytes = 2;
static_assert(kVersionBytes + kRdbChecksumBytes == kDumpFooterBytes);

tl::unexpected<DumpError> refuse(DumpError::Kind kind, std::string message) {
    return tl::unexpected(DumpError{kind, std::move(message)});
}

tl::unexpected<DumpError> refuse(const RdbProblem& problem) {
    return refuse(DumpError::Kind::format, fmt::format("payload: {} at offset {}; make it again "
                                                       "with DUMP",
                                                       problem.text, problem.offset));
}

/// The payload without its footer.
tl::expected<std::string_view, DumpError> checked_body(std::string_view payload) {
    constexpr DumpError::Kind kKind = DumpError::Kind::footer;
    if (payload.size() < kDumpFooterBytes) {
        return refuse(kKind,
                      fmt::format("payload: {} bytes, its footer alone has {}; make it again "
                                  "with DUMP",
                                  payload.size(), kDumpFooterBytes));
    }
    const size_t body_size = payload.size() - kDumpFooterBytes;
    uint16_t version = 0;
    std::memcpy(&version, payload.data() + body_size, kVersionBytes);
    // No server writes 0, but Redis takes it.
    if (version != 0 && !is_rdb_version_known(version)) {
        return refuse(kKind,
                      fmt::format("payload: unknown RDB version {} at offset {}; up to {} and "
                                  "{} are read",
                                  version, body_size, kRdbVersionMax, kRdbVersionValkey));
    }
    uint64_t claimed = 0;
    std::memcpy(&claimed, payload.data() + body_size + kVersionBytes, kRdbChecksumBytes);
    const uint64_t checksum = base::crc64(0, payload.substr(0, body_size + kVersionBytes));
    if (claimed != checksum) {
        return refuse(kKind, fmt::format("payload: checksum {:016x} expected, {:016x} found at "
                                         "offset {}; make it again with DUMP",
                                         checksum, claimed, body_size + kVersionBytes));
    }
    return payload.substr(0, body_size);
}

}  // namespace

std::string DumpPayload::joined() const {
    std::string text;
    text.reserve(bytes());
    text.append(head).append(body).append(footer.data(), footer.size());
    return text;
}

namespace {

void write_footer(DumpPayload& payload, int rdb_version) {
    const auto version = static_cast<uint16_t>(rdb_version);
    std::memcpy(payload.footer.data(), &version, kVersionBytes);
    uint64_t checksum = base::crc64(base::crc64(0, payload.head), payload.body);
    checksum = base::crc64(checksum, std::string_view(payload.footer.data(), kVersionBytes));
    std::memcpy(payload.footer.data() + kVersionBytes, &checksum, kRdbChecksumBytes);
}

tl::expected<RestoredValue, DumpError> restore_string(RdbInput& input, size_t end) {
    const EncodedText text = input.take_string();
    if (input.problem()) return refuse(*input.problem());
    if (!input.is_complete()) return refuse(RdbProblem{"the value ends too early", end});
    StringDecoder decoder;
    const tl::expected<std::string_view, RdbProblem> decoded = decoder.decode(text);
    if (!decoded) return refuse(decoded.error());
    RestoredValue restored{.value = *decoded};
    if (text.form == EncodedText::Form::lzf) restored.unpacked = decoder.take_unpacked();
    if (text.form == EncodedText::Form::integer) {
        restored.unpacked.append(*decoded);
        restored.value = restored.unpacked.view();
    }
    return restored;
}

tl::expected<RestoredValue, DumpError> restore_collection(RdbInput& input, size_t end,
                                                          std::unique_ptr<ValueReader> reader) {
    while (!reader->is_done()) {
        reader->read(input);
        if (input.problem()) return refuse(*input.problem());
        if (!input.is_complete()) return refuse(RdbProblem{"the value ends too early", end});
    }
    if (reader->is_empty()) return refuse(RdbProblem{"a collection without elements", 0});
    RestoredValue restored{.kind = reader->kind(), .value = reader->bytes()};
    restored.object = std::move(reader->object());
    restored.reader = std::move(reader);
    return restored;
}

}  // namespace

DumpPayload dump_string(std::string_view value, const DumpOptions& options) {
    CHECK(is_rdb_version_known(options.version));
    StringEncoder encoder(options.strings);
    const EncodedString encoded = encoder.encode(value);
    DumpPayload payload;
    payload.head += static_cast<char>(kRdbTypeString);
    payload.head += encoded.head();
    if (encoded.body.data() == value.data()) {
        payload.body = encoded.body;
    } else {
        payload.head += encoded.body;  // compressed, in memory of the encoder
    }
    write_footer(payload, options.version);
    return payload;
}

DumpPayload dump_collection(const store::Entry& entry, const DumpOptions& options) {
    Record record;
    describe_value(entry, record);
    return dump_value(record, options);
}

DumpPayload dump_value(const Record& record, const DumpOptions& options) {
    CHECK(is_rdb_version_known(options.version));
    int version = options.version;
    if (record.kind == store::Kind{store::Type::hash, store::Encoding::hashtable} &&
        static_cast<const types::Hash&>(*record.object).with_deadline() != 0) {
        version = std::max(version, kRdbVersionFieldDeadlines);
    }
    RecordEncoder encoder(options.strings, version);
    Buffer bytes;
    encoder.payload(record, bytes);
    DumpPayload payload;
    payload.head = bytes.view();
    write_footer(payload, version);
    return payload;
}

tl::expected<RestoredValue, DumpError> restore_payload(std::string_view payload,
                                                       const RestoreOptions& options) {
    const tl::expected<std::string_view, DumpError> body = checked_body(payload);
    if (!body) return tl::unexpected(body.error());
    RdbInput input(*body, 0, options.string_bytes_max);
    const uint8_t type = input.take_byte();
    if (!input.is_complete()) return refuse(RdbProblem{"the value ends too early", body->size()});
    if (type == kRdbTypeString) return restore_string(input, body->size());
    uint16_t version = 0;
    std::memcpy(&version, payload.data() + body->size(), kVersionBytes);
    auto reader = make_value_reader(type, {.version = version, .limits = &options.limits});
    if (reader) return restore_collection(input, body->size(), std::move(reader));
    const std::string_view name = rdb_type_name(type);
    if (name.empty()) return refuse(RdbProblem{fmt::format("unknown type {}", type), 0});
    return refuse(DumpError::Kind::type,
                  fmt::format("payload: a {} (type {}) at offset 0; values of that type are not "
                              "there",
                              name, type));
}

}  // namespace gyre::snapshot
