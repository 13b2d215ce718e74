// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a command handler sees of the data: one database, at one moment, with the shards of the
// command's keys locked. Every read and every write of a handler goes through here, so this is
// where lazy expiry, the access word, hits and misses, the default TTL, timestamps, and the count
// of changes are kept, once for all commands.
//
// Ownership: borrows everything; made anew for each command. An Entry* it returns is good until the
// next write through it.
// Threads: caller holds the locks of the shards of every key passed in.
// Suspends: never.

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "engine/dataset.h"
#include "engine/events.h"

namespace gyre::engine {

/// What a write does to the key's deadline.
struct Deadline {
    enum class Kind : uint8_t {
        none,  ///< no expiry was asked for: the default TTL applies
        keep,  ///< KEEPTTL, and every write that changes a value
        at,    ///< at `unix_ms`
    };
    Kind kind = Kind::none;
    int64_t unix_ms = store::kNoExpiry;
    static Deadline none() { return {}; }
    static Deadline keep() { return {Kind::keep, store::kNoExpiry}; }
    static Deadline at(int64_t unix_ms) { return {Kind::at, unix_ms}; }
};

class Keyspace {
public:
    Keyspace(Dataset& dataset, Executor& executor, size_t database, int64_t now_ms, bool no_touch)
        : dataset_(dataset),
          shards_(&dataset.table()),
          executor_(executor),
          database_(database),
          now_ms_(now_ms),
          clock_ms_(now_ms),
          no_touch_(no_touch) {}
    /// As a transaction sees it (engine/view.h): what it has written, and the rest as it found it.
    Keyspace(Dataset& dataset, View& view, size_t database, int64_t now_ms, bool no_touch);

    Dataset& dataset() { return dataset_; }
    Executor& executor() { return executor_; }
    size_t database() const { return database_; }
    int64_t now_ms() const { return now_ms_; }
    /// The same moment in another database.
    Keyspace in_database(size_t database) const {
        Keyspace other = *this;
        other.database_ = database;
        return other;
    }
    /// The same for a command that marks keys as used whatever its client wants.
    Keyspace touching() const {
        Keyspace other = *this;
        other.no_touch_ = false;
        return other;
    }
    /// Of a transaction; null: the keyspace is the one all see.
    View* view() const { return view_; }
    /// The present, where a timer wheel begins and which a handler writes down; while a log is
    /// executed again it is not the time by which keys are past their deadlines.
    int64_t clock_ms() const { return clock_ms_; }
    void set_clock_ms(int64_t ms) { clock_ms_ = ms; }

    // --- looking
    // ----------------------------------------------------------------------------------
    /// For commands that read a value: counts a hit or a miss, and marks the key used. A key past
    /// its deadline is removed and not seen.
    store::Entry* read(const store::Key& key);
    /// For commands that will write the key: marks it used, counts neither hit nor miss.
    store::Entry* write(const store::Key& key);
    /// For commands that ask about the key (TTL, TYPE, OBJECT): no trace is left, except that a key
    /// past its deadline is removed.
    store::Entry* peek(const store::Key& key);
    /// Counts a hit or a miss as read() does, without marking the key used (EXISTS, TTL, TYPE ...
    /// as Redis decides).
    store::Entry* probe(const store::Key& key, bool tells_of_miss = true);
    /// The key is there and due, and has to stay for now (Effects::may_remove()): no lookup sees
    /// it.
    bool hides(const store::Key& key);

