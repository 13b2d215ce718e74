// SPDX-License-Identifier: BSD-3-Clause
#include "server/process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/log.h"
#include "diary/diary.h"
#include "server/convert.h"
#include "server/server.h"

namespace gyre::server {
namespace {

std::atomic<Server*> signalled_server{nullptr};
std::atomic<int> signals_seen{0};

constexpr std::string_view kHelp =
    "Usage: gyre-server [/path/to/gyre.conf] [--directive value ...]\n"
    "       gyre-server --convert FROM TO\n"
    "       gyre-server --version | --help\n\n"
    "Directives are those of redis.conf:\n"
    "       gyre-server --port 7777 --threads 4 --maxmemory 1gb\n"
    "       gyre-server /etc/gyre/gyre.conf --loglevel verbose\n\n"
    "--convert makes a JSON document of an RDB file, or an RDB file of a JSON document.\n";

/// How long an end that cannot wait does wait for the log's thread: it may stand at a slow disk.
constexpr int kLastLinesMs = 500;

/// The first signal asks for a graceful stop, the second does not ask.
void handle_stop_signal(int) {
    if (signals_seen.fetch_add(1) > 0) {
        diary::flush(kLastLinesMs);
        _exit(1);
    }
    if (Server* server = signalled_server.load()) server->request_stop();
}

void handle_hangup(int) { diary::request_reopen(); }

/// Comes once (SA_RESETHAND): behind it the signal does what it does by itself.
void handle_crash(int signal) {
    diary::flush(kLastLinesMs);
    ::raise(signal);
}

void handle(int signal, void (*handler)(int), int flags = 0) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
}

/// Where a sanitizer listens, it stays.
void handle_crashes() {
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
        struct sigaction present{};
        const bool is_known = sigaction(signal, nullptr, &present) == 0;
        const bool is_taken = (present.sa_flags & SA_SIGINFO) != 0 || present.sa_handler != SIG_DFL;
        if (is_known && !is_taken) {
            handle(signal, handle_crash, static_cast<int>(SA_RESETHAND));
        }
    }
}

size_t usable_processors() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<size_t>(std::max(CPU_COUNT(&set), 1));
}

/// Raises the soft limit of open files as far as maxclients wants; if the system allows less, fewer
/// clients are let in and the log says so.
void fit_open_files(ServerSettings& settings) {
    const uint64_t reserved = reserved_descriptors(settings);
    const auto wanted = static_cast<uint64_t>(settings.maxclients.load()) + reserved;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    rlimit raised = limit;
    raised.rlim_cur = wanted;
    raised.rlim_max = std::max<rlim_t>(limit.rlim_max, wanted);
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
    raised.rlim_cur = raised.rlim_max = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) != 0) raised.rlim_cur = limit.rlim_cur;
    if (raised.rlim_cur >= wanted) return;
    const uint64_t available = raised.rlim_cur > reserved ? raised.rlim_cur - reserved : 1;
    settings.maxclients.store(static_cast<int64_t>(available));
    base::log(
        base::Level::warning,
        "maxclients lowered to {}: only {} open files are allowed. Raise the limit (ulimit -n, "
        "LimitNOFILE) for more clients.",
        available, raised.rlim_cur);
}

/// Absolute, with the links in it, for where it has to be found again.
std::string path_of(const std::string& directory) {
    std::error_code failure;
    const auto path = std::filesystem::absolute(directory, failure).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).string();
}

int convert(const std::string& from, const std::string& to) {
    const auto keys = convert_file(from, to);
    if (!keys) {
        std::fprintf(stderr, "gyre-server: %s\n", keys.error().message.c_str());
        return 1;
    }
    std::printf("%s: %llu keys\n", to.c_str(), static_cast<unsigned long long>(*keys));
    return 0;
}

}  // namespace

int answer_questions(std::span<const std::string_view> arguments) {
    if (arguments.size() == 3 && arguments[0] == "--convert") {
        return convert(std::string(arguments[1]), std::string(arguments[2]));
    }
    if (arguments.size() != 1) return -1;
    if (arguments[0] == "--version" || arguments[0] == "-v") {
        std::printf("Gyre server v=%s bits=%zu\n", GYRE_VERSION, sizeof(void*) * 8);
        return 0;
    }
    if (arguments[0] == "--help" || arguments[0] == "-h") {
        std::fwrite(kHelp.data(), 1, kHelp.size(), stdout);
        return 0;
    }
    return -1;
}

Result<void> prepare_process(ServerSettings& settings) {
    if (auto usable = check_storage(settings.storage_format, settings.append_only); !usable) {
        return usable;
    }
    const std::string directory = path_of(settings.directory);
    if (chdir(settings.directory.c_str()) != 0) {
        const int cause = errno;
        return fail("Cannot change to the directory \"" + settings.directory + "\" (dir): " +
                        std::strerror(cause) + ". Create it or set dir to one that exists.",
                    cause);
    }
    std::error_code failure;
    settings.directory = std::filesystem::equivalent(directory, ".", failure)
                             ? directory
                             : std::filesystem::current_path(failure).string();
    // As Redis: a relative log file lies in the directory.
    if (auto opened = diary::open({.log = settings.log_file,
                                   .errors = settings.error_log,
                                   .commands = settings.command_log});
        !opened) {
        return opened;
    }
    if (auto started = diary::start(settings.log_ring_bytes); !started) return started;
    if (settings.threads == 0) settings.threads = static_cast<int64_t>(usable_processors());
    fit_open_files(settings);
    return {};
}

void write_pid_file(const ServerSettings& settings) {
    if (settings.pid_file.empty()) return;
    std::FILE* file = std::fopen(settings.pid_file.c_str(), "we");
    if (file == nullptr) {
        // As Redis: a pid file that cannot be written is no reason not to serve.
        base::log(base::Level::warning, "Cannot write pidfile {}: {}", settings.pid_file,
                  std::strerror(errno));
        return;
    }
    std::fprintf(file, "%d\n", getpid());
    std::fclose(file);
}

void remove_pid_file(const ServerSettings& settings) {
    if (!settings.pid_file.empty()) ::unlink(settings.pid_file.c_str());
}

void stop_on_signals(Server& server) {
    signalled_server.store(&server);
    handle(SIGTERM, handle_stop_signal);
    handle(SIGINT, handle_stop_signal);
    handle(SIGHUP, handle_hangup, SA_RESTART);
    handle_crashes();
    std::signal(SIGPIPE, SIG_IGN);
}

void forget_signals() { signals_seen.store(0); }

void ignore_signals() { signalled_server.store(nullptr); }

}  // namespace gyre::server
