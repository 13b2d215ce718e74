// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// `gyre-server --convert FROM TO`: a whole data set from an RDB file into a JSON document, or the
// other way round, with all databases, types and deadlines. The first byte of the file says which
// it is. Keys past their deadline are converted like others: whether they are still wanted is for
// the server that loads them to say.
//
// Threads: one, before anything else runs. Errors: name the file and the place in it; TO is then
// not there. One that exists is not written over.
// Memory: the value at hand; for JSON also what finds a key that comes twice.

#include <cstdint>
#include <string>

#include "gyre/result.h"

namespace gyre::server {

/// How many keys.
Result<uint64_t> convert_file(const std::string& from, const std::string& to);

}  // namespace gyre::server
