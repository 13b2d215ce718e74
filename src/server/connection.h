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
// Ownership and threads: as ClientStream says.
// Invariants: 1. A provided buffer is held only from its receive to the end of the turn's
//                execution.
//             2. While a batch is unfinished no receive is in flight, unless the client waits for
//                a key: then its leaving has to be noticed, and what it sends meanwhile is kept.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/counted.h"
#include "base/memory.h"
#include "commands/dispatch.h"
#include "resp/request_parser.h"
#include "ring/event.h"
#include "ring/task.h"
#include "server/client_stream.h"

namespace gyre::server {

class Connection final : public ClientStream {
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

    ring::Task<void> serve() override;
    void refuse(std::string_view error) override;
    /// Parses a batch from what was received into the worker's dispatcher.
    void parse_batch() override;
    void look_at_wait() override;
    /// The log its command waits for is durable so far, or has ended.
    void end_log_wait();
    void leave_wait() override;
    void receive_again() override { receive_more(); }
    void finish() override;
    base::OutputBuffer* push_buffer() override;
    base::OutputBuffer* invalidation_buffer() override;

private:
    using Text = base::CountedString<base::Purpose::clients>;
    /// It must have what was told of before a reply, and then what its command has changed.
    static constexpr uint8_t kTold = kListening | commands::Session::kTracking;
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

    /// A command that waits for a key or the log: what ends the wait.
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
    size_t held_bytes() const override { return held_pushes_ ? held_pushes_->footprint() : 0; }

    bool parse_one();
    void pass_empty();
    resp::RequestParser::Status parse_tail(size_t& consumed);
    bool admit(uint32_t first_argument, std::string_view wire);
    void warn_of_attack();
    void keep_tail();
    bool begin_large();
    void large_received(size_t bytes, int64_t waited_ms);
    void receive_large();
    void receive_more();
    bool exceeds_query_limit();
    bool has_too_much_unread();

    void execute_batch();
    bool execute_one(const commands::Request& request);
    base::OutputBuffer* held_pushes();
    void release_pushes();
    bool keeps_reply(commands::ReplyMode mode_before, const commands::Request& request);
    void defer(const commands::Request& request);
    ring::Task<void> run_deferred();
    ring::Task<void> wait_until_over();
    void end_wait();
    void arm_timeout();
    void finish_batch();
    void release_input();
    void hold_input();
    void take_buffer(uint16_t buffer, size_t bytes);
    size_t take_into_large(std::string_view bytes);
    void end_of_input();
    bool has_unparsed_input() const { return offset_ < input_.size(); }
    void keep_received(std::string_view bytes);
    void end_with_protocol_error();

    resp::RequestParser parser_;

    std::string_view input_;  // received bytes not yet parsed start at offset_
    size_t offset_ = 0;
    uint16_t buffer_ = ring::Completion::kNoBuffer;
    bool tail_is_parsed_ = false;  // the tail held a command of this batch: drop it afterwards
    bool has_protocol_error_ = false;
    bool ends_after_batch_ = false;  // the client wants to leave, or has to: nothing more is read
    bool is_http_ = false;           // no Redis client: it gets no reply at all
    bool input_has_ended_ = false;   // found while commands were still to be run
    bool is_in_batch_ = false;       // from the first command of a batch to the last
    Text tail_;                      // the beginning of an incomplete command
    Text held_;                      // the next tail, while commands still refer to the present one
    Text kept_input_;                // the rest of the input, while a command waits
    base::SharedBytesRef large_;     // the large argument being received
    size_t large_chunk_bytes_ = kLargeChunkBytesMin;
    std::unique_ptr<Deferred> deferred_;
    std::unique_ptr<Waiting> waiting_;
    // Messages that came while a reply was half written.
    std::unique_ptr<base::OutputBuffer> held_pushes_;
    uint32_t first_request_ = 0;  // this connection's part of the dispatcher's requests
    uint32_t request_count_ = 0;
};

}  // namespace gyre::server
