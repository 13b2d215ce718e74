// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Replies as text for programs: byte for byte what redis-cli 7.0 prints in its modes of the same
// name. (What people see on a terminal is cli/pretty.h.)
//
// Threads: any. Complexity: O(size of the reply); recursion is as deep as the reply, which the
// parser limits.

#include <cstdint>
#include <span>
#include <string>

#include "gyre/reply.h"

namespace gyre::cli {

enum class Format : uint8_t {
    standard,     ///< 1) "a"
    raw,          ///< a
    csv,          ///< "a","b"
    json,         ///< ["a","b"], not escaped beyond what JSON demands
    quoted_json,  ///< the same in ASCII
};

struct Layout {
    Format format = Format::raw;
    std::string element_delimiter = "\n";  ///< of raw
    std::string reply_delimiter = "\n";    ///< of raw
};

/// The reply with the line end that belongs to it.
std::string format_reply(const Reply& reply, const Layout& layout);

/// Bytes as they are, with nothing behind the last: how the reports below are shown.
std::string format_report(const Reply& reply);
/// True for commands that answer with a text for people (INFO, CLIENT LIST, LATENCY DOCTOR ...),
/// which every mode shows as it is.
bool is_report(std::span<const std::string> words);

}  // namespace gyre::cli
