// SPDX-License-Identifier: BSD-3-Clause

// Sorted sets: members one by one. Ranges stand in zset_range.cc, commands on several sets in
// zset_combine.cc.
//
// Threads: home reactor, under the locks of the keys.

#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <string_view>

#include "base/numbers.h"
#include "commands/families/collection.h"
#include "commands/families/string_options.h"
#include "commands/families/zset_take.h"
#include "commands/families/zset_value.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

constexpr std::string_view kNotPositiveRange = "ERR value is out of range, must be positive";

// --- ZADD, ZINCRBY -------------------------------------------------------------------------------

struct AddOptions {
    bool nx = false;
    bool xx = false;
    bool gt = false;
    bool lt = false;
    bool ch = false;
    bool incr = false;
    size_t first = 2;  ///< of the first score
};

AddOptions read_add_options(const Context& context) {
    AddOptions options;
    for (; options.first < context.count(); ++options.first) {
        const size_t at = options.first;
        if (context.is(at, "NX")) {
            options.nx = true;
        } else if (context.is(at, "XX")) {
            options.xx = true;
        } else if (context.is(at, "CH")) {
            options.ch = true;
        } else if (context.is(at, "INCR")) {
            options.incr = true;
        } else if (context.is(at, "GT")) {
            options.gt = true;
        } else if (context.is(at, "LT")) {
            options.lt = true;
        } else {
            break;
        }
    }
    return options;
}

/// False: the options do not go together, and the reply says so.
bool check_add_options(Context& context, const AddOptions& options) {
    const size_t rest = context.count() - options.first;
    if (rest == 0 || rest % 2 != 0) {
        context.error(errors::kSyntax);
    } else if (options.nx && options.xx) {
        context.error("ERR XX and NX options at the same time are not compatible");
    } else if ((options.gt && options.nx) || (options.lt && options.nx) ||
               (options.gt && options.lt)) {
        context.error("ERR GT, LT, and/or NX options at the same time are not compatible");
    } else if (options.incr && rest > 2) {
        context.error("ERR INCR option supports a single increment-element pair");
    } else {
        return true;
    }
    return false;
}

struct AddOutcome {
    int64_t added = 0;
    int64_t updated = 0;
    std::optional<double> score;  ///< of the last member, unless the options left it alone
    bool is_nan = false;
};

/// What the options make of one member.
std::optional<double> decide(const AddOptions& options, double score, std::optional<double> present,
                             AddOutcome& outcome) {
    outcome.score.reset();
    if (!present) {
        if (options.xx) return std::nullopt;
        ++outcome.added;
        return outcome.score = score;
    }
    if (options.nx) return std::nullopt;
    if (options.incr) score += *present;
    if (std::isnan(score)) {
        outcome.is_nan = true;
        return std::nullopt;
    }
    if ((options.lt && score >= *present) || (options.gt && score <= *present)) return std::nullopt;
    outcome.score = score;
    if (score == *present) return std::nullopt;
    ++outcome.updated;
    return score;
}

void add_members(Context& context, const AddOptions& options) {
    std::vector<double> scores;
    scores.reserve((context.count() - options.first) / 2);
    for (size_t at = options.first; at < context.count(); at += 2) {
        const auto score = base::parse_double(context.argument(at));
        if (!score) return context.error(errors::kNotFloat);
        scores.push_back(*score);
    }
    auto zset = write_zset(context);
    if (!zset) return;
    AddOutcome outcome;
    for (size_t i = 0; i < scores.size() && !outcome.is_nan; ++i) {
        zset->update(context.argument(options.first + 2 * i + 1),
                     [&](std::optional<double> present) {
                         return decide(options, scores[i], present, outcome);
                     });
    }
    if (outcome.added + outcome.updated > 0) zset->settle(options.incr ? "zincr" : "zadd");
    if (outcome.is_nan) return context.error("ERR resulting score is not a number (NaN)");
    if (!options.incr) {
        return context.reply.integer(outcome.added + (options.ch ? outcome.updated : 0));
    }
    if (outcome.score) {
        context.reply.real(*outcome.score);
    } else {
        context.reply.null();
    }
}

