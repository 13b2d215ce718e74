// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One HTTP request, as the parser has read it: the parts of its first line, those header fields
// that the server asks for, and the body.
//
// Ownership: the texts of the head are views of what the parser keeps; they live until its next
// request. Threads: one at a time.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/counted.h"

namespace gyre::http {

enum class Method : uint8_t { get, head, put, post, remove, options, other };
inline constexpr size_t kMethodCount = 6;  ///< without `other`
/// "GET", ...; empty: other.
std::string_view method_name(Method method);
Method parse_method(std::string_view name);

/// The header fields that mean something here.
enum class Field : uint8_t {
    host,
    authorization,
    content_type,
    content_encoding,
    accept,
    if_match,
    if_none_match,
    origin,
    expect,
    gyre_type,
    gyre_ttl_ms,
    gyre_transaction,
    request_method,   ///< Access-Control-Request-Method
    request_headers,  ///< Access-Control-Request-Headers
    none,
};
inline constexpr size_t kFieldCount = static_cast<size_t>(Field::none);

/// What stands behind the `?`.
using Query = std::vector<std::pair<std::string, std::string>>;

struct Request {
    Method method = Method::other;
    std::string_view target;  ///< as it was sent
    bool is_http_1_0 = false;
    bool keeps_alive = true;
    /// Null: not there. Of a field that came several times, the first; those that may come once
    /// are refused by the parser.
    std::array<std::optional<std::string_view>, kFieldCount> fields{};
    base::CountedString<base::Purpose::clients> body;

    std::optional<std::string_view> field(Field name) const {
        return fields[static_cast<size_t>(name)];
    }
};

}  // namespace gyre::http
