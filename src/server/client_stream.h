// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A client, whatever it speaks: a stream, a session, a coroutine that serves it, and what the
// server does with clients of every kind. Its Worker knows no more of it than this. A turn of the
// worker goes: receives complete, each ready client parses what it got, then each is resumed and
// runs it. Replies wait here for the log, commands for the end of a pause; limits of output and of
// idleness are kept here.
//
// Ownership: owned by its Worker, which destroys it once on_closed() was called and serve() has
// ended. Threads: home reactor, but for the shared parts of the session.

#include <cstdint>
#include <string_view>

#include "base/counted.h"
#include "base/intrusive_list.h"
#include "base/memory.h"
#include "commands/courier.h"
#include "commands/session.h"
#include "commands/spec.h"
#include "log/segments.h"
#include "net/stream.h"
#include "ring/event.h"
#include "ring/task.h"

namespace gyre::server {

class Worker;

/// The worker's list of clients whose command a pause holds back.
struct PausedTag;

class ClientStream : public net::Stream,
                     public commands::PushOutlet,
                     public base::ListHook<PausedTag> {
public:
    ClientStream(Worker& worker, int descriptor, bool is_unix);
    // Frames of clients count as such.
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

    commands::Session& session() noexcept { return session_; }

    // --- what the worker asks of it -------------------------------------------------------------
    /// Serves the client until it is gone. Spawned once by the worker.
    virtual ring::Task<void> serve() = 0;
    /// Sends an error, given as RESP, and closes; for clients that are not let in.
    virtual void refuse(std::string_view error) = 0;
    /// Parses what was received, as far as it does so apart from running it.
    virtual void parse_batch() = 0;
    /// Starts the receive again after the ring had no buffer.
    virtual void receive_again() = 0;
    /// Finishes the command under way, if any, then closes once the replies are out.
    virtual void finish() = 0;
    /// The wait for a key may be over.
    virtual void look_at_wait() {}
    /// The client is going: it takes nothing any more.
    virtual void leave_wait() {}
    /// Closes for too much output, or when idle for too long.
    virtual void check_limits(int64_t now_ms);

    /// Resumes serve() with what was parsed.
    void run_batch() { batch_.set(); }
    /// The pause may be over.
    void look_at_pause();
    /// What the first replies held back wait for; kNoPosition: there are none.
    log::Position first_gate() const noexcept {
        return gates_.empty() ? log::kNoPosition : gates_.front().position;
    }
    /// Lets leave what may, now that the log is durable so far. Returns first_gate().
    log::Position release_replies(log::Position durable);
    /// Closes when more output is queued than client-output-buffer-limit allows.
    void check_output_limit(int64_t now_ms);
    bool is_finished() const noexcept { return is_closed_ && has_ended_; }

    size_t place = 0;         ///< among the worker's clients
    bool is_ready = false;    ///< in the worker's ready list
    bool is_dirty = false;    ///< in the worker's list of streams to flush
    bool is_starved = false;  ///< in the worker's list of streams without a buffer
    bool is_gated = false;    ///< in the worker's list of those whose replies wait for the log

protected:
    /// Frames come to it that are no replies.
    static constexpr uint8_t kListening =
        commands::Session::kSubscribed | commands::Session::kMonitoring;

    void on_sent(const ring::Completion& completion) override;
    void on_closed() override;
    /// Nothing more is taken for it.
    void on_closing() override { leave_wait(); }
    /// Output held beside the stream's own.
    virtual size_t held_bytes() const { return 0; }

    /// A stream that drains its last replies ends when they are out.
    ring::Task<void> wait_closed();
    /// The last thing that serve() does.
    void end();
    /// Counts what came; returns the milliseconds since the client was last active.
    int64_t note_received(size_t bytes);
    void update_figures();
    bool is_trusted() const;
    bool is_paused(const commands::CommandSpec* spec) const;
    bool may_write(const commands::CommandSpec& spec) const;
    bool is_held_back(const commands::CommandSpec* spec) const;
    ring::Task<void> wait_for_pause(const commands::CommandSpec* spec);
    void hold_reply(uint64_t begin, log::Position position);
    void hold_gated_output();
    void close_for_output();

    Worker& worker_;
    commands::Session session_;
    ring::Event batch_;
    uint64_t batch_begin_ = 0;  // of its output
    /// From here on output belongs to a coroutine whose gate is not known yet.
    uint64_t unknown_begin_ = UINT64_MAX;

private:
    bool is_closed_ = false;
    bool has_ended_ = false;
    ring::Event pause_;
    /// Output from `begin` on waits until the log is durable up to `position`; ascending.
    struct Gate {
        uint64_t begin = 0;
        log::Position position = 0;
    };
    base::CountedVector<Gate, base::Purpose::clients> gates_;
};

}  // namespace gyre::server
