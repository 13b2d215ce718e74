// SPDX-License-Identifier: BSD-3-Clause

// In place of tls.cc where the library is built without OpenSSL.

#include <cerrno>

#include "client/tls.h"

namespace gyre::client {

class Tls::Session {};

Result<void> Tls::check_built() {
    return fail(
        "This build has no TLS; build it with the option tls enabled, or connect without TLS.",
        ENOTSUP);
}

Result<std::unique_ptr<Tls>> Tls::start(int /*descriptor*/, const TlsOptions& /*options*/,
                                        const std::string& /*host*/) {
    return tl::unexpected(check_built().error());
}

// There never is one.
Tls::Tls(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Tls::~Tls() = default;
Result<bool> Tls::shake_hands() { return false; }
Result<size_t> Tls::send_some(std::string_view /*bytes*/) { return size_t{0}; }
Result<Tls::Received> Tls::receive_some(char* /*into*/, size_t /*bytes*/) { return Received{}; }
bool Tls::has_bytes() const { return false; }

}  // namespace gyre::client
