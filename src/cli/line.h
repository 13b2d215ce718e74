// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Lines that people type, and files of them: cut into words by the rules of redis-cli (those of
// the protocol's inline commands, resp/words.h), cut into commands where a paste has several, and
// recognised when they carry a secret.
//
// Threads: any.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::cli {

/// The words; nullopt when a quote is open at the end or something follows a closing one.
std::optional<std::vector<std::string>> split_line(std::string_view line);

/// The quote that is open at the end of the text, 0 when none is; `quote` is the one that is open
/// before it.
char open_quote(std::string_view text, char quote = 0);

/// True when a quote is open at the end: more lines may close it.
bool has_open_quote(std::string_view line);

/// The commands of a text with several lines, without the empty ones. A line break inside quotes
/// belongs to its word.
std::vector<std::string> split_commands(std::string_view text);

/// True for a line of a file of commands that says something to people alone: its first character
/// that is no blank is #.
bool is_comment(std::string_view line);

/// True when a command carries a password, so that it must not be kept: AUTH, HELLO ... AUTH, ACL
/// SETUSER, MIGRATE ... AUTH, CONFIG SET of a password, `connect` with a user or password in its
/// URL, and ALIAS and BATCH of these. Text that cannot be cut into words is judged without its
/// quotes.
bool has_secret(std::string_view text);
/// The same of one command that is cut into words.
bool has_secret_words(std::span<const std::string> words);

/// A leading number is how often the command is to be run ("5 INCR n"), and taken off; 1 without
/// one.
int64_t take_repeat(std::vector<std::string>& words);

}  // namespace gyre::cli
