// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the server knows of one client beside its socket. The home reactor works on it; CLIENT LIST
// and CLIENT KILL of other threads read it through the ClientRegistry.
//
// Ownership: part of a connection (or of whoever runs commands: tests make their own). Registered
// in a ClientRegistry for as long as it lives. Threads: home reactor. Fields marked "shared" are
// atomics, or strings guarded by the registry's mutex.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/intrusive_list.h"
#include "commands/transaction.h"
#include "engine/pubsub.h"
#include "resp/reply_writer.h"
#include "store/wait.h"
#include "store/watch.h"

namespace gyre::commands {

struct ClientTracking;
struct CommandSpec;
struct Invalidation;
class Blocked;
class Interactive;
class PushOutlet;

/// What a client's home does for other threads.
class SessionHome {
public:
    virtual ~SessionHome() = default;
    /// Asks the home reactor to close the client. Any thread.
    virtual void close_later(uint64_t client_id) = 0;
    /// Tells the home reactor that a pause has ended before its time. Any thread.
    virtual void unpause_later() = 0;
    /// Tells the home reactor that the wait of a client for a key may be over. Any thread.
    virtual void wake_later(uint64_t client_id) = 0;
    /// Gives a client what another one, `origin_id` of `origin`, tracks and wants it to be told; if
    /// it is gone, that home is told so. Any thread.
    virtual void redirect_later(uint64_t client_id, Invalidation invalidation, SessionHome& origin,
                                uint64_t origin_id) = 0;
    /// Tells the home of `client_id` that `target_id`, which it has named, is gone. Any thread.
    virtual void break_redirect_later(uint64_t client_id, uint64_t target_id) = 0;
};

/// CLIENT REPLY.
enum class ReplyMode : uint8_t { on, off, skip_next, skipping };

struct Session : base::ListHook<> {
    Session();
    ~Session();

    // --- fixed after registration (shared) ---
    uint64_t id = 0;
    int descriptor = -1;
    SessionHome* home = nullptr;
    PushOutlet* outlet = nullptr;  ///< for messages; must be there when anything is subscribed to
    std::string peer_address;      ///< "127.0.0.1:51234" or "/path:0"
    std::string local_address;
    int64_t created_ms = 0;
    bool is_unix = false;

    // --- guarded by the registry's mutex when written or read by another thread (shared) ---
    std::string name;
    std::string library_name;
    std::string library_version;

    // --- shared atomics, written by the home reactor ---
    std::atomic<int64_t> last_active_ms{0};
    std::atomic<uint32_t> database{0};
    std::atomic<const CommandSpec*> last_command{nullptr};
    std::atomic<uint64_t> output_bytes{0};  ///< sent in all
    std::atomic<uint64_t> query_buffer_bytes{0};
    std::atomic<uint64_t> output_pending_bytes{0};
    std::atomic<uint8_t> protocol{2};
    std::atomic<bool> no_evict{false};
    std::atomic<bool> no_touch{false};
    std::atomic<bool> is_authenticated{true};
    std::atomic<bool> is_blocked{false};
    std::atomic<bool> has_timeout{false};  ///< the command it is blocked in
    std::atomic<bool> tracks{false};       ///< CLIENT TRACKING, as what follows
    std::atomic<bool> tracks_prefixes{false};
    std::atomic<bool> has_broken_redirect{false};
    std::atomic<int64_t> redirect{-1};  ///< the client told instead; 0: none, -1: nobody is told
    store::Waiter waiter;

    // --- home reactor only, but for its counts ---
    engine::Subscriber subscriber;
    store::Watcher watcher;
    std::atomic<int32_t> queued_commands{-1};  ///< behind MULTI; -1: there was none
    std::atomic<uint64_t> queued_bytes{0};

    // --- home reactor only ---
    /// What sets a session apart from a plain one; most have none of these.
    static constexpr uint8_t kSubscribed = 1;  ///< to anything
    static constexpr uint8_t kQueueing = 2;    ///< behind MULTI; there is a transaction
    static constexpr uint8_t kExecuting = 4;   ///< the commands of a transaction run
    static constexpr uint8_t kMonitoring = 8;
    static constexpr uint8_t kBlocked = 16;  ///< waits for a key; there is a Blocked
    static constexpr uint8_t kTracking =
        32;  ///< is told of changed keys; there is a ClientTracking
    static constexpr uint8_t kInteractive = 64;  ///< behind BEGIN; there is an Interactive
    uint8_t modes = 0;
    bool mode(uint8_t bit) const { return (modes & bit) != 0; }
    /// Those that say which commands may run.
    uint8_t plain_modes() const { return static_cast<uint8_t>(modes & ~kTracking); }
    void set_mode(uint8_t bit, bool is_on) {
        modes = static_cast<uint8_t>(is_on ? modes | bit : modes & ~bit);
    }
    std::unique_ptr<Transaction> transaction;
    void begin_transaction() {
        transaction = std::make_unique<Transaction>();
        set_mode(kQueueing, true);
        queued_commands.store(0, std::memory_order_relaxed);
    }
    /// A command was queued.
    void note_queued() {
        queued_commands.store(static_cast<int32_t>(transaction->commands().size()),
                              std::memory_order_relaxed);
        queued_bytes.store(transaction->bytes(), std::memory_order_relaxed);
    }
    std::unique_ptr<Transaction> end_transaction() {
        set_mode(kQueueing, false);
        queued_commands.store(-1, std::memory_order_relaxed);
        queued_bytes.store(0, std::memory_order_relaxed);
        return std::move(transaction);
    }
    std::unique_ptr<Interactive> interactive;
    std::unique_ptr<Blocked> blocked;
    std::unique_ptr<ClientTracking> tracking;
    bool has_pushed = false;  ///< the command's reply is a push: CLIENT REPLY has no say in it
    ReplyMode reply_mode = ReplyMode::on;
    bool close_after_reply =
        false;  ///< QUIT, protocol errors: what is queued is sent, then the socket closes
    bool executing = false;     ///< a coroutine command is under way
    uint64_t log_position = 0;  ///< behind the last effect of this client, for WAITAOF
};

}  // namespace gyre::commands