void zadd(Context& context) {
    const AddOptions options = read_add_options(context);
    if (check_add_options(context, options)) add_members(context, options);
}

void zincrby(Context& context) {
    AddOptions options;
    options.incr = true;
    add_members(context, options);
}

// --- one member ----------------------------------------------------------------------------------

void zrem(Context& context) {
    auto zset = write_zset(context);
    if (!zset) return;
    int64_t removed = 0;
    for (size_t at = 2; at < context.count() && zset->size() > 0; ++at) {
        removed += zset->erase(context.argument(at)) ? 1 : 0;
    }
    if (removed > 0) zset->settle("zrem");
    context.reply.integer(removed);
}

void zcard(Context& context) {
    const auto zset = read_zset(context);
    if (zset) context.reply.integer(static_cast<int64_t>(zset->size()));
}

void reply_score(Context& context, std::optional<double> score) {
    if (score) {
        context.reply.real(*score);
    } else {
        context.reply.null();
    }
}

void zscore(Context& context) {
    const auto zset = read_zset(context);
    if (zset) reply_score(context, zset->score(context.argument(2)));
}

void zmscore(Context& context) {
    const auto zset = read_zset(context);
    if (!zset) return;
    context.reply.array(static_cast<int64_t>(context.count() - 2));
    for (size_t at = 2; at < context.count(); ++at) {
        reply_score(context, zset->score(context.argument(at)));
    }
}

void reply_rank(Context& context, bool is_reversed) {
    if (context.count() > 4) return refuse_count(context);
    const bool with_score = context.count() == 4;
    if (with_score && !context.is(3, "WITHSCORE")) return context.error(errors::kSyntax);
    const auto zset = read_zset(context);
    if (!zset) return;
    const auto standing = zset->standing(context.argument(2));
    if (!standing) return with_score ? context.reply.null_array() : context.reply.null();
    const size_t rank = is_reversed ? zset->size() - 1 - standing->rank : standing->rank;
    if (with_score) context.reply.array(2);
    context.reply.integer(static_cast<int64_t>(rank));
    if (with_score) context.reply.real(standing->score);
}

void zrank(Context& context) { reply_rank(context, false); }
void zrevrank(Context& context) { reply_rank(context, true); }

// --- popping -------------------------------------------------------------------------------------

/// Replies with so many members from one end and removes them.
void pop_members(Context& context, ZsetValue& zset, size_t count, bool is_max) {
    const size_t size = zset.size();
    const size_t begin = is_max ? size - count : 0;
    zset.visit(begin, begin + count, is_max, [&](std::string_view member, double score) {
        reply_member(context.reply, member, score, true);
    });
    zset.erase_ranks(begin, begin + count);
    zset.settle(pop_event(is_max));
}

void pop(Context& context, bool is_max) {
    if (context.count() > 3) return context.error(errors::kSyntax);
    std::optional<int64_t> count = 1;
    const bool has_count = context.count() == 3;
    if (has_count) count = context.integer_between(2, 0, INT64_MAX, kNotPositiveRange);
    if (!count) return;
    auto zset = write_zset(context);
    if (!zset) return;
    const size_t taken = std::min(static_cast<size_t>(*count), zset->size());
    if (taken == 0) return context.reply.array(0);
    if (has_count) {
        reply_members_header(context.reply, taken, true);
        return pop_members(context, *zset, taken, is_max);
    }
    context.reply.array(2);
    zset->visit(is_max ? zset->size() - 1 : 0, is_max ? zset->size() : 1, false,
                [&](std::string_view member, double score) {
                    context.reply.bulk(member);
                    context.reply.real(score);
                });
    zset->erase_ranks(is_max ? zset->size() - 1 : 0, is_max ? zset->size() : 1);
    zset->settle(pop_event(is_max));
}

void zpopmin(Context& context) { pop(context, false); }
void zpopmax(Context& context) { pop(context, true); }

