// SPDX-License-Identifier: BSD-3-Clause
#include "engine/dataset.h"

#include <algorithm>

#include "base/check.h"
#include "engine/events.h"
#include "engine/keyspace.h"
#include "engine/view.h"
#include "store/access.h"

namespace gyre::engine {
namespace {

constexpr size_t kShardsMin = 64;
/// One thread alone has nobody to make room for; fewer shards have more that is due at once.
constexpr size_t kShardsOfOneThread = 16;
constexpr size_t kShardsPerThread = 16;
/// Entries freed by drain() while it holds a lock once.
constexpr size_t kDrainHold = 32;

struct PolicyName {
    EvictionPolicy policy;
    const char* name;
};
constexpr PolicyName kPolicyNames[] = {
    {EvictionPolicy::noeviction, "noeviction"},
    {EvictionPolicy::allkeys_lru, "allkeys-lru"},
    {EvictionPolicy::allkeys_lfu, "allkeys-lfu"},
    {EvictionPolicy::allkeys_random, "allkeys-random"},
    {EvictionPolicy::allkeys_s3fifo, "allkeys-s3fifo"},
    {EvictionPolicy::volatile_lru, "volatile-lru"},
    {EvictionPolicy::volatile_lfu, "volatile-lfu"},
    {EvictionPolicy::volatile_random, "volatile-random"},
    {EvictionPolicy::volatile_ttl, "volatile-ttl"},
    {EvictionPolicy::volatile_s3fifo, "volatile-s3fifo"},
};

size_t shard_count(const DatasetOptions& options) {
    if (options.shards != 0) return options.shards;
    if (options.threads == 1) return kShardsOfOneThread;
    return std::clamp(std::bit_ceil(options.threads * kShardsPerThread), kShardsMin,
                      ShardSet::kShardsMax);
}

}  // namespace

const char* policy_name(EvictionPolicy policy) {
    const auto* found = std::ranges::find(kPolicyNames, policy, &PolicyName::policy);
    CHECK(found != std::end(kPolicyNames));
    return found->name;
}

std::optional<EvictionPolicy> policy_from_name(std::string_view name) {
    const auto* found = std::ranges::find_if(
        kPolicyNames, [name](const PolicyName& one) { return name == one.name; });
    if (found == std::end(kPolicyNames)) return std::nullopt;
    return found->policy;
}

uint32_t initial_access_word(EvictionPolicy policy, int64_t now_ms) {
    if (is_s3fifo(policy)) return 0;
    return is_lfu(policy) ? store::lfu_initial(now_ms) : store::lru_clock(now_ms);
}

Dataset::Dataset(const DatasetOptions& options)
    : options_(options), shards_(shard_count(options)), pubsub_(options.threads) {
    const size_t count = shard_count(options);
    CHECK(std::has_single_bit(count));
    CHECK(count <= ShardSet::kShardsMax);
    reactors_ = std::make_unique<Reactor[]>(options.threads);
    due_from_ms_ = std::make_unique<std::atomic<int64_t>[]>(count);
    base::Random seeds(options.seed);
    for (size_t index = 0; index < count; ++index) {
        auto shard = std::make_unique<LockedShard>(options.databases, seeds.next());
        // Half of them wait for the ends of their ticks while the others have just had theirs.
        if (index % 2 != 0) shard->data.wheel_phase_ms = containers::TimerWheel::kTickMs / 2;
        due_from_ms_[index].store(INT64_MAX, std::memory_order_relaxed);
        shard->data.due_from_ms = &due_from_ms_[index];
        if (options.threads == 1) shard->lock.elide();
        shards_.add(std::move(shard));
    }
}

void Dataset::lock(const ShardSet& set, Executor& executor) {
    set.for_each([&](size_t shard) { lock(shard, executor); });
}

/// Somebody has the lock. If that is this thread, for a transaction, it goes in once more.
void Dataset::lock_slow(size_t shard) {
    LockedShard& locked = shards_[shard];
    // Only this thread writes its own id there, so that reading it needs no order.
    if (locked.holder.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
        locked.lock.enter_again();
    } else {
        locked.lock.lock();
    }
}

void Dataset::hold(const ShardSet& set, Executor& executor) {
    lock(set, executor);
    if (threads() == 1) return;
    set.for_each([&](size_t shard) {
        shards_[shard].holder.store(std::this_thread::get_id(), std::memory_order_relaxed);
    });
}

void Dataset::let_go(const ShardSet& set) {
    if (threads() > 1) {
        set.for_each([&](size_t shard) {
            shards_[shard].holder.store(std::thread::id(), std::memory_order_relaxed);
        });
    }
    unlock(set);
}

void Dataset::serve_waiters(const ShardSet& locked, Executor& executor) {
    if (executor.wait_server == nullptr) return;
    bool has_touched = false;
    locked.for_each([&](size_t index) { has_touched = has_touched || shard(index).has_touched(); });
    if (has_touched) executor.wait_server->serve(locked);
}

void Dataset::unlock(const ShardSet& set) {
    bool is_any_sooner = false;
    set.for_each([&](size_t shard) {
        if (shards_[shard].lock.leave_again()) return;
        is_any_sooner = release(shard) || is_any_sooner;
    });
    if (!is_any_sooner) [[likely]]
        return;
    // To tell what the owner knows already does no harm: no need to remember which ones.
    set.for_each([&](size_t shard) { tell_owner(shard); });
}

/// Outside of all locks, after next_due_ms() of the shard was lowered: the owner has to know.
void Dataset::tell_owner(size_t shard_index) {
    const size_t owner = shard_index % threads();
    // The counterpart of the one in refresh_soonest_due(): either the shard's time is seen there,
    // or what is lowered here is lowered after it was set anew.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const int64_t due_ms = next_due_ms(shard_index);
    lower_soonest_due(owner, due_ms);
    if (threads() > 1) wake(owner, due_ms);
}

void Dataset::lower_soonest_due(size_t reactor, int64_t due_ms) {
    std::atomic<int64_t>& soonest = reactors_[reactor].soonest_due_ms;
    int64_t seen_ms = soonest.load(std::memory_order_relaxed);
    while (due_ms < seen_ms && !soonest.compare_exchange_weak(seen_ms, due_ms)) {
    }
}

/// The other half of announce_sleep(): either the sleeper sees the new deadline when it looks once
/// more, or this thread sees that it sleeps too long.
void Dataset::wake(size_t reactor, int64_t due_ms) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    std::atomic<int64_t>& sleeps_until = reactors_[reactor].sleeps_until_ms;
    int64_t until_ms = sleeps_until.load(std::memory_order_relaxed);
    while (due_ms < until_ms) {
        // Whoever lowers the time wakes; later deadlines need no second call.
        if (sleeps_until.compare_exchange_weak(until_ms, due_ms)) {
            if (wake_) wake_(reactor);
            return;
        }
    }
}

