// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A data set as a JSON document (docs/formats/json.md), written record by record into a sink. The
// text is canonical: the same records in the same order give the same bytes.
//
// Ownership: the writer keeps the sink; records are borrowed for the call.
// Threads: one user at a time; never suspends.
// Errors: the sink's, as they are; the document is then useless, and so is the writer.
// Complexity: O(length of the record). Memory: one chunk, whatever the size of a value.

#include <cstddef>
#include <utility>

#include "base/byte_stream.h"
#include "gyre/result.h"
#include "snapshot/json_output.h"
#include "snapshot/record.h"

namespace gyre::snapshot {

class JsonWriter {
public:
    static constexpr size_t kChunkBytes = size_t{64} << 10;

    /// Gives the sink pieces of `chunk_bytes`, the last one shorter. The head of the document is
    /// part of the first piece.
    explicit JsonWriter(base::ByteSink sink, size_t chunk_bytes = kChunkBytes)
        : out_(std::move(sink), chunk_bytes) {}

    /// Records come in any order, of databases as well; no key twice in a database.
    Result<void> add(const Record& record);
    /// Ends the document and hands over what is left. Nothing may follow.
    Result<void> finish();

private:
    void begin();

    JsonOutput out_;
    bool has_begun_ = false;
    bool has_records_ = false;
    bool is_finished_ = false;
};

}  // namespace gyre::snapshot
