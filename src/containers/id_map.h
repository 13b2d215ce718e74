// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A map in order of its keys, numbers of 128 bits, which mostly come in rising order: sorted arrays
// of up to 64 keys, and a sorted directory of these. What is added at the end fills them; elsewhere
// a full one is cut in two.
//
// Ownership: owns its arrays, out of a tally; values are copied and never destroyed.
// Threads: those of the owner.
// Complexity: find, insert, erase O(log n) and moving at most one array; an array that is added or
//             goes moves the directory, 24 bytes for 32 to 64 keys.
// Invariants: 1. no array is empty; keys rise within an array and from each to the next.
//             2. a directory entry has the first key of its array.

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/check.h"
#include "containers/tally.h"

namespace gyre::containers {

struct Id {
    uint64_t high = 0;
    uint64_t low = 0;
    auto operator<=>(const Id&) const = default;
};

template <class Value>
class IdMap {
    static_assert(std::is_trivially_copyable_v<Value>);

public:
    /// A place; void after the next insert or erase.
    struct Position {
        size_t array = 0;
        size_t index = 0;
        bool operator==(const Position&) const = default;
    };

    explicit IdMap(Tally& tally) : tally_(tally) {}
    IdMap(const IdMap&) = delete;
    IdMap& operator=(const IdMap&) = delete;
    ~IdMap() { clear(); }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    Position begin() const { return {}; }
    Position end() const { return {count_, 0}; }
    bool is_end(Position position) const { return position.array == count_; }
    const Id& key(Position position) const {
        return directory_[position.array].keys()[position.index];
    }
    Value& value(Position position) const {
        return directory_[position.array].values()[position.index];
    }
    Position next(Position position) const {
        if (++position.index < directory_[position.array].count) return position;
        return {position.array + 1, 0};
    }
    /// Not of begin().
    Position previous(Position position) const {
        if (position.index > 0) return {position.array, position.index - 1};
        return {position.array - 1, directory_[position.array - 1].count - 1U};
    }
    /// The first key that is not below `id`.
    Position lower_bound(const Id& id) const;
    /// The last key that is not above `id`; end() when there is none.
    Position at_or_before(const Id& id) const;
    /// Null when missing.
    Value* find(const Id& id) const {
        const Position position = lower_bound(id);
        return is_end(position) || key(position) != id ? nullptr : &value(position);
    }
    /// `id` is missing.
    void insert(const Id& id, Value value);
    void erase(Position position);
    void clear();

private:
    static constexpr size_t kKeysMax = 64;
    static constexpr size_t kKeysFirst = 4;

    // Keys, and values behind room for `room` of them.
    struct Array {
        Id first;
        char* memory;
        uint32_t count;
        uint32_t room;
        Id* keys() const { return reinterpret_cast<Id*>(memory); }
        Value* values() const { return reinterpret_cast<Value*>(memory + room * sizeof(Id)); }
    };

    size_t array_of(const Id& id) const;
    void resize(Array& array, size_t room);
    void insert_array(size_t at);
    void cut(size_t at, size_t begin);

