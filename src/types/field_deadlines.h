// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The deadlines of those fields of one hash that have one, the nearest first: a heap of four
// children to a node. Each field knows its place in the heap, so that a deadline can be changed and
// taken out without looking for it, and nothing stale is ever left.
//
// Ownership: the heap refers to elements and owns none. When an element's place changes the heap
// writes it into the element, through the function given to it.
// Threads: caller holds the shard lock. Errors: running out of memory ends the process.
// Complexity: O(log n), near O(1) for deadlines that come in ascending order. 16 bytes each.

#include <cstddef>
#include <cstdint>

#include "types/element_memory.h"

namespace gyre::types {

class FieldDeadlines {
public:
    /// Writes its place into an element.
    using SetPlace = void (*)(char* element, uint32_t place);
    /// No hash has more fields with a deadline.
    static constexpr size_t kCountMax = UINT32_MAX - 1;

    explicit FieldDeadlines(SetPlace set_place) : set_place_(set_place) {}
    FieldDeadlines(const FieldDeadlines&) = delete;
    FieldDeadlines& operator=(const FieldDeadlines&) = delete;
    ~FieldDeadlines();

    size_t size() const { return size_; }
    /// Bytes of the heap, without this object.
    size_t memory_bytes() const { return memory_bytes_; }
    int64_t deadline(uint32_t place) const { return nodes_[place].deadline_ms; }
    /// The nearest deadline, and whose it is; there is one.
    int64_t nearest_ms() const { return nodes_[0].deadline_ms; }
    ElementRef nearest() const { return nodes_[0].element; }

    void add(ElementRef element, int64_t deadline_ms);
    void change(uint32_t place, int64_t deadline_ms);
    /// The element lies elsewhere now.
    void moved(uint32_t place, ElementRef element) { nodes_[place].element = element; }
    void remove(uint32_t place);
    /// Forgets all; the elements are not touched.
    void clear();

private:
    static constexpr size_t kChildren = 4;
    static constexpr size_t kCapacityMin = 4;
    struct Node {
        int64_t deadline_ms;
        ElementRef element;
    };
    void put(size_t place, const Node& node) {
        nodes_[place] = node;
        set_place_(node.element.data(), static_cast<uint32_t>(place));
    }
    void rise(size_t place, Node node);
    void sink(size_t place, Node node);
    void resize(size_t capacity);

    SetPlace set_place_;
    Node* nodes_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
    size_t memory_bytes_ = 0;
};

}  // namespace gyre::types
