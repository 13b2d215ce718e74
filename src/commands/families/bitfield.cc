// SPDX-License-Identifier: BSD-3-Clause

// Strings as rows of integers: BITFIELD and BITFIELD_RO.
//
// All operations are read before the first is carried out, so that a mistake in the last leaves the
// key as it was. With anything to write the string is grown to the farthest bit written at once,
// even if every write then fails for overflow; with nothing to write the key is only read.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/registry.h"
#include "types/bitfield.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::BitField;
using types::Overflow;

constexpr std::string_view kBadType =
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 "
    "is.";
constexpr std::string_view kBadOffset = "ERR bit offset is not an integer or out of range";
constexpr std::string_view kBadOverflow = "ERR Invalid OVERFLOW type specified";

struct Operation {
    enum class Kind : uint8_t { get, set, increase };
    Kind kind = Kind::get;
    Overflow overflow = Overflow::wrap;
    BitField field;
    int64_t operand = 0;
};

struct Program {
    std::vector<Operation> operations;
    uint64_t last_written_bit = 0;
    bool writes = false;
};

/// Either side of what is being read from the arguments: it, or the text of the error.
template <class T>
using Parsed = tl::expected<T, std::string_view>;

/// Reads the arguments without replying: whether the command may create its key is asked before
/// it runs.
class Parser {
public:
    explicit Parser(Context& context) : context_(context) {}

    Parsed<Program> parse() {
        Program program;
        for (size_t at = 2; at < context_.count();) {
            const size_t left = context_.count() - at - 1;
            if (left >= 1 && context_.is(at, "OVERFLOW")) {
                if (!read_overflow(at + 1)) return tl::unexpected(kBadOverflow);
                at += 2;
                continue;
            }
            const auto kind = kind_at(at, left);
            if (!kind) return tl::unexpected(errors::kSyntax);
            const auto operation = read_operation(*kind, at + 1);
            if (!operation) return tl::unexpected(operation.error());
            add(program, *operation);
            at += *kind == Operation::Kind::get ? 3 : 4;
        }
        return program;
    }

private:
    /// The operation named there, if its arguments are not more than are left.
    std::optional<Operation::Kind> kind_at(size_t at, size_t left) const {
        if (left >= 2 && context_.is(at, "GET")) return Operation::Kind::get;
        if (left >= 3 && context_.is(at, "SET")) return Operation::Kind::set;
        if (left >= 3 && context_.is(at, "INCRBY")) return Operation::Kind::increase;
        return std::nullopt;
    }

    bool read_overflow(size_t at) {
        if (context_.is(at, "WRAP")) {
            overflow_ = Overflow::wrap;
        } else if (context_.is(at, "SAT")) {
            overflow_ = Overflow::saturate;
        } else if (context_.is(at, "FAIL")) {
            overflow_ = Overflow::fail;
        } else {
            return false;
        }
        return true;
    }

    Parsed<Operation> read_operation(Operation::Kind kind, size_t at) const {
        Operation operation{kind, overflow_, {}, 0};
        if (!read_type(context_.argument(at), operation.field)) return tl::unexpected(kBadType);
        if (!read_offset(context_.argument(at + 1), operation.field)) {
            return tl::unexpected(kBadOffset);
        }
        if (kind == Operation::Kind::get) return operation;
        const auto operand = base::parse_integer(context_.argument(at + 2));
        if (!operand) return tl::unexpected(errors::kNotInteger);
        operation.operand = *operand;
        return operation;
    }

    /// "i1" to "i64" and "u1" to "u63".
    static bool read_type(std::string_view text, BitField& field) {
        if (text.empty() || (text[0] != 'i' && text[0] != 'u')) return false;
        field.is_signed = text[0] == 'i';
        const auto bits = base::parse_integer(text.substr(1));
        if (!bits || *bits < 1 || *bits > (field.is_signed ? 64 : 63)) return false;
        field.bits = static_cast<uint8_t>(*bits);
        return true;
    }

    /// Bits, or with '#' before it fields of this width. Only the first bit has to lie within the
    /// longest string allowed.
    bool read_offset(std::string_view text, BitField& field) const {
        const bool counts_fields = text.starts_with('#');
        const auto number = base::parse_integer(text.substr(counts_fields ? 1 : 0));
        if (!number) return false;
        auto bits = static_cast<uint64_t>(*number);
        // The product wraps around, as in Redis.
        if (counts_fields) bits *= field.bits;
        constexpr auto kHighest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
        const int64_t limit =
            context_.keyspace.dataset().settings.proto_max_bulk_len.load(std::memory_order_relaxed);
        if (bits > kHighest || bits / 8 >= static_cast<uint64_t>(limit)) return false;
        field.offset = bits;
        return true;
    }

    static void add(Program& program, const Operation& operation) {
        program.operations.push_back(operation);
        if (operation.kind == Operation::Kind::get) return;
        program.writes = true;
        program.last_written_bit = std::max(program.last_written_bit, operation.field.last_bit());
    }

    Context& context_;
    Overflow overflow_ = Overflow::wrap;
};

/// What a SET or an INCRBY makes of a field that is `before`; nullopt: it is refused.
std::optional<int64_t> result_of(const Operation& operation, int64_t before) {
    const bool is_set = operation.kind == Operation::Kind::set;
    return operation.field.add(is_set ? operation.operand : before, is_set ? 0 : operation.operand,
                               operation.overflow);
}

