// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A hash as its commands see it, whichever of its two forms it has: a listpack of fields and values
// in turn, or a types::Hash. A listpack becomes a Hash when it would hold more than
// hash-max-listpack-entries fields or one longer than hash-max-listpack-value, and when one of its
// fields gets a deadline; never the other way.
//
// Fields past their deadline are not seen. The first that looks at the hash removes some of them,
// the wheel of the key's partition the rest.
//
// Ownership: borrows the context; good as long as nothing else changes the key. What it returns is
// good until the next change. Threads: home reactor, under the lock of the key.

#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/context.h"
#include "types/hash.h"
#include "types/listpack.h"

namespace gyre::commands {

class HashValue {
public:
    /// Fields past their deadline that a look at the hash removes at most.
    static constexpr size_t kExpiredMax = 64;

    struct Field {
        types::ListpackValue name;
        types::ListpackValue value;
    };

    /// `entry` is a hash, or null: the first set() makes one. Removes fields that are due; the key
    /// goes with the last.
    HashValue(Context& context, const store::Key& key, store::Entry* entry);

    bool exists() const { return entry_ != nullptr; }
    /// Fields, those that are due and not yet removed included.
    size_t size() const;
    std::optional<types::ListpackValue> find(std::string_view name) const;
    /// f(field) for each field.
    template <class F>
    void for_each(F&& f) const;
    /// A field at random, each about as likely as another; none when all are due.
    std::optional<Field> random(base::Random& random) const;
    /// Some fields are due and not yet removed.
    bool has_due() const {
        return entry_ != nullptr && !packed_ && large().nearest_deadline_ms() < now_ms_;
    }

    /// So many fields are about to be set, to names and values of at most so many bytes each: takes
    /// the form they need.
    void expect(size_t fields, size_t longest);
    /// True: the field is new. Its deadline goes unless it is to be kept.
    bool set(std::string_view name, std::string_view value,
             types::Hash::Deadline deadline = types::Hash::Deadline::drop);
    /// False: it was not there. An empty hash stays until settle().
    bool remove(std::string_view name);
    /// A write that asks whether the field is there calls this first: a log must not leave to later
    /// what the answer was.
    void forget_if_due(std::string_view name);
    /// Tells those who listen what happened to the hash.
    void tell(std::string_view event) { keyspace_.notify(engine::event::hash, event, key_); }
    /// After removals: an empty hash goes.
    void settle();

    // --- deadlines ----------------------------------------------------------------------------
    /// Of a field that is there; kNoDeadline: none.
    int64_t deadline_ms(std::string_view name) const;
    void set_deadline(std::string_view name, int64_t deadline_ms);

    /// The packed form; null: it has the other.
    const types::Listpack* packed() const { return packed_ ? &*packed_ : nullptr; }
    /// The large form; there is one.
    const types::Hash& large() const { return static_cast<const types::Hash&>(*entry_->object()); }
    bool is_due(const types::Hash::Field& field) const { return field.deadline_ms < now_ms_; }
    static types::ListpackValue text(std::string_view bytes) {
        return {bytes.data(), bytes.size(), 0};
    }

private:
    void look();
    void remove_due();
    void make_large();
    size_t find_packed(std::string_view name) const;
    void splice(const types::ListpackSplice& splice);

    engine::Keyspace& keyspace_;
    const store::Key& key_;
    store::Entry* entry_;
    int64_t now_ms_;
    std::optional<types::Listpack> packed_;
};

/// Tells the log the deadline that a field has, if it has one.
void tell_field_deadline(Context& context, const HashValue& hash, std::string_view name);

template <class F>
void HashValue::for_each(F&& f) const {
    if (entry_ == nullptr) return;
    if (!packed_) {
        large().for_each([&](const types::Hash::Field& field) {
            if (!is_due(field)) f(Field{text(field.name), text(field.value)});
        });
        return;
    }
    for (size_t at = packed_->begin(); at != packed_->end();) {
        const size_t value_at = packed_->next(at);
        f(Field{packed_->at(at), packed_->at(value_at)});
        at = packed_->next(value_at);
    }
}

}  // namespace gyre::commands
