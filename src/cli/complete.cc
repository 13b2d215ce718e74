// SPDX-License-Identifier: BSD-3-Clause
#include "cli/complete.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>

#include "base/numbers.h"
#include "base/utf8.h"
#include "cli/batch_words.h"
#include "cli/line.h"
#include "cli/pretty.h"

namespace gyre::cli {
namespace {

/// Entries of a folder that are looked at, of which more would make people wait.
constexpr size_t kFilesMax = 10'000;

/// The line under way: its complete words, and where the last, incomplete one begins.
struct Typed {
    std::vector<std::string> words;
    std::string last;  // without quotes
    size_t begin = 0;
};

bool is_blank(char byte) { return byte == ' ' || byte == '\t' || byte == '\n'; }

/// False: the line cannot be cut into words even with its last quote closed.
bool read_typed(std::string_view line, Typed& typed) {
    const size_t start = line.rfind('\n') == std::string_view::npos || has_open_quote(line)
                             ? 0
                             : line.rfind('\n') + 1;
    std::string text(line.substr(start));
    // The incomplete word: what stands behind the last blank outside of quotes.
    size_t begin = text.size();
    while (begin > 0 && !(is_blank(text[begin - 1]) &&
                          !has_open_quote(std::string_view(text).substr(0, begin)))) {
        --begin;
    }
    auto before = split_line(std::string_view(text).substr(0, begin));
    if (!before) return false;
    std::string last = text.substr(begin);
    if (has_open_quote(last)) last += last.find('"') < last.find('\'') ? '"' : '\'';
    auto final_word = split_line(last);
    if (!final_word || final_word->size() > 1) return false;
    take_repeat(*before);
    if (before->size() == 1 && base::parse_integer(before->front())) before->clear();
    typed.words = std::move(*before);
    if (!final_word->empty()) typed.last = std::move(final_word->front());
    typed.begin = start + begin;
    return true;
}

bool begins_with(std::string_view text, std::string_view beginning) {
    return text.size() >= beginning.size() &&
           base::equals_ignore_case(text.substr(0, beginning.size()), beginning);
}

/// As people typed the beginning: in small letters when that has some.
std::string in_case_of(std::string_view typed, std::string_view word) {
    const bool is_upper =
        std::ranges::any_of(typed, [](char letter) { return letter >= 'A' && letter <= 'Z'; });
    if (is_upper) {
        std::string upper(word);
        std::ranges::transform(upper, upper.begin(), [](unsigned char letter) {
            return static_cast<char>(std::toupper(letter));
        });
        return upper;
    }
    return base::to_lower(word);
}

std::string quote_if_needed(const std::string& key) {
    const bool is_plain = !key.empty() && std::ranges::all_of(key, [](unsigned char byte) {
        return byte > ' ' && byte != '"' && byte != '\'' && byte != '\\' && byte != 0x7f;
    });
    if (is_plain && quote_for_people(key).size() == key.size() + 2) return key;
    return base::quote(key);
}

void add_commands(const CommandTable& table, std::span<const std::string_view> locals,
                  const Typed& typed, std::vector<std::string>& candidates) {
    for (const auto& [name, command] : table.commands()) {
        if (begins_with(name, typed.last)) candidates.push_back(in_case_of(typed.last, name));
    }
    for (const std::string_view word : locals) {
        if (begins_with(word, typed.last)) candidates.push_back(in_case_of(typed.last, word));
    }
}

void add_help_topics(const CommandTable& table, const Typed& typed,
                     std::vector<std::string>& candidates) {
    for (const auto& [name, command] : table.commands()) {
        if (begins_with(name, typed.last)) candidates.push_back(name);
        const std::string group = "@" + command.group;
        if (group.size() > 1 && begins_with(group, typed.last)) candidates.push_back(group);
    }
}

void add_arguments(const CommandTable& table, const Typed& typed, const KeySource& keys,
                   Completion& completion) {
    std::vector<std::string>& candidates = completion.candidates;
    const CommandTable::Found found = table.find(typed.words);
    if (found.command == nullptr) return;
    const std::span<const std::string> rest = std::span(typed.words).subspan(found.words);
    if (rest.empty()) {
        for (const auto& [name, command] : found.command->subcommands) {
            if (begins_with(name, typed.last)) candidates.push_back(in_case_of(typed.last, name));
        }
    }
    const auto expected = expect_after(*found.command, rest);
    if (!expected) return;
    for (const std::string& token : expected->tokens) {
        if (begins_with(token, typed.last)) candidates.push_back(in_case_of(typed.last, token));
    }
    if (!expected->wants_key || !keys) return;
    const FoundKeys found_keys = keys(typed.last);
    completion.is_cut = found_keys.is_cut;
    for (const std::string& key : found_keys.names) {
        if (key.starts_with(typed.last)) candidates.push_back(quote_if_needed(key));
    }
}

/// The options that a batch has in this client alone, and the files of one of them.
void add_batch_words(const Typed& typed, Completion& completion) {
    if (typed.words.size() == 1) {
        for (const std::string_view option : {"-c", "-f"}) {
            if (!typed.last.empty() && option.starts_with(typed.last)) {
                completion.candidates.emplace_back(option);
            }
        }
        return;
    }
    const size_t slash = typed.last.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : typed.last.substr(0, slash + 1);
    const std::string beginning = typed.last.substr(folder.size());
    std::error_code error;
    std::filesystem::directory_iterator entry(folder.empty() ? "." : folder, error);
    size_t looked_at = 0;
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        completion.is_cut = ++looked_at > kFilesMax;
        if (completion.is_cut) return;
        const std::string name = entry->path().filename().string();
        // Hidden ones are for who asks for them.
        if (!name.starts_with(beginning) || (beginning.empty() && name.starts_with('.'))) continue;
        std::error_code ignored;
        const bool is_folder = entry->is_directory(ignored);
        completion.is_open = is_folder;  // of the last one: it matters when it is the only one
        completion.candidates.push_back(quote_if_needed(folder + name + (is_folder ? "/" : "")));
    }
}

std::string field(std::string_view name, std::string_view value, bool has_colour) {
    if (value.empty()) return "";
    return "  " + paint(std::string(name) + ":", Colour::name, has_colour) + " " +
           std::string(value) + "\n";
}

std::string command_help(const Command& command, bool has_colour) {
    const std::string syntax = syntax_of(command.arguments);
    std::string text = paint(command.name, Colour::heading, has_colour);
    if (!syntax.empty()) text += " " + paint(syntax, Colour::dim, has_colour);
    text += "\n";
    text += field("summary", command.summary, has_colour);
    text += field("complexity", command.complexity, has_colour);
    text += field("since", command.since, has_colour);
    text += field("group", command.group, has_colour);
    if (command.is_deprecated) {
        text +=
            field("deprecated", command.replaced_by.empty() ? "yes" : "use " + command.replaced_by,
                  has_colour);
    }
    if (command.name == "BATCH") {
        text += field("batch -c text", "the same; as other stores call it", has_colour);
        text += field("batch -f file", "the statements of a file on this side", has_colour);
    }
    for (const auto& [name, inner] : command.subcommands) {
        const std::string arguments = syntax_of(inner.arguments);
        text += "  " + paint(inner.name, Colour::heading, has_colour);
        if (!arguments.empty()) text += " " + paint(arguments, Colour::dim, has_colour);
        text += inner.summary.empty() ? "\n" : "\n      " + inner.summary + "\n";
    }
    return text;
}

}  // namespace

