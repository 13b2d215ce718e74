// SPDX-License-Identifier: BSD-3-Clause
#include "store/change_counters.h"

#include <numeric>

#include "containers/bucket_table.h"

namespace gyre::store {

void ChangeCounters::note(size_t database, const Key& key, Change change) {
    // Groups of a stream and their consumers are nothing that is seen by going through.
    if (change == Change::beside) return;
    const auto found = databases_.find(database);
    if (found == databases_.end()) return;
    Counters& counters = found->second;
    if (change == Change::due) {
        ++counters.due;
    } else {
        ++counters.changes[region_of(containers::scan_place(key.hash))];
    }
}

void ChangeCounters::note_all(size_t database) {
    const auto found = databases_.find(database);
    if (found == databases_.end()) return;
    for (uint64_t& count : found->second.changes) ++count;
}

uint64_t ChangeCounters::changes(size_t database, Regions regions) {
    const Counters& counters = databases_[database];
    const auto begin = counters.changes.begin();
    return std::accumulate(begin + static_cast<ptrdiff_t>(regions.first),
                           begin + static_cast<ptrdiff_t>(regions.last) + 1, uint64_t{0});
}

}  // namespace gyre::store
