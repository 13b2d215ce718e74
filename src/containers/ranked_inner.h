// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// An inner node of a RankedSet: its children, how many members lie below each, and between two
// children a separator. A separator is a score and eight bytes of a member, so that a search looks
// at members themselves only where it cannot do without; the bytes are those behind a prefix that
// the members of this node's separators share, or members with a common prefix would all look
// alike.
//
// A separator is a lower bound of what lies in and behind its child, and an upper bound of what
// lies before, in the order of (score, eight bytes), which the full order refines. It need not be
// exact: when the smallest member of a child goes, its separator stays. Where a search meets a
// separator that looks equal, the smallest member below decides; it is always exact.
//
// Ownership: nodes belong to their RankedSet. Threads: those of the set.
// Complexity: searches O(log kChildrenMax), changes O(kChildrenMax).

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "containers/ranked_leaf.h"

namespace gyre::containers {

struct RankedInner {
    static constexpr size_t kChildrenMax = 64;
    static constexpr size_t kPrefixMax = 24;

    uint32_t id = RankedLeaf::kNone;
    uint32_t parent = RankedLeaf::kNone;
    uint16_t count = 0;
    uint16_t height = 1;  ///< 1: the children are leaves
    uint16_t prefix_bytes = 0;
    char prefix[kPrefixMax] = {};
    // The separator before child i; those of child 0 mean nothing.
    double scores[kChildrenMax];
    uint64_t words[kChildrenMax];
    uint64_t counts[kChildrenMax];
    uint32_t children[kChildrenMax];

    /// The children among which the edge lies: all before `low` are behind the edge, all after
    /// `high` before it. Where the two differ, the smallest members below decide.
    struct Candidates {
        size_t low;
        size_t high;
    };
    Candidates find(const RankedEdge& edge) const;

    size_t index_of(uint32_t child) const;
    /// Members below the first `end` children.
    uint64_t count_before(size_t end) const;

    /// The eight bytes of a member that a separator keeps, in an order of their own: as numbers.
    uint64_t word_of(std::string_view member) const;
    /// True when the member has the prefix of the separators.
    bool has_prefix(std::string_view member) const {
        return member.substr(0, prefix_bytes) == std::string_view(prefix, prefix_bytes);
    }
    /// Makes room for a child; its separator is for the caller to set.
    void insert_child(size_t index, uint32_t child, uint64_t members);
    void remove_child(size_t index);
    /// Moves the children from `begin` on to the end of `target`, separators as they are.
    void move_children(size_t begin, RankedInner& target);
};

}  // namespace gyre::containers
