// SPDX-License-Identifier: BSD-3-Clause

// Ranges of sorted sets, by rank, by score and by bytes: reading, counting, storing, removing.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include "commands/families/collection.h"
#include "commands/families/zset_value.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

enum class By : uint8_t { any, rank, score, bytes };
enum class Direction : uint8_t { any, forward, backward };

/// What a command of the family asks for, before its options: ZRANGE takes anything.
struct Query {
    size_t low = 2;  ///< argument of the lower limit
    By by = By::any;
    Direction direction = Direction::any;
    bool with_scores = false;
    bool is_stored = false;
    int64_t offset = 0;
    int64_t limit = -1;
    size_t high() const { return low + 1; }
    bool is_reversed() const { return direction == Direction::backward; }
};

/// One option; moves `at` on. False: it is none, or its value is wrong; the reply says so.
bool read_option(Context& context, size_t& at, Query& query) {
    if (!query.is_stored && context.is(at, "WITHSCORES")) {
        query.with_scores = true;
    } else if (context.is(at, "LIMIT") && at + 2 < context.count()) {
        const auto offset = context.integer(at + 1);
        if (!offset) return false;
        const auto limit = context.integer(at + 2);
        if (!limit) return false;
        query.offset = *offset;
        query.limit = *limit;
        at += 2;
    } else if (query.direction == Direction::any && context.is(at, "REV")) {
        query.direction = Direction::backward;
    } else if (query.by == By::any && context.is(at, "BYLEX")) {
        query.by = By::bytes;
    } else if (query.by == By::any && context.is(at, "BYSCORE")) {
        query.by = By::score;
    } else {
        context.error(errors::kSyntax);
        return false;
    }
    ++at;
    return true;
}

