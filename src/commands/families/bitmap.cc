// SPDX-License-Identifier: BSD-3-Clause

// Strings as rows of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP.
//
// Where Redis 7.0 answers 0 for a missing key before it has looked at the other arguments, 7.2
// reports what is wrong with them first; so do we.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/families/string_options.h"
#include "commands/registry.h"
#include "types/bits.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;

constexpr std::string_view kBadOffset = "ERR bit offset is not an integer or out of range";

/// A place within the longest string allowed.
std::optional<uint64_t> bit_offset(Context& context, size_t at) {
    const int64_t limit =
        context.keyspace.dataset().settings.proto_max_bulk_len.load(std::memory_order_relaxed);
    const auto offset = context.integer(at, kBadOffset);
    if (!offset) return std::nullopt;
    if (*offset >= 0 && *offset / 8 < limit) return static_cast<uint64_t>(*offset);
    context.error(kBadOffset);
    return std::nullopt;
}

void setbit(Context& context) {
    const auto offset = bit_offset(context, 2);
    if (!offset) return;
    const auto bit = context.integer_between(3, 0, 1, "ERR bit is not an integer or out of range");
    if (!bit) return;
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (!context.require_string(entry)) return;
    const size_t at = *offset / 8;
    const size_t length = entry == nullptr ? 0 : Context::string_length(*entry);
    // A bit that is as it should be is no change; other forms of a string become raw by it.
    if (at < length && entry->encoding() == store::Encoding::raw) {
        char digits[24];
        if (types::get_bit(Context::string_bytes(*entry, digits), *offset) == (*bit == 1)) {
            return context.reply.integer(*bit);
        }
    }
    char* bytes = context.keyspace.edit(key, entry, std::max(length, at + 1));
    const auto mask = static_cast<uint8_t>(1U << (7 - *offset % 8));
    const auto before = static_cast<uint8_t>(bytes[at]);
    bytes[at] = static_cast<char>(*bit == 1 ? before | mask : before & ~mask);
    const bool was_set = (before & mask) != 0;
    if (was_set != (*bit == 1) || length <= at) {
        context.keyspace.notify(engine::event::string, "setbit", key);
    }
    context.reply.integer(was_set ? 1 : 0);
}

void getbit(Context& context) {
    const auto offset = bit_offset(context, 2);
    if (!offset) return;
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (!context.require_string(entry)) return;
    char digits[24];
    const std::string_view bytes =
        entry == nullptr ? std::string_view{} : Context::string_bytes(*entry, digits);
    context.reply.integer(types::get_bit(bytes, *offset) ? 1 : 0);
}

/// The part of a string that BITCOUNT and BITPOS look at, as the arguments give it.
struct BitRange {
    int64_t start = 0;
    int64_t end = -1;
    bool in_bits = false;
    bool has_end = false;
};

/// First and last bit of a range that is not empty.
struct BitSpan {
    uint64_t first = 0;
    uint64_t last = 0;
};

/// Reads BYTE or BIT. False: it is neither, and the reply says so.
bool read_unit(Context& context, size_t at, BitRange& range) {
    range.in_bits = context.is(at, "BIT");
    if (range.in_bits || context.is(at, "BYTE")) return true;
    context.error(errors::kSyntax);
    return false;
}

/// Negative places count from the end. nullopt: nothing lies in the range.
std::optional<BitSpan> resolve(const BitRange& range, size_t bytes) {
    int64_t start = range.start;
    int64_t end = range.end;
    const auto total = static_cast<int64_t>(range.in_bits ? bytes * 8 : bytes);
    if (start < 0) start = std::max<int64_t>(total + start, 0);
    if (end < 0) end = std::max<int64_t>(total + end, 0);
    end = std::min(end, total - 1);
    if (start > end) return std::nullopt;
    if (range.in_bits) return BitSpan{static_cast<uint64_t>(start), static_cast<uint64_t>(end)};
    return BitSpan{static_cast<uint64_t>(start) * 8, static_cast<uint64_t>(end) * 8 + 7};
}

/// BITCOUNT's arguments. nullopt: something is wrong, and the reply says so.
std::optional<BitRange> parse_bitcount(Context& context) {
    BitRange range;
    if (context.count() == 2) return range;
    if (context.count() != 4 && context.count() != 5) {
        context.error(errors::kSyntax);
        return std::nullopt;
    }
    const auto start = context.integer(2);
    if (!start) return std::nullopt;
    const auto end = context.integer(3);
    if (!end) return std::nullopt;
    if (context.count() == 5 && !read_unit(context, 4, range)) return std::nullopt;
    range.start = *start;
    range.end = *end;
    return range;
}

