// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The text of BATCH as statements, and statements as words. Statements end at a semicolon or at the
// end of a line, but not within quotes; those without a word are none. Quotes are those of inline
// commands (resp/words.h).
//
// Ownership: statements are views of the text. Threads: any. Complexity: O(bytes).

#include <string>
#include <string_view>
#include <vector>

#include <gyre/result.h>

namespace gyre::commands {

/// Where a quote is left open the rest of the text is one statement, which then has no words.
std::vector<std::string_view> split_statements(std::string_view text);

/// The words of a statement; none when it is empty. Error: what is wrong with its quotes, as the
/// client is told it.
Result<std::vector<std::string>> statement_words(std::string_view statement);

}  // namespace gyre::commands
