// SPDX-License-Identifier: BSD-3-Clause
#include "http/answer.h"

#include <optional>
#include <string>
#include <utility>

#include "base/numbers.h"

namespace gyre::http {
namespace {

constexpr std::string_view kAllowedHeaders =
    "Authorization, Content-Type, If-Match, If-None-Match, Gyre-Type, Gyre-Ttl-Ms, "
    "Gyre-Transaction";
constexpr std::string_view kPreflightSeconds = "600";

/// What a browser asks before it lets a page of another origin send a request; and OPTIONS of
/// anybody.
Response options(const Request& request, const Route& route, Origin origin) {
    Response response;
    response.status = 204;
    response.add("Allow",
                 route.allowed.empty() ? "GET, HEAD, PUT, POST, DELETE, OPTIONS" : route.allowed);
    if (origin == Origin::allowed && request.field(Field::request_method)) {
        response.add("Access-Control-Allow-Methods", "GET, HEAD, PUT, POST, DELETE");
        response.add("Access-Control-Allow-Headers", std::string(kAllowedHeaders));
        response.add("Access-Control-Max-Age", std::string(kPreflightSeconds));
    }
    return response;
}

/// What stands against a request before anybody looks for its endpoint.
std::optional<Response> refusal(const Request& request, const GuardSettings& settings,
                                Origin origin) {
    const auto host = host_of(request);
    if (host && !is_known_host(*host, settings.hosts)) {
        return error_response(421, "HOST",
                              "This server does not go by that name. Use localhost or an address, "
                              "or add the name to http-hosts.");
    }
    if (origin == Origin::foreign) {
        return error_response(403, "ORIGIN",
                              "Pages of this origin may not use the server. Add the origin to "
                              "http-cors-origins if they should.");
    }
    return std::nullopt;
}

Response not_found(const Request& request, Route route) {
    if (route.allowed.empty()) {
        return error_response(404, "NOTFOUND",
                              "There is nothing at this path. GET /openapi.json lists what there "
                              "is.");
    }
    const bool is_known = request.method != Method::other;
    Response response =
        error_response(is_known ? 405 : 501, "METHOD",
                       "This path does not know the method. The field Allow lists those it knows.");
    response.add("Allow", std::move(route.allowed));
    return response;
}

/// What is coded is not what the endpoint reads.
std::optional<Response> wrong_coding(const Request& request) {
    const auto coding = request.field(Field::content_encoding);
    if (!coding || base::equals_ignore_case(*coding, "identity")) return std::nullopt;
    return error_response(415, "CONTENTENCODING",
                          "The body is coded as the field Content-Encoding says. Send it as it is, "
                          "without that field.");
}

/// A parameter that nobody reads is a mistake: perhaps a condition, perhaps a lifetime.
std::optional<Response> unknown_parameter(const Target& target, const Endpoint& endpoint) {
    for (const auto& [name, value] : target.query) {
        if (endpoint.knows_parameter(name)) continue;
        return error_response(400, "QUERY",
                              "This endpoint knows no parameter `" + name +
                                  "`. GET /openapi.json lists those it knows.");
    }
    return std::nullopt;
}

/// A form of a foreign page can send neither type.
std::optional<Response> wrong_type(const Request& request, const Endpoint& endpoint) {
    if (request.method != Method::post && request.method != Method::put) return std::nullopt;
    const auto type = request.field(Field::content_type);
    if (is_json(type) || (endpoint.body == Body::value && is_bytes(type))) return std::nullopt;
    return error_response(415, "CONTENTTYPE",
                          endpoint.body == Body::value
                              ? "The field Content-Type says neither application/json nor "
                                "application/octet-stream. Set it to what the body is."
                              : "The field Content-Type does not say application/json. Send JSON "
                                "and say so.");
}

Response unauthorized(std::string_view error) {
    Response response = failed_command(error, 401);
    response.add("WWW-Authenticate", R"(Basic realm="gyre", charset="UTF-8")");
    return response;
}

/// With the checks of AUTH. Nothing: go on.
ring::Task<std::optional<Response>> authenticate(Backend& backend, const Request& request) {
    const auto field = request.field(Field::authorization);
    if (!field) co_return std::nullopt;
    const auto credentials = parse_authorization(
        *field, [&backend](std::string_view text) { return backend.is_password(text); });
    if (!credentials) {
        co_return unauthorized(
            "WRONGPASS The field Authorization is neither Basic nor Bearer. "
            "Send one of them.");
    }
    const std::string_view words[] = {"AUTH", credentials->user, credentials->password};
    const Reply reply = co_await backend.run_own(words);
    if (!reply.is_error()) co_return std::nullopt;
    co_return unauthorized(reply.text);
}

std::optional<Response> demand_password(const Backend& backend, const Endpoint& endpoint) {
    if (endpoint.has(endpoint_flag::open) || backend.is_authenticated()) return std::nullopt;
    return unauthorized(
        "NOAUTH Authentication required. Send the field Authorization: Basic with default and the "
        "password, or Bearer with the password.");
}

/// Finds the endpoint, or what is said without one.
std::optional<Response> find_endpoint(const Request& request, Admission& admission) {
    auto target = parse_target(request.target);
    if (!target) return error_response(400, "TARGET", target.error().message);
    admission.target = *std::move(target);
    Route& route = admission.route;
    route = find_route(request.method, admission.target);
    if (request.method == Method::options) return options(request, route, admission.origin);
    if (route.endpoint == nullptr) return not_found(request, std::move(route));
    if (auto wrong = wrong_type(request, *route.endpoint)) return wrong;
    return wrong_coding(request);
}

/// The transaction and the database that the request names. Nothing: go on.
ring::Task<std::optional<Response>> enter(Exchange& exchange) {
    if (const auto token = exchange.request.field(Field::gyre_transaction)) {
        const auto entered = exchange.backend.enter_transaction(*token);
        if (!entered) co_return failed_command(entered.error().message);
    }
    const auto database = exchange.target.value("db");
    if (!database) co_return std::nullopt;
    const std::string_view words[] = {"SELECT", *database};
    const Reply reply = co_await exchange.backend.run_own(words);
    if (reply.is_error()) co_return failed_command(reply.text);
    co_return std::nullopt;
}

bool names_place(const Request& request, const Target& target) {
    return request.field(Field::gyre_transaction) || target.value("db");
}

}  // namespace

/// Most requests wait for nothing on their way: what does not wait is no task.
ring::Task<Admission> admit(Backend& backend, const Request& request,
                            const GuardSettings& settings) {
    Admission admission;
    std::optional<Response>& response = admission.response;
    admission.origin = origin_of(request, settings);
    response = refusal(request, settings, admission.origin);
    if (response) co_return admission;
    response = find_endpoint(request, admission);
    if (!response && request.field(Field::authorization)) {
        response = co_await authenticate(backend, request);
    }
    if (!response) response = demand_password(backend, *admission.route.endpoint);
    if (!response) response = unknown_parameter(admission.target, *admission.route.endpoint);
    if (response && admission.origin == Origin::allowed) {
        allow_origin(*response, *request.field(Field::origin));
    }
    co_return admission;
}

ring::Task<Response> answer(Backend& backend, const Request& request, Admission& admission) {
    if (admission.response) co_return *std::move(admission.response);
    const Endpoint& endpoint = *admission.route.endpoint;
    Exchange exchange{backend, request, admission.target, endpoint, admission.route.key};
    std::optional<Response> response;
    if (!endpoint.has(endpoint_flag::open) && names_place(request, admission.target)) {
        response = co_await enter(exchange);
    }
    if (!response) response = co_await endpoint.handler(exchange);
    if (admission.origin == Origin::allowed) {
        allow_origin(*response, *request.field(Field::origin));
    }
    co_return *std::move(response);
}

}  // namespace gyre::http
