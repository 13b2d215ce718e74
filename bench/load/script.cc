// SPDX-License-Identifier: BSD-3-Clause
#include "load/script.h"

#include <algorithm>

#include <fmt/format.h>

namespace gyre::load {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const size_t end = std::min(text.find_first_of(separators), text.size());
        if (end > 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

void append_text(Script& script, std::string_view text) {
    const bool follows_text =
        !script.pieces.empty() && script.pieces.back().kind == ScriptPiece::Kind::text;
    if (!follows_text) script.pieces.emplace_back();
    script.pieces.back().text += text;
}

}  // namespace

Result<Script> parse_script(std::string_view text) {
    if (text.size() > kScriptBytesMax)
        return fail(fmt::format("a script has {} bytes at most", kScriptBytesMax));
    Script script;
    for (const std::string_view command : split(text, ";")) {
        const auto words = split(command, kBlanks);
        if (words.empty()) continue;
        ++script.commands;
        append_text(script, fmt::format("*{}\r\n", words.size()));
        for (const std::string_view word : words) {
            if (word == "{key}") {
                script.pieces.push_back({ScriptPiece::Kind::key, {}});
            } else if (word == "{value}") {
                script.pieces.push_back({ScriptPiece::Kind::value, {}});
            } else {
                append_text(script, fmt::format("${}\r\n{}\r\n", word.size(), word));
            }
        }
    }
    if (script.commands == 0 || script.commands > kScriptCommandsMax)
        return fail(fmt::format("a script has 1 to {} commands", kScriptCommandsMax));
    return script;
}

}  // namespace gyre::load
