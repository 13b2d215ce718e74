// SPDX-License-Identifier: BSD-3-Clause
#include "cli/link.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/numbers.h"

namespace gyre::cli {
namespace {

using base::equals_ignore_case;

/// Redirections in a row before a cluster is held to be confused.
constexpr int kRedirectionsMax = 16;

std::vector<std::string_view> views(std::span<const std::string> words) {
    return {words.begin(), words.end()};
}

/// 's' for subscribe, 'p' for psubscribe, 'h' for the sharded kind; 0 for another word.
char topic_kind(std::string_view name) {
    std::string lower = base::to_lower(name);
    if (lower.ends_with("unsubscribe")) lower.erase(lower.size() - 11, 2);
    if (lower == "subscribe") return 's';
    if (lower == "psubscribe") return 'p';
    return lower == "ssubscribe" ? 'h' : '\0';
}

bool is_shutdown(std::span<const std::string> words) {
    return !words.empty() && equals_ignore_case(words[0], "shutdown");
}

bool is_unsubscription(std::string_view name) {
    return topic_kind(name) != 0 && base::to_lower(name).ends_with("unsubscribe");
}

/// "MOVED 3999 127.0.0.1:6381": the address behind the slot.
bool set_redirection(Address& address, std::string_view error) {
    const size_t blank = error.rfind(' ');
    const size_t colon = error.rfind(':');
    if (blank == std::string_view::npos || colon == std::string_view::npos || colon < blank) {
        return false;
    }
    const auto port = parse_port(error.substr(colon + 1));
    if (!port) return false;
    // A server that does not know its own address leaves the host out: it is the same.
    if (colon > blank + 1) address.host = error.substr(blank + 1, colon - blank - 1);
    address.port = *port;
    address.unix_path.clear();
    return true;
}

}  // namespace

// --- connecting ---------------------------------------------------------------------------------

Result<void> Link::connect() {
    close();
    ClientOptions options;
    options.host = options_.address.host;
    options.port = options_.address.port;
    options.unix_path = options_.address.unix_path;
    if (options_.address.uses_tls) options.tls = options_.address.tls;
    options.timeout_ms = options_.timeout_ms;
    Result<Client> client = Client::connect(options);
    if (!client) return tl::unexpected(client.error());
    client_.emplace(std::move(*client));
    auto greeted = greet();
    if (!greeted) client_.reset();
    return greeted;
}

Result<void> Link::greet() {
    if (auto done = authenticate(); !done) return done;
    if (auto done = choose_protocol(); !done) return done;
    if (!options_.client_name.empty()) {
        // Only for the eyes of CLIENT LIST: a server that refuses it is as good.
        const auto named = client_->command("CLIENT", "SETNAME", options_.client_name);
        if (!named) return tl::unexpected(named.error());
    }
    state_.begin_in(options_.address.database);
    if (state_.database() != 0) {
        const std::string database = std::to_string(state_.database());
        const std::string_view words[] = {"SELECT", database};
        if (auto done = expect_ok(words); !done) return done;
    }
    client_->set_push_handler([this](const Reply& message) {
        note_topic(message);
        if (observer_) observer_(message);
    });
    return {};
}

Result<void> Link::authenticate() {
    const Address& address = options_.address;
    if (address.password.empty()) return {};
    std::vector<std::string_view> words = {"AUTH"};
    if (!address.username.empty()) words.push_back(address.username);
    words.push_back(address.password);
    const Result<Reply> reply = client_->command(std::span<const std::string_view>(words));
    if (!reply) return tl::unexpected(reply.error());
    if (!reply->is_error()) return {};
    if (reply->text.find("without any password configured") != std::string::npos) {
        if (notice_) notice_("The server wants no password; going on without it.");
        return {};
    }
    return fail(
        "The server refuses the password: " + reply->text + "; check the user and the password.",
        EACCES);
}

Result<void> Link::choose_protocol() {
    protocol_ = 2;
    const bool is_demanded = options_.protocol.has_value();
    const int wanted = options_.protocol.value_or(options_.prefers_resp3 ? 3 : 2);
    if (wanted == 2) return {};
    const Result<Reply> reply = client_->command("HELLO", "3");
    if (!reply) return tl::unexpected(reply.error());
    // A server that asks for a password first says so again at the next command; one that is old
    // knows no HELLO.
    if (!reply->is_error()) protocol_ = 3;
    if (reply->is_error() && is_demanded) {
        return fail("The server refuses RESP3: " + reply->text + "; give -2.", EPROTO);
    }
    return {};
}

Result<void> Link::expect_ok(std::span<const std::string_view> words) {
    const Result<Reply> reply = client_->command(words);
    if (!reply) return tl::unexpected(reply.error());
    if (!reply->is_error()) return {};
    return fail("The server refuses " + std::string(words[0]) + " " + std::string(words[1]) + ": " +
                    reply->text + "; check the options.",
                EACCES);
}

void Link::close() {
    client_.reset();
    state_.end();
    is_monitoring_ = false;
    topics_.clear();
    has_lost_transaction_ = false;
    lost_.clear();
}

/// A connection that has ended without being told to.
void Link::lose() {
    const bool has_watches = state_.has_watches() && !is_in_transaction();
    const bool had_transaction = is_in_transaction() || has_watches;
    std::string lost;
    if (is_in_transaction()) lost = "the transaction";
    if (has_watches) lost = "what was watched";
    if (is_subscribed()) lost += lost.empty() ? "the subscriptions" : ", the subscriptions";
    close();
    has_lost_transaction_ = had_transaction;
    lost_ = std::move(lost);
}

/// Behind what is said of the end of a connection.
std::string Link::loss() const {
    return lost_.empty() ? "." : "; gone with the connection: " + lost_ + ".";
}

Result<void> Link::open() {
    if (is_open()) return {};
    const bool has_lost = has_lost_transaction_;
    const std::string lost = lost_;
    auto connected = connect();
    // Until there is a connection, the error to tell is that there is none.
    has_lost_transaction_ = has_lost && !connected;
    lost_ = connected ? "" : lost;
    if (!connected || !has_lost) return connected;
    return fail("The connection was lost, and with it " + lost +
                    "; this command was not run. There is a new connection, outside of any "
                    "transaction.",
                ECONNABORTED);
}

void Link::set_address(Address address) {
    close();
    options_.address = std::move(address);
}

// --- commands -----------------------------------------------------------------------------------

Result<Reply> Link::call(std::span<const std::string> words) {
    if (auto opened = open(); !opened) return tl::unexpected(opened.error());
    Result<Reply> reply = run(words);
    if (reply) ask_database();
    return reply;
}

Result<Reply> Link::run(std::span<const std::string> words) {
    Result<Reply> reply = exchange(words);
    if (reply && options_.follows_cluster && reply->is_error()) {
        return follow(std::move(*reply), words);
    }
    return reply;
}

/// Where the connection is, if a command may have changed it. A server that does not tell, or not
/// now, leaves what was known.
void Link::ask_database() {
    if (!meaning_ || !is_open() || !state_.is_doubtful() || is_monitoring_) return;
    state_.keep_database();
    if (state_.transaction() == SessionState::Transaction::multi) return;  // it would be queued
    const std::string words[] = {"CLIENT", "INFO"};
    const Result<Reply> reply = exchange(words);
    if (!reply || reply->is_error()) return;
    const size_t field = reply->text.find(" db=");
    if (field == std::string::npos) return;
    const std::string_view value = std::string_view(reply->text).substr(field + 4);
    const auto database = parse_database(value.substr(0, value.find(' ')));
    if (!database) return;
    state_.set_database(*database);
    options_.address.database = state_.lasting_database();
}

Result<std::vector<Reply>> Link::call_with(std::span<const std::string> words,
                                           std::span<const std::vector<std::string>> followers) {
    if (auto opened = open(); !opened) return tl::unexpected(opened.error());
    append(words);
    for (const std::vector<std::string>& follower : followers) append(follower);
    if (auto sent = send(); !sent) return tl::unexpected(sent.error());
    std::vector<Reply> replies;
    for (size_t i = 0; i <= followers.size(); ++i) {
        Result<Reply> reply = receive(i == 0 ? words : followers[i - 1], followers.size() - i);
        if (!reply) return tl::unexpected(reply.error());
        replies.push_back(std::move(*reply));
    }
    ask_database();
    if (!options_.follows_cluster || !replies.front().is_error()) return replies;
    // The followers went where the command was refused: they follow it once more.
    Result<Reply> first = follow(std::move(replies.front()), words);
    if (!first) return tl::unexpected(first.error());
    replies.front() = std::move(*first);
    for (size_t i = 0; i < followers.size(); ++i) {
        Result<Reply> reply = exchange(followers[i]);
        if (!reply) return tl::unexpected(reply.error());
        replies[i + 1] = std::move(*reply);
    }
    return replies;
}

Result<Reply> Link::exchange(std::span<const std::string> words) {
    append(words);
    if (auto sent = send(); !sent) return tl::unexpected(sent.error());
    return receive(words, 0);
}

void Link::append(std::span<const std::string> words) {
    const std::vector<std::string> completed = complete_unsubscription(words);
    const std::vector<std::string_view> sent = views(completed);
    client_->append(std::span<const std::string_view>(sent));
}

Result<void> Link::send() {
    for (;;) {
        const Result<void> flushed = client_->flush();
        if (flushed) return {};
        // The server takes its time to read; a signal ends the program or the wait for the reply.
        if (flushed.error().code != ETIMEDOUT) return broken(flushed.error());
    }
}

/// The reply of the oldest command, behind which so many more are owed.
Result<Reply> Link::receive(std::span<const std::string> words, size_t owed_behind) {
    for (;;) {
        Result<std::optional<Reply>> reply = client_->try_read_reply();
        if (!reply && is_shutdown(words)) {
            lose();
            return fail("The server has shut down" + loss(), ESHUTDOWN);
        }
        if (!reply) return broken(reply.error());
        if (!*reply) {
            if (wait()) continue;
            lose();
            has_lost_transaction_ = false;  // this says it
            return fail("Cancelled; whether the server ran the command is not known" + loss(),
                        ECANCELED);
        }
        // One confirmation of several; or in RESP2, where only its form tells, a message of a
        // channel that came between.
        if (client_->replies_owed() > owed_behind || is_message(**reply)) {
            note_topic(**reply);
            if (observer_) observer_(**reply);
            continue;
        }
        note(words, **reply);
        return std::move(**reply);
    }
}

Result<Reply> Link::follow(Reply reply, std::span<const std::string> words) {
    for (int i = 0; i < kRedirectionsMax; ++i) {
        const bool is_moved = reply.error_code() == "MOVED";
        if (!is_moved && reply.error_code() != "ASK") return reply;
        Address target = options_.address;
        if (!set_redirection(target, reply.text)) return reply;
        if (notice_) notice_("Redirected to " + target.to_string() + ".");
        set_address(std::move(target));
        if (auto connected = connect(); !connected) return tl::unexpected(connected.error());
        if (!is_moved) {
            const std::string asking[] = {"ASKING"};
            const Result<Reply> asked = exchange(asking);
            if (!asked) return asked;
        }
        Result<Reply> next = exchange(words);
        if (!next) return next;
        reply = std::move(*next);
    }
    return reply;
}

/// UNSUBSCRIBE without channels is confirmed once for each channel: naming them says how many
/// confirmations to wait for.
std::vector<std::string> Link::complete_unsubscription(std::span<const std::string> words) const {
    std::vector<std::string> completed(words.begin(), words.end());
    if (words.size() != 1 || !is_unsubscription(words[0])) return completed;
    for (const std::string& topic : topics_) {
        if (topic.front() == topic_kind(words[0])) completed.push_back(topic.substr(1));
    }
    return completed;
}

/// In RESP3 messages go to the push handler.
bool Link::is_message(const Reply& reply) const {
    if (protocol_ != 2 || !is_subscribed() || reply.type != ReplyType::array) return false;
    if (reply.elements.size() < 3) return false;
    const std::string& kind = reply.elements[0].text;
    return kind == "message" || kind == "pmessage" || kind == "smessage";
}

bool Link::wait() {
    if (waiter_) return waiter_(client_->file_descriptor());
    pollfd entry{client_->file_descriptor(), POLLIN, 0};
    while (poll(&entry, 1, -1) < 0 && errno == EINTR) {
    }
    return true;
}

tl::unexpected<Error> Link::broken(const Error& error) {
    lose();
    has_lost_transaction_ = false;  // this says it
    return fail(error.message + " Whether the server ran the command is not known" + loss(),
                error.code);
}

// --- what comes without being asked for ---------------------------------------------------------

bool Link::take_messages() {
    while (is_open()) {
        Result<std::optional<Reply>> message = client_->try_read_reply();
        if (!message) break;
        if (!*message) return true;
        note_topic(**message);
        if (observer_) observer_(**message);
    }
    lose();
    return false;
}

Result<void> Link::stream() {
    while (is_open()) {
        if (!take_messages()) return fail("The server closed the connection.", ECONNRESET);
        if (!wait()) return {};
    }
    return {};
}

// --- what the prompt shows ----------------------------------------------------------------------

void Link::note(std::span<const std::string> words, const Reply& reply) {
    note_topic(reply);
    if (words.empty()) return;
    std::optional<std::vector<std::string>> meant;
    if (meaning_) {
        meant = meaning_(words);
        if (!meant || meant->empty()) return state_.note_unknown(reply);
        words = *meant;
    }
    state_.note(words, reply);
    options_.address.database = state_.lasting_database();
    if (!reply.is_error()) note_session(base::to_lower(words[0]), words, reply);
}

/// What a connection that broke comes back as, and how replies are read.
void Link::note_session(std::string_view name, std::span<const std::string> words,
                        const Reply& reply) {
    if (name == "monitor" && reply.is_ok()) {
        is_monitoring_ = true;
    } else if (name == "hello" && words.size() > 1) {
        protocol_ = words[1] == "3" ? 3 : 2;
        options_.protocol = protocol_;
        const auto auth = std::ranges::find_if(
            words, [](const std::string& word) { return equals_ignore_case(word, "auth"); });
        if (words.end() - auth > 2) note_credentials(auth[1], auth[2]);
    } else if (name == "reset") {
        is_monitoring_ = false;
        topics_.clear();
        protocol_ = 2;
    } else if (name == "auth" && words.size() > 1) {
        note_credentials(words.size() > 2 ? words[1] : "", words.back());
    }
}

void Link::note_credentials(const std::string& username, const std::string& password) {
    options_.address.username = username;
    options_.address.password = password;
}

void Link::note_topic(const Reply& message) {
    if (message.type != ReplyType::push && message.type != ReplyType::array) return;
    if (message.elements.size() != 3) return;
    const std::string& name = message.elements[0].text;
    const char kind = topic_kind(name);
    if (kind == 0 || message.elements[2].type != ReplyType::integer) return;
    const std::string topic = kind + message.elements[1].text;
    if (is_unsubscription(name)) {
        topics_.erase(topic);
    } else {
        topics_.insert(topic);
    }
}

}  // namespace gyre::cli
