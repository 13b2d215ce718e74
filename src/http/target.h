// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The target of a request taken apart: the segments of its path and the pairs of its query,
// percent-decoded after they were cut, so that a key may contain any byte ("/v1/keys/a%2Fb%00").
//
// Threads: any. Errors: one sentence. Complexity: O(n). Source: RFC 3986, RFC 9112 section 3.2.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/result.h"
#include "http/request.h"

namespace gyre::http {

struct Target {
    /// Pairs in a query.
    static constexpr size_t kQueryPairsMax = 64;
    /// Segments of a path.
    static constexpr size_t kSegmentsMax = 16;

    bool is_everything = false;         ///< "*", which OPTIONS may ask about
    std::vector<std::string> segments;  ///< of "/": one, which is empty
    Query query;

    /// The first value of this name.
    std::optional<std::string_view> value(std::string_view name) const;
};

/// The host, with its port, of a target of the form "http://host/path", as proxies are sent: it
/// takes the place of the field Host. Nothing: the target is a path.
std::optional<std::string_view> authority_of(std::string_view target);
Result<Target> parse_target(std::string_view text);
/// What "%41" stands for; nothing: it stands for nothing.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);

}  // namespace gyre::http
