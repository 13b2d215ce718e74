// SPDX-License-Identifier: BSD-3-Clause
#include "server/connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/numbers.h"
#include "base/ticks.h"
#include "commands/clients.h"
#include "server/worker.h"

namespace gyre::server {

using commands::ReplyMode;
using resp::RequestParser;

namespace {

/// Browsers and other HTTP clients must not be talked into running commands (cross-protocol
/// attack).
bool is_http(std::string_view name) {
    return base::equals_ignore_case(name, "post") || base::equals_ignore_case(name, "host:");
}

}  // namespace

Connection::Deferred::~Deferred() {
    for (const resp::Argument& argument : arguments) {
        if (argument.block != nullptr) argument.block->release();
    }
}

Connection::Connection(Worker& worker, int descriptor, bool is_unix)
    : ClientStream(worker, descriptor, is_unix) {}

Connection::~Connection() { release_input(); }

ring::Task<void> Connection::serve() {
    while (!is_closing()) {
        co_await batch_.wait();
        batch_.reset();
        if (is_closing()) break;
        is_in_batch_ = true;
        execute_batch();
        while (session_.blocked || (deferred_ && !is_closing())) {
            hold_input();
            // The replies to what came before do not wait with it.
            worker_.mark_dirty(*this);
            if (deferred_) co_await run_deferred();
            if (session_.blocked) co_await wait_until_over();
        }
        is_in_batch_ = false;
        finish_batch();
    }
    co_await wait_closed();
    release_input();
    end();
}

void Connection::refuse(std::string_view error) {
    output().append(error);
    close_after_output();
}

void Connection::finish() {
    leave_wait();
    if (session_.executing) {
        ends_after_batch_ = true;
    } else {
        close_after_output();
    }
}

// --- input
// ----------------------------------------------------------------------------------------

void Connection::on_received(const ring::Completion& completion, bool into_memory) {
    const int32_t result = completion.result;
    if (result > 0) {
        const auto bytes = static_cast<size_t>(result);
        const int64_t waited_ms = note_received(bytes);
        if (into_memory) {
            large_received(bytes, waited_ms);
            return;
        }
        return take_buffer(completion.buffer, bytes);
    }
    if (completion.buffer != ring::Completion::kNoBuffer) ring().give_back(completion.buffer);
    if (result == -ENOBUFS) {
        worker_.mark_starved(*this);
    } else if (result == 0) {
        end_of_input();
    } else if (result == -EINTR || result == -EAGAIN) {
        receive_more();
    } else {
        close();
    }
}

/// What was received is the next input, but for what has to go elsewhere after a wait, during which
/// the receive was asked for: the rest of a large argument, and what comes while earlier commands
/// are still to be run.
void Connection::take_buffer(uint16_t buffer, size_t bytes) {
    std::string_view received(ring().buffer_data(buffer), bytes);
    if (large_) [[unlikely]]
        received.remove_prefix(take_into_large(received));
    if (!received.empty() && !is_in_batch_ && !has_unparsed_input()) [[likely]] {
        buffer_ = buffer;
        input_ = received;
        offset_ = 0;
        return worker_.mark_ready(*this);
    }
    if (received.empty()) {
        receive_more();
    } else {
        keep_received(received);
    }
    ring().give_back(buffer);
}

/// How many of the bytes are of the large argument.
size_t Connection::take_into_large(std::string_view bytes) {
    const size_t have = large_->size();
    const size_t taken = std::min(bytes.size(), parser_.large_size() - have);
    std::memcpy(large_->data() + have, bytes.data(), taken);
    large_->set_size(have + taken);
    if (large_->size() == parser_.large_size()) parser_.large_done(std::move(large_));
    return taken;
}

/// The peer sends no more, but may still read what it has asked for: all but what it waits for.
void Connection::end_of_input() {
    const bool has_left = session_.waiter.end(store::Waiter::State::left);
    look_at_wait();
    if (!has_left && (is_in_batch_ || has_unparsed_input())) {
        input_has_ended_ = true;
        return;
    }
    close_after_output();
}

void Connection::parse_batch() {
    auto& dispatcher = worker_.dispatcher();
    first_request_ = static_cast<uint32_t>(dispatcher.requests().size());
    request_count_ = 0;
    while (request_count_ < kCommandsPerBatch && parse_one()) {
    }
}

/// One step of parsing; false when the batch ends here: input used up, an error, a large argument,
/// or a command behind which nothing may be parsed ahead.
bool Connection::parse_one() {
    auto& arguments = worker_.dispatcher().arguments();
    const auto first_argument = static_cast<uint32_t>(arguments.size());
    RequestParser::Status status;
    std::string_view wire;
    size_t consumed = 0;
    if (!tail_.empty() && !tail_is_parsed_) {
        status = parse_tail(consumed);
    } else {
        if (offset_ == input_.size()) return false;
        resp::ParserLimits limits;
        limits.bulk_bytes_max =
            worker_.shared().dataset.settings.proto_max_bulk_len.load(std::memory_order_relaxed);
        limits.authenticated = is_trusted();
        status = parser_.parse(input_.substr(offset_), limits, arguments, consumed);
        wire = input_.substr(offset_, consumed);
        offset_ += consumed;
    }
    switch (status) {
        case RequestParser::Status::complete:
            return admit(first_argument, wire);
        case RequestParser::Status::empty:
            pass_empty();
            return true;
        case RequestParser::Status::incomplete:
            keep_tail();
            return false;
        case RequestParser::Status::large:
            return !begin_large();
        case RequestParser::Status::error:
            has_protocol_error_ = true;
            return false;
    }
    return false;
}

/// What is empty runs no command, but it is the one that CLIENT REPLY SKIP meant, as in Redis:
/// here, or once the commands before it have run.
void Connection::pass_empty() {
    if (request_count_ > 0) {
        worker_.dispatcher().mark_empty_behind();
    } else if (session_.reply_mode == ReplyMode::skipping) {
        session_.reply_mode = ReplyMode::on;
    }
}

/// Completes the command in the tail with just the bytes it needs; what follows is parsed in place.
RequestParser::Status Connection::parse_tail(size_t& consumed) {
    auto& arguments = worker_.dispatcher().arguments();
    resp::ParserLimits limits;
    limits.bulk_bytes_max =
        worker_.shared().dataset.settings.proto_max_bulk_len.load(std::memory_order_relaxed);
    limits.authenticated = is_trusted();
    for (;;) {
        const std::string_view rest = input_.substr(offset_);
        if (rest.empty()) return RequestParser::Status::incomplete;
        size_t wanted = parser_.needed();
        if (wanted <= 1) {
            // The length is not known before the line ends.
            const size_t line_end = rest.find('\n');
            wanted = line_end == std::string_view::npos ? rest.size() : line_end + 1;
        }
        wanted = std::min(wanted, rest.size());
        tail_.append(rest.substr(0, wanted));
        offset_ += wanted;
        const auto status = parser_.parse(tail_, limits, arguments, consumed);
        if (status == RequestParser::Status::incomplete) continue;
        if (status == RequestParser::Status::complete || status == RequestParser::Status::empty) {
            // A line may end without the newline that was looked for: what was taken beyond the
            // command is parsed in place.
            DCHECK(tail_.size() - consumed < wanted);
            offset_ -= tail_.size() - consumed;
            tail_is_parsed_ = true;
        }
        return status;
    }
}

void Connection::warn_of_attack() {
    if (!worker_.may_warn_of_attack()) return;
    base::log(base::Level::warning,
              "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: "
              "commands to Gyre. This is likely due to an attacker attempting to use Cross "
              "Protocol Scripting to compromise your Gyre instance. Connection from {} aborted.",
              session_.peer_address);
}

bool Connection::admit(uint32_t first_argument, std::string_view wire) {
    auto& dispatcher = worker_.dispatcher();
    if (is_http(dispatcher.arguments()[first_argument].bytes)) {
        is_http_ = true;
        return false;
    }
    commands::Request& request = dispatcher.admit(first_argument, session_);
    request.input_end = static_cast<uint32_t>(offset_);
    request.wire = wire;
    ++request_count_;
    // Behind a command that may wait, and behind one that changes how to go on, nothing is parsed
    // ahead.
    const commands::CommandSpec* spec = request.spec;
    return spec == nullptr || (spec->coroutine == nullptr &&
                               !spec->has(commands::flag::no_auth | commands::flag::blocking));
}

void Connection::keep_tail() {
    if (tail_.empty() || tail_is_parsed_) {
        // Commands of this batch may still refer to a parsed tail: the new one waits in held_.
        (tail_is_parsed_ ? held_ : tail_).assign(input_.substr(offset_));
    }
    offset_ = input_.size();
}

/// Creates the block of a large argument with what is here of it, and keeps the command's
/// beginning. False when nothing of it is missing after all.
bool Connection::begin_large() {
    const bool in_tail = !tail_.empty() && !tail_is_parsed_;
    const std::string_view command = in_tail ? std::string_view(tail_) : input_.substr(offset_);
    const size_t payload_at = parser_.large_offset();
    const size_t size = parser_.large_size();
    base::SharedBytes* block = base::SharedBytes::create(size, base::Purpose::clients);
    large_ = base::SharedBytesRef::adopt(block);
    large_chunk_bytes_ = kLargeChunkBytesMin;
    const std::string_view here = command.substr(std::min(payload_at, command.size()));
    std::memcpy(block->data(), here.data(), here.size());
    size_t have = here.size();
    if (!in_tail) {
        (tail_is_parsed_ ? held_ : tail_).assign(command.substr(0, payload_at));
        block->set_size(have);
        offset_ = input_.size();
        return true;
    }
    const std::string_view more = input_.substr(offset_, size - have);
    std::memcpy(block->data() + have, more.data(), more.size());
    have += more.size();
    tail_.resize(payload_at);
    block->set_size(have);
    offset_ += more.size();
    if (have < size) return true;
    // The length was cut off and the buffer is large: all of it is here.
    parser_.large_done(std::move(large_));
    return false;
}

/// Goes on with what the parser waits for: the rest of a large argument, or anything.
void Connection::receive_more() { large_ ? receive_large() : receive(); }

void Connection::receive_large() {
    const size_t have = large_->size();
    const size_t missing = large_->capacity() - have;
    receive_into({large_->data() + have, std::min(missing, large_chunk_bytes_)});
}

void Connection::large_received(size_t bytes, int64_t waited_ms) {
    large_->set_size(large_->size() + bytes);
    large_chunk_bytes_ = waited_ms > kLargeChunkQuickMs
                             ? kLargeChunkBytesMin
                             : std::min(large_chunk_bytes_ * 2, kLargeChunkBytesMax);
    if (large_->size() < parser_.large_size()) {
        receive_large();
        return;
    }
    parser_.large_done(std::move(large_));
    receive();
}

/// What Redis has in its query buffer: arguments that are complete are not in it any more, however
/// large they are together; one that is being received is.
bool Connection::exceeds_query_limit() {
    const size_t held = tail_.size() - std::min(tail_.size(), parser_.parsed_bytes()) +
                        (large_ ? large_->capacity() : 0) + (waiting_ ? kept_input_.size() : 0);
    session_.query_buffer_bytes.store(held, std::memory_order_relaxed);
    const size_t queued = session_.queued_bytes.load(std::memory_order_relaxed);
    if (held + queued <=
        worker_.shared().settings.query_buffer_bytes_max.load(std::memory_order_relaxed)) {
        return false;
    }
    base::log(base::Level::warning,
              "Closing client that reached max query buffer length: id={} addr={} ({} bytes)",
              session_.id, session_.peer_address, held);
    worker_.figures().query_limit_disconnections.fetch_add(1, std::memory_order_relaxed);
    return true;
}

// --- execution
// ------------------------------------------------------------------------------------

void Connection::execute_batch() {
    const auto requests = worker_.dispatcher().requests().subspan(first_request_, request_count_);
    batch_begin_ = output_end();
    worker_.dispatcher().begin_run();
    for (const commands::Request& request : requests) {
        if (!execute_one(request)) return;
    }
}

base::OutputBuffer* Connection::push_buffer() {
    if (is_closing()) return nullptr;
    worker_.mark_dirty(*this);
    if (!session_.executing && !session_.mode(commands::Session::kExecuting)) [[likely]]
        return &output();
    return held_pushes();
}

base::OutputBuffer* Connection::invalidation_buffer() {
    const bool is_served = session_.blocked && session_.waiter.is_over();
    return is_served && !is_closing() ? held_pushes() : push_buffer();
}

base::OutputBuffer* Connection::held_pushes() {
    if (!held_pushes_) held_pushes_ = std::make_unique<base::OutputBuffer>(worker_.chunks());
    return held_pushes_.get();
}

/// No reply is half written any more.
void Connection::release_pushes() {
    output().splice(*held_pushes_);
    held_pushes_.reset();
}

/// False when the rest of the batch must wait or will never run.
bool Connection::execute_one(const commands::Request& request) {
    if (is_held_back(request.spec)) [[unlikely]] {
        defer(request);
        return false;
    }
    if (session_.mode(kTold)) [[unlikely]]
        worker_.courier().catch_up();
    resp::ReplyWriter reply(output(), protocol_of(session_));
    const ReplyMode mode_before = session_.reply_mode;
    const size_t mark = mode_before == ReplyMode::on ? 0 : output().mark();
    const uint64_t begin = output_end();
    const auto outcome = worker_.dispatcher().execute(worker_.dispatcher().view(request), session_,
                                                      reply, worker_.reactor().now_ms());
    if (outcome == commands::Dispatcher::Outcome::blocked) return false;
    if (worker_.dispatcher().gate() != 0) [[unlikely]]
        hold_reply(begin, worker_.dispatcher().gate());
    if (outcome == commands::Dispatcher::Outcome::coroutine) {
        defer(request);
        return false;
    }
    if (mode_before != ReplyMode::on || session_.reply_mode != ReplyMode::on) [[unlikely]] {
        if (!keeps_reply(mode_before, request)) output().truncate(mark);
    }
    if (held_pushes_) [[unlikely]]
        release_pushes();
    if (session_.mode(kTold)) [[unlikely]] {
        worker_.courier().catch_up();
        worker_.dispatcher().begin_run();
    }
    if (session_.close_after_reply) [[unlikely]] {
        ends_after_batch_ = true;
        return false;
    }
    return true;
}

/// CLIENT REPLY: whether the client gets what a command has written; moves the mode on to the next
/// one.
bool Connection::keeps_reply(ReplyMode mode_before, const commands::Request& request) {
    const bool has_pushed = std::exchange(session_.has_pushed, false);
    const ReplyMode mode = session_.reply_mode;
    // A skipped command is the last one to be; if it is SKIP itself, it means the one behind it.
    if (mode == ReplyMode::skipping) session_.reply_mode = ReplyMode::on;
    if (mode == ReplyMode::skip_next) {
        session_.reply_mode = request.is_empty_behind ? ReplyMode::on : ReplyMode::skipping;
    }
    // Whatever switches replies on is answered, and what switches them off has written nothing.
    return mode_before == ReplyMode::on || mode == ReplyMode::on || has_pushed;
}

/// Keeps a command beyond its turn: its arguments move into memory of its own, and what was parsed
/// ahead of it is parsed again later.
void Connection::defer(const commands::Request& request) {
    auto deferred = std::make_unique<Deferred>();
    deferred->request = request;
    const auto arguments = worker_.dispatcher().view(request).arguments;
    deferred->words.reserve(arguments.size());
    for (const resp::Argument& argument : arguments) {
        if (argument.block != nullptr) {
            argument.block->retain();
            deferred->arguments.push_back(argument);
            continue;
        }
        deferred->words.emplace_back(argument.bytes);
        deferred->arguments.push_back({deferred->words.back(), nullptr});
    }
    const auto requests = worker_.dispatcher().requests();
    const bool is_last = &request == &requests[first_request_ + request_count_ - 1];
    if (!is_last) {
        // Nothing behind it has run: forget that it was parsed.
        parser_.reset();
        large_ = {};
        held_.clear();
        if (!tail_is_parsed_) tail_.clear();
        has_protocol_error_ = false;
        ends_after_batch_ = false;
        is_http_ = false;
        offset_ = request.input_end;
    }
    deferred_ = std::move(deferred);
}

/// Runs the deferred command: a coroutine to its end, a plain one once the pause is over.
ring::Task<void> Connection::run_deferred() {
    const std::unique_ptr<Deferred> command = std::move(deferred_);
    commands::Dispatcher& dispatcher = worker_.dispatcher();
    co_await wait_for_pause(command->request.spec);
    if (is_closing()) co_return;
    worker_.courier().catch_up();
    session_.executing = true;
    // While the command waits, what is in the output may leave: a reply that may have to be taken
    // back is written aside.
    const ReplyMode mode_before = session_.reply_mode;
    base::OutputBuffer aside(worker_.chunks());
    resp::ReplyWriter reply(mode_before == ReplyMode::on ? output() : aside, protocol_of(session_));
    const int64_t now_ms = worker_.reactor().now_ms();
    const commands::DetachedRequest detached(command->arguments);
    const commands::RequestView view = detached.view();
    batch_begin_ = output_end();
    dispatcher.begin_run();
    const auto outcome = dispatcher.execute(view, session_, reply, now_ms);
    if (dispatcher.gate() != 0) hold_reply(batch_begin_, dispatcher.gate());
    if (outcome == commands::Dispatcher::Outcome::coroutine) {
        commands::Context context = dispatcher.make_context(view, session_, reply, now_ms);
        const uint32_t errors_before = reply.errors();
        const uint64_t start = base::ticks();
        const commands::CoroutineHandler handler = context.spec.coroutine;
        // Nothing of the reply leaves before it is known what it has seen.
        const uint64_t begin = output_end();
        if (context.logs()) unknown_begin_ = begin;
        hold_gated_output();
        co_await handler(context);
        dispatcher.finish_coroutine(context);
        unknown_begin_ = UINT64_MAX;
        hold_gated_output();
        if (dispatcher.gate() != 0) hold_reply(begin, dispatcher.gate());
        const uint64_t elapsed_ns = base::ticks_to_ns(base::ticks() - start - context.away_ticks);
        dispatcher.book(view, session_, reply, errors_before, elapsed_ns, now_ms);
    }
    session_.executing = false;
    // Its reply is for wait_until_over().
    if (outcome == commands::Dispatcher::Outcome::blocked) co_return;
    if (held_pushes_) release_pushes();
    // However long it took, the client was not idle.
    session_.last_active_ms.store(worker_.reactor().now_ms(), std::memory_order_relaxed);
    if (keeps_reply(mode_before, command->request)) output().splice(aside);
    if (session_.close_after_reply) ends_after_batch_ = true;
    worker_.mark_dirty(*this);
}

/// Of a client whose earlier commands are not done.
void Connection::keep_received(std::string_view bytes) {
    hold_input();
    // Of many commands that wait one after the other, each would move those behind it.
    if (offset_ > kept_input_.size() / 2) {
        kept_input_.erase(0, offset_);
        offset_ = 0;
    }
    kept_input_.append(bytes);
    input_ = kept_input_;
    if (!waiting_) return;
    exceeds_query_limit() ? close() : receive_more();
}

void Connection::end_with_protocol_error() {
    if (session_.reply_mode == ReplyMode::on) {
        resp::ReplyWriter reply(output(), protocol_of(session_));
        std::string text = "ERR ";
        text += parser_.error_text();
        reply.error(text);
    }
    worker_.figures().protocol_errors.fetch_add(1, std::memory_order_relaxed);
    base::log(base::Level::verbose, "Protocol error from client id={} addr={}: {}", session_.id,
              session_.peer_address, parser_.error_text());
}

/// After the replies of a batch are written: the input is given back, and the stream goes on.
void Connection::finish_batch() {
    if (is_closing()) return;
    update_figures();
    if (has_too_much_unread()) [[unlikely]] {
        release_input();
        return close_for_output();
    }
    if (ends_after_batch_) {
        release_input();
        close_after_output();
        return;
    }
    if (tail_is_parsed_) {
        tail_is_parsed_ = false;
        tail_.swap(held_);
        held_.clear();
        // An idle connection keeps no buffer of a large command behind.
        if (tail_.empty()) tail_.shrink_to_fit();
        held_.shrink_to_fit();
    }
    if (is_http_) {
        // Not even the replies to what came before: a browser must not see what it has caused.
        warn_of_attack();
        release_input();
        close();
        return;
    }
    if (has_protocol_error_) {
        end_with_protocol_error();
        release_input();
        close_after_output();
        return;
    }
    if (offset_ < input_.size()) {
        worker_.mark_ready(*this);
        worker_.mark_dirty(*this);
        return;
    }
    release_input();
    if (exceeds_query_limit()) {
        close();
        return;
    }
    worker_.mark_dirty(*this);
    input_has_ended_ ? close_after_output() : receive_more();
}

void Connection::release_input() {
    if (buffer_ != ring::Completion::kNoBuffer) ring().give_back(buffer_);
    buffer_ = ring::Completion::kNoBuffer;
    input_ = {};
    offset_ = 0;
    if (!kept_input_.empty()) [[unlikely]]
        Text().swap(kept_input_);
}

/// Takes the rest of the input along, so that a waiting command pins no buffer of the ring.
void Connection::hold_input() {
    if (buffer_ == ring::Completion::kNoBuffer) return;
    Text rest(input_.substr(offset_));
    release_input();
    kept_input_ = std::move(rest);
    input_ = kept_input_;
}

/// Asked after each batch, before anything of it is sent: nobody who does not know the password has
/// the server work far ahead of what he reads.
bool Connection::has_too_much_unread() {
    return output().size() > kUnauthenticatedOutputMax && !is_trusted();
}

}  // namespace gyre::server
