// SPDX-License-Identifier: BSD-3-Clause
#include "types/sorted_set.h"

#include <cmath>
#include <limits>
#include <unordered_set>

namespace gyre::types {
namespace {

/// Whole numbers in this range are kept as integers; beyond it a double has no units. The sign of
/// zero is lost, as in Redis.
constexpr double kWholeMax = 4503599627370496.0;  // 2^52

bool is_whole(double score) {
    if (!(std::fabs(score) <= kWholeMax)) return false;
    return score == std::trunc(score);
}

}  // namespace

PackedScore::PackedScore(double score) {
    if (is_whole(score)) {
        element_ = ListpackElement::of(static_cast<int64_t>(score));
        return;
    }
    const char* end = base::write_double(text_, score);
    element_ = ListpackElement::of(std::string_view(text_, static_cast<size_t>(end - text_)));
}

double PackedSortedSet::score_of(const ListpackValue& value) {
    if (value.is_integer()) return static_cast<double>(value.integer);
    return base::parse_double({value.data, value.size}).value_or(0);
}

std::optional<PackedSortedSet::Found> PackedSortedSet::find(std::string_view member) const {
    const size_t place = pack_.find(ListpackElement::of(member), pack_.begin(), 1);
    if (place == pack_.end()) return std::nullopt;
    Found found{place, score_behind(place), 0};
    for (size_t at = pack_.begin(); at != place; at = pack_.advance(at, 2)) ++found.rank;
    return found;
}

size_t PackedSortedSet::find_edge(const containers::RankedEdge& edge) const {
    size_t place = pack_.begin();
    while (place != pack_.end()) {
        const size_t score = pack_.next(place);
        ListpackValue::Digits digits;
        if (!edge.is_behind(score_of(pack_.at(score)), pack_.at(place).text(digits))) break;
        place = pack_.next(score);
    }
    return place;
}

bool PackedSortedSet::is_valid(std::string_view bytes) {
    if (!Listpack::is_valid(bytes)) return false;
    const Listpack pack(bytes);
    std::unordered_set<std::string> seen;
    std::string before;
    double before_score = -std::numeric_limits<double>::infinity();
    for (size_t place = pack.begin(); place != pack.end();) {
        ListpackValue::Digits digits;
        std::string member(pack.at(place).text(digits));
        place = pack.next(place);
        if (place == pack.end()) return false;
        const ListpackValue value = pack.at(place);
        place = pack.next(place);
        if (!value.is_integer() && !base::parse_double({value.data, value.size})) return false;
        const double score = score_of(value);
        const bool is_first = seen.empty();
        if (!is_first && (score < before_score || (score == before_score && member <= before))) {
            return false;
        }
        if (!seen.insert(member).second) return false;
        before = std::move(member);
        before_score = score;
    }
    return !seen.empty();
}

}  // namespace gyre::types
