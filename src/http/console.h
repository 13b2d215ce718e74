// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The console: console/index.html, compiled in by console/embed.py. Threads: any (constant).

#include <string_view>

namespace gyre::http {

std::string_view console_page();
/// Content-Security-Policy: the page's own script and style run, nothing is loaded from elsewhere.
std::string_view console_policy();

}  // namespace gyre::http