void zmpop(Context& context) {
    const auto pop = read_zset_pop(context, 1);
    if (pop && !pop_from_first(context, *pop, {})) context.reply.null_array();
}

// --- at random, and all --------------------------------------------------------------------------

void reply_at(Context& context, const ZsetValue& zset, size_t rank, bool with_scores) {
    zset.visit(rank, rank + 1, false, [&](std::string_view member, double score) {
        reply_member(context.reply, member, score, with_scores);
    });
}

void reply_random(Context& context, const ZsetValue& zset, int64_t count, bool with_scores) {
    base::Random& random = context.keyspace.shard_of(context.keys[0]).random();
    const size_t size = zset.size();
    if (count == 0 || size == 0) return context.reply.array(0);
    if (count < 0) {
        const int64_t repeated = -count;
        if (repeated > kRepeatedMax) return context.error(kTooManyRepeated);
        reply_members_header(context.reply, static_cast<size_t>(repeated), with_scores);
        for (int64_t i = 0; i < repeated; ++i) {
            reply_at(context, zset, random.below(size), with_scores);
        }
        return;
    }
    const auto ranks = draw_indexes(random, size, static_cast<size_t>(count));
    reply_members_header(context.reply, ranks.size(), with_scores);
    for (const size_t rank : ranks) reply_at(context, zset, rank, with_scores);
}

void zrandmember(Context& context) {
    if (context.count() == 2) {
        const auto zset = read_zset(context);
        if (!zset) return;
        if (zset->size() == 0) return context.reply.null();
        base::Random& random = context.keyspace.shard_of(context.keys[0]).random();
        return reply_at(context, *zset, random.below(zset->size()), false);
    }
    const auto count = count_between(context, 2, -INT64_MAX, INT64_MAX);
    if (!count) return;
    const bool with_scores = context.count() > 3;
    if (context.count() > 4 || (with_scores && !context.is(3, "WITHSCORES"))) {
        return context.error(errors::kSyntax);
    }
    if (with_scores && (*count < -(INT64_MAX / 2) || *count > INT64_MAX / 2)) {
        return context.error("ERR value is out of range");
    }
    const auto zset = read_zset(context);
    if (zset) reply_random(context, *zset, *count, with_scores);
}

/// Seventeen digits, as Redis scans the large form.
std::string long_score(double score) {
    char text[64];
    const int length = std::snprintf(text, sizeof text, "%.17Lg", static_cast<long double>(score));
    return {text, static_cast<size_t>(length)};
}

