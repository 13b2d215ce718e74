// SPDX-License-Identifier: BSD-3-Clause

// The parameters of HTTP.

#include <climits>

#include <fmt/format.h>

#include "server/config_table.h"
#include "server/config_value.h"

namespace gyre::server {
namespace {

using enum ConfigKind;

constexpr int64_t kMebibyte = 1024 * 1024;

std::vector<std::string> names_of(const ConfigValue& value) {
    std::vector<std::string> names;
    for (const std::string_view word : split_words(value.text)) names.emplace_back(word);
    return names;
}

/// What no field Host or Origin can be is a mistake: whoever typed it would wait for nothing.
Result<void> check_hosts(const ConfigValue& value) {
    for (const std::string_view name : split_words(value.text)) {
        if (!http::is_host_name(name)) {
            return fail(fmt::format(
                "'{}' is no name of a host: give names such as db.example.org, without scheme, "
                "port and path",
                name));
        }
    }
    return {};
}

Result<void> check_origins(const ConfigValue& value) {
    for (const std::string_view origin : split_words(value.text)) {
        if (!http::is_origin(origin)) {
            return fail(
                fmt::format("'{}' is no origin: give scheme, host and port as in "
                            "https://example.org:8443, without path and without the port that the "
                            "scheme stands for, or *",
                            origin));
        }
    }
    return {};
}

void set_bind(ServerSettings& settings, const ConfigValue& value) {
    settings.http_bind = names_of(value);
}

void set_hosts(ServerSettings& settings, const ConfigValue& value) {
    settings.http_guard.change([&](http::GuardSettings& guard) { guard.hosts = names_of(value); });
}

void set_origins(ServerSettings& settings, const ConfigValue& value) {
    settings.http_guard.change(
        [&](http::GuardSettings& guard) { guard.origins = names_of(value); });
}

#define SETTING(expression) \
    [](ServerSettings& settings, const ConfigValue& value) { settings.expression; }

const ConfigRow kHttpRows[] = {
    {.name = "http-port",
     .kind = integer,
     .initial = "0",
     .max = 65535,
     .summary = "Port of HTTP: the JSON API, metrics and the console. 0: none.",
     .to_settings = SETTING(http_port = value.number)},
    {.name = "http-bind",
     .kind = words,
     .initial = "127.0.0.1 -::1",
     .summary = "Addresses to listen on for HTTP, as `bind` has them.",
     .to_settings = set_bind},
    {.name = "http-hosts",
     .kind = words,
     .summary = "Names, beside localhost and addresses, by which HTTP clients may call this server "
                "in the field Host. Any other name is refused: a page could have made it up.",
     .to_settings = set_hosts,
     .check = check_hosts},
    {.name = "http-cors-origins",
     .kind = words,
     .summary = "Origins (`https://example.org`) whose pages may use the API from a browser. `*`: "
                "all. Empty: none but the server's own.",
     .to_settings = set_origins,
     .check = check_origins},
    {.name = "http-max-header-bytes",
     .kind = memory,
     .initial = "16384",
     .min = 1024,
     .max = kMebibyte,
     .summary = "Longest head of an HTTP request: its first line and all fields.",
     .to_settings = SETTING(http_header_bytes_max = static_cast<size_t>(value.number))},
    {.name = "http-max-body-bytes",
     .kind = memory,
     .initial = "67108864",
     .min = 1024,
     .max = 512 * kMebibyte,
     .summary = "Longest body of an HTTP request.",
     .to_settings = SETTING(http_body_bytes_max = static_cast<uint64_t>(value.number))},
    {.name = "http-timeout",
     .kind = integer,
     .initial = "60",
     .max = INT_MAX,
     .summary =
         "Seconds in which the head of an HTTP request must come, and for which a connection "
         "may be idle. 0: no limit.",
     .to_settings = SETTING(http_timeout_seconds = value.number)},
    {.name = "http-max-transactions",
     .kind = integer,
     .initial = "1000",
     .max = 1'000'000,
     .summary = "Transactions of HTTP clients (/begin) that may be open at once. 0: none.",
     .to_settings = SETTING(http_transactions_max = value.number)},
};

#undef SETTING

}  // namespace

std::span<const ConfigRow> http_config_rows() { return kHttpRows; }

}  // namespace gyre::server
