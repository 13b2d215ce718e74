// SPDX-License-Identifier: BSD-3-Clause
#include "commands/replay.h"

#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/numbers.h"

namespace gyre::commands {
namespace {

/// Deadlines are absolute and above it.
constexpr int64_t kReplayNowMs = 1;
/// Of a command's error in a message.
constexpr size_t kErrorShownMax = 512;

}  // namespace

Replay::Replay(Services& services, int64_t wall_ms) : services_(services), wall_ms_(wall_ms) {
    services.executor.is_replaying = true;
}

Result<void> Replay::check(const RequestView& request) {
    if (request.spec == nullptr) return fail("it is not known here");
    const CommandSpec& spec = *request.spec;
    // PFCOUNT changes what it has counted into a part of the value.
    // BATCH may write, but what is logged are its effects.
    if (!spec.has(flag::write | flag::may_replicate) || spec.group == Group::transactions) {
        return fail("it changes nothing and belongs to no log");
    }
    const auto count = static_cast<int64_t>(request.arguments.size());
    const bool fits = spec.arity >= 0 ? count == spec.arity : count >= -spec.arity;
    if (!fits) return fail("wrong number of arguments");
    return {};
}

template <class F>
void Replay::for_each_partition(const LoggedCommand& command, F&& visit) {
    engine::Dataset& dataset = services_.dataset;
    for (const store::Key& key : command.request.keys) {
        const size_t shard = dataset.shard_of(key.hash);
        // Who looks at the shard just now is soon through; it is not worth waiting for.
        if (!dataset.try_lock(shard, services_.executor)) continue;
        const store::Partition* partition = dataset.shard(shard).find_database(command.database);
        if (partition != nullptr) visit(*partition, key);
        dataset.unlock(shard);
    }
}

void Replay::prefetch_buckets(const LoggedCommand& command) {
    for_each_partition(command, [](const store::Partition& partition, const store::Key& key) {
        partition.prefetch_bucket(key);
    });
}

void Replay::prefetch_entries(const LoggedCommand& command) {
    for_each_partition(command, [](const store::Partition& partition, const store::Key& key) {
        partition.prefetch_entry(key);
    });
}

Result<void> Replay::execute(const LoggedCommand& command) {
    services_.executor.stamp_ms = command.timestamp_ms;
    Result<void> result;
    if (!is_flush(command)) result = call(command);
    services_.executor.stamp_ms = store::kNoTimestamp;
    if (!services_.executor.reclaimer.empty()) services_.executor.reclaimer.run();
    return result;
}

void Replay::clean_up() {
    store::Reclaimer& reclaimer = services_.executor.reclaimer;
    while (reclaimer.has_objects()) reclaimer.drain(SIZE_MAX);
}

/// FLUSHALL and FLUSHDB wait when a client asks for them; here what they took out is freed later.
bool Replay::is_flush(const LoggedCommand& command) {
    const CommandSpec& spec = *command.request.spec;
    if (spec.name == "flushall") {
        services_.dataset.flush_all(services_.executor);
    } else if (spec.name == "flushdb") {
        services_.dataset.flush(command.database, services_.executor);
    } else {
        return false;
    }
    return true;
}

/// A handler that fails writes its error, and nothing else.
std::string Replay::error_text(const resp::ReplyWriter& reply) {
    std::array<iovec, 1> pieces{};
    const size_t count = output_.gather(pieces, kErrorShownMax);
    const std::string_view frame(static_cast<const char*>(pieces[0].iov_base),
                                 count == 0 ? 0 : pieces[0].iov_len);
    if (!frame.starts_with('-')) return std::string(reply.last_error_code());
    return base::escape_for_error(frame.substr(1, frame.find('\r') - 1), kErrorShownMax);
}

Result<void> Replay::call(const LoggedCommand& command) {
    const RequestView& request = command.request;
    if (request.spec->handler == nullptr) return fail("it cannot be executed again");
    resp::ReplyWriter reply(output_, resp::Protocol::resp2);
    Context context{.session = session_,
                    .spec = *request.spec,
                    .arguments = request.arguments,
                    .keys = request.keys,
                    .reply = reply,
                    .keyspace = engine::Keyspace(services_.dataset, services_.executor,
                                                 command.database, kReplayNowMs, true),
                    .services = services_};
    context.keyspace.set_clock_ms(wall_ms_);
    if (request.keys.empty()) {
        request.spec->handler(context);
    } else if (request.keys.size() == 1) {
        const size_t shard = services_.dataset.shard_of(request.keys[0].hash);
        services_.dataset.lock(shard, services_.executor);
        request.spec->handler(context);
        services_.dataset.unlock(shard);
    } else {
        engine::ShardSet shards;
        for (const store::Key& key : request.keys) shards.add(services_.dataset.shard_of(key.hash));
        const engine::ShardGuard guard(services_.dataset, shards, services_.executor);
        request.spec->handler(context);
    }
    Result<void> done;
    if (reply.errors() > 0) done = fail(fmt::format("it fails with '{}'", error_text(reply)));
    output_.clear();
    return done;
}

}  // namespace gyre::commands
