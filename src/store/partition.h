// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One shard's part of one database: an intrusive hash table of entries, and a timer wheel for those
// that have a deadline. It knows nothing of commands; whether an expired entry may still be seen is
// the caller's business (engine/keyspace.h), removing what is due is this file's.
//
// Ownership: a Partition owns its entries and, through them, one reference of each external value.
// It lives in a Shard, from whose slab the entries come. Values worth a slow free go to the shard's
// Reclaimer instead of being freed under the lock.
// Threads: caller holds the shard lock.
// Invariants: 1. with_expiry() entries have a deadline, and each of them has a token in the wheel
//                (or in the wheel being rebuilt) that fires no later than one tick after it. The
//                same holds for the nearest deadline of a hash's fields.
//             2. A tally() is the number of entries of its type and the sum of footprint() over
//                them, so entry_bytes() is that sum over all.
//             3. once it has a wheel it stands in its shard's list of those that have one.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "containers/bucket_table.h"
#include "containers/timer_wheel.h"
#include "store/entry.h"
#include "store/s3fifo.h"
#include "types/object.h"
#include "types/string_value.h"

namespace gyre::store {

class Shard;

/// What is brought in before keys are removed that are due; each step needs what the one before it
/// asked for.
enum class DueHint : uint8_t { slots, chunks, buckets, entries };
inline constexpr unsigned kDueHints = 4;

/// A key on its way through a command: its bytes and their seeded hash, computed once.
struct Key {
    std::string_view bytes;
    uint64_t hash = 0;
    static Key of(std::string_view bytes) { return {bytes, base::hash_bytes(bytes)}; }
};

/// How a partition hashes for its own index. Normally the key's hash serves; once a chain has grown
/// beyond what chance allows, the partition changes to SipHash with a key of its own.
struct EntryPolicy {
    using Reference = EntryRef;
    static uint64_t to_bits(EntryRef reference) {
        return reinterpret_cast<uint64_t>(reference.get());
    }
    static EntryRef from_bits(uint64_t bits) { return EntryRef(reinterpret_cast<Entry*>(bits)); }
    uint64_t hash(EntryRef reference) const { return hash_key(reference->key()); }
    uint64_t hash_key(std::string_view key) const {
        return defended ? base::siphash13(key, sip_key) : base::hash_bytes(key);
    }
    bool defended = false;
    base::SipKey sip_key{};
};

/// In a cursor that goes over several partitions: the present one's keys were hashed with SipHash.
/// When that has changed since the cursor was given, the partition's order has too and it begins
/// anew. No table has so many buckets.
inline constexpr uint64_t kDefendedCursor = uint64_t{1} << 62;

/// The keys of one type: how many, and what they take. Aligned so that an entry is counted in one
/// cache line.
struct alignas(2 * sizeof(int64_t)) TypeTally {
    int64_t keys = 0;
    int64_t bytes = 0;
};

/// Told of a field of a hash that is removed because of its deadline, while it is there.
using OnFieldDue = std::function<void(const Entry&, std::string_view name)>;

class Partition {
public:
    using Table = containers::BucketTable<EntryPolicy>;
    /// A chain of more buckets than this cannot come from random keys: someone has found
    /// collisions.
    static constexpr size_t kChainBucketsMax = 16;
    /// Wheel tokens for each key with a deadline, above which the wheel is rebuilt; and how many
    /// more may be stale: a number, and one for so many keys of any kind, because a rebuild goes
    /// through all of them. At most a byte for each key, and eight keys visited for each token.
    static constexpr size_t kTokensPerKeyMax = 2;
    static constexpr size_t kTokensSlack = 1024;
    static constexpr size_t kKeysPerStaleToken = 8;
    /// sample_expiring() draws from all keys where at least one in so many has a deadline, and then
    /// so many times as often as keys are wanted.
    static constexpr size_t kSparseShare = 16;
    static constexpr size_t kDrawsPerSample = 16;
    /// Else it looks at so many places of the wheel, at so many tokens each. Stale ones are among
    /// them; where there is nothing else it throws so many stale ones away.
    static constexpr size_t kWheelDraws = 64;
    static constexpr size_t kTokensPerDraw = 16;
    static constexpr size_t kStaleDropsMax = 1024;
    /// Due tokens handled together, so that the memory they need is fetched at the same time.
    static constexpr size_t kFireBatch = 32;
    /// Tokens expire_in_tick() looks at. Those of keys that are not due go back.
    static constexpr size_t kTickTokensMax = 1024;
    /// Fields of one hash that a token removes; where more are due it comes back in the next step.
    static constexpr size_t kFieldsPerFire = 32;
    /// Entries that small_queue_victim() and main_queue_victim() look at, at most.
    static constexpr size_t kSmallStepsMax = 256;
    static constexpr size_t kMainStepsMax = 256;
    /// Lookups for backlog() that take about half a millisecond.
    static constexpr size_t kBacklogLookups = 4096;
    /// The clock of one reactor never goes back by more than this unless it was set.
    static constexpr int64_t kClockStepMs = 1000;

