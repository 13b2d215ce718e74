// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The origin system's two ways to give a batch: `batch -c "put a 1; put b 2"` and `batch -f file`.
// The server's BATCH takes statements, so both are turned into it here; the file is read where the
// client runs.
//
// Threads: any. Errors: a sentence that names the file, or what is missing.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/result.h"

namespace gyre::cli {

/// The largest file that is sent as one batch.
inline constexpr size_t kBatchFileBytesMax = size_t{64} * 1024 * 1024;

/// The command to send: BATCH with its statements in place of -c or -f; any other one as it is.
Result<std::vector<std::string>> complete_batch(std::span<const std::string> words);

/// `batch -f`, of which a file's name is to come.
bool wants_batch_file(std::span<const std::string> words);

/// What may stand behind the words of a batch, as a hint; nullopt where the server's own is the
/// one.
std::optional<std::string_view> batch_hint(std::span<const std::string> words);

}  // namespace gyre::cli
