// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One RESP client: a stream, a parser, a session, and the coroutine that serves it. A turn of the
// worker goes: receives complete, each ready connection parses a batch of commands (whose keys are
// prefetched together with those of the others), then each is resumed and runs its batch through
// plain functions to the replies. It suspends only for the next batch, for a command that may wait,
// and in a pause.
//
// Input is parsed where it was received. Of an incomplete command the bytes are copied to a tail; a
// large argument is received straight into the block that will be the value.
//
// Ownership: owned by its Worker, which destroys it once on_closed() was called and serve() has
// ended. Threads: home reactor, but for the shared parts of the session. Invariants: 1. A provided
// buffer is held only from its receive to the end of the turn's execution.
//             2. While a batch is unfinished no receive is in flight, unless the client waits for
//                a key: then its leaving has to be noticed, and what it sends meanwhile is kept.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/counted.h"
#include "base/intrusive_list.h"
#include "base/memory.h"
#include "commands/courier.h"
#include "commands/dispatch.h"
#include "commands/session.h"
#include "log/segments.h"
#include "net/stream.h"
#include "resp/request_parser.h"
#include "ring/event.h"
#include "ring/task.h"

namespace gyre::server {

class Worker;

/// The worker's list of connections whose command a pause holds back.
struct PausedTag;

class Connection final : public net::Stream,
                         public commands::PushOutlet,
                         public base::ListHook<PausedTag> {
public:
    /// Commands parsed ahead of execution, for each connection and turn of the batch.
    static constexpr size_t kCommandsPerBatch = 32;
    /// Bytes of a large argument asked for at once: a receive ends when all of them are there, and
    /// only then the client counts as active. So they are few at first, and twice as many each time
    /// they come quickly.
    static constexpr size_t kLargeChunkBytesMin = 64 * 1024;
    static constexpr size_t kLargeChunkBytesMax = 1024 * 1024;
    static constexpr int64_t kLargeChunkQuickMs = 50;
    /// Replies waiting for a client that has not authenticated, above which it is closed at once:
    /// what one buffer of Redis holds.
    static constexpr size_t kUnauthenticatedOutputMax = 16 * 1024;

    Connection(Worker& worker, int descriptor, bool is_unix);
    ~Connection() override;
    // Frames of clients count as such.
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

    commands::Session& session() noexcept { return session_; }
    /// Serves the client until it is gone. Spawned once by the worker.
    ring::Task<void> serve();
    /// Sends an error and closes; for clients that are not let in.
    void refuse(std::string_view error);

    /// Parses a batch from what was received into the worker's dispatcher.
    void parse_batch();
    /// Resumes serve() with the batch parsed.
    void run_batch() { batch_.set(); }
    /// The pause may be over.
    void look_at_pause();
    /// Lets leave what may, now that the log is durable so far. Returns what the next replies wait
    /// for; kNoPosition: nothing.
    log::Position release_replies(log::Position durable);
    /// The wait for a key may be over.
    void look_at_wait();
    /// The client is going: it takes nothing any more.
    void leave_wait();
    /// Starts the receive again after the ring had no buffer.
    void receive_again() { receive_more(); }
    /// Finishes the command under way, if any, then closes once the replies are out.
    void finish();
    /// Closes when more output is queued than client-output-buffer-limit allows.
    void check_output_limit(int64_t now_ms);
    /// Closes for that, or when idle for longer than `timeout`.
    void check_limits(int64_t now_ms);
    bool is_finished() const noexcept { return is_closed_ && has_ended_; }
    base::OutputBuffer* push_buffer() override;

    size_t place = 0;         ///< among the worker's connections
    bool is_ready = false;    ///< in the worker's ready list
    bool is_dirty = false;    ///< in the worker's list of streams to flush
    bool is_starved = false;  ///< in the worker's list of streams without a buffer
    bool is_gated = false;    ///< in the worker's list of those whose replies wait for the log

private:
    using Text = base::CountedString<base::Purpose::clients>;
    /// Frames come to it that are no replies.
    static constexpr uint8_t kListening =
        commands::Session::kSubscribed | commands::Session::kMonitoring;
    static resp::Protocol protocol_of(const commands::Session& session) {
        return static_cast<resp::Protocol>(session.protocol.load(std::memory_order_relaxed));
    }
    /// A command whose arguments had to be kept beyond their buffer.
    struct Deferred {
        static void* operator new(size_t bytes) {
            return base::allocate(base::Purpose::clients, bytes);
        }
        static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

        commands::Request request;
        base::CountedVector<Text, base::Purpose::clients> words;
        base::CountedVector<resp::Argument, base::Purpose::clients> arguments;
        ~Deferred();
    };

    /// A command that waits for a key: what ends the wait.
    struct Waiting : ring::Timer {
        explicit Waiting(Connection& owner) : Timer(&Waiting::on_due), connection(owner) {}
        static void* operator new(size_t bytes) {
            return base::allocate(base::Purpose::clients, bytes);
        }
        static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }
        static void on_due(ring::Timer& timer);

        Connection& connection;
        ring::Event event;
    };