void bitcount(Context& context) {
    const auto range = parse_bitcount(context);
    if (!range) return;
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (entry == nullptr) return context.reply.integer(0);
    if (!context.require_string(entry)) return;
    char digits[24];
    const std::string_view bytes = Context::string_bytes(*entry, digits);
    // Of two places before the string's beginning both would become its first byte. BITCOUNT does
    // not take that for a range when they stand in the wrong order, BITPOS does; so it is in Redis.
    const bool is_inverted = range->start < 0 && range->end < 0 && range->start > range->end;
    const auto span = is_inverted ? std::nullopt : resolve(*range, bytes.size());
    const size_t count = span ? types::count_bits(bytes, span->first, span->last) : 0;
    context.reply.integer(static_cast<int64_t>(count));
}

/// BITPOS' range. nullopt: something is wrong, and the reply says so.
std::optional<BitRange> parse_bitpos(Context& context) {
    BitRange range;
    if (context.count() == 3) return range;
    if (context.count() > 6) {
        context.error(errors::kSyntax);
        return std::nullopt;
    }
    const auto start = context.integer(3);
    if (!start) return std::nullopt;
    range.start = *start;
    if (context.count() == 6 && !read_unit(context, 5, range)) return std::nullopt;
    if (context.count() == 4) return range;
    const auto end = context.integer(4);
    if (!end) return std::nullopt;
    range.end = *end;
    range.has_end = true;
    return range;
}

void bitpos(Context& context) {
    const auto wanted = context.integer(2);
    if (!wanted) return;
    if (*wanted != 0 && *wanted != 1) {
        return context.error("ERR The bit argument must be 1 or 0.");
    }
    const auto range = parse_bitpos(context);
    if (!range) return;
    const Entry* entry = context.keyspace.read(context.keys[0]);
    // What does not exist is clear without end.
    if (entry == nullptr) return context.reply.integer(*wanted == 1 ? -1 : 0);
    if (!context.require_string(entry)) return;
    char digits[24];
    const std::string_view bytes = Context::string_bytes(*entry, digits);
    const auto span = resolve(*range, bytes.size());
    if (!span) return context.reply.integer(-1);
    const auto found = types::find_bit(bytes, *wanted == 1, span->first, span->last);
    if (found) return context.reply.integer(static_cast<int64_t>(*found));
    // Without an end of its own a string is followed by clear bits.
    const bool ends = *wanted == 1 || range->has_end;
    context.reply.integer(ends ? -1 : static_cast<int64_t>(span->last + 1));
}

enum class Operation : uint8_t { all, any, odd, inverse };

std::optional<Operation> read_operation(const Context& context) {
    if (context.is(1, "AND")) return Operation::all;
    if (context.is(1, "OR")) return Operation::any;
    if (context.is(1, "XOR")) return Operation::odd;
    if (context.is(1, "NOT")) return Operation::inverse;
    return std::nullopt;
}

/// An operand; integers are written out beside it.
struct Source {
    const Entry* entry = nullptr;
    char digits[24];
    std::string_view bytes() {
        return entry == nullptr ? std::string_view{} : Context::string_bytes(*entry, digits);
    }
};

/// The operands in their order, all of them strings or missing; the longest one's length in
/// `length`. nullopt: one is neither, and the reply says so.
std::optional<std::vector<Source>> read_sources(Context& context, size_t& length) {
    std::vector<Source> sources(context.keys.size() - 1);
    length = 0;
    for (size_t index = 0; index < sources.size(); ++index) {
        sources[index].entry = context.keyspace.read(context.keys[index + 1]);
        if (!context.require_string(sources[index].entry)) return std::nullopt;
        length = std::max(length, sources[index].bytes().size());
    }
    return sources;
}

/// Writes the result over `target`, `length` bytes.
void combine(Operation operation, std::vector<Source>& sources, char* target, size_t length) {
    const std::string_view first = sources[0].bytes();
    if (operation == Operation::inverse) return types::invert_bits(target, first);
    if (!first.empty()) std::memcpy(target, first.data(), first.size());
    std::memset(target + first.size(), 0, length - first.size());
    const auto combining = operation == Operation::all   ? types::BitOperation::all
                           : operation == Operation::any ? types::BitOperation::any
                                                         : types::BitOperation::odd;
    for (size_t index = 1; index < sources.size(); ++index) {
        types::combine_bits(combining, target, length, sources[index].bytes());
    }
}

