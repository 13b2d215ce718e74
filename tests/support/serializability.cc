// SPDX-License-Identifier: BSD-3-Clause
#include "support/serializability.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace gyre::test {
namespace {

using Kind = HistoryOperation::Kind;
using End = HistoryTransaction::End;

class Checker {
public:
    Checker(const std::vector<HistoryTransaction>& history, const FinalLists& lists)
        : history_(history), lists_(lists), next_(history.size()) {}

    std::string find() {
        collect_writers();
        check_lists();
        for (size_t index = 0; index < history_.size() && wrong_.empty(); ++index) {
            if (counts(index)) check_transaction(index);
        }
        if (!wrong_.empty()) return wrong_;
        add_times();
        return find_cycle();
    }

private:
    struct Place {
        size_t writer;
        size_t position;  // in its list
    };

    void blame(const std::string& text) {
        if (wrong_.empty()) wrong_ = text;
    }
    const std::string& name(size_t index) const { return history_[index].name; }

    void collect_writers() {
        for (size_t index = 0; index < history_.size(); ++index) {
            for (const HistoryOperation& one : history_[index].operations) {
                if (one.kind == Kind::append) writers_[one.value] = index;
            }
        }
    }

    /// Done, as far as anybody can tell: it said so, or something of it is there.
    bool counts(size_t index) const {
        return history_[index].end == End::committed || is_there_.contains(index);
    }

    void check_lists() {
        for (const auto& [key, values] : lists_) {
            for (size_t position = 0; position < values.size(); ++position) {
                const std::string& value = values[position];
                const auto writer = writers_.find(value);
                if (writer == writers_.end()) return blame("nobody appended " + value);
                if (history_[writer->second].end == End::aborted) {
                    return blame(value + " is there, but " + name(writer->second) +
                                 " came to nothing");
                }
                if (!places_.emplace(value, Place{writer->second, position}).second) {
                    return blame(value + " is there twice");
                }
                is_there_.insert(writer->second);
                if (position > 0) {
                    add_edge(places_.at(values[position - 1]).writer, writer->second);
                }
            }
        }
        for (size_t index = 0; index < history_.size(); ++index) {
            if (!counts(index)) continue;
            for (const HistoryOperation& one : history_[index].operations) {
                if (one.kind == Kind::append && !places_.contains(one.value)) {
                    return blame(one.value + " of " + name(index) + " was lost");
                }
            }
        }
    }

    const std::vector<std::string>& list(const std::string& key) const {
        static const std::vector<std::string> kNone;
        const auto found = lists_.find(key);
        return found == lists_.end() ? kNone : found->second;
    }

    void check_transaction(size_t index) {
        std::map<std::string, std::vector<std::string>> own;
        for (const HistoryOperation& one : history_[index].operations) {
            if (one.kind == Kind::append) own[one.key].push_back(one.value);
            if (one.kind == Kind::read) check_read(index, one, own[one.key]);
            if (one.kind == Kind::list_keys) check_keys(index, one, own);
            if (!wrong_.empty()) return;
        }
    }

    void check_read(size_t index, const HistoryOperation& one,
                    const std::vector<std::string>& own) {
        const std::vector<std::string>& seen = one.seen;
        if (seen.size() < own.size() || !std::equal(own.rbegin(), own.rend(), seen.rbegin())) {
            return blame(name(index) + " does not see in " + one.key + " what it has appended");
        }
        const size_t others = seen.size() - own.size();
        const std::vector<std::string>& all = list(one.key);
        if (others > all.size() || !std::equal(seen.begin(), seen.begin() + others, all.begin())) {
            return blame(name(index) + " has seen in " + one.key + " what was never its beginning");
        }
        if (others > 0) add_edge(places_.at(all[others - 1]).writer, index);
        if (others < all.size()) add_edge(index, places_.at(all[others]).writer);
    }

    void check_keys(size_t index, const HistoryOperation& one,
                    const std::map<std::string, std::vector<std::string>>& own) {
        for (const auto& [key, values] : lists_) {
            if (values.empty()) continue;
            const size_t maker = places_.at(values[0]).writer;
            const auto mine = own.find(key);
            const bool has_own = mine != own.end() && !mine->second.empty();
            if (one.keys.contains(key)) {
                if (!has_own) add_edge(maker, index);
            } else if (has_own) {
                return blame(name(index) + " does not find " + key + ", which it has made");
            } else {
                add_edge(index, maker);
            }
        }
        for (const std::string& key : one.keys) {
            if (list(key).empty())
                return blame(name(index) + " finds " + key + ", which never was");
        }
    }

    void add_edge(size_t from, size_t to) {
        if (from != to) next_[from].insert(to);
    }

    /// Who follows one that follows already need not be told of.
    void add_times() {
        std::vector<size_t> by_begin;
        for (size_t index = 0; index < history_.size(); ++index) {
            if (counts(index)) by_begin.push_back(index);
        }
        std::ranges::sort(by_begin, {}, [this](size_t index) { return history_[index].began; });
        for (const size_t one : by_begin) {
            auto next =
                std::ranges::upper_bound(by_begin, history_[one].ended, {},
                                         [this](size_t index) { return history_[index].began; });
            int64_t first_end = INT64_MAX;
            for (; next != by_begin.end() && history_[*next].began <= first_end; ++next) {
                add_edge(one, *next);
                first_end = std::min(first_end, history_[*next].ended);
            }
        }
    }

    std::string find_cycle() {
        enum class Color : uint8_t { white, grey, black };
        std::vector<Color> colors(next_.size(), Color::white);
        for (size_t start = 0; start < next_.size(); ++start) {
            if (colors[start] != Color::white) continue;
            std::vector<std::pair<size_t, std::set<size_t>::const_iterator>> path;
            path.emplace_back(start, next_[start].begin());
            colors[start] = Color::grey;
            while (!path.empty()) {
                auto& [at, edge] = path.back();
                if (edge == next_[at].end()) {
                    colors[at] = Color::black;
                    path.pop_back();
                    continue;
                }
                const size_t to = *edge++;
                if (colors[to] == Color::grey) return describe(path, to);
                if (colors[to] == Color::black) continue;
                colors[to] = Color::grey;
                path.emplace_back(to, next_[to].begin());
            }
        }
        return {};
    }

    template <class Path>
    std::string describe(const Path& path, size_t first) const {
        std::string text = "no order has";
        bool is_in_cycle = false;
        for (const auto& [at, edge] : path) {
            is_in_cycle = is_in_cycle || at == first;
            if (is_in_cycle) text += " " + name(at) + " before";
        }
        return text + " " + name(first);
    }

    const std::vector<HistoryTransaction>& history_;
    const FinalLists& lists_;
    std::map<std::string, size_t> writers_;
    std::map<std::string, Place> places_;
    std::set<size_t> is_there_;  // transactions of which something is in the lists
    std::vector<std::set<size_t>> next_;
    std::string wrong_;
};

}  // namespace

std::string find_anomaly(const std::vector<HistoryTransaction>& history, const FinalLists& lists) {
    return Checker(history, lists).find();
}

}  // namespace gyre::test
