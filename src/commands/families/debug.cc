// SPDX-License-Identifier: BSD-3-Clause

// DEBUG: for tests and for finding faults; dispatch refuses it unless enable-debug-command allows
// it. One row, as in Redis, and not a container: unknown words and wrong counts share one error
// text, and a key among the arguments is looked up by the sub-command itself, under a lock of its
// own.
//
// Threads: home reactor; the sub-commands take locks one after another. Suspends: DIGEST,
// DIGEST-VALUE, POPULATE and MEMORY-CHECK between slices.

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "base/glob.h"
#include "base/log.h"
#include "base/numbers.h"
#include "commands/context.h"
#include "commands/help.h"
#include "commands/registry.h"
#include "commands/slice.h"
#include "engine/memory_check.h"
#include "engine/walk.h"
#include "snapshot/data_digest.h"
#include "snapshot/dump.h"
#include "snapshot/record_encoder.h"
#include "store/access.h"

namespace gyre::commands {
namespace {

using store::Entry;

constexpr double kSleepSecondsMax = 24 * 3600;

/// Stops this reactor, as DEBUG SLEEP is meant to.
void debug_sleep(Context& context) {
    const double wanted = std::strtod(std::string(context.argument(2)).c_str(), nullptr);
    const double seconds = wanted > 0 ? std::min(wanted, kSleepSecondsMax) : 0;
    timespec left{};
    left.tv_sec = static_cast<time_t>(seconds);
    left.tv_nsec = static_cast<long>((seconds - static_cast<double>(left.tv_sec)) * 1e9);
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
    }
    context.reply.ok();
}

/// Bytes of a value in RDB, without its type; O(bytes), as in Redis.
size_t serialized_bytes(const engine::Settings& settings, const Entry& entry) {
    snapshot::DumpOptions options;
    options.strings.compress = settings.rdb_compression.load(std::memory_order_relaxed);
    constexpr size_t kAround = 1 + snapshot::kDumpFooterBytes;
    if (entry.type() != store::Type::string) {
        return snapshot::dump_collection(entry, options).bytes() - kAround;
    }
    char digits[24];
    const std::string_view bytes = Context::string_bytes(entry, digits);
    return snapshot::dump_string(bytes, options).bytes() - kAround;
}

void debug_object(Context& context) {
    engine::Dataset& dataset = context.services.dataset;
    const store::Key key = store::Key::of(context.argument(2));
    const size_t shard = dataset.shard_of(key.hash);
    dataset.lock(shard, context.services.executor);
    const Entry* entry = context.keyspace.peek(key);
    if (entry == nullptr) {
        context.error(errors::kNoSuchKey);
    } else {
        const uint32_t word = entry->access_word();
        context.reply.simple(fmt::format(
            "Value at:{} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
            static_cast<const void*>(entry), store::encoding_name(entry->encoding()),
            serialized_bytes(dataset.settings, *entry), word,
            store::lru_idle_ms(word, context.now_ms()) / 1000));
    }
    dataset.unlock_logged(shard, context.services.executor);
}

// --- DIGEST, DIGEST-VALUE
// -----------------------------------------------------------------------------------------

/// f(record) of an entry, under its shard's lock.
template <class F>
auto with_record(const Entry& entry, F&& f) {
    snapshot::Record record;
    record.key = entry.key();
    record.expire_ms = entry.expire_ms();
    char digits[24];
    if (entry.type() == store::Type::string) {
        record.value = Context::string_bytes(entry, digits);
    } else {
        snapshot::describe_value(entry, record);
    }
    return f(record);
}

/// The digests of the keys of a database added up; nullopt where there is none.
ring::Task<void> digest_database(Context& context, Slice& slice, size_t database,
                                 std::optional<snapshot::DataDigest>& digest) {
    engine::Walk walk(context.services.dataset, database);
    std::optional<snapshot::DataDigest> of_shard;
    const auto visit = [&of_shard](const Entry& entry) {
        if (!of_shard) of_shard.emplace();
        of_shard->add(with_record(entry, snapshot::digest_of_key));
    };
    while (!walk.is_done()) {
        const int64_t now_ms = slice.now_ms(context.now_ms());
        const auto step = walk.step(context.services.executor, now_ms, visit);
        if (step == engine::Walk::Step::shard && of_shard) {
            if (!digest) digest.emplace();
            digest->join(*of_shard);
        }
        if (step != engine::Walk::Step::more) of_shard.reset();
        if (slice.is_over_now()) co_await slice.next();
    }
}

/// Each key as it is when its turn comes: of one moment only while nobody writes.
ring::Task<void> debug_digest(Context& context) {
    Slice slice(context);
    snapshot::DataDigest digest;
    for (size_t database = 0; database < context.services.dataset.databases(); ++database) {
        std::optional<snapshot::DataDigest> keys;
        co_await digest_database(context, slice, database, keys);
        if (!keys) continue;
        digest.mix(static_cast<uint32_t>(database));
        digest.join(*keys);
    }
    context.reply.simple(digest.text());
}

ring::Task<void> debug_digest_value(Context& context) {
    engine::Dataset& dataset = context.services.dataset;
    Slice slice(context);
    context.reply.array(static_cast<int64_t>(context.count()) - 2);
    for (size_t index = 2; index < context.count(); ++index) {
        const store::Key key = store::Key::of(context.argument(index));
        const size_t shard = dataset.shard_of(key.hash);
        dataset.lock(shard, context.services.executor);
        const Entry* entry = context.keyspace.peek(key);
        const auto digest = entry == nullptr ? snapshot::DataDigest()
                                             : with_record(*entry, snapshot::digest_of_value);
        dataset.unlock_logged(shard, context.services.executor);
        context.reply.simple(digest.text());
        if (slice.is_over_now()) co_await slice.next();
    }
}

void debug_set_active_expire(Context& context) {
    const bool is_on = std::atoi(std::string(context.argument(2)).c_str()) != 0;
    engine::Dataset& dataset = context.services.dataset;
    dataset.settings.active_expire.store(is_on, std::memory_order_relaxed);
    // Without it a reactor sleeps whatever is due.
    if (is_on) dataset.wake_all();
    context.reply.ok();
}

void debug_stringmatch_len(Context& context) {
    context.reply.integer(base::glob_matches(context.argument(2), context.argument(3)) ? 1 : 0);
}

void debug_error(Context& context) { context.error(context.argument(2)); }

void debug_log(Context& context) {
    base::log(base::Level::warning, "DEBUG LOG: {}", context.argument(2));
    context.reply.ok();
}

// --- PROTOCOL
// -----------------------------------------------------------------------------------------

void protocol_array(resp::ReplyWriter& reply) {
    reply.array(3);
    for (int64_t number = 0; number < 3; ++number) reply.integer(number);
}

void protocol_set(resp::ReplyWriter& reply) {
    reply.set(3);
    for (int64_t number = 0; number < 3; ++number) reply.integer(number);
}

void protocol_map(resp::ReplyWriter& reply) {
    reply.map(3);
    for (int64_t number = 0; number < 3; ++number) {
        reply.integer(number);
        reply.boolean(number == 1);
    }
}

void protocol_attribute(resp::ReplyWriter& reply) {
    if (reply.protocol() == resp::Protocol::resp3) {
        reply.attribute(1);
        reply.bulk("key-popularity");
        reply.array(2);
        reply.bulk("key:123");
        reply.integer(90);
    }
    reply.bulk("Some real reply following the attribute");
}

void protocol_push(resp::ReplyWriter& reply) {
    if (reply.protocol() == resp::Protocol::resp2) {
        return reply.error("ERR RESP2 is not supported by this command");
    }
    reply.push(2);
    reply.bulk("server-cpu-usage");
    reply.integer(42);
    reply.bulk("Some real reply following the push reply");
}

struct ProtocolExample {
    std::string_view name;
    void (*write)(resp::ReplyWriter& reply);
};

constexpr ProtocolExample kProtocolExamples[] = {
    {"string", [](resp::ReplyWriter& reply) { reply.bulk("Hello World"); }},
    {"integer", [](resp::ReplyWriter& reply) { reply.integer(12345); }},
    {"double", [](resp::ReplyWriter& reply) { reply.real(3.141); }},
    {"bignum",
     [](resp::ReplyWriter& reply) { reply.big_number("1234567999999999999999999999999999999"); }},
    {"null", [](resp::ReplyWriter& reply) { reply.null(); }},
    {"array", protocol_array},
    {"set", protocol_set},
    {"map", protocol_map},
    {"attrib", protocol_attribute},
    {"push", protocol_push},
    {"verbatim",
     [](resp::ReplyWriter& reply) { reply.verbatim("txt", "This is a verbatim\nstring"); }},
    {"true", [](resp::ReplyWriter& reply) { reply.boolean(true); }},
    {"false", [](resp::ReplyWriter& reply) { reply.boolean(false); }},
};

void debug_protocol(Context& context) {
    for (const ProtocolExample& example : kProtocolExamples) {
        if (!base::equals_ignore_case(context.argument(2), example.name)) continue;
        return example.write(context.reply);
    }
    context.error(
        "ERR Wrong protocol type name. Please use one of the following: "
        "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

// --- POPULATE
// -----------------------------------------------------------------------------------------

/// A number of keys or bytes.
std::optional<int64_t> positive(Context& context, size_t index) {
    return context.integer_between(index, 0, INT64_MAX,
                                   "ERR value is out of range, must be positive");
}

void add_if_missing(Context& context, const std::string& name, const std::string& value) {
    engine::Dataset& dataset = context.services.dataset;
    const store::Key key = store::Key::of(name);
    const size_t shard = dataset.shard_of(key.hash);
    dataset.lock(shard, context.services.executor);
    if (context.keyspace.peek(key) == nullptr) {
        store::Entry* entry = context.keyspace.put(key, nullptr, types::plain_string(value));
        if (context.logs()) [[unlikely]] {
            const store::Key kept{.bytes = context.effects().keep(name), .hash = key.hash};
            context.tell_copy(kept, *entry, value);
        }
    }
    dataset.unlock_logged(shard, context.services.executor);
}

ring::Task<void> debug_populate(Context& context) {
    const auto count = positive(context, 2);
    if (!count) co_return;
    const std::string prefix(context.count() > 3 ? context.argument(3) : "key");
    const auto bytes = context.count() > 4 ? positive(context, 4) : std::optional<int64_t>(0);
    if (!bytes) co_return;
    if (*bytes > context.services.dataset.settings.proto_max_bulk_len.load()) {
        context.error("ERR size is larger than proto-max-bulk-len");
        co_return;
    }
    Slice slice(context);
    for (int64_t index = 0; index < *count; ++index) {
        std::string value = "value:" + std::to_string(index);
        // Cut or filled up with zeros.
        if (*bytes > 0) value.resize(static_cast<size_t>(*bytes), '\0');
        add_if_missing(context, prefix + ":" + std::to_string(index), value);
        if (slice.is_over()) co_await slice.next();
    }
    context.reply.ok();
}

// --- MEMORY-CHECK
// -------------------------------------------------------------------------------------

/// What differs in every round is a fault; what differs in one may have been under way.
constexpr int kMemoryRounds = 5;

ring::Task<void> debug_memory_check(Context& context) {
    engine::Dataset& dataset = context.services.dataset;
    const auto mapped = static_cast<int64_t>(context.services.information.ring_mapped_bytes());
    Slice slice(context);
    std::string report;
    for (int round = 0; round < kMemoryRounds; ++round) {
        engine::MemoryCheck check(dataset);
        for (size_t shard = 0; shard < dataset.shards(); ++shard) {
            check.visit(shard, context.services.executor);
            if (slice.is_over_now()) co_await slice.next();
        }
        const auto differences = check.conclude(mapped);
        if (differences.empty()) {
            context.reply.integer(0);
            co_return;
        }
        report = fmt::format("ERR memory does not add up: {}", fmt::join(differences, "; "));
    }
    context.error(report);
}

void debug_help(Context& context) {
    static constexpr std::string_view kLines[] = {
        "DIGEST",
        "    Digest of all databases, as Redis computes it: equal data, equal digests. While",
        "    others write, each key is taken as it is when its turn comes.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    The same of the values at those keys, zeros for a key that is not there.",
        "ERROR <string>",
        "    Reply with an error of that text.",
        "LOG <message>",
        "    Write <message> to the server log.",
        "MEMORY-CHECK",
        "    Compare the memory counters with each other, with what was obtained from the",
        "    system and with a walk over all entries. 0 when they agree. Run it at rest.",
        "OBJECT <key>",
        "    Show low level info about `key` and associated value.",
        "POPULATE <count> [<prefix>] [<size>]",
        "    Create <count> string keys named key:<num>. If <prefix> is specified then",
        "    it is used instead of the 'key' prefix.",
        "PROTOCOL <type>",
        "    Reply with a test value of the specified type. <type> can be: string,",
        "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
        "    true, false.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Setting it to 0 disables expiring keys in background when they are not",
        "    accessed. Setting it to 1 reenables it.",
        "SLEEP <seconds>",
        "    Stop the thread that serves this client for <seconds>. Decimals allowed.",
        "STRINGMATCH-LEN <pattern> <string>",
        "    Whether the glob pattern matches the string, 1 or 0.",
    };
    reply_help(context, "DEBUG", kLines);
}

struct DebugWord {
    std::string_view word;
    size_t count_min;  ///< arguments, DEBUG and the word included
    size_t count_max;
    Handler handler = nullptr;
    CoroutineHandler coroutine = nullptr;
};

constexpr DebugWord kDebugWords[] = {
    {.word = "DIGEST", .count_min = 2, .count_max = 2, .coroutine = debug_digest},
    {.word = "DIGEST-VALUE",
     .count_min = 2,
     .count_max = SIZE_MAX,
     .coroutine = debug_digest_value},
    {.word = "ERROR", .count_min = 3, .count_max = 3, .handler = debug_error},
    {.word = "HELP", .count_min = 2, .count_max = 2, .handler = debug_help},
    {.word = "LOG", .count_min = 3, .count_max = 3, .handler = debug_log},
    {.word = "MEMORY-CHECK", .count_min = 2, .count_max = 2, .coroutine = debug_memory_check},
    {.word = "OBJECT", .count_min = 3, .count_max = 3, .handler = debug_object},
    {.word = "POPULATE", .count_min = 3, .count_max = 5, .coroutine = debug_populate},
    {.word = "PROTOCOL", .count_min = 3, .count_max = 3, .handler = debug_protocol},
    {.word = "SET-ACTIVE-EXPIRE",
     .count_min = 3,
     .count_max = 3,
     .handler = debug_set_active_expire},
    {.word = "SLEEP", .count_min = 3, .count_max = 3, .handler = debug_sleep},
    {.word = "STRINGMATCH-LEN", .count_min = 4, .count_max = 4, .handler = debug_stringmatch_len},
};

ring::Task<void> debug(Context& context) {
    for (const DebugWord& one : kDebugWords) {
        if (!context.is(1, one.word)) continue;
        if (context.count() < one.count_min || context.count() > one.count_max) break;
        if (one.coroutine != nullptr) {
            co_await one.coroutine(context);
        } else {
            one.handler(context);
        }
        co_return;
    }
    context.error("ERR unknown subcommand or wrong number of arguments for '" +
                  base::escape_for_error(context.argument(1)) + "'. Try DEBUG HELP.");
}

constexpr CommandSpec kDebugCommands[] = {
    {.name = "debug",
     .coroutine = debug,
     .arity = -2,
     .flags = flag::admin | flag::noscript | flag::loading | flag::stale | flag::protected_command,
     .group = Group::server,
     .since = "1.0.0",
     .complexity = "Depends on the sub-command.",
     .syntax = "subcommand [argument [argument ...]]",
     .summary = "Groups the commands for tests and for finding faults."},
};

}  // namespace

std::span<const CommandSpec> debug_commands() { return kDebugCommands; }

}  // namespace gyre::commands
