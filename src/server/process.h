// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the server asks of the process it runs in: descriptors enough for maxclients, the working
// directory, the pid file, the log, signals, and the answers to --version and --help.
//
// Threads: the main thread, before the reactors run.

#include <span>
#include <string_view>

#include <gyre/result.h>

#include "server/settings.h"

namespace gyre::server {

class Server;

/// Descriptors the server needs beside its clients: listeners, log, reserve, and for each thread a
/// ring and what wakes it. The number of threads is settled.
constexpr uint64_t reserved_descriptors(const ServerSettings& settings) {
    return 32 + 2 * static_cast<uint64_t>(settings.threads);
}

/// --version, --help, --convert: does it, prints the answer and returns the exit status; -1:
/// nothing was asked.
int answer_questions(std::span<const std::string_view> arguments);

/// Directory, log and its thread, number of threads, open-file limit (maxclients is lowered to what
/// the system allows).
Result<void> prepare_process(ServerSettings& settings);
/// Once the server listens: one that cannot start must not touch the file of the one that runs.
void write_pid_file(const ServerSettings& settings);
void remove_pid_file(const ServerSettings& settings);

/// SIGTERM and SIGINT: the first stops the server gracefully, a second ends the process at once.
/// SIGHUP: the files of the log are opened again. SIGPIPE is ignored. Signals of a crash: the log
/// is written out before the process ends of them.
void stop_on_signals(Server& server);
/// The stop that a signal asked for did not come about: the next signal asks again.
void forget_signals();
void ignore_signals();

}  // namespace gyre::server
