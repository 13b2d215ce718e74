// SPDX-License-Identifier: BSD-3-Clause
#include "store/watch.h"

#include <utility>

#include "base/check.h"

namespace gyre::store {

Watcher::~Watcher() { CHECK(watches.empty()); }

void WatchTable::remove(const Watch& watch) {
    const auto [first, last] = marks_.equal_range(watch.hash);
    for (auto mark = first; mark != last; ++mark) {
        if (mark->second != &watch) continue;
        marks_.erase(mark);
        return;
    }
}

void WatchTable::touch(size_t database, const Key& key, Change change) {
    const auto [first, last] = marks_.equal_range(key.hash);
    for (auto mark = first; mark != last; ++mark) {
        Watch& watch = *mark->second;
        if (!watch.is_of(database, key)) continue;
        if (change == Change::beside && !watch.watcher.sees_all) continue;
        if (std::exchange(watch.was_due, false) && change == Change::due) continue;
        watch.is_touched = true;
        watch.watcher.is_touched.store(true, std::memory_order_relaxed);
    }
}

Watch* WatchTable::find(const Watcher& watcher, size_t database, const Key& key) const {
    const auto [first, last] = marks_.equal_range(key.hash);
    for (auto mark = first; mark != last; ++mark) {
        Watch& watch = *mark->second;
        if (&watch.watcher == &watcher && watch.is_of(database, key)) return &watch;
    }
    return nullptr;
}

void WatchTable::for_each(const std::function<void(Watch&)>& visit) const {
    for (const auto& [hash, watch] : marks_) visit(*watch);
}

}  // namespace gyre::store
