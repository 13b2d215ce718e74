// SPDX-License-Identifier: BSD-3-Clause

// Messages of a channel as server-sent events: /v1/subscribe/{channel}. The handler says what is
// subscribed to; the connection stays with it, and turns each message into an event.
// Source: the HTML standard, section 9.2.

#include <string>

#include "http/endpoint.h"
#include "http/events.h"
#include "http/json_text.h"

namespace gyre::http {
namespace {

ring::Task<Response> subscribe(Exchange& exchange) {
    const auto pattern = exchange.target.value("pattern");
    const bool is_plain = !pattern || *pattern == "0";
    if (!is_plain && !pattern->empty() && *pattern != "1") {
        co_return error_response(400, "QUERY",
                                 "The parameter `pattern` is neither 0 nor 1. Say 1 when the "
                                 "channel is a glob pattern.");
    }
    Response response;
    response.content_type = kEventsType;
    response.add("Cache-Control", "no-store");
    response.follow = {is_plain ? "SUBSCRIBE" : "PSUBSCRIBE", std::string(exchange.key)};
    co_return response;
}

constexpr Parameter kParameters[] = {
    {"pattern", false, "1: the channel is a glob pattern; 0, or left out: it is a name"},
};

constexpr Endpoint kSubscribeEndpoints[] = {
    {.method = Method::get,
     .path = "/v1/subscribe/{channel}",
     .handler = subscribe,
     .flags = endpoint_flag::no_database,
     .answers = R"(Events `message` with {"channel": ..., "message": ...}; of a pattern, with )"
                R"("pattern" as well)",
     .content_type = kEventsType,
     .summary = "The messages of a channel, as they come, until the client leaves.",
     .parameters = kParameters},
};

void append_member(std::string& out, std::string_view name, const Reply& value) {
    out += out.ends_with('{') ? "" : ",";
    append_text(out, name);
    out += ':';
    append_reply(out, value);
}

}  // namespace

std::string event_of(const Reply& push) {
    const size_t parts = push.elements.size();
    const bool is_pattern = parts == 4 && push.elements[0].text == "pmessage";
    if (!is_pattern && (parts != 3 || push.elements[0].text != "message")) return {};
    // JSON has no line ends in it, so the data is one line.
    std::string event = "event: message\ndata: {";
    if (is_pattern) append_member(event, "pattern", push.elements[1]);
    append_member(event, "channel", push.elements[parts - 2]);
    append_member(event, "message", push.elements[parts - 1]);
    event += "}\n\n";
    return event;
}

std::span<const Endpoint> subscribe_endpoints() { return kSubscribeEndpoints; }

}  // namespace gyre::http
