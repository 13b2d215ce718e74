// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One row per command. Everything a surface needs to know about a command is derived from its row:
// arity and syntax errors, which arguments are keys (locks, prefetch, COMMAND GETKEYS), ACL
// categories, COMMAND INFO and DOCS, statistics, help, documentation.
//
// Rows live in constexpr arrays in families/*.cc and are listed by registry.cc. Threads: any
// (constant). Names, flags and key specifications follow Redis (COMMAND INFO of redis-server 7.x).

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ring/task.h"

namespace gyre::engine {
class ShardSet;
}
namespace gyre::resp {
struct Argument;
}

namespace gyre::commands {

struct Context;

/// A plain command: runs to its end under the locks of its keys.
using Handler = void (*)(Context& context);
/// A command that may wait: runs without locks, takes them itself, and may suspend.
using CoroutineHandler = ring::Task<void> (*)(Context& context);
/// How many keys the command may bring into being, asked under its locks; see maxkeys.
using NewKeys = int64_t (*)(Context& context);
/// Whether these arguments name keys by what lies under others, as SORT's BY and GET may.
using LeadsOn = bool (*)(std::span<const resp::Argument> arguments);
/// Adds the shards of such keys; true: the set has grown. Asked under the locks of the command's
/// own keys, again each time the set has grown.
using LeadOn = bool (*)(Context& context, engine::ShardSet& set);

namespace flag {
inline constexpr uint32_t write = 1U << 0;
inline constexpr uint32_t readonly = 1U << 1;
inline constexpr uint32_t denyoom =
    1U << 2;  ///< refused when memory is over its limit; may create keys
inline constexpr uint32_t admin = 1U << 3;
inline constexpr uint32_t pubsub = 1U << 4;
inline constexpr uint32_t noscript = 1U << 5;
inline constexpr uint32_t blocking = 1U << 6;
inline constexpr uint32_t loading = 1U << 7;
inline constexpr uint32_t stale = 1U << 8;
inline constexpr uint32_t skip_monitor = 1U << 9;
inline constexpr uint32_t skip_slowlog = 1U << 10;
inline constexpr uint32_t fast = 1U << 11;
inline constexpr uint32_t no_auth = 1U << 12;  ///< allowed before authentication
inline constexpr uint32_t may_replicate = 1U << 13;
inline constexpr uint32_t no_async_loading = 1U << 14;
inline constexpr uint32_t no_multi = 1U << 15;
inline constexpr uint32_t movablekeys = 1U << 16;
inline constexpr uint32_t allow_busy = 1U << 17;
inline constexpr uint32_t touches_arbitrary_keys = 1U << 18;
inline constexpr uint32_t no_mandatory_keys = 1U << 19;
inline constexpr uint32_t protected_command = 1U << 20;
inline constexpr uint32_t sentinel = 1U << 21;  ///< also a Sentinel command; not shown
inline constexpr uint32_t leads_on = 1U << 22;  ///< has CommandSpec::leads_on; not shown
}  // namespace flag

/// ACL categories, shown as "@name". Most are derived from group and flags (acl_categories()).
namespace acl {
inline constexpr uint32_t keyspace = 1U << 0;
inline constexpr uint32_t read = 1U << 1;
inline constexpr uint32_t write = 1U << 2;
inline constexpr uint32_t set = 1U << 3;
inline constexpr uint32_t sortedset = 1U << 4;
inline constexpr uint32_t list = 1U << 5;
inline constexpr uint32_t hash = 1U << 6;
inline constexpr uint32_t string = 1U << 7;
inline constexpr uint32_t bitmap = 1U << 8;
inline constexpr uint32_t hyperloglog = 1U << 9;
inline constexpr uint32_t geo = 1U << 10;
inline constexpr uint32_t stream = 1U << 11;
inline constexpr uint32_t pubsub = 1U << 12;
inline constexpr uint32_t admin = 1U << 13;
inline constexpr uint32_t fast = 1U << 14;
inline constexpr uint32_t slow = 1U << 15;
inline constexpr uint32_t blocking = 1U << 16;
inline constexpr uint32_t dangerous = 1U << 17;
inline constexpr uint32_t connection = 1U << 18;
inline constexpr uint32_t transaction = 1U << 19;
inline constexpr uint32_t scripting = 1U << 20;
}  // namespace acl

enum class Group : uint8_t {
    generic,
    string,
    list,
    set,
    sorted_set,
    hash,
    pubsub,
    transactions,
    connection,
    server,
    scripting,
    hyperloglog,
    cluster,
    sentinel,
    geo,
    stream,
    bitmap,
};
/// "generic", "string", "sorted-set", ...: COMMAND DOCS' group.
std::string_view group_name(Group group);

/// What a command does with a key (COMMAND INFO's key specification flags).
namespace key_flag {
inline constexpr uint16_t rw = 1;
inline constexpr uint16_t ro = 2;
inline constexpr uint16_t ow = 4;
inline constexpr uint16_t rm = 8;
inline constexpr uint16_t access = 16;
inline constexpr uint16_t update = 32;
inline constexpr uint16_t insert = 64;
inline constexpr uint16_t remove = 128;
inline constexpr uint16_t variable_flags = 256;
inline constexpr uint16_t not_key = 512;
}  // namespace key_flag

/// Where keys stand among the arguments. Index 0 is the command's name.
struct KeySpec {
    enum class Find : uint8_t { range, keynum, unknown };
    uint16_t flags = 0;
    int16_t begin = 0;  ///< argument at which the search begins
    Find find = Find::range;
    // range: last key relative to begin (negative: from the end, -1 the last), step between keys,
    // limit (of keys that reach to the end one in so many). keynum: position of the count relative
    // to begin, of the first key relative to begin, step. unknown: no such rule; see position.
    int16_t a = 0;
    int16_t b = 1;
    int16_t c = 0;
    /// Not empty: the keys stand behind this word, looked for from `begin` on; without it there are
    /// none.
    std::string_view keyword = {};
    /// Of an unknown one: which of the arguments is its key, 0 for none. Null: no argument is, as
    /// the names of its keys come from the data. Of one with a word: the same, where the first such
    /// word is not always the one that counts; COMMAND GETKEYS tells what stands behind the first.
    uint32_t (*position)(std::span<const std::string_view> arguments) = nullptr;
    /// Why it is as it is, in COMMAND INFO.
    std::string_view notes = {};
};

struct KeySpecs {
    std::array<KeySpec, 3> items{};
    uint8_t count = 0;
    std::span<const KeySpec> view() const { return {items.data(), count}; }
};

constexpr KeySpecs no_keys() { return {}; }
/// One key as argument `at`.
constexpr KeySpecs one_key(uint16_t flags, int16_t at = 1) {
    return {{KeySpec{flags, at, KeySpec::Find::range, 0, 1, 0}}, 1};
}
/// Keys from argument `at` to the last, every `step`-th.
constexpr KeySpecs keys_to_end(uint16_t flags, int16_t at = 1, int16_t step = 1) {
    return {{KeySpec{flags, at, KeySpec::Find::range, -1, step, 0}}, 1};
}
/// Two keys, arguments 1 and 2, with flags of their own.
constexpr KeySpecs two_keys(uint16_t first, uint16_t second) {
    return {{KeySpec{first, 1, KeySpec::Find::range, 0, 1, 0},
             KeySpec{second, 2, KeySpec::Find::range, 0, 1, 0}},
            2};
}
/// A count at argument `at`, followed by that many keys, every `step`-th.
constexpr KeySpecs counted_keys(uint16_t flags, int16_t at, int16_t step = 1) {
    return {{KeySpec{flags, at, KeySpec::Find::keynum, 0, 1, step}}, 1};
}

struct CommandSpec {
    /// Lower case. A sub-command's name is its own word; `parent` is its container's.
    std::string_view name;
    std::string_view parent = {};
    Handler handler = nullptr;
    CoroutineHandler coroutine = nullptr;
    /// Number of arguments, the name (and the container's) included; negative: at least.
    int16_t arity = 0;
    uint32_t flags = 0;
    Group group = Group::generic;
    KeySpecs keys = {};
    /// Categories beyond those derived from group and flags.
    uint32_t categories = 0;
    std::string_view since = {};
    std::string_view complexity = {};
    std::string_view syntax = {};   ///< arguments behind the name, in Redis' notation
    std::string_view summary = {};  ///< one sentence
    /// COMMAND INFO's tips, separated by blanks: "request_policy:all_shards
    /// response_policy:agg_sum".
    std::string_view tips = {};
    /// For commands with flag::denyoom; null: every missing key of the command may be created.
    NewKeys new_keys = nullptr;
    /// For commands with flag::leads_on.
    LeadsOn leads_on = nullptr;
    LeadOn lead_on = nullptr;
    /// A container ("config", "client"): its sub-commands are rows of their own. Its handler is
    /// null, but for COMMAND, which also stands alone; that one must refuse other words itself.
    bool is_container = false;
    /// Word with which the command asks for a hidden deprecation notice in COMMAND DOCS; "" when in
    /// use.
    std::string_view deprecated_since = {};
    std::string_view replaced_by = {};

