// SPDX-License-Identifier: BSD-3-Clause
#include "store/wait.h"

#include <algorithm>

#include "base/check.h"

namespace gyre::store {

WaitQueue* WaitTable::find(size_t database, const Key& key) {
    const auto [first, last] = queues_.equal_range(key.hash);
    for (auto queue = first; queue != last; ++queue) {
        WaitQueue& found = *queue->second;
        if (found.database == database && found.name == key.bytes) return &found;
    }
    return nullptr;
}

bool WaitTable::add(Wait& wait) {
    WaitQueue* queue = find(wait.database, wait.key);
    if (queue == nullptr) {
        auto made = std::make_unique<WaitQueue>(wait.database, wait.key);
        queue = queues_.emplace(wait.key.hash, std::move(made))->second.get();
    }
    // A client takes its places in one go, so that of its own stands last.
    if (!queue->waits.empty() && &queue->waits.back().waiter == &wait.waiter) return false;
    queue->waits.push_back(wait);
    ++queue->count;
    ++queue->wanting[static_cast<size_t>(wait.type)];
    count_barring(*queue);
    if (wait.wants_removal) ++queue->wanting_removal;
    if (wait.target != nullptr) {
        ++queue->with_target;
        ++with_target_;
    }
    return true;
}

void WaitTable::remove(Wait& wait) {
    WaitQueue* queue = find(wait.database, wait.key);
    CHECK(queue != nullptr);
    queue->waits.remove(wait);
    --queue->count;
    --queue->wanting[static_cast<size_t>(wait.type)];
    count_barring(*queue);
    if (wait.wants_removal) --queue->wanting_removal;
    if (wait.target != nullptr) {
        --queue->with_target;
        --with_target_;
    }
    drop_if_empty(*queue);
}

void WaitTable::drop_if_empty(WaitQueue& queue) {
    if (!queue.waits.empty() || queue.is_in_service) return;
    if (queue.touched_at != 0) std::erase(touched_, &queue);
    const auto [first, last] = queues_.equal_range(queue.hash);
    for (auto found = first; found != last; ++found) {
        if (found->second.get() != &queue) continue;
        queues_.erase(found);
        return;
    }
}

void WaitTable::mark(WaitQueue& queue) {
    if (queue.touched_at != 0) return;
    queue.touched_at = changes_.fetch_add(1, std::memory_order_relaxed) + 1;
    touched_.push_back(&queue);
}

void WaitTable::touch(size_t database, const Key& key) {
    if (WaitQueue* queue = find(database, key)) mark(*queue);
}

void WaitTable::touch_database(size_t database) {
    for (const auto& [hash, queue] : queues_) {
        if (queue->database == database) mark(*queue);
    }
}

WaitQueue& WaitTable::begin_service() {
    WaitQueue& queue = *touched_.front();
    touched_.pop_front();
    queue.touched_at = 0;
    queue.is_in_service = true;
    return queue;
}

void WaitTable::count_barring(WaitQueue& queue) {
    const bool bars = queue.type && queue.wanting[static_cast<size_t>(*queue.type)] != queue.count;
    if (bars == queue.bars) return;
    queue.bars = bars;
    if (bars) {
        barring_.fetch_add(1, std::memory_order_release);
    } else {
        barring_.fetch_sub(1, std::memory_order_release);
    }
}

void WaitTable::settle(WaitQueue& queue, std::optional<Type> held) {
    queue.type = held;
    count_barring(queue);
}

void WaitTable::end_service(WaitQueue& queue) {
    queue.is_in_service = false;
    drop_if_empty(queue);
}

size_t WaitTable::keys_wanting_removal() const {
    return static_cast<size_t>(std::count_if(queues_.begin(), queues_.end(), [](const auto& one) {
        return one.second->wanting_removal > 0;
    }));
}

}  // namespace gyre::store
