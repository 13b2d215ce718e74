// SPDX-License-Identifier: BSD-3-Clause
#include "gyre/client.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <deque>
#include <iterator>
#include <memory>
#include <utility>

#include "client/socket.h"
#include "resp/reply_parser.h"

namespace gyre {
namespace {

using client::Deadline;
using client::Socket;

constexpr size_t kReceiveBytes = size_t{64} * 1024;

void append_header(std::string& out, char marker, size_t number) {
    out.push_back(marker);
    out += std::to_string(number);
    out += "\r\n";
}

bool equals_ignoring_case(std::string_view left, std::string_view right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) ==
               std::tolower(static_cast<unsigned char>(b));
    });
}

/// "subscribe", "punsubscribe", ...: commands that are answered once for each channel.
bool is_subscription(std::string_view name) {
    constexpr std::string_view kNames[] = {"subscribe",   "psubscribe",   "ssubscribe",
                                           "unsubscribe", "punsubscribe", "sunsubscribe"};
    return std::any_of(std::begin(kNames), std::end(kNames),
                       [name](std::string_view each) { return equals_ignoring_case(each, name); });
}

bool is_confirmation(const Reply& reply) {
    return (reply.type == ReplyType::push || reply.type == ReplyType::array) &&
           !reply.elements.empty() && is_subscription(reply.elements.front().text);
}

tl::unexpected<Error> closed() {
    return fail("The connection is closed; connect again.", ENOTCONN);
}

tl::unexpected<Error> timed_out() {
    return fail(
        "The server did not answer within the timeout; wait on with read_reply(), or raise "
        "timeout_ms.",
        ETIMEDOUT);
}

tl::unexpected<Error> owing(const char* what) {
    return fail(std::string(what) + " must wait until the replies owed are read.", EINVAL);
}

}  // namespace

// What a Client points to, so that moving one is cheap and its header free of sockets.
class Client::Connection {
public:
    Connection(Socket socket, int timeout_ms)
        : socket_(std::move(socket)), timeout_ms_(timeout_ms) {}

    /// What a message means for the oldest command without a reply.
    enum class Role : uint8_t {
        unrelated,  ///< nothing
        part,       ///< one confirmation of several
        answer,     ///< its reply, or the last confirmation
    };
    struct Message {
        Reply reply;
        Role role = Role::unrelated;
    };

    Result<void> handshake(const ClientOptions& options);
    Result<Reply> command(std::span<const std::string_view> words);
    void append(std::span<const std::string_view> words);
    Result<void> flush();
    Result<Reply> read_reply();
    Result<std::optional<Reply>> try_read_reply();
    Result<std::vector<Reply>> execute_pipeline();
    Result<void> send_raw(std::string_view bytes);
    Result<std::string> receive_raw(size_t bytes_max, int timeout_ms);
    Result<size_t> process_pushes(int timeout_ms);

    size_t replies_owed() const { return owed_.size(); }
    void set_push_handler(PushHandler handler) { push_handler_ = std::move(handler); }
    Socket& socket() { return socket_; }

private:
    Result<void> expect_success(std::span<const std::string_view> words);
    Result<bool> send_some();
    Result<bool> receive();
    Result<std::optional<Message>> parse();
    Result<Message> next_message();
    Result<Reply> next_answer();
    Result<bool> set_aside(Message& message);
    Role settle(const Reply& reply);
    tl::unexpected<Error> broken(Error error);

    Socket socket_;
    int timeout_ms_;
    PushHandler push_handler_;
    resp::ReplyParser parser_;
    std::string output_;  // appended; sent up to output_sent_
    size_t output_sent_ = 0;
    std::string input_;  // received; parsed up to input_taken_
    size_t input_taken_ = 0;
    std::unique_ptr<char[]> receiving_;  // what one receive brings, on its way to input_
    std::deque<Reply> waiting_pushes_;
    // For each command without a reply: 0, or the number of confirmations it still waits for.
    std::deque<uint32_t> owed_;
};

// --- sending and receiving ----------------------------------------------------------------------

tl::unexpected<Error> Client::Connection::broken(Error error) {
    socket_.close();
    return tl::unexpected<Error>(std::move(error));
}

/// False when the kernel takes no more now.
Result<bool> Client::Connection::send_some() {
    while (output_sent_ < output_.size()) {
        const Result<size_t> sent =
            socket_.send_some(std::string_view(output_).substr(output_sent_));
        if (!sent) return broken(sent.error());
        if (*sent == 0) return false;
        output_sent_ += *sent;
    }
    output_.clear();
    output_sent_ = 0;
    return true;
}

