// SPDX-License-Identifier: BSD-3-Clause
#include "commands/spec.h"

#include <algorithm>

#include <optional>

#include "base/numbers.h"

namespace gyre::commands {
namespace {

uint32_t group_category(Group group) {
    switch (group) {
        case Group::generic:
            return acl::keyspace;
        case Group::string:
            return acl::string;
        case Group::list:
            return acl::list;
        case Group::set:
            return acl::set;
        case Group::sorted_set:
            return acl::sortedset;
        case Group::hash:
            return acl::hash;
        case Group::transactions:
            return acl::transaction;
        case Group::connection:
            return acl::connection;
        case Group::scripting:
            return acl::scripting;
        case Group::hyperloglog:
            return acl::hyperloglog;
        case Group::geo:
            return acl::geo;
        case Group::stream:
            return acl::stream;
        case Group::bitmap:
            return acl::bitmap;
        case Group::pubsub:  // the flag says it
        case Group::server:
        case Group::cluster:
        case Group::sentinel:
            return 0;
    }
    return 0;
}

/// Keys of a range: from `begin` to its last, counted from the end when negative.
bool add_range(const KeySpec& spec, size_t count, std::vector<uint32_t>& positions) {
    const auto argc = static_cast<int64_t>(count);
    // PFMERGE's sources may be missing.
    if (spec.begin == argc && spec.a < 0) return true;
    if (spec.begin >= argc) return false;
    int64_t last = spec.a >= 0 ? spec.begin + spec.a : argc + spec.a;
    if (last >= argc) return false;
    for (int64_t at = spec.begin; at <= last; at += spec.b) {
        positions.push_back(static_cast<uint32_t>(at));
    }
    return true;
}

/// Keys behind a word, if it is there.
void add_behind_word(const KeySpec& spec, std::span<const std::string_view> arguments,
                     std::vector<uint32_t>& positions) {
    const auto argc = static_cast<int64_t>(arguments.size());
    int64_t at = spec.begin;
    while (at < argc && !base::equals_ignore_case(arguments[static_cast<size_t>(at)], spec.keyword))
        ++at;
    const int64_t first = at + 1;
    if (first >= argc) return;
    int64_t end = spec.a >= 0 ? first + spec.a + 1 : argc + spec.a + 1;
    if (spec.c > 1) end = first + (argc - first) / spec.c;
    for (at = first; at < std::min(end, argc); at += spec.b) {
        positions.push_back(static_cast<uint32_t>(at));
    }
}

void add_unknown(const KeySpec& spec, std::span<const std::string_view> arguments,
                 std::vector<uint32_t>& positions) {
    const uint32_t position = spec.position == nullptr ? 0 : spec.position(arguments);
    if (position != 0) positions.push_back(position);
}

/// A count, followed by that many keys.
bool add_counted(const KeySpec& spec, std::span<const std::string_view> arguments,
                 std::vector<uint32_t>& positions) {
    const auto argc = static_cast<int64_t>(arguments.size());
    const int64_t count_at = spec.begin + spec.a;
    if (count_at >= argc) return false;
    const auto count = base::parse_integer(arguments[static_cast<size_t>(count_at)]);
    const int64_t step = spec.c == 0 ? 1 : spec.c;
    const int64_t first = spec.begin + spec.b;
    if (!count || *count <= 0 || *count > argc) return false;
    if (first + (*count - 1) * step >= argc) return false;
    for (int64_t index = 0; index < *count; ++index) {
        positions.push_back(static_cast<uint32_t>(first + index * step));
    }
    return true;
}

/// False: the arguments do not fit.
bool add_keys(const KeySpec& one, std::span<const std::string_view> arguments,
              std::vector<uint32_t>& positions) {
    if (one.find == KeySpec::Find::unknown || one.position != nullptr) {
        add_unknown(one, arguments, positions);
        return true;
    }
    if (!one.keyword.empty()) {
        add_behind_word(one, arguments, positions);
        return true;
    }
    return one.find == KeySpec::Find::range ? add_range(one, arguments.size(), positions)
                                            : add_counted(one, arguments, positions);
}

}  // namespace

std::string_view group_name(Group group) {
    static constexpr std::string_view kNames[] = {
        "generic", "string",       "list",       "set",    "sorted-set", "hash",
        "pubsub",  "transactions", "connection", "server", "scripting",  "hyperloglog",
        "cluster", "sentinel",     "geo",        "stream", "bitmap"};
    return kNames[static_cast<size_t>(group)];
}

uint32_t acl_categories(const CommandSpec& spec) {
    uint32_t categories = spec.categories;
    // A container is in no group of its own: what counts is the sub-command. SORT belongs to the
    // types it sorts.
    if (!spec.is_container && !spec.has(flag::leads_on)) categories |= group_category(spec.group);
    if (spec.has(flag::write)) categories |= acl::write;
    // Redis counts commands that only read as @read unless they belong to scripting's own.
    if (spec.has(flag::readonly) && spec.group != Group::scripting) categories |= acl::read;
    if (spec.has(flag::admin)) categories |= acl::admin | acl::dangerous;
    if (spec.has(flag::pubsub)) categories |= acl::pubsub;
    if (spec.has(flag::fast)) categories |= acl::fast;
    if (spec.has(flag::blocking)) categories |= acl::blocking;
    if ((categories & acl::fast) == 0) categories |= acl::slow;
    return categories;
}

bool find_keys_in_ranges(const CommandSpec& spec, size_t argc, std::vector<uint32_t>& positions) {
    for (const KeySpec& one : spec.keys.view()) {
        if ((one.flags & key_flag::not_key) != 0) continue;
        if (!add_range(one, argc, positions)) return false;
    }
    return true;
}

bool find_keys(const CommandSpec& spec, std::span<const std::string_view> arguments,
               std::vector<uint32_t>& positions) {
    return std::ranges::all_of(spec.keys.view(), [&](const KeySpec& one) {
        return (one.flags & key_flag::not_key) != 0 || add_keys(one, arguments, positions);
    });
}

WrittenKeys find_written_keys(const CommandSpec& spec,
                              std::span<const std::string_view> arguments) {
    WrittenKeys written;
    uint16_t flags = 0;
    bool has_readers = false;
    for (const KeySpec& one : spec.keys.view()) {
        if ((one.flags & key_flag::ro) != 0) {
            has_readers = true;
            continue;
        }
        flags |= one.flags;
        add_keys(one, arguments, written.positions);
    }
    // XREADGROUP's row says, as Redis' does, that it only reads its keys.
    written.is_all = !has_readers || flags == 0;
    written.overwrites = flags != 0 && (flags & (key_flag::rw | key_flag::access)) == 0;
    if (written.is_all) written.positions.clear();
    return written;
}

}  // namespace gyre::commands
