// SPDX-License-Identifier: BSD-3-Clause

// The table as a whole: all rows side by side, found by name, and what a mistyped name may have
// meant.

#include <algorithm>
#include <map>
#include <numeric>

#include "base/numbers.h"
#include "server/config_table.h"

namespace gyre::server {
namespace {

std::vector<ConfigRow> sorted_rows() {
    std::vector<ConfigRow> all;
    for (const auto rows : {active_config_rows(), ignored_config_rows(), fixed_config_rows()}) {
        all.insert(all.end(), rows.begin(), rows.end());
    }
    std::sort(all.begin(), all.end(),
              [](const ConfigRow& left, const ConfigRow& right) { return left.name < right.name; });
    return all;
}

/// Names and aliases.
const std::map<std::string_view, size_t>& row_places() {
    static const std::map<std::string_view, size_t> kPlaces = [] {
        std::map<std::string_view, size_t> places;
        const auto rows = config_rows();
        for (size_t index = 0; index < rows.size(); ++index) {
            places.emplace(rows[index].name, index);
            if (!rows[index].alias.empty()) places.emplace(rows[index].alias, index);
        }
        return places;
    }();
    return kPlaces;
}

/// Letters to insert, remove or replace to come from one word to the other (Levenshtein), by rows
/// of the table.
size_t distance(std::string_view from, std::string_view to) {
    std::vector<size_t> previous(to.size() + 1);
    std::iota(previous.begin(), previous.end(), size_t{0});
    std::vector<size_t> present(to.size() + 1);
    for (size_t row = 1; row <= from.size(); ++row) {
        present[0] = row;
        for (size_t column = 1; column <= to.size(); ++column) {
            const size_t replaced =
                previous[column - 1] + (from[row - 1] == to[column - 1] ? 0 : 1);
            present[column] = std::min({replaced, previous[column] + 1, present[column - 1] + 1});
        }
        previous.swap(present);
    }
    return previous[to.size()];
}

/// Names are at most this long: a longer word is none of them mistyped.
constexpr size_t kNameCharsMax = 64;

}  // namespace

std::span<const ConfigRow> config_rows() {
    static const std::vector<ConfigRow> kRows = sorted_rows();
    return kRows;
}

std::optional<size_t> find_config_row(std::string_view name) {
    const auto found = row_places().find(base::to_lower(name));
    if (found == row_places().end()) return std::nullopt;
    return found->second;
}

std::string_view nearest_directive(std::string_view name) {
    if (name.size() > kNameCharsMax) return {};
    const std::string wanted = base::to_lower(name);
    std::string_view best;
    size_t best_distance = std::max<size_t>(wanted.size() / 4, 1) + 1;
    const auto consider = [&](std::string_view candidate) {
        const size_t away = distance(wanted, candidate);
        if (away >= best_distance) return;
        best_distance = away;
        best = candidate;
    };
    consider("include");
    for (const auto& [candidate, place] : row_places()) consider(candidate);
    return best;
}

}  // namespace gyre::server
