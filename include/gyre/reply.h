// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a server answers: one value of the Redis protocol (RESP2 or RESP3), as plain data that may
// be copied, compared and printed. An error that the server replied is a value like any other;
// whether the conversation itself failed is told by the Result around it.
//
// Threads: as any plain data.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gyre {

enum class ReplyType : uint8_t {
    status,      ///< +OK: `text`
    error,       ///< -ERR ..., and !: `text`, which begins with the code
    integer,     ///< :1: `integer`
    bulk,        ///< $3: `text`, any bytes
    null,        ///< _, $-1 and *-1
    array,       ///< *: `elements`
    map,         ///< %: `elements`, a key and its value in turn
    set,         ///< ~: `elements`
    push,        ///< >: `elements`; sent without being asked for
    real,        ///< ,: `real`, and `text` as it was sent
    boolean,     ///< #: `integer`, 0 or 1
    big_number,  ///< (: `text`, the digits
    verbatim,    ///< =: `text`, and its kind in `format`
};

/// "status", "error", ...
std::string_view reply_type_name(ReplyType type);

struct Reply {
    ReplyType type = ReplyType::null;
    /// The kind of a verbatim text, three letters: "txt", "mkd".
    char format[4] = {};
    int64_t integer = 0;
    double real = 0;
    std::string text;
    std::vector<Reply> elements;
    /// Sent along with the reply (RESP3 attributes), a key and its value in turn; mostly empty.
    std::vector<Reply> attributes;

    bool is_error() const { return type == ReplyType::error; }
    bool is_null() const { return type == ReplyType::null; }
    bool is_ok() const { return type == ReplyType::status && text == "OK"; }
    /// Array, map, set or push.
    bool is_aggregate() const {
        return type == ReplyType::array || type == ReplyType::map || type == ReplyType::set ||
               type == ReplyType::push;
    }
    /// The first word of an error: "ERR", "WRONGTYPE", "MOVED"; empty when this is no error.
    std::string_view error_code() const;
    /// The value that follows `key` in a map, or in an array that lists keys and values in turn as
    /// RESP2 does; null when there is none.
    const Reply* find(std::string_view key) const;
    /// Printable, as redis-cli prints it: lines separated by LF, none at the end. Attributes are
    /// left out.
    std::string to_string() const;

    bool operator==(const Reply& other) const;
};

}  // namespace gyre