/// Whether the program leaves the bytes, which hold all its fields, as they are.
bool changes_nothing(const Program& program, std::string_view bytes) {
    return std::ranges::all_of(program.operations, [bytes](const Operation& operation) {
        if (operation.kind == Operation::Kind::get) return true;
        const int64_t before = operation.field.read(bytes);
        return result_of(operation, before).value_or(before) == before;
    });
}

/// Replies to an operation of a program; `bytes` are those it may write to, null: it changes none.
/// True when it is one that writes and was not refused.
bool run_operation(Context& context, const Operation& operation, std::string_view present,
                   char* bytes) {
    const int64_t before = operation.field.read(present);
    if (operation.kind == Operation::Kind::get) {
        context.reply.integer(before);
        return false;
    }
    const auto after = result_of(operation, before);
    if (!after) {
        context.reply.null();
        return false;
    }
    if (bytes != nullptr) operation.field.write(bytes, *after);
    context.reply.integer(operation.kind == Operation::Kind::set ? before : *after);
    return true;
}

void run_reading(Context& context, const Program& program) {
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (!context.require_string(entry)) return;
    char digits[24];
    const std::string_view bytes =
        entry == nullptr ? std::string_view{} : Context::string_bytes(*entry, digits);
    context.reply.array(static_cast<int64_t>(program.operations.size()));
    for (const Operation& operation : program.operations) {
        context.reply.integer(operation.field.read(bytes));
    }
}

void run_writing(Context& context, const Program& program) {
    const Key& key = context.keys[0];
    Entry* entry = context.keyspace.write(key);
    if (!context.require_string(entry)) return;
    const size_t present = entry == nullptr ? 0 : Context::string_length(*entry);
    const size_t length = std::max<size_t>(present, program.last_written_bit / 8 + 1);
    // What leaves all bits as they are is no change; other forms of a string become raw by it.
    if (present == length && entry->encoding() == store::Encoding::raw) {
        char digits[24];
        const std::string_view bytes = Context::string_bytes(*entry, digits);
        if (changes_nothing(program, bytes)) {
            context.reply.array(static_cast<int64_t>(program.operations.size()));
            for (const Operation& operation : program.operations) {
                run_operation(context, operation, bytes, nullptr);
            }
            return;
        }
    }
    // Operations that leave everything as it was are no event: asked only when somebody listens.
    const bool may_tell = context.services.dataset.notifies(engine::event::string);
    char digits[24];
    const bool is_new = entry == nullptr;
    const std::string before(may_tell && !is_new ? Context::string_bytes(*entry, digits)
                                                 : std::string_view());
    char* bytes = context.keyspace.edit(key, entry, length);
    context.reply.array(static_cast<int64_t>(program.operations.size()));
    bool has_set = false;
    for (const Operation& operation : program.operations) {
        has_set = run_operation(context, operation, {bytes, length}, bytes) || has_set;
    }
    if (!may_tell || before == std::string_view(bytes, length)) return;
    if (has_set) return context.keyspace.notify(engine::event::string, "setbit", key);
    // It has grown, though every write was refused: no event of Redis'. Of a new key `new` tells.
    if (!is_new) context.keyspace.notify_update("setbit", key);
}

void bitfield(Context& context) {
    const auto program = Parser(context).parse();
    if (!program) return context.error(program.error());
    if (program->writes) return run_writing(context, *program);
    run_reading(context, *program);
}

void bitfield_ro(Context& context) {
    const auto program = Parser(context).parse();
    if (!program) return context.error(program.error());
    if (program->writes) {
        return context.error("ERR BITFIELD_RO only supports the GET subcommand");
    }
    run_reading(context, *program);
}

/// One, if the key is missing and there is something to write.
int64_t bitfield_new_keys(Context& context) {
    if (context.keyspace.peek(context.keys[0]) != nullptr) return 0;
    const auto program = Parser(context).parse();
    return program && program->writes ? 1 : 0;
}

constexpr CommandSpec kBitfieldCommands[] = {
    {.name = "bitfield",
     .handler = bitfield,
     .arity = -2,
     .flags = flag::write | flag::denyoom,
     .group = Group::bitmap,
     .keys = one_key(key_flag::rw | key_flag::access | key_flag::update | key_flag::variable_flags),
     .since = "3.2.0",
     .complexity = "O(1) for each subcommand specified",
     .syntax = "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] "
               "<SET encoding offset value | INCRBY encoding offset increment> "
               "[GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] "
               "<SET encoding offset value | INCRBY encoding offset increment> ...]]",
     .summary = "Reads, sets and increments integers of any width at any bit of a string.",
     .new_keys = bitfield_new_keys},
    {.name = "bitfield_ro",
     .handler = bitfield_ro,
     .arity = -2,
     .flags = flag::readonly | flag::fast,
     .group = Group::bitmap,
     .keys = one_key(key_flag::ro | key_flag::access),
     .since = "6.0.0",
     .complexity = "O(1) for each subcommand specified",
     .syntax = "key [GET encoding offset [GET encoding offset ...]]",
     .summary = "Reads integers of any width at any bit of a string."},
};

}  // namespace

std::span<const CommandSpec> bitfield_commands() { return kBitfieldCommands; }

}  // namespace gyre::commands
