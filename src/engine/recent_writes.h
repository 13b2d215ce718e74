// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Where in the log the last write of a key lies, by the key's hash: with `appendfsync always` a
// reader must not be told what is not yet durable, and need not wait for anything else. Kept in a
// table of fixed size, whose places several keys share: who reads a key waits now and then for the
// write of another, never too short. The upper bits of the hash choose the place, as they choose
// the shard, so the places of two shards are different ones and the shard's lock guards them.
//
// Ownership: of the Dataset's user, borrowed by executors. Threads: note() and of() with the shard
// locked; note_all() any. Complexity: O(1).

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/counted.h"
#include "base/prefetch.h"
#include "log/log.h"
#include "log/segments.h"

namespace gyre::engine {

class RecentWrites {
public:
    /// 2 MiB; with 500 writes under way a reader of another key waits in one of 500 cases.
    static constexpr unsigned kPlacesBits = 18;
    static constexpr size_t kBytes = sizeof(std::atomic<log::Position>) << kPlacesBits;

    RecentWrites() : ends_(size_t{1} << kPlacesBits) {}

    void note(uint64_t hash, log::Position end) {
        ends_[hash >> (64 - kPlacesBits)].store(end, std::memory_order_relaxed);
    }
    void prefetch(uint64_t hash) const { base::prefetch(&ends_[hash >> (64 - kPlacesBits)]); }
    void note_all(log::Position end) {
        log::Position seen = all_.load(std::memory_order_relaxed);
        while (seen < end && !all_.compare_exchange_weak(seen, end, std::memory_order_relaxed)) {
        }
    }
    /// Before what may be told of the key is durable up to here, nothing of it may be told.
    log::Position of(uint64_t hash) const {
        const log::Position own = ends_[hash >> (64 - kPlacesBits)].load(std::memory_order_relaxed);
        const log::Position all = all_.load(std::memory_order_relaxed);
        return own > all ? own : all;
    }

private:
    base::CountedVector<std::atomic<log::Position>, base::Purpose::log> ends_;
    std::atomic<log::Position> all_{0};
};

/// What does not count against maxmemory: a log that gets longer by what is evicted, and what it
/// takes to have one at all.
inline uint64_t uncounted_bytes(const log::Log& log) noexcept {
    return log.memory_bytes() + log::Segments::kTableBytes + RecentWrites::kBytes;
}

}  // namespace gyre::engine
