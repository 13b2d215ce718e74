// SPDX-License-Identifier: BSD-3-Clause

// WAITAOF: when are my writes on the disk? Threads: home reactor, no locks; suspends while it
// waits. The client's writes are those before the position that its session remembers.

#include <algorithm>

#include "commands/context.h"
#include "commands/registry.h"
#include "ring/reactor.h"

namespace gyre::commands {
namespace {

constexpr std::string_view kNoLog =
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
/// How long until it is looked again whether the log has come so far: at first well below what a
/// sync takes, then twice as long each time, so that those who wait for the next second's sync, or
/// for replicas, cost next to nothing.
constexpr int64_t kFirstLookUs = 500;
constexpr int64_t kLongestLookUs = 16'000;

struct WaitaofOptions {
    int64_t local = 0;
    int64_t replicas = 0;
    int64_t timeout_ms = 0;
};

/// Redis' checks in Redis' order; on failure the error is written.
std::optional<WaitaofOptions> parse_waitaof(Context& context) {
    const auto local =
        context.integer_between(1, 0, 1, "ERR value is out of range, must be between 0 and 1");
    if (!local) return std::nullopt;
    const auto replicas =
        context.integer_between(2, 0, INT64_MAX, "ERR value is out of range, must be positive");
    if (!replicas) return std::nullopt;
    const auto timeout = context.integer(3, "ERR timeout is not an integer or out of range");
    if (!timeout) return std::nullopt;
    if (*timeout < 0) {
        context.error("ERR timeout is negative");
        return std::nullopt;
    }
    if (*local > 0 && !context.logs()) {
        context.error(kNoLog);
        return std::nullopt;
    }
    return WaitaofOptions{*local, *replicas, *timeout};
}

ring::Task<void> waitaof(Context& context) {
    const auto options = parse_waitaof(context);
    if (!options) co_return;
    const log::Position position = context.session.log_position;
    const auto is_durable = [&] {
        return context.logs() && context.effects().log()->durable() >= position;
    };
    ring::Reactor* const reactor = context.services.reactor;
    const bool waits_for_ever = options->timeout_ms == 0;
    const int64_t start_us = reactor == nullptr ? 0 : reactor->now_us();
    const int64_t limit_us =
        options->timeout_ms > INT64_MAX / 1000 ? INT64_MAX : options->timeout_ms * 1000;
    context.session.is_blocked.store(true, std::memory_order_relaxed);
    // There are no replicas: who asks for some waits for his time to be over.
    int64_t look_us = kFirstLookUs;
    while (reactor != nullptr && (options->replicas > 0 || (options->local > 0 && !is_durable()))) {
        const int64_t left_us =
            waits_for_ever ? INT64_MAX : limit_us - (reactor->now_us() - start_us);
        if (left_us <= 0 || reactor->is_stopping() || context.session.is_gone) break;
        const int64_t wait_us = std::min(look_us, left_us);
        co_await reactor->sleep(wait_us);
        look_us = std::min(2 * look_us, kLongestLookUs);
    }
    context.session.is_blocked.store(false, std::memory_order_relaxed);
    context.reply.array(2);
    context.reply.integer(is_durable() ? 1 : 0);
    context.reply.integer(0);
}

constexpr CommandSpec kDurabilityCommands[] = {
    {.name = "waitaof",
     .coroutine = waitaof,
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
