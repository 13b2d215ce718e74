// SPDX-License-Identifier: BSD-3-Clause

// Commands on strings that are newer than Redis 7.2: DELEX, DELIFEQ, DIGEST, MSETEX, INCREX. Their
// replies follow the public descriptions of Redis 8 and Valkey 9; where those leave a detail open,
// the nearest older command is the guide: ZADD INCR answers null when NX or XX is not met, and so
// does INCREX.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <optional>
#include <string>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/families/string_options.h"
#include "commands/registry.h"
#include "types/digest.h"

namespace gyre::commands {
namespace {

using engine::Deadline;
using store::Entry;
using store::Key;

// --- DELEX, DELIFEQ, DIGEST
// -----------------------------------------------------------------------

/// Deletes the key if it exists and the condition is met; replies with how many were deleted.
void delete_if(Context& context, const Condition& condition) {
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (condition.compares() && !context.require_string(entry)) return;
    const bool deletes = entry != nullptr && is_met(context, condition, entry);
    if (deletes) {
        context.keyspace.erase(key, entry);
        context.keyspace.notify(engine::event::generic, "del", key);
        context.tell_deleted(key);
    }
    context.reply.integer(deletes ? 1 : 0);
}

void delex(Context& context) {
    if (context.count() != 2 && context.count() != 4) return refuse_count(context);
    Condition condition;
    size_t at = 2;
    if (context.count() == 4 && !take_comparison(context, at, condition)) {
        return context.error(errors::kSyntax);
    }
    if (check_condition(context, condition)) delete_if(context, condition);
}

void delifeq(Context& context) { delete_if(context, {Condition::Kind::ifeq, 2}); }

void digest(Context& context) {
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (entry == nullptr) return context.reply.null();
    if (!context.require_string(entry)) return;
    char digits[24];
    char text[types::kDigestChars];
    types::write_digest(text, types::digest(Context::string_bytes(*entry, digits)));
    context.reply.bulk({text, sizeof text});
}

// --- MSETEX
// ---------------------------------------------------------------------------------------

struct MsetexOptions {
    Condition condition;
    ExpiryOption expiry;
};

/// The words behind the last value. nullopt: a syntax error.
std::optional<MsetexOptions> parse_msetex(const Context& context) {
    MsetexOptions options;
    for (size_t at = 2 + 2 * context.keys.size(); at < context.count(); ++at) {
        if (!take_expiry(context, at, options.expiry, ExpiryOption::Kind::keepttl) &&
            !take_existence(context, at, options.condition)) {
            return std::nullopt;
        }
    }
    return options;
}

/// The keys are there and each has a value.
bool has_all_pairs(const Context& context) {
    return !context.keys.empty() && 2 + 2 * context.keys.size() <= context.count();
}

/// Whether NX or XX, if given, holds for every key.
bool is_met_by_all(Context& context, const Condition& condition) {
    if (condition.kind == Condition::Kind::none) return true;
    return std::all_of(context.keys.begin(), context.keys.end(), [&](const Key& key) {
        return is_met(context, condition, context.keyspace.peek(key));
    });
}

void msetex(Context& context) {
    const auto count =
        context.integer_between(1, 1, INT32_MAX, "ERR numkeys should be greater than 0");
    if (!count) return;
    if (!has_all_pairs(context)) return refuse_count(context);
    const auto options = parse_msetex(context);
    if (!options) return context.error(errors::kSyntax);
    Deadline deadline;
    if (options->expiry.kind == ExpiryOption::Kind::keepttl) deadline = Deadline::keep();
    if (options->expiry.has_number()) {
        const auto read =
            read_deadline(context, options->expiry.kind, options->expiry.at, context.now_ms());
        if (!read) return;
        deadline = Deadline::at(*read);
    }
    if (!is_met_by_all(context, options->condition)) return context.reply.integer(0);
    for (size_t pair = 0; pair < context.keys.size(); ++pair) {
        const Key& key = context.keys[pair];
        put_until(context, key, context.keyspace.write(key), 2 * pair + 3, deadline);
    }
    context.reply.integer(1);
}

int64_t msetex_new_keys(Context& context) {
    if (!has_all_pairs(context)) return 0;
    const auto options = parse_msetex(context);
    if (!options || options->condition.needs_key()) return 0;
    return is_met_by_all(context, options->condition) ? count_missing_keys(context) : 0;
}

// --- INCREX
// ---------------------------------------------------------------------------------------

struct IncrexOptions {
    size_t increment_at = 0;  // these three: the argument with the number; 0: not given
    size_t low_at = 0;
    size_t high_at = 0;
    bool is_real = false;
    bool saturates = false;
    bool keeps_expiry = false;  // ENX: a deadline that exists stays
    ExpiryOption expiry;
    Condition condition;
};

/// Takes the word at `at` with a number behind it, if it is `word` and was not there before.
bool take_number(const Context& context, size_t& at, std::string_view word, size_t& number_at) {
    if (number_at != 0 || at + 1 == context.count() || !context.is(at, word)) return false;
    number_at = ++at;
    return true;
}

bool take_once(const Context& context, size_t at, std::string_view word, bool& is_given) {
    if (is_given || !context.is(at, word)) return false;
    return is_given = true;
}

/// nullopt: a syntax error, such as a word given twice.
std::optional<IncrexOptions> parse_increx(const Context& context) {
    IncrexOptions options;
    for (size_t at = 2; at < context.count(); ++at) {
        if (take_number(context, at, "BYINT", options.increment_at) ||
            take_number(context, at, "LBOUND", options.low_at) ||
            take_number(context, at, "UBOUND", options.high_at) ||
            take_once(context, at, "SATURATE", options.saturates) ||
            take_once(context, at, "ENX", options.keeps_expiry)) {
            continue;
        }
        if (take_number(context, at, "BYFLOAT", options.increment_at)) {
            options.is_real = true;
            continue;
        }
        const bool is_first_expiry = options.expiry.kind == ExpiryOption::Kind::none;
        const bool is_first_condition = options.condition.kind == Condition::Kind::none;
        if (is_first_expiry &&
            take_expiry(context, at, options.expiry, ExpiryOption::Kind::persist)) {
            continue;
        }
        if (is_first_condition && take_existence(context, at, options.condition)) continue;
        return std::nullopt;
    }
    if (options.keeps_expiry && !options.expiry.has_number()) return std::nullopt;
    return options;
}

/// Outcome of one increment: the new value and how far it is from the old one.
template <class Number>
struct Step {
    Number value{};
    Number applied{};
};

/// Arithmetic of integers, which must stay within 64 bits.
struct IntegerKind {
    using Number = int64_t;
    __extension__ using Wide = __int128;
    static constexpr Number kLowest = INT64_MIN;
    static constexpr Number kHighest = INT64_MAX;
    static constexpr std::string_view kNotNumber = errors::kNotInteger;

