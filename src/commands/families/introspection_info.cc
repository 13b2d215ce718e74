// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>

#include "base/numbers.h"
#include "commands/families/introspection.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

struct Name {
    uint32_t bit;
    std::string_view text;
};

/// In Redis' order. What is not here is not shown.
constexpr Name kFlags[] = {
    {flag::write, "write"},
    {flag::readonly, "readonly"},
    {flag::denyoom, "denyoom"},
    {flag::admin, "admin"},
    {flag::pubsub, "pubsub"},
    {flag::noscript, "noscript"},
    {flag::blocking, "blocking"},
    {flag::loading, "loading"},
    {flag::stale, "stale"},
    {flag::skip_monitor, "skip_monitor"},
    {flag::skip_slowlog, "skip_slowlog"},
    {flag::fast, "fast"},
    {flag::no_auth, "no_auth"},
    {flag::no_mandatory_keys, "no_mandatory_keys"},
    {flag::no_async_loading, "no_async_loading"},
    {flag::no_multi, "no_multi"},
    {flag::movablekeys, "movablekeys"},
    {flag::allow_busy, "allow_busy"},
};

constexpr Name kCategories[] = {
    {acl::keyspace, "keyspace"},
    {acl::read, "read"},
    {acl::write, "write"},
    {acl::set, "set"},
    {acl::sortedset, "sortedset"},
    {acl::list, "list"},
    {acl::hash, "hash"},
    {acl::string, "string"},
    {acl::bitmap, "bitmap"},
    {acl::hyperloglog, "hyperloglog"},
    {acl::geo, "geo"},
    {acl::stream, "stream"},
    {acl::pubsub, "pubsub"},
    {acl::admin, "admin"},
    {acl::fast, "fast"},
    {acl::slow, "slow"},
    {acl::blocking, "blocking"},
    {acl::dangerous, "dangerous"},
    {acl::connection, "connection"},
    {acl::transaction, "transaction"},
    {acl::scripting, "scripting"},
};

constexpr Name kKeyFlags[] = {
    {key_flag::rw, "RW"},           {key_flag::ro, "RO"},
    {key_flag::ow, "OW"},           {key_flag::rm, "RM"},
    {key_flag::access, "access"},   {key_flag::update, "update"},
    {key_flag::insert, "insert"},   {key_flag::remove, "delete"},
    {key_flag::not_key, "not_key"}, {key_flag::variable_flags, "variable_flags"},
};

void reply_names(resp::ReplyWriter& reply, std::span<const Name> names, uint32_t bits,
                 std::string_view prefix) {
    const auto is_set = [bits](const Name& name) { return (bits & name.bit) != 0; };
    reply.set(std::count_if(names.begin(), names.end(), is_set));
    for (const Name& name : names) {
        if (is_set(name)) reply.simple(std::string(prefix) + std::string(name.text));
    }
}

/// First key, last key and step as they were given before there were key specifications: of the
/// plain ranges that join. `is_partial`: keys are elsewhere too, which is shown as "movablekeys".
struct LegacyRange {
    int64_t first = 0;
    int64_t last = 0;
    int64_t step = 0;
    bool is_partial = false;
};

LegacyRange legacy_range(const CommandSpec& spec) {
    const auto specs = spec.keys.view();
    LegacyRange range;
    if (specs.size() == 1 && specs[0].find == KeySpec::Find::range && specs[0].keyword.empty()) {
        const KeySpec& only = specs[0];
        return {only.begin, only.a >= 0 ? only.begin + only.a : only.a, only.b, false};
    }
    int64_t previous_last = 0;
    for (const KeySpec& keys : specs) {
        const bool joins = previous_last == 0 || previous_last == keys.begin - 1;
        if (keys.find != KeySpec::Find::range || !keys.keyword.empty() || keys.b != 1 || !joins) {
            range.is_partial = true;
            previous_last = 0;
            continue;
        }
        const int64_t last = keys.a >= 0 ? keys.begin + keys.a : keys.a;
        if (range.first == 0 || keys.begin < range.first) range.first = keys.begin;
        // Counted from the end is later than any other.
        if (range.last >= 0) range.last = last < 0 ? last : std::max(range.last, last);
        previous_last = range.last;
        range.step = 1;
    }
    return range;
}

/// Redis adds to some key specifications why they are what they are.
std::string_view notes_of(const CommandSpec& spec) {
    if (!spec.parent.empty()) return {};
    if (spec.name == "set") return "RW and ACCESS due to the optional `GET` argument";
    if (spec.name == "getex") return "RW and UPDATE because it changes the TTL";
    if (spec.name == "pfcount") {
        return "RW because it may change the internal representation of the key, and propagate to "
               "replicas";
    }
    if (spec.name == "xadd") {
        return "UPDATE instead of INSERT because of the optional trimming feature";
    }
    if (spec.name == "bitfield") {
        return "This command allows both access and modification of the key";
    }
    return {};
}

void reply_field(resp::ReplyWriter& reply, std::string_view name, int64_t value) {
    reply.bulk(name);
    reply.integer(value);
}

void reply_type(resp::ReplyWriter& reply, std::string_view name, std::string_view type) {
    reply.bulk(name);
    reply.map(2);
    reply.bulk("type");
    reply.bulk(type);
    reply.bulk("spec");
}

