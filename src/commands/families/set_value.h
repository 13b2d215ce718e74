// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A set as its commands see it, whichever of its three forms it has: an intset while all members
// are integers and few, a listpack while they are few and short, else a types::Set. When one
// becomes another is Redis 7.2's rule (set-max-intset-entries, set-max-listpack-entries,
// set-max-listpack-value); none ever becomes simpler again.
//
// Ownership: borrows the context; good as long as nothing else changes the key. What it returns is
// good until the next change. Threads: home reactor, under the lock of the key.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "commands/context.h"
#include "types/intset.h"
#include "types/listpack.h"
#include "types/set.h"

namespace gyre::commands {

/// Reads a set.
class SetReader {
public:
    /// `entry` is a set, or null: then it is empty.
    explicit SetReader(const store::Entry* entry) : entry_(entry) {}

    bool exists() const { return entry_ != nullptr; }
    size_t size() const;
    bool contains(std::string_view member) const;
    /// The same for an element of another set.
    bool contains(const types::ListpackValue& member) const;
    /// f(element) for all, until it returns false.
    template <class F>
    void for_each(F&& f) const;
    /// A member at random, each about as likely as another; there is one.
    types::ListpackValue random(base::Random& random) const;

    bool is_large() const { return has(store::Encoding::hashtable); }
    const types::Set& large() const { return static_cast<const types::Set&>(*entry_->object()); }

private:
    bool has(store::Encoding encoding) const {
        return entry_ != nullptr && entry_->encoding() == encoding;
    }
    types::Intset intset() const { return types::Intset(entry_->bytes()); }
    types::Listpack listpack() const { return types::Listpack(entry_->bytes()); }

    const store::Entry* entry_;
};

/// Changes a set.
class SetValue {
public:
    /// `entry` is a set, or null: the first add() makes one.
    SetValue(Context& context, const store::Key& key, store::Entry* entry)
        : keyspace_(context.keyspace), key_(key), entry_(entry) {}

    bool exists() const { return entry_ != nullptr; }
    SetReader reader() const { return SetReader(entry_); }
    size_t size() const { return reader().size(); }
    /// So many members are about to be added: takes the form they need.
    void expect(size_t members);
    /// False: it was there. `member` must not lie in this set.
    bool add(std::string_view member);
    /// False: it was not there. An empty set stays until settle().
    bool remove(std::string_view member);
    /// After removals: an empty set goes.
    void settle();
    /// Tells those who listen what happened to the set.
    void tell(std::string_view event) { keyspace_.notify(engine::event::set, event, key_); }

private:
    bool is(store::Encoding encoding) const { return entry_->encoding() == encoding; }
    bool may_be_listpack(size_t members, std::string_view longest) const;
    void create(std::string_view member);
    void make_listpack();
    void make_large();
    void add_to_intset(int64_t member);
    void append(std::string_view member);
    bool add_large(std::string_view member);

    engine::Keyspace& keyspace_;
    const store::Key& key_;
    store::Entry* entry_;
    size_t expected_ = 1;  // members that a new set is made for
};

/// Makes an absent key a set with these members, of which there are some, in the form they need.
void put_set(Context& context, const store::Key& key, std::unique_ptr<types::Set> members);

template <class F>
void SetReader::for_each(F&& f) const {
    if (entry_ == nullptr) return;
    if (is_large()) {
        large().for_each_until([&f](std::string_view member) {
            return f(types::ListpackValue{member.data(), member.size(), 0});
        });
    } else if (has(store::Encoding::intset)) {
        const types::Intset set = intset();
        for (size_t i = 0, n = set.size(); i < n; ++i) {
            if (!f(types::ListpackValue{nullptr, 0, set.at(i)})) return;
        }
    } else {
        const types::Listpack set = listpack();
        for (size_t at = set.begin(); at != set.end(); at = set.next(at)) {
            if (!f(set.at(at))) return;
        }
    }
}

}  // namespace gyre::commands
