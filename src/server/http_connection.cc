// SPDX-License-Identifier: BSD-3-Clause
#include "server/http_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <string>
#include <utility>

#include "base/ticks.h"
#include "commands/password.h"
#include "commands/registry.h"
#include "commands/transaction_book.h"
#include "http/command_rule.h"
#include "http/events.h"
#include "server/worker.h"

namespace gyre::server {
namespace {

Reply error_reply(std::string_view text) {
    Reply reply;
    reply.type = ReplyType::error;
    reply.text = text;
    return reply;
}

}  // namespace

HttpConnection::HttpConnection(Worker& worker, int descriptor, bool is_unix)
    : ClientStream(worker, descriptor, is_unix) {
    session_.protocol.store(3, std::memory_order_relaxed);
}

HttpConnection::~HttpConnection() { release_input(); }

ring::Task<void> HttpConnection::serve() {
    while (!is_closing()) {
        co_await batch_.wait();
        batch_.reset();
        if (is_closing()) break;
        if (events_) {
            pass_on_messages();
            continue;
        }
        is_serving_ = true;
        co_await serve_requests();
        is_serving_ = false;
        finish_input();
    }
    co_await wait_closed();
    release_input();
    end();
}

/// "-ERR text\r\n" is what a RESP client would be told.
void HttpConnection::refuse(std::string_view error) {
    error.remove_prefix(std::min<size_t>(error.size(), 1));
    const uint16_t status = error.starts_with("DENIED") ? 403 : 503;
    end_with(http::failed_command(error.substr(0, error.find('\r')), status));
    close_after_output();
}

void HttpConnection::finish() {
    ends_ = true;
    if (is_parting()) return close();
    if (!is_serving_) close_after_output();
}

/// Behind a request that was not read to its end there may be more of it.
void HttpConnection::close_in_order() {
    if (!parts_) return close_after_output();
    part_after_output(kPartingBytesMax);
}

void HttpConnection::check_limits(int64_t now_ms) {
    ClientStream::check_limits(now_ms);
    if (is_parting()) {
        if (parting_ms_ == 0) parting_ms_ = now_ms;
        if (now_ms - parting_ms_ > kPartingMs) close();
        return;
    }
    const int64_t timeout_s =
        worker_.shared().settings.http_timeout_seconds.load(std::memory_order_relaxed);
    if (is_closing() || is_serving_) return;
    if (events_) {
        if (now_ms - session_.last_active_ms.load(std::memory_order_relaxed) < kSilenceMs) return;
        session_.last_active_ms.store(now_ms, std::memory_order_relaxed);
        output().append(http::kKeepAliveEvent);
        return worker_.mark_dirty(*this);
    }
    if (timeout_s == 0) return;
    const int64_t active_ms = session_.last_active_ms.load(std::memory_order_relaxed);
    // A head has one time for all of it; a body may take long, while it comes.
    const int64_t since_ms = parser_.is_in_head() ? began_ms_ : active_ms;
    if (now_ms - since_ms <= timeout_s * 1000) return;
    if (parser_.is_at_start() || is_backed_up_ || is_answered_) return close();
    end_with(http::error_response(408, "TIMEOUT",
                                  "The request did not come in time (http-timeout). Send it "
                                  "whole."));
    close_in_order();
}

// --- input --------------------------------------------------------------------------------------

void HttpConnection::on_received(const ring::Completion& completion, bool) {
    const int32_t result = completion.result;
    if (result > 0) {
        const auto bytes = static_cast<size_t>(result);
        note_received(bytes);
        // Who follows a stream has nothing to say; that it leaves is what is waited for.
        if (events_) {
            ring().give_back(completion.buffer);
            return receive();
        }
        if (parser_.is_at_start()) began_ms_ = worker_.reactor().now_ms();
        buffer_ = completion.buffer;
        input_ = {ring().buffer_data(buffer_), bytes};
        return worker_.mark_ready(*this);
    }
    if (completion.buffer != ring::Completion::kNoBuffer) ring().give_back(completion.buffer);
    if (result == -ENOBUFS) {
        worker_.mark_starved(*this);
    } else if (result == 0) {
        events_ ? close() : close_after_output();
    } else if (result == -EINTR || result == -EAGAIN) {
        receive();
    } else {
        close();
    }
}

void HttpConnection::on_sent(const ring::Completion& completion) {
    ClientStream::on_sent(completion);
    if (!is_backed_up_ || output().size() > kOutputBytesAgain) return;
    is_backed_up_ = false;
    worker_.mark_ready(*this);
}

ring::Task<void> HttpConnection::serve_requests() {
    for (size_t served = 0; served < kRequestsPerBatch; ++served) {
        if (is_closing() || ends_ || events_ || output().size() > kOutputBytesMax) co_return;
        const auto status = parse_some();
        if (status == http::RequestParser::Status::incomplete) co_return;
        if (status == http::RequestParser::Status::error) co_return;
        if (input_.empty()) release_input();
        if (status == http::RequestParser::Status::head) {
            co_await admit();
        } else {
            co_await respond();
        }
    }
}

http::RequestParser::Status HttpConnection::parse_some() {
    using Status = http::RequestParser::Status;
    if (input_.empty()) return Status::incomplete;
    const ServerSettings& settings = worker_.shared().settings;
    http::ParserLimits limits;
    limits.header_bytes_max = settings.http_header_bytes_max.load(std::memory_order_relaxed);
    limits.body_bytes_max = settings.http_body_bytes_max.load(std::memory_order_relaxed);
    const Status status = parser_.parse(input_, limits);
    session_.query_buffer_bytes.store(parser_.held_bytes(), std::memory_order_relaxed);
    if (status != Status::error) return status;
    worker_.figures().protocol_errors.fetch_add(1, std::memory_order_relaxed);
    const auto& failure = parser_.failure();
    // Of a request that is answered already nothing more can be said.
    if (is_answered_) {
        ends_ = parts_ = true;
    } else {
        end_with(http::error_response(failure.status, "REQUEST", failure.text));
    }
    return status;
}

/// After the responses are written: the input is given back, and the stream goes on.
void HttpConnection::finish_input() {
    if (is_closing()) return;
    update_figures();
    worker_.mark_dirty(*this);
    if (ends_) {
        release_input();
        return close_in_order();
    }
    if (input_.empty() || events_) {
        release_input();
        return receive();
    }
    // The next request may be in the same receive.
    began_ms_ = worker_.reactor().now_ms();
    if (output().size() <= kOutputBytesMax) return worker_.mark_ready(*this);
    hold_input();
    is_backed_up_ = true;
}

void HttpConnection::release_input() {
    if (buffer_ != ring::Completion::kNoBuffer) ring().give_back(buffer_);
    buffer_ = ring::Completion::kNoBuffer;
    input_ = {};
    if (!kept_.empty()) base::CountedString<base::Purpose::clients>().swap(kept_);
}

/// Takes the rest of the input along, so that what waits pins no buffer of the ring.
void HttpConnection::hold_input() {
    if (buffer_ == ring::Completion::kNoBuffer) return;
    base::CountedString<base::Purpose::clients> rest(input_);
    release_input();
    kept_ = std::move(rest);
    input_ = kept_;
}

// --- one request --------------------------------------------------------------------------------

const http::GuardSettings& HttpConnection::guard() {
    const SharedGuard& shared = worker_.shared().settings.http_guard;
    const uint64_t version = shared.version();
    if (std::exchange(guard_version_, version) != version) guard_ = shared.value();
    return *guard_;
}

/// A new client, as far as anybody can tell.
void HttpConnection::begin_request() {
    gate_ = 0;
    session_.database.store(0, std::memory_order_relaxed);
    session_.is_authenticated.store(
        !worker_.shared().settings.has_password.load(std::memory_order_relaxed),
        std::memory_order_relaxed);
}

void HttpConnection::end_request() {
    if (!transaction_.empty()) leave_transaction();
    if (session_.transaction || !session_.watcher.watches.empty()) {
        commands::discard_transaction(session_, worker_.services());
    }
}

/// Judges the request by its head. False: the client has gone meanwhile.
ring::Task<bool> HttpConnection::judge() {
    begin_request();
    // The settings may change while a command waits.
    guard();
    const SharedGuard::Value settings = guard_;
    http::Admission admission = co_await http::admit(*this, parser_.request(), *settings);
    if (is_closing()) co_return false;
    admission_ = std::move(admission);
    co_return true;
}

/// The head is there, and a body follows.
ring::Task<void> HttpConnection::admit() {
    const bool is_here = co_await judge();
    if (!is_here) co_return;
    if (admission_->needs_no_body()) parser_.drop_body();
    if (admission_->response) co_return refuse_body();
    // Who sends already needs no word.
    const bool is_awaited = parser_.take_wants_continue() && input_.empty();
    if (is_awaited) output().append("HTTP/1.1 100 Continue\r\n\r\n");
}

/// The answer does not wait for the body. A client that waits for a word before it sends the body
/// may send it all the same or leave it out: nobody knows what comes next.
void HttpConnection::refuse_body() {
    const std::optional<uint64_t> bytes = parser_.body_bytes();
    const bool is_awaited = parser_.take_wants_continue();
    const bool may_stay = bytes && *bytes <= kRefusedBodyBytesMax && !is_awaited;
    const http::Response response = *std::move(admission_->response);
    is_answered_ = true;
    finish_response(response, may_stay);
    parts_ = ends_;
}

ring::Task<void> HttpConnection::respond() {
    if (is_answered_) {
        is_answered_ = false;
        admission_.reset();
        parser_.reset();
        co_return;
    }
    if (!admission_) {
        const bool is_here = co_await judge();
        if (!is_here) co_return;
    }
    const http::Response response = co_await http::answer(*this, parser_.request(), *admission_);
    admission_.reset();
    end_request();
    if (is_closing()) co_return;
    if (!response.follow.empty()) {
        const bool is_head = parser_.request().method == http::Method::head;
        co_return co_await begin_events(response, is_head);
    }
    finish_response(response, true);
    parser_.reset();
}

void HttpConnection::finish_response(const http::Response& response, bool may_stay) {
    const http::Request& request = parser_.request();
    http::Framing framing;
    framing.is_head = request.method == http::Method::head;
    framing.is_http_1_0 = request.is_http_1_0;
    framing.keeps_alive = may_stay && request.keeps_alive && !response.closes && !ends_;
    write(response, framing);
    ends_ = ends_ || !framing.keeps_alive;
}

void HttpConnection::write(const http::Response& response, http::Framing framing) {
    framing.date = http::date_text(worker_.reactor().now_ms());
    WorkerFigures& figures = worker_.figures();
    figures.http_requests.fetch_add(1, std::memory_order_relaxed);
    if (response.status >= 400) figures.http_errors.fetch_add(1, std::memory_order_relaxed);
    batch_begin_ = output_end();
    http::write_response(output(), response, framing);
    if (gate_ != 0) hold_reply(batch_begin_, gate_);
    session_.last_active_ms.store(worker_.reactor().now_ms(), std::memory_order_relaxed);
    worker_.mark_dirty(*this);
}

/// A response to what is no request, or to none.
void HttpConnection::end_with(const http::Response& response) {
    gate_ = 0;
    write(response, {.keeps_alive = false});
    ends_ = parts_ = true;
}

/// The connection belongs to the stream from here on: nothing more is read, and it ends with it.
ring::Task<void> HttpConnection::begin_events(const http::Response& response, bool is_head) {
    ends_ = is_head;
    if (!is_head) {
        events_ = std::make_unique<Events>(worker_.chunks());
        const std::vector<std::string_view> words(response.follow.begin(), response.follow.end());
        const Reply subscribed = co_await run_own(words);
        if (subscribed.is_error()) {
            events_.reset();
            co_return end_with(http::failed_command(subscribed.text));
        }
    }
    parser_.reset();
    write(response, {.keeps_alive = false, .is_head = is_head});
}

/// Where the courier puts messages; they are passed on when this turn's are together.
base::OutputBuffer* HttpConnection::push_buffer() {
    if (is_closing() || !events_) return nullptr;
    worker_.mark_ready(*this);
    return &events_->messages;
}

void HttpConnection::pass_on_messages() {
    base::OutputBuffer& messages = events_->messages;
    std::array<iovec, net::Stream::kSendVectorsMax> vectors;
    while (!messages.empty()) {
        const size_t count = messages.gather(vectors, kReplySliceBytes);
        size_t passed = 0;
        for (size_t index = 0; index < count; ++index) {
            std::string_view piece(static_cast<const char*>(vectors[index].iov_base),
                                   vectors[index].iov_len);
            passed += piece.size();
            while (!piece.empty()) {
                auto push = events_->parser.parse(piece);
                // A message longer than any reply may be.
                if (!push) return close();
                if (*push) output().append(http::event_of(**push));
            }
        }
        messages.consume(passed);
    }
    session_.last_active_ms.store(worker_.reactor().now_ms(), std::memory_order_relaxed);
    update_figures();
    worker_.mark_dirty(*this);
}

// --- commands -----------------------------------------------------------------------------------

bool HttpConnection::is_password(std::string_view text) const {
    return commands::is_password(worker_.shared().configuration, text);
}

bool HttpConnection::is_ready() const {
    const uint32_t refusals =
        worker_.shared().dataset.settings.refusals.load(std::memory_order_relaxed);
    return (refusals & engine::refusal::loading) == 0;
}

// --- transactions -------------------------------------------------------------------------------

Result<void> HttpConnection::enter_transaction(std::string_view token) {
    using Lent = commands::TransactionBook::Lent;
    switch (worker_.shared().transactions->take(token, session_.interactive)) {
        case Lent::unknown:
            return fail(
                "NOTRANSACTION There is no transaction of this token: it was ended, or has gone "
                "past transaction-max-time. Begin another one");
        case Lent::busy:
            return fail(
                "TRYAGAIN Another request of this transaction is under way. Send them one after "
                "the other");
        case Lent::yes:
            break;
    }
    transaction_ = token;
    session_.set_mode(commands::Session::kInteractive, true);
    return {};
}

ring::Task<Result<std::string>> HttpConnection::begin_transaction() {
    commands::TransactionBook& book = *worker_.shared().transactions;
    const auto most = static_cast<size_t>(
        worker_.shared().settings.http_transactions_max.load(std::memory_order_relaxed));
    // Its place comes first: others begin at the same time. One that had come to a conflict and
    // begins anew has one, under a token that nobody brings back.
    const bool has_place = !transaction_.empty();
    const std::optional<std::string> token = book.add(has_place ? SIZE_MAX : most);
    if (!token) {
        co_return fail(
            "TOOMANY There are as many open transactions as http-max-transactions permits. End "
            "some, or raise the limit");
    }
    const std::string_view words[] = {"BEGIN"};
    const Reply reply = co_await run_own(words);
    if (reply.is_error()) {
        book.forget(*token);
        co_return fail(reply.text);
    }
    if (has_place) book.forget(transaction_);
    transaction_ = *token;
    co_return transaction_;
}

/// The transaction waits for its next request, if it has not come to its end.
void HttpConnection::leave_transaction() {
    const std::string token = std::exchange(transaction_, {});
    commands::TransactionBook& book = *worker_.shared().transactions;
    if (!session_.interactive) return book.forget(token);
    session_.set_mode(commands::Session::kInteractive, false);
    session_.queued_bytes.store(0, std::memory_order_relaxed);
    book.give_back(token, std::move(session_.interactive), worker_.reactor().now_ms(),
                   worker_.services().executor);
}

std::string HttpConnection::metrics() {
    const auto& source = worker_.shared().metrics;
    return source ? source() : std::string();
}

void HttpConnection::note_gate() { gate_ = std::max(gate_, worker_.dispatcher().gate()); }

ring::Task<Reply> HttpConnection::run(Words words) {
    std::vector<resp::Argument> arguments;
    arguments.reserve(words.size());
    for (const std::string_view word : words) arguments.push_back({word, nullptr});
    std::deque<std::string> texts;
    const auto resolved = worker_.dispatcher().resolve_alias(arguments, texts);
    if (!resolved) co_return error_reply(resolved.error().message);
    const commands::DetachedRequest request(arguments);
    const commands::RequestView view = request.view();
    if (view.spec != nullptr && http::is_about_connection(*view.spec)) {
        co_return error_reply(
            "ERR The command is about a connection, and a request has none of its own. Use "
            "/v1/transaction, the parameter db or the field Authorization, or connect by RESP.");
    }
    const bool may_wait = view.spec != nullptr && view.spec->has(commands::flag::blocking);
    constexpr uint8_t kWaitsNever = commands::Session::kQueueing | commands::Session::kInteractive;
    if (may_wait && !session_.mode(kWaitsNever)) {
        std::vector<std::string_view> resolved_words;
        resolved_words.reserve(arguments.size());
        for (const resp::Argument& argument : arguments) resolved_words.push_back(argument.bytes);
        co_return co_await execute_at_once(resolved_words);
    }
    co_return co_await execute(view);
}

ring::Task<Reply> HttpConnection::run_own(Words words) {
    std::vector<resp::Argument> arguments;
    for (const std::string_view word : words) arguments.push_back({word, nullptr});
    const commands::DetachedRequest request(arguments);
    const commands::RequestView view = request.view();
    co_return co_await execute(view);
}

/// A command that would wait acts as in a transaction.
ring::Task<Reply> HttpConnection::execute_at_once(Words words) {
    const std::string_view multi[] = {"MULTI"};
    const std::string_view exec[] = {"EXEC"};
    Reply reply = co_await run_own(multi);
    if (reply.is_error()) co_return reply;
    Reply queued = co_await run_own(words);
    reply = co_await run_own(exec);
    if (queued.is_error()) co_return queued;
    if (reply.elements.size() == 1) {
        Reply only = std::move(reply.elements[0]);
        co_return only;
    }
    co_return reply;
}

ring::Task<Reply> HttpConnection::execute(const commands::RequestView& request) {
    if (is_held_back(request.spec)) {
        hold_input();
        co_await wait_for_pause(request.spec);
    }
    if (is_closing()) co_return error_reply("ERR The client is gone.");
    commands::Dispatcher& dispatcher = worker_.dispatcher();
    base::OutputBuffer aside(worker_.chunks());
    resp::ReplyWriter reply(aside, resp::Protocol::resp3);
    dispatcher.begin_run();
    const auto outcome = dispatcher.execute(request, session_, reply, worker_.reactor().now_ms());
    note_gate();
    if (outcome == commands::Dispatcher::Outcome::coroutine) {
        co_await run_coroutine(request, reply);
    }
    co_return co_await read_reply(aside);
}

ring::Task<void> HttpConnection::run_coroutine(const commands::RequestView& request,
                                               resp::ReplyWriter& reply) {
    hold_input();
    commands::Dispatcher& dispatcher = worker_.dispatcher();
    const int64_t now_ms = worker_.reactor().now_ms();
    session_.executing = true;
    commands::Context context = dispatcher.make_context(request, session_, reply, now_ms);
    const uint32_t errors_before = reply.errors();
    const uint64_t start = base::ticks();
    const commands::CoroutineHandler handler = context.spec.coroutine;
    co_await handler(context);
    dispatcher.finish_coroutine(context);
    note_gate();
    const uint64_t elapsed_ns = base::ticks_to_ns(base::ticks() - start - context.away_ticks);
    dispatcher.book(request, session_, reply, errors_before, elapsed_ns, now_ms);
    session_.executing = false;
}

/// In slices: a long reply holds nobody up.
ring::Task<Reply> HttpConnection::read_reply(base::OutputBuffer& bytes) {
    resp::ReplyLimits limits;
    limits.elements_max = kReplyElementsMax;
    resp::ReplyParser parser(limits);
    std::array<iovec, net::Stream::kSendVectorsMax> vectors;
    while (!bytes.empty()) {
        const size_t count = bytes.gather(vectors, kReplySliceBytes);
        size_t passed = 0;
        for (size_t index = 0; index < count; ++index) {
            std::string_view piece(static_cast<const char*>(vectors[index].iov_base),
                                   vectors[index].iov_len);
            auto reply = parser.parse(piece);
            if (!reply) {
                bytes.clear();
                co_return error_reply(
                    "ERR The reply has more parts than one response may have. "
                    "Ask for parts of it, by SCAN or a range.");
            }
            if (*reply) co_return **std::move(reply);
            passed += vectors[index].iov_len;
        }
        bytes.consume(passed);
        if (!bytes.empty()) {
            hold_input();
            co_await worker_.reactor().sleep(0);
        }
    }
    co_return error_reply("ERR The command has given no reply. Report this.");
}

}  // namespace gyre::server
