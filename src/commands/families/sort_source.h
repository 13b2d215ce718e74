// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The elements of a list, a set or a sorted set, side by side in the order in which they lie, for
// SORT to reorder.
//
// Ownership: texts are views into the entry as far as they stay where they are, else copies of its
// own; good until the entry changes. Threads: home reactor, under the lock of the key.
// Complexity: O(elements taken), 24 bytes each.

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "commands/context.h"
#include "types/listpack.h"

namespace gyre::commands {

/// Texts that are kept until all of them go.
class TextArena {
public:
    /// Never null, also of an empty text.
    std::string_view keep(std::string_view text);

private:
    static constexpr size_t kChunkBytes = 16 * 1024;
    std::vector<std::unique_ptr<char[]>> chunks_;
    char* cursor_ = nullptr;
    size_t left_ = 0;
};

/// Elements from `begin` on, before `end`.
struct SortRange {
    size_t begin = 0;
    size_t end = 0;
    size_t size() const { return end - begin; }
    /// LIMIT's, of so many elements.
    static SortRange of(int64_t offset, int64_t count, size_t size);
};

class SortSource {
public:
    /// `entry` is null or of a type that can be sorted.
    explicit SortSource(const store::Entry* entry) : entry_(entry) {}

    static bool is_sortable(const store::Entry& entry);
    bool is_set() const { return is(store::Type::set); }
    size_t size() const;

    /// Takes those of a range in their own order, or in the opposite one. A set has none, and is
    /// taken from the front.
    void take(SortRange range, bool is_reversed);

    const std::vector<types::ListpackValue>& elements() const { return elements_; }
    /// All as texts.
    std::vector<std::string_view> texts();
    TextArena& arena() { return arena_; }

private:
    bool is(store::Type type) const { return entry_ != nullptr && entry_->type() == type; }
    void take_list(SortRange range, bool is_reversed);
    void take_set(SortRange range);
    void take_sorted_set(SortRange range, bool is_reversed);
    void add(std::string_view text);

    const store::Entry* entry_;
    std::vector<types::ListpackValue> elements_;
    TextArena arena_;
};

}  // namespace gyre::commands
