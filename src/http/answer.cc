// SPDX-License-Identifier: BSD-3-Clause
#include "http/answer.h"

#include <optional>
#include <string>
#include <utility>

#include "http/endpoint.h"
#include "http/target.h"

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
    const auto host = request.field(Field::host);
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
    Response response = failed_command(error);
    response.status = 401;
    response.add("WWW-Authenticate", R"(Basic realm="gyre", charset="UTF-8")");
    return response;
}

/// With the checks of AUTH. Nothing: go on.
ring::Task<std::optional<Response>> authenticate(Backend& backend, const Request& request) {
    const auto field = request.field(Field::authorization);
    if (!field) co_return std::nullopt;
    const auto credentials = parse_authorization(*field);
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

/// Authentication, and the transaction and the database that the request names. Nothing: go on.
ring::Task<std::optional<Response>> check_access(Exchange& exchange) {
    std::optional<Response> refused = co_await authenticate(exchange.backend, exchange.request);
    if (refused) co_return refused;
    if (exchange.endpoint.has(endpoint_flag::open)) co_return std::nullopt;
    if (!exchange.backend.is_authenticated()) {
        co_return unauthorized(
            "NOAUTH Authentication required. Send the field Authorization: Basic with default and "
            "the password, or Bearer with the password.");
    }
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

ring::Task<Response> route_and_run(Backend& backend, const Request& request, Origin origin) {
    const auto target = parse_target(request.target);
    if (!target) co_return error_response(400, "TARGET", target.error().message);
    Route route = find_route(request.method, *target);
    if (request.method == Method::options) co_return options(request, route, origin);
    if (route.endpoint == nullptr) co_return not_found(request, std::move(route));
    if (auto wrong = wrong_type(request, *route.endpoint)) co_return *std::move(wrong);
    Exchange exchange{backend, request, *target, *route.endpoint, route.key};
    std::optional<Response> refused = co_await check_access(exchange);
    if (refused) co_return *std::move(refused);
    co_return co_await route.endpoint->handler(exchange);
}

}  // namespace

ring::Task<Response> answer(Backend& backend, const Request& request,
                            const GuardSettings& settings) {
    const Origin origin = origin_of(request, settings);
    if (auto refused = refusal(request, settings, origin)) co_return *std::move(refused);
    Response response = co_await route_and_run(backend, request, origin);
    if (origin == Origin::allowed) allow_origin(response, *request.field(Field::origin));
    co_return response;
}

}  // namespace gyre::http