    // --- changing
    // ---------------------------------------------------------------------------------
    /// Sets a string, whole. `present` is what a lookup of this command gave (null: absent). A
    /// deadline already past is for the caller to handle. Without an explicit timestamp, one that
    /// is recorded is raised to now.
    store::Entry* put(const store::Key& key, store::Entry* present,
                      const types::StringContent& content, Deadline deadline = Deadline::none(),
                      int64_t timestamp_ms = store::kNoTimestamp);
    /// Replaces the value of a string that exists; TTL kept. For INCR and kin; creates (with the
    /// default TTL) when `present` is null.
    store::Entry* change(const store::Key& key, store::Entry* present,
                         const types::StringContent& content);
    /// The bytes of a string, to be changed in place, grown to `bytes` with zeros; creates the key
    /// when `present` is null. The value becomes raw; TTL kept. `bytes` must not be below the
    /// present length.
    char* edit(const store::Key& key, store::Entry*& present, size_t bytes);
    /// Makes the key a collection in its packed form, whole. Unless told otherwise a new key gets
    /// the default TTL, one that exists keeps its own.
    store::Entry* put_packed(const store::Key& key, store::Entry* present, store::Kind kind,
                             std::string_view bytes, Deadline deadline = Deadline::keep());
    /// The bytes of a packed collection, to be changed in place, grown or cut to `bytes`; what was
    /// there stays in front, new bytes are as they come. `entry` is updated when it moves.
    char* edit_packed(const store::Key& key, store::Entry*& entry, size_t bytes);
    /// Makes the key a collection that is an object. TTL as with put_packed().
    store::Entry* put_object(const store::Key& key, store::Entry* present, store::Kind kind,
                             std::unique_ptr<types::Object> object,
                             Deadline deadline = Deadline::keep());
    /// Lets `edit` look at and change the object of `entry`, which it gets as a T&, and returns
    /// what it returns. Whether something changed is the caller's to know: it then calls changed().
    /// Ends before the key is erased.
    template <class T, class F>
    decltype(auto) edit_object(const store::Key& key, store::Entry* entry, F&& edit) {
        store::Partition& partition = partition_of(key);
        partition.will_change(*entry);
        auto& object = static_cast<T&>(*entry->object());
        object.will_edit();
        ObjectEdit guard{partition, *entry, object.contents_bytes()};
        return std::forward<F>(edit)(object);
    }
    /// The object of the entry was changed: counts a write and raises the timestamp. Returns the
    /// entry as it lies now.
    store::Entry* changed(const store::Key& key, store::Entry* entry);
    /// The same of a change that can make nothing ready for those who wait for the key.
    store::Entry* changed_unready(const store::Key& key, store::Entry* entry);
    /// Something beside the value was changed (store::Change): the groups of a stream and their
    /// consumers. `is_awaited`: who waits for the key may have to know.
    store::Entry* changed_beside(const store::Key& key, store::Entry* entry,
                                 bool is_awaited = false);
    /// Fields of the hash of `entry` got deadlines; `previous_ms` is the nearest one of before.
    void track_fields(const store::Key& key, store::Entry* entry, int64_t previous_ms);
    /// Sets the deadline, or removes it (kNoExpiry).
    store::Entry* set_expiry(const store::Key& key, store::Entry* entry, int64_t unix_ms);
    void erase(const store::Key& key, store::Entry* entry);
    /// The same, of what the next put replaces: to those who listen that one's key is not new.
    void erase_to_replace(const store::Key& key, store::Entry* entry);
    /// The key, which is absent, was written with a deadline that is past: whoever watches it is
    /// told, and nothing is left.
    void wrote_nothing(const store::Key& key) { note_touched(key, Cause::command); }
    /// What was asked for is so already: whoever watches the key is told all the same, as in Redis,
    /// and nothing else has happened.
    void left_as_it_was(const store::Key& key) {
        dataset_.note_touched_unready(shard_of(key), database_, key, executor_);
    }
    /// Removes up to `budget` fields that are due of a hash that is an object, which is no change
    /// by the command. Returns the entry; null: it went with the last of them.
    store::Entry* remove_due_fields(const store::Key& key, store::Entry* entry, size_t budget);
    /// The same of one field that is due, by a command that writes.
    store::Entry* remove_due_field(const store::Key& key, store::Entry* entry,
                                   std::string_view name);
    /// Copies `source` (of any database whose shard is locked) to `key`, which must be absent here;
    /// deadline, timestamp and access word come along, the default TTL does not apply.
    /// `replaced_ms` is the timestamp of what was erased to make room: that one is raised to now,
    /// as by every write without a timestamp, and the later of the two is recorded.
    store::Entry* copy_to(const store::Key& key, const store::Entry& source,
                          int64_t replaced_ms = store::kNoTimestamp);
    /// The same, but takes the value and erases the source, which is `source_key` in `from`: O(1)
    /// however large it is.
    store::Entry* move_to(const store::Key& key, Keyspace& from, const store::Key& source_key,
                          store::Entry* source, int64_t replaced_ms);

    /// Tells those who listen of an event, at the place in the handler where Redis does: after the
    /// key was changed. `classes` are bits of event::, `name` is Redis' ("set", "rename_from").
    void notify(uint32_t classes, std::string_view name, const store::Key& key) {
        if (dataset_.notifies(classes) && !executor_.is_replaying) [[unlikely]]
            tell_event(classes, name, key);
    }

    /// The same of a change for which Redis has no event: only db-updates tells of it.
    void notify_update(std::string_view name, const store::Key& key) {
        notify(event::updates, name, key);
    }

    store::LfuParameters lfu_parameters() const;
    store::Partition& partition_of(const store::Key& key) {
        return shard_of(key).database(database_, clock_ms_);
    }
    store::Shard& shard_of(const store::Key& key) { return shards_->shard_of(key.hash); }

private:
    struct ObjectEdit {
        store::Partition& partition;
        store::Entry& entry;
        size_t bytes_before;
        ~ObjectEdit() { partition.object_changed(entry, bytes_before); }
    };
    store::Entry* keep_unless_empty(const store::Key& key, store::Entry* entry, size_t fields);
    store::Entry* find_live(store::Shard& shard, const store::Key& key);
    void touch(store::Shard& shard, store::Entry& entry);
    void tell_event(uint32_t classes, std::string_view name, const store::Key& key);
    /// A transaction counts when it commits.
    bool counts_keys() const { return dataset_.counts_keys() && view_ == nullptr; }
    int64_t deadline_ms(const store::Entry* present, Deadline deadline) const;
    int64_t next_timestamp(const store::Entry* present, int64_t timestamp_ms) const;
    store::Entry* raise_timestamp(const store::Key& key, store::Entry* entry);
    void note_created(const store::Key& key);
    void note_put(const store::Key& key, const store::Entry* present, Deadline deadline,
                  int64_t expire_ms, int64_t stamp_ms);
    void note_change(const store::Key& key) {
        note_touched(key, Cause::command);
        executor_.effects.changed();
    }
    /// Who watches the key wants to know; what no command did the log is told by itself.
    void note_touched(const store::Key& key, Cause cause) {
        store::Shard& shard = shard_of(key);
        ++shard.statistics.changes;
        dataset_.note_touched(shard, database_, key, executor_, cause);
    }

    Dataset& dataset_;
    const ShardTable* shards_;
    Executor& executor_;
    View* view_ = nullptr;
    size_t database_;
    int64_t now_ms_;
    int64_t clock_ms_;
    bool no_touch_;
    bool is_replacing_ = false;
};

}  // namespace gyre::engine
