// SPDX-License-Identifier: BSD-3-Clause
#include "store/track.h"

#include <algorithm>

#include "base/check.h"

namespace gyre::store {

TrackTable::Keys::iterator TrackTable::find(const Key& key) {
    auto [at, last] = keys_.equal_range(key.hash);
    for (; at != last; ++at) {
        if (at->second.name == key.bytes) return at;
    }
    return keys_.end();
}

TrackTable::Added TrackTable::add(const Key& key, uint64_t client) {
    const auto found = find(key);
    if (found == keys_.end()) {
        keys_.emplace(key.hash, Tracked{Text(key.bytes), Clients(1, client)});
        return {true, true};
    }
    Clients& clients = found->second.clients;
    const auto place = std::lower_bound(clients.begin(), clients.end(), client);
    if (place != clients.end() && *place == client) return {};
    clients.insert(place, client);
    return {false, true};
}

std::optional<TrackTable::Tracked> TrackTable::take(const Key& key) {
    const auto found = find(key);
    if (found == keys_.end()) return std::nullopt;
    std::optional<Tracked> taken(std::move(found->second));
    keys_.erase(found);
    return taken;
}

TrackTable::Tracked TrackTable::take_any() {
    CHECK(!keys_.empty());
    Tracked taken = std::move(keys_.begin()->second);
    keys_.erase(keys_.begin());
    return taken;
}

bool TrackTable::drain(size_t budget) {
    for (; budget > 0 && !keys_.empty(); --budget) keys_.erase(keys_.begin());
    return keys_.empty();
}

}  // namespace gyre::store