void zscan(Context& context) {
    const auto cursor = read_cursor(context, 2);
    if (!cursor) return;
    ElementScan scan;
    scan.cursor = *cursor;
    store::Entry* entry = context.keyspace.read(context.keys[0]);
    if (entry != nullptr && !require_type(context, entry, store::Type::zset)) return;
    if (entry != nullptr && !read_scan_options(context, 3, scan)) return;
    std::vector<std::string> found;
    const auto give = [&](std::string_view member, std::string&& score) {
        if (!scan.wants(member)) return;
        found.emplace_back(member);
        found.push_back(std::move(score));
    };
    uint64_t next = 0;
    const ZsetValue zset(context.keyspace, context.keys[0], entry);
    if (entry != nullptr && zset.is_large()) {
        next = scan.cursor;
        int64_t seen = 0;
        for (int64_t chains = 0; chains < scan.chains_max() && seen < scan.count; ++chains) {
            next = zset.large().scan(next, [&](const containers::RankedSet::Item& item) {
                ++seen;
                give(item.member, long_score(item.score));
            });
            if (next == 0) break;
        }
    } else {
        zset.visit(0, zset.size(), false, [&](std::string_view member, double score) {
            give(member, base::format_double(score));
        });
    }
    reply_scanned(context, next, found);
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr uint16_t kPops = key_flag::rw | key_flag::access | key_flag::remove;

constexpr CommandSpec kZsetCommands[] = {
    {.name = "zadd",
     .handler = zadd,
     .arity = -4,
     .flags = flag::write | flag::denyoom | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(key_flag::rw | key_flag::update),
     .since = "1.2.0",
     .complexity = "O(log(N)) for each member added.",
     .syntax = "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
     .summary = "Adds members to a sorted set, or gives them other scores."},
    {.name = "zincrby",
     .handler = zincrby,
     .arity = 4,
     .flags = flag::write | flag::denyoom | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(key_flag::rw | key_flag::access | key_flag::update),
     .since = "1.2.0",
     .complexity = "O(log(N))",
     .syntax = "key increment member",
     .summary = "Adds to the score of a member and returns it."},
    {.name = "zrem",
     .handler = zrem,
     .arity = -3,
     .flags = flag::write | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(key_flag::rw | key_flag::remove),
     .since = "1.2.0",
     .complexity = "O(M*log(N)) with M the number of members removed.",
     .syntax = "key member [member ...]",
     .summary = "Removes members and returns how many were there."},
    {.name = "zcard",
     .handler = zcard,
     .arity = 2,
     .flags = flag::readonly | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(key_flag::ro),
     .since = "1.2.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Counts the members of a sorted set."},
    {.name = "zscore",
     .handler = zscore,
     .arity = 3,
     .flags = flag::readonly | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "1.2.0",
     .complexity = "O(1)",
     .syntax = "key member",
     .summary = "Returns the score of a member."},
    {.name = "zmscore",
     .handler = zmscore,
     .arity = -3,
     .flags = flag::readonly | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "6.2.0",
     .complexity = "O(N) with N the number of members asked for.",
     .syntax = "key member [member ...]",
     .summary = "Returns the scores of several members."},
    {.name = "zrank",
     .handler = zrank,
     .arity = -3,
     .flags = flag::readonly | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "2.0.0",
     .complexity = "O(log(N))",
     .syntax = "key member [WITHSCORE]",
     .summary = "Returns how many members stand before one, lowest score first."},
    {.name = "zrevrank",
     .handler = zrevrank,
     .arity = -3,
     .flags = flag::readonly | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "2.0.0",
     .complexity = "O(log(N))",
     .syntax = "key member [WITHSCORE]",
     .summary = "Returns how many members stand before one, highest score first."},
    {.name = "zpopmin",
     .handler = zpopmin,
     .arity = -2,
     .flags = flag::write | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(kPops),
     .since = "5.0.0",
     .complexity = "O(log(N)*M) with M the number of members popped.",
     .syntax = "key [count]",
     .summary = "Removes and returns the members with the lowest scores."},
    {.name = "zpopmax",
     .handler = zpopmax,
     .arity = -2,
     .flags = flag::write | flag::fast,
     .group = Group::sorted_set,
     .keys = one_key(kPops),
     .since = "5.0.0",
     .complexity = "O(log(N)*M) with M the number of members popped.",
     .syntax = "key [count]",
     .summary = "Removes and returns the members with the highest scores."},
    {.name = "zmpop",
     .handler = zmpop,
     .arity = -4,
     .flags = flag::write | flag::movablekeys,
     .group = Group::sorted_set,
     .keys = counted_keys(kPops, 1),
     .since = "7.0.0",
     .complexity = "O(K) + O(M*log(N)) with K keys and M members popped.",
     .syntax = "numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Removes and returns members of the first of several sorted sets that has some."},
    {.name = "zrandmember",
     .handler = zrandmember,
     .arity = -2,
     .flags = flag::readonly,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "6.2.0",
     .complexity = "O(N*log(M)) with N the number of members returned.",
     .syntax = "key [count [WITHSCORES]]",
     .summary = "Returns members at random.",
     .tips = "nondeterministic_output"},
    {.name = "zscan",
     .handler = zscan,
     .arity = -3,
     .flags = flag::readonly,
     .group = Group::sorted_set,
     .keys = one_key(kReads),
     .since = "2.8.0",
     .complexity = "O(1) for every call, O(N) for a complete iteration.",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Goes through members and scores, some with each call.",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> zset_commands() { return kZsetCommands; }

}  // namespace gyre::commands
