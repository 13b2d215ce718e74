// SPDX-License-Identifier: BSD-3-Clause
#include "commands/blocking.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <unordered_set>

#include "base/check.h"
#include "base/numbers.h"
#include "base/ticks.h"
#include "commands/dispatch.h"
#include "engine/eviction.h"
#include "ring/reactor.h"

namespace gyre::commands {

using engine::ShardSet;
using store::Key;
using store::Wait;
using store::Waiter;

// --- the command
// ----------------------------------------------------------------------------------

namespace {

/// The arguments as they are meant now.
std::vector<resp::Argument> arguments_of(const Context& context, const BlockOrder& order) {
    std::vector<resp::Argument> arguments(context.arguments.begin(), context.arguments.end());
    for (const auto& [index, text] : order.replacements) arguments[index] = {text, nullptr};
    return arguments;
}

/// `milliseconds` from now, as long as that is a time. nullopt: the reply says why not.
std::optional<int64_t> checked_timeout(Context& context, int64_t milliseconds) {
    if (milliseconds < 0) {
        context.error("ERR timeout is negative");
        return std::nullopt;
    }
    if (milliseconds > INT64_MAX - context.now_ms()) {
        context.error("ERR timeout is out of range");
        return std::nullopt;
    }
    return milliseconds;
}

}  // namespace

std::optional<int64_t> read_timeout_seconds(Context& context, size_t index) {
    const auto seconds = base::parse_long_double(context.argument(index));
    if (!seconds) {
        context.error("ERR timeout is not a float or out of range");
        return std::nullopt;
    }
    const long double milliseconds = std::ceil(*seconds * 1000.0L);
    if (milliseconds >= static_cast<long double>(INT64_MAX)) {
        context.error("ERR timeout is out of range");
        return std::nullopt;
    }
    if (milliseconds < 0) return checked_timeout(context, -1);
    return checked_timeout(context, static_cast<int64_t>(milliseconds));
}

std::optional<int64_t> read_timeout_ms(Context& context, size_t index) {
    const auto milliseconds =
        context.integer(index, "ERR timeout is not an integer or out of range");
    if (!milliseconds) return std::nullopt;
    return checked_timeout(context, *milliseconds);
}

bool Reach::claim() const { return !is_service() || blocked_->session_.waiter.claim(); }

Blocked::Blocked(Context& context, const BlockOrder& order)
    : spec_(context.spec),
      session_(context.session),
      attempt_(order.attempt),
      closing_(order.closing),
      timeout_ms_(order.timeout_ms),
      log_position_(order.log_position),
      database_(context.keyspace.database()),
      protocol_(context.reply.protocol()) {
    const std::vector<resp::Argument> arguments = arguments_of(context, order);
    const auto copies = copy_.queue(spec_, arguments);
    KeySearch search;
    append_keys(&spec_, copies, search, keys_);
    CHECK(keys_.size() == context.keys.size());
    for (size_t index = 0; index < order.keys.size(); ++index) {
        Wait& wait = waits_.emplace_back(this, session_.waiter, database_, keys_[index], order.type,
                                         std::span<const Key>(keys_).first(order.keys.size()));
        if (order.has_target) wait.target = &keys_[order.keys.size()];
        wait.wants_removal = order.wants_removal;
    }
}

void Blocked::take_places(engine::Dataset& dataset) {
    for (Wait& wait : waits_) dataset.shard(dataset.shard_of(wait.key.hash)).add_wait(wait);
}

void block(Context& context, const BlockOrder& order) {
    Session& session = context.session;
    // Without a home nobody would hear of it.
    if (session.mode(Session::kExecuting) || session.home == nullptr) {
        if (order.closing != nullptr) return order.closing(context);
        return order.null == NullReply::array ? context.reply.null_array() : context.reply.null();
    }
    CHECK(!session.blocked);
    session.blocked = std::make_unique<Blocked>(context, order);
    session.set_mode(Session::kBlocked, true);
    session.has_timeout.store(order.timeout_ms != 0, std::memory_order_relaxed);
    session.is_blocked.store(true, std::memory_order_relaxed);
    session.waiter.begin();
    session.blocked->take_places(context.services.dataset);
}

// --- the service
// ----------------------------------------------------------------------------------

WaiterService::WaiterService(Services& services) : services_(services) {
    services_.executor.wait_server = this;
}

WaiterService::~WaiterService() { services_.executor.wait_server = nullptr; }

int64_t WaiterService::now_ms() const {
    return services_.reactor != nullptr ? services_.reactor->now_ms() : now_ms_;
}

namespace {

bool leads_on(store::Shard& shard) { return shard.is_awaited() && shard.waits().leads_on(); }

}  // namespace

bool WaiterService::extend(ShardSet& locked, std::span<const Key> keys) {
    engine::Dataset& dataset = services_.dataset;
    std::vector<uint64_t> waiting;
    for (const Key& key : keys) {
        if (leads_on(dataset.shard(dataset.shard_of(key.hash)))) waiting.push_back(key.hash);
    }
    if (waiting.empty()) [[likely]]
        return false;
    ShardSet wider = locked;
    bool has_grown = false;
    std::unordered_set<uint64_t> seen(waiting.begin(), waiting.end());
    while (!waiting.empty()) {
        const uint64_t hash = waiting.back();
        waiting.pop_back();
        const size_t index = dataset.shard_of(hash);
        if (!locked.has(index)) {
            // Who waits there is to be seen when it is locked.
            wider.add(index);
            has_grown = true;
            continue;
        }
        if (!leads_on(dataset.shard(index))) continue;
        dataset.shard(index).waits().for_each_led_to(hash, [&](const Key& key) {
            if (seen.insert(key.hash).second) waiting.push_back(key.hash);
        });
    }
    if (has_grown) locked = wider;
    return has_grown;
}

void WaiterService::serve(const ShardSet& locked) {
    using Touched = std::pair<uint64_t, store::Shard*>;
    if (is_deferred_) return;
    std::vector<Touched> heap;
    const auto add = [&heap](store::Shard& shard, uint64_t until) {
        if (!shard.has_touched() || shard.waits().first_touched_at() > until) return;
        heap.emplace_back(shard.waits().first_touched_at(), &shard);
        std::push_heap(heap.begin(), heap.end(), std::greater<>());
    };
    do {
        // What is changed by serving comes after all that was changed before.
        const uint64_t until = store::WaitTable::now();
        locked.for_each([&](size_t index) { add(services_.dataset.shard(index), until); });
        if (heap.empty()) return;
        services_.executor.effects.begin_service();
        while (!heap.empty()) {
            store::Shard& first = *heap.front().second;
            std::pop_heap(heap.begin(), heap.end(), std::greater<>());
            heap.pop_back();
            // Its waiters may have been served by now, for other keys.
            if (first.has_touched()) serve_queue(first, locked);
            add(first, until);
        }
    } while (true);
}

void WaiterService::serve_queue(store::Shard& shard, const ShardSet& locked) {
    store::WaitQueue& queue = shard.begin_service();
    engine::Keyspace keyspace(services_.dataset, services_.executor, queue.database, now_ms(),
                              true);
    const auto held = [&]() -> std::optional<store::Type> {
        const store::Entry* entry = keyspace.peek(queue.key());
        return entry != nullptr ? std::optional(entry->type()) : std::nullopt;
    };
    for (Wait& wait : queue.waits) {
        const auto type = held();
        if (!type && queue.wanting_removal == 0) break;
        // As since Redis 7.2: a value of another type wakes nobody but who asked for its going.
        if (type != wait.type && !wait.wants_removal) continue;
        if (!wait.waiter.is_waiting()) continue;
        serve_one(*static_cast<Blocked*>(wait.owner), locked);
    }
    shard.waits().settle(queue, held());
    shard.end_service(queue);
}

/// Room for what the command may create, as for a command that comes now. Nobody can be evicted
/// under these locks: under a policy that evicts the excess goes at the end of the turn, unless it
/// is known that nothing may go.
bool WaiterService::attempt(Blocked& blocked, Context& context, const ShardSet& locked) {
    engine::Dataset& dataset = services_.dataset;
    const Reach reach(dataset, locked, blocked);
    if (!context.spec.has(flag::denyoom)) return blocked.attempt_(context, reach);
    const auto refuse = [&](std::string_view text) {
        if (!reach.claim()) return false;
        context.error(text);
        return true;
    };
    const auto policy = dataset.settings.policy.load(std::memory_order_relaxed);
    const bool evicts = policy != engine::EvictionPolicy::noeviction &&
                        !(engine::is_volatile(policy) && dataset.lacks_deadlines());
    if (!evicts && services_.evictor.is_over_memory()) return refuse(errors::kOutOfMemory);
    if (!dataset.counts_keys()) return blocked.attempt_(context, reach);
    const int64_t keys = context.spec.new_keys(context);
    const int64_t limit = dataset.settings.maxkeys.load(std::memory_order_relaxed);
    if (keys > 0 && !dataset.reserve_keys(keys, evicts ? INT64_MAX : limit)) {
        return refuse(errors::kOutOfKeys);
    }
    services_.executor.promised_keys = keys;
    const bool has_succeeded = blocked.attempt_(context, reach);
    dataset.settle_promise(services_.executor);
    return has_succeeded;
}

Context WaiterService::context_of(Blocked& blocked, resp::ReplyWriter& reply) {
    Session& session = blocked.session_;
    return Context{
        .session = session,
        .spec = blocked.spec_,
        .arguments = blocked.arguments(),
        .keys = blocked.keys_,
        .reply = reply,
        .keyspace = engine::Keyspace(services_.dataset, services_.executor, blocked.database_,
                                     now_ms(), session.no_touch.load(std::memory_order_relaxed)),
        .services = services_,
    };
}

bool WaiterService::serve_one(Blocked& blocked, const ShardSet& locked) {
    const uint64_t start = base::ticks();
    Session& session = blocked.session_;
    scratch_.clear();
    resp::ReplyWriter reply(scratch_, blocked.protocol_);
    Context context = context_of(blocked, reply);
    if (!attempt(blocked, context, locked)) return false;
    take_reply(blocked, reply);
    services_.executor.effects.end_served(blocked.database_, blocked.arguments(), blocked.keys());
    for (Wait& wait : blocked.waits_) {
        const size_t shard = services_.dataset.shard_of(wait.key.hash);
        if (locked.has(shard) && wait.is_linked()) services_.dataset.shard(shard).remove_wait(wait);
    }
    blocked.service_nanoseconds = base::ticks_to_ns(base::ticks() - start);
    served_.push_back({session.home, session.id});
    session.waiter.serve();
    return true;
}

bool WaiterService::has_work() const {
    return !served_.empty() || !services_.executor.shards_to_serve.empty();
}

void WaiterService::finish_turn() {
    for (const size_t shard : std::exchange(services_.executor.shards_to_serve, {})) {
        ShardSet set;
        set.add(shard);
        services_.dataset.lock(shard, services_.executor);
        services_.dataset.serve_waiters(set, services_.executor);
        services_.dataset.unlock_logged(shard, services_.executor);
    }
    for (const Served& one : std::exchange(served_, {})) one.home->wake_later(one.client_id);
}

// --- the end
// --------------------------------------------------------------------------------------

/// As much memory as the reply has bytes: of a stream that thousands read, each has one.
void WaiterService::take_reply(Blocked& blocked, const resp::ReplyWriter& reply) {
    constexpr size_t kPieceBytes = size_t{1} << 20;
    blocked.is_error_ = reply.errors() > 0;
    blocked.reply_.reserve(scratch_.size());
    std::array<iovec, 8> pieces;
    while (!scratch_.empty()) {
        const size_t count = scratch_.gather(pieces, kPieceBytes);
        size_t bytes = 0;
        for (const iovec& piece : std::span(pieces).first(count)) {
            blocked.reply_.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
            bytes += piece.iov_len;
        }
        scratch_.consume(bytes);
    }
}

void WaiterService::write_reply(Blocked& blocked, Waiter::State how, resp::ReplyWriter& reply) {
    if (how == Waiter::State::unblocked) {
        return reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
    }
    if (how == Waiter::State::left) return;
    if (blocked.closing_ != nullptr) {
        Context context = context_of(blocked, reply);
        return blocked.closing_(context);
    }
    if (how == Waiter::State::timed_out) return reply.null_array();
    if (how != Waiter::State::served) return;
    // An error is written anew, so that it is counted where the client is at home.
    const std::string_view frame = blocked.reply_;
    if (blocked.is_error_) return reply.error(frame.substr(1, frame.find('\r') - 1));
    reply.buffer().append(frame);
}

std::unique_ptr<Blocked> WaiterService::end_wait(Session& session, resp::ReplyWriter& reply) {
    CHECK(session.blocked);
    CHECK(session.waiter.is_over());
    engine::Dataset& dataset = services_.dataset;
    for (Wait& wait : session.blocked->waits_) {
        const size_t shard = dataset.shard_of(wait.key.hash);
        // Also where it was taken back already: whoever did so may still hold the lock and look.
        dataset.lock(shard, services_.executor);
        if (wait.is_linked()) dataset.shard(shard).remove_wait(wait);
        dataset.unlock(shard);
    }
    write_reply(*session.blocked, session.waiter.state(), reply);
    session.waiter.forget();
    session.set_mode(Session::kBlocked, false);
    session.is_blocked.store(false, std::memory_order_relaxed);
    session.has_timeout.store(false, std::memory_order_relaxed);
    return std::move(session.blocked);
}

// --- the locks
// ------------------------------------------------------------------------------------

ServedLock::ServedLock(Services& services, WaiterService& service, ShardSet set, Context& context)
    : services_(services),
      set_(set),
      is_in_transaction_(context.session.mode(Session::kExecuting)) {
    services_.dataset.lock(set_, services_.executor);
    if (is_in_transaction_) return;
    const bool leads_on = context.spec.has(flag::leads_on);
    const auto has_grown = [&](ShardSet& wider) {
        // First, as it takes what it is given for what is locked.
        const bool has_led_on = service.extend(wider, context.keys);
        return (leads_on && context.spec.lead_on(context, wider)) || has_led_on;
    };
    // Each time the set has grown: it ends with all shards, if not before.
    for (ShardSet wider = set_; has_grown(wider); set_ = wider) {
        services_.dataset.unlock(set_);
        services_.dataset.lock(wider, services_.executor);
    }
}

ServedLock::~ServedLock() { services_.dataset.unlock(set_); }

void ServedLock::serve() const {
    if (!is_in_transaction_) services_.dataset.serve_waiters(set_, services_.executor);
}

}  // namespace gyre::commands
