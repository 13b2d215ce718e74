// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A consumer group of a stream: how far it has read, its consumers, and what they were given and
// have not acknowledged. A pending entry stands in the list of the group and in that of its
// consumer.
//
// Ownership: a group belongs to its Stream, consumers and pending entries to their group; all from
//            the stream's tally.
// Threads: those of the stream.
// Complexity: O(log n) for each pending entry; consumers are found by bisection and added in O(n).
// Invariants: 1. each pending entry stands in `pending` and in its consumer's list, nowhere else.
//             2. consumers stand in the order of their names.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "containers/id_map.h"
#include "containers/tally.h"
#include "types/stream_node.h"

namespace gyre::types {

struct StreamConsumer;

/// An entry that was given to a consumer.
struct StreamPending {
    StreamConsumer* consumer = nullptr;  ///< null only while its group is built
    int64_t delivered_ms = 0;
    uint64_t deliveries = 1;
};
using StreamPendingMap = containers::IdMap<StreamPending*>;

/// A text that lies in memory of a tally.
class TalliedText {
public:
    TalliedText(containers::Tally& tally, std::string_view text);
    TalliedText(const TalliedText&) = delete;
    TalliedText& operator=(const TalliedText&) = delete;
    ~TalliedText() { tally_.release(data_); }
    std::string_view view() const { return {data_, size_}; }

private:
    containers::Tally& tally_;
    char* data_;
    size_t size_;
};

struct StreamConsumer {
    StreamConsumer(containers::Tally& tally, std::string_view text, int64_t now_ms)
        : name_text(tally, text), seen_ms(now_ms), pending(tally) {}
    std::string_view name() const { return name_text.view(); }

    TalliedText name_text;
    int64_t seen_ms;         ///< of the last command that named it
    int64_t active_ms = -1;  ///< of the last command that gave it an entry; -1: never
    StreamPendingMap pending;
};

/// Pointers in the order of the names of what they point at.
template <class T>
class NamedList {
public:
    explicit NamedList(containers::Tally& tally) : tally_(tally) {}
    NamedList(const NamedList&) = delete;
    NamedList& operator=(const NamedList&) = delete;
    ~NamedList() { tally_.release(items_); }

    std::span<T* const> items() const { return {items_, count_}; }
    size_t size() const { return count_; }
    /// Null when missing.
    T* find(std::string_view name) const {
        const size_t at = place_of(name);
        return at < count_ && items_[at]->name() == name ? items_[at] : nullptr;
    }
    void insert(T* item) {
        if (count_ == room_) {
            room_ = room_ == 0 ? 2 : room_ * 2;
            items_ = static_cast<T**>(tally_.reallocate(items_, room_ * sizeof(T*)));
        }
        const size_t at = place_of(item->name());
        std::copy_backward(items_ + at, items_ + count_, items_ + count_ + 1);
        items_[at] = item;
        ++count_;
    }
    void erase(T* item) {
        const size_t at = place_of(item->name());
        std::copy(items_ + at + 1, items_ + count_, items_ + at);
        --count_;
    }

private:
    size_t place_of(std::string_view name) const {
        const auto* const found = std::lower_bound(
            items_, items_ + count_, name,
            [](const T* item, std::string_view text) { return item->name() < text; });
        return static_cast<size_t>(found - items_);
    }

    containers::Tally& tally_;
    T** items_ = nullptr;
    size_t count_ = 0;
    size_t room_ = 0;
};

class StreamGroup {
public:
    /// entries_read when it is not known.
    static constexpr int64_t kUnknown = -1;

    StreamGroup(containers::Tally& tally, std::string_view name, StreamId last, int64_t read)
        : last_id(last),
          entries_read(read),
          tally_(tally),
          name_(tally, name),
          pending_(tally),
          consumers_(tally) {}
    ~StreamGroup();

    std::string_view name() const { return name_.view(); }
    const StreamPendingMap& pending() const { return pending_; }
    std::span<StreamConsumer* const> consumers() const { return consumers_.items(); }
    StreamConsumer* find_consumer(std::string_view name) const { return consumers_.find(name); }
    /// `name` is missing.
    StreamConsumer* add_consumer(std::string_view name, int64_t now_ms);
    /// Drops what is pending for it as well.
    void erase_consumer(StreamConsumer* consumer);

    StreamPending* find_pending(const StreamId& id) const {
        StreamPending** found = pending_.find(id.key());
        return found == nullptr ? nullptr : *found;
    }
    /// `id` is not pending.
    StreamPending* add_pending(const StreamId& id, StreamConsumer* consumer, int64_t now_ms);
    /// What is pending of a group that is built: it is given to nobody until assign(), and until
    /// all is, the group can only be destroyed. `id` is above all that is pending.
    void append_pending(const StreamId& id, int64_t delivered_ms, uint64_t deliveries);
    /// False when `id` is not pending, or is given to somebody.
    bool assign(const StreamId& id, StreamConsumer* consumer);
    /// Gives what is pending to another consumer, or to the same again.
    void reassign(const StreamId& id, StreamPending* pending, StreamConsumer* consumer);
    /// False when `id` is not pending.
    bool acknowledge(const StreamId& id);
    /// Forgets up to `count` pending entries; returns how many.
    size_t shed_pending(size_t count);

    StreamId last_id;      ///< of what was given out last
    int64_t entries_read;  ///< kUnknown when it cannot be told

private:
    containers::Tally& tally_;
    TalliedText name_;
    StreamPendingMap pending_;
    NamedList<StreamConsumer> consumers_;
};

}  // namespace gyre::types