    bool has(uint32_t bits) const { return (flags & bits) != 0; }
    /// Among its key specifications are some of keys, not only of channels.
    bool has_keys() const {
        for (const KeySpec& one : keys.view()) {
            if ((one.flags & key_flag::not_key) == 0) return true;
        }
        return false;
    }
};

/// Categories from group, flags and the row's own: as Redis' setImplicitACLCategories.
uint32_t acl_categories(const CommandSpec& spec);

/// Appends the positions of the keys among `argc` arguments. False when the arguments do not fit
/// the row (a count that is no number, or beyond the arguments): "Invalid arguments specified for
/// command".
bool find_keys(const CommandSpec& spec, std::span<const std::string_view> arguments,
               std::vector<uint32_t>& positions);
/// Those of the keys that the command may write, where it also has keys that it only reads.
struct WrittenKeys {
    bool is_all = false;      ///< every key of the command; `positions` is empty
    bool overwrites = false;  ///< what it writes it writes whole, and looks at no value before
    std::vector<uint32_t> positions;
};
WrittenKeys find_written_keys(const CommandSpec& spec, std::span<const std::string_view> arguments);
/// The same for a row whose keys all stand in ranges, where the number of arguments is enough.
bool find_keys_in_ranges(const CommandSpec& spec, size_t argc, std::vector<uint32_t>& positions);

}  // namespace gyre::commands
