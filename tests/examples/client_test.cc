// SPDX-License-Identifier: BSD-3-Clause

// Goal: the example of gyre/client.h says what it is meant to say when it talks to the server, and
// that it cannot when there is none.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

#include "support/server_process.h"

namespace gyre::test {
namespace {

struct Outcome {
    std::string output;
    int status = -1;
};

Outcome run_example(int port) {
    const char* example = std::getenv("GYRE_EXAMPLE");
    if (example == nullptr) return {"GYRE_EXAMPLE names no program"};
    const std::string command = std::string(example) + " 127.0.0.1 " + std::to_string(port);
    Outcome outcome;
    std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
    if (pipe == nullptr) return outcome;
    char part[256];
    while (std::fgets(part, sizeof part, pipe) != nullptr) outcome.output += part;
    const int status = ::pclose(pipe);
    if (WIFEXITED(status)) outcome.status = WEXITSTATUS(status);
    return outcome;
}

TEST(ClientExample, TalksToTheServer) {
    ServerProcess server({.threads = 2});
    ASSERT_TRUE(server.is_ready()) << server.log();
    const Outcome outcome = run_example(server.port());
    EXPECT_EQ(outcome.output,
              "SET: OK\n"
              "GET: green\n"
              "(integer) 1\n"
              "(integer) 3\n"
              "(integer) 6\n"
              "1) \"6\"\n2) \"green\"\n3) (nil)\n"
              "(error) ERR value is not an integer or out of range\n"
              "(integer) 2\n");
    EXPECT_EQ(outcome.status, 0);
}

TEST(ClientExample, SaysThatThereIsNoServer) {
    const Outcome outcome = run_example(free_port());
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.output.find("127.0.0.1"), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace gyre::test