void Dataset::wake_origin(Pubsub::Origin& origin) {
    for (const uint32_t reactor : origin.asleep) {
        if (wake_) wake_(reactor);
    }
    origin.asleep.clear();
}

void Dataset::publish_event(const KeyEvent& event, Executor& executor) {
    const uint32_t asked = settings.notified_events.load(std::memory_order_relaxed);
    if ((asked & event.classes & ~event::updates) != 0) {
        const std::string place = "@" + std::to_string(event.database) + "__:";
        if ((asked & event::keyspace) != 0) {
            std::string channel = "__keyspace" + place;
            channel += event.key;
            pubsub_.publish(TopicKind::channel, channel, event.name, executor.origin);
        }
        if ((asked & event::keyevent) != 0) {
            std::string channel = "__keyevent" + place;
            channel += event.name;
            pubsub_.publish(TopicKind::channel, channel, event.key, executor.origin);
        }
    }
    if ((asked & asked_by(event.classes) & event::updates) != 0) publish_update(event, executor);
}

void Dataset::tell_of_due(size_t shard_index, const store::Entry& entry, int64_t now_ms,
                          Executor& executor) {
    if (entry.is_expired(now_ms)) {
        tell_of_removal(event::expired, "expired", shard_index, entry, now_ms, executor);
    } else {
        tell_of_removal(event::generic, "del", shard_index, entry, now_ms, executor);
    }
}

