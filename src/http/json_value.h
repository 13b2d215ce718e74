// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The body of a request as JSON: a tree, whose size is limited whatever the length of the text.
//
// Threads: any. Errors: one sentence that begins with the place. Complexity: O(n).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_parser.h"
#include "gyre/result.h"

namespace gyre::http {

struct JsonValue {
    /// Never one of the ends, nor a name.
    base::JsonKind kind = base::JsonKind::null;
    std::string name;  ///< of a member of an object
    std::string text;  ///< of a string; of a number that is not whole, its letters
    int64_t integer = 0;
    std::vector<JsonValue> parts;  ///< elements, or members in their order

    bool is(base::JsonKind wanted) const { return kind == wanted; }
    /// The member of this name; null: there is none, or this is no object.
    const JsonValue* find(std::string_view member) const;
};

/// Values in one document.
inline constexpr size_t kJsonValuesMax = size_t{1} << 20;
/// Objects and arrays around a value.
inline constexpr size_t kJsonDepthMax = 16;

Result<JsonValue> parse_json_value(std::string_view text);

/// A string, {"base64": "..."}, or a number as the text of its letters. `what` names it in the
/// error.
Result<std::string> bytes_of(const JsonValue& value, std::string_view what);
/// An array of such: the words of a command.
Result<std::vector<std::string>> words_of(const JsonValue& value);

}  // namespace gyre::http
