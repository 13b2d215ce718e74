// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Which commands have no sense over HTTP: those about the connection they come by, as a request has
// none of its own. Threads: any.

#include "commands/spec.h"

namespace gyre::http {

/// MULTI, WATCH, SELECT, AUTH, SUBSCRIBE, MONITOR, CLIENT REPLY ...
bool is_about_connection(const commands::CommandSpec& spec);

}  // namespace gyre::http
