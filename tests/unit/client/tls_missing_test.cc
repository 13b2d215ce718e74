// SPDX-License-Identifier: BSD-3-Clause

// A client built without TLS says so when it is asked for. The test is linked with
// src/client/tls_missing.cc, whatever the build of the library has.

#include <gtest/gtest.h>

#include <cerrno>

#include "client/tls.h"
#include "gyre/client.h"

namespace gyre {
namespace {

TEST(TlsMissing, IsToldBeforeAnythingIsConnected) {
    // Nobody listens on port 1.
    const auto client = Client::connect({.port = 1, .tls = TlsOptions{}, .password = "secret"});
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, ENOTSUP);
    EXPECT_NE(client.error().message.find("This build has no TLS"), std::string::npos);
}

TEST(TlsMissing, NeverStarts) {
    const auto tls = client::Tls::start(-1, {}, "localhost");
    ASSERT_FALSE(tls);
    EXPECT_EQ(tls.error().code, ENOTSUP);
}

}  // namespace
}  // namespace gyre
