// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A real server process for a test: started on a free port of 127.0.0.1 and on a Unix socket in a
// temporary directory of its own, watched until it answers, stopped by a signal, and killed when
// the object goes away whatever happened before. The same class starts the oracle (Debian's
// redis-server); running a suite with GYRE_SERVER=/usr/bin/redis-server tests the tests.
//
// Ownership: owns process and directory. Threads: one at a time. Errors: a server that does not
// come up is not an exception: is_ready() is false and log() tells why.

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/raw_socket.h"

namespace gyre::test {

struct ServerOptions {
    /// Program to run; empty: $GYRE_SERVER.
    std::string binary;
    /// Reactors of Gyre; not passed to redis-server, which does not know the directive.
    int threads = 1;
    /// Directives on the command line after the defaults: {"--timeout", "1"}.
    std::vector<std::string> arguments;
    /// When not empty, written to server.conf in the directory and passed as the first argument.
    std::string config_text;
    /// False: pass `arguments` (and the configuration file) alone, and do not wait for readiness.
    bool has_defaults = true;
    /// False: ready is who answers, though it be that the data is being read.
    bool waits_for_data = true;
};

class ServerProcess {
public:
    explicit ServerProcess(ServerOptions options);
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;
    ~ServerProcess();

    [[nodiscard]] bool is_ready() const { return is_ready_; }
    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] const std::string& directory() const { return directory_; }
    [[nodiscard]] std::string unix_path() const { return directory_ + "/server.sock"; }
    [[nodiscard]] std::string config_path() const { return directory_ + "/server.conf"; }
    /// True when the program is redis-server, which lacks what is Gyre's own.
    [[nodiscard]] bool is_oracle() const;

    /// Everything written to standard output and error so far.
    [[nodiscard]] std::string log() const;
    /// Waits until the log has the text; false after the patience.
    bool wait_for_log(std::string_view text, std::chrono::milliseconds patience = kPatience) const;

    /// A new TCP connection; ends the test process when the server refuses, which no caller
    /// expects.
    [[nodiscard]] RawSocket connect() const;

    void send_signal(int signal) const;
    /// The wait status' meaning: exit code, or 128 + signal; nullopt while it still runs.
    std::optional<int> wait_exit(std::chrono::milliseconds patience = kPatience);
    /// SIGTERM, then the exit status.
    std::optional<int> stop();

private:
    void start();
    void exec_child(const std::vector<std::string>& arguments) const;
    std::vector<std::string> command_line() const;
    bool wait_until_ready();

    ServerOptions options_;
    std::string directory_;
    int port_ = 0;
    pid_t pid_ = -1;
    bool is_ready_ = false;
    std::optional<int> exit_status_;
};

/// The program under test: $GYRE_SERVER.
std::string server_binary();
/// The oracle: $GYRE_ORACLE or /usr/bin/redis-server.
std::string oracle_binary();
/// A port nobody listens on at the moment.
int free_port();
/// A new directory under $TMPDIR or /tmp; the caller removes it.
std::string make_temporary_directory();

}  // namespace gyre::test
