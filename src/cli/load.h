// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// --load: the keys of an RDB file or a JSON document, which its first byte tells, put into a server
// by RESTORE, many at a time on their way. Values go out in the form of Redis 7.0; deadlines as the
// moment they are. A key that is there already stays, and is counted, unless keys are to be
// replaced; a library of functions is given to FUNCTION LOAD. Timestamps of writes have no place in
// RESTORE: how many keys had one is told.
//
// Threads: one. Errors: the exit status: 1 when a key was refused or was there, 128 and the
// signal's number when one ended it. What was refused stands on standard error with its key, the
// first hundred; the rest goes on. A file that is damaged ends it, as does a connection that
// breaks: keys before that place are in the server.
// Memory: a chunk, up to four copies of the value at hand, and what is on its way; of JSON with
// replacing also what finds a key that comes twice (snapshot/json_reader.h).

#include <string>
#include <vector>

#include "cli/link.h"
#include "cli/options.h"
#include "snapshot/record.h"

namespace gyre::cli {

int run_load(const Options& options, Link& link);

/// RESTORE and its words for a record.
std::vector<std::string> restore_words(const snapshot::Record& record, bool replaces);

}  // namespace gyre::cli