void Dataset::tell_of_fields(size_t shard_index, const store::Entry& entry, int64_t now_ms,
                             Executor& executor) {
    tell_of_change({event::hash, "hexpired", entry.key(), 0, now_ms}, shard_index, executor);
}

void Dataset::tell_observers(store::Shard& data, size_t database, const store::Key& key,
                             Executor& executor, Cause cause) {
    if (data.is_private()) return executor.view->note_changed(database, key);
    data.note_touched(database, key,
                      cause == Cause::deadline ? store::Change::due : store::Change::value);
    tell_trackers(data, key, executor, cause);
}

void Dataset::tell_observers_unready(store::Shard& data, size_t database, const store::Key& key,
                                     Executor& executor) {
    if (data.is_private()) return executor.view->note_changed(database, key);
    data.note_touched_unready(database, key);
    tell_trackers(data, key, executor, Cause::command);
}

void Dataset::tell_observers_beside(store::Shard& data, size_t database, const store::Key& key,
                                    Executor& executor, bool is_awaited) {
    if (data.is_private()) return executor.view->note_changed(database, key);
    if (is_awaited) {
        data.note_touched(database, key, store::Change::beside);
    } else {
        data.note_touched_unready(database, key, store::Change::beside);
    }
}

void Dataset::tell_trackers(store::Shard& data, const store::Key& key, Executor& executor,
                            Cause cause) {
    if (!data.is_tracked() && !data.is_broadcast()) return;
    TrackingNotes& notes = executor.tracking;
    tracking_.touch(data, key, cause == Cause::command ? notes.quiet_client : 0, notes,
                    executor.origin);
}

// --- db-updates ---------------------------------------------------------------------------------

/// Not of what a log tells that is read, nor where nobody subscribes to anything.
bool Dataset::wants_updates(const Executor& executor) const {
    return notifies(event::updates) && !executor.is_replaying &&
           (pubsub_.topics(TopicKind::channel) > 0 || pubsub_.topics(TopicKind::pattern) > 0);
}

/// With type and deadline that the key has now.
void Dataset::publish_update(const KeyEvent& event, Executor& executor) {
    if (!wants_updates(executor)) return;
    const store::Key key = store::Key::of(event.key);
    const KeyState state =
        event.state != nullptr ? *event.state
        : event.is_gone        ? KeyState{}
                        : state_of(shard(shard_of(key.hash)).find_database(event.database), key);
    Update update{.operation = event.name,
                  .key = event.key,
                  .type = state.type,
                  .database = event.database,
                  .time_ms = event.now_ms,
                  .ttl_ms = {}};
    if (state.expire_ms) update.ttl_ms = std::max<int64_t>(*state.expire_ms - event.now_ms, 0);
    publish_update(update, executor);
}

KeyState Dataset::state_of(const store::Partition* partition, const store::Key& key) {
    const store::Entry* entry = partition == nullptr ? nullptr : partition->find(key);
    KeyState state;
    if (entry == nullptr) return state;
    state.type = store::type_name(entry->type());
    if (entry->has_expiry()) state.expire_ms = entry->expire_ms();
    return state;
}

void Dataset::publish_update(std::string_view operation, std::optional<size_t> database,
                             int64_t now_ms, Executor& executor) {
    if (!wants_updates(executor)) return;
    publish_update({.operation = operation,
                    .key = {},
                    .type = {},
                    .database = database,
                    .time_ms = now_ms,
                    .ttl_ms = {}},
                   executor);
}