    /// `number`: of the database it is a part of.
    Partition(Shard& shard, size_t number, int64_t now_ms);
    ~Partition();
    Partition(const Partition&) = delete;
    Partition& operator=(const Partition&) = delete;

    size_t size() const { return table_.size(); }
    size_t with_expiry() const { return with_expiry_; }
    /// Sum of deadlines in ms over the keys that have one, for INFO's avg_ttl.
    double deadline_sum_ms() const { return deadline_sum_ms_; }
    int64_t entry_bytes() const {
        int64_t sum = 0;
        for (const TypeTally& tally : tallies_) sum += tally.bytes;
        return sum;
    }
    /// Keys of one type, and the sum of footprint() over them. O(1).
    const TypeTally& tally(Type type) const { return tallies_[static_cast<size_t>(type)]; }
    size_t index_bytes() const { return table_.memory_bytes(); }
    size_t wheel_bytes() const;
    /// Of what the s3fifo policies remember.
    size_t eviction_bytes() const;

    // --- one key --------------------------------------------------------------------------------
    /// The entry of `key`, expired or not; null when there is none.
    Entry* find(const Key& key) const;
    /// Nothing in a defended partition: its hash costs more than what there is to gain.
    void prefetch_bucket(const Key& key) const {
        if (!is_defended()) table_.prefetch_bucket(key.hash);
    }
    void prefetch_entry(const Key& key) const {
        if (!is_defended()) table_.prefetch_entry(key.hash, entry_lines());
    }

    /// Makes room in the index for so many keys, while there are none; trim_index() when they are
    /// there, as there may be fewer.
    void reserve_index(size_t keys) { table_.reserve(keys); }
    void trim_index() { table_.trim(); }

