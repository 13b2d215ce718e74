// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A stream: entries with rising ids, in nodes that are Redis' listpacks (stream_node.h) found by
// the id of their first entry, and the groups that read it.
//
// While it is saved, a node that is about to be changed or removed before its turn is kept aside,
// and so is the id of one that is new and lies among those that are still to come. Groups have no
// parts: whoever changes the stream first has all of them saved.
//
// Ownership: owns nodes and groups. Views into entries are good until the next change.
// Threads: the caller holds the lock of the shard.
// Errors: none; hostile bytes are checked by add_node().
// Complexity: append O(1); a place O(log nodes + entries of a node); each entry from there on O(1).
// Invariants: 1. no node is without entries, though all of one may be deleted; ids rise through all
//             nodes, deleted entries included, and end at or below last_id.
//             2. size() is the number of entries that are not deleted, first_id() the first of
//             them.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "containers/id_map.h"
#include "containers/tally.h"
#include "types/object.h"
#include "types/stream_group.h"
#include "types/stream_node.h"

namespace gyre::types {

/// When a node is full: stream-node-max-bytes and -entries, 0 without limit.
struct StreamNodeLimits {
    size_t bytes_max = 4096;
    size_t entries_max = 100;
};

/// What XTRIM and XADD cut off.
struct StreamTrim {
    enum class By : uint8_t { nothing, length, id };
    By by = By::nothing;
    uint64_t length = 0;  ///< entries to keep
    StreamId id;          ///< first one to keep
    bool is_approximate = false;
    uint64_t limit = 0;  ///< entries to remove at most when approximate; 0: no limit
};

class Stream final : public Object {
public:
    /// Largest node, whatever the limits say (Redis' STREAM_LISTPACK_MAX_SIZE).
    static constexpr size_t kNodeBytesMax = size_t{1} << 30;

    Stream() = default;
    ~Stream() override;

    size_t size() const override { return length_; }
    size_t contents_bytes() const override { return tally_.bytes(); }
    Stream* clone() const override;
    bool drain(size_t budget) override;
    /// A part is a node, told in order.
    void begin_saving(ObjectSaver& saver) override;
    bool save_next(size_t& place) override;
    void end_saving() override;
    /// The node that the saver is being told of: its master id and its bytes.
    StreamId part_id() const { return saving_->next; }
    std::string_view part() const { return saving_->part; }

    StreamId last_id;         ///< of the last entry ever added; lowered by set_last_id() only
    StreamId max_deleted_id;  ///< the highest ever deleted by XDEL
    uint64_t entries_added = 0;
    /// Of the first entry that is there; zero when there is none.
    StreamId first_id() const { return first_id_; }

    /// Adds an entry; `id` is above last_id, `pairs` are fields and values in turn.
    void append(const StreamId& id, std::span<const std::string_view> pairs,
                const StreamNodeLimits& limits);
    /// Sets last_id, which may go back as far as to last_entry(). What was deleted behind it is
    /// forgotten, because the next entries go there.
    void set_last_id(const StreamId& id);
    /// False when there is no such entry.
    bool erase(const StreamId& id);
    /// Returns how many entries went.
    size_t trim(const StreamTrim& trim);

    /// f(node, entry) for the entries from `first` to `last` that are not deleted, in order or
    /// backwards, until it returns false.
    template <class F>
    void visit(const StreamId& first, const StreamId& last, F&& f) const;
    template <class F>
    void visit_backwards(const StreamId& first, const StreamId& last, F&& f) const;
    bool contains(const StreamId& id) const;
    /// The last entry that is there; nullopt when there is none.
    std::optional<StreamId> last_entry() const;

    // --- groups -------------------------------------------------------------------------------
    std::span<StreamGroup* const> groups() const { return groups_.items(); }
    StreamGroup* find_group(std::string_view name) const { return groups_.find(name); }
    /// Null when there is one of that name.
    StreamGroup* add_group(std::string_view name, StreamId last, int64_t entries_read);
    void erase_group(StreamGroup* group);
    /// Entries from the first ever added to `id`, kUnknown when that cannot be told.
    int64_t count_to(const StreamId& id) const;
    /// Whether an entry behind `start` may have been deleted.
    bool has_gap_behind(const StreamId& start) const;

