// SPDX-License-Identifier: BSD-3-Clause

// CONFIG: the parameters themselves, with their texts of refusal, are the server's; see
// Configuration.
//
// Threads: home reactor.

#include <string_view>
#include <utility>
#include <vector>

#include "commands/context.h"
#include "commands/help.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

void config_get(Context& context) {
    std::vector<std::string_view> patterns;
    for (size_t index = 2; index < context.count(); ++index) {
        patterns.push_back(context.argument(index));
    }
    const auto found = context.services.configuration.get(patterns);
    context.reply.map(static_cast<int64_t>(found.size()));
    for (const auto& [name, value] : found) {
        context.reply.bulk(name);
        context.reply.bulk(value);
    }
}

void config_set(Context& context) {
    if (context.count() % 2 != 0) return context.error(errors::kSyntax);
    std::vector<std::pair<std::string_view, std::string_view>> changes;
    for (size_t index = 2; index < context.count(); index += 2) {
        changes.emplace_back(context.argument(index), context.argument(index + 1));
    }
    const auto result = context.services.configuration.set(changes);
    if (!result) return context.error(result.error().message);
    context.reply.ok();
}

void config_resetstat(Context& context) {
    context.services.information.reset_statistics(context.services.reactor);
    context.reply.ok();
}

void config_rewrite(Context& context) {
    const auto result = context.services.configuration.rewrite();
    if (!result) return context.error(result.error().message);
    context.reply.ok();
}

void config_help(Context& context) {
    static constexpr std::string_view kLines[] = {
        "GET <pattern> [<pattern> ...]",
        "    Return the parameters whose names match a glob pattern, and their values.",
        "SET <parameter> <value> [<parameter> <value> ...]",
        "    Change parameters, all of them or none.",
        "RESETSTAT",
        "    Let the statistics that INFO shows begin anew.",
        "REWRITE",
        "    Write the parameters as they are now into the configuration file.",
    };
    reply_help(context, "CONFIG", kLines);
}

constexpr uint32_t kAdmin = flag::admin | flag::noscript | flag::loading | flag::stale;

constexpr CommandSpec kConfigCommands[] = {
    {.name = "config",
     .arity = -2,
     .group = Group::server,
     .since = "2.0.0",
     .complexity = "Depends on the sub-command.",
     .summary = "Groups the commands about the server's configuration.",
     .is_container = true},
    {.name = "get",
     .parent = "config",
     .handler = config_get,
     .arity = -3,
     .flags = kAdmin,
     .group = Group::server,
     .since = "2.0.0",
     .complexity = "O(N) with N the number of patterns given",
     .syntax = "parameter [parameter ...]",
     .summary = "Returns the values of configuration parameters."},
    {.name = "help",
     .parent = "config",
     .handler = config_help,
     .arity = 2,
     .flags = flag::loading | flag::stale,
     .group = Group::server,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the sub-commands of CONFIG."},
    {.name = "resetstat",
     .parent = "config",
     .handler = config_resetstat,
     .arity = 2,
     .flags = kAdmin,
     .group = Group::server,
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Resets the statistics that INFO shows."},
    {.name = "rewrite",
     .parent = "config",
     .handler = config_rewrite,
     .arity = 2,
     .flags = kAdmin,
     .group = Group::server,
     .since = "2.8.0",
     .complexity = "O(1)",
     .summary = "Writes the configuration as it is now into its file."},
    {.name = "set",
     .parent = "config",
     .handler = config_set,
     .arity = -4,
     .flags = kAdmin,
     .group = Group::server,
     .since = "2.0.0",
     .complexity = "O(N) with N the number of parameters given",
     .syntax = "parameter value [parameter value ...]",
     .summary = "Changes configuration parameters while the server runs.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
};

}  // namespace

std::span<const CommandSpec> config_commands() { return kConfigCommands; }

}  // namespace gyre::commands
