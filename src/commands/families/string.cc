// SPDX-License-Identifier: BSD-3-Clause

// Reading strings and changing parts of them: GET and its forms, MGET, STRLEN, ranges, APPEND, LCS.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/families/string_options.h"
#include "commands/registry.h"
#include "types/lcs.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;

/// What GET answers. False when the key is no string; the reply says so.
bool reply_value(Context& context, const Entry* entry) {
    if (entry == nullptr) {
        context.reply.null();
        return true;
    }
    if (!context.require_string(entry)) return false;
    context.reply_string(*entry);
    return true;
}

void get(Context& context) { reply_value(context, context.keyspace.read(context.keys[0])); }

void getdel(Context& context) {
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.read(key);
    if (!reply_value(context, entry) || entry == nullptr) return;
    context.keyspace.erase(key, entry);
    context.keyspace.notify(engine::event::generic, "del", key);
    context.tell_deleted(key);
}

/// nullopt: a syntax error.
std::optional<ExpiryOption> parse_getex(const Context& context) {
    ExpiryOption option;
    for (size_t at = 2; at < context.count(); ++at) {
        if (!take_expiry(context, at, option, ExpiryOption::Kind::persist)) return std::nullopt;
    }
    return option;
}

void getex(Context& context) {
    const auto option = parse_getex(context);
    if (!option) return context.error(errors::kSyntax);
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.read(key);
    if (entry == nullptr) return context.reply.null();
    if (!context.require_string(entry)) return;
    int64_t deadline_ms = store::kNoExpiry;
    if (option->has_number()) {
        const auto read = read_deadline(context, option->kind, option->at, context.now_ms());
        if (!read) return;
        deadline_ms = *read;
    }
    context.reply_string(*entry);
    if (option->kind == ExpiryOption::Kind::none) return;
    if (deadline_ms <= context.now_ms()) {
        context.keyspace.erase(key, entry);
        context.keyspace.notify(engine::event::generic, "del", key);
        context.tell_deleted(key);
    } else if (deadline_ms != store::kNoExpiry || entry->has_expiry()) {
        entry = context.keyspace.set_expiry(key, entry, deadline_ms);
        context.keyspace.notify(engine::event::generic,
                                deadline_ms == store::kNoExpiry ? "persist" : "expire", key);
        context.tell_deadline(key, *entry);
    }
}

void mget(Context& context) {
    context.reply.array(static_cast<int64_t>(context.keys.size()));
    for (const Key& key : context.keys) {
        const Entry* entry = context.keyspace.read(key);
        if (entry == nullptr || entry->type() != store::Type::string) {
            context.reply.null();
        } else {
            context.reply_string(*entry);
        }
    }
}

void strlen(Context& context) {
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (entry == nullptr) return context.reply.integer(0);
    if (!context.require_string(entry)) return;
    context.reply.integer(static_cast<int64_t>(Context::string_length(*entry)));
}

/// The bytes from `start` to `end`, both included; negative ones count from the end.
std::string_view range_of(std::string_view bytes, int64_t start, int64_t end) {
    if (start < 0 && end < 0 && start > end) return {};
    const auto size = static_cast<int64_t>(bytes.size());
    if (start < 0) start = std::max<int64_t>(size + start, 0);
    if (end < 0) end = std::max<int64_t>(size + end, 0);
    end = std::min(end, size - 1);
    if (start > end) return {};
    return bytes.substr(static_cast<size_t>(start), static_cast<size_t>(end - start + 1));
}

void getrange(Context& context) {
    const auto start = context.integer(2);
    if (!start) return;
    const auto end = context.integer(3);
    if (!end) return;
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (entry == nullptr) return context.reply.bulk({});
    if (!context.require_string(entry)) return;
    char digits[24];
    context.reply.bulk(range_of(Context::string_bytes(*entry, digits), *start, *end));
}

void append(Context& context) {
    const Key& key = context.keys[0];
    const std::string_view added = context.argument(2);
    Entry* entry = context.keyspace.write(key);
    if (entry == nullptr) {
        context.keyspace.put(key, nullptr, context.content(2));
        context.keyspace.notify(engine::event::string, "append", key);
        return context.reply.integer(static_cast<int64_t>(added.size()));
    }
    if (!context.require_string(entry)) return;
    const size_t length = Context::string_length(*entry);
    if (!check_length(context, length, added.size())) return;
    char* bytes = context.keyspace.edit(key, entry, length + added.size());
    std::memcpy(bytes + length, added.data(), added.size());
    context.keyspace.notify(engine::event::string, "append", key);
    context.reply.integer(static_cast<int64_t>(length + added.size()));
}

