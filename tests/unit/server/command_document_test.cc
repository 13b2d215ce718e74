// SPDX-License-Identifier: BSD-3-Clause

// docs/commands.md, written from the command table.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "commands/registry.h"

namespace gyre::server {
namespace {

using commands::CommandSpec;

constexpr std::string_view kIntroduction =
    "# Commands\n"
    "\n"
    "Written from the command table; a test fails when it is stale, and says how to write it "
    "anew.\n"
    "A server answers the same with `HELP command`, `COMMAND DOCS` and `COMMAND INFO`.\n"
    "\n"
    "`since` is the version of Redis that has the command; 0.1.0 and the like are Gyre's own.\n";

/// In a cell of a table.
std::string cell(std::string_view text) {
    std::string out;
    for (const char character : text) {
        if (character == '|') out += '\\';
        out += character;
    }
    return out;
}

std::string usage_of(const CommandSpec& spec) {
    std::string text = commands::full_name(spec);
    std::ranges::replace(text, '|', ' ');
    std::ranges::transform(text, text.begin(), [](char letter) {
        return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
    });
    if (!spec.syntax.empty()) text += ' ' + std::string(spec.syntax);
    return cell(text);
}

std::string document() {
    std::map<std::string_view, std::vector<const CommandSpec*>> groups;
    for (const CommandSpec* spec : commands::rows()) {
        groups[commands::group_name(spec->group)].push_back(spec);
    }
    std::string text(kIntroduction);
    for (auto& [group, rows] : groups) {
        std::ranges::sort(rows, {},
                          [](const CommandSpec* spec) { return commands::full_name(*spec); });
        fmt::format_to(std::back_inserter(text),
                       "\n## {}\n\n| command | since | what it does | complexity |\n"
                       "|---|---|---|---|\n",
                       group);
        for (const CommandSpec* spec : rows) {
            // A container is what its sub-commands are.
            if (spec->is_container) continue;
            fmt::format_to(std::back_inserter(text), "| `{}` | {} | {} | {} |\n", usage_of(*spec),
                           spec->since, cell(spec->summary), cell(spec->complexity));
        }
    }
    return text;
}

TEST(CommandDocument, IsUpToDate) {
    const std::string path = std::string(GYRE_SOURCE_ROOT) + "/docs/commands.md";
    if (std::getenv("GYRE_WRITE_DOCS") != nullptr) {
        std::ofstream(path, std::ios::binary) << document();
    }
    std::ostringstream there;
    there << std::ifstream(path, std::ios::binary).rdbuf();
    EXPECT_TRUE(there.str() == document())
        << path
        << " is stale: run this test with GYRE_WRITE_DOCS=1 in the environment, which writes it";
}

}  // namespace
}  // namespace gyre::server
