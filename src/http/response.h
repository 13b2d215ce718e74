// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One HTTP response and how it is written.
//
// Ownership: plain data. Threads: one at a time. Source: RFC 9110, RFC 9112.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/output_buffer.h"

namespace gyre::http {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kBytesType = "application/octet-stream";
inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

struct Response {
    uint16_t status = 200;
    std::string_view content_type = kJsonType;  ///< a constant
    /// Names are constants; values hold no line ends.
    std::vector<std::pair<std::string_view, std::string>> fields = {};
    std::string body = {};
    /// Nothing more is read from this client.
    bool closes = false;
    /// Not empty: a SUBSCRIBE. The body goes on with events until the client leaves.
    std::vector<std::string> follow = {};

    void add(std::string_view name, std::string value) {
        fields.emplace_back(name, std::move(value));
    }
};

/// "Not Found"; "Unknown" for what is never sent.
std::string_view status_text(uint16_t status);
/// {"error": {"status": 404, "code": "NOTFOUND", "message": "..."}}: one sentence that says what
/// to do.
Response error_response(uint16_t status, std::string_view code, std::string_view message);
/// The status that fits an error of the server, whose first word is its code.
uint16_t status_of_error(std::string_view error);
/// The same as a response.
Response failed_command(std::string_view error);
/// With a status that says more than the error's code does.
Response failed_command(std::string_view error, uint16_t status);

/// How a response leaves.
struct Framing {
    bool keeps_alive = true;
    bool is_http_1_0 = false;
    bool is_head = false;  ///< the body stays here
    std::string_view date = {};
};
/// "Sun, 06 Nov 1994 08:49:37 GMT", for a time in milliseconds since 1970. Made once a second and
/// thread, and good until the thread asks again.
std::string_view date_text(int64_t wall_ms);
void write_response(base::OutputBuffer& out, const Response& response, const Framing& framing);

}  // namespace gyre::http
