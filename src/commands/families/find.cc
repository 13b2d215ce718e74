// SPDX-License-Identifier: BSD-3-Clause

// FIND: keys by their name, or strings by their value. It goes through the database in slices as
// KEYS does, and with a cursor as SCAN does. A text that takes long to match, because it is long or
// the pattern is hard on it, is taken aside under the lock and matched on a thread that serves
// nobody; a regular expression is made ready there too.
//
// Threads: home reactor, but for Candidate::judge().

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "commands/answer.h"
#include "commands/context.h"
#include "commands/families/collection.h"
#include "commands/families/gathering.h"
#include "commands/families/sight.h"
#include "commands/matcher.h"
#include "commands/registry.h"
#include "commands/slice.h"
#include "engine/walk.h"

namespace gyre::commands {
namespace {

using engine::Walk;
using store::Entry;
using MatcherRef = std::shared_ptr<const Matcher>;

/// Steps of a matcher under a shard's lock: one chain of a table has about seven entries.
constexpr uint64_t kInlineCostMax = 32 * 1024;

struct FindOptions {
    bool is_of_values = false;
    Matcher::How how = Matcher::How::exact;
    std::string_view pattern;
    std::optional<int64_t> count;
    std::optional<std::string_view> type;
    std::optional<uint64_t> cursor;

    bool wants(const Entry& entry) const {
        if (is_of_values && entry.type() != store::Type::string) return false;
        return !type || base::equals_ignore_case(*type, store::type_name(entry.type()));
    }
};

/// Words before the pattern: each kind once, and never the last word, which is a pattern.
class WordTaker {
public:
    WordTaker(const Context& context, FindOptions& options)
        : context_(context), options_(options) {}

    bool take(size_t index) {
        if (index + 1 >= context_.count()) return false;
        return (!has_target_ && take_target(index)) || (!has_how_ && take_how(index));
    }

private:
    bool is_either(size_t index, std::string_view word, std::string_view letter) const {
        return context_.is(index, word) || context_.argument(index) == letter;
    }
    bool take_target(size_t index) {
        options_.is_of_values = is_either(index, "VALUES", "-v");
        has_target_ = options_.is_of_values || is_either(index, "KEYS", "-k");
        return has_target_;
    }
    bool take_how(size_t index) {
        if (is_either(index, "LIKE", "-l")) options_.how = Matcher::How::like;
        if (is_either(index, "REGEX", "-r")) options_.how = Matcher::How::regex;
        has_how_ = options_.how != Matcher::How::exact || context_.is(index, "EXACT");
        return has_how_;
    }

    const Context& context_;
    FindOptions& options_;
    bool has_target_ = false;
    bool has_how_ = false;
};

/// What stands behind the pattern; false after the error was written.
bool parse_tail(Context& context, size_t index, FindOptions& options) {
    for (; index + 1 < context.count(); index += 2) {
        if (context.is(index, "COUNT")) {
            options.count = context.integer(index + 1);
            if (!options.count) return false;
            if (*options.count < 1) break;
        } else if (context.is(index, "TYPE")) {
            options.type = context.argument(index + 1);
        } else {
            break;
        }
    }
    if (index == context.count()) return true;
    context.error(errors::kSyntax);
    return false;
}

std::optional<FindOptions> parse_find(Context& context) {
    FindOptions options;
    size_t index = 1;
    if (context.is(1, "CURSOR") && context.count() > 3) {
        options.cursor = parse_cursor(context.argument(2));
        if (!options.cursor) {
            context.error("ERR invalid cursor");
            return std::nullopt;
        }
        index = 3;
    }
    WordTaker words(context, options);
    while (words.take(index)) ++index;
    options.pattern = context.argument(index);
    if (!parse_tail(context, index + 1, options)) return std::nullopt;
    return options;
}

/// A key with its value, taken aside.
struct Candidate {
    std::string key;
    std::string value;           ///< only for values; if not `block`
    base::SharedBytesRef block;  ///< of a long value
    bool is_match = false;

