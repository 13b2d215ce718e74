// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Which clients have read which keys of a shard and want to be told when one changes (CLIENT
// TRACKING). They are known by their numbers: a client that has left stays listed until the key is
// changed, and nobody is told then. As in Redis a key is its name, whatever the database.
//
// Ownership: the table belongs to its shard, and to whoever frees it once it was taken from there.
// Threads: under the shard's lock. Complexity: O(1) for a key, O(clients of the key) to add one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/counted.h"
#include "store/partition.h"

namespace gyre::store {

class TrackTable {
public:
    using Clients = base::CountedVector<uint64_t, base::Purpose::clients>;  // ascending
    using Text = base::CountedString<base::Purpose::clients>;
    struct Tracked {
        Text name;
        Clients clients;
    };
    /// What add() has added.
    struct Added {
        bool key = false;
        bool client = false;
    };

    Added add(const Key& key, uint64_t client);
    /// Takes a key out; nullopt: nobody has read it.
    std::optional<Tracked> take(const Key& key);
    /// Takes any key out. Not from an empty table.
    Tracked take_any();
    bool empty() const { return keys_.empty(); }
    /// Frees up to `budget` keys; true when none is left.
    bool drain(size_t budget);

private:
    struct Identity {
        size_t operator()(uint64_t hash) const { return hash; }
    };
    using Keys = std::unordered_multimap<
        uint64_t, Tracked, Identity, std::equal_to<>,
        base::CountedAllocator<std::pair<const uint64_t, Tracked>, base::Purpose::clients>>;
    Keys::iterator find(const Key& key);

    Keys keys_;
};

}  // namespace gyre::store
