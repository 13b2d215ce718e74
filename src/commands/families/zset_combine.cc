// SPDX-License-Identifier: BSD-3-Clause

// Unions, intersections and differences of sorted sets; plain sets take part with scores of 1.
//
// Scores are added from the smallest set to the largest, as Redis does, so that sums are rounded
// alike.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/numbers.h"
#include "base/stable_sort.h"
#include "commands/families/collection.h"
#include "commands/families/zset_value.h"
#include "commands/registry.h"
#include "types/intset.h"
#include "types/set.h"

namespace gyre::commands {
namespace {

using containers::RankedSet;
using types::SortedSet;

enum class Operation : uint8_t { unite, intersect, subtract };
enum class Aggregate : uint8_t { sum, min, max };

/// One operand: a sorted set, a set, or nothing.
class Source {
public:
    Source(Context& context, const store::Key& key, store::Entry* entry)
        : entry_(entry), zset_(context.keyspace, key, is_zset(entry) ? entry : nullptr) {}

    static bool is_right_type(const store::Entry* entry) {
        return entry == nullptr || is_zset(entry) || entry->type() == store::Type::set;
    }
    size_t size() const {
        if (entry_ == nullptr || is_zset(entry_)) return zset_.size();
        switch (entry_->encoding()) {
            case store::Encoding::intset:
                return types::Intset(entry_->bytes()).size();
            case store::Encoding::listpack:
                return types::Listpack(entry_->bytes()).size();
            default:
                return entry_->object()->size();
        }
    }
    std::optional<double> score(std::string_view member) const {
        if (entry_ == nullptr || is_zset(entry_)) return zset_.score(member);
        return contains(member) ? std::optional<double>(1.0) : std::nullopt;
    }
    /// f(member, score), until it returns false.
    template <class F>
    void visit(F&& f) const;
    /// The same key given twice is one set.
    bool is_same(const Source& other) const { return entry_ == other.entry_; }

    double weight = 1;

private:
    static bool is_zset(const store::Entry* entry) {
        return entry != nullptr && entry->type() == store::Type::zset;
    }
    bool contains(std::string_view member) const {
        switch (entry_->encoding()) {
            case store::Encoding::intset: {
                const auto value = base::parse_integer(member);
                return value && types::Intset(entry_->bytes()).contains(*value);
            }
            case store::Encoding::listpack: {
                const types::Listpack pack(entry_->bytes());
                const auto wanted = types::ListpackElement::of(member);
                return pack.find(wanted, pack.begin()) != pack.end();
            }
            default:
                return static_cast<const types::Set*>(entry_->object())->contains(member);
        }
    }

