// SPDX-License-Identifier: BSD-3-Clause

// What a supervisor, a collector of metrics and a programmer ask for.

#include <string>

#include "http/console.h"
#include "http/endpoint.h"

namespace gyre::http {
namespace {

constexpr std::string_view kPageType = "text/html; charset=utf-8";

ring::Task<Response> health(Exchange&) {
    Response response;
    response.body = R"({"status":"ok"})";
    co_return response;
}

ring::Task<Response> ready(Exchange& exchange) {
    Response response;
    if (!exchange.backend.is_ready()) {
        co_return error_response(503, "LOADING", "The data is being loaded. Ask again.");
    }
    response.body = R"({"status":"ready"})";
    co_return response;
}

ring::Task<Response> metrics(Exchange& exchange) {
    Response response;
    response.content_type = kMetricsType;
    response.body = exchange.backend.metrics();
    co_return response;
}

ring::Task<Response> openapi(Exchange&) {
    Response response;
    response.body = openapi_document();
    co_return response;
}

ring::Task<Response> console(Exchange&) {
    Response response;
    response.content_type = kPageType;
    response.body = console_page();
    response.add("Content-Security-Policy", std::string(console_policy()));
    response.add("Cache-Control", "no-cache");
    response.add("Referrer-Policy", "no-referrer");
    co_return response;
}

constexpr Endpoint kServiceEndpoints[] = {
    {.method = Method::get,
     .path = "/",
     .handler = console,
     .flags = endpoint_flag::open | endpoint_flag::any_query,
     .answers = "A page",
     .content_type = kPageType,
     .summary = "The console, for a browser. What it shows it asks for by the other endpoints."},
    {.method = Method::get,
     .path = "/health",
     .handler = health,
     .flags = endpoint_flag::open | endpoint_flag::any_query,
     .answers = R"({"status": "ok"})",
     .schema = R"({"type":"object","properties":{"status":{"type":"string","enum":["ok"]}},)"
               R"("required":["status"]})",
     .summary = "The server answers."},
    {.method = Method::get,
     .path = "/ready",
     .handler = ready,
     .flags = endpoint_flag::open | endpoint_flag::any_query,
     .answers = R"({"status": "ready"})",
     .schema = R"({"type":"object","properties":{"status":{"type":"string","enum":["ready"]}},)"
               R"("required":["status"]})",
     .statuses = "200 503",
     .summary = "The data is loaded, and commands are run."},
    {.method = Method::get,
     .path = "/metrics",
     .handler = metrics,
     .flags = endpoint_flag::no_database | endpoint_flag::any_query,
     .answers = "Metrics in Prometheus' text format",
     .content_type = kMetricsType,
     .summary = "The figures of INFO."},
    {.method = Method::get,
     .path = "/openapi.json",
     .handler = openapi,
     .flags = endpoint_flag::open | endpoint_flag::any_query,
     .answers = "This document",
     .schema = R"({"type":"object","properties":{"openapi":{"type":"string"},)"
               R"("paths":{"type":"object"},"components":{"type":"object"}},)"
               R"("required":["openapi","info","paths","components"]})",
     .summary = "Describes the endpoints."},
};

}  // namespace

std::span<const Endpoint> service_endpoints() { return kServiceEndpoints; }

}  // namespace gyre::http