    static std::optional<Number> parse(std::string_view text) { return base::parse_integer(text); }
    static std::optional<Number> read(Context& context, size_t at) { return context.integer(at); }
    static std::optional<Number> of(const Entry& entry) { return integer_of(entry); }

    /// nullopt: out of bounds.
    static std::optional<Step<Number>> step(Number from, Number by, Number low, Number high,
                                            bool saturates) {
        Wide value = Wide{from} + by;
        if (value < low || value > high) {
            if (!saturates) return std::nullopt;
            value = std::clamp<Wide>(value, low, high);
        }
        const Wide applied = value - from;
        if (applied < kLowest || applied > kHighest) return std::nullopt;
        return Step<Number>{static_cast<Number>(value), static_cast<Number>(applied)};
    }

    static void put(Context& context, Entry* present, Number value, Deadline deadline) {
        const Key& key = context.keys[0];
        const Entry* entry =
            context.keyspace.put(key, present, types::integer_string(value), deadline);
        context.keyspace.notify(engine::event::string, "incrby", key);
        char digits[24];
        context.tell_copy(key, *entry, Context::string_bytes(*entry, digits));
    }
    static void reply(Context& context, Number value) { context.reply.integer(value); }
};

/// Arithmetic of decimal numbers, as INCRBYFLOAT's.
struct RealKind {
    using Number = long double;
    static constexpr Number kLowest = -LDBL_MAX;
    static constexpr Number kHighest = LDBL_MAX;
    static constexpr std::string_view kNotNumber = errors::kNotFloat;

