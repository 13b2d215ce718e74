// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What threads write into their rings: a line of the log, or a command that was run. A record is
// bytes, put together without allocating; how it looks in a file is for who reads it (line.h).
//
// Ownership: views into what the caller holds. Threads: any.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "diary/record_ring.h"

namespace gyre::diary {

/// When something was noted: what orders the records of several threads, and what people read. The
/// wall clock may be set back, the other one cannot.
struct Moment {
    int64_t order_ns = 0;  ///< monotonic
    int64_t wall_us = 0;   ///< Unix time
};

/// An argument of a command, as much of it as is kept.
struct NotedArgument {
    std::string_view bytes;
    uint64_t left_out_bytes = 0;  ///< behind these
    bool is_hidden = false;       ///< a password: there are no bytes
};

/// A command that was run or refused.
struct CommandNote {
    uint64_t client = 0;
    uint32_t database = 0;
    uint64_t microseconds = 0;
    std::string_view address;  ///< of the client
    std::string_view name;     ///< of the client; empty: none
    std::string_view error;    ///< first word of the error it was answered with; empty: none
    std::span<const NotedArgument> arguments;
    uint64_t left_out_arguments = 0;
};

/// What is kept of a command; of addresses and names, which are short, as much as of an argument.
inline constexpr size_t kNotedArgumentsMax = 64;
inline constexpr size_t kNotedBytesMax = 256;

/// False: there is no room.
bool push_line(RecordRing& ring, const Moment& moment, base::Level level,
               std::string_view text) noexcept;
bool push_command(RecordRing& ring, const Moment& moment, const CommandNote& note) noexcept;

enum class RecordKind : uint8_t { line, command };

/// A record as it is read. Its views point into the bytes it was read from.
struct Record {
    RecordKind kind = RecordKind::line;
    Moment moment;
    base::Level level = base::Level::notice;  ///< of a line
    std::string_view text;                    ///< of a line
    CommandNote command;
    std::vector<NotedArgument> arguments;  ///< of the command, whose span refers to these
};

/// When the record was noted, without reading the rest.
int64_t order_of(std::string_view bytes) noexcept;
/// Reads what push_line() or push_command() wrote; `record` may be one that was read before.
void read_record(std::string_view bytes, Record& record);

}  // namespace gyre::diary
