// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// CLIENT TRACKING, the part of one client: what it wants to be told, and how word comes to it or to
// the client it names instead (engine/tracking.h finds out whom to tell).
//
// Ownership: a session owns its ClientTracking; end_tracking() comes before either goes. Threads:
// home reactor; the home of another client is told through SessionHome. Suspends: never.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/counted.h"
#include "commands/session.h"
#include "engine/dataset.h"

namespace gyre::commands {

struct ClientTracking {
    using Text = base::CountedString<base::Purpose::clients>;
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

    /// How CLIENT TRACKING asked for it.
    struct Options {
        bool is_broadcast = false;
        bool is_optin = false;
        bool is_optout = false;
        bool is_quiet = false;  ///< NOLOOP
        uint64_t redirect = 0;  ///< 0: to the client itself
        SessionHome* redirect_home = nullptr;
    };
    Options options;
    bool is_broken = false;    ///< the client that is told instead has gone
    bool has_caching = false;  ///< CLIENT CACHING came before this command
    base::CountedVector<Text, base::Purpose::clients> prefixes;  // ascending

    /// Whether the keys that the running command reads are remembered.
    bool remembers() const {
        if (options.is_broadcast) return false;
        return options.is_optin ? has_caching : !(options.is_optout && has_caching);
    }
};

/// Begins, or changes the options of a client that tracks already; prefixes are added. False: there
/// are too many subscriptions.
bool begin_tracking(Session& session, const ClientTracking::Options& options,
                    std::span<const std::string_view> prefixes, engine::Dataset& dataset,
                    engine::Executor& executor);
void end_tracking(Session& session, engine::Dataset& dataset, engine::Executor& executor);

/// Under the locks of the keys, behind a command that has read them.
void remember_keys(const Session& session, std::span<const store::Key> keys,
                   engine::Dataset& dataset, engine::Executor& executor);

/// What has changed, on its way to a client.
struct Invalidation {
    engine::Message message;
    bool is_resp3 = false;  ///< so speaks the client that tracks

    /// An array, or null for all keys, as it is sent.
    std::string_view keys() const {
        if (!message.content().empty()) return message.content();
        return is_resp3 ? "_\r\n" : "$-1\r\n";
    }
};
/// A message for a client that tracks, from the topics it is subscribed to.
void give_invalidation(Session& session, const engine::Message& message);
/// One for a client that another has named. False: it is leaving.
bool give_redirected(const Session& target, const Invalidation& invalidation);
/// The client that `session` has named is gone.
void break_redirect(Session& session, uint64_t target_id);

}  // namespace gyre::commands
