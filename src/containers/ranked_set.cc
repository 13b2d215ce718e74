// SPDX-License-Identifier: BSD-3-Clause
#include "containers/ranked_set.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>

#include "base/check.h"

namespace gyre::containers {
namespace {

constexpr uint32_t kNone = RankedLeaf::kNone;
constexpr uint32_t kFirstRoom = 4;

constexpr uint64_t free_link(uint32_t next) { return uint64_t{next} << 1 | 1; }

}  // namespace

RankedSet::RankedSet() : table_(Policy{this}) {
    free_ids_ = free_link(kNone);
    root_ = make_leaf();
    first_ = root_;
    last_ = root_;
}

RankedSet::~RankedSet() {
    while (!drain(SIZE_MAX)) {
    }
}

void RankedSet::copy_from(const RankedSet& other) {
    CHECK(size_ == 0);
    for (uint32_t id = 0; id < other.node_count_; ++id) {
        if (id >= node_count_) take_id();
    }
    RankedLeaf::destroy(tally_, leaf_at(root_));
    if (other.node_count_ > 0) std::memcpy(nodes_, other.nodes_, other.node_count_ * sizeof(Node));
    node_count_ = other.node_count_;
    free_ids_ = other.free_ids_;
    root_ = other.root_;
    height_ = other.height_;
    first_ = other.first_;
    last_ = other.last_;
    for (uint32_t id = first_; id != kNone; id = leaf_at(id)->next) {
        const RankedLeaf* source = other.leaf_at(id);
        nodes_[id].leaf = source->clone(tally_);
        nodes_[id].leaf->epoch = epoch_;
        // Inner nodes are copied when the first leaf below them comes by.
        for (uint32_t up = source->parent; up != kNone; up = other.inner_at(up).parent) {
            if (nodes_[up].inner != other.nodes_[up].inner) break;
            void* memory = tally_.allocate(sizeof(RankedInner));
            nodes_[up].inner = new (memory) RankedInner(other.inner_at(up));
        }
    }
    for (uint32_t id = first_; id != kNone; id = leaf_at(id)->next) {
        const RankedLeaf* leaf = leaf_at(id);
        for (size_t i = 0; i < leaf->count(); ++i) {
            table_.insert(hash(leaf->member(i)), {id, leaf->slot(i)});
        }
    }
    size_ = other.size_;
}

// --- nodes ---------------------------------------------------------------------------------------

uint32_t RankedSet::take_id() {
    const auto head = static_cast<uint32_t>(free_ids_ >> 1);
    if (head != kNone) {
        free_ids_ = nodes_[head].free;
        return head;
    }
    if (node_count_ == node_room_) {
        node_room_ = node_room_ == 0 ? kFirstRoom : node_room_ + node_room_ / 2;
        nodes_ = static_cast<Node*>(tally_.reallocate(nodes_, node_room_ * sizeof(Node)));
    }
    return node_count_++;
}

void RankedSet::give_id(uint32_t id) {
    nodes_[id].free = free_ids_;
    free_ids_ = free_link(id);
}

uint32_t RankedSet::make_leaf() {
    const uint32_t id = take_id();
    nodes_[id].leaf = RankedLeaf::create(tally_, id);
    nodes_[id].leaf->epoch = epoch_;
    return id;
}

uint32_t RankedSet::make_inner(uint16_t height) {
    const uint32_t id = take_id();
    auto* inner = new (tally_.allocate(sizeof(RankedInner))) RankedInner;
    inner->id = id;
    inner->height = height;
    nodes_[id].inner = inner;
    return id;
}

void RankedSet::free_inner(uint32_t id) {
    tally_.release(nodes_[id].inner);
    give_id(id);
}

/// `height` is that of the child.
void RankedSet::set_parent(uint32_t child, uint32_t parent, uint16_t height) {
    if (height == 0) {
        leaf_at(child)->parent = parent;
    } else {
        inner_at(child).parent = parent;
    }
}

void RankedSet::link_after(uint32_t left, uint32_t right) {
    RankedLeaf* before = leaf_at(left);
    RankedLeaf* added = leaf_at(right);
    added->previous = left;
    added->next = before->next;
    if (before->next == kNone) {
        last_ = right;
    } else {
        leaf_at(before->next)->previous = right;
    }
    before->next = right;
}

void RankedSet::unlink(uint32_t id) {
    const RankedLeaf* leaf = leaf_at(id);
    if (unsaved_ == id) unsaved_ = leaf->previous;
    if (leaf->previous == kNone) {
        first_ = leaf->next;
    } else {
        leaf_at(leaf->previous)->next = leaf->next;
    }
    if (leaf->next == kNone) {
        last_ = leaf->previous;
    } else {
        leaf_at(leaf->next)->previous = leaf->previous;
    }
}

// --- looking -------------------------------------------------------------------------------------

RankedSet::Place RankedSet::find(std::string_view member, uint64_t hash) const {
    const auto position = table_.find(hash, [&](Reference reference) {
        return leaf_at(reference.leaf)->member_of_slot(reference.slot) == member;
    });
    if (!position) return {};
    const Reference reference = table_.at(position);
    return {reference.leaf, leaf_at(reference.leaf)->position_of(reference.slot)};
}

const RankedLeaf* RankedSet::smallest_leaf(uint32_t id, uint16_t height) const {
    for (; height > 0; --height) id = inner_at(id).children[0];
    return leaf_at(id);
}

/// The child in which the edge lies, or at whose end.
size_t RankedSet::child_towards(const RankedInner& inner, const RankedEdge& edge) const {
    auto [low, high] = inner.find(edge);
    while (low < high) {
        const size_t middle = (low + high + 1) / 2;
        const RankedLeaf* leaf =
            smallest_leaf(inner.children[middle], static_cast<uint16_t>(inner.height - 1));
        const double score = leaf->score(0);
        const bool is_here =
            score < edge.score || (score == edge.score && leaf->member(0) <= edge.member);
        if (is_here) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

uint32_t RankedSet::descend(const RankedEdge& edge) const {
    uint32_t id = root_;
    for (uint16_t height = height_; height > 0; --height) {
        const RankedInner& inner = inner_at(id);
        id = inner.children[child_towards(inner, edge)];
    }
    return id;
}

RankedSet::Place RankedSet::first() const { return size_ == 0 ? Place() : Place(first_, 0); }

RankedSet::Place RankedSet::last() const {
    return size_ == 0 ? Place() : Place(last_, leaf_at(last_)->count() - 1);
}

RankedSet::Place RankedSet::next(Place place) const {
    const RankedLeaf* leaf = leaf_at(place.leaf_);
    if (place.position_ + 1 < leaf->count()) return {place.leaf_, place.position_ + 1U};
    return {leaf->next, 0};
}

RankedSet::Place RankedSet::previous(Place place) const {
    if (place.position_ > 0) return {place.leaf_, place.position_ - 1U};
    const uint32_t before = leaf_at(place.leaf_)->previous;
    return before == kNone ? Place() : Place(before, leaf_at(before)->count() - 1);
}

size_t RankedSet::rank(Place place) const {
    size_t rank = place.position_;
    uint32_t child = place.leaf_;
    for (uint32_t up = leaf_at(child)->parent; up != kNone; up = inner_at(up).parent) {
        const RankedInner& inner = inner_at(up);
        rank += inner.count_before(inner.index_of(child));
        child = up;
    }
    return rank;
}

RankedSet::Place RankedSet::select(size_t rank) const {
    DCHECK(rank < size_);
    uint32_t id = root_;
    for (uint16_t height = height_; height > 0; --height) {
        const RankedInner& inner = inner_at(id);
        size_t index = 0;
        while (rank >= inner.counts[index]) rank -= inner.counts[index++];
        id = inner.children[index];
    }
    return {id, rank};
}

RankedSet::Place RankedSet::find_edge(const RankedEdge& edge) const {
    const uint32_t id = descend(edge);
    const RankedLeaf* leaf = leaf_at(id);
    const size_t position = leaf->find(edge);
    if (position < leaf->count()) return {id, position};
    return {leaf->next, 0};
}

size_t RankedSet::count_before(const RankedEdge& edge) const {
    const uint32_t id = descend(edge);
    return rank({id, leaf_at(id)->find(edge)});
}

// --- adding --------------------------------------------------------------------------------------

void RankedSet::insert(std::string_view member, uint64_t hash, double score) {
    const RankedEdge edge{score, RankedEdge::Kind::before_member, member};
    table_.insert(hash, place_member(edge));
    ++size_;
}

/// Puts the member of an edge into the tree.
RankedSet::Reference RankedSet::place_member(const RankedEdge& edge) {
    // Scores often rise: what goes behind everything needs no search.
    const RankedLeaf* tail = leaf_at(last_);
    const bool is_last = tail->count() > 0 && edge.is_behind(tail->score(tail->count() - 1),
                                                             tail->member(tail->count() - 1));
    uint32_t id = is_last ? last_ : descend(edge);
    will_change(id);
    while (!leaf_at(id)->has_room(edge.member.size())) {
        id = is_last ? append_leaf() : split(id, edge);
    }
    const size_t position = is_last ? leaf_at(id)->count() : leaf_at(id)->find(edge);
    const uint8_t slot =
        RankedLeaf::insert(tally_, nodes_[id].leaf, position, edge.score, edge.member);
    const uint32_t previous = leaf_at(id)->previous;
    if (leaf_at(id)->count() == 1 && previous != kNone) attach(previous, id, 0, 0);
    add_count(id, 1);
    return {id, slot};
}

/// An empty leaf behind all others. It is attached once it has a member.
uint32_t RankedSet::append_leaf() {
    const uint32_t id = make_leaf();
    link_after(last_, id);
    return id;
}

void RankedSet::add_count(uint32_t leaf, int64_t members) {
    uint32_t child = leaf;
    for (uint32_t up = leaf_at(child)->parent; up != kNone; up = inner_at(up).parent) {
        RankedInner& inner = inner_at(up);
        inner.counts[inner.index_of(child)] += static_cast<uint64_t>(members);
        child = up;
    }
}

/// The separator before child `index`, from the smallest member in it.
void RankedSet::set_separator(RankedInner& inner, size_t index) {
    if (index == 0) return;
    const RankedLeaf* leaf =
        smallest_leaf(inner.children[index], static_cast<uint16_t>(inner.height - 1));
    if (!inner.has_prefix(leaf->member(0))) return refresh_separators(inner);
    inner.scores[index] = leaf->score(0);
    inner.words[index] = inner.word_of(leaf->member(0));
}

/// All separators anew, behind the prefix that they share now.
void RankedSet::refresh_separators(RankedInner& inner) {
    std::array<const RankedLeaf*, RankedInner::kChildrenMax> leaves{};
    std::string_view prefix;
    for (size_t i = 1; i < inner.count; ++i) {
        leaves[i] = smallest_leaf(inner.children[i], static_cast<uint16_t>(inner.height - 1));
        const std::string_view member = leaves[i]->member(0);
        if (i == 1) prefix = member.substr(0, RankedInner::kPrefixMax);
        const size_t length = std::min(prefix.size(), member.size());
        const auto differ = std::mismatch(prefix.begin(), prefix.begin() + length, member.begin());
        prefix = prefix.substr(0, static_cast<size_t>(differ.first - prefix.begin()));
    }
    inner.prefix_bytes = static_cast<uint16_t>(prefix.size());
    std::copy(prefix.begin(), prefix.end(), inner.prefix);
    for (size_t i = 1; i < inner.count; ++i) {
        inner.scores[i] = leaves[i]->score(0);
        inner.words[i] = inner.word_of(leaves[i]->member(0));
    }
}

/// Moves the upper half of a leaf into a new one; returns that of the two in which the edge lies.
uint32_t RankedSet::split(uint32_t id, const RankedEdge& edge) {
    const uint32_t right = make_leaf();
    const size_t begin = leaf_at(id)->count() / 2;
    const size_t moved = leaf_at(id)->count() - begin;
    CHECK(begin > 0);
    link_after(id, right);
    leaf_at(id)->append_to(tally_, begin, nodes_[right].leaf);
    reindex(id, begin, right, 0);
    RankedLeaf::truncate(tally_, nodes_[id].leaf, begin);
    attach(id, right, 0, moved);
    const RankedLeaf* made = leaf_at(right);
    return edge.is_behind(made->score(0), made->member(0)) ? right : id;
}

/// Gives the parent of `left` another child behind it, to which so many members have gone.
void RankedSet::attach(uint32_t left, uint32_t right, uint16_t height, uint64_t moved) {
    uint32_t up = height == 0 ? leaf_at(left)->parent : inner_at(left).parent;
    if (up == kNone) return grow_root(left, right, height, moved);
    if (inner_at(up).count == RankedInner::kChildrenMax) {
        split_inner(up, inner_at(up).children[RankedInner::kChildrenMax - 1] == left);
        up = height == 0 ? leaf_at(left)->parent : inner_at(left).parent;
    }
    RankedInner& inner = inner_at(up);
    const size_t index = inner.index_of(left);
    inner.counts[index] -= moved;
    inner.insert_child(index + 1, right, moved);
    set_parent(right, up, height);
    set_separator(inner, index + 1);
}

void RankedSet::grow_root(uint32_t left, uint32_t right, uint16_t height, uint64_t moved) {
    uint64_t members = 0;
    if (height == 0) {
        members = leaf_at(left)->count();
    } else {
        members = inner_at(left).count_before(inner_at(left).count);
    }
    const uint32_t id = make_inner(static_cast<uint16_t>(height + 1));
    RankedInner& root = inner_at(id);
    root.insert_child(0, left, members);
    root.insert_child(1, right, moved);
    set_parent(left, id, height);
    set_parent(right, id, height);
    refresh_separators(root);
    root_ = id;
    height_ = root.height;
}

/// Moves the upper half of the children of a full node into a new one; only the last, when more
/// are going to be added at the end.
void RankedSet::split_inner(uint32_t id, bool is_appending) {
    const uint32_t right = make_inner(inner_at(id).height);
    RankedInner& source = inner_at(id);
    RankedInner& target = inner_at(right);
    const size_t begin = is_appending ? source.count - 1U : source.count / 2U;
    target.prefix_bytes = source.prefix_bytes;
    std::copy(std::begin(source.prefix), std::end(source.prefix), target.prefix);
    source.move_children(begin, target);
    for (size_t i = 0; i < target.count; ++i) {
        set_parent(target.children[i], right, static_cast<uint16_t>(target.height - 1));
    }
    attach(id, right, source.height, target.count_before(target.count));
}

/// Members of leaf `from`, from `begin` on, lie in leaf `to` as well: the table is to say so.
void RankedSet::reindex(uint32_t from, size_t begin, uint32_t to, size_t to_begin) {
    std::array<uint64_t, RankedLeaf::kMembersMax> hashes;
    const RankedLeaf* source = leaf_at(from);
    const RankedLeaf* target = leaf_at(to);
    const size_t count = source->count() - begin;
    for (size_t i = 0; i < count; ++i) {
        hashes[i] = hash(source->member(begin + i));
        table_.prefetch_bucket(hashes[i]);
    }
    for (size_t i = 0; i < count; ++i) {
        const Reference old{from, source->slot(begin + i)};
        const auto position =
            table_.find(hashes[i], [&](Reference reference) { return reference == old; });
        CHECK(position);
        table_.replace(position, Reference{to, target->slot(to_begin + i)});
    }
}

// --- changing and erasing ------------------------------------------------------------------------

void RankedSet::change(Place place, uint64_t hash, double score) {
    will_change(place.leaf_);
    RankedLeaf* leaf = leaf_at(place.leaf_);
    const size_t at = place.position_;
    const std::string_view member = leaf->member(at);
    const RankedEdge edge{score, RankedEdge::Kind::before_member, member};
    const bool stays = at > 0 && at + 1 < leaf->count() &&
                       edge.is_behind(leaf->score(at - 1), leaf->member(at - 1)) &&
                       !edge.is_behind(leaf->score(at + 1), leaf->member(at + 1));
    if (stays) return leaf->set_score(at, score);
    const Reference old{place.leaf_, leaf->slot(at)};
    const auto position = table_.find(hash, [&](Reference reference) { return reference == old; });
    CHECK(position);
    // Its slot may be taken by another member before it has a new one.
    table_.replace(position, {kNone, 0});
    char nearby[RankedLeaf::kInlineMax];
    std::string elsewhere;
    std::string_view copy;
    if (member.size() <= sizeof nearby) {
        std::copy(member.begin(), member.end(), nearby);
        copy = {nearby, member.size()};
    } else {
        elsewhere = member;
        copy = elsewhere;
    }
    drop_from_tree(place.leaf_, at);
    table_.replace(position, place_member({score, RankedEdge::Kind::before_member, copy}));
}

void RankedSet::erase(Place place) {
    will_change(place.leaf_);
    const RankedLeaf* leaf = leaf_at(place.leaf_);
    drop_from_table({place.leaf_, leaf->slot(place.position_)},
                    hash(leaf->member(place.position_)));
    drop_from_tree(place.leaf_, place.position_);
    --size_;
}

void RankedSet::drop_from_table(Reference reference, uint64_t hash) {
    const auto position = table_.find(hash, [&](Reference other) { return other == reference; });
    CHECK(position);
    table_.erase(position, hash);
}

void RankedSet::drop_from_tree(uint32_t leaf, size_t position) {
    leaf_at(leaf)->erase(tally_, position);
    add_count(leaf, -1);
    settle_leaf(leaf);
}

void RankedSet::erase_ranks(size_t begin, size_t end) {
    std::array<uint64_t, RankedLeaf::kMembersMax> hashes;
    while (begin < end) {
        const Place place = select(begin);
        will_change(place.leaf_);
        RankedLeaf* leaf = leaf_at(place.leaf_);
        const size_t at = place.position_;
        const size_t count = std::min(end - begin, leaf->count() - at);
        for (size_t i = 0; i < count; ++i) {
            hashes[i] = hash(leaf->member(at + i));
            table_.prefetch_bucket(hashes[i]);
        }
        for (size_t i = 0; i < count; ++i) {
            drop_from_table({place.leaf_, leaf->slot(at + i)}, hashes[i]);
        }
        for (size_t i = count; i-- > 0;) leaf->erase(tally_, at + i);
        add_count(place.leaf_, -static_cast<int64_t>(count));
        size_ -= count;
        end -= count;
        settle_leaf(place.leaf_);
    }
}

/// After members have gone: removes the leaf, joins it with a neighbour or gives memory back.
void RankedSet::settle_leaf(uint32_t id) {
    RankedLeaf* leaf = leaf_at(id);
    const uint32_t up = leaf->parent;
    if (leaf->count() == 0 && up != kNone) {
        unlink(id);
        RankedLeaf::destroy(tally_, leaf);
        give_id(id);
        return detach(id, up);
    }
    if (up != kNone && leaf->used_bytes() < kLeafBytesMin) {
        const uint32_t next = leaf->next;
        const uint32_t previous = leaf->previous;
        if (next != kNone && leaf_at(next)->parent == up && join_leaves(id, next)) return;
        if (previous != kNone && leaf_at(previous)->parent == up && join_leaves(previous, id)) {
            return;
        }
    }
    RankedLeaf::trim(tally_, nodes_[id].leaf);
}

/// Moves all of `right` to the end of `left`, its neighbour under the same parent, unless they
/// would then be nearly full.
bool RankedSet::join_leaves(uint32_t left, uint32_t right) {
    if (leaf_at(left)->used_bytes() + leaf_at(right)->used_bytes() > kLeafBytesJoined) return false;
    will_change(left);
    will_change(right);
    const uint32_t up = leaf_at(left)->parent;
    const size_t before = leaf_at(left)->count();
    const size_t moved = leaf_at(right)->count();
    leaf_at(right)->append_to(tally_, 0, nodes_[left].leaf);
    reindex(right, 0, left, before);
    RankedLeaf::truncate(tally_, nodes_[right].leaf, 0);
    RankedInner& inner = inner_at(up);
    const size_t index = inner.index_of(left);
    inner.counts[index] += moved;
    inner.counts[index + 1] -= moved;
    unlink(right);
    RankedLeaf::destroy(tally_, leaf_at(right));
    give_id(right);
    detach(right, up);
    return true;
}

/// Takes a child without members away from its parent.
void RankedSet::detach(uint32_t child, uint32_t parent) {
    RankedInner& inner = inner_at(parent);
    inner.remove_child(inner.index_of(child));
    settle_inner(parent);
}

/// After a child has gone: removes the node, joins it with a neighbour or takes it from the top.
void RankedSet::settle_inner(uint32_t id) {
    RankedInner& inner = inner_at(id);
    const uint32_t up = inner.parent;
    if (up == kNone) {
        if (inner.count > 1) return;
        root_ = inner.children[0];
        --height_;
        set_parent(root_, kNone, height_);
        free_inner(id);
        if (height_ > 0) settle_inner(root_);
        return;
    }
    if (inner.count == 0) {
        free_inner(id);
        return detach(id, up);
    }
    if (inner.count >= kChildrenMin) return;
    RankedInner& parent = inner_at(up);
    const size_t index = parent.index_of(id);
    if (index + 1 < parent.count && join_inner(parent, index)) return;
    if (index > 0) join_inner(parent, index - 1);
}

/// Moves the children of the node behind `left_index` into it, unless it would be nearly full.
bool RankedSet::join_inner(RankedInner& parent, size_t left_index) {
    RankedInner& left = inner_at(parent.children[left_index]);
    RankedInner& right = inner_at(parent.children[left_index + 1]);
    if (left.count + right.count > static_cast<int>(kChildrenJoined)) return false;
    const size_t before = left.count;
    parent.counts[left_index] += parent.counts[left_index + 1];
    parent.counts[left_index + 1] = 0;
    right.move_children(0, left);
    for (size_t i = before; i < left.count; ++i) {
        set_parent(left.children[i], left.id, static_cast<uint16_t>(left.height - 1));
    }
    refresh_separators(left);
    const uint32_t gone = right.id;
    const uint32_t up = parent.id;
    free_inner(gone);
    detach(gone, up);
    return true;
}

// --- saving --------------------------------------------------------------------------------------

void RankedSet::begin_saving(PartSaver& saver) {
    saver_ = &saver;
    unsaved_ = last_;
    ++epoch_;
}

bool RankedSet::save_next() {
    if (unsaved_ == kNone) return false;
    const uint32_t id = unsaved_;
    unsaved_ = leaf_at(id)->previous;
    save_leaf(id);
    return true;
}

void RankedSet::save_leaf(uint32_t id) {
    RankedLeaf* leaf = leaf_at(id);
    if (leaf->epoch == epoch_) return;
    leaf->epoch = epoch_;
    saver_->save_part(id);
}

// --- the end -------------------------------------------------------------------------------------

bool RankedSet::drain(size_t budget) {
    // A reference and a member each count for one half.
    size_t gone = 0;
    while (!table_.empty() && gone <= budget / 2) gone += 1 + table_.clear_last([](Reference) {});
    return table_.empty() && drain_nodes(budget / 2 + 1);
}

bool RankedSet::drain_nodes(size_t budget) {
    size_t gone = 0;
    while (first_ != kNone && gone < budget) {
        RankedLeaf* leaf = leaf_at(first_);
        first_ = leaf->next;
        size_ -= leaf->count();
        gone += leaf->count() + 1;
        RankedLeaf::destroy(tally_, leaf);
    }
    // Inner nodes from below: the last child first, a node when it has none left.
    while (first_ == kNone && height_ > 0 && gone < budget) {
        uint32_t id = root_;
        while (inner_at(id).height > 1 && inner_at(id).count > 0) {
            id = inner_at(id).children[inner_at(id).count - 1];
        }
        const uint32_t up = inner_at(id).parent;
        tally_.release(nodes_[id].inner);
        if (up == kNone) {
            height_ = 0;
        } else {
            --inner_at(up).count;
        }
        ++gone;
    }
    if (first_ != kNone || height_ > 0) return false;
    tally_.release(nodes_);
    nodes_ = nullptr;
    return true;
}

// --- checking ------------------------------------------------------------------------------------

uint64_t RankedSet::verify_node(uint32_t id, uint16_t height) const {
    if (height == 0) {
        const RankedLeaf* leaf = leaf_at(id);
        CHECK(leaf->id == id);
        CHECK(leaf->count() > 0 || id == root_);
        for (size_t i = 1; i < leaf->count(); ++i) {
            const RankedEdge edge{leaf->score(i), RankedEdge::Kind::before_member, leaf->member(i)};
            CHECK(edge.is_behind(leaf->score(i - 1), leaf->member(i - 1)));
        }
        return leaf->count();
    }
    const RankedInner& inner = inner_at(id);
    CHECK(inner.id == id);
    CHECK(inner.height == height);
    CHECK(inner.count > (id == root_ ? 1 : 0));
    uint64_t members = 0;
    for (size_t i = 0; i < inner.count; ++i) {
        const uint32_t child = inner.children[i];
        const uint16_t below = static_cast<uint16_t>(height - 1);
        CHECK((below == 0 ? leaf_at(child)->parent : inner_at(child).parent) == id);
        const uint64_t counted = verify_node(child, below);
        CHECK(counted == inner.counts[i]);
        members += counted;
        const RankedLeaf* leaf = smallest_leaf(child, below);
        const RankedEdge edge{leaf->score(0), RankedEdge::Kind::before_member, leaf->member(0)};
        CHECK(child_towards(inner, edge) == i);
    }
    return members;
}

void RankedSet::verify() const {
    CHECK(verify_node(root_, height_) == size_);
    CHECK(table_.size() == size_);
    size_t seen = 0;
    uint32_t before = kNone;
    for (uint32_t id = first_; id != kNone; id = leaf_at(id)->next) {
        const RankedLeaf* leaf = leaf_at(id);
        CHECK(leaf->previous == before);
        if (before != kNone && leaf->count() > 0) {
            const RankedLeaf* left = leaf_at(before);
            const RankedEdge edge{leaf->score(0), RankedEdge::Kind::before_member, leaf->member(0)};
            CHECK(edge.is_behind(left->score(left->count() - 1), left->member(left->count() - 1)));
        }
        for (size_t i = 0; i < leaf->count(); ++i) {
            const Place place = find(leaf->member(i), hash(leaf->member(i)));
            CHECK(place == Place(id, i));
            CHECK(rank(place) == seen + i);
        }
        seen += leaf->count();
        before = id;
    }
    CHECK(before == last_);
}

}  // namespace gyre::containers
