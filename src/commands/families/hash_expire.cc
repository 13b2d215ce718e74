// SPDX-License-Identifier: BSD-3-Clause

// Deadlines of single fields of a hash, newer than Redis 7.2: HEXPIRE, HPEXPIRE, HEXPIREAT,
// HPEXPIREAT, HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME, HPERSIST, HGETEX, HSETEX, HGETDEL. A field
// that is set again loses its deadline, one that is incremented keeps it.
//
// Threads: home reactor, under the lock of the key.

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/numbers.h"
#include "commands/effect_words.h"
#include "commands/families/collection.h"
#include "commands/families/hash_value.h"
#include "commands/families/string_options.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using types::Hash;
using namespace std::string_literals;

constexpr std::string_view kFieldsMissing =
    "ERR Mandatory argument FIELDS is missing or not at the right position";
constexpr std::string_view kFieldsNotPositive = "ERR Number of fields must be a positive integer";
/// HEXPIRE and its kin have a text of their own, HSETEX has another.
constexpr std::string_view kFieldsTooFew = "ERR Parameter `numFields` should be greater than 0";
constexpr std::string_view kPairsInvalid = "ERR invalid number of fields";
constexpr std::string_view kFieldsDiffer =
    "ERR The `numfields` parameter must match the number of arguments";

/// What HTTL and kin answer for a field.
constexpr int64_t kNoSuchField = -2;
constexpr int64_t kNoDeadline = -1;

/// The arguments of the fields, or of fields and values in turn: from `first` on.
struct FieldArguments {
    size_t first = 0;
    size_t count = 0;
};

/// FIELDS, a count, and that many fields up to the end. nullopt: something is wrong, and the reply
/// says so.
std::optional<FieldArguments> read_fields(Context& context, size_t at,
                                          std::string_view not_positive = kFieldsNotPositive) {
    if (at + 1 >= context.count() || !context.is(at, "FIELDS")) {
        context.error(kFieldsMissing);
        return std::nullopt;
    }
    const auto count = count_between(context, at + 1, 1, INT64_MAX, not_positive);
    if (!count) return std::nullopt;
    if (context.count() - (at + 2) != static_cast<size_t>(*count)) {
        context.error(kFieldsDiffer);
        return std::nullopt;
    }
    return FieldArguments{at + 2, static_cast<size_t>(*count)};
}

/// The hash of a command's key. nullopt: the key holds something else, and the reply says so.
std::optional<Entry*> find_hash(Context& context, bool writes) {
    Entry* entry =
        writes ? context.keyspace.write(context.keys[0]) : context.keyspace.read(context.keys[0]);
    if (!require_type(context, entry, store::Type::hash)) return std::nullopt;
    return entry;
}

/// What a command has done to deadlines, for the log: with each in full, and fields that went as
/// HDEL says it.
class FieldEffects {
public:
    explicit FieldEffects(Context& context) : context_(context), logs_(context.logs()) {
        if (logs_) [[unlikely]]
            context.effects().tell_alone();
    }

    void set(std::string_view name, std::string_view value) {
        if (logs_) [[unlikely]]
            set_.insert(set_.end(), {name, value});
    }
    void set_deadline(std::string_view name) {
        if (logs_) [[unlikely]]
            timed_.push_back(name);
    }
    void remove(std::string_view name) {
        if (logs_) [[unlikely]]
            removed_.push_back(name);
    }
    /// Says what has come together; with kNoDeadline the deadlines went.
    void tell(int64_t deadline_ms) {
        tell_words("HSET", set_);
        if (!timed_.empty()) tell_timed(deadline_ms);
        tell_words("HDEL", removed_);
    }

private:
    void tell_words(std::string_view command, const std::vector<std::string_view>& words) {
        if (words.empty()) return;
        EffectWords effect(context_, command);
        effect.add(context_.keys[0]);
        for (const std::string_view word : words) effect.add(word);
        effect.tell();
    }
    void tell_timed(int64_t deadline_ms) {
        const bool has_deadline = deadline_ms != Hash::kNoDeadline;
        EffectWords effect(context_, has_deadline ? "HPEXPIREAT" : "HPERSIST");
        effect.add(context_.keys[0]);
        if (has_deadline) effect.number(deadline_ms);
        effect.add("FIELDS").number(static_cast<int64_t>(timed_.size()));
        for (const std::string_view name : timed_) effect.add(name);
        effect.tell();
    }

