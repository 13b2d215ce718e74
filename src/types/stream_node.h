// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Entries of a stream that stand together in one listpack, in Redis' own layout, so that a node is
// saved and loaded by copying it. The node's name, its master id, is kept outside.
//
//   master: entries | deleted ones | n | field 1 ... field n | 0
//   entry:  flags | ms - master ms | seq - master seq | values (same fields as the master), or
//           m | field value ... | elements of this entry but for this one
//
// Deleting an entry sets a flag and the counts; its bytes stay until the node goes.
//
// StreamNode is a view that trusts its bytes: what comes from outside passes is_valid() before.
//
// Ownership: none. Threads: any. Errors: none. Complexity: O(1) for each entry passed, O(fields)
// inside one. Source: the format of Redis 5 to 7 (t_stream.c's description of listpack nodes).

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "containers/id_map.h"
#include "types/listpack.h"

namespace gyre::types {

/// The name of an entry: milliseconds and a number among those of one millisecond.
struct StreamId {
    uint64_t ms = 0;
    uint64_t seq = 0;
    auto operator<=>(const StreamId&) const = default;

    static constexpr StreamId max() { return {UINT64_MAX, UINT64_MAX}; }
    static StreamId of(const containers::Id& id) { return {id.high, id.low}; }
    containers::Id key() const { return {ms, seq}; }
    bool is_zero() const { return ms == 0 && seq == 0; }
    /// The next one and the one before; false at the very end, where nothing is changed.
    bool increment();
    bool decrement();
};

/// Longest text write_stream_id() produces.
inline constexpr size_t kStreamIdCharsMax = 41;
/// Writes "ms-seq"; returns the end.
char* write_stream_id(char* out, const StreamId& id);

class StreamNode {
public:
    enum Flag : uint8_t { kDeleted = 1, kSameFields = 2 };

    struct Entry {
        size_t place = 0;  ///< of its flags; of end() when there is none
        StreamId id;
        uint8_t flags = 0;
        size_t fields = 0;
        size_t first = 0;  ///< place of the first field, or value of the same fields
        size_t next = 0;   ///< place behind it

        bool is_deleted() const { return (flags & kDeleted) != 0; }
        bool has_same_fields() const { return (flags & kSameFields) != 0; }
    };

    StreamNode(StreamId master, std::string_view bytes);

    const StreamId& master() const { return master_; }
    size_t entries() const { return entries_; }
    size_t deleted() const { return deleted_; }
    size_t master_fields() const { return fields_; }

    Entry first() const { return entry_at(entries_begin_); }
    Entry next(const Entry& entry) const { return entry_at(entry.next); }
    /// Of a node that has entries, deleted ones too.
    Entry last() const { return entry_before(pack_.end()); }
    Entry previous(const Entry& entry) const {
        return entry.place == entries_begin_ ? end() : entry_before(entry.place);
    }
    /// The entry at a place that first(), next() or Entry::next gave.
    Entry at(size_t place) const { return entry_at(place); }
    bool is_end(const Entry& entry) const { return entry.place == pack_.end(); }

    /// f(field, value), ListpackValues, for each pair of an entry.
    template <class F>
    void for_each_field(const Entry& entry, F&& f) const {
        size_t place = entry.first;
        size_t name = fields_begin_;
        for (size_t i = 0; i < entry.fields; ++i) {
            if (entry.has_same_fields()) {
                f(pack_.at(name), pack_.at(place));
                name = pack_.next(name);
            } else {
                const ListpackValue field = pack_.at(place);
                place = pack_.next(place);
                f(field, pack_.at(place));
            }
            place = pack_.next(place);
        }
    }

    /// The elements of a node of its own for one entry; `pairs` are fields and values in turn.
    static std::vector<ListpackElement> first_elements(std::span<const std::string_view> pairs);
    /// Elements to be put at the end for one more entry. The count is raised by count_splice().
    std::vector<ListpackElement> elements(const StreamId& id,
                                          std::span<const std::string_view> pairs) const;
    /// Writes other counts; `added` holds the elements and outlives the splice.
    ListpackSplice count_splice(size_t entries, size_t deleted,
                                std::span<ListpackElement, 2> added) const;
    /// The flags of an entry with kDeleted, as long as the present ones.
    ListpackSplice delete_splice(const Entry& entry, std::span<ListpackElement, 1> added) const;

    const Listpack& pack() const { return pack_; }

    /// Whether hostile bytes are a node: all counts right, ids rising from `master` on.
    static bool is_valid(const StreamId& master, std::string_view bytes);

private:
    Entry end() const {
        Entry entry;
        entry.place = pack_.end();
        return entry;
    }
    Entry entry_at(size_t place) const;
    Entry entry_before(size_t place) const;
    bool has_fields(std::span<const std::string_view> pairs) const;

    StreamId master_;
    Listpack pack_;
    size_t entries_ = 0;
    size_t deleted_ = 0;
    size_t fields_ = 0;
    size_t fields_begin_ = 0;
    size_t entries_begin_ = 0;
};

}  // namespace gyre::types
