// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Who waits for keys to be ready (BLPOP, XREAD BLOCK ...), and since when. A wait is made and found
// by the key's name; nothing of it is in an entry. A shard nobody waits in says so in the bits that
// tell of watchers too (store/watch.h), which is all that a write looks at. Where somebody waits, a
// changed key is noted, and whoever holds the locks serves the waiters before he lets them go.
//
// Ownership: a waiter is part of a session; its waits belong to its home, which takes them back
// before they go. The table belongs to the shard. Threads: all under the shard's lock, but for
// Waiter. A served waiter's waits in other shards stay until the home takes them back: whoever
// comes upon them sees that the wait is over. Complexity: O(1) for each change of a key that is
// waited for; while a key of another type is in the way of some, O(waits of that key).

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>

#include "base/counted.h"
#include "base/intrusive_list.h"
#include "store/partition.h"

namespace gyre::store {

/// Whether a client waits, and how the wait ended. However many threads want to end it at once, one
/// does. Threads: any, but for begin() and forget().
class Waiter {
public:
    enum class State : uint8_t {
        idle,
        waiting,
        claimed,    ///< somebody is serving it and will say when that is done
        served,     ///< the reply is there
        timed_out,  ///< by time, or CLIENT UNBLOCK
        unblocked,  ///< CLIENT UNBLOCK ERROR
        left,       ///< the client is going
    };

    State state() const noexcept { return state_.load(std::memory_order_acquire); }
    bool is_waiting() const noexcept { return state() == State::waiting; }
    bool is_over() const noexcept {
        const State now = state();
        return now != State::waiting && now != State::claimed;
    }
    /// Home thread, with the locks of all its keys held.
    void begin() noexcept { state_.store(State::waiting, std::memory_order_relaxed); }
    /// Home thread, when all waits were taken back.
    void forget() noexcept { state_.store(State::idle, std::memory_order_relaxed); }
    /// To be served by the caller; false: the wait is over already.
    bool claim() noexcept { return move(State::claimed); }
    /// After claim(): what was written for the client may be read. The waiter may be gone at once
    /// where no lock of its waits is held.
    void serve() noexcept { state_.store(State::served, std::memory_order_release); }
    /// Ends the wait without its being served; false: it is over or being served. Its home has to
    /// be told.
    bool end(State how) noexcept { return move(how); }

private:
    bool move(State to) noexcept {
        State expected = State::waiting;
        return state_.compare_exchange_strong(expected, to, std::memory_order_acq_rel);
    }
    std::atomic<State> state_{State::idle};
};

/// One key that one client waits for, to hold a value of one type.
struct Wait : base::ListHook<> {
    Wait(void* the_owner, Waiter& the_waiter, size_t in_database, const Key& awaited, Type wanted,
         std::span<const Key> all_awaited)
        : owner(the_owner),
          waiter(the_waiter),
          database(in_database),
          key(awaited),
          type(wanted),
          keys(all_awaited) {}

    void* const owner;  ///< what the commands know of the client that waits
    Waiter& waiter;
    const size_t database;
    const Key key;  ///< its bytes are the home's
    const Type type;
    const std::span<const Key> keys;  ///< all that the client waits for, the home's
    const Key* target = nullptr;      ///< where the element goes (BLMOVE)
    bool wants_removal = false;       ///< it also wants to know when the key goes
};

/// All who wait for one key, the longest first.
struct WaitQueue {
    using Text = base::CountedString<base::Purpose::clients>;

    WaitQueue(size_t in_database, const Key& key)
        : database(in_database), name(key.bytes), hash(key.hash) {}
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }
    Key key() const { return {name, hash}; }

    const size_t database;
    const Text name;
    const uint64_t hash;
    base::IntrusiveList<Wait> waits;
    size_t count = 0;                          ///< of the waits
    std::array<size_t, kTypeCount> wanting{};  ///< of the waits, by the type they want
    size_t wanting_removal = 0;                ///< of the waits
    size_t with_target = 0;                    ///< of the waits
    uint64_t touched_at = 0;                   ///< when its key was changed; 0: it was not
    bool is_in_service = false;                ///< it stays although nobody waits any more
    std::optional<Type> type;  ///< of what its key held at the last settle(), if anything
    bool bars = false;         ///< that is of another type than some of them want
};

class WaitTable {
public:
    /// Behind all who wait already; once for each waiter and key. False: it waits for it already.
    bool add(Wait& wait);
    void remove(Wait& wait);
    bool empty() const { return queues_.empty(); }
    /// Who serves a waiter may have to look at other keys: where an element goes, and, while any
    /// key anywhere holds a value of another type than somebody waits for, at all keys he waits
    /// for.
    bool leads_on() const { return with_target_ != 0 || is_any_barred(); }
    /// Some key that is waited for held such a value when it was last served: it may have gone
    /// since, but there is none that is not counted.
    static bool is_any_barred() { return barring_.load(std::memory_order_acquire) != 0; }
    /// Notes that a key was changed, if anybody waits for it.
    void touch(size_t database, const Key& key);
    void touch_database(size_t database);
    bool has_touched() const { return !touched_.empty(); }
    /// When the key was changed that was changed first. Only when has_touched().
    uint64_t first_touched_at() const { return touched_.front()->touched_at; }
    /// Later than all changes there have been of keys in locked shards.
    static uint64_t now() { return changes_.load(std::memory_order_relaxed); }
    /// That key's waiters; it counts as not touched from here on. The queue stays until
    /// end_service().
    WaitQueue& begin_service();
    /// All are served who could be, and this is what the key holds now; nullopt: nothing.
    void settle(WaitQueue& queue, std::optional<Type> held);
    void end_service(WaitQueue& queue);

    /// Calls `visit` with the keys that waits for a key with this hash, of any database, lead on
    /// to.
    template <class F>
    void for_each_led_to(uint64_t hash, F&& visit) {
        const bool is_barred = is_any_barred();
        const auto [first, last] = queues_.equal_range(hash);
        for (auto queue = first; queue != last; ++queue) {
            if (queue->second->with_target == 0 && !is_barred) continue;
            for (const Wait& wait : queue->second->waits) {
                if (wait.target != nullptr) visit(*wait.target);
                if (!is_barred) continue;
                for (const Key& key : wait.keys) visit(key);
            }
        }
    }
    /// Keys that are waited for, and those of them that somebody waits for to go.
    size_t keys() const { return queues_.size(); }
    size_t keys_wanting_removal() const;

private:
    struct Identity {
        size_t operator()(uint64_t hash) const { return hash; }
    };
    WaitQueue* find(size_t database, const Key& key);
    void mark(WaitQueue& queue);
    static void count_barring(WaitQueue& queue);
    void drop_if_empty(WaitQueue& queue);

    std::unordered_multimap<
        uint64_t, std::unique_ptr<WaitQueue>, Identity, std::equal_to<>,
        base::CountedAllocator<std::pair<const uint64_t, std::unique_ptr<WaitQueue>>,
                               base::Purpose::clients>>
        queues_;
    // In the order of the changes.
    std::deque<WaitQueue*, base::CountedAllocator<WaitQueue*, base::Purpose::clients>> touched_;
    size_t with_target_ = 0;  // of all waits
    // Of all shards: a command may change keys of several.
    static inline std::atomic<uint64_t> changes_{0};
    static inline std::atomic<uint64_t> barring_{0};  // queues, of all shards as well
};

}  // namespace gyre::store
