// SPDX-License-Identifier: BSD-3-Clause
#include "log/segments.h"

#include <algorithm>

namespace gyre::log {

Segments::Segments() : slots_(kSlots) { free_.reserve(kFreeMax); }

Segments::~Segments() {
    unmap(free_);
    for (std::atomic<char*>& slot : slots_) {
        if (char* const segment = slot.load(std::memory_order_relaxed)) unmap({&segment, 1});
    }
}

char* Segments::install(std::atomic<char*>& slot) {
    const std::lock_guard hold(mutex_);
    char* segment = slot.load(std::memory_order_relaxed);
    if (segment != nullptr) return segment;  // another writer was faster
    if (free_.empty()) {
        segment = static_cast<char*>(base::map_pages(kSegmentBytes, kAlignment));
        base::account(base::Purpose::log, int64_t{kSegmentBytes});
        segments_.fetch_add(1, std::memory_order_relaxed);
    } else {
        segment = free_.back();
        free_.pop_back();
        free_least_ = std::min(free_least_, free_.size());
    }
    slot.store(segment, std::memory_order_release);
    return segment;
}

/// Not under the mutex: the kernel takes its time.
void Segments::unmap(std::span<char* const> segments) noexcept {
    for (char* const segment : segments) base::unmap_pages(segment, kSegmentBytes);
    base::account(base::Purpose::log, -static_cast<int64_t>(segments.size() * kSegmentBytes));
    segments_.fetch_sub(segments.size(), std::memory_order_relaxed);
}

void Segments::release(Position from, Position to) {
    for (Position at = from / kSegmentBytes; at < to / kSegmentBytes; ++at) {
        char* const segment = slots_[at % kSlots].exchange(nullptr, std::memory_order_relaxed);
        if (segment == nullptr) continue;
        {
            const std::lock_guard hold(mutex_);
            if (free_.size() < kFreeMax) {
                free_.push_back(segment);
                continue;
            }
        }
        unmap({&segment, 1});
    }
}

void Segments::trim() {
    std::vector<char*> unwanted;
    {
        const std::lock_guard hold(mutex_);
        const size_t spare = free_least_ - std::min(free_least_, kFreeMin);
        const auto end = free_.begin() + static_cast<std::ptrdiff_t>((spare + 1) / 2);
        unwanted.assign(free_.begin(), end);
        free_.erase(free_.begin(), end);
        free_least_ = free_.size();
    }
    unmap(unwanted);
}

}  // namespace gyre::log