/// Takes in what is there; false when nothing is.
Result<bool> Client::Connection::receive() {
    if (input_taken_ == input_.size()) {
        input_.clear();
        input_taken_ = 0;
    }
    // By way of memory that nobody clears: growing the string would, all of it for each reply.
    if (!receiving_) receiving_ = std::make_unique_for_overwrite<char[]>(kReceiveBytes);
    const Result<Socket::Received> received = socket_.receive_some(receiving_.get(), kReceiveBytes);
    if (!received) return broken(received.error());
    input_.append(receiving_.get(), received->bytes);
    if (received->is_end) {
        return broken({"The server closed the connection; connect again.", ECONNRESET});
    }
    return received->bytes > 0;
}

Result<void> Client::Connection::flush() {
    if (!socket_.is_open()) return closed();
    for (;;) {
        const Result<bool> is_sent = send_some();
        if (!is_sent) return tl::unexpected(is_sent.error());
        if (*is_sent) return {};
        const Result<Socket::Ready> ready = socket_.wait(true, Deadline::after(timeout_ms_));
        if (!ready) return broken(ready.error());
        if (!ready->readable && !ready->writable) return timed_out();
        if (ready->readable) {
            const Result<bool> received = receive();
            if (!received) return tl::unexpected(received.error());
        }
    }
}

Result<void> Client::Connection::send_raw(std::string_view bytes) {
    output_.append(bytes);
    return flush();
}

Result<std::string> Client::Connection::receive_raw(size_t bytes_max, int timeout_ms) {
    if (!socket_.is_open() && input_taken_ == input_.size()) return closed();
    if (!parser_.is_at_start()) {
        return fail("receive_raw() cannot go on in the middle of a reply.", EINVAL);
    }
    const Deadline deadline = Deadline::after(timeout_ms);
    while (input_taken_ == input_.size()) {
        const Result<Socket::Ready> ready = socket_.wait(false, deadline);
        if (!ready) return broken(ready.error());
        if (!ready->readable) return timed_out();
        std::string bytes(std::min(bytes_max, kReceiveBytes), '\0');
        const Result<Socket::Received> received = socket_.receive_some(bytes.data(), bytes.size());
        if (!received) return broken(received.error());
        if (received->is_end) socket_.close();
        bytes.resize(received->bytes);
        if (received->is_end || received->bytes > 0) return bytes;
    }
    std::string bytes = input_.substr(input_taken_, bytes_max);
    input_taken_ += bytes.size();
    return bytes;
}

// --- commands and replies -----------------------------------------------------------------------

void Client::Connection::append(std::span<const std::string_view> words) {
    if (words.empty()) return;
    append_header(output_, '*', words.size());
    for (const std::string_view word : words) {
        append_header(output_, '$', word.size());
        output_ += word;
        output_ += "\r\n";
    }
    const auto channels = static_cast<uint32_t>(std::max<size_t>(words.size() - 1, 1));
    owed_.push_back(is_subscription(words.front()) ? channels : 0);
}

Client::Connection::Role Client::Connection::settle(const Reply& reply) {
    if (owed_.empty()) return Role::unrelated;
    uint32_t& confirmations_left = owed_.front();
    if (confirmations_left > 0 && is_confirmation(reply)) {
        if (--confirmations_left > 0) return Role::part;
    } else if (reply.type == ReplyType::push ||
               (confirmations_left > 0 && reply.type == ReplyType::array)) {
        return Role::unrelated;  // a message of a channel that is subscribed already
    }
    owed_.pop_front();
    return Role::answer;
}

/// A message out of what was received.
Result<std::optional<Client::Connection::Message>> Client::Connection::parse() {
    std::string_view rest = std::string_view(input_).substr(input_taken_);
    Result<std::optional<Reply>> reply = parser_.parse(rest);
    input_taken_ = input_.size() - rest.size();
    if (!reply) return broken(reply.error());
    if (!*reply) return std::optional<Message>();
    const Role role = settle(**reply);
    Message message{std::move(**reply), role};
    if (message.reply.type == ReplyType::push && push_handler_) push_handler_(message.reply);
    return std::optional<Message>(std::move(message));
}

