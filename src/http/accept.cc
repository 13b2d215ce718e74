// SPDX-License-Identifier: BSD-3-Clause
#include "http/accept.h"

#include <algorithm>

#include "base/numbers.h"

namespace gyre::http {
namespace {

constexpr uint16_t kMost = 1000;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// What stands before `separator`, which is taken off `text` along with it.
std::string_view take_part(std::string_view& text, char separator) {
    const std::string_view part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return trimmed(part);
}

/// "0.5" is 500. What is no such number is as good as none: all.
uint16_t thousandths_of(std::string_view text) {
    const auto number = base::parse_double(text);
    if (!number || !(*number >= 0) || *number > 1) return kMost;
    return static_cast<uint16_t>(*number * kMost + 0.5);
}

/// How narrow a range is that fits: 1 for all, 2 for all of a kind, 3 for the type. 0: it does not.
int fit(std::string_view range, std::string_view type) {
    if (range == "*/*" || range == "*") return 1;
    if (base::equals_ignore_case(range, type)) return 3;
    const std::string_view kind = type.substr(0, type.find('/') + 1);
    const bool is_kind = range.size() == kind.size() + 1 && range.ends_with('*');
    return is_kind && base::equals_ignore_case(range.substr(0, kind.size()), kind) ? 2 : 0;
}

}  // namespace

std::optional<Quality> quality_of(std::optional<std::string_view> accept, std::string_view type) {
    std::optional<Quality> best;
    int best_fit = 0;
    for (std::string_view rest = accept.value_or(""); !rest.empty();) {
        std::string_view item = take_part(rest, ',');
        const int fits = fit(take_part(item, ';'), type);
        if (fits <= best_fit) continue;
        Quality quality{.thousandths = kMost, .is_named = fits == 3};
        while (!item.empty()) {
            const std::string_view parameter = take_part(item, ';');
            if (base::equals_ignore_case(parameter.substr(0, 2), "q=")) {
                quality.thousandths = thousandths_of(parameter.substr(2));
            }
        }
        best_fit = fits;
        best = quality;
    }
    return best;
}

}  // namespace gyre::http
