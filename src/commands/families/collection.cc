// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/collection.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "base/glob.h"
#include "base/numbers.h"

namespace gyre::commands {

bool require_type(Context& context, const store::Entry* entry, store::Type type) {
    if (entry == nullptr || entry->type() == type) [[likely]]
        return true;
    context.error(errors::kWrongType);
    return false;
}

void splice_packed(engine::Keyspace& keyspace, const store::Key& key, store::Entry*& entry,
                   const types::ListpackSplice& splice) {
    const size_t before = entry->bytes().size();
    const size_t after = splice.size_after(before);
    char* bytes = keyspace.edit_packed(key, entry, std::max(before, after));
    splice.apply(bytes, before);
    if (after < before) keyspace.partition_of(key).edit_packed(key, entry, after);
}

void reply_element(resp::ReplyWriter& reply, const types::ListpackValue& value) {
    if (value.is_integer()) {
        reply.bulk_integer(value.integer);
    } else {
        reply.bulk({value.data, value.size});
    }
}

std::optional<int64_t> count_between(Context& context, size_t index, int64_t low, int64_t high,
                                     std::string_view message) {
    const auto value = base::parse_integer(context.argument(index));
    if (value && *value >= low && *value <= high) return value;
    if (!message.empty()) {
        context.error(message);
    } else if (!value) {
        context.error(errors::kNotInteger);
    } else {
        context.error(
            fmt::format("ERR value is out of range, value must between {} and {}", low, high));
    }
    return std::nullopt;
}

std::vector<size_t> draw_indexes(base::Random& random, size_t size, size_t count) {
    // R. Floyd: for each of the last `count` indexes one not larger, or itself where that is drawn.
    std::unordered_set<size_t> drawn;
    count = std::min(count, size);
    for (size_t last = size - count; last < size; ++last) {
        if (!drawn.insert(random.below(last + 1)).second) drawn.insert(last);
    }
    std::vector<size_t> indexes(drawn.begin(), drawn.end());
    std::sort(indexes.begin(), indexes.end());
    return indexes;
}

bool ElementScan::wants(std::string_view element) const {
    // A star alone is no pattern: as one it would not match an empty element.
    return pattern == "*" || base::glob_matches(pattern, element);
}

int64_t ElementScan::chains_max() const {
    return std::min(count, std::numeric_limits<int64_t>::max() / 10) * 10;
}

int64_t scan_chains(int64_t count, size_t shards) {
    return std::min(count, std::numeric_limits<int64_t>::max() / 16) * 10 +
           static_cast<int64_t>(shards);
}

std::optional<uint64_t> parse_cursor(std::string_view text) {
    text = text.substr(0, text.find('\0'));
    if (text.empty()) return 0;
    const bool is_negative = text[0] == '-';
    if (is_negative || text[0] == '+') text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
    constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
    uint64_t value = 0;
    for (const char digit : text) {
        if (digit < '0' || digit > '9') return std::nullopt;
        const auto units = static_cast<uint64_t>(digit - '0');
        if (value > (kMax - units) / 10) return std::nullopt;
        value = value * 10 + units;
    }
    return is_negative ? 0 - value : value;
}

std::optional<uint64_t> read_cursor(Context& context, size_t index) {
    const auto cursor = parse_cursor(context.argument(index));
    if (!cursor) context.error("ERR invalid cursor");
    return cursor;
}

bool read_scan_options(Context& context, size_t index, ElementScan& scan) {
    for (; index < context.count(); index += 2) {
        const bool has_value = index + 1 < context.count();
        if (has_value && context.is(index, "COUNT")) {
            const auto count = context.integer(index + 1);
            if (!count) return false;
            scan.count = *count;
            if (*count >= 1) continue;
        } else if (has_value && context.is(index, "MATCH")) {
            scan.pattern = context.argument(index + 1);
            continue;
        } else if (context.is(index, "NOVALUES")) {
            scan.without_values = true;
            --index;  // a word alone
            if (context.spec.name == "hscan") continue;
            context.error("ERR NOVALUES option can only be used in HSCAN");
            return false;
        }
        context.error(errors::kSyntax);
        return false;
    }
    return true;
}

void reply_scanned(Context& context, uint64_t cursor, const std::vector<std::string>& elements) {
    context.reply.array(2);
    context.reply.bulk(std::to_string(cursor));
    context.reply.array(static_cast<int64_t>(elements.size()));
    for (const std::string& element : elements) context.reply.bulk(element);
}

}  // namespace gyre::commands
