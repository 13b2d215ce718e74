// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/sort_source.h"

#include <algorithm>
#include <cstring>

#include "commands/families/list_value.h"
#include "commands/families/set_value.h"
#include "types/list.h"
#include "types/sorted_set.h"

namespace gyre::commands {

using containers::RankedSet;
using store::Encoding;
using store::Type;
using types::Listpack;
using types::ListpackValue;

std::string_view TextArena::keep(std::string_view text) {
    if (text.size() >= left_) {
        left_ = std::max(kChunkBytes, text.size() + 1);
        chunks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
        cursor_ = chunks_.back().get();
    }
    char* const kept = cursor_;
    if (!text.empty()) std::memcpy(kept, text.data(), text.size());
    cursor_ += text.size();
    left_ -= text.size();
    return {kept, text.size()};
}

SortRange SortRange::of(int64_t offset, int64_t count, size_t size) {
    const auto all = static_cast<int64_t>(size);
    const int64_t begin = std::clamp<int64_t>(offset, 0, all);
    const int64_t left = all - begin;
    const int64_t taken = count < 0 ? left : std::min(count, left);
    return {static_cast<size_t>(begin), static_cast<size_t>(begin + taken)};
}

bool SortSource::is_sortable(const store::Entry& entry) {
    return entry.type() == Type::list || entry.type() == Type::set || entry.type() == Type::zset;
}

size_t SortSource::size() const {
    if (is(Type::list)) return list_size(*entry_);
    if (is(Type::set)) return SetReader(entry_).size();
    if (!is(Type::zset)) return 0;
    return entry_->has(store::Entry::owns_object) ? entry_->object()->size()
                                                  : types::PackedSortedSet(entry_->bytes()).size();
}

/// A null pointer would make it an integer.
void SortSource::add(std::string_view text) {
    elements_.push_back(ListpackValue{text.empty() ? "" : text.data(), text.size(), 0});
}

void SortSource::take(SortRange range, bool is_reversed) {
    elements_.reserve(range.size());
    if (range.size() == 0) return;
    if (is(Type::list)) take_list(range, is_reversed);
    if (is(Type::set)) take_set(range);
    if (is(Type::zset)) take_sorted_set(range, is_reversed);
}

void SortSource::take_list(SortRange range, bool is_reversed) {
    // A compressed node is unpacked where the next one will be.
    const bool is_passing =
        entry_->has(store::Entry::owns_object) &&
        static_cast<const types::List*>(entry_->object())->options().compress_depth != 0;
    ListReader reader(*entry_, is_reversed ? size() - 1 - range.begin : range.begin);
    for (size_t left = range.size(); left != 0; --left) {
        const ListpackValue value = reader.value();
        if (is_passing && !value.is_integer()) {
            add(arena_.keep({value.data, value.size}));
        } else {
            elements_.push_back(value);
        }
        is_reversed ? reader.previous() : reader.next();
    }
}

void SortSource::take_set(SortRange range) {
    size_t index = 0;
    SetReader(entry_).for_each([&](const ListpackValue& member) {
        if (index >= range.begin) elements_.push_back(member);
        return ++index < range.end;
    });
}

void SortSource::take_sorted_set(SortRange range, bool is_reversed) {
    const size_t first = is_reversed ? size() - 1 - range.begin : range.begin;
    if (entry_->has(store::Entry::owns_object)) {
        const RankedSet& set = static_cast<const types::SortedSet*>(entry_->object())->set;
        auto place = set.select(first);
        for (size_t left = range.size();;) {
            add(set.at(place).member);
            if (--left == 0) return;
            place = is_reversed ? set.previous(place) : set.next(place);
        }
    }
    const types::PackedSortedSet set(entry_->bytes());
    const Listpack& pack = set.pack();
    size_t at = pack.seek(static_cast<int64_t>(2 * first));
    for (size_t left = range.size();;) {
        elements_.push_back(pack.at(at));
        if (--left == 0) return;
        at = is_reversed ? pack.previous(pack.previous(at)) : pack.advance(at, 2);
    }
}

std::vector<std::string_view> SortSource::texts() {
    std::vector<std::string_view> texts;
    texts.reserve(elements_.size());
    for (const ListpackValue& element : elements_) {
        ListpackValue::Digits digits;
        const std::string_view text = element.text(digits);
        texts.push_back(element.is_integer() ? arena_.keep(text) : text);
    }
    return texts;
}

}  // namespace gyre::commands