    Context& context_;
    const bool logs_;
    std::vector<std::string_view> set_;
    std::vector<std::string_view> timed_;
    std::vector<std::string_view> removed_;
};

/// One integer for each field.
template <class F>
void answer_each(Context& context, const FieldArguments& fields, F&& answer) {
    context.reply.array(static_cast<int64_t>(fields.count));
    for (size_t i = 0; i < fields.count; ++i) {
        context.reply.integer(answer(context.argument(fields.first + i)));
    }
}

// --- HEXPIRE and kin --------------------------------------------------------------------------

struct TimeUnit {
    int64_t milliseconds = 1;
    bool is_relative = false;
};

/// The deadline an argument gives. nullopt: something is wrong, and the reply says so.
std::optional<int64_t> read_time(Context& context, size_t at, TimeUnit unit) {
    const auto number = context.integer(at);
    if (!number) return std::nullopt;
    if (*number < 0) {
        context.error("ERR invalid expire time, must be >= 0");
        return std::nullopt;
    }
    const int64_t from_ms = unit.is_relative ? context.now_ms() : 0;
    // A log may tell of one that came out of a file.
    const int64_t max_ms =
        context.services.executor.is_replaying ? Hash::kKeptDeadlineMax : Hash::kDeadlineMax;
    if (*number > (max_ms - from_ms) / unit.milliseconds) {
        context.error("ERR invalid expire time in '" + full_name(context.spec) + "' command");
        return std::nullopt;
    }
    return *number * unit.milliseconds + from_ms;
}

enum class When : uint8_t { always, nx, xx, gt, lt };

std::optional<When> read_when(const Context& context, size_t at) {
    if (context.is(at, "NX")) return When::nx;
    if (context.is(at, "XX")) return When::xx;
    if (context.is(at, "GT")) return When::gt;
    if (context.is(at, "LT")) return When::lt;
    return std::nullopt;
}

/// No deadline counts as one that never comes.
bool is_met(When when, int64_t present_ms, int64_t deadline_ms) {
    switch (when) {
        case When::nx:
            return present_ms == Hash::kNoDeadline;
        case When::xx:
            return present_ms != Hash::kNoDeadline;
        case When::gt:
            return deadline_ms > present_ms;
        case When::lt:
            return deadline_ms < present_ms;
        case When::always:
            break;
    }
    return true;
}

/// 1: it has this deadline now; 2: that is past, and the field is gone; else what was not there.
int64_t expire_field(Context& context, HashValue& hash, std::string_view name, When when,
                     int64_t deadline_ms, FieldEffects& effects) {
    hash.forget_if_due(name);
    if (hash.size() == 0 || !hash.find(name)) return kNoSuchField;
    if (!is_met(when, hash.deadline_ms(name), deadline_ms)) return 0;
    if (deadline_ms <= context.now_ms()) {
        hash.remove(name);
        effects.remove(name);
        return 2;
    }
    hash.set_deadline(name, deadline_ms);
    effects.set_deadline(name);
    return 1;
}

void expire_fields(Context& context, TimeUnit unit) {
    const auto deadline_ms = read_time(context, 2, unit);
    if (!deadline_ms) return;
    const auto when = read_when(context, 3);
    const auto fields = read_fields(context, when ? 4 : 3, kFieldsTooFew);
    if (!fields) return;
    const auto entry = find_hash(context, true);
    if (!entry) return;
    HashValue hash(context, context.keys[0], *entry);
    FieldEffects effects(context);
    bool is_changed = false;
    answer_each(context, *fields, [&](std::string_view name) {
        const int64_t outcome =
            expire_field(context, hash, name, when.value_or(When::always), *deadline_ms, effects);
        is_changed |= outcome > 0;
        return outcome;
    });
    effects.tell(*deadline_ms);
    // All fields get the same deadline: it is past for each of them, or for none.
    if (is_changed) hash.tell(*deadline_ms <= context.now_ms() ? "hdel" : "hexpire");
    hash.settle();
}

void hexpire(Context& context) { expire_fields(context, {1000, true}); }
void hpexpire(Context& context) { expire_fields(context, {1, true}); }
void hexpireat(Context& context) { expire_fields(context, {1000, false}); }
void hpexpireat(Context& context) { expire_fields(context, {1, false}); }

// --- HTTL and kin -----------------------------------------------------------------------------