Result<Client::Connection::Message> Client::Connection::next_message() {
    for (;;) {
        Result<std::optional<Message>> message = parse();
        if (!message) return tl::unexpected(message.error());
        if (*message) return std::move(**message);
        if (!socket_.is_open()) return closed();
        const Result<Socket::Ready> ready = socket_.wait(false, Deadline::after(timeout_ms_));
        if (!ready) return broken(ready.error());
        if (!ready->readable) return timed_out();
        const Result<bool> received = receive();
        if (!received) return tl::unexpected(received.error());
    }
}

/// Keeps a push message that came during a call that waits for something else.
Result<bool> Client::Connection::set_aside(Message& message) {
    if (message.role == Role::answer) return false;
    if (message.role == Role::part || push_handler_) return true;
    if (waiting_pushes_.size() >= kWaitingPushesMax) {
        return broken({"Too many push messages wait to be read; set a push handler.", ENOBUFS});
    }
    waiting_pushes_.push_back(std::move(message.reply));
    return true;
}

/// The reply of the oldest command that is owed one.
Result<Reply> Client::Connection::next_answer() {
    for (;;) {
        Result<Message> message = next_message();
        if (!message) return tl::unexpected(message.error());
        const Result<bool> is_aside = set_aside(*message);
        if (!is_aside) return tl::unexpected(is_aside.error());
        if (!*is_aside) return std::move(message->reply);
    }
}

Result<Reply> Client::Connection::command(std::span<const std::string_view> words) {
    if (!owed_.empty()) return owing("A command");
    if (words.empty()) return fail("A command needs a name.", EINVAL);
    append(words);
    const Result<void> flushed = flush();
    if (!flushed) return tl::unexpected(flushed.error());
    return next_answer();
}

Result<std::vector<Reply>> Client::Connection::execute_pipeline() {
    const Result<void> flushed = flush();
    if (!flushed) return tl::unexpected(flushed.error());
    std::vector<Reply> replies;
    replies.reserve(owed_.size());
    while (!owed_.empty()) {
        Result<Reply> reply = next_answer();
        if (!reply) return tl::unexpected(reply.error());
        replies.push_back(std::move(*reply));
    }
    return replies;
}

Result<Reply> Client::Connection::read_reply() {
    if (waiting_pushes_.empty()) {
        const Result<void> flushed = output_.empty() ? Result<void>() : flush();
        if (!flushed) return tl::unexpected(flushed.error());
    } else {
        Reply reply = std::move(waiting_pushes_.front());
        waiting_pushes_.pop_front();
        return reply;
    }
    for (;;) {
        Result<Message> message = next_message();
        if (!message) return tl::unexpected(message.error());
        const bool is_handled = message->reply.type == ReplyType::push && push_handler_;
        if (!is_handled || message->role == Role::answer) return std::move(message->reply);
    }
}

Result<std::optional<Reply>> Client::Connection::try_read_reply() {
    if (!waiting_pushes_.empty()) {
        std::optional<Reply> reply(std::move(waiting_pushes_.front()));
        waiting_pushes_.pop_front();
        return reply;
    }
    for (;;) {
        Result<std::optional<Message>> message = parse();
        if (!message) return tl::unexpected(message.error());
        if (*message) {
            const bool is_handled = (*message)->reply.type == ReplyType::push && push_handler_;
            if (is_handled && (*message)->role != Role::answer) continue;
            return std::optional<Reply>(std::move((*message)->reply));
        }
        if (!socket_.is_open()) return closed();
        const Result<bool> is_sent = send_some();
        if (!is_sent) return tl::unexpected(is_sent.error());
        const Result<bool> received = receive();
        if (!received) return tl::unexpected(received.error());
        if (!*received) return std::optional<Reply>();
    }
}

Result<size_t> Client::Connection::process_pushes(int timeout_ms) {
    if (!owed_.empty()) return owing("process_pushes()");
    if (!push_handler_) return fail("process_pushes() needs a push handler.", EINVAL);
    size_t count = 0;
    for (const Reply& reply : waiting_pushes_) {
        push_handler_(reply);
        ++count;
    }
    waiting_pushes_.clear();
    const Deadline deadline = timeout_ms > 0 ? Deadline::after(timeout_ms) : Deadline::now();
    for (;;) {
        const Result<std::optional<Message>> message = parse();
        if (!message) return tl::unexpected(message.error());
        if (*message) {
            if ((*message)->reply.type != ReplyType::push) {
                return broken(
                    {"The server sent a reply that nobody asked for; connect again.", EPROTO});
            }
            ++count;
            continue;
        }
        // What else may have come is left for the next call, like the end of the connection.
        if (count > 0) return count;
        if (!socket_.is_open()) return closed();
        const Result<Socket::Ready> ready = socket_.wait(false, deadline);
        if (!ready) return broken(ready.error());
        if (!ready->readable) return count;
        const Result<bool> received = receive();
        if (!received) return tl::unexpected(received.error());
    }
}

