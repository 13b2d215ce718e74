// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the server says of its commands (COMMAND DOCS, or the names of COMMAND where that is
// missing): their arguments as a tree, from which hints and completion are made, and texts for
// help. Nothing about single commands is built in, so the hints are those of the server one talks
// to.
//
// Threads: any after load. Errors: what cannot be understood is left out.
// Complexity: matching a line is O(words * arguments of the command).

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/reply.h"

namespace gyre::cli {

struct Argument {
    enum class Kind : uint8_t { word, number, key, token, one_of, block };
    Kind kind = Kind::word;
    std::string name;
    std::string token;  ///< empty: none
    bool is_optional = false;
    bool is_multiple = false;
    bool has_multiple_token = false;
    std::vector<Argument> arguments;  ///< of one_of and block
};

struct Command {
    std::string name;  ///< as it is typed, in capitals: "CONFIG GET"
    std::string summary;
    std::string since;
    std::string group;
    std::string complexity;
    std::string replaced_by;
    bool is_deprecated = false;
    std::vector<Argument> arguments;
    std::map<std::string, Command> subcommands;  ///< by their own word in lower case
};

class CommandTable {
public:
    /// From the reply of COMMAND DOCS, RESP2 or RESP3.
    void load_docs(const Reply& docs);
    /// From the reply of COMMAND: names only.
    void load_names(const Reply& commands);

    bool is_empty() const { return commands_.empty(); }
    const std::map<std::string, Command>& commands() const { return commands_; }

    struct Found {
        const Command* command = nullptr;
        size_t words = 0;  ///< how many of the line name it: 2 for a sub-command
    };
    /// The command that the line begins with, the sub-command where there is one.
    Found find(std::span<const std::string> words) const;

private:
    std::map<std::string, Command> commands_;  // by name in lower case
};

/// The arguments in the notation of the documentation: "key value [NX|XX] [EX seconds]".
std::string syntax_of(std::span<const Argument> arguments);

/// What may follow words that are complete.
struct Expected {
    std::string hint;                 ///< notation of all that may still come
    std::vector<std::string> tokens;  ///< words that may come next
    bool wants_key = false;           ///< the next word may be a key
};
/// nullopt: the words do not fit the command.
std::optional<Expected> expect_after(const Command& command, std::span<const std::string> words);

}  // namespace gyre::cli