void tell_deadlines(Context& context, TimeUnit unit) {
    const auto fields = read_fields(context, 2);
    if (!fields) return;
    const auto entry = find_hash(context, false);
    if (!entry) return;
    const HashValue hash(context, context.keys[0], *entry);
    answer_each(context, *fields, [&](std::string_view name) {
        if (!hash.find(name)) return kNoSuchField;
        const int64_t deadline_ms = hash.deadline_ms(name);
        if (deadline_ms == Hash::kNoDeadline) return kNoDeadline;
        const int64_t time = unit.is_relative ? deadline_ms - context.now_ms() : deadline_ms;
        // Unlike those of TTL, seconds are rounded up.
        return (time + unit.milliseconds - 1) / unit.milliseconds;
    });
}

void httl(Context& context) { tell_deadlines(context, {1000, true}); }
void hpttl(Context& context) { tell_deadlines(context, {1, true}); }
void hexpiretime(Context& context) { tell_deadlines(context, {1000, false}); }
void hpexpiretime(Context& context) { tell_deadlines(context, {1, false}); }

void hpersist(Context& context) {
    const auto fields = read_fields(context, 2);
    if (!fields) return;
    const auto entry = find_hash(context, true);
    if (!entry) return;
    HashValue hash(context, context.keys[0], *entry);
    bool is_changed = false;
    answer_each(context, *fields, [&](std::string_view name) {
        hash.forget_if_due(name);
        if (!hash.find(name)) return kNoSuchField;
        if (hash.deadline_ms(name) == Hash::kNoDeadline) return kNoDeadline;
        hash.set_deadline(name, Hash::kNoDeadline);
        is_changed = true;
        return int64_t{1};
    });
    if (is_changed) hash.tell("hpersist");
}

// --- HGETEX, HGETDEL, HSETEX ------------------------------------------------------------------

void reply_value(Context& context, const HashValue& hash, std::string_view name) {
    const auto value = hash.find(name);
    if (value) {
        reply_element(context.reply, *value);
    } else {
        context.reply.null();
    }
}

/// The deadline an option gives, kNoDeadline where it gives none. nullopt: it is wrong, and the
/// reply says so.
std::optional<int64_t> deadline_of(Context& context, const ExpiryOption& option) {
    using Kind = ExpiryOption::Kind;
    if (!option.has_number()) return Hash::kNoDeadline;
    const bool in_seconds = option.kind == Kind::ex || option.kind == Kind::exat;
    const bool is_relative = option.kind == Kind::ex || option.kind == Kind::px;
    return read_time(context, option.at, {in_seconds ? 1000 : 1, is_relative});
}

/// A deadline that is past already ends the field at once.
void set_or_end(Context& context, HashValue& hash, std::string_view name, int64_t deadline_ms,
                FieldEffects& effects) {
    if (deadline_ms > context.now_ms()) {
        if (deadline_ms == hash.deadline_ms(name)) return;
        hash.set_deadline(name, deadline_ms);
        return effects.set_deadline(name);
    }
    hash.remove(name);
    effects.remove(name);
}

/// What an option that was carried out is called in events.
std::string_view expiry_event(const Context& context, int64_t deadline_ms) {
    if (deadline_ms == Hash::kNoDeadline) return "hpersist";
    return deadline_ms > context.now_ms() ? "hexpire" : "hdel";
}

void hgetex(Context& context) {
    ExpiryOption option;
    size_t at = 2;
    if (take_expiry(context, at, option, ExpiryOption::Kind::persist)) ++at;
    const auto fields = read_fields(context, at);
    if (!fields) return;
    const auto deadline_ms = deadline_of(context, option);
    if (!deadline_ms) return;
    const auto entry = find_hash(context, true);
    if (!entry) return;
    HashValue hash(context, context.keys[0], *entry);
    FieldEffects effects(context);
    bool is_changed = false;
    context.reply.array(static_cast<int64_t>(fields->count));
    for (size_t i = 0; i < fields->count; ++i) {
        const std::string_view name = context.argument(fields->first + i);
        reply_value(context, hash, name);
        if (option.kind == ExpiryOption::Kind::none || !hash.find(name)) continue;
        const bool is_persist = *deadline_ms == Hash::kNoDeadline;
        is_changed |= !is_persist || hash.deadline_ms(name) != Hash::kNoDeadline;
        set_or_end(context, hash, name, *deadline_ms, effects);
    }
    effects.tell(*deadline_ms);
    if (is_changed) hash.tell(expiry_event(context, *deadline_ms));
    hash.settle();
}

