// SPDX-License-Identifier: BSD-3-Clause
#include "containers/ranked_leaf.h"

#include <algorithm>
#include <new>

#include "base/check.h"

namespace gyre::containers {
namespace {

/// Of the free bytes of a leaf that is made anew: more than this is given back.
constexpr size_t kSpareMax = 2 * RankedLeaf::kStep;

void* copy_external(Tally& tally, std::string_view member) {
    const size_t length = member.size();
    char* block = static_cast<char*>(tally.allocate(sizeof length + length));
    std::memcpy(block, &length, sizeof length);
    std::memcpy(block + sizeof length, member.data(), length);
    return block;
}

}  // namespace

RankedLeaf* RankedLeaf::create(Tally& tally, uint32_t id) {
    constexpr size_t kCapacity = kStep - kAllocatorHeader;
    auto* leaf = new (tally.allocate(kCapacity)) RankedLeaf();
    leaf->id = id;
    leaf->capacity_ = kCapacity;
    leaf->heap_ = kCapacity;
    return leaf;
}

void RankedLeaf::destroy(Tally& tally, RankedLeaf* leaf) {
    for (size_t position = 0; position < leaf->count_; ++position) {
        const char* record = leaf->base() + leaf->offsets()[leaf->slots()[position]];
        if (static_cast<uint8_t>(*record) == kExternal) tally.release(external(record));
    }
    tally.release(leaf);
}

RankedLeaf* RankedLeaf::clone(Tally& tally) const {
    auto* copy = static_cast<RankedLeaf*>(tally.allocate(capacity_));
    std::memcpy(static_cast<void*>(copy), this, capacity_);
    for (size_t position = 0; position < count_; ++position) {
        char* record = copy->base() + offsets()[slots()[position]];
        if (static_cast<uint8_t>(*record) != kExternal) continue;
        void* block = copy_external(tally, member(position));
        std::memcpy(record + 1, &block, sizeof block);
    }
    return copy;
}

std::string_view RankedLeaf::member_of_slot(uint8_t slot) const {
    const char* record = base() + offsets()[slot];
    const auto length = static_cast<uint8_t>(*record);
    if (length != kExternal) [[likely]]
        return {record + 1, length};
    const char* block = static_cast<const char*>(external(record));
    size_t bytes = 0;
    std::memcpy(&bytes, block, sizeof bytes);
    return {block + sizeof bytes, bytes};
}

size_t RankedLeaf::find(const RankedEdge& edge) const {
    const double* const begin = scores();
    const double* const end = begin + count_;
    const auto first = static_cast<size_t>(std::lower_bound(begin, end, edge.score) - begin);
    if (edge.kind == RankedEdge::Kind::before_score) return first;
    const auto last = static_cast<size_t>(std::upper_bound(begin + first, end, edge.score) - begin);
    if (edge.kind == RankedEdge::Kind::after_score) return last;
    size_t low = first;
    size_t high = last;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (edge.is_behind(edge.score, member(middle))) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t RankedLeaf::bytes_needed(size_t more_members, size_t more_records) const {
    const size_t members = count_ + more_members;
    const size_t slots_needed = std::max<size_t>(slots_used_, members);
    return sizeof(RankedLeaf) + arrays_bytes(members, slots_needed) + records_bytes() +
           more_records;
}

size_t RankedLeaf::used_bytes() const { return bytes_needed(0, 0); }

bool RankedLeaf::has_room(size_t member_bytes) const {
    return count_ < kMembersMax && bytes_needed(1, record_bytes(member_bytes)) <= kBytesMax;
}

/// The smallest block for what there is and what comes, its free bytes shared out between arrays
/// and records by the average record.
RankedLeaf::Shape RankedLeaf::shape_for(size_t more_members, size_t more_records) const {
    const size_t needed = bytes_needed(more_members, more_records);
    const size_t capacity =
        (needed + kAllocatorHeader + kStep - 1) / kStep * kStep - kAllocatorHeader;
    const size_t members = count_ + more_members;
    const size_t average = members == 0 ? 0 : (records_bytes() + more_records) / members;
    const size_t room =
        std::min(members + (capacity - needed) / (kPerMember + average), kMembersMax + 1);
    return {capacity, room, std::max<size_t>(slots_used_, room)};
}

void RankedLeaf::reshape(Tally& tally, RankedLeaf*& leaf, const Shape& shape) {
    RankedLeaf* old = leaf;
    auto* made = new (tally.allocate(shape.capacity)) RankedLeaf(*old);
    const size_t shift =
        shape.capacity - old->capacity_;  // may wrap: offsets are taken modulo 2^16
    made->capacity_ = static_cast<uint16_t>(shape.capacity);
    made->room_ = static_cast<uint16_t>(shape.room);
    made->slot_room_ = static_cast<uint16_t>(shape.slot_room);
    made->heap_ = static_cast<uint16_t>(old->heap_ + shift);
    CHECK(made->arrays_end() <= made->heap_);
    std::memcpy(made->scores(), old->scores(), old->count_ * sizeof(double));
    std::memcpy(made->slots(), old->slots(), old->count_);
    for (size_t slot = 0; slot < old->slots_used_; ++slot) {
        const uint16_t offset = old->offsets()[slot];
        made->offsets()[slot] = offset == 0 ? uint16_t{0} : static_cast<uint16_t>(offset + shift);
    }
    std::memcpy(made->base() + made->heap_, old->base() + old->heap_, old->records_bytes());
    leaf = made;
    tally.release(old);
}

bool RankedLeaf::fits_as_is(size_t record) const {
    const bool has_slot = count_ < slots_used_ || slots_used_ < slot_room_;
    return has_slot && count_ < room_ && arrays_end() + record <= heap_;
}

uint8_t RankedLeaf::take_slot() {
    if (count_ == slots_used_) return static_cast<uint8_t>(slots_used_++);
    const uint16_t* free = std::find(offsets(), offsets() + slots_used_, uint16_t{0});
    return static_cast<uint8_t>(free - offsets());
}

/// Makes room for a member at `position`, with a record of so many bytes at heap_.
uint8_t RankedLeaf::add_entry(size_t position, double score, size_t record) {
    const uint8_t slot = take_slot();
    heap_ = static_cast<uint16_t>(heap_ - record);
    offsets()[slot] = heap_;
    std::memmove(scores() + position + 1, scores() + position,
                 (count_ - position) * sizeof(double));
    std::memmove(slots() + position + 1, slots() + position, count_ - position);
    scores()[position] = score;
    slots()[position] = slot;
    ++count_;
    return slot;
}

uint8_t RankedLeaf::insert(Tally& tally, RankedLeaf*& leaf, size_t position, double score,
                           std::string_view member) {
    const size_t record = record_bytes(member.size());
    if (!leaf->fits_as_is(record)) reshape(tally, leaf, leaf->shape_for(1, record));
    const uint8_t slot = leaf->add_entry(position, score, record);
    char* at = leaf->base() + leaf->heap_;
    if (member.size() <= kInlineMax) [[likely]] {
        *at = static_cast<char>(member.size());
        std::memcpy(at + 1, member.data(), member.size());
    } else {
        *at = static_cast<char>(kExternal);
        void* block = copy_external(tally, member);
        std::memcpy(at + 1, &block, sizeof block);
    }
    return slot;
}

/// Takes a member out of the order and closes the gap its record leaves.
void RankedLeaf::drop_entry(size_t position) {
    const uint8_t slot = slots()[position];
    const uint16_t offset = offsets()[slot];
    const size_t record = record_size(offset);
    std::memmove(base() + heap_ + record, base() + heap_, offset - heap_);
    for (size_t other = 0; other < slots_used_; ++other) {
        uint16_t& moved = offsets()[other];
        if (moved != 0 && moved < offset) moved = static_cast<uint16_t>(moved + record);
    }
    offsets()[slot] = 0;
    heap_ = static_cast<uint16_t>(heap_ + record);
    --count_;
    std::memmove(scores() + position, scores() + position + 1,
                 (count_ - position) * sizeof(double));
    std::memmove(slots() + position, slots() + position + 1, count_ - position);
    drop_free_slots();
}

void RankedLeaf::erase(Tally& tally, size_t position) {
    const char* record = base() + offsets()[slots()[position]];
    if (static_cast<uint8_t>(*record) == kExternal) tally.release(external(record));
    drop_entry(position);
}

void RankedLeaf::append_to(Tally& tally, size_t begin, RankedLeaf*& target) const {
    size_t records = 0;
    for (size_t position = begin; position < count_; ++position) {
        records += record_size(offsets()[slots()[position]]);
    }
    const size_t moved = count_ - begin;
    const bool has_slots = target->slots_used_ + moved <= target->slot_room_;
    const bool fits = has_slots && target->count_ + moved <= target->room_ &&
                      target->arrays_end() + records <= target->heap_;
    if (!fits) reshape(tally, target, target->shape_for(moved, records));
    for (size_t position = begin; position < count_; ++position) {
        const size_t offset = offsets()[slots()[position]];
        const size_t record = record_size(offset);
        target->add_entry(target->count_, scores()[position], record);
        std::memcpy(target->base() + target->heap_, base() + offset, record);
    }
}

void RankedLeaf::truncate(Tally& tally, RankedLeaf*& leaf, size_t begin) {
    // What stays is packed anew, through a copy of the records.
    char records[kBytesMax];
    const size_t heap = leaf->heap_;
    std::memcpy(records, leaf->base() + heap, leaf->records_bytes());
    for (size_t position = begin; position < leaf->count_; ++position) {
        leaf->offsets()[leaf->slots()[position]] = 0;
    }
    leaf->count_ = static_cast<uint16_t>(begin);
    leaf->heap_ = leaf->capacity_;
    for (size_t position = 0; position < begin; ++position) {
        uint16_t& offset = leaf->offsets()[leaf->slots()[position]];
        const char* record = records + (offset - heap);
        const auto length = static_cast<uint8_t>(*record);
        const size_t bytes = length == kExternal ? 1 + sizeof(void*) : size_t{1} + length;
        leaf->heap_ = static_cast<uint16_t>(leaf->heap_ - bytes);
        offset = leaf->heap_;
        std::memcpy(leaf->base() + offset, record, bytes);
    }
    leaf->drop_free_slots();
    const Shape shape = leaf->shape_for(0, 0);
    if (shape.capacity != leaf->capacity_) reshape(tally, leaf, shape);
}

void RankedLeaf::drop_free_slots() {
    while (slots_used_ > 0 && offsets()[slots_used_ - 1] == 0) --slots_used_;
}

void RankedLeaf::trim(Tally& tally, RankedLeaf*& leaf) {
    const Shape shape = leaf->shape_for(0, 0);
    if (leaf->capacity_ > shape.capacity + kSpareMax) reshape(tally, leaf, shape);
}

}  // namespace gyre::containers