    static std::optional<Number> parse(std::string_view text) {
        const auto value = base::parse_long_double(text);
        return value && std::isfinite(*value) ? value : std::nullopt;
    }
    static std::optional<Number> read(Context& context, size_t at) {
        const auto value = context.real(at);
        if (!value || std::isfinite(*value)) return value;
        context.error(errors::kNotFloat);
        return std::nullopt;
    }
    static std::optional<Number> of(const Entry& entry) {
        const auto value = real_of(entry);
        return value && std::isfinite(*value) ? value : std::nullopt;
    }

    static std::optional<Step<Number>> step(Number from, Number by, Number low, Number high,
                                            bool saturates) {
        const Number value = from + by;
        if (value >= low && value <= high) return Step<Number>{value, by};
        if (!saturates) return std::nullopt;
        const Number bound = std::clamp(value, low, high);
        if (!std::isfinite(bound - from)) return std::nullopt;
        return Step<Number>{bound, bound - from};
    }

    static void put(Context& context, Entry* present, Number value, Deadline deadline) {
        const std::string text = base::format_long_double_human(value);
        const Entry* entry =
            context.keyspace.put(context.keys[0], present, types::plain_string(text), deadline);
        context.keyspace.notify(engine::event::string, "incrbyfloat", context.keys[0]);
        context.tell_copy(context.keys[0], *entry, text);
    }
    static void reply(Context& context, Number value) {
        context.reply.real_text(base::format_long_double_human(value));
    }
};

/// What the write does to the deadline. nullopt: the time is wrong, and the reply says so.
std::optional<Deadline> read_increx_deadline(Context& context, const IncrexOptions& options) {
    if (options.expiry.kind == ExpiryOption::Kind::persist) return Deadline::at(store::kNoExpiry);
    if (!options.expiry.has_number()) return Deadline::keep();
    const auto deadline =
        read_deadline(context, options.expiry.kind, options.expiry.at, context.now_ms());
    if (!deadline) return std::nullopt;
    return Deadline::at(*deadline);
}

template <class Kind>
void store_step(Context& context, Entry* present, typename Kind::Number value, Deadline deadline,
                bool keeps_expiry) {
    if (keeps_expiry && present != nullptr && present->has_expiry()) deadline = Deadline::keep();
    if (is_past(context, deadline)) {
        if (present == nullptr) return;
        context.keyspace.erase(context.keys[0], present);
        context.keyspace.notify(engine::event::generic, "del", context.keys[0]);
        context.tell_deleted(context.keys[0]);
        return;
    }
    const bool had_deadline = present != nullptr && present->has_expiry();
    Kind::put(context, present, value, deadline);
    if (deadline.kind != Deadline::Kind::at) return;
    if (deadline.unix_ms != store::kNoExpiry) {
        context.keyspace.notify(engine::event::generic, "expire", context.keys[0]);
    } else if (had_deadline) {
        context.keyspace.notify(engine::event::generic, "persist", context.keys[0]);
    }
}

template <class Kind>
void increase(Context& context, const IncrexOptions& options) {
    using Number = typename Kind::Number;
    std::optional<Number> by = Number{1};
    std::optional<Number> low = Kind::kLowest;
    std::optional<Number> high = Kind::kHighest;
    if (options.increment_at != 0) by = Kind::read(context, options.increment_at);
    if (by && options.low_at != 0) low = Kind::read(context, options.low_at);
    if (by && low && options.high_at != 0) high = Kind::read(context, options.high_at);
    if (!by || !low || !high) return;
    if (*low > *high) return context.error("ERR LBOUND is greater than UBOUND");
    const auto deadline = read_increx_deadline(context, options);
    if (!deadline) return;
    Entry* present = context.keyspace.write(context.keys[0]);
    if (!context.require_string(present)) return;
    if (!is_met(context, options.condition, present)) return context.reply.null_array();
    const auto from = present == nullptr ? Number{0} : Kind::of(*present);
    if (!from) return context.error(Kind::kNotNumber);
    const auto step = Kind::step(*from, *by, *low, *high, options.saturates);
    if (step) {
        store_step<Kind>(context, present, step->value, *deadline, options.keeps_expiry);
    }
    context.reply.array(2);
    Kind::reply(context, step ? step->value : *from);
    Kind::reply(context, step ? step->applied : Number{0});
}

void increx(Context& context) {
    const auto options = parse_increx(context);
    if (!options) return context.error(errors::kSyntax);
    options->is_real ? increase<RealKind>(context, *options)
                     : increase<IntegerKind>(context, *options);
}

/// Whether a key that is missing comes into being: not when a number is none or 0 may not be
/// increased by so much.
template <class Kind>
bool makes_key(const Context& context, const IncrexOptions& options) {
    using Number = typename Kind::Number;
    const auto number = [&](size_t at, Number otherwise) {
        return at == 0 ? std::optional(otherwise) : Kind::parse(context.argument(at));
    };
    const auto by = number(options.increment_at, Number{1});
    const auto low = number(options.low_at, Kind::kLowest);
    const auto high = number(options.high_at, Kind::kHighest);
    if (!by || !low || !high || *low > *high) return false;
    return Kind::step(Number{0}, *by, *low, *high, options.saturates).has_value();
}

int64_t increx_new_keys(Context& context) {
    const auto options = parse_increx(context);
    if (!options || options->condition.needs_key()) return 0;
    if (context.keyspace.peek(context.keys[0]) != nullptr) return 0;
    const bool makes = options->is_real ? makes_key<RealKind>(context, *options)
                                        : makes_key<IntegerKind>(context, *options);
    return makes ? 1 : 0;
}

constexpr uint16_t kDeletes = key_flag::rw | key_flag::access | key_flag::remove;

constexpr CommandSpec kConditionalCommands[] = {
    {.name = "delex",
     .handler = delex,
     .arity = -2,
     .flags = flag::write | flag::fast,
     .group = Group::string,
     .keys = one_key(kDeletes),
     .since = "8.4.0",
     .complexity = "O(1), with IFDEQ and IFDNE O(N) where N is the length of the string.",
     .syntax = "key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | "
               "IFDNE ifdne-digest]",
     .summary = "Deletes a key if its string, or the digest of it, is or is not the one given."},
    {.name = "delifeq",
     .handler = delifeq,
     .arity = 3,
     .flags = flag::write | flag::fast,
     .group = Group::string,
     .keys = one_key(kDeletes),
     .since = "9.0.0",
     .complexity = "O(1)",
     .syntax = "key value",
     .summary = "Deletes a key if it holds the string given."},
    {.name = "digest",
     .handler = digest,
     .arity = 2,
     .flags = flag::readonly | flag::fast,
     .group = Group::string,
     .keys = one_key(key_flag::ro | key_flag::access),
     .since = "8.4.0",
     .complexity = "O(N) where N is the length of the string.",
     .syntax = "key",
     .summary = "Returns the XXH3 hash of a string as 16 hexadecimal digits."},
    {.name = "msetex",
     .handler = msetex,
     .arity = -4,
     .flags = flag::write | flag::denyoom | flag::movablekeys,
     .group = Group::string,
     .keys = counted_keys(key_flag::ow | key_flag::update, 1, 2),
     .since = "8.4.0",
     .complexity = "O(N) where N is the number of keys to set.",
     .syntax = "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | "
               "EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
     .summary = "Sets any number of strings in one step, with one expiry and on one condition.",
     .tips = "request_policy:multi_shard response_policy:agg_min",
     .new_keys = msetex_new_keys},
    {.name = "increx",
     .handler = increx,
     .arity = -2,
     .flags = flag::write | flag::denyoom | flag::fast,
     .group = Group::string,
     .keys = one_key(key_flag::rw | key_flag::access | key_flag::update),
     .since = "8.8.0",
     .complexity = "O(1)",
     .syntax = "key [BYINT integer | BYFLOAT float] [LBOUND lower-bound] [UBOUND upper-bound] "
               "[SATURATE] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | PERSIST] [ENX] [NX | XX]",
     .summary = "Adds to a number within bounds and sets the key's expiry, all in one step.",
     .new_keys = increx_new_keys},
};

}  // namespace

std::span<const CommandSpec> conditional_commands() { return kConditionalCommands; }

}  // namespace gyre::commands