void setrange(Context& context) {
    const auto offset = context.integer(2);
    if (!offset) return;
    if (*offset < 0) return context.error("ERR offset is out of range");
    const auto start = static_cast<size_t>(*offset);
    const std::string_view written = context.argument(3);
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (!context.require_string(entry)) return;
    const size_t length = entry == nullptr ? 0 : Context::string_length(*entry);
    if (written.empty()) return context.reply.integer(static_cast<int64_t>(length));
    if (!check_length(context, start, written.size())) return;
    const size_t new_length = std::max(length, start + written.size());
    char* bytes = context.keyspace.edit(key, entry, new_length);
    std::memcpy(bytes + start, written.data(), written.size());
    context.keyspace.notify(engine::event::string, "setrange", key);
    context.reply.integer(static_cast<int64_t>(new_length));
}

int64_t setrange_new_keys(Context& context) {
    if (context.argument(3).empty()) return 0;
    return context.keyspace.peek(context.keys[0]) == nullptr ? 1 : 0;
}

struct LcsOptions {
    bool wants_length = false;
    bool wants_places = false;
    bool wants_match_length = false;
    int64_t match_length_min = 0;
};

/// nullopt: something is wrong, and the reply says so.
std::optional<LcsOptions> parse_lcs(Context& context) {
    LcsOptions options;
    for (size_t at = 3; at < context.count(); ++at) {
        if (context.is(at, "LEN")) {
            options.wants_length = true;
        } else if (context.is(at, "IDX")) {
            options.wants_places = true;
        } else if (context.is(at, "WITHMATCHLEN")) {
            options.wants_match_length = true;
        } else if (context.is(at, "MINMATCHLEN") && at + 1 < context.count()) {
            const auto length = context.integer(++at);
            if (!length) return std::nullopt;
            options.match_length_min = *length;
        } else {
            context.error(errors::kSyntax);
            return std::nullopt;
        }
    }
    if (!options.wants_length || !options.wants_places) return options;
    context.error("ERR If you want both the length and indexes, please just use IDX.");
    return std::nullopt;
}

/// Redis' limits, which follow from its table of 32-bit lengths. Keeping to them also bounds the
/// time.
bool is_lcs_too_large(Context& context, size_t first, size_t second) {
    if (first >= UINT32_MAX - 1 || second >= UINT32_MAX - 1) {
        context.error("ERR String too long for LCS");
        return true;
    }
    const uint64_t cells = (uint64_t{first} + 1) * (uint64_t{second} + 1);
    const int64_t limit =
        context.keyspace.dataset().settings.proto_max_bulk_len.load(std::memory_order_relaxed);
    if (cells <= static_cast<uint64_t>(limit) / sizeof(uint32_t)) return false;
    context.error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    return true;
}

void reply_lcs_places(Context& context, const types::Lcs& found, const LcsOptions& options) {
    const auto is_shown = [&](const types::LcsMatch& match) {
        return static_cast<int64_t>(match.length()) >= options.match_length_min;
    };
    const auto reply_range = [&](size_t begin, size_t end) {
        context.reply.array(2);
        context.reply.integer(static_cast<int64_t>(begin));
        context.reply.integer(static_cast<int64_t>(end));
    };
    context.reply.map(2);
    context.reply.bulk("matches");
    context.reply.array(std::count_if(found.matches.begin(), found.matches.end(), is_shown));
    for (const types::LcsMatch& match : found.matches) {
        if (!is_shown(match)) continue;
        context.reply.array(options.wants_match_length ? 3 : 2);
        reply_range(match.first_begin, match.first_end);
        reply_range(match.second_begin, match.second_end);
        if (options.wants_match_length) {
            context.reply.integer(static_cast<int64_t>(match.length()));
        }
    }
    context.reply.bulk("len");
    context.reply.integer(static_cast<int64_t>(found.text.size()));
}

