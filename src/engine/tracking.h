// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Client side caching: which clients are told that a key which they may hold a copy of has changed
// (CLIENT TRACKING). A client is told either of the keys it has read, which its shards remember
// (store/track.h), or of all keys that begin with its prefixes (BCAST).
//
// Telling is publishing, to topics of a kind of their own that nobody can name from outside: one
// for each client, one for each prefix, one for all. So messages come to the reactor of a client in
// order, count against the bounds of what waits there, and go with their client. What is published
// is the array of keys as it is sent; nothing stands for all keys.
//
// Order: a key that is read is remembered under the lock it is read under, and its change is told
// of under that lock. So a client gets the value it has read before the word that it has changed.
// With prefixes that is always so, and the words of one turn of a reactor become one.
//
// Ownership: part of the Dataset. Threads: any. Locks: what concerns a shard under that shard's;
// after those the mutex of the prefixes, then pubsub's. Complexity: O(clients of the key); for a
// turn with changes O(prefixes).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/pubsub.h"
#include "store/shard.h"

namespace gyre::engine {

/// What a thread that executes has to tell.
struct TrackingNotes {
    struct Change {
        std::string key;
        uint64_t by;  ///< the client that wants to hear nothing of its own changes; 0: another
    };
    /// The client whose command runs, if that is one.
    uint64_t quiet_client = 0;
    /// Of this turn, for the prefixes.
    std::vector<Change> changes;
    /// Tables taken out by a flush.
    std::vector<std::unique_ptr<store::TrackTable>> discarded;
    /// Frees up to `budget` keys of those; true when none is left.
    bool drain(size_t budget);
};

class Tracking {
public:
    explicit Tracking(Pubsub& pubsub) : pubsub_(pubsub) {}

    /// Names of topics: of a client that has read keys, of one that tracks prefixes but not its own
    /// changes, of a prefix, and of all that track.
    static std::string reader_topic(uint64_t client) { return 'r' + number(client); }
    static std::string quiet_topic(uint64_t client) { return 'q' + number(client); }
    static std::string prefix_topic(std::string_view prefix) { return 'p' + std::string(prefix); }
    static std::string common_topic() { return "a"; }

    // --- with the shard locked ---
    /// The client has read the key. Above the limit another key, or this one, is forgotten, and its
    /// clients are told as if it had changed.
    void remember(store::Shard& shard, const store::Key& key, uint64_t client,
                  Pubsub::Origin& origin);
    /// The key was changed: those who have read it are told and forgotten, but for `quiet`;
    /// prefixes are noted. Only where the shard is tracked or broadcast.
    void touch(store::Shard& shard, const store::Key& key, uint64_t quiet, TrackingNotes& notes,
               Pubsub::Origin& origin);
    /// Forgets up to `budget` keys above the limit.
    void trim(store::Shard& shard, size_t budget, Pubsub::Origin& origin);

    // --- with all shards locked ---
    /// All is gone: everybody who tracks is told, and nothing is remembered.
    void flush(store::Shard& shard, TrackingNotes& notes);
    void tell_all(Pubsub::Origin& origin);
    /// A client tracks the keys with a prefix; with `is_quiet`, but for its own changes. The
    /// shards' set_broadcast() says whether there are any.
    void add_prefix(std::string_view prefix, uint64_t client, bool is_quiet);
    void remove_prefix(std::string_view prefix, uint64_t client, bool is_quiet);

    // --- without locks ---
    /// Tells of the changes that were noted for the prefixes.
    void broadcast(TrackingNotes& notes, Pubsub::Origin& origin) {
        if (!notes.changes.empty()) [[unlikely]]
            broadcast_changes(notes, origin);
    }
    bool is_above_limit() const {
        const int64_t limit = keys_max.load(std::memory_order_relaxed);
        return limit > 0 && keys() > limit;
    }

    int64_t keys() const { return keys_.load(std::memory_order_relaxed); }
    int64_t items() const { return items_.load(std::memory_order_relaxed); }
    size_t prefixes() const;
    int64_t clients() const { return clients_.load(std::memory_order_relaxed); }
    void count_client(int64_t change) { clients_.fetch_add(change, std::memory_order_relaxed); }

    /// tracking-table-max-keys; 0: no limit.
    std::atomic<int64_t> keys_max{1'000'000};

private:
    struct Listeners {
        size_t plain = 0;
        base::CountedVector<uint64_t, base::Purpose::clients> quiet;
        bool empty() const { return plain == 0 && quiet.empty(); }
    };
    using Changes = std::span<const TrackingNotes::Change>;

    static std::string number(uint64_t client);
    static Changes with_prefix(Changes changes, std::string_view prefix);
    void broadcast_changes(TrackingNotes& notes, Pubsub::Origin& origin);
    void tell(const std::string& topic, std::string_view keys, Pubsub::Origin& origin) {
        pubsub_.publish(TopicKind::tracking, topic, keys, origin);
    }
    void tell_readers(const store::TrackTable::Tracked& tracked, uint64_t quiet,
                      Pubsub::Origin& origin);

    Pubsub& pubsub_;
    std::atomic<int64_t> keys_{0};
    std::atomic<int64_t> items_{0};
    std::atomic<int64_t> clients_{0};
    mutable std::mutex mutex_;
    std::map<std::string, Listeners, std::less<>> prefixes_;  // under mutex_
};

}  // namespace gyre::engine