Completion complete(const CommandTable& table, std::span<const std::string_view> locals,
                    std::string_view line, const KeySource& keys) {
    Completion completion;
    Typed typed;
    if (!read_typed(line, typed)) return completion;
    completion.begin = typed.begin;
    std::vector<std::string>& candidates = completion.candidates;
    if (typed.words.empty()) {
        add_commands(table, locals, typed, candidates);
    } else if (typed.words.size() == 1 && base::equals_ignore_case(typed.words[0], "help")) {
        add_help_topics(table, typed, candidates);
    } else if (wants_batch_file(typed.words)) {
        add_batch_words(typed, completion);
    } else {
        if (typed.words.size() == 1 && batch_hint(typed.words)) add_batch_words(typed, completion);
        add_arguments(table, typed, keys, completion);
    }
    std::ranges::sort(candidates);
    const auto repeated = std::ranges::unique(candidates);
    candidates.erase(repeated.begin(), repeated.end());
    return completion;
}

std::string hint_for(const CommandTable& table, std::string_view line) {
    Typed typed;
    if (line.empty() || !read_typed(line, typed)) return "";
    const bool is_word_open = typed.begin < line.size();
    if (is_word_open) typed.words.push_back(typed.last);
    const CommandTable::Found found = table.find(typed.words);
    if (found.command == nullptr) return "";
    const auto expected = expect_after(*found.command, std::span(typed.words).subspan(found.words));
    if (!expected) return "";
    std::string hint = expected->hint;
    if (hint.empty() && typed.words.size() == 1 && !found.command->subcommands.empty()) {
        for (const auto& [name, command] : found.command->subcommands) {
            hint += (hint.empty() ? "" : "|") + name;
        }
    }
    if (const auto own = batch_hint(typed.words)) hint = *own;
    if (hint.empty()) return "";
    return is_word_open ? " " + hint : hint;
}

std::string common_beginning(std::span<const std::string> candidates) {
    std::string_view common = candidates.front();
    for (const std::string& each : candidates) {
        size_t same = 0;
        while (same < common.size() && same < each.size() && common[same] == each[same]) ++same;
        common = common.substr(0, same);
    }
    // Not in the middle of a character.
    while (!common.empty() && !base::is_utf8(common)) common.remove_suffix(1);
    return std::string(common);
}

std::string help_for(const CommandTable& table, std::span<const std::string> words, bool has_colour,
                     const Aliases* aliases) {
    if (words.empty()) return "";
    if (words[0].starts_with('@')) {
        std::string text;
        for (const auto& [name, command] : table.commands()) {
            if (!base::equals_ignore_case(command.group, words[0].substr(1))) continue;
            text += paint(command.name, Colour::heading, has_colour);
            const std::string syntax = syntax_of(command.arguments);
            if (!syntax.empty()) text += " " + paint(syntax, Colour::dim, has_colour);
            text += "\n      " + command.summary + "\n";
        }
        return text;
    }
    const CommandTable::Found found = table.find(words);
    if (found.command != nullptr) return command_help(*found.command, has_colour);
    const std::string* line = aliases == nullptr ? nullptr : aliases->find(words[0]);
    if (line == nullptr) return "";
    std::string text = paint(words[0], Colour::heading, has_colour) + " is an alias of: " + *line;
    // It may stand for an alias in its turn: that one is told by name.
    const auto target = split_line(*line);
    const CommandTable::Found meant = target ? table.find(*target) : CommandTable::Found();
    if (meant.command != nullptr) text += "\n" + command_help(*meant.command, has_colour);
    if (!text.ends_with('\n')) text += '\n';
    return text;
}

}  // namespace gyre::cli
