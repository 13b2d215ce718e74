// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// JSON read as a stream of events, pulled from a source in chunks: what is in memory at a time is a
// chunk and one string, never the document. The one door to nlohmann-json's parser (RFC 8259, UTF-8
// and escapes checked strictly); nothing else includes it.
//
// What it adds to that parser: the place of each event, limits on everything the input can make
// grow, no number as a double, and an end for what that parser takes for the end of its input (a
// NUL byte). A byte order mark at the front is passed over.
//
// Ownership: everything is borrowed for the call. Threads: any; never suspends.
// Errors: one sentence that begins with the place. The event handler's errors pass as they are.
// Complexity: O(n). Memory: while a string is read, up to three times its length in the document.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/byte_stream.h"
#include "gyre/result.h"

namespace gyre::base {

/// Where something stands in a document.
struct JsonPlace {
    uint64_t byte = 0;  ///< counted from 0
    uint64_t line = 1;  ///< counted from 1
};

/// The error "JSON, line 3, byte 123: " and the sentence.
[[nodiscard]] tl::unexpected<Error> json_fail(const JsonPlace& place, std::string_view sentence,
                                              int code = 0);

enum class JsonKind : uint8_t {
    object,
    object_end,
    array,
    array_end,
    name,     ///< of a member: `text`
    string,   ///< `text`
    integer,  ///< a whole number of 64 bits: `integer`
    number,   ///< any other, with a fraction or an exponent, or larger: its letters in `text`
    boolean,  ///< `integer`: 0 or 1
    null,
};
/// "an object", "a string", ...: for errors.
std::string_view json_kind_name(JsonKind kind);

struct JsonEvent {
    JsonKind kind;
    JsonPlace place;              ///< of the first byte
    std::string* text = nullptr;  ///< valid during the call; may be moved from or swapped away
    int64_t integer = 0;
};

/// Takes the events in the order of the document; an error ends the reading.
using JsonEvents = std::function<Result<void>(const JsonEvent&)>;

struct JsonLimits {
    size_t string_bytes_max = size_t{512} << 20;  ///< longest string, decoded
    size_t between_bytes_max = size_t{64} << 10;  ///< from one string to the next
    size_t depth_max = 32;                        ///< objects and arrays around a value
    size_t chunk_bytes = size_t{64} << 10;        ///< what the source is asked for at a time
};

/// Reads one document that fills the source to its end.
Result<void> parse_json(const ByteSource& source, const JsonEvents& events,
                        const JsonLimits& limits = {});

}  // namespace gyre::base
