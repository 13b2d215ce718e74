// SPDX-License-Identifier: BSD-3-Clause
#include "commands/statements.h"

#include <utility>

#include "resp/request_parser.h"

namespace gyre::commands {
namespace {

bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\v\f") == std::string_view::npos;
}

/// Behind the quote that closes what is quoted from `at` on; the end of the text when none does.
size_t skip_quoted(std::string_view text, size_t at) {
    const char quote = text[at];
    for (++at; at < text.size(); ++at) {
        if (text[at] == quote) return at + 1;
        // Within single quotes a backslash means itself, but for one that escapes a quote.
        const bool escapes =
            text[at] == '\\' && at + 1 < text.size() && (quote == '"' || text[at + 1] == '\'');
        if (escapes) ++at;
    }
    return text.size();
}

}  // namespace

std::vector<std::string_view> split_statements(std::string_view text) {
    std::vector<std::string_view> statements;
    size_t begin = 0;
    const auto end_at = [&](size_t end) {
        const std::string_view statement = text.substr(begin, end - begin);
        if (!is_blank(statement)) statements.push_back(statement);
        begin = end + 1;
    };
    size_t at = 0;
    while (at < text.size()) {
        if (text[at] == '"' || text[at] == '\'') {
            at = skip_quoted(text, at);
            continue;
        }
        if (text[at] == ';' || text[at] == '\n') end_at(at);
        ++at;
    }
    end_at(text.size());
    return statements;
}

Result<std::vector<std::string>> statement_words(std::string_view statement) {
    if (statement.find('\0') != std::string_view::npos) {
        return fail("ERR the statement holds a NUL byte. Write it as \"\\x00\", in double quotes");
    }
    std::vector<std::string> words;
    if (!resp::split_line(statement, words)) {
        return fail("ERR unbalanced quotes in the statement");
    }
    return words;
}

}  // namespace gyre::commands
