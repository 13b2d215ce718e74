// SPDX-License-Identifier: BSD-3-Clause

// Commands that go through the keys of the selected database: SCAN, KEYS, VALUES, ITEMS, SIZE,
// DBSIZE, RANDOMKEY. None shows a key past its deadline.
//
// All but DBSIZE are coroutines that work in slices and yield between, so that the largest database
// holds up nobody; their replies are built aside and spliced behind the header once the count is
// known. KEYS, VALUES, ITEMS and SIZE go by engine::Walk: a key present throughout is given exactly
// once, whatever happens between the slices, and nothing is remembered for it (one lock for a whole
// shard would do too, but for milliseconds). SCAN's promise is Redis' weaker one, at least once.

#include <algorithm>
#include <functional>
#include <optional>
#include <string>

#include "base/glob.h"
#include "base/numbers.h"
#include "commands/context.h"
#include "commands/families/collection.h"
#include "commands/families/gathering.h"
#include "commands/families/sight.h"
#include "commands/registry.h"
#include "commands/slice.h"
#include "engine/walk.h"

namespace gyre::commands {
namespace {

using engine::Walk;
using store::Entry;

/// How one element is written.
struct Give {
    void (*write)(resp::ReplyWriter& writer, const Entry& entry);
    bool of_strings_only;  ///< a collection has no value that one bulk string could tell
};

void give_key(resp::ReplyWriter& writer, const Entry& entry) { writer.bulk(entry.key()); }
void give_value(resp::ReplyWriter& writer, const Entry& entry) {
    Context::write_string(writer, entry);
}
void give_item(resp::ReplyWriter& writer, const Entry& entry) {
    writer.bulk(entry.key());
    Context::write_string(writer, entry);
}

constexpr Give kGiveKeys{give_key, false};
constexpr Give kGiveValues{give_value, true};
constexpr Give kGiveItems{give_item, true};

/// Gathers all keys of the database that match. The caller owns what is borrowed, and awaits the
/// end.
ring::Task<void> gather(Context& context, Gathering& gathering, std::string_view pattern,
                        Give give) {
    Slice slice(context);
    const Sight sight(context);
    sight.note_database();
    Walk walk(context.services.dataset, context.keyspace.database());
    const bool is_all = pattern == "*";
    const auto visit_own = [&](const Entry& entry) {
        if (!is_all && !base::glob_matches(pattern, entry.key())) return;
        if (give.of_strings_only && entry.type() != store::Type::string) return;
        give.write(gathering.writer(), entry);
        gathering.count_one();
    };
    const auto visit = [&](const Entry& entry) {
        if (sight.has(entry)) visit_own(entry);
    };
    while (sight.sees_shared() && !walk.is_done()) {
        const int64_t now_ms = sight.now_ms(slice);
        const Walk::Step step = walk.step(sight.executor(), now_ms, visit);
        if (step == Walk::Step::again) gathering.drop();
        if (step == Walk::Step::shard) gathering.keep();
        if (slice.is_over()) co_await slice.next();
    }
    sight.for_each_own(visit_own);
}

ring::Task<void> keys(Context& context) {
    if (context.count() > 2) {
        context.error("ERR wrong number of arguments for 'keys' command");
        co_return;
    }
    const std::string_view pattern = context.count() == 2 ? context.argument(1) : "*";
    Gathering gathering(context);
    co_await gather(context, gathering, pattern, kGiveKeys);
    context.reply.array(gathering.count());
    gathering.move_to(context.reply);
}

ring::Task<void> values(Context& context) {
    Gathering gathering(context);
    co_await gather(context, gathering, "*", kGiveValues);
    context.reply.array(gathering.count());
    gathering.move_to(context.reply);
}

ring::Task<void> items(Context& context) {
    Gathering gathering(context);
    co_await gather(context, gathering, "*", kGiveItems);
    context.reply.map(gathering.count());
    gathering.move_to(context.reply);
}

ring::Task<void> size(Context& context) {
    Slice slice(context);
    const Sight sight(context);
    sight.note_database();
    Walk walk(context.services.dataset, context.keyspace.database());
    size_t counted = 0;
    size_t counted_before = 0;  // in the shards that are done
    const auto visit = [&](const Entry& entry) { counted += sight.has(entry) ? 1 : 0; };
    while (sight.sees_shared() && !walk.is_done()) {
        const int64_t now_ms = sight.now_ms(slice);
        if (!sight.is_plain() || !walk.count_shard(sight.executor(), now_ms, counted)) {
            const Walk::Step step = walk.step(sight.executor(), now_ms, visit);
            if (step == Walk::Step::again) counted = counted_before;
            if (step == Walk::Step::shard) counted_before = counted;
        } else {
            counted_before = counted;
        }
        if (slice.is_over()) co_await slice.next();
    }
    sight.for_each_own([&](const Entry&) { ++counted; });
    context.reply.integer(static_cast<int64_t>(counted));
}

void dbsize(Context& context) {
    const Sight sight(context);
    sight.note_database();
    const size_t resident =
        context.services.dataset.keys(context.keyspace.database(), sight.executor());
    context.reply.integer(static_cast<int64_t>(resident) + sight.surplus());
}

// --- SCAN
// ---------------------------------------------------------------------------------------------

struct ScanOptions {
    uint64_t cursor = 0;
    int64_t count = kScanCount;
    std::string_view pattern = "*";
    std::optional<std::string_view> type;

