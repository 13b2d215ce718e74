// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Reads a data set from a JSON document (docs/formats/json.md), pulled from a source in chunks. A
// record goes to the handler as soon as its closing bracket is read, so what came before an error
// has been handed over: a caller that wants all or nothing gathers it aside.
//
// Strict: what the format does not know is an error that names it, so that no wrong or misspelled
// document half loads in silence.
//
// Ownership: everything is borrowed for the call. Threads: any; never suspends.
// Errors: "JSON, line 3, byte 123: ...", the handler's too, which then stand behind the place of
// the record it refused; the source's as they are.
// Complexity: O(n). Memory: a chunk, one record, up to three times the longest string, and 22 to 43
// bytes for each key to find one that comes twice. A collection is built as it comes
// (json_value_reader.h), packed or as an object, which the handler takes.

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/byte_stream.h"
#include "gyre/result.h"
#include "snapshot/record.h"
#include "snapshot/value.h"

namespace gyre::snapshot {

/// Takes a record; an error ends the reading.
using RecordHandler = std::function<Result<void>(const Record&)>;

struct JsonReadOptions {
    size_t databases = size_t{1} << 31;           ///< those there are; a higher number is an error
    size_t string_bytes_max = size_t{512} << 20;  ///< longest key, string or element
    size_t chunk_bytes = size_t{64} << 10;
    /// Whether the reader remembers keys to refuse one that comes twice. A handler that sees this
    /// itself, because it puts keys into an empty data set, can spare the memory.
    bool finds_duplicate_keys = true;
    ValueLimits limits = {};  ///< in which form collections are told
};

/// Returns how many records there were.
Result<uint64_t> read_json(const base::ByteSource& source, const RecordHandler& handler,
                           const JsonReadOptions& options = {});

}  // namespace gyre::snapshot
