// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A data set as a JSON document (docs/formats/json.md), written record by record into a sink. The
// text is canonical: the same records in the same order give the same bytes.
//
// Ownership: the writer keeps the sink; records are borrowed for the call.
// Threads: one user at a time; never suspends.
// Errors: the sink's, as they are; the document is then useless, and so is the writer.
// Complexity: O(length of the record). Memory: one chunk, whatever the length of a value.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/byte_stream.h"
#include "gyre/result.h"
#include "snapshot/record.h"

namespace gyre::snapshot {

class JsonWriter {
public:
    static constexpr size_t kChunkBytes = size_t{64} << 10;

    /// Gives the sink pieces of `chunk_bytes`, the last one shorter. The head of the document is
    /// part of the first piece.
    explicit JsonWriter(base::ByteSink sink, size_t chunk_bytes = kChunkBytes);

    /// Records come in any order, of databases as well; no key twice in a database.
    Result<void> add(const Record& record);
    /// Ends the document and hands over what is left. Nothing may follow.
    Result<void> finish();

private:
    Result<void> put(std::string_view text);
    Result<void> put_member(std::string_view name, int64_t number);
    /// A string, or an object with base64 when the bytes are no text.
    Result<void> put_bytes(std::string_view bytes);
    Result<void> put_text(std::string_view text);
    Result<void> put_base64(std::string_view bytes);

    base::ByteSink sink_;
    size_t chunk_bytes_;
    std::string buffer_;
    bool has_records_ = false;
    bool is_finished_ = false;
};

}  // namespace gyre::snapshot