/// Where there is a log it leaves when its place there is known; without one each key's own order
/// is all there is.
void Dataset::publish_update(const Update& update, Executor& executor) {
    if (executor.effects.is_on()) {
        executor.updates.push_back(update_text(update));
    } else {
        pubsub_.publish(TopicKind::channel, kUpdatesChannel, update_text(update), executor.origin);
    }
}

/// Two threads whose keys have nothing in common get their places in one order, and publish in the
/// same. Who changes data pays for that with a mutex while somebody listens.
log::Position Dataset::reserve_updated(Executor& executor) {
    if (executor.effects.is_in_transaction()) return 0;
    const std::lock_guard in_order(updates_order_);
    const log::Position end = executor.effects.reserve();
    for (const std::string& text : executor.updates) {
        pubsub_.publish(TopicKind::channel, kUpdatesChannel, text, executor.origin);
    }
    executor.updates.clear();
    return end;
}

void Dataset::wake_all() {
    if (!wake_) return;
    for (size_t reactor = 0; reactor < threads(); ++reactor) wake_(reactor);
}

void Dataset::refresh_next_due(size_t shard_index) {
    store::Shard& data = shard(shard_index);
    const int64_t due_ms = data.next_due_ms();
    data.next_due_hint_ms = due_ms;
    shards_[shard_index].next_due_ms.store(due_ms, std::memory_order_relaxed);
    lower_soonest_due(shard_index % threads(), due_ms);
}

