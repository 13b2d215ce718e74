// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A snapshot of the whole data set while it is being written to. begin() fixes the moment, under
// the locks of all shards, in microseconds. From then on each entry that was there is encoded once:
// by the walk over all shards, which the reactors take on in slices, or first, by whoever is about
// to change or remove it (store/entry_saver.h). What is encoded goes to a queue of chunks, from
// which one consumer takes it: the order of chunks means nothing, for each begins a run of records
// of its own.
//
// Strings and packed collections above Entry::kInlineValueMax are not copied: a chunk shares their
// bytes, and a write that comes meanwhile makes new ones.
//
// A large collection (kLargeBytes) is encoded in parts of kPartBytes, so that the walk holds the
// lock of its shard for kChainsPerHold of them at most, about 0.2 ms; a single element is never cut
// in two. When a write comes to it, only what that write touches is encoded first, or kept aside
// (types/object.h): a bucket, a leaf, a node; of a stream all groups that it has. One that loses
// its key meanwhile (DEL, a write of another value, a flush, a deadline) is not encoded by whoever
// takes it away: it belongs to the snapshot from then on, and is freed when that has all of it. One
// that goes to a key of another shard is encoded there. What was begun is ended first: a shard's
// walk goes on only when all its begun collections are done, and a reactor that has walked its own
// shards looks after those of all.
//
// Memory: what is encoded and not yet consumed. The walk stops at kQueuedBytesMax; what writers
// must save first comes on top of it, each entry once, and they are held back at kBrakeBytes. A
// large collection is handed over when it is encoded to its end: its record must not be cut by
// others in the file. So its encoded form is held whole, in pieces. What writers have encoded, or
// kept aside, of collections that the walk has not come to is limited, too: at kAheadBytesMax they
// are held back, and such collections are encoded before everything else. All of it, and objects
// that wait to be freed, counts as Purpose::snapshot.
//
// Ownership: borrows the data set, outlived by it; used again for one snapshot after the other.
// Threads: run_slice() on each reactor; begin() on any thread without locks, and not before
// is_over(); the consumer's functions on one thread at a time. Suspends: never.
// Errors: none; a consumer that cannot go on calls discard(), and the walk goes on for nothing, so
// that all entries are marked as saved when the next snapshot begins.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/shared_bytes.h"
#include "engine/dataset.h"
#include "snapshot/buffer.h"
#include "snapshot/object_writer.h"
#include "snapshot/record_encoder.h"

namespace gyre::engine {

/// Records one behind the other.
struct SnapshotChunk {
    snapshot::Buffer bytes;
    /// What follows `bytes`, in order.
    std::vector<snapshot::Buffer> more;
    /// Not null: the last record lacks its last string, which is this.
    base::SharedBytesRef value;
    uint64_t keys = 0;
    SnapshotChunk* next = nullptr;

    [[nodiscard]] size_t size() const;
};

/// Chunks on their way from many threads to one. Without locks: it is filled under shard locks.
class SnapshotQueue {
public:
    ~SnapshotQueue() { free_all(take_all()); }
    void push(std::unique_ptr<SnapshotChunk> chunk) noexcept;
    /// All there are, linked by `next`; the caller frees them.
    SnapshotChunk* take_all() noexcept {
        return head_.exchange(nullptr, std::memory_order_acquire);
    }
    [[nodiscard]] bool is_empty() const noexcept {
        return head_.load(std::memory_order_relaxed) == nullptr;
    }
    /// Of chunks pushed and not yet reported by consumed().
    [[nodiscard]] size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
    /// True when that brought the bytes below `limit`.
    bool consumed(size_t bytes, size_t limit) noexcept {
        const size_t before = bytes_.fetch_sub(bytes, std::memory_order_relaxed);
        return before >= limit && before - bytes < limit;
    }
    static void free_all(SnapshotChunk* chunks) noexcept;

private:
    std::atomic<SnapshotChunk*> head_{nullptr};
    std::atomic<size_t> bytes_{0};
};

struct SnapshotOptions {
    snapshot::StringEncoderOptions strings;
    int version = snapshot::kRdbVersion;
    int64_t now_ms = 0;
};

class SnapshotJob {
public:
    using Clock = std::function<int64_t()>;  // monotonic microseconds

