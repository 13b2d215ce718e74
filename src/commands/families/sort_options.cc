// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/sort_options.h"

#include <algorithm>

#include "base/numbers.h"
#include "commands/errors.h"

namespace gyre::commands {
namespace {

constexpr size_t kOptionsAt = 2;

/// How many arguments belong to an option that takes some; 0 for other words.
size_t values_of(std::string_view word) {
    if (base::equals_ignore_case(word, "LIMIT")) return 2;
    for (const std::string_view one : {"BY", "GET", "STORE"}) {
        if (base::equals_ignore_case(word, one)) return 1;
    }
    return 0;
}

/// An option with its values, which are there. The error is a reply.
Result<void> read_option(std::span<const resp::Argument> words, SortOptions& options) {
    const std::string_view value = words[1].bytes;
    if (words.size() == 3) {
        const auto offset = base::parse_integer(value);
        const auto count = base::parse_integer(words[2].bytes);
        if (!offset || !count) return fail(std::string(errors::kNotInteger));
        options.offset = *offset;
        options.count = *count;
    } else if (base::equals_ignore_case(words[0].bytes, "GET")) {
        options.gets.emplace_back(value);
    } else if (base::equals_ignore_case(words[0].bytes, "STORE")) {
        options.is_stored = true;
    } else {
        options.by.emplace(value);
        // Once it was said that nothing is sorted, another BY does not take that back.
        options.keeps_order |= value.substr(0, value.find('\0')).find('*') == value.npos;
    }
    return {};
}

}  // namespace

SortPattern::SortPattern(std::string_view text) {
    const std::string_view seen = text.substr(0, text.find('\0'));
    if (seen == "#") {
        kind_ = Kind::element;
        return;
    }
    const size_t star = seen.find('*');
    if (star == seen.npos) return;
    kind_ = Kind::key;
    before_ = text.substr(0, star);
    const size_t arrow = seen.find("->", star + 1);
    const bool has_field = arrow != seen.npos && arrow + 2 < seen.size();
    behind_ = text.substr(star + 1, has_field ? arrow - star - 1 : text.npos);
    if (has_field) field_ = text.substr(arrow + 2);
}

void SortPattern::write_name(std::string_view element, std::string& name) const {
    name.assign(before_);
    name.append(element);
    name.append(behind_);
}

Result<SortOptions> SortOptions::read(std::span<const resp::Argument> arguments, bool may_store) {
    SortOptions options;
    for (size_t at = kOptionsAt; at < arguments.size(); ++at) {
        const std::string_view word = arguments[at].bytes;
        const size_t values = values_of(word);
        const bool is_complete = values != 0 && arguments.size() - at > values;
        if (is_complete && (may_store || !base::equals_ignore_case(word, "STORE"))) {
            const Result<void> read = read_option(arguments.subspan(at, values + 1), options);
            if (!read) return fail(read.error().message);
            at += values;
        } else if (base::equals_ignore_case(word, "ASC")) {
            options.is_descending = false;
        } else if (base::equals_ignore_case(word, "DESC")) {
            options.is_descending = true;
        } else if (base::equals_ignore_case(word, "ALPHA")) {
            options.is_alphabetic = true;
        } else {
            return fail(std::string(errors::kSyntax));
        }
    }
    return options;
}

bool SortOptions::leads_on() const {
    const auto is_key = [](const SortPattern& pattern) { return pattern.is_key(); };
    return (by && !keeps_order && by->is_key()) || std::ranges::any_of(gets, is_key);
}

/// Of several the last, as in the command itself.
uint32_t sort_target(std::span<const std::string_view> arguments) {
    size_t found = 0;
    for (size_t at = kOptionsAt; at < arguments.size(); at += 1 + values_of(arguments[at])) {
        const bool is_named = base::equals_ignore_case(arguments[at], "STORE");
        if (is_named && at + 1 < arguments.size()) found = at + 1;
    }
    return static_cast<uint32_t>(found);
}

}  // namespace gyre::commands
