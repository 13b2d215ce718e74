// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Effects as bytes: what a command did, as the RESP arrays of bulk strings that an append-only file
// and a replication stream consist of. Each effect knows how long it is (`bytes()`) before it
// is written (`write()`), because a writer reserves its place in the log under the locks of its
// shards and copies after it has let go of them. Both walk the same list of words, so they agree.
//
// Which command stands for which change is Redis' choice (docs/formats/aof.md has the table): a
// deadline is always an absolute one in milliseconds, an expired or evicted key is a DEL.
//
// A Record is what is reserved at once. The stream rests in database 0: a record for another one
// begins with SELECT n and ends with SELECT 0, so no writer needs to know what stands before it.
// Several steps are one transaction (MULTI ... EXEC), with the SELECTs inside it, so that a file
// that ends early ends in database 0 there too.
//
// A timestamp of a key has no command in Redis. It is a line beginning with '#' before the command,
// which Redis and its tools skip.
//
// Ownership: effects borrow their words, spans included; they must last until write() returned.
// Threads: any. Errors: none. Complexity: O(words) for bytes(), O(bytes) for write(), no
// allocation.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "base/numbers.h"

namespace gyre::log {

/// The same numbers as store::kNoExpiry and store::kNoTimestamp, which this room cannot name.
inline constexpr int64_t kNoDeadline = INT64_MAX;
inline constexpr int64_t kNoTimestamp = INT64_MIN;

/// Takes the bytes of a record one piece after the other, where they do not lie in one.
class Pieces {
public:
    virtual ~Pieces() = default;
    virtual void append(std::string_view bytes) = 0;
};

/// SET key value, SET key value PXAT ms, or SET key value KEEPTTL (INCRBYFLOAT).
struct SetEffect {
    std::string_view key;
    std::string_view value;
    int64_t expire_ms = kNoDeadline;  ///< Unix time, above 0
    bool keeps_ttl = false;           ///< not with expire_ms

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// PEXPIREAT key ms
struct ExpireEffect {
    std::string_view key;
    int64_t expire_ms = 0;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// PERSIST key
struct PersistEffect {
    std::string_view key;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// DEL key [key ...], or UNLINK. At least one key.
struct DeleteEffect {
    std::span<const std::string_view> keys;
    bool is_unlink = false;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

struct KeyValue {
    std::string_view key;
    std::string_view value;
};

/// MSET key value [key value ...]. At least one pair.
struct SetManyEffect {
    std::span<const KeyValue> pairs;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// RENAME source destination
struct RenameEffect {
    std::string_view source;
    std::string_view destination;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// MOVE key database
struct MoveEffect {
    std::string_view key;
    size_t database = 0;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// COPY source destination [DB database] [REPLACE]
struct CopyEffect {
    std::string_view source;
    std::string_view destination;
    std::optional<size_t> database = std::nullopt;
    bool is_replacing = false;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// SWAPDB first second
struct SwapDatabasesEffect {
    size_t first = 0;
    size_t second = 0;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// FLUSHDB
struct FlushDatabaseEffect {
    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// FLUSHALL
struct FlushAllEffect {
    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// SELECT database
struct SelectEffect {
    size_t database = 0;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// MULTI
struct MultiEffect {
    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// EXEC
struct ExecEffect {
    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// Any command as it stands: for changes whose command is shorter than their result (APPEND,
/// SETRANGE, SETBIT ...). At least one word.
struct CommandEffect {
    std::span<const std::string_view> words;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// "#GYRE-TIMESTAMP:<ms>\r\n": the timestamp that the command after it gives its keys.
struct TimestampLine {
    int64_t timestamp_ms = 0;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

/// "#TS:<seconds>\r\n": when what follows was written (aof-timestamp-enabled).
struct ClockLine {
    int64_t unix_s = 0;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
};

using Effect = std::variant<SetEffect, ExpireEffect, PersistEffect, DeleteEffect, SetManyEffect,
                            RenameEffect, MoveEffect, CopyEffect, SwapDatabasesEffect,
                            FlushDatabaseEffect, FlushAllEffect, CommandEffect>;

/// One effect with what it needs around it.
struct Step {
    size_t database = 0;  ///< in which it happens; 0 for those that name no key
    Effect effect;
    int64_t timestamp_ms = kNoTimestamp;
};

/// What is reserved and written at once: one step as it is, several as a transaction. At least one.
struct Record {
    std::span<const Step> steps;

    size_t bytes() const noexcept;
    char* write(char* out) const noexcept;
    void write(Pieces& out) const;
};

/// Appends anything with bytes() and write() to a string or a vector of char.
template <class Buffer, class Part>
void append(Buffer& out, const Part& part) {
    const size_t before = out.size();
    out.resize(before + part.bytes());
    part.write(out.data() + before);
}

/// Whether `wire`, a command that was parsed into `arguments` (with bytes, views of it), is byte
/// for byte what CommandEffect writes of them: numbers in their shortest form, CRLF behind each
/// line.
template <class Arguments>
bool is_written_form(std::string_view wire, const Arguments& arguments) noexcept {
    if (wire.empty() || wire[0] != '*') return false;
    const auto ends_line = [](const char* end) { return end[-2] == '\r' && end[-1] == '\n'; };
    const char* at = wire.data() + 1 + base::unsigned_chars(arguments.size()) + 2;
    const char* const behind_count = at;
    for (const auto& argument : arguments) {
        const std::string_view word = argument.bytes;
        const char* const line = at;
        at += 1 + base::unsigned_chars(word.size()) + 2;
        // Only of what lies in its place is known that what stands before and behind it is there.
        if (word.data() != at || *line != '$' || !ends_line(at)) return false;
        at += word.size() + 2;
        if (!ends_line(at)) return false;
    }
    return at == wire.data() + wire.size() && ends_line(behind_count);
}

/// What a timestamp line begins with; digits and CRLF follow.
inline constexpr std::string_view kTimestampPrefix = "#GYRE-TIMESTAMP:";
/// What a clock line begins with, in Redis' files too.
inline constexpr std::string_view kClockPrefix = "#TS:";

}  // namespace gyre::log