    void on_received(const ring::Completion& completion, bool into_memory) override;
    void on_sent(const ring::Completion& completion) override;
    void on_closed() override;
    /// Nothing more is taken for it.
    void on_closing() override { leave_wait(); }

    bool parse_one();
    void pass_empty();
    resp::RequestParser::Status parse_tail(size_t& consumed);
    bool admit(uint32_t first_argument);
    void warn_of_attack();
    void keep_tail();
    bool begin_large();
    void large_received(size_t bytes, int64_t waited_ms);
    void receive_large();
    void receive_more();
    bool is_trusted() const;
    bool exceeds_query_limit();
    bool has_too_much_unread();
    void close_for_output();

    void execute_batch();
    bool execute_one(const commands::Request& request);
    bool keeps_reply(commands::ReplyMode mode_before, const commands::Request& request);
    bool is_paused(const commands::CommandSpec* spec) const;
    bool may_write(const commands::CommandSpec& spec) const;
    void defer(const commands::Request& request);
    ring::Task<void> run_deferred();
    ring::Task<void> wait_for_pause(const commands::CommandSpec* spec);
    ring::Task<void> wait_for_keys();
    void end_wait();
    void arm_timeout();
    void finish_batch();
    void release_input();
    void hold_input();
    bool is_held_back(const commands::CommandSpec* spec) const;
    void hold_reply(uint64_t begin, log::Position position);
    void hold_gated_output();
    void take_buffer(uint16_t buffer, size_t bytes);
    size_t take_into_large(std::string_view bytes);
    void end_of_input();
    bool has_unparsed_input() const { return offset_ < input_.size(); }
    void keep_received(std::string_view bytes);
    void end_with_protocol_error();
    void update_figures();

    Worker& worker_;
    commands::Session session_;
    resp::RequestParser parser_;
    ring::Event batch_;
    ring::Event pause_;

    std::string_view input_;  // received bytes not yet parsed start at offset_
    size_t offset_ = 0;
    uint16_t buffer_ = ring::Completion::kNoBuffer;
    bool tail_is_parsed_ = false;  // the tail held a command of this batch: drop it afterwards
    bool has_protocol_error_ = false;
    bool ends_after_batch_ = false;  // the client wants to leave, or has to: nothing more is read
    bool is_http_ = false;           // no Redis client: it gets no reply at all
    bool is_closed_ = false;
    bool has_ended_ = false;
    bool input_has_ended_ = false;  // found while commands were still to be run
    bool is_in_batch_ = false;      // from the first command of a batch to the last
    Text tail_;                     // the beginning of an incomplete command
    Text held_;                     // the next tail, while commands still refer to the present one
    Text kept_input_;               // the rest of the input, while a command waits
    base::SharedBytesRef large_;    // the large argument being received
    size_t large_chunk_bytes_ = kLargeChunkBytesMin;
    /// Output from `begin` on waits until the log is durable up to `position`; ascending.
    struct Gate {
        uint64_t begin = 0;
        log::Position position = 0;
    };
    base::CountedVector<Gate, base::Purpose::clients> gates_;
    uint64_t batch_begin_ = 0;  // of its output
    /// From here on output belongs to a coroutine whose gate is not known yet.
    uint64_t unknown_begin_ = UINT64_MAX;
    std::unique_ptr<Deferred> deferred_;
    std::unique_ptr<Waiting> waiting_;
    // Messages that came while a reply was half written.
    std::unique_ptr<base::OutputBuffer> held_pushes_;
    uint32_t first_request_ = 0;  // this connection's part of the dispatcher's requests
    uint32_t request_count_ = 0;
};

}  // namespace gyre::server
