// SPDX-License-Identifier: BSD-3-Clause

// ALIAS, SHOW-ALIAS and RESET-ALIAS. A change waits for the disk, on a thread that serves nobody;
// what a call of an alias becomes is decided in dispatch. Threads: home reactor.

#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/numbers.h"
#include "commands/aliases.h"
#include "commands/answer.h"
#include "commands/context.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

/// Has a change made and kept, and replies.
ring::Task<void> change(Context& context, AliasKeeper::Edit edit) {
    const auto answer = std::make_shared<Answer>(context);
    const auto outcome = std::make_shared<Result<void>>();
    context.services.aliases.change(std::move(edit), [answer, outcome](Result<void> result) {
        *outcome = std::move(result);
        Answer::give(answer, outcome->has_value());
    });
    co_await answer->wait();
    if (answer->is_good()) {
        context.reply.ok();
    } else {
        context.error(outcome->error().message);
    }
}

ring::Task<void> alias(Context& context) {
    Alias made;
    made.name = context.argument(1);
    for (size_t index = 2; index < context.count(); ++index) {
        made.words.emplace_back(context.argument(index));
    }
    AliasKeeper::Edit edit = [made = std::move(made)](AliasTable& table) -> Result<void> {
        if (find_command(made.name) != nullptr) {
            return fail(
                fmt::format("ERR '{}' is a command and cannot be an alias. Choose another name",
                            base::escape_for_error(made.name)));
        }
        if (auto put = table.put(made); !put) return put;
        const std::string& first = made.words[0];
        if (find_command(first) != nullptr || table.find(first) != nullptr) return {};
        return fail(fmt::format("ERR '{}' is neither a command nor an alias. Define it first",
                                base::escape_for_error(first)));
    };
    return change(context, std::move(edit));
}

ring::Task<void> reset_alias(Context& context) {
    if (context.count() > 2) {
        context.error("ERR wrong number of arguments for 'reset-alias' command");
        co_return;
    }
    std::string name;
    const bool is_all = context.count() == 1;
    if (!is_all) name = context.argument(1);
    AliasKeeper::Edit edit = [name = std::move(name), is_all](AliasTable& table) -> Result<void> {
        if (is_all) {
            table.clear();
        } else if (!table.remove(name)) {
            return fail(fmt::format("ERR no such alias '{}'. SHOW-ALIAS lists all",
                                    base::escape_for_error(name)));
        }
        return {};
    };
    co_await change(context, std::move(edit));
}

void show_alias(Context& context) {
    if (context.count() > 2) {
        return context.error("ERR wrong number of arguments for 'show-alias' command");
    }
    const AliasBook::Table table = context.services.aliases.book().current();
    if (context.count() == 2) {
        const Alias* found = table->find(context.argument(1));
        return found == nullptr ? context.reply.null() : context.reply.bulk(alias_line(*found));
    }
    context.reply.map(static_cast<int64_t>(table->size()));
    for (const auto& [name, one] : table->all()) {
        context.reply.bulk(name);
        context.reply.bulk(alias_line(one));
    }
}

constexpr uint32_t kChange = flag::admin | flag::noscript | flag::no_multi;

constexpr CommandSpec kAliasCommands[] = {
    {.name = "alias",
     .coroutine = alias,
     .arity = -3,
     .flags = kChange,
     .group = Group::server,
     .since = "0.1.0",
     .complexity = "O(N) with N the number of aliases, and a write to the disk.",
     .syntax = "name command [argument ...]",
     .summary = "Gives a command with some of its arguments a name; $1 to $9 and $@ stand for "
                "those of a call."},
    {.name = "reset-alias",
     .coroutine = reset_alias,
     .arity = -1,
     .flags = kChange,
     .group = Group::server,
     .since = "0.1.0",
     .complexity = "O(N) with N the number of aliases, and a write to the disk.",
     .syntax = "[name]",
     .summary = "Removes an alias, or all."},
    {.name = "show-alias",
     .handler = show_alias,
     .arity = -1,
     .flags = flag::loading | flag::stale,
     .group = Group::server,
     .since = "0.1.0",
     .complexity = "O(N) with N the number of aliases shown.",
     .syntax = "[name]",
     .summary = "Shows what an alias stands for, or all aliases."},
};

}  // namespace

std::span<const CommandSpec> alias_commands() { return kAliasCommands; }

}  // namespace gyre::commands
