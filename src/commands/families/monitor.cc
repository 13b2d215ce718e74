// SPDX-License-Identifier: BSD-3-Clause
#include "commands/monitor.h"

#include <string>

#include <fmt/format.h>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/registry.h"
#include "commands/slowlog.h"
#include "ring/reactor.h"
#include "ring/ring.h"

namespace gyre::commands {
namespace {

void monitor(Context& context) {
    Session& session = context.session;
    if (session.mode(Session::kExecuting)) {
        return context.error("ERR MONITOR isn't allowed for DENY BLOCKING client");
    }
    // Who monitors already gets no answer, as in Redis.
    if (session.mode(Session::kMonitoring)) return;
    const auto added = context.services.dataset.pubsub().subscribe(session.subscriber,
                                                                   engine::TopicKind::monitor, {});
    if (added == engine::Pubsub::Added::no_room) {
        return context.error(
            "ERR max number of subscriptions reached. Raise maxsubscriptions, or close a monitor");
    }
    session.set_mode(Session::kMonitoring, true);
    context.reply.ok();
}

constexpr CommandSpec kMonitorCommands[] = {
    {.name = "monitor",
     .handler = monitor,
     .arity = 1,
     .flags = flag::admin | flag::noscript | flag::loading | flag::stale,
     .group = Group::server,
     .since = "1.0.0",
     .complexity = "O(1); each command of every client then costs what showing it takes.",
     .summary = "Shows every command that clients run, as it is run."},
};

}  // namespace

void tell_monitors(const RequestView& request, const Session& session, Services& services,
                   int64_t now_ms) {
    if (request.spec->has(flag::admin | flag::skip_monitor)) return;
    const int64_t now_us =
        services.reactor == nullptr ? now_ms * 1000 : services.reactor->ring().wall_us();
    std::string line =
        fmt::format("{}.{:06} [{} {}]", now_us / 1'000'000, now_us % 1'000'000,
                    session.database.load(std::memory_order_relaxed), session.peer_address);
    for (size_t index = 0; index < request.arguments.size(); ++index) {
        line += ' ';
        const std::string_view bytes = request.arguments[index].bytes;
        if (index > 0 && is_secret(request.arguments, index)) {
            line += "\"(redacted)\"";
        } else if (bytes.size() <= kMonitoredBytesMax) {
            line += base::quote(bytes);
        } else {
            line += base::quote(bytes.substr(0, kMonitoredBytesMax));
            line += fmt::format("... ({} more bytes)", bytes.size() - kMonitoredBytesMax);
        }
    }
    services.dataset.pubsub().publish(engine::TopicKind::monitor, {}, line,
                                      services.executor.origin);
}

std::span<const CommandSpec> monitor_commands() { return kMonitorCommands; }

}  // namespace gyre::commands
