// SPDX-License-Identifier: BSD-3-Clause
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string_view>
#include <vector>

#include "diary/diary.h"
#include "ring/uring/probe.h"
#include "server/process.h"
#include "server/server.h"

namespace {

/// Exit status when the kernel or a sandbox keeps io_uring from us; 1 is every other failure to
/// start.
constexpr int kNoIoUring = 3;

/// Whichever way main() ends, what was logged is written.
struct DiaryEnd {
    ~DiaryEnd() { gyre::diary::stop(); }
};

int complain(const gyre::Error& error, int status) {
    std::fprintf(stderr, "gyre-server: %s\n", error.message.c_str());
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    if (const int answered = gyre::server::answer_questions(arguments); answered >= 0)
        return answered;
    gyre::server::Config config;
    if (auto loaded = config.load(arguments); !loaded) return complain(loaded.error(), 1);
    if (auto usable = gyre::ring::probe_uring(); !usable) {
        return complain(usable.error(), kNoIoUring);
    }
    const DiaryEnd diary_end;
    if (auto prepared = gyre::server::prepare_process(config.settings()); !prepared) {
        return complain(prepared.error(), 1);
    }
    gyre::server::Server server(config);
    if (auto started = server.start(); !started) return complain(started.error(), 1);
    gyre::server::write_pid_file(config.settings());
    gyre::server::stop_on_signals(server);
    const int status = server.run();
    gyre::server::ignore_signals();
    gyre::server::remove_pid_file(config.settings());
    return status;
}