    store::Entry* entry_;
    ZsetValue zset_;
};

template <class F>
void Source::visit(F&& f) const {
    bool goes_on = true;
    const auto give = [&](std::string_view member, double score) {
        if (goes_on) goes_on = f(member, score);
    };
    if (entry_ == nullptr || is_zset(entry_)) return zset_.visit(0, zset_.size(), false, give);
    types::ListpackValue::Digits digits;
    switch (entry_->encoding()) {
        case store::Encoding::intset: {
            const types::Intset set(entry_->bytes());
            for (size_t i = 0; i < set.size() && goes_on; ++i) {
                types::ListpackValue value;
                value.integer = set.at(i);
                give(value.text(digits), 1);
            }
            return;
        }
        case store::Encoding::listpack: {
            const types::Listpack pack(entry_->bytes());
            for (size_t at = pack.begin(); at != pack.end() && goes_on; at = pack.next(at)) {
                give(pack.at(at).text(digits), 1);
            }
            return;
        }
        default:
            static_cast<const types::Set*>(entry_->object())
                ->for_each([&](std::string_view member) { give(member, 1); });
    }
}

double weighted(const Source& source, double score) {
    const double product = source.weight * score;
    return std::isnan(product) ? 0 : product;
}

double combined(Aggregate aggregate, double left, double right) {
    switch (aggregate) {
        case Aggregate::min:
            return std::min(left, right);
        case Aggregate::max:
            return std::max(left, right);
        case Aggregate::sum:
            break;
    }
    // Both infinities together are no number.
    const double sum = left + right;
    return std::isnan(sum) ? 0 : sum;
}

struct Request {
    Operation operation = Operation::unite;
    size_t keys_at = 2;    ///< of the first operand
    size_t key_index = 0;  ///< the same among context.keys
    bool is_stored = false;
    bool is_counted = false;  ///< ZINTERCARD
    Aggregate aggregate = Aggregate::sum;
    bool with_scores = false;
    int64_t limit = 0;  ///< of ZINTERCARD; 0: none
    std::vector<Source> sources;
};

/// WEIGHTS and as many numbers; moves `at` behind them.
bool read_weights(Context& context, size_t& at, Request& request) {
    for (Source& source : request.sources) {
        const auto weight = base::parse_double(context.argument(++at));
        if (!weight) {
            context.error("ERR weight value is not a float");
            return false;
        }
        source.weight = *weight;
    }
    return true;
}

bool read_aggregate(Context& context, size_t at, Request& request) {
    if (context.is(at, "SUM")) {
        request.aggregate = Aggregate::sum;
    } else if (context.is(at, "MIN")) {
        request.aggregate = Aggregate::min;
    } else if (context.is(at, "MAX")) {
        request.aggregate = Aggregate::max;
    } else {
        context.error(errors::kSyntax);
        return false;
    }
    return true;
}

/// One option; moves `at` to its last argument.
bool read_option(Context& context, size_t& at, Request& request) {
    const size_t left = context.count() - at;
    const bool has_scores = request.operation != Operation::subtract && !request.is_counted;
    if (has_scores && left > request.sources.size() && context.is(at, "WEIGHTS")) {
        return read_weights(context, at, request);
    }
    if (has_scores && left >= 2 && context.is(at, "AGGREGATE")) {
        return read_aggregate(context, ++at, request);
    }
    if (!request.is_stored && !request.is_counted && context.is(at, "WITHSCORES")) {
        request.with_scores = true;
        return true;
    }
    if (request.is_counted && left >= 2 && context.is(at, "LIMIT")) {
        const auto limit =
            context.integer_between(++at, 0, INT64_MAX, "ERR LIMIT can't be negative");
        if (limit) request.limit = *limit;
        return limit.has_value();
    }
    context.error(errors::kSyntax);
    return false;
}

/// Operands and options. False: something is wrong, and the reply says so.
bool read_request(Context& context, Request& request) {
    const auto count = context.integer(request.keys_at - 1);
    if (!count) return false;
    if (*count < 1) {
        context.error(
            fmt::format("ERR at least 1 input key is needed for '{}' command", context.spec.name));
        return false;
    }
    if (static_cast<uint64_t>(*count) > context.count() - request.keys_at) {
        context.error(errors::kSyntax);
        return false;
    }
    const auto keys = static_cast<size_t>(*count);
    for (size_t i = 0; i < keys; ++i) {
        const store::Key& key = context.keys[request.key_index + i];
        store::Entry* entry = context.keyspace.read(key);
        if (!Source::is_right_type(entry)) {
            context.error(errors::kWrongType);
            return false;
        }
        request.sources.emplace_back(context, key, entry);
    }
    for (size_t at = request.keys_at + keys; at < context.count(); ++at) {
        if (!read_option(context, at, request)) return false;
    }
    if (request.operation != Operation::subtract) {
        base::stable_sort(request.sources, [](const Source& left, const Source& right) {
            return left.size() < right.size();
        });
    }
    return true;
}

void put(RankedSet& set, std::string_view member, double score) {
    set.insert(member, RankedSet::hash(member), score);
}

void unite(const Request& request, RankedSet& result) {
    for (const Source& source : request.sources) {
        source.visit([&](std::string_view member, double value) {
            const double score = weighted(source, value);
            const uint64_t hash = RankedSet::hash(member);
            const auto place = result.find(member, hash);
            if (place) {
                result.change(place, hash, combined(request.aggregate, result.score(place), score));
            } else {
                result.insert(member, hash, score);
            }
            return true;
        });
    }
}

/// The score that all operands together give a member of the first; nullopt: one has it not.
std::optional<double> score_in_all(const Request& request, std::string_view member, double value) {
    const Source& first = request.sources[0];
    double score = weighted(first, value);
    for (size_t i = 1; i < request.sources.size(); ++i) {
        const Source& source = request.sources[i];
        const auto other = source.is_same(first) ? std::optional(value) : source.score(member);
        if (!other) return std::nullopt;
        score = combined(request.aggregate, score, *other * source.weight);
    }
    return score;
}

void intersect(const Request& request, RankedSet& result) {
    request.sources[0].visit([&](std::string_view member, double value) {
        if (const auto score = score_in_all(request, member, value)) put(result, member, *score);
        return true;
    });
}

void subtract(const Request& request, RankedSet& result) {
    request.sources[0].visit([&](std::string_view member, double value) {
        for (size_t i = 1; i < request.sources.size(); ++i) {
            if (request.sources[i].score(member)) return true;
        }
        put(result, member, value);
        return true;
    });
}

void combine(Context& context, Request request) {
    if (!read_request(context, request)) return;
    auto result = std::unique_ptr<SortedSet>(new SortedSet());
    switch (request.operation) {
        case Operation::unite:
            unite(request, result->set);
            break;
        case Operation::intersect:
            intersect(request, result->set);
            break;
        case Operation::subtract:
            subtract(request, result->set);
            break;
    }
    const size_t size = result->size();
    if (request.is_stored) {
        ZsetValue::store(context.keyspace, context.keys[0], std::move(result), context.spec.name);
        return context.reply.integer(static_cast<int64_t>(size));
    }
    reply_members_header(context.reply, size, request.with_scores);
    result->set.for_each([&](const RankedSet::Item& item) {
        reply_member(context.reply, item.member, item.score, request.with_scores);
    });
}

Request stored(Operation operation) {
    Request request;
    request.operation = operation;
    request.keys_at = 3;
    request.key_index = 1;
    request.is_stored = true;
    return request;
}

Request replied(Operation operation) {
    Request request;
    request.operation = operation;
    return request;
}

void zunionstore(Context& context) { combine(context, stored(Operation::unite)); }
void zinterstore(Context& context) { combine(context, stored(Operation::intersect)); }
void zdiffstore(Context& context) { combine(context, stored(Operation::subtract)); }
void zunion(Context& context) { combine(context, replied(Operation::unite)); }
void zinter(Context& context) { combine(context, replied(Operation::intersect)); }
void zdiff(Context& context) { combine(context, replied(Operation::subtract)); }

void zintercard(Context& context) {
    Request request = replied(Operation::intersect);
    request.is_counted = true;
    if (!read_request(context, request)) return;
    int64_t count = 0;
    request.sources[0].visit([&](std::string_view member, double value) {
        if (score_in_all(request, member, value)) ++count;
        return request.limit == 0 || count < request.limit;
    });
    context.reply.integer(count);
}

/// One, if the target is missing and an operand is there.
int64_t stored_new_keys(Context& context) {
    if (context.keys.empty() || context.keyspace.peek(context.keys[0]) != nullptr) return 0;
    return std::any_of(context.keys.begin() + 1, context.keys.end(),
                       [&](const store::Key& key) { return context.keyspace.peek(key) != nullptr; })
               ? 1
               : 0;
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr KeySpecs kStoredKeys{
    {KeySpec{key_flag::ow | key_flag::update, 1, KeySpec::Find::range, 0, 1, 0},
     KeySpec{kReads, 2, KeySpec::Find::keynum, 0, 1, 1}},
    2};
constexpr std::string_view kCombineCost =
    "O(N)+O(M*log(M)) with N members in all operands and M in the result.";
constexpr std::string_view kIntersectCost =
    "O(N*K)+O(M*log(M)) with N members in the smallest of K operands and M in the result.";

constexpr CommandSpec kCombineCommands[] = {
    {.name = "zunionstore",
     .handler = zunionstore,
     .arity = -4,
     .flags = flag::write | flag::denyoom | flag::movablekeys,
     .group = Group::sorted_set,
     .keys = kStoredKeys,
     .since = "2.0.0",
     .complexity = kCombineCost,
     .syntax = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] "
               "[AGGREGATE <SUM | MIN | MAX>]",
     .summary = "Stores the union of sorted sets.",
     .new_keys = stored_new_keys},
    {.name = "zinterstore",
     .handler = zinterstore,
     .arity = -4,
     .flags = flag::write | flag::denyoom | flag::movablekeys,
     .group = Group::sorted_set,
     .keys = kStoredKeys,
     .since = "2.0.0",
     .complexity = kIntersectCost,
     .syntax = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] "
               "[AGGREGATE <SUM | MIN | MAX>]",
     .summary = "Stores the intersection of sorted sets.",
     .new_keys = stored_new_keys},
    {.name = "zdiffstore",
     .handler = zdiffstore,
     .arity = -4,
     .flags = flag::write | flag::denyoom | flag::movablekeys,
     .group = Group::sorted_set,
     .keys = kStoredKeys,
     .since = "6.2.0",
     .complexity = kCombineCost,
     .syntax = "destination numkeys key [key ...]",
     .summary = "Stores what the first sorted set has and the others have not.",
     .new_keys = stored_new_keys},
    {.name = "zunion",
     .handler = zunion,
     .arity = -3,
     .flags = flag::readonly | flag::movablekeys,
     .group = Group::sorted_set,
     .keys = counted_keys(kReads, 1),
     .since = "6.2.0",
     .complexity = kCombineCost,
     .syntax = "numkeys key [key ...] [WEIGHTS weight [weight ...]] "
               "[AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
     .summary = "Returns the union of sorted sets."},
    {.name = "zinter",
     .handler = zinter,
     .arity = -3,
     .flags = flag::readonly | flag::movablekeys,
     .group = Group::sorted_set,
     .keys = counted_keys(kReads, 1),
     .since = "6.2.0",
     .complexity = kIntersectCost,
     .syntax = "numkeys key [key ...] [WEIGHTS weight [weight ...]] "
               "[AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
     .summary = "Returns the intersection of sorted sets."},
    {.name = "zdiff",
     .handler = zdiff,
     .arity = -3,
     .flags = flag::readonly | flag::movablekeys,
     .group = Group::sorted_set,
     .keys = counted_keys(kReads, 1),
     .since = "6.2.0",
     .complexity = kCombineCost,
     .syntax = "numkeys key [key ...] [WITHSCORES]",
     .summary = "Returns what the first sorted set has and the others have not."},
    {.name = "zintercard",
     .handler = zintercard,
     .arity = -3,
     .flags = flag::readonly | flag::movablekeys,
     .group = Group::sorted_set,
     .keys = counted_keys(kReads, 1),
     .since = "7.0.0",
     .complexity = "O(N*K) with N members in the smallest of K operands.",
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Counts the members that all of several sorted sets have."},
};

}  // namespace

std::span<const CommandSpec> zset_combine_commands() { return kCombineCommands; }

}  // namespace gyre::commands
