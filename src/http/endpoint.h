// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The table of endpoints: one row each. Routing, what is demanded of a request before its handler
// sees it, and the OpenAPI document are derived from the row. To add an endpoint: a row and a
// handler in the file of its family.
//
// Ownership: constant, for the life of the process. Threads: any.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/backend.h"
#include "http/request.h"
#include "http/response.h"
#include "http/target.h"
#include "ring/task.h"

namespace gyre::http {

struct Endpoint;

/// One request on its way to an answer: what a handler gets. Everything is borrowed.
struct Exchange {
    Backend& backend;
    const Request& request;
    const Target& target;
    const Endpoint& endpoint;
    std::string_view key;  ///< what stands for {key} or {channel} in the path
};

using Handler = ring::Task<Response> (*)(Exchange& exchange);

/// What a request's body is.
enum class Body : uint8_t {
    none,
    line,         ///< {"command": "..."}
    lines,        ///< the same, or an array of texts
    words,        ///< ["SET", "key", "value"]
    transaction,  ///< an array of such
    value,        ///< a value of a key: JSON, or bytes
};

/// A parameter beside the path.
struct Parameter {
    std::string_view name;
    bool is_field = false;  ///< a header field, not part of the query
    std::string_view summary = {};
};

namespace endpoint_flag {
inline constexpr uint8_t open = 1;         ///< asks for no password
inline constexpr uint8_t no_database = 2;  ///< `db` has no meaning for it
inline constexpr uint8_t changes = 4;      ///< a GET that changes something: no HEAD asks for that
/// Parameters of the query that it does not know are of no consequence.
inline constexpr uint8_t any_query = 8;
/// What it reads can come as application/octet-stream as well.
inline constexpr uint8_t reads_bytes = 16;
}  // namespace endpoint_flag

struct Endpoint {
    Method method = Method::get;
    std::string_view path;  ///< "/v1/keys/{key}"
    Handler handler = nullptr;
    /// Of the origin systems' endpoints: the command.
    std::string_view command = {};
    uint8_t flags = 0;
    Body body = Body::none;
    /// Nobody has to send the body.
    bool may_lack_body = false;
    std::string_view answers = {};  ///< what comes back, in a few words
    /// The JSON Schema of what comes back; of the origin systems' endpoints, of its `data`.
    std::string_view schema = {};
    std::string_view content_type = kJsonType;
    std::string_view statuses = "200";  ///< all but those that any request may get
    std::string_view summary = {};
    std::span<const Parameter> parameters = {};

    bool has(uint8_t bit) const { return (flags & bit) != 0; }
    bool has_head() const { return method == Method::get && !has(endpoint_flag::changes); }
    bool takes_database() const { return !has(endpoint_flag::open | endpoint_flag::no_database); }
    /// Whether the query may have a parameter of this name.
    bool knows_parameter(std::string_view name) const;
};

/// All rows, family by family.
std::vector<const Endpoint*> endpoints();

struct Route {
    const Endpoint* endpoint = nullptr;  ///< null: none for this method
    std::string_view key;
    std::string allowed;  ///< methods of this path, for Allow; empty: there is no such path
};
/// HEAD finds a GET that changes nothing. The key is a view of the target.
Route find_route(Method method, const Target& target);

/// The document that describes the table.
std::string openapi_document();

// --- the families -------------------------------------------------------------------------------
std::span<const Endpoint> key_endpoints();        ///< /v1/keys
std::span<const Endpoint> command_endpoints();    ///< /v1/command, /v1/transaction
std::span<const Endpoint> origin_endpoints();     ///< /put, /get ...: the origin systems'
std::span<const Endpoint> subscribe_endpoints();  ///< /v1/subscribe
std::span<const Endpoint> service_endpoints();    ///< /health, /ready, /metrics, /openapi.json

}  // namespace gyre::http
