// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/string_options.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "commands/registry.h"
#include "types/digest.h"

namespace gyre::commands {
namespace {

struct ExpiryWord {
    std::string_view word;
    ExpiryOption::Kind kind;
};

constexpr ExpiryWord kExpiryWords[] = {
    {"EX", ExpiryOption::Kind::ex},           {"PX", ExpiryOption::Kind::px},
    {"EXAT", ExpiryOption::Kind::exat},       {"PXAT", ExpiryOption::Kind::pxat},
    {"KEEPTTL", ExpiryOption::Kind::keepttl}, {"PERSIST", ExpiryOption::Kind::persist},
};

struct ComparisonWord {
    std::string_view word;
    Condition::Kind kind;
};

constexpr ComparisonWord kComparisonWords[] = {
    {"IFEQ", Condition::Kind::ifeq},
    {"IFNE", Condition::Kind::ifne},
    {"IFDEQ", Condition::Kind::ifdeq},
    {"IFDNE", Condition::Kind::ifdne},
};

std::optional<int64_t> refuse_deadline(Context& context) {
    context.error("ERR invalid expire time in '" + full_name(context.spec) + "' command");
    return std::nullopt;
}

bool is_digest_condition(const Condition& condition) {
    return condition.kind == Condition::Kind::ifdeq || condition.kind == Condition::Kind::ifdne;
}

}  // namespace

bool take_expiry(const Context& context, size_t& at, ExpiryOption& option,
                 ExpiryOption::Kind other) {
    for (const ExpiryWord& word : kExpiryWords) {
        if (!context.is(at, word.word)) continue;
        // The same word again is no contradiction: the last one counts.
        if (option.kind != ExpiryOption::Kind::none && option.kind != word.kind) return false;
        const ExpiryOption taken{word.kind, at + 1};
        if (!taken.has_number()) {
            if (word.kind != other) return false;
        } else if (taken.at == context.count()) {
            return false;  // `at` stays: the caller goes on looking at this word
        } else {
            at = taken.at;
        }
        option = taken;
        return true;
    }
    return false;
}

std::optional<int64_t> read_deadline(Context& context, ExpiryOption::Kind kind, size_t at,
                                     int64_t from_ms) {
    const auto number = context.integer(at);
    if (!number) return std::nullopt;
    int64_t deadline_ms = *number;
    if (deadline_ms <= 0) return refuse_deadline(context);
    const bool in_seconds = kind == ExpiryOption::Kind::ex || kind == ExpiryOption::Kind::exat;
    if (in_seconds && __builtin_mul_overflow(deadline_ms, 1000, &deadline_ms)) {
        return refuse_deadline(context);
    }
    const bool is_relative = kind == ExpiryOption::Kind::ex || kind == ExpiryOption::Kind::px;
    if (is_relative && __builtin_add_overflow(deadline_ms, from_ms, &deadline_ms)) {
        return refuse_deadline(context);
    }
    // The very last millisecond stands for "never".
    return std::min(deadline_ms, store::kNoExpiry - 1);
}

bool take_existence(const Context& context, size_t at, Condition& condition) {
    const bool is_nx = context.is(at, "NX");
    if (!is_nx && !context.is(at, "XX")) return false;
    const Condition::Kind kind = is_nx ? Condition::Kind::nx : Condition::Kind::xx;
    if (condition.kind != Condition::Kind::none && condition.kind != kind) return false;
    condition.kind = kind;
    return true;
}

bool take_comparison(const Context& context, size_t& at, Condition& condition) {
    for (const ComparisonWord& word : kComparisonWords) {
        if (!context.is(at, word.word)) continue;
        if (condition.kind != Condition::Kind::none || at + 1 == context.count()) return false;
        condition = {word.kind, ++at};
        return true;
    }
    return false;
}

bool check_condition(Context& context, const Condition& condition) {
    if (!is_digest_condition(condition)) return true;
    if (types::parse_digest(context.argument(condition.at))) return true;
    context.error("ERR digest must be exactly 16 hexadecimal characters");
    return false;
}

bool is_met(const Context& context, const Condition& condition, const store::Entry* present) {
    if (condition.kind == Condition::Kind::none) return true;
    if (present == nullptr) return !condition.needs_key();
    if (!condition.compares()) return condition.kind == Condition::Kind::xx;
    char digits[24];
    const std::string_view value = Context::string_bytes(*present, digits);
    const std::string_view wanted = context.argument(condition.at);
    const bool is_equal = is_digest_condition(condition)
                              ? types::parse_digest(wanted) == types::digest(value)
                              : wanted == value;
    const bool wants_equal =
        condition.kind == Condition::Kind::ifeq || condition.kind == Condition::Kind::ifdeq;
    return is_equal == wants_equal;
}

std::optional<int64_t> integer_of(const store::Entry& entry) {
    if (entry.encoding() == store::Encoding::integer) return entry.integer();
    return base::parse_integer(entry.bytes());
}

std::optional<long double> real_of(const store::Entry& entry) {
    char digits[24];
    return base::parse_long_double(Context::string_bytes(entry, digits));
}

bool check_length(Context& context, size_t length, size_t added) {
    const int64_t limit =
        context.keyspace.dataset().settings.proto_max_bulk_len.load(std::memory_order_relaxed);
    size_t total = 0;
    if (!__builtin_add_overflow(length, added, &total) && total <= static_cast<size_t>(limit)) {
        return true;
    }
    context.error(errors::kStringTooLong);
    return false;
}

int64_t count_missing_keys(Context& context) {
    std::vector<std::string_view> missing;
    for (const store::Key& key : context.keys) {
        if (context.keyspace.peek(key) == nullptr) missing.push_back(key.bytes);
    }
    std::sort(missing.begin(), missing.end());
    return std::unique(missing.begin(), missing.end()) - missing.begin();
}

void refuse_count(Context& context) {
    context.error("ERR wrong number of arguments for '" + full_name(context.spec) + "' command");
}

bool is_past(const Context& context, engine::Deadline deadline) {
    return deadline.kind == engine::Deadline::Kind::at && deadline.unix_ms < context.now_ms();
}

void put_until(Context& context, const store::Key& key, store::Entry* present, size_t value_at,
               engine::Deadline deadline, int64_t timestamp_ms) {
    if (!is_past(context, deadline)) {
        const store::Entry* entry =
            context.keyspace.put(key, present, context.content(value_at), deadline, timestamp_ms);
        context.tell_value(key, *entry, value_at);
    } else if (present != nullptr) {
        context.keyspace.erase(key, present);
        context.tell_deleted(key);
    } else {
        context.keyspace.wrote_nothing(key);
        context.keyspace.notify(engine::event::created, "new", key);
    }
    context.keyspace.notify(engine::event::string, "set", key);
    if (deadline.kind != engine::Deadline::Kind::at) return;
    context.keyspace.notify(engine::event::generic, "expire", key);
    if (is_past(context, deadline)) context.keyspace.notify(engine::event::expired, "expired", key);
}

}  // namespace gyre::commands
