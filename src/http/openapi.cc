// SPDX-License-Identifier: BSD-3-Clause

// The OpenAPI document, out of the table of endpoints.
// Source: the OpenAPI Specification, version 3.0.3.

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "base/numbers.h"
#include "http/endpoint.h"
#include "http/json_text.h"

namespace gyre::http {
namespace {

constexpr std::string_view kErrorSchema =
    R"({"type":"object","properties":{"error":{"type":"object","properties":{)"
    R"("status":{"type":"integer"},"code":{"type":"string"},"message":{"type":"string"}},)"
    R"("required":["status","code","message"]}},"required":["error"]})";
constexpr std::string_view kBytesSchema =
    R"({"oneOf":[{"type":"string"},{"type":"number"},{"type":"object","properties":{)"
    R"("base64":{"type":"string","format":"byte"}},"required":["base64"]}]})";
constexpr std::string_view kBytesReference = R"({"$ref":"#/components/schemas/Bytes"})";
/// What any request may get, beside its row's own.
constexpr std::string_view kCommonStatuses = "400 401 403 421 503";

void append_member(std::string& out, std::string_view name, std::string_view text) {
    append_text(out, name);
    out += ':';
    append_text(out, text);
}

std::string body_schema(Body body) {
    const std::string line =
        R"({"type":"object","properties":{"command":{"type":"string"}},"required":["command"]})";
    const std::string words =
        R"({"type":"array","minItems":1,"items":)" + std::string(kBytesReference) + "}";
    switch (body) {
        case Body::none:
        case Body::value:
            return "{}";
        case Body::line:
            return line;
        case Body::lines:
            return R"({"oneOf":[)" + line + R"(,{"type":"array","items":{"type":"string"}}]})";
        case Body::words:
            return words;
        case Body::transaction:
            return R"({"type":"array","minItems":1,"items":)" + words + "}";
    }
    return "{}";
}

void append_body(std::string& out, const Endpoint& endpoint) {
    if (endpoint.body == Body::none) return;
    out += R"(,"requestBody":{"content":{"application/json":{"schema":)";
    out += body_schema(endpoint.body) + "}";
    if (endpoint.body == Body::value) {
        out += R"(,"application/octet-stream":{"schema":{"type":"string","format":"binary"}})";
    }
    out += "}}";
}

void append_parameter(std::string& out, std::string_view name, std::string_view place,
                      std::string_view summary) {
    out += out.ends_with('[') ? "{" : ",{";
    append_member(out, "name", name);
    out += ',';
    append_member(out, "in", place);
    out += ',';
    append_member(out, "description", summary);
    if (place == "path") out += R"(,"required":true)";
    out += R"(,"schema":{"type":"string"}})";
}

void append_parameters(std::string& out, const Endpoint& endpoint) {
    out += R"(,"parameters":[)";
    const size_t brace = endpoint.path.find('{');
    if (brace != std::string_view::npos) {
        const size_t end = endpoint.path.find('}');
        append_parameter(out, endpoint.path.substr(brace + 1, end - brace - 1), "path",
                         "Any bytes, percent-encoded");
    }
    for (const Parameter& one : endpoint.parameters) {
        append_parameter(out, one.name, one.is_field ? "header" : "query", one.summary);
    }
    if (!endpoint.has(endpoint_flag::open)) {
        append_parameter(out, "db", "query", "Number of the database; left out: 0");
        append_parameter(out, "Gyre-Transaction", "header",
                         "Token of the transaction that the request is part of, from /begin");
    }
    out += ']';
}

void append_statuses(std::string& out, const Endpoint& endpoint) {
    out += R"(,"responses":{)";
    std::string statuses(endpoint.statuses);
    // Nothing is said of those that any server may answer with.
    if (!endpoint.has(endpoint_flag::open)) statuses += ' ' + std::string(kCommonStatuses);
    bool is_first = true;
    for (std::string_view rest = statuses; !rest.empty();) {
        const std::string_view status = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(status.size() + 1, rest.size()));
        const auto number = static_cast<uint16_t>(base::parse_integer(status).value_or(0));
        out += is_first ? "\"" : ",\"";
        is_first = false;
        out += std::string(status) + "\":{";
        append_member(out, "description", number < 300 ? endpoint.answers : status_text(number));
        if (number < 300 && number != 204) {
            out += R"(,"content":{)";
            append_text(out, endpoint.content_type);
            out += R"(:{"schema":{}}})";
        } else if (number >= 400) {
            out += R"(,"content":{"application/json":{"schema":{"$ref":)"
                   R"("#/components/schemas/Error"}}})";
        }
        out += '}';
    }
    out += '}';
}

std::string operation(const Endpoint& endpoint) {
    std::string out = base::to_lower(method_name(endpoint.method));
    out = '"' + out + R"(":{)";
    append_member(out, "summary", endpoint.summary);
    append_parameters(out, endpoint);
    append_body(out, endpoint);
    append_statuses(out, endpoint);
    if (endpoint.has(endpoint_flag::open)) out += R"(,"security":[])";
    out += '}';
    return out;
}

}  // namespace

std::string openapi_document() {
    std::map<std::string_view, std::string> paths;
    for (const Endpoint* endpoint : endpoints()) {
        std::string& path = paths[endpoint->path];
        if (!path.empty()) path += ',';
        path += operation(*endpoint);
    }
    std::string out =
        R"({"openapi":"3.0.3","info":{"title":"Gyre","version":")" GYRE_VERSION R"("},"paths":{)";
    bool is_first = true;
    for (const auto& [path, operations] : paths) {
        if (!is_first) out += ',';
        is_first = false;
        append_text(out, path);
        out += ":{" + operations + '}';
    }
    out += R"(},"components":{"schemas":{"Error":)";
    out += kErrorSchema;
    out += R"(,"Bytes":)";
    out += kBytesSchema;
    out +=
        R"(},"securitySchemes":{"basic":{"type":"http","scheme":"basic"},)"
        R"("bearer":{"type":"http","scheme":"bearer"}}},"security":[{"basic":[]},{"bearer":[]}]})";
    return out;
}

}  // namespace gyre::http
