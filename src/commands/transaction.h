// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The commands a client has queued behind MULTI: rows, arguments and hashed keys, in memory of
// their own. A large argument keeps the block it was received into.
//
// Ownership: part of a session. Threads: home reactor. Complexity: a queued command is one
// allocation at most; small ones share chunks.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/counted.h"
#include "commands/argument_store.h"
#include "resp/request_parser.h"
#include "store/partition.h"

namespace gyre::commands {

struct CommandSpec;

/// Keys one client may watch.
inline constexpr size_t kWatchedKeysMax = 1'000'000;

class Transaction {
public:
    struct Command {
        const CommandSpec* spec = nullptr;
        std::span<const resp::Argument> arguments;
        size_t first_key = 0;
        size_t key_count = 0;
    };

    Transaction() = default;
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

    /// Copies a command; whoever queues it appends the keys of the copy to keys() and says so with
    /// end_command().
    std::span<const resp::Argument> queue(const CommandSpec& spec,
                                          std::span<const resp::Argument> arguments);
    std::vector<store::Key>& keys() { return keys_; }
    void end_command() { commands_.back().key_count = keys_.size() - commands_.back().first_key; }

    std::span<const Command> commands() const { return commands_; }
    std::span<const store::Key> keys_of(const Command& command) const {
        return {keys_.data() + command.first_key, command.key_count};
    }
    /// The keys of all commands.
    std::span<const store::Key> all_keys() const { return keys_; }
    /// Bytes of what is queued, large arguments included.
    size_t bytes() const {
        return store_.bytes() + commands_.capacity() * sizeof(Command) +
               keys_.capacity() * sizeof(store::Key);
    }
    /// Flags of all commands queued, as bits of flag::.
    uint32_t flags() const { return flags_; }
    /// Of what the words of a command that is queued have run.
    void add_flags(uint32_t flags) { flags_ |= flags; }

    bool is_spoilt = false;  ///< a command was refused: EXEC will be too

private:
    ArgumentStore store_;
    base::CountedVector<Command, base::Purpose::clients> commands_;
    std::vector<store::Key> keys_;
    uint32_t flags_ = 0;
};

}  // namespace gyre::commands
