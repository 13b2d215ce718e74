// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/value_builder.h"

#include <utility>

#include "base/numbers.h"

namespace gyre::snapshot {

namespace {

using containers::RankedSet;
using store::Encoding;
using store::Type;
using types::Hash;
using types::Intset;
using types::Listpack;
using types::ListpackElement;
using types::ListpackValue;

constexpr size_t kIntsetEntriesMax = size_t{1} << 30;  // its length has 32 bits
/// What has grown to this is not packed, whatever the limits say.
constexpr size_t kPackedBytesMax = Listpack::kBytesMax / 4;

}  // namespace

// --- lists ---------------------------------------------------------------------------------------

/// What fits into one node is kept as one listpack, as by Redis 7.2.
BuiltValue ListBuilder::take() {
    const std::string_view only = list().only_listpack();
    if (only.empty() || !options_.limit.allows(only.size(), list().size())) {
        return {.kind = {Type::list, Encoding::quicklist}, .object = std::move(list_)};
    }
    BuiltValue built{.kind = {Type::list, Encoding::listpack}, .bytes = std::string(only)};
    list_.reset();
    return built;
}

// --- sets ----------------------------------------------------------------------------------------

size_t SetBuilder::intset_max() const {
    return std::min(limits_.set_intset_entries, kIntsetEntriesMax);
}

bool SetBuilder::is_empty() const {
    if (set_) return set_->size() == 0;
    return is_intset_ ? Intset(packed_).size() == 0 : Listpack(packed_).is_empty();
}

bool SetBuilder::add(std::string_view member) {
    if (is_intset_ && !set_) {
        const auto number = base::parse_integer(member);
        if (number && Intset(packed_).size() < intset_max()) return add_integer(*number);
        may_be_listpack(member) ? make_listpack() : make_large();
    }
    if (!set_ && may_be_listpack(member)) {
        const Listpack members(packed_);
        const auto element = ListpackElement::of(member);
        if (members.find(element, members.begin()) != members.end()) return false;
        append(packed_, element);
        return true;
    }
    make_large();
    return set_->add(member);
}

bool SetBuilder::add_integer(int64_t number) {
    const Intset set(packed_);
    if (set.contains(number)) return false;
    const size_t before = packed_.size();
    packed_.resize(set.size_with(number));
    Intset::insert(packed_.data(), before, number);
    return true;
}

/// `member`, and all there are, may lie in one.
bool SetBuilder::may_be_listpack(std::string_view member) const {
    const size_t limit = limits_.set_listpack_value;
    if (member.size() > limit || packed_.size() >= kPackedBytesMax) return false;
    if (!is_intset_) return Listpack(packed_).size() < limits_.set_listpack_entries;
    const Intset set(packed_);
    const size_t count = set.size();
    if (count >= limits_.set_listpack_entries) return false;
    // The longest of the integers is one of the ends.
    ListpackValue::Digits digits;
    return count == 0 ||
           (ListpackValue{nullptr, 0, set.at(0)}.text(digits).size() <= limit &&
            ListpackValue{nullptr, 0, set.at(count - 1)}.text(digits).size() <= limit);
}

template <class F>
void SetBuilder::for_each_packed(F&& f) const {
    if (is_intset_) {
        const Intset set(packed_);
        for (size_t i = 0; i < set.size(); ++i) f(ListpackValue{nullptr, 0, set.at(i)});
    } else {
        const Listpack set(packed_);
        for (size_t at = set.begin(); at != set.end(); at = set.next(at)) f(set.at(at));
    }
}

void SetBuilder::make_listpack() {
    std::string listpack(Listpack::kEmpty);
    for_each_packed([&](const ListpackValue& member) { append(listpack, member); });
    packed_ = std::move(listpack);
    is_intset_ = false;
}

void SetBuilder::make_large() {
    if (set_) return;
    auto set = std::make_unique<types::Set>();
    for_each_packed([&](const ListpackValue& member) {
        ListpackValue::Digits digits;
        set->add(member.text(digits));
    });
    set_ = std::move(set);
    packed_ = std::string();
}

BuiltValue SetBuilder::take() {
    if (set_) return {.kind = {Type::set, Encoding::hashtable}, .object = std::move(set_)};
    const Encoding encoding = is_intset_ ? Encoding::intset : Encoding::listpack;
    return {.kind = {Type::set, encoding}, .bytes = std::move(packed_)};
}

// --- sorted sets ---------------------------------------------------------------------------------

bool SortedSetBuilder::add(std::string_view member, double score) {
    const uint64_t hash = RankedSet::hash(member);
    if (set().find(member, hash)) return false;
    set().insert(member, hash, score);
    longest_ = std::max(longest_, member.size());
    bytes_ += member.size();
    return true;
}

bool SortedSetBuilder::append(std::string_view member, double score) {
    if (const RankedSet::Place last = set().last()) {
        const RankedSet::Item before = set().at(last);
        if (score < before.score) return false;
        if (score == before.score && member <= before.member) return false;
    }
    return add(member, score);
}

/// Only in the end it is known whether it may be packed: neither many members nor a long one.
BuiltValue SortedSetBuilder::take() {
    if (is_large_ || set().size() > limits_.zset_listpack_entries ||
        longest_ > limits_.zset_listpack_value || bytes_ > kPackedBytesMax) {
        return {.kind = {Type::zset, Encoding::skiplist}, .object = std::move(set_)};
    }
    BuiltValue built{.kind = {Type::zset, Encoding::listpack},
                     .bytes = std::string(Listpack::kEmpty)};
    set().for_each([&](const RankedSet::Item& item) {
        snapshot::append(built.bytes, item.member);
        snapshot::append(built.bytes, types::PackedScore(item.score).element());
    });
    set_.reset();
    return built;
}

// --- hashes --------------------------------------------------------------------------------------

bool HashBuilder::add(std::string_view name, std::string_view value, int64_t deadline_ms) {
    const size_t limit = limits_.hash_listpack_value;
    if (!hash_ && deadline_ms == Hash::kNoDeadline && name.size() <= limit &&
        value.size() <= limit && packed_.size() < kPackedBytesMax &&
        Listpack(packed_).size() / 2 < limits_.hash_listpack_entries) {
        const Listpack fields(packed_);
        if (fields.find(ListpackElement::of(name), fields.begin(), 1) != fields.end()) {
            return false;
        }
        append(packed_, name);
        append(packed_, value);
        return true;
    }
    make_large();
    if (!hash_->set(name, value)) return false;
    if (deadline_ms != Hash::kNoDeadline) hash_->set_deadline(name, deadline_ms);
    return true;
}

void HashBuilder::make_large() {
    if (hash_) return;
    hash_ = std::make_unique<Hash>();
    const Listpack fields(packed_);
    for (size_t at = fields.begin(); at != fields.end();) {
        const size_t value_at = fields.next(at);
        ListpackValue::Digits name;
        ListpackValue::Digits value;
        hash_->set(fields.at(at).text(name), fields.at(value_at).text(value));
        at = fields.next(value_at);
    }
    packed_ = std::string();
}

BuiltValue HashBuilder::take() {
    if (hash_) return {.kind = {Type::hash, Encoding::hashtable}, .object = std::move(hash_)};
    return {.kind = {Type::hash, Encoding::listpack}, .bytes = std::move(packed_)};
}

}  // namespace gyre::snapshot