// --- connecting ---------------------------------------------------------------------------------

Result<void> Client::Connection::expect_success(std::span<const std::string_view> words) {
    const Result<Reply> reply = command(words);
    if (!reply) return tl::unexpected(reply.error());
    if (!reply->is_error()) return {};
    return broken({"The server refused " + std::string(words.front()) + ": " + reply->text +
                       "; check the options of the connection.",
                   EACCES});
}

Result<void> Client::Connection::handshake(const ClientOptions& options) {
    std::string_view user = "default";
    if (!options.username.empty()) user = options.username;
    std::vector<std::vector<std::string_view>> commands;
    if (options.protocol == 3) {
        std::vector<std::string_view> hello = {"HELLO", "3"};
        if (!options.password.empty()) {
            hello.insert(hello.end(), {"AUTH", user, options.password});
        }
        commands.push_back(std::move(hello));
    } else if (!options.password.empty() && options.username.empty()) {
        // Without a name: servers older than version 6 know no users.
        commands.push_back({"AUTH", options.password});
    } else if (!options.password.empty()) {
        commands.push_back({"AUTH", user, options.password});
    }
    if (!options.client_name.empty())
        commands.push_back({"CLIENT", "SETNAME", options.client_name});
    const std::string database = std::to_string(options.database);
    if (options.database != 0) commands.push_back({"SELECT", database});
    for (const std::vector<std::string_view>& words : commands) {
        Result<void> done = expect_success(words);
        if (!done) return done;
    }
    return {};
}

Result<Client> Client::connect(const ClientOptions& options) {
    if (options.protocol != 2 && options.protocol != 3) {
        return fail("The protocol must be 2 or 3.", EINVAL);
    }
    // Before anybody is connected to: such a client never can.
    const Result<void> has_tls = options.tls ? client::Tls::check_built() : Result<void>();
    if (!has_tls) return tl::unexpected(has_tls.error());
    if (options.tls && !options.unix_path.empty()) {
        return fail("TLS is for TCP; connect to the Unix socket without it.", EINVAL);
    }
    const Deadline deadline = Deadline::after(options.timeout_ms);
    Result<Socket> socket = options.unix_path.empty()
                                ? Socket::connect_tcp(options.host, options.port, deadline)
                                : Socket::connect_unix(options.unix_path, deadline);
    if (!socket) return tl::unexpected(socket.error());
    if (options.tls) {
        const Result<void> secured = socket->start_tls(*options.tls, options.host, deadline);
        if (!secured) return tl::unexpected(secured.error());
    }
    Client client(std::make_unique<Connection>(std::move(*socket), options.timeout_ms));
    const Result<void> greeted = client.connection_->handshake(options);
    if (!greeted) return tl::unexpected(greeted.error());
    return client;
}

// --- the public face ----------------------------------------------------------------------------

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::Client(Client&& other) noexcept = default;
Client& Client::operator=(Client&& other) noexcept = default;
Client::~Client() = default;

Result<Reply> Client::command(std::span<const std::string_view> words) {
    return connection_->command(words);
}
void Client::append(std::span<const std::string_view> words) { connection_->append(words); }
Result<void> Client::flush() { return connection_->flush(); }
Result<Reply> Client::read_reply() { return connection_->read_reply(); }
Result<std::optional<Reply>> Client::try_read_reply() { return connection_->try_read_reply(); }
Result<std::vector<Reply>> Client::execute_pipeline() { return connection_->execute_pipeline(); }
size_t Client::replies_owed() const { return connection_->replies_owed(); }
Result<void> Client::send_raw(std::string_view bytes) { return connection_->send_raw(bytes); }
Result<std::string> Client::receive_raw(size_t bytes_max, int timeout_ms) {
    return connection_->receive_raw(bytes_max, timeout_ms);
}
void Client::set_push_handler(PushHandler handler) {
    connection_->set_push_handler(std::move(handler));
}
Result<size_t> Client::process_pushes(int timeout_ms) {
    return connection_->process_pushes(timeout_ms);
}
void Client::close() { connection_->socket().close(); }
bool Client::is_open() const { return connection_->socket().is_open(); }
int Client::file_descriptor() const { return connection_->socket().file_descriptor(); }

}  // namespace gyre
