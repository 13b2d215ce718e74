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

/// Descriptors the server needs beside its clients: listeners, rings, log, reserve.
inline constexpr uint64_t kReservedDescriptors = 32;

/// --version, --help: prints the answer and returns the exit status; -1: nothing was asked.
int answer_questions(std::span<const std::string_view> arguments);

/// Log file, directory, open-file limit (maxclients is lowered to what the system allows), number
/// of threads, pid file.
Result<void> prepare_process(ServerSettings& settings);
void remove_pid_file(const ServerSettings& settings);

/// SIGTERM and SIGINT: the first stops the server gracefully, a second ends the process at once.
/// SIGHUP and SIGPIPE are ignored.
void stop_on_signals(Server& server);
void ignore_signals();

}  // namespace gyre::server
