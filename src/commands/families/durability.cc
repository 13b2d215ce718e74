// SPDX-License-Identifier: BSD-3-Clause

// WAITAOF: when are my writes on the disk? The client's writes are those before the position that
// its session remembers. Threads: home reactor, no locks. Suspends: never; the connection waits
// (commands/blocking.h).

#include "commands/blocking.h"
#include "commands/context.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

constexpr std::string_view kNoLog =
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";

struct WaitaofOptions {
    int64_t local = 0;
    int64_t replicas = 0;
    int64_t timeout_ms = 0;
};

/// Redis' checks in Redis' order; on failure the error is written.
std::optional<WaitaofOptions> parse_waitaof(Context& context) {
    const auto local = context.integer(1);
    if (!local) return std::nullopt;
    if (*local < 0 || *local > 1) {
        context.error("ERR value is out of range, value must between 0 and 1");
        return std::nullopt;
    }
    const auto replicas =
        context.integer_between(2, 0, INT64_MAX, "ERR value is out of range, must be positive");
    if (!replicas) return std::nullopt;
    const auto timeout_ms = read_timeout_ms(context, 3);
    if (!timeout_ms) return std::nullopt;
    if (*local > 0 && !context.logs()) {
        context.error(kNoLog);
        return std::nullopt;
    }
    return WaitaofOptions{*local, *replicas, *timeout_ms};
}

bool is_durable(Context& context) {
    if (!context.logs()) return false;
    const log::Log& log = *context.effects().log();
    return !log.lacks_base.load() && log.durable() >= context.session.log_position;
}

/// There are no replicas. Who waits for the log when it is switched off is told so, as in Redis.
void tell_durable(Context& context) {
    const auto local = context.integer(1);
    if (!local) return;
    if (*local > 0 && !context.logs()) return context.error(kNoLog);
    context.reply.array(2);
    context.reply.integer(is_durable(context) ? 1 : 0);
    context.reply.integer(0);
}

/// Who asks for replicas waits for his time to be over.
void waitaof(Context& context) {
    const auto options = parse_waitaof(context);
    if (!options) return;
    const bool wants_log = options->local > 0;
    if (options->replicas == 0 && (!wants_log || is_durable(context))) return tell_durable(context);
    BlockOrder order{.timeout_ms = options->timeout_ms, .closing = tell_durable};
    if (wants_log) {
        order.log_position =
            options->replicas > 0 ? log::kNoPosition : context.session.log_position;
    }
    block(context, order);
}

constexpr CommandSpec kDurabilityCommands[] = {
    {.name = "waitaof",
     .handler = waitaof,
     .arity = 4,
     .flags = flag::blocking | flag::noscript,
     .since = "7.2.0",
     .complexity = "O(1)",
     .syntax = "numlocal numreplicas timeout",
     .summary = "Waits until the client's writes are on the disk here, and on replicas.",
     .tips = "request_policy:all_shards response_policy:agg_min"},
};

}  // namespace

std::span<const CommandSpec> durability_commands() { return kDurabilityCommands; }

}  // namespace gyre::commands