    std::string_view value_bytes() const { return block ? block->view() : std::string_view(value); }
};

using Candidates = std::vector<Candidate>;

void judge(Candidates& candidates, const Matcher& matcher, bool is_of_values) {
    for (Candidate& one : candidates) {
        one.is_match =
            matcher.matches(is_of_values ? one.value_bytes() : std::string_view(one.key));
    }
}

/// Collects what matches.
class Finder {
public:
    /// At most `wanted` of them.
    Finder(Context& context, const FindOptions& options, MatcherRef matcher, int64_t wanted)
        : context_(context),
          options_(options),
          matcher_(std::move(matcher)),
          wanted_(wanted),
          found_(context) {}

    Gathering& found() { return found_; }
    bool has_enough() const { return found_.count() >= wanted_; }
    bool has_candidates() const { return !candidates_.empty(); }
    void drop_candidates() { candidates_.clear(); }

    /// Under the lock of the entry's shard.
    void look_at(const Entry& entry) {
        if (has_enough() || !options_.wants(entry)) return;
        char digits[24];
        const std::string_view text =
            options_.is_of_values ? Context::string_bytes(entry, digits) : entry.key();
        if (matcher_->cost(text.size()) > kInlineCostMax) return take_aside(entry, text);
        if (!matcher_->matches(text)) return;
        found_.writer().bulk(entry.key());
        if (options_.is_of_values) Context::write_string(found_.writer(), entry);
        found_.count_one();
    }

    /// Matches what was taken aside. Without a reactor there is nobody to be held up.
    ring::Task<void> judge_candidates() {
        const auto taken = std::make_shared<Candidates>(std::exchange(candidates_, {}));
        if (context_.services.reactor == nullptr) {
            judge(*taken, *matcher_, options_.is_of_values);
        } else {
            const auto answer = std::make_shared<Answer>(context_);
            context_.services.background.run(
                [taken, answer, matcher = matcher_, is_of_values = options_.is_of_values] {
                    judge(*taken, *matcher, is_of_values);
                    Answer::give(answer, true);
                });
            co_await answer->wait();
        }
        for (const Candidate& one : *taken) {
            if (one.is_match && !has_enough()) give(one);
        }
    }

private:
    void take_aside(const Entry& entry, std::string_view text) {
        Candidate one;
        one.key = entry.key();
        if (options_.is_of_values && entry.has(Entry::external)) {
            one.block = base::SharedBytesRef::share(entry.block());
        } else if (options_.is_of_values) {
            one.value = text;
        }
        candidates_.push_back(std::move(one));
    }
    void give(const Candidate& one) {
        found_.writer().bulk(one.key);
        if (one.block) {
            found_.writer().bulk_shared(one.block);
        } else if (options_.is_of_values) {
            found_.writer().bulk(one.value);
        }
        found_.count_one();
    }

