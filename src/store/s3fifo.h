// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the s3fifo policies remember of one partition beyond its entries: the small queue, in which
// new keys prove themselves, and the ghosts, fingerprints of keys that failed to. Source: J. Yang
// et al., "FIFO queues are all you need for cache eviction", SOSP 2023.
//
// The third queue of the paper, the main one, takes no memory: it is the index itself, which a hand
// goes round (partition_eviction.cc). FIFO with reinsertion visits each key once a round, and so
// does the hand; only the first visit of a key comes sooner or later than in a queue. Measured on
// Zipf 0.8 and 1.0 over 10 million keys, 1 % of them resident, 4 million requests: hit ratios
// differ by less than 0.05 points from three exact queues. What the paper does on two hits is done
// here on the first one: promotion to the main queue, +0.7 to +0.9 points in each of these and with
// 10 % one-hit scans.
//
// The small queue is a ring of 4-byte tokens, the low bits of hashes, by which the index finds an
// entry's chain again. An entry's access word says whether it was put there and where, so a key
// that goes takes its token along (it leaves a hole), and whether a word tells the truth can be
// checked: words left over from another policy are no harm. A ghost takes 2 bytes: buckets of a
// cache line hold the last 31 fingerprints that fell into them, which is a FIFO queue for all
// practical purposes. About 3 bytes for each key in all.
//
// Ownership: a Partition owns one while the policy is in force. Threads: caller holds the shard
// lock. Errors: running out of memory ends the process.
// Complexity: O(1); the ring grows and shrinks by copying, the ghosts are emptied when there are to
// be half or one and a half times as many.
// Invariants: 1. live() tokens of the ring are not 0 and belong to entries whose word names their
//                place; the others are holes. Neither end of the ring is a hole.

#include <cstddef>
#include <cstdint>

namespace gyre::store {

/// Access word under an s3fifo policy: bits 0-1 frequency; bit 2 set when the entry was put into
/// the small queue; bits 3-23 the low bits of its place there.
namespace fifo_word {
inline constexpr uint32_t kFrequencyMax = 3;
inline constexpr uint32_t kSmall = 4;
inline constexpr unsigned kPlaceShift = 3;
inline constexpr unsigned kPlaceBits = 21;
inline constexpr uint32_t kPlaceMask = (uint32_t{1} << kPlaceBits) - 1;

inline uint32_t frequency(uint32_t word) { return word & kFrequencyMax; }
/// The word after one more use; the same once the frequency is as high as it gets.
inline uint32_t touched(uint32_t word) { return frequency(word) < kFrequencyMax ? word + 1 : word; }
inline bool says_small(uint32_t word) { return (word & kSmall) != 0; }
inline uint32_t place(uint32_t word) { return word >> kPlaceShift & kPlaceMask; }
inline uint32_t in_small(uint32_t frequency, uint32_t place) {
    return frequency | kSmall | place << kPlaceShift;
}
inline uint32_t in_main(uint32_t frequency) { return frequency; }
}  // namespace fifo_word

/// The ring of tokens.
class SmallQueue {
public:
    struct Oldest {
        uint32_t token = 0;  ///< 0: the queue is empty
        uint32_t place = 0;
    };
    SmallQueue() = default;
    ~SmallQueue();
    SmallQueue(const SmallQueue&) = delete;
    SmallQueue& operator=(const SmallQueue&) = delete;

    /// Tokens are not 0. Returns the place, of which a word keeps kPlaceBits.
    uint32_t push(uint32_t token);
    Oldest pop();
    /// Whether `token` stands at a place with these low bits.
    bool holds(uint32_t place, uint32_t token) const { return find(place, token) != tail_; }
    /// Makes a hole of it; nothing when it is not there.
    void forget(uint32_t place, uint32_t token);

    size_t live() const { return live_; }
    size_t holes() const { return static_cast<size_t>(tail_ - head_) - live_; }
    size_t memory_bytes() const;

private:
    static constexpr size_t kCapacityMin = 16;
    uint32_t& at(uint64_t position) const { return ring_[position & (capacity_ - 1)]; }
    uint64_t find(uint32_t place, uint32_t token) const;
    void trim();
    void resize(size_t capacity);

    uint32_t* ring_ = nullptr;
    size_t capacity_ = 0;  // a power of two
    uint64_t head_ = 0;
    uint64_t tail_ = 0;
    size_t live_ = 0;
};

/// Fingerprints of keys evicted from the small queue, about the last `capacity` of them.
class GhostQueue {
public:
    GhostQueue() = default;
    ~GhostQueue();
    GhostQueue(const GhostQueue&) = delete;
    GhostQueue& operator=(const GhostQueue&) = delete;

    void add(uint64_t hash, size_t capacity);
    /// True, and forgotten, when the hash is there, or one of 65,535 that cannot be told from it.
    bool take(uint64_t hash);
    size_t memory_bytes() const;

private:
    static constexpr size_t kPrints = 31;
    struct Bucket {
        uint16_t next;  // the oldest, to be replaced next
        uint16_t prints[kPrints];
    };
    static_assert(sizeof(Bucket) == 64);
    struct Place {
        Bucket* bucket;
        uint16_t print;
    };
    Place place_of(uint64_t hash) const;
    void resize(size_t buckets);

    Bucket* buckets_ = nullptr;
    size_t count_ = 0;
};

struct S3Fifo {
    /// Evict from the small queue while it holds this share of the candidates.
    static constexpr size_t kSmallPercent = 10;
    /// It holds no more than this share, or kSmallFreeMax keys if that is more: what new keys push
    /// out of it while there is room for all counts as a member of the main queue. That is for
    /// memory alone; a cache that is being filled learns more from a small queue that may hold all
    /// of it (+0.4 points after 4 million requests, nothing after 12 million).
    static constexpr size_t kSmallPercentMax = 25;
    static constexpr size_t kSmallFreeMax = 65536;
    /// Holes beyond as many as there are live tokens.
    static constexpr size_t kHolesSlack = 64;

    SmallQueue small;
    GhostQueue ghosts;
    uint64_t hand = 0;      // of the main queue: scan cursor of a chain
    size_t hand_index = 0;  // entries of that chain it has passed
};

}  // namespace gyre::store
