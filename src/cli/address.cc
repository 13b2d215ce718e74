// SPDX-License-Identifier: BSD-3-Clause
#include "cli/address.h"

#include <limits>
#include <optional>

#include "base/numbers.h"

namespace gyre::cli {
namespace {

std::optional<int> hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    const char lower = base::to_lower(digit);
    if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
    return std::nullopt;
}

Result<std::string> decode_percent(std::string_view text) {
    std::string out;
    for (size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out.push_back(text[at]);
            continue;
        }
        const auto high = at + 1 < text.size() ? hex_digit(text[at + 1]) : std::nullopt;
        const auto low = at + 2 < text.size() ? hex_digit(text[at + 2]) : std::nullopt;
        if (!high || !low) {
            return fail("The URL has a '%' without two hexadecimal digits; write %25 for '%'.");
        }
        out.push_back(static_cast<char>(*high * 16 + *low));
        at += 2;
    }
    return out;
}

Result<void> set_decoded(std::string& field, std::string_view text) {
    Result<std::string> decoded = decode_percent(text);
    if (!decoded) return tl::unexpected(decoded.error());
    field = std::move(*decoded);
    return {};
}

// Takes what stands before '@' off the front.
Result<void> take_credentials(Address& address, std::string_view& rest) {
    const size_t slash = rest.find('/');
    const size_t at = rest.substr(0, slash).rfind('@');
    if (at == std::string_view::npos) return {};
    std::string_view secret = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const size_t colon = secret.find(':');
    if (colon != std::string_view::npos) {
        if (auto done = set_decoded(address.username, secret.substr(0, colon)); !done) return done;
        secret.remove_prefix(colon + 1);
    }
    return set_decoded(address.password, secret);
}

Result<void> set_database(Address& address, std::string_view text) {
    const Result<int> database = parse_database(text);
    if (!database) return tl::unexpected(database.error());
    address.database = *database;
    address.names_database = true;
    return {};
}

Result<void> apply_unix(Address& address, std::string_view rest) {
    if (auto done = take_credentials(address, rest); !done) return done;
    const size_t question = rest.find('?');
    if (question != std::string_view::npos) {
        const std::string_view query = rest.substr(question + 1);
        rest = rest.substr(0, question);
        if (!query.starts_with("db=")) {
            return fail("The only parameter of a unix:// URL is ?db=number.");
        }
        if (auto done = set_database(address, query.substr(3)); !done) return done;
    }
    if (rest.empty()) return fail("The URL names no socket; write unix:///path/of/socket.");
    return set_decoded(address.unix_path, rest);
}

Result<void> apply_host(Address& address, std::string_view text) {
    size_t end = text.find(':');
    if (text.starts_with('[')) {
        const size_t bracket = text.find(']');
        if (bracket == std::string_view::npos) return fail("The URL has a '[' without a ']'.");
        address.host = text.substr(1, bracket - 1);
        end = bracket + 1 < text.size() ? bracket + 1 : std::string_view::npos;
    } else if (end != 0 && !text.empty()) {
        if (auto done = set_decoded(address.host, text.substr(0, end)); !done) return done;
    }
    if (end == std::string_view::npos) return {};
    const Result<uint16_t> port = parse_port(text.substr(end + 1));
    if (!port) return tl::unexpected(port.error());
    address.port = *port;
    return {};
}

Result<void> apply_tcp(Address& address, std::string_view rest) {
    if (auto done = take_credentials(address, rest); !done) return done;
    const size_t slash = rest.find('/');
    address.unix_path.clear();
    if (auto done = apply_host(address, rest.substr(0, slash)); !done) return done;
    if (slash == std::string_view::npos || slash + 1 == rest.size()) return {};
    return set_database(address, rest.substr(slash + 1));
}

}  // namespace

std::string Address::to_string() const {
    if (!unix_path.empty()) return unix_path;
    const bool is_ipv6 = host.find(':') != std::string::npos;
    return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<uint16_t> parse_port(std::string_view text) {
    const auto number = base::parse_integer(text);
    if (!number || *number < 1 || *number > std::numeric_limits<uint16_t>::max()) {
        return fail("The port must be a number from 1 to 65535, not '" + std::string(text) + "'.");
    }
    return static_cast<uint16_t>(*number);
}

Result<int> parse_database(std::string_view text) {
    const auto number = base::parse_integer(text);
    if (!number || *number < 0 || *number > std::numeric_limits<int>::max()) {
        return fail("The database must be a number from 0 on, not '" + std::string(text) + "'.");
    }
    return static_cast<int>(*number);
}

Result<void> apply_url(Address& address, std::string_view url) {
    const size_t scheme_end = url.find("://");
    const std::string scheme = base::to_lower(url.substr(0, scheme_end));
    if (scheme_end != std::string_view::npos) {
        const std::string_view rest = url.substr(scheme_end + 3);
        if (scheme == "redis" || scheme == "valkey") return apply_tcp(address, rest);
        if (scheme == "unix" || scheme == "redis-socket") return apply_unix(address, rest);
        if (scheme == "rediss" || scheme == "valkeys") {
            address.uses_tls = true;
            return apply_tcp(address, rest);
        }
    }
    return fail("'" + std::string(url) +
                "' is no URL of a server; write redis://host:port/database or "
                "unix:///path/of/socket.");
}

}  // namespace gyre::cli
