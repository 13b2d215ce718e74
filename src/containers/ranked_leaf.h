// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A leaf of a RankedSet: some dozens of members with their scores in one block of memory, in order
// of score and, where scores are equal, of bytes. Members lie in the leaf itself, so that going
// through a range touches little else; those of more than kInlineMax bytes lie in a block of their
// own.
//
// A member is known from outside by its slot, a number that stays while it is in this leaf; its
// position, the place in the order, changes with its neighbours.
//
//   header | scores[room], by position | offsets[slot_room], by slot, 0: free | slots[room], by
//   position | free | records, without gaps, to the end of the block
//   record: u8 length, bytes; or 255, pointer to { size_t length, bytes }
//
// Ownership: a leaf is owned by its RankedSet, which passes the tally that blocks come from. It
//            moves when it grows or shrinks: functions that may move it take a Leaf*&.
// Threads: those of the set.
// Complexity: what changes a leaf moves its bytes about, at most kBytesMax of them.
// Invariants: 1. 11 bytes and a record for each member, and the header, fit into capacity.
//             2. capacity is a multiple of kStep less the allocator's own header.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "containers/tally.h"

namespace gyre::containers {

/// Where a search stops, among the members that have the score given.
struct RankedEdge {
    enum class Kind : uint8_t {
        before_score,   ///< before all of them
        before_member,  ///< before `member`, which may be missing
        after_member,   ///< behind `member`
        after_score,    ///< behind all of them
    };
    double score = 0;
    Kind kind = Kind::before_member;
    std::string_view member = {};

    /// True when what has this score and these bytes stands before the edge.
    bool is_behind(double other, std::string_view bytes) const {
        if (other != score) return other < score;
        switch (kind) {
            case Kind::before_score:
                return false;
            case Kind::before_member:
                return bytes < member;
            case Kind::after_member:
                return bytes <= member;
            case Kind::after_score:
                return true;
        }
        return false;
    }
};

class alignas(8) RankedLeaf {
public:
    /// Longest member that lies in the leaf.
    static constexpr size_t kInlineMax = 128;
    static constexpr size_t kAllocatorHeader = 16;
    static constexpr size_t kStep = 128;
    static constexpr size_t kBytesMax = 10 * kStep - kAllocatorHeader;
    /// Slots are bytes.
    static constexpr size_t kMembersMax = 250;
    static constexpr uint32_t kNone = UINT32_MAX;

    // Links to other nodes by number; kept by the set.
    uint32_t id = kNone;
    uint32_t parent = kNone;
    uint32_t previous = kNone;
    uint32_t next = kNone;
    uint8_t epoch = 0;  ///< unlike the set's: yet to be saved

    static RankedLeaf* create(Tally& tally, uint32_t id);
    /// Frees the leaf and what its members own.
    static void destroy(Tally& tally, RankedLeaf* leaf);
    /// A copy in memory of another tally; slots are the same.
    RankedLeaf* clone(Tally& tally) const;

    size_t count() const { return count_; }
    /// Bytes in use, of which kBytesMax may be.
    size_t used_bytes() const;
    double score(size_t position) const { return scores()[position]; }
    void set_score(size_t position, double score) { scores()[position] = score; }
    std::string_view member(size_t position) const { return member_of_slot(slots()[position]); }
    std::string_view member_of_slot(uint8_t slot) const;
    uint8_t slot(size_t position) const { return slots()[position]; }
    /// The position of a slot that is in use.
    size_t position_of(uint8_t slot) const {
        const void* found = std::memchr(slots(), slot, count_);
        return static_cast<size_t>(static_cast<const uint8_t*>(found) - slots());
    }
    /// The number of members that stand before the edge.
    size_t find(const RankedEdge& edge) const;

    /// True when a member of so many bytes can be added, by growing the leaf if need be.
    bool has_room(size_t member_bytes) const;
    /// Adds a member at `position`; only when has_room(). Returns its slot.
    static uint8_t insert(Tally& tally, RankedLeaf*& leaf, size_t position, double score,
                          std::string_view member);
    void erase(Tally& tally, size_t position);
    /// Adds the members from `begin` on to the end of `target`, which has room for their bytes.
    /// Both have them then, until this one is truncated.
    void append_to(Tally& tally, size_t begin, RankedLeaf*& target) const;
    /// Forgets the members from `begin` on, which have gone to another leaf.
    static void truncate(Tally& tally, RankedLeaf*& leaf, size_t begin);
    /// Gives back memory that is not used, if it is worth the copying.
    static void trim(Tally& tally, RankedLeaf*& leaf);

private:
    static constexpr uint8_t kExternal = 255;
    static constexpr size_t kPerMember = sizeof(double) + sizeof(uint16_t) + sizeof(uint8_t);

    struct Shape {
        size_t capacity;
        size_t room;
        size_t slot_room;
    };

    RankedLeaf() = default;
    static size_t record_bytes(size_t member_bytes) {
        return member_bytes <= kInlineMax ? 1 + member_bytes : 1 + sizeof(void*);
    }
    static size_t arrays_bytes(size_t room, size_t slot_room) {
        return room * (sizeof(double) + sizeof(uint8_t)) + slot_room * sizeof(uint16_t);
    }
    size_t arrays_end() const { return sizeof(RankedLeaf) + arrays_bytes(room_, slot_room_); }
    size_t records_bytes() const { return capacity_ - heap_; }
    size_t bytes_needed(size_t more_members, size_t more_records) const;
    Shape shape_for(size_t more_members, size_t more_records) const;
    static void reshape(Tally& tally, RankedLeaf*& leaf, const Shape& shape);
    size_t record_size(size_t offset) const {
        const auto length = static_cast<uint8_t>(base()[offset]);
        return length == kExternal ? 1 + sizeof(void*) : size_t{1} + length;
    }
    bool fits_as_is(size_t record) const;
    uint8_t take_slot();
    uint8_t add_entry(size_t position, double score, size_t record);
    void drop_entry(size_t position);
    void drop_free_slots();

    char* base() { return reinterpret_cast<char*>(this); }
    const char* base() const { return reinterpret_cast<const char*>(this); }
    double* scores() { return reinterpret_cast<double*>(this + 1); }
    const double* scores() const { return reinterpret_cast<const double*>(this + 1); }
    uint16_t* offsets() { return reinterpret_cast<uint16_t*>(scores() + room_); }
    const uint16_t* offsets() const { return reinterpret_cast<const uint16_t*>(scores() + room_); }
    uint8_t* slots() { return reinterpret_cast<uint8_t*>(offsets() + slot_room_); }
    const uint8_t* slots() const {
        return reinterpret_cast<const uint8_t*>(offsets() + slot_room_);
    }
    static void* external(const char* record) {
        void* block;
        std::memcpy(&block, record + 1, sizeof block);
        return block;
    }

    uint16_t capacity_ = 0;
    uint16_t room_ = 0;
    uint16_t slot_room_ = 0;
    uint16_t count_ = 0;
    uint16_t slots_used_ = 0;  // slots that were ever in use; offsets behind are arbitrary
    uint16_t heap_ = 0;        // where the records begin
};
static_assert(sizeof(RankedLeaf) == 32);

}  // namespace gyre::containers
