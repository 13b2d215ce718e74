// SPDX-License-Identifier: BSD-3-Clause

// HELP: the command table for people. In RESP2 a text, in RESP3 maps of the same facts.
// Threads: home reactor.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using Facts = std::vector<std::pair<std::string_view, std::string>>;

std::string upper_case(std::string text) {
    for (char& letter : text) {
        if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    }
    return text;
}

/// "CONFIG GET parameter [parameter ...]".
std::string usage(const CommandSpec& spec) {
    std::string text = upper_case(full_name(spec));
    std::replace(text.begin(), text.end(), '|', ' ');
    if (!spec.syntax.empty()) {
        text += ' ';
        text += spec.syntax;
    }
    return text;
}

std::string names_of(std::span<const CommandSpec* const> specs) {
    std::string text;
    for (const CommandSpec* spec : specs) {
        if (!text.empty()) text += ", ";
        text += spec->name;
    }
    return text;
}

/// What is known of a command, in the order in which it is shown.
Facts facts_of(const CommandSpec& spec) {
    Facts facts{{"usage", usage(spec)}, {"summary", std::string(spec.summary)}};
    const auto add = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) facts.emplace_back(name, std::string(value));
    };
    add("complexity", spec.complexity);
    add("since", spec.since);
    add("group", group_name(spec.group));
    add("deprecated since", spec.deprecated_since);
    add("replaced by", spec.replaced_by);
    add("subcommands", names_of(subcommands(spec)));
    return facts;
}

/// The names of all commands, by group.
Facts all_commands() {
    std::vector<const CommandSpec*> sorted;
    for (const CommandSpec* spec : rows()) {
        if (spec->parent.empty()) sorted.push_back(spec);
    }
    std::ranges::sort(sorted, {}, [](const CommandSpec* spec) {
        return std::pair(group_name(spec->group), spec->name);
    });
    Facts facts;
    for (auto first = sorted.begin(); first != sorted.end();) {
        const Group group = (*first)->group;
        const auto last = std::find_if(
            first, sorted.end(), [group](const CommandSpec* spec) { return spec->group != group; });
        facts.emplace_back(group_name(group), names_of({first, last}));
        first = last;
    }
    return facts;
}

/// With a headline in place of the first fact's name when it has one of its own.
std::string text_of(const Facts& facts, bool has_headline) {
    std::string text;
    for (size_t index = 0; index < facts.size(); ++index) {
        const auto& [name, value] = facts[index];
        if (has_headline && index == 0) {
            text += value + "\n";
        } else {
            text += "  " + std::string(name) + ": " + value + "\n";
        }
    }
    return text;
}

void reply_facts(Context& context, const Facts& facts, bool has_headline) {
    if (context.reply.protocol() == resp::Protocol::resp2) {
        return context.reply.bulk(text_of(facts, has_headline));
    }
    context.reply.map(static_cast<int64_t>(facts.size()));
    for (const auto& [name, value] : facts) {
        context.reply.bulk(name);
        context.reply.bulk(value);
    }
}

void help(Context& context) {
    if (context.count() == 1) return reply_facts(context, all_commands(), false);
    std::string name(context.argument(1));
    for (size_t at = 2; at < context.count(); ++at) name += "|" + std::string(context.argument(at));
    const CommandSpec* spec = find_full_name(name);
    if (spec == nullptr) {
        return context.error("ERR no such command '" + base::escape_for_error(name) +
                             "'. HELP alone lists all");
    }
    reply_facts(context, facts_of(*spec), true);
}

constexpr CommandSpec kHelpCommands[] = {
    {.name = "help",
     .handler = help,
     .arity = -1,
     .flags = flag::loading | flag::stale,
     .group = Group::server,
     .since = "0.1.0",
     .complexity = "O(N) with N the number of commands.",
     .syntax = "[command [subcommand]]",
     .summary = "Explains a command, or lists all.",
     .tips = "nondeterministic_output_order"},
};

}  // namespace

std::span<const CommandSpec> help_commands() { return kHelpCommands; }

}  // namespace gyre::commands
