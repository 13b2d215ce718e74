// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/hash_value.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "base/check.h"
#include "commands/effect_words.h"
#include "commands/families/collection.h"

namespace gyre::commands {
namespace {

using store::Entry;
using types::Hash;
using types::Listpack;
using types::ListpackElement;
using types::ListpackValue;

constexpr store::Kind kPackedHash{store::Type::hash, store::Encoding::listpack};
constexpr store::Kind kLargeHash{store::Type::hash, store::Encoding::hashtable};

}  // namespace

HashValue::HashValue(Context& context, const store::Key& key, Entry* entry)
    : keyspace_(context.keyspace), key_(key), entry_(entry), now_ms_(context.now_ms()) {
    look();
    if (has_due()) remove_due();
}

/// Where the packed form lies after the entry was changed.
void HashValue::look() {
    packed_.reset();
    if (entry_ != nullptr && !entry_->has(Entry::owns_object)) packed_.emplace(entry_->bytes());
}

void HashValue::remove_due() {
    entry_ = keyspace_.remove_due_fields(key_, entry_, kExpiredMax);
    look();
}

void HashValue::forget_if_due(std::string_view name) {
    if (!has_due()) [[likely]]
        return;
    const auto present = large().find(name);
    if (!present || !is_due(*present)) return;
    entry_ = keyspace_.remove_due_field(key_, entry_, name);
    look();
}

size_t HashValue::size() const {
    if (entry_ == nullptr) return 0;
    return packed_ ? packed_->size() / 2 : large().size();
}

/// The place of a field's name; end() when there is none.
size_t HashValue::find_packed(std::string_view name) const {
    return packed_->find(ListpackElement::of(name), packed_->begin(), 1);
}

std::optional<ListpackValue> HashValue::find(std::string_view name) const {
    if (entry_ == nullptr) return std::nullopt;
    if (packed_) {
        const size_t at = find_packed(name);
        if (at == packed_->end()) return std::nullopt;
        return packed_->at(packed_->next(at));
    }
    const auto field = large().find(name);
    if (!field || is_due(*field)) return std::nullopt;
    return text(field->value);
}

std::optional<HashValue::Field> HashValue::random(base::Random& random) const {
    if (packed_) {
        const size_t index = random.below(size());
        const size_t at = packed_->seek(static_cast<int64_t>(2 * index));
        return Field{packed_->at(at), packed_->at(packed_->next(at))};
    }
    if (!has_due()) {
        const Hash::Field field = large().random(random);
        return Field{text(field.name), text(field.value)};
    }
    // The n-th that is seen stays with a probability of 1/n.
    std::optional<Field> drawn;
    size_t seen = 0;
    for_each([&](const Field& field) {
        if (random.below(++seen) == 0) drawn = field;
    });
    return drawn;
}

void HashValue::make_large() {
    auto hash = std::make_unique<Hash>();
    for_each([&hash](const Field& field) {
        ListpackValue::Digits name;
        ListpackValue::Digits value;
        hash->set(field.name.text(name), field.value.text(value));
    });
    entry_ = keyspace_.put_object(key_, entry_, kLargeHash, std::move(hash));
    look();
}

void HashValue::expect(size_t fields, size_t longest) {
    if (entry_ != nullptr && !packed_) return;
    const engine::Settings& settings = keyspace_.dataset().settings;
    const auto most = settings.hash_max_listpack_entries.load(std::memory_order_relaxed);
    const auto limit = settings.hash_max_listpack_value.load(std::memory_order_relaxed);
    const size_t bytes = packed_ ? packed_->bytes().size() : 0;
    if (fields <= most && longest <= limit && bytes < Listpack::kBytesMax / 2) return;
    make_large();
}

void HashValue::splice(const types::ListpackSplice& splice) {
    splice_packed(keyspace_, key_, entry_, splice);
    look();
}

bool HashValue::set(std::string_view name, std::string_view value, Hash::Deadline deadline) {
    forget_if_due(name);
    expect(1, std::max(name.size(), value.size()));
    if (entry_ == nullptr) {
        entry_ = keyspace_.put_packed(key_, nullptr, kPackedHash, Listpack::kEmpty);
        look();
    }
    if (!packed_) {
        const bool is_new = keyspace_.edit_object<Hash>(
            key_, entry_, [&](Hash& hash) { return hash.set(name, value, deadline); });
        entry_ = keyspace_.changed(key_, entry_);
        return is_new;
    }
    const std::array added{ListpackElement::of(name), ListpackElement::of(value)};
    const size_t at = find_packed(name);
    if (at != packed_->end()) {
        splice(packed_->replace(packed_->next(at), 1, std::span(added).subspan(1)));
        return false;
    }
    splice(packed_->insert(packed_->end(), added));
    const auto most =
        keyspace_.dataset().settings.hash_max_listpack_entries.load(std::memory_order_relaxed);
    if (size() > most) make_large();
    return true;
}

bool HashValue::remove(std::string_view name) {
    forget_if_due(name);
    if (entry_ == nullptr) return false;
    if (!packed_) {
        if (!large().find(name)) return false;
        keyspace_.edit_object<Hash>(key_, entry_, [&](Hash& hash) { return hash.remove(name); });
        entry_ = keyspace_.changed(key_, entry_);
        return true;
    }
    const size_t at = find_packed(name);
    if (at == packed_->end()) return false;
    splice(packed_->erase(at, 2));
    return true;
}

void HashValue::settle() {
    if (entry_ == nullptr || size() != 0) return;
    keyspace_.erase(key_, entry_);
    keyspace_.notify(engine::event::generic, "del", key_);
    entry_ = nullptr;
    look();
}

int64_t HashValue::deadline_ms(std::string_view name) const {
    if (entry_ == nullptr || packed_) return Hash::kNoDeadline;
    const auto field = large().find(name);
    return field ? field->deadline_ms : Hash::kNoDeadline;
}

void HashValue::set_deadline(std::string_view name, int64_t deadline_ms) {
    if (packed_ && deadline_ms == Hash::kNoDeadline) return;
    if (packed_) make_large();
    const int64_t previous_ms = large().nearest_deadline_ms();
    keyspace_.edit_object<Hash>(key_, entry_, [&](Hash& hash) {
        hash.set_deadline(name, deadline_ms);
        return true;
    });
    entry_ = keyspace_.changed(key_, entry_);
    if (deadline_ms != Hash::kNoDeadline) keyspace_.track_fields(key_, entry_, previous_ms);
}

void tell_field_deadline(Context& context, const HashValue& hash, std::string_view name) {
    const int64_t deadline_ms = hash.deadline_ms(name);
    if (deadline_ms == Hash::kNoDeadline) return;
    EffectWords(context, "HPEXPIREAT")
        .add(context.keys[0])
        .number(deadline_ms)
        .add("FIELDS")
        .add("1")
        .add(name)
        .tell();
}

}  // namespace gyre::commands
