// SPDX-License-Identifier: BSD-3-Clause

// Hashes: what goes through all fields, or some at random.
//
// Threads: home reactor, under the lock of the key.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "commands/families/collection.h"
#include "commands/families/hash_value.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using types::ListpackValue;
using Field = HashValue::Field;

bool require_hash(Context& context, const Entry* entry) {
    return require_type(context, entry, store::Type::hash);
}

std::vector<Field> all_fields(const HashValue& hash) {
    std::vector<Field> fields;
    fields.reserve(hash.size());
    hash.for_each([&fields](const Field& field) { fields.push_back(field); });
    return fields;
}

enum class Part : uint8_t { names, values, both };

void reply_all(Context& context, Part part) {
    Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_hash(context, entry)) return;
    const HashValue hash(context, context.keys[0], entry);
    // Fields that are due do not count, so those that do are gathered first.
    const std::vector<Field> fields = all_fields(hash);
    const auto count = static_cast<int64_t>(fields.size());
    part == Part::both ? context.reply.map(count) : context.reply.array(count);
    for (const Field& field : fields) {
        if (part != Part::values) reply_element(context.reply, field.name);
        if (part != Part::names) reply_element(context.reply, field.value);
    }
}

void hkeys(Context& context) { reply_all(context, Part::names); }
void hvals(Context& context) { reply_all(context, Part::values); }
void hgetall(Context& context) { reply_all(context, Part::both); }

// --- HRANDFIELD -------------------------------------------------------------------------------

/// Different fields at random, each set of so many as likely as another.
std::vector<Field> draw_fields(Context& context, const HashValue& hash, size_t count) {
    base::Random& random = context.keyspace.shard_of(context.keys[0]).random();
    const bool are_few = hash.packed() == nullptr && count < hash.size() / 3 && !hash.has_due();
    if (!are_few) {
        const std::vector<Field> all = all_fields(hash);
        std::vector<Field> drawn;
        for (const size_t index : draw_indexes(random, all.size(), count)) {
            drawn.push_back(all[index]);
        }
        return drawn;
    }
    std::unordered_set<const char*> seen;  // elements do not move meanwhile
    std::vector<Field> drawn;
    while (drawn.size() < count) {
        const auto field = hash.random(random);
        if (field && seen.insert(field->name.data).second) drawn.push_back(*field);
    }
    return drawn;
}

/// So many times some field, which may be the same again.
std::vector<Field> draw_repeatedly(Context& context, const HashValue& hash, int64_t count) {
    base::Random& random = context.keyspace.shard_of(context.keys[0]).random();
    std::vector<Field> drawn;
    if (hash.packed() != nullptr || hash.has_due()) {
        const std::vector<Field> all = all_fields(hash);
        for (; count > 0 && !all.empty(); --count) drawn.push_back(all[random.below(all.size())]);
        return drawn;
    }
    for (; count > 0; --count) {
        if (const auto field = hash.random(random)) drawn.push_back(*field);
    }
    return drawn;
}

void reply_drawn(Context& context, const std::vector<Field>& fields, bool with_values) {
    const auto count = static_cast<int64_t>(fields.size());
    const bool in_pairs = with_values && context.reply.protocol() == resp::Protocol::resp3;
    context.reply.array(with_values && !in_pairs ? 2 * count : count);
    for (const Field& field : fields) {
        if (in_pairs) context.reply.array(2);
        reply_element(context.reply, field.name);
        if (with_values) reply_element(context.reply, field.value);
    }
}

void hrandfield_count(Context& context) {
    const auto count = count_between(context, 2, -INT64_MAX, INT64_MAX);
    if (!count) return;
    const bool with_values = context.count() == 4 && context.is(3, "WITHVALUES");
    if (context.count() > 4 || (context.count() == 4 && !with_values)) {
        return context.error(errors::kSyntax);
    }
    const bool is_too_large = with_values && (*count < -INT64_MAX / 2 || *count > INT64_MAX / 2);
    if (is_too_large) return context.error("ERR value is out of range");
    Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_hash(context, entry)) return;
    const HashValue hash(context, context.keys[0], entry);
    if (!hash.exists() || *count == 0) return context.reply.array(0);
    if (*count < -kRepeatedMax) return context.error(kTooManyRepeated);
    const auto fields = *count < 0 ? draw_repeatedly(context, hash, -*count)
                                   : draw_fields(context, hash, static_cast<size_t>(*count));
    reply_drawn(context, fields, with_values);
}

