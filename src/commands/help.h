// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The reply of a container's HELP sub-command, in the form Redis gives it. Threads: home reactor.

#include <span>
#include <string>
#include <string_view>

#include "commands/context.h"

namespace gyre::commands {

/// Replies with the lines of a help text, the usual first and last ones added. `name` is upper
/// case.
inline void reply_help(Context& context, std::string_view name,
                       std::span<const std::string_view> lines) {
    context.reply.array(static_cast<int64_t>(lines.size()) + 3);
    context.reply.simple(std::string(name) +
                         " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for (const std::string_view line : lines) context.reply.simple(line);
    context.reply.simple("HELP");
    context.reply.simple("    Prints this help.");
}

}  // namespace gyre::commands
