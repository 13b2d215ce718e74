// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// All clients of all reactors, for CLIENT LIST, KILL and the counts of INFO, and the state of
// CLIENT PAUSE.
//
// Ownership: sessions belong to their connections, which register and unregister them.
// Threads: any. One mutex guards the list and the strings of the sessions in it; it is taken when
// clients come, go, rename themselves or are listed, never per command. Homes are asked to close
// clients, and told of the end of a pause, under it: they must not call back.

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/session.h"

namespace gyre::commands {

/// Whether a name, or what a library says of itself, fits into a line of CLIENT LIST: printable
/// ASCII without blanks. Empty means none and is fine.
bool is_valid_client_text(std::string_view text);

/// Which clients CLIENT LIST and CLIENT KILL mean; every criterion given must hold.
struct ClientFilter {
    std::vector<uint64_t> ids;  ///< ascending; empty: any
    std::optional<std::string> peer_address;
    std::optional<std::string> local_address;
    std::optional<std::string> type;  ///< "normal", "master", "replica", "pubsub"
    std::optional<std::string> user;
    std::optional<int64_t> age_seconds_min;  ///< MAXAGE
    std::optional<uint64_t> skip_id;         ///< SKIPME
    bool matches(const Session& session, int64_t now_ms) const;
};

class ClientRegistry {
public:
    /// An id for a client that has just been accepted: greater than all before.
    uint64_t take_id() { return next_id_.fetch_add(1, std::memory_order_relaxed); }
    /// Lists the session; it gets an id unless it brings one from take_id().
    void add(Session& session);
    void remove(Session& session);
    /// Changes a string of a session under the mutex.
    void set_text(std::string Session::* field, Session& session, std::string_view text);

    /// One line for each client that matches, as CLIENT LIST prints it.
    std::string list(const ClientFilter& filter, int64_t now_ms) const;
    /// The line of one session (CLIENT INFO), without a newline.
    std::string describe(const Session& session, int64_t now_ms) const;
    /// Asks the homes of all that match to close them, and lists them no more; returns how many.
    /// With `self`, that session is marked close_after_reply.
    int64_t kill(const ClientFilter& filter, int64_t now_ms, Session& self);
    /// CLIENT UNBLOCK: ends the wait of a client for a key, with an error or as its timeout does.
    /// False: there is no such client, or it does not wait.
    bool unblock(uint64_t client_id, bool with_error);
    /// The home of a client; null: there is none of that number.
    SessionHome* find_home(uint64_t client_id) const;
    size_t count() const { return count_.load(std::memory_order_relaxed); }
    /// Runs `visit` for every session under the mutex.
    void for_each(const std::function<void(const Session&)>& visit) const;
    uint64_t last_id() const { return next_id_.load(std::memory_order_relaxed) - 1; }

    // --- CLIENT PAUSE ---------------------------------------------------------------------------
    enum class PauseMode : uint8_t { none, write, all };
    /// Extends or begins a pause. A stronger mode or a later end wins, as in Redis.
    void pause(PauseMode mode, int64_t until_ms, int64_t now_ms);
    /// Ends the pause, and tells the homes of all sessions so.
    void unpause();
    /// Holds all writes back, beside any pause, until as many calls of release_writes(): while the
    /// last snapshot of a server that stops is taken, or the disk cannot keep up with one.
    void hold_writes(int64_t now_ms);
    void release_writes();
    /// What is paused now: nothing once the time of the pause is over.
    PauseMode pause_mode(int64_t now_ms) const {
        if (pause_until_ms_.load(std::memory_order_relaxed) <= now_ms) [[likely]]
            return PauseMode::none;
        return pause_mode_.load(std::memory_order_relaxed);
    }
    /// When what is paused now ends; INT64_MAX: not by itself.
    int64_t pause_until_ms() const { return pause_until_ms_.load(std::memory_order_relaxed); }
    /// Until then nothing expires and nothing is evicted: when a pause ends that CLIENT PAUSE has
    /// begun, of writes or of all. Where writes are merely held back what is due may go.
    int64_t data_stays_until_ms() const {
        return data_stays_until_ms_.load(std::memory_order_relaxed);
    }

private:
    void publish_pause();
    void tell_homes();

    mutable std::mutex mutex_;
    mutable base::IntrusiveList<Session> sessions_;  // the list hands out no constant iterators
    std::atomic<size_t> count_{0};
    std::atomic<uint64_t> next_id_{1};
    // as CLIENT PAUSE has it; what is published counts held writes in
    PauseMode wanted_mode_ = PauseMode::none;
    int64_t wanted_until_ms_ = 0;
    size_t holds_ = 0;
    std::atomic<PauseMode> pause_mode_{PauseMode::none};
    std::atomic<int64_t> pause_until_ms_{0};
    std::atomic<int64_t> data_stays_until_ms_{0};
};

}  // namespace gyre::commands
