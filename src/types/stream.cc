// SPDX-License-Identifier: BSD-3-Clause
#include "types/stream.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "base/check.h"

namespace gyre::types {
namespace {

/// A node grows by half of itself, up to this much more than it needs.
constexpr size_t kSlackMax = 2048;
/// A node that is full gives back more than this.
constexpr size_t kSpareMax = 64;

size_t total_bytes(std::span<const ListpackElement> elements) {
    size_t bytes = 0;
    for (const ListpackElement& element : elements) bytes += element.bytes();
    return bytes;
}

}  // namespace

Stream::~Stream() {
    while (!drain(SIZE_MAX)) {
    }
}

std::string_view Stream::bytes_of(const char* node) {
    uint32_t bytes = 0;
    std::memcpy(&bytes, node, sizeof bytes);
    return {node, bytes};
}

void Stream::splice(char*& node, const ListpackSplice& change) {
    const size_t before = bytes_of(node).size();
    const size_t needed = std::max(before, change.size_after(before));
    if (needed > base::usable_size(node)) {
        node =
            static_cast<char*>(tally_.reallocate(node, needed + std::min(needed / 2, kSlackMax)));
    }
    change.apply(node, before);
}

void Stream::set_counts(char*& node, const StreamId& master, size_t entries, size_t deleted) {
    std::array<ListpackElement, 2> counts;
    splice(node, StreamNode(master, bytes_of(node)).count_splice(entries, deleted, counts));
}

void Stream::drop_node(Nodes::Position at) {
    tally_.release(nodes_.value(at));
    nodes_.erase(at);
}

// --- entries -------------------------------------------------------------------------------------

/// Redis' rule: the node as it is, the texts of the new entry, and both counts.
bool Stream::has_room(const StreamNode& node, std::span<const std::string_view> pairs,
                      const StreamNodeLimits& limits) const {
    size_t texts = 0;
    for (const std::string_view text : pairs) texts += text.size();
    const size_t bytes_max =
        limits.bytes_max == 0 ? kNodeBytesMax : std::min(limits.bytes_max, kNodeBytesMax);
    if (node.pack().bytes().size() + texts >= bytes_max) return false;
    return limits.entries_max == 0 || node.entries() + node.deleted() < limits.entries_max;
}

void Stream::append(const StreamId& id, std::span<const std::string_view> pairs,
                    const StreamNodeLimits& limits) {
    const auto tail = nodes_.empty() ? nodes_.end() : nodes_.previous(nodes_.end());
    if (!nodes_.empty() && has_room(node_at(tail), pairs, limits)) {
        const StreamNode node = node_at(tail);
        const StreamId master = node.master();
        const size_t entries = node.entries();
        const size_t deleted = node.deleted();
        const auto elements = node.elements(id, pairs);
        splice(nodes_.value(tail), node.pack().insert(node.pack().end(), elements));
        set_counts(nodes_.value(tail), master, entries + 1, deleted);
    } else {
        if (!nodes_.empty()) {
            char*& full = nodes_.value(tail);
            const size_t bytes = bytes_of(full).size();
            if (base::usable_size(full) > bytes + kSpareMax) {
                full = static_cast<char*>(tally_.reallocate(full, bytes));
            }
        }
        start_node(id, pairs);
    }
    if (length_ == 0) first_id_ = id;
    ++length_;
    ++entries_added;
    last_id = id;
}

void Stream::start_node(const StreamId& id, std::span<const std::string_view> pairs) {
    const auto elements = StreamNode::first_elements(pairs);
    auto* node = static_cast<char*>(tally_.allocate(Listpack::kEmptyBytes + total_bytes(elements)));
    std::memcpy(node, Listpack::kEmpty.data(), Listpack::kEmptyBytes);
    const Listpack empty(bytes_of(node));
    empty.insert(empty.end(), elements).apply(node, Listpack::kEmptyBytes);
    nodes_.insert(id.key(), node);
}

bool Stream::contains(const StreamId& id) const {
    bool is_there = false;
    visit(id, id, [&](const StreamNode&, const StreamNode::Entry&) {
        is_there = true;
        return false;
    });
    return is_there;
}

std::optional<StreamId> Stream::last_entry() const {
    std::optional<StreamId> last;
    visit_backwards({}, StreamId::max(), [&](const StreamNode&, const StreamNode::Entry& entry) {
        last = entry.id;
        return false;
    });
    return last;
}

void Stream::find_first() {
    first_id_ = {};
    if (length_ == 0) return;
    visit({}, StreamId::max(), [&](const StreamNode&, const StreamNode::Entry& entry) {
        first_id_ = entry.id;
        return false;
    });
}

bool Stream::erase(const StreamId& id) {
    const auto at = nodes_.at_or_before(id.key());
    if (nodes_.is_end(at)) return false;
    const StreamNode node = node_at(at);
    auto entry = node.first();
    while (!node.is_end(entry) && entry.id < id) entry = node.next(entry);
    if (node.is_end(entry) || entry.id != id || entry.is_deleted()) return false;
    if (node.entries() == 1) {
        drop_node(at);
    } else {
        std::array<ListpackElement, 1> flags;
        const StreamId master = node.master();
        const size_t entries = node.entries();
        const size_t deleted = node.deleted();
        splice(nodes_.value(at), node.delete_splice(entry, flags));
        set_counts(nodes_.value(at), master, entries - 1, deleted + 1);
    }
    --length_;
    if (length_ == 0 || id == first_id_) find_first();
    max_deleted_id = std::max(max_deleted_id, id);
    return true;
}

void Stream::set_last_id(const StreamId& id) {
    last_id = id;
    while (!nodes_.empty() && drop_deleted_behind(id)) {
    }
}

/// In the last node; true when that went whole.
bool Stream::drop_deleted_behind(const StreamId& id) {
    const auto at = nodes_.previous(nodes_.end());
    const StreamNode node = node_at(at);
    const size_t entries = node.entries();
    const size_t deleted = node.deleted();
    size_t gone = 0;
    size_t from = node.pack().end();
    for (auto entry = node.last(); !node.is_end(entry) && entry.id > id;
         entry = node.previous(entry)) {
        CHECK(entry.is_deleted());
        from = entry.place;
        ++gone;
    }
    if (gone == 0) return false;
    if (gone == entries + deleted) {
        drop_node(at);
        return true;
    }
    size_t elements = 0;
    for (size_t place = from; place != node.pack().end(); place = node.pack().next(place)) {
        ++elements;
    }
    const StreamId master = node.master();
    splice(nodes_.value(at), node.pack().erase(from, elements));
    set_counts(nodes_.value(at), master, entries, deleted - gone);
    return false;
}

size_t Stream::trim(const StreamTrim& trim) {
    size_t gone = 0;
    while (!nodes_.empty()) {
        const auto at = nodes_.begin();
        const StreamNode node = node_at(at);
        const size_t entries = node.entries();
        if (trim.by == StreamTrim::By::length && length_ <= trim.length) break;
        if (trim.limit != 0 && gone + entries > trim.limit) break;
        const bool goes_whole = trim.by == StreamTrim::By::length ? length_ - entries >= trim.length
                                                                  : node.last().id < trim.id;
        if (goes_whole) {
            drop_node(at);
            length_ -= entries;
            gone += entries;
            continue;
        }
        if (!trim.is_approximate) gone += trim_inside(at, trim);
        break;
    }
    if (gone > 0) find_first();
    return gone;
}

/// Marks entries of the first node, in which some stay.
size_t Stream::trim_inside(Nodes::Position at, const StreamTrim& trim) {
    const StreamId master = StreamId::of(nodes_.key(at));
    const size_t entries = node_at(at).entries();
    const size_t deleted = node_at(at).deleted();
    size_t gone = 0;
    size_t place = node_at(at).first().place;
    for (;;) {
        // Setting the flag leaves all places as they are.
        const StreamNode node = node_at(at);
        const StreamNode::Entry entry = node.at(place);
        const bool stops =
            node.is_end(entry) ||
            (trim.by == StreamTrim::By::length ? length_ <= trim.length : entry.id >= trim.id);
        if (stops) break;
        place = entry.next;
        if (entry.is_deleted()) continue;
        std::array<ListpackElement, 1> flags;
        splice(nodes_.value(at), node.delete_splice(entry, flags));
        ++gone;
        --length_;
    }
    if (gone > 0) set_counts(nodes_.value(at), master, entries - gone, deleted + gone);
    return gone;
}

// --- groups --------------------------------------------------------------------------------------

StreamGroup* Stream::add_group(std::string_view name, StreamId last, int64_t entries_read) {
    if (groups_.find(name) != nullptr) return nullptr;
    auto* group =
        new (tally_.allocate(sizeof(StreamGroup))) StreamGroup(tally_, name, last, entries_read);
    groups_.insert(group);
    return group;
}

void Stream::free_group(StreamGroup* group) {
    group->~StreamGroup();
    tally_.release(group);
}

void Stream::erase_group(StreamGroup* group) {
    groups_.erase(group);
    free_group(group);
}

int64_t Stream::count_to(const StreamId& id) const {
    const auto added = static_cast<int64_t>(entries_added);
    if (added == 0) return 0;
    if (length_ == 0 && id <= last_id) return added;
    if (id == last_id) return added;
    if (id > last_id) return StreamGroup::kUnknown;
    if (max_deleted_id.is_zero() || max_deleted_id < first_id_) {
        const int64_t before = added - static_cast<int64_t>(length_);
        if (id < first_id_) return before;
        if (id == first_id_) return before + 1;
    }
    return StreamGroup::kUnknown;
}

bool Stream::has_gap_behind(const StreamId& start) const {
    // What was deleted before the first entry leaves no gap.
    return length_ != 0 && first_id_ <= max_deleted_id && start <= max_deleted_id;
}

// --- whole ---------------------------------------------------------------------------------------

bool Stream::add_node(const StreamId& master, std::string_view bytes) {
    if (!StreamNode::is_valid(master, bytes)) return false;
    if (!nodes_.empty() && node_at(nodes_.previous(nodes_.end())).last().id >= master) return false;
    auto* node = static_cast<char*>(tally_.allocate(bytes.size()));
    std::memcpy(node, bytes.data(), bytes.size());
    nodes_.insert(master.key(), node);
    const bool was_empty = length_ == 0;
    length_ += StreamNode(master, bytes).entries();
    if (was_empty) find_first();
    return true;
}

Stream* Stream::clone() const {
    auto* copy = new Stream();
    for_each_node([&](const StreamId& master, std::string_view bytes) {
        auto* node = static_cast<char*>(copy->tally_.allocate(bytes.size()));
        std::memcpy(node, bytes.data(), bytes.size());
        copy->nodes_.insert(master.key(), node);
    });
    copy->length_ = length_;
    copy->first_id_ = first_id_;
    copy->last_id = last_id;
    copy->max_deleted_id = max_deleted_id;
    copy->entries_added = entries_added;
    for (const StreamGroup* group : groups()) {
        StreamGroup* made = copy->add_group(group->name(), group->last_id, group->entries_read);
        for (const StreamConsumer* consumer : group->consumers()) {
            StreamConsumer* same = made->add_consumer(consumer->name(), consumer->seen_ms);
            same->active_ms = consumer->active_ms;
            const StreamPendingMap& list = consumer->pending;
            for (auto at = list.begin(); !list.is_end(at); at = list.next(at)) {
                const StreamPending* pending = list.value(at);
                made->add_pending(StreamId::of(list.key(at)), same, pending->delivered_ms)
                    ->deliveries = pending->deliveries;
            }
        }
    }
    return copy;
}

bool Stream::drain(size_t budget) {
    size_t work = 0;
    while (groups_.size() > 0 && work < budget) {
        StreamGroup* group = groups_.items().back();
        if (group->pending().size() > 0) {
            work += group->shed_pending(budget - work);
            continue;
        }
        erase_group(group);
        ++work;
    }
    while (groups_.size() == 0 && !nodes_.empty() && work < budget) {
        const auto last = nodes_.previous(nodes_.end());
        const size_t entries = node_at(last).entries();
        drop_node(last);
        length_ -= std::min(length_, entries);
        work += entries;
    }
    return groups_.size() == 0 && nodes_.empty();
}

}  // namespace gyre::types
