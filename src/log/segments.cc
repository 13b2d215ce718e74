// SPDX-License-Identifier: BSD-3-Clause
#include "log/segments.h"

namespace gyre::log {

Segments::Segments() : slots_(kSlots) {}

Segments::~Segments() {
    for (std::atomic<char*>& slot : slots_) base::release(base::Purpose::log, slot.load());
    for (char* segment : free_) base::release(base::Purpose::log, segment);
}

char* Segments::install(std::atomic<char*>& slot) {
    const std::lock_guard hold(mutex_);
    char* segment = slot.load(std::memory_order_relaxed);
    if (segment != nullptr) return segment;  // another writer was faster
    if (free_.empty()) {
        segment = static_cast<char*>(base::allocate(base::Purpose::log, kSegmentBytes));
        segments_.fetch_add(1, std::memory_order_relaxed);
    } else {
        segment = free_.back();
        free_.pop_back();
    }
    slot.store(segment, std::memory_order_release);
    return segment;
}

void Segments::release(Position from, Position to) {
    for (Position at = from / kSegmentBytes; at < to / kSegmentBytes; ++at) {
        char* const segment = slots_[at % kSlots].exchange(nullptr, std::memory_order_relaxed);
        if (segment == nullptr) continue;
        const std::lock_guard hold(mutex_);
        if (free_.size() < kFreeMax) {
            free_.push_back(segment);
            continue;
        }
        base::release(base::Purpose::log, segment);
        segments_.fetch_sub(1, std::memory_order_relaxed);
    }
}

}  // namespace gyre::log
