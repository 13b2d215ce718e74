// SPDX-License-Identifier: BSD-3-Clause

// Streams without groups: XADD, XTRIM, XDEL, XLEN, XRANGE, XREVRANGE, XREAD, XSETID.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "commands/blocking.h"
#include "commands/effect_words.h"
#include "commands/families/stream_options.h"
#include "commands/families/string_options.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::Stream;
using types::StreamId;
using types::StreamTrim;

// --- XADD, XTRIM ---------------------------------------------------------------------------------

struct AddArguments {
    bool is_add = false;
    StreamTrim trim;
    bool has_limit = false;
    bool makes_stream = true;
    std::optional<ParsedId> id;  ///< nullopt: `*`
    size_t id_at = 0;
};

constexpr std::string_view kTooLarge = "ERR Elements are too large to be stored";

/// Approximate trimming removes this many full nodes in one command, within these limits.
constexpr uint64_t kTrimNodes = 100;
constexpr uint64_t kTrimLimitLeast = 10'000;
constexpr uint64_t kTrimLimitMost = 1'000'000;

/// MAXLEN or MINID with its value; moves `at` to its last argument.
bool read_strategy(Context& context, size_t& at, StreamTrim& trim) {
    if (trim.by != StreamTrim::By::nothing) {
        context.error(
            "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
        return false;
    }
    const bool by_length = context.is(at, "MAXLEN");
    const size_t left = context.count() - 1 - at;
    const std::string_view next = context.argument(at + 1);
    trim.is_approximate = left >= 2 && next == "~";
    at += left >= 2 && (next == "~" || next == "=") ? 2 : 1;
    if (by_length) {
        trim.by = StreamTrim::By::length;
        const auto length = context.integer(at);
        if (!length) return false;
        trim.length = static_cast<uint64_t>(*length);
        if (*length >= 0) return true;
        context.error("ERR The MAXLEN argument must be >= 0.");
        return false;
    }
    trim.by = StreamTrim::By::id;
    const auto id = read_id(context, at);
    if (id) trim.id = *id;
    return id.has_value();
}

bool read_limit(Context& context, size_t at, AddArguments& arguments) {
    const auto limit = context.integer(at);
    if (!limit) return false;
    arguments.has_limit = true;
    arguments.trim.limit = static_cast<uint64_t>(*limit);
    if (*limit >= 0) return true;
    context.error("ERR The LIMIT argument must be >= 0.");
    return false;
}

/// What stands before the fields. False: something is wrong, and the reply says so.
bool read_words(Context& context, AddArguments& arguments) {
    size_t at = 2;
    for (; at < context.count(); ++at) {
        const bool has_value = at + 1 < context.count();
        if (arguments.is_add && context.argument(at) == "*") break;
        if (has_value && (context.is(at, "MAXLEN") || context.is(at, "MINID"))) {
            if (!read_strategy(context, at, arguments.trim)) return false;
        } else if (has_value && context.is(at, "LIMIT")) {
            if (!read_limit(context, ++at, arguments)) return false;
        } else if (arguments.is_add && context.is(at, "NOMKSTREAM")) {
            arguments.makes_stream = false;
        } else if (arguments.is_add) {
            arguments.id = parse_stream_id(context.argument(at), 0, true);
            if (arguments.id) break;
            refuse_id(context);
            return false;
        } else {
            context.error(errors::kSyntax);
            return false;
        }
    }
    arguments.id_at = at;
    return true;
}

/// Options that do not go together; the limit of approximate trimming.
bool settle_trim(Context& context, AddArguments& arguments) {
    StreamTrim& trim = arguments.trim;
    const bool trims = trim.by != StreamTrim::By::nothing;
    if (trim.limit != 0 && !trims) {
        context.error(
            "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
        return false;
    }
    if (!arguments.is_add && !trims) {
        context.error("ERR syntax error, XTRIM must be called with a trimming strategy");
        return false;
    }
    if (context.services.executor.is_replaying) {
        // A log names what trimming has left, and Redis keeps the LIMIT it was given beside it.
        trim.limit = 0;
        return true;
    }
    if (arguments.has_limit && !trim.is_approximate) {
        context.error("ERR syntax error, LIMIT cannot be used without the special ~ option");
        return false;
    }
    if (!arguments.has_limit && trim.is_approximate) {
        const uint64_t entries = context.keyspace.dataset().settings.stream_node_max_entries.load(
            std::memory_order_relaxed);
        trim.limit =
            entries == 0 ? kTrimLimitLeast : std::min(entries, kTrimLimitMost) * kTrimNodes;
        trim.limit = std::min(trim.limit, kTrimLimitMost);
    }
    return true;
}

/// The id that an entry gets. nullopt: it would not be above the last one.
std::optional<StreamId> next_id(const Stream& stream, const std::optional<ParsedId>& wanted,
                                int64_t now_ms) {
    StreamId id;
    if (wanted && wanted->is_seq_given) {
        id = wanted->id;
    } else {
        id = wanted ? wanted->id : StreamId{static_cast<uint64_t>(now_ms), 0};
        const bool follows = wanted ? id.ms == stream.last_id.ms : id.ms <= stream.last_id.ms;
        if (follows) {
            id = stream.last_id;
            // With its milliseconds given, the number must not run into the next one.
            if (wanted && id.seq == UINT64_MAX) return std::nullopt;
            id.increment();
        }
    }
    return id > stream.last_id ? std::optional<StreamId>(id) : std::nullopt;
}

types::StreamNodeLimits node_limits(Context& context) {
    const engine::Settings& settings = context.keyspace.dataset().settings;
    return {settings.stream_node_max_bytes.load(std::memory_order_relaxed),
            settings.stream_node_max_entries.load(std::memory_order_relaxed)};
}

/// What trimming has left, exactly: where it stops of itself depends on how nodes were filled.
void add_trim(EffectWords& effect, const Stream& stream, const StreamTrim& trim) {
    if (trim.by == StreamTrim::By::nothing) return;
    const bool by_length = trim.by == StreamTrim::By::length;
    effect.add(by_length ? "MAXLEN" : "MINID").add("=");
    if (by_length) {
        effect.number(static_cast<int64_t>(trim.is_approximate ? stream.size() : trim.length));
    } else {
        const bool is_first = trim.is_approximate && stream.size() > 0;
        effect.copy(stream_id_text(is_first ? stream.first_id() : trim.id));
    }
}

/// Adds the entry and trims. nullopt: the reply says why not.
std::optional<StreamId> add_entry(Context& context, const AddArguments& arguments, Entry* entry) {
    const Stream& present = stream_of(*entry);
    if (present.last_id == StreamId::max()) {
        context.error(
            "ERR The stream has exhausted the last possible ID, unable to add more items");
        return std::nullopt;
    }
    const auto id = next_id(present, arguments.id, context.now_ms());
    if (!id && arguments.id && !arguments.id->is_seq_given && present.last_id.seq == UINT64_MAX &&
        arguments.id->id.ms == present.last_id.ms) {
        // No number is left in this millisecond; this is what Redis says then.
        context.error(kTooLarge);
        return std::nullopt;
    }
    if (!id) {
        context.error(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item");
        return std::nullopt;
    }
    std::vector<std::string_view> pairs;
    for (size_t at = arguments.id_at + 1; at < context.count(); ++at) {
        pairs.push_back(context.argument(at));
    }
    const Key& key = context.keys[0];
    size_t trimmed = 0;
    edit_stream(context, key, entry, [&](Stream& stream) {
        stream.append(*id, pairs, node_limits(context));
        if (arguments.trim.by != StreamTrim::By::nothing) trimmed = stream.trim(arguments.trim);
    });
    entry = context.keyspace.changed(key, entry);
    tell_stream(context, "xadd");
    if (trimmed > 0) tell_stream(context, "xtrim");
    const bool has_full_id = arguments.id && arguments.id->is_seq_given;
    if (context.logs() && (!has_full_id || arguments.trim.is_approximate)) [[unlikely]] {
        EffectWords effect(context, context.argument(0));
        effect.add(key);
        add_trim(effect, stream_of(*entry), arguments.trim);
        effect.copy(stream_id_text(*id)).add_arguments(arguments.id_at + 1).tell();
    }
    return id;
}

size_t field_bytes(const Context& context, size_t fields_at) {
    size_t bytes = 0;
    for (size_t at = fields_at; at < context.count(); ++at) bytes += context.argument(at).size();
    return bytes;
}

void xadd(Context& context) {
    AddArguments arguments;
    arguments.is_add = true;
    if (!read_words(context, arguments) || !settle_trim(context, arguments)) return;
    const size_t fields_at = arguments.id_at + 1;
    if (context.count() < fields_at + 2 || (context.count() - fields_at) % 2 != 0) {
        return refuse_count(context);
    }
    if (arguments.id && arguments.id->is_seq_given && arguments.id->id.is_zero()) {
        return context.error("ERR The ID specified in XADD must be greater than 0-0");
    }
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (!require_stream(context, entry)) return;
    if (entry == nullptr && !arguments.makes_stream) return context.reply.null();
    // Before a stream is made for it: what is refused must leave nothing.
    if (field_bytes(context, fields_at) > Stream::kNodeBytesMax) return context.error(kTooLarge);
    if (entry == nullptr) {
        entry = context.keyspace.put_object(key, nullptr, kStreamKind,
                                            std::unique_ptr<types::Object>(new Stream()));
    }
    const auto id = add_entry(context, arguments, entry);
    if (id) reply_id(context.reply, *id);
}

void xtrim(Context& context) {
    AddArguments arguments;
    if (!read_words(context, arguments) || !settle_trim(context, arguments)) return;
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (!require_stream(context, entry)) return;
    if (entry == nullptr) return context.reply.integer(0);
    const size_t gone = edit_stream(context, key, entry,
                                    [&](Stream& stream) { return stream.trim(arguments.trim); });
    if (gone > 0) {
        entry = context.keyspace.changed_unready(key, entry);
        tell_stream(context, "xtrim");
    }
    if (gone > 0 && arguments.trim.is_approximate && context.logs()) [[unlikely]] {
        EffectWords effect(context, context.argument(0));
        effect.add(key);
        add_trim(effect, stream_of(*entry), arguments.trim);
        effect.tell();
    }
    context.reply.integer(static_cast<int64_t>(gone));
}

// --- entries -------------------------------------------------------------------------------------

void xlen(Context& context) {
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_stream(context, entry)) return;
    context.reply.integer(entry == nullptr ? 0 : static_cast<int64_t>(stream_of(*entry).size()));
}

void xdel(Context& context) {
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (!require_stream(context, entry)) return;
    if (entry == nullptr) return context.reply.integer(0);
    std::vector<StreamId> ids;
    for (size_t at = 2; at < context.count(); ++at) {
        const auto id = read_id(context, at);
        if (!id) return;
        ids.push_back(*id);
    }
    const auto gone = edit_stream(context, key, entry, [&](Stream& stream) {
        return std::count_if(ids.begin(), ids.end(),
                             [&](const StreamId& id) { return stream.erase(id); });
    });
    if (gone > 0) {
        context.keyspace.changed_unready(key, entry);
        tell_stream(context, "xdel");
    }
    context.reply.integer(gone);
}

void range(Context& context, bool is_reversed) {
    const auto first = read_interval_begin(context, is_reversed ? 3 : 2);
    if (!first) return;
    const auto last = read_interval_end(context, is_reversed ? 2 : 3);
    if (!last) return;
    std::optional<int64_t> count;
    for (size_t at = 4; at < context.count(); at += 2) {
        if (at + 1 >= context.count() || !context.is(at, "COUNT")) {
            return context.error(errors::kSyntax);
        }
        count = read_count_from_zero(context, at + 1);
        if (!count) return;
    }
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_stream(context, entry)) return;
    if (entry == nullptr) return context.reply.array(0);
    if (count == 0) return context.reply.null_array();
    reply_entries(context.reply, stream_of(*entry), *first, *last,
                  static_cast<uint64_t>(count.value_or(0)), is_reversed);
}

void xrange(Context& context) { range(context, false); }
void xrevrange(Context& context) { range(context, true); }

// --- XREAD ---------------------------------------------------------------------------------------

struct ReadArguments {
    uint64_t count = 0;
    std::optional<int64_t> timeout_ms;  ///< BLOCK
    size_t streams_at = 0;
    size_t streams = 0;
};

/// False: something is wrong, and the reply says so.
bool read_read_words(Context& context, ReadArguments& arguments) {
    for (size_t at = 1; at < context.count(); ++at) {
        const bool has_value = at + 1 < context.count();
        if (has_value && context.is(at, "COUNT")) {
            const auto count = read_count_from_zero(context, ++at);
            if (!count) return false;
            arguments.count = static_cast<uint64_t>(*count);
        } else if (has_value && context.is(at, "BLOCK")) {
            arguments.timeout_ms = read_timeout_ms(context, ++at);
            if (!arguments.timeout_ms) return false;
        } else if (has_value && context.is(at, "STREAMS")) {
            arguments.streams_at = at + 1;
            const size_t rest = context.count() - at - 1;
            arguments.streams = rest / 2;
            // The keys were looked for behind the first STREAMS.
            if (rest % 2 == 0 && context.keys.size() == arguments.streams) return true;
            if (rest % 2 == 0) break;
            context.error(
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be "
                "specified.");
            return false;
        } else if (at + 2 < context.count() && context.is(at, "GROUP")) {
            context.error(
                "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
            return false;
        } else if (context.is(at, "NOACK")) {
            context.error(
                "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
            return false;
        } else {
            break;
        }
    }
    context.error(errors::kSyntax);
    return false;
}

struct ReadFrom {
    const Key* key;
    const Stream* stream;
    StreamId after;
};

/// The streams within reach that have something behind the ids given. nullopt: the reply says what
/// is wrong.
std::optional<std::vector<ReadFrom>> find_readable(Context& context, const ReadArguments& arguments,
                                                   const Reach& reach) {
    std::vector<ReadFrom> found;
    std::vector<const Key*> missing;
    for (size_t i = 0; i < arguments.streams; ++i) {
        if (!reach.sees(context.keys[i])) continue;
        const size_t at = arguments.streams_at + arguments.streams + i;
        const Entry* entry = context.keyspace.read(context.keys[i]);
        if (!require_stream(context, entry)) return std::nullopt;
        const Stream* stream = entry == nullptr ? nullptr : &stream_of(*entry);
        if (stream == nullptr && !reach.is_service()) missing.push_back(&context.keys[i]);
        if (up_to_nul(context.argument(at)) == "$") continue;
        if (up_to_nul(context.argument(at)) == ">") {
            context.error(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP "
                "<group> <consumer> option.");
            return std::nullopt;
        }
        const auto after = read_id(context, at);
        if (!after) return std::nullopt;
        const auto last = stream == nullptr ? std::nullopt : stream->last_entry();
        if (last && *last > *after) found.push_back({&context.keys[i], stream, *after});
    }
    // Redis looks for each once more, now that all words are good, and misses it twice.
    for (const Key* key : missing) context.keyspace.read(*key);
    return found;
}

void reply_read(Context& context, const std::vector<ReadFrom>& found, uint64_t count) {
    const bool is_map = context.reply.protocol() == resp::Protocol::resp3;
    if (is_map) {
        context.reply.map(static_cast<int64_t>(found.size()));
    } else {
        context.reply.array(static_cast<int64_t>(found.size()));
    }
    for (const ReadFrom& source : found) {
        StreamId first = source.after;
        first.increment();
        if (!is_map) context.reply.array(2);
        context.reply.bulk(source.key->bytes);
        reply_entries(context.reply, *source.stream, first, StreamId::max(), count);
    }
}

bool try_xread(Context& context, const Reach& reach) {
    ReadArguments arguments;
    if (!read_read_words(context, arguments)) return true;
    const auto found = find_readable(context, arguments, reach);
    if (!found) return reach.claim();
    if (found->empty() || !reach.claim()) return false;
    reply_read(context, *found, arguments.count);
    return true;
}

/// While it waits, `$` is the end of the stream as it was when the command came.
void wait_for_entries(Context& context, const ReadArguments& arguments) {
    std::deque<std::string> ids;
    std::vector<BlockOrder::Replacement> replacements;
    for (size_t i = 0; i < arguments.streams; ++i) {
        const size_t at = arguments.streams_at + arguments.streams + i;
        if (up_to_nul(context.argument(at)) != "$") continue;
        const Entry* entry = context.keyspace.peek(context.keys[i]);
        const StreamId last = entry == nullptr ? StreamId() : stream_of(*entry).last_id;
        ids.push_back(fmt::format("{}-{}", last.ms, last.seq));
        replacements.emplace_back(at, ids.back());
    }
    block(context, {.attempt = try_xread,
                    .keys = context.keys,
                    .type = store::Type::stream,
                    .timeout_ms = *arguments.timeout_ms,
                    .replacements = replacements});
}

void xread(Context& context) {
    ReadArguments arguments;
    if (!read_read_words(context, arguments)) return;
    const auto found = find_readable(context, arguments, {});
    if (!found) return;
    if (!found->empty()) return reply_read(context, *found, arguments.count);
    if (!arguments.timeout_ms) return context.reply.null_array();
    wait_for_entries(context, arguments);
}

// --- XSETID --------------------------------------------------------------------------------------

struct NewState {
    StreamId last_id;
    std::optional<int64_t> entries_added;
    StreamId max_deleted_id;
};

std::optional<NewState> read_state(Context& context) {
    NewState state;
    const auto id = read_id(context, 2);
    if (!id) return std::nullopt;
    state.last_id = *id;
    for (size_t at = 3; at < context.count(); at += 2) {
        const bool has_value = at + 1 < context.count();
        if (has_value && context.is(at, "ENTRIESADDED")) {
            state.entries_added = context.integer(at + 1);
            if (!state.entries_added) return std::nullopt;
            if (*state.entries_added >= 0) continue;
            context.error("ERR entries_added must be positive");
        } else if (has_value && context.is(at, "MAXDELETEDID")) {
            const auto deleted = read_id(context, at + 1);
            if (!deleted) return std::nullopt;
            state.max_deleted_id = *deleted;
            if (*id >= *deleted || context.services.executor.is_replaying) continue;
            context.error(
                "ERR The ID specified in XSETID is smaller than the provided "
                "max_deleted_entry_id");
        } else {
            context.error(errors::kSyntax);
        }
        return std::nullopt;
    }
    return state;
}

/// False: the stream holds what the new state would leave out; the reply says so. What was deleted
/// binds clients only: Redis before 7.2 let them go below it, and its logs say so.
bool check_state(Context& context, const Stream& stream, const NewState& state) {
    if (state.last_id < stream.max_deleted_id && !context.services.executor.is_replaying) {
        context.error(
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id");
        return false;
    }
    const auto last = stream.last_entry();
    if (last && state.last_id < *last) {
        context.error("ERR The ID specified in XSETID is smaller than the target stream top item");
        return false;
    }
    if (last && state.entries_added &&
        stream.size() > static_cast<uint64_t>(*state.entries_added)) {
        context.error(
            "ERR The entries_added specified in XSETID is smaller than the target stream length");
        return false;
    }
    return true;
}

void xsetid(Context& context) {
    const auto state = read_state(context);
    if (!state) return;
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (entry == nullptr) return context.error(errors::kNoSuchKey);
    if (!require_stream(context, entry)) return;
    if (!check_state(context, stream_of(*entry), *state)) return;
    edit_stream(context, key, entry, [&](Stream& stream) {
        stream.set_last_id(state->last_id);
        if (state->entries_added) {
            stream.entries_added = static_cast<uint64_t>(*state->entries_added);
        }
        if (!state->max_deleted_id.is_zero()) stream.max_deleted_id = state->max_deleted_id;
    });
    context.keyspace.changed_beside(key, entry, true);
    tell_stream(context, "xsetid");
    context.reply.ok();
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;

constexpr CommandSpec kStreamCommands[] = {
    {.name = "xadd",
     .handler = xadd,
     .arity = -5,
     .flags = flag::write | flag::denyoom | flag::fast,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::update),
     .since = "5.0.0",
     .complexity = "O(1), and O(N) for N entries that are trimmed.",
     .syntax = "key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> "
               "field value [field value ...]",
     .summary = "Adds an entry to a stream and returns its id.",
     .tips = "nondeterministic_output"},
    {.name = "xtrim",
     .handler = xtrim,
     .arity = -4,
     .flags = flag::write,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::remove),
     .since = "5.0.0",
     .complexity = "O(N) with N the entries removed.",
     .syntax = "key <MAXLEN | MINID> [= | ~] threshold [LIMIT count]",
     .summary = "Removes the oldest entries of a stream.",
     .tips = "nondeterministic_output"},
    {.name = "xdel",
     .handler = xdel,
     .arity = -3,
     .flags = flag::write | flag::fast,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::remove),
     .since = "5.0.0",
     .complexity = "O(1) for each entry.",
     .syntax = "key id [id ...]",
     .summary = "Removes entries and returns how many were there."},
    {.name = "xlen",
     .handler = xlen,
     .arity = 2,
     .flags = flag::readonly | flag::fast,
     .group = Group::stream,
     .keys = one_key(key_flag::ro),
     .since = "5.0.0",
     .complexity = "O(1)",
     .syntax = "key",
     .summary = "Counts the entries of a stream."},
    {.name = "xrange",
     .handler = xrange,
     .arity = -4,
     .flags = flag::readonly,
     .group = Group::stream,
     .keys = one_key(kReads),
     .since = "5.0.0",
     .complexity = "O(N) with N the entries returned.",
     .syntax = "key start end [COUNT count]",
     .summary = "Returns the entries between two ids."},
    {.name = "xrevrange",
     .handler = xrevrange,
     .arity = -4,
     .flags = flag::readonly,
     .group = Group::stream,
     .keys = one_key(kReads),
     .since = "5.0.0",
     .complexity = "O(N) with N the entries returned.",
     .syntax = "key end start [COUNT count]",
     .summary = "Returns the entries between two ids, last first."},
    {.name = "xread",
     .handler = xread,
     .arity = -4,
     .flags = flag::readonly | flag::blocking | flag::movablekeys,
     .group = Group::stream,
     .keys = {{KeySpec{kReads, 1, KeySpec::Find::range, -1, 1, 2, "STREAMS"}}, 1},
     .since = "5.0.0",
     .complexity = "O(N) with N the entries returned.",
     .syntax = "[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]",
     .summary = "Returns the entries of several streams behind the ids given, or waits for one."},
    {.name = "xsetid",
     .handler = xsetid,
     .arity = -3,
     .flags = flag::write | flag::denyoom | flag::fast,
     .group = Group::stream,
     .keys = one_key(key_flag::rw | key_flag::update),
     .since = "5.0.0",
     .complexity = "O(1)",
     .syntax = "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
     .summary = "Sets the last id of a stream."},
};

}  // namespace

std::span<const CommandSpec> stream_commands() { return kStreamCommands; }

}  // namespace gyre::commands
