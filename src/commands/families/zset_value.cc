// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/zset_value.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "commands/families/collection.h"

namespace gyre::commands {
namespace {

using containers::RankedSet;
using types::ListpackElement;
using types::PackedScore;
using types::PackedSortedSet;
using types::SortedSet;

bool fits(const engine::Settings& settings, size_t members, size_t member_bytes) {
    return members <= settings.zset_max_listpack_entries.load(std::memory_order_relaxed) &&
           member_bytes <= settings.zset_max_listpack_value.load(std::memory_order_relaxed);
}

}  // namespace

size_t ZsetValue::size() const {
    if (entry_ == nullptr) return 0;
    return is_large() ? large().size() : packed().size();
}

std::optional<double> ZsetValue::score(std::string_view member) const {
    if (entry_ == nullptr) return std::nullopt;
    if (is_large()) {
        const auto place = large().find(member, RankedSet::hash(member));
        return place ? std::optional<double>(large().score(place)) : std::nullopt;
    }
    const auto found = packed().find(member);
    return found ? std::optional<double>(found->score) : std::nullopt;
}

std::optional<ZsetValue::Standing> ZsetValue::standing(std::string_view member) const {
    if (entry_ == nullptr) return std::nullopt;
    if (is_large()) {
        const auto place = large().find(member, RankedSet::hash(member));
        if (!place) return std::nullopt;
        return Standing{large().rank(place), large().score(place)};
    }
    const auto found = packed().find(member);
    if (!found) return std::nullopt;
    return Standing{found->rank, found->score};
}

size_t ZsetValue::count_before(const Edge& edge) const {
    if (entry_ == nullptr) return 0;
    if (is_large()) return large().count_before(edge);
    size_t count = 0;
    packed().for_each([&](std::string_view member, double score) {
        if (!edge.is_behind(score, member)) return false;
        ++count;
        return true;
    });
    return count;
}

double ZsetValue::score_at(size_t rank) const {
    double found = 0;
    visit(rank, rank + 1, false, [&](std::string_view, double score) { found = score; });
    return found;
}

double ZsetValue::first_score() const { return size() == 0 ? 0 : score_at(0); }
double ZsetValue::last_score() const { return size() == 0 ? 0 : score_at(size() - 1); }

std::vector<ZsetValue::Pair> ZsetValue::pairs(size_t begin, size_t end, bool is_reversed) const {
    std::vector<Pair> found;
    found.reserve(end > begin ? end - begin : 0);
    visit(begin, end, is_reversed, [&](std::string_view member, double score) {
        found.push_back({std::string(member), score});
    });
    return found;
}

bool ZsetValue::fits_packed(size_t members, size_t member_bytes) const {
    return fits(keyspace_->dataset().settings, members, member_bytes);
}

void ZsetValue::create(std::string_view member, double score) {
    if (fits_packed(1, member.size())) {
        const PackedScore packed_score(score);
        const std::array<ListpackElement, 2> pair{ListpackElement::of(member),
                                                  packed_score.element()};
        std::string bytes(types::Listpack::kEmpty);
        const types::Listpack empty(bytes);
        empty.insert(empty.end(), pair).apply(bytes);
        entry_ = keyspace_->put_packed(*key_, nullptr, kPacked, bytes);
        return;
    }
    auto object = std::unique_ptr<SortedSet>(new SortedSet());
    object->set.insert(member, RankedSet::hash(member), score);
    entry_ = keyspace_->put_object(*key_, nullptr, kLarge, std::move(object));
}

/// Adds a member to the packed form, or moves it to where its new score belongs.
void ZsetValue::put_packed(std::string_view member, double score,
                           const std::optional<PackedSortedSet::Found>& found) {
    if (found) {
        if (found->score == score) return;
        splice_packed(*keyspace_, *key_, entry_, packed().pack().erase(found->place, 2));
    } else if (!fits_packed(packed().size() + 1, member.size())) {
        convert();
        keyspace_->edit_object<SortedSet>(*key_, entry_, [&](SortedSet& object) {
            object.set.insert(member, RankedSet::hash(member), score);
        });
        return;
    }
    const PackedScore packed_score(score);
    const std::array<ListpackElement, 2> pair{ListpackElement::of(member), packed_score.element()};
    const size_t at = packed().find_edge({score, Edge::Kind::before_member, member});
    splice_packed(*keyspace_, *key_, entry_, packed().pack().insert(at, pair));
}

void ZsetValue::convert() {
    auto object = std::unique_ptr<SortedSet>(new SortedSet());
    packed().for_each([&](std::string_view member, double score) {
        object->set.insert(member, RankedSet::hash(member), score);
        return true;
    });
    entry_ = keyspace_->put_object(*key_, entry_, kLarge, std::move(object));
}

bool ZsetValue::erase(std::string_view member) {
    if (entry_ == nullptr) return false;
    if (is_large()) {
        return keyspace_->edit_object<SortedSet>(*key_, entry_, [&](SortedSet& object) {
            const auto place = object.set.find(member, RankedSet::hash(member));
            if (place) object.set.erase(place);
            return static_cast<bool>(place);
        });
    }
    const auto found = packed().find(member);
    if (!found) return false;
    splice_packed(*keyspace_, *key_, entry_, packed().pack().erase(found->place, 2));
    return true;
}

void ZsetValue::erase_ranks(size_t begin, size_t end) {
    if (entry_ == nullptr || begin >= end) return;
    if (is_large()) {
        return keyspace_->edit_object<SortedSet>(
            *key_, entry_, [&](SortedSet& object) { object.set.erase_ranks(begin, end); });
    }
    const types::Listpack pack = packed().pack();
    const size_t at = pack.seek(static_cast<int64_t>(2 * begin));
    splice_packed(*keyspace_, *key_, entry_, pack.erase(at, 2 * (end - begin)));
}

void ZsetValue::settle(std::string_view event) {
    if (entry_ == nullptr) return;
    keyspace_->notify(engine::event::sorted_set, event, *key_);
    if (size() == 0) {
        keyspace_->erase(*key_, entry_);
        keyspace_->notify(engine::event::generic, "del", *key_);
        entry_ = nullptr;
    } else if (is_large()) {
        entry_ = keyspace_->changed(*key_, entry_);
    }
}

void ZsetValue::store(engine::Keyspace& keyspace, const store::Key& key,
                      std::unique_ptr<SortedSet> set, std::string_view event) {
    store::Entry* present = keyspace.write(key);
    if (set->size() == 0) {
        if (present == nullptr) return;
        keyspace.erase(key, present);
        return keyspace.notify(engine::event::generic, "del", key);
    }
    if (present != nullptr) keyspace.erase_to_replace(key, present);
    size_t longest = 0;
    set->set.for_each(
        [&](const RankedSet::Item& item) { longest = std::max(longest, item.member.size()); });
    if (!fits(keyspace.dataset().settings, set->size(), longest)) {
        keyspace.put_object(key, nullptr, kLarge, std::move(set));
        return keyspace.notify(engine::event::sorted_set, event, key);
    }
    std::string bytes(types::Listpack::kEmpty);
    set->set.for_each([&](const RankedSet::Item& item) {
        const PackedScore score(item.score);
        const std::array<ListpackElement, 2> pair{ListpackElement::of(item.member),
                                                  score.element()};
        const types::Listpack pack(bytes);
        pack.insert(pack.end(), pair).apply(bytes);
    });
    keyspace.put_packed(key, nullptr, kPacked, bytes);
    keyspace.notify(engine::event::sorted_set, event, key);
}

std::optional<ZsetValue> read_zset(Context& context, size_t index) {
    const store::Key& key = context.keys[index];
    store::Entry* entry = context.keyspace.read(key);
    if (!require_type(context, entry, store::Type::zset)) return std::nullopt;
    return ZsetValue(context.keyspace, key, entry);
}

std::optional<ZsetValue> write_zset(Context& context, size_t index) {
    const store::Key& key = context.keys[index];
    store::Entry* entry = context.keyspace.write(key);
    if (!require_type(context, entry, store::Type::zset)) return std::nullopt;
    return ZsetValue(context.keyspace, key, entry);
}

void reply_members_header(resp::ReplyWriter& reply, size_t members, bool with_scores) {
    const bool is_flat = with_scores && reply.protocol() == resp::Protocol::resp2;
    reply.array(static_cast<int64_t>(is_flat ? 2 * members : members));
}

void reply_member(resp::ReplyWriter& reply, std::string_view member, double score,
                  bool with_scores) {
    if (with_scores && reply.protocol() == resp::Protocol::resp3) reply.array(2);
    reply.bulk(member);
    if (with_scores) reply.real(score);
}

// --- ranges --------------------------------------------------------------------------------------

namespace {

struct ScoreLimit {
    double score;
    bool is_exclusive;
};

/// As strtod reads it: blanks may stand before it, a NUL ends it, and nothing at all is 0.
std::optional<ScoreLimit> parse_score_limit(std::string_view text) {
    const bool is_exclusive = !text.empty() && text[0] == '(';
    if (is_exclusive) text.remove_prefix(1);
    const std::string copy(text);
    char* end = nullptr;
    const double score = std::strtod(copy.c_str(), &end);
    if (*end != '\0' || std::isnan(score)) return std::nullopt;
    return ScoreLimit{score, is_exclusive};
}

struct BytesLimit {
    enum class Kind : uint8_t { first, last, inclusive, exclusive };
    Kind kind;
    std::string_view member;
};

std::optional<BytesLimit> parse_bytes_limit(std::string_view text) {
    if (text.empty()) return std::nullopt;
    const bool ends = text.size() == 1 || text[1] == '\0';
    switch (text[0]) {
        case '-':
            return ends ? std::optional(BytesLimit{BytesLimit::Kind::first, {}}) : std::nullopt;
        case '+':
            return ends ? std::optional(BytesLimit{BytesLimit::Kind::last, {}}) : std::nullopt;
        case '[':
            return BytesLimit{BytesLimit::Kind::inclusive, text.substr(1)};
        case '(':
            return BytesLimit{BytesLimit::Kind::exclusive, text.substr(1)};
        default:
            return std::nullopt;
    }
}

}  // namespace

std::optional<ZsetRange> read_score_range(Context& context, size_t low, size_t high) {
    const auto first = parse_score_limit(context.argument(low));
    const auto last = parse_score_limit(context.argument(high));
    if (!first || !last) {
        context.error("ERR min or max is not a float");
        return std::nullopt;
    }
    ZsetRange range;
    range.begin = {
        first->score, first->is_exclusive ? Edge::Kind::after_score : Edge::Kind::before_score, {}};
    range.end = {
        last->score, last->is_exclusive ? Edge::Kind::before_score : Edge::Kind::after_score, {}};
    range.is_empty = first->score > last->score;
    return range;
}

std::optional<ZsetRange> read_bytes_range(Context& context, size_t low, size_t high) {
    const auto first = parse_bytes_limit(context.argument(low));
    const auto last = parse_bytes_limit(context.argument(high));
    if (!first || !last) {
        context.error("ERR min or max not valid string range item");
        return std::nullopt;
    }
    using Kind = BytesLimit::Kind;
    ZsetRange range;
    range.is_by_bytes = true;
    range.begins_at_first = first->kind == Kind::first;
    range.ends_at_last = last->kind == Kind::last;
    range.is_empty = first->kind == Kind::last || last->kind == Kind::first;
    range.begin = {
        0, first->kind == Kind::exclusive ? Edge::Kind::after_member : Edge::Kind::before_member,
        first->member};
    range.end = {
        0, last->kind == Kind::exclusive ? Edge::Kind::before_member : Edge::Kind::after_member,
        last->member};
    return range;
}

namespace {

/// Members in front of the edge by their bytes alone. Exact where bytes and scores rise together,
/// unspecified otherwise, as in Redis. Complexity: O(log(N)) looks.
size_t count_by_bytes(const ZsetValue& zset, Edge edge) {
    size_t low = 0;
    size_t high = zset.size();
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        zset.visit(middle, middle + 1, false, [&](std::string_view member, double score) {
            edge.score = score;
            if (edge.is_behind(score, member)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        });
    }
    return low;
}

}  // namespace

RankSpan ranks_of(const ZsetValue& zset, ZsetRange range) {
    if (range.is_empty) return {};
    if (range.is_by_bytes) {
        // All members are meant to have one score; where they have not, it is not looked at.
        const double score = zset.first_score();
        if (score != zset.last_score()) {
            const size_t begin = range.begins_at_first ? 0 : count_by_bytes(zset, range.begin);
            const size_t end = range.ends_at_last ? zset.size() : count_by_bytes(zset, range.end);
            return {begin, std::max(begin, end)};
        }
        range.begin.score = range.end.score = score;
    }
    const size_t begin = range.begins_at_first ? 0 : zset.count_before(range.begin);
    const size_t end = range.ends_at_last ? zset.size() : zset.count_before(range.end);
    return {begin, std::max(begin, end)};
}

RankSpan ranks_between(int64_t start, int64_t stop, size_t size) {
    const auto length = static_cast<int64_t>(size);
    if (start < 0) start = std::max<int64_t>(start + length, 0);
    if (stop < 0) stop += length;
    if (start > stop || start >= length) return {};
    return {static_cast<size_t>(start), static_cast<size_t>(std::min(stop, length - 1)) + 1};
}

}  // namespace gyre::commands