    /// Makes `key` a string with this content; `present` is what find() gave. An entry that exists
    /// is replaced whole but keeps its access word. Neither key nor content may lie in an entry of
    /// this partition. Returns the entry as it lies now.
    Entry* put_string(const Key& key, Entry* present, const types::StringContent& content,
                      int64_t expire_ms, int64_t timestamp_ms);
    /// Gives a string's bytes to be changed in place, grown or cut to `bytes`, new ones zero: raw
    /// encoded and not shared. `entry` is updated when it moves. The TTL stays.
    char* edit_string(const Key& key, Entry*& entry, size_t bytes);
    /// Makes `key` a collection in its packed form: `bytes` of a listpack or an intset. As
    /// put_string() otherwise.
    Entry* put_packed(const Key& key, Entry* present, Kind kind, std::string_view bytes,
                      int64_t expire_ms, int64_t timestamp_ms);
    /// Gives the bytes of a packed value to be changed in place, grown or cut to `bytes`; what was
    /// there stays in front, new bytes are as they come. `entry` is updated when it moves.
    char* edit_packed(const Key& key, Entry*& entry, size_t bytes);
    /// Makes `key` a collection that is an object. As put_string() otherwise.
    Entry* put_object(const Key& key, Entry* present, Kind kind,
                      std::unique_ptr<types::Object> object, int64_t expire_ms,
                      int64_t timestamp_ms);
    /// To be called when the object of an entry was changed, with its contents_bytes() from
    /// before.
    void object_changed(Entry& entry, size_t bytes_before);
    /// To be called when fields of a hash got deadlines, with its fields_due_ms() from before.
    void track_fields(const Key& key, Entry* entry, int64_t previous_ms);
    /// The nearest deadline of the fields of a hash; kNoExpiry: none has one.
    static int64_t fields_due_ms(const Entry& entry);
    /// Changes the value of a string, keeping TTL and timestamp.
    Entry* change_string(const Key& key, Entry* entry, const types::StringContent& content);
    /// Sets or (kNoExpiry) removes the deadline. Returns the entry as it lies now.
    Entry* set_expiry(const Key& key, Entry* entry, int64_t expire_ms);
    /// Records a timestamp. Returns the entry as it lies now.
    Entry* set_timestamp(const Key& key, Entry* entry, int64_t timestamp_ms);
    /// Copies an entry of any partition to `key`, value, deadline, timestamp and access word
    /// included; external values are shared, objects cloned. `key` must be absent.
    Entry* insert_copy(const Key& key, const Entry& source);
    /// The same, but takes the value and erases `source`, which lies in `from`: O(1) however large
    /// it is.
    Entry* insert_moved(const Key& key, Partition& from, const Key& source_key, Entry* source);
    void erase(const Key& key, Entry* entry);

    /// Bytes that `entry` and what it owns take from the allocators: MEMORY USAGE. O(1).
    static size_t footprint(const Entry& entry);

    // --- all keys -------------------------------------------------------------------------------
    /// See BucketTable::scan().
    template <class F>
    uint64_t scan(uint64_t cursor, F&& visit) const {
        return table_.scan(cursor, [&](EntryRef reference) { visit(*reference.get()); });
    }
    /// See BucketTable::scan_begin().
    uint64_t scan_begin(uint64_t cursor) const { return table_.scan_begin(cursor); }
    /// See BucketTable::scan_once(). Void when is_defended() changes between two calls.
    template <class F>
    uint64_t scan_once(uint64_t cursor, F&& visit) const {
        return table_.scan_once(cursor, [&](EntryRef reference) { visit(*reference.get()); });
    }
    /// True once the partition hashes with SipHash: all places in the index are new since then.
    bool is_defended() const { return table_.policy().defended; }
    template <class F>
    void for_each(F&& visit) const {
        table_.for_each([&](EntryRef reference) { visit(*reference.get()); });
    }
    /// A key at random; null when empty.
    Entry* random(base::Random& random) const;
    /// Up to `count` different entries that stand one behind the other from a random place on;
    /// returns how many.
    size_t sample(base::Random& random, EntryRef* out, size_t count) const {
        return table_.sample(random, out, count);
    }
    /// The same of the keys that have a deadline, by way of the wheel where they are few: bounded
    /// work, which may find none where there are some. Then it has thrown away stale tokens, of
    /// which there are so many that it saw nothing else: called again and again it finds one.
    size_t sample_expiring(base::Random& random, EntryRef* out, size_t count);
    /// The key of an entry as a command would give it. In a defended partition the index has its
    /// own hash, computed when needed.
    Key key_of(const Entry& entry) const { return Key::of(entry.key()); }
    /// A short name of an entry: bits of its hash, which find_token() finds it by as long as it is
    /// there, and rarely another one instead. Names change when the partition defends itself.
    uint64_t token_of(const Entry& entry) const {
        return containers::token_of(index_hash(key_of(entry)));
    }
    Entry* find_token(uint64_t token) const;

