// SPDX-License-Identifier: BSD-3-Clause
#include "http/transaction.h"

#include <utility>

namespace gyre::http {

namespace {

ring::Task<Outcome> run_within(Backend& backend, std::span<const WordList> commands) {
    Outcome outcome;
    for (const WordList& command : commands) {
        Reply reply = co_await backend.run(command);
        // The transaction is over, and with it what these commands have done.
        if (reply.is_error() &&
            (reply.text.starts_with("CONFLICT ") || reply.text.starts_with("ABORTED "))) {
            outcome.error = std::move(reply.text);
            outcome.failed_at = commands.size();
            co_return outcome;
        }
        outcome.replies.push_back(std::move(reply));
    }
    co_return outcome;
}

}  // namespace

ring::Task<Outcome> run_atomically(Backend& backend, std::span<const WordList> commands) {
    if (backend.is_in_transaction()) co_return co_await run_within(backend, commands);
    Outcome outcome;
    const std::string_view multi[] = {"MULTI"};
    Reply reply = co_await backend.run_own(multi);
    if (reply.is_error()) {
        outcome.error = std::move(reply.text);
        co_return outcome;
    }
    for (const WordList& command : commands) {
        reply = co_await backend.run(command);
        if (reply.is_error()) {
            outcome.error = std::move(reply.text);
            const std::string_view discard[] = {"DISCARD"};
            static_cast<void>(co_await backend.run_own(discard));
            co_return outcome;
        }
        ++outcome.failed_at;
    }
    const std::string_view exec[] = {"EXEC"};
    reply = co_await backend.run_own(exec);
    if (reply.is_error()) outcome.error = std::move(reply.text);
    outcome.is_void = reply.is_null();
    outcome.replies = std::move(reply.elements);
    co_return outcome;
}

}  // namespace gyre::http
