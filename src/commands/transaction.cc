// SPDX-License-Identifier: BSD-3-Clause
#include "commands/transaction.h"

#include "commands/spec.h"

namespace gyre::commands {

std::span<const resp::Argument> Transaction::queue(const CommandSpec& spec,
                                                   std::span<const resp::Argument> arguments) {
    commands_.push_back({&spec, store_.copy(arguments), keys_.size(), 0});
    flags_ |= spec.flags;
    return commands_.back().arguments;
}

}  // namespace gyre::commands
