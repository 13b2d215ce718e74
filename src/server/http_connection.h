// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One HTTP client: requests are parsed, answered by src/http, and the responses leave in their
// order. Commands run through the dispatcher that serves RESP, by a session of this connection, and
// their replies, taken aside as RESP, become values for who asked.
//
// Nothing of a request stays for the next: password, database, transaction and watches end with it.
// While requests are served nothing is received; a client that sends without reading is not read
// from either. A request is let in by its head: only then is its body kept.
//
// Ownership and threads: as ClientStream says.
// Invariants: 1. A provided buffer is held only from its receive to the end of the turn, or until
//                something waits.
//             2. No receive is in flight while input is left.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/counted.h"
#include "commands/dispatch.h"
#include "http/answer.h"
#include "http/backend.h"
#include "http/request_parser.h"
#include "http/response.h"
#include "resp/reply_parser.h"
#include "server/client_stream.h"
#include "server/http_settings.h"

namespace gyre::server {

class HttpConnection final : public ClientStream, private http::Backend {
public:
    /// Pipelined requests answered before others get their turn.
    static constexpr size_t kRequestsPerBatch = 32;
    /// Output waiting for its reader above which no request is answered, and below which they are
    /// again.
    static constexpr size_t kOutputBytesMax = 1024 * 1024;
    static constexpr size_t kOutputBytesAgain = 256 * 1024;
    /// Elements of one reply: above it, commands that give parts are to be used.
    static constexpr size_t kReplyElementsMax = size_t{1} << 20;
    /// How long a stream of events may be silent.
    static constexpr int64_t kSilenceMs = 15'000;
    /// Bytes of a reply that are read in one go.
    static constexpr size_t kReplySliceBytes = 256 * 1024;

    /// Content-Length of a refused request up to which its body is read and thrown away and the
    /// connection goes on; above it, and where the length is not known, it ends.
    static constexpr uint64_t kRefusedBodyBytesMax = 64 * 1024;
    /// What a client may send after the last response before it is reset, and for how long.
    static constexpr size_t kPartingBytesMax = 8 * 1024 * 1024;
    static constexpr int64_t kPartingMs = 5000;

    HttpConnection(Worker& worker, int descriptor, bool is_unix);
    ~HttpConnection() override;

    ring::Task<void> serve() override;
    void refuse(std::string_view error) override;
    void parse_batch() override {}
    void receive_again() override { receive(); }
    void finish() override;
    void check_limits(int64_t now_ms) override;
    base::OutputBuffer* push_buffer() override;

private:
    // --- http::Backend ---
    ring::Task<Reply> run(Words words) override;
    ring::Task<Reply> run_own(Words words) override;
    bool is_password(std::string_view text) const override;
    bool is_authenticated() const override { return is_trusted(); }
    Result<void> enter_transaction(std::string_view token) override;
    bool is_in_transaction() const override {
        return session_.mode(commands::Session::kInteractive);
    }
    ring::Task<Result<std::string>> begin_transaction() override;
    bool is_ready() const override;
    std::string metrics() override;

    void on_received(const ring::Completion& completion, bool into_memory) override;
    void on_sent(const ring::Completion& completion) override;
    ring::Task<void> serve_requests();
    http::RequestParser::Status parse_some();
    ring::Task<bool> judge();
    ring::Task<void> admit();
    void refuse_body();
    ring::Task<void> respond();
    void finish_response(const http::Response& response, bool may_stay);
    ring::Task<void> begin_events(const http::Response& response, bool is_head);
    void pass_on_messages();
    size_t held_bytes() const override { return events_ ? events_->messages.footprint() : 0; }
    void begin_request();
    void end_request();
    void write(const http::Response& response, http::Framing framing);
    void end_with(const http::Response& response);
    void close_in_order();
    void finish_input();
    void release_input();
    void hold_input();
    ring::Task<Reply> execute(const commands::RequestView& request);
    ring::Task<Reply> execute_at_once(Words words);
    ring::Task<void> run_coroutine(const commands::RequestView& request, resp::ReplyWriter& reply);
    ring::Task<Reply> read_reply(base::OutputBuffer& bytes);
    void note_gate();
    void leave_transaction();
    const http::GuardSettings& guard();

    /// A stream of events: messages on their way to become such.
    struct Events {
        explicit Events(base::ChunkPool& chunks) : messages(chunks) {}
        base::OutputBuffer messages;
        resp::ReplyParser parser;
    };

    http::RequestParser parser_;
    /// Of the request under way, from its head on.
    std::optional<http::Admission> admission_;
    std::unique_ptr<Events> events_;
    std::string_view input_;  // received, not yet parsed
    uint16_t buffer_ = ring::Completion::kNoBuffer;
    base::CountedString<base::Purpose::clients> kept_;  // input that outlives its buffer
    log::Position gate_ = 0;                            // what the response waits for
    int64_t began_ms_ = 0;                              // the request under way
    bool is_serving_ = false;
    bool is_backed_up_ = false;  // until output has left
    bool ends_ = false;          // nothing more is read
    bool is_answered_ = false;   // the request under way: what is left of its body means nothing
    bool parts_ = false;         // the client may be sending: it is parted from, not cut off
    int64_t parting_ms_ = 0;     // since when its end is waited for
    uint64_t guard_version_ = 0;
    std::string transaction_;  // token of the one that the request is part of
    SharedGuard::Value guard_;
};

}  // namespace gyre::server
