// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What may follow a line that is being typed: the hint behind the cursor and the candidates of the
// Tab key, from the server's command table and, for keys, from its SCAN.
//
// Threads: any. The source of keys may take its time; it must end by itself.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/aliases.h"
#include "cli/command_table.h"

namespace gyre::cli {

struct FoundKeys {
    std::vector<std::string> names = {};
    bool is_cut = false;  ///< there may be more
};
/// Keys that begin with the text.
using KeySource = std::function<FoundKeys(const std::string& prefix)>;

struct Completion {
    size_t begin = 0;                     ///< where in the line the word begins
    bool is_cut = false;                  ///< keys were left out for want of time
    bool is_open = false;                 ///< the only candidate may go on: no blank behind it
    std::vector<std::string> candidates;  ///< sorted; as they stand in the line, quoted if need be
};

/// For a line with the cursor at its end. `locals` are words the client knows itself ("exit").
Completion complete(const CommandTable& table, std::span<const std::string_view> locals,
                    std::string_view line, const KeySource& keys);

/// The notation of what may still be typed, with a blank before it where one is missing; empty for
/// none.
std::string hint_for(const CommandTable& table, std::string_view line);

/// The longest text that all candidates, of which there is at least one, begin with.
std::string common_beginning(std::span<const std::string> candidates);

/// Help texts; empty when there is no such command, group ("@string") or alias. Of an alias: what
/// it stands for, and the help for that.
std::string help_for(const CommandTable& table, std::span<const std::string> words, bool has_colour,
                     const Aliases* aliases = nullptr);

}  // namespace gyre::cli
