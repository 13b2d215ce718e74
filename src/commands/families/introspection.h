// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What COMMAND tells of a row: the two long forms, and which keys a command line has.
//
// Threads: any (no state besides the reply).

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "commands/spec.h"
#include "resp/reply_writer.h"

namespace gyre::commands {

/// COMMAND INFO: ten elements, those of the sub-commands nested in the last.
void reply_command_info(resp::ReplyWriter& reply, const CommandSpec& spec);
/// COMMAND DOCS: a map, without the history of changes.
void reply_command_docs(resp::ReplyWriter& reply, const CommandSpec& spec);

/// The bit of an ACL category's name in any case; nullopt: there is none of this name.
std::optional<uint32_t> find_acl_category(std::string_view name);
/// "RW", "access", ...: a key's flags as a set.
void reply_key_flags(resp::ReplyWriter& reply, uint16_t flags);

struct FoundKey {
    uint32_t position = 0;
    uint16_t flags = 0;
};
/// The keys among the arguments and what this very command does with them, where that depends on
/// its options. nullopt: the arguments do not fit.
std::optional<std::vector<FoundKey>> find_keys_and_flags(
    const CommandSpec& spec, std::span<const std::string_view> arguments);

}  // namespace gyre::commands