void reply_begin(resp::ReplyWriter& reply, const KeySpec& keys) {
    if (keys.find == KeySpec::Find::unknown) {
        reply_type(reply, "begin_search", "unknown");
        return reply.map(0);
    }
    if (keys.keyword.empty()) {
        reply_type(reply, "begin_search", "index");
        reply.map(1);
        return reply_field(reply, "index", keys.begin);
    }
    reply_type(reply, "begin_search", "keyword");
    reply.map(2);
    reply.bulk("keyword");
    reply.bulk(keys.keyword);
    reply_field(reply, "startfrom", keys.begin);
}

void reply_key_spec(resp::ReplyWriter& reply, const KeySpec& keys, std::string_view notes) {
    reply.map(notes.empty() ? 3 : 4);
    if (!notes.empty()) {
        reply.bulk("notes");
        reply.bulk(notes);
    }
    reply.bulk("flags");
    reply_key_flags(reply, keys.flags);
    reply_begin(reply, keys);
    if (keys.find == KeySpec::Find::unknown) {
        reply_type(reply, "find_keys", "unknown");
        return reply.map(0);
    }
    if (keys.find == KeySpec::Find::keynum) {
        reply_type(reply, "find_keys", "keynum");
        reply.map(3);
        reply_field(reply, "keynumidx", keys.a);
        reply_field(reply, "firstkey", keys.b);
        reply_field(reply, "keystep", keys.c == 0 ? 1 : keys.c);
        return;
    }
    reply_type(reply, "find_keys", "range");
    reply.map(3);
    reply_field(reply, "lastkey", keys.a);
    reply_field(reply, "keystep", keys.b);
    reply_field(reply, "limit", keys.c);
}

void reply_tips(resp::ReplyWriter& reply, std::string_view tips) {
    std::vector<std::string_view> words;
    while (!tips.empty()) {
        const size_t end = std::min(tips.find(' '), tips.size());
        if (end != 0) words.push_back(tips.substr(0, end));
        tips.remove_prefix(std::min(end + 1, tips.size()));
    }
    reply.set(static_cast<int64_t>(words.size()));
    for (const std::string_view word : words) reply.bulk(word);
}

// --- flags that depend on the options
// -------------------------------------------------------------

using Words = std::span<const std::string_view>;

constexpr uint16_t kReadWrite = key_flag::rw | key_flag::access | key_flag::update;

uint16_t set_flags(Words arguments) {
    const bool gets = std::any_of(arguments.begin() + 3, arguments.end(),
                                  [](auto word) { return base::equals_ignore_case(word, "get"); });
    return gets ? kReadWrite : key_flag::ow | key_flag::update;
}

/// Only GETs and OVERFLOWs: nothing is written.
uint16_t bitfield_flags(Words arguments) {
    for (size_t index = 2; index < arguments.size();) {
        const size_t left = arguments.size() - index - 1;
        if (base::equals_ignore_case(arguments[index], "get") && left >= 2) {
            index += 3;
        } else if (base::equals_ignore_case(arguments[index], "overflow") && left >= 1) {
            index += 2;
        } else {
            return kReadWrite;
        }
    }
    return key_flag::ro | key_flag::access;
}

uint16_t flags_of(const CommandSpec& spec, const KeySpec& keys, Words arguments) {
    if ((keys.flags & key_flag::variable_flags) == 0) return keys.flags;
    if (spec.name == "set") return set_flags(arguments);
    if (spec.name == "bitfield") return bitfield_flags(arguments);
    return keys.flags & static_cast<uint16_t>(~key_flag::variable_flags);
}

}  // namespace

void reply_key_flags(resp::ReplyWriter& reply, uint16_t flags) {
    reply_names(reply, kKeyFlags, flags, {});
}

std::optional<uint32_t> find_acl_category(std::string_view name) {
    for (const Name& category : kCategories) {
        if (base::equals_ignore_case(category.text, name)) return category.bit;
    }
    return std::nullopt;
}

void reply_command_info(resp::ReplyWriter& reply, const CommandSpec& spec) {
    const LegacyRange range = legacy_range(spec);
    const auto inner = subcommands(spec);
    reply.array(10);
    reply.bulk(full_name(spec));
    reply.integer(spec.arity);
    reply_names(reply, kFlags, spec.flags | (range.is_partial ? flag::movablekeys : 0), {});
    reply.integer(range.first);
    reply.integer(range.last);
    reply.integer(range.step);
    reply_names(reply, kCategories, acl_categories(spec), "@");
    reply_tips(reply, spec.tips);
    reply.set(spec.keys.count);
    for (const KeySpec& keys : spec.keys.view()) {
        reply_key_spec(reply, keys, keys.notes.empty() ? notes_of(spec) : keys.notes);
    }
    // A list of rows, and an empty set for those without: Redis does so.
    if (inner.empty()) return reply.set(0);
    reply.array(static_cast<int64_t>(inner.size()));
    for (const CommandSpec* row : inner) reply_command_info(reply, *row);
}

std::optional<std::vector<FoundKey>> find_keys_and_flags(const CommandSpec& spec, Words arguments) {
    std::vector<FoundKey> found;
    for (const KeySpec& keys : spec.keys.view()) {
        CommandSpec single = spec;
        single.keys = {{keys}, 1};
        // As Redis does, which looks for the word and not for what the command makes of it.
        if (keys.find != KeySpec::Find::unknown) single.keys.items[0].position = nullptr;
        std::vector<uint32_t> positions;
        if (!find_keys(single, arguments, positions)) return std::nullopt;
        for (const uint32_t position : positions) {
            found.push_back({position, flags_of(spec, keys, arguments)});
        }
    }
    return found;
}

}  // namespace gyre::commands
