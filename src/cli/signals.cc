// SPDX-License-Identifier: BSD-3-Clause
#include "cli/signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace gyre::cli {

Signals::Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) sigaddset(&set, signal);
    static_cast<void>(sigprocmask(SIG_BLOCK, &set, &before_));
    descriptor_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    // Without the descriptor signals do what they do by themselves.
    if (descriptor_ < 0) static_cast<void>(sigprocmask(SIG_SETMASK, &before_, nullptr));
}

Signals::~Signals() {
    if (descriptor_ < 0) return;
    static_cast<void>(sigprocmask(SIG_SETMASK, &before_, nullptr));
    ::close(descriptor_);
}

std::optional<int> Signals::take() {
    signalfd_siginfo info{};
    if (descriptor_ < 0 || ::read(descriptor_, &info, sizeof(info)) != sizeof(info)) {
        return std::nullopt;
    }
    return static_cast<int>(info.ssi_signo);
}

bool wait_or_stop(Signals& signals, int descriptor, int& stopped_by) {
    pollfd entries[] = {{descriptor, POLLIN, 0}, {signals.descriptor(), POLLIN, 0}};
    for (;;) {
        if (poll(entries, 2, -1) < 0 && errno != EINTR) return true;
        if (entries[1].revents != 0) {
            const auto signal = signals.take();
            if (signal && *signal != SIGWINCH) {
                stopped_by = *signal;
                return false;
            }
        }
        if (entries[0].revents != 0) return true;
    }
}

}  // namespace gyre::cli
