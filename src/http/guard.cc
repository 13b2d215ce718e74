// SPDX-License-Identifier: BSD-3-Clause
#include "http/guard.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/numbers.h"
#include "http/target.h"

namespace gyre::http {
namespace {

bool is_address(const std::string& text, int family) {
    in6_addr address;
    return inet_pton(family, text.c_str(), &address) == 1;
}

bool is_port(std::string_view text) {
    return text.empty() || (text.size() <= 6 && text[0] == ':' &&
                            text.find_first_not_of("0123456789", 1) == std::string_view::npos);
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool has_media_type(std::optional<std::string_view> field, std::string_view type) {
    if (!field) return false;
    return base::equals_ignore_case(trimmed(field->substr(0, field->find(';'))), type);
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::any_of(
        names, [name](const std::string& one) { return base::equals_ignore_case(one, name); });
}

constexpr std::string_view kUser = "default";

Credentials split_credentials(std::string_view text) {
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) return {std::string(kUser), std::string(text)};
    return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

}  // namespace

bool is_known_host(std::string_view host, const std::vector<std::string>& hosts) {
    if (host.starts_with('[')) {
        const size_t end = host.find(']');
        if (end == std::string_view::npos || !is_port(host.substr(end + 1))) return false;
        return is_address(std::string(host.substr(1, end - 1)), AF_INET6);
    }
    const size_t colon = std::min(host.find(':'), host.size());
    if (!is_port(host.substr(colon))) return false;
    std::string name = base::to_lower(host.substr(0, colon));
    if (name == "localhost" || name.ends_with(".localhost") || contains(hosts, name)) return true;
    return is_address(name, AF_INET);
}

bool is_host_name(std::string_view text) {
    const bool is_label = std::ranges::all_of(text, [](char byte) {
        const char letter = base::to_lower(byte);
        return (letter >= 'a' && letter <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
               byte == '_' || byte == '.';
    });
    return is_label && !text.empty() && text.front() != '.';
}

bool is_origin(std::string_view text) {
    if (text == "*" || text == "null") return true;
    const size_t end = text.find("://");
    if (end == std::string_view::npos || !is_host_name(text.substr(0, end))) return false;
    const std::string scheme = base::to_lower(text.substr(0, end));
    const std::string_view authority = text.substr(end + 3);
    const bool is_bracketed = authority.starts_with('[');
    const size_t host_end = is_bracketed ? authority.find(']') : authority.find(':');
    if (is_bracketed && host_end == std::string_view::npos) return false;
    const std::string_view host = authority.substr(0, host_end);
    const std::string_view port = authority.substr(
        std::min(host.size() + (is_bracketed ? size_t{1} : size_t{0}), authority.size()));
    // Nobody says the port that the scheme says already.
    const bool is_default =
        (scheme == "http" && port == ":80") || (scheme == "https" && port == ":443");
    if (is_default || port == ":" || !is_port(port)) return false;
    return is_bracketed ? is_address(std::string(host.substr(1)), AF_INET6) : is_host_name(host);
}

std::optional<std::string_view> host_of(const Request& request) {
    const auto authority = authority_of(request.target);
    return authority ? authority : request.field(Field::host);
}

Origin origin_of(const Request& request, const GuardSettings& settings) {
    const auto origin = request.field(Field::origin);
    if (!origin) return Origin::none;
    const std::string_view host = host_of(request).value_or("");
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (origin->starts_with(scheme) && !host.empty() &&
            base::equals_ignore_case(origin->substr(scheme.size()), host)) {
            return Origin::same;
        }
    }
    const bool is_allowed = contains(settings.origins, "*") || contains(settings.origins, *origin);
    return is_allowed ? Origin::allowed : Origin::foreign;
}

void allow_origin(Response& response, std::string_view origin) {
    response.add("Access-Control-Allow-Origin", std::string(origin));
    response.add("Access-Control-Expose-Headers", "ETag, Gyre-Type, Gyre-Ttl-Ms, Gyre-Transaction");
    response.add("Vary", "Origin");
}

bool is_json(std::optional<std::string_view> content_type) {
    return has_media_type(content_type, kJsonType);
}

bool is_bytes(std::optional<std::string_view> content_type) {
    return has_media_type(content_type, kBytesType);
}

std::optional<Credentials> parse_authorization(
    std::string_view value, const std::function<bool(std::string_view)>& is_password) {
    const size_t blank = value.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    const std::string_view scheme = value.substr(0, blank);
    const std::string_view rest = trimmed(value.substr(blank));
    if (base::equals_ignore_case(scheme, "bearer")) {
        if (is_password(rest)) return Credentials{std::string(kUser), std::string(rest)};
        return split_credentials(rest);
    }
    if (!base::equals_ignore_case(scheme, "basic")) return std::nullopt;
    const auto text = base::decode_base64(rest);
    if (!text || text->find(':') == std::string::npos) return std::nullopt;
    Credentials credentials = split_credentials(*text);
    if (credentials.user.empty()) credentials.user = kUser;
    return credentials;
}

}  // namespace gyre::http
