// SPDX-License-Identifier: BSD-3-Clause
#include "support/linearizability.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <unordered_set>
#include <utility>

namespace gyre::test {

namespace {

constexpr const char* kError = "error";

/// A number as Redis reads it: no sign but minus, no leading zero, no blank.
std::optional<int64_t> as_integer(const std::string& text) {
    errno = 0;
    const long long value = std::strtoll(text.c_str(), nullptr, 10);
    const bool is_number = errno == 0 && std::to_string(value) == text;
    return is_number ? std::optional<int64_t>(value) : std::nullopt;
}

std::optional<std::string> increment(std::optional<std::string>& value) {
    const std::optional<int64_t> number = as_integer(value.value_or("0"));
    if (!number || *number == std::numeric_limits<int64_t>::max()) return kError;
    value = std::to_string(*number + 1);
    return value;
}

std::optional<std::string> erase(std::optional<std::string>& value) {
    const std::string removed = value ? "1" : "0";
    value.reset();
    return removed;
}

std::optional<std::string> apply_to_one(const Operation& operation,
                                        std::optional<std::string>& value) {
    switch (operation.kind) {
        case OperationKind::set:
            value = operation.arguments[0];
            return "OK";
        case OperationKind::set_nx:
            if (value) return std::nullopt;
            value = operation.arguments[0];
            return "OK";
        case OperationKind::increment:
            return increment(value);
        case OperationKind::append:
            value = value.value_or("") + operation.arguments[0];
            return std::to_string(value->size());
        case OperationKind::del:
            return erase(value);
        default:
            return value;
    }
}

/// Depth-first search over configurations: which operations are done, and the state they left.
class Search {
public:
    Search(const std::vector<Operation>& history, int key_count)
        : history_(history), state_(static_cast<std::size_t>(key_count)) {
        order_.resize(history.size());
        for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = i;
        std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
            return history[a].invoked_ns < history[b].invoked_ns;
        });
        done_.assign(history.size(), '0');
    }

    bool run() { return advance(0, history_.size()); }

private:
    /// `first`: everything before it in order of invocation is done.
    bool advance(std::size_t first, std::size_t left) {
        while (first < order_.size() && done_[first] == '1') ++first;
        if (left == 0) return true;
        if (!visited_.insert(configuration(first)).second) return false;
        // An operation may come next only if no other open one had ended before it began.
        int64_t earliest_return = std::numeric_limits<int64_t>::max();
        for (std::size_t i = first; i < order_.size(); ++i) {
            const Operation& operation = history_[order_[i]];
            if (operation.invoked_ns > earliest_return) break;
            if (done_[i] == '1') continue;
            earliest_return = std::min(earliest_return, operation.returned_ns);
            if (attempt(i, first, left)) return true;
        }
        return false;
    }

    bool attempt(std::size_t i, std::size_t first, std::size_t left) {
        const Operation& operation = history_[order_[i]];
        const GroupState before = state_;
        if (apply(operation, state_) == operation.results) {
            done_[i] = '1';
            if (advance(first, left - 1)) return true;
            done_[i] = '0';
        }
        state_ = before;
        return false;
    }

    std::string configuration(std::size_t first) const {
        const std::size_t last = done_.rfind('1');
        std::string key = std::to_string(first) + ":";
        if (last != std::string::npos && last >= first)
            key += done_.substr(first, last - first + 1);
        for (const std::optional<std::string>& value : state_) {
            key += value ? "|" + std::to_string(value->size()) + "," + *value : "|nil";
        }
        return key;
    }

    const std::vector<Operation>& history_;
    GroupState state_;
    std::vector<std::size_t> order_;
    std::string done_;
    std::unordered_set<std::string> visited_;
};

}  // namespace

std::vector<std::optional<std::string>> apply(const Operation& operation, GroupState& state) {
    if (operation.kind == OperationKind::mset) {
        for (std::size_t i = 0; i < operation.keys.size(); ++i) {
            state[static_cast<std::size_t>(operation.keys[i])] = operation.arguments[i];
        }
        return {"OK"};
    }
    if (operation.kind == OperationKind::mget) {
        std::vector<std::optional<std::string>> values;
        for (const int key : operation.keys) values.push_back(state[static_cast<std::size_t>(key)]);
        return values;
    }
    return {apply_to_one(operation, state[static_cast<std::size_t>(operation.keys[0])])};
}

bool is_linearizable(const std::vector<Operation>& history, int key_count) {
    return Search(history, key_count).run();
}

std::string describe(const Operation& operation) {
    static const char* const kNames[] = {"get",    "set", "set nx", "incr",
                                         "append", "del", "mset",   "mget"};
    std::string text = "[" + std::to_string(operation.invoked_ns) + ", " +
                       std::to_string(operation.returned_ns) + "] " +
                       kNames[static_cast<int>(operation.kind)];
    for (std::size_t i = 0; i < operation.keys.size(); ++i) {
        text += " key" + std::to_string(operation.keys[i]);
        if (i < operation.arguments.size()) text += "=" + operation.arguments[i];
    }
    text += " ->";
    for (const std::optional<std::string>& result : operation.results) {
        text += " " + result.value_or("nil");
    }
    return text;
}

}  // namespace gyre::test
