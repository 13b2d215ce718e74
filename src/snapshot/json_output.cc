// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/json_output.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "base/json_text.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "snapshot/json_format.h"

namespace gyre::snapshot {

namespace {

/// What is escaped or encoded in one step, on the stack.
constexpr size_t kPieceBytes = 4096;

}  // namespace

JsonOutput::JsonOutput(base::ByteSink sink, size_t chunk_bytes)
    : sink_(std::move(sink)), chunk_bytes_(chunk_bytes) {
    CHECK(chunk_bytes_ > 0);
}

void JsonOutput::put(std::string_view text) {
    while (!text.empty() && is_good()) {
        if (buffer_.size() == chunk_bytes_) {
            result_ = sink_(buffer_);
            buffer_.clear();
            continue;
        }
        const size_t piece = std::min(text.size(), chunk_bytes_ - buffer_.size());
        buffer_.append(text.substr(0, piece));
        text.remove_prefix(piece);
    }
}

void JsonOutput::finish() {
    if (is_good() && !buffer_.empty()) result_ = sink_(buffer_);
    buffer_.clear();
}

void JsonOutput::put_number(int64_t number) {
    std::array<char, base::kIntegerCharsMax> text;
    const char* const end = base::write_integer(text.data(), number);
    put({text.data(), end});
}

void JsonOutput::put_name(std::string_view name) {
    put(",\"");
    put(name);
    put("\":");
}

void JsonOutput::put_bytes(std::string_view bytes) {
    base::is_utf8(bytes) ? put_text(bytes) : put_base64(bytes);
}

void JsonOutput::put_text(std::string_view text) {
    std::array<char, kPieceBytes> piece;
    put("\"");
    while (!text.empty() && is_good()) {
        const base::JsonEscaped escaped = base::escape_json(text, piece);
        put({piece.data(), escaped.written});
        text.remove_prefix(escaped.taken);
    }
    put("\"");
}

void JsonOutput::put_base64(std::string_view bytes) {
    constexpr size_t kGroupsBytes = kPieceBytes / 4 * 3;
    static_assert(kGroupsBytes % 3 == 0);
    std::array<char, kPieceBytes> piece;
    put("{\"");
    put(json_format::kBase64);
    put("\":\"");
    while (!bytes.empty() && is_good()) {
        const std::string_view group = bytes.substr(0, kGroupsBytes);
        const char* const end = base::encode_base64(piece.data(), group);
        put({piece.data(), end});
        bytes.remove_prefix(group.size());
    }
    put("\"}");
}

}  // namespace gyre::snapshot
