// SPDX-License-Identifier: BSD-3-Clause

// COMMAND: what commands there are, and what the table says of them. Everything is read from the
// rows.
//
// Threads: home reactor.

#include "commands/families/introspection.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/glob.h"
#include "base/numbers.h"
#include "commands/aliases.h"
#include "commands/context.h"
#include "commands/help.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

std::vector<const CommandSpec*> top_rows() {
    std::vector<const CommandSpec*> found;
    for (const CommandSpec* spec : rows()) {
        if (spec->parent.empty()) found.push_back(spec);
    }
    return found;
}

/// The rows of the names from argument `first` on; null for those that are unknown. Without names
/// all.
std::vector<const CommandSpec*> rows_named(const Context& context, size_t first) {
    if (context.count() == first) return top_rows();
    std::vector<const CommandSpec*> found;
    for (size_t index = first; index < context.count(); ++index) {
        found.push_back(find_full_name(context.argument(index)));
    }
    return found;
}

void reply_infos(Context& context, const std::vector<const CommandSpec*>& wanted) {
    context.reply.array(static_cast<int64_t>(wanted.size()));
    for (const CommandSpec* spec : wanted) {
        if (spec != nullptr) {
            reply_command_info(context.reply, *spec);
        } else {
            context.reply.null();
        }
    }
}

/// COMMAND alone; with another word it is none of the sub-commands.
void command(Context& context) {
    if (context.count() > 1) {
        return context.error("ERR unknown subcommand '" +
                             base::escape_for_error(context.argument(1)) + "'. Try COMMAND HELP.");
    }
    reply_infos(context, top_rows());
}

void command_count(Context& context) {
    context.reply.integer(static_cast<int64_t>(top_rows().size()));
}

void command_info(Context& context) { reply_infos(context, rows_named(context, 2)); }

void command_docs(Context& context) {
    std::vector<const CommandSpec*> wanted = rows_named(context, 2);
    std::erase(wanted, nullptr);
    context.reply.map(static_cast<int64_t>(wanted.size()));
    for (const CommandSpec* spec : wanted) {
        context.reply.bulk(full_name(*spec));
        reply_command_docs(context.reply, *spec);
    }
}

// --- LIST
// -----------------------------------------------------------------------------------------

using Filter = std::function<bool(const CommandSpec&)>;

/// What FILTERBY says; nullopt after the error was written.
std::optional<Filter> parse_filter(Context& context) {
    if (context.count() == 2) return [](const CommandSpec&) { return true; };
    if (context.count() == 5 && context.is(2, "FILTERBY")) {
        const std::string_view word = context.argument(4);
        if (context.is(3, "MODULE")) return [](const CommandSpec&) { return false; };
        if (context.is(3, "PATTERN")) {
            return [word](const CommandSpec& spec) {
                return base::glob_matches(word, full_name(spec), base::GlobCase::ignored);
            };
        }
        if (context.is(3, "ACLCAT")) {
            const uint32_t category = find_acl_category(word).value_or(0);
            return [category](const CommandSpec& spec) {
                return (acl_categories(spec) & category) != 0;
            };
        }
    }
    context.error(errors::kSyntax);
    return std::nullopt;
}

/// Aliases are no rows: their names alone.
void list_aliases(Context& context) {
    const AliasBook::Table table = context.services.aliases.book().current();
    std::vector<std::string_view> found;
    for (const auto& [name, alias] : table->all()) {
        if (base::glob_matches(context.argument(4), name, base::GlobCase::ignored)) {
            found.push_back(name);
        }
    }
    context.reply.array(static_cast<int64_t>(found.size()));
    for (const std::string_view name : found) context.reply.bulk(name);
}

void command_list(Context& context) {
    if (context.count() == 5 && context.is(2, "FILTERBY") && context.is(3, "ALIAS")) {
        return list_aliases(context);
    }
    const auto filter = parse_filter(context);
    if (!filter) return;
    std::vector<const CommandSpec*> found;
    for (const CommandSpec* spec : rows()) {
        if ((*filter)(*spec)) found.push_back(spec);
    }
    context.reply.array(static_cast<int64_t>(found.size()));
    for (const CommandSpec* spec : found) context.reply.bulk(full_name(*spec));
}

// --- GETKEYS
// --------------------------------------------------------------------------------------

/// The row of a command line; of a container its sub-command's.
const CommandSpec* find_line(std::span<const std::string_view> words) {
    const CommandSpec* spec = find_command(words[0]);
    if (spec == nullptr || words.size() == 1 || subcommands(*spec).empty()) return spec;
    return find_subcommand(*spec, words[1]);
}

/// What there is to say against a command line of which the keys are asked; empty: nothing.
std::string_view refusal(const CommandSpec* spec, size_t count) {
    if (spec == nullptr) return "ERR Invalid command specified";
    if (!spec->has_keys()) return "ERR The command has no key arguments";
    const auto argc = static_cast<int64_t>(count);
    if (spec->arity >= 0 ? argc != spec->arity : argc < -spec->arity) {
        return "ERR Invalid number of arguments specified for command";
    }
    return {};
}