    // --- s3fifo, see store/s3fifo.h -------------------------------------------------------------
    /// While the shard's mode is on, new keys (in the mode `expiring`: keys that get a deadline)
    /// enter the small queue. Keys that were there before count as members of the main one.
    size_t small_queue_size() const { return fifo_ ? fifo_->small.live() : 0; }
    /// The key to evict from the small queue; on the way keys that were used move to the main one.
    /// Null when none is left or found with bounded work. It has left the queue for the ghosts: to
    /// be erased. `expiring_only` passes over keys without a deadline.
    Entry* small_queue_victim(bool expiring_only);
    /// The key at the hand of the main queue that was not used lately, or the one used least of
    /// those it could look at with bounded work; null when it saw none.
    Entry* main_queue_victim(bool expiring_only);
    /// Forgets all queues; keys become members of the main one.
    void drop_queues() { fifo_.reset(); }

    // --- snapshots, see store/shard.h -----------------------------------------------------------
    /// First of all in whatever changes, moves or removes an entry: a snapshot may want it as it
    /// is. To be called from outside only before an object is changed, which is told then, too.
    void will_change(Entry& entry);
    /// True when the snapshot under way, if there is one, has all entries it wants from here.
    bool is_saved() const;
    /// Saves the entries of the next chain that are yet to be saved; true when nothing is left.
    bool save_chain();

    // --- time -----------------------------------------------------------------------------------
    /// Removes keys whose deadline has passed, spending at most `budget` units of wheel work;
    /// `on_expired` sees each before it goes. Returns the work done. Also moves a rebuild on.
    size_t expire_due(int64_t now_ms, size_t budget,
                      const std::function<void(const Entry&)>& on_expired,
                      const OnFieldDue& on_field_due = nullptr);
    /// Removes also keys whose deadline has passed in the wheel's tick that is not over, when
    /// expire_due() has nothing left to do: looks at kTickTokensMax tokens of it. Lowers the
    /// shard's due_from_ms to what it leaves.
    void expire_in_tick(int64_t now_ms, const std::function<void(const Entry&)>& on_expired,
                        const OnFieldDue& on_field_due = nullptr);
    /// For a caller that visits many partitions with a few due keys each: asks for the memory that
    /// expire_due() reads first, and waits for none. Worth it when some time passes between each
    /// step of DueHint, and before expire_due().
    void hint_due(int64_t now_ms, DueHint hint) const;
    /// Earliest time at which expire_due() may have work; INT64_MAX: none.
    int64_t next_due_ms() const;
    /// A time before which no key is past its deadline; INT64_MAX: none has one.
    int64_t due_from_ms() const;
    /// Keys past their deadline that are still here. Exact where `lookups` are enough, of which
    /// each due token takes one; else the due tokens are counted, the stale ones among them, so
    /// that nobody who asks holds up what is to remove them. Free where due_from_ms() is still to
    /// come.
    int64_t backlog(int64_t now_ms, size_t& lookups) const;
    /// The same without a bound.
    int64_t backlog(int64_t now_ms) const {
        size_t lookups = SIZE_MAX;
        return backlog(now_ms, lookups);
    }

