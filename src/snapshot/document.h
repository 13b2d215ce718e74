// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a snapshot's file is made of: runs of records as RecordEncoders made them, in any order,
// become an RDB file or a JSON document in a sink.
//
// For JSON the records are read back (RdbReader) and written anew, so that what is done under the
// locks of shards is the same for both, and the price of text is paid by the thread that writes.
//
// Ownership: borrows the sink. Threads: one at a time. Suspends: never.
// Errors: JSON only: what was encoded cannot be read back, which is a mistake of the program.
// Memory: RDB one piece; JSON the value at hand besides. Complexity: O(bytes).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gyre/result.h"
#include "snapshot/byte_sink.h"
#include "snapshot/rdb_writer.h"
#include "snapshot/value.h"

namespace gyre::snapshot {

enum class Format : uint8_t { rdb, json };

struct DocumentOptions {
    Format format = Format::rdb;
    RdbWriterOptions rdb;
    /// Of an RDB file: fields at the beginning, in order.
    std::vector<std::pair<std::string, std::string>> fields;
    /// For JSON: in which form collections are read back.
    ValueLimits limits;
};

class Document {
public:
    virtual ~Document() = default;
    Document(const Document&) = delete;
    Document& operator=(const Document&) = delete;

    /// Bytes that RecordEncoders made, in parts of kPieceBytesMax at most; whole runs in the end.
    virtual Result<void> encoded(std::string_view part) = 0;
    /// Everything is in the sink afterwards.
    virtual Result<void> end() = 0;
    /// Length so far.
    [[nodiscard]] virtual uint64_t bytes() const = 0;

protected:
    Document() = default;
};

std::unique_ptr<Document> make_document(ByteSink& sink, const DocumentOptions& options);

}  // namespace gyre::snapshot
