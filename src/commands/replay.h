// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Executes the effects of a log again, by the handlers of the commands they are written as. Time
// stands at the beginning of all days: no key is past its deadline, because if it went then, the
// log says so. Nothing is checked that was checked when the effect came about, and nothing is added
// to a log. Which command comes when, and on which thread, is for commands/replay_lanes.h.
//
// Ownership: borrows the services, whose executor is the replay's own and has no log. Threads: one
// at a time; takes the locks of the shards. Errors: a command that does not exist here, has not the
// right form, or fails.

#include <cstdint>
#include <string>

#include <gyre/result.h>

#include "base/output_buffer.h"
#include "commands/dispatch.h"
#include "commands/services.h"
#include "commands/session.h"

namespace gyre::commands {

/// A command of a log, its row and its keys found.
struct LoggedCommand {
    RequestView request;
    uint32_t database = 0;
    int64_t timestamp_ms = store::kNoTimestamp;
};

class Replay {
public:
    /// `wall_ms`: the present, where the timer wheels of new databases begin.
    Replay(Services& services, int64_t wall_ms);

    /// Whether it is a command that a log may have.
    static Result<void> check(const RequestView& request);
    /// One that check() has let through.
    Result<void> execute(const LoggedCommand& command);
    /// Has the memory fetched that it will touch: the buckets of its keys, then, when these are
    /// there, the entries.
    void prefetch_buckets(const LoggedCommand& command);
    void prefetch_entries(const LoggedCommand& command);
    /// Frees what the commands have taken out.
    void clean_up();

private:
    template <class F>
    void for_each_partition(const LoggedCommand& command, F&& visit);
    Result<void> call(const LoggedCommand& command);
    std::string error_text(const resp::ReplyWriter& reply);
    bool is_flush(const LoggedCommand& command);

    Services& services_;
    const int64_t wall_ms_;
    Session session_;
    base::ChunkPool chunks_;
    base::OutputBuffer output_{chunks_};
};

}  // namespace gyre::commands