    bool wants(const Entry& entry) const {
        if (type && !base::equals_ignore_case(*type, store::type_name(entry.type()))) return false;
        return pattern == "*" || base::glob_matches(pattern, entry.key());
    }
};

/// One option with its value, arguments `index` and the next; false after the error was written.
bool parse_scan_option(Context& context, size_t index, ScanOptions& options) {
    const bool has_value = index + 1 < context.count();
    if (has_value && context.is(index, "COUNT")) {
        const auto count = context.integer(index + 1);
        if (!count) return false;
        options.count = *count;
        if (*count >= 1) return true;
    } else if (has_value && context.is(index, "MATCH")) {
        options.pattern = context.argument(index + 1);
        return true;
    } else if (has_value && context.is(index, "TYPE")) {
        options.type = context.argument(index + 1);
        return true;
    }
    context.error(errors::kSyntax);
    return false;
}

std::optional<ScanOptions> parse_scan(Context& context) {
    ScanOptions options;
    const auto cursor = parse_cursor(context.argument(1));
    if (!cursor) {
        context.error("ERR invalid cursor");
        return std::nullopt;
    }
    options.cursor = *cursor;
    for (size_t index = 2; index < context.count(); index += 2) {
        if (!parse_scan_option(context, index, options)) return std::nullopt;
    }
    return options;
}

void reply_scan(Context& context, uint64_t cursor, Gathering& gathering) {
    context.reply.array(2);
    context.reply.bulk(std::to_string(cursor));
    context.reply.array(gathering.count());
    gathering.move_to(context.reply);
}

ring::Task<void> scan(Context& context) {
    const auto options = parse_scan(context);
    if (!options) co_return;
    Slice slice(context);
    const Sight sight(context);
    Gathering gathering(context);
    engine::Dataset& dataset = context.services.dataset;
    int64_t sampled = 0;
    int64_t now_ms = context.now_ms();
    const auto give = [&](const Entry& entry) {
        if (!options->wants(entry)) return;
        give_key(gathering.writer(), entry);
        gathering.count_one();
    };
    const std::function<void(const Entry&)> visit = [&](const Entry& entry) {
        ++sampled;
        if (!entry.is_expired(now_ms) && sight.has(entry)) give(entry);
    };
    const int64_t chains = scan_chains(options->count, dataset.shards());
    uint64_t cursor = sight.sees_shared() ? options->cursor : 0;
    for (int64_t visited = 0; sight.sees_shared() && visited < chains && sampled < options->count;
         ++visited) {
        now_ms = sight.now_ms(slice);
        const uint64_t from = cursor;
        cursor = dataset.scan(context.keyspace.database(), from, sight.executor(), visit);
        sight.note_chain(from, cursor);
        if (cursor == 0) break;
        if (slice.is_over()) co_await slice.next();
    }
    // A transaction's own keys come last: all it has written until then are among them.
    if (cursor == 0) sight.for_each_own(give);
    reply_scan(context, cursor, gathering);
}

// --- RANDOMKEY
// ----------------------------------------------------------------------------------------

/// A shard, each with a probability in proportion to its keys; nullopt when there are none. One
/// pass: the shard found last stays with the probability its keys have among those seen so far.
std::optional<size_t> draw_shard(engine::Dataset& dataset, size_t database,
                                 engine::Executor& executor) {
    std::optional<size_t> drawn;
    size_t keys_seen = 0;
    for (size_t index = 0; index < dataset.shards(); ++index) {
        dataset.lock(index, executor);
        store::Shard& shard = dataset.shard(index);
        const store::Partition* partition = shard.find_database(database);
        const size_t keys = partition == nullptr ? 0 : partition->size();
        keys_seen += keys;
        if (keys > 0 && shard.random().below(keys_seen) < keys) drawn = index;
        dataset.unlock(index);
    }
    return drawn;
}

/// Replies with a random key of a shard. False when it was past its deadline (then it is removed)
/// or when the shard has become empty.
bool reply_random(Context& context, size_t index) {
    engine::Dataset& dataset = context.services.dataset;
    bool is_live = false;
    dataset.lock(index, context.services.executor);
    store::Shard& shard = dataset.shard(index);
    const store::Partition* partition = shard.find_database(context.keyspace.database());
    const Entry* entry = partition == nullptr ? nullptr : partition->random(shard.random());
    if (entry != nullptr) {
        const std::string name(entry->key());
        is_live = context.keyspace.peek(store::Key::of(name)) != nullptr;
        if (is_live) context.reply.bulk(name);
    }
    dataset.unlock_logged(index, context.services.executor);
    return is_live;
}

/// While nothing can be logged, keys that are due stay where they are: if there are no others, none
/// is found for ever.
constexpr int kDueKeysMax = 100;

/// In a transaction, which holds all shards. Where nearly all that is drawn has been written by it
/// or is due, the first key that is neither.
std::optional<std::string> random_within(Context& context, const Sight& sight) {
    engine::Dataset& dataset = context.services.dataset;
    const size_t database = context.keyspace.database();
    sight.note_database();
    base::Random& random = dataset.shard(0).random();
    std::vector<const Entry*> own;
    sight.for_each_own([&own](const Entry& entry) { own.push_back(&entry); });
    for (int tries = 0; tries < kDueKeysMax; ++tries) {
        const size_t shared =
            sight.sees_shared() ? dataset.keys(database, sight.executor()) : size_t{0};
        const size_t all = own.size() + shared;
        if (all == 0) return std::nullopt;
        const size_t drawn = random.below(all);
        if (drawn < own.size()) return std::string(own[drawn]->key());
        const auto index = draw_shard(dataset, database, sight.executor());
        store::Shard& shard = dataset.shard(*index);
        const Entry* entry = shard.find_database(database)->random(shard.random());
        if (sight.has(*entry) && !entry->is_expired(sight.now_ms())) {
            return std::string(entry->key());
        }
    }
    std::optional<std::string> found;
    Walk walk(dataset, database);
    const auto visit = [&](const Entry& entry) {
        if (!found && sight.has(entry)) found = entry.key();
    };
    while (!walk.is_done() && !found) walk.step(sight.executor(), sight.now_ms(), visit);
    if (!found && !own.empty()) found = own[random.below(own.size())]->key();
    return found;
}

ring::Task<void> randomkey(Context& context) {
    if (const Sight sight(context); !sight.is_plain()) {
        const auto found = random_within(context, sight);
        found ? context.reply.bulk(*found) : context.reply.null();
        co_return;
    }
    Slice slice(context);
    for (int tries = 0; tries < kDueKeysMax || context.effects().may_remove(); ++tries) {
        const auto shard = draw_shard(context.services.dataset, context.keyspace.database(),
                                      context.services.executor);
        if (!shard) break;
        if (reply_random(context, *shard)) co_return;
        if (slice.is_over_now()) co_await slice.next();
    }
    context.reply.null();
}

constexpr std::string_view kInSlices =
    "O(N) with N the number of keys in the database, in slices that hold up nobody.";
constexpr std::string_view kAnyOrder = "request_policy:all_shards nondeterministic_output_order";

constexpr CommandSpec kIterationCommands[] = {
    {.name = "scan",
     .coroutine = scan,
     .arity = -2,
     .flags = flag::readonly,
     .since = "2.8.0",
     .complexity = "O(1) for every call, O(N) for a complete iteration.",
     .syntax = "cursor [MATCH pattern] [COUNT count] [TYPE type]",
     .summary = "Goes through the keys of the database, some with each call.",
     .tips = "nondeterministic_output request_policy:special"},
    {.name = "keys",
     .coroutine = keys,
     .arity = -1,
     .flags = flag::readonly,
     .categories = acl::dangerous,
     .since = "1.0.0",
     .complexity = kInSlices,
     .syntax = "[pattern]",
     .summary = "Lists the keys that match a pattern, or all.",
     .tips = kAnyOrder},
    {.name = "values",
     .coroutine = values,
     .arity = 1,
     .flags = flag::readonly,
     .categories = acl::dangerous,
     .since = "0.1.0",
     .complexity = kInSlices,
     .summary = "Lists the values of all keys that hold strings.",
     .tips = kAnyOrder},
    {.name = "items",
     .coroutine = items,
     .arity = 1,
     .flags = flag::readonly,
     .categories = acl::dangerous,
     .since = "0.1.0",
     .complexity = kInSlices,
     .summary = "Lists all keys that hold strings, with their values.",
     .tips = kAnyOrder},
    {.name = "size",
     .coroutine = size,
     .arity = 1,
     .flags = flag::readonly,
     .since = "0.1.0",
     .complexity = "O(1) while no key is past its deadline, else O(N) in slices.",
     .summary = "Counts the keys of the database that are not past their deadline.",
     .tips = "request_policy:all_shards response_policy:agg_sum"},
    {.name = "randomkey",
     .coroutine = randomkey,
     .arity = 1,
     .flags = flag::readonly,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Gives a key of the database at random.",
     .tips = "request_policy:all_shards nondeterministic_output"},
    {.name = "dbsize",
     .handler = dbsize,
     .arity = 1,
     .flags = flag::readonly | flag::fast,
     .group = Group::server,
     .categories = acl::keyspace,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary =
         "Counts the keys in the database, those past their deadline and not yet removed too.",
     .tips = "request_policy:all_shards response_policy:agg_sum"},
};

}  // namespace

std::span<const CommandSpec> iteration_commands() { return kIterationCommands; }

}  // namespace gyre::commands