    /// Erases about `budget` entries, to be called until is_drained(); returns the work done. For
    /// partitions taken out of the keyspace by FLUSHALL and FLUSHDB; nothing else may be done with
    /// them any more. Queues go first, at once. Afterwards it drops the wheel in the same way; then
    /// is_drained().
    size_t drain(size_t budget);
    /// True when nothing is left whose freeing could take long.
    bool is_drained() const {
        return size() == 0 && !fifo_ && !wheel_ && !next_wheel_ && retired_.empty();
    }

private:
    uint64_t index_hash(const Key& key) const {
        return table_.policy().defended ? table_.policy().hash_key(key.bytes) : key.hash;
    }
    Table::Position position_of(const Key& key, const Entry* entry) const;
    void* allocate(size_t bytes);
    void free_memory(Entry* entry, size_t bytes);
    Entry* remake(const Key& key, Entry* present, uint8_t flags, size_t value_field);
    Entry* add_field(const Key& key, Entry* entry, Entry::Flag field);
    struct Lifetime {
        int64_t expire_ms;
        int64_t timestamp_ms;
    };
    Entry* begin_put(const Key& key, Entry* present, unsigned flags, size_t value_field,
                     Lifetime lifetime);
    void settle(const Key& key, Entry* entry, bool is_new, int64_t previous_expire_ms);
    Entry* put_bytes(const Key& key, Entry* present, Kind kind, const types::StringContent& content,
                     Lifetime lifetime);
    Entry* insert_like(const Key& key, const Entry& source);
    char* edit_bytes(const Key& key, Entry*& entry, size_t bytes);
    char* edit_inline(const Key& key, Entry*& entry, size_t bytes);
    char* edit_external(const Key& key, Entry*& entry, size_t bytes);
    void add_token(uint64_t token, int64_t deadline_ms);
    void insert(const Key& key, Entry* entry);
    void release_value(Entry* entry);
    void count_in(Entry& entry);
    void count_out(Entry& entry);
    void count_fields(Entry& entry);
    void track_expiry(const Key& key, Entry* entry, int64_t previous_ms);
    void write_content(Entry* entry, const types::StringContent& content);
    void defend();
    /// The cache lines that a string's entry of the mean size most often lies in. A large value is
    /// not in its entry, but counts here: then one or two too many are fetched.
    size_t entry_lines() const {
        const TypeTally& strings = tally(Type::string);
        if (strings.bytes <= 88 * strings.keys) [[likely]]
            return 2;
        return strings.bytes <= 152 * strings.keys ? 3 : 4;
    }
    void prefetch_buckets(std::span<const uint64_t> tokens) const;
    void prefetch_entries(std::span<const uint64_t> tokens) const;
    void prefetch_due(std::span<const uint64_t> tokens) const {
        prefetch_buckets(tokens);
        prefetch_entries(tokens);
    }
    void fire(uint64_t token, int64_t now_ms, const std::function<void(const Entry&)>& on_expired,
              const OnFieldDue& on_field_due);
    static int64_t due_ms(const Entry& entry);
    bool expire_fields(Entry* entry, int64_t now_ms, const OnFieldDue& on_field_due);
    bool needs_rebuild() const;
    void begin_rebuild();
    size_t continue_rebuild(size_t budget);
    void tend_wheel();
    size_t sample_wheel(base::Random& random, EntryRef* out, size_t count) const;
    Entry* first_expiring();
    void retire(std::unique_ptr<containers::TimerWheel>& wheel);
    size_t drop_retired(size_t budget);
    S3Fifo& fifo();
    size_t fifo_candidates() const;
    void enter_queue(const Key& key, Entry* entry);
    void tidy_small_queue();
    void leave_queue(const Key& key, const Entry* entry);
    bool is_in_small_queue(const Entry& entry) const;
    Entry* find_queued(SmallQueue::Oldest queued) const;
    void remove(const Key& key, Entry* entry);

    Shard& shard_;
    Table table_;
    std::unique_ptr<containers::TimerWheel> wheel_;
    std::unique_ptr<containers::TimerWheel> next_wheel_;            // while the wheel is rebuilt
    std::vector<std::unique_ptr<containers::TimerWheel>> retired_;  // being freed in slices
    uint64_t cursor_ = 0;  // of the rebuild; once detached, of drain(): the bucket emptied last
    std::unique_ptr<S3Fifo> fifo_;  // while an s3fifo policy is in force
    std::vector<Entry*> fired_;     // entries of one token or chain; kept to spare allocations
    int64_t now_ms_;
    friend class Shard;
    size_t number_;                  // of the database; while a snapshot wants something: then
    uint64_t save_cursor_ = 0;       // chains before it are saved
    uint8_t saved_mark_;             // the shard's mark for which all are
    bool is_left_out_ = false;       // was flushed before the snapshot began
    size_t timed_place_ = SIZE_MAX;  // in the shard's list of partitions with a wheel
    size_t with_expiry_ = 0;
    size_t with_timed_fields_ = 0;  // hashes
    double deadline_sum_ms_ = 0;
    std::array<TypeTally, kTypeCount> tallies_{};
};

}  // namespace gyre::store
