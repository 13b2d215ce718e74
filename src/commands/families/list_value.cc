// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/list_value.h"

#include <array>
#include <memory>
#include <string>

#include "commands/families/collection.h"

namespace gyre::commands {
namespace {

using store::Entry;
using types::List;
using types::ListEnd;
using types::ListLimit;
using types::Listpack;
using types::ListpackElement;

constexpr store::Kind kPackedList{store::Type::list, store::Encoding::listpack};
constexpr store::Kind kLargeList{store::Type::list, store::Encoding::quicklist};

const List& list_of(const Entry& entry) { return static_cast<const List&>(*entry.object()); }

}  // namespace

size_t list_size(const Entry& entry) {
    if (entry.has(Entry::owns_object)) return entry.object()->size();
    return Listpack(entry.bytes()).size();
}

// --- reading ---------------------------------------------------------------------------------

ListReader::ListReader(const Entry& entry, size_t index)
    : listpack_(entry.has(Entry::owns_object) ? Listpack::kEmpty : entry.bytes()) {
    if (entry.has(Entry::owns_object)) {
        cursor_.emplace(list_of(entry), index);
        return;
    }
    at_ = listpack_.seek(static_cast<int64_t>(index));
    is_inside_ = at_ != listpack_.end();
}

void ListReader::next() {
    if (cursor_) return cursor_->next();
    at_ = listpack_.next(at_);
    is_inside_ = at_ != listpack_.end();
}

void ListReader::previous() {
    if (cursor_) return cursor_->previous();
    is_inside_ = at_ != listpack_.begin();
    if (is_inside_) at_ = listpack_.previous(at_);
}

void reply_end(resp::ReplyWriter& reply, const Entry& entry, ListEnd end, size_t count) {
    ListReader reader(entry, end == ListEnd::head ? 0 : list_size(entry) - 1);
    for (; count != 0; --count) {
        reply_element(reply, reader.value());
        end == ListEnd::head ? reader.next() : reader.previous();
    }
}

// --- changing --------------------------------------------------------------------------------

List::Options ListValue::options() const {
    const engine::Settings& settings = keyspace_.dataset().settings;
    const auto depth = settings.list_compress_depth.load(std::memory_order_relaxed);
    return {ListLimit(settings.list_max_listpack_size.load(std::memory_order_relaxed)),
            static_cast<size_t>(depth)};
}

void ListValue::splice(const types::ListpackSplice& splice) {
    splice_packed(keyspace_, key_, entry_, splice);
}

void ListValue::expect(size_t elements, size_t bytes) {
    if (entry_ != nullptr && !is_packed()) return;
    const Listpack present(entry_ == nullptr ? Listpack::kEmpty : entry_->bytes());
    const List::Options wanted = options();
    if (wanted.limit.allows(present.bytes().size() + bytes, present.size() + elements)) return;
    auto list = std::make_unique<List>(present.bytes(), wanted);
    entry_ = keyspace_.put_object(key_, entry_, kLargeList, std::move(list));
}

void ListValue::push(ListEnd end, std::string_view value) {
    if (entry_ == nullptr)
        entry_ = keyspace_.put_packed(key_, nullptr, kPackedList, Listpack::kEmpty);
    if (!is_packed()) {
        edit([&](List& list) { return list.push(end, value), true; });
        return;
    }
    const std::array added{ListpackElement::of(value)};
    const Listpack present = listpack();
    splice(present.insert(end == ListEnd::head ? present.begin() : present.end(), added));
}

bool ListValue::insert(std::string_view pivot, ListEnd side, std::string_view value) {
    const ListpackElement wanted = ListpackElement::of(pivot);
    if (is_packed()) {
        const Listpack present = listpack();
        size_t at = present.find(wanted, present.begin());
        if (at == present.end()) return false;
        if (side == ListEnd::tail) at = present.next(at);
        const std::array added{ListpackElement::of(value)};
        splice(present.insert(at, added));
        return true;
    }
    List::Cursor cursor(list_of(*entry_), 0);
    while (cursor && !wanted.equals(cursor.value())) cursor.next();
    if (!cursor) return false;
    return edit([&](List& list) { return list.insert(cursor, side, value), true; });
}

void ListValue::replace(size_t index, std::string_view value) {
    if (is_packed()) {
        const std::array added{ListpackElement::of(value)};
        const Listpack present = listpack();
        splice(present.replace(present.seek(static_cast<int64_t>(index)), 1, added));
        return;
    }
    List::Cursor cursor(list_of(*entry_), index);
    edit([&](List& list) { return list.replace(cursor, value), true; });
}

void ListValue::erase(size_t start, size_t count) {
    if (count == 0) return;
    if (is_packed()) {
        const Listpack present = listpack();
        splice(present.erase(present.seek(static_cast<int64_t>(start)), count));
        return;
    }
    edit([&](List& list) { return list.erase(start, count), true; });
}

size_t ListValue::remove_packed(std::string_view value, size_t limit, ListEnd from) {
    const ListpackElement wanted = ListpackElement::of(value);
    size_t removed = 0;
    size_t at = from == ListEnd::head ? listpack().begin() : listpack().end();
    while (removed < limit) {
        const Listpack present = listpack();
        if (from == ListEnd::head) {
            at = present.find(wanted, at);
            if (at == present.end()) break;
        } else {
            do {
                if (at == present.begin()) return removed;
                at = present.previous(at);
            } while (!wanted.equals(present.at(at)));
        }
        splice(present.erase(at, 1));
        ++removed;
    }
    return removed;
}

size_t ListValue::remove(std::string_view value, size_t limit, ListEnd from) {
    if (is_packed()) return remove_packed(value, limit, from);
    const size_t removed = keyspace_.edit_object<List>(
        key_, entry_, [&](List& list) { return list.remove(value, limit, from); });
    if (removed != 0) entry_ = keyspace_.changed(key_, entry_);
    return removed;
}

void ListValue::settle(std::string_view event) {
    tell(event);
    if (size() == 0) {
        keyspace_.erase(key_, entry_);
        keyspace_.notify(engine::event::generic, "del", key_);
        entry_ = nullptr;
        return;
    }
    if (is_packed()) return;
    const std::string_view left = list_of(*entry_).only_listpack();
    if (left.empty()) return;
    if (!options().limit.allows_shrunk(left.size(), size())) return;
    const std::string copy(left);
    entry_ = keyspace_.put_packed(key_, entry_, kPackedList, copy);
}

}  // namespace gyre::commands
