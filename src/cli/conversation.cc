// SPDX-License-Identifier: BSD-3-Clause
#include "cli/conversation.h"

#include <csignal>

#include <cerrno>
#include <utility>

namespace gyre::cli {
namespace {

tl::unexpected<Error> cancelled() { return fail("Cancelled.", ECANCELED); }

}  // namespace

Result<void> Conversation::send() {
    for (;;) {
        // Also where nothing ever has to be waited for.
        const auto signal = signals_.take();
        if (signal && *signal != SIGWINCH) {
            stopped_by_ = *signal;
            return cancelled();
        }
        Result<void> sent = client_.flush();
        // After a timeout the server takes its time to read.
        if (sent || sent.error().code != ETIMEDOUT) return sent;
    }
}

Result<Reply> Conversation::next() {
    for (;;) {
        Result<std::optional<Reply>> reply = client_.try_read_reply();
        if (!reply) return tl::unexpected(reply.error());
        if (*reply) return std::move(**reply);
        if (auto ready = wait_for(client_.file_descriptor()); !ready) {
            return tl::unexpected(ready.error());
        }
    }
}

Result<std::optional<Reply>> Conversation::next_if_there() { return client_.try_read_reply(); }

Result<void> Conversation::wait_for(int descriptor) {
    if (wait_or_stop(signals_, descriptor, stopped_by_)) return {};
    return cancelled();
}

}  // namespace gyre::cli