void hgetdel(Context& context) {
    const auto fields = read_fields(context, 2);
    if (!fields) return;
    const auto entry = find_hash(context, true);
    if (!entry) return;
    HashValue hash(context, context.keys[0], *entry);
    FieldEffects effects(context);
    bool is_changed = false;
    context.reply.array(static_cast<int64_t>(fields->count));
    for (size_t i = 0; i < fields->count; ++i) {
        const std::string_view name = context.argument(fields->first + i);
        reply_value(context, hash, name);
        if (hash.size() == 0 || !hash.remove(name)) continue;
        effects.remove(name);
        is_changed = true;
    }
    effects.tell(Hash::kNoDeadline);
    if (is_changed) hash.tell("hdel");
    hash.settle();
}

enum class Presence : uint8_t { any, none, all };

struct HsetexOptions {
    Presence presence = Presence::any;
    ExpiryOption expiry;
    size_t fields_at = 0;
};

/// The words in front of FIELDS, or what is wrong with them.
tl::expected<HsetexOptions, std::string> parse_hsetex(const Context& context) {
    HsetexOptions options;
    for (size_t at = 2; at < context.count(); ++at) {
        if (context.is(at, "FIELDS")) {
            options.fields_at = at;
            return options;
        }
        const bool is_fnx = context.is(at, "FNX");
        ExpiryOption expiry;
        if (is_fnx || context.is(at, "FXX")) {
            if (options.presence != Presence::any) {
                return tl::unexpected("ERR Only one of FXX or FNX arguments can be specified"s);
            }
            options.presence = is_fnx ? Presence::none : Presence::all;
        } else if (take_expiry(context, at, expiry, ExpiryOption::Kind::keepttl)) {
            if (options.expiry.kind != ExpiryOption::Kind::none) {
                return tl::unexpected(
                    "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"s);
            }
            options.expiry = expiry;
        } else {
            return tl::unexpected(fmt::format("ERR unknown argument: {}", context.argument(at)));
        }
    }
    return tl::unexpected(std::string(kFieldsMissing));
}

/// As read_fields() for fields with values, with the errors that HSETEX has instead.
std::optional<FieldArguments> read_pairs(Context& context, size_t at) {
    std::optional<int64_t> count;
    if (at + 3 < context.count()) {
        count = count_between(context, at + 1, 1, INT32_MAX, kPairsInvalid);
        if (!count) return std::nullopt;
    }
    if (!count || context.count() - (at + 2) != 2 * static_cast<size_t>(*count)) {
        context.error("ERR wrong number of arguments for 'hsetex' command");
        return std::nullopt;
    }
    return FieldArguments{at + 2, static_cast<size_t>(*count)};
}

/// Whether FNX or FXX, if given, holds for every field.
bool holds(const Context& context, Presence presence, const HashValue& hash,
           const FieldArguments& fields) {
    for (size_t i = 0; i < fields.count && presence != Presence::any; ++i) {
        const bool is_there = hash.find(context.argument(fields.first + 2 * i)).has_value();
        if (is_there != (presence == Presence::all)) return false;
    }
    return true;
}

/// The HSET that the log has of them took the deadlines away.
void tell_field_deadlines(Context& context, const HashValue& hash, const FieldArguments& fields) {
    for (size_t i = 0; i < fields.count; ++i) {
        tell_field_deadline(context, hash, context.argument(fields.first + 2 * i));
    }
}

void hsetex(Context& context) {
    const auto options = parse_hsetex(context);
    if (!options) return context.error(options.error());
    const auto fields = read_pairs(context, options->fields_at);
    if (!fields) return;
    const auto deadline_ms = deadline_of(context, options->expiry);
    if (!deadline_ms) return;
    const auto entry = find_hash(context, true);
    if (!entry) return;
    HashValue hash(context, context.keys[0], *entry);
    if (!holds(context, options->presence, hash, *fields)) return context.reply.integer(0);
    const bool keeps = options->expiry.kind == ExpiryOption::Kind::keepttl;
    FieldEffects effects(context);
    // As in HSET.
    for (size_t i = 0; i < fields->count; ++i) {
        hash.forget_if_due(context.argument(fields->first + 2 * i));
    }
    for (size_t i = 0; i < fields->count; ++i) {
        const std::string_view name = context.argument(fields->first + 2 * i);
        const std::string_view value = context.argument(fields->first + 2 * i + 1);
        hash.set(name, value, keeps ? Hash::Deadline::keep : Hash::Deadline::drop);
        effects.set(name, value);
        if (options->expiry.has_number()) set_or_end(context, hash, name, *deadline_ms, effects);
    }
    hash.tell("hset");
    if (options->expiry.has_number()) hash.tell(expiry_event(context, *deadline_ms));
    hash.settle();
    effects.tell(*deadline_ms);
    if (keeps && context.logs()) [[unlikely]]
        tell_field_deadlines(context, hash, *fields);
    context.reply.integer(1);
}

