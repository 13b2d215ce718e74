// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a connection has become by the commands on it: its database, and the transaction it is in.
// Followed from commands and replies by the rules of the server: a SELECT that is queued behind
// MULTI counts when EXEC has run it, one behind BEGIN until ROLLBACK or a COMMIT that fails takes
// it back. What cannot be known from outside (a BATCH may select) is doubtful until the server has
// been asked.
//
// Threads: any, one at a time. Errors: none. Complexity: memory for each queued command that may
// select, nothing for the others.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gyre/reply.h"

namespace gyre::cli {

class SessionState {
public:
    enum class Transaction : uint8_t { none, multi, begin };

    /// A new connection, in this database.
    void begin_in(int database);
    /// What the connection had is gone with it; the database is the one to come back to.
    void end();
    /// A command was answered.
    void note(std::span<const std::string> words, const Reply& reply);
    /// A command was answered of which only the server knows what it stands for.
    void note_unknown(const Reply& reply);

    int database() const { return database_; }
    /// Without what an open transaction may take back: where the next connection has to go.
    int lasting_database() const;
    Transaction transaction() const { return transaction_; }
    /// Keys are watched for a MULTI to come.
    bool has_watches() const { return has_watches_; }

    /// The database may be another one than database().
    bool is_doubtful() const { return is_doubtful_; }
    /// What the server says of it.
    void set_database(int database);
    void keep_database() { is_doubtful_ = false; }

private:
    using Queued = std::pair<size_t, std::vector<std::string>>;  // its place behind MULTI

    void note_in_multi(std::string_view name, std::span<const std::string> words,
                       const Reply& reply);
    void note_run(std::string_view name, std::span<const std::string> words, const Reply& reply);
    void exec(const Reply& reply);
    void leave(bool takes_back);
    void forget_queue();

    int database_ = 0;
    int database_before_ = 0;  // of BEGIN
    Transaction transaction_ = Transaction::none;
    bool has_watches_ = false;
    bool is_doubtful_ = false;
    size_t queued_ = 0;
    std::vector<Queued> may_select_;  // of what is queued; without words: not known
};

}  // namespace gyre::cli