int64_t Dataset::refresh_soonest_due(size_t reactor) {
    // Raised before the look, so that what others lower meanwhile stays lowered.
    reactors_[reactor].soonest_due_ms.store(INT64_MAX, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    int64_t due_ms = INT64_MAX;
    for (size_t shard = reactor; shard < shards(); shard += threads()) {
        due_ms = std::min(due_ms, next_due_ms(shard));
    }
    lower_soonest_due(reactor, due_ms);
    return soonest_due_ms(reactor);
}

void Dataset::for_each_shard(Executor& executor, const std::function<void(store::Shard&)>& visit) {
    for (size_t index = 0; index < shards(); ++index) {
        lock(index, executor);
        visit(shard(index));
        unlock(index);
    }
}

size_t Dataset::keys(size_t database, Executor& executor) {
    return figures(database, executor).keys;
}

size_t Dataset::keys_total(Executor& executor) {
    size_t total = 0;
    for_each_shard(executor, [&](store::Shard& data) { total += data.keys(); });
    return total;
}

Dataset::DatabaseFigures Dataset::figures(size_t database, Executor& executor) {
    DatabaseFigures sum;
    for_each_shard(executor, [&](store::Shard& data) {
        const store::Partition* partition = data.find_database(database);
        if (partition == nullptr) return;
        sum.keys += partition->size();
        sum.with_expiry += partition->with_expiry();
        sum.deadline_sum_ms += partition->deadline_sum_ms();
    });
    return sum;
}

store::ShardStatistics Dataset::statistics(Executor& executor) {
    store::ShardStatistics sum;
    for_each_shard(executor, [&](store::Shard& data) {
        const store::ShardStatistics& one = data.statistics;
        sum.keyspace_hits += one.keyspace_hits;
        sum.keyspace_misses += one.keyspace_misses;
        sum.expired_lazily += one.expired_lazily;
        sum.expired_actively += one.expired_actively;
        sum.evicted += one.evicted;
        sum.changes += one.changes;
        sum.index_defences += one.index_defences;
    });
    return sum;
}

void Dataset::reset_statistics(Executor& executor) {
    for_each_shard(executor, [](store::Shard& data) {
        // The number of changes is state, not a statistic: CONFIG RESETSTAT leaves it.
        const uint64_t changes = data.statistics.changes;
        data.statistics = {};
        data.statistics.changes = changes;
    });
    drained_entries_.store(0, std::memory_order_relaxed);
    excess_.reset();
    transactions_.reset();
    store::Reclaimer::forget_freed();
}

/// The effect of a change of all shards, which are locked, and those who waited for it; the bytes
/// are written later.
void Dataset::finish_change(const ShardSet& all, size_t database, const log::Effect& effect,
                            Executor& executor) {
    if (executor.effects.is_on()) executor.effects.tell_all(database, effect);
    serve_waiters(all, executor);
    if (executor.effects.is_on()) static_cast<void>(reserve(executor));
}

void Dataset::flush(size_t database, Executor& executor, int64_t now_ms) {
    detach(database, executor, now_ms);
    executor.effects.write();
}

void Dataset::flush_all(Executor& executor, int64_t now_ms) {
    detach_all(executor, now_ms);
    executor.effects.write();
}

void Dataset::swap(size_t first, size_t second, Executor& executor, int64_t now_ms) {
    exchange(first, second, executor, now_ms);
    executor.effects.write();
}

void Dataset::detach(size_t database, Executor& executor, int64_t now_ms) {
    ShardSet all;
    all.add_all(shards());
    ShardGuard guard(*this, all, executor);
    const int64_t removed = empty(database, executor);
    publish_update("flushdb", database, now_ms, executor);
    finish_change(all, database, log::FlushDatabaseEffect{}, executor);
    if (counts_keys()) unreserve_keys(removed);
}

void Dataset::detach_all(Executor& executor, int64_t now_ms) {
    ShardSet all;
    all.add_all(shards());
    ShardGuard guard(*this, all, executor);
    const int64_t removed = empty(std::nullopt, executor);
    publish_update("flushall", std::nullopt, now_ms, executor);
    finish_change(all, 0, log::FlushAllEffect{}, executor);
    if (counts_keys()) unreserve_keys(removed);
}

int64_t Dataset::empty(std::optional<size_t> database, Executor& executor) {
    const int64_t removed = resident(database);
    for (size_t index = 0; index < shards(); ++index) {
        store::Shard& data = shard(index);
        const size_t first = database.value_or(0);
        const size_t last = database.value_or(databases() - 1);
        for (size_t one = first; one <= last; ++one) {
            const store::Partition* partition = data.find_database(one);
            if (partition != nullptr) data.statistics.changes += partition->size();
            data.touch_database(one);
            data.detach_database(one);
        }
    }
    flush_tracked(executor);
    flushes_.fetch_add(1, std::memory_order_relaxed);
    return removed;
}

int64_t Dataset::resident(std::optional<size_t> database) {
    size_t keys = 0;
    for (size_t index = 0; index < shards(); ++index) {
        if (!database) {
            keys += shard(index).keys();
        } else if (const auto* partition = shard(index).find_database(*database)) {
            keys += partition->size();
        }
    }
    return static_cast<int64_t>(keys);
}

/// As in Redis keys are tracked by their names, so one database that goes is all that is known.
void Dataset::flush_tracked(Executor& executor) {
    if (tracking_.clients() == 0 && tracking_.keys() == 0) return;
    for (size_t index = 0; index < shards(); ++index) {
        tracking_.flush(shard(index), executor.tracking);
    }
    tracking_.tell_all(executor.origin);
}

void Dataset::exchange(size_t first, size_t second, Executor& executor, int64_t now_ms) {
    ShardSet all;
    all.add_all(shards());
    ShardGuard guard(*this, all, executor);
    for (size_t index = 0; index < shards(); ++index) {
        store::Shard& data = shard(index);
        if (data.is_observed()) [[unlikely]] {
            expire_watched(data, first, second, now_ms, executor);
            expire_watched(data, second, first, now_ms, executor);
            data.touch_database(first, data.find_database(second));
            data.touch_database(second, data.find_database(first));
        }
        data.swap_databases(first, second);
    }
    ++shard(0).statistics.changes;
    publish_update("swapdb", first, now_ms, executor);
    publish_update("swapdb", second, now_ms, executor);
    finish_change(all, 0, log::SwapDatabasesEffect{first, second}, executor);
}

/// Removes what is past its deadline of the keys watched in a database, there and where it will
/// be: a key that is gone in truth is not changed by being moved.
void Dataset::expire_watched(store::Shard& data, size_t database, size_t other, int64_t now_ms,
                             Executor& executor) {
    for (const std::string& name : data.watched_keys(database)) {
        const store::Key key = store::Key::of(name);
        Keyspace(*this, executor, database, now_ms, true).peek(key);
        Keyspace(*this, executor, other, now_ms, true).peek(key);
    }
}

bool Dataset::drain(size_t first, size_t step, size_t budget, Executor& executor) {
    for (size_t index = first; index < shards(); index += step) {
        for (;;) {
            const size_t part = std::min(budget, kDrainHold);
            lock(index, executor);
            const size_t before = shard(index).detached_entries();
            const bool is_empty = shard(index).drain(part);
            const size_t freed = before - shard(index).detached_entries();
            unlock(index);
            drained_entries_.fetch_add(freed, std::memory_order_relaxed);
            if (is_empty) break;
            budget -= part;
            if (budget == 0) return false;
        }
    }
    return true;
}

size_t Dataset::detached_entries(Executor& executor) {
    size_t entries = 0;
    for_each_shard(executor, [&](store::Shard& data) { entries += data.detached_entries(); });
    return entries;
}

Dataset::ScanPlace Dataset::scan_place(uint64_t cursor) const {
    const auto bits = static_cast<unsigned>(std::countr_zero(shards()));
    return {.shard = cursor & (shards() - 1),
            .inner = (cursor & ~store::kDefendedCursor) >> bits,
            .is_defended = (cursor & store::kDefendedCursor) != 0};
}

uint64_t Dataset::scan(size_t database, uint64_t cursor, Executor& executor,
                       const std::function<void(const store::Entry&)>& visit) {
    const auto bits = static_cast<unsigned>(std::countr_zero(shards()));
    auto [index, inner, was_defended] = scan_place(cursor);
    lock(index, executor);
    const store::Partition* partition = shard(index).find_database(database);
    const bool is_defended = partition != nullptr && partition->is_defended();
    // The hash function has changed between two calls, and the order with it: this shard begins
    // anew.
    if (is_defended != was_defended) inner = 0;
    inner = partition == nullptr ? 0 : partition->scan(inner, visit);
    unlock(index);
    if (inner != 0) return inner << bits | index | (is_defended ? store::kDefendedCursor : 0);
    // This shard is done; the next one starts at its beginning, and after the last the scan is
    // over.
    return index + 1 == shards() ? 0 : index + 1;
}

/// Compares and swaps: one that is refused leaves no trace for a moment that another, for which
/// there is room, would run into.
bool Dataset::reserve_keys(int64_t count, int64_t maxkeys) {
    int64_t seen = keys_count_.load(std::memory_order_relaxed);
    do {
        if (seen > maxkeys - count) return false;
    } while (!keys_count_.compare_exchange_weak(seen, seen + count, std::memory_order_relaxed));
    return true;
}

void Dataset::set_maxkeys(int64_t maxkeys, Executor& executor) {
    ShardSet all;
    all.add_all(shards());
    ShardGuard guard(*this, all, executor);
    int64_t total = 0;
    for (size_t index = 0; index < shards(); ++index) {
        total += static_cast<int64_t>(shard(index).keys());
    }
    keys_count_.store(total, std::memory_order_relaxed);
    counts_keys_.store(maxkeys > 0, std::memory_order_relaxed);
    settings.maxkeys.store(maxkeys, std::memory_order_relaxed);
}

void Dataset::set_policy(EvictionPolicy policy, Executor& executor) {
    settings.policy.store(policy, std::memory_order_relaxed);
    const auto mode = policy == EvictionPolicy::allkeys_s3fifo    ? store::FifoMode::all_keys
                      : policy == EvictionPolicy::volatile_s3fifo ? store::FifoMode::expiring
                                                                  : store::FifoMode::off;
    for (size_t index = 0; index < shards_.size(); ++index) {
        lock(index, executor);
        shard(index).set_fifo_mode(mode);
        shards_[index].pool.reset();
        unlock(index);
    }
}

}  // namespace gyre::engine
