// SPDX-License-Identifier: BSD-3-Clause

#include "snapshot/json_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "snapshot/json_format.h"

namespace gyre::snapshot {

namespace {

/// What is escaped or encoded in one step, on the stack.
constexpr size_t kPieceBytes = 4096;

}  // namespace

JsonWriter::JsonWriter(base::ByteSink sink, size_t chunk_bytes)
    : sink_(std::move(sink)), chunk_bytes_(chunk_bytes) {
    CHECK(chunk_bytes_ > 0);
    buffer_ = fmt::format(R"({{"{}":"{}","{}":{},"{}":[)", json_format::kFormat, json_format::kName,
                          json_format::kVersionMember, json_format::kVersion, json_format::kKeys);
}

Result<void> JsonWriter::add(const Record& record) {
    CHECK(!is_finished_);
    const std::string head =
        fmt::format(R"({}{{"{}":{},"{}":)", has_records_ ? ",\n" : "\n", json_format::kDatabase,
                    record.database, json_format::kKey);
    has_records_ = true;
    if (auto done = put(head); !done) return done;
    if (auto done = put_bytes(record.key); !done) return done;
    if (auto done = put(fmt::format(R"(,"{}":"{}")", json_format::kType,
                                    store::type_name(store::Type::string)));
        !done) {
        return done;
    }
    if (record.expire_ms != store::kNoExpiry) {
        if (auto done = put_member(json_format::kExpireAt, record.expire_ms); !done) return done;
    }
    if (record.timestamp_ms != store::kNoTimestamp) {
        if (auto done = put_member(json_format::kTimestamp, record.timestamp_ms); !done)
            return done;
    }
    if (auto done = put(fmt::format(R"(,"{}":)", json_format::kValue)); !done) return done;
    if (auto done = put_bytes(record.value); !done) return done;
    return put("}");
}

Result<void> JsonWriter::finish() {
    CHECK(!is_finished_);
    is_finished_ = true;
    if (auto done = put("\n]}\n"); !done) return done;
    if (buffer_.empty()) return {};
    return sink_(buffer_);
}

Result<void> JsonWriter::put(std::string_view text) {
    while (!text.empty()) {
        // The head, put in by the constructor, may be longer than a chunk.
        while (buffer_.size() >= chunk_bytes_) {
            if (auto done = sink_(std::string_view(buffer_).substr(0, chunk_bytes_)); !done) {
                return done;
            }
            buffer_.erase(0, chunk_bytes_);
        }
        const size_t piece = std::min(text.size(), chunk_bytes_ - buffer_.size());
        buffer_.append(text.substr(0, piece));
        text.remove_prefix(piece);
    }
    return {};
}

Result<void> JsonWriter::put_member(std::string_view name, int64_t number) {
    return put(fmt::format(R"(,"{}":{})", name, number));
}

Result<void> JsonWriter::put_bytes(std::string_view bytes) {
    return base::is_utf8(bytes) ? put_text(bytes) : put_base64(bytes);
}

Result<void> JsonWriter::put_text(std::string_view text) {
    std::array<char, kPieceBytes> piece;
    if (auto done = put("\""); !done) return done;
    while (!text.empty()) {
        const base::JsonEscaped escaped = base::escape_json(text, piece);
        if (auto done = put({piece.data(), escaped.written}); !done) return done;
        text.remove_prefix(escaped.taken);
    }
    return put("\"");
}

Result<void> JsonWriter::put_base64(std::string_view bytes) {
    constexpr size_t kGroupsBytes = kPieceBytes / 4 * 3;
    static_assert(kGroupsBytes % 3 == 0);
    std::array<char, kPieceBytes> piece;
    if (auto done = put(fmt::format(R"({{"{}":")", json_format::kBase64)); !done) return done;
    while (!bytes.empty()) {
        const std::string_view group = bytes.substr(0, kGroupsBytes);
        const char* const end = base::encode_base64(piece.data(), group);
        if (auto done = put({piece.data(), end}); !done) return done;
        bytes.remove_prefix(group.size());
    }
    return put("\"}");
}

}  // namespace gyre::snapshot
