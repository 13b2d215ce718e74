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
// in two. When a write comes to one that is not encoded to its end, what is left of it is encoded
// first, at once, under the lock of that write: O(what is left), some 190 ms for a hash of a
// million fields. Any other key is written to meanwhile as ever.
//
// Memory: what is encoded and not yet consumed. The walk stops at kQueuedBytesMax; what writers
// must save first comes on top of it, each entry once, and they are held back at kBrakeBytes. A
// large collection is handed over when it is encoded to its end: its record must not be cut by
// others in the file. So its encoded form is held whole, in pieces of kChunkBytes, for one
// collection of each shard at most.
//
// Ownership: borrows the data set, outlived by it; used again for one snapshot after the other.
// Threads: run_slice() on each reactor; begin() on any thread without locks, and not before
// is_over(); the consumer's functions on one thread at a time. Suspends: never.
// Errors: none; a consumer that cannot go on calls discard(), and the walk goes on for nothing, so
// that all entries are marked as saved when the next snapshot begins.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/shared_bytes.h"
#include "engine/dataset.h"
#include "snapshot/buffer.h"
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
    [[nodiscard]] bool is_walking() const noexcept {
        return shards_left_.load(std::memory_order_acquire) != 0;
    }
    /// The walk over this reactor's shards, for at most a slice; true when it wants another one at
    /// once. Wakes the consumer when there is something for it.
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
        return shards_left_.load(std::memory_order_acquire) == 0;
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

private:
    /// Encodes the entries of one shard. Under its lock.
    class Collector final : public store::EntrySaver {
    public:
        explicit Collector(SnapshotJob& job) : job_(job), encoder_({}) {}
        void begin(const SnapshotOptions& options);
        bool save(size_t database, const store::Entry& entry, Pace pace) override;
        void hand_over();

    private:
        /// A collection of which a part is encoded.
        struct Partial {
            const store::Entry* entry = nullptr;
            std::unique_ptr<SnapshotChunk> chunk;
            snapshot::WriteProgress progress;
        };
        void save_small(const snapshot::Record& record, const store::Entry& entry);
        bool save_large(const snapshot::Record& record, const store::Entry& entry, Pace pace);
        void add_part(Partial& partial, const snapshot::Record& record, bool& is_over);
        Partial& partial_of(const store::Entry& entry);
        void forget(const store::Entry& entry);

        SnapshotJob& job_;
        /// One, unless databases were swapped or flushed while it was encoded.
        std::vector<Partial> partials_;
        snapshot::RecordEncoder encoder_;
        std::unique_ptr<SnapshotChunk> chunk_;
    };
    /// How far a reactor has come.
    struct alignas(64) Walker {
        uint64_t snapshot = 0;
        size_t shard = 0;
    };

    bool walk_shard(size_t shard, Executor& executor, int64_t deadline_us, const Clock& clock);
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
    std::atomic<bool> is_discarding_{false};
    std::atomic<bool> lacks_values_{false};
    std::atomic<uint64_t> keys_total_{0};
    std::atomic<uint64_t> keys_encoded_{0};
};

}  // namespace gyre::engine
