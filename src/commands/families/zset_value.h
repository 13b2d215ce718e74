// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The sorted set of a key as commands see it, packed or large: looking, changing, and going from
// one form to the other at the limits of the configuration.
//
// Ownership: borrows the keyspace and the key for one command. Members it gives are views, good
// until the next change. Threads: home reactor, under the lock of the key.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/context.h"
#include "types/sorted_set.h"

namespace gyre::commands {

using Edge = containers::RankedEdge;

class ZsetValue {
public:
    struct Standing {
        size_t rank;
        double score;
    };
    struct Pair {
        std::string member;
        double score;
    };

    /// `entry` is null or a sorted set.
    ZsetValue(engine::Keyspace& keyspace, const store::Key& key, store::Entry* entry)
        : keyspace_(&keyspace), key_(&key), entry_(entry) {}

    size_t size() const;
    std::optional<double> score(std::string_view member) const;
    std::optional<Standing> standing(std::string_view member) const;
    size_t count_before(const Edge& edge) const;
    /// The scores of the first and of the last member; 0 when there is none.
    double first_score() const;
    double last_score() const;
    /// f(member, score) for the ranks from `begin` on, before `end`; from the end of them when
    /// `is_reversed`.
    template <class F>
    void visit(size_t begin, size_t end, bool is_reversed, F&& f) const;
    std::vector<Pair> pairs(size_t begin, size_t end, bool is_reversed) const;

    /// Gives a member the score that decide(std::optional<double> present) returns, if any.
    template <class F>
    void update(std::string_view member, F&& decide);
    bool erase(std::string_view member);
    void erase_ranks(size_t begin, size_t end);
    /// After changes, which `event` names: erases the key when it is empty, else notes that it
    /// changed.
    void settle(std::string_view event);

    /// Makes the key the sorted set given, in the form that fits; an empty one erases the key. What
    /// the key was goes, with its deadline. `event` names what happened, unless nothing is left.
    static void store(engine::Keyspace& keyspace, const store::Key& key,
                      std::unique_ptr<types::SortedSet> set, std::string_view event);

    bool is_large() const { return entry_->encoding() == store::Encoding::skiplist; }
    const containers::RankedSet& large() const {
        return static_cast<const types::SortedSet*>(entry_->object())->set;
    }
    types::PackedSortedSet packed() const { return types::PackedSortedSet(entry_->bytes()); }

private:
    static constexpr store::Kind kPacked{store::Type::zset, store::Encoding::listpack};
    static constexpr store::Kind kLarge{store::Type::zset, store::Encoding::skiplist};

    double score_at(size_t rank) const;
    bool fits_packed(size_t members, size_t member_bytes) const;
    void create(std::string_view member, double score);
    void put_packed(std::string_view member, double score,
                    const std::optional<types::PackedSortedSet::Found>& found);
    void convert();

    engine::Keyspace* keyspace_;
    const store::Key* key_;
    store::Entry* entry_;
};

/// The sorted set of key `index`, to be read or to be written. nullopt: it is something else, and
/// the reply says so.
std::optional<ZsetValue> read_zset(Context& context, size_t index = 0);
std::optional<ZsetValue> write_zset(Context& context, size_t index = 0);

/// Replies of members, in RESP3 each with its score in an array of its own.
void reply_members_header(resp::ReplyWriter& reply, size_t members, bool with_scores);
void reply_member(resp::ReplyWriter& reply, std::string_view member, double score,
                  bool with_scores);

/// The edges of a range by score or by bytes, as arguments give them.
struct ZsetRange {
    Edge begin;
    Edge end;
    /// By bytes: `-` and `+`, which need no member.
    bool begins_at_first = false;
    bool ends_at_last = false;
    bool is_empty = false;
    bool is_by_bytes = false;
};
/// nullopt: one of the arguments is no limit, and the reply says so.
std::optional<ZsetRange> read_score_range(Context& context, size_t low, size_t high);
std::optional<ZsetRange> read_bytes_range(Context& context, size_t low, size_t high);

/// Ranks from `begin` on, before `end`.
struct RankSpan {
    size_t begin = 0;
    size_t end = 0;
    size_t size() const { return end > begin ? end - begin : 0; }
};
RankSpan ranks_of(const ZsetValue& zset, ZsetRange range);
/// Of two indexes, negative ones from the end.
RankSpan ranks_between(int64_t start, int64_t stop, size_t size);

template <class F>
void ZsetValue::visit(size_t begin, size_t end, bool is_reversed, F&& f) const {
    if (entry_ == nullptr || begin >= end) return;
    if (is_large()) {
        const containers::RankedSet& set = large();
        auto place = set.select(is_reversed ? end - 1 : begin);
        for (size_t left = end - begin; left > 0; --left) {
            const auto item = set.at(place);
            f(item.member, item.score);
            place = is_reversed ? set.previous(place) : set.next(place);
        }
        return;
    }
    const types::PackedSortedSet zset = packed();
    const types::Listpack& pack = zset.pack();
    size_t place = pack.seek(static_cast<int64_t>(2 * (is_reversed ? end - 1 : begin)));
    for (size_t left = end - begin; left > 0; --left) {
        types::ListpackValue::Digits digits;
        f(pack.at(place).text(digits), zset.score_behind(place));
        if (left == 1) break;
        place = is_reversed ? pack.previous(pack.previous(place)) : pack.advance(place, 2);
    }
}

template <class F>
void ZsetValue::update(std::string_view member, F&& decide) {
    if (entry_ == nullptr) {
        if (const std::optional<double> score = decide(std::optional<double>())) {
            create(member, *score);
        }
        return;
    }
    if (!is_large()) {
        const auto found = packed().find(member);
        const std::optional<double> score =
            decide(found ? std::optional<double>(found->score) : std::nullopt);
        if (score) put_packed(member, *score, found);
        return;
    }
    keyspace_->edit_object<types::SortedSet>(*key_, entry_, [&](types::SortedSet& object) {
        containers::RankedSet& set = object.set;
        const uint64_t hash = containers::RankedSet::hash(member);
        const auto place = set.find(member, hash);
        const std::optional<double> score =
            decide(place ? std::optional<double>(set.score(place)) : std::nullopt);
        if (!score) return;
        if (place) {
            set.change(place, hash, *score);
        } else {
            set.insert(member, hash, *score);
        }
    });
}

}  // namespace gyre::commands
