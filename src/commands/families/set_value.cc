// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/set_value.h"

#include <algorithm>
#include <array>

#include "base/numbers.h"
#include "commands/families/collection.h"

namespace gyre::commands {
namespace {

using store::Encoding;
using store::Entry;
using types::Intset;
using types::Listpack;
using types::ListpackElement;
using types::ListpackValue;
using types::Set;

constexpr store::Kind kIntset{store::Type::set, Encoding::intset};
constexpr store::Kind kPackedSet{store::Type::set, Encoding::listpack};
constexpr store::Kind kLargeSet{store::Type::set, Encoding::hashtable};

constexpr size_t kIntsetEntriesMax = size_t{1} << 30;  // its length has 32 bits

size_t intset_limit(const engine::Settings& settings) {
    return std::min(settings.set_max_intset_entries.load(std::memory_order_relaxed),
                    kIntsetEntriesMax);
}

size_t listpack_limit(const engine::Settings& settings) {
    return settings.set_max_listpack_entries.load(std::memory_order_relaxed);
}

}  // namespace

// --- reading ---------------------------------------------------------------------------------

size_t SetReader::size() const {
    if (entry_ == nullptr) return 0;
    if (is_large()) return entry_->object()->size();
    return has(Encoding::intset) ? intset().size() : listpack().size();
}

bool SetReader::contains(std::string_view member) const {
    if (entry_ == nullptr) return false;
    if (is_large()) return large().contains(member);
    if (has(Encoding::intset)) {
        const auto number = base::parse_integer(member);
        return number && intset().contains(*number);
    }
    const Listpack set = listpack();
    return set.find(ListpackElement::of(member), set.begin()) != set.end();
}

bool SetReader::contains(const ListpackValue& member) const {
    if (member.is_integer() && has(Encoding::intset)) return intset().contains(member.integer);
    ListpackValue::Digits digits;
    return contains(member.text(digits));
}

ListpackValue SetReader::random(base::Random& random) const {
    if (is_large()) {
        const std::string_view member = large().random(random);
        return {member.data(), member.size(), 0};
    }
    const size_t index = random.below(size());
    if (has(Encoding::intset)) return {nullptr, 0, intset().at(index)};
    const Listpack set = listpack();
    return set.at(set.seek(static_cast<int64_t>(index)));
}

// --- changing --------------------------------------------------------------------------------

bool SetValue::may_be_listpack(size_t members, std::string_view longest) const {
    const engine::Settings& settings = keyspace_.dataset().settings;
    const size_t bytes = entry_ == nullptr ? 0 : entry_->bytes().size();
    return members <= listpack_limit(settings) &&
           longest.size() <= settings.set_max_listpack_value.load(std::memory_order_relaxed) &&
           bytes < Listpack::kBytesMax / 4;
}

void SetValue::expect(size_t members) {
    expected_ = members;
    if (entry_ == nullptr || is(Encoding::hashtable)) return;
    const engine::Settings& settings = keyspace_.dataset().settings;
    const size_t limit = is(Encoding::intset) ? intset_limit(settings) : listpack_limit(settings);
    if (members > limit) make_large();
}

/// An empty set for a first member.
void SetValue::create(std::string_view member) {
    const engine::Settings& settings = keyspace_.dataset().settings;
    if (base::parse_integer(member) && expected_ <= intset_limit(settings)) {
        entry_ = keyspace_.put_packed(key_, nullptr, kIntset, Intset::kEmpty);
    } else if (expected_ <= listpack_limit(settings)) {
        entry_ = keyspace_.put_packed(key_, nullptr, kPackedSet, Listpack::kEmpty);
    } else {
        entry_ = keyspace_.put_object(key_, nullptr, kLargeSet, std::make_unique<Set>());
    }
}

void SetValue::make_listpack() {
    std::string bytes(Listpack::kEmpty);
    reader().for_each([&bytes](const ListpackValue& member) {
        const std::array added{ListpackElement::of(member)};
        const Listpack listpack(bytes);
        listpack.insert(listpack.end(), added).apply(bytes);
        return true;
    });
    entry_ = keyspace_.put_packed(key_, entry_, kPackedSet, bytes);
}

void SetValue::make_large() {
    auto set = std::make_unique<Set>();
    reader().for_each([&set](const ListpackValue& member) {
        ListpackValue::Digits digits;
        set->add(member.text(digits));
        return true;
    });
    entry_ = keyspace_.put_object(key_, entry_, kLargeSet, std::move(set));
}

void SetValue::add_to_intset(int64_t member) {
    const size_t before = entry_->bytes().size();
    const size_t after = Intset(entry_->bytes()).size_with(member);
    Intset::insert(keyspace_.edit_packed(key_, entry_, after), before, member);
    if (size() > intset_limit(keyspace_.dataset().settings)) make_large();
}

void SetValue::append(std::string_view member) {
    const std::array added{ListpackElement::of(member)};
    const Listpack listpack(entry_->bytes());
    splice_packed(keyspace_, key_, entry_, listpack.insert(listpack.end(), added));
}

bool SetValue::add_large(std::string_view member) {
    const bool is_new =
        keyspace_.edit_object<Set>(key_, entry_, [member](Set& set) { return set.add(member); });
    if (is_new) entry_ = keyspace_.changed(key_, entry_);
    return is_new;
}

bool SetValue::add(std::string_view member) {
    if (entry_ == nullptr) create(member);
    if (is(Encoding::hashtable)) return add_large(member);
    if (reader().contains(member)) return false;
    if (is(Encoding::intset)) {
        if (const auto number = base::parse_integer(member)) {
            add_to_intset(*number);
            return true;
        }
    }
    if (!may_be_listpack(size() + 1, member)) {
        make_large();
        return add_large(member);
    }
    if (is(Encoding::intset)) {
        // The longest of the integers counts, too: it is one of the ends.
        const Intset set(entry_->bytes());
        const size_t count = set.size();
        ListpackValue::Digits digits;
        for (const size_t index : {size_t{0}, count - 1}) {
            if (count == 0) break;
            const ListpackValue end{nullptr, 0, set.at(index)};
            if (may_be_listpack(count + 1, end.text(digits))) continue;
            make_large();
            return add_large(member);
        }
        make_listpack();
    }
    append(member);
    return true;
}

bool SetValue::remove(std::string_view member) {
    if (is(Encoding::hashtable)) {
        const bool was_there = keyspace_.edit_object<Set>(
            key_, entry_, [member](Set& set) { return set.remove(member); });
        if (was_there) entry_ = keyspace_.changed(key_, entry_);
        return was_there;
    }
    if (is(Encoding::intset)) {
        const auto number = base::parse_integer(member);
        if (!number) return false;
        const Intset::Place place = Intset(entry_->bytes()).find(*number);
        if (!place.is_found) return false;
        const size_t before = entry_->bytes().size();
        char* bytes = keyspace_.edit_packed(key_, entry_, before);
        const size_t after = Intset::erase(bytes, before, place.index);
        keyspace_.partition_of(key_).edit_packed(key_, entry_, after);
        return true;
    }
    const Listpack listpack(entry_->bytes());
    const size_t at = listpack.find(ListpackElement::of(member), listpack.begin());
    if (at == listpack.end()) return false;
    splice_packed(keyspace_, key_, entry_, listpack.erase(at, 1));
    return true;
}

void SetValue::settle() {
    if (entry_ == nullptr || size() != 0) return;
    keyspace_.erase(key_, entry_);
    keyspace_.notify(engine::event::generic, "del", key_);
    entry_ = nullptr;
}

void put_set(Context& context, const store::Key& key, std::unique_ptr<Set> members) {
    const engine::Settings& settings = context.keyspace.dataset().settings;
    const size_t limit = settings.set_max_listpack_value.load(std::memory_order_relaxed);
    bool are_integers = members->size() <= intset_limit(settings);
    bool are_short = members->size() <= listpack_limit(settings);
    members->for_each_until([&](std::string_view member) {
        are_integers = are_integers && base::parse_integer(member).has_value();
        are_short = are_short && member.size() <= limit;
        return are_integers || are_short;
    });
    if (!are_integers && !are_short) {
        context.keyspace.put_object(key, nullptr, kLargeSet, std::move(members));
        return;
    }
    SetValue set(context, key, nullptr);
    members->for_each([&set](std::string_view member) { set.add(member); });
}

}  // namespace gyre::commands