    /// The walk waits for the consumer while more than this is queued.
    static constexpr size_t kQueuedBytesMax = 8 * 1024 * 1024;
    /// Writers are held back from so many on, until half of them are gone.
    static constexpr size_t kBrakeBytes = 64 * 1024 * 1024;
    /// The same for what they have encoded, or kept aside, of large collections that the walk has
    /// not come to.
    static constexpr size_t kAheadBytesMax = 64 * 1024 * 1024;
    /// A chunk is handed over when it has this many bytes.
    static constexpr size_t kChunkBytes = 64 * 1024;
    /// Longest slice while clients are being served, and when nothing else wants the thread.
    static constexpr int64_t kBusySliceUs = 100;
    static constexpr int64_t kIdleSliceUs = 400;
    /// A collection with more bytes in memory is encoded in parts of so many bytes.
    static constexpr size_t kLargeBytes = 64 * 1024;
    static constexpr size_t kPartBytes = 16 * 1024;
    /// Chains walked, or parts encoded, while a lock is held.
    static constexpr size_t kChainsPerHold = 4;

    explicit SnapshotJob(Dataset& dataset);
    ~SnapshotJob();
    SnapshotJob(const SnapshotJob&) = delete;
    SnapshotJob& operator=(const SnapshotJob&) = delete;

    /// Fixes the moment, and with it the place in the log that `position` gives (null: there is no
    /// log), which is asked for under all locks.
    void begin(const SnapshotOptions& options, Executor& executor,
               const std::function<uint64_t()>& position = nullptr);

    /// Called, without locks and on any thread, to hold writers back and to let them go again.
    /// Before the first begin().
    void set_brake(std::function<void(bool is_on)> brake) { brake_ = std::move(brake); }

    // --- the walk -------------------------------------------------------------------------------
    /// True while there is something to walk over. Any thread, at each turn.
    [[nodiscard]] bool is_walking() const noexcept { return !is_collected(); }
    /// The walk over this reactor's shards, and where these are done over collections that are
    /// begun in others, for at most a slice; true when it wants another one at once. Wakes the
    /// consumer when there is something for it.
    bool run_slice(size_t reactor, Executor& executor, const Clock& clock, bool is_busy);

    // --- the consumer ---------------------------------------------------------------------------
    /// Called, without locks, when there may be something in the queue; null: nobody waits any
    /// more.
    void set_consumer(std::function<void()> wake);
    SnapshotQueue& queue() noexcept { return queue_; }
    /// So many bytes of the queue are done with. True when the walk may go on because of that.
    bool consumed(size_t bytes);
    /// Everything is in the queue, or was taken from it.
    [[nodiscard]] bool is_collected() const noexcept {
        // In this order: where no shard is left no further collection is begun.
        return shards_left_.load(std::memory_order_acquire) == 0 &&
               partials_left_.load(std::memory_order_acquire) == 0;
    }
    /// To be called before the queue is looked at: what comes from here on wakes the consumer.
    void expect() noexcept { is_told_.exchange(false, std::memory_order_acq_rel); }
    /// There was a value of a type that cannot be written: the file must not come about.
    [[nodiscard]] bool lacks_values() const noexcept {
        return lacks_values_.load(std::memory_order_relaxed);
    }
    /// What is collected from here on is thrown away.
    void discard() noexcept { is_discarding_.store(true, std::memory_order_relaxed); }

    // --- what it is of --------------------------------------------------------------------------
    /// Place in the log: the snapshot has the effects before it, and none from it on.
    [[nodiscard]] uint64_t position() const noexcept { return position_; }
    /// Writes counted when it began (ShardStatistics::changes).
    [[nodiscard]] uint64_t changes() const noexcept { return changes_; }
    /// Keys there were, about, and how many of them are encoded. Any thread.
    [[nodiscard]] uint64_t keys_total() const noexcept {
        return keys_total_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] uint64_t keys_encoded() const noexcept {
        return keys_encoded_.load(std::memory_order_relaxed);
    }
    /// What writers have encoded or kept of large collections that the walk has not come to.
    [[nodiscard]] size_t ahead_bytes() const noexcept {
        return ahead_bytes_.load(std::memory_order_relaxed);
    }
    /// Collections that have lost their keys and are freed when they are encoded.
    [[nodiscard]] size_t adopted_objects() const noexcept {
        return adopted_objects_.load(std::memory_order_relaxed);
    }
    /// How often writers were held back since the start or reset_brakes().
    [[nodiscard]] uint64_t brakes() const noexcept {
        return brakes_.load(std::memory_order_relaxed);
    }
    void reset_brakes() noexcept { brakes_.store(0, std::memory_order_relaxed); }

private:
    class Collector;
    /// A large collection that is being encoded. Under the lock of the shard that it is in.
    class Partial final : public types::ObjectSaver {
    public:
        Partial(Collector& collector, types::Object& object, const snapshot::Record& record);
        ~Partial() override;
        Partial(const Partial&) = delete;
        Partial& operator=(const Partial&) = delete;

