// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Replies for people on a terminal: redis-cli's numbered lists, with colours, maps as two aligned
// columns, lists of like maps as tables, and UTF-8 as text. Whatever could steer the terminal is
// escaped, since values come from anybody.
//
// Threads: any. Complexity: O(size of the reply).

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "gyre/reply.h"

namespace gyre::cli {

struct PrettyOptions {
    bool has_colour = true;
    size_t columns = 80;  ///< of the terminal: a table that is wider is shown as a list
};

/// The reply, lines ended by LF. Notes, one for each element (of a map for each name), stand behind
/// their element; empty ones are none.
std::string pretty_reply(const Reply& reply, const PrettyOptions& options,
                         std::span<const std::string> notes = {});

/// A message of a channel, or what else came without being asked for, as one line.
std::string pretty_message(const Reply& message, const PrettyOptions& options);

/// A text of the server for people, line by line, headings ("# Server") standing out.
std::string pretty_report(const Reply& reply, const PrettyOptions& options);

enum class Colour : uint8_t { none, text, number, error, dim, name, heading };
/// The text between the escapes of its colour; as it is without colours.
std::string paint(std::string_view text, Colour colour, bool has_colour);

/// In double quotes; UTF-8 stays readable, control characters and other bytes are escaped.
std::string quote_for_people(std::string_view text);

/// How many columns a UTF-8 text takes on a terminal.
size_t display_width(std::string_view text);

}  // namespace gyre::cli
