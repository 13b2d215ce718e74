// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Members with scores: a B+tree in order of (score, bytes) whose leaves hold the members themselves
// (ranked_leaf.h) and whose inner nodes count what lies below them (ranked_inner.h), and a hash
// table over the members. From a member to its score it is one bucket and one leaf, from there to
// its rank one inner node for each level; a range lies in consecutive leaves.
//
// Nodes are known by number, and a reference in the hash table is the number of a leaf and a slot
// in it: so leaves may move in memory, and only what a split or a merge takes to another leaf is
// looked up again in the table.
//
// It is saved leaf by leaf (containers/part_saver.h), from the last to the first, and one that is
// about to change before its turn. Members leave a leaf only when it is saved.
//
// Ownership: owns everything; members handed out are views into leaves, good until the next change.
// Threads: those of the owner.
// Errors: running out of memory ends the process.
// Complexity: find O(1); insert, erase, rank, select O(log n); each member of a range O(1). About
// 50
//             bytes for a member of 16 bytes.
// Invariants: 1. the sum of an inner node's counts is its parent's count of it, the root's size().
//             2. no leaf is empty but the root, no inner node has no child, the root has two.
//             3. each member's reference stands in the table exactly once.
//
// Sources: R. Bayer, E. McCreight, "Organization and maintenance of large ordered indices" (1972);
// separators shortened as in R. Bayer, K. Unterauer, "Prefix B-trees" (1977).

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "containers/bucket_table.h"
#include "containers/part_saver.h"
#include "containers/ranked_inner.h"
#include "containers/ranked_leaf.h"
#include "containers/tally.h"

namespace gyre::containers {

class RankedSet {
public:
    struct Item {
        double score;
        std::string_view member;
    };
    /// Where a member stands; void after the next change of the set.
    class Place {
    public:
        Place() = default;
        explicit operator bool() const { return leaf_ != RankedLeaf::kNone; }
        bool operator==(const Place&) const = default;

    private:
        friend class RankedSet;
        Place(uint32_t leaf, size_t position)
            : leaf_(leaf), position_(static_cast<uint32_t>(position)) {}
        uint32_t leaf_ = RankedLeaf::kNone;
        uint32_t position_ = 0;
    };

    RankedSet();
    ~RankedSet();
    RankedSet(const RankedSet&) = delete;
    RankedSet& operator=(const RankedSet&) = delete;
    /// Makes this one, which is empty, equal to another.
    void copy_from(const RankedSet& other);

    size_t size() const { return size_; }
    /// Bytes obtained, without the object itself.
    size_t memory_bytes() const { return tally_.bytes() + table_.memory_bytes(); }

    static uint64_t hash(std::string_view member) { return base::hash_bytes(member); }
    void prefetch(uint64_t hash) const { table_.prefetch_bucket(hash); }
    Place find(std::string_view member, uint64_t hash) const;
    Item at(Place place) const {
        const RankedLeaf* leaf = leaf_at(place.leaf_);
        return {leaf->score(place.position_), leaf->member(place.position_)};
    }
    double score(Place place) const { return leaf_at(place.leaf_)->score(place.position_); }

    /// Adds a member that is missing. `member` may not lie in this set.
    void insert(std::string_view member, uint64_t hash, double score);
    /// Gives a member another score.
    void change(Place place, uint64_t hash, double score);
    void erase(Place place);
    /// Erases the members with ranks from `begin` on, before `end`.
    void erase_ranks(size_t begin, size_t end);

    /// Nothing, when the set is empty.
    Place first() const;
    Place last() const;
    /// Nothing, behind the last and before the first.
    Place next(Place place) const;
    Place previous(Place place) const;
    size_t rank(Place place) const;
    /// The member with so many before it; `rank` is below size().
    Place select(size_t rank) const;
    /// The first member that does not stand before the edge; nothing when there is none.
    Place find_edge(const RankedEdge& edge) const;
    /// How many members stand before the edge.
    size_t count_before(const RankedEdge& edge) const;

    /// f(Item) for all, in order; must not change the set.
    template <class F>
    void for_each(F&& f) const {
        for (uint32_t id = first_; id != RankedLeaf::kNone; id = leaf_at(id)->next) {
            const RankedLeaf* leaf = leaf_at(id);
            for (size_t i = 0; i < leaf->count(); ++i) f(Item{leaf->score(i), leaf->member(i)});
        }
    }
    /// f(Item) for some; see BucketTable::scan().
    template <class F>
    uint64_t scan(uint64_t cursor, F&& f) const {
        return table_.scan(cursor, [&](Reference reference) {
            const RankedLeaf* leaf = leaf_at(reference.leaf);
            f(Item{leaf->score(leaf->position_of(reference.slot)),
                   leaf->member_of_slot(reference.slot)});
        });
    }
    size_t bucket_count() const { return table_.bucket_count(); }

