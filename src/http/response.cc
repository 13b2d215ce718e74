// SPDX-License-Identifier: BSD-3-Clause
#include "http/response.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

#include <fmt/format.h>

#include "base/numbers.h"
#include "http/json_text.h"

namespace gyre::http {
namespace {

struct StatusRow {
    uint16_t status;
    std::string_view text;
};

constexpr StatusRow kStatusRows[] = {
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
};

constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Errors of commands that are more than a wrong command.
struct ErrorRow {
    std::string_view code;
    uint16_t status;
};

constexpr ErrorRow kErrorRows[] = {
    {"NOAUTH", 401},   {"WRONGPASS", 401},  {"NOPERM", 403},        {"WRONGTYPE", 409},
    {"CONFLICT", 409}, {"BUSYKEY", 409},    {"ABORTED", 409},       {"BUSYGROUP", 409},
    {"NOGROUP", 404},  {"NOSUCHKEY", 404},  {"NOTRANSACTION", 404}, {"TOOMANY", 503},
    {"OOM", 507},      {"LOADING", 503},    {"MISCONF", 503},       {"TRYAGAIN", 503},
    {"BUSY", 503},     {"MASTERDOWN", 503}, {"READONLY", 403},      {"NOREPLICAS", 503}};

}  // namespace

std::string_view status_text(uint16_t status) {
    const auto row = std::ranges::find(kStatusRows, status, &StatusRow::status);
    return row == std::end(kStatusRows) ? "Unknown" : row->text;
}

Response error_response(uint16_t status, std::string_view code, std::string_view message) {
    Response response;
    response.status = status;
    response.body = R"({"error":{"status":)" + std::to_string(status) + R"(,"code":)";
    append_text(response.body, code);
    response.body += R"(,"message":)";
    append_text(response.body, message);
    response.body += "}}";
    return response;
}

uint16_t status_of_error(std::string_view error) {
    const std::string_view code = error.substr(0, error.find(' '));
    const auto row = std::ranges::find(kErrorRows, code, &ErrorRow::code);
    return row == std::end(kErrorRows) ? 400 : row->status;
}

Response failed_command(std::string_view error) {
    return failed_command(error, status_of_error(error));
}

Response failed_command(std::string_view error, uint16_t status) {
    const size_t end = std::min(error.find(' '), error.size());
    return error_response(status, error.substr(0, end),
                          error.substr(std::min(end + 1, error.size())));
}

std::string_view date_text(int64_t wall_ms) {
    thread_local int64_t known_second = -1;
    thread_local std::string text;
    const int64_t second = wall_ms / 1000;
    if (second == known_second) return text;
    known_second = second;
    const time_t time = second;
    tm parts{};
    gmtime_r(&time, &parts);
    text = fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                       kDays[static_cast<size_t>(parts.tm_wday)], parts.tm_mday,
                       kMonths[static_cast<size_t>(parts.tm_mon)], parts.tm_year + 1900,
                       parts.tm_hour, parts.tm_min, parts.tm_sec);
    return text;
}

void write_response(base::OutputBuffer& out, const Response& response, const Framing& framing) {
    std::array<char, base::kIntegerCharsMax> digits;
    const auto number = [&digits](int64_t value) {
        char* end = base::write_integer(digits.data(), value);
        return std::string_view(digits.data(), static_cast<size_t>(end - digits.data()));
    };
    out.append("HTTP/1.1 ");
    out.append(number(response.status));
    out.append(" ");
    out.append(status_text(response.status));
    out.append("\r\n");
    if (!framing.date.empty()) {
        out.append("Date: ");
        out.append(framing.date);
        out.append("\r\n");
    }
    const bool has_body = response.status != 204 && response.status != 304;
    if (has_body) {
        if (!response.content_type.empty()) {
            out.append("Content-Type: ");
            out.append(response.content_type);
            out.append("\r\nX-Content-Type-Options: nosniff\r\n");
        }
        if (response.follow.empty()) {
            out.append("Content-Length: ");
            out.append(number(static_cast<int64_t>(response.body.size())));
            out.append("\r\n");
        }
    }
    for (const auto& [name, value] : response.fields) {
        out.append(name);
        out.append(": ");
        out.append(value);
        out.append("\r\n");
    }
    if (!framing.keeps_alive) {
        out.append("Connection: close\r\n");
    } else if (framing.is_http_1_0) {
        out.append("Connection: keep-alive\r\n");
    }
    out.append("\r\n");
    if (has_body && !framing.is_head) out.append(response.body);
}

}  // namespace gyre::http
