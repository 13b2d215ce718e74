// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A client of Gyre and of any server that speaks the Redis protocol (RESP2 or RESP3), over TCP
// (IPv4 and IPv6) or a Unix socket, with pipelining:
//
//     auto client = gyre::Client::connect({.host = "127.0.0.1", .port = 6379});
//     if (!client) return report(client.error().message);
//     auto reply = client->command("SET", "colour", "green");   // one command, one reply
//
//     client->append("INCR", "a");                              // or many at a time
//     client->append("INCR", "b");
//     auto replies = client->execute_pipeline();
//
// Calls block; each wait for the server ends after the timeout. A reply in which the server refuses
// a command is a Reply of type error; an Error means that the conversation failed. After an Error
// the connection is closed, except after a timeout (code ETIMEDOUT), when the reply is still owed
// and read_reply() may be called again, and after a call that was wrong (code EINVAL).
//
// Push messages (RESP3) never count as the reply of a command, but for the confirmation of a
// subscription: with several channels, the last one. With a push handler all of them go there.
// Without one, read_reply() returns them, those first that came during other calls.
//
// With ClientOptions::tls all of it goes through TLS; a server that is not who it should be is an
// Error of connect() (code EPROTO). A certificate that the server wants and does not get, it may
// tell with the first reply only.
//
// Ownership: the client owns its socket and closes it. Threads: one at a time.
// A large pipeline cannot come to a standstill: while it writes, the client reads what the server
// sends.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/reply.h"
#include "gyre/result.h"

namespace gyre {

/// TLS 1.2 or later. All files are PEM.
struct TlsOptions {
    /// Authorities that may sign the server's certificate: a file, a directory that `openssl
    /// rehash` has prepared, or both; none: those of the system.
    std::string ca_file = {};
    std::string ca_directory = {};
    /// What the client shows of itself when the server asks; both or none. The key has no pass
    /// phrase.
    std::string certificate_file = {};
    std::string key_file = {};
    /// The name the server is asked for (SNI) and its certificate must have; empty: the host.
    std::string server_name = {};
    /// False: the server may be anybody, certificate and name are not looked at.
    bool verifies = true;
};

struct ClientOptions {
    std::string host = "127.0.0.1";
    uint16_t port = 6379;
    std::string unix_path = {};  ///< when set, used instead of host and port
    /// Without it all goes in the clear. Over TCP only; ENOTSUP where the library has none.
    std::optional<TlsOptions> tls = {};
    std::string username = {};  ///< empty: the default user
    std::string password = {};  ///< empty: no authentication
    int protocol = 2;           ///< 2 or 3
    int database = 0;           ///< selected when it is not 0
    /// Of connecting and of each call; 0 or less: none. Finding the addresses of a host name takes
    /// what the system's resolver takes, and each address gets an equal part of the time.
    int timeout_ms = 5000;
    std::string client_name = {};  ///< shown by CLIENT LIST
};

class Client {
public:
    using PushHandler = std::function<void(const Reply&)>;

    /// Connects, authenticates and selects as the options say.
    static Result<Client> connect(const ClientOptions& options);

    Client(Client&& other) noexcept;
    Client& operator=(Client&& other) noexcept;
    ~Client();

    /// Push messages kept for read_reply(); one more closes the connection (ENOBUFS).
    static constexpr size_t kWaitingPushesMax = 65536;

    /// Sends one command and waits for its reply. Not while replies of a pipeline are owed
    /// (EINVAL).
    template <class... Rest>
    Result<Reply> command(std::string_view name, const Rest&... rest) {
        const std::string_view words[] = {name, std::string_view(rest)...};
        return command(std::span<const std::string_view>(words));
    }
    Result<Reply> command(std::span<const std::string_view> words);

    /// Adds a command to the pipeline. Nothing is sent before flush(), read_reply() or
    /// execute_pipeline().
    template <class... Rest>
    void append(std::string_view name, const Rest&... rest) {
        const std::string_view words[] = {name, std::string_view(rest)...};
        append(std::span<const std::string_view>(words));
    }
    void append(std::span<const std::string_view> words);
    /// Sends what was appended; reads, if the server cannot take it otherwise.
    Result<void> flush();
    /// The next reply, in the order of the commands; sends first what was appended.
    Result<Reply> read_reply();
    /// The next reply if it has come already, without waiting: for poll loops.
    Result<std::optional<Reply>> try_read_reply();
    /// Sends what was appended and reads all replies owed.
    Result<std::vector<Reply>> execute_pipeline();
    /// Commands whose replies were not read yet.
    size_t replies_owed() const;

    /// Sends bytes as they are, behind what was appended. Replies to them are not owed, but
    /// read_reply() returns them all the same.
    Result<void> send_raw(std::string_view bytes);
    /// At least one and at most `bytes_max` bytes as they came. Empty at the end of the stream. Not
    /// while a reply was read in part (EINVAL).
    Result<std::string> receive_raw(size_t bytes_max, int timeout_ms);

    /// Called for each push message met while reading; may not call the client.
    void set_push_handler(PushHandler handler);
    /// Waits up to `timeout_ms` (0: not at all) for push messages and hands those that came to the
    /// handler, which must be set. Their number. Not while replies are owed (EINVAL).
    Result<size_t> process_pushes(int timeout_ms);

    void close();
    bool is_open() const;
    /// The socket, to wait on; -1 when closed. Bytes may have been taken from it already: call
    /// try_read_reply() until it gives none before waiting.
    int file_descriptor() const;

private:
    class Connection;
    explicit Client(std::unique_ptr<Connection> connection);
    std::unique_ptr<Connection> connection_;
};

}  // namespace gyre