    // --- nodes, for RDB and XINFO ---------------------------------------------------------------
    size_t node_count() const { return nodes_.size(); }
    /// f(master id, bytes of the listpack) for each node.
    template <class F>
    void for_each_node(F&& f) const {
        for (auto at = nodes_.begin(); !nodes_.is_end(at); at = nodes_.next(at)) {
            f(StreamId::of(nodes_.key(at)), bytes_of(nodes_.value(at)));
        }
    }
    /// The same for those whose master id is not below `first`, until it returns false.
    template <class F>
    void visit_nodes(const StreamId& first, F&& f) const {
        for (auto at = nodes_.lower_bound(first.key()); !nodes_.is_end(at); at = nodes_.next(at)) {
            if (!f(StreamId::of(nodes_.key(at)), bytes_of(nodes_.value(at)))) return;
        }
    }
    /// Adds a node behind all others; false, and nothing is done, for bytes that are none or whose
    /// ids do not rise.
    bool add_node(const StreamId& master, std::string_view bytes);

private:
    using Nodes = containers::IdMap<char*>;

    static std::string_view bytes_of(const char* node);
    StreamNode node_at(Nodes::Position at) const {
        return {StreamId::of(nodes_.key(at)), bytes_of(nodes_.value(at))};
    }
    void splice(char*& node, const ListpackSplice& change);
    void set_counts(char*& node, const StreamId& master, size_t entries, size_t deleted);
    void drop_node(Nodes::Position at);
    bool drop_deleted_behind(const StreamId& id);
    bool has_room(const StreamNode& node, std::span<const std::string_view> pairs,
                  const StreamNodeLimits& limits) const;
    void start_node(const StreamId& id, std::span<const std::string_view> pairs);
    size_t trim_inside(Nodes::Position at, const StreamTrim& trim);
    void find_first();
    struct Saving {
        StreamId next;          // nodes below it are saved
        StreamId last;          // and so are those above it
        bool has_more = false;  // there are some from one to the other
        std::string_view part;
        std::map<StreamId, char*> kept;  // as they were; null: there was none
    };
    enum class Keep : uint8_t { copy, itself };
    bool keep(Nodes::Position at, Keep how);
    bool is_unsaved(const StreamId& master) const;
    void tell(const StreamId& master, const char* node);
    void save_rest() override { saver()->save_rest(); }
    void free_group(StreamGroup* group);

    containers::Tally tally_;
    Nodes nodes_{tally_};
    NamedList<StreamGroup> groups_{tally_};
    StreamId first_id_;
    size_t length_ = 0;
    std::unique_ptr<Saving> saving_;
};

template <class F>
void Stream::visit(const StreamId& first, const StreamId& last, F&& f) const {
    auto at = nodes_.at_or_before(first.key());
    if (nodes_.is_end(at)) at = nodes_.begin();
    for (; !nodes_.is_end(at); at = nodes_.next(at)) {
        const StreamNode node = node_at(at);
        for (auto entry = node.first(); !node.is_end(entry); entry = node.next(entry)) {
            if (entry.id > last) return;
            if (entry.id < first || entry.is_deleted()) continue;
            if (!f(node, entry)) return;
        }
    }
}

template <class F>
void Stream::visit_backwards(const StreamId& first, const StreamId& last, F&& f) const {
    auto at = nodes_.at_or_before(last.key());
    while (!nodes_.is_end(at)) {
        const StreamNode node = node_at(at);
        for (auto entry = node.last(); !node.is_end(entry); entry = node.previous(entry)) {
            if (entry.id < first) return;
            if (entry.id > last || entry.is_deleted()) continue;
            if (!f(node, entry)) return;
        }
        if (at == nodes_.begin()) return;
        at = nodes_.previous(at);
    }
}

}  // namespace gyre::types