void bitop(Context& context) {
    const auto operation = read_operation(context);
    if (!operation) return context.error(errors::kSyntax);
    if (*operation == Operation::inverse && context.keys.size() != 2) {
        return context.error("ERR BITOP NOT must be called with a single source key.");
    }
    size_t length = 0;
    auto sources = read_sources(context, length);
    if (!sources) return;
    const Key& key = context.keys[0];
    if (length == 0) {
        Entry* present = context.keyspace.write(key);
        if (present != nullptr) {
            context.keyspace.erase(key, present);
            context.keyspace.notify(engine::event::generic, "del", key);
        }
        return context.reply.integer(0);
    }
    // The target may be one of the operands, so the result is built beside it.
    auto result =
        base::SharedBytesRef::adopt(base::SharedBytes::create(length, base::Purpose::keyspace));
    combine(*operation, *sources, result->data(), length);
    result->set_size(length);
    const bool is_inline = length <= Entry::kInlineValueMax;
    const types::StringContent content = is_inline ? types::plain_string(result->view(), true)
                                                   : types::block_string(result.detach());
    context.keyspace.put(key, context.keyspace.write(key), content);
    context.keyspace.notify(engine::event::string, "set", key);
    context.reply.integer(static_cast<int64_t>(length));
}

/// One, if any operand has a byte and the target is missing.
int64_t bitop_new_keys(Context& context) {
    if (context.keyspace.peek(context.keys[0]) != nullptr) return 0;
    const auto has_bytes = [&](const Key& key) {
        const Entry* entry = context.keyspace.peek(key);
        return entry != nullptr && entry->type() == store::Type::string &&
               Context::string_length(*entry) > 0;
    };
    return std::any_of(context.keys.begin() + 1, context.keys.end(), has_bytes) ? 1 : 0;
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;

constexpr CommandSpec kBitmapCommands[] = {
    {.name = "setbit",
     .handler = setbit,
     .arity = 4,
     .flags = flag::write | flag::denyoom,
     .group = Group::bitmap,
     .keys = one_key(key_flag::rw | key_flag::access | key_flag::update),
     .since = "2.2.0",
     .complexity = "O(1)",
     .syntax = "key offset value",
     .summary =
         "Sets or clears a bit of a string and returns what it was; the string grows as needed."},
    {.name = "getbit",
     .handler = getbit,
     .arity = 3,
     .flags = flag::readonly | flag::fast,
     .group = Group::bitmap,
     .keys = one_key(kReads),
     .since = "2.2.0",
     .complexity = "O(1)",
     .syntax = "key offset",
     .summary = "Returns a bit of a string, 0 beyond its end."},
    {.name = "bitcount",
     .handler = bitcount,
     .arity = -2,
     .flags = flag::readonly,
     .group = Group::bitmap,
     .keys = one_key(kReads),
     .since = "2.6.0",
     .complexity = "O(N)",
     .syntax = "key [start end [BYTE | BIT]]",
     .summary = "Counts the set bits of a string or of a part of it."},
    {.name = "bitpos",
     .handler = bitpos,
     .arity = -3,
     .flags = flag::readonly,
     .group = Group::bitmap,
     .keys = one_key(kReads),
     .since = "2.8.7",
     .complexity = "O(N)",
     .syntax = "key bit [start [end [BYTE | BIT]]]",
     .summary = "Finds the first set or the first clear bit of a string or of a part of it."},
    {.name = "bitop",
     .handler = bitop,
     .arity = -4,
     .flags = flag::write | flag::denyoom,
     .group = Group::bitmap,
     .keys = {{KeySpec{key_flag::ow | key_flag::update, 2, KeySpec::Find::range, 0, 1, 0},
               KeySpec{kReads, 3, KeySpec::Find::range, -1, 1, 0}},
              2},
     .since = "2.6.0",
     .complexity = "O(N)",
     .syntax = "<AND | OR | XOR | NOT> destkey key [key ...]",
     .summary = "Combines strings bit by bit and stores the result.",
     .new_keys = bitop_new_keys},
};

}  // namespace

std::span<const CommandSpec> bitmap_commands() { return kBitmapCommands; }

}  // namespace gyre::commands
