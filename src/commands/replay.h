// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Executes the effects of a log again, by the handlers of the commands they are written as. Time
// stands at the beginning of all days: no key is past its deadline, because if it went then, the
// log says so. Nothing is checked that was checked when the effect came about, and nothing is added
// to a log.
//
// Ownership: borrows the services, whose executor is the replay's own and has no log. Threads: one;
// takes the locks of the shards. Errors: a command that does not exist here, has not the right
// form, or fails; what came before it stays executed.

#include <cstdint>
#include <vector>

#include <gyre/result.h>

#include "base/output_buffer.h"
#include "commands/dispatch.h"
#include "commands/services.h"
#include "commands/session.h"
#include "log/aof_reader.h"

namespace gyre::commands {

class Replay final : public log::AofHandler {
public:
    /// `wall_ms`: the present, where the timer wheels of new databases begin.
    Replay(Services& services, base::ChunkPool& chunks, int64_t wall_ms);

    Result<void> on_unit(const log::AofUnit& unit) override;
    /// A new part begins in database 0.
    void begin_part() { database_ = 0; }

private:
    Result<void> execute(const log::AofCommand& command);
    Result<void> select(std::string_view index);
    Result<void> call(const RequestView& request);
    bool is_flush(const CommandSpec& spec);

    Services& services_;
    const int64_t wall_ms_;
    Session session_;
    size_t database_ = 0;
    base::OutputBuffer output_;
    std::vector<resp::Argument> arguments_;
};

}  // namespace gyre::commands