    // --- saving -------------------------------------------------------------------------------
    void begin_saving(PartSaver& saver);
    /// Saves the next leaf, if it is not saved; false: there is none.
    bool save_next();
    /// After save_next() has returned false.
    void end_saving() { saver_ = nullptr; }
    /// f(Item) for those of a part, from the last to the first.
    template <class F>
    void for_each_in_part(uint64_t part, F&& f) const {
        const RankedLeaf* leaf = leaf_at(static_cast<uint32_t>(part));
        for (size_t i = leaf->count(); i-- > 0;) f(Item{leaf->score(i), leaf->member(i)});
    }

    /// Frees about `budget` members; true when nothing is left. After the first call nothing else
    /// may be done with the set but destroy it.
    bool drain(size_t budget);

    /// Walks everything and checks the invariants by CHECK: for tests.
    void verify() const;

private:
    /// A leaf that is used less is joined with a neighbour, if both together then have room.
    static constexpr size_t kLeafBytesMin = RankedLeaf::kBytesMax / 3;
    static constexpr size_t kLeafBytesJoined = RankedLeaf::kBytesMax * 3 / 4;
    static constexpr size_t kChildrenMin = RankedInner::kChildrenMax / 4;
    static constexpr size_t kChildrenJoined = RankedInner::kChildrenMax * 3 / 4;

    struct Reference {
        uint32_t leaf;
        uint8_t slot;
        bool operator==(const Reference&) const = default;
    };
    struct Policy {
        using Reference = RankedSet::Reference;
        static constexpr base::Purpose kPurpose = base::Purpose::keyspace;
        static uint64_t to_bits(Reference reference) {
            return uint64_t{reference.leaf} << 8 | reference.slot;
        }
        static Reference from_bits(uint64_t bits) {
            return {static_cast<uint32_t>(bits >> 8), static_cast<uint8_t>(bits)};
        }
        uint64_t hash(Reference reference) const {
            return RankedSet::hash(set->leaf_at(reference.leaf)->member_of_slot(reference.slot));
        }
        void prefetch(Reference reference) const { base::prefetch(set->leaf_at(reference.leaf)); }
        const RankedSet* set;
    };
    /// What a node's number stands for; the number of the next free one when the lowest bit is set.
    union Node {
        RankedLeaf* leaf;
        RankedInner* inner;
        uint64_t free;
    };
    using Table = BucketTable<Policy>;

    RankedLeaf* leaf_at(uint32_t id) const { return nodes_[id].leaf; }
    RankedInner& inner_at(uint32_t id) const { return *nodes_[id].inner; }
    uint32_t take_id();
    void give_id(uint32_t id);
    uint32_t make_leaf();
    uint32_t make_inner(uint16_t height);
    void free_inner(uint32_t id);
    void set_parent(uint32_t child, uint32_t parent, uint16_t height);

    uint32_t descend(const RankedEdge& edge) const;
    size_t child_towards(const RankedInner& inner, const RankedEdge& edge) const;
    const RankedLeaf* smallest_leaf(uint32_t id, uint16_t height) const;
    Reference place_member(const RankedEdge& edge);
    void add_count(uint32_t leaf, int64_t members);
    void set_separator(RankedInner& inner, size_t index);
    void refresh_separators(RankedInner& inner);
    void will_change(uint32_t leaf) {
        if (saver_ != nullptr) [[unlikely]]
            save_leaf(leaf);
    }
    void save_leaf(uint32_t id);
    void link_after(uint32_t left, uint32_t right);
    void unlink(uint32_t id);
    uint32_t split(uint32_t id, const RankedEdge& edge);
    uint32_t append_leaf();
    void attach(uint32_t left, uint32_t right, uint16_t height, uint64_t moved);
    void grow_root(uint32_t left, uint32_t right, uint16_t height, uint64_t moved);
    void split_inner(uint32_t id, bool is_appending);
    void detach(uint32_t child, uint32_t parent);
    void settle_leaf(uint32_t id);
    bool join_leaves(uint32_t left, uint32_t right);
    void settle_inner(uint32_t id);
    bool join_inner(RankedInner& parent, size_t left_index);
    void reindex(uint32_t from, size_t begin, uint32_t to, size_t to_begin);
    void drop_from_table(Reference reference, uint64_t hash);
    void drop_from_tree(uint32_t leaf, size_t position);
    bool drain_nodes(size_t budget);
    uint64_t verify_node(uint32_t id, uint16_t height) const;

    Tally tally_;
    Table table_;
    Node* nodes_ = nullptr;
    uint32_t node_count_ = 0;  // numbers ever given out
    uint32_t node_room_ = 0;
    uint64_t free_ids_;  // head of the list, as in Node::free
    uint32_t root_ = RankedLeaf::kNone;
    uint16_t height_ = 0;  // of the root; 0: a leaf
    uint32_t first_ = RankedLeaf::kNone;
    uint32_t last_ = RankedLeaf::kNone;
    size_t size_ = 0;
    PartSaver* saver_ = nullptr;
    uint32_t unsaved_ = RankedLeaf::kNone;  // the last leaf that may not be saved
    uint8_t epoch_ = 0;                     // of the leaves that are
};

}  // namespace gyre::containers