void lcs(Context& context) {
    const Entry* first_entry = context.keyspace.read(context.keys[0]);
    const Entry* second_entry = context.keyspace.read(context.keys[1]);
    std::string_view first;
    std::string_view second;
    char first_digits[24];
    char second_digits[24];
    for (const Entry* entry : {first_entry, second_entry}) {
        if (entry != nullptr && entry->type() != store::Type::string) {
            return context.error("ERR The specified keys must contain string values");
        }
    }
    if (first_entry != nullptr) first = Context::string_bytes(*first_entry, first_digits);
    if (second_entry != nullptr) second = Context::string_bytes(*second_entry, second_digits);
    const auto options = parse_lcs(context);
    if (!options || is_lcs_too_large(context, first.size(), second.size())) return;
    if (options->wants_length) {
        return context.reply.integer(static_cast<int64_t>(types::lcs_length(first, second)));
    }
    const types::Lcs found = types::lcs(first, second);
    if (options->wants_places) return reply_lcs_places(context, found, *options);
    context.reply.bulk(found.text);
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr std::string_view kRangeComplexity = "O(N) where N is the length of the returned string.";

constexpr CommandSpec kStringCommands[] = {
    {.name = "get",
     .handler = get,
     .arity = 2,
     .flags = flag::readonly | flag::fast,
     .group = Group::string,
     .keys = one_key(kReads),
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns the string a key holds."},
    {.name = "getdel",
     .handler = getdel,
     .arity = 2,
     .flags = flag::write | flag::fast,
     .group = Group::string,
     .keys = one_key(key_flag::rw | key_flag::access | key_flag::remove),
     .since = "6.2.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns the string a key holds and deletes the key."},
    {.name = "getex",
     .handler = getex,
     .arity = -2,
     .flags = flag::write | flag::fast,
     .group = Group::string,
     .keys = one_key(key_flag::rw | key_flag::access | key_flag::update),
     .since = "6.2.0",
     .complexity = "O(1)",
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | PERSIST]",
     .summary = "Returns the string a key holds and sets or removes the key's expiry."},
    {.name = "mget",
     .handler = mget,
     .arity = -2,
     .flags = flag::readonly | flag::fast,
     .group = Group::string,
     .keys = keys_to_end(kReads),
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys to retrieve.",
     .syntax = "key [key ...]",
     .summary = "Returns the strings of any number of keys, null where there is none.",
     .tips = "request_policy:multi_shard"},
    {.name = "strlen",
     .handler = strlen,
     .arity = 2,
     .flags = flag::readonly | flag::fast,
     .group = Group::string,
     .keys = one_key(key_flag::ro),
     .since = "2.2.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Returns the length of a string in bytes, 0 where there is none."},
    {.name = "getrange",
     .handler = getrange,
     .arity = 4,
     .flags = flag::readonly,
     .group = Group::string,
     .keys = one_key(kReads),
     .since = "2.4.0",
     .complexity = kRangeComplexity,
     .syntax = "key start end",
     .summary = "Returns the part of a string between two offsets, both included."},
    {.name = "substr",
     .handler = getrange,
     .arity = 4,
     .flags = flag::readonly,
     .group = Group::string,
     .keys = one_key(kReads),
     .since = "1.0.0",
     .complexity = kRangeComplexity,
     .syntax = "key start end",
     .summary = "Returns the part of a string between two offsets, both included.",
     .deprecated_since = "2.0.0",
     .replaced_by = "`GETRANGE`"},
    {.name = "append",
     .handler = append,
     .arity = 3,
     .flags = flag::write | flag::denyoom | flag::fast,
     .group = Group::string,
     .keys = one_key(key_flag::rw | key_flag::insert),
     .since = "2.0.0",
     .complexity = "O(N) where N is the length of the appended value, amortized.",
     .syntax = "key value",
     .summary = "Adds bytes at the end of a string, which is made if there is none."},
    {.name = "setrange",
     .handler = setrange,
     .arity = 4,
     .flags = flag::write | flag::denyoom,
     .group = Group::string,
     .keys = one_key(key_flag::rw | key_flag::update),
     .since = "2.2.0",
     .complexity = "O(N) where N is the length of the value, and of what the string grows by.",
     .syntax = "key offset value",
     .summary = "Overwrites a string from an offset on; it grows with zero bytes where needed.",
     .new_keys = setrange_new_keys},
    {.name = "lcs",
     .handler = lcs,
     .arity = -3,
     .flags = flag::readonly,
     .group = Group::string,
     .keys = {{KeySpec{kReads, 1, KeySpec::Find::range, 1, 1, 0}}, 1},
     .since = "7.0.0",
     .complexity = "O(N*M) where N and M are the lengths of the two strings.",
     .syntax = "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
     .summary =
         "Finds the longest sequence of bytes that occurs in the same order in two strings."},
};

}  // namespace

std::span<const CommandSpec> string_commands() { return kStringCommands; }

}  // namespace gyre::commands
