// SPDX-License-Identifier: BSD-3-Clause

// Where io_uring is blocked the server says so and ends with a status of its own. The server is
// started under a seccomp filter that answers io_uring_setup as container profiles do.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>

namespace {

struct Outcome {
    int status = -1;
    std::string text;
};

/// Has io_uring_setup fail with `error` in this process and what it executes.
bool block_io_uring(unsigned error) {
    std::array<sock_filter, 4> program = {
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/// Starts the server with io_uring_setup failing so; collects what it says on standard error.
Outcome start_blocked(unsigned error) {
    const char* server = std::getenv("GYRE_SERVER");
    Outcome outcome;
    std::array<int, 2> ends{};
    if (server == nullptr || pipe2(ends.data(), O_CLOEXEC) != 0) return outcome;
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        if (!block_io_uring(error)) _exit(99);
        execl(server, server, "--port", "0", "--unixsocket", "/nonexistent/gyre.sock", nullptr);
        _exit(98);
    }
    close(ends[1]);
    std::array<char, 4096> piece{};
    for (ssize_t got = 0; (got = read(ends[0], piece.data(), piece.size())) > 0;) {
        outcome.text.append(piece.data(), static_cast<size_t>(got));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) outcome.status = WEXITSTATUS(status);
    return outcome;
}

TEST(BlockedTest, ASeccompFilterIsNamedWithTheRemedy) {
    const Outcome outcome = start_blocked(EPERM);
    EXPECT_EQ(outcome.status, 3) << outcome.text;
    EXPECT_NE(outcome.text.find("seccomp"), std::string::npos) << outcome.text;
    EXPECT_NE(outcome.text.find("io_uring"), std::string::npos) << outcome.text;
    EXPECT_EQ(outcome.text.find('\n'), outcome.text.size() - 1) << "one message: " << outcome.text;
}

TEST(BlockedTest, AKernelWithoutItIsToldApart) {
    const Outcome missing = start_blocked(ENOSYS);
    EXPECT_EQ(missing.status, 3) << missing.text;
    const Outcome old = start_blocked(EINVAL);
    EXPECT_EQ(old.status, 3) << old.text;
    EXPECT_NE(old.text.find("6.1"), std::string::npos) << old.text;
    EXPECT_NE(old.text, missing.text);
}

}  // namespace
