// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The connection of gyre-cli: opened when it is first needed and again after it broke, with what
// the options ask for (protocol, password, database), and waiting in a way that a signal or a
// deadline of the caller can end. Also keeps what the prompt shows: database, transaction,
// subscriptions.
//
// A command is sent once: when the connection breaks before the reply, nobody knows whether the
// server ran it, and that is what the error says. What was said for a transaction that went with
// its connection is not sent at all, as outside of one it would do something else.
//
// Ownership: owns the client; the observer must outlive the link. Threads: one.

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/address.h"
#include "cli/session_state.h"
#include "gyre/client.h"

namespace gyre::cli {

struct LinkOptions {
    Address address;
    /// 2 or 3; nullopt: 3 where the server knows it and `prefers_resp3`, else 2.
    std::optional<int> protocol;
    bool prefers_resp3 = false;
    bool follows_cluster = false;
    std::string client_name = {};
    int timeout_ms = 5000;  ///< of connecting, not of commands
};

class Link {
public:
    /// Sees what comes without being asked for: messages, confirmations beyond the first, lines of
    /// MONITOR.
    using Observer = std::function<void(const Reply&)>;
    /// Sees warnings of the conversation: a redirection, a password that nobody wanted.
    using Notice = std::function<void(const std::string&)>;
    /// Waits until the descriptor can be read; false ends the wait for the reply.
    using Waiter = std::function<bool(int descriptor)>;
    /// What a command stands for, which is itself unless it is an alias; nullopt: not known.
    using Meaning =
        std::function<std::optional<std::vector<std::string>>(std::span<const std::string> words)>;

    explicit Link(LinkOptions options) : options_(std::move(options)) {}

    void set_observer(Observer observer) { observer_ = std::move(observer); }
    void set_notice(Notice notice) { notice_ = std::move(notice); }
    /// Without one, waits have no end but the reply.
    void set_waiter(Waiter waiter) { waiter_ = std::move(waiter); }
    /// With one, the prompt is to be true: after a command whose effect on the session cannot be
    /// known from outside, the server is asked (CLIENT INFO). Without one it never is.
    void set_meaning(Meaning meaning) { meaning_ = std::move(meaning); }

    Result<void> connect();
    /// Connects when there is no connection. Code ECONNABORTED: there is one now, but a transaction
    /// went with the last one, and what is to be run may have been meant for it.
    Result<void> open();
    /// After open(), sends the command and gives its reply. Code ECANCELED: the waiter ended it,
    /// and the connection is closed, because the reply is still to come. Code ESHUTDOWN: the server
    /// has gone, as the command (SHUTDOWN) told it to.
    Result<Reply> call(std::span<const std::string> words);
    /// The same with commands behind it in the same write, which have one reply each and change
    /// nothing of the session (PTTL); all replies in their order.
    Result<std::vector<Reply>> call_with(std::span<const std::string> words,
                                         std::span<const std::vector<std::string>> followers);
    /// Hands on what has come without being asked for; false when the connection has ended.
    bool take_messages();
    /// What the last connection that ended by itself took with it: "the transaction"; empty:
    /// nothing.
    const std::string& lost() const { return lost_; }
    /// Messages until the waiter ends it or the connection breaks.
    Result<void> stream();
    void close();

    bool is_open() const { return client_ && client_->is_open(); }
    /// -1 without a connection.
    int descriptor() const { return is_open() ? client_->file_descriptor() : -1; }
    Client& client() { return *client_; }
    const Address& address() const { return options_.address; }
    void set_address(Address address);

    int protocol() const { return protocol_; }
    int database() const { return state_.database(); }
    bool is_in_transaction() const {
        return state_.transaction() != SessionState::Transaction::none;
    }
    bool is_subscribed() const { return !topics_.empty(); }
    bool is_monitoring() const { return is_monitoring_; }

private:
    Result<void> greet();
    Result<void> authenticate();
    Result<void> choose_protocol();
    Result<void> expect_ok(std::span<const std::string_view> words);
    Result<Reply> run(std::span<const std::string> words);
    Result<Reply> exchange(std::span<const std::string> words);
    void ask_database();
    void append(std::span<const std::string> words);
    Result<void> send();
    Result<Reply> receive(std::span<const std::string> words, size_t owed_behind);
    Result<Reply> follow(Reply reply, std::span<const std::string> words);
    std::vector<std::string> complete_unsubscription(std::span<const std::string> words) const;
    void note(std::span<const std::string> words, const Reply& reply);
    void note_session(std::string_view name, std::span<const std::string> words,
                      const Reply& reply);
    void note_credentials(const std::string& username, const std::string& password);
    void note_topic(const Reply& message);
    bool is_message(const Reply& reply) const;
    bool wait();
    void lose();
    std::string loss() const;
    tl::unexpected<Error> broken(const Error& error);

    LinkOptions options_;
    Observer observer_;
    Notice notice_;
    Waiter waiter_;
    Meaning meaning_;
    std::optional<Client> client_;
    int protocol_ = 2;
    SessionState state_;
    bool is_monitoring_ = false;
    bool has_lost_transaction_ = false;  // nobody has been told at a command yet
    std::string lost_;
    std::set<std::string> topics_;  // kind and name of what is subscribed to: "p:news.*"
};

}  // namespace gyre::cli
