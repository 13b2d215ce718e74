// SPDX-License-Identifier: BSD-3-Clause
#include "types/list.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/check.h"

namespace gyre::types {
namespace {

/// Room a node begins with when it will probably be filled.
constexpr size_t kNodeBytesFirst = 1024;
/// A list of so many nodes begins those at its ends with all the room they may have: what is not
/// filled is little then, and memory that grows by steps leaves holes between the nodes.
constexpr size_t kNodesBeforeWhole = 8;

size_t front_of(const ListNode& node) {
    return node.form() == ListNode::Form::plain ? 0 : Listpack::kHeaderBytes;
}

/// Of one that is not compressed.
size_t end_of(const ListNode& node) {
    return node.form() == ListNode::Form::plain ? node.raw_bytes() : node.raw_bytes() - 1;
}

bool is_packed(const ListNode& node) { return node.form() != ListNode::Form::plain; }

}  // namespace

// --- limits -----------------------------------------------------------------------------------

ListLimit::ListLimit(int64_t setting) noexcept
    : bytes_max_(kCountedBytesMax), elements_max_(SIZE_MAX), is_counted_(setting >= 0) {
    if (is_counted_) {
        elements_max_ = static_cast<size_t>(std::clamp<int64_t>(setting, 1, kElementsMax));
    } else {
        bytes_max_ = size_t{4096} << (std::min<int64_t>(-(setting + 1), 4));
    }
}

bool ListLimit::allows_shrunk(size_t bytes, size_t elements) const noexcept {
    return is_counted_ ? elements <= elements_max_ / 2 && bytes <= bytes_max_
                       : bytes <= bytes_max_ / 2;
}

// --- blocks and nodes ---------------------------------------------------------------------------

List::List(std::string_view listpack, Options options) : List(options) {
    const size_t count = Listpack(listpack).size();
    if (count == 0) return;
    put_node({}, ListEnd::tail, ListNode::packed(listpack, listpack.size(), footprint_));
}

List::~List() {
    if (saving_) end_saving();
    drain(SIZE_MAX);
}

bool List::drain(size_t budget) {
    for (size_t freed = 0; head_ != nullptr && freed < budget;) {
        freed += first()->count();
        erase_node(first());
    }
    return head_ == nullptr;
}

List* List::clone() const {
    auto* copy = new List(options_);
    for (Place place = first(); place; place = after(place)) {
        copy->put_node(copy->last(), ListEnd::tail, place->clone(copy->footprint_));
    }
    return copy;
}

std::string_view List::only_listpack() const noexcept {
    if (node_count_ != 1 || first()->form() != ListNode::Form::packed) return {};
    return first()->bytes();
}

List::Block* List::new_block(size_t capacity, Block* previous, Block* next) {
    auto* block =
        static_cast<Block*>(base::allocate(base::Purpose::keyspace, block_bytes(capacity)));
    footprint_ += base::usable_size(block);
    block->next = next;
    block->previous = previous;
    block->elements = 0;
    block->count = 0;
    block->capacity = static_cast<uint32_t>(capacity);
    (next != nullptr ? next->previous : tail_) = block;
    (previous != nullptr ? previous->next : head_) = block;
    return block;
}

void List::free_block(Block* block) noexcept {
    (block->next != nullptr ? block->next->previous : tail_) = block->previous;
    (block->previous != nullptr ? block->previous->next : head_) = block->next;
    if (saving_ && saving_->block == block) saving_->block = block->next;
    footprint_ -= base::usable_size(block);
    base::release(base::Purpose::keyspace, block);
}

List::Block* List::grow_block(Block* block) {
    const size_t capacity = std::min<size_t>(size_t{block->capacity} * 2, kBlockNodes);
    footprint_ -= base::usable_size(block);
    const bool is_next_to_save = saving_ && saving_->block == block;
    block = static_cast<Block*>(
        base::reallocate(base::Purpose::keyspace, block, block_bytes(capacity)));
    footprint_ += base::usable_size(block);
    block->capacity = static_cast<uint32_t>(capacity);
    (block->next != nullptr ? block->next->previous : tail_) = block;
    (block->previous != nullptr ? block->previous->next : head_) = block;
    if (is_next_to_save) saving_->block = block;
    return block;
}

/// Moves the second half of a full block into one behind it.
List::Block* List::split_block(Block* block) {
    Block* added = new_block(kBlockNodes, block, block->next);
    const uint32_t kept = block->count / 2;
    added->count = block->count - kept;
    std::memcpy(static_cast<void*>(added->nodes), &block->nodes[kept],
                added->count * sizeof(ListNode));
    block->count = kept;
    for (size_t i = 0; i < added->count; ++i) added->elements += added->nodes[i].count();
    block->elements -= added->elements;
    return added;
}

List::Place List::after(Place place) {
    if (place.node + 1 < place.block->count) return {place.block, place.node + 1};
    return {place.block->next, 0};
}

List::Place List::before(Place place) {
    if (place.node > 0) return {place.block, place.node - 1};
    Block* block = place.block->previous;
    return {block, block == nullptr ? 0 : block->count - 1};
}

/// The node that holds element `index`, and which of its elements that is. From the nearer end.
List::Place List::locate(size_t index, size_t& offset) const {
    DCHECK(index < size_);
    if (index < size_ / 2) {
        Place place = first();
        while (index >= place.block->elements) {
            index -= place.block->elements;
            place.block = place.block->next;
        }
        for (; index >= place->count(); ++place.node) index -= place->count();
        offset = index;
        return place;
    }
    size_t behind = size_ - 1 - index;  // elements behind it
    Block* block = tail_;
    for (; behind >= block->elements; block = block->previous) behind -= block->elements;
    Place place{block, block->count - 1};
    for (; behind >= place->count(); --place.node) behind -= place->count();
    offset = place->count() - 1 - behind;
    return place;
}

/// Puts a node in front of or behind `place`; with no place into the empty list. Places in the list
/// are void afterwards; returns where it is.
List::Place List::put_node(Place place, ListEnd side, const ListNode& node) {
    Block* block = place.block;
    size_t index = place.node + (side == ListEnd::tail ? 1 : 0);
    if (block == nullptr) {
        block = new_block(kBlockNodesMin, nullptr, nullptr);
        index = 0;
    } else if (block->count == kBlockNodes && index == kBlockNodes && block->next == nullptr) {
        block = new_block(kBlockNodes, block, nullptr);
        index = 0;
    } else if (block->count == kBlockNodes && index == 0 && block->previous == nullptr) {
        block = new_block(kBlockNodes, nullptr, block);
    } else if (block->count == kBlockNodes) {
        Block* added = split_block(block);
        if (index > block->count) {
            index -= block->count;
            block = added;
        }
    } else if (block->count == block->capacity) {
        block = grow_block(block);
    }
    ListNode* at = block->nodes + index;
    std::memmove(static_cast<void*>(at + 1), at, (block->count - index) * sizeof(ListNode));
    std::memcpy(static_cast<void*>(at), &node, sizeof node);
    ++block->count;
    block->elements += node.count();
    size_ += node.count();
    ++node_count_;
    return {block, index};
}

/// Frees a node; returns the one behind it.
List::Place List::erase_node(Place place) {
    Block* block = place.block;
    ListNode* at = block->nodes + place.node;
    block->elements -= at->count();
    size_ -= at->count();
    --node_count_;
    if (!keep(*at, Keep::itself)) at->release(footprint_);
    --block->count;
    std::memmove(static_cast<void*>(at), at + 1, (block->count - place.node) * sizeof(ListNode));
    if (place.node < block->count) return place;
    Block* next = block->next;
    if (block->count == 0) free_block(block);
    return {next, 0};
}

// --- elements -----------------------------------------------------------------------------------

/// A node for `value` alone, at an end of the list or not.
ListNode List::node_with(std::string_view value, bool is_at_end) {
    // Longer texts are never elements of a listpack.
    const bool is_large = value.size() > options_.limit.bytes_max();
    if (is_large) return ListNode::plain(value, footprint_);
    const std::array added{ListpackElement::of(value)};
    const size_t bytes = Listpack::kEmptyBytes + added[0].bytes();
    if (bytes > options_.limit.bytes_max()) return ListNode::plain(value, footprint_);
    const size_t bytes_max = options_.limit.bytes_max();
    size_t room = 0;
    if (options_.limit.elements_max() == SIZE_MAX && node_count_ > 0) {
        const bool is_whole = is_at_end && node_count_ >= kNodesBeforeWhole;
        room = is_whole ? bytes_max : std::min(kNodeBytesFirst, bytes_max);
    }
    ListNode node = ListNode::packed(Listpack::kEmpty, std::max(bytes, room), footprint_);
    node.splice(Listpack(node.bytes()).insert(Listpack::kHeaderBytes, added), bytes_max,
                footprint_);
    return node;
}

/// Whether the element still fits into the listpack there: one that is larger than a node may be
/// does not.
bool List::takes(Place place, const ListpackElement& element) const {
    if (!place || !is_packed(*place)) return false;
    return options_.limit.allows(place->raw_bytes() + element.bytes(), place->count() + 1);
}

void List::change(Place place, const ListpackSplice& splice) {
    keep(*place, Keep::copy);
    const size_t before = place->count();
    place->splice(splice, options_.limit.bytes_max(), footprint_);
    place.block->elements += place->count() - before;  // wraps around when there are fewer
    size_ += place->count() - before;
}

/// Moves what stands from `at` on, inside a packed node, into a node behind it; returns that.
List::Place List::split_node(Place place, size_t at) {
    const Listpack whole(place->bytes());
    std::string rest(whole.bytes());
    size_t kept = 0;
    for (size_t i = whole.begin(); i != at; i = whole.next(i)) ++kept;
    whole.erase(whole.begin(), kept).apply(rest);
    change(place, whole.erase(at, whole.size() - kept));
    return put_node(place, ListEnd::tail, ListNode::packed(rest, rest.size(), footprint_));
}

/// Puts an element where `at` says: inside the node, which is not compressed, or at one of its
/// ends.
void List::insert_at(Place place, size_t at, std::string_view value) {
    const std::array added{ListpackElement::of(value)};
    if (takes(place, added[0])) {
        change(place, Listpack(place->bytes()).insert(at, added));
        return settle_around(place);
    }
    if (at != front_of(*place) && at != end_of(*place)) {
        const Place left = before(split_node(place, at));
        return insert_at(left, end_of(*left), value);
    }
    const ListEnd side = at == front_of(*place) ? ListEnd::head : ListEnd::tail;
    const Place neighbour = side == ListEnd::head ? before(place) : after(place);
    if (takes(neighbour, added[0])) {
        neighbour->decompress(footprint_);
        const size_t edge = side == ListEnd::head ? end_of(*neighbour) : front_of(*neighbour);
        change(neighbour, Listpack(neighbour->bytes()).insert(edge, added));
        return settle_around(neighbour);
    }
    if (is_packed(*place)) place->trim(footprint_);
    settle_around(put_node(place, side, node_with(value, !neighbour)));
}

void List::push(ListEnd end, std::string_view value) {
    const size_t nodes_before = node_count_;
    if (head_ == nullptr) {
        put_node({}, end, node_with(value, true));
    } else {
        const Place place = end == ListEnd::head ? first() : last();
        insert_at(place, end == ListEnd::head ? front_of(*place) : end_of(*place), value);
    }
    if (node_count_ != nodes_before) settle_ends();
}

void List::append_node(std::string_view listpack) {
    const Listpack elements(listpack);
    if (elements.is_empty()) return;
    put_node(last(), ListEnd::tail, ListNode::packed(listpack, listpack.size(), footprint_));
    if (options_.compress_depth == 0) return;
    // What has become inner lies as many nodes before the new one as the ends are deep.
    settle_ends();
}

void List::erase(size_t start, size_t count) {
    if (count == 0) return;
    DCHECK(start + count <= size_);
    const size_t nodes_before = node_count_;
    size_t offset = 0;
    Place place = locate(start, offset);
    while (count != 0) {
        const size_t here = std::min(count, place->count() - offset);
        count -= here;
        if (here == place->count()) {
            place = erase_node(place);
        } else {
            place->decompress(footprint_);
            const Listpack listpack(place->bytes());
            change(place, listpack.erase(listpack.seek(static_cast<int64_t>(offset)), here));
            settle(place);
            place = after(place);
        }
        offset = 0;
    }
    if (node_count_ != nodes_before) settle_ends();
}

/// Removes elements of one node; returns how many. The node may be empty afterwards.
size_t List::remove_in(Place place, std::string_view value, size_t limit, ListEnd from) {
    if (!is_packed(*place)) {
        if (place->bytes() != value) return 0;
        return 1;
    }
    if (value.size() > options_.limit.bytes_max()) return 0;
    const ListpackElement wanted = ListpackElement::of(value);
    std::string scratch;
    const Listpack unchanged(place->bytes(scratch));
    if (unchanged.find(wanted, unchanged.begin()) == unchanged.end()) return 0;
    place->decompress(footprint_);
    size_t removed = 0;
    size_t at = from == ListEnd::head ? Listpack::kHeaderBytes : end_of(*place);
    while (removed < limit) {
        const Listpack listpack(place->bytes());
        if (from == ListEnd::head) {
            at = listpack.find(wanted, at);
            if (at == listpack.end()) break;
        } else {
            do {
                if (at == listpack.begin()) return removed;
                at = listpack.previous(at);
            } while (!wanted.equals(listpack.at(at)));
        }
        change(place, listpack.erase(at, 1));
        ++removed;
    }
    return removed;
}

/// Takes the elements of the next node over where both fit into one with room to spare. False:
/// nothing was done.
bool List::merge_next(Place place) {
    const Place next = after(place);
    if (!next || !is_packed(*place) || !is_packed(*next)) return false;
    const size_t bytes = place->raw_bytes() + next->raw_bytes();
    if (bytes > options_.limit.bytes_max() / 4 * 3) return false;
    if (!options_.limit.allows(bytes, place->count() + next->count())) return false;
    place->decompress(footprint_);
    std::string scratch;
    const Listpack moved(next->bytes(scratch));
    std::vector<ListpackElement> elements;
    elements.reserve(next->count());
    for (size_t at = moved.begin(); at != moved.end(); at = moved.next(at)) {
        elements.push_back(ListpackElement::of(moved.at(at)));
    }
    change(place, Listpack(place->bytes()).insert(end_of(*place), elements));
    erase_node(next);
    settle(place);
    return true;
}

size_t List::remove(std::string_view value, size_t limit, ListEnd from) {
    const size_t nodes_before = node_count_;
    size_t removed = 0;
    Place place = from == ListEnd::head ? first() : last();
    while (place && removed < limit) {
        const size_t here = remove_in(place, value, limit - removed, from);
        removed += here;
        const bool is_gone = here != 0 && (!is_packed(*place) || place->count() == 0);
        const Place previous = before(place);
        if (is_gone) {
            const Place next = erase_node(place);
            place = from == ListEnd::head ? next : previous;
            continue;
        }
        if (here != 0) settle(place);
        if (from == ListEnd::tail) {
            if (here != 0) merge_next(place);
            place = previous;
        } else {
            const bool is_merged = here != 0 && previous && merge_next(previous);
            place = after(is_merged ? previous : place);
        }
    }
    if (node_count_ != nodes_before) settle_ends();
    return removed;
}

// --- cursor
// ---------------------------------------------------------------------------------------

List::Cursor::Cursor(const List& list, size_t index) {
    size_t offset = 0;
    const Place place = list.locate(index, offset);
    enter(place.block, place.node);
    if (is_packed(*place)) at_ = Listpack(bytes_).seek(static_cast<int64_t>(offset));
}

/// Stands at the first element of a node; at none without one.
void List::Cursor::enter(Block* block, size_t node) {
    block_ = block;
    node_ = node;
    if (block == nullptr) return;
    bytes_ = block->nodes[node].bytes(scratch_);
    at_ = front_of(block->nodes[node]);
}

ListpackValue List::Cursor::value() const {
    if (is_packed(block_->nodes[node_])) return Listpack(bytes_).at(at_);
    return {bytes_.data(), bytes_.size(), 0};
}

void List::Cursor::next() {
    if (is_packed(block_->nodes[node_])) {
        const Listpack listpack(bytes_);
        at_ = listpack.next(at_);
        if (at_ != listpack.end()) return;
    }
    const Place place = after({block_, node_});
    enter(place.block, place.node);
}

void List::Cursor::previous() {
    if (at_ != front_of(block_->nodes[node_])) {
        at_ = Listpack(bytes_).previous(at_);
        return;
    }
    const Place place = before({block_, node_});
    enter(place.block, place.node);
    if (block_ != nullptr && is_packed(*place)) {
        const Listpack listpack(bytes_);
        at_ = listpack.previous(listpack.end());
    }
}

void List::insert(Cursor& cursor, ListEnd side, std::string_view value) {
    const size_t nodes_before = node_count_;
    const Place place{cursor.block_, cursor.node_};
    cursor.block_ = nullptr;
    place->decompress(footprint_);
    size_t at = cursor.at_;
    if (side == ListEnd::tail) {
        at = is_packed(*place) ? Listpack(place->bytes()).next(at) : end_of(*place);
    }
    insert_at(place, at, value);
    if (node_count_ != nodes_before) settle_ends();
}

void List::replace(Cursor& cursor, std::string_view value) {
    const size_t nodes_before = node_count_;
    const Place place{cursor.block_, cursor.node_};
    cursor.block_ = nullptr;
    place->decompress(footprint_);
    if (place->count() == 1) {
        const Place added = put_node(place, ListEnd::head, node_with(value, false));
        erase_node(after(added));
        settle(added);
        return;
    }
    const Listpack listpack(place->bytes());
    const size_t at = cursor.at_;
    const ListpackSplice erasure = listpack.erase(at, 1);
    const size_t without = erasure.size_after(listpack.bytes().size());
    if (value.size() <= options_.limit.bytes_max()) {
        const std::array added{ListpackElement::of(value)};
        if (without + added[0].bytes() <= options_.limit.bytes_max()) {
            change(place, listpack.replace(at, 1, added));
            return settle(place);
        }
    }
    change(place, erasure);
    insert_at(place, at, value);
    if (node_count_ != nodes_before) settle_ends();
}

// --- compression
// ------------------------------------------------------------------------------------

/// Whether more than the compress depth stands on either side of a node.
bool List::is_interior(Place place) const {
    const size_t depth = options_.compress_depth;
    if (node_count_ <= 2 * depth) return false;
    Place low = first();
    Place high = last();
    for (size_t i = 0; i < depth; ++i) {
        if (low == place || high == place) return false;
        low = after(low);
        high = before(high);
    }
    return true;
}

/// Brings a node into the form that its place asks for.
void List::settle(Place place) {
    if (options_.compress_depth == 0 || !place) return;
    if (is_interior(place)) {
        place->compress(footprint_);
    } else {
        place->decompress(footprint_);
    }
}

void List::settle_around(Place place) {
    if (options_.compress_depth == 0) return;
    settle(before(place));
    settle(place);
    settle(after(place));
}

/// After nodes came or went: those at the ends, and the first ones behind them.
void List::settle_ends() {
    const size_t depth = options_.compress_depth;
    if (depth == 0 || node_count_ == 0) return;
    Place low = first();
    Place high = last();
    for (size_t i = 0; i < depth && low && high; ++i) {
        low->decompress(footprint_);
        high->decompress(footprint_);
        low = after(low);
        high = before(high);
    }
    if (node_count_ <= 2 * depth) return;
    low->compress(footprint_);
    high->compress(footprint_);
}

// --- saving
// ---------------------------------------------------------------------------------------

void List::begin_saving(ObjectSaver& saver) {
    Object::begin_saving(saver);
    saving_ = std::make_unique<Saving>();
    saving_->block = head_;
    for (Block* block = head_; block != nullptr; block = block->next) {
        for (size_t i = 0; i < block->count; ++i) block->nodes[i].set_number(++saving_->last);
    }
}

/// To be called before a node whose number is still to come changes, or goes; true when it is
/// kept itself. What is kept counts for the snapshot, no more for the list.
bool List::keep(ListNode& node, Keep how) {
    if (!saving_ || node.number() == 0) return false;
    const uint32_t number = node.number();
    size_t copied = 0;
    ListNode kept = how == Keep::copy ? node.clone(copied) : node;
    const size_t bytes = kept.allocated_bytes();
    if (how == Keep::itself) footprint_ -= bytes;
    base::account(base::Purpose::keyspace, -static_cast<int64_t>(bytes));
    base::account(base::Purpose::snapshot, static_cast<int64_t>(bytes));
    node.set_number(0);
    saving_->kept.emplace(number, kept);
    saver()->note_kept(bytes);
    return how == Keep::itself;
}

void List::release_kept(ListNode& node) {
    size_t bytes = node.allocated_bytes();
    base::account(base::Purpose::snapshot, -static_cast<int64_t>(bytes));
    base::account(base::Purpose::keyspace, static_cast<int64_t>(bytes));
    node.release(bytes);
}

/// The first node that has a number; there is one.
ListNode& List::next_numbered() {
    for (;; saving_->block = saving_->block->next) {
        CHECK(saving_->block != nullptr);
        for (size_t i = 0; i < saving_->block->count; ++i) {
            ListNode& node = saving_->block->nodes[i];
            if (node.number() != 0) return node;
        }
    }
}

bool List::save_next(size_t& /*place*/) {
    if (saving_->next > saving_->last) return false;
    const uint32_t number = saving_->next++;
    const auto kept = saving_->kept.begin();
    if (kept != saving_->kept.end() && kept->first == number) {
        saving_->part = &kept->second;
        saver()->save_part(number);
        release_kept(kept->second);
        saving_->kept.erase(kept);
        return true;
    }
    ListNode& node = next_numbered();
    CHECK(node.number() == number);
    node.set_number(0);
    saving_->part = &node;
    saver()->save_part(number);
    return true;
}

void List::end_saving() {
    for (auto& [number, node] : saving_->kept) release_kept(node);
    // Only who gives up leaves numbers behind.
    for (Place place = first(); place && saving_->next <= saving_->last; place = after(place)) {
        place->set_number(0);
    }
    saving_.reset();
    Object::end_saving();
}

}  // namespace gyre::types
