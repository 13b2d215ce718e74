// SPDX-License-Identifier: BSD-3-Clause
#include "containers/ranked_inner.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace gyre::containers {
namespace {

template <class T>
void open_gap(T* array, size_t index, size_t count) {
    std::memmove(array + index + 1, array + index, (count - index) * sizeof(T));
}

template <class T>
void close_gap(T* array, size_t index, size_t count) {
    std::memmove(array + index, array + index + 1, (count - index - 1) * sizeof(T));
}

}  // namespace

uint64_t RankedInner::word_of(std::string_view member) const {
    uint64_t word = 0;
    if (member.size() > prefix_bytes) {
        std::memcpy(&word, member.data() + prefix_bytes,
                    std::min<size_t>(member.size() - prefix_bytes, sizeof word));
    }
    return __builtin_bswap64(word);
}

RankedInner::Candidates RankedInner::find(const RankedEdge& edge) const {
    // Separators stand before children 1 to count - 1; a position among them is the child that the
    // separators before it lead to.
    const double* const first = scores + 1;
    const double* const end = scores + count;
    const double* const low = std::lower_bound(first, end, edge.score);
    const auto before = static_cast<size_t>(low - first);
    if (edge.kind == RankedEdge::Kind::before_score) return {before, before};
    const double* const high = std::upper_bound(low, end, edge.score);
    const auto behind = static_cast<size_t>(high - first);
    if (edge.kind == RankedEdge::Kind::after_score || before == behind) return {behind, behind};
    const int order =
        edge.member.substr(0, prefix_bytes).compare(std::string_view(prefix, prefix_bytes));
    if (order < 0) return {before, before};
    if (order > 0) return {behind, behind};
    const uint64_t word = word_of(edge.member);
    const uint64_t* const words_begin = words + 1 + before;
    const uint64_t* const words_end = words + 1 + behind;
    const uint64_t* const lower = std::lower_bound(words_begin, words_end, word);
    const uint64_t* const upper = std::upper_bound(lower, words_end, word);
    return {static_cast<size_t>(lower - words) - 1, static_cast<size_t>(upper - words) - 1};
}

size_t RankedInner::index_of(uint32_t child) const {
    if (children[0] == child) return 0;
    if (children[count - 1] == child) return count - 1U;
    // Eight at a time, without a branch for each: the compiler makes vectors of it.
    constexpr size_t kGroup = 8;
    size_t index = 0;
    for (; index + kGroup <= count; index += kGroup) {
        uint32_t hit = 0;
        for (size_t i = 0; i < kGroup; ++i)
            hit |= static_cast<uint32_t>(children[index + i] == child);
        if (hit != 0) break;
    }
    while (children[index] != child) ++index;
    DCHECK(index < count);
    return index;
}

uint64_t RankedInner::count_before(size_t end) const {
    uint64_t sum = 0;
    for (size_t index = 0; index < end; ++index) sum += counts[index];
    return sum;
}

void RankedInner::insert_child(size_t index, uint32_t child, uint64_t members) {
    CHECK(count < kChildrenMax);
    open_gap(scores, index, count);
    open_gap(words, index, count);
    open_gap(counts, index, count);
    open_gap(children, index, count);
    children[index] = child;
    counts[index] = members;
    ++count;
}

void RankedInner::remove_child(size_t index) {
    close_gap(scores, index, count);
    close_gap(words, index, count);
    close_gap(counts, index, count);
    close_gap(children, index, count);
    --count;
}

void RankedInner::move_children(size_t begin, RankedInner& target) {
    const size_t moved = count - begin;
    CHECK(target.count + moved <= kChildrenMax);
    std::memcpy(target.scores + target.count, scores + begin, moved * sizeof *scores);
    std::memcpy(target.words + target.count, words + begin, moved * sizeof *words);
    std::memcpy(target.counts + target.count, counts + begin, moved * sizeof *counts);
    std::memcpy(target.children + target.count, children + begin, moved * sizeof *children);
    target.count = static_cast<uint16_t>(target.count + moved);
    count = static_cast<uint16_t>(begin);
}

}  // namespace gyre::containers
