// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The fixture of the integration tests: each test starts the server it needs and talks to it.
// Suites run once with one reactor and once with two. A test of what only Gyre has begins with
// REQUIRE_GYRE(), so that the rest of a suite can be run against redis-server to test the tests.
//
// Ownership: owns the server; connections are the test's. Threads: one at a time.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/raw_socket.h"
#include "support/server_process.h"
#include "support/session.h"

namespace gyre::test {

class ServerTest : public ::testing::TestWithParam<int> {
protected:
    void start(std::vector<std::string> arguments = {}, std::string config_text = "") {
        server_ =
            std::make_unique<ServerProcess>(ServerOptions{.threads = GetParam(),
                                                          .arguments = std::move(arguments),
                                                          .config_text = std::move(config_text)});
        ASSERT_TRUE(server_->is_ready()) << server_->log();
    }

    ServerProcess& server() { return *server_; }
    Session session(int protocol = 2) {
        return Session(*server_, ClientOptions{.protocol = protocol});
    }
    RawSocket socket() { return server_->connect(); }

    static bool is_oracle() { return server_binary().find("redis-server") != std::string::npos; }

    std::unique_ptr<ServerProcess> server_;
};

inline std::string reactors_name(const ::testing::TestParamInfo<int>& info) {
    return info.param == 1 ? "one_reactor" : "several_reactors";
}

}  // namespace gyre::test

#define GYRE_INSTANTIATE(suite) \
    INSTANTIATE_TEST_SUITE_P(Reactors, suite, ::testing::Values(1, 2), reactors_name)

/// Skips the rest of a test of what redis-server does not have.
#define REQUIRE_GYRE() \
    if (is_oracle()) GTEST_SKIP() << "Gyre's own"
