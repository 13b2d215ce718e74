// SPDX-License-Identifier: BSD-3-Clause
#include "engine/tracking.h"

#include <algorithm>
#include <cstring>

#include "base/stable_sort.h"

namespace gyre::engine {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
/// Keys that are forgotten for one that is added above the limit.
constexpr size_t kForgottenForOne = 2;

void append_bulk(std::string& text, std::string_view bytes) {
    text += '$' + std::to_string(bytes.size()) + "\r\n";
    text += bytes;
    text += "\r\n";
}

/// The keys as an array, without those changed by `quiet`; empty: there are no others.
std::string array_of(std::span<const TrackingNotes::Change> changes, uint64_t quiet) {
    size_t count = 0;
    std::string elements;
    for (const TrackingNotes::Change& change : changes) {
        if (quiet != 0 && change.by == quiet) continue;
        ++count;
        append_bulk(elements, change.key);
    }
    return count == 0 ? std::string() : '*' + std::to_string(count) + "\r\n" + elements;
}

}  // namespace

bool TrackingNotes::drain(size_t budget) {
    while (!discarded.empty() && budget > 0) {
        if (!discarded.back()->drain(budget)) return false;
        discarded.pop_back();
        --budget;
    }
    return discarded.empty();
}

std::string Tracking::number(uint64_t client) {
    std::string bytes(sizeof(client), '\0');
    std::memcpy(bytes.data(), &client, sizeof(client));
    return bytes;
}

void Tracking::tell_readers(const store::TrackTable::Tracked& tracked, uint64_t quiet,
                            Pubsub::Origin& origin) {
    keys_.fetch_sub(1, kRelaxed);
    items_.fetch_sub(static_cast<int64_t>(tracked.clients.size()), kRelaxed);
    std::string keys = "*1\r\n";
    append_bulk(keys, tracked.name);
    for (const uint64_t client : tracked.clients) {
        if (client != quiet) tell(reader_topic(client), keys, origin);
    }
}

void Tracking::remember(store::Shard& shard, const store::Key& key, uint64_t client,
                        Pubsub::Origin& origin) {
    const store::TrackTable::Added added = shard.add_track(key, client);
    if (added.client) items_.fetch_add(1, kRelaxed);
    if (!added.key) return;
    keys_.fetch_add(1, kRelaxed);
    trim(shard, kForgottenForOne, origin);
}

void Tracking::touch(store::Shard& shard, const store::Key& key, uint64_t quiet,
                     TrackingNotes& notes, Pubsub::Origin& origin) {
    if (shard.is_broadcast()) notes.changes.push_back({std::string(key.bytes), quiet});
    if (!shard.is_tracked()) return;
    const auto tracked = shard.take_track(key);
    if (tracked) tell_readers(*tracked, quiet, origin);
}

void Tracking::trim(store::Shard& shard, size_t budget, Pubsub::Origin& origin) {
    for (; budget > 0 && is_above_limit() && shard.is_tracked(); --budget) {
        tell_readers(shard.take_any_track(), 0, origin);
    }
}

void Tracking::flush(store::Shard& shard, TrackingNotes& notes) {
    if (shard.is_tracked()) notes.discarded.push_back(shard.take_tracks());
}

void Tracking::tell_all(Pubsub::Origin& origin) {
    keys_.store(0, kRelaxed);
    items_.store(0, kRelaxed);
    if (clients() > 0) tell(common_topic(), {}, origin);
}

// --- prefixes -----------------------------------------------------------------------------------

void Tracking::add_prefix(std::string_view prefix, uint64_t client, bool is_quiet) {
    const std::lock_guard hold(mutex_);
    Listeners& listeners = prefixes_[std::string(prefix)];
    if (is_quiet) {
        listeners.quiet.push_back(client);
    } else {
        ++listeners.plain;
    }
}

void Tracking::remove_prefix(std::string_view prefix, uint64_t client, bool is_quiet) {
    const std::lock_guard hold(mutex_);
    const auto found = prefixes_.find(prefix);
    Listeners& listeners = found->second;
    if (is_quiet) {
        std::erase(listeners.quiet, client);
    } else {
        --listeners.plain;
    }
    if (listeners.empty()) prefixes_.erase(found);
}

size_t Tracking::prefixes() const {
    const std::lock_guard hold(mutex_);
    return prefixes_.size();
}

/// Those of the sorted changes whose key begins so.
Tracking::Changes Tracking::with_prefix(Changes changes, std::string_view prefix) {
    const auto start_of = [prefix](const TrackingNotes::Change& change) {
        return std::string_view(change.key).substr(0, prefix.size());
    };
    const auto found = std::ranges::equal_range(changes, prefix, {}, start_of);
    return {found.begin(), found.end()};
}

/// Each key once, by the client that changed it last.
void Tracking::broadcast_changes(TrackingNotes& notes, Pubsub::Origin& origin) {
    std::vector<TrackingNotes::Change> changes;
    changes.swap(notes.changes);
    std::reverse(changes.begin(), changes.end());
    base::stable_sort(changes,
                      [](const auto& left, const auto& right) { return left.key < right.key; });
    const auto repeated = std::ranges::unique(changes, {}, &TrackingNotes::Change::key);
    changes.erase(repeated.begin(), repeated.end());
    const std::lock_guard hold(mutex_);
    for (const auto& [prefix, listeners] : prefixes_) {
        const Changes known = with_prefix(changes, prefix);
        if (known.empty()) continue;
        if (listeners.plain > 0) tell(prefix_topic(prefix), array_of(known, 0), origin);
        for (const uint64_t client : listeners.quiet) {
            const std::string keys = array_of(known, client);
            if (!keys.empty()) tell(quiet_topic(client), keys, origin);
        }
    }
}

}  // namespace gyre::engine