    Context& context_;
    const FindOptions& options_;
    const MatcherRef matcher_;
    const int64_t wanted_;
    Gathering found_;
    Candidates candidates_;
};

/// A regular expression is compiled aside.
ring::Task<void> make_matcher(Context& context, Matcher::How how, std::string pattern,
                              Result<MatcherRef>& made) {
    if (how != Matcher::How::regex || context.services.reactor == nullptr) {
        made = Matcher::make(how, pattern);
        co_return;
    }
    const auto answer = std::make_shared<Answer>(context);
    const auto outcome = std::make_shared<Result<MatcherRef>>();
    context.services.background.run([answer, outcome, how, pattern] {
        *outcome = Matcher::make(how, pattern);
        Answer::give(answer, true);
    });
    co_await answer->wait();
    made = std::move(*outcome);
}

/// The key of that name, without a walk.
void find_named(Context& context, Finder& finder, std::string_view name) {
    engine::Dataset& dataset = context.services.dataset;
    const store::Key key = store::Key::of(name);
    const size_t shard = dataset.shard_of(key.hash);
    dataset.lock(shard, context.services.executor);
    const Entry* entry = context.keyspace.peek(key);
    if (entry != nullptr) finder.look_at(*entry);
    dataset.unlock_logged(shard, context.services.executor);
}

/// All that match, or as many as are wanted. The caller owns what is borrowed, and awaits the end.
ring::Task<void> find_all(Context& context, Finder& finder) {
    Slice slice(context);
    const Sight sight(context);
    sight.note_database();
    Walk walk(context.services.dataset, context.keyspace.database());
    Gathering& found = finder.found();
    const auto visit_own = [&finder](const Entry& entry) { finder.look_at(entry); };
    const auto visit = [&](const Entry& entry) {
        if (sight.has(entry)) visit_own(entry);
    };
    while (sight.sees_shared() && !walk.is_done() && !finder.has_enough()) {
        const int64_t now_ms = sight.now_ms(slice);
        const Walk::Step step = walk.step(sight.executor(), now_ms, visit);
        if (step == Walk::Step::again) {
            finder.drop_candidates();
            found.drop();
        }
        if (finder.has_candidates()) co_await finder.judge_candidates();
        if (step == Walk::Step::shard) found.keep();
        if (slice.is_over_now()) co_await slice.next();
    }
    sight.for_each_own(visit_own);
    if (finder.has_candidates()) co_await finder.judge_candidates();
}

/// What SCAN does, with its COUNT and its promise. The caller awaits the end; `cursor` is moved on.
ring::Task<void> find_some(Context& context, Finder& finder, int64_t count, uint64_t& cursor) {
    Slice slice(context);
    const Sight sight(context);
    engine::Dataset& dataset = context.services.dataset;
    int64_t sampled = 0;
    int64_t now_ms = context.now_ms();
    const std::function<void(const Entry&)> visit = [&](const Entry& entry) {
        ++sampled;
        if (!entry.is_expired(now_ms) && sight.has(entry)) finder.look_at(entry);
    };
    const int64_t chains = scan_chains(count, dataset.shards());
    if (!sight.sees_shared()) cursor = 0;
    for (int64_t visited = 0; sight.sees_shared() && visited < chains && sampled < count;
         ++visited) {
        now_ms = sight.now_ms(slice);
        const uint64_t from = cursor;
        cursor = dataset.scan(context.keyspace.database(), from, sight.executor(), visit);
        sight.note_chain(from, cursor);
        if (finder.has_candidates()) co_await finder.judge_candidates();
        if (cursor == 0) break;
        if (slice.is_over_now()) co_await slice.next();
    }
    if (cursor != 0) co_return;
    sight.for_each_own([&finder](const Entry& entry) { finder.look_at(entry); });
    if (finder.has_candidates()) co_await finder.judge_candidates();
}

void reply_found(Context& context, Gathering& found, bool is_of_values) {
    if (is_of_values) {
        context.reply.map(found.count());
    } else {
        context.reply.array(found.count());
    }
    found.move_to(context.reply);
}

ring::Task<void> find(Context& context) {
    const auto options = parse_find(context);
    if (!options) co_return;
    Result<MatcherRef> matcher;
    std::string pattern(options->pattern);
    co_await make_matcher(context, options->how, std::move(pattern), matcher);
    if (!matcher) {
        context.error(matcher.error().message);
        co_return;
    }
    // With a cursor the count is of keys looked at.
    const bool is_limited = options->count && !options->cursor;
    Finder finder(context, *options, *matcher, is_limited ? *options->count : INT64_MAX);
    if (options->cursor) {
        uint64_t cursor = *options->cursor;
        co_await find_some(context, finder, options->count.value_or(kScanCount), cursor);
        context.reply.array(2);
        context.reply.bulk(std::to_string(cursor));
    } else if (!options->is_of_values && (*matcher)->is_literal() && Sight(context).is_plain()) {
        find_named(context, finder, options->pattern);
        if (finder.has_candidates()) co_await finder.judge_candidates();
    } else {
        co_await find_all(context, finder);
    }
    reply_found(context, finder.found(), options->is_of_values);
}

constexpr CommandSpec kFindCommands[] = {
    {.name = "find",
     .coroutine = find,
     .arity = -2,
     .flags = flag::readonly,
     .categories = acl::dangerous,
     .since = "0.1.0",
     .complexity = "O(N) with N the bytes of the keys, or of the strings, in slices that hold up "
                   "nobody; O(1) for a key by its exact name.",
     .syntax = "[CURSOR cursor] [KEYS | VALUES] [EXACT | LIKE | REGEX] pattern [COUNT count] "
               "[TYPE type]",
     .summary =
         "Finds keys, or strings by their value: exactly, by a glob pattern, or by a regular "
         "expression.",
     .tips = "request_policy:all_shards nondeterministic_output_order"},
};

}  // namespace

std::span<const CommandSpec> find_commands() { return kFindCommands; }

}  // namespace gyre::commands
