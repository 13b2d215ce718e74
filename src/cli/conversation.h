// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Many commands on their way at a time, over the client of a Link, with replies taken one by one,
// so that no more than one of them is in memory. A wait ends with its reply or with a signal
// (SIGINT, SIGTERM, SIGHUP), never by a timeout: what is large takes its time.
//
// Ownership: borrows the client. While it lives these signals are blocked. Threads: one.
// Errors: the client's; ECANCELED when a signal came, and the connection is then of no more use.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "cli/signals.h"
#include "gyre/client.h"

namespace gyre::cli {

class Conversation {
public:
    explicit Conversation(Client& client) : client_(client) {}

    template <class... Words>
    void append(const Words&... words) {
        client_.append(words...);
    }
    void append(std::span<const std::string_view> words) { client_.append(words); }
    /// Everything appended is with the server afterwards.
    Result<void> send();
    /// The next reply to what was sent.
    Result<Reply> next();
    /// The next reply if it has come already.
    Result<std::optional<Reply>> next_if_there();
    [[nodiscard]] size_t owed() const { return client_.replies_owed(); }
    /// One command and its reply, while no others are owed.
    template <class... Words>
    Result<Reply> ask(const Words&... words) {
        client_.append(words...);
        if (auto sent = send(); !sent) return tl::unexpected(sent.error());
        return next();
    }

    /// Waits until something can be read from another descriptor.
    Result<void> wait_for(int descriptor);

    /// The signal that ended a wait; 0: none did.
    [[nodiscard]] int stopped_by() const { return stopped_by_; }

private:
    Client& client_;
    Signals signals_;
    int stopped_by_ = 0;
};

}  // namespace gyre::cli
