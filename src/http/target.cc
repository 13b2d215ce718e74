// SPDX-License-Identifier: BSD-3-Clause
#include "http/target.h"

#include <algorithm>
#include <utility>

#include "base/numbers.h"

namespace gyre::http {
namespace {

int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    const char letter = base::to_lower(digit);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/// Where the host of "http://host/path" begins; 0: the target has none.
size_t authority_begin(std::string_view text) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (base::equals_ignore_case(text.substr(0, scheme.size()), scheme)) return scheme.size();
    }
    return 0;
}

std::string_view without_authority(std::string_view text) {
    const size_t begin = authority_begin(text);
    if (begin == 0) return text;
    const size_t end = text.find_first_of("/?#", begin);
    return end == std::string_view::npos ? std::string_view("/") : text.substr(end);
}

tl::unexpected<Error> bad_encoding() {
    return fail("The target has a % that no two hexadecimal digits follow. Write %25 for %.");
}

Result<void> parse_query(std::string_view text, Query& query) {
    while (!text.empty()) {
        const std::string_view pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(pair.size() + 1, text.size()));
        if (pair.empty()) continue;
        if (query.size() == Target::kQueryPairsMax) {
            return fail("The query has more than 64 parameters. Send fewer.");
        }
        const size_t equals = std::min(pair.find('='), pair.size());
        auto name = percent_decode(pair.substr(0, equals), true);
        auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!name || !value) return bad_encoding();
        query.emplace_back(std::move(*name), std::move(*value));
    }
    return {};
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
    std::string decoded;
    decoded.reserve(text.size());
    for (size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '+' && plus_is_blank) {
            decoded += ' ';
        } else if (text[at] != '%') {
            decoded += text[at];
        } else {
            if (at + 2 >= text.size()) return std::nullopt;
            const int high = hex_digit(text[at + 1]);
            const int low = hex_digit(text[at + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            decoded += static_cast<char>(high * 16 + low);
            at += 2;
        }
    }
    return decoded;
}

std::optional<std::string_view> authority_of(std::string_view target) {
    const size_t begin = authority_begin(target);
    if (begin == 0) return std::nullopt;
    return target.substr(begin, target.find_first_of("/?#", begin) - begin);
}

std::optional<std::string_view> Target::value(std::string_view name) const {
    const auto found = std::ranges::find(query, name, &Query::value_type::first);
    if (found == query.end()) return std::nullopt;
    return found->second;
}

Result<Target> parse_target(std::string_view text) {
    Target target;
    if (text == "*") {
        target.is_everything = true;
        return target;
    }
    text = without_authority(text);
    text = text.substr(0, text.find('#'));
    const size_t query_at = std::min(text.find('?'), text.size());
    std::string_view path = text.substr(0, query_at);
    if (!path.starts_with('/')) {
        return fail("The target is no path. It begins with a slash.");
    }
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::string_view segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        if (target.segments.size() == Target::kSegmentsMax) {
            return fail("The path has more than 16 parts. Write %2F for a slash in a key.");
        }
        auto decoded = percent_decode(segment, false);
        if (!decoded) return bad_encoding();
        target.segments.push_back(std::move(*decoded));
    }
    if (query_at < text.size()) {
        if (auto parsed = parse_query(text.substr(query_at + 1), target.query); !parsed) {
            return tl::unexpected(std::move(parsed.error()));
        }
    }
    return target;
}

}  // namespace gyre::http
