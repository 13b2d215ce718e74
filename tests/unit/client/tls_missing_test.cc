// SPDX-License-Identifier: BSD-3-Clause

// A client built without TLS says so when it is asked for. src/client/tls_missing.cc is linked in
// place of the library's own.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "gyre/client.h"

namespace gyre {
namespace {

TEST(TlsMissing, IsToldAndNothingGoesInTheClear) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(bind(listener, generic, size), 0);
    ASSERT_EQ(listen(listener, 1), 0);
    getsockname(listener, generic, &size);

    const auto client = Client::connect(
        {.port = ntohs(address.sin_port), .tls = TlsOptions{}, .password = "secret"});
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, ENOTSUP);
    EXPECT_NE(client.error().message.find("This build has no TLS"), std::string::npos);

    const int accepted = accept(listener, nullptr, nullptr);
    char byte = 0;
    EXPECT_EQ(recv(accepted, &byte, 1, 0), 0);
    close(accepted);
    close(listener);
}

}  // namespace
}  // namespace gyre
