// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Marks on keys: who wants to know whether a key is written, removed or put in the place of another
// (WATCH, and BEGIN: engine/view.h). A mark is made and found by the key's name, whether the key
// exists or not; nothing of it is in an entry. A shard without marks says so in one bit, which is
// all that a write looks at.
//
// Ownership: a Watcher owns its marks and takes them back before it goes. The table belongs to the
// shard. Threads: all but Watcher::is_touched under the shard's lock; a Watcher's list belongs to
// its home thread. Complexity: O(marks on the key); a change of a whole database O(marks in it).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "base/counted.h"
#include "store/partition.h"

namespace gyre::store {

class Watcher;

/// One mark of one watcher.
struct Watch {
    /// A node of the table, and the allocator's share of both.
    static constexpr size_t kOverhead = 64;
    using Text = base::CountedString<base::Purpose::clients>;

    Watch(Watcher& owner, size_t in_database, const Key& marked)
        : watcher(owner), database(in_database), name(marked.bytes), hash(marked.hash) {}
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

    Key key() const { return {name, hash}; }
    size_t footprint() const { return sizeof(Watch) + kOverhead + name.size(); }
    bool is_of(size_t in_database, const Key& other) const {
        return hash == other.hash && database == in_database && name == other.bytes;
    }

    Watcher& watcher;
    const size_t database;
    const Text name;
    const uint64_t hash;
    // Under the shard's lock:
    bool is_touched = false;  ///< the key has changed since
    bool was_due = false;     ///< the key was past its deadline then, and had to stay: it may go
};

/// What has changed of a key.
enum class Change : uint8_t {
    value,
    due,     ///< it is gone, because of its deadline
    beside,  ///< what WATCH does not see, as in Redis: the groups of a stream and their consumers
};

/// Who watches. The home thread makes and takes back marks.
class Watcher {
public:
    /// `least`: Change::beside sees every change.
    explicit Watcher(Change least = Change::value) : sees_all(least == Change::beside) {}
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    ~Watcher();

    const bool sees_all;
    std::atomic<bool> is_touched{false};  ///< a marked key has changed
    std::atomic<uint64_t> bytes{0};       ///< of `watches`
    base::CountedVector<std::unique_ptr<Watch>, base::Purpose::clients> watches;
};

class WatchTable {
public:
    void add(Watch& watch) { marks_.emplace(watch.hash, &watch); }
    void remove(const Watch& watch);
    bool empty() const { return marks_.empty(); }
    /// Tells the watchers of a key.
    void touch(size_t database, const Key& key, Change change = Change::value);
    /// The mark that `watcher` has on the key; null: none.
    Watch* find(const Watcher& watcher, size_t database, const Key& key) const;
    void for_each(const std::function<void(Watch&)>& visit) const;

private:
    struct Identity {
        size_t operator()(uint64_t hash) const { return hash; }
    };
    std::unordered_multimap<
        uint64_t, Watch*, Identity, std::equal_to<>,
        base::CountedAllocator<std::pair<const uint64_t, Watch*>, base::Purpose::clients>>
        marks_;
};

}  // namespace gyre::store
