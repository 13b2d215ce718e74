// SPDX-License-Identifier: BSD-3-Clause
#include "cli/aliases.h"

#include "base/numbers.h"
#include "cli/line.h"

namespace gyre::cli {
namespace {

/// What $1 to $9 stand for, as an index; nullopt where no placeholder begins.
std::optional<size_t> place_at(std::string_view word, size_t at) {
    if (word[at] != '$' || at + 1 == word.size()) return std::nullopt;
    const char digit = word[at + 1];
    if (digit < '1' || digit > '9') return std::nullopt;
    return static_cast<size_t>(digit - '1');
}

/// A word with its placeholders filled; nullopt: an argument is missing.
std::optional<std::string> filled(std::string_view word, std::span<const std::string> given,
                                  bool& has_places) {
    std::string text;
    for (size_t at = 0; at < word.size(); ++at) {
        const auto place = place_at(word, at);
        if (!place) {
            text += word[at];
            continue;
        }
        if (*place >= given.size()) return std::nullopt;
        has_places = true;
        text += given[*place];
        ++at;
    }
    return text;
}

/// What one alias makes of one call.
std::optional<std::vector<std::string>> expand_once(const std::string& line,
                                                    std::span<const std::string> call) {
    const auto words = split_line(line);
    if (!words) return std::nullopt;
    const std::span<const std::string> given = call.subspan(1);
    std::vector<std::string> made;
    bool has_places = false;
    for (const std::string& word : *words) {
        if (word == "$@") {
            has_places = true;
            made.insert(made.end(), given.begin(), given.end());
            continue;
        }
        auto text = filled(word, given, has_places);
        if (!text) return std::nullopt;
        made.push_back(std::move(*text));
    }
    if (!has_places) made.insert(made.end(), given.begin(), given.end());
    return made;
}

}  // namespace

void Aliases::load(const Reply& reply) {
    lines_.clear();
    if (!reply.is_aggregate()) return;
    for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
        lines_.insert_or_assign(base::to_lower(reply.elements[i].text), reply.elements[i + 1].text);
    }
}

const std::string* Aliases::find(std::string_view name) const {
    const auto found = lines_.find(base::to_lower(name));
    return found == lines_.end() ? nullptr : &found->second;
}

std::optional<std::vector<std::string>> Aliases::expand(std::span<const std::string> call) const {
    std::vector<std::string> words(call.begin(), call.end());
    for (size_t depth = 0; depth <= kDepthMax && !words.empty(); ++depth) {
        const std::string* line = find(words[0]);
        if (line == nullptr) {
            if (depth == 0) return std::nullopt;
            return words;
        }
        auto made = expand_once(*line, words);
        if (!made) return std::nullopt;
        words = std::move(*made);
    }
    return std::nullopt;
}

}  // namespace gyre::cli
