// SPDX-License-Identifier: BSD-3-Clause

// docs/configuration.md, written from the table.

#include <fmt/format.h>

#include <iterator>

#include "server/config_value.h"

namespace gyre::server {
namespace {

constexpr std::string_view kIntroduction =
    "# Configuration\n"
    "\n"
    "Written from the table in `src/server/config_table.cc` and `config_ignored.cc`; a test fails "
    "when it\n"
    "is stale, and says how to write it anew.\n"
    "\n"
    "    gyre-server [/path/to/gyre.conf] [--name value ...]\n"
    "\n"
    "The file has the syntax of redis.conf: one directive a line, a name and its arguments; quotes "
    "around\n"
    "an argument with blanks; `#` at the start of a line begins a comment; `include path` reads "
    "another\n"
    "file, or all that match a glob pattern, at its place. Sizes take the units k, kb, m, mb, g, "
    "gb (1k is\n"
    "1000 bytes, 1kb is 1024). Names and units may be in any case. Later lines win, and the "
    "command line\n"
    "comes after the file. `CONFIG SET` changes a running server, `CONFIG REWRITE` writes what is "
    "in force\n"
    "to the file.\n";

/// A value as a cell shows it: bytes with their unit, nothing as "".
std::string shown_value(const ConfigRow& row) {
    const std::string words[] = {std::string(row.initial)};
    const auto value = parse_config_value(row, words, {std::string(row.initial), 0});
    if (!value) return std::string(row.initial);
    if (row.kind == ConfigKind::output_limits) {
        std::string cell;
        for (const std::string& line : config_lines(row, *value)) {
            cell += (cell.empty() ? "`" : ", `") + line.substr(row.name.size() + 1) + "`";
        }
        return cell;
    }
    return "`" + config_lines(row, *value)[0].substr(row.name.size() + 1) + "`";
}

std::string limits_of(const ConfigRow& row) {
    switch (row.kind) {
        case ConfigKind::boolean:
            return "yes, no";
        case ConfigKind::choice: {
            const auto words = split_words(row.choices);
            return fmt::format("{}", fmt::join(words.begin(), words.end(), ", "));
        }
        case ConfigKind::octal:
            return fmt::format("{:o} to {:o}", row.min, row.max);
        case ConfigKind::integer:
        case ConfigKind::memory:
            return row.max == INT64_MAX ? fmt::format("from {}", row.min)
                                        : fmt::format("{} to {}", row.min, row.max);
        default:
            return "";
    }
}

std::string_view changes_of(const ConfigRow& row) {
    return row.change == ConfigChange::always ? "yes" : "at start";
}

std::string name_cell(const ConfigRow& row) {
    if (row.alias.empty()) return fmt::format("`{}`", row.name);
    return fmt::format("`{}` (`{}`)", row.name, row.alias);
}

void append_active(std::string& text) {
    text +=
        "\n## Parameters\n\n| name | default | values | CONFIG SET | |\n|---|---|---|---|---|\n";
    for (const ConfigRow& row : active_config_rows()) {
        fmt::format_to(std::back_inserter(text), "| {} | {} | {} | {} | {} |\n", name_cell(row),
                       shown_value(row), limits_of(row), changes_of(row), row.summary);
    }
}

void append_fixed(std::string& text) {
    text +=
        "\n## Not in this version\n\n"
        "These would mean something that is not there. Their default is accepted and shown; any "
        "other\n"
        "value, and any use of those without a default, is refused.\n\n"
        "| name | accepted | why, and what to do |\n|---|---|---|\n";
    for (const ConfigRow& row : fixed_config_rows()) {
        fmt::format_to(std::back_inserter(text), "| {} | {} | {} |\n", name_cell(row),
                       shown_value(row), row.summary);
    }
    for (const RefusedDirective& refused : refused_directives()) {
        fmt::format_to(std::back_inserter(text), "| `{}` | nothing | {} |\n", refused.name,
                       refused.remedy);
    }
}

void append_ignored(std::string& text) {
    text +=
        "\n## Directives of Redis without effect\n\n"
        "Accepted, kept and shown by CONFIG GET, so that a configuration written for Redis starts "
        "the\n"
        "server. One that is given with another value than its default is named in the log at "
        "start.\n\n"
        "| name | default | why it has no effect |\n|---|---|---|\n";
    for (const ConfigRow& row : ignored_config_rows()) {
        fmt::format_to(std::back_inserter(text), "| {} | {} | {} |\n", name_cell(row),
                       shown_value(row), row.summary);
    }
}

}  // namespace

std::string configuration_document() {
    std::string text(kIntroduction);
    append_active(text);
    append_fixed(text);
    append_ignored(text);
    return text;
}

}  // namespace gyre::server
