// SPDX-License-Identifier: BSD-3-Clause
#include "commands/replay.h"

#include <fmt/format.h>

#include <string>

#include "base/numbers.h"

namespace gyre::commands {
namespace {

/// Deadlines are absolute and above it.
constexpr int64_t kReplayNowMs = 1;
/// Of a command's name in a message.
constexpr size_t kNameShownMax = 64;

}  // namespace

Replay::Replay(Services& services, base::ChunkPool& chunks, int64_t wall_ms)
    : services_(services), wall_ms_(wall_ms), output_(chunks) {
    services.executor.is_replaying = true;
}

Result<void> Replay::on_unit(const log::AofUnit& unit) {
    for (const log::AofCommand& command : unit.commands) {
        auto done = execute(command);
        if (done) continue;
        const std::string_view name = command.arguments[0].substr(0, kNameShownMax);
        return fail(fmt::format("command '{}' at offset {}: {}", name, command.offset,
                                done.error().message));
    }
    return {};
}

Result<void> Replay::select(std::string_view index) {
    const auto number = base::parse_integer(index);
    const auto databases = static_cast<int64_t>(services_.dataset.databases());
    if (!number || *number < 0 || *number >= databases) {
        return fail(fmt::format("there are {} databases; raise databases", databases));
    }
    database_ = static_cast<size_t>(*number);
    return {};
}

Result<void> Replay::execute(const log::AofCommand& command) {
    if (base::equals_ignore_case(command.arguments[0], "select")) {
        if (command.arguments.size() != 2) return fail("wrong number of arguments");
        return select(command.arguments[1]);
    }
    arguments_.clear();
    for (const std::string_view word : command.arguments) arguments_.push_back({word, nullptr});
    const DetachedRequest request(arguments_);
    const RequestView view = request.view();
    if (view.spec == nullptr) return fail("it is not known here");
    // PFCOUNT changes what it has counted into a part of the value.
    // BATCH may write, but what is logged are its effects.
    if (!view.spec->has(flag::write | flag::may_replicate) ||
        view.spec->group == Group::transactions) {
        return fail("it changes nothing and belongs to no log");
    }
    const auto count = static_cast<int64_t>(arguments_.size());
    const bool fits =
        view.spec->arity >= 0 ? count == view.spec->arity : count >= -view.spec->arity;
    if (!fits) return fail("wrong number of arguments");
    services_.executor.stamp_ms = command.timestamp_ms.value_or(store::kNoTimestamp);
    Result<void> result;
    if (!is_flush(*view.spec)) result = call(view);
    services_.executor.stamp_ms = store::kNoTimestamp;
    if (!services_.executor.reclaimer.empty()) services_.executor.reclaimer.run();
    return result;
}

/// FLUSHALL and FLUSHDB wait when a client asks for them; here what they took out is freed later.
bool Replay::is_flush(const CommandSpec& spec) {
    if (spec.name == "flushall") {
        services_.dataset.flush_all(services_.executor);
    } else if (spec.name == "flushdb") {
        services_.dataset.flush(database_, services_.executor);
    } else {
        return false;
    }
    return true;
}

Result<void> Replay::call(const RequestView& request) {
    if (request.spec->handler == nullptr) return fail("it cannot be executed again");
    resp::ReplyWriter reply(output_, resp::Protocol::resp2);
    Context context{.session = session_,
                    .spec = *request.spec,
                    .arguments = request.arguments,
                    .keys = request.keys,
                    .reply = reply,
                    .keyspace = engine::Keyspace(services_.dataset, services_.executor, database_,
                                                 kReplayNowMs, true),
                    .services = services_};
    context.keyspace.set_clock_ms(wall_ms_);
    if (request.keys.empty()) {
        request.spec->handler(context);
    } else {
        engine::ShardSet shards;
        for (const store::Key& key : request.keys) shards.add(services_.dataset.shard_of(key.hash));
        const engine::ShardGuard guard(services_.dataset, shards, services_.executor);
        request.spec->handler(context);
    }
    const bool has_failed = reply.errors() > 0;
    output_.clear();
    if (has_failed) return fail(fmt::format("it fails with {}", reply.last_error_code()));
    return {};
}

}  // namespace gyre::commands
