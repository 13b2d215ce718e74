// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Reads the notation in which rows give their arguments (CommandSpec::syntax) into the tree that
// COMMAND DOCS shows:
//
//     WORD          a token: its capitals stand in the command      key, seconds   what the client
//     gives EX seconds    a token and what belongs to it                  [ ... ]        optional
//     < a | b >     one of them; in brackets: at most one           key [key ...]  one or more
//
// A word is a key when the row's key specifications find one in its place, so the tree cannot
// disagree with them; the types of other words follow from their names.
//
// Threads: any (no state). Errors: nullopt for text that is not of this notation; the unit test
// reads every row. Complexity: O(words), short of the nesting.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/spec.h"

namespace gyre::commands {

struct SyntaxArgument {
    enum class Type : uint8_t {
        string,
        integer,
        real,
        key,
        pattern,
        unix_time,
        pure_token,
        one_of,
        block,
    };
    std::string name;
    Type type = Type::string;
    std::string token;  ///< empty: none
    bool is_optional = false;
    bool is_multiple = false;
    bool has_multiple_token = false;        ///< the token is repeated with the argument
    std::optional<size_t> key_spec;         ///< index of the key specification
    std::vector<SyntaxArgument> arguments;  ///< of one_of and block
};

/// "key", "integer", "pure-token", ...: as COMMAND DOCS names them.
std::string_view type_name(SyntaxArgument::Type type);

/// The arguments of a row, in order.
std::optional<std::vector<SyntaxArgument>> parse_syntax(const CommandSpec& spec);

}  // namespace gyre::commands
