// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The aliases of a server that has them, as SHOW-ALIAS tells: what a call stands for, so that the
// prompt, the history and the help know more of it than its name.
//
// Ownership: owns its texts. Threads: any after load. Errors: what cannot be understood is left
// out, and a call that does not fit its alias is none: the server says what is wrong with it.
// Complexity: O(log n) to find.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/reply.h"

namespace gyre::cli {

class Aliases {
public:
    /// Aliases that lead to each other before a call is held to be none.
    static constexpr size_t kDepthMax = 8;

    /// In the place of what was known: from the reply of SHOW-ALIAS, RESP2 or RESP3.
    void load(const Reply& reply);

    /// The words of the alias as a line; nullptr: there is no such alias.
    const std::string* find(std::string_view name) const;
    /// The command that a call of an alias becomes, through others if need be.
    std::optional<std::vector<std::string>> expand(std::span<const std::string> call) const;

private:
    std::map<std::string, std::string, std::less<>> lines_;  // by name in lower case
};

}  // namespace gyre::cli
