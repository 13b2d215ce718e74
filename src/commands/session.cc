// SPDX-License-Identifier: BSD-3-Clause
#include "commands/session.h"

#include "base/check.h"
#include "commands/blocking.h"
#include "commands/interactive.h"
#include "commands/tracking.h"

namespace gyre::commands {

Session::Session() { subscriber.owner = this; }

Session::~Session() { CHECK(!blocked); }

}  // namespace gyre::commands
