// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// --dump: the keys of a server in a file, RDB or JSON, by nothing but commands that every server of
// the protocol has: SCAN finds the keys, DUMP and PEXPIRETIME tell value and deadline of one at the
// same moment (in a MULTI). The file has no moment of its own: keys that change while it is made
// are in it as they were before or after. A snapshot of one moment is BGSAVE's.
//
// What DUMP does not tell is not in the file: timestamps of writes, when a key was used last,
// libraries of functions.
//
// Threads: one. Errors: the exit status, 128 and the signal's number when one ended it; the reason
// is on standard error, and no file is left. A key that cannot be read ends it: a file that lacks
// keys in silence is no copy.
// Memory: a page of keys, one value packed and unpacked, and 22 to 43 bytes for each key (SCAN may
// name one twice, a file may not).

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "cli/link.h"
#include "cli/options.h"

namespace gyre::cli {

int run_dump(const Options& options, Link& link);

/// How many keys are asked for at a time, after so many before, of which the largest value had this
/// many bytes: the server holds these values until they are read. Grows from 1.
size_t keys_at_a_time(size_t before, size_t largest_bytes);

struct DatabaseSize {
    int64_t number = 0;
    uint64_t keys = 0;
};
/// The lines "db0:keys=12,..." of INFO keyspace.
std::vector<DatabaseSize> databases_of(std::string_view info);

}  // namespace gyre::cli