void hrandfield(Context& context) {
    if (context.count() > 2) return hrandfield_count(context);
    Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_hash(context, entry)) return;
    const HashValue hash(context, context.keys[0], entry);
    if (!hash.exists()) return context.reply.null();
    const auto field = hash.random(context.keyspace.shard_of(context.keys[0]).random());
    if (!field) return context.reply.null();
    reply_element(context.reply, field->name);
}

// --- HSCAN ------------------------------------------------------------------------------------

void hscan(Context& context) {
    ElementScan scan;
    const auto cursor = read_cursor(context, 2);
    if (!cursor) return;
    Entry* entry = context.keyspace.read(context.keys[0]);
    if (!require_hash(context, entry)) return;
    if (entry == nullptr) return reply_scanned(context, 0, {});
    if (!read_scan_options(context, 3, scan)) return;
    const HashValue hash(context, context.keys[0], entry);
    std::vector<std::string> found;
    const auto take = [&](const Field& field) {
        ListpackValue::Digits digits;
        const std::string_view name = field.name.text(digits);
        if (!scan.wants(name)) return;
        found.emplace_back(name);
        if (!scan.without_values) found.emplace_back(field.value.text(digits));
    };
    if (!hash.exists() || hash.packed() != nullptr) {
        hash.for_each(take);
        return reply_scanned(context, 0, found);
    }
    uint64_t next = *cursor;
    int64_t seen = 0;
    for (int64_t chains = scan.chains_max(); chains > 0 && seen < scan.count; --chains) {
        next = hash.large().scan(next, [&](const types::Hash::Field& field) {
            ++seen;
            if (hash.is_due(field)) return;
            take({HashValue::text(field.name), HashValue::text(field.value)});
        });
        if (next == 0) break;
    }
    reply_scanned(context, next, found);
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr std::string_view kAllFields = "O(N) with N the fields of the hash.";
constexpr std::string_view kAnyOrder = "nondeterministic_output_order";

constexpr CommandSpec kHashReadCommands[] = {
    {.name = "hkeys",
     .handler = hkeys,
     .arity = 2,
     .flags = flag::readonly,
     .group = Group::hash,
     .keys = one_key(kReads),
     .since = "2.0.0",
     .complexity = kAllFields,
     .syntax = "key",
     .summary = "Lists the fields of a hash.",
     .tips = kAnyOrder},
    {.name = "hvals",
     .handler = hvals,
     .arity = 2,
     .flags = flag::readonly,
     .group = Group::hash,
     .keys = one_key(kReads),
     .since = "2.0.0",
     .complexity = kAllFields,
     .syntax = "key",
     .summary = "Lists the values of a hash.",
     .tips = kAnyOrder},
    {.name = "hgetall",
     .handler = hgetall,
     .arity = 2,
     .flags = flag::readonly,
     .group = Group::hash,
     .keys = one_key(kReads),
     .since = "2.0.0",
     .complexity = kAllFields,
     .syntax = "key",
     .summary = "Lists the fields of a hash with their values.",
     .tips = kAnyOrder},
    {.name = "hrandfield",
     .handler = hrandfield,
     .arity = -2,
     .flags = flag::readonly,
     .group = Group::hash,
     .keys = one_key(kReads),
     .since = "6.2.0",
     .complexity = "O(N) with N the fields returned, or all where they are a third or more.",
     .syntax = "key [count [WITHVALUES]]",
     .summary = "Gives fields of a hash at random.",
     .tips = "nondeterministic_output"},
    {.name = "hscan",
     .handler = hscan,
     .arity = -3,
     .flags = flag::readonly,
     .group = Group::hash,
     .keys = one_key(kReads),
     .since = "2.8.0",
     .complexity = "O(1) for every call, O(N) for a complete iteration.",
     .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
     .summary = "Goes through the fields of a hash, some with each call.",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> hash_read_commands() { return kHashReadCommands; }

}  // namespace gyre::commands
