// SPDX-License-Identifier: BSD-3-Clause
#include "support/server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>

namespace gyre::test {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollInterval{5};
constexpr std::chrono::milliseconds kStopPatience{10'000};
constexpr int kStartAttempts = 3;
/// Ports below those that the system gives to clients, of which a free one may be taken at any
/// moment. Those from 30,000 on are left to the clients' tests in JavaScript, which cannot lock.
constexpr int kPortFirst = 10'000;
constexpr int kPortBlock = 100;
constexpr int kPortBlocks = 200;

std::string environment(const char* name, const char* fallback) {
    const char* value = std::getenv(name);
    return value == nullptr || *value == '\0' ? fallback : value;
}

/// Polls a condition another process makes true; no event announces it.
bool poll_until(std::chrono::milliseconds patience, const std::function<bool()>& is_true) {
    const Clock::time_point deadline = Clock::now() + patience;
    while (!is_true()) {
        if (Clock::now() >= deadline) return false;
        std::this_thread::sleep_for(kPollInterval);
    }
    return true;
}

}  // namespace

std::string server_binary() { return environment("GYRE_SERVER", ""); }

std::string oracle_binary() { return environment("GYRE_ORACLE", "/usr/bin/redis-server"); }

std::string make_temporary_directory() {
    std::string pattern = environment("TMPDIR", "/tmp") + "/gyre-test-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
        std::perror("mkdtemp");
        std::abort();
    }
    return pattern;
}

namespace {

/// Locks a block of ports for as long as this process lives: nobody else's test may be given a port
/// of it between the moment it is found free and the moment the server has bound it. Returns the
/// block's number. The file is shared by all test processes (tests/clients/with_server.py too).
int lock_port_block() {
    static const std::string path =
        environment("TMPDIR", "/tmp") + "/gyre-test-ports-" + std::to_string(::getuid()) + ".lock";
    static const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    static std::vector<bool> is_ours(
        kPortBlocks);  // a process' own lock would be given to it again
    const auto start = static_cast<int>(std::random_device{}() % kPortBlocks);
    for (int step = 0; step < kPortBlocks; ++step) {
        const int block = (start + step) % kPortBlocks;
        if (is_ours[static_cast<size_t>(block)]) continue;
        const struct flock range = {
            .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = block, .l_len = 1, .l_pid = 0};
        if (::fcntl(file, F_SETLK, &range) != 0) continue;
        is_ours[static_cast<size_t>(block)] = true;
        return block;
    }
    std::fprintf(stderr, "free_port: no block of ports can be locked in %s\n", path.c_str());
    std::abort();
}

bool is_free(int port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const int result = ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::close(descriptor);
    return result == 0;
}

}  // namespace

int free_port() {
    static std::mutex mutex;
    static int next = 0;
    static int end = 0;
    const std::lock_guard hold(mutex);
    for (;;) {
        if (next == end) {
            next = kPortFirst + lock_port_block() * kPortBlock;
            end = next + kPortBlock;
        }
        const int port = next++;
        if (is_free(port)) return port;
    }
}

ServerProcess::ServerProcess(ServerOptions options) : options_(std::move(options)) {
    if (options_.binary.empty()) options_.binary = server_binary();
    directory_ = make_temporary_directory();
    if (!options_.config_text.empty()) std::ofstream(config_path()) << options_.config_text;
    // Between choosing a port and binding it a program that is no test may take it: then once more.
    for (int attempt = 0; attempt < kStartAttempts; ++attempt) {
        port_ = free_port();
        exit_status_.reset();
        start();
        if (!options_.has_defaults) return;
        is_ready_ = wait_until_ready();
        if (is_ready_ || log().find("in use") == std::string::npos) return;
    }
}

ServerProcess::~ServerProcess() {
    if (pid_ > 0 && !exit_status_) {
        ::kill(pid_, SIGKILL);
        int status = 0;
        ::waitpid(pid_, &status, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

bool ServerProcess::is_oracle() const {
    return options_.binary.find("redis-server") != std::string::npos;
}

std::vector<std::string> ServerProcess::command_line() const {
    std::vector<std::string> line{options_.binary};
    if (!options_.config_text.empty()) line.push_back(config_path());
    if (options_.has_defaults) {
        const std::vector<std::string> defaults{"--port",
                                                std::to_string(port_),
                                                "--unixsocket",
                                                unix_path(),
                                                "--save",
                                                "",
                                                "--appendonly",
                                                "no",
                                                "--enable-debug-command",
                                                "yes",
                                                "--dir",
                                                directory_};
        line.insert(line.end(), defaults.begin(), defaults.end());
        if (!is_oracle()) {
            line.push_back("--threads");
            line.push_back(std::to_string(options_.threads));
        }
    }
    line.insert(line.end(), options_.arguments.begin(), options_.arguments.end());
    return line;
}

void ServerProcess::exec_child(const std::vector<std::string>& arguments) const {
    // A test that dies must not leave its server behind.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::string path = directory_ + "/output.log";
    const int output = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const int input = ::open("/dev/null", O_RDONLY);
    ::dup2(input, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    std::vector<char*> pointers;
    for (const std::string& argument : arguments) {
        pointers.push_back(const_cast<char*>(argument.c_str()));
    }
    pointers.push_back(nullptr);
    ::execv(pointers[0], pointers.data());
    std::perror(pointers[0]);
    ::_exit(127);
}

void ServerProcess::start() {
    const std::vector<std::string> arguments = command_line();
    pid_ = ::fork();
    if (pid_ == 0) exec_child(arguments);
}

bool ServerProcess::wait_until_ready() {
    return poll_until(kPatience,
                      [this] {
                          if (wait_exit(std::chrono::milliseconds{0})) return true;
                          std::optional<RawSocket> socket = RawSocket::connect_tcp(port_);
                          if (!socket || !socket->send("PING\r\n")) return false;
                          // Any answer counts, NOAUTH of one with a password too, but for that of
                          // a server that still reads its data.
                          const auto answer = socket->read_frame();
                          return answer &&
                                 !(options_.waits_for_data && answer->text.starts_with("LOADING "));
                      }) &&
           !exit_status_;
}

std::string ServerProcess::log() const {
    std::ifstream file(directory_ + "/output.log", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool ServerProcess::wait_for_log(std::string_view text, std::chrono::milliseconds patience) const {
    return poll_until(patience, [&] { return log().find(text) != std::string::npos; });
}

RawSocket ServerProcess::connect() const {
    std::optional<RawSocket> socket = RawSocket::connect_tcp(port_);
    if (!socket) {
        throw std::runtime_error("no connection to port " + std::to_string(port_) +
                                 "; the server's log:\n" + log());
    }
    return std::move(*socket);
}

void ServerProcess::send_signal(int signal) const { ::kill(pid_, signal); }

std::optional<int> ServerProcess::wait_exit(std::chrono::milliseconds patience) {
    poll_until(patience, [this] {
        if (exit_status_) return true;
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
        exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return true;
    });
    return exit_status_;
}

std::optional<int> ServerProcess::stop() {
    send_signal(SIGTERM);
    return wait_exit(kStopPatience);
}

}  // namespace gyre::test