/// None for FXX, whose fields must be there.
int64_t hsetex_new_keys(Context& context) {
    const auto options = parse_hsetex(context);
    if (!options || options->presence == Presence::all) return 0;
    return context.keyspace.peek(context.keys[0]) == nullptr ? 1 : 0;
}

constexpr uint16_t kUpdates = key_flag::rw | key_flag::update;
constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr uint32_t kWritesFast = flag::write | flag::denyoom | flag::fast;
constexpr std::string_view kEachField = "O(N) with N the fields given.";

/// A field without deadline does not count for hashes that are not there.
int64_t none(Context&) { return 0; }

constexpr CommandSpec expire_row(std::string_view name, Handler handler, std::string_view syntax,
                                 std::string_view summary) {
    return {.name = name,
            .handler = handler,
            .arity = -6,
            .flags = kWritesFast,
            .group = Group::hash,
            .keys = one_key(kUpdates),
            .since = "7.4.0",
            .complexity = kEachField,
            .syntax = syntax,
            .summary = summary,
            .new_keys = none};
}

constexpr CommandSpec tell_row(std::string_view name, Handler handler, std::string_view summary) {
    return {.name = name,
            .handler = handler,
            .arity = -5,
            .flags = flag::readonly | flag::fast,
            .group = Group::hash,
            .keys = one_key(kReads),
            .since = "7.4.0",
            .complexity = kEachField,
            .syntax = "key FIELDS numfields field [field ...]",
            .summary = summary};
}

constexpr CommandSpec kHashExpireCommands[] = {
    expire_row("hexpire", hexpire,
               "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
               "Sets how many seconds fields of a hash have to live."),
    expire_row("hpexpire", hpexpire,
               "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
               "Sets how many milliseconds fields of a hash have to live."),
    expire_row("hexpireat", hexpireat,
               "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
               "Sets the Unix time in seconds at which fields of a hash end."),
    expire_row("hpexpireat", hpexpireat,
               "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
               "Sets the Unix time in milliseconds at which fields of a hash end."),
    tell_row("httl", httl, "Tells how many seconds fields of a hash have to live."),
    tell_row("hpttl", hpttl, "Tells how many milliseconds fields of a hash have to live."),
    tell_row("hexpiretime", hexpiretime, "Tells the Unix time in seconds at which fields end."),
    tell_row("hpexpiretime", hpexpiretime,
             "Tells the Unix time in milliseconds at which fields end."),
    {.name = "hpersist",
     .handler = hpersist,
     .arity = -5,
     .flags = flag::write | flag::fast,
     .group = Group::hash,
     .keys = one_key(kUpdates),
     .since = "7.4.0",
     .complexity = kEachField,
     .syntax = "key FIELDS numfields field [field ...]",
     .summary = "Removes the deadlines of fields of a hash."},
    {.name = "hgetex",
     .handler = hgetex,
     .arity = -5,
     .flags = flag::write | flag::fast,
     .group = Group::hash,
     .keys = one_key(kUpdates | key_flag::access),
     .since = "8.0.0",
     .complexity = kEachField,
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
               "unix-time-milliseconds | PERSIST] FIELDS numfields field [field ...]",
     .summary = "Returns the values of fields of a hash and changes their deadlines."},
    {.name = "hsetex",
     .handler = hsetex,
     .arity = -6,
     .flags = kWritesFast,
     .group = Group::hash,
     .keys = one_key(kUpdates),
     .since = "8.0.0",
     .complexity = kEachField,
     .syntax = "key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
               "unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]",
     .summary = "Sets fields of a hash together with their deadline, all or none.",
     .new_keys = hsetex_new_keys},
    {.name = "hgetdel",
     .handler = hgetdel,
     .arity = -5,
     .flags = flag::write | flag::fast,
     .group = Group::hash,
     .keys = one_key(key_flag::rw | key_flag::access | key_flag::remove),
     .since = "8.0.0",
     .complexity = kEachField,
     .syntax = "key FIELDS numfields field [field ...]",
     .summary = "Returns the values of fields of a hash and removes them."},
};

}  // namespace

std::span<const CommandSpec> hash_expire_commands() { return kHashExpireCommands; }

}  // namespace gyre::commands