    Tally& tally_;
    Array* directory_ = nullptr;
    size_t count_ = 0;
    size_t room_ = 0;
    size_t size_ = 0;
};

/// The last array whose first key is not above `id`; 0 when there is none.
template <class Value>
size_t IdMap<Value>::array_of(const Id& id) const {
    if (count_ == 0) return 0;
    if (directory_[count_ - 1].first <= id) return count_ - 1;
    const Array* const found =
        std::upper_bound(directory_, directory_ + count_, id,
                         [](const Id& wanted, const Array& array) { return wanted < array.first; });
    return found == directory_ ? 0 : static_cast<size_t>(found - directory_) - 1;
}

template <class Value>
typename IdMap<Value>::Position IdMap<Value>::lower_bound(const Id& id) const {
    if (count_ == 0) return end();
    const size_t at = array_of(id);
    const Array& array = directory_[at];
    const Id* const found = std::lower_bound(array.keys(), array.keys() + array.count, id);
    const auto index = static_cast<size_t>(found - array.keys());
    return index < array.count ? Position{at, index} : Position{at + 1, 0};
}

template <class Value>
typename IdMap<Value>::Position IdMap<Value>::at_or_before(const Id& id) const {
    if (count_ == 0 || id < directory_[0].first) return end();
    const size_t at = array_of(id);
    const Array& array = directory_[at];
    const Id* const found = std::upper_bound(array.keys(), array.keys() + array.count, id);
    return {at, static_cast<size_t>(found - array.keys()) - 1};
}

template <class Value>
void IdMap<Value>::resize(Array& array, size_t room) {
    char* memory = static_cast<char*>(tally_.allocate(room * (sizeof(Id) + sizeof(Value))));
    if (array.count > 0) {
        std::memcpy(memory, array.keys(), array.count * sizeof(Id));
        std::memcpy(memory + room * sizeof(Id), array.values(), array.count * sizeof(Value));
    }
    tally_.release(array.memory);
    array.memory = memory;
    array.room = static_cast<uint32_t>(room);
}

template <class Value>
void IdMap<Value>::insert_array(size_t at) {
    if (count_ == room_) {
        room_ = room_ == 0 ? 1 : room_ + room_ / 2 + 1;
        directory_ = static_cast<Array*>(tally_.reallocate(directory_, room_ * sizeof(Array)));
    }
    std::memmove(directory_ + at + 1, directory_ + at, (count_ - at) * sizeof(Array));
    directory_[at] = Array{{}, nullptr, 0, 0};
    ++count_;
}

/// Moves what stands from `begin` on into an array of its own.
template <class Value>
void IdMap<Value>::cut(size_t at, size_t begin) {
    insert_array(at + 1);
    Array& left = directory_[at];
    Array& right = directory_[at + 1];
    resize(right, kKeysMax);
    right.count = static_cast<uint32_t>(left.count - begin);
    std::memcpy(right.keys(), left.keys() + begin, right.count * sizeof(Id));
    std::memcpy(right.values(), left.values() + begin, right.count * sizeof(Value));
    if (right.count > 0) right.first = right.keys()[0];
    left.count = static_cast<uint32_t>(begin);
}

template <class Value>
void IdMap<Value>::insert(const Id& id, Value value) {
    if (count_ == 0) insert_array(0);
    size_t at = array_of(id);
    if (directory_[at].count == kKeysMax) {
        const bool is_last = at + 1 == count_ && directory_[at].keys()[kKeysMax - 1] < id;
        cut(at, is_last ? kKeysMax : kKeysMax / 2);
        if (is_last || directory_[at + 1].first <= id) ++at;
    }
    Array& array = directory_[at];
    if (array.count == array.room) resize(array, array.room == 0 ? kKeysFirst : array.room * 2);
    Id* const keys = array.keys();
    const auto index = static_cast<size_t>(std::lower_bound(keys, keys + array.count, id) - keys);
    DCHECK(index == array.count || keys[index] != id);
    std::memmove(keys + index + 1, keys + index, (array.count - index) * sizeof(Id));
    Value* const values = array.values();
    std::memmove(values + index + 1, values + index, (array.count - index) * sizeof(Value));
    keys[index] = id;
    values[index] = value;
    ++array.count;
    if (index == 0) array.first = id;
    ++size_;
}

template <class Value>
void IdMap<Value>::erase(Position position) {
    Array& array = directory_[position.array];
    const size_t index = position.index;
    const size_t behind = array.count - index - 1;
    std::memmove(array.keys() + index, array.keys() + index + 1, behind * sizeof(Id));
    std::memmove(array.values() + index, array.values() + index + 1, behind * sizeof(Value));
    --array.count;
    --size_;
    if (array.count > 0) {
        array.first = array.keys()[0];
        if (array.room > kKeysFirst && array.count * 4 <= array.room) resize(array, array.room / 2);
        return;
    }
    tally_.release(array.memory);
    --count_;
    std::memmove(directory_ + position.array, directory_ + position.array + 1,
                 (count_ - position.array) * sizeof(Array));
    if (count_ == 0) clear();
}

template <class Value>
void IdMap<Value>::clear() {
    for (size_t at = 0; at < count_; ++at) tally_.release(directory_[at].memory);
    tally_.release(directory_);
    directory_ = nullptr;
    count_ = 0;
    room_ = 0;
    size_ = 0;
}

}  // namespace gyre::containers
