// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The diary: what the server tells the person who runs it (base/log.h), and which commands it was
// given (the command log). While it runs in the background, each thread writes into a ring of its
// own, never waits, and loses what does not fit, which is counted; one thread takes the records out
// of all rings, in order of time, and writes the lines. Otherwise, before start() and behind
// stop(), whoever logs writes the line himself.
//
// A record is written out when it is kSettleNs old: so long a thread may take between looking at
// the clock and having its record in its ring, without coming too late for its place.
//
// The journal: systemd hands a service a stream and says so in JOURNAL_STREAM. Where that is what
// we write to, lines begin with their priority as <n>, which is all that the journal cannot see by
// itself (it has time and process). Its own protocol would take a socket and a message for each
// line, and add nothing.
//
// Ownership: one diary for the process, never destroyed; rings belong to it, a thread has one from
// its first record to its end. Threads: open(), close(), start() and stop() one at a time, the last
// only when nobody else logs any more; all else any. Errors: logging never fails.

#include <cstddef>
#include <cstdint>
#include <string>

#include <gyre/result.h>

#include "base/log.h"
#include "diary/line.h"
#include "diary/record.h"

namespace gyre::diary {

/// Paths of files, or the names of the two streams (outlet.h).
struct Places {
    std::string log;            ///< empty: standard output
    std::string errors = {};    ///< warnings go there as well; empty: nowhere
    std::string commands = {};  ///< empty: there is no command log
};

inline constexpr size_t kRingBytes = 256 * 1024;
/// So that the longest record leaves room for others.
inline constexpr size_t kRingBytesMin = 64 * 1024;
inline constexpr int64_t kSettleNs = 5'000'000;
/// Of lines that were lost the log tells at most so often.
inline constexpr int64_t kLossReportNs = 1'000'000'000;
/// Records written between two looks at what else there is to do.
inline constexpr size_t kRecordsPerRound = 4096;

/// All places or none; from then on what is logged goes there.
Result<void> open(const Places& places);
/// Back to stderr.
void close();
void set_format(Format format) noexcept;
bool has_command_log() noexcept;

/// Into the background: with rings of so many bytes.
Result<void> start(size_t ring_bytes = kRingBytes);
/// Everything is written, and the thread has ended.
void stop();

/// Gives this thread its ring now and not with its first record.
void attach_thread();
/// Into the command log.
void note_command(const CommandNote& note) noexcept;

/// Opens the files again by their names, after they were moved away. One that cannot be opened
/// stays as it was, and the log says why.
Result<void> reopen();
/// Has that done in the background. Async-signal-safe.
void request_reopen() noexcept;
/// Waits until what was logged by now is written, but not longer than this. Async-signal-safe; for
/// ends of the process that leave no time for stop().
void flush(int patience_ms) noexcept;

struct Figures {
    uint64_t lines = 0;           ///< of the log, written
    uint64_t commands = 0;        ///< in the command log
    uint64_t lost_lines = 0;      ///< no room in a ring
    uint64_t lost_commands = 0;   ///< likewise
    uint64_t unwritten = 0;       ///< lines of any file that could not be written
    uint64_t failed_reopens = 0;  ///< files that could not be opened again
};
Figures figures() noexcept;

}  // namespace gyre::diary
