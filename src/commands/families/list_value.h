// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A list as its commands see it, whichever of its two forms it has: the bytes of a listpack, or a
// types::List. When one becomes the other is Redis 7.2's rule: a listpack that would grow beyond
// one node of list-max-listpack-size becomes a List, and a List becomes a listpack again when what
// is left is one node of at most half of that.
//
// Ownership: borrows the context; good as long as nothing else changes the key. Threads: home
// reactor, under the lock of the key.

#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/context.h"
#include "types/list.h"

namespace gyre::commands {

/// Elements of a list.
size_t list_size(const store::Entry& entry);

/// Goes through a list from some element on, to either side.
class ListReader {
public:
    ListReader(const store::Entry& entry, size_t index);
    explicit operator bool() const { return cursor_ ? static_cast<bool>(*cursor_) : is_inside_; }
    types::ListpackValue value() const { return cursor_ ? cursor_->value() : listpack_.at(at_); }
    void next();
    void previous();

private:
    types::Listpack listpack_;
    size_t at_ = 0;
    bool is_inside_ = false;
    std::optional<types::List::Cursor> cursor_;
};

/// What pushing to an end and popping from it is called in events.
inline std::string_view push_event(types::ListEnd end) {
    return end == types::ListEnd::head ? "lpush" : "rpush";
}
inline std::string_view pop_event(types::ListEnd end) {
    return end == types::ListEnd::head ? "lpop" : "rpop";
}

/// `count` elements from an end on, which are there, as a reply tells them.
void reply_end(resp::ReplyWriter& reply, const store::Entry& entry, types::ListEnd end,
               size_t count);

/// What changes a list.
class ListValue {
public:
    /// `entry` is a list, or null: the first push makes one.
    ListValue(Context& context, const store::Key& key, store::Entry* entry)
        : keyspace_(context.keyspace), key_(key), entry_(entry) {}

    store::Entry* entry() const { return entry_; }
    size_t size() const { return entry_ == nullptr ? 0 : list_size(*entry_); }

    /// So many elements with so many bytes in all are about to be put in: takes the form they need.
    void expect(size_t elements, size_t bytes);
    void push(types::ListEnd end, std::string_view value);
    /// Beside the first element equal to `pivot`. False: there is none.
    bool insert(std::string_view pivot, types::ListEnd side, std::string_view value);
    /// `index` is below size().
    void replace(size_t index, std::string_view value);
    /// Removes elements that are there.
    void erase(size_t start, size_t count);
    size_t remove(std::string_view value, size_t limit, types::ListEnd from);
    /// Tells those who listen what happened to the list.
    void tell(std::string_view event) { keyspace_.notify(engine::event::list, event, key_); }
    /// After removals, which `event` names: an empty list goes, a small one becomes a listpack.
    void settle(std::string_view event);

private:
    bool is_packed() const { return entry_->encoding() == store::Encoding::listpack; }
    types::Listpack listpack() const { return types::Listpack(entry_->bytes()); }
    types::List::Options options() const;
    void splice(const types::ListpackSplice& splice);
    /// f(list), which changes it.
    template <class F>
    auto edit(F&& f) {
        auto result = keyspace_.edit_object<types::List>(key_, entry_, f);
        entry_ = keyspace_.changed(key_, entry_);
        return result;
    }
    size_t remove_packed(std::string_view value, size_t limit, types::ListEnd from);

    engine::Keyspace& keyspace_;
    const store::Key& key_;
    store::Entry* entry_;
};

}  // namespace gyre::commands