bool read_options(Context& context, Query& query) {
    for (size_t at = query.low + 2; at < context.count();) {
        if (!read_option(context, at, query)) return false;
    }
    if (query.by == By::any) query.by = By::rank;
    if (query.limit != -1 && query.by == By::rank) {
        context.error(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or "
            "BYLEX");
        return false;
    }
    if (query.with_scores && query.by == By::bytes) {
        context.error("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    return true;
}

/// What LIMIT leaves of a span.
RankSpan limited(RankSpan span, const Query& query) {
    const size_t size = span.size();
    if (query.offset < 0 || static_cast<uint64_t>(query.offset) >= size) return {};
    size_t count = size - static_cast<size_t>(query.offset);
    if (query.limit >= 0) count = std::min(count, static_cast<size_t>(query.limit));
    const auto offset = static_cast<size_t>(query.offset);
    if (query.is_reversed()) return {span.end - offset - count, span.end - offset};
    return {span.begin + offset, span.begin + offset + count};
}

/// The limits of a query, read before the key is looked at.
struct Limits {
    ZsetRange range;
    int64_t start = 0;
    int64_t stop = 0;
};

std::optional<Limits> read_limits(Context& context, const Query& query) {
    Limits limits;
    if (query.by == By::rank) {
        const auto start = context.integer(query.low);
        if (!start) return std::nullopt;
        const auto stop = context.integer(query.high());
        if (!stop) return std::nullopt;
        limits.start = *start;
        limits.stop = *stop;
        return limits;
    }
    // Backwards the higher limit comes first.
    const size_t low = query.is_reversed() ? query.high() : query.low;
    const size_t high = query.is_reversed() ? query.low : query.high();
    const auto range = query.by == By::score ? read_score_range(context, low, high)
                                             : read_bytes_range(context, low, high);
    if (!range) return std::nullopt;
    limits.range = *range;
    return limits;
}

RankSpan find_span(const ZsetValue& zset, const Query& query, const Limits& limits) {
    if (query.by != By::rank) return limited(ranks_of(zset, limits.range), query);
    const size_t size = zset.size();
    const RankSpan span = ranks_between(limits.start, limits.stop, size);
    if (!query.is_reversed() || span.size() == 0) return span;
    return {size - span.end, size - span.begin};
}

void reply_range(Context& context, Query query) {
    if (!read_options(context, query)) return;
    const auto limits = read_limits(context, query);
    if (!limits) return;
    const auto zset = read_zset(context);
    if (!zset) return;
    const RankSpan span = find_span(*zset, query, *limits);
    reply_members_header(context.reply, span.size(), query.with_scores);
    zset->visit(span.begin, span.end, query.is_reversed(),
                [&](std::string_view member, double score) {
                    reply_member(context.reply, member, score, query.with_scores);
                });
}

void zrange(Context& context) { reply_range(context, {}); }
void zrevrange(Context& context) {
    reply_range(context, {.by = By::rank, .direction = Direction::backward});
}
void zrangebyscore(Context& context) {
    reply_range(context, {.by = By::score, .direction = Direction::forward});
}
void zrevrangebyscore(Context& context) {
    reply_range(context, {.by = By::score, .direction = Direction::backward});
}
void zrangebylex(Context& context) {
    reply_range(context, {.by = By::bytes, .direction = Direction::forward});
}
void zrevrangebylex(Context& context) {
    reply_range(context, {.by = By::bytes, .direction = Direction::backward});
}

void zrangestore(Context& context) {
    Query query{.low = 3, .is_stored = true};
    if (!read_options(context, query)) return;
    const auto limits = read_limits(context, query);
    if (!limits) return;
    const auto zset = read_zset(context, 1);
    if (!zset) return;
    const RankSpan span = find_span(*zset, query, *limits);
    auto result = std::unique_ptr<types::SortedSet>(new types::SortedSet());
    zset->visit(span.begin, span.end, false, [&](std::string_view member, double score) {
        result->set.insert(member, containers::RankedSet::hash(member), score);
    });
    ZsetValue::store(context.keyspace, context.keys[0], std::move(result), "zrangestore");
    context.reply.integer(static_cast<int64_t>(span.size()));
}

int64_t zrangestore_new_keys(Context& context) {
    return context.keyspace.peek(context.keys[0]) == nullptr &&
                   context.keyspace.peek(context.keys[1]) != nullptr
               ? 1
               : 0;
}

void reply_count(Context& context, By by) {
    const auto limits = read_limits(context, {.by = by});
    if (!limits) return;
    const auto zset = read_zset(context);
    if (!zset) return;
    context.reply.integer(static_cast<int64_t>(ranks_of(*zset, limits->range).size()));
}

void zcount(Context& context) { reply_count(context, By::score); }
void zlexcount(Context& context) { reply_count(context, By::bytes); }

void remove_range(Context& context, By by) {
    const Query query{.by = by};
    const auto limits = read_limits(context, query);
    if (!limits) return;
    auto zset = write_zset(context);
    if (!zset) return;
    const RankSpan span = find_span(*zset, query, *limits);
    zset->erase_ranks(span.begin, span.end);
    if (span.size() > 0) zset->settle(context.spec.name);
    context.reply.integer(static_cast<int64_t>(span.size()));
}

void zremrangebyrank(Context& context) { remove_range(context, By::rank); }
void zremrangebyscore(Context& context) { remove_range(context, By::score); }
void zremrangebylex(Context& context) { remove_range(context, By::bytes); }

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr std::string_view kRangeCost =
    "O(log(N)+M) with N members in the set and M of them returned.";
constexpr std::string_view kRemoveCost =
    "O(log(N)+M) with N members in the set and M of them removed.";

constexpr CommandSpec kRangeCommands[] = {
    {.name = "zrange",
     .handler = zrange,
     .arity = -4,
     .flags = flag::readonly,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "1.2.0",
     .complexity = kRangeCost,
     .syntax = "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
     .summary = "Returns the members in a range of ranks, scores or bytes."},
    {.name = "zrangestore",
     .handler = zrangestore,
     .arity = -5,
     .flags = flag::write | flag::denyoom,
     .group = Group::sorted_set,
     .keys = two_keys(key_flag::ow | key_flag::update, kReads),
     .since = "6.2.0",
     .complexity = "O(log(N)+M) with N members in the source and M of them stored.",
     .syntax = "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
     .summary = "Stores a range of members of a sorted set in another key.",
     .new_keys = zrangestore_new_keys},
    {.name = "zrevrange",
     .handler = zrevrange,
     .arity = -4,
     .flags = flag::readonly,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "1.2.0",
     .complexity = kRangeCost,
     .syntax = "key start stop [WITHSCORES]",
     .summary = "Returns the members in a range of ranks, highest score first.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` argument"},
    {.name = "zrangebyscore",
     .handler = zrangebyscore,
     .arity = -4,
     .flags = flag::readonly,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "1.0.5",
     .complexity = kRangeCost,
     .syntax = "key min max [WITHSCORES] [LIMIT offset count]",
     .summary = "Returns the members in a range of scores.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYSCORE` argument"},
    {.name = "zrevrangebyscore",
     .handler = zrevrangebyscore,
     .arity = -4,
     .flags = flag::readonly,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "2.2.0",
     .complexity = kRangeCost,
     .syntax = "key max min [WITHSCORES] [LIMIT offset count]",
     .summary = "Returns the members in a range of scores, highest first.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments"},
    {.name = "zrangebylex",
     .handler = zrangebylex,
     .arity = -4,
     .flags = flag::readonly,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "2.8.9",
     .complexity = kRangeCost,
     .syntax = "key min max [LIMIT offset count]",
     .summary = "Returns the members in a range of bytes, when all have the same score.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYLEX` argument"},
    {.name = "zrevrangebylex",
     .handler = zrevrangebylex,
     .arity = -4,
     .flags = flag::readonly,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "2.8.9",
     .complexity = kRangeCost,
     .syntax = "key max min [LIMIT offset count]",
     .summary = "Returns the members in a range of bytes backwards, when all have the same score.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments"},
    {.name = "zcount",
     .handler = zcount,
     .arity = 4,
     .flags = flag::readonly | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "2.0.0",
     .complexity = "O(log(N))",
     .syntax = "key min max",
     .summary = "Counts the members in a range of scores."},
    {.name = "zlexcount",
     .handler = zlexcount,
     .arity = 4,
     .flags = flag::readonly | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "2.8.9",
     .complexity = "O(log(N))",
     .syntax = "key min max",
     .summary = "Counts the members in a range of bytes, when all have the same score."},
    {.name = "zremrangebyrank",
     .handler = zremrangebyrank,
     .arity = 4,
     .flags = flag::write,
     .group = Group::sorted_set,
     .keys = one_key(key_flag::rw | key_flag::remove),
     .since = "2.0.0",
     .complexity = kRemoveCost,
     .syntax = "key start stop",
     .summary = "Removes the members in a range of ranks."},
    {.name = "zremrangebyscore",
     .handler = zremrangebyscore,
     .arity = 4,
     .flags = flag::write,
     .group = Group::sorted_set,
     .keys = one_key(key_flag::rw | key_flag::remove),
     .since = "1.2.0",
     .complexity = kRemoveCost,
     .syntax = "key min max",
     .summary = "Removes the members in a range of scores."},
    {.name = "zremrangebylex",
     .handler = zremrangebylex,
     .arity = 4,
     .flags = flag::write,
     .group = Group::sorted_set,
     .keys = one_key(key_flag::rw | key_flag::remove),
     .since = "2.8.9",
     .complexity = kRemoveCost,
     .syntax = "key min max",
     .summary = "Removes the members in a range of bytes, when all have the same score."},
};

}  // namespace

std::span<const CommandSpec> zset_range_commands() { return kRangeCommands; }

}  // namespace gyre::commands
