// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What stands between a request and its answer, beside the permissions that dispatch checks: which
// names of this server a browser may use, which pages may read its answers, and what a write must
// look like so that no page of somebody else can have made it.
//
// A page that resolves its own name to this machine (DNS rebinding) is found out by the field Host,
// a page that sends requests across origins by the field Origin, a form by its content type.
//
// Threads: any. Source: RFC 9110, RFC 6454, the Fetch standard, RFC 7617, RFC 6750.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/request.h"
#include "http/response.h"

namespace gyre::http {

/// Configuration that is read for each request.
struct GuardSettings {
    std::vector<std::string> hosts;    ///< names allowed beside localhost and addresses
    std::vector<std::string> origins;  ///< pages that may read answers; "*": all
};

/// Whether the field Host names this machine without a doubt: localhost, an address, or one of
/// `hosts`.
bool is_known_host(std::string_view host, const std::vector<std::string>& hosts);

/// The name by which the client calls this server: the host of its target where that is a whole
/// URL, else the field Host.
std::optional<std::string_view> host_of(const Request& request);

/// Whether a text may be one of GuardSettings::hosts: letters, digits, `-`, `_` and dots.
bool is_host_name(std::string_view text);
/// Whether it may be one of GuardSettings::origins: as a browser sends it (without the port that
/// goes without saying), or "*".
bool is_origin(std::string_view text);

enum class Origin : uint8_t { none, same, allowed, foreign };
Origin origin_of(const Request& request, const GuardSettings& settings);
/// Lets the page of an allowed origin read the response.
void allow_origin(Response& response, std::string_view origin);
/// "application/json", with or without parameters.
bool is_json(std::optional<std::string_view> content_type);
bool is_bytes(std::optional<std::string_view> content_type);

struct Credentials {
    std::string user;
    std::string password;
};
/// Basic, and Bearer with `password` or `user:password`; nothing: neither. Which of its two forms a
/// Bearer with a colon has only the password tells: `is_password` says whether a text is it.
std::optional<Credentials> parse_authorization(
    std::string_view value, const std::function<bool(std::string_view)>& is_password);

}  // namespace gyre::http