        /// The walk encodes about kPartBytes more; true when that was all.
        bool step();
        /// What is encoded goes to the queue, and the object, if nobody else has it, away.
        void finish();

        void save_part(uint64_t part) override;
        void note_kept(size_t bytes) override;
        void save_rest() override;
        void adopt(types::Object* object) override;

        Collector* home;  ///< of the shard that it is in

    private:
        void disown(store::Reclaimer* reclaimer);

        types::Object* object_;
        snapshot::ObjectWriter writer_;
        size_t place_ = 0;
        size_t done_ = 0;   // by this step
        size_t ahead_ = 0;  // its share of ahead_bytes_
        bool is_walked_ = false;
        bool is_rest_saved_ = false;
        size_t adopted_bytes_ = 0;  // not 0: the object is its own
    };
    /// Encodes the entries of one shard. Under its lock.
    class Collector final : public store::EntrySaver {
    public:
        Collector(SnapshotJob& owner, size_t index) : job(owner), shard(index) {}
        void begin(const SnapshotOptions& options);
        void save(size_t database, const store::Entry& entry) override;
        void receive(types::ObjectSaver& saver) override;
        void hand_over();
        /// A step of a collection that is begun; false: there is none.
        bool continue_partial();
        /// There are some. Without the lock.
        [[nodiscard]] bool has_partials() const noexcept {
            return has_partials_.load(std::memory_order_relaxed);
        }

        SnapshotJob& job;
        const size_t shard;
        snapshot::RecordEncoder encoder{{}};

    private:
        void save_small(const snapshot::Record& record, const store::Entry& entry);
        void add(std::unique_ptr<Partial> partial);
        std::unique_ptr<Partial> remove(const Partial& partial);

        std::deque<std::unique_ptr<Partial>> partials_;  // in the order in which they were begun
        std::atomic<bool> has_partials_{false};
        std::unique_ptr<SnapshotChunk> chunk_;
    };
    /// How far a reactor has come.
    struct alignas(64) Walker {
        uint64_t snapshot = 0;
        size_t shard = 0;
    };

    bool walk_shard(size_t shard, Executor& executor, int64_t deadline_us, const Clock& clock);
    bool walk_partials(Executor& executor, int64_t deadline_us, const Clock& clock);
    bool walk_own(Walker& walker, Executor& executor, int64_t deadline_us, const Clock& clock);
    void describe(const store::Entry& entry, snapshot::Record& record) const;
    void tell_consumer();
    void brake();
    void release_brake();

    Dataset& dataset_;
    SnapshotQueue queue_;
    std::vector<std::unique_ptr<Collector>> collectors_;  // one for each shard
    std::unique_ptr<Walker[]> walkers_;                   // one for each reactor
    std::mutex consumer_mutex_;
    std::function<void()> wake_consumer_;
    std::atomic<bool> is_told_{false};
    std::function<void(bool)> brake_;  // fixed before the first snapshot
    std::atomic<bool> is_braking_{false};

    // set by begin() under all locks
    SnapshotOptions options_;
    EvictionPolicy policy_ = EvictionPolicy::noeviction;
    store::LfuParameters lfu_;
    uint64_t position_ = 0;
    uint64_t changes_ = 0;

    std::atomic<uint64_t> snapshots_{0};
    std::atomic<size_t> shards_left_{0};
    std::atomic<size_t> partials_left_{0};
    std::atomic<size_t> ahead_bytes_{0};
    std::atomic<size_t> adopted_objects_{0};
    std::atomic<uint64_t> brakes_{0};
    std::atomic<bool> is_discarding_{false};
    std::atomic<bool> lacks_values_{false};
    std::atomic<uint64_t> keys_total_{0};
    std::atomic<uint64_t> keys_encoded_{0};
};

}  // namespace gyre::engine
