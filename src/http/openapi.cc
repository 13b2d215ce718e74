// SPDX-License-Identifier: BSD-3-Clause

// The OpenAPI document, out of the table of endpoints.
// Source: the OpenAPI Specification, version 3.0.3.

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/numbers.h"
#include "http/endpoint.h"
#include "http/json_text.h"

namespace gyre::http {
namespace {

constexpr std::string_view kBytesReference = R"({"$ref":"#/components/schemas/Bytes"})";
/// Shapes that several endpoints share.
constexpr std::pair<std::string_view, std::string_view> kSchemas[] = {
    {"Error", R"({"type":"object","properties":{"error":{"type":"object","properties":{)"
              R"("status":{"type":"integer"},"code":{"type":"string"},"message":{"type":"string"},)"
              R"("command":{"type":"integer"}},"required":["status","code","message"]}},)"
              R"("required":["error"]})"},
    {"CommandError",
     R"({"type":"object","properties":{"error":{"type":"object","properties":{)"
     R"("code":{"type":"string"},"message":{"type":"string"}},"required":["code","message"]}},)"
     R"("required":["error"]})"},
    {"Bytes", R"({"oneOf":[{"type":"string"},{"type":"number"},{"type":"object","properties":{)"
              R"("base64":{"type":"string","format":"byte"}},"required":["base64"]}]})"},
    {"Map",
     R"({"description":"An object; where a name is no text, an array of pairs","oneOf":[)"
     R"({"type":"object"},{"type":"array","items":{"type":"array","minItems":2,"maxItems":2,)"
     R"("items":{}}}]})"},
    {"Value", R"({"description":"Any reply, as JSON"})"},
    {"Result", R"({"type":"object","properties":{"result":{"$ref":"#/components/schemas/Value"}},)"
               R"("required":["result"]})"},
    {"Failure",
     R"({"type":"object","properties":{"received":{"type":"string"},)"
     R"("status":{"type":"string","enum":["error"]},"message":{"type":"string"},"data":{)"
     R"("type":"string","nullable":true,"enum":[null]}},"required":["received","status","message","data"]})"},
};
/// What any request may get, beside its row's own: answers that say so in words of their own, for
/// all operations alike.
struct CommonRow {
    uint16_t status;
    std::string_view description;
};
constexpr CommonRow kCommonRows[] = {
    {400, "A request, or a command, that is wrong"},
    {401, "The password is missing or wrong"},
    {403, "A page of an origin that may not use the server, or a client that may not"},
    {405, "The path does not know the method; the field Allow lists those it knows"},
    {408, "The request did not come within http-timeout"},
    {413, "The body is larger than http-max-body-bytes"},
    {415, "Content-Type or Content-Encoding say something that the endpoint does not read"},
    {417, "Something else than 100-continue is expected"},
    {421, "A name of the server that it does not go by"},
    {431, "The head is larger than http-max-header-bytes"},
    {501, "A method or a transfer coding that the server does not know"},
    {503, "Data that is being loaded, or too many clients or transactions"},
};
void append_member(std::string& out, std::string_view name, std::string_view text) {
    append_text(out, name);
    out += ':';
    append_text(out, text);
}

std::string body_schema(const Endpoint& endpoint) {
    std::string line = R"({"type":"object","properties":{"command":{"type":"string"}})";
    line += endpoint.may_lack_body ? "}" : R"(,"required":["command"]})";
    const std::string words =
        R"({"type":"array","minItems":1,"items":)" + std::string(kBytesReference) + "}";
    switch (endpoint.body) {
        case Body::none:
        case Body::value:
            return R"({"$ref":"#/components/schemas/Value"})";
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
    out += R"(,"requestBody":{"required":)";
    out += endpoint.may_lack_body ? "false" : "true";
    out += R"(,"content":{"application/json":{"schema":)" + body_schema(endpoint) + "}";
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
    if (endpoint.takes_database()) {
        append_parameter(out, "db", "query", "Number of the database; left out: 0");
    }
    if (!endpoint.has(endpoint_flag::open)) {
        append_parameter(out, "Gyre-Transaction", "header",
                         "Token of the transaction that the request is part of, from /begin");
    }
    out += ']';
}

/// What a success looks like.
std::string success_schema(const Endpoint& endpoint) {
    if (endpoint.content_type != kJsonType) return R"({"type":"string"})";
    if (endpoint.command.empty()) return std::string(endpoint.schema);
    return R"({"type":"object","properties":{"received":{"type":"string"},"status":{)"
           R"("type":"string","enum":["success"]},"message":{"type":"string"},"data":)" +
           std::string(endpoint.schema) + R"(},"required":["received","status","message","data"]})";
}

void append_success(std::string& out, const Endpoint& endpoint) {
    out += R"(,"content":{)";
    append_text(out, endpoint.content_type);
    out += R"(:{"schema":)" + success_schema(endpoint) + '}';
    if (endpoint.has(endpoint_flag::reads_bytes)) {
        out += R"(,"application/octet-stream":{"schema":{"type":"string","format":"binary"}})";
    }
    out += '}';
}

/// The origin systems' endpoints answer in their own shape, when it is they who answer.
void append_error(std::string& out, const Endpoint& endpoint) {
    out += R"(,"content":{"application/json":{"schema":)";
    const bool is_origin = !endpoint.command.empty();
    out += is_origin ? R"({"oneOf":[{"$ref":"#/components/schemas/Error"},)"
                       R"({"$ref":"#/components/schemas/Failure"}]})"
                     : R"({"$ref":"#/components/schemas/Error"})";
    out += "}}";
}

void append_own_statuses(std::string& out, const Endpoint& endpoint, bool is_head) {
    for (std::string_view rest = endpoint.statuses; !rest.empty();) {
        const std::string_view status = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(status.size() + 1, rest.size()));
        const auto number = static_cast<uint16_t>(base::parse_integer(status).value_or(0));
        out += out.ends_with('{') ? "\"" : ",\"";
        out += std::string(status) + "\":{";
        append_member(out, "description", number < 300 ? endpoint.answers : status_text(number));
        if (!is_head && number < 300 && number != 204) append_success(out, endpoint);
        if (!is_head && number >= 400) append_error(out, endpoint);
        out += '}';
    }
}

std::string response_name(uint16_t status, bool is_origin) {
    return (is_origin ? "Origin" : "Status") + std::to_string(status);
}

void append_statuses(std::string& out, const Endpoint& endpoint, bool is_head) {
    out += R"(,"responses":{)";
    append_own_statuses(out, endpoint, is_head);
    for (const CommonRow& row : kCommonRows) {
        const std::string status = std::to_string(row.status);
        // One that asks for no password refuses a wrong one all the same.
        if (endpoint.statuses.find(status) != std::string_view::npos) continue;
        const bool is_own_shape = !endpoint.command.empty() && !is_head;
        out += ",\"" + status + R"(":{"$ref":"#/components/responses/)" +
               response_name(row.status, is_own_shape) + "\"}";
    }
    out += '}';
}

std::string operation(const Endpoint& endpoint, bool is_head) {
    std::string out = base::to_lower(is_head ? "head" : method_name(endpoint.method));
    out = '"' + out + R"(":{)";
    append_member(out, "summary",
                  is_head ? "What GET answers, without its body." : endpoint.summary);
    append_parameters(out, endpoint);
    append_body(out, endpoint);
    append_statuses(out, endpoint, is_head);
    if (endpoint.has(endpoint_flag::open)) out += R"(,"security":[])";
    out += '}';
    return out;
}

void append_components(std::string& out) {
    out += R"("components":{"schemas":{)";
    for (const auto& [name, schema] : kSchemas) {
        if (!out.ends_with('{')) out += ',';
        append_text(out, name);
        out += ':';
        out += schema;
    }
    out += R"(},"responses":{)";
    for (const CommonRow& row : kCommonRows) {
        for (const bool is_origin : {false, true}) {
            out += out.ends_with('{') ? "\"" : ",\"";
            out += response_name(row.status, is_origin) + "\":{";
            append_member(out, "description", row.description);
            append_error(out, {.command = is_origin ? "any" : ""});
            out += '}';
        }
    }
    out += R"(},"securitySchemes":{"basic":{"type":"http","scheme":"basic"},)"
           R"("bearer":{"type":"http","scheme":"bearer"}}})";
}

}  // namespace

std::string openapi_document() {
    std::map<std::string_view, std::string> paths;
    for (const Endpoint* endpoint : endpoints()) {
        std::string& path = paths[endpoint->path];
        if (!path.empty()) path += ',';
        path += operation(*endpoint, false);
        if (endpoint->has_head()) path += ',' + operation(*endpoint, true);
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
    out += "},";
    append_components(out);
    out += R"(,"security":[{"basic":[]},{"bearer":[]}]})";
    return out;
}

}  // namespace gyre::http
