// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A sorted set in its large form (an object around a RankedSet) and in its packed form: a listpack
// of members and scores in turn, in order of score and, where scores are equal, of bytes.
//
// Scores lie in a listpack as Redis writes them: whole numbers as integers, others as their
// shortest text.
//
// Ownership: PackedSortedSet is a view. Threads: the caller holds the lock of the shard.
// Complexity: packed: O(members) for everything.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/numbers.h"
#include "containers/ranked_set.h"
#include "types/listpack.h"
#include "types/object.h"

namespace gyre::types {

class SortedSet final : public Object {
public:
    containers::RankedSet set;

    size_t size() const override { return set.size(); }
    size_t contents_bytes() const override { return set.memory_bytes(); }
    SortedSet* clone() const override {
        auto* copy = new SortedSet();
        copy->set.copy_from(set);
        return copy;
    }
    bool drain(size_t budget) override { return set.drain(budget); }
    void begin_saving(ObjectSaver& saver) override {
        Object::begin_saving(saver);
        set.begin_saving(saver);
    }
    bool save_next(size_t& /*place*/) override { return set.save_next(); }
    void end_saving() override {
        set.end_saving();
        Object::end_saving();
    }
};

/// A score on its way into a listpack.
class PackedScore {
public:
    explicit PackedScore(double score);
    PackedScore(const PackedScore&) = delete;
    PackedScore& operator=(const PackedScore&) = delete;
    const ListpackElement& element() const { return element_; }

private:
    char text_[base::kDoubleCharsMax];
    ListpackElement element_;
};

class PackedSortedSet {
public:
    struct Found {
        size_t place = 0;  ///< of the member
        double score = 0;
        size_t rank = 0;
    };

    explicit PackedSortedSet(std::string_view bytes) : pack_(bytes) {}

    const Listpack& pack() const { return pack_; }
    size_t size() const { return pack_.size() / 2; }
    static double score_of(const ListpackValue& value);
    double score_behind(size_t place) const { return score_of(pack_.at(pack_.next(place))); }

    std::optional<Found> find(std::string_view member) const;
    /// The place of the first pair that does not stand before the edge.
    size_t find_edge(const containers::RankedEdge& edge) const;

    /// f(member, score), until it returns false; members are views for the call.
    template <class F>
    void for_each(F&& f) const {
        for (size_t place = pack_.begin(); place != pack_.end();) {
            ListpackValue::Digits digits;
            const std::string_view member = pack_.at(place).text(digits);
            place = pack_.next(place);
            const double score = score_of(pack_.at(place));
            place = pack_.next(place);
            if (!f(member, score)) return;
        }
    }

    /// Whether hostile bytes are a packed sorted set: a listpack of pairs with scores that are
    /// numbers, in order, and no member twice.
    static bool is_valid(std::string_view bytes);

private:
    Listpack pack_;
};

}  // namespace gyre::types
