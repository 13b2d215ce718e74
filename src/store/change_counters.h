// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How often keys of a shard have changed, by the part of the index they lie in: so that whoever has
// gone through a part of a database (BEGIN ... SCAN: engine/view.h) can ask later whether there
// would be anything else to see. Counted while somebody does, which a write finds out with the bit
// that also tells of marks.
//
// A region is a run of buckets in the order in which SCAN visits them, that of reversed hashes,
// which grows and shrinks of the table leave alone: a chain lies in one region, or is several whole
// ones (containers/bucket_table.h). In tables of up to kRegions buckets a counter is that of a
// bucket.
//
// That a key goes because of its deadline is counted apart: it was to be seen no more as soon as it
// was due, so who compares adds those that are due and still there.
//
// Ownership: of the shard, for as long as somebody counts. Threads: under the shard's lock.
// Complexity: O(1) for each change, O(databases that are counted) for one of all.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "base/counted.h"
#include "store/partition.h"
#include "store/watch.h"

namespace gyre::store {

/// Regions of a shard's part of a database, from the first to the last.
struct Regions {
    size_t first = 0;
    size_t last = 0;
    friend bool operator==(const Regions&, const Regions&) = default;
};

class ChangeCounters {
public:
    static constexpr unsigned kRegionBits = 8;
    static constexpr size_t kRegions = size_t{1} << kRegionBits;
    static constexpr Regions kAll{0, kRegions - 1};

    /// The region of a place in the order of SCAN, which is the reversed hash.
    static constexpr size_t region_of(uint64_t place) { return place >> (64 - kRegionBits); }

    /// Whoever wants changes counted, until end().
    void begin() { ++users_; }
    /// True when nobody is left.
    bool end() { return --users_ == 0; }

    void note(size_t database, const Key& key, Change change);
    /// The whole database has been emptied or put in another's place.
    void note_all(size_t database);

    /// Changes in these regions. Counted from the first question for the database on.
    uint64_t changes(size_t database, Regions regions);
    /// Keys that went because of their deadline, in all regions.
    uint64_t due(size_t database) { return databases_[database].due; }

private:
    struct Counters {
        uint64_t due = 0;
        std::array<uint64_t, kRegions> changes{};
    };
    std::map<size_t, Counters, std::less<>,
             base::CountedAllocator<std::pair<const size_t, Counters>, base::Purpose::clients>>
        databases_;
    size_t users_ = 0;
};

}  // namespace gyre::store
