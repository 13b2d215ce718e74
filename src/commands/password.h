// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Whether a text is the password, for those who must tell before they say AUTH: HTTP's Bearer is
// `password` or `user:password`, and a password may have a colon.
//
// Threads: any.

#include <string_view>

#include "commands/services.h"

namespace gyre::commands {

/// False where there is none. Takes as long for a wrong first byte as for a wrong last one.
bool is_password(const Configuration& configuration, std::string_view text);

}  // namespace gyre::commands
