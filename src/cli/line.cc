// SPDX-License-Identifier: BSD-3-Clause
#include "cli/line.h"

#include <algorithm>

#include "base/numbers.h"
#include "resp/words.h"

namespace gyre::cli {
namespace {

using base::equals_ignore_case;

bool is_blank(char byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }

bool has_word(std::span<const std::string> words, std::string_view wanted) {
    return std::ranges::any_of(
        words, [wanted](const std::string& word) { return equals_ignore_case(word, wanted); });
}

bool is_secret_parameter(std::string_view name) {
    const std::string lower = base::to_lower(name);
    return lower == "requirepass" || lower == "masterauth" || lower.ends_with("-pass");
}

/// Of BATCH: a separator inside quotes parts too, as one secret too few is worse than a line too
/// few.
bool has_secret_statements(std::span<const std::string> words) {
    return std::ranges::any_of(words, [](std::string text) {
        std::ranges::replace(text, ';', '\n');
        return has_secret(text);
    });
}

}  // namespace

std::optional<std::vector<std::string>> split_line(std::string_view line) {
    std::vector<std::string> words;
    resp::WordCursor cursor(line);
    for (;;) {
        switch (cursor.next()) {
            case resp::WordCursor::Step::plain:
            case resp::WordCursor::Step::quoted:
                words.emplace_back(cursor.text());
                break;
            case resp::WordCursor::Step::end:
                return words;
            case resp::WordCursor::Step::unbalanced:
                return std::nullopt;
        }
    }
}

char open_quote(std::string_view text, char quote) {
    for (size_t at = 0; at < text.size(); ++at) {
        const char byte = text[at];
        if (quote == 0) {
            if (byte == '"' || byte == '\'') quote = byte;
        } else if (byte == '\\' && (quote == '"' || text.substr(at + 1).starts_with('\''))) {
            ++at;
        } else if (byte == quote) {
            quote = 0;
        }
    }
    return quote;
}

bool has_open_quote(std::string_view line) { return open_quote(line) != 0; }

std::vector<std::string> split_commands(std::string_view text) {
    std::vector<std::string> commands;
    std::string command;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        command += line;
        if (has_open_quote(command) && !text.empty()) {
            command += '\n';
            continue;
        }
        while (!command.empty() && is_blank(command.back())) command.pop_back();
        if (!std::ranges::all_of(command, is_blank)) commands.push_back(std::move(command));
        command.clear();
    }
    return commands;
}

bool has_secret_words(std::span<const std::string> words) {
    if (words.empty()) return false;
    const std::string name = base::to_lower(words.front());
    if (name == "auth") return true;
    if (name == "alias") return words.size() > 2 && has_secret_words(words.subspan(2));
    if (name == "batch") return has_secret_statements(words.subspan(1));
    if (name == "connect") {
        return std::ranges::any_of(words.subspan(1), [](const std::string& word) {
            return word.find('@') != std::string::npos;
        });
    }
    if (name == "hello" || name == "migrate")
        return has_word(words, "auth") || has_word(words, "auth2");
    if (words.size() < 2) return false;
    if (name == "acl") return equals_ignore_case(words[1], "setuser");
    if (name != "config" || !equals_ignore_case(words[1], "set")) return false;
    return std::ranges::any_of(words.subspan(2), is_secret_parameter);
}

bool is_comment(std::string_view line) {
    const auto first = std::ranges::find_if_not(line, is_blank);
    return first != line.end() && *first == '#';
}

bool has_secret(std::string_view text) {
    for (const std::string& command : split_commands(text)) {
        auto words = split_line(command);
        if (!words) {
            std::string bare = command;
            std::erase_if(bare, [](char byte) { return byte == '"' || byte == '\''; });
            words = split_line(bare);
        }
        if (!words) return true;
        take_repeat(*words);
        if (has_secret_words(*words)) return true;
    }
    return false;
}

int64_t take_repeat(std::vector<std::string>& words) {
    if (words.size() < 2) return 1;
    const auto number = base::parse_integer(words.front());
    if (!number || *number < 1) return 1;
    words.erase(words.begin());
    return *number;
}

}  // namespace gyre::cli
