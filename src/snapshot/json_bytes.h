// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the readers of JSON documents and of values in them share: bytes, which are a string or an
// object with base64, whole numbers in a range, and the words of errors.
//
// Ownership: everything is borrowed; what is read is swapped out of the parser, not copied.
// Threads: one at a time. Errors: base::json_fail(). Complexity: O(length).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_parser.h"
#include "gyre/result.h"

namespace gyre::snapshot {

/// A name as it stands in the document, made fit for an error.
std::string shown_in_json(std::string_view name);
/// `name` is not of the kind that is wanted.
[[nodiscard]] tl::unexpected<Error> wrong_json_kind(const base::JsonEvent& event,
                                                    std::string_view name, std::string_view wanted);

struct JsonRange {
    int64_t min;
    int64_t max;
};
Result<int64_t> json_number(const base::JsonEvent& event, std::string_view name, JsonRange range);

/// Reads bytes: one event, or the four of an object.
class JsonBytes {
public:
    explicit JsonBytes(size_t bytes_max) : bytes_max_(bytes_max) {}

    /// The events that follow are called `name` in errors, and go to `target`. Both must last until
    /// is_done().
    void begin(std::string_view name, std::string& target) {
        state_ = State::start;
        name_ = name;
        target_ = &target;
    }
    Result<void> on_event(const base::JsonEvent& event);
    [[nodiscard]] bool is_done() const { return state_ == State::done; }

private:
    enum class State : uint8_t {
        start,
        base64,       ///< the name in an object
        base64_text,  ///< its value
        base64_end,   ///< its end
        done,
    };

    Result<void> on_start(const base::JsonEvent& event);
    Result<void> on_base64(const base::JsonEvent& event);
    Result<void> on_base64_text(const base::JsonEvent& event);
    Result<void> on_base64_end(const base::JsonEvent& event);
    tl::unexpected<Error> too_long(const base::JsonEvent& event) const;

    const size_t bytes_max_;
    State state_ = State::done;
    std::string_view name_;
    std::string* target_ = nullptr;
};

/// Buffers of short strings are used again. Long ones are not kept: the parser would swap them
/// round until each of its strings and ours were that long.
void forget_long(std::string& bytes);

}  // namespace gyre::snapshot
