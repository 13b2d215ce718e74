// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Values of all types but strings out of JSON (docs/formats/json.md), element by element as the
// parser comes to them: what is held is the collection that is built, and the strings of one
// element.
//
// Ownership: a reader owns what it has built until it is taken; limits must outlive it.
// Threads: one at a time; never suspends.
// Errors: base::json_fail(), with the place of the event.
// Complexity: O(bytes), expected.

#include <cstddef>
#include <memory>

#include "base/json_parser.h"
#include "gyre/result.h"
#include "snapshot/value.h"
#include "store/entry.h"

namespace gyre::snapshot {

class JsonValueReader {
public:
    virtual ~JsonValueReader() = default;
    JsonValueReader(const JsonValueReader&) = delete;
    JsonValueReader& operator=(const JsonValueReader&) = delete;

    /// The next event of the value, from its first to that which is_done().
    virtual Result<void> on_event(const base::JsonEvent& event) = 0;
    [[nodiscard]] bool is_done() const { return is_done_; }
    [[nodiscard]] BuiltValue& value() { return value_; }

protected:
    JsonValueReader() = default;
    void end(BuiltValue value) {
        value_ = std::move(value);
        is_done_ = true;
    }

private:
    BuiltValue value_;
    bool is_done_ = false;
};

/// Of any type but string. An element has `string_bytes_max` at most.
std::unique_ptr<JsonValueReader> make_json_value_reader(store::Type type, const ValueLimits& limits,
                                                        size_t string_bytes_max);
/// json_stream_reader.cc
std::unique_ptr<JsonValueReader> make_json_stream_reader(const ValueLimits& limits,
                                                         size_t string_bytes_max);

}  // namespace gyre::snapshot
