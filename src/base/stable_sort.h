// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Sorting that keeps the order of what is equal. std::stable_sort of libstdc++ 12 takes its memory
// with a function that clang refuses as deprecated.
//
// Complexity: O(n log n) comparisons, two more arrays of n. Threads: any.

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace gyre::base {

template <class T, class Less>
void stable_sort(std::vector<T>& items, Less less) {
    std::vector<size_t> order(items.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t left, size_t right) {
        if (less(items[left], items[right])) return true;
        return !less(items[right], items[left]) && left < right;
    });
    std::vector<T> sorted;
    sorted.reserve(items.size());
    for (const size_t index : order) sorted.push_back(std::move(items[index]));
    items.swap(sorted);
}

}  // namespace gyre::base
