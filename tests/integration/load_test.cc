// SPDX-License-Identifier: BSD-3-Clause
// The load generator against the real server: some thousand requests of each kind. $GYRE_LOAD names
// the program.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

struct Outcome {
    int exit_code = -1;
    std::string output;

    /// A number of the JSON that was printed; -1 when it has none of that name.
    double number(const std::string& key) const {
        const size_t at = output.find("\"" + key + "\":");
        return at == std::string::npos ? -1 : std::atof(output.c_str() + at + key.size() + 3);
    }
};

/// Standard output only.
Outcome run_load(const std::string& arguments) {
    const char* program = std::getenv("GYRE_LOAD");
    Outcome outcome;
    if (program == nullptr) return outcome;
    const std::string command = std::string(program) + " --json " + arguments + " 2>/dev/null";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    char buffer[4096];
    while (const size_t size = std::fread(buffer, 1, sizeof(buffer), pipe))
        outcome.output.append(buffer, size);
    const int status = ::pclose(pipe);
    if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
    return outcome;
}

class LoadTest : public ServerTest {
protected:
    std::string at_server() { return "--port " + std::to_string(server().port()) + " "; }
};

TEST_P(LoadTest, LoadsKeysAndReadsThemBack) {
    start();
    const Outcome loaded = run_load(at_server() +
                                    "--command set --distribution sequential --keys 5000 "
                                    "--pipeline 64 --connections 10");
    ASSERT_EQ(loaded.exit_code, 0) << loaded.output;
    EXPECT_EQ(loaded.number("requests"), 5000);
    EXPECT_EQ(loaded.number("errors"), 0);
    EXPECT_EQ(session().number("DBSIZE"), 5000);
    const Outcome read = run_load(at_server() + "--keys 10000 --requests 4000 --seed 3");
    ASSERT_EQ(read.exit_code, 0) << read.output;
    EXPECT_EQ(read.number("hits") + read.number("nils"), 4000);
    EXPECT_NEAR(read.number("hits"), 2000, 200);
    EXPECT_GT(read.number("p50"), 0);
    EXPECT_GE(read.number("max"), read.number("p99"));
}

TEST_P(LoadTest, SendsEveryKindOfRequest) {
    start();
    for (const char* arguments :
         {"--command ping", "--command incr", "--command mset --key-prefix m:",
          "--command mixed:50 --key-prefix s: --distribution zipf:0.99 --ttl 100:200",
          "--command set --key-prefix s: --integer-values --expire-at-ms 4000000000000",
          "--command set --key-prefix s: --rate 20000 --arrivals poisson --pipeline 4"}) {
        const Outcome outcome = run_load(at_server() + "--requests 2000 --keys 500 " + arguments);
        ASSERT_EQ(outcome.exit_code, 0) << arguments << "\n" << outcome.output;
        EXPECT_EQ(outcome.number("requests"), 2000) << arguments;
        EXPECT_EQ(outcome.number("errors"), 0) << arguments;
    }
}

TEST_P(LoadTest, WorksOverAUnixSocket) {
    start();
    const Outcome outcome =
        run_load("--unix " + server().unix_path() + " --requests 1000 --command ping --idle 5");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_EQ(outcome.number("requests"), 1000);
}

TEST_P(LoadTest, OpensAndClosesConnections) {
    start();
    for (const std::string& target : {at_server(), "--unix " + server().unix_path()}) {
        const Outcome outcome = run_load(target + " --connect-storm 500 --connections 20");
        ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
        EXPECT_EQ(outcome.number("requests"), 500);
        EXPECT_EQ(outcome.number("connections_lost"), 0);
    }
}

TEST_P(LoadTest, ErrorsOnlyAreAFailure) {
    start({"--requirepass", "secret"});
    const Outcome outcome = run_load(at_server() + "--requests 500");
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_EQ(outcome.number("errors"), 500);
}

TEST_P(LoadTest, SaysWhatIsWrongWithItsOptionsOrItsServer) {
    EXPECT_EQ(run_load("--pipeline none").exit_code, 2);
    EXPECT_EQ(run_load("--unix /nowhere/at/all").exit_code, 1);
}

GYRE_INSTANTIATE(LoadTest);

}  // namespace
}  // namespace gyre::test