void reply_keys(Context& context, bool with_flags) {
    std::vector<std::string_view> words;
    for (size_t index = 2; index < context.count(); ++index) {
        words.push_back(context.argument(index));
    }
    const CommandSpec* spec = find_line(words);
    if (const auto text = refusal(spec, words.size()); !text.empty()) return context.error(text);
    const auto keys = find_keys_and_flags(*spec, words);
    if (!keys) {
        if (spec->has(flag::no_mandatory_keys)) return context.reply.array(0);
        return context.error("ERR Invalid arguments specified for command");
    }
    context.reply.array(static_cast<int64_t>(keys->size()));
    for (const FoundKey& key : *keys) {
        if (with_flags) context.reply.array(2);
        context.reply.bulk(words[key.position]);
        if (with_flags) reply_key_flags(context.reply, key.flags);
    }
}

void command_getkeys(Context& context) { reply_keys(context, false); }
void command_getkeysandflags(Context& context) { reply_keys(context, true); }

void command_help(Context& context) {
    static constexpr std::string_view kLines[] = {
        "(no subcommand)",
        "    Return the table of all commands.",
        "COUNT",
        "    Return how many commands there are.",
        "DOCS [<command-name> ...]",
        "    Return the documentation of these commands, or of all.",
        "GETKEYS <full-command>",
        "    Return the keys of a command line.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys of a command line, and what the command does with them.",
        "INFO [<command-name> ...]",
        "    Return what the table says of these commands, or of all.",
        "LIST [FILTERBY (MODULE <module>|ACLCAT <category>|PATTERN <pattern>|ALIAS <pattern>)]",
        "    Return the names of all commands and sub-commands, or of some.",
    };
    reply_help(context, "COMMAND", kLines);
}

constexpr uint32_t kAlways = flag::loading | flag::stale;

constexpr CommandSpec kIntrospectionCommands[] = {
    {.name = "command",
     .handler = command,
     .arity = -1,
     .flags = kAlways,
     .group = Group::server,
     .categories = acl::connection,
     .since = "2.8.13",
     .complexity = "O(N) with N the number of commands",
     .summary = "Describes all commands.",
     .tips = "nondeterministic_output_order",
     .is_container = true},
    {.name = "count",
     .parent = "command",
     .handler = command_count,
     .arity = 2,
     .flags = kAlways,
     .group = Group::server,
     .categories = acl::connection,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Returns how many commands there are."},
    {.name = "docs",
     .parent = "command",
     .handler = command_docs,
     .arity = -2,
     .flags = kAlways,
     .group = Group::server,
     .categories = acl::connection,
     .since = "7.0.0",
     .complexity = "O(N) with N the number of commands asked for",
     .syntax = "[command-name [command-name ...]]",
     .summary = "Returns the documentation of commands.",
     .tips = "nondeterministic_output_order"},
    {.name = "getkeys",
     .parent = "command",
     .handler = command_getkeys,
     .arity = -4,
     .flags = kAlways,
     .group = Group::server,
     .categories = acl::connection,
     .since = "2.8.13",
     .complexity = "O(N) with N the number of arguments of the command",
     .syntax = "command [arg [arg ...]]",
     .summary = "Returns the keys of a command line."},
    {.name = "getkeysandflags",
     .parent = "command",
     .handler = command_getkeysandflags,
     .arity = -4,
     .flags = kAlways,
     .group = Group::server,
     .categories = acl::connection,
     .since = "7.0.0",
     .complexity = "O(N) with N the number of arguments of the command",
     .syntax = "command [arg [arg ...]]",
     .summary = "Returns the keys of a command line, and what the command does with them."},
    {.name = "help",
     .parent = "command",
     .handler = command_help,
     .arity = 2,
     .flags = kAlways,
     .group = Group::server,
     .categories = acl::connection,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the sub-commands of COMMAND."},
    {.name = "info",
     .parent = "command",
     .handler = command_info,
     .arity = -2,
     .flags = kAlways,
     .group = Group::server,
     .categories = acl::connection,
     .since = "2.8.13",
     .complexity = "O(N) with N the number of commands asked for",
     .syntax = "[command-name [command-name ...]]",
     .summary = "Returns what the table says of commands.",
     .tips = "nondeterministic_output_order"},
    {.name = "list",
     .parent = "command",
     .handler = command_list,
     .arity = -2,
     .flags = kAlways,
     .group = Group::server,
     .categories = acl::connection,
     .since = "7.0.0",
     .complexity = "O(N) with N the number of commands",
     .syntax =
         "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern | ALIAS pattern>]",
     .summary = "Returns the names of commands.",
     .tips = "nondeterministic_output_order"},
};

}  // namespace

std::span<const CommandSpec> introspection_commands() { return kIntrospectionCommands; }

}  // namespace gyre::commands
