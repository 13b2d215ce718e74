// SPDX-License-Identifier: BSD-3-Clause
#include "types/field_deadlines.h"

#include <algorithm>

#include "base/check.h"
#include "base/memory.h"

namespace gyre::types {

FieldDeadlines::~FieldDeadlines() { clear(); }

void FieldDeadlines::clear() {
    size_ = 0;
    if (nodes_ != nullptr) base::release(base::Purpose::keyspace, nodes_);
    nodes_ = nullptr;
    capacity_ = 0;
    memory_bytes_ = 0;
}

void FieldDeadlines::resize(size_t capacity) {
    nodes_ = static_cast<Node*>(
        base::reallocate(base::Purpose::keyspace, nodes_, capacity * sizeof(Node)));
    capacity_ = capacity;
    memory_bytes_ = base::usable_size(nodes_);
}

/// Puts `node` at `place` or nearer to the root, where it belongs.
void FieldDeadlines::rise(size_t place, Node node) {
    while (place > 0) {
        const size_t parent = (place - 1) / kChildren;
        if (nodes_[parent].deadline_ms <= node.deadline_ms) break;
        put(place, nodes_[parent]);
        place = parent;
    }
    put(place, node);
}

/// Puts `node` at `place` or further from the root, where it belongs.
void FieldDeadlines::sink(size_t place, Node node) {
    for (;;) {
        const size_t first = place * kChildren + 1;
        if (first >= size_) break;
        const Node* begin = nodes_ + first;
        const Node* end = nodes_ + std::min(first + kChildren, size_);
        const Node* least = std::min_element(
            begin, end, [](const Node& a, const Node& b) { return a.deadline_ms < b.deadline_ms; });
        if (least->deadline_ms >= node.deadline_ms) break;
        const auto child = static_cast<size_t>(least - nodes_);
        put(place, nodes_[child]);
        place = child;
    }
    put(place, node);
}

void FieldDeadlines::add(ElementRef element, int64_t deadline_ms) {
    CHECK(size_ < kCountMax);
    if (size_ == capacity_) resize(std::max(kCapacityMin, 2 * capacity_));
    ++size_;
    rise(size_ - 1, {deadline_ms, element});
}

void FieldDeadlines::change(uint32_t place, int64_t deadline_ms) {
    const Node node{deadline_ms, nodes_[place].element};
    if (deadline_ms < nodes_[place].deadline_ms) {
        rise(place, node);
    } else {
        sink(place, node);
    }
}

void FieldDeadlines::remove(uint32_t place) {
    DCHECK(place < size_);
    const Node last = nodes_[--size_];
    if (place < size_) {
        if (last.deadline_ms < nodes_[place].deadline_ms) {
            rise(place, last);
        } else {
            sink(place, last);
        }
    }
    if (size_ == 0) return clear();
    if (capacity_ > kCapacityMin && size_ <= capacity_ / 4) resize(capacity_ / 2);
}

}  // namespace gyre::types
