// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A table of aliases as a JSON document and back; docs/formats/aliases.md describes it. Opens no
// file.
//
// Threads: any. Errors: of reading, a sentence that begins with the place in the document. Nothing
// is made of a document that is not whole.

#include <cstddef>
#include <string>
#include <string_view>

#include <gyre/result.h>

#include "commands/aliases.h"

namespace gyre::commands {

/// Above what any table's document can be: names and words of the most there can be, each byte
/// escaped, and what stands between them.
inline constexpr size_t kAliasDocumentBytesMax = size_t{64} << 20;

std::string write_aliases(const AliasTable& table);
Result<AliasTable> read_aliases(std::string_view text);

}  // namespace gyre::commands
