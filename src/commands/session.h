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
#include <string>

#include "base/intrusive_list.h"
#include "resp/reply_writer.h"

namespace gyre::commands {

struct CommandSpec;

/// What a client's home does for other threads.
class SessionHome {
public:
    virtual ~SessionHome() = default;
    /// Asks the home reactor to close the client. Any thread.
    virtual void close_later(uint64_t client_id) = 0;
    /// Tells the home reactor that a pause has ended before its time. Any thread.
    virtual void unpause_later() = 0;
};

/// CLIENT REPLY.
enum class ReplyMode : uint8_t { on, off, skip_next, skipping };

struct Session : base::ListHook<> {
    // --- fixed after registration (shared) ---
    uint64_t id = 0;
    int descriptor = -1;
    SessionHome* home = nullptr;
    std::string peer_address;  ///< "127.0.0.1:51234" or "/path:0"
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

    // --- home reactor only ---
    ReplyMode reply_mode = ReplyMode::on;
    bool close_after_reply =
        false;  ///< QUIT, protocol errors: what is queued is sent, then the socket closes
    bool executing = false;     ///< a coroutine command is under way
    bool is_gone = false;       ///< closed while a coroutine command is under way
    uint64_t log_position = 0;  ///< behind the last effect of this client, for WAITAOF
};

}  // namespace gyre::commands
